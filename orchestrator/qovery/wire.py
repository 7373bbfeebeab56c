"""The API's JSON shapes, tolerant of missing and new parts, and their conversion to domain values.

Only what the product reads is declared here. What the published document calls required is optional here, except for
the ids, names and lists without which an answer is useless.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from orchestrator.domain.observations import Hint, Observation, QueuedRequest, Run, ServiceStatus, SubmitReceipt


def _none_if_invalid(value: Any, read: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401 - any JSON
    """Read an optional value: if it is invalid, the rest of the answer still counts."""
    try:
        return read(value)
    except ValidationError:
        return None


_OptionalTime = Annotated[datetime | None, WrapValidator(_none_if_invalid)]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class WireStatus(_Wire):
    """`Status`."""

    id: str | None = None
    state: str | None = None
    execution_id: str | None = None
    deployment_requests_count: int | None = None
    deployment_request_id: str | None = None
    is_part_last_deployment: bool | None = None

    def to_domain(self) -> ServiceStatus:
        """Convert it; a missing state becomes an unknown one."""
        return ServiceStatus(
            id=(self.id or "").casefold(),
            state=self.state or "",
            execution_id=self.execution_id or None,
            requests_waiting=self.deployment_requests_count or 0,
            request_id=self.deployment_request_id,
            in_last_run=bool(self.is_part_last_deployment),
        )


class WireEnvironmentStatus(_Wire):
    """`EnvironmentStatus`."""

    id: str | None = None
    state: str | None = None
    last_deployment_id: str | None = None


class WireProjectStatuses(_Wire):
    """The statuses of a project's environments."""

    results: list[WireEnvironmentStatus]

    def to_domain(self) -> list[Hint]:
        """Convert the statuses that have an environment id."""
        return [
            Hint(environment_id=each.id.casefold(), state=each.state, execution_id=each.last_deployment_id or None)
            for each in self.results
            if each.id
        ]


class WireStage(_Wire):
    """`DeploymentStageWithServicesStatuses`."""

    applications: list[WireStatus] | None = None
    containers: list[WireStatus] | None = None
    databases: list[WireStatus] | None = None
    jobs: list[WireStatus] | None = None
    helms: list[WireStatus] | None = None
    terraforms: list[WireStatus] | None = None
    agentic_workflows: list[WireStatus] | None = None

    def statuses(self) -> Iterator[WireStatus]:
        """Yield every status that has a service id."""
        for statuses in (
            self.applications,
            self.containers,
            self.databases,
            self.jobs,
            self.helms,
            self.terraforms,
            self.agentic_workflows,
        ):
            yield from (status for status in statuses or () if status.id)


class WireStatusesWithStages(_Wire):
    """`EnvironmentStatusesWithStages`. The stages are required: without them it is useless."""

    environment: WireEnvironmentStatus | None = None
    stages: list[WireStage]

    def to_domain(self, environment_id: str, server_time: datetime | None) -> Observation:
        """Convert it."""
        statuses = (status.to_domain() for stage in self.stages for status in stage.statuses())
        environment = self.environment or WireEnvironmentStatus()
        return Observation(
            environment_id=environment_id,
            services={status.id: status for status in statuses},
            environment_state=environment.state,
            last_execution_id=environment.last_deployment_id or None,
            server_time=server_time,
        )


class WireServiceIdentifier(_Wire):
    """The `identifier` of a service in the history and in the queue."""

    service_id: str | None = None


class WireRunService(_Wire):
    """`DeploymentHistoryService`, and its equivalent in the queue."""

    identifier: WireServiceIdentifier | None = None
    status: str | None = None

    @property
    def service_id(self) -> str | None:
        """The id of the service."""
        service_id = self.identifier.service_id if self.identifier is not None else None
        return service_id.casefold() if service_id else None


class WireRunStage(_Wire):
    """`DeploymentHistoryStage`, and its equivalent in the queue."""

    services: list[WireRunService] | None = None


class WireAuditing(_Wire):
    """`DeploymentHistoryAuditingData`, and its equivalent in the queue."""

    created_at: _OptionalTime = None
    triggered_by: str | None = None
    origin: str | None = None


class WireRunIdentifier(_Wire):
    """The `identifier` of a run or of a queued request."""

    execution_id: str | None = None
    deployment_request_id: str | None = None


class WireRun(_Wire):
    """`DeploymentHistoryEnvironmentV2`, or `QueuedDeploymentRequestWithStages`: only their ids differ."""

    identifier: WireRunIdentifier | None = None
    trigger_action: str | None = None
    action_status: str | None = None
    auditing_data: WireAuditing | None = None
    stages: list[WireRunStage] | None = None

    def _services(self) -> Iterator[WireRunService]:
        for stage in self.stages or ():
            yield from stage.services or ()

    def to_run(self) -> Run:
        """Convert it to a run."""
        auditing = self.auditing_data or WireAuditing()
        created_at = auditing.created_at
        return Run(
            execution_id=(self.identifier.execution_id if self.identifier is not None else None) or None,
            action=self.trigger_action or "",
            status=self.action_status or "",
            services={service.service_id: service.status or "" for service in self._services() if service.service_id},
            # An instant without a time zone cannot be compared.
            created_at=created_at if created_at is not None and created_at.tzinfo is not None else None,
            triggered_by=auditing.triggered_by,
            origin=auditing.origin,
        )

    def to_queued_request(self) -> QueuedRequest | None:
        """Convert it to a waiting request; None if it has no request id."""
        if self.identifier is None or not self.identifier.deployment_request_id:
            return None
        auditing = self.auditing_data or WireAuditing()
        return QueuedRequest(
            request_id=self.identifier.deployment_request_id,
            action=self.trigger_action or "",
            service_ids=frozenset(service.service_id for service in self._services() if service.service_id),
            triggered_by=auditing.triggered_by,
            origin=auditing.origin,
        )


class WireRuns(_Wire):
    """A list of runs or of queued requests. It is required: an answer without it is not an empty list."""

    results: list[WireRun]


class WireSubmitAnswer(_Wire):
    """The answer to a submit: a `Status`, as documented, or an `EnvironmentStatus`; both may have the request's id."""

    deployment_request_id: str | None = None
    execution_id: str | None = None
    last_deployment_id: str | None = None

    def to_domain(self) -> SubmitReceipt:
        """Return the ids in it."""
        return SubmitReceipt(
            request_ids=frozenset([self.deployment_request_id] if self.deployment_request_id else []),
            execution_id=self.execution_id or self.last_deployment_id or None,
        )


class WireReference(_Wire):
    """`ReferenceObject`."""

    id: str


class WireNamed(_Wire):
    """An organization or a project."""

    id: str
    name: str


class WireNamedList(_Wire):
    """A list of organizations or projects."""

    results: list[WireNamed]


class WireEnvironment(_Wire):
    """`Environment`."""

    id: str
    name: str
    project: WireReference | None = None
    organization: WireReference | None = None

    def within(self, organization_id: str, project_id: str | None = None) -> Self:
        """Return it with the organization and project in which it was found, unless it names its own."""
        project = self.project or (WireReference(id=project_id) if project_id is not None else None)
        organization = self.organization or WireReference(id=organization_id)
        return self.model_copy(update={"organization": organization, "project": project})


class WireEnvironmentList(_Wire):
    """A list of environments."""

    results: list[WireEnvironment]


class WireService(_Wire):
    """A service of any kind, as `/environment/{id}/services` lists it."""

    id: str
    name: str
    service_type: str = ""
    mode: str | None = None
    """Databases only: CONTAINER or MANAGED."""


class WireServiceList(_Wire):
    """A list of services."""

    results: list[WireService]


class WireLightService(WireService):
    """`ServiceLightResponse`: a service in its organization's list. It does not contain a database's mode."""

    environment_id: str


class WireLightServiceList(_Wire):
    """A list of an organization's services."""

    results: list[WireLightService]
