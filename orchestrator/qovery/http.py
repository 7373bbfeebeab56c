"""Single requests to the Qovery API: within the quota, limited in time and size, with errors translated.

Nothing here retries or sleeps.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, SecretStr, ValidationError

from orchestrator._version import __version__
from orchestrator.errors import (
    BusyError,
    MalformedAnswerError,
    NotFoundError,
    NotSentError,
    PlatformError,
    RefusedError,
    ThrottledError,
    TokenRefusedError,
    UnansweredError,
)
from orchestrator.network import ExchangeError, RoutedTransport, no_cookies, through, translated
from orchestrator.qovery.auth import TokenAuth
from orchestrator.qovery.quota import Quota, server_time
from orchestrator.qovery.wire import readable
from orchestrator.redaction import redactor

_DEFAULT_REDACT = redactor()

M = TypeVar("M", bound=BaseModel)

USER_AGENT = f"qovery-restart/{__version__}"
LARGEST_ANSWER = 32 * 1024 * 1024
"""Bytes. The largest real answers, the services of an organization, have a few megabytes."""
REFUSALS_BELIEVED = 3
"""So many refusals of one call in a row are believed, though the token was accepted before: one may be stray."""
PROXY_STATUSES = frozenset({407, 502, 503, 504})
"""What a proxy answers itself if it cannot, or may not, pass a request on."""
LONGEST_MESSAGE = 200
"""Characters of an error body that are shown to users."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A complete answer from the API."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def server_time(self) -> datetime | None:
        """The server's time, from the `Date` header."""
        return server_time(self.headers)

    @property
    def is_html(self) -> bool:
        """Whether it is a page for people: of a proxy, a firewall, or another server than the API."""
        return self.body.lstrip().startswith(b"<")

    def read_as(self, model: type[M], *, call: str) -> M:
        """Parse the body as `model`.

        Raises:
            MalformedAnswerError: it does not match.
        """
        try:
            try:
                return model.model_validate_json(self.body)
            except ValidationError as error:
                if error.errors(include_input=False, include_url=False)[0]["type"] != "json_invalid":
                    raise
                return model.model_validate_json(readable(self.body))
        except ValidationError as error:
            if self.is_html:
                raise MalformedAnswerError(
                    f"{call}: unexpected answer (HTTP {self.status}, {len(self.body)} bytes): Invalid JSON: it is HTML",
                    status=self.status,
                    lasting=True,
                ) from None
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise MalformedAnswerError(
                f"{call}: unexpected answer (HTTP {self.status}, {len(self.body)} bytes): "
                f"{where + ': ' if where else ''}{first['msg']}",
                status=self.status,
            ) from None


class QoveryHttp:
    """Sends requests to the API.

    Args:
        client: the httpx client; its base URL is the API's.
        quota: asked before each request.
        request_timeout: seconds for a whole request, including its answer.
        redact: hides secrets in error texts, since a server or a proxy may echo them.
        hide: hides the token in whole answers, in which it may be a name or a state.
        posting: the client for POSTs, which keeps no connection open: a server may close one that is idle at the very
            moment when a request is sent on it, and then nobody knows whether that was accepted. By default `client`.
        proxy: the proxy that the API is asked through, for users; "" if there is none.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        quota: Quota,
        request_timeout: float,
        redact: Callable[[str], str] = _DEFAULT_REDACT,
        hide: Callable[[str], str] = str,
        posting: httpx.AsyncClient | None = None,
        proxy: str = "",
    ) -> None:
        self._client = client
        self._posting = posting or client
        self._proxy = proxy
        self._is_accepted = False
        self._refusals: Counter[str] = Counter()
        self._redact = redact
        self._hide = hide
        self._quota = quota
        self._request_timeout = request_timeout

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        about: str = "",
        doubts_refusals: bool = True,
    ) -> Answer:
        """Send one request and return its answer, whose status is 2xx.

        Args:
            method: GET or POST.
            path: the path of the call.
            params: the query.
            body: sent as JSON.
            about: the environment that the request concerns, if any: part of the quota may be reserved for it.
            doubts_refusals: whether a refusal of a token that was accepted before is a passing fault at first.

        Raises:
            PlatformError: the subclass shows what happened, and whether the request may have had an effect.
        """
        call = f"{method} {path}"
        ticket = self._quota.take(about)
        try:
            async with asyncio.timeout(self._request_timeout):
                with translated(self._redact, proxy=self._proxy):
                    answer = await self._exchange(method, path, params, body)
        except TimeoutError:
            words = filter(None, [f"no complete answer within {self._request_timeout:g} s", through(self._proxy)])
            raise UnansweredError(f"{call}: {', '.join(words)}") from None
        except ExchangeError as error:
            if error.sent:
                raise UnansweredError(f"{call}: no answer: {error}") from None
            raise NotSentError(f"{call}: not sent: {error}", lasting=error.lasting) from None
        finally:
            self._quota.came_back(about)
        throttled = answer.status == httpx.codes.TOO_MANY_REQUESTS
        retry_after = self._quota.learn(answer.headers, throttled=throttled, ticket=ticket)
        if not httpx.codes.is_success(answer.status):
            refused = refusal(answer, call, retry_after, redact=self._redact, proxy=self._proxy)
            if isinstance(refused, TokenRefusedError) and doubts_refusals and self._doubts(answer, call):
                raise UnansweredError(f"{refused}. It may not be about the token: asking again", status=refused.status)
            raise refused
        self._is_accepted = True
        self._refusals.pop(call, None)
        return answer

    def _doubts(self, answer: Answer, call: str) -> bool:
        """Return whether a refusal may be a stray one: of a token that was accepted before, or a firewall's page."""
        if not self._is_accepted and not answer.is_html:
            return False
        self._refusals[call] += 1
        return self._refusals[call] < REFUSALS_BELIEVED

    async def _exchange(
        self, method: str, path: str, params: Mapping[str, str] | None, body: Mapping[str, Any] | None
    ) -> Answer:
        client = self._posting if method == "POST" else self._client
        async with client.stream(method, path, params=params, json=body) as response:
            chunks = bytearray()
            async for chunk in response.aiter_bytes():
                chunks += chunk
                if len(chunks) > LARGEST_ANSWER:
                    raise httpx.DecodingError(f"the answer is larger than {LARGEST_ANSWER} bytes")
            shown = self._hide(chunks.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
            return Answer(status=response.status_code, headers=response.headers, body=shown)


def refusal(
    answer: Answer, call: str, retry_after: float | None = None, *, redact: Callable[[str], str] = str, proxy: str = ""
) -> PlatformError:
    """Return the error for an answer whose status is not 2xx; it names the proxy if that may have given the answer."""
    status = answer.status
    message = f"{call}: HTTP {status}: {_error_text(answer.body, redact)}"
    if proxy and (status in PROXY_STATUSES or answer.is_html):
        message += f", {through(proxy)}"
    match status:
        case _ if httpx.codes.is_redirect(status):
            # Not followed, since the token must not go to another host. Often the API's URL lacks the s of https.
            return UnansweredError(
                f"{message}. The answer is a redirect; check the API's URL", status=status, lasting=True
            )
        case 401 | 403:
            return TokenRefusedError(message, status=status)
        case 404:
            return NotFoundError(message, status=status)
        case 409:
            return BusyError(message, status=status)
        case 429:
            return ThrottledError(message, status=status, retry_after=retry_after)
        # A 408 comes from a proxy that received only part of the request, not from the API itself.
        case _ if 400 <= status < 500 and status != httpx.codes.REQUEST_TIMEOUT:  # noqa: PLR2004 - the class of HTTP statuses
            return RefusedError(message, status=status)
        case _:
            return UnansweredError(message, status=status)


def _error_text(body: bytes, redact: Callable[[str], str]) -> str:
    """Return the explanation in an error body: JSON with `detail`, `message` or `error`; or text, HTML, nothing."""
    text = body.decode("utf-8", errors="replace")
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    if isinstance(content, dict):
        text = next((str(content[key]) for key in ("detail", "message", "error") if content.get(key)), text)
    # Redact before cutting: half a secret is not recognized as one.
    text = redact(text)[: 16 * LONGEST_MESSAGE]
    words = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    if not words:
        return "no explanation"
    return words if len(words) <= LONGEST_MESSAGE else words[:LONGEST_MESSAGE] + "…"


def make_client(
    base_url: httpx.URL | str,
    token: SecretStr,
    *,
    request_timeout: float,
    max_connections: int,
    keep_alive: bool = True,
    transport: httpx.AsyncBaseTransport | None = None,
) -> httpx.AsyncClient:
    """Make the httpx client for the API.

    Redirects are not followed: the API has none, and the token must not follow one to another host. Waiting for a
    connection, TCP and TLS each have a quarter of `request_timeout`. So a connection that cannot be made fails as "not
    sent", before the timeout of the whole request, after which it is unknown whether it was sent.

    Raises:
        UsageError: proxies or certificates that the environment names cannot be used.
    """
    to_connect = request_timeout / 4
    limits = httpx.Limits(
        max_connections=max_connections, max_keepalive_connections=max_connections if keep_alive else 0
    )
    return httpx.AsyncClient(
        base_url=base_url,
        auth=TokenAuth(token),
        cookies=no_cookies(),
        headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
        timeout=httpx.Timeout(request_timeout, connect=to_connect, pool=to_connect),
        follow_redirects=False,
        trust_env=False,
        transport=transport or RoutedTransport([base_url], limits=limits),
    )
