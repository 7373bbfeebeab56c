"""A notice is posted with patience, but not with too much, and its URL is never shown."""

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
import respx

from orchestrator.domain.notices import NoticeKind, Undelivered
from orchestrator.errors import UsageError
from orchestrator.notices.posting import LONGEST_WAIT, TIMEOUT, TRIES, Poster, make_notice_client, secret_url
from orchestrator.ports import Delivery
from orchestrator.simulator.virtual_time import VirtualTimeLoop
from tests.support.time import HandClock

URL = httpx.URL("https://hooks.example.test:8443/T0/B0secret?key=s3cretkey")


def posted(answer: Callable[[httpx.Request], httpx.Response]) -> tuple[Delivery, HandClock, list[httpx.Request]]:
    """Post to somebody who answers like this, and return how long was waited, and what was sent."""
    clock, sent = HandClock(), []

    def hear(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return answer(request)

    async def post() -> Delivery:
        async with make_notice_client([], httpx.MockTransport(hear)) as client:
            return await Poster(client, clock).post(NoticeKind.WEBHOOK, URL, b"{}", headers={"X-Run": "7"})

    return asyncio.run(post()), clock, sent


def answers(*statuses: int, **headers: str) -> Callable[[httpx.Request], httpx.Response]:
    left = list(statuses)
    return lambda _: httpx.Response(left.pop(0) if len(left) > 1 else left[0], headers=headers)


@pytest.mark.parametrize("status", [200, 202, 204])
def test_any_success_will_do(status: int) -> None:
    delivery, clock, (request,) = posted(answers(status))
    assert delivery == Delivery(kind=NoticeKind.WEBHOOK, to="hooks.example.test:8443")
    assert (request.method, request.content, request.headers["x-run"]) == ("POST", b"{}", "7")
    assert clock.slept == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_refusal_that_does_not_pass_is_not_tried_again(status: int) -> None:
    delivery, _, sent = posted(answers(status))
    assert (delivery.problem, delivery.words, len(sent)) == (Undelivered.REFUSED, f"the answer was {status}", 1)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_neither_followed_nor_tried_again(status: int) -> None:
    delivery, _, sent = posted(answers(status, Location="https://elsewhere.example.test/"))
    assert (delivery.problem, len(sent)) == (Undelivered.REDIRECTED, 1)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
def test_what_may_pass_is_tried_again(status: int) -> None:
    delivery, clock, sent = posted(answers(status, status, 200))
    assert (delivery.problem, len(sent), clock.slept) == (None, 3, [0.5, 1.0])


def test_after_five_tries_it_is_over() -> None:
    delivery, clock, sent = posted(answers(503))
    assert (delivery.problem, len(sent), clock.slept) == (Undelivered.REFUSED, TRIES, [0.5, 1.0, 2.0, 4.0])


@pytest.mark.parametrize(
    ("asked_for", "waited"),
    [("3", 3.0), ("3600", LONGEST_WAIT), ("0", 0.5), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.5), ("-1", 0.5), ("1e9", 0.5)],
)
def test_a_wait_that_is_asked_for_is_kept_within_bounds(asked_for: str, waited: float) -> None:
    _, clock, _ = posted(answers(429, 200, **{"Retry-After": asked_for}))
    assert clock.slept == [waited]


def test_what_cannot_be_reached_is_said_without_the_secret() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"no way to {URL}, that is {URL.raw_path.decode()}", request=request)

    delivery, _, sent = posted(refuse)
    assert (delivery.problem, len(sent)) == (Undelivered.NO_ANSWER, TRIES)
    assert "secret" not in delivery.words
    assert "s3cret" not in delivery.words


def test_who_never_answers_is_left_after_ten_seconds_a_try() -> None:
    class Silent(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await asyncio.sleep(3600)
            return httpx.Response(200)

    async def post() -> tuple[Delivery, float]:
        async with make_notice_client([], Silent()) as client:
            delivery = await Poster(client, HandClock()).post(NoticeKind.PING, URL, b"", headers={})
            return delivery, asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        delivery, took = runner.run(post())
    assert (delivery.problem, took) == (Undelivered.NO_ANSWER, TRIES * TIMEOUT)


@respx.mock
def test_an_endless_answer_is_not_read() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1024

    respx.post(URL).mock(return_value=httpx.Response(200, content=endless()))

    async def post() -> Delivery:
        async with make_notice_client([URL]) as client:
            return await Poster(client, HandClock()).post(NoticeKind.PING, URL, b"", headers={})

    assert asyncio.run(post()).problem is None


@pytest.mark.parametrize(
    "text", ["", "hooks.example.test/x", "ftp://a/b", "https:///T0secret", "https://a b/", "https://a:99999/"]
)
def test_what_is_no_url_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        secret_url(text, where="the environment variable HOOK", named_by="notify.to[0].webhook")
    assert str(caught.value).startswith("notify.to[0].webhook: the environment variable HOOK does not hold a URL")
    assert not text or text not in str(caught.value)
