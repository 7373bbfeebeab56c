"""Asking a URL how it is."""

import asyncio
from collections.abc import Callable

import httpx
import pytest

from orchestrator.probe import TIMEOUT, HttpProber, make_probe_client
from tests.support.time import in_virtual_time

URL = "https://shop.example.test/healthz"


def asked(answer: Callable[[httpx.Request], httpx.Response]) -> int | str:
    async def ask() -> int | str:
        async with make_probe_client(httpx.MockTransport(answer)) as client:
            return await HttpProber(client).probe(URL)

    return in_virtual_time(ask())


@pytest.mark.parametrize("status", [200, 302, 404, 503])
def test_a_status_is_the_answer_and_a_redirect_is_not_followed(status: int) -> None:
    assert asked(lambda _: httpx.Response(status, headers={"Location": "https://elsewhere.example.test/"})) == status


def test_a_probe_carries_no_token() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400 if "authorization" in request.headers else 200)

    assert asked(answer) == 200


def test_where_there_is_no_answer_a_few_words_say_why_without_secrets() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("via http://me:pw@proxy: refused", request=request)

    assert asked(refuse) == "via http://***@proxy: refused"


def test_an_answer_that_does_not_come_is_not_waited_for() -> None:
    class Silent(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await asyncio.sleep(3600)
            return httpx.Response(200)

    async def ask() -> tuple[int | str, float]:
        async with make_probe_client(Silent()) as client:
            return await HttpProber(client).probe(URL), asyncio.get_running_loop().time()

    answer, ended_at = in_virtual_time(ask())
    assert (answer, ended_at) == ("no answer within 10 s", TIMEOUT)
