"""The token's hourly quota: one per token and process, counted here and learnt from what the API says."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from orchestrator.errors import ThrottledError
from orchestrator.ports import Clock

HOUR = 3600.0
EPOCH_THRESHOLD = 1_000_000_000
"""A reset above it is a Unix timestamp, below it a number of seconds from now: Qovery documents the one and samples
the other."""


def server_time(headers: Mapping[str, str]) -> datetime | None:
    """Return what the `Date` header says, None where it is missing or not a date with a zone."""
    try:
        date = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo is not None else None


def seconds_to_wait(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return how long an answer asks to wait, in seconds within [0, 3600]; None where it does not say so sensibly.

    `Retry-After` (seconds or a date) goes before `X-RateLimit-Reset` (a timestamp or seconds). Instants are compared
    with the server's own `Date`, with `now` only where there is none.
    """
    now = server_time(headers) or now
    seconds = _number(headers.get("retry-after"))
    if seconds is None and "retry-after" in headers:
        until = server_time({"date": headers["retry-after"]})
        seconds = (until - now).total_seconds() if until is not None else None
    if seconds is None:
        seconds = _number(headers.get("x-ratelimit-reset"))
        if seconds is not None and seconds > EPOCH_THRESHOLD:
            seconds -= now.timestamp()
    if seconds is None:
        return None
    return min(max(seconds, 0.0), HOUR)


def _number(text: str | None) -> float | None:
    # float() alone would also take "nan", "1e999" and the digits of other scripts.
    text = (text or "").strip()
    return float(text) if text.isascii() and text.replace(".", "", 1).isdecimal() else None


class Quota:
    """Refuses a request that would exceed the quota, before it is sent.

    At most `per_hour` requests leave in any hour of `clock`, so whatever hours the server counts in, none is exceeded
    by this process alone. Where the server says that none is left, because others use the token too, its word counts.

    Attributes:
        used: how many requests were let through, by earlier processes of the run, too.
        on_use: called for each, before it is sent.
    """

    def __init__(self, clock: Clock, *, per_hour: int) -> None:
        self._clock = clock
        self._per_hour = per_hour
        self._expiries: deque[float] = deque()
        """When each request of the last hour stops counting; the one number for every comparison, since (a - b) + b is
        not always a."""
        self._closed_until = float("-inf")
        self.used = 0
        self.on_use: Callable[[], object] = lambda: None

    def recall(self, sent: Iterable[float], *, used: int) -> None:
        """Take in what earlier processes sent: the last hour's requests by their instants, and how many in all."""
        self._expiries.extend(sorted(instant + HOUR for instant in sent))
        self.used += used

    def take(self) -> None:
        """Count one request.

        Raises:
            ThrottledError: it would be one too many; `retry_after` says when there is room again.
        """
        now = self._clock.monotonic()
        while self._expiries and self._expiries[0] <= now:
            self._expiries.popleft()
        opens_at = self._closed_until
        if len(self._expiries) >= self._per_hour:
            opens_at = max(opens_at, self._expiries[0])
        if now < opens_at:
            raise ThrottledError(
                f"the token's quota of {self._per_hour} requests an hour is used up", retry_after=opens_at - now
            )
        self._expiries.append(now + HOUR)
        self.used += 1
        self.on_use()

    def learn(self, headers: Mapping[str, str], *, throttled: bool) -> float | None:
        """Take in what an answer says about the quota; return the seconds that it asks to wait, if any.

        Args:
            headers: the answer's, with lower-case names.
            throttled: whether the answer was a 429.
        """
        remaining = _number(headers.get("x-ratelimit-remaining"))
        if not throttled and remaining != 0:
            return None
        wait = seconds_to_wait(headers, self._clock.now())
        if wait is not None:
            self._closed_until = max(self._closed_until, self._clock.monotonic() + wait)
        return wait
