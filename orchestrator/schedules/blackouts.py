"""Blackouts: times in which nothing may begin, as ranges of dates or repeated by a cron expression. Deny wins."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Self

from orchestrator.schedules.cron import Cron
from orchestrator.schedules.instants import in_utc, latest_between, locate, next_after

HORIZON = timedelta(days=400)
"""Blackouts that follow one another without a break for so long never end."""
MOST_STEPS = 60_000
"""No more than so many blackouts are followed one after the other."""

_REFERENCE = datetime(2026, 1, 1, tzinfo=UTC)
"""Whether blackouts end is looked up from here on, so that a file is right or wrong whatever the date."""
_A_DAY = timedelta(days=1)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blackout:
    """A blackout that holds at the instant that was asked about."""

    until: datetime
    """In UTC: when nothing of it, and of what follows without a break, holds any more. If that never ends (`endless`
    finds it beforehand), how far it was followed."""
    why: str | None
    """The reason that its author gave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DateRange:
    """From one instant to another, once."""

    begins: datetime
    """In UTC."""
    ends: datetime
    """In UTC; exclusive."""
    why: str | None = None

    @classmethod
    def between(cls, first: str, last: str, zone: tzinfo, *, why: str | None = None) -> Self:
        """Read `first` and `last`, each a date (`2027-01-04`) or a date and time (`2027-01-04T12:00`) in `zone`.

        A date stands for the whole day, so that `2026-12-20` to `2027-01-04` includes the 4th of January; a time
        stands for itself, and is not included. A time may have an offset of its own. Of a time that comes twice, a
        range begins with the first and ends with the second.

        Raises:
            ValueError: one of them is neither, or the range ends before it begins.
        """
        begins, ends = read_moment(first, zone, last=False), read_moment(last, zone, last=True)
        if ends <= begins:
            raise ValueError("expected a blackout that ends after it begins")
        return cls(begins=begins, ends=ends, why=why)

    def end_of(self, at: datetime) -> datetime | None:
        """Return when it ends, if it holds at `at`."""
        return self.ends if self.begins <= at < self.ends else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedBlackout:
    """Begins whenever a cron expression comes, and holds for a while, in real time."""

    cron: Cron
    zone: tzinfo
    duration: float
    """Seconds."""
    why: str | None = None

    def end_of(self, at: datetime) -> datetime | None:
        """Return when the latest of those that hold at `at` ends."""
        span = timedelta(seconds=self.duration)
        began = latest_between(self.cron, self.zone, at - span, at)
        return began.latest + span if began is not None else None


@dataclass(frozen=True, slots=True)
class Blackouts:
    """All blackouts of a file; there may be none."""

    each: Sequence[DateRange | RepeatedBlackout] = ()

    def at(self, instant: datetime) -> Blackout | None:
        """Return the blackout that holds at `instant`, if there is one, and when it is over.

        Raises:
            ValueError: `instant` has no zone, or lies outside of the years from 1900 to 9900.
        """
        at = in_utc(instant)
        holding = [(end, each.why) for each in self.each if (end := each.end_of(at)) is not None]
        if not holding:
            return None
        until, _ = self._followed(at)
        holding.sort(key=lambda one: one[0], reverse=True)
        return Blackout(until=until, why=next((why for _, why in holding if why is not None), None))

    def endless(self) -> int | None:
        """Return the index of a blackout that never ends, by itself or with those that follow it; None if all end.

        The hour that a clock change puts between two of them once a year is no end: here, days have 24 hours.
        """
        even = Blackouts(
            [replace(each, zone=UTC) if isinstance(each, RepeatedBlackout) else each for each in self.each]
        )
        for index, each in enumerate(even.each):
            # A date range ends by itself; if those that follow it do not, one of them is found here.
            if isinstance(each, RepeatedBlackout):
                _, over = even._followed(next_after(each.cron, UTC, _REFERENCE))
                if not over:
                    return index
        return None

    def _followed(self, at: datetime) -> tuple[datetime, bool]:
        """Follow what overlaps, or follows without a break, to its end; return that, and whether there is one."""
        once = (each.ends - each.begins for each in self.each if isinstance(each, DateRange))
        end, horizon = at, at + sum(once, HORIZON)
        for _ in range(MOST_STEPS):
            ends = [found for each in self.each if (found := each.end_of(end)) is not None]
            if not ends:
                return end, True
            end = max(ends)
            if end > horizon:
                break
        return end, False


def read_moment(text: str, zone: tzinfo, *, last: bool) -> datetime:
    """Return the instant that a date, or a date and time, stands for, in UTC.

    Args:
        text: `2027-01-04`, `2027-01-04T12:00`, or with an offset `2027-01-04T12:00Z`.
        zone: of what has no offset of its own.
        last: whether a range ends with it: then a date stands for the end of its day.

    Raises:
        ValueError: it is neither.
    """
    try:
        return in_utc(_moment(text.strip(), zone, last=last))
    except (ValueError, OverflowError):  # such as the 30th of February, or the year 0
        raise ValueError("expected a date such as 2027-01-04, or a date and time such as 2027-01-04T12:00") from None


def _moment(text: str, zone: tzinfo, *, last: bool) -> datetime:
    if _DATE.fullmatch(text):
        day = date.fromisoformat(text)
        return locate(zone, day + _A_DAY if last else day, time()).at
    if not _DATE_TIME.fullmatch(text):
        raise ValueError(text)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        return moment
    located = locate(zone, moment.date(), moment.time())
    return moment.replace(tzinfo=zone, fold=1) if last and located.repeated else located.at
