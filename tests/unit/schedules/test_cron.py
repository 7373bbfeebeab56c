import doctest
from datetime import date, datetime, time

import pytest

from orchestrator import schedules
from orchestrator.schedules import Cron, blackouts, cron, decision, instants, previews, windows, zones


@pytest.mark.parametrize(
    "module",
    [schedules, cron, instants, zones, blackouts, windows, decision, previews],
    ids=lambda module: module.__name__,
)
def test_the_examples_hold(module: object) -> None:
    failed, _ = doctest.testmod(module)  # type: ignore[arg-type]
    assert failed == 0


def test_the_room_has_examples() -> None:
    assert doctest.testmod(schedules).attempted > 5


def test_all_that_the_room_offers_exists() -> None:
    assert all(hasattr(schedules, name) for name in schedules.__all__)
    assert list(schedules.__all__) == sorted(
        schedules.__all__, key=lambda name: (not name.isupper(), name.islower(), name)
    )


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        pytest.param("", "five fields", id="nothing"),
        pytest.param("0 3 * *", "five fields", id="four fields"),
        pytest.param("0 0 3 * * *", "five fields", id="with seconds"),
        pytest.param("@daily", "begin with @ are not known", id="a nickname"),
        pytest.param("60 3 * * *", "its minute is wrong (0 to 59)", id="minute"),
        pytest.param("0 24 * * *", "its hour is wrong (0 to 23)", id="hour"),
        pytest.param("0 3 32 * *", "its day of the month is wrong", id="day"),
        pytest.param("0 3 * 13 *", "its month is wrong", id="month"),
        pytest.param("0 3 * * 8", "its day of the week is wrong", id="weekday"),
        pytest.param("5-1 3 * * *", "its minute is wrong", id="a range backwards"),
        pytest.param("*/0 3 * * *", "its minute is wrong", id="a step of nothing"),
        pytest.param(f"{'9' * 5000} 3 * * *", "its minute is wrong", id="thousands of digits"),
        pytest.param("0 3 30 2 *", "never comes", id="the 30th of February"),
        pytest.param("0 3 31 4,6,9,11 *", "never comes", id="the 31st of short months"),
        pytest.param("0 3 30 2 */2", "never comes", id="the 30th of February on some weekdays"),
        pytest.param("0 3 */31 * 1#2", "never comes", id="the 1st as the second Monday"),
    ],
)
def test_what_is_no_cron_expression_says_why(expression: str, why: str) -> None:
    with pytest.raises(ValueError, match="cron expression") as caught:
        Cron.parse(expression)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("expression", "comes_on", "not_on"),
    [
        pytest.param("0 3 29 2 *", date(2028, 2, 29), date(2027, 2, 28), id="a leap day"),
        pytest.param("0 3 29 2 */7", date(2032, 2, 29), date(2028, 2, 29), id="a leap day on a Sunday"),
        pytest.param("0 3 L * *", date(2027, 2, 28), date(2027, 2, 27), id="the last day"),
        pytest.param("0 3 30 2 1", date(2027, 2, 1), date(2027, 2, 2), id="Mondays, or a day that is not there"),
        pytest.param("0 3 * * sun", date(2027, 2, 7), date(2027, 2, 8), id="Sunday by name"),
        pytest.param("0 3 * * 7", date(2027, 2, 7), date(2027, 2, 8), id="Sunday by 7"),
        pytest.param("0 3 * * 1#1", date(2027, 2, 1), date(2027, 2, 8), id="the first Monday"),
    ],
)
def test_dates(expression: str, comes_on: date, not_on: date) -> None:
    cron = Cron.parse(expression)
    assert cron.on(comes_on)
    assert not cron.on(not_on)
    assert comes_on in list(cron.dates_from(date(2026, 1, 1)))


@pytest.mark.parametrize(
    ("expression", "fixed"),
    [
        ("30 2 * * *", True),
        ("0 0-23/2 * * *", True),
        ("*/15 2 * * *", False),
        ("0 */2 * * *", False),
        ("* * * * *", False),
        ("*,5 2 * * *", False),
    ],
)
def test_only_a_star_at_the_beginning_of_minute_or_hour_follows_real_time(expression: str, fixed: bool) -> None:
    assert Cron.parse(expression).fixed is fixed


def test_one_schedule_has_one_spelling() -> None:
    cron = Cron.parse("  0  3 * *   mon-fri ")
    assert cron.expression == "0 3 * * MON-FRI"
    assert cron == Cron.parse("0 3 * * MON-FRI")
    assert cron.words == "At 03:00 on Monday through Friday"
    assert cron.matches(datetime(2027, 2, 1, 3, 0, 59))  # noqa: DTZ001 - local time
    assert not cron.matches(datetime(2027, 2, 1, 3, 1))  # noqa: DTZ001


def test_times_and_hours() -> None:
    cron = Cron.parse("0,30 3,2 * * *")
    assert cron.times == (time(2), time(2, 30), time(3), time(3, 30))
    assert not cron.all_hours
    assert Cron.parse("5 0-23 * * *").all_hours


def test_dates_are_looked_for_in_fifty_years() -> None:
    leap_days = list(Cron.parse("0 3 29 2 *").dates_from(date(2026, 3, 1)))
    assert (leap_days[0], leap_days[-1], len(leap_days)) == (date(2028, 2, 29), date(2076, 2, 29), 13)
