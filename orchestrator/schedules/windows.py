"""The window of an occurrence: real time from the scheduled instant, so that no clock change moves its end."""

from datetime import datetime, timedelta, tzinfo

from orchestrator.schedules.cron import Cron
from orchestrator.schedules.instants import in_utc, next_after


def closes_at(cron: Cron, zone: tzinfo, due: datetime, window: float | None) -> datetime:
    """Return until when the occurrence of `due` may begin anything.

    Args:
        cron: of the schedule.
        zone: of the schedule.
        due: the scheduled instant.
        window: seconds; without one, half of the time to the next occurrence.
    """
    due = in_utc(due)  # Arithmetic within a zone would follow its wall clock.
    if window is not None:
        return due + timedelta(seconds=window)
    return due + (next_after(cron, zone, due) - due) / 2


def fits(now: datetime, expected: float, closes: datetime) -> bool:
    """Return whether what begins now, and is expected to take so many seconds, ends by the end of the window."""
    return in_utc(now) + timedelta(seconds=expected) <= in_utc(closes)
