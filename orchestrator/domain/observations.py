"""What was read from the platform, in the domain's words: observations, runs, the queue, and the baseline."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from orchestrator.domain.states import State, StateClass, classify

RESTART_ACTION = "RESTART"
API_ORIGIN = "API"
"""The origin of requests that a program makes with a token, as we do. The console, the CLI and rules have their own."""
CLOCK_SKEW = timedelta(seconds=10)
"""Two clocks of one platform that differ by less are taken for one."""
CANCELLED_RUN = "CANCELED"
RUN_IS_OVER = frozenset({"SUCCESS", "ERROR", CANCELLED_RUN, "NEVER"})
"""The `action_status` values of a run that is over; any other may still change."""

_ENDED = (StateClass.SUCCESS, StateClass.FAILURE, StateClass.ENDED_OTHERWISE)


def _is_in_progress(state: str | None) -> bool:
    return state is not None and classify(state) is StateClass.IN_PROGRESS


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """One service in one reading."""

    id: str
    state: str
    execution_id: str | None = None
    """The run that this state comes from. Optional in the API's schema, so it can be missing."""
    requests_waiting: int = 0
    """How many requests wait for this service (`deployment_requests_count`)."""
    request_id: str | None = None
    """The queue entry that waits for it; gone once its run starts."""
    in_last_run: bool = False

    @property
    def state_class(self) -> StateClass:
        """What the state means for a restart."""
        return classify(self.state)

    @property
    def in_progress(self) -> bool:
        """Whether something runs or waits for this service, for us or for another user."""
        return self.state_class is StateClass.IN_PROGRESS or self.requests_waiting > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One reading of an environment."""

    environment_id: str
    services: Mapping[str, ServiceStatus]
    environment_state: str | None = None
    last_execution_id: str | None = None
    server_time: datetime | None = None
    """The platform's clock when it answered. Its other times may come from another clock."""
    incomplete: bool = False
    """Whether the reading left something out, or held a service twice: weaker than one that does not."""

    @property
    def busy(self) -> bool:
        """Whether any operation runs or waits in the environment, which executes one at a time."""
        return _is_in_progress(self.environment_state) or any(service.in_progress for service in self.services.values())

    @property
    def is_summed_up(self) -> bool:
        """Whether the environment's own status tells what services that were left out could: its end, and of which run.

        Then nothing runs there, and no execution is newer.
        """
        has_ended = self.environment_state is not None and classify(self.environment_state) in _ENDED
        return has_ended and execution_number(self.environment_id, self.last_execution_id or "") is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """What a reading of a whole project shows of one environment: a hint of when to look closer, never evidence.

    Whether it lags behind is not documented.
    """

    environment_id: str
    state: str | None
    execution_id: str | None

    @property
    def in_progress(self) -> bool:
        """Whether something runs or waits in the environment."""
        return _is_in_progress(self.state)

    def suggests_change(self, since: Observation) -> bool:
        """Return whether a look may show something that the last look, `since`, did not.

        What is in progress has not ended; and what ended under an execution that was known then has not ended again.
        """
        if self.in_progress:
            return False
        return since.busy or self.execution_id is None or self.execution_id != since.last_execution_id

    def shows_a_new_run_at_work(self, since: Observation) -> bool:
        """Return whether it shows a run in progress that is newer than the last look, or was in progress then."""
        if not self.in_progress or self.execution_id is None:
            return False
        return since.busy or self.execution_id != since.last_execution_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution, as the deployment history shows it: the authority on how it ended."""

    execution_id: str | None
    """None if the history leaves it out: then all that is known is that there was a run."""
    action: str
    status: str
    """The `action_status`."""
    services: Mapping[str, str]
    """The state of each service in it, by the service's id."""
    created_at: datetime | None = None
    triggered_by: str | None = None
    origin: str | None = None
    """How it was requested, such as `API_ORIGIN`; None if the history leaves it out."""

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.status in RUN_IS_OVER


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedRequest:
    """A request that waits in the queue."""

    request_id: str
    action: str
    service_ids: frozenset[str]
    triggered_by: str | None = None
    origin: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitReceipt:
    """The platform's answer to a submit: hints, never proof, since the shape of its body is not reliable."""

    request_ids: frozenset[str] = frozenset()
    execution_id: str | None = None
    """The environment's last execution when the submit was accepted: not the new one's."""


def execution_number(environment_id: str, execution_id: str) -> int | None:
    """Return n of an execution id of the form `<environment-uuid>-<n>`, None for any other form.

    n rises from run to run in an environment, so the greater one began later.
    """
    prefix, _, number = execution_id.rpartition("-")
    if prefix.casefold() != environment_id.casefold() or not re.fullmatch(r"[0-9]{1,18}", number):
        return None
    return int(number)


_WITNESSES = 3
"""Number, place in the history, date: what tells the order of runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What had run in the environment right before the submit. Only what is newer can be evidence."""

    environment_id: str
    targets: Mapping[str, ServiceStatus]
    executions: frozenset[str]
    """Every execution known at that moment."""
    server_time: datetime | None = None
    origin: str | None = None
    """The origin that the platform gives to our requests; None if unknown."""
    name: str | None = None
    """What the platform calls whoever makes our requests (`triggered_by`); None until it is learnt."""
    order: Mapping[str, bool | None] = field(default_factory=dict)
    """Whether each execution in a history is newer than this baseline; None if its witnesses balance."""
    uncertain: frozenset[str] = frozenset()
    """Those whose witnesses do not agree, or are fewer than three."""

    @classmethod
    def of(
        cls,
        observation: Observation,
        target_ids: Iterable[str],
        runs: Iterable[Run] = (),
        *,
        origin: str | None = None,
    ) -> "Baseline":
        """Return the baseline of `target_ids`, all of them in `observation`; `runs` is the history, if it was read."""
        executions = {service.execution_id for service in observation.services.values()}
        executions |= {observation.last_execution_id} | {run.execution_id for run in runs}
        return cls(
            environment_id=observation.environment_id,
            targets={target_id: observation.services[target_id] for target_id in target_ids},
            executions=frozenset(execution for execution in executions if execution),
            server_time=observation.server_time,
            origin=origin,
        )

    def has_our_origin(self, asked: Run | QueuedRequest) -> bool:
        """Return whether something has the origin of our requests, or none: it is optional in the API's schema."""
        return self.origin is None or asked.origin in (None, self.origin)

    def may_be_ours(self, asked: Run | QueuedRequest) -> bool:
        """Return whether origin and name allow something to be ours."""
        return self.has_our_origin(asked) and (self.name is None or asked.triggered_by in (None, self.name))

    @property
    def latest(self) -> int | None:
        """The greatest known execution number; None if no known execution id has the usual form."""
        numbers = (execution_number(self.environment_id, execution) for execution in self.executions)
        return max((number for number in numbers if number is not None), default=None)

    def is_new(self, execution_id: str) -> bool:
        """Return whether an execution began after this baseline.

        Being different is not enough: a reading from a cache can show an execution older than the baseline's. So its
        number has to be greater than all that were known, unless a history shows another order; if its id has another
        form, it must not be one of them.
        """
        if execution_id in self.executions:
            return False
        if execution_id in self.order:
            return self.order[execution_id] is True
        return self._is_greater(execution_id)

    def _is_greater(self, execution_id: str) -> bool:
        number = execution_number(self.environment_id, execution_id)
        latest = self.latest
        if number is None or latest is None:
            return execution_id not in self.executions
        return number > latest

    def raised(self, executions: Iterable[str]) -> "Baseline":
        """Return this baseline with more known executions: only what is newer than these is evidence from then on."""
        return replace(self, executions=self.executions | frozenset(executions))

    def ordered_by(self, runs: Sequence[Run]) -> "Baseline":
        """Return this baseline with the order that a history shows.

        Numbers rise, histories list the newest first, and dates tell: each as far as is known, and none for certain. So
        where a run and what this baseline knows are in one history, most of the three decide. What one of them
        disputes, or does not tell, is uncertain: two may be wrong together.
        """
        known = [place for place, run in enumerate(runs) if run.execution_id in self.executions]
        if not known:
            return self
        dates = [date for place in known if (date := runs[place].created_at) is not None]
        latest = max(dates) if len(dates) == len(known) else None
        order: dict[str, bool | None] = {}
        uncertain = set()
        for place, run in enumerate(runs):
            if run.execution_id is None or run.execution_id in self.executions:
                continue
            witnesses = [self._is_greater(run.execution_id), place < known[0]]
            if latest is not None and run.created_at is not None and run.created_at != latest:
                witnesses.append(run.created_at > latest)
            newer = sum(witnesses)
            order[run.execution_id] = None if 2 * newer == len(witnesses) else 2 * newer > len(witnesses)
            if len(witnesses) < _WITNESSES or newer not in (0, _WITNESSES):
                uncertain.add(run.execution_id)
        return replace(self, order=order, uncertain=frozenset(uncertain))

    def is_contradicted_by(self, runs: Sequence[Run], observation: Observation | None = None) -> bool:
        """Return whether it is unclear if a run is newer: witnesses disagree, or a reading shows what was not known."""
        shown = [] if observation is None else [service.execution_id for service in observation.services.values()]
        return any(self.order.get(run.execution_id or "", False) is None for run in runs) or any(
            execution is not None and execution not in self.executions and not self.is_new(execution)
            for execution in shown
        )

    def can_order(self, execution_id: str) -> bool:
        """Return whether `is_new` compares more than ids that differ."""
        is_numbered = self.latest is not None and execution_number(self.environment_id, execution_id) is not None
        return is_numbered or execution_id in self.order

    def follows(self, execution_id: str) -> bool:
        """Return whether an execution is the very next after the latest known one."""
        number, latest = execution_number(self.environment_id, execution_id), self.latest
        return number is not None and latest is not None and number == latest + 1

    def reached_by(self, runs: Iterable[Run]) -> bool:
        """Return whether a history reaches back to this baseline, so that it shows all that has run since.

        It does if it shows a run that is not newer, or every number since.
        """
        executions = [run.execution_id for run in runs if run.execution_id is not None]
        if not executions:
            return False
        if any(not self.is_new(execution) for execution in executions):
            return True
        numbers = {execution_number(self.environment_id, execution) for execution in executions}
        latest = self.latest
        if latest is None or None in numbers:
            return False
        return numbers == {latest + index + 1 for index in range(len(numbers))}

    def began_before(self, run: Run) -> bool:
        """Return whether, going by dates, `run` began before this baseline was read.

        A hint, since the clock that dates runs and the one behind `Date` can differ by any amount.
        """
        if self.server_time is None or run.created_at is None:
            return False
        return run.created_at < self.server_time - CLOCK_SKEW


def last_reading(environment_id: str, runs: Sequence[Run]) -> Observation:
    """Return what a history shows of an environment as a whole: its last run, and whether that is at work."""
    last = runs[0] if runs else None
    return Observation(
        environment_id=environment_id,
        services={},
        environment_state=State.EXECUTING if last is not None and not last.over else None,
        last_execution_id=None if last is None else last.execution_id,
    )


def baseline_needs_history(observation: Observation, target_ids: Iterable[str]) -> bool:
    """Return whether the statuses alone do not show the execution of each target (ids can be missing)."""
    executions = [observation.services[target_id].execution_id for target_id in target_ids]
    return any(
        execution is None or execution_number(observation.environment_id, execution) is None for execution in executions
    )
