"""Which request and which run are ours? Pure; no clock, no I/O.

The API names a waiting request and a run by ids that nothing connects, so ownership is inferred, and only as far as the
evidence goes: what cannot be told is left alone, neither taken for a success nor cancelled.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum, unique

from orchestrator.domain.observations import API_ORIGIN, Baseline, Observation, QueuedRequest, Run
from orchestrator.domain.states import State
from orchestrator.domain.verdict import complete_restarts, restarts_since, targets_in, waiting_restarts

_QUEUED_STATES = frozenset({State.RESTART_QUEUED, State.QUEUED, State.DEPLOYMENT_QUEUED, State.STOP_QUEUED})
"""The states in which a service is part of a run that has not come to it, or of a request that has no run yet."""


def raise_baseline(baseline: Baseline, observation: Observation, request_ids: AbstractSet[str]) -> Baseline:
    """Count as known whatever is already at work while our own request still waits for its turn.

    Qovery executes one run at a time, so a run that works, or has ended, while our request waits cannot be the one that
    will carry it. A run that is merely queued may be: a reading need not be of one piece.
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
class Trace(Enum):
    """What a look for a submit whose answer was lost can find."""

    OURS = "a restart of all our services, asked for since the baseline, by our way as far as that is told"
    NOT_OURS = "only a restart that somebody asked for by another way than ours"
    IN_MOTION = "our services are in progress, and neither queue nor history says for whom"
    NOTHING = "nothing was done there since the baseline, by anybody"
    UNCLEAR = "something else was done there, or a part of the picture is missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """The result of one look."""

    trace: Trace
    request_ids: frozenset[str] = frozenset()
    """Where the submit was found waiting: what the platform calls it."""


def search(baseline: Baseline, observation: Observation, runs: Sequence[Run], queue: Sequence[QueuedRequest]) -> Search:
    """Look for a submit whose answer was lost.

    `Trace.NOTHING` proves that it was not accepted only once an accepted one must have become visible. In an idle
    environment an accepted request starts a run, and runs stay in the history. Where anybody else did anything since
    the baseline, ours may have waited behind it and been cancelled without a trace, and nothing is certain.
    """
    waiting, ran = waiting_restarts(baseline, queue), complete_restarts(baseline, runs)
    ours = [request for request in waiting if baseline.may_be_ours(request.origin)]
    if ours or any(baseline.may_be_ours(run.origin) for run in ran):
        return Search(trace=Trace.OURS, request_ids=frozenset(request.request_id for request in ours))
    if waiting or ran:
        return Search(trace=Trace.NOT_OURS)
    targets = targets_in(baseline, observation)
    moving = [status for status in targets if status.state in (State.RESTART_QUEUED, State.RESTARTING)]
    if len(moving) == len(baseline.targets):
        return Search(trace=Trace.IN_MOTION)
    untouched = _untouched(baseline, observation, runs, queue)
    return Search(trace=Trace.NOTHING if untouched else Trace.UNCLEAR)


def _untouched(
    baseline: Baseline, observation: Observation, runs: Sequence[Run], queue: Sequence[QueuedRequest]
) -> bool:
    """Tell whether the picture is complete, reaches back to the baseline, and shows nothing newer."""
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
class Standing(Enum):
    """What there is of ours to cancel."""

    WAITS = "our request waits in the queue"
    RUNS = "our run is in progress"
    OVER = "our restart is over"
    UNSEEN = "nothing of ours is to be seen: it may not have appeared yet, or be gone without a trace"
    SHARED = "it is not ours alone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """Where our restart stands, as far as it is provably ours."""

    standing: Standing
    request_ids: frozenset[str] = frozenset()
    """`Standing.WAITS`: what to cancel."""
    execution_id: str | None = None
    """`Standing.RUNS`: what would be cancelled."""
    why: str = ""
    """`Standing.SHARED`: who or what else is in it."""


def find_ours(
    baseline: Baseline, runs: Sequence[Run], queue: Sequence[QueuedRequest], *, request_ids: AbstractSet[str]
) -> Ours:
    """Say what of our restart could be cancelled without touching anybody else's.

    Args:
        baseline: what ran before the submit; its targets are the services that were submitted.
        runs: the history.
        queue: the waiting requests, read before the history.
        request_ids: what the platform called our request, where it said so.
    """
    targets = frozenset(baseline.targets)
    named = [request for request in queue if request.request_id in request_ids]
    for request in named:
        if request.service_ids != targets:
            return Ours(standing=Standing.SHARED, why="our request was merged with one for other services")
    if named:
        return Ours(standing=Standing.WAITS, request_ids=frozenset(request.request_id for request in named))
    if waiting_restarts(baseline, queue):
        return Ours(standing=Standing.SHARED, why="a restart of these services waits, and no id says that it is ours")
    going = [run for run in runs if not run.over]
    ours = [run for run in restarts_since(baseline, going) if targets <= run.services.keys()]
    if not ours:
        if any(run.services.keys() & targets for run in restarts_since(baseline, going)):
            return Ours(standing=Standing.SHARED, why="what restarts there now does not carry all of our services")
        return Ours(standing=Standing.OVER if complete_restarts(baseline, runs) else Standing.UNSEEN)
    # One run at a time, so there is one at the most; a contradiction is nothing to act upon.
    run = ours[0]
    why = _whose_else(baseline, run, runs, going) or ("somebody's request waits behind it" if queue else "")
    if why:
        return Ours(standing=Standing.SHARED, why=why)
    return Ours(standing=Standing.RUNS, execution_id=run.execution_id)


def still_runs(baseline: Baseline, observation: Observation, execution_id: str | None) -> bool:
    """Tell whether a run is the environment's last, and still at work on a target of ours."""
    return observation.last_execution_id in (None, execution_id) and any(
        status.in_progress and status.execution_id == execution_id for status in targets_in(baseline, observation)
    )


def _whose_else(baseline: Baseline, run: Run, runs: Sequence[Run], going: Sequence[Run]) -> str:
    if len(going) > 1:
        return "more than one run is in progress there"
    if run.services.keys() != baseline.targets.keys():
        return "the run restarts other services, too"
    if run.origin != (baseline.origin or API_ORIGIN):
        return f"the run was asked for by another way than ours ({run.origin or 'which, the history does not say'})"
    if len(complete_restarts(baseline, runs)) > 1:
        return "these services were restarted more than once since our submit, and no id says which run is ours"
    return ""
