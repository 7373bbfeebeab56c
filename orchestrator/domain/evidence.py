"""The evidence of how one restart ended: what each look adds to it, and whether it settles the restart. Pure.

Everything that is remembered between two looks is one `Evidence`. From it and a reading of the statuses, `take_in`
makes a `Look`: the next evidence, the verdict, and whether the history has to be read before that verdict counts. With
the history, `confirm_look` judges the look again. Both depend on their arguments alone, the instant included.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from orchestrator.domain.activity import executions_at_work, shows_activity
from orchestrator.domain.costs import expected_duration
from orchestrator.domain.observations import Baseline, Observation, QueuedRequest, Run, ServiceStatus
from orchestrator.domain.outcomes import Reason
from orchestrator.domain.ownership import raise_baseline
from orchestrator.domain.records import Intent, Sighting
from orchestrator.domain.verdict import Doubt, Finding, ServiceVerdict, Verdict, confirm, judge

CONFIRM_AGAIN = 30.0
"""Seconds after which the history is read again for a doubt that has not changed."""
OVERDUE_AFTER = 60.0
"""Seconds after its expected end at which the history is read for a restart that was never seen."""
ABSENT_FOR = 60.0
"""Seconds for which a restart that was seen has to stay absent before it counts as gone."""
CANCELLED_FOR = 3.0
"""The same for a request that we cancelled ourselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """A restart that was posted, and what its proof is based on. Instants are on the job's clock."""

    intent: Intent
    accepted: bool
    """Whether it is known to be accepted; otherwise it has to be looked for."""
    found: bool = False
    """Whether its acceptance was inferred, because the answer was lost: nothing proves that it is ours alone."""
    request_ids: frozenset[str] = frozenset()
    """The ids of our request, if the platform returned any."""
    deadline: float
    """The instant of the last look."""
    post_by: float
    """The instant until which it may be posted again, if it never arrived."""
    just_posted: bool = False
    """Whether this process posted it and has read nothing since."""

    @property
    def baseline(self) -> Baseline:
        """What had run before it."""
        return self.intent.baseline


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What has been found out about one restart so far."""

    seen_running: frozenset[str] = frozenset()
    """The new executions that were seen in progress."""
    was_seen: bool = False
    """Whether anything of a restart was seen since the baseline."""
    not_ours: frozenset[str] = frozenset()
    """Executions that were at work while our request still waited: not ours."""
    cancelled: bool = False
    """Whether we cancelled our waiting request ourselves: then a short absence is enough."""
    verdicts: Mapping[str, ServiceVerdict] = field(default_factory=dict)
    """The last verdict on each target."""
    confirmed: tuple[Doubt, frozenset[ServiceStatus]] | None = None
    """The doubt for which the history was last read, and what the statuses showed then."""
    confirmed_at: float = float("-inf")
    """When that was."""
    absent_since: float | None = None
    """The instant since which nothing of our restart has been visible."""
    absent_as: Reason | None = None
    """The reason that was inferred from that absence."""

    @classmethod
    def of(cls, sighting: Sighting) -> "Evidence":
        """Return the evidence that an earlier process found."""
        return cls(
            seen_running=sighting.seen_running,
            was_seen=sighting.was_seen,
            not_ours=sighting.not_ours,
        )

    def into(self, sighting: Sighting) -> Sighting:
        """Return a sighting with what a later process needs of this evidence."""
        return replace(sighting, seen_running=self.seen_running, was_seen=self.was_seen, not_ours=self.not_ours)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at the environment, judged."""

    evidence: Evidence
    """With what this look has added."""
    baseline: Baseline
    """The baseline on which it was judged; executions that are not ours are known in it."""
    observation: Observation
    verdict: Verdict
    settled: bool
    """Whether the verdict is final."""
    doubt: Doubt | None
    """Why the history should be read; None if there is nothing to do but to look again later."""
    ask_history: bool
    """Whether to read it now."""

    @property
    def missing(self) -> list[str]:
        """The ids of the targets that are not in the reading, sorted."""
        return sorted(self.baseline.targets.keys() - self.observation.services.keys())

    @property
    def shows_a_newer_run(self) -> bool:
        """Whether the environment's last run is newer than the baseline, whichever services it contains."""
        last = self.observation.last_execution_id
        return last is not None and self.baseline.is_new(last)


def exclude_others(
    evidence: Evidence, submitted: Submitted, observation: Observation, *, baseline: Baseline
) -> tuple[Evidence, Baseline]:
    """Return the evidence and the baseline with every execution that is known not to be ours.

    Arguments are those of `take_in`.
    """
    known = baseline.raised(evidence.not_ours)
    raised = raise_baseline(known, observation, submitted.request_ids)
    return replace(evidence, not_ours=evidence.not_ours | (raised.executions - known.executions)), raised


def take_in(
    evidence: Evidence, submitted: Submitted, observation: Observation, *, baseline: Baseline, now: float
) -> Look:
    """Judge a reading of the statuses, made after the submit.

    Args:
        evidence: of the looks before.
        submitted: the restart.
        observation: the reading.
        baseline: of the restart, as dated by the platform's clock now.
        now: the instant of the reading.
    """
    evidence, baseline = exclude_others(evidence, submitted, observation, baseline=baseline)
    running = evidence.seen_running | executions_at_work(baseline, observation)
    verdict = judge(baseline, observation, seen_running=running)
    evidence = replace(
        evidence,
        seen_running=running,
        was_seen=evidence.was_seen or shows_activity(baseline, observation),
        verdicts={**evidence.verdicts, **verdict.services},
    )
    look = Look(
        evidence=evidence,
        baseline=baseline,
        observation=observation,
        verdict=verdict,
        settled=verdict.settled,
        doubt=verdict.doubt,
        ask_history=False,
    )
    if look.settled:
        return look
    if look.doubt is None and _ought_to_be_seen(look, submitted, now):
        look = replace(look, doubt=Doubt.UNSEEN)
    if look.doubt is None:
        return replace(look, evidence=replace(evidence, absent_since=None))
    # The request in flight when a deadline passes may finish; no other is sent.
    return replace(look, ask_history=now < submitted.deadline and _is_worth_confirming(look, look.doubt, now))


def confirm_look(
    look: Look, runs: Sequence[Run], queue: Sequence[QueuedRequest], *, now: float, invisible_for: float
) -> Look:
    """Judge a look again with the history and the queue.

    Args:
        look: one that asked for it.
        runs: the history, read after the queue.
        queue: the waiting requests.
        now: the instant at which both had been read.
        invisible_for: the longest, in seconds, that an accepted submit can stay invisible.
    """
    verdict = confirm(look.baseline, look.observation, runs, queue)
    asked = None if look.doubt is None else _question(look, look.doubt)
    evidence = replace(look.evidence, confirmed=asked, confirmed_at=now)
    is_gone = False
    if verdict.finding is Finding.ABSENT and (look.doubt is not Doubt.UNSEEN or _is_explained(look)):
        evidence = _absent(evidence, verdict.reason, now)
        is_gone = now >= (evidence.absent_since or 0.0) + _needed_absence(evidence, invisible_for)
    else:
        evidence = replace(evidence, absent_since=None)
    if not verdict.finding.final and not is_gone:
        return replace(look, evidence=evidence, verdict=verdict, ask_history=False)
    # What the statuses have proven stays proven, even if the history cannot attribute it.
    services = {**verdict.services, **{name: each for name, each in evidence.verdicts.items() if _is_proven(each)}}
    return replace(
        look,
        evidence=replace(evidence, verdicts=services),
        verdict=replace(verdict, services=services),
        settled=True,
        ask_history=False,
    )


def _ought_to_be_seen(look: Look, submitted: Submitted, now: float) -> bool:
    """Return whether our restart is invisible although it was seen, was cancelled by us, or is overdue."""
    if look.verdict.finding is not Finding.UNPROVEN:
        return False
    elapsed = now - submitted.intent.posted_at
    return _is_explained(look) or elapsed > expected_duration(len(look.baseline.targets)) + OVERDUE_AFTER


def _is_explained(look: Look) -> bool:
    """Return whether there is a reason, other than delay, why our restart is not visible.

    A newer run is one: if it was cancelled before it touched anything, the services are as they were.
    """
    return look.evidence.was_seen or look.evidence.cancelled or look.shows_a_newer_run


def _question(look: Look, doubt: Doubt) -> tuple[Doubt, frozenset[ServiceStatus]]:
    return doubt, frozenset(look.observation.services.values())


def _is_worth_confirming(look: Look, doubt: Doubt, now: float) -> bool:
    """Return whether a doubt is new, or has not been looked into for a while."""
    again = CANCELLED_FOR if look.evidence.cancelled else CONFIRM_AGAIN
    return _question(look, doubt) != look.evidence.confirmed or now >= look.evidence.confirmed_at + again


def _absent(evidence: Evidence, reason: Reason | None, now: float) -> Evidence:
    # A reason that only the latest reading suggests has to last as well before it counts.
    if evidence.absent_since is None or reason is not evidence.absent_as:
        return replace(evidence, absent_since=now, absent_as=reason)
    return evidence


def _needed_absence(evidence: Evidence, invisible_for: float) -> float:
    """Return the seconds for which a restart has to stay absent before it counts as gone.

    A restart that was never seen may just be late; one that was seen and is gone does not come back.
    """
    if evidence.cancelled:
        return CANCELLED_FOR
    return ABSENT_FOR if evidence.was_seen else invisible_for


def _is_proven(verdict: ServiceVerdict) -> bool:
    return verdict.finding is Finding.SUCCEEDED and verdict.doubt is None
