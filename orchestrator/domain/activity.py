"""What has happened to the targets since the baseline, in a reading, the history and the queue. Pure."""

from collections.abc import Iterable

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
    """Return the runs that began after `baseline` and contain one of its targets, newest first."""
    found = [
        run
        for run in runs
        if run.execution_id is not None
        and baseline.is_new(run.execution_id)
        and not baseline.began_before(run)
        and not baseline.targets.keys().isdisjoint(run.services)
    ]
    return sorted(
        found, key=lambda run: execution_number(baseline.environment_id, run.execution_id or "") or 0, reverse=True
    )


def restarts_since(baseline: Baseline, runs: Iterable[Run]) -> list[Run]:
    """Return those of `runs_since` that are restarts, ours or not."""
    return [run for run in runs_since(baseline, runs) if run.action == RESTART_ACTION]


def complete_restarts(baseline: Baseline, runs: Iterable[Run]) -> list[Run]:
    """Return those of `restarts_since` that contain every target."""
    return [run for run in restarts_since(baseline, runs) if baseline.targets.keys() <= run.services.keys()]


def waiting_restarts(baseline: Baseline, queue: Iterable[QueuedRequest]) -> list[QueuedRequest]:
    """Return the waiting requests that would restart every target."""
    return [
        request
        for request in queue
        if request.action == RESTART_ACTION and baseline.targets.keys() <= request.service_ids
    ]
