"""What comes, with the odd ones marked."""

from datetime import UTC, date, datetime

import pytest

from orchestrator.schedules import (
    Blackouts,
    Cron,
    DateRange,
    Note,
    OddNight,
    Preview,
    load_zone,
    odd_nights,
    preview,
)
from orchestrator.schedules.previews import Oddity


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("zone", "expression", "after", "expected"),
    [
        pytest.param(
            "Europe/Paris",
            "30 2 * * *",
            at(2027, 3, 27),
            [
                ("Sat 27 Mar 2027 02:30 +0100", None),
                ("Sun 28 Mar 2027 03:00 +0200", Note.MOVED_FROM_GAP),
                ("Mon 29 Mar 2027 02:30 +0200", None),
            ],
            id="moved",
        ),
        pytest.param(
            "Europe/Paris",
            "0 2,3 * * *",
            at(2027, 3, 27, 12),
            [("Sun 28 Mar 2027 03:00 +0200", None), ("Mon 29 Mar 2027 02:00 +0200", None)],
            id="moved to where one is meant anyway",
        ),
        pytest.param(
            "Europe/Paris",
            "30 2 * * *",
            at(2026, 10, 24, 12),
            [("Sun 25 Oct 2026 02:30 +0200", Note.FIRST_OF_REPEATED), ("Mon 26 Oct 2026 02:30 +0100", None)],
            id="repeated",
        ),
        pytest.param(
            "Europe/Paris",
            "0 * * * *",
            at(2026, 10, 24, 23, 30),
            [
                ("Sun 25 Oct 2026 02:00 +0200", None),
                ("Sun 25 Oct 2026 02:00 +0100", Note.SECOND_OF_REPEATED),
                ("Sun 25 Oct 2026 03:00 +0100", None),
            ],
            id="hourly",
        ),
        pytest.param(
            "Europe/Paris",
            "*/30 2 * * *",
            at(2027, 3, 27, 1, 15),
            [
                ("Sat 27 Mar 2027 02:30 +0100", None),
                ("Mon 29 Mar 2027 02:00 +0200", Note.AFTER_LOST),
                ("Mon 29 Mar 2027 02:30 +0200", None),
            ],
            id="lost",
        ),
        pytest.param(
            "Europe/Paris",
            "*/30 2 * * *",
            at(2027, 3, 28, 12),
            [("Mon 29 Mar 2027 02:00 +0200", None)],
            id="asked after the lost one",
        ),
        pytest.param(
            "Europe/Paris",
            "*/30 2 * * 0",
            at(2027, 3, 27, 12),
            [("Sun 04 Apr 2027 02:00 +0200", Note.AFTER_LOST)],
            id="a lost week",
        ),
        pytest.param(
            "Pacific/Apia",
            "0 3 * * *",
            at(2011, 12, 29, 20),
            [("Sat 31 Dec 2011 03:00 +1400", Note.AFTER_LOST)],
            id="a day that does not exist",
        ),
        pytest.param(
            "America/Nuuk",
            "30 23 * * 6",
            at(2027, 3, 27, 12),
            [("Sun 28 Mar 2027 00:00 -0100", Note.MOVED_FROM_GAP)],
            id="moved to the next day",
        ),
    ],
)
def test_the_odd_ones_are_marked(
    zone: str, expression: str, after: datetime, expected: list[tuple[str, Note | None]]
) -> None:
    found = list(preview(Cron.parse(expression), load_zone(zone).info, after, len(expected)))
    assert [(each.local, each.note) for each in found] == expected


def test_what_a_blackout_keeps_from_beginning_is_marked() -> None:
    paris = load_zone("Europe/Paris").info
    blackouts = Blackouts([DateRange.between("2026-07-02", "2026-07-02", paris)])
    found = list(preview(Cron.parse("0 3 * * *"), paris, at(2026, 7, 1), 3, blackouts=blackouts))
    assert found[0] == Preview(at=at(2026, 7, 1, 1), local="Wed 01 Jul 2026 03:00 +0200", note=None)
    assert [each.note for each in found] == [None, Note.BLACKOUT, None]


def test_a_preview_ends_with_the_calendar() -> None:
    found = list(preview(Cron.parse("0 3 1 1 *"), load_zone("UTC").info, at(9899, 7, 1), 5))
    assert [each.at.year for each in found] == [9900, 9901]


LOST, DOUBLED = Oddity.LOST, Oddity.DOUBLED


@pytest.mark.parametrize(
    ("zone", "expression", "expected"),
    [
        pytest.param(
            "Europe/Paris",
            "*/15 2 * * *",
            [(date(2026, 10, 25), DOUBLED), (date(2027, 3, 28), LOST)],
            id="a wildcard in the hour of the change",
        ),
        pytest.param("Europe/Paris", "*/15 1-3 * * *", [(date(2026, 10, 25), DOUBLED)], id="around it"),
        pytest.param("Europe/Paris", "0 */2 * * *", [(date(2026, 10, 25), DOUBLED)], id="every two hours"),
        pytest.param("Europe/Paris", "30 2 * * *", [], id="a fixed time"),
        pytest.param("Europe/Paris", "*/15 4 * * *", [], id="another hour"),
        pytest.param("Europe/Paris", "*/15 2 * * 1-5", [], id="on working days"),
        pytest.param("Europe/Paris", "0 * * * *", [], id="every hour"),
        pytest.param("Europe/Paris", "* * * * *", [], id="every minute"),
        pytest.param("UTC", "*/15 2 * * *", [], id="without changes"),
        pytest.param(
            "Asia/Beirut",
            "*/20 0 * * *",
            [(date(2027, 3, 28), LOST)],
            id="midnight",
        ),
    ],
)
def test_nights_that_are_lost_or_doubled(zone: str, expression: str, expected: list[tuple[date, Oddity]]) -> None:
    found = odd_nights(Cron.parse(expression), load_zone(zone).info, at(2026, 7, 1))
    assert found == tuple(OddNight(date=day, oddity=oddity) for day, oddity in expected)


def test_only_the_days_ahead_are_looked_at() -> None:
    cron, paris = Cron.parse("*/15 2 * * *"), load_zone("Europe/Paris").info
    assert odd_nights(cron, paris, at(2026, 10, 25, 12), days=300) == (OddNight(date=date(2027, 3, 28), oddity=LOST),)
    assert odd_nights(cron, paris, at(2026, 7, 1), days=30) == ()


def test_a_day_that_does_not_exist_is_lost() -> None:
    found = odd_nights(Cron.parse("0 3 * * *"), load_zone("Pacific/Apia").info, at(2011, 12, 1), days=60)
    assert found == (OddNight(date=date(2011, 12, 30), oddity=LOST),)
