"""What has to be done now about a schedule: a pure function of what is known, to a value that says what and why."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum, unique

from orchestrator.schedules.blackouts import Blackouts
from orchestrator.schedules.cron import Cron
from orchestrator.schedules.instants import in_utc, latest_between, next_after
from orchestrator.schedules.windows import closes_at, fits

DEFAULT_GRACE = 60.0
"""Seconds: so late is on time."""
EARLIEST_CLOCK = datetime(2026, 1, 1, tzinfo=UTC)
"""A clock that shows an earlier time has not been set yet: nothing that happened by it counts."""


@unique
class OnMissed(StrEnum):
    """What to do about a time that passed while nothing was running."""

    RUN = "run"
    SKIP = "skip"


@unique
class Action(StrEnum):
    """What to do now. All but `NOTHING` and `WAIT` decide the occurrence `due_at`, once and for all."""

    NOTHING = "nothing"
    """Nothing is due."""
    WAIT = "wait"
    """A blackout ends inside of the window: ask again at `until`, with `waiting=due_at`."""
    RUN = "run"
    MISSED = "missed"
    """Too late for the occurrence."""
    SKIPPED = "skipped"
    """It came in time, and does not begin on purpose."""
    FAILED = "failed"
    """It could not begin. Not found out here, but by the process that reads the file."""


@unique
class DecisionReason(StrEnum):
    """Why."""

    ON_TIME = "on_time"
    """run: not later than the grace allows, or it waited for a blackout since."""
    LATE = "late"
    """run: missed, made up inside of the window."""
    NOT_DUE = "not_due"
    """nothing: the next occurrence is still to come."""
    CLOCK_NOT_SET = "clock_not_set"
    """nothing: the clock shows a time before this program was written."""
    ON_MISSED_SKIP = "on_missed_skip"
    """missed: later than the grace allows, and `on_missed` is `skip`."""
    WINDOW_OVER = "window_over"
    """missed: the window is over, or without one half of the time to the next occurrence."""
    OUTSIDE_WINDOW = "outside_window"
    """missed: what is left of the window is less than the run is expected to take."""
    OVERLAP = "overlap"
    """skipped: a run of this schedule was still in progress at that time."""
    BLACKOUT = "blackout"
    """skipped, wait: a blackout holds."""
    TAKEN = "taken"
    """skipped: another process decided it. Found out by the journal, not here."""
    FILE_BROKEN = "file_broken"
    """failed: the file could not be read, or is not valid. Found out by the process that reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When something runs."""

    cron: Cron
    zone: tzinfo
    window: float | None = None
    """Seconds of real time from the scheduled instant in which it may begin something; None: not limited on time, and
    late for half of the time to the next occurrence."""
    grace: float = DEFAULT_GRACE
    """Seconds: so late is on time."""
    on_missed: OnMissed = OnMissed.RUN


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpan:
    """When a run of the schedule was in progress."""

    started_at: datetime
    ended_at: datetime | None
    """None: it still is."""

    def covers(self, instant: datetime) -> bool:
        """Return whether it was in progress at `instant`."""
        at = in_utc(instant)
        return in_utc(self.started_at) <= at and (self.ended_at is None or at <= in_utc(self.ended_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do now, about which occurrence, and why. All instants are in UTC."""

    action: Action
    reason: DecisionReason
    next_at: datetime
    """When the schedule comes next."""
    due_at: datetime | None = None
    """The occurrence that this is about; None if nothing is due."""
    closes_at: datetime | None = None
    """The end of its window; without a window, until when it would have been made up."""
    until: datetime | None = None
    """When the blackout is over."""
    blackout: str | None = None
    """The reason that the blackout's author gave."""
    passed: int = 0
    """How many earlier occurrences came since the last decision, and do not begin either: they are one event."""
    passed_more: bool = False
    """Whether there were more than `passed`."""


def schedule_id(path: str, cron: Cron, zone: str) -> str:
    """Return what identifies a schedule: its file, its cron expression, its time zone. With another one it is new.

    Args:
        path: of the file, absolute.
        cron: its cron expression.
        zone: the name of its time zone.

    >>> schedule_id("/etc/nightly.yaml", Cron.parse("0 3 * * *"), "Europe/Paris")
    '22e20acb4d94a5ed'
    """
    return hashlib.sha256("\0".join((path, cron.expression, zone)).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def decide(
    schedule: Schedule,
    *,
    now: datetime,
    after: datetime,
    decided: datetime | None = None,
    expected: float = 0.0,
    last_run: RunSpan | None = None,
    waiting: datetime | None = None,
    blackouts: Blackouts | None = None,
) -> Decision:
    """Return what to do now.

    Args:
        schedule: when it runs.
        now: the wall clock's time.
        after: when the schedule was first seen, as it is now: what came until then never counts.
        decided: the latest occurrence that was decided. It may lie in the future, if the clock was set back.
        expected: seconds that the run is expected to take.
        last_run: its latest run. What came meanwhile is an overlap, also if that is asked only after its end.
        waiting: the occurrence that an earlier decision made wait: it is in time until its window closes.
        blackouts: of the file, unless they are to be ignored.

    Raises:
        ValueError: the expression never comes in this zone, or an instant has no zone.
    """
    now = in_utc(now)
    since = in_utc(after) if decided is None else max(in_utc(after), in_utc(decided))
    since = now if since < EARLIEST_CLOCK else since
    coming = next_after(schedule.cron, schedule.zone, max(now, since))
    if now < EARLIEST_CLOCK:
        return Decision(action=Action.NOTHING, reason=DecisionReason.CLOCK_NOT_SET, next_at=coming)
    passed = latest_between(schedule.cron, schedule.zone, since, now)
    if passed is None:
        return Decision(action=Action.NOTHING, reason=DecisionReason.NOT_DUE, next_at=coming)
    due = passed.latest
    found = Decision(
        action=Action.RUN,
        reason=DecisionReason.ON_TIME,
        next_at=coming,
        due_at=due,
        closes_at=closes_at(schedule.cron, schedule.zone, due, schedule.window),
        passed=passed.count - 1,
        passed_more=passed.more,
    )
    if last_run is not None and last_run.covers(due):
        return replace(found, action=Action.SKIPPED, reason=DecisionReason.OVERLAP)
    waited = waiting is not None and in_utc(waiting) == due
    found = _judged_by_time(schedule, found, due=due, now=now, expected=expected, waited=waited)
    if found.action is not Action.RUN or blackouts is None:
        return found
    return _unless_blacked_out(schedule, found, blackouts, now=now, expected=expected)


def _judged_by_time(
    schedule: Schedule, found: Decision, *, due: datetime, now: datetime, expected: float, waited: bool
) -> Decision:
    """Return `found` with what its lateness and its window make of it."""
    closes = found.closes_at or now
    in_time = now - due <= timedelta(seconds=schedule.grace)
    if in_time and not waited:
        # Begun in time, each environment asks the window for itself, even if not all of them fit. Without a window,
        # grace may be longer than half of the time to the next occurrence.
        over = schedule.window is not None and now >= closes
        return replace(found, action=Action.MISSED, reason=DecisionReason.WINDOW_OVER) if over else found
    if not waited and schedule.on_missed is OnMissed.SKIP:
        return replace(found, action=Action.MISSED, reason=DecisionReason.ON_MISSED_SKIP)
    if now >= closes:
        return replace(found, action=Action.MISSED, reason=DecisionReason.WINDOW_OVER)
    if not fits(now, expected, closes):
        return replace(found, action=Action.MISSED, reason=DecisionReason.OUTSIDE_WINDOW)
    return found if waited else replace(found, reason=DecisionReason.LATE)


def _unless_blacked_out(
    schedule: Schedule, found: Decision, blackouts: Blackouts, *, now: datetime, expected: float
) -> Decision:
    """Return `found`, or what a blackout makes of it: only a window that its author wrote is worth waiting in."""
    blackout = blackouts.at(now)
    if blackout is None:
        return found
    waits = schedule.window is not None and fits(blackout.until, expected, found.closes_at or now)
    return replace(
        found,
        action=Action.WAIT if waits else Action.SKIPPED,
        reason=DecisionReason.BLACKOUT,
        until=blackout.until,
        blackout=blackout.why,
    )
