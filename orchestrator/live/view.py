"""What the live view shows of a run, for the height of a terminal and an instant. Pure, and without any width."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.domain.durations import span
from orchestrator.live.board import Board, Flight, Problem

LEAST_HEIGHT = 3
"""Lines: the header, one row, and what the rest is folded into."""
_NEARLY = 0.95
"""How full a bar is at most by the time that has passed: only what was seen fills it."""
_HOUR, _MINUTE = 3600, 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the first line says, in parts: a narrow terminal leaves some out."""

    config: str
    run: str
    wave: str
    elapsed: str
    done: str
    quota: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemRow:
    """An environment that did not end well."""

    name: str
    outcome: str
    reason: str
    console_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightRow:
    """An environment in flight."""

    name: str
    filled: float
    """The share of the bar that is filled, from 0 to 1."""
    doing: str
    detail: str
    """How many services are done, or how far a health check is."""
    elapsed: str
    usually: str


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is shown at one instant."""

    header: Header
    problems: tuple[ProblemRow, ...]
    flights: tuple[FlightRow, ...]
    folded: str
    """What stands for all that is not shown; "" if everything is."""


def view_of(board: Board, *, now: float, height: int, quota_left: int | None = None) -> View:
    """Return what to show: problems first, then what has been in flight longest, and one line for the rest.

    Where both do not fit, problems get at least half of the rows, and what is in flight at least the other half.

    Args:
        board: what is known of the run.
        now: an instant on the clock of the board.
        height: how many lines there are.
        quota_left: requests that the token has left, if that is known.
    """
    rows = max(height, LEAST_HEIGHT) - 1
    flights = sorted(board.flights.values(), key=lambda flight: flight.began)
    others = _not_begun(board, now)
    if others or len(board.problems) + len(flights) > rows:
        rows -= 1
    problems = board.problems[-max(rows - len(flights), (rows + 1) // 2) :] if board.problems else []
    shown = flights[: rows - len(problems)]
    return View(
        header=_header(board, now, quota_left),
        problems=tuple(map(_problem_row, problems)),
        flights=tuple(_flight_row(flight, now) for flight in shown),
        folded=_folded(len(board.problems) - len(problems), flights[len(shown) :], others),
    )


def _header(board: Board, now: float, quota_left: int | None) -> Header:
    failed = f", {len(board.problems)} failed" if board.problems else ""
    waves = max(board.waves, len(board.waves_begun))
    return Header(
        config=board.config or "",
        run=f"run {board.run_id}",
        wave=f"wave {max(len(board.waves_begun), 1)} of {waves}" if waves > 1 else "",
        elapsed=_clock(now - board.began),
        done=f"{board.done}/{board.total} done{failed}" if board.total else "looking up names",
        quota="" if quota_left is None else f"quota {quota_left} left",
    )


def _clock(seconds: float) -> str:
    """Return a time as a clock shows it.

    >>> _clock(252.7)
    '00:04:12'
    """
    whole = max(int(seconds), 0)
    return f"{whole // _HOUR:02}:{whole % _HOUR // _MINUTE:02}:{whole % _MINUTE:02}"


def _problem_row(problem: Problem) -> ProblemRow:
    services = ", ".join(f"{name} {state}" for name, state in problem.services[:2])
    more = f" and {len(problem.services) - 2} more" if len(problem.services) > 2 else ""  # noqa: PLR2004 - those shown
    return ProblemRow(
        name=problem.name,
        outcome=problem.outcome,
        reason=f"{problem.reason}: {services}{more}" if services else problem.reason,
        console_url=problem.console_url,
    )


def _flight_row(flight: Flight, now: float) -> FlightRow:
    since = flight.began if flight.submitted is None else flight.submitted
    elapsed = max(now - since, 0.0)
    return FlightRow(
        name=flight.name,
        filled=_filled(flight, elapsed),
        doing=flight.doing,
        detail=_detail(flight),
        elapsed=_whole(elapsed),
        usually="" if flight.usually is None else f"usually {_whole(flight.usually)}",
    )


def _whole(seconds: float) -> str:
    """Return a duration without tenths of seconds, which would only flicker."""
    return f"{int(seconds)}s" if seconds < _MINUTE else span(float(int(seconds)))


def _filled(flight: Flight, elapsed: float) -> float:
    if flight.checks:
        return 1.0
    seen = flight.done / flight.services if flight.services else 0.0
    expected = elapsed / flight.usually if flight.usually and flight.submitted is not None else 0.0
    return min(max(seen, min(expected, _NEARLY)), 1.0)


def _detail(flight: Flight) -> str:
    if flight.checks:
        first, *rest = flight.checks.values()
        return f"{first.words}, +{len(rest)}" if rest else first.words
    return f"{flight.done}/{flight.services}" if flight.services else ""


def _not_begun(board: Board, now: float) -> Sequence[str]:
    parts = []
    if board.waiting:
        wait = board.quota_opens - now
        soon = f" (next in {_whole(wait)})" if wait > 0 else ""
        parts.append(f"{board.waiting} waiting for the quota{soon}")
    if board.to_begin:
        pause = board.pause_ends - now
        soon = f" (in {_whole(pause)})" if pause > 0 and not board.flights else ""
        parts.append(f"{board.to_begin} to begin{soon}")
    return parts


def _folded(problems: int, flights: Sequence[Flight], others: Sequence[str]) -> str:
    counts = Counter(flight.doing for flight in flights).most_common()
    parts = [f"{problems} more {'problem' if problems == 1 else 'problems'}"] if problems else []
    parts += [
        f"{number} more {word}" if not place else f"{number} {word}" for place, (word, number) in enumerate(counts)
    ]
    return ", ".join([*parts, *others])
