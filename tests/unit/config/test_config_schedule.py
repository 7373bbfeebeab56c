"""What a file says of its schedule, as the room of schedules gets it."""

from datetime import UTC, datetime

from orchestrator.config import parse_config
from orchestrator.schedules import OnMissed
from tests.support.config_texts import ID

ENVIRONMENTS = f"version: 1\nenvironments: [{{name: a, id: {ID}, services: all}}]\n"


def test_a_schedule_is_read_with_its_zone() -> None:
    text = "schedule: {cron: 30 2 * * *, timezone: Europe/Paris, window: 2h, grace: 0s, on_missed: skip}\n"
    schedule = parse_config(ENVIRONMENTS + text, source="nightly.yaml", environ={}).run_schedule()
    assert schedule is not None
    assert (schedule.cron.expression, str(schedule.zone)) == ("30 2 * * *", "Europe/Paris")
    assert (schedule.window, schedule.grace, schedule.on_missed) == (7200.0, 0.0, OnMissed.SKIP)


def test_a_file_without_a_schedule_has_none_and_its_blackouts_are_in_utc() -> None:
    config = parse_config(
        ENVIRONMENTS + "blackouts: [{from: 2026-12-20, to: 2026-12-20, why: x}]\n", source="n", environ={}
    )
    assert config.run_schedule() is None
    found = config.run_blackouts().at(datetime(2026, 12, 20, tzinfo=UTC))
    assert found is not None
    assert (found.until, found.why) == (datetime(2026, 12, 21, tzinfo=UTC), "x")


def test_blackouts_are_in_the_zone_of_the_schedule() -> None:
    text = """schedule: {cron: 0 3 * * *, timezone: Europe/Paris}
blackouts: [{from: 2026-12-20, to: 2026-12-20}, {cron: 0 8 * * 1-5, for: 10h}]
"""
    blackouts = parse_config(ENVIRONMENTS + text, source="n", environ={}).run_blackouts()
    assert blackouts.at(datetime(2026, 12, 19, 23, tzinfo=UTC)) is not None
    assert blackouts.at(datetime(2026, 12, 21, 7, tzinfo=UTC)) is not None
    assert blackouts.at(datetime(2026, 12, 21, 17, tzinfo=UTC)) is None
