"""What was read from the platform, in the domain's words: observations, runs, the queue, and the baseline."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from orchestrator.domain.states import StateClass, classify

RESTART_ACTION = "RESTART"
API_ORIGIN = "API"
"""The origin of what a program asked for with a token, as we do; consoles, command lines and rules have their own."""
CLOCK_SKEW = timedelta(seconds=10)
CANCELLED_RUN = "CANCELED"
RUN_IS_OVER = frozenset({"SUCCESS", "ERROR", CANCELLED_RUN, "NEVER"})
"""The `action_status` values of a run in which nothing more will happen; any other may still change."""


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
        """Whether something runs or waits for this service, whoever asked for it."""
        return self.state_class is StateClass.IN_PROGRESS or self.requests_waiting > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One reading of an environment."""

    environment_id: str
    services: Mapping[str, ServiceStatus]
    environment_state: str | None = None
    last_execution_id: str | None = None
    last_origin: str | None = None
    """By what way the run of `last_execution_id` was asked for."""
    last_run_not_before: datetime | None = None
    """An instant before which that run, now over, did not begin; None where the reading does not tell."""
    server_time: datetime | None = None
    """The platform's own clock when it answered; comparable with the other times that it tells, never with ours."""

    @property
    def busy(self) -> bool:
        """Whether any operation runs or waits in the environment: it executes one at a time."""
        return _is_in_progress(self.environment_state) or any(service.in_progress for service in self.services.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """What a reading of a whole project says of one environment: when to look closer, and never more than that.

    Whether it lags behind the truth is not documented.
    """

    environment_id: str
    state: str | None
    execution_id: str | None

    @property
    def in_progress(self) -> bool:
        """Whether something runs or waits in the environment."""
        return _is_in_progress(self.state)

    def suggests_change(self, since: Observation) -> bool:
        """Tell whether a look may show something that was not to be seen in the look before.

        What is in progress has not ended; and what ended under the execution that was known before did not end anew.
        """
        if self.in_progress:
            return False
        return since.busy or self.execution_id is None or self.execution_id != since.last_execution_id

    def shows_a_new_run_at_work(self, since: Observation) -> bool:
        """Tell whether it shows a run in progress that had not begun at that look, or was in progress then, too."""
        if not self.in_progress or self.execution_id is None:
            return False
        return since.busy or self.execution_id != since.last_execution_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution, as the deployment history tells it: the authority on what became of it."""

    execution_id: str | None
    """None where the history does not say: then it is known that there was a run, and no more."""
    action: str
    status: str
    """The `action_status`."""
    services: Mapping[str, str]
    """Each service in it, and the state it ended in."""
    created_at: datetime | None = None
    triggered_by: str | None = None
    origin: str | None = None
    """By what way it was asked for, `API_ORIGIN` for one; None where the history does not say."""

    @property
    def over(self) -> bool:
        """Whether nothing more will happen in it."""
        return self.status in RUN_IS_OVER


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedRequest:
    """A request that waits for its turn."""

    request_id: str
    action: str
    service_ids: frozenset[str]
    triggered_by: str | None = None
    origin: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitReceipt:
    """What the platform answered to a submit: hints, never proofs, since the body's shape is not to be relied on."""

    request_ids: frozenset[str] = frozenset()


def execution_number(environment_id: str, execution_id: str) -> int | None:
    """Return n of an execution id of the form `<environment-uuid>-<n>`, None for any other form.

    n rises from run to run of an environment, so a greater one began later.
    """
    prefix, _, number = execution_id.rpartition("-")
    if prefix.casefold() != environment_id.casefold() or not re.fullmatch(r"[0-9]{1,18}", number):
        return None
    return int(number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What ran in the environment right before the submit. Only what is newer can be evidence."""

    environment_id: str
    targets: Mapping[str, ServiceStatus]
    executions: frozenset[str]
    """Every execution known at that moment."""
    server_time: datetime | None = None
    origin: str | None = None
    """How the platform labels what we ask for; None where that is not known."""
    dates_doubtful: bool = False
    """Whether the platform's clock has jumped since: then what seems to have begun before may have begun after."""

    @classmethod
    def of(
        cls,
        observation: Observation,
        target_ids: Iterable[str],
        runs: Iterable[Run] = (),
        *,
        origin: str | None = None,
    ) -> "Baseline":
        """Take the baseline of `target_ids`, all of them in `observation`; `runs` where the history was needed, too."""
        executions = {service.execution_id for service in observation.services.values()}
        executions |= {observation.last_execution_id} | {run.execution_id for run in runs}
        return cls(
            environment_id=observation.environment_id,
            targets={target_id: observation.services[target_id] for target_id in target_ids},
            executions=frozenset(execution for execution in executions if execution),
            server_time=observation.server_time,
            origin=origin,
        )

    def may_be_ours(self, origin: str | None) -> bool:
        """Tell whether something with this label may have been asked for by us.

        It is optional in the API's schema: where it is missing, nothing speaks against us.
        """
        return self.origin is None or origin in (None, self.origin)

    @property
    def latest(self) -> int | None:
        """The greatest execution number known, None where no execution of the usual form is."""
        numbers = (execution_number(self.environment_id, execution) for execution in self.executions)
        return max((number for number in numbers if number is not None), default=None)

    def is_new(self, execution_id: str) -> bool:
        """Tell whether an execution began after this baseline.

        "Differs" is not enough: a reading from a cache can show an execution that is older than the baseline's. So an
        execution must be greater than all that were known, or, where its id has another form, not be among them.
        """
        number = execution_number(self.environment_id, execution_id)
        latest = self.latest
        if number is None or latest is None:
            return execution_id not in self.executions
        return number > latest

    def raised(self, executions: Iterable[str]) -> "Baseline":
        """Return this baseline with more executions known: from then on only what is newer than these is evidence."""
        return replace(self, executions=self.executions | frozenset(executions))

    def on_a_clock_set_back(self, by: timedelta) -> "Baseline":
        """Return this baseline as the platform's clock would date it, had it been set back before the reading."""
        return replace(self, server_time=self.server_time - by) if self.server_time is not None else self

    def can_order(self, execution_id: str) -> bool:
        """Tell whether `is_new` rests on numbers that rise, rather than on names that merely differ."""
        return self.latest is not None and execution_number(self.environment_id, execution_id) is not None

    def began_before(self, run: Run) -> bool:
        """Tell whether the platform's own clock says that `run` was there before this baseline was read.

        It unmasks a baseline that came from a stale cache. Two of the platform's machines may differ by `CLOCK_SKEW`.
        """
        if self.server_time is None or run.created_at is None:
            return False
        return run.created_at < self.server_time - CLOCK_SKEW

    def began_after(self, observation: Observation) -> bool:
        """Tell whether the platform's own clock says that the last run in a reading began after this baseline was read.

        Then the baseline cannot have been too stale to know of it. False where that cannot be told.
        """
        not_before = observation.last_run_not_before
        return self.server_time is not None and not_before is not None and not_before >= self.server_time


def baseline_needs_history(observation: Observation, target_ids: Iterable[str]) -> bool:
    """Tell whether the statuses alone cannot say which execution each target was under (ids can be missing)."""
    executions = [observation.services[target_id].execution_id for target_id in target_ids]
    return any(
        execution is None or execution_number(observation.environment_id, execution) is None for execution in executions
    )
