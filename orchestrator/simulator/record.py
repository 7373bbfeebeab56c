"""The truth about everything that happened in a simulated world, for whoever judges a client of it."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from orchestrator.simulator.model import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Anything that happened, `at` seconds after the world's epoch."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAccepted(Happening):
    """Somebody asked for something, and the platform took it on."""

    environment_id: str
    user: str
    action: Action
    service_ids: tuple[str, ...]
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBegan(Happening):
    """A run was created that carries these requests: one, or several that were merged."""

    environment_id: str
    execution_id: str
    user: str
    action: Action
    request_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRestarted(Happening):
    """The engine worked on a restart of one service, from `started` to `at`; `ok` when the service did restart."""

    environment_id: str
    service_id: str
    execution_id: str
    started: float
    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded(Happening):
    """A run is over."""

    environment_id: str
    execution_id: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCancelled(Happening):
    """Somebody took a waiting request out of the queue."""

    environment_id: str
    user: str
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCancelled(Happening):
    """Somebody cancelled a run."""

    environment_id: str
    user: str
    execution_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRemoved(Happening):
    """A service disappeared."""

    environment_id: str
    service_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaExceeded(Happening):
    """Somebody asked more often than an hour's quota allows, and was told so."""

    user: str


H = TypeVar("H", bound=Happening)


class Record:
    """An append-only list of what happened."""

    def __init__(self) -> None:
        self._happenings: list[Happening] = []

    def add(self, happening: Happening) -> None:
        """Append."""
        self._happenings.append(happening)

    def __iter__(self) -> Iterator[Happening]:
        return iter(self._happenings)

    def __len__(self) -> int:
        return len(self._happenings)

    def of(self, kind: type[H]) -> list[H]:
        """Return everything of one kind, in order."""
        return [happening for happening in self._happenings if isinstance(happening, kind)]

    def accepted(self, environment_id: str, *, user: str, action: Action = Action.RESTART) -> list[RequestAccepted]:
        """Return the requests for `action` that `user` got accepted for an environment."""
        return [
            request
            for request in self.of(RequestAccepted)
            if (request.environment_id, request.user, request.action) == (environment_id, user, action)
        ]

    def truly_restarted(self, environment_id: str, service_ids: Iterable[str], *, after: float) -> bool:
        """Tell whether every one of `service_ids` did restart, each in a run that began later than `after`."""
        recent = {
            run.execution_id for run in self.of(RunBegan) if run.environment_id == environment_id and run.at > after
        }
        restarted = {
            restart.service_id for restart in self.of(ServiceRestarted) if restart.ok and restart.execution_id in recent
        }
        return restarted >= set(service_ids)

    def to_json(self) -> list[dict[str, Any]]:
        """Return everything as JSON-able objects; `event` is the kind."""
        return [{"event": type(happening).__name__, **asdict(happening)} for happening in self._happenings]
