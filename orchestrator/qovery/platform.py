"""The port `Platform` on the Qovery API, and the lists in which names are looked up."""

from collections.abc import Mapping, Sequence

from orchestrator.domain.observations import Hint, Observation, QueuedRequest, Run, SubmitReceipt
from orchestrator.domain.plan import Service, ServiceType
from orchestrator.errors import MalformedAnswerError, PassingError
from orchestrator.qovery import wire
from orchestrator.qovery.http import QoveryHttp

ACCEPTED = 202

_ID_FIELDS = {
    ServiceType.APPLICATION: "application_ids",
    ServiceType.CONTAINER: "container_ids",
    ServiceType.DATABASE: "database_ids",
}


class QoveryPlatform:
    """Calls the API. Every method is one request and may raise `PlatformError`.

    Attributes:
        submits: how many restarts were posted, answered or not: those that went out, or may have.
    """

    def __init__(self, http: QoveryHttp) -> None:
        self._http = http
        self.submits = 0

    async def read_statuses(self, environment_id: str) -> Observation:
        """Read `statusesWithStages`.

        `/statuses` would be simpler, but it shows the previous run's states while a request waits; only this call shows
        the waiting request.
        """
        path = f"/environment/{environment_id}/statusesWithStages"
        answer = await self._http.call("GET", path, about=environment_id)
        statuses = answer.read_as(wire.WireStatusesWithStages, call=f"GET {path}")
        return statuses.to_domain(environment_id, answer.server_time)

    async def read_hints(self, project_id: str) -> Mapping[str, Hint]:
        """Read hints for every environment of a project, by its id. How far these statuses lag is undocumented."""
        path = f"/project/{project_id}/environment/status"
        # They only save requests: whoever does without them need not ask again.
        answer = await self._http.call("GET", path, doubts_refusals=False)
        hints = answer.read_as(wire.WireProjectStatuses, call=f"GET {path}").to_domain()
        return {hint.environment_id: hint for hint in hints}

    async def find_runs(self, environment_id: str, *, at_most: int = 20) -> Sequence[Run]:
        """Read the latest runs from `deploymentHistoryV2`."""
        path = f"/environment/{environment_id}/deploymentHistoryV2"
        answer = await self._http.call("GET", path, params={"pageSize": str(at_most)}, about=environment_id)
        runs = answer.read_as(wire.WireRuns, call=f"GET {path}")
        return [item.to_run() for item in runs.results]

    async def read_queue(self, environment_id: str) -> Sequence[QueuedRequest]:
        """Read `deploymentQueue`."""
        path = f"/environment/{environment_id}/deploymentQueue"
        answer = await self._http.call("GET", path, about=environment_id)
        queue = answer.read_as(wire.WireQueue, call=f"GET {path}")
        return [request.to_domain() for request in queue.results]

    async def submit_restart(self, environment_id: str, services: Sequence[Service]) -> SubmitReceipt:
        """Post one restart of all `services`.

        The document promises one `Status` for a request that names many services, and a sibling call answers
        differently. So only the request's id is read from the body, and a 202 means accepted whatever the body is. Any
        other 2xx needs a valid body: a captive portal answers 200, too.
        """
        body: dict[str, list[str]] = {}
        for service in services:
            body.setdefault(_ID_FIELDS[service.type], []).append(service.id)
        self.submits += 1
        path = f"/environment/{environment_id}/service/restart-service"
        try:
            # Whoever posts a restart looks into every refusal.
            answer = await self._http.call("POST", path, body=body, about=environment_id, doubts_refusals=False)
        except PassingError as error:
            self.submits -= error.never_left
            raise
        try:
            return answer.read_as(wire.WireSubmitAnswer, call=f"POST {path}").to_domain()
        except MalformedAnswerError:
            if answer.status == ACCEPTED:
                return SubmitReceipt()
            raise

    async def cancel_request(self, request_id: str) -> None:
        """Cancel one waiting request."""
        await self._http.call("POST", f"/deploymentQueue/{request_id}/cancelDeployment", body={})

    async def cancel_run(self, environment_id: str) -> None:
        """Cancel the run in an environment, without force: lifecycle jobs that it triggered are left alone."""
        path = f"/environment/{environment_id}/cancelDeployment"
        await self._http.call("POST", path, body={"force_cancel": False}, about=environment_id)

    # The port `Directory`, for `names`.

    async def environment(self, environment_id: str) -> wire.WireEnvironment:
        """Read an environment by its id."""
        path = f"/environment/{environment_id}"
        return (await self._http.call("GET", path)).read_as(wire.WireEnvironment, call=f"GET {path}")

    async def organizations(self) -> list[wire.WireNamed]:
        """List the organizations that the token sees."""
        return await self._named("/organization")

    async def projects(self, organization_id: str) -> list[wire.WireNamed]:
        """List the projects of an organization."""
        return await self._named(f"/organization/{organization_id}/project")

    async def environments(self, project_id: str) -> list[wire.WireEnvironment]:
        """List the environments of a project."""
        path = f"/project/{project_id}/environment"
        return (await self._http.call("GET", path)).read_as(wire.WireEnvironmentList, call=f"GET {path}").results

    async def organization_environments(self, organization_id: str) -> list[wire.WireEnvironment]:
        """List the environments of all projects of an organization."""
        path = f"/organization/{organization_id}/environments"
        return (await self._http.call("GET", path)).read_as(wire.WireEnvironmentList, call=f"GET {path}").results

    async def services(self, environment_id: str) -> list[wire.WireService]:
        """List the services of an environment, of every kind."""
        path = f"/environment/{environment_id}/services"
        return (await self._http.call("GET", path)).read_as(wire.WireServiceList, call=f"GET {path}").results

    async def organization_services(self, organization_id: str) -> list[wire.WireLightService]:
        """List the services of all environments of an organization, databases without their mode."""
        path = f"/organization/{organization_id}/services"
        return (await self._http.call("GET", path)).read_as(wire.WireLightServiceList, call=f"GET {path}").results

    async def _named(self, path: str) -> list[wire.WireNamed]:
        return (await self._http.call("GET", path)).read_as(wire.WireNamedList, call=f"GET {path}").results
