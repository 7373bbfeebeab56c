"""Sleeps until an instant of the wall clock, although machines sleep, too, and clocks are set."""

import asyncio
from datetime import datetime, timedelta

from structlog.typing import FilteringBoundLogger

from orchestrator.ports import Clock

SLICE = 30.0
"""Seconds. asyncio's timers stand still while a machine sleeps (cpython#106940), so that no nap is longer."""
JUMP = 5.0
"""Seconds: a larger jump between the wall clock and the monotonic one is an event. Time servers correct less."""


class Alarm:
    """Sleeps until an instant of the wall clock.

    Args:
        clock: the source of time.
        log: where a clock that was set is told.
    """

    def __init__(self, clock: Clock, log: FilteringBoundLogger) -> None:
        self._clock = clock
        self._log = log
        self._woken = asyncio.Event()
        self._offset = self._now_offset()

    def wake(self) -> None:
        """End the sleep, or the next one, at once."""
        self._woken.set()

    async def sleep_until(self, instant: datetime) -> None:
        """Return at `instant`; earlier after `wake`, or when the clock was set, since then all may be different."""
        while not self.clock_was_set() and not self._woken.is_set():
            left = (instant - self._clock.now()).total_seconds()
            if left <= 0:
                return
            await self._nap(min(left, SLICE))
        self._woken.clear()

    def clock_was_set(self) -> bool:
        """Return whether the wall clock has jumped since this was last asked: set, or the machine was suspended."""
        offset = self._now_offset()
        by = (offset - self._offset).total_seconds()
        if abs(by) > JUMP:
            self._offset = offset
            self._log.warning("clock_changed", by_s=round(by, 1), now=f"{self._clock.now():%Y-%m-%dT%H:%M:%SZ}")
            return True
        # What a time server corrects little by little never adds up to a jump.
        self._offset = offset
        return False

    def _now_offset(self) -> datetime:
        return self._clock.now() - timedelta(seconds=self._clock.monotonic())

    async def _nap(self, seconds: float) -> None:
        tasks = [asyncio.ensure_future(self._clock.sleep(seconds)), asyncio.ensure_future(self._woken.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
