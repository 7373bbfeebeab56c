"""The command `schedule`, and what `validate` and `plan` say of a file's schedule."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import typer

from orchestrator.cli.command import problems_of
from orchestrator.cli.defects import log_traceback
from orchestrator.cli.options import Output
from orchestrator.clock import SystemClock
from orchestrator.config import Config
from orchestrator.domain.durations import format_duration
from orchestrator.domain.outcomes import ExitCode
from orchestrator.errors import UsageError
from orchestrator.reports.wording import span
from orchestrator.runs.codes import exit_code_of_error
from orchestrator.schedules import (
    Cron,
    Preview,
    Zone,
    load_zone,
    odd_nights,
    preview,
)
from orchestrator.schedules.blackouts import read_moment
from orchestrator.schedules.previews import Oddity
from orchestrator.text import printable, printable_json

MOST_SHOWN = 1000
"""More occurrences than these are a slip."""
_MOST_NIGHTS = 3
"""More nights than these are not named one by one."""
_WORDS = {Oddity.LOST: "no run", Oddity.DOUBLED: "runs more often than on other nights"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What a file's schedule means now."""

    cron: Cron
    zone: Zone
    coming: Preview
    window: float | None
    """Seconds."""

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "cron": self.cron.expression,
            "words": self.cron.words,
            "timezone": self.zone.name,
            "timezone_data": timezone_data(self.zone),
            "next": occurrence(self.coming),
        }

    def lines(self) -> Iterator[str]:
        """Yield it for users."""
        note = f" ({self.coming.note.value})" if self.coming.note is not None else ""
        yield f"Scheduled: {self.cron.words}, {self.zone.name}."
        yield f"Next: {self.coming.local} {self.zone.name}, {_utc(self.coming.at)}{note}."
        yield f"Time zone data: {self.zone.data}."


def outlook(config: Config, now: datetime) -> Outlook | None:
    """Return what the schedule of a file means now; None without one.

    Raises:
        UsageError: it never comes in its time zone, or the zone's data is gone.
    """
    if config.schedule is None:
        return None
    cron = Cron.parse(config.schedule.cron)
    try:
        zone = load_zone(config.schedule.timezone)
        blackouts = config.run_blackouts()
        (coming,) = preview(cron, zone.info, now, 1, blackouts=blackouts)
    except ValueError as error:
        raise _unusable(config, error) from None
    return Outlook(cron=cron, zone=zone, coming=coming, window=config.schedule.window)


def night_warnings(config: Config, found: Outlook, now: datetime) -> Iterator[str]:
    """Yield a sentence about the nights within 400 days that a clock change loses, and one about those it doubles."""
    where = f"{place}: " if (place := config.place_of("schedule.cron")) is not None else ""
    nights = odd_nights(found.cron, found.zone.info, now)
    for oddity in Oddity:
        dates = [f"{night.date:%Y-%m-%d}" for night in nights if night.oddity is oddity]
        if dates:
            more = f" and {len(dates) - _MOST_NIGHTS} more" if len(dates) > _MOST_NIGHTS else ""
            yield (
                f"{where}schedule.cron: {_WORDS[oddity]} on {', '.join(dates[:_MOST_NIGHTS])}{more}, because of a "
                f"clock change in {found.zone.name}; a fixed minute and hour, without `*`, runs once on each night."
            )


def window_warnings(found: Outlook, expected: float) -> Iterator[str]:
    """Yield a sentence if the window is shorter than the run is expected to take, in seconds."""
    if found.window is not None and found.window < expected:
        yield (
            f"schedule.window: {format_duration(found.window)} is shorter than the run, which would take about "
            f"{span(expected)}: not everything starts."
        )


def show_next(
    load: Callable[[], Config], *, count: int | None, after: str | None, output: Output, now: datetime | None = None
) -> ExitCode:
    """Print what comes; return the exit code.

    Args:
        load: reads the file.
        count: how many occurrences.
        after: an instant or a date from which on they are looked for, as text; None is now.
        output: what stdout carries.
        now: the time, by default the machine's.
    """
    problems: tuple[str, ...] = ()
    document: dict[str, Any] = {"timezone_data": None, "next": []}
    lines: list[str] = []
    code = ExitCode.SUCCEEDED
    try:
        zone, found = _coming(load, count=count, after=after, now=now)
        document = {"timezone_data": timezone_data(zone), "next": [occurrence(each) for each in found]}
        lines = [*map(_line, found), f"Time zone data: {zone.data}."]
    except Exception as error:  # noqa: BLE001 - also a bug has its exit code
        problems, code = problems_of(error), exit_code_of_error(error)
        if not isinstance(error, UsageError):
            log_traceback(error)
    for problem in problems:
        typer.echo(f"error: {printable(problem)}", err=True)
    if output is Output.JSON:
        errors = {"errors": list(problems)} if problems else {}
        typer.echo(printable_json(json.dumps({**document, **errors}, indent=2)))
    elif lines:
        typer.echo("\n".join(lines))
    return code


def _coming(
    load: Callable[[], Config], *, count: int | None, after: str | None, now: datetime | None
) -> tuple[Zone, Sequence[Preview]]:
    if count is None:
        raise UsageError("--from: say how many with --next N.")
    if not 1 <= count <= MOST_SHOWN:
        raise UsageError(f"--next: expected a number from 1 to {MOST_SHOWN}, found {count}.")
    config = load()
    if config.schedule is None:
        raise UsageError(f"{config.source or 'the file'}: it has no `schedule:`, so nothing comes.")
    try:
        zone = load_zone(config.schedule.timezone)
        start = _start(after, zone) if after is not None else now or SystemClock().now()
        cron, blackouts = Cron.parse(config.schedule.cron), config.run_blackouts()
        return zone, list(preview(cron, zone.info, start, count, blackouts=blackouts))
    except ValueError as error:
        raise _unusable(config, error) from None


def _unusable(config: Config, error: ValueError) -> UsageError:
    where = config.place_of("schedule.cron")
    return UsageError(f"{where}: schedule.cron: {error}" if where else f"schedule.cron: {error}")


def timezone_data(zone: Zone) -> dict[str, Any]:
    """Return where a zone was read from, for JSON."""
    return {"version": zone.data.version, "source": zone.data.source}


def occurrence(each: Preview) -> dict[str, Any]:
    """Return an occurrence for JSON."""
    return {"at": _utc(each.at), "local": each.local, "note": each.note.value if each.note is not None else None}


def _line(each: Preview) -> str:
    return f"{each.local}  {_utc(each.at)}{f'  {each.note.value}' if each.note is not None else ''}"


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _start(text: str, zone: Zone) -> datetime:
    """Return the instant of `--from`; without an offset it is in the schedule's zone."""
    try:
        return read_moment(text, zone.info, last=False)
    except ValueError as error:
        raise UsageError(f'--from: {error}, found "{printable(text)}".') from None
