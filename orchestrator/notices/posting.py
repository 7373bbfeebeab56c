"""POSTs a notice to a URL that is a secret, with retries: never raises, and shows no more of the URL than its host."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

import httpx
import tenacity

from orchestrator.domain.notices import NoticeKind, Undelivered
from orchestrator.errors import UsageError
from orchestrator.network import HIGHEST_PORT, ExchangeError, has_odd_host, make_plain_client, translated
from orchestrator.ports import Clock, Delivery
from orchestrator.redaction import redactor

TIMEOUT = 10.0
"""Seconds for one try."""
TRIES = 5
LONGEST_WAIT = 10.0
"""Seconds between two tries, at most, whatever `Retry-After` says."""
_FIRST_WAIT = 0.5

_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
"""Refusals that may pass, besides those of 500 and above."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    reason: Undelivered
    words: str
    passing: bool
    retry_after: float = 0.0


class Poster:
    """Sends POST requests.

    Args:
        client: sends them; made by `make_notice_client`.
        clock: waits between two tries.
    """

    def __init__(self, client: httpx.AsyncClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def post(self, kind: NoticeKind, url: httpx.URL, content: bytes, *, headers: Mapping[str, str]) -> Delivery:
        """Send `content`, in up to `TRIES` tries, and say what became of it.

        What may pass is tried again: no connection, no answer, 408, 425, 429, 5xx. If an answer was lost, it may arrive
        twice.
        """
        retrying = tenacity.AsyncRetrying(
            sleep=self._clock.sleep,
            stop=tenacity.stop_after_attempt(TRIES),
            wait=_wait,
            retry=tenacity.retry_if_result(lambda failure: failure is not None and failure.passing),
            retry_error_callback=_last,
        )
        failure: _Failure | None = await retrying(self._try, url, content, headers)
        host = host_of(url)
        if failure is None:
            return Delivery(kind=kind, to=host)
        return Delivery(kind=kind, to=host, problem=failure.reason, words=failure.words)

    async def _try(self, url: httpx.URL, content: bytes, headers: Mapping[str, str]) -> _Failure | None:
        path = url.raw_path.decode("ascii", "replace")
        redact = redactor(str(url), *([path] if path.strip("/") else []))
        try:
            async with asyncio.timeout(TIMEOUT):
                with translated(redact):
                    # The answer's body is of no interest, and may be endless.
                    async with self._client.stream("POST", url, content=content, headers=headers) as response:
                        return _judged(response.status_code, response.headers.get("retry-after"))
        except TimeoutError:
            return _Failure(reason=Undelivered.NO_ANSWER, words=f"no answer within {TIMEOUT:g} s", passing=True)
        except ExchangeError as error:
            return _Failure(reason=Undelivered.NO_ANSWER, words=str(error), passing=True)


def _judged(status: int, retry_after: str | None) -> _Failure | None:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    words = f"the answer was {status}"
    if status < HTTPStatus.BAD_REQUEST:
        return _Failure(
            reason=Undelivered.REDIRECTED, words=f"{words}, a redirect, which is not followed", passing=False
        )
    passing = status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    # The other form, a date, would need their clock.
    seconds = float(retry_after) if retry_after is not None and retry_after.strip().isdecimal() else 0.0
    return _Failure(reason=Undelivered.REFUSED, words=words, passing=passing, retry_after=seconds)


def _wait(state: tenacity.RetryCallState) -> float:
    failure = None if state.outcome is None else state.outcome.result()
    asked_for = failure.retry_after if isinstance(failure, _Failure) else 0.0
    return min(max(_FIRST_WAIT * 2.0 ** (state.attempt_number - 1), asked_for), LONGEST_WAIT)


def _last(state: tenacity.RetryCallState) -> object:
    return None if state.outcome is None else state.outcome.result()


def make_notice_client(
    urls: Iterable[httpx.URL], transport: httpx.AsyncBaseTransport | None = None
) -> httpx.AsyncClient:
    """Make the httpx client for notices to `urls`.

    Raises:
        UsageError: proxies or certificates that the environment names cannot be used.
    """
    return make_plain_client(urls, timeout=TIMEOUT, transport=transport)


def secret_url(text: str, *, where: str, named_by: str) -> httpx.URL:
    """Return the URL that a secret is.

    Args:
        text: the secret.
        where: its place, for users.
        named_by: the key of the configuration that names it.

    Raises:
        UsageError: it is no URL. The message does not show it.
    """
    try:
        url = httpx.URL(text)
        usable = url.scheme in ("http", "https") and bool(url.host) and (url.port or 1) <= HIGHEST_PORT
        usable = usable and not has_odd_host(url) and text.isprintable() and " " not in text
    except (httpx.InvalidURL, ValueError):
        usable = False
    if not usable:
        raise UsageError(
            f"{named_by}: {where} does not hold a URL such as https://hooks.example.com/…; it is not shown, since it "
            "may be secret."
        )
    return url.copy_with(fragment=None)


def host_of(url: httpx.URL) -> str:
    """Return what may be shown of a URL: its host, and its port if it is unusual.

    >>> host_of(httpx.URL("https://me:pw@hooks.example.com:8443/T0/s3cret?key=1"))
    'hooks.example.com:8443'
    """
    return url.netloc.decode("ascii", "replace")
