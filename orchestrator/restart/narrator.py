"""The log events of one job: one for each thing that happens, and a heartbeat while nothing does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from structlog.typing import FilteringBoundLogger

from orchestrator.errors import PassingError, ThrottledError
from orchestrator.ports import Clock

HEARTBEAT = 30.0
"""Seconds without an event after which `still_waiting` is logged."""


class Narrator:
    """Logs events, and a heartbeat if there have been none for a while.

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

    def detail(self, event: str, **details: Any) -> None:  # noqa: ANN401
        """Log an event at level debug, which is no sign of life: the heartbeat goes on."""
        self._log.debug(event, **details)

    def warn(self, event: str, **details: Any) -> None:  # noqa: ANN401
        """Log an event that somebody may have to act on, at level warning."""
        self._last = self._clock.monotonic()
        self._log.warning(event, **details)

    def bug(self, event: str) -> None:
        """Log the exception being handled, with its traceback: it is a bug of ours."""
        self._log.exception(event)

    def fault(self, error: PassingError, next_look: float) -> None:
        """Log a fault after which the next look is in `next_look` seconds."""
        if isinstance(error, ThrottledError) and error.status is None:
            # Our own quota, which concerns the whole run: not a problem of one environment.
            self.say("quota_paused", error=str(error), pause_s=round(next_look, 1))
        elif isinstance(error, ThrottledError) and error.retry_after is not None:
            self.warn("quota_paused", error=str(error), pause_s=round(next_look, 1))
        else:
            self.warn("request_retried", error=str(error), status=error.status, next_look_s=round(next_look, 1))

    @asynccontextmanager
    async def heartbeat(self, describe: Callable[[], Mapping[str, Any]]) -> AsyncIterator[None]:
        """Log `still_waiting` with what `describe` returns whenever there was no event for `HEARTBEAT` seconds."""
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
