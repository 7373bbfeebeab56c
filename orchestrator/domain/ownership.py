"""Which request and which run are ours? Pure; no clock, no I/O.

The API has ids for waiting requests and for runs, and nothing that connects them. So ownership is inferred from the
evidence. If it stays unclear, a run counts neither as a success nor as ours to cancel.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum, unique

from orchestrator.domain.activity import (
    complete_restarts,
    does_more,
    has_gaps,
    is_whole,
    others_may_ask_as_we_do,
    restarts_since,
    targets_in,
    waiting_restarts,
)
from orchestrator.domain.observations import API_ORIGIN, RESTART_ACTION, Baseline, Observation, QueuedRequest, Run
from orchestrator.domain.states import State
from orchestrator.domain.verdict import Picture

QUEUED_STATES = frozenset({State.RESTART_QUEUED, State.QUEUED, State.DEPLOYMENT_QUEUED, State.STOP_QUEUED})
"""The states of a service whose run has not got to it yet, or whose request has no run yet."""
_QUEUED_RUN = "QUEUED"
"""The `action_status` of a run that has not begun to work."""


def named_requests(
    baseline: Baseline, queue: Iterable[QueuedRequest], request_ids: AbstractSet[str]
) -> list[QueuedRequest]:
    """Return the waiting requests that the answer to our submit named, and that agree with what we asked for.

    The id in that answer alone proves nothing: action, services, origin and name have to agree, if they are told.
    """
    return [
        request
        for request in queue
        if request.request_id in request_ids
        and request.action == RESTART_ACTION
        and (not request.service_ids or baseline.targets.keys() <= request.service_ids)
        and baseline.may_be_ours(request)
    ]


def our_name(baseline: Baseline, picture: Picture, request_ids: AbstractSet[str]) -> str | None:
    """Return what the platform calls us (`triggered_by`), if our own request waits and shows it.

    It does not if another restart waits, or has run, that may be ours as well: the id may be another user's. Nor is it
    a name under which somebody does more than restart.
    """
    queue = picture.queue or ()
    names = {request.triggered_by for request in named_requests(baseline, queue, request_ids)}
    is_alone = not _rivals(baseline, queue, request_ids) and not any(
        baseline.may_be_ours(run) for run in complete_restarts(baseline, picture.runs)
    )
    name = names.pop() if len(names) == 1 and is_alone else None
    return None if any(does_more(baseline, run, name) for run in picture.runs) else name


def _rivals(baseline: Baseline, queue: Iterable[QueuedRequest], request_ids: AbstractSet[str]) -> list[QueuedRequest]:
    """Return the waiting restarts that may be ours, except those that the answer to our submit named."""
    return [
        request
        for request in waiting_restarts(baseline, queue)
        if request.request_id not in request_ids and baseline.may_be_ours(request)
    ]


def others_at_work(baseline: Baseline, picture: Picture, request_ids: AbstractSet[str]) -> frozenset[str]:
    """Return the executions that cannot be ours, since they were at work, or over, while our request still waited.

    Qovery executes one run at a time. The history and the statuses in `picture` were read before its queue, so what
    they show had begun before our request left it. A run that is only queued may be ours: a reading need not be
    consistent.
    """
    queue = picture.queue or ()
    if request_ids:
        waiting = named_requests(baseline, queue, request_ids)
    else:
        # No id is known, so what waits may be ours.
        waiting = [request for request in waiting_restarts(baseline, queue) if baseline.may_be_ours(request)]
    return _begun(baseline, picture) if waiting else frozenset()


def perhaps_others_at_work(
    baseline: Baseline, observation: Observation, request_ids: AbstractSet[str]
) -> frozenset[str]:
    """Return the executions at work in a reading that also shows the request that the answer to our submit named.

    That id may be another user's: so this is no evidence of how ours ended, but reason enough not to cancel those runs.
    """
    is_named = any(status.request_id in request_ids for status in targets_in(baseline, observation))
    return _begun(baseline, Picture(observation=observation)) if is_named else frozenset()


def _begun(baseline: Baseline, picture: Picture) -> frozenset[str]:
    begun = {run.execution_id for run in picture.runs if run.status != _QUEUED_RUN}
    if picture.observation is not None:
        begun |= {
            status.execution_id for status in picture.observation.services.values() if status.state not in QUEUED_STATES
        }
    return frozenset(execution for execution in begun if execution is not None and baseline.is_new(execution))


@unique
class Trace(StrEnum):
    """The result of looking for a submit that was not answered by an acceptance."""

    OURS = "ours"
    """A restart of all targets since the baseline that may be ours by its origin and name."""
    IN_MOTION = "in_motion"
    """The targets are in progress, and neither queue nor history shows for which request."""
    ANOTHER_ORIGIN = "another_origin"
    """A restart of exactly our services since the baseline: ours, if our requests have another origin than expected."""
    OTHERS = "others"
    """Something else has happened, and none of it can be ours."""
    NOTHING = "nothing"
    """Nothing has happened in the environment since the baseline."""
    UNCLEAR = "unclear"
    """The data is incomplete."""


def find_submit(
    baseline: Baseline, observation: Observation, runs: Sequence[Run], queue: Sequence[QueuedRequest]
) -> tuple[Trace, frozenset[str]]:
    """Look for a submit whose answer was lost, or was a refusal, which may have been the answer to a second delivery.

    `Trace.NOTHING` proves that it was not accepted only after the time in which an accepted one becomes visible. In an
    idle environment an accepted request starts a run, and runs stay in the history. If anything else has happened since
    the baseline (`Trace.OTHERS`), our request may have waited behind it and been cancelled without a trace.

    Returns:
        What was found, and the ids of our request if it was found waiting.
    """
    waiting = [request for request in waiting_restarts(baseline, queue) if baseline.may_be_ours(request)]
    if waiting or any(baseline.may_be_ours(run) for run in complete_restarts(baseline, runs)):
        return Trace.OURS, frozenset(request.request_id for request in waiting)
    # Others' restart explains that the targets are in motion, if the history or the queue shows it.
    explained = waiting_restarts(baseline, queue) or any(not run.over for run in restarts_since(baseline, runs))
    targets = targets_in(baseline, observation)
    moving = [status for status in targets if status.state in (State.RESTART_QUEUED, State.RESTARTING)]
    if moving and not explained:
        return Trace.IN_MOTION, frozenset()
    if not _is_complete(baseline, observation, runs):
        return Trace.UNCLEAR, frozenset()
    if any(_may_be_mislabelled(baseline, run) for run in complete_restarts(baseline, runs)):
        return Trace.ANOTHER_ORIGIN, frozenset()
    shown = [status.execution_id for status in observation.services.values()] + [run.execution_id for run in runs]
    is_new = any(execution is not None and baseline.is_new(execution) for execution in shown)
    return (Trace.OTHERS if is_new or queue or observation.busy else Trace.NOTHING), frozenset()


def _may_be_mislabelled(baseline: Baseline, run: Run) -> bool:
    return run.services.keys() == baseline.targets.keys() and (
        baseline.name is None or run.triggered_by in (None, baseline.name)
    )


def _is_complete(baseline: Baseline, observation: Observation, runs: Sequence[Run]) -> bool:
    """Return whether what was read would show our restart, or that there is none."""
    told = [status.execution_id for status in targets_in(baseline, observation)] + [run.execution_id for run in runs]
    return (
        is_whole(baseline, observation)
        and None not in told
        and any(not baseline.is_new(run.execution_id) for run in runs if run.execution_id is not None)
        and not has_gaps(baseline, runs)
        and not baseline.is_contradicted_by(runs, observation)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What the looks for a submit that was not answered by an acceptance have shown so far.

    A proxy can deliver a POST twice; then the first delivery is accepted, and the second one is refused. So a refusal
    is believed only after the time in which an accepted restart shows itself. What others did meanwhile does not matter
    then: ours would wait behind it. After no answer at all it does matter, since ours may be on its way for longer.
    """

    refused: bool = False
    """Whether the answer was a refusal; otherwise there was none."""
    was_in_motion: bool = False
    """Whether the targets were seen in motion, and not for which request."""
    has_missed_something: bool = False
    """Whether our request may have come and gone in a look that failed, or was unclear."""

    def after(self, trace: Trace) -> "Search":
        """Return the search after one more look."""
        return replace(
            self,
            was_in_motion=self.was_in_motion or trace is Trace.IN_MOTION,
            has_missed_something=self.has_missed_something or trace is Trace.UNCLEAR,
        )

    def is_over(self, trace: Trace, *, busy: bool, has_lasted: bool) -> bool:
        """Return whether more looks would add nothing to a trace.

        Args:
            trace: of the last look.
            busy: whether anything was in progress in the environment then.
            has_lasted: whether the time has passed in which an accepted restart shows itself.
        """
        if trace is Trace.OURS:
            return True
        shows_all = trace in (Trace.NOTHING, Trace.OTHERS, Trace.ANOTHER_ORIGIN)
        return shows_all and has_lasted and (self.refused or not busy)

    def shows_none(self, trace: Trace) -> bool:
        """Return whether the trace with which the search is over shows that nothing was accepted."""
        if self.was_in_motion:
            return False
        if trace is Trace.NOTHING:
            return True
        # What others did may have hidden ours, unless it was refused, and no look has missed it waiting behind that.
        return trace is Trace.OTHERS and self.refused and not self.has_missed_something


def restarted_since(baseline: Baseline, runs: Iterable[Run], since: datetime) -> Run | None:
    """Return a restart of every target with our origin that was made after an instant, by the date of the run.

    For a journal that knows of none: it may be an old copy.
    """
    return next(
        (
            run
            for run in runs
            if run.action == RESTART_ACTION
            and baseline.has_our_origin(run)
            and baseline.targets.keys() <= run.services.keys()
            and run.created_at is not None
            and run.created_at >= since
        ),
        None,
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
    """A restart of these services waits or runs, and nothing shows that it is ours and not another user's."""
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
    named = named_requests(baseline, queue, request_ids)
    if any(request.service_ids != targets for request in named):
        return Ours(standing=Standing.MERGED)
    others = [run for run in complete_restarts(baseline, runs) if baseline.may_be_ours(run)]
    if named and (others or _rivals(baseline, queue, request_ids)):
        # The id that the answer named may be another user's, and that run, or that request, ours.
        return Ours(standing=Standing.UNNAMED)
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
    if not baseline.may_be_ours(run) or has_gaps(baseline, runs) or others_may_ask_as_we_do(baseline, runs, run):
        return Ours(standing=Standing.UNNAMED)
    if len(complete_restarts(baseline, runs)) > 1:
        return Ours(standing=Standing.REPEATED)
    if is_awaited:
        return Ours(standing=Standing.AWAITED)
    return Ours(standing=Standing.RUNS, execution_id=run.execution_id)
