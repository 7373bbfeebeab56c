"""What restarts are going to cost, in requests and in time. Estimates: they guide polling and admission, no verdict."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from orchestrator.domain.durations import HOUR
from orchestrator.domain.plan import OnDeadline, Plan, Strategy, Target

SERVICES_AT_ONCE = 7
"""The number of services of one run on which Qovery's engine works at a time."""
TO_BEGIN = 10.3
PER_BATCH = 10.5
"""Seconds. In a recorded restart of ten containers the first seven were restarted after 20.8, all after 31.3."""

LONGEST = 600.0
"""Seconds after which Qovery's engine gives up a service."""

OWN_LOOKS = 4.0
"""Looks at an environment between its submit and its proof if they are not shared: rarely fewer, sometimes more."""
SHARED_LOOKS = 0.3
"""The looks that stragglers cost each environment of a project whose looks are shared."""
BURST = 0.8
"""The share of the quota that has to be available before waiting environments are admitted, if they need that much:
environments in flight together share their looks, environments admitted one by one do not."""
TO_CANCEL = 4
"""Requests: queue, history, statuses, cancel."""


def expected_duration(services: int) -> float:
    """Return the seconds from the submit of a restart of so many services to its end, on an idle environment."""
    return TO_BEGIN + PER_BATCH * ceil(services / SERVICES_AT_ONCE)


def least_duration(waves: Iterable[Sequence[int]], strategy: Strategy) -> float:
    """Return the seconds that a run takes at least, before anything is looked up: no wait, and enough of the quota.

    Args:
        waves: the number of services of each environment, wave by wave, as far as it is known; otherwise 1.
        strategy: how many at once, and what lies between waves.
    """
    total = 0.0
    for number, services in enumerate(waves):
        total += strategy.pause_between_waves if number else 0.0
        for begin in range(0, len(services), strategy.max_parallel):
            total += max(map(expected_duration, services[begin : begin + strategy.max_parallel]))
    return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The requests that one environment is expected to take, from the first look there to its settlement."""

    baseline: int = 1
    submit: int = 1
    proof: int = 1
    cancel: int = 0
    """Reserved until it has settled, in case its policy says to cancel."""
    looks: float = OWN_LOOKS
    """Its share of the looks in between."""

    @property
    def total(self) -> float:
        """All of them."""
        return self.needed + self.looks

    @property
    def needed(self) -> int:
        """Those that are indispensable."""
        return self.baseline + self.submit + self.at_the_end

    @property
    def at_the_end(self) -> int:
        """Those that have to be left for the end."""
        return self.proof + self.cancel


def costs_of(targets: Iterable[Target], *, at_once: int) -> Mapping[str, Cost]:
    """Return the cost of each target by its name.

    Looks at environments of one project are shared by as many of them as are in flight at once.
    """
    targets = list(targets)
    in_project = Counter(target.project_id or "" for target in targets)
    in_project[""] = 0  # Their project is unknown.
    return {
        target.name: Cost(
            cancel=TO_CANCEL if target.policy.on_deadline is OnDeadline.CANCEL else 0,
            looks=_looks(min(in_project[target.project_id or ""], at_once)),
        )
        for target in targets
    }


def _looks(sharers: int) -> float:
    return OWN_LOOKS if sharers <= 1 else OWN_LOOKS / sharers + SHARED_LOOKS


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a plan is expected to take, without looking up names, which is done by then."""

    baselines: int
    submits: int
    proofs: int
    looks: float
    """The looks in between."""
    left: int
    """Requests that the quota has left now."""
    per_hour: int
    duration_s: float
    """Seconds from now to the end, waits for the quota included."""
    run_deadline_s: float

    @property
    def total(self) -> int:
        """All requests."""
        return self.baselines + self.submits + self.proofs + ceil(self.looks)

    @property
    def fits(self) -> bool:
        """Whether it is over by the run's deadline."""
        return self.duration_s <= self.run_deadline_s


def estimate(plan: Plan, *, left: int, per_hour: int, renewed_in: float) -> Estimate:
    """Return what a plan is expected to take.

    Each wave goes in rounds of `max_parallel`, each as long as its longest restart; a round for which the quota has not
    enough left waits until it is renewed, and from then on there is `BURST` of the quota for each hour.

    Args:
        plan: of what is to be restarted.
        left: the requests that the quota has left.
        per_hour: the quota.
        renewed_in: seconds until most of it is there again.
    """
    costs = costs_of(plan.targets, at_once=plan.strategy.max_parallel)
    clock, renewal = 0.0, renewed_in
    budget = float(left)
    for number, (_, members) in enumerate(plan.waves()):
        clock += plan.strategy.pause_between_waves if number else 0.0
        rounds = [
            members[begin : begin + plan.strategy.max_parallel]
            for begin in range(0, len(members), plan.strategy.max_parallel)
        ]
        for members_of_round in rounds:
            wanted = sum(costs[target.name].total for target in members_of_round)
            while wanted > budget:
                wanted -= max(budget, 0.0)
                clock, renewal = max(clock, renewal), max(clock, renewal) + HOUR
                budget = max(BURST * per_hour, 1.0)
            budget -= wanted
            clock += max(expected_duration(len(target.services)) for target in members_of_round)
    return Estimate(
        baselines=sum(cost.baseline for cost in costs.values()),
        submits=sum(cost.submit for cost in costs.values()),
        proofs=sum(cost.proof for cost in costs.values()),
        looks=sum(cost.looks for cost in costs.values()),
        left=left,
        per_hour=per_hour,
        duration_s=clock,
        run_deadline_s=plan.strategy.run_deadline,
    )
