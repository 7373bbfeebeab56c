"""What the client makes of a 429, and of an answer that says that it was the last one for now."""

from contextlib import suppress

import httpx
import pytest
import respx

from orchestrator.domain.costs import Cost
from orchestrator.domain.durations import HOUR
from orchestrator.errors import PlatformError, ThrottledError
from orchestrator.qovery.platform import QoveryPlatform
from orchestrator.qovery.quota import ASKS_AFTER, RESET_ROUNDING
from tests.contract.test_client_requests import EXCHANGES, Exchange
from tests.support.http import API, ENVIRONMENT, NOW, HandClock, asked
from tests.support.quota import quota_of

EPOCH = int(NOW.timestamp())


async def read(platform: QoveryPlatform) -> object:
    return await platform.read_statuses(ENVIRONMENT)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({}, None, id="says nothing"),
        pytest.param({"Retry-After": "17"}, 17.0, id="retry-after"),
        pytest.param({"Retry-After": "Tue, 24 Nov 2026 03:01:00 GMT"}, 60.0, id="retry-after as a date"),
        pytest.param({"X-RateLimit-Reset": str(EPOCH + 120)}, 120.0, id="reset as a timestamp"),
        pytest.param({"X-RateLimit-Reset": "120"}, 120.0, id="reset as a span"),
        pytest.param({"X-RateLimit-Reset": "99999999999999"}, HOUR, id="reset in a thousand years"),
        pytest.param({"X-RateLimit-Reset": "-5"}, None, id="reset in the past as a span"),
        pytest.param({"X-RateLimit-Reset": "tomorrow"}, None, id="reset in words"),
        pytest.param({"Retry-After": "17", "X-RateLimit-Reset": "120"}, 17.0, id="both"),
        pytest.param([("Retry-After", "17"), ("Retry-After", "18")], None, id="twice"),
        pytest.param(
            {"Retry-After": "17", "Date": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"}, 17.0, id="odd date"
        ),
    ],
)
def test_a_429_says_how_long_to_wait_and_the_next_request_is_not_even_sent_before(
    headers: dict[str, str] | list[tuple[str, str]], seconds: float | None
) -> None:
    clock = HandClock()
    quota = quota_of(clock, per_hour=1000)
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(429, headers=headers)

    transport = httpx.MockTransport(answer)
    with pytest.raises(ThrottledError, match="HTTP 429: no explanation") as caught:
        asked(read, transport=transport, quota=quota)
    assert caught.value.retry_after == seconds
    if seconds is not None:
        clock.move(seconds - 0.5)
        with pytest.raises(ThrottledError, match="used up") as too_early:
            asked(read, transport=transport, quota=quota)
        assert too_early.value.retry_after == 0.5
        assert len(requests) == 1
        clock.move(0.5)
    with pytest.raises(ThrottledError, match="HTTP 429"):
        asked(read, transport=transport, quota=quota)
    assert len(requests) == 2


@respx.mock(base_url=API)
def test_the_last_request_of_the_hour_is_answered_and_the_next_one_waits(respx_mock: respx.MockRouter) -> None:
    route = respx_mock.get("/organization").respond(
        200, json={"results": []}, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "300"}
    )
    quota = quota_of(HandClock(), per_hour=1000)
    assert asked(EXCHANGES["organizations"].ask, quota=quota) == []
    with pytest.raises(ThrottledError) as caught:
        asked(EXCHANGES["organizations"].ask, quota=quota)
    assert caught.value.retry_after == ASKS_AFTER, "we have not used it up"
    assert route.call_count == 1


@respx.mock(base_url=API)
def test_the_last_request_of_an_hour_that_we_used_up_is_answered_and_the_next_one_waits_for_the_reset(
    respx_mock: respx.MockRouter,
) -> None:
    headers = {"X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "300"}
    respx_mock.get("/organization").respond(200, json={"results": []}, headers=headers)
    quota = quota_of(HandClock(), per_hour=1000)
    assert asked(EXCHANGES["organizations"].ask, quota=quota) == []
    with pytest.raises(ThrottledError) as caught:
        asked(EXCHANGES["organizations"].ask, quota=quota)
    assert caught.value.retry_after == 300.0 + RESET_ROUNDING


# What is kept for an environment.

ABOUT_IT = {"read_statuses", "find_runs", "read_queue", "submit_restart", "cancel_run"}
KEPT = Cost(cancel=4, looks=4.0)


@pytest.mark.parametrize(("name", "exchange"), EXCHANGES.items(), ids=EXCHANGES.keys())
@respx.mock(base_url=API)
def test_a_request_about_an_environment_is_taken_from_what_is_kept_for_it_and_any_other_is_a_look_for_all(
    respx_mock: respx.MockRouter, name: str, exchange: Exchange
) -> None:
    respx_mock.route().respond(exchange.status, json=exchange.answer)
    quota = quota_of(HandClock(), per_hour=1000)
    assert quota.try_to_admit(ENVIRONMENT, KEPT, wanted=lambda: KEPT.total, has_waited=False) == 0
    asked(exchange.ask, quota=quota)
    reserve = quota._reserves[ENVIRONMENT]
    taken = (KEPT.needed - reserve.needed, KEPT.looks - reserve.looks)
    assert taken == ((1, 0) if name in ABOUT_IT else (0, 1))


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={"stages": []}),
        httpx.Response(200, text="<html>"),
        httpx.Response(429),
        httpx.Response(503),
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("no route"),
        KeyError("a bug"),
    ],
    ids=["an answer", "a page", "429", "503", "no answer", "no connection", "a defect"],
)
def test_a_request_about_an_environment_is_on_its_way_until_it_is_answered_or_will_not_be(
    answer: httpx.Response | Exception,
) -> None:
    quota = quota_of(HandClock(), per_hour=1000)
    quota.reserve(ENVIRONMENT, KEPT)
    unanswered = []

    def respond(request: httpx.Request) -> httpx.Response:
        unanswered.append(quota._reserves[ENVIRONMENT].unanswered)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with suppress(PlatformError, KeyError):
        asked(lambda platform: platform.read_statuses(ENVIRONMENT), transport=httpx.MockTransport(respond), quota=quota)
    unanswered.append(quota._reserves[ENVIRONMENT].unanswered)
    assert unanswered == [1, 0]
