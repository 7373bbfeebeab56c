"""The simulated platform on a real port."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
import pytest
from starlette.applications import Starlette

from orchestrator.simulator.app import create_app
from orchestrator.simulator.faults import Fate, Fault
from orchestrator.simulator.seeding import build_world
from orchestrator.simulator.server import serve
from tests.support.simulator_client import SPEC, Foretold, fate


def application(*fates: Fate) -> Starlette:
    world = build_world([SPEC], seed=1)
    return create_app(world, profile="none", seed=1, now=lambda: 0.0, faults=Foretold(fates))


@asynccontextmanager
async def served(*fates: Fate) -> AsyncIterator[httpx.AsyncClient]:
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(
        serve(application(*fates), host="127.0.0.1", port=0, on_listening=listening.set_result)
    )
    try:
        async with httpx.AsyncClient(base_url=await listening, headers={"Authorization": "Token x"}) as client:
            yield client
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


def codes(*fates: Fate, requests: int) -> list[int | str]:
    """What a client on the other side of a socket sees."""

    async def main() -> list[int | str]:
        seen: list[int | str] = []
        async with served(*fates) as client:
            for _ in range(requests):
                try:
                    seen.append((await client.get("/organization")).status_code)
                except httpx.TransportError as error:
                    seen.append(type(error).__name__)
        return seen

    return asyncio.run(main())


def test_it_answers_over_a_real_socket() -> None:
    assert codes(requests=2) == [200, 200]


@pytest.mark.parametrize(
    ("fault", "acted", "expected"),
    [
        pytest.param(Fault.RESET, False, "ReadError", id="reset before"),
        pytest.param(Fault.RESET, True, "ReadError", id="reset after"),
        pytest.param(Fault.REFUSED, False, "ReadError", id="refused, as far as a server can"),
        pytest.param(Fault.HANG_UP, True, "RemoteProtocolError", id="closed"),
        pytest.param(Fault.TRUNCATED, True, "RemoteProtocolError", id="truncated"),
    ],
)
def test_it_breaks_real_connections_and_goes_on(fault: Fault, acted: bool, expected: str) -> None:
    assert codes(fate(Fault.NONE), fate(fault, acted=acted), requests=3) == [200, expected, 200]


def test_a_port_that_is_taken_is_an_error_that_names_it() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=rf"cannot listen on 127.0.0.1, port {port}: Address already in use"):
            asyncio.run(serve(application(), host="127.0.0.1", port=port, on_listening=pytest.fail))


def test_an_address_that_is_not_here_is_an_error_that_names_it() -> None:
    with pytest.raises(OSError, match=r"cannot listen on 256\.0\.0\.1, port 0"):
        asyncio.run(serve(application(), host="256.0.0.1", port=0, on_listening=pytest.fail))


def test_it_stops_when_it_is_cancelled_and_leaves_the_port_free() -> None:
    async def main() -> int:
        async with served() as client:
            port = client.base_url.port
            assert port is not None
        return port

    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", asyncio.run(main())))


def test_it_writes_nothing_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    codes(fate(Fault.RESET, acted=False), requests=2)
    assert capsys.readouterr() == ("", "")
