"""From a cron expression in a time zone to instants: the next one, and the latest of those that passed.

Debian cron's rule for the nights of clock changes, cron(8): a fixed time that falls into the gap comes once, right
after it, and one that is repeated comes the first time only; an expression whose minute or hour begins with `*` follows
real time. A gap of more than three hours, such as the day that Samoa left out in 2011, is a correction of the calendar,
and what falls into it does not come at all. Unlike with Debian's cron, a fixed time is never repeated, however long the
repetition.

cronsim reads the expression; it does not search: asked from inside of a repeated hour, it answers with an instant of
the past, its way back forgets the one just past, and at a midnight that does not exist it answers with another time.
"""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from orchestrator.schedules.cron import HORIZON_YEARS, LAST_YEAR, Cron

LONGEST_GAP = timedelta(hours=3)
"""What a longer gap swallows does not come. Debian's cron: clock changes above it are corrections."""
MOST_COUNTED = 100
"""Of the instants that passed, no more than these are counted."""
FIRST_YEAR = 1900
"""Zone data says little of earlier years."""

_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """What came in a span of time."""

    latest: datetime
    """In UTC."""
    count: int
    """How many, the latest included; at most `MOST_COUNTED`."""
    more: bool
    """Whether there were more than `count`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """Where a local time lies in real time."""

    at: datetime
    """In UTC: its first occurrence, or the first instant after the gap that it falls into."""
    gap: timedelta
    """The length of that gap; zero if the local time exists."""
    repeated: bool
    """Whether the local time comes twice."""

    @property
    def lost(self) -> bool:
        """Whether it does not exist, and is not made up for either."""
        return self.gap > LONGEST_GAP


def next_after(cron: Cron, zone: tzinfo, instant: datetime) -> datetime:
    """Return the first instant strictly after `instant` at which `cron` comes in `zone`, in UTC.

    >>> from zoneinfo import ZoneInfo
    >>> paris = ZoneInfo("Europe/Paris")
    >>> next_after(Cron.parse("0 3 * * *"), paris, datetime(2026, 10, 25, 1, 5, tzinfo=UTC)).isoformat()
    '2026-10-25T02:00:00+00:00'

    Raises:
        ValueError: it never comes in this zone (a wildcard in an hour that is always missing), or `instant` has no zone
            or lies outside of the years from 1900 to 9900.
    """
    found = _search(cron, zone, in_utc(instant))
    if found is None:
        raise ValueError(f'the cron expression "{cron.expression}" never comes in the time zone {zone}')
    return found


def latest_between(cron: Cron, zone: tzinfo, after: datetime, until: datetime) -> Passed | None:
    """Return the latest instant at which `cron` came, later than `after` and not later than `until`; None without one.

    However long the span and however dense the expression, this takes some dozens of searches.

    Raises:
        ValueError: an instant has no zone, or lies outside of the years from 1900 to 9900.
    """
    after, until = in_utc(after), in_utc(until)
    first = _by(until, cron, zone, after)
    if first is None:
        return None
    found = _latest(cron, zone, after, until, first)
    count, each = 1, first
    while each < found and count < MOST_COUNTED:
        each = _by(until, cron, zone, each) or found
        count += 1
    return Passed(latest=found, count=count, more=each < found)


def _latest(cron: Cron, zone: tzinfo, after: datetime, until: datetime, first: datetime) -> datetime:
    """Return the latest instant; `first` is the first one after `after`."""
    span = _HOUR
    found, end = None, until  # Nothing comes after `end`, and by `until`.
    while found is None and span < until - after:
        found = _by(until, cron, zone, until - span)
        end = until if found else until - span
        span *= 4
    found = found or first
    while (following := _by(until, cron, zone, found)) is not None:
        middle = found + (end - found) / 2
        later = _by(until, cron, zone, middle)
        found, end = (later, end) if later is not None else (following, middle)
    return found


def _by(until: datetime, cron: Cron, zone: tzinfo, instant: datetime) -> datetime | None:
    found = _search(cron, zone, instant)
    return found if found is not None and found <= until else None


def in_utc(instant: datetime) -> datetime:
    """Return an instant in UTC.

    Raises:
        ValueError: it has no zone, or lies outside of the years from 1900 to 9900.
    """
    if instant.tzinfo is None:
        raise ValueError("expected an instant with a time zone")
    if not FIRST_YEAR <= instant.year <= LAST_YEAR:
        raise ValueError(f"expected an instant from {FIRST_YEAR} to {LAST_YEAR}")
    return instant.astimezone(UTC)


def _search(cron: Cron, zone: tzinfo, after: datetime) -> datetime | None:
    return _fixed_after(cron, zone, after) if cron.fixed else _real_time_after(cron, zone, after)


def _fixed_after(cron: Cron, zone: tzinfo, after: datetime) -> datetime | None:
    # From the day before on: what a gap before midnight swallowed comes on the next day.
    for day in cron.dates_from(after.astimezone(zone).date() - timedelta(days=1)):
        # The times of a day stay in order in real time: a gap only makes some the same, and repeated ones come first.
        later = bisect_right(cron.times, after, key=lambda each, day=day: locate(zone, day, each).at)  # type: ignore[misc]
        for each in cron.times[later:]:
            located = locate(zone, day, each)
            if not located.lost:
                return located.at
    return None


def _real_time_after(cron: Cron, zone: tzinfo, after: datetime) -> datetime | None:
    at = after.replace(second=0, microsecond=0) + _MINUTE
    while at.year <= after.year + HORIZON_YEARS:
        local = at.astimezone(zone)
        if local.second:  # An offset with seconds, as zones had until 1972.
            at += timedelta(seconds=60 - local.second)
        elif cron.matches(local):
            return at
        elif local.utcoffset() != (at + LONGEST_GAP).astimezone(zone).utcoffset():
            at += _MINUTE  # A clock change is near: no leaps.
        elif cron.on(local.date()):
            at += _to_matching_minute(cron, local)
        else:
            day = next(cron.dates_from(local.date()), None)
            if day is None:
                return None
            at = max(at + _MINUTE, locate(zone, day, time()).at)
    return None


def _to_matching_minute(cron: Cron, local: datetime) -> timedelta:
    """Return how far the next matching time of this hour is, or the next hour."""
    later = bisect_right(cron.times, time(local.hour, local.minute))
    target = cron.times[later] if later < len(cron.times) else time()
    same_hour = later < len(cron.times) and target.hour == local.hour
    return (target.minute if same_hour else 60) * _MINUTE - local.minute * _MINUTE


def locate(zone: tzinfo, day: date, clock: time) -> Located:
    """Return where the local time `clock` of `day` lies in real time."""
    local = datetime.combine(day, clock)
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first <= second:
        return Located(at=first, gap=timedelta(), repeated=first < second)
    # In a gap, PEP 495 reads fold=0 with the offset before it, fold=1 with the one after it: the change lies between.
    before, after = second, first
    old = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return Located(at=after, gap=first - second, repeated=False)


def local_text(instant: datetime, zone: tzinfo) -> str:
    """Return an instant in a time zone for users, in English whatever the locale.

    >>> from zoneinfo import ZoneInfo
    >>> local_text(datetime(2027, 3, 28, 1, tzinfo=UTC), ZoneInfo("Europe/Paris"))
    'Sun 28 Mar 2027 03:00 +0200'
    """
    local = instant.astimezone(zone)
    return f"{_DAYS[local.weekday()]} {local:%d} {_MONTHS[local.month - 1]} {local.year} {local:%H:%M %z}"
