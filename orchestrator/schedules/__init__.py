"""When a file runs: cron expressions in a time zone, what became of a time that passed, windows and blackouts.

Pure: nothing here reads a clock, and `zones.py` alone reads files, those of the time zones. Usable on its own::

    >>> from datetime import UTC, datetime
    >>> from orchestrator.schedules import Cron, Schedule, decide, load_zone, next_after

    At what instant does a time come next that the night of the clock change does not have?

    >>> cron, paris = Cron.parse("30 2 * * *"), load_zone("Europe/Paris")
    >>> next_after(cron, paris.info, datetime(2027, 3, 28, tzinfo=UTC)).isoformat()
    '2027-03-28T01:00:00+00:00'

    The process was down at that time, and starts 40 minutes later: what has to be done now?

    >>> schedule = Schedule(cron=cron, zone=paris.info, window=7200)
    >>> now = datetime(2027, 3, 28, 1, 40, tzinfo=UTC)
    >>> decision = decide(schedule, now=now, after=datetime(2027, 3, 27, 12, tzinfo=UTC), expected=900)
    >>> decision.action.value, decision.reason.value, decision.closes_at.isoformat()
    ('run', 'late', '2027-03-28T03:00:00+00:00')
"""

from orchestrator.schedules.blackouts import Blackout, Blackouts, DateRange, RepeatedBlackout
from orchestrator.schedules.cron import Cron
from orchestrator.schedules.decision import (
    DEFAULT_GRACE,
    EARLIEST_CLOCK,
    Action,
    Decision,
    DecisionReason,
    OnMissed,
    RunSpan,
    Schedule,
    decide,
    schedule_id,
)
from orchestrator.schedules.instants import Passed, latest_between, local_text, next_after
from orchestrator.schedules.previews import Note, OddNight, Preview, odd_nights, preview
from orchestrator.schedules.windows import closes_at, fits
from orchestrator.schedules.zones import Zone, ZoneData, load_zone, zone_data, zone_warning

__all__ = [
    "DEFAULT_GRACE",
    "EARLIEST_CLOCK",
    "Action",
    "Blackout",
    "Blackouts",
    "Cron",
    "DateRange",
    "Decision",
    "DecisionReason",
    "Note",
    "OddNight",
    "OnMissed",
    "Passed",
    "Preview",
    "RepeatedBlackout",
    "RunSpan",
    "Schedule",
    "Zone",
    "ZoneData",
    "closes_at",
    "decide",
    "fits",
    "latest_between",
    "load_zone",
    "local_text",
    "next_after",
    "odd_nights",
    "preview",
    "schedule_id",
    "zone_data",
    "zone_warning",
]
