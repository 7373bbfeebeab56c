"""The simulated Qovery API: an ASGI application on top of a world."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from orchestrator.simulator import catalogue, mangling, rendering
from orchestrator.simulator.chance import EVEN, happens, source
from orchestrator.simulator.dials import Dials
from orchestrator.simulator.faults import FaultProfile, Faults, FaultSource
from orchestrator.simulator.gate import Gate
from orchestrator.simulator.interference import OWN_PATHS, Interference
from orchestrator.simulator.model import Action, Kind, Snapshot
from orchestrator.simulator.refusals import Refusals
from orchestrator.simulator.replica import Replica
from orchestrator.simulator.world import (
    ConflictError,
    InvalidRequestError,
    NotThereError,
    RefusalError,
    Trigger,
    World,
)

KIND_OF_LIST: Mapping[str, Kind] = MappingProxyType(
    {
        "application_ids": Kind.APPLICATION,
        "container_ids": Kind.CONTAINER,
        "database_ids": Kind.DATABASE,
    }
)
"""The kind of service in each list of a restart's body."""

PAGE_SIZE = 20
"""How many runs the history returns by default."""

OMITTED = 0.2
"""The share of environments that one reading of a project leaves out, where any does."""

T = TypeVar("T")


def create_app(
    world: World,
    *,
    profile: FaultProfile | str,
    seed: int,
    now: Callable[[], float],
    requests_per_hour: int = 1000,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    faults: FaultSource | None = None,
) -> Starlette:
    """Make the API of a world.

    Besides Qovery's own calls, `GET /_simulator/` describes the world and `GET /_simulator/record` returns what really
    happened. These two need no token and have no faults.

    Args:
        world: what the API reads and changes.
        profile: the name of a `FaultProfile`: what goes wrong with requests.
        seed: determines the faults.
        now: returns the world's time, in seconds since its epoch.
        requests_per_hour: the quota of each token.
        sleep: waits for a number of seconds of the world's time.
        faults: decides what goes wrong, instead of `profile`.
    """
    refusals = Refusals(seed, body=world.dials.refusal_body)
    api = _Api(world, now=now, refusals=refusals)
    return Starlette(
        routes=api.routes(),
        middleware=[
            Middleware(
                Interference,
                faults=faults or Faults(FaultProfile(profile), seed=seed),
                world=world,
                now=now,
                sleep=sleep,
            ),
            Middleware(Gate, world=world, now=now, requests_per_hour=requests_per_hour, refusals=refusals),
        ],
        exception_handlers={HTTPException: api.no_such_call, RefusalError: api.refuse},
    )


class _Api:
    """Answers each call. The middleware has already advanced the world to the present."""

    def __init__(self, world: World, *, now: Callable[[], float], refusals: Refusals) -> None:
        self._world = world
        self._now = now
        self._refusals = refusals
        self._replica = Replica(world.dials, seed=world.seed)
        self._status_of_refusal: Mapping[type[Exception], HTTPStatus] = {
            NotThereError: HTTPStatus(world.dials.missing_environment),
            InvalidRequestError: HTTPStatus.BAD_REQUEST,
            ConflictError: HTTPStatus.CONFLICT,
        }

    @property
    def _dials(self) -> Dials:
        return self._world.dials

    def routes(self) -> list[Route]:
        """Return the routes of all calls, more specific paths first."""
        environment = "/environment/{environment_id}"
        return [
            Route("/environment/deploymentStatus", self.request_status),
            Route(f"{environment}/statusesWithStages", self.statuses_with_stages),
            Route(f"{environment}/statuses", self.statuses),
            Route(f"{environment}/status", self.status),
            Route(f"{environment}/deploymentQueue", self.queue),
            Route(f"{environment}/deploymentHistoryV2", self.history),
            Route(f"{environment}/services", self.services),
            Route(f"{environment}/deploymentStage", self.stages),
            Route(f"{environment}/deploymentRule", self.rule),
            Route(environment, self.environment),
            Route("/project/{project_id}/environment/status", self.project_statuses),
            Route("/project/{project_id}/environment", self.project_environments),
            Route("/organization", self.organizations),
            Route("/organization/{organization_id}/project", self.projects),
            Route("/organization/{organization_id}/environments", self.organization_environments),
            Route("/organization/{organization_id}/services", self.organization_services),
            Route(f"{environment}/service/restart-service", self.restart, methods=["POST"]),
            Route(f"{environment}/cancelDeployment", self.cancel_run, methods=["POST"]),
            Route("/deploymentQueue/{request_id}/cancelDeployment", self.cancel_request, methods=["POST"]),
            Route(f"{OWN_PATHS}/", self.description),
            Route(f"{OWN_PATHS}/record", self.record),
        ]

    async def statuses_with_stages(self, request: Request) -> Response:
        snapshot = self._snapshot(request)
        self._world.notice(snapshot.environment.id, Trigger.LOOK)
        return self._reading(rendering.statuses_with_stages(self._world, snapshot))

    async def statuses(self, request: Request) -> Response:
        return self._reading(rendering.statuses(self._world, self._snapshot(request)))

    async def status(self, request: Request) -> Response:
        lags = self._dials.bulk_lags == "yes"
        return self._reading(rendering.environment_status(self._world, self._snapshot(request), stale=lags))

    async def project_statuses(self, request: Request) -> Response:
        project = self._named(request, "project_id", self._world.projects)
        statuses = [
            rendering.environment_status(
                self._world,
                self._world.snapshot(environment.id, age=request.state.age),
                stale=self._dials.bulk_lags == "yes",
            )
            for environment in catalogue.environments_of(self._world, project)
            if not self._is_omitted(environment.id)
        ]
        return self._reading({"results": statuses})

    def _is_omitted(self, environment_id: str) -> bool:
        """Decide whether a reading of a project leaves an environment out."""
        match self._dials.bulk_omits:
            case "sometimes":
                return happens(self._world.whims, OMITTED)
            case "always":
                return happens(source(self._world.seed, "omitted", environment_id), EVEN)
        return False

    async def queue(self, request: Request) -> Response:
        snapshot = self._snapshot(request, lag=self._dials.queue_lag)
        return self._reading(rendering.queue(self._world, snapshot))

    async def request_status(self, request: Request) -> Response:
        request_id = request.query_params.get("deploymentRequestId", "").lower()
        environment_id = self._world.environment_of_request(request_id)
        if environment_id is None:
            return JSONResponse({})
        snapshot = self._world.snapshot(environment_id)
        known = {"deployment_request_id": request_id, "environment_id": environment_id}
        for waiting in snapshot.waiting:
            if waiting.id == request_id:
                return JSONResponse({**known, "status": waiting.action.queued})
        if self._dials.request_memory == "forgotten":
            return JSONResponse({})
        return JSONResponse({**known, "status": rendering.environment_status(self._world, snapshot)["state"]})

    async def history(self, request: Request) -> Response:
        try:
            page_size = int(request.query_params.get("pageSize", PAGE_SIZE))
        except ValueError:
            raise InvalidRequestError("pageSize is not a number") from None
        snapshot = self._snapshot(request, lag=self._dials.history_lag)
        return self._reading(rendering.history(self._world, snapshot, page_size=max(1, page_size)))

    async def environment(self, request: Request) -> Response:
        return JSONResponse(catalogue.environment(self._snapshot(request).environment))

    async def services(self, request: Request) -> Response:
        return JSONResponse(catalogue.services(self._snapshot(request)))

    async def stages(self, request: Request) -> Response:
        return JSONResponse(catalogue.deployment_stages(self._snapshot(request)))

    async def rule(self, request: Request) -> Response:
        return JSONResponse(catalogue.deployment_rule(self._snapshot(request).environment))

    async def organizations(self, _: Request) -> Response:
        return JSONResponse(catalogue.organizations(self._world))

    async def projects(self, request: Request) -> Response:
        organization = self._named(request, "organization_id", self._world.organizations)
        return JSONResponse(catalogue.projects(self._world, organization))

    async def project_environments(self, request: Request) -> Response:
        project = self._named(request, "project_id", self._world.projects)
        return JSONResponse(catalogue.project_environments(self._world, project))

    async def organization_environments(self, request: Request) -> Response:
        organization = self._named(request, "organization_id", self._world.organizations)
        return JSONResponse(catalogue.organization_environments(self._world, organization))

    async def organization_services(self, request: Request) -> Response:
        return JSONResponse(
            catalogue.organization_services(
                self._world,
                self._named(request, "organization_id", self._world.organizations),
                project_id=request.query_params.get("project_id"),
                environment_id=request.query_params.get("environment_id"),
            )
        )

    async def restart(self, request: Request) -> Response:
        snapshot = self._snapshot(request)
        wanted = _wanted(await _json_of(request), snapshot)
        made = self._world.submit(snapshot.environment.id, Action.RESTART, wanted, user=request.state.user)
        self._world.notice(snapshot.environment.id, Trigger.SUBMIT)
        body = rendering.accepted(self._world, snapshot, made)
        if body is None:
            return Response(status_code=HTTPStatus.ACCEPTED)
        return JSONResponse(body, status_code=HTTPStatus.ACCEPTED)

    async def cancel_run(self, request: Request) -> Response:
        environment_id = self._snapshot(request).environment.id
        self._world.cancel_run(environment_id, user=request.state.user)
        body = rendering.environment_status(self._world, self._world.snapshot(environment_id))
        return JSONResponse(body, status_code=HTTPStatus.ACCEPTED)

    async def cancel_request(self, request: Request) -> Response:
        try:
            self._world.cancel_request(request.path_params["request_id"].lower(), user=request.state.user)
        except NotThereError as error:
            return self._refusals.answer(HTTPStatus.NOT_FOUND, str(error))
        except ConflictError as error:
            status = HTTPStatus(self._dials.late_cancel)
            if status is not HTTPStatus.ACCEPTED:
                return self._refusals.answer(status, str(error))
        return Response(status_code=HTTPStatus.ACCEPTED)

    async def description(self, _: Request) -> Response:
        self._world.advance(self._now())
        return JSONResponse(catalogue.description(self._world))

    async def record(self, _: Request) -> Response:
        self._world.advance(self._now())
        return JSONResponse(
            {
                "epoch": self._world.epoch.isoformat(),
                "now": self._world.now,
                "seed": self._world.seed,
                "events": self._world.record.to_json(),
            }
        )

    async def no_such_call(self, request: Request, error: Exception) -> Response:
        """Answer a call that matches no route, in JSON like the rest of the API."""
        status = HTTPStatus(error.status_code) if isinstance(error, HTTPException) else HTTPStatus.NOT_FOUND
        detail = f"no such call: {request.method} {request.url.path}"
        return JSONResponse({"status": status, "error": status.phrase, "detail": detail}, status_code=status)

    async def refuse(self, _: Request, error: Exception) -> Response:
        """Answer a call that the world refuses."""
        return self._refusals.answer(self._status_of_refusal[type(error)], str(error))

    def _snapshot(self, request: Request, *, lag: float = 0.0) -> Snapshot:
        """Return the environment that a request is about, as old as a reading of it is, or `lag` seconds older."""
        environment_id = request.path_params["environment_id"].lower()
        age = 0.0
        if request.method == "GET":
            standstill = self._replica.age(environment_id, request.url.path, now=self._world.now)
            age = max(request.state.age + lag, standstill)
        return self._world.snapshot(environment_id, age=age)

    def _reading(self, document: dict[str, Any]) -> Response:
        """Answer with what was read."""
        if self._dials.alien_entries == "some" and happens(self._world.whims, EVEN):
            return JSONResponse(mangling.with_alien_entries(document, self._world.whims))
        return JSONResponse(document)

    @staticmethod
    def _named(request: Request, parameter: str, known: Mapping[str, T]) -> T:
        identifier = request.path_params[parameter].lower()
        if identifier not in known:
            raise NotThereError(f"there is no such {parameter.removesuffix('_id')}: {identifier}")
        return known[identifier]


async def _json_of(request: Request) -> object:
    try:
        return await request.json()
    except ValueError:
        raise InvalidRequestError("the body is not JSON") from None


def _wanted(body: object, snapshot: Snapshot) -> list[str]:
    """Return the service ids in a restart's body; an id in the wrong list is refused like an unknown one."""
    if not isinstance(body, dict):
        raise InvalidRequestError("the body is not an object")
    kinds = {status.service.id: status.service.kind for status in snapshot.services}
    wanted = []
    for key, kind in KIND_OF_LIST.items():
        identifiers = body.get(key) or []
        if not isinstance(identifiers, list):
            raise InvalidRequestError(f"{key} is not a list")
        for identifier in identifiers:
            wanted.append(_uuid(identifier, key))
            if kinds.get(wanted[-1]) is not kind:
                raise InvalidRequestError(f"{key}: there is no {kind.lower()} {identifier} in this environment")
    return wanted


def _uuid(identifier: object, key: str) -> str:
    try:
        return str(uuid.UUID(identifier if isinstance(identifier, str) else ""))
    except ValueError:
        raise InvalidRequestError(f"{key}: {identifier!r} is not a UUID") from None
