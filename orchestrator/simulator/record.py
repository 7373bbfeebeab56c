"""Records what really happened in a simulated world, so that a client of it can be judged."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from orchestrator.simulator.model import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """An event, `at` seconds after the world's epoch."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAccepted(Happening):
    """The platform accepted a request."""

    environment_id: str
    user: str
    action: Action
    service_ids: tuple[str, ...]
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBegan(Happening):
    """A run was created for these requests: one, or several merged ones."""

    environment_id: str
    execution_id: str
    user: str
    action: Action
    request_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRestarted(Happening):
    """The engine worked on the restart of one service, from `started` to `at`; `ok` if the service did restart."""

    environment_id: str
    service_id: str
    execution_id: str
    started: float
    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded(Happening):
    """A run ended."""

    environment_id: str
    execution_id: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCancelled(Happening):
    """A user removed a waiting request from the queue."""

    environment_id: str
    user: str
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCancelled(Happening):
    """A user cancelled a run."""

    environment_id: str
    user: str
    execution_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRemoved(Happening):
    """A service was deleted."""

    environment_id: str
    service_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaExceeded(Happening):
    """A user sent more requests than the hourly quota allows, and got a 429."""

    user: str


H = TypeVar("H", bound=Happening)


class Record:
    """An append-only list of events."""

    def __init__(self) -> None:
        self._happenings: list[Happening] = []

    def add(self, happening: Happening) -> None:
        """Append an event."""
        self._happenings.append(happening)

    def __iter__(self) -> Iterator[Happening]:
        return iter(self._happenings)

    def __len__(self) -> int:
        return len(self._happenings)

    def of(self, kind: type[H]) -> list[H]:
        """Return the events of one kind, in order."""
        return [happening for happening in self._happenings if isinstance(happening, kind)]

    def accepted(self, environment_id: str, *, user: str, action: Action = Action.RESTART) -> list[RequestAccepted]:
        """Return the accepted requests of `user` for `action` in an environment."""
        return [
            request
            for request in self.of(RequestAccepted)
            if (request.environment_id, request.user, request.action) == (environment_id, user, action)
        ]

    def truly_restarted(self, environment_id: str, service_ids: Iterable[str], *, after: float) -> bool:
        """Return whether every one of `service_ids` did restart, each in a run created later than `after`."""
        recent = {
            run.execution_id for run in self.of(RunBegan) if run.environment_id == environment_id and run.at > after
        }
        restarted = {
            restart.service_id for restart in self.of(ServiceRestarted) if restart.ok and restart.execution_id in recent
        }
        return restarted >= set(service_ids)

    def to_json(self) -> list[dict[str, Any]]:
        """Return all events as JSON-compatible dicts; `event` is the kind."""
        return [{"event": type(happening).__name__, **asdict(happening)} for happening in self._happenings]
