"""What is known of a run from its log events: the only source of the live view. No clock, no I/O."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from orchestrator.domain.outcomes import Outcome
from orchestrator.domain.states import State, StateClass, classify
from orchestrator.text import printable

Event: TypeAlias = Mapping[str, Any]

_GOOD = frozenset(outcome.value for outcome in Outcome if outcome.is_good)
_QUEUED = frozenset(
    {State.QUEUED, State.RESTART_QUEUED, State.DEPLOYMENT_QUEUED, State.STOP_QUEUED, State.DELETE_QUEUED}
)
_STARTS = frozenset({"run_started", "run_resumed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A health check that has not ended."""

    name: str
    streak: int = 0
    consecutive: int = 1

    @property
    def words(self) -> str:
        """How far it is: "healthz 2 of 3"."""
        return f"{self.name} {self.streak} of {self.consecutive}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """One environment that has begun and not ended. Instants are on the caller's clock."""

    name: str
    began: float
    services: int = 0
    word: str = "looking"
    """What goes on, until services or health checks show it."""
    submitted: float | None = None
    usually: float | None = None
    """Seconds that its restarts took before."""
    states: Mapping[str, str] = field(default_factory=dict)
    """The state of each service that was seen since the submit, by its name."""
    checks: Mapping[str, Check] = field(default_factory=dict)
    """By URL."""

    @property
    def done(self) -> int:
        """How many services have ended well."""
        classes = (classify(state) for state in self.states.values())
        return sum(each in (StateClass.SUCCESS, StateClass.ENDED_OTHERWISE) for each in classes)

    @property
    def doing(self) -> str:
        """What goes on, in a word or two."""
        if self.checks:
            return "verifying"
        busy = Counter(state for state in self.states.values() if classify(state) is StateClass.IN_PROGRESS)
        if at_work := [state for state in busy if state not in _QUEUED]:
            return _in_words(max(at_work, key=busy.__getitem__))
        if busy:
            return "queued"
        if self.failed:
            return _in_words(self.failed[0][1])
        if self.states and self.done >= self.services:
            return "restarted" if State.RESTARTED in self.states.values() else "settled"
        return self.word

    @property
    def failed(self) -> tuple[tuple[str, str], ...]:
        """The services that have ended badly, each with its state."""
        return tuple((name, state) for name, state in self.states.items() if classify(state) is StateClass.FAILURE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One environment that did not end well."""

    name: str
    outcome: str
    reason: str
    services: tuple[tuple[str, str], ...] = ()
    """Those that failed, each with its state."""
    console_url: str | None = None


class Board:
    """Follows a run by its events.

    Attributes:
        run_id: the run; None until it has begun.
        config: the name of its file, if it has one.
        began: the instant at which it began.
        total: how many environments it has; 0 until that is known.
        waves: how many waves; 0 until that is known.
        waves_begun: the numbers of those of which an environment has begun.
        flights: what is in flight, by name, the oldest first.
        problems: what has not ended well, in the order of their ends.
        done: how many environments have ended.
        waiting: how many environments wait for the quota.
        quota_opens: the instant at which the next of them may begin.
        pause_ends: the instant at which the next wave begins, if there is a pause between waves.
    """

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self.run_id: str | None = None
        self.config: str | None = None
        self.began = 0.0
        self.total = 0
        self.waves = 0
        self.waves_begun: set[int] = set()
        self.flights: dict[str, Flight] = {}
        self.problems: list[Problem] = []
        self.done = 0
        self.waiting = 0
        self.quota_opens = 0.0
        self.pause_ends = 0.0
        self.is_over = False

    @property
    def is_on(self) -> bool:
        """Whether a run is in progress."""
        return self.run_id is not None and not self.is_over

    @property
    def to_begin(self) -> int:
        """How many environments have not begun and do not wait for the quota."""
        return max(self.total - self.done - len(self.flights) - self.waiting, 0)

    def take(self, event: Event, at: float) -> None:
        """Take in an event of the log, logged at the instant `at`. What lacks its details tells nothing."""
        name = str(event.get("event"))
        if name in _STARTS and (self.is_over or self.run_id is None):
            self._clear()  # A schedule begins run after run.
            self.run_id, self.began = _text(event.get("run_id")), at
        of_run, of_flight = _OF_RUN.get(name), _OF_FLIGHT.get(name)
        if of_run is not None:
            of_run(self, event, at)
        elif of_flight is not None:
            flight = self.flights.get(_text(event.get("environment")))
            if flight is not None:
                self.flights[flight.name] = of_flight(flight, event, at)


def _started(board: Board, event: Event, _: float) -> None:
    board.config = None if event.get("config") is None else _text(event["config"]).rpartition("/")[2]


def _resumed(board: Board, event: Event, at: float) -> None:
    _started(board, event, at)
    board.began = at - _seconds(event.get("elapsed_s"))
    board.done = _count(event.get("settled"))
    board.total = board.done + _count(event.get("in_flight")) + _count(event.get("new"))
    board.waves = _count(event.get("waves"))


def _planned(board: Board, event: Event, _: float) -> None:
    board.total, board.waves = _count(event.get("environments")), _count(event.get("waves"))


def _begun(board: Board, event: Event, at: float) -> None:
    name = _text(event.get("environment"))
    board.waiting = max(board.waiting - 1, 0)
    if event.get("wave") is not None:
        board.waves_begun.add(_count(event["wave"]))
    board.flights[name] = Flight(
        name=name,
        began=at,
        services=_count(event.get("services")),
        usually=_optional_seconds(event.get("usually_s")),
    )


def _settled(board: Board, event: Event, _: float) -> None:
    name = _text(event.get("environment"))
    flight = board.flights.pop(name, None)
    board.done += 1
    outcome = _text(event.get("outcome"))
    if outcome not in _GOOD:
        board.problems.append(
            Problem(
                name=name,
                outcome=outcome.replace("_", " "),
                reason=_text(event.get("reason")),
                services=() if flight is None else flight.failed,
                console_url=None if event.get("console_url") is None else _text(event["console_url"]),
            )
        )


def _paused(board: Board, event: Event, at: float) -> None:
    if event.get("environments_waiting") is not None:
        board.waiting = _count(event["environments_waiting"])
        board.quota_opens = at + _seconds(event.get("pause_s"))
    elif (flight := board.flights.get(_text(event.get("environment")))) is not None:
        board.flights[flight.name] = replace(flight, word="waiting for the quota")


def _between_waves(board: Board, event: Event, at: float) -> None:
    board.pause_ends = at + _seconds(event.get("pause_s"))


def _finished(board: Board, _: Event, __: float) -> None:
    board.is_over = True


def _submitted(flight: Flight, event: Event, at: float) -> Flight:
    return replace(
        flight, submitted=at, word="submitted", services=_count(event.get("services")) or flight.services, states={}
    )


def _changed(flight: Flight, event: Event, at: float) -> Flight:
    states = {**flight.states, _text(event.get("service")): _text(event.get("state"))}
    elapsed = _optional_seconds(event.get("elapsed_s"))
    submitted = at - elapsed if elapsed is not None else flight.submitted
    return replace(flight, states=states, services=max(flight.services, len(states)), submitted=submitted)


def _answered(flight: Flight, event: Event, _: float) -> Flight:
    url = _text(event.get("url"))
    check = Check(name=_name_of(url), streak=_count(event.get("streak")), consecutive=_count(event.get("consecutive")))
    return replace(flight, checks={**flight.checks, url: check})


def _checked(flight: Flight, event: Event, _: float) -> Flight:
    return replace(flight, checks={url: each for url, each in flight.checks.items() if url != _text(event.get("url"))})


def _with_word(word: str) -> Callable[[Flight, Event, float], Flight]:
    return lambda flight, _, __: replace(flight, word=word)


_OF_RUN: Mapping[str, Callable[[Board, Event, float], None]] = MappingProxyType(
    {
        "run_started": _started,
        "run_resumed": _resumed,
        "plan_ready": _planned,
        "environment_started": _begun,
        "restart_settled": _settled,
        "watch_settled": _settled,
        "quota_paused": _paused,
        "wave_paused": _between_waves,
        "run_finished": _finished,
    }
)
_OF_FLIGHT: Mapping[str, Callable[[Flight, Event, float], Flight]] = MappingProxyType(
    {
        "baseline_read": _with_word("submitting"),
        "environment_busy": _with_word("waiting, busy"),
        "submit_unanswered": _with_word("looking for it"),
        "submit_refused": _with_word("looking for it"),
        "restart_submitted": _submitted,
        "service_state_changed": _changed,
        "verification_answered": _answered,
        "verification_passed": _checked,
        "verification_failed": _checked,
    }
)


def _name_of(url: str) -> str:
    """Return what to call a health check: the last word of its path, or its host."""
    parts = urlsplit(url)
    return parts.path.rstrip("/").rpartition("/")[2] or parts.netloc or url


def _in_words(state: str) -> str:
    return state.lower().replace("_", " ")


def _text(value: object) -> str:
    return printable(str(value))


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _optional_seconds(value: object) -> float | None:
    return None if value is None else _seconds(value)
