from datetime import UTC, datetime
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.durations import HOUR
from orchestrator.errors import ThrottledError
from orchestrator.qovery.quota import EPOCH_THRESHOLD, RESET_ROUNDING, Quota, _number, seconds_to_wait, server_time
from tests.support.http import NOW, HandClock
from tests.support.quota import quota_of

EPOCH = int(NOW.timestamp())


def taken(quota: Quota) -> float | None:
    """Take one request: None when it was let through, else the seconds after which it would be."""
    try:
        quota.take()
    except ThrottledError as error:
        return error.retry_after
    return None


# The count of our own.


@given(
    per_hour=st.integers(1, 8),
    pauses=st.lists(st.floats(0, 2 * HOUR) | st.sampled_from([0.0, 1.0, HOUR]), max_size=60),
    start=st.sampled_from([0.0, 0.1, 12345.678]),
)
def test_no_hour_ever_sees_more_requests_than_the_quota(per_hour: int, pauses: list[float], start: float) -> None:
    clock = HandClock(start)
    quota = quota_of(clock, per_hour=per_hour)
    sent: list[float] = []
    for pause in pauses:
        clock.move(pause)
        if taken(quota) is None:
            sent.append(clock.monotonic())
    # Every hour that begins with a request, its end excluded, since the server's next window begins there.
    assert all(sum(begin <= at < begin + HOUR for at in sent) <= per_hour for begin in sent)
    assert quota.used == len(sent)


def test_at_the_instant_when_the_hour_is_over_only_as_many_go_as_there_is_room_for() -> None:
    # For this instant t, (t + 3600) - 3600 is less than t.
    clock = HandClock(4592.25783039476)
    quota = quota_of(clock, per_hour=1)
    quota.take()
    clock.move(HOUR)
    assert clock.monotonic() - HOUR < 4592.25783039476
    assert [taken(quota) is None for _ in range(3)] == [True, False, False]


@given(per_hour=st.integers(1, 8), pauses=st.lists(st.integers(0, 3600), max_size=40))
def test_a_request_is_refused_only_when_the_hour_is_full_and_let_through_when_it_was_told_to_come_back(
    per_hour: int, pauses: list[int]
) -> None:
    clock = HandClock()
    quota = quota_of(clock, per_hour=per_hour)
    sent: list[float] = []
    for pause in pauses:
        clock.move(pause)
        now = clock.monotonic()
        in_the_last_hour = sum(at > now - HOUR for at in sent)
        wait = taken(quota)
        assert (wait is not None) == (in_the_last_hour >= per_hour)
        if wait is not None:
            assert 0 < wait <= HOUR
            clock.move(wait)
            quota.take()
        sent.append(clock.monotonic())


def test_a_full_hour_names_the_quota_and_the_time_to_wait() -> None:
    clock = HandClock()
    quota = quota_of(clock, per_hour=2)
    quota.take()
    clock.move(600)
    quota.take()
    clock.move(600)
    with pytest.raises(ThrottledError, match="quota of 2 requests an hour is used up") as caught:
        quota.take()
    assert caught.value.retry_after == HOUR - 1200
    assert caught.value.status is None
    assert quota.used == 2


# What the server says.


def test_a_429_closes_the_quota_for_as_long_as_it_says() -> None:
    clock = HandClock()
    quota = quota_of(clock, per_hour=1000)
    assert quota.learn({"retry-after": "7"}, throttled=True, ticket=0) == 7.0
    assert taken(quota) == 7.0
    clock.move(6.5)
    assert taken(quota) == 0.5
    clock.move(0.5)
    quota.take()


def test_a_429_that_says_nothing_closes_nothing_and_leaves_the_wait_to_the_caller() -> None:
    quota = quota_of(HandClock(), per_hour=1000)
    assert quota.learn({}, throttled=True, ticket=0) is None
    quota.take()


def test_a_good_answer_that_was_the_last_one_closes_the_quota_until_the_reset() -> None:
    quota = quota_of(HandClock(), per_hour=1)
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "90", "x-ratelimit-limit": "1"}
    assert quota.learn(headers, throttled=False, ticket=quota.take()) is None
    assert taken(quota) == HOUR, "our own count is longer"
    quota = quota_of(HandClock(), per_hour=1000)
    assert quota.learn(headers, throttled=False, ticket=quota.take()) is None
    assert taken(quota) == 90.0 + RESET_ROUNDING, "a reset is told in whole seconds"


@pytest.mark.parametrize("remaining", ["1", "999", "", "many", "-1"])
def test_a_good_answer_with_requests_remaining_closes_nothing(remaining: str) -> None:
    quota = quota_of(HandClock(), per_hour=1000)
    assert (
        quota.learn({"x-ratelimit-remaining": remaining, "x-ratelimit-reset": "90"}, throttled=False, ticket=0) is None
    )
    quota.take()


def test_a_later_answer_never_shortens_what_an_earlier_one_asked_for() -> None:
    quota = quota_of(HandClock(), per_hour=1000)
    quota.learn({"retry-after": "60"}, throttled=True, ticket=0)
    quota.learn({"retry-after": "1"}, throttled=True, ticket=0)
    assert taken(quota) == 60.0


def test_the_longer_of_the_two_waits_counts() -> None:
    clock = HandClock()
    quota = quota_of(clock, per_hour=1)
    quota.take()
    quota.learn({"retry-after": "5"}, throttled=True, ticket=0)
    assert taken(quota) == HOUR
    clock.move(HOUR - 2)
    quota.learn({"retry-after": "9"}, throttled=True, ticket=0)
    assert taken(quota) == 9.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({}, None, id="nothing said"),
        pytest.param({"retry-after": "12"}, 12.0, id="retry-after in seconds"),
        pytest.param({"retry-after": "1.5"}, 1.5, id="retry-after in fractions"),
        pytest.param({"retry-after": " 12 "}, 12.0, id="retry-after with spaces"),
        pytest.param({"retry-after": "Tue, 24 Nov 2026 03:00:30 GMT"}, 30.0, id="retry-after as a date"),
        pytest.param({"retry-after": "Tue, 24 Nov 2026 02:00:00 GMT"}, 0.0, id="retry-after in the past"),
        pytest.param(
            {"retry-after": "Tue, 24 Nov 2026 05:00:30 GMT", "date": "Tue, 24 Nov 2026 05:00:00 GMT"},
            30.0,
            id="retry-after beside a server clock that differs from ours",
        ),
        pytest.param({"retry-after": "12", "x-ratelimit-reset": "99"}, 12.0, id="retry-after goes first"),
        pytest.param(
            {"retry-after": "soon", "x-ratelimit-reset": "99"}, 99.0, id="reset where retry-after is nonsense"
        ),
        pytest.param({"retry-after": "Tue, 24 Nov 2026 03:00:30"}, None, id="retry-after without a zone"),
        pytest.param({"x-ratelimit-reset": "45"}, 45.0, id="reset in seconds"),
        pytest.param({"x-ratelimit-reset": str(EPOCH + 45)}, 45.0, id="reset as a timestamp"),
        pytest.param({"x-ratelimit-reset": str(EPOCH - 45)}, 0.0, id="reset as a timestamp in the past"),
        pytest.param(
            {"x-ratelimit-reset": str(EPOCH + 7245), "date": "Tue, 24 Nov 2026 05:00:00 GMT"},
            45.0,
            id="reset beside a server clock that differs from ours",
        ),
        pytest.param({"x-ratelimit-reset": str(EPOCH_THRESHOLD)}, HOUR, id="reset at the threshold is a span"),
        pytest.param({"x-ratelimit-reset": str(EPOCH * 1000)}, HOUR, id="reset in milliseconds"),
        pytest.param({"x-ratelimit-reset": "86400"}, HOUR, id="reset in a day"),
        pytest.param({"x-ratelimit-reset": "9" * 400}, HOUR, id="reset beyond every number"),
        pytest.param({"x-ratelimit-reset": "0"}, 0.0, id="reset now"),
        *(
            pytest.param({"x-ratelimit-reset": text}, None, id=f"reset {text or 'empty'}")
            for text in ("", ".", "-1", "nan", "inf", "1e999", "0x10", "1.2.3", "12 s", "١٢", "²")
        ),
    ],
)
def test_the_wait_is_read_in_every_spelling_and_within_an_hour(headers: dict[str, str], seconds: float | None) -> None:
    assert seconds_to_wait(headers, NOW) == seconds
    assert (
        seconds_to_wait(httpx.Headers([(key.encode(), text.encode()) for key, text in headers.items()]), NOW) == seconds
    )


words = st.text(max_size=30) | st.integers().map(str) | st.floats().map(str) | st.datetimes().map(format_datetime)
dates = st.from_regex(
    r"\A(Mon, )?[0-9]{1,30} [A-Z][a-z]{2} [0-9]{1,30} [0-9]{1,20}:[0-9]{2}:[0-9]{2} (GMT|[+-][0-9]{2,30})\Z"
)


@given(retry_after=words | dates, reset=words | dates, date=words | dates, remaining=words, throttled=st.booleans())
def test_no_header_whatever_it_holds_closes_the_quota_for_more_than_an_hour_or_raises(
    retry_after: str, reset: str, date: str, remaining: str, throttled: bool
) -> None:
    quota = quota_of(HandClock(), per_hour=1000)
    headers = {
        "retry-after": retry_after,
        "x-ratelimit-reset": reset,
        "date": date,
        "x-ratelimit-remaining": remaining,
    }
    wait = quota.learn(headers, throttled=throttled, ticket=0)
    assert wait is None or 0 <= wait <= HOUR
    # Whatever `Retry-After` says, of none that is left none is left until the reset, which is told in whole seconds.
    until_reset = seconds_to_wait({**headers, "retry-after": ""}, NOW)
    number = _number(remaining)
    none_left = number is not None and number < 1 and until_reset is not None
    closed_for = max(wait or 0.0, (until_reset or 0.0) + RESET_ROUNDING if none_left else 0.0)
    assert taken(quota) == (closed_for or None)


@pytest.mark.parametrize(
    ("date", "read"),
    [
        pytest.param("Tue, 24 Nov 2026 03:00:00 GMT", NOW, id="as HTTP has it"),
        pytest.param("Tue, 24 Nov 2026 05:00:00 +0200", NOW, id="in another zone"),
        pytest.param("Tue, 24 Nov 2026 03:00:00 -0000", None, id="of no known zone"),
        pytest.param("Tue, 24 Nov 2026 03:00:00", None, id="without a zone"),
        pytest.param("2026-11-24T03:00:00Z", None, id="ISO 8601"),
        pytest.param("Tue, 31 Feb 2026 03:00:00 GMT", None, id="a day that is not"),
        pytest.param("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None, id="a year beyond every number"),
        pytest.param("Mon, 01 Jan 2026 00:00:00 +99999999999999999999", None, id="a zone beyond every number"),
        pytest.param("", None, id="empty"),
    ],
)
def test_the_servers_time_is_an_instant_or_nothing(date: str, read: datetime | None) -> None:
    assert server_time({"date": date}) == read


def test_an_answer_without_a_date_has_no_server_time() -> None:
    assert server_time({}) is None


@given(st.integers(0, 200 * 365 * 86400))
def test_every_date_that_is_well_written_is_read(timestamp: int) -> None:
    moment = datetime.fromtimestamp(timestamp, UTC)
    assert server_time({"date": format_datetime(moment, usegmt=True)}) == moment
