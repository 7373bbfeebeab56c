"""When to look again: tenacity strategies that compose."""

from collections.abc import Callable, Sequence
from random import Random

from tenacity import RetryCallState
from tenacity.stop import stop_base
from tenacity.wait import wait_base

from orchestrator.errors import ThrottledError
from orchestrator.ports import Clock

GROWTH = 0.25
"""The interval as a share of the time already waited: after 100 s, another 25 s hardly matter."""
JITTER = 0.1


class wait_growing(wait_base):  # noqa: N801 - tenacity's own spelling of a strategy
    """Wait longer the longer the poll has lasted.

    interval = min(max(GROWTH * waited, minimum), maximum), then shifted by up to `JITTER` of itself either way so that
    many jobs do not poll in step, and bounded again. So looks are evenly spaced for the first minimum / GROWTH
    seconds, and from there to t seconds there are ln(t * GROWTH / minimum) / ln(1 + GROWTH) of them.
    """

    def __init__(self, clock: Clock, *, minimum: float, maximum: float, random: Random) -> None:
        self._clock = clock
        self._minimum = minimum
        self._maximum = maximum
        self._random = random
        self._began = clock.monotonic()

    def __call__(self, retry_state: RetryCallState | None = None) -> float:  # noqa: ARG002 - tenacity's signature
        """Return the seconds until the next look."""
        waited = self._clock.monotonic() - self._began
        interval = self._bounded(GROWTH * waited)
        return self._bounded(interval * self._random.uniform(1 - JITTER, 1 + JITTER))

    def _bounded(self, interval: float) -> float:
        return min(max(interval, self._minimum), self._maximum)


class wait_for_the_likely(wait_base):  # noqa: N801
    """Wait until the next instant at which a look is likely to show something; after the last, as `otherwise` says.

    An operation that is known to take its time is not worth a look before: the interval is the time left until that
    instant, up to a maximum.
    """

    def __init__(self, otherwise: wait_growing, *, clock: Clock, instants: Sequence[float], maximum: float) -> None:
        self._otherwise = otherwise
        self._clock = clock
        self._instants = instants
        self._maximum = maximum

    def __call__(self, retry_state: RetryCallState | None = None) -> float:
        """Return the seconds until the next look."""
        now = self._clock.monotonic()
        ahead = [instant - now for instant in self._instants if instant > now]
        return min(ahead[0], self._maximum) if ahead else self._otherwise(retry_state)


class wait_as_told(wait_base):  # noqa: N801
    """Wait as `otherwise` says, but at least as long as a throttling platform asks for."""

    def __init__(self, otherwise: wait_base) -> None:
        self._otherwise = otherwise

    def __call__(self, retry_state: RetryCallState) -> float:
        """Return the seconds until the next look."""
        interval = self._otherwise(retry_state)
        error = retry_state.outcome.exception() if retry_state.outcome is not None else None
        if isinstance(error, ThrottledError) and error.retry_after is not None:
            return max(interval, error.retry_after)
        return interval


class wait_until_known(wait_base):  # noqa: N801
    """Wait until the instant of the next look, if that is known; otherwise as `otherwise` says."""

    def __init__(self, otherwise: wait_base, *, clock: Clock, instant: Callable[[], float | None]) -> None:
        self._otherwise = otherwise
        self._clock = clock
        self._instant = instant

    def __call__(self, retry_state: RetryCallState) -> float:
        """Return the seconds until the next look."""
        instant = self._instant()
        return self._otherwise(retry_state) if instant is None else max(instant - self._clock.monotonic(), 0.0)


class wait_no_later_than(wait_base):  # noqa: N801
    """Wait as `otherwise` says, but not past an instant, so that the last look falls on it."""

    def __init__(self, otherwise: wait_base, *, clock: Clock, instant: Callable[[], float]) -> None:
        self._otherwise = otherwise
        self._clock = clock
        self._instant = instant

    def __call__(self, retry_state: RetryCallState) -> float:
        """Return the seconds until the next look."""
        remaining = self._instant() - self._clock.monotonic()
        return max(0.0, min(self._otherwise(retry_state), remaining))


class stop_at(stop_base):  # noqa: N801
    """Stop once the clock has reached an instant."""

    def __init__(self, clock: Clock, *, instant: Callable[[], float]) -> None:
        self._clock = clock
        self._instant = instant

    def __call__(self, retry_state: RetryCallState) -> bool:  # noqa: ARG002 - tenacity's signature
        """Return whether to stop."""
        return self._clock.monotonic() >= self._instant()
