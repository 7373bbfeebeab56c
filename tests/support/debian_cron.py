"""Debian cron's rule for clock changes, read naively: minute after minute, as the daemon lives through them.

Shares nothing with `orchestrator.schedules`: it reads the expression by itself, and knows no gap and no repetition but
by what the wall clock shows from one minute to the next.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo

MINUTE = timedelta(minutes=1)
LONGEST_JUMP = timedelta(hours=3)
_LOWEST = (0, 0, 1, 1, 0)
_HIGHEST = (59, 23, 31, 12, 7)


class NaiveCron:
    """Numbers, ranges, steps and lists; no names."""

    def __init__(self, expression: str) -> None:
        fields = expression.split()
        self.minutes, self.hours, self.days, self.months, weekdays = (
            _values(field, lowest, highest) for field, lowest, highest in zip(fields, _LOWEST, _HIGHEST, strict=True)
        )
        self.weekdays = {value % 7 for value in weekdays}
        self.both = fields[2].startswith("*") or fields[4].startswith("*")
        self.fixed = not fields[0].startswith("*") and not fields[1].startswith("*")

    def matches(self, wall: datetime) -> bool:
        if wall.minute not in self.minutes or wall.hour not in self.hours or wall.month not in self.months:
            return False
        day, weekday = wall.day in self.days, wall.isoweekday() % 7 in self.weekdays
        return (day and weekday) if self.both else (day or weekday)


def occurrences(
    expressions: Sequence[str], zone: tzinfo, begin: datetime, end: datetime
) -> Mapping[str, Sequence[datetime]]:
    """Return when each expression comes, from `begin` on and before `end`."""
    crons = {expression: NaiveCron(expression) for expression in expressions}
    found: dict[str, list[datetime]] = {expression: [] for expression in expressions}
    for at, wall, skipped, again in _lived(zone, begin, end):
        for expression, cron in crons.items():
            if cron.fixed:
                comes = not again and (cron.matches(wall) or any(map(cron.matches, skipped)))
            else:
                comes = cron.matches(wall)
            if comes:
                found[expression].append(at)
    return found


def _lived(
    zone: tzinfo, begin: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime, Sequence[datetime], bool]]:
    """Yield each minute, what the wall clock shows, which minutes it skipped, and whether it showed this one before."""
    # A day of life before `begin`: what it showed before has to be known.
    at, before, highest = begin - timedelta(days=1), None, datetime(1, 1, 1)  # noqa: DTZ001 - a wall clock
    while at < end:
        wall = at.astimezone(zone).replace(tzinfo=None, fold=0)
        skipped: list[datetime] = []
        if before is not None and MINUTE < wall - before <= LONGEST_JUMP + MINUTE:
            skipped = [before + number * MINUTE for number in range(1, int((wall - before) / MINUTE))]
        if at >= begin:
            yield at, wall, skipped, wall <= highest
        highest, before = max(highest, wall), wall
        at += MINUTE


def changes(zone: tzinfo, begin: datetime, end: datetime) -> Sequence[datetime]:
    """Return the hours, in UTC, within which the offset of the zone changes."""
    found, at, hour = [], begin.astimezone(UTC), timedelta(hours=1)
    while at < end:
        if at.astimezone(zone).utcoffset() != (at + hour).astimezone(zone).utcoffset():
            found.append(at)
        at += hour
    return found


def _values(field: str, lowest: int, highest: int) -> set[int]:
    values: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        low, high = (lowest, highest) if span == "*" else (int(first), int(last or first))
        values |= set(range(low, high + 1, int(step or 1)))
    return values
