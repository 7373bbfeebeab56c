"""What the client makes of a failing server over real sockets, since what httpx raises there is what counts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from pydantic import SecretStr

from orchestrator.errors import NotSentError, PassingError, UnansweredError
from orchestrator.qovery.http import QoveryHttp, make_client
from orchestrator.qovery.platform import QoveryPlatform
from tests.contract.test_client_requests import SERVICES
from tests.support.http import ENVIRONMENT, TOKEN, HandClock
from tests.support.quota import quota_of

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def hang_up_in_the_middle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b'HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\n{"id":')


async def talk_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.transport.abort()


@asynccontextmanager
async def serving(behaviour: Behaviour) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await behaviour(reader, writer)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def submit_to(base_url: str) -> None:
    client = make_client(base_url, SecretStr(TOKEN), request_timeout=20, max_connections=1)
    async with client:
        http = QoveryHttp(client, quota=quota_of(HandClock(), per_hour=10), request_timeout=20)
        await QoveryPlatform(http).submit_restart(ENVIRONMENT, SERVICES)


@pytest.mark.parametrize(
    ("behaviour", "scheme", "meaning"),
    [
        pytest.param(hang_up, "http", UnansweredError, id="hangs up instead of answering"),
        pytest.param(hang_up_in_the_middle, "http", UnansweredError, id="hangs up in the middle of the answer"),
        pytest.param(talk_nonsense, "http", UnansweredError, id="does not speak HTTP"),
        pytest.param(reset, "http", UnansweredError, id="resets the connection"),
        pytest.param(talk_nonsense, "https", NotSentError, id="does not speak TLS"),
    ],
)
def test_what_a_real_server_does_is_understood(
    monkeypatch: pytest.MonkeyPatch, behaviour: Behaviour, scheme: str, meaning: type[PassingError]
) -> None:
    for variable in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)

    async def run() -> None:
        async with serving(behaviour) as port:
            await submit_to(f"{scheme}://127.0.0.1:{port}")

    with pytest.raises(PassingError) as caught:
        asyncio.run(run())
    assert type(caught.value) is meaning


def test_a_port_at_which_nobody_listens_was_never_sent_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)

    async def run() -> None:
        async with serving(hang_up) as port:
            pass
        await submit_to(f"http://127.0.0.1:{port}")

    with pytest.raises(NotSentError, match="not sent: the connection was refused") as caught:
        asyncio.run(run())
    assert caught.value.lasting


# Connections that the server closes while they are idle.


async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the first request as if the connection stayed open, and reset it when the second arrives."""
    head = await reader.readuntil(b"\r\n\r\n")
    if b"restart-service" in head:
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}")
    else:
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"results": []}')
    await reader.readuntil(b"\r\n\r\n")
    writer.transport.abort()


def test_a_submit_has_a_connection_of_its_own_so_that_none_is_lost_on_one_that_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)

    async def run() -> None:
        async with serving(answer_once) as port, AsyncExitStack() as stack:
            client, posting = [
                await stack.enter_async_context(
                    make_client(
                        f"http://127.0.0.1:{port}",
                        SecretStr(TOKEN),
                        request_timeout=20,
                        max_connections=4,
                        keep_alive=keep_alive,
                    )
                )
                for keep_alive in (True, False)
            ]
            http = QoveryHttp(client, posting=posting, quota=quota_of(HandClock(), per_hour=10), request_timeout=20)
            platform = QoveryPlatform(http)
            await platform.organizations()
            for _ in range(3):
                await platform.submit_restart(ENVIRONMENT, SERVICES)
            with pytest.raises(UnansweredError):
                await platform.organizations()

    asyncio.run(run())
