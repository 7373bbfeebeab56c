"""The simulated Qovery, as values: what exists, what was requested, what ran.

All instants are seconds since the world's epoch; those before the start of the simulation are negative.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique
from types import MappingProxyType

from orchestrator.domain.states import State
from orchestrator.text import fold

COLLEAGUES = ("alice@example.com", "bob@example.com")
"""The other users of a simulated platform."""

PLATFORM = "qovery"
"""The user of the auto-stop rule."""

INHABITANTS = frozenset({*COLLEAGUES, PLATFORM})
"""Everybody but the clients of a simulated platform."""


@unique
class Kind(StrEnum):
    """The kinds of service, as the API spells them."""

    APPLICATION = "APPLICATION"
    CONTAINER = "CONTAINER"
    DATABASE = "DATABASE"
    JOB = "JOB"
    HELM = "HELM"
    TERRAFORM = "TERRAFORM"


@unique
class DatabaseMode(StrEnum):
    """Where a database runs. Only a container in the cluster can be restarted."""

    CONTAINER = "CONTAINER"
    MANAGED = "MANAGED"


@unique
class Origin(StrEnum):
    """How a request was made."""

    API = "API"
    CONSOLE = "CONSOLE"
    QOVERY_INTERNAL = "QOVERY_INTERNAL"


@unique
class Action(StrEnum):
    """What can be requested for an environment, with the states that a service goes through."""

    DEPLOY = "DEPLOY"
    RESTART = "RESTART"
    STOP = "STOP"

    @property
    def queued(self) -> State:
        """The state while waiting."""
        return _STATES[self][0]

    @property
    def ongoing(self) -> State:
        """The state while in progress."""
        return _STATES[self][1]

    @property
    def done(self) -> State:
        """The state after success."""
        return _STATES[self][2]

    @property
    def failed(self) -> State:
        """The state after failure."""
        return _STATES[self][3]


_STATES: Mapping[Action, tuple[State, State, State, State]] = MappingProxyType(
    {
        Action.DEPLOY: (State.DEPLOYMENT_QUEUED, State.DEPLOYING, State.DEPLOYED, State.DEPLOYMENT_ERROR),
        Action.RESTART: (State.RESTART_QUEUED, State.RESTARTING, State.RESTARTED, State.RESTART_ERROR),
        Action.STOP: (State.STOP_QUEUED, State.STOPPING, State.STOPPED, State.STOP_ERROR),
    }
)

"""The states in which a service may be after a run."""


@unique
class ActionStatus(StrEnum):
    """The progress of an action, as the deployment history spells it."""

    QUEUED = "QUEUED"
    ONGOING = "ONGOING"
    SUCCESS = "SUCCESS"
    ERROR = "ERROR"
    CANCELED = "CANCELED"
    CANCELING = "CANCELING"
    NEVER = "NEVER"


def normalised(name: str) -> str:
    r"""Return a name as Qovery compares it: without case, special spaces or invisible characters.

    >>> normalised("  My\N{NO-BREAK SPACE}Shop ") == normalised("my shop")
    True
    """
    return fold(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """An organization."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project of an organization."""

    id: str
    name: str
    organization_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A deployment stage; the kind of a service decides its stage."""

    id: str
    name: str
    kinds: frozenset[Kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoStop:
    """The rule that stops an environment outside its hours."""

    enabled: bool = False
    timezone: str = "UTC"
    start_hour: int = 8
    stop_hour: int = 20
    weekdays: tuple[str, ...] = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """An environment: what never changes about it."""

    id: str
    name: str
    mode: str
    cluster_id: str
    project: Project
    organization: Organization
    stages: tuple[Stage, ...]
    auto_stop: AutoStop = field(default_factory=AutoStop)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service: what never changes about it."""

    id: str
    name: str
    kind: Kind
    database_mode: DatabaseMode | None = None
    """Databases only."""

    @property
    def can_restart(self) -> bool:
        """Whether the engine can restart it; a restart of any other service fails."""
        return self.kind in (Kind.APPLICATION, Kind.CONTAINER) or self.database_mode is DatabaseMode.CONTAINER


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """The status of a service, as the last run that touched it left it."""

    service: Service
    state: State
    execution_id: str | None = None
    changed_at: float | None = None
    in_last_run: bool = False
    action: Action = Action.DEPLOY
    """What that run did."""
    run_began_at: float | None = None
    """When that run was created."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An accepted request. It is visible from `visible_at` on."""

    id: str
    user: str
    origin: Origin
    action: Action
    service_ids: tuple[str, ...]
    accepted_at: float
    visible_at: float
    at_once: bool = False
    """Whether its run begins when it becomes visible: nothing is in its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One service in a run."""

    service: Service
    before: ServiceStatus
    """Its status when the run was created, in case the run never starts it."""
    state: State
    started_at: float | None = None
    ended_at: float | None = None

    @property
    def working(self) -> bool:
        """Whether it is in progress."""
        return self.started_at is not None and self.ended_at is None

    @property
    def untouched(self) -> bool:
        """Whether it was never started."""
        return self.started_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of one request, or of several merged ones."""

    execution_id: str
    action: Action
    user: str
    origin: Origin
    request_ids: tuple[str, ...]
    created_at: float
    updated_at: float
    state: State
    """The environment's state according to this run."""
    status: ActionStatus
    steps: Mapping[str, Step]
    work_began_at: float | None = None
    ended_at: float | None = None

    @property
    def cancelling(self) -> bool:
        """Whether it was cancelled and has not ended yet."""
        return self.status is ActionStatus.CANCELING

    @property
    def failed(self) -> bool:
        """Whether one of its services failed, so that it starts no more."""
        return any(step.state is self.action.failed for step in self.steps.values())

    def untouched(self) -> list[Step]:
        """Return the services that it has not started."""
        return [step for step in self.steps.values() if step.untouched]

    def working(self) -> list[Step]:
        """Return the services in progress."""
        return [step for step in self.steps.values() if step.working]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One service as a reading shows it."""

    status: ServiceStatus
    state: State
    execution_id: str | None
    action: Action
    request_id: str | None = None
    requests_waiting: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """An environment at one instant."""

    environment: Environment
    taken_at: float
    services: tuple[ServiceStatus, ...]
    waiting: tuple[Request, ...]
    """The visible waiting requests, oldest first."""
    active: Run | None
    past: tuple[Run, ...]
    """The finished runs, latest last."""

    @property
    def runs(self) -> tuple[Run, ...]:
        """Every run, latest first."""
        current = () if self.active is None else (self.active,)
        return (*current, *reversed(self.past))

    def stale(self) -> Iterable[Shown]:
        """Yield what `/statuses` shows: only the runs, as if nothing were waiting."""
        for status in self.services:
            yield Shown(status=status, state=status.state, execution_id=status.execution_id, action=status.action)

    def truthful(self) -> Iterable[Shown]:
        """Yield what `/statusesWithStages` shows.

        Only this call shows a service as queued while a request for it waits: under its previous execution, and only
        while the current run is not working on that service.
        """
        for shown in self.stale():
            requests = [request for request in self.waiting if shown.status.service.id in request.service_ids]
            if not requests:
                yield shown
                continue
            in_a_run = self.active is not None and self._is_in_progress(self.active, shown.status.service.id)
            yield Shown(
                status=shown.status,
                state=shown.state if in_a_run else requests[0].action.queued,
                execution_id=shown.execution_id,
                action=shown.action if in_a_run else requests[0].action,
                request_id=requests[0].id,
                requests_waiting=len(requests),
            )

    @staticmethod
    def _is_in_progress(run: Run, service_id: str) -> bool:
        step = run.steps.get(service_id)
        return step is not None and step.ended_at is None
