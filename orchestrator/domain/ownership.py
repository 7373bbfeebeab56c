"""Which request and which run are ours? Pure; no clock, no I/O.

The API names a waiting request and a run by ids that nothing connects, so ownership is inferred, and only as far as the
evidence goes: what cannot be told is left alone, neither taken for a success nor cancelled.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum, unique

from orchestrator.domain.activity import complete_restarts, restarts_since, targets_in, waiting_restarts
from orchestrator.domain.observations import API_ORIGIN, Baseline, Observation, QueuedRequest, Run
from orchestrator.domain.states import State

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
class Trace(StrEnum):
    """What a look for a submit whose answer was lost can find."""

    OURS = "ours"
    """A restart of all our services, asked for since the baseline, by our way as far as that is told."""
    NOT_OURS = "not_ours"
    """Only a restart that somebody asked for by another way than ours."""
    IN_MOTION = "in_motion"
    """Our services are in progress, and neither queue nor history says for whom."""
    NOTHING = "nothing"
    """Nothing was done there since the baseline, by anybody."""
    UNCLEAR = "unclear"
    """Something else was done there, or a part of the picture is missing."""


def find_submit(
    baseline: Baseline, observation: Observation, runs: Sequence[Run], queue: Sequence[QueuedRequest]
) -> tuple[Trace, frozenset[str]]:
    """Look for a submit whose answer was lost.

    `Trace.NOTHING` proves that it was not accepted only once an accepted one must have become visible. In an idle
    environment an accepted request starts a run, and runs stay in the history. Where anybody else did anything since
    the baseline, ours may have waited behind it and been cancelled without a trace, and nothing is certain.

    Returns:
        What there is of it, and what the platform calls it where it was found waiting.
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
class Standing(StrEnum):
    """Where our restart stands when it is to be cancelled; if it is not provably ours alone, why."""

    WAITS = "waits"
    """Our request waits in the queue, and can be cancelled by its id."""
    RUNS = "runs"
    """Our run is in progress, and nobody else has a part in it."""
    OVER = "over"
    """Our restart has ended."""
    UNSEEN = "unseen"
    """Nothing of ours is to be seen: it may not have appeared yet, or be gone without a trace."""
    ENDING = "ending"
    """Our run was about to end, or has ended: somebody else's could be hit in its place."""
    MERGED = "merged"
    """Our request was merged with one for other services."""
    UNNAMED = "unnamed"
    """A restart of these services waits, and no id says that it is ours."""
    FOUND = "found"
    """The answer to our submit was lost, and no id says that what was found there is ours."""
    INCOMPLETE = "incomplete"
    """What restarts there does not carry all of our services."""
    SEVERAL_RUNS = "several_runs"
    """More than one run is in progress there."""
    WIDER = "wider"
    """The run restarts other services, too."""
    ANOTHER_ORIGIN = "another_origin"
    """The run was asked for by another way than ours."""
    REPEATED = "repeated"
    """These services were restarted more than once since our submit, and no id says which run is ours."""
    AWAITED = "awaited"
    """Somebody's request waits behind it."""

    @property
    def is_ours_alone(self) -> bool:
        """Whether it can be cancelled without touching anybody else's."""
        return self in (Standing.WAITS, Standing.RUNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """What there is of ours to cancel."""

    standing: Standing
    request_ids: frozenset[str] = frozenset()
    """`Standing.WAITS`: what to cancel."""
    execution_id: str | None = None
    """`Standing.RUNS`: what to cancel."""
    origin: str | None = None
    """`Standing.ANOTHER_ORIGIN`: by what way it was asked for, where that is told."""


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
    # One run at a time, so there is one at the most; a contradiction is nothing to act upon.
    return _standing_of(ours[0], baseline, runs, going, is_awaited=bool(queue))


def still_runs(baseline: Baseline, observation: Observation, execution_id: str | None) -> bool:
    """Tell whether a run is the environment's last, and still at work on a target of ours."""
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
