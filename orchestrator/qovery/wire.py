"""The API's JSON shapes, tolerant of missing, new and unreadable parts, and their conversion to domain values.

Only what the product reads is declared here. What the published document calls required is optional here, except for
the ids, names and lists without which an answer is useless. A part that cannot be read costs nothing else; but it never
makes a success, or that something is not there, more likely:

- of the statuses, what cannot be read is left out, and the observation is marked as incomplete;
- of the history, an entry that cannot be read is still a run, and nobody knows which;
- a queue of which an entry cannot be read is malformed: that entry may be ours, or wait for our services.
"""

import json
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from orchestrator.domain.observations import (
    RESTART_ACTION,
    Hint,
    Observation,
    QueuedRequest,
    Run,
    ServiceStatus,
    SubmitReceipt,
    execution_number,
)
from orchestrator.domain.states import StateClass

W = TypeVar("W")


def _if_invalid(fallback: Callable[[Any], Any]) -> WrapValidator:
    """Return what reads a part that may be of any type: if it is invalid, `fallback` says what it counts as."""

    def read_or_fall_back(value: Any, read: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401 - any JSON
        try:
            return read(value)
        except ValidationError:
            return fallback(value)

    return WrapValidator(read_or_fall_back)


def _as_text(value: object) -> object:
    """Return a number as a text: a name may look like one."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _folded(text: str | None) -> str | None:
    """Return an id in the case in which ids are compared; None for an empty one.

    Raises:
        ValueError: a line break or a control character in it shows that it was damaged on the way: it is nobody's.
    """
    if text and not text.isprintable():
        raise ValueError("no id has a control character in it")
    return text.casefold() if text else None


def _unless_zero(date: datetime | None) -> datetime | None:
    """Return an instant; None for one in the year 1, which is how Go writes that there is none."""
    return None if date is None or date.year == 1 else date


UNREADABLE = ""
"""A text that the API sent as something else: it is there, and like no other."""

_NONE_IF_INVALID = _if_invalid(lambda _: None)
_UNREADABLE_IF_INVALID = _if_invalid(lambda _: UNREADABLE)

_Id = Annotated[str | None, AfterValidator(_folded)]
_OptionalId = Annotated[_Id, _NONE_IF_INVALID]
_OptionalText = Annotated[str | None, _NONE_IF_INVALID]
_OptionalTime = Annotated[datetime | None, AfterValidator(_unless_zero), _NONE_IF_INVALID]
_OptionalFlag = Annotated[bool | None, _NONE_IF_INVALID]
_State = Annotated[str | None, _UNREADABLE_IF_INVALID]
_Origin = Annotated[str | None, _UNREADABLE_IF_INVALID]
"""Without an origin, a run may be ours. One whose origin cannot be read is not known to be."""
_Count = Annotated[Annotated[int, Field(strict=True, ge=0, le=1000)] | None, _NONE_IF_INVALID]
"""How many requests wait: what is no sound number says nothing. Nor does 0, since the API does not always count."""
_Name = Annotated[str, BeforeValidator(_as_text), _UNREADABLE_IF_INVALID]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


_Entry = Annotated[W | None, _NONE_IF_INVALID]
"""An entry of a list; None if it cannot be read."""
_Entries = Annotated[list[_Entry[W]] | None, _if_invalid(lambda _: [None])]
"""A list that may be missing. One that is no list counts as an entry that cannot be read."""


def readable(body: bytes) -> bytes:
    r"""Return JSON without what costs a strict reader the whole answer, and stands in texts that nobody reads.

    That is a byte order mark, broken UTF-8, half of a surrogate pair, or a control character. A body that is not JSON
    is returned as it is.

    >>> readable(b'{"name": "\\ud800", "id": "a"}')
    b'{"name": "?", "id": "a"}'
    """
    try:
        content = json.loads(body.removeprefix(BOM_UTF8).decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return body
    # Whole pairs have become one character each by now, and half of one becomes a question mark.
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")


def _none_is_empty(value: object) -> object:
    """Return an empty list for null, which is how Go writes one; a list that is missing is another matter."""
    return [] if value is None else value


_NULL_IS_EMPTY = BeforeValidator(_none_is_empty)


class WireStatus(_Wire):
    """`Status`."""

    id: _OptionalId = None
    state: _State = None
    execution_id: _OptionalId = None
    deployment_requests_count: _Count = None
    deployment_request_id: _OptionalId = None
    is_part_last_deployment: _OptionalFlag = None

    def to_domain(self) -> ServiceStatus:
        """Convert it; a missing state becomes an unknown one."""
        return ServiceStatus(
            id=self.id or "",
            state=self.state or "",
            execution_id=self.execution_id,
            requests_waiting=self.deployment_requests_count or 0,
            request_id=self.deployment_request_id,
            in_last_run=bool(self.is_part_last_deployment),
        )


class WireEnvironmentStatus(_Wire):
    """`EnvironmentStatus`."""

    id: _OptionalId = None
    state: _State = None
    last_deployment_id: _OptionalId = None


class WireProjectStatuses(_Wire):
    """The statuses of a project's environments."""

    results: Annotated[list[_Entry[WireEnvironmentStatus]], _NULL_IS_EMPTY]

    def to_domain(self) -> list[Hint]:
        """Convert the statuses that have an environment id."""
        return [
            Hint(environment_id=each.id, state=each.state, execution_id=each.last_deployment_id)
            for each in self.results
            if each is not None and each.id
        ]


class WireStage(_Wire):
    """`DeploymentStageWithServicesStatuses`."""

    applications: _Entries[WireStatus] = None
    containers: _Entries[WireStatus] = None
    databases: _Entries[WireStatus] = None
    jobs: _Entries[WireStatus] = None
    helms: _Entries[WireStatus] = None
    terraforms: _Entries[WireStatus] = None
    agentic_workflows: _Entries[WireStatus] = None

    def statuses(self) -> Iterator[WireStatus | None]:
        """Yield every status; None for one that cannot be read."""
        for statuses in (
            self.applications,
            self.containers,
            self.databases,
            self.jobs,
            self.helms,
            self.terraforms,
            self.agentic_workflows,
        ):
            yield from statuses or ()


class WireStatusesWithStages(_Wire):
    """`EnvironmentStatusesWithStages`. The stages are required: without them it is useless."""

    environment: Annotated[
        WireEnvironmentStatus | None,
        _if_invalid(lambda _: WireEnvironmentStatus(state=UNREADABLE)),
    ] = None
    stages: list[_Entry[WireStage]]

    def to_domain(self, environment_id: str, server_time: datetime | None) -> Observation:
        """Convert it: without statuses that have no service id, and with the least favourable one of a service."""
        services: dict[str, ServiceStatus] = {}
        environment = self.environment or WireEnvironmentStatus()
        incomplete = environment.state == UNREADABLE
        for stage in self.stages:
            for status in stage.statuses() if stage is not None else (None,):
                if status is None or not status.id:
                    incomplete = True
                    continue
                read = status.to_domain()
                other = services.setdefault(read.id, read)
                if other != read:
                    incomplete = True
                    services[read.id] = max(other, read, key=lambda each: _weight(each, environment_id))
        return Observation(
            environment_id=environment_id,
            services=services,
            environment_state=environment.state,
            last_execution_id=environment.last_deployment_id,
            server_time=server_time,
            incomplete=incomplete,
        )


def _weight(status: ServiceStatus, environment_id: str) -> tuple[bool, bool, bool, int]:
    """Return how much a status speaks against a success: in progress, no success, no execution, an old execution."""
    number = execution_number(environment_id, status.execution_id or "")
    return (
        status.in_progress,
        status.state_class is not StateClass.SUCCESS,
        number is None,
        -(number or 0),
    )


class WireServiceIdentifier(_Wire):
    """The `identifier` of a service in the history and in the queue."""

    service_id: _Id = None


class WireRunService(_Wire):
    """`DeploymentHistoryService`, and its equivalent in the queue."""

    identifier: WireServiceIdentifier | None = None
    status: _State = None

    @property
    def service_id(self) -> str | None:
        """The id of the service."""
        return self.identifier.service_id if self.identifier is not None else None


class WireRunStage(_Wire):
    """`DeploymentHistoryStage`, and its equivalent in the queue."""

    services: list[WireRunService] | None = None


class WireAuditing(_Wire):
    """`DeploymentHistoryAuditingData`, and its equivalent in the queue."""

    created_at: _OptionalTime = None
    triggered_by: _OptionalText = None
    origin: _Origin = None


_Auditing = Annotated[WireAuditing | None, _if_invalid(lambda _: WireAuditing(origin=UNREADABLE))]


class _WireRequested(_Wire):
    """What a run in the history and a request in the queue have in common."""

    trigger_action: str | None = None
    auditing_data: _Auditing = None
    stages: list[WireRunStage] | None = None

    def _services(self) -> Iterator[WireRunService]:
        for stage in self.stages or ():
            yield from stage.services or ()


class WireRunIdentifier(_Wire):
    """The `identifier` of a run."""

    execution_id: _Id = None


class WireRun(_WireRequested):
    """`DeploymentHistoryEnvironmentV2`."""

    identifier: WireRunIdentifier | None = None
    action_status: str | None = None

    def to_run(self) -> Run:
        """Convert it to a run."""
        auditing = self.auditing_data or WireAuditing()
        created_at = auditing.created_at
        return Run(
            execution_id=self.identifier.execution_id if self.identifier is not None else None,
            action=self.trigger_action or "",
            status=self.action_status or "",
            services={service.service_id: service.status or "" for service in self._services() if service.service_id},
            # An instant without a time zone cannot be compared.
            created_at=created_at if created_at is not None and created_at.tzinfo is not None else None,
            triggered_by=auditing.triggered_by,
            origin=auditing.origin,
        )


class _WhatIsLeftOfARun(_Wire):
    """When and by whom a run was asked for of which something else cannot be read."""

    auditing_data: _Auditing = None


def _unknown_run(value: Any) -> WireRun:  # noqa: ANN401 - any JSON
    """Return a run of which an essential part cannot be read: it may have been a restart of our services.

    Only its date may show that it was not.
    """
    left = _WhatIsLeftOfARun.model_validate(value) if isinstance(value, dict) else _WhatIsLeftOfARun()
    dated = WireAuditing(created_at=left.auditing_data.created_at) if left.auditing_data is not None else None
    return WireRun(trigger_action=RESTART_ACTION, auditing_data=dated)


class WireRuns(_Wire):
    """A list of runs. It is required: an answer without it, or with null, is not an empty list."""

    results: list[Annotated[WireRun, _if_invalid(_unknown_run)]]


class WireRequestIdentifier(_Wire):
    """The `identifier` of a queued request."""

    deployment_request_id: Annotated[str, Field(min_length=1), AfterValidator(_folded)]


class WireQueuedRequest(_WireRequested):
    """`QueuedDeploymentRequestWithStages`."""

    identifier: WireRequestIdentifier

    def to_domain(self) -> QueuedRequest:
        """Convert it."""
        auditing = self.auditing_data or WireAuditing()
        return QueuedRequest(
            request_id=self.identifier.deployment_request_id,
            action=self.trigger_action or "",
            service_ids=frozenset(service.service_id for service in self._services() if service.service_id),
            triggered_by=auditing.triggered_by,
            origin=auditing.origin,
        )


class WireQueue(_Wire):
    """The queue. Whatever it holds has to be readable: what is not may be ours, or wait for our services."""

    results: Annotated[list[WireQueuedRequest], _NULL_IS_EMPTY]


class WireSubmitAnswer(_Wire):
    """The answer to a submit: a `Status`, as documented, or an `EnvironmentStatus`; both may have the request's id."""

    deployment_request_id: _OptionalId = None
    execution_id: _OptionalId = None
    last_deployment_id: _OptionalId = None

    def to_domain(self) -> SubmitReceipt:
        """Return the ids in it."""
        return SubmitReceipt(
            request_ids=frozenset([self.deployment_request_id] if self.deployment_request_id else []),
            execution_id=self.execution_id or self.last_deployment_id,
        )


class WireReference(_Wire):
    """`ReferenceObject`."""

    id: str


_Reference = Annotated[WireReference | None, _NONE_IF_INVALID]


class WireNamed(_Wire):
    """An organization or a project. A name that cannot be read is empty, so that nothing is found by it."""

    id: str
    name: _Name = UNREADABLE


def _known(entries: Iterable[W | None]) -> list[W]:
    """Leave out what cannot be read."""
    return [entry for entry in entries if entry is not None]


class WireNamedList(_Wire):
    """A list of organizations or projects."""

    results: Annotated[list[Annotated[WireNamed, _NONE_IF_INVALID]], _NULL_IS_EMPTY, AfterValidator(_known)]


class WireEnvironment(_Wire):
    """`Environment`."""

    id: str
    name: _Name = UNREADABLE
    project: _Reference = None
    organization: _Reference = None

    def within(self, organization_id: str, project_id: str | None = None) -> Self:
        """Return it with the organization and project in which it was found, unless it names its own."""
        project = self.project or (WireReference(id=project_id) if project_id is not None else None)
        organization = self.organization or WireReference(id=organization_id)
        return self.model_copy(update={"organization": organization, "project": project})


class WireEnvironmentList(_Wire):
    """A list of environments."""

    results: Annotated[list[Annotated[WireEnvironment, _NONE_IF_INVALID]], _NULL_IS_EMPTY, AfterValidator(_known)]


class WireService(_Wire):
    """A service of any kind, as `/environment/{id}/services` lists it.

    A list never leaves one out that cannot be read: who restarts all services has to know of it. It has no id.
    """

    id: str
    name: _Name = UNREADABLE
    service_type: str = ""
    mode: _OptionalText = None
    """Databases only: CONTAINER or MANAGED."""


class WireServiceList(_Wire):
    """A list of services."""

    results: Annotated[list[Annotated[WireService, _if_invalid(lambda _: WireService(id=UNREADABLE))]], _NULL_IS_EMPTY]


class WireLightService(WireService):
    """`ServiceLightResponse`: a service in its organization's list. It does not contain a database's mode."""

    environment_id: str
    """Empty if the service cannot be read."""


class WireLightServiceList(_Wire):
    """A list of an organization's services."""

    results: Annotated[
        list[
            Annotated[
                WireLightService, _if_invalid(lambda _: WireLightService(id=UNREADABLE, environment_id=UNREADABLE))
            ]
        ],
        _NULL_IS_EMPTY,
    ]
