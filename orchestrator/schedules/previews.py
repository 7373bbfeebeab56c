"""What comes: the next occurrences with the odd ones marked, and the nights that a clock change loses or doubles."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum, unique

from orchestrator.schedules.blackouts import Blackouts
from orchestrator.schedules.cron import LAST_YEAR, Cron
from orchestrator.schedules.instants import Located, local_text, locate, next_after

DAYS_AHEAD = 400
"""How far clock changes are looked up: a year, and what moves about within it (Ramadan)."""

_A_DAY = timedelta(days=1)


@unique
class Note(StrEnum):
    """What is odd about an occurrence."""

    BLACKOUT = "blackout"
    """A blackout holds at that time: it does not begin, unless the blackout ends inside of the window."""
    MOVED_FROM_GAP = "moved_from_gap"
    """The local time that is meant does not exist on that day: it comes right after the gap."""
    FIRST_OF_REPEATED = "first_of_repeated"
    """The local time comes twice: only the first one counts."""
    SECOND_OF_REPEATED = "second_of_repeated"
    """The local time comes again: the expression follows real time, so this is another occurrence."""
    AFTER_LOST = "after_lost"
    """On the date before, all the times that are meant were left out by a clock change: nothing came."""


@unique
class Oddity(StrEnum):
    """What a clock change does to a date of the expression."""

    LOST = "lost"
    """None of its times exists, and none is made up for."""
    DOUBLED = "doubled"
    """Some of its times come twice, although the expression does not come every hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """An occurrence to come."""

    at: datetime
    """In UTC."""
    local: str
    """In the schedule's zone, as text."""
    note: Note | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OddNight:
    """A date in the schedule's zone on which it does not come once, as it does on others."""

    date: date
    oddity: Oddity


def preview(
    cron: Cron, zone: tzinfo, after: datetime, count: int, *, blackouts: Blackouts | None = None
) -> Iterator[Preview]:
    """Yield the next `count` occurrences after an instant, fewer if the calendar ends before.

    >>> from zoneinfo import ZoneInfo
    >>> sunday = datetime(2027, 3, 27, 12, tzinfo=UTC)
    >>> [(each.local, each.note) for each in preview(Cron.parse("30 2 * * *"), ZoneInfo("Europe/Paris"), sunday, 1)]
    [('Sun 28 Mar 2027 03:00 +0200', <Note.MOVED_FROM_GAP: 'moved_from_gap'>)]

    Raises:
        ValueError: it never comes in this zone, or `after` has no zone.
    """
    at = after
    for _ in range(count):
        if at.year > LAST_YEAR:
            return
        before, at = at, next_after(cron, zone, at)
        note = _note(cron, zone, at)
        if note is None and _lost_between(cron, zone, before, at):
            note = Note.AFTER_LOST
        if blackouts is not None and blackouts.at(at) is not None:
            note = Note.BLACKOUT
        yield Preview(at=at, local=local_text(at, zone), note=note)


def odd_nights(cron: Cron, zone: tzinfo, after: datetime, days: int = DAYS_AHEAD) -> tuple[OddNight, ...]:
    """Return the dates within `days` after an instant that a clock change loses or doubles."""
    changes: set[date] = set()
    at = after.astimezone(UTC)
    for _ in range(days):
        following = at + _A_DAY
        here, there = at.astimezone(zone), following.astimezone(zone)
        if here.utcoffset() != there.utcoffset():
            changes |= {here.date() + number * _A_DAY for number in range((there.date() - here.date()).days + 1)}
        at = following
    first = after.astimezone(zone).date()
    found = ((each, _oddity(cron, zone, each)) for each in sorted(changes) if each >= first)
    return tuple(OddNight(date=each, oddity=oddity) for each, oddity in found if oddity is not None)


def _note(cron: Cron, zone: tzinfo, at: datetime) -> Note | None:
    local = at.astimezone(zone)
    if not cron.fixed:
        return Note.SECOND_OF_REPEATED if local.fold else None
    if not cron.matches(local):
        return Note.MOVED_FROM_GAP
    repeated = locate(zone, local.date(), local.time()).repeated
    return Note.FIRST_OF_REPEATED if repeated else None


def _lost_between(cron: Cron, zone: tzinfo, before: datetime, at: datetime) -> bool:
    """Return whether the latest date before that of `at` was lost, and lies after `before`."""
    day, first = at.astimezone(zone).date() - _A_DAY, before.astimezone(zone).date()
    while day >= first:
        if cron.on(day):
            return _oddity(cron, zone, day) is Oddity.LOST and locate(zone, day, cron.times[-1]).at > before
        day -= _A_DAY
    return False


def _oddity(cron: Cron, zone: tzinfo, day: date) -> Oddity | None:
    if not cron.on(day):
        return None
    located = [locate(zone, day, each) for each in cron.times]
    if all(_is_lost(cron, each) for each in located):
        return Oddity.LOST
    if not cron.fixed and not cron.all_hours and any(each.repeated for each in located):
        return Oddity.DOUBLED
    return None


def _is_lost(cron: Cron, located: Located) -> bool:
    return located.lost if cron.fixed else bool(located.gap)
