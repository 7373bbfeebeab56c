"""The simulated platform in the client's own process: httpx transports without a socket.

They raise what real transports raise, and take as much time, on the running event loop.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import httpx
from starlette.types import ASGIApp, Message

from orchestrator.simulator.health import HealthSite
from orchestrator.simulator.wire import WIRE, Cut

_CLIENT = ("127.0.0.1", 49152)


class SimulatedTransport(httpx.AsyncBaseTransport):
    """Carries requests to an ASGI application.

    A client that gives up does not stop the platform: what was sent is still acted upon, as in reality.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._served: set[asyncio.Task[None]] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request.

        Raises:
            httpx.ConnectError: the connection was refused.
            httpx.ReadError: it was reset.
            httpx.RemoteProtocolError: it was closed before the end of the answer.
        """
        exchange = _Exchange(request=request, body=await request.aread())
        serving = asyncio.ensure_future(self._serve(exchange))
        self._served.add(serving)
        serving.add_done_callback(self._served_one)
        await asyncio.shield(serving)
        return exchange.response()

    async def _serve(self, exchange: "_Exchange") -> None:
        request = exchange.request
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": request.url.scheme,
            "path": request.url.path,
            "raw_path": request.url.raw_path.partition(b"?")[0],
            "query_string": request.url.query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "client": _CLIENT,
            "server": (request.url.host, request.url.port),
            "state": {WIRE: exchange},
        }
        await self._app(scope, exchange.receive, exchange.send)

    def _served_one(self, serving: asyncio.Task[None]) -> None:
        self._served.discard(serving)
        if not serving.cancelled():
            # A failure after the client has gone must not be reported as never retrieved.
            serving.exception()


class HealthTransport(httpx.AsyncBaseTransport):
    """Carries health checks to the simulated sites."""

    def __init__(
        self, site: HealthSite, *, latency: float = 0.05, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """Answer from `site` after `latency` seconds, waited for with `sleep`."""
        self._site = site
        self._latency = latency
        self._sleep = sleep

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request."""
        await self._sleep(self._latency)
        return httpx.Response(self._site.status_of(request.url), request=request)


@dataclass(slots=True)
class _Exchange:
    """One request and its answer; for the application, it is also their connection."""

    request: httpx.Request
    body: bytes
    start: Message | None = None
    parts: list[bytes] = field(default_factory=list)
    how_cut: Cut | None = None
    body_was_read: bool = False

    def cut(self, how: Cut) -> None:
        self.how_cut = how

    async def receive(self) -> Message:
        if self.body_was_read or self.how_cut is not None:
            return {"type": "http.disconnect"}
        self.body_was_read = True
        return {"type": "http.request", "body": self.body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
        else:
            self.parts.append(message.get("body", b""))

    def response(self) -> httpx.Response:
        """Return what the client receives, or raise what it would see."""
        if self.how_cut is Cut.REFUSED:
            raise httpx.ConnectError("all connection attempts failed", request=self.request)
        if self.how_cut is Cut.RESET:
            raise httpx.ReadError("connection reset by peer", request=self.request)
        if self.start is None:
            raise httpx.RemoteProtocolError("server disconnected without sending a response", request=self.request)
        return httpx.Response(
            int(self.start["status"]),
            headers=self.start["headers"],
            stream=_Body(self.parts, whole=self.how_cut is None, request=self.request),
            request=self.request,
        )


class _Body(httpx.AsyncByteStream):
    def __init__(self, parts: list[bytes], *, whole: bool, request: httpx.Request) -> None:
        self._parts = parts
        self._whole = whole
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            yield part
        if not self._whole:
            raise httpx.RemoteProtocolError(
                "peer closed connection without sending complete message body", request=self._request
            )
