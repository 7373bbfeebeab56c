"""What one job says while it works: an event per thing that happens, and a heartbeat while nothing does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from structlog.typing import FilteringBoundLogger

from orchestrator.errors import PassingError, ThrottledError
from orchestrator.ports import Clock

HEARTBEAT = 30.0
"""Seconds without any event after which `still_waiting` says what is waited for."""


class Narrator:
    """Logs events and remembers when it last did.

    Args:
        log: a logger with `run_id` and `environment` bound.
        clock: the source of time.
    """

    def __init__(self, log: FilteringBoundLogger, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._last = clock.monotonic()

    def say(self, event: str, **details: Any) -> None:  # noqa: ANN401 - log values are whatever they are
        """Log an event at level info."""
        self._last = self._clock.monotonic()
        self._log.info(event, **details)

    def warn(self, event: str, **details: Any) -> None:  # noqa: ANN401
        """Log an event that a person may want to act upon."""
        self._last = self._clock.monotonic()
        self._log.warning(event, **details)

    def bug(self, event: str) -> None:
        """Log the exception that is being handled, with its traceback: it is a defect of this program."""
        self._log.exception(event)

    def fault(self, error: PassingError, next_look: float) -> None:
        """Log a fault that is met by trying again in `next_look` seconds."""
        if isinstance(error, ThrottledError) and error.status is None:
            # Our own word, and the run's: not one environment's trouble.
            self.say("quota_paused", error=str(error), pause_s=round(next_look, 1))
        elif isinstance(error, ThrottledError) and error.retry_after is not None:
            self.warn("quota_paused", error=str(error), pause_s=round(next_look, 1))
        else:
            self.warn("request_retried", error=str(error), status=error.status, next_look_s=round(next_look, 1))

    @asynccontextmanager
    async def heartbeat(self, describe: Callable[[], Mapping[str, Any]]) -> AsyncIterator[None]:
        """Log `still_waiting` with what `describe` returns whenever nothing was said for `HEARTBEAT` seconds."""
        task = asyncio.create_task(self._beat(describe))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _beat(self, describe: Callable[[], Mapping[str, Any]]) -> None:
        while True:
            await self._clock.sleep(max(self._last + HEARTBEAT - self._clock.monotonic(), 0.1))
            if self._clock.monotonic() >= self._last + HEARTBEAT:
                self.say("still_waiting", **describe())
