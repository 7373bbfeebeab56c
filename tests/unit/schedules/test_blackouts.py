"""When nothing may begin, and until when."""

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.schedules import Blackout, Blackouts, Cron, DateRange, RepeatedBlackout, blackouts, load_zone

PARIS = load_zone("Europe/Paris").info
HOUR = 3600.0


def at(*parts: int) -> datetime:
    """An instant in Paris."""
    return datetime(*parts, tzinfo=PARIS)  # type: ignore[arg-type,misc]


def repeated(expression: str, hours: float, why: str | None = None) -> RepeatedBlackout:
    return RepeatedBlackout(cron=Cron.parse(expression), zone=PARIS, duration=hours * HOUR, why=why)


def until(each: Blackouts, instant: datetime) -> datetime:
    found = each.at(instant)
    assert found is not None
    return found.until


YEARS_END = DateRange.between("2026-12-20", "2027-01-04", PARIS, why="end of the year")
OFFICE = repeated("0 8 * * 1-5", 10)


@pytest.mark.parametrize(
    ("instant", "ends"),
    [
        pytest.param(at(2026, 12, 19, 23, 59), None, id="before"),
        pytest.param(at(2026, 12, 20), at(2027, 1, 5), id="its first instant"),
        pytest.param(at(2027, 1, 4, 23, 59), at(2027, 1, 5), id="the whole of its last day"),
        pytest.param(at(2027, 1, 5), None, id="the day after"),
    ],
)
def test_dates_are_whole_days_the_last_one_included(instant: datetime, ends: datetime | None) -> None:
    expected = Blackout(until=ends.astimezone(UTC), why="end of the year") if ends else None
    assert Blackouts([YEARS_END]).at(instant) == expected


@pytest.mark.parametrize(
    ("instant", "ends"),
    [
        pytest.param(at(2026, 7, 1, 7, 59, 59), None, id="a second before"),
        pytest.param(at(2026, 7, 1, 8), at(2026, 7, 1, 18), id="its first instant"),
        pytest.param(at(2026, 7, 1, 17, 59, 59), at(2026, 7, 1, 18), id="its last second"),
        pytest.param(at(2026, 7, 1, 18), None, id="its end"),
        pytest.param(at(2026, 7, 4, 12), None, id="a Saturday"),
    ],
)
def test_a_repeated_blackout_holds_for_its_duration(instant: datetime, ends: datetime | None) -> None:
    assert Blackouts([OFFICE]).at(instant) == (Blackout(until=ends.astimezone(UTC), why=None) if ends else None)


def test_a_duration_is_real_time_in_the_night_of_a_clock_change() -> None:
    night = Blackouts([repeated("0 1 * * *", 3)])
    assert until(night, at(2027, 3, 28, 1)) == at(2027, 3, 28, 5)
    assert until(night, at(2026, 10, 25, 1)) == at(2026, 10, 25, 3)


def test_no_blackouts_are_none() -> None:
    assert Blackouts().at(at(2026, 7, 1)) is None
    assert Blackouts().endless() is None


def test_blackouts_that_overlap_or_follow_one_another_are_over_when_the_last_is() -> None:
    chained = Blackouts(
        [
            DateRange.between("2026-07-01T10:00", "2026-07-01T12:00", PARIS, why="first"),
            DateRange.between("2026-07-01T11:00", "2026-07-01T14:00", PARIS, why="second"),
            DateRange.between("2026-07-01T14:00", "2026-07-01T15:00", PARIS),
            repeated("30 14 1 7 *", 2, "third"),
            DateRange.between("2026-07-01T17:00", "2026-07-01T18:00", PARIS),
        ]
    )
    last = at(2026, 7, 1, 16, 30).astimezone(UTC)
    assert chained.at(at(2026, 7, 1, 10)) == Blackout(until=last, why="first")
    assert chained.at(at(2026, 7, 1, 11, 30)) == Blackout(until=last, why="second")
    assert chained.at(at(2026, 7, 1, 14, 10)) == Blackout(until=last, why=None)


@pytest.mark.parametrize(
    ("each", "index"),
    [
        pytest.param([repeated("0 8 * * *", 24)], 0, id="a whole day every day"),
        pytest.param([repeated("* * * * *", 1 / 60)], 0, id="every minute for a minute"),
        pytest.param([YEARS_END, repeated("0 8 * * *", 12), repeated("0 20 * * *", 12)], 1, id="two that alternate"),
        pytest.param([repeated("0 8 * * *", 23)], None, id="an hour is left"),
        pytest.param([repeated("0 0 * 1-11 *", 24)], None, id="all but December"),
        pytest.param([repeated("* * 1-5 * *", 1 / 60)], None, id="every minute of some days"),
        pytest.param(
            [DateRange.between("2026-01-01", "2099-12-31", PARIS), OFFICE], None, id="decades, and then it ends"
        ),
        pytest.param(
            [repeated("0 0 * * *", 12), DateRange.between("2026-01-01", "2028-12-31", PARIS)], None, id="years"
        ),
    ],
)
def test_a_blackout_that_never_ends_is_found(each: list[DateRange | RepeatedBlackout], index: int | None) -> None:
    assert Blackouts(each).endless() == index


def test_a_blackout_that_never_ends_holds() -> None:
    found = Blackouts([repeated("0 8 * * *", 25, "always")]).at(at(2026, 7, 1))
    assert found is not None
    assert found.until > at(2026, 7, 1) + blackouts.HORIZON


def test_what_is_followed_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blackouts, "MOST_STEPS", 3)
    found = Blackouts([repeated("0 * * * *", 1)])
    assert until(found, at(2026, 7, 1)) == at(2026, 7, 1, 3)
    assert found.endless() == 0


@pytest.mark.parametrize(
    ("first", "last", "begins", "ends"),
    [
        pytest.param("2026-12-20", "2026-12-20", at(2026, 12, 20), at(2026, 12, 21), id="one day"),
        pytest.param(
            "2026-12-20 08:00", "2026-12-20T09:30:15", at(2026, 12, 20, 8), at(2026, 12, 20, 9, 30, 15), id="times"
        ),
        pytest.param(
            "2026-12-20T08:00Z", "2026-12-20T09:00-05:00", at(2026, 12, 20, 9), at(2026, 12, 20, 15), id="offsets"
        ),
        pytest.param(" 2026-12-20 ", "2026-12-20T12:00", at(2026, 12, 20), at(2026, 12, 20, 12), id="mixed"),
        pytest.param(
            "2027-03-28T02:30", "2027-03-28", at(2027, 3, 28, 3), at(2027, 3, 29), id="from a time that does not exist"
        ),
    ],
)
def test_a_range_of_dates_and_times(first: str, last: str, begins: datetime, ends: datetime) -> None:
    found = DateRange.between(first, last, PARIS)
    assert (found.begins, found.ends) == (begins.astimezone(UTC), ends.astimezone(UTC))


def test_of_a_time_that_comes_twice_a_range_takes_the_longer() -> None:
    found = DateRange.between("2026-10-25T02:30", "2026-10-25T02:30", PARIS)
    assert found.ends - found.begins == timedelta(hours=1)


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        pytest.param("2027-01-04", "2026-12-20", "ends after it begins", id="backwards"),
        pytest.param("2027-01-04T10:00", "2027-01-04T10:00", "ends after it begins", id="empty"),
        pytest.param("2027-02-30", "2027-03-01", "expected a date such as", id="the 30th of February"),
        pytest.param("2027-01-04", "tomorrow", "expected a date such as", id="a word"),
        pytest.param("2027-01-04", "9999-12-31", "expected a date such as", id="the end of the calendar"),
        pytest.param("0000-01-04", "2027-12-31", "expected a date such as", id="the year 0"),
        pytest.param("2027-01-04T25:00", "2027-12-31", "expected a date such as", id="the hour 25"),
        pytest.param("2027-W01-1", "2027-12-31", "expected a date such as", id="a week"),
    ],
)
def test_what_is_no_range_is_refused(first: str, last: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DateRange.between(first, last, PARIS)
