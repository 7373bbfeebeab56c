"""Nights of clock changes: what comes, case by case, and compared with Debian cron's rule read minute by minute."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.schedules import Cron, latest_between, load_zone, local_text, next_after
from orchestrator.schedules.instants import locate
from tests.support.debian_cron import changes, occurrences
from tests.support.effort import IS_FULL

CASES = json.loads((Path(__file__).parent / "clock_changes.json").read_text(encoding="utf-8"))
SHARED = Path(__file__).parents[4] / "shared" / "dst_cases.json"

ZONES = {
    "Europe/Paris": "01:00 UTC, an hour",
    "Europe/Dublin": "negative summer time",
    "Europe/Lisbon": "the change at 01:00",
    "Europe/Chisinau": "the change at its own hour",
    "Atlantic/Azores": "a repeated midnight",
    "America/Nuuk": "a gap before midnight",
    "America/Scoresbysund": "a gap before midnight",
    "America/New_York": "02:00 local",
    "America/Los_Angeles": "02:00 local, far west",
    "America/St_Johns": "half an hour off",
    "America/Vancouver": "its rules changed in 2026",
    "America/Edmonton": "its rules changed in 2026",
    "America/Havana": "no midnight, and a repeated one",
    "America/Santiago": "no midnight, southern",
    "America/Asuncion": "southern, without changes by now",
    "America/Sao_Paulo": "no changes any more",
    "Africa/Cairo": "no midnight, on a Friday",
    "Africa/Casablanca": "Ramadan, then never again",
    "Africa/El_Aaiun": "Ramadan",
    "Asia/Beirut": "no midnight",
    "Asia/Jerusalem": "a Friday",
    "Asia/Gaza": "on Saturdays, and around Ramadan",
    "Asia/Kolkata": "half an hour, no changes",
    "Asia/Kathmandu": "three quarters of an hour",
    "Australia/Lord_Howe": "a change of half an hour",
    "Australia/Sydney": "southern",
    "Pacific/Auckland": "southern, near the date line",
    "Pacific/Chatham": "02:45 to 03:45",
    "Pacific/Kiritimati": "beyond the date line",
    "Pacific/Norfolk": "southern",
    "Antarctica/Troll": "a change of two hours",
    "UTC": "none",
}
CRONS = (
    "30 2 * * *",
    "0 3 * * 1-5",
    "0,30 0-3 * * *",
    "5 0 * * *",
    "30 23 * * 6",
    "15 1,2 1-7 * 0",
    "*/15 2 * * *",
    "*/20 0,23 * * 0,6",
    "0 * * * *",
    "10 */2 * * *",
    "45 2,3 28 3,4,9,10 *",
)
TWO_YEARS = datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def check(case: Mapping[str, Any]) -> None:
    cron, zone, at = Cron.parse(case["cron"]), load_zone(case["zone"]).info, instant(case["after"])
    for expected, local in zip(case["expect"], case["local"], strict=True):
        at = next_after(cron, zone, at)
        assert at == instant(expected)
        assert local_text(at, zone) == local


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['id']}: {case['why']}")
def test_a_night_of_a_clock_change(case: Mapping[str, Any]) -> None:
    check(case)


@pytest.mark.skipif(not SHARED.is_file(), reason="no dst_cases.json beside the project's folder")
def test_the_cases_beside_the_project_hold_too() -> None:
    for case in json.loads(SHARED.read_text(encoding="utf-8")):
        check(case)


def from_the_room(expression: str, zone_name: str, begin: datetime, end: datetime) -> Sequence[datetime]:
    cron, zone, found = Cron.parse(expression), load_zone(zone_name).info, []
    at = begin - timedelta(microseconds=1)
    while (at := next_after(cron, zone, at)) < end:
        found.append(at)
    return found


def spans(zone_name: str) -> Sequence[tuple[datetime, datetime]]:
    """Two years with the full effort; otherwise the days around each clock change in them, and a week without one."""
    if IS_FULL:
        return [TWO_YEARS]
    around = timedelta(days=2)
    found = [(at - around, at + around) for at in changes(load_zone(zone_name).info, *TWO_YEARS)]
    return [*found, (datetime(2026, 12, 28, tzinfo=UTC), datetime(2027, 1, 4, tzinfo=UTC))]


@pytest.mark.parametrize("zone_name", ZONES, ids=[f"{zone}: {why}" for zone, why in ZONES.items()])
def test_two_years_are_what_debian_cron_would_live_through(zone_name: str) -> None:
    for begin, end in spans(zone_name):
        lived = occurrences(CRONS, load_zone(zone_name).info, begin, end)
        for expression in CRONS:
            assert from_the_room(expression, zone_name, begin, end) == lived[expression], expression


def test_the_comparison_sees_gaps_and_repetitions() -> None:
    assert sum(len(changes(load_zone(zone).info, *TWO_YEARS)) for zone in ZONES) > 80


LONG_AGO = {
    "Samoa, which had no 30 December 2011": ("Pacific/Apia", datetime(2011, 12, 30, tzinfo=UTC)),
    "Samoa's own summer time": ("Pacific/Apia", datetime(2012, 3, 31, tzinfo=UTC)),
    "Newfoundland, one minute after midnight": ("America/St_Johns", datetime(2010, 11, 7, tzinfo=UTC)),
    "Newfoundland, a gap after midnight": ("America/St_Johns", datetime(2010, 3, 14, tzinfo=UTC)),
    "a gap of three hours": ("Antarctica/Casey", datetime(2009, 10, 17, tzinfo=UTC)),
    "a repetition of three hours": ("Antarctica/Casey", datetime(2010, 3, 4, tzinfo=UTC)),
    "half an hour at midnight": ("Asia/Pyongyang", datetime(2015, 8, 14, tzinfo=UTC)),
}


@pytest.mark.parametrize(("zone_name", "around"), LONG_AGO.values(), ids=LONG_AGO)
def test_rarer_changes_are_what_debian_cron_would_live_through(zone_name: str, around: datetime) -> None:
    begin, end = around - timedelta(days=2), around + timedelta(days=3)
    lived = occurrences(CRONS, load_zone(zone_name).info, begin, end)
    for expression in CRONS:
        assert from_the_room(expression, zone_name, begin, end) == lived[expression], expression


def test_a_day_that_does_not_exist_is_left_out_and_not_made_up_at_midnight() -> None:
    zone = load_zone("Pacific/Apia").info
    at = next_after(Cron.parse("0 3 * * *"), zone, datetime(2011, 12, 29, 20, tzinfo=UTC))
    assert local_text(at, zone) == "Sat 31 Dec 2011 03:00 +1400"
    assert locate(zone, date(2011, 12, 30), time(3)).lost


NUMBERS = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 7)}


@st.composite
def fields(draw: st.DrawFn, lowest: int, highest: int) -> str:
    kind = draw(st.sampled_from(["star", "step", "number", "list", "range"]))
    number = st.integers(lowest, highest)
    match kind:
        case "star":
            return "*"
        case "step":
            return f"*/{draw(st.integers(1, 20))}"
        case "number":
            return str(draw(number))
        case "list":
            return ",".join(str(each) for each in draw(st.lists(number, min_size=1, max_size=4)))
    first, last = sorted((draw(number), draw(number)))
    return f"{first}-{last}"


@st.composite
def nights(draw: st.DrawFn) -> tuple[str, str, datetime]:
    """An expression that comes on many days, a zone, and an instant near one of its clock changes."""
    hours = st.sampled_from(["*", "*/2", "*/3", "0", "1", "2", "3", "23", "0-3", "1,2", "22-23", "2-4"])
    expression = f"{draw(fields(0, 59))} {draw(hours)} {draw(fields(1, 31))} * {draw(fields(0, 7))}"
    zone = draw(st.sampled_from([each for each in ZONES if changes_of(each)]))
    return expression, zone, draw(st.sampled_from(changes_of(zone)))


_CHANGES: dict[str, Sequence[datetime]] = {}


def changes_of(zone_name: str) -> Sequence[datetime]:
    if zone_name not in _CHANGES:
        _CHANGES[zone_name] = changes(load_zone(zone_name).info, *TWO_YEARS)
    return _CHANGES[zone_name]


@settings(max_examples=400 if IS_FULL else 60)
@given(nights())
def test_any_expression_near_any_clock_change_is_what_debian_cron_would_live_through(
    night: tuple[str, str, datetime],
) -> None:
    expression, zone_name, change = night
    begin, end = change - timedelta(hours=30), change + timedelta(hours=30)
    zone = load_zone(zone_name).info
    lived = occurrences([expression], zone, begin, end)[expression]
    try:
        assert from_the_room(expression, zone_name, begin, end) == lived
    except ValueError as error:  # a day that no month has, or an hour that always is missing
        assert "never comes" in str(error)  # noqa: PT017
        assert not lived


@settings(max_examples=400 if IS_FULL else 60)
@given(nights(), st.integers(0, 60 * 60), st.integers(1, 60 * 60))
def test_the_latest_of_a_span_is_the_last_of_those_that_come_next(
    night: tuple[str, str, datetime], begins: int, lasts: int
) -> None:
    expression, zone_name, change = night
    begin = change - timedelta(hours=30) + timedelta(minutes=begins)
    end = begin + timedelta(minutes=lasts)
    try:
        every = from_the_room(expression, zone_name, begin, end + timedelta(microseconds=1))
    except ValueError:
        return
    passed = latest_between(Cron.parse(expression), load_zone(zone_name).info, begin - timedelta(microseconds=1), end)
    if passed is None:
        assert not every
    else:
        assert (passed.latest, passed.count) == (every[-1], min(len(every), 100))
        assert passed.more == (len(every) > 100)
