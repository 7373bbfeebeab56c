"""The simulated platform on a port, for clients in other processes. Its faults break real connections."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Iterator

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from orchestrator.simulator.wire import WIRE, Cut

GRACE = 2
"""Seconds that requests in progress may still take when the server is stopped."""

_NO_LINGER = struct.pack("ii", 1, 0)
"""SO_LINGER with a timeout of 0: closing the socket sends a reset."""


async def serve(app: ASGIApp, *, host: str, port: int, on_listening: Callable[[str], None]) -> None:
    """Serve `app` until this coroutine is cancelled.

    Signals are left to the caller: no handlers are installed.

    Args:
        app: the application.
        host: the address to listen on.
        port: the port; 0 chooses a free one.
        on_listening: called once with the URL, when connections are accepted.

    Raises:
        OSError: listening on the address is not possible.
    """
    listener = _listen(host, port)
    config = uvicorn.Config(
        app,
        http=_CuttableProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        date_header=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )
    server = _Server(config, on_started=lambda: on_listening(_url(listener)))
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(serving)
    finally:
        server.should_exit = True
        await serving
        listener.close()


class _Server(uvicorn.Server):
    """A uvicorn server that reports when it has started, and leaves signals to the caller."""

    def __init__(self, config: uvicorn.Config, *, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _CuttableProtocol(H11Protocol):
    """Passes its connection to each request, in the scope's `state`, which uvicorn copies from `app_state`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self.app_state = {**self.app_state, WIRE: _SocketWire(transport)}


class _SocketWire:
    """A real connection."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def cut(self, how: Cut) -> None:
        """Break it."""
        if how is Cut.CLOSED:
            self._transport.close()
            return
        connection: socket.socket = self._transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._transport.abort()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise OSError(error.errno, f"cannot listen on {host}, port {port}: {error.strerror}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen on {host}, port {port}: {error.strerror}") from error
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if listener.family == socket.AF_INET6 else f"http://{host}:{port}"
