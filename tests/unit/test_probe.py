"""Asking a URL how it is."""

import asyncio
import ssl
from collections.abc import Callable

import anyio
import h11
import httpx
import pytest

from orchestrator.probe import TIMEOUT, HttpProber, make_probe_client
from tests.support.time import in_virtual_time

URL = "https://shop.example.test/healthz"


def asked(answer: Callable[[httpx.Request], httpx.Response]) -> int | str:
    async def ask() -> int | str:
        async with make_probe_client([], httpx.MockTransport(answer)) as client:
            return await HttpProber(client).probe(URL, within=60)

    return in_virtual_time(ask())


@pytest.mark.parametrize("status", [200, 302, 404, 503])
def test_a_status_is_the_answer_and_a_redirect_is_not_followed(status: int) -> None:
    assert asked(lambda _: httpx.Response(status, headers={"Location": "https://elsewhere.example.test/"})) == status


def test_a_probe_carries_no_token() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400 if "authorization" in request.headers else 200)

    assert asked(answer) == 200


@pytest.mark.parametrize("cookie", ["node=7", "node=\u0663"], ids=["plain", "cannot be sent back"])
def test_a_cookie_is_not_kept_for_the_next_probe(cookie: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        headers = [(b"Set-Cookie", cookie.encode())]
        return httpx.Response(400 if "cookie" in request.headers else 200, headers=headers)

    async def ask_twice() -> list[int | str]:
        async with make_probe_client([], httpx.MockTransport(answer)) as client:
            return [await HttpProber(client).probe(URL, within=60) for _ in range(2)]

    assert in_virtual_time(ask_twice()) == [200, 200]


def test_where_there_is_no_answer_a_few_words_say_why_without_secrets() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("via http://me:pw@proxy: refused", request=request)

    assert asked(refuse) == "via http://***@proxy: refused"


@pytest.mark.parametrize(
    "error",
    [
        ssl.SSLError(1, "[SSL: APPLICATION_DATA_AFTER_CLOSE_NOTIFY]"),
        ConnectionResetError("reset"),
        UnicodeError("label too long"),
        OverflowError("port must be 0-65535"),
        httpx.InvalidURL("no host"),
        httpx.ReadError("cut"),
        h11.RemoteProtocolError("illegal header"),
        anyio.ClosedResourceError(),
        ValueError("embedded null byte"),
    ],
    ids=repr,
)
def test_whatever_a_request_raises_is_an_answer_that_did_not_come(error: Exception) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error

    assert asked(fail) == (str(error) or type(error).__name__)


@pytest.mark.parametrize(("within", "timeout"), [(60.0, TIMEOUT), (2.0, 2.0)], ids=["its own", "what is left"])
def test_an_answer_that_does_not_come_is_not_waited_for(within: float, timeout: float) -> None:
    class Silent(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await asyncio.sleep(3600)
            return httpx.Response(200)

    async def ask() -> tuple[int | str, float]:
        async with make_probe_client([], Silent()) as client:
            return await HttpProber(client).probe(URL, within=within), asyncio.get_running_loop().time()

    answer, ended_at = in_virtual_time(ask())
    assert (answer, ended_at) == (f"no answer within {timeout:g} s", timeout)
