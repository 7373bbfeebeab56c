"""Corners of the search; the nights of clock changes are in `test_clock_changes.py`."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from orchestrator.schedules import Cron, Passed, instants, latest_between, load_zone, local_text, next_after

PARIS = load_zone("Europe/Paris").info
NIGHTLY = Cron.parse("0 3 * * *")


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


def test_next_is_strictly_later() -> None:
    due = at(2026, 7, 1, 1)
    assert next_after(NIGHTLY, PARIS, due - timedelta(microseconds=1)) == due
    assert next_after(NIGHTLY, PARIS, due) == due + timedelta(days=1)


def test_an_instant_may_be_given_in_any_zone() -> None:
    assert next_after(NIGHTLY, PARIS, datetime(2026, 7, 1, 2, 59, tzinfo=PARIS)) == at(2026, 7, 1, 1)


@pytest.mark.parametrize(
    "instant",
    [
        pytest.param(datetime(2026, 7, 1), id="no zone"),  # noqa: DTZ001 - the point
        pytest.param(at(1, 1, 1), id="too early"),
        pytest.param(at(9999, 12, 31, 23, 59), id="too late"),
    ],
)
def test_an_instant_that_cannot_be_placed_is_refused(instant: datetime) -> None:
    with pytest.raises(ValueError, match="expected an instant"):
        next_after(NIGHTLY, PARIS, instant)
    with pytest.raises(ValueError, match="expected an instant"):
        latest_between(NIGHTLY, PARIS, at(2026, 1, 1), instant)


def test_the_end_of_the_calendar_is_near_and_survived() -> None:
    assert next_after(Cron.parse("* * * * *"), PARIS, at(9900, 12, 31, 23, 59)) == at(9901, 1, 1)


def test_offsets_with_seconds_are_survived() -> None:
    monrovia = load_zone("Africa/Monrovia").info  # 44 minutes and 30 seconds behind, until 1972
    found = next_after(Cron.parse("*/10 * * * *"), monrovia, at(1970, 1, 1, 0, 0, 40))
    assert found.astimezone(monrovia).strftime("%H:%M:%S") == "23:20:00"


def test_a_wildcard_in_an_hour_that_is_always_missing_never_comes() -> None:
    # The last Sunday of March is the night of the change in Paris; */15 follows real time.
    never = Cron.parse("*/15 2 25-31 3 */7")
    with pytest.raises(ValueError, match=r'"\*/15 2 25-31 3 \*/7" never comes in the time zone Europe/Paris'):
        next_after(never, PARIS, at(2026, 7, 1))
    assert latest_between(never, PARIS, at(2000, 1, 1), at(2026, 7, 1)) is None


def test_a_search_ends_where_the_dates_do(monkeypatch: pytest.MonkeyPatch) -> None:
    leap = Cron.parse("*/5 3 29 2 *")
    monkeypatch.setattr("orchestrator.schedules.cron.HORIZON_YEARS", 0)
    with pytest.raises(ValueError, match="never comes"):
        next_after(leap, PARIS, at(2026, 7, 1))
    with pytest.raises(ValueError, match="never comes"):
        next_after(Cron.parse("0 3 * 1-6 *"), PARIS, at(2026, 7, 1))


@pytest.mark.parametrize(
    ("expression", "after", "until", "expected"),
    [
        pytest.param("0 3 * * *", at(2026, 7, 1, 1), at(2026, 7, 2, 0), None, id="nothing"),
        pytest.param("0 3 * * *", at(2026, 7, 2), at(2026, 7, 1), None, id="backwards"),
        pytest.param(
            "0 3 * * *",
            at(2026, 7, 1),
            at(2026, 7, 1, 1),
            Passed(latest=at(2026, 7, 1, 1), count=1, more=False),
            id="now",
        ),
        pytest.param(
            "0 3 * * *",
            at(2026, 7, 1),
            at(2026, 7, 5, 2),
            Passed(latest=at(2026, 7, 5, 1), count=5, more=False),
            id="five",
        ),
        pytest.param(
            "*/10 * * * *",
            at(2026, 7, 1),
            at(2026, 7, 4, 0, 5),
            Passed(latest=at(2026, 7, 4), count=100, more=True),
            id="three days of every ten minutes",
        ),
        pytest.param(
            "* * 1 * *",
            at(2000, 1, 1),
            at(2026, 7, 20),
            Passed(latest=at(2026, 7, 1, 21, 59), count=100, more=True),
            id="dense, and long ago",
        ),
        pytest.param(
            "0 3 29 2 *",
            at(2020, 1, 1),
            at(2027, 7, 20),
            Passed(latest=at(2024, 2, 29, 2), count=2, more=False),
            id="leap days",
        ),
    ],
)
def test_the_latest_of_a_span(expression: str, after: datetime, until: datetime, expected: Passed | None) -> None:
    assert latest_between(Cron.parse(expression), PARIS, after, until) == expected


@pytest.mark.parametrize(
    "expression", ["* * * * *", "*/10 * * * *", "0 3 * * *", "* * 1 * *", "0 3 29 2 *", "1 1 1 1 *"]
)
def test_the_latest_takes_some_dozens_of_searches(expression: str, monkeypatch: pytest.MonkeyPatch) -> None:
    searches = 0
    real = instants._search

    def counted(cron: Cron, zone: tzinfo, after: datetime) -> datetime | None:
        nonlocal searches
        searches += 1
        return real(cron, zone, after)

    monkeypatch.setattr(instants, "_search", counted)
    assert latest_between(Cron.parse(expression), PARIS, at(1970, 1, 1), at(2026, 7, 1, 12, 34)) is not None
    assert searches < 100 + 100  # those that are counted one by one, and those that find the latest


def test_text_is_english_whatever_the_locale() -> None:
    assert local_text(at(2026, 12, 25, 3), ZoneInfo("Asia/Kathmandu")) == "Fri 25 Dec 2026 08:45 +0545"
