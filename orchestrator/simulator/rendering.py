"""What happens in a simulated world, in the API's JSON: statuses, the queue, the history."""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from orchestrator.domain.states import State, StateClass, classify
from orchestrator.simulator.catalogue import icon_of
from orchestrator.simulator.chance import EVEN, happens
from orchestrator.simulator.labels import date_of, execution_of, name_of, origin_of
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

OMITTED = 0.2
"""The share of readings that leave a service out, where any does."""
DOUBLED = 1 / 3
"""The share of readings that have a service twice, where any has."""
BEFORE = 20.0
"""Seconds by which the second entry of a service is older than the first."""

_STAGE_STATUS_OF_CLASS = {
    StateClass.IN_PROGRESS: "ONGOING",
    StateClass.FAILURE: "ERROR",
}


def statuses_with_stages(world: World, snapshot: Snapshot) -> Json:
    """Render `/statusesWithStages`, which shows what waits."""
    shown = _as_listed(world, snapshot)
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
        "last_deployment_date": None if latest is None else _last_date(world, latest.created_at, latest.updated_at),
        "last_deployment_state": State.READY if finished is None else finished.state,
        "last_deployment_id": None if latest is None else execution_of(world, latest.execution_id),
        "total_deployment_duration_in_seconds": None if finished is None else _total_duration(world, finished),
        "origin": None if latest is None else origin_of(world, latest.user, latest.origin),
        "triggered_by": None if latest is None else name_of(world, latest.user),
        "deployment_status": "NEVER_DEPLOYED" if latest is None else "UP_TO_DATE",
        "deployment_request_id": _linked(world, snapshot, waiting),
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
        "deployment_request_id": shown.request_id if world.dials.status_request_ids == "shown" else None,
        "deployment_requests_count": shown.requests_waiting if world.dials.request_counts == "true" else 0,
    }
    if shown.status.changed_at is not None:
        date = _last_date(world, shown.status.run_began_at, shown.status.changed_at)
        status |= {} if date is None else {"last_deployment_date": date}
    if not never:
        status["execution_id"] = execution_of(world, shown.execution_id)
    return status


def queue(world: World, snapshot: Snapshot) -> Json:
    """Render the waiting requests."""
    return {"results": [_queued(world, snapshot, request) for request in snapshot.waiting]}


def history(world: World, snapshot: Snapshot, *, page_size: int) -> Json:
    """Render the latest runs, usually latest first."""
    page_size = min(page_size, world.dials.history_page)
    runs = list(snapshot.runs[:page_size])
    match world.dials.history_order:
        case "oldest_first":
            runs.reverse()
        case "unordered":
            world.whims.shuffle(runs)
    return {
        "page": 1,
        "page_size": page_size,
        "results": [_run(world, snapshot, run) for run in runs],
    }


def accepted(world: World, snapshot: Snapshot, request: Request) -> Json | None:
    """Render the answer to an accepted restart; None is an empty one.

    The document promises one `Status` although the request names many services; a sibling call answers with an
    `EnvironmentStatus`. A client should depend on neither.
    """
    shape = world.dials.accepted_body
    if shape == "empty":
        return None
    about = {"state": request.action.queued, "deployment_request_id": _accepted_id(world, request)}
    if shape == "environment" or (shape == "either" and happens(world.whims, EVEN)):
        answer = {**environment_status(world, snapshot, stale=True), **about}
    else:
        first = next(shown for shown in snapshot.stale() if shown.status.service.id == request.service_ids[0])
        answer = {
            **service_status(world, first),
            **about,
            "status_details": _details(request.action.queued, request.action),
            "deployment_requests_count": 1,
        }
    if world.dials.accepted_execution == "none":
        answer.pop("execution_id", None)
        answer.pop("last_deployment_id", None)
    return answer


def _accepted_id(world: World, request: Request) -> str | None:
    match world.dials.accepted_id:
        case "own":
            return request.id
        case "none":
            return None
        case "random":
            return _random_id(world)
        case "of_another":
            another = world.request_of_another(request.user)
            return _random_id(world) if another is None else another.id
    return None if request.at_once else request.id


def _random_id(world: World) -> str:
    return str(uuid.UUID(int=world.whims.getrandbits(128), version=4))


def _as_listed(world: World, snapshot: Snapshot) -> list[Shown]:
    """Return the services of a reading: each once, as a rule."""
    shown = list(snapshot.truthful())
    if world.dials.omitted_service == "sometimes" and shown and happens(world.whims, OMITTED):
        shown.remove(world.whims.choice(shown))
    if world.dials.doubled_service == "sometimes" and happens(world.whims, DOUBLED):
        earlier = world.snapshot(snapshot.environment.id, age=BEFORE).truthful()
        differing = [one for one in earlier if one not in shown]
        if differing:
            shown.insert(world.whims.randint(0, len(shown)), world.whims.choice(differing))
    return shown


def _linked(world: World, snapshot: Snapshot, waiting: Sequence[Request]) -> str | None:
    """Return the request's id that an environment's status shows beside its last run."""
    how = world.dials.request_link
    if how == "never":
        return None
    if how == "stays" and (snapshot.active is not None or not waiting):
        latest = next(iter(snapshot.runs), None)
        return None if latest is None or not latest.request_ids else latest.request_ids[0]
    return waiting[0].id if waiting else None


def _last_date(world: World, start: float | None, end: float) -> str | None:
    """Return a `last_deployment_date`, of a run or of its end."""
    chosen = start if world.dials.last_deployment_date == "start" and start is not None else end
    return date_of(world, chosen, world.dials.status_dates)


def _total_duration(world: World, run: Run) -> int | None:
    match world.dials.deployment_duration:
        case "missing":
            return None
        case "work_only":
            ended = run.updated_at if run.ended_at is None else run.ended_at
            return int(ended - (run.created_at if run.work_began_at is None else run.work_began_at))
    return int(_length(run))


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


def _queued(world: World, snapshot: Snapshot, request: Request) -> Json:
    known = {status.service.id: status.service for status in snapshot.services}
    named = request.service_ids if world.dials.queue_services == "named" else ()
    services = [known[service_id] for service_id in named if service_id in known]
    return {
        "identifier": {"deployment_request_id": request.id, "environment_id": snapshot.environment.id},
        "auditing_data": {
            "triggered_by": name_of(world, request.user),
            "origin": origin_of(world, request.user, request.origin),
        },
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
        "identifier": {
            "execution_id": execution_of(world, run.execution_id, in_history=True),
            "environment_id": snapshot.environment.id,
        },
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
                "identifier": {
                    **_identifier(step.service),
                    "execution_id": execution_of(world, run.execution_id, in_history=True),
                },
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
    dates = {
        "created_at": date_of(world, run.created_at, world.dials.history_times),
        "updated_at": date_of(world, run.updated_at, world.dials.history_times),
    }
    return {
        **{name: date for name, date in dates.items() if date is not None},
        "triggered_by": name_of(world, run.user),
        "origin": origin_of(world, run.user, run.origin),
    }


def _length(run: Run) -> float:
    return (run.updated_at if run.ended_at is None else run.ended_at) - run.created_at


def _step_length(step: Step) -> float:
    return 0.0 if step.started_at is None or step.ended_at is None else step.ended_at - step.started_at


def _duration(seconds: float) -> str:
    """Render a duration in ISO 8601."""
    return f"PT{int(seconds)}S"
