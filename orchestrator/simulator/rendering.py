"""What happens in a simulated world, in the API's JSON: statuses, the queue, the history."""

from collections.abc import Iterable
from typing import Any

from orchestrator.domain.states import State, StateClass, classify
from orchestrator.simulator.catalogue import icon_of
from orchestrator.simulator.model import (
    Action,
    ActionStatus,
    Kind,
    Request,
    Run,
    Service,
    Shown,
    Snapshot,
    Stage,
    Step,
)
from orchestrator.simulator.world import World

Json = dict[str, Any]

LIST_OF_KIND = {
    Kind.APPLICATION: "applications",
    Kind.CONTAINER: "containers",
    Kind.DATABASE: "databases",
    Kind.JOB: "jobs",
    Kind.HELM: "helms",
    Kind.TERRAFORM: "terraforms",
}
"""The list that contains the statuses of each kind of service."""

_STAGE_STATUS_OF_CLASS = {
    StateClass.IN_PROGRESS: "ONGOING",
    StateClass.FAILURE: "ERROR",
}


def statuses_with_stages(world: World, snapshot: Snapshot) -> Json:
    """Render `/statusesWithStages`, which shows what waits."""
    shown = list(snapshot.truthful())
    return {
        "environment": environment_status(world, snapshot),
        "stages": [_stage(world, stage, shown) for stage in snapshot.environment.stages],
        "pre_check_stage": {"status": "SUCCESS", "total_duration_sec": 1},
    }


def statuses(world: World, snapshot: Snapshot) -> Json:
    """Render `/statuses`, which is stale while a request waits."""
    return {"environment": environment_status(world, snapshot, stale=True), **_by_kind(world, snapshot.stale())}


def environment_status(world: World, snapshot: Snapshot, *, stale: bool = False) -> Json:
    """Render one environment's status; `stale` leaves out what waits."""
    waiting = () if stale else snapshot.waiting
    latest = next(iter(snapshot.runs), None)
    finished = snapshot.past[-1] if snapshot.past else None
    state = State.READY if latest is None else latest.state
    if waiting and snapshot.active is None:
        state = waiting[0].action.queued
    return {
        "id": snapshot.environment.id,
        "state": state,
        "last_deployment_date": None if latest is None else _time(world, latest.updated_at),
        "last_deployment_state": State.READY if finished is None else finished.state,
        "last_deployment_id": None if latest is None else latest.execution_id,
        "total_deployment_duration_in_seconds": None if finished is None else int(_length(finished)),
        "origin": None if latest is None else latest.origin,
        "triggered_by": None if latest is None else latest.user,
        "deployment_status": "NEVER_DEPLOYED" if latest is None else "UP_TO_DATE",
        "deployment_request_id": waiting[0].id if waiting else None,
    }


def service_status(world: World, shown: Shown) -> Json:
    """Render one service's status."""
    never = shown.execution_id is None
    status: Json = {
        "id": shown.status.service.id,
        "state": shown.state,
        "service_deployment_status": "NEVER_DEPLOYED" if never else "UP_TO_DATE",
        "is_part_last_deployment": shown.status.in_last_run,
        "status_details": _details(shown.state, shown.action),
        "deployment_request_id": shown.request_id,
        "deployment_requests_count": shown.requests_waiting,
    }
    if shown.status.changed_at is not None:
        status["last_deployment_date"] = _time(world, shown.status.changed_at)
    if not never:
        status["execution_id"] = shown.execution_id
    return status


def queue(snapshot: Snapshot) -> Json:
    """Render the waiting requests."""
    return {"results": [_queued(snapshot, request) for request in snapshot.waiting]}


def history(world: World, snapshot: Snapshot, *, page_size: int) -> Json:
    """Render the latest runs, latest first."""
    return {
        "page": 1,
        "page_size": page_size,
        "results": [_run(world, snapshot, run) for run in snapshot.runs[:page_size]],
    }


def accepted(world: World, snapshot: Snapshot, request: Request, *, as_environment: bool) -> Json:
    """Render the answer to an accepted restart.

    The document promises one `Status` although the request names many services; a sibling call answers with an
    `EnvironmentStatus`. A client should depend on neither.
    """
    if as_environment:
        status = environment_status(world, snapshot, stale=True)
        return {**status, "state": request.action.queued, "deployment_request_id": request.id}
    first = next(shown for shown in snapshot.stale() if shown.status.service.id == request.service_ids[0])
    return {
        **service_status(world, first),
        "state": request.action.queued,
        "status_details": _details(request.action.queued, request.action),
        "deployment_request_id": request.id,
        "deployment_requests_count": 1,
    }


def _by_kind(world: World, shown: Iterable[Shown]) -> Json:
    lists: Json = {name: [] for name in LIST_OF_KIND.values()}
    for one in shown:
        lists[LIST_OF_KIND[one.status.service.kind]].append(service_status(world, one))
    return {**lists, "agentic_workflows": []}


def _stage(world: World, stage: Stage, shown: Iterable[Shown]) -> Json:
    members = [one for one in shown if one.status.service.kind in stage.kinds]
    status = _stage_status(one.state for one in members)
    return {
        **_by_kind(world, members),
        "stage": {"id": stage.id, "name": stage.name, "description": "", "status": status},
    }


def _stage_status(states: Iterable[State]) -> str:
    classes = {classify(state) for state in states}
    return next((status for kind, status in _STAGE_STATUS_OF_CLASS.items() if kind in classes), "DONE")


def _details(state: State, action: Action) -> Json:
    return {"action": action, "status": _action_status(state), "sub_action": "NONE"}


def _action_status(state: State) -> ActionStatus:
    if state is State.READY:
        return ActionStatus.NEVER
    if state in (State.CANCELED, State.CANCELING):
        return ActionStatus(state.value)
    if state in {action.queued for action in Action}:
        return ActionStatus.QUEUED
    if classify(state) is StateClass.IN_PROGRESS:
        return ActionStatus.ONGOING
    return ActionStatus.ERROR if classify(state) is StateClass.FAILURE else ActionStatus.SUCCESS


def _queued(snapshot: Snapshot, request: Request) -> Json:
    known = {status.service.id: status.service for status in snapshot.services}
    services = [known[service_id] for service_id in request.service_ids if service_id in known]
    return {
        "identifier": {"deployment_request_id": request.id, "environment_id": snapshot.environment.id},
        "auditing_data": {"triggered_by": request.user, "origin": request.origin},
        "trigger_action": request.action,
        "stages": [
            {
                "name": stage.name,
                "status": "QUEUED",
                "services": [
                    {"identifier": _identifier(service), "status": "QUEUED", "icon_uri": icon_of(service)}
                    for service in services
                    if service.kind in stage.kinds
                ],
            }
            for stage in snapshot.environment.stages
        ],
    }


def _run(world: World, snapshot: Snapshot, run: Run) -> Json:
    return {
        "identifier": {"execution_id": run.execution_id, "environment_id": snapshot.environment.id},
        "auditing_data": _audit(world, run),
        "status": run.state,
        "trigger_action": run.action,
        "action_status": run.status,
        "total_duration": _duration(_length(run)),
        "stages": [_run_stage(world, run, stage) for stage in snapshot.environment.stages],
    }


def _run_stage(world: World, run: Run, stage: Stage) -> Json:
    steps = [step for step in run.steps.values() if step.service.kind in stage.kinds]
    return {
        "name": stage.name,
        "status": _stage_status(step.state for step in steps) if steps else "SKIPPED",
        "duration": _duration(max((_step_length(step) for step in steps), default=0.0)),
        "services": [
            {
                "identifier": {**_identifier(step.service), "execution_id": run.execution_id},
                "status": step.state,
                "auditing_data": _audit(world, run),
                "details": {},
                "icon_uri": icon_of(step.service),
                "status_details": _details(step.state, run.action),
                "total_duration": _duration(_step_length(step)),
            }
            for step in steps
        ],
    }


def _identifier(service: Service) -> Json:
    return {"service_id": service.id, "service_type": service.kind, "name": service.name}


def _audit(world: World, run: Run) -> Json:
    return {
        "created_at": _time(world, run.created_at),
        "updated_at": _time(world, run.updated_at),
        "triggered_by": run.user,
        "origin": run.origin,
    }


def _length(run: Run) -> float:
    return (run.updated_at if run.ended_at is None else run.ended_at) - run.created_at


def _step_length(step: Step) -> float:
    return 0.0 if step.started_at is None or step.ended_at is None else step.ended_at - step.started_at


def _time(world: World, seconds: float) -> str:
    return world.at(seconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _duration(seconds: float) -> str:
    """Render a duration in ISO 8601."""
    return f"PT{int(seconds)}S"
