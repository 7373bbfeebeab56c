"""What the simulated platform checks before it handles a request: the token and the quota."""

import hashlib
from collections.abc import Callable
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.simulator.interference import OWN_PATHS
from orchestrator.simulator.quota import Allowance, Quota
from orchestrator.simulator.record import QuotaExceeded
from orchestrator.simulator.refusals import Refusals
from orchestrator.simulator.world import World

USER = "user"
"""The key of the user's name in the scope's `state`, for the application."""

_SCHEMES = ("token", "bearer")


def user_of(token: str) -> str:
    """Return the name of a token's user. Every token is valid; its text is not kept.

    >>> user_of("not-a-secret") == user_of("not-a-secret") != user_of("another")
    True
    """
    return f"token-{hashlib.sha256(token.encode()).hexdigest()[:8]}"


class Gate:
    """ASGI middleware: 401 without a token, 429 above the quota, and the quota's headers on every answer to a token."""

    def __init__(
        self, app: ASGIApp, *, world: World, now: Callable[[], float], requests_per_hour: int, refusals: Refusals
    ) -> None:
        self._app = app
        self._world = world
        self._now = now
        self._quota = Quota(requests_per_hour, window=world.dials.quota_window, epoch=world.epoch.timestamp())
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].startswith(OWN_PATHS):
            await self._app(scope, receive, send)
            return
        now = self._now()
        self._world.advance(now)
        token = _token(Headers(scope=scope))
        if token is None:
            refusal = self._refusals.answer(HTTPStatus.UNAUTHORIZED, "a token is required")
            await refusal(scope, receive, send)
            return
        user = user_of(token)
        self._world.client = user
        allowance = self._quota.take(user, now=now)

        async def send_with_quota(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._headers(allowance, now)]
            await send(message)

        if not allowance.granted:
            self._world.record.add(QuotaExceeded(at=now, user=user))
            refusal = self._refusals.answer(HTTPStatus.TOO_MANY_REQUESTS, "the hourly quota is used up")
            await refusal(scope, receive, send_with_quota)
            return
        state = {**scope.get("state", {}), USER: user}
        await self._app({**scope, "state": state}, receive, send_with_quota)

    def _headers(self, allowance: Allowance, now: float) -> list[tuple[bytes, bytes]]:
        reset = allowance.reset_in
        if self._world.dials.reset_header == "instant":
            reset += self._world.at(now).timestamp()
        return [
            (b"x-ratelimit-limit", b"%d" % allowance.limit),
            (b"x-ratelimit-remaining", b"%d" % allowance.remaining),
            (b"x-ratelimit-reset", b"%d" % round(reset)),
        ]


def _token(headers: Headers) -> str | None:
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    return token.strip() or None if scheme.lower() in _SCHEMES else None
