"""Everything between a client and the simulated platform: latency, broken connections, proxies, caches."""

import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import format_datetime
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.simulator import mangling
from orchestrator.simulator.chance import EVEN, happens, source
from orchestrator.simulator.faults import Fate, Fault, FaultSource
from orchestrator.simulator.wire import WIRE, Cut, Wire
from orchestrator.simulator.world import World

AGE = "age"
"""The key in the scope's `state` of how many seconds old a reading must be."""

OWN_PATHS = "/_simulator"
"""The prefix of the simulator's own paths, which have no faults."""

_RESTART = "/restart-service"
"""The path suffix of a restart."""
_SLOW = (20.0, 40.0)
"""Seconds, at least and at most, that a slow restart takes longer."""
_DELIVERED_TWICE = 1 / 3
"""The share of accepted restarts that a proxy delivers twice, where it does so at all."""

_CUTS = {Fault.REFUSED: Cut.REFUSED, Fault.RESET: Cut.RESET, Fault.HANG_UP: Cut.CLOSED}
_SERVER_ERRORS = (500, 502, 503, 504)
_PAGE = b"<!DOCTYPE html><html><head><title>%b</title></head><body><h1>%b</h1></body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A complete HTTP answer."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class Interference:
    """ASGI middleware that applies to each request what a `FaultSource` decides."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        faults: FaultSource,
        world: World,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._app = app
        self._faults = faults
        self._world = world
        self._now = now
        self._sleep = sleep
        self._sources: dict[str, random.Random] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].startswith(OWN_PATHS):
            await self._app(scope, receive, send)
            return
        fate = self._faults.next(scope["method"], scope["path"], now=self._now())
        restarts = scope["method"] == "POST" and scope["path"].endswith(_RESTART)
        if restarts:
            fate = self._slowed(fate)
        await self._sleep(fate.before)
        genuine = None
        if fate.acted:
            state = {**scope.get("state", {}), AGE: fate.age}
            genuine = await _capture(self._app, {**scope, "state": state}, receive)
            if restarts and genuine.status == HTTPStatus.ACCEPTED:
                genuine = self._answer_that_arrives(fate, genuine)
        await self._sleep(fate.after)
        wire: Wire | None = scope.get("state", {}).get(WIRE)
        if fate.fault in _CUTS:
            if wire is None:
                await _deliver(_bad_gateway(), send)
                return
            wire.cut(_CUTS[fate.fault])
            await _until_disconnected(receive)
            return
        answer = self._dated(self._answer(fate, genuine))
        if fate.fault is Fault.TRUNCATED and wire is not None and len(answer.body) > 1:
            await _deliver(answer, send, only=len(answer.body) // 2)
            wire.cut(Cut.CLOSED)
            await _until_disconnected(receive)
            return
        await _deliver(answer, send)

    def _slowed(self, fate: Fate) -> Fate:
        """Let a restart take long before it is acted upon, or afterwards."""
        match self._world.dials.slow_submit:
            case "before":
                return replace(fate, before=fate.before + self._source("slow").uniform(*_SLOW))
            case "after":
                return replace(fate, after=fate.after + self._source("slow").uniform(*_SLOW))
        return fate

    def _answer_that_arrives(self, fate: Fate, genuine: Answer) -> Answer:
        """Return the answer to an accepted restart, or to its second delivery, which is refused."""
        second = self._world.dials.second_delivery
        if second == "none" or not happens(self._source("second delivery"), _DELIVERED_TWICE):
            return genuine
        status = HTTPStatus(second)
        if status is HTTPStatus.TOO_MANY_REQUESTS:
            return self._throttled(fate.roll)
        why = "Operation is in progress" if status is HTTPStatus.CONFLICT else "the request was refused"
        return _error(status, why)

    def _source(self, purpose: str) -> random.Random:
        if purpose not in self._sources:
            self._sources[purpose] = source(self._world.seed, purpose)
        return self._sources[purpose]

    def _answer(self, fate: Fate, genuine: Answer | None) -> Answer:
        match fate.fault:
            case Fault.PROXY_PAGE:
                return _page(HTTPStatus.OK, b"Welcome")
            case Fault.BAD_GATEWAY:
                return _bad_gateway()
            case Fault.SERVER_ERROR:
                return _error(_SERVER_ERRORS[int(fate.roll * len(_SERVER_ERRORS))], "an internal error occurred")
            case Fault.CONFLICT:
                return _error(HTTPStatus.CONFLICT, "Operation is in progress")
            case Fault.THROTTLED:
                return self._throttled(fate.roll)
        if genuine is None:  # pragma: no cover - the remaining faults change an answer, so there is one
            raise AssertionError(f"{fate.fault} needs an answer")
        return _mangled(fate, genuine)

    def _throttled(self, roll: float) -> Answer:
        """Return a 429, with or without a time to wait, in each of the possible forms."""
        seconds = 1 + int(roll * 20)
        in_epoch = int(self._world.at(self._now()).timestamp()) + seconds
        waits: tuple[tuple[tuple[bytes, bytes], ...], ...] = (
            (),
            ((b"retry-after", b"%d" % seconds),),
            ((b"x-ratelimit-reset", b"%d" % seconds),),
            ((b"x-ratelimit-reset", b"%d" % in_epoch),),
        )
        answer = _error(HTTPStatus.TOO_MANY_REQUESTS, "too many requests")
        # The roll's later digits choose the headers, so that every wait occurs with each of them.
        return replace(answer, headers=answer.headers + waits[int(roll * 1000) % len(waits)])

    def _dated(self, answer: Answer) -> Answer:
        dials = self._world.dials
        if dials.date_header == "missing":
            return answer
        ahead = dials.date_ahead + (dials.date_jumps if happens(self._source("date"), EVEN) else 0)
        date = format_datetime(self._world.at(self._now()) + timedelta(seconds=ahead), usegmt=True)
        text = "a moment ago" if dials.date_header == "garbled" else date
        return replace(answer, headers=(*answer.headers, (b"date", text.encode())))


def _mangled(fate: Fate, genuine: Answer) -> Answer:
    match fate.fault:
        case Fault.EMPTY:
            return _with_body(genuine, b"")
        case Fault.HALF_JSON:
            return _with_body(genuine, genuine.body[: len(genuine.body) // 2])
    if not genuine.body.startswith(b"{"):
        return genuine
    document: object = json.loads(genuine.body)
    match fate.fault:
        case Fault.OTHER_SHAPE:
            document = mangling.of_another_shape(document, fate.roll)
        case Fault.UNKNOWN_STATE:
            document = mangling.with_unknown_states(document, fate.roll)
        case Fault.NO_EXECUTION_IDS:
            document = mangling.without_execution_ids(document)
        case Fault.NO_LISTS:
            document = mangling.without_lists(document, fate.roll)
        case _:
            return genuine
    return _with_body(genuine, json.dumps(document).encode())


def _with_body(answer: Answer, body: bytes) -> Answer:
    headers = tuple((name, value) for name, value in answer.headers if name != b"content-length")
    return replace(answer, headers=(*headers, (b"content-length", b"%d" % len(body))), body=body)


def _plain(status: int, content_type: bytes, body: bytes) -> Answer:
    return Answer(
        status=status,
        headers=((b"content-type", content_type), (b"content-length", b"%d" % len(body))),
        body=body,
    )


def _page(status: int, title: bytes) -> Answer:
    return _plain(status, b"text/html", _PAGE % (title, title))


def _bad_gateway() -> Answer:
    return _page(HTTPStatus.BAD_GATEWAY, b"502 Bad Gateway")


def _error(status: int, detail: str) -> Answer:
    body = {"status": int(status), "error": HTTPStatus(status).phrase, "detail": detail}
    return _plain(status, b"application/json", json.dumps(body).encode())


async def _capture(app: ASGIApp, scope: Scope, receive: Receive) -> Answer:
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, keep)
    start, *parts = messages
    return Answer(
        status=start["status"],
        headers=tuple(start["headers"]),
        body=b"".join(part.get("body", b"") for part in parts),
    )


async def _deliver(answer: Answer, send: Send, *, only: int | None = None) -> None:
    """Send an answer, or only the first `only` bytes of its body without an end."""
    await send({"type": "http.response.start", "status": answer.status, "headers": list(answer.headers)})
    await send({"type": "http.response.body", "body": answer.body[:only], "more_body": only is not None})


async def _until_disconnected(receive: Receive) -> None:
    """Wait until the server has noticed that the connection is gone: it treats an earlier return as an error."""
    while (await receive())["type"] != "http.disconnect":
        pass
