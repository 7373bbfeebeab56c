import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain import durations
from orchestrator.domain.durations import LONGEST, format_duration, parse_duration, parse_span


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("0s", 0.0),
        ("2s", 2.0),
        ("15m", 900.0),
        ("1h30m", 5400.0),
        ("1.5h", 5400.0),
        ("1h1m1s1ms", 3661.001),
        ("007s", 7.0),
        (" 2s ", 2.0),
        ("720h", LONGEST),
    ],
)
def test_a_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "s",
        "1d",
        "1 h",
        "-5m",
        "+5m",
        "1m1h",
        "1s1s",
        "1h 30m",
        "5M",
        "1.s",
        ".5s",
        "1e3s",
        "1_0s",
        "inf",
        "\u0661s",
    ],
)
def test_what_is_no_duration_is_refused_with_examples_of_some(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected a duration such as 250ms, 2s, 15m or 1h30m$"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["0", "30", "1.5"])
def test_a_number_alone_is_told_that_its_unit_is_missing(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected a duration with its unit, such as 30s or 30m$"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["721h", "720h1ms", f"{'9' * 400}h"], ids=["an hour more", "just more", "infinite"])
def test_nothing_lasts_longer_than_thirty_days(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected a duration of at most 720h$"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.0004, "0s"),
        (0.25, "250ms"),
        (0.9996, "1s"),
        (18, "18s"),
        (59.96, "1m"),
        (81.44, "1m21.4s"),
        (599.96, "10m"),
        (600.4, "10m"),
        (3599.6, "1h"),
        (5400, "1h30m"),
        (7201, "2h1s"),
        (90000, "25h"),
    ],
)
def test_a_duration_is_written_as_a_person_would_say_it(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.floats(min_value=0, max_value=LONGEST))
def test_what_is_written_is_read_again_as_exactly_as_it_promises(seconds: float) -> None:
    off = abs(parse_duration(format_duration(seconds)) - seconds)
    exactness = 0.001 if seconds < 0.9995 else 0.1 if seconds < 600 else 1.0
    assert off <= exactness / 2 + 1e-6


@given(st.text())
def test_any_text_is_a_bounded_duration_or_a_value_error(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        assert str(error).startswith("expected a duration")  # noqa: PT017 - any text may go either way
    else:
        assert 0 <= seconds <= LONGEST


def test_the_examples_in_the_docstrings_hold() -> None:
    failed, attempted = doctest.testmod(durations)
    assert (failed, attempted) == (0, 5)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7d", 604800.0), (" 1d12h ", 129600.0), ("90m", 5400.0), ("400d", 34560000.0)],
    ids=["days", "days and hours", "no days", "more than a duration may have"],
)
def test_a_span_may_have_days(text: str, seconds: float) -> None:
    assert parse_span(text) == seconds


@pytest.mark.parametrize("text", ["d", "1.5d", "1d2", "soon", ""])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        parse_span(text)
