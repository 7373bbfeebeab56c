"""A small Qovery that fits in a process. Pure: no I/O, no clock; time is what `advance` is handed."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from enum import Enum, unique
from functools import partial

from orchestrator.domain.plan import EnvironmentPath
from orchestrator.simulator.agenda import Agenda
from orchestrator.simulator.chance import EVEN, happens, source
from orchestrator.simulator.engine import (
    ConflictError,
    Engine,
    InvalidRequestError,
    NotThereError,
    RefusalError,
)
from orchestrator.simulator.model import (
    Action,
    Environment,
    Organization,
    Origin,
    Project,
    Request,
    Run,
    ServiceStatus,
    Snapshot,
    normalised,
)
from orchestrator.simulator.record import Record
from orchestrator.simulator.timings import CALM, Timings

__all__ = ["EPOCH", "ConflictError", "InvalidRequestError", "NotThereError", "RefusalError", "Trigger", "World"]

EPOCH = datetime(2026, 1, 14, 3, 0, tzinfo=UTC)
"""When a world begins, where nobody says otherwise: a Wednesday night."""


@unique
class Trigger(Enum):
    """What the world notices of its visitors, and may answer with an incident."""

    LOOK = "somebody reads an environment's statuses"
    SUBMIT = "somebody's restart was accepted"


class World:
    """Organizations, projects, environments, and what happens in them.

    Attributes:
        epoch: the wall clock's time at second 0.
        seed: what everything in it follows from, together with the sequence of what is asked of it.
        record: the truth about everything that happened.
        bulk_lags: whether the statuses of a whole project are as stale as `/statuses`. Nobody knows what Qovery does.
    """

    def __init__(self, *, seed: int, epoch: datetime = EPOCH, timings: Timings = CALM) -> None:
        self.epoch = epoch
        self._clock_steps: list[tuple[float, float]] = [(0.0, 0.0)]
        self.seed = seed
        self.record = Record()
        self.bulk_lags = happens(source(seed, "bulk"), EVEN)
        self._timings = timings
        self._agenda = Agenda()
        self._engines: dict[str, Engine] = {}
        self._armed: dict[tuple[str, Trigger], list[tuple[float, Callable[[World], None]]]] = defaultdict(list)
        self.organizations: dict[str, Organization] = {}
        self.projects: dict[str, Project] = {}
        self.environments: dict[str, Environment] = {}
        self._by_path: dict[tuple[str, ...], Environment] = {}

    @property
    def now(self) -> float:
        """The current time, in seconds since the epoch."""
        return self._agenda.now

    def advance(self, now: float) -> None:
        """Let everything happen that is due by `now`, in order. Time never goes back."""
        self._agenda.advance(now)

    def at(self, seconds: float) -> datetime:
        """Return an instant of this world as its wall clock shows it, or showed it then."""
        offset = next(offset for since, offset in reversed(self._clock_steps) if since <= seconds or since == 0.0)
        return self.epoch + timedelta(seconds=seconds + offset)

    def set_clock(self, by: float) -> None:
        """Set this world's wall clock forward by so many seconds, or back; what it has dated already stays as it is."""
        self._clock_steps.append((self.now, self._clock_steps[-1][1] + by))

    def add_environment(
        self, environment: Environment, *, services: Iterable[ServiceStatus], past: Iterable[Run] = ()
    ) -> None:
        """Add an environment, and its project and organization where they are new.

        Args:
            environment: the environment.
            services: its services, each as the past left it.
            past: its finished runs, latest last; the next execution's number follows the last one's.
        """
        self.organizations.setdefault(environment.organization.id, environment.organization)
        self.projects.setdefault(environment.project.id, environment.project)
        self.environments[environment.id] = environment
        names = _names(environment.organization.name, environment.project.name, environment.name)
        self._by_path.setdefault(names, environment)
        self._engines[environment.id] = Engine(
            environment,
            services=services,
            past=past,
            timings=self._timings,
            agenda=self._agenda,
            record=self.record,
            rng=source(self.seed, "engine", environment.id),
        )

    def find(self, locator: str | EnvironmentPath) -> Environment | None:
        """Return the environment with that id, or at that path; names are compared as Qovery does."""
        if isinstance(locator, str):
            return self.environments.get(normalised(locator))
        return self._by_path.get(_names(locator.organization, locator.project, locator.environment))

    def snapshot(self, environment_id: str, *, age: float = 0.0) -> Snapshot:
        """Return an environment as it was `age` seconds ago (up to a minute).

        Raises:
            NotThereError: there is no such environment.
        """
        return self._engine(environment_id).snapshot(age=age)

    def submit(
        self, environment_id: str, action: Action, service_ids: Iterable[str], *, user: str, origin: Origin = Origin.API
    ) -> Request:
        """Ask for something to be done with services of an environment.

        Raises:
            NotThereError: there is no such environment.
            InvalidRequestError: what is asked makes no sense.
            ConflictError: a cancel is in progress there.
        """
        return self._engine(environment_id).accept(action, service_ids, user=user, origin=origin)

    def cancel_request(self, request_id: str, *, user: str) -> None:
        """Cancel one waiting request.

        Raises:
            NotThereError: there is none, or it cannot be seen yet.
            ConflictError: it does not wait any more.
        """
        environment_id = self.environment_of_request(request_id)
        if environment_id is None:
            raise NotThereError(f"there is no deployment request {request_id}")
        self._engines[environment_id].cancel_request(request_id, user=user)

    def cancel_run(self, environment_id: str, *, user: str) -> None:
        """Cancel whatever runs in an environment.

        Raises:
            NotThereError: there is no such environment.
            ConflictError: nothing runs there, or it is being cancelled already.
        """
        self._engine(environment_id).cancel_run(user=user)

    def environment_of_request(self, request_id: str) -> str | None:
        """Return the id of the environment that a request is for; None where no such request can be seen."""
        engines = self._engines.values()
        return next((engine.environment.id for engine in engines if engine.has_accepted(request_id)), None)

    def visible_since(self, environment_id: str, request_id: str) -> float:
        """Return the instant from which an accepted request is to be seen; it may lie ahead."""
        return self._engine(environment_id).visible_since(request_id)

    def remove_service(self, environment_id: str, service_id: str) -> None:
        """Let a service disappear."""
        self._engine(environment_id).remove(service_id)

    def doom(self, environment_id: str, service_id: str) -> None:
        """Let the next thing that is done with a service fail."""
        self._engine(environment_id).doom(service_id)

    def arm(self, environment_id: str, trigger: Trigger, *, delay: float, act: "Callable[[World], None]") -> None:
        """Plan something for `delay` seconds after the first time that `trigger` is noticed in an environment."""
        self._armed[environment_id, trigger].append((delay, act))

    def notice(self, environment_id: str, trigger: Trigger) -> None:
        """Set off what was armed."""
        for delay, act in self._armed.pop((environment_id, trigger), ()):
            self._agenda.after(delay, partial(act, self))

    def _engine(self, environment_id: str) -> Engine:
        try:
            return self._engines[environment_id]
        except KeyError:
            raise NotThereError(f"there is no environment {environment_id}") from None


def _names(*names: str) -> tuple[str, ...]:
    return tuple(map(normalised, names))
