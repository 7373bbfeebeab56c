"""What has happened to the targets since the baseline, in a reading, the history and the queue. Pure."""

from collections.abc import Iterable, Sequence

from orchestrator.domain.observations import (
    RESTART_ACTION,
    Baseline,
    Observation,
    QueuedRequest,
    Run,
    ServiceStatus,
    execution_number,
)
from orchestrator.domain.states import RESTART_IN_PROGRESS


def targets_in(baseline: Baseline, observation: Observation) -> list[ServiceStatus]:
    """Return the status of each target that is in the reading."""
    return [observation.services[target] for target in baseline.targets if target in observation.services]


def is_whole(baseline: Baseline, observation: Observation) -> bool:
    """Return whether a reading leaves nothing out, as far as is known, and has every target."""
    return not observation.incomplete and baseline.targets.keys() <= observation.services.keys()


def is_idle(baseline: Baseline, observation: Observation) -> bool:
    """Return whether a whole reading shows that nothing runs, and nothing waits: the queue would show no more."""
    return is_whole(baseline, observation) and not observation.busy


def shows_activity(baseline: Baseline, observation: Observation) -> bool:
    """Return whether a reading shows anything of a target that the baseline did not."""
    return any(
        status.in_progress or (status.execution_id is not None and baseline.is_new(status.execution_id))
        for status in targets_in(baseline, observation)
    )


def executions_at_work(baseline: Baseline, observation: Observation) -> frozenset[str]:
    """Return the new executions under which `observation` shows a target being restarted."""
    return frozenset(
        status.execution_id
        for status in targets_in(baseline, observation)
        if status.execution_id is not None
        and status.state in RESTART_IN_PROGRESS
        and baseline.is_new(status.execution_id)
    )


def runs_since(baseline: Baseline, runs: Iterable[Run]) -> list[Run]:
    """Return the runs that began after `baseline` and contain one of its targets, newest first.

    Numbers decide, where there are any. Dates are asked only of an execution whose id cannot be ordered.
    """
    found = [
        run
        for run in runs
        if run.execution_id is not None
        and baseline.is_new(run.execution_id)
        and (baseline.can_order(run.execution_id) or not baseline.began_before(run))
        and not baseline.targets.keys().isdisjoint(run.services)
    ]
    # What the list does not order by number keeps its place.
    return sorted(found, key=lambda run: -(execution_number(baseline.environment_id, run.execution_id or "") or 0))


def restarts_since(baseline: Baseline, runs: Iterable[Run]) -> list[Run]:
    """Return those of `runs_since` that are restarts, ours or not."""
    return [run for run in runs_since(baseline, runs) if run.action == RESTART_ACTION]


def complete_restarts(baseline: Baseline, runs: Iterable[Run]) -> list[Run]:
    """Return those of `restarts_since` that contain every target."""
    return [run for run in restarts_since(baseline, runs) if baseline.targets.keys() <= run.services.keys()]


def waiting_restarts(baseline: Baseline, queue: Iterable[QueuedRequest]) -> list[QueuedRequest]:
    """Return the waiting requests that would restart every target, or do not show which services they are for."""
    return [
        request
        for request in queue
        if request.action == RESTART_ACTION
        and (not request.service_ids or baseline.targets.keys() <= request.service_ids)
    ]


def has_gaps(baseline: Baseline, runs: Sequence[Run]) -> bool:
    """Return whether the history may hide our run: it does not reach back, or an entry is incomplete."""
    return not baseline.reached_by(runs) or is_garbled(baseline, runs)


def is_garbled(baseline: Baseline, runs: Iterable[Run]) -> bool:
    """Return whether an entry of the history is incomplete, and may be our run."""
    return any(_may_hide_ours(baseline, run) for run in runs)


def is_behind(baseline: Baseline, runs: Iterable[Run], observation: Observation) -> bool:
    """Return whether a history lacks a new execution under which a later reading shows a target."""
    known = {run.execution_id for run in runs}
    return any(
        status.execution_id is not None and baseline.is_new(status.execution_id) and status.execution_id not in known
        for status in targets_in(baseline, observation)
    )


def _may_hide_ours(baseline: Baseline, run: Run) -> bool:
    if run.action not in (RESTART_ACTION, "") or not baseline.may_be_ours(run):
        return False
    return run.execution_id is None or (not run.services and baseline.is_new(run.execution_id))


def others_may_ask_as_we_do(baseline: Baseline, runs: Sequence[Run], ours: Run) -> bool:
    """Return whether the history shows that requests with our origin are not ours alone.

    Another run with our origin may have been made by an earlier run of this program or by another user: without a name
    nothing shows which. So may a run with other services than ours, unless requests were merged; and a run by somebody
    who also asks in another way. A history without another run shows nothing of anybody. Once our name is known, and
    nobody else uses it, only runs that bear it can be confused with `ours`.
    """
    if bears_our_name(baseline, runs, ours):
        return False
    if ours.services.keys() != baseline.targets.keys():
        return True
    if asks_in_other_ways(baseline, runs, ours.triggered_by):
        return True
    others = _others(runs, ours)
    return not others or any(baseline.has_our_origin(run) for run in others)


def others_ask_as_we_do(baseline: Baseline, runs: Sequence[Run], ours: Run) -> bool:
    """Return whether the history shows a user who asks with our origin and is not the one who asked for `ours`.

    A history without another run shows nothing of anybody: then there may be one.
    """
    others = _others(runs, ours)
    return not others or any(baseline.has_our_origin(run) and run.triggered_by != ours.triggered_by for run in others)


def bears_our_name(baseline: Baseline, runs: Sequence[Run], ours: Run) -> bool:
    """Return whether a run bears our name, and the history shows that nobody else uses it."""
    return baseline.name is not None and baseline.name == ours.triggered_by and not may_be_shared(baseline, runs, ours)


def may_be_shared(baseline: Baseline, runs: Sequence[Run], ours: Run) -> bool:
    """Return whether the history has a run under our name that we cannot have asked for: we only ever restart.

    A history without another run shows nothing of anybody: then there may be one.
    """
    others = _others(runs, ours)
    return not others or any(does_more(baseline, run, baseline.name) for run in others)


def does_more(baseline: Baseline, run: Run, name: str | None) -> bool:
    """Return whether a run was asked for under a name as we never ask: for another action, or from another origin."""
    is_as_we_ask = baseline.has_our_origin(run) and run.action in (RESTART_ACTION, "")
    return name is not None and run.triggered_by == name and not is_as_we_ask


def _others(runs: Iterable[Run], ours: Run) -> list[Run]:
    return [run for run in runs if run.execution_id != ours.execution_id]


def asks_in_other_ways(baseline: Baseline, runs: Iterable[Run], name: str | None) -> bool:
    """Return whether the history has a run of another origin under a name: a user's, then, and not our token's."""
    return name is not None and any(run.triggered_by == name and not baseline.has_our_origin(run) for run in runs)
