"""A cron expression: what it means, in words too, and on which dates it may come."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Self

from cronsim import CronSim, CronSimError

HORIZON_YEARS = 50
"""What does not come within so many years never does: 29 February falls on a given weekday at least every 40 years."""
LAST_YEAR = 9900
"""Nothing is looked for beyond it: Python's calendar ends soon after."""

_FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")
_RANGES = ("0 to 59", "0 to 23", "1 to 31, or L", "1 to 12, or JAN to DEC", "0 to 7, or SUN to SAT")
_ANY = datetime(2024, 1, 1, tzinfo=UTC)
"""cronsim wants an instant; only its fields and its reading of dates are used here."""
_A_DAY = timedelta(days=1)
_EXAMPLE = 'such as "0 3 * * 1-5"'


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression of five fields, as Debian's cron reads it; made by `parse`.

    >>> cron = Cron.parse("0 3 * * mon-fri")
    >>> cron.words, cron.fixed
    ('At 03:00 on Monday through Friday', True)
    """

    expression: str
    """With single spaces and in capitals, so that the same schedule has one spelling."""
    times: tuple[time, ...] = field(repr=False, compare=False)
    """The times of a day, in order."""
    months: frozenset[int] = field(repr=False, compare=False)
    fixed: bool = field(repr=False, compare=False)
    """Whether neither minute nor hour begins with `*`: clock changes then neither drop nor repeat a run. Otherwise the
    expression follows real time. This is Debian cron's distinction, cron(8)."""
    _dates: CronSim = field(repr=False, compare=False)

    @classmethod
    def parse(cls, expression: str) -> Self:
        """Read a cron expression.

        Raises:
            ValueError: it is none, or no date ever matches it; the message says which field is wrong.
        """
        parts = expression.upper().split()
        if len(parts) != len(_FIELDS):
            nickname = "; names that begin with @ are not known here" if expression.strip().startswith("@") else ""
            raise ValueError(f"expected a cron expression of five fields, {_EXAMPLE}{nickname}")
        for index, part in enumerate(parts):
            if _simulated(*("*" if other != index else part for other in range(len(parts)))) is None:
                raise ValueError(
                    f"expected a cron expression of five fields, {_EXAMPLE}; its {_FIELDS[index]} is wrong "
                    f"({_RANGES[index]})"
                )
        # cronsim refuses some days that no month has, so the fields are read with any month.
        dates = _simulated(*parts)
        cron = None
        if dates is not None:
            minutes, hours = sorted(dates.minutes), sorted(dates.hours)
            cron = cls(
                expression=" ".join(parts),
                times=tuple(time(hour, minute) for hour in hours for minute in minutes),
                months=frozenset(dates.months),
                fixed=not parts[0].startswith("*") and not parts[1].startswith("*"),
                _dates=dates,
            )
        if cron is None or next(cron.dates_from(_ANY.date()), None) is None:
            raise ValueError("this cron expression never comes: no month that it names has such a day")
        return cron

    @property
    def words(self) -> str:
        """The expression in words, such as `At 03:00 on Monday through Friday`."""
        return self._dates.explain()

    @property
    def all_hours(self) -> bool:
        """Whether it comes in each of the 24 hours."""
        return len({each.hour for each in self.times}) == 24  # noqa: PLR2004 - the hours of a day

    def on(self, day: date) -> bool:
        """Return whether the expression's date fields match `day`."""
        return day.month in self.months and self._dates.match_day(day)

    def matches(self, local: datetime) -> bool:
        """Return whether a local time matches, to the minute."""
        return self.on(local.date()) and time(local.hour, local.minute) in self.times

    def dates_from(self, first: date) -> Iterator[date]:
        """Yield the dates that match, from `first` on, for `HORIZON_YEARS`."""
        day, last = first, min(first.year + HORIZON_YEARS, LAST_YEAR + HORIZON_YEARS)
        while day.year <= last:
            if day.month not in self.months:
                day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
                continue
            if self._dates.match_day(day):
                yield day
            day += _A_DAY


def _simulated(*parts: str) -> CronSim | None:
    try:
        return CronSim(" ".join(parts), _ANY)
    except (CronSimError, ValueError):  # ValueError: a number of thousands of digits
        return None
