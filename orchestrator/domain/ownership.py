"""Which request and which run are ours? Pure; no clock, no I/O.

The API has ids for waiting requests and for runs, and nothing that connects them. So ownership is inferred from the
evidence. If it stays unclear, a run counts neither as a success nor as ours to cancel.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum, unique

from orchestrator.domain.activity import complete_restarts, restarts_since, targets_in, waiting_restarts
from orchestrator.domain.observations import API_ORIGIN, Baseline, Observation, QueuedRequest, Run
from orchestrator.domain.states import State

_QUEUED_STATES = frozenset({State.RESTART_QUEUED, State.QUEUED, State.DEPLOYMENT_QUEUED, State.STOP_QUEUED})
"""The states of a service whose run has not got to it yet, or whose request has no run yet."""


def raise_baseline(baseline: Baseline, observation: Observation, request_ids: AbstractSet[str]) -> Baseline:
    """Add to the known executions those that are already at work while our own request still waits.

    Qovery executes one run at a time, so a run that is at work, or has ended, while our request waits is not ours. A
    run that is only queued may be: a reading need not be consistent.
    """
    ours_waits = any(status.request_id in request_ids for status in targets_in(baseline, observation))
    if not ours_waits:
        return baseline
    not_ours = {
        status.execution_id
        for status in observation.services.values()
        if status.execution_id is not None
        and status.state not in _QUEUED_STATES
        and baseline.is_new(status.execution_id)
    }
    return baseline.raised(not_ours) if not_ours else baseline


@unique
class Trace(StrEnum):
    """The result of looking for a submit whose answer was lost."""

    OURS = "ours"
    """A restart of all targets since the baseline, with our origin, or without any."""
    NOT_OURS = "not_ours"
    """Only a restart of another origin."""
    IN_MOTION = "in_motion"
    """The targets are in progress, and neither queue nor history shows for which request."""
    NOTHING = "nothing"
    """Nothing has happened in the environment since the baseline."""
    UNCLEAR = "unclear"
    """Something else has happened, or the data is incomplete."""


def find_submit(
    baseline: Baseline, observation: Observation, runs: Sequence[Run], queue: Sequence[QueuedRequest]
) -> tuple[Trace, frozenset[str]]:
    """Look for a submit whose answer was lost.

    `Trace.NOTHING` proves that it was not accepted only after the time in which an accepted one becomes visible. In an
    idle environment an accepted request starts a run, and runs stay in the history. If anything else has happened since
    the baseline, our request may have waited behind it and been cancelled without a trace, so nothing is certain.

    Returns:
        What was found, and the ids of our request if it was found waiting.
    """
    waiting, ran = waiting_restarts(baseline, queue), complete_restarts(baseline, runs)
    ours = [request for request in waiting if baseline.may_be_ours(request.origin)]
    if ours or any(baseline.may_be_ours(run.origin) for run in ran):
        return Trace.OURS, frozenset(request.request_id for request in ours)
    if waiting or ran:
        return Trace.NOT_OURS, frozenset()
    targets = targets_in(baseline, observation)
    moving = [status for status in targets if status.state in (State.RESTART_QUEUED, State.RESTARTING)]
    if len(moving) == len(baseline.targets):
        return Trace.IN_MOTION, frozenset()
    untouched = _untouched(baseline, observation, runs, queue)
    return (Trace.NOTHING if untouched else Trace.UNCLEAR), frozenset()


def _untouched(
    baseline: Baseline, observation: Observation, runs: Sequence[Run], queue: Sequence[QueuedRequest]
) -> bool:
    """Return whether the data is complete, reaches back to the baseline, and shows nothing newer."""
    shown = [status.execution_id for status in observation.services.values()] + [run.execution_id for run in runs]
    told = [status.execution_id for status in targets_in(baseline, observation)] + [run.execution_id for run in runs]
    return (
        not observation.busy
        and not queue
        and baseline.targets.keys() <= observation.services.keys()
        and None not in told
        and not any(execution is not None and baseline.is_new(execution) for execution in shown)
        and any(run.execution_id in baseline.executions for run in runs)
    )


@unique
class Standing(StrEnum):
    """What can be cancelled of our restart, or why nothing can."""

    WAITS = "waits"
    """Our request waits in the queue, and can be cancelled by its id."""
    RUNS = "runs"
    """Our run is in progress, and contains nothing of another user's."""
    OVER = "over"
    """Our restart has ended."""
    UNSEEN = "unseen"
    """Nothing of ours is visible: it has not appeared yet, or has disappeared."""
    ENDING = "ending"
    """Our run is about to end, or has ended: a cancel could hit another user's run instead."""
    MERGED = "merged"
    """Our request was merged with one for other services."""
    UNNAMED = "unnamed"
    """A restart of these services waits, and no id shows that it is ours."""
    FOUND = "found"
    """The answer to our submit was lost, and no id shows that the restart found there is ours."""
    INCOMPLETE = "incomplete"
    """The run does not contain all of our services."""
    SEVERAL_RUNS = "several_runs"
    """More than one run is in progress there."""
    WIDER = "wider"
    """The run restarts other services as well."""
    ANOTHER_ORIGIN = "another_origin"
    """The run has another origin than our requests."""
    REPEATED = "repeated"
    """These services were restarted more than once since our submit, and no id shows which run is ours."""
    AWAITED = "awaited"
    """Another request waits behind the run."""

    @property
    def is_ours_alone(self) -> bool:
        """Whether it can be cancelled without affecting anybody else."""
        return self in (Standing.WAITS, Standing.RUNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """What of ours can be cancelled."""

    standing: Standing
    request_ids: frozenset[str] = frozenset()
    """`Standing.WAITS`: what to cancel."""
    execution_id: str | None = None
    """`Standing.RUNS`: what to cancel."""
    origin: str | None = None
    """`Standing.ANOTHER_ORIGIN`: that origin, if the history shows one."""


def find_ours(
    baseline: Baseline, runs: Sequence[Run], queue: Sequence[QueuedRequest], *, request_ids: AbstractSet[str]
) -> Ours:
    """Return what of our restart can be cancelled without affecting anybody else.

    Args:
        baseline: what ran before the submit; its targets are the services that were submitted.
        runs: the history.
        queue: the waiting requests, read before the history.
        request_ids: the ids of our request, if the platform returned any.
    """
    targets = frozenset(baseline.targets)
    named = [request for request in queue if request.request_id in request_ids]
    if any(request.service_ids != targets for request in named):
        return Ours(standing=Standing.MERGED)
    if named:
        return Ours(standing=Standing.WAITS, request_ids=frozenset(request.request_id for request in named))
    if waiting_restarts(baseline, queue):
        return Ours(standing=Standing.UNNAMED)
    going = [run for run in runs if not run.over]
    ours = [run for run in restarts_since(baseline, going) if targets <= run.services.keys()]
    if not ours:
        if any(run.services.keys() & targets for run in restarts_since(baseline, going)):
            return Ours(standing=Standing.INCOMPLETE)
        return Ours(standing=Standing.OVER if complete_restarts(baseline, runs) else Standing.UNSEEN)
    # Qovery executes one run at a time: if the history shows more, it contradicts itself, and nothing is cancelled.
    return _standing_of(ours[0], baseline, runs, going, is_awaited=bool(queue))


def still_runs(baseline: Baseline, observation: Observation, execution_id: str | None) -> bool:
    """Return whether a run is the environment's last, and still at work on a target."""
    return observation.last_execution_id in (None, execution_id) and any(
        status.in_progress and status.execution_id == execution_id for status in targets_in(baseline, observation)
    )


def _standing_of(run: Run, baseline: Baseline, runs: Sequence[Run], going: Sequence[Run], *, is_awaited: bool) -> Ours:
    if len(going) > 1:
        return Ours(standing=Standing.SEVERAL_RUNS)
    if run.services.keys() != baseline.targets.keys():
        return Ours(standing=Standing.WIDER)
    if run.origin != (baseline.origin or API_ORIGIN):
        return Ours(standing=Standing.ANOTHER_ORIGIN, origin=run.origin)
    if len(complete_restarts(baseline, runs)) > 1:
        return Ours(standing=Standing.REPEATED)
    if is_awaited:
        return Ours(standing=Standing.AWAITED)
    return Ours(standing=Standing.RUNS, execution_id=run.execution_id)
