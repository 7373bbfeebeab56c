"""A simulated Qovery. Pure: no I/O, no clock; `advance` sets the time."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from enum import Enum, unique
from functools import partial

from orchestrator.domain.plan import EnvironmentPath
from orchestrator.simulator.agenda import Agenda
from orchestrator.simulator.chance import source
from orchestrator.simulator.dials import DEFAULT, Dials
from orchestrator.simulator.engine import (
    ConflictError,
    Engine,
    InvalidRequestError,
    NotThereError,
    RefusalError,
)
from orchestrator.simulator.model import (
    INHABITANTS,
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
"""The default start of a world: a Wednesday night."""


@unique
class Trigger(Enum):
    """What a client does that may trigger an incident."""

    LOOK = "the statuses of an environment were read"
    SUBMIT = "a restart was accepted"


class World:
    """Organizations, projects, environments, and what happens in them.

    Attributes:
        epoch: the wall clock's time at second 0.
        seed: determines everything in it, together with the sequence of calls.
        record: what really happened.
        dials: what is undocumented about the platform, as it is in this world.
        client: the last user who asked for anything, colleagues excepted; None before.
        whims: the source of chance for what differs from one reading to the next.
    """

    def __init__(self, *, seed: int, epoch: datetime = EPOCH, timings: Timings = CALM, dials: Dials = DEFAULT) -> None:
        self.epoch = epoch
        self._clock_steps: list[tuple[float, float]] = [(0.0, 0.0)]
        self.seed = seed
        self.record = Record()
        self.dials = dials
        self.client: str | None = None
        self.whims = source(seed, "whims")
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
        """Run everything that is due by `now`, in order. Time never goes back."""
        self._agenda.advance(now)

    def at(self, seconds: float) -> datetime:
        """Return an instant of this world as its wall clock shows it, or showed it at the time."""
        offset = next(offset for since, offset in reversed(self._clock_steps) if since <= seconds or since == 0.0)
        return self.epoch + timedelta(seconds=seconds + offset)

    def set_clock(self, by: float) -> None:
        """Set the wall clock forward by `by` seconds, or back if it is negative; earlier dates stay as they are."""
        self._clock_steps.append((self.now, self._clock_steps[-1][1] + by))

    def add_environment(
        self, environment: Environment, *, services: Iterable[ServiceStatus], past: Iterable[Run] = ()
    ) -> None:
        """Add an environment, and its project and organization if they are new.

        Args:
            environment: the environment.
            services: the statuses of its services after its past.
            past: its finished runs, latest last; execution numbers continue from the highest one.
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
            dials=self.dials,
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
        """Request an action on services of an environment.

        Raises:
            NotThereError: there is no such environment.
            InvalidRequestError: the request is invalid.
            ConflictError: a cancel is in progress there; or anything is, in a world that queues nothing.
        """
        if user not in INHABITANTS:
            self.client = user
        return self._engine(environment_id).accept(action, service_ids, user=user, origin=origin)

    def cancel_request(self, request_id: str, *, user: str) -> None:
        """Cancel one waiting request.

        Raises:
            NotThereError: there is none, or it is not visible yet.
            ConflictError: it is no longer waiting.
        """
        environment_id = self.environment_of_request(request_id)
        if environment_id is None:
            raise NotThereError(f"there is no deployment request {request_id}")
        self._engines[environment_id].cancel_request(request_id, user=user)

    def cancel_run(self, environment_id: str, *, user: str) -> None:
        """Cancel the current run of an environment.

        Raises:
            NotThereError: there is no such environment.
            ConflictError: there is no current run, or it is already being cancelled.
        """
        self._engine(environment_id).cancel_run(user=user)

    def environment_of_request(self, request_id: str) -> str | None:
        """Return the id of the environment that a request is for; None if no such request is visible."""
        engines = self._engines.values()
        return next((engine.environment.id for engine in engines if engine.has_accepted(request_id)), None)

    def request_of_another(self, user: str) -> Request | None:
        """Return a request of anybody but `user`, one that waits if there is any."""
        theirs = [request for engine in self._engines.values() for request in engine.accepted_by_others(user)]
        waiting = {request.id for engine in self._engines.values() for request in engine.snapshot().waiting}
        return next((request for request in theirs if request.id in waiting), next(iter(theirs), None))

    def visible_since(self, environment_id: str, request_id: str) -> float:
        """Return the instant from which an accepted request is visible; it may be in the future."""
        return self._engine(environment_id).visible_since(request_id)

    def remove_service(self, environment_id: str, service_id: str) -> None:
        """Delete a service."""
        self._engine(environment_id).remove(service_id)

    def doom(self, environment_id: str, service_id: str) -> None:
        """Make the next action on a service fail."""
        self._engine(environment_id).doom(service_id)

    def arm(self, environment_id: str, trigger: Trigger, *, delay: float, act: "Callable[[World], None]") -> None:
        """Schedule `act` for `delay` seconds after the next `trigger` in an environment."""
        self._armed[environment_id, trigger].append((delay, act))

    def notice(self, environment_id: str, trigger: Trigger) -> None:
        """Schedule what was armed for a trigger."""
        for delay, act in self._armed.pop((environment_id, trigger), ()):
            self._agenda.after(delay, partial(act, self))

    def _engine(self, environment_id: str) -> Engine:
        try:
            return self._engines[environment_id]
        except KeyError:
            raise NotThereError(f"there is no environment {environment_id}") from None


def _names(*names: str) -> tuple[str, ...]:
    return tuple(map(normalised, names))
