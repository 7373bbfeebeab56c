"""What the tests of the API client share: a clock moved by hand, a client over respx or a transport of one's own."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
from pydantic import SecretStr

from orchestrator.qovery.http import QoveryHttp, make_client
from orchestrator.qovery.platform import QoveryPlatform
from orchestrator.qovery.quota import Quota
from orchestrator.redaction import redactor
from orchestrator.simulator.virtual_time import VirtualTimeLoop
from tests.support.quota import quota_of

T = TypeVar("T")

API = "https://api.example.test"
TOKEN = "tok_3f9a1c5e7b2d4f6a8c0e"  # not the vendor's form: only who knows it can hide it
NOW = datetime(2026, 11, 24, 3, 0, 0, tzinfo=UTC)

ENVIRONMENT = "3c90c3cc-0d44-4b50-8888-8dd25736052a"


# One for all: making one reads the machine's certificates, which takes longer than a test. respx answers in its place.
_NEVER_CONNECTED = httpx.AsyncHTTPTransport()


class HandClock:
    """Time that stands until a test moves it."""

    def __init__(self, monotonic: float = 0.0) -> None:
        self._start = monotonic
        self._monotonic = monotonic

    def monotonic(self) -> float:
        return self._monotonic

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self._monotonic - self._start)

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("the API client never sleeps")

    def move(self, seconds: float) -> None:
        self._monotonic += seconds


def in_virtual_time(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a loop that never waits."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(coroutine)


def asked(
    question: Callable[[QoveryPlatform], Awaitable[T]],
    *,
    base_url: str = API,
    token: str = TOKEN,
    transport: httpx.AsyncBaseTransport | None = None,
    quota: Quota | None = None,
    request_timeout: float = 30.0,
) -> T:
    """Ask the platform one question and return what it says; without a `transport`, respx has to answer."""

    async def ask() -> T:
        client = make_client(
            base_url,
            SecretStr(token),
            request_timeout=request_timeout,
            max_connections=4,
            transport=transport or _NEVER_CONNECTED,
        )
        async with client:
            http = QoveryHttp(
                client,
                quota=quota or quota_of(HandClock(), per_hour=1000),
                request_timeout=request_timeout,
                redact=redactor(token),
            )
            return await question(QoveryPlatform(http))

    return in_virtual_time(ask())
