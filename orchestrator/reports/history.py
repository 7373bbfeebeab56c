"""How `history` shows what has happened before: as text that fits a terminal, and as JSON."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from textwrap import wrap
from typing import Any

from rich.cells import cell_len, set_cell_size

from orchestrator.domain.history import Figures, History, PastRestart, PastRun, RunState
from orchestrator.domain.outcomes import Outcome
from orchestrator.reports.digest import outcome_words, worst_to_best
from orchestrator.reports.wording import count, span
from orchestrator.text import printable

SCHEMA_VERSION = 1
"""Increased with every change that could break a script that reads the JSON."""
_GAP = "  "
_INDENT = "    "
_NARROWEST = 40
"""Columns."""
_STATES = {RunState.IN_PROGRESS: "in progress", RunState.INTERRUPTED: "interrupted"}
_STARTERS = {"command": "a command", "schedule": "its schedule"}
_GREEN, _RED, _YELLOW, _PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[0m"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Aside:
    """What is beside the rows if it fits, below them if it does not, and on top if it is the same for all."""

    heading: str
    on_top: str
    """The line that says it of all; "" if there is nothing to say."""
    shown: Sequence[str]
    """Of each row; "" if there is nothing to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    cells: tuple[str, ...]
    color: str
    details: tuple[str, ...]
    """Lines below it."""


def render_history(history: History, *, width: int, color: bool, zone: tzinfo | None = None) -> str:
    """Render past runs, or the restarts of one environment, as text, the latest first; the figures are last.

    Args:
        history: what there is to tell.
        width: columns; whatever is longer than that is on a line of its own.
        color: whether to write colours.
        zone: the time zone of all times; default: this machine's.
    """
    lines: list[str] = []
    if history.environments is not None:
        rows = [_restart_row(each, zone) for each in history.restarts]
        headings: tuple[str, ...] = ("STARTED", "RUN", "OUTCOME", "TOOK", "WELL")
        asides = [_files([each.source for each in history.restarts])]
        lines.append(f"Restarts of {_names(history)}")
    else:
        rows = [_run_row(each, zone) for each in history.runs]
        headings = ("STARTED", "RUN", "OUTCOME", "TOOK", "WELL")
        asides = [_files([each.source for each in history.runs]), _starters(history.runs)]
    lines += _table(headings, rows, asides, width=width, color=color)
    return (
        "\n".join(["\n".join(lines), *([""] if rows else []), *_closing(history, len(rows), zone)]).lstrip("\n") + "\n"
    )


def _names(history: History) -> str:
    names = list(dict.fromkeys(printable(each.name) for each in history.restarts))
    ids = history.environments or ()
    more = f", and {len(ids) - 1} earlier of its ids" if len(ids) > 1 else ""
    latest = printable(history.restarts[0].environment_id if history.restarts else ids[0])
    return f"{', '.join(names)} ({latest}{more})" if names else f"{latest}{more}"


def _files(files: Sequence[str | None]) -> _Aside:
    shown = ["without a file" if file is None else printable(file) for file in files]
    on_top = f"Started {shown[0]}" if shown and files[0] is None else f"Configuration {shown[0]}" if shown else ""
    return _Aside(heading="CONFIG", on_top=on_top, shown=shown)


def _starters(runs: Sequence[PastRun]) -> _Aside:
    shown = ["" if run.started_by is None else printable(run.started_by.replace("_", " ")) for run in runs]
    return _Aside(
        heading="STARTED BY",
        on_top=f"Started by {_STARTERS.get(shown[0], shown[0])}" if shown and shown[0] else "",
        shown=shown,
    )


def _run_row(run: PastRun, zone: tzinfo | None) -> _Row:
    good = run.outcomes.get(Outcome.SUCCEEDED, 0)
    cells = (
        _local(run.started_at, zone),
        printable(run.run_id),
        _outcome(run.state, run.outcome, run.exit_code),
        span(run.duration_s),
        f"{good}/{run.environments}",
    )
    details = []
    if good < run.environments:
        details.append(_breakdown(run))
    if run.parent_id is not None:
        details.append(f"repeats what failed in {printable(run.parent_id)}")
    if run.resume is not None:
        details.append(printable(run.resume))
    return _Row(cells=cells, color=_color(run.succeeded, run.state), details=tuple(details))


def _restart_row(restart: PastRestart, zone: tzinfo | None) -> _Row:
    result = restart.result
    services = () if result is None else result.services
    good = sum(service.outcome is Outcome.SUCCEEDED for service in services)
    cells = (
        _local(restart.started_at, zone),
        printable(restart.run_id),
        _outcome(restart.state, None if result is None else result.outcome.value, None),
        span(None if result is None else result.duration_s),
        f"{good}/{len(services)}" if services else "-",
    )
    details = []
    if result is not None and result.outcome is not Outcome.SUCCEEDED:
        details.append(f"{result.reason.value}: {printable(result.message)}")
    if restart.resume is not None:
        details.append(printable(restart.resume))
    return _Row(cells=cells, color=_color(restart.succeeded, restart.state), details=tuple(details))


def _outcome(state: RunState, outcome: str | None, exit_code: int | None) -> str:
    words = _STATES.get(state) or printable((outcome or "unknown").replace("_", " "))
    code = "" if not exit_code or state is RunState.IN_PROGRESS else f" {exit_code}"
    return f"{words}{code}"


def _color(succeeded: bool | None, state: RunState) -> str:
    if state is not RunState.ENDED or succeeded is None:
        return _YELLOW
    return _GREEN if succeeded else _RED


def _breakdown(run: PastRun) -> str:
    counts = [f"{run.outcomes[each]} {outcome_words(each)}" for each in worst_to_best() if run.outcomes.get(each)]
    return ", ".join([*counts, *([f"{run.open} not ended"] if run.open else [])])


def _table(
    headings: tuple[str, ...], rows: Sequence[_Row], asides: Sequence[_Aside], *, width: int, color: bool
) -> Iterator[str]:
    """Yield the rows, with what is beside or below them."""
    if not rows:
        return
    columns = [(heading, *(row.cells[place] for row in rows)) for place, heading in enumerate(headings)]
    below: list[Sequence[str]] = []
    for aside in asides:
        if len(set(aside.shown)) == 1:
            yield from filter(None, (aside.on_top,))
            continue
        column = (aside.heading, *aside.shown)
        taken = sum(_width(each) + len(_GAP) for each in columns)
        if taken + _width(column) <= width:
            columns.append(column)
        else:
            below.append(aside.shown)
    widths = [_width(column) for column in columns]
    heading, *lines = (_line(cells, widths) for cells in zip(*columns, strict=True))
    yield heading
    for place, (row, line) in enumerate(zip(rows, lines, strict=True)):
        yield f"{row.color}{line}{_PLAIN}" if color else line
        for detail in (*filter(None, (shown[place] for shown in below)), *row.details):
            yield from _wrapped(detail, width)


def _width(column: Iterable[str]) -> int:
    return max(map(cell_len, column))


def _wrapped(detail: str, width: int) -> Iterator[str]:
    """Yield a detail on as many lines as it needs; no word is cut, and a command is not either."""
    if detail.startswith("qovery-restart "):
        yield f"{_INDENT}{detail}"
        return
    yield from wrap(
        detail,
        width=max(width, _NARROWEST),
        initial_indent=_INDENT,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return _GAP.join(set_cell_size(cell, width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _closing(history: History, listed: int, zone: tzinfo | None) -> Iterator[str]:
    figures = history.figures
    noun = "run" if history.environments is None else "restart"
    since = _local(history.since, zone)
    if not figures.total:
        before = history.latest_before
        earlier = f" The latest began at {_local(before, zone)}: look further back with --since." if before else ""
        yield f"No {noun}s since {since}.{earlier}"
        return
    rate = figures.success_rate
    decided = (
        "none has ended yet"
        if rate is None
        else f"{figures.succeeded} of {figures.decided} that ended succeeded ({_percent(rate)})"
    )
    yield f"{count(figures.total, noun)} since {since}: {decided}."
    if figures.median_s is not None:
        yield f"A success took {span(figures.median_s)} (median), {span(figures.p95_s)} (p95)."
    if figures.last_success_at is not None:
        yield f"The last success ended at {_local(figures.last_success_at, zone)}."
    elif rate == 0:
        yield "None succeeded in this time."
    if listed < figures.total:
        yield f"The latest {listed} are listed; --limit {figures.total} lists all."
    yield f"Times are in {_zone_name(history.since, zone)}."


def _percent(rate: float) -> str:
    """Return a rate in whole percent; never 100 % if anything failed, nor 0 % if anything succeeded."""
    rounded = round(rate * 100)
    if 0 < rate < 1:
        rounded = min(max(rounded, 1), 99)
    return f"{rounded} %"


def _local(instant: datetime, zone: tzinfo | None) -> str:
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M}"


def _zone_name(instant: datetime, zone: tzinfo | None) -> str:
    local = instant.astimezone(zone)
    name = printable(local.tzname() or "")
    offset = f"{local:%z}"
    return "UTC" if name == "UTC" else f"local time (UTC{offset[:3]}:{offset[3:5]}); run ids begin with theirs in UTC"


def history_document(history: History) -> dict[str, Any]:
    """Return the history as the JSON that the guide describes: instants in UTC, spans in seconds."""
    listed: dict[str, Any] = (
        {"runs": [_run_document(run) for run in history.runs]}
        if history.environments is None
        else {"restarts": [_restart_document(each) for each in history.restarts]}
    )
    return {
        "schema_version": SCHEMA_VERSION,
        "since": _instant(history.since),
        "environment_ids": history.environments,
        "figures": _figures_document(history.figures),
        **listed,
    }


def _figures_document(figures: Figures) -> dict[str, Any]:
    rate = figures.success_rate
    return {
        "total": figures.total,
        "decided": figures.decided,
        "succeeded": figures.succeeded,
        "success_rate": None if rate is None else round(rate, 4),
        "median_s": figures.median_s,
        "p95_s": figures.p95_s,
        "last_success_at": _instant(figures.last_success_at),
    }


def _run_document(run: PastRun) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "parent_run_id": run.parent_id,
        "config": run.source,
        "started_by": run.started_by,
        "started_at": _instant(run.started_at),
        "ended_at": _instant(run.ended_at),
        "duration_s": run.duration_s,
        "state": run.state.value,
        "outcome": run.outcome,
        "exit_code": run.exit_code,
        "environments": {
            "total": run.environments,
            **{outcome.value: run.outcomes.get(outcome, 0) for outcome in Outcome},
            "open": run.open,
        },
        "resume": run.resume,
    }


def _restart_document(restart: PastRestart) -> dict[str, Any]:
    result = restart.result
    return {
        "run_id": restart.run_id,
        "config": restart.source,
        "name": restart.name,
        "started_at": _instant(restart.started_at),
        "state": restart.state.value,
        "outcome": None if result is None else result.outcome.value,
        "reason": None if result is None else result.reason.value,
        "message": None if result is None else result.message,
        "submitted_at": None if result is None else _instant(result.submitted_at),
        "settled_at": None if result is None else _instant(result.settled_at),
        "duration_s": None if result is None else result.duration_s,
        "resume": restart.resume,
    }


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
