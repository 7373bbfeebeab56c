"""Real time. The only module that reads a clock."""

import asyncio
import time
from datetime import UTC, datetime, timedelta


def machine_seconds() -> float:
    """Return the time of this machine's monotonic clock, with or without an event loop, and also in a rehearsal."""
    return time.monotonic()


class SystemClock:
    """The machine's time: the event loop's monotonic clock, and the wall clock in UTC."""

    def monotonic(self) -> float:
        """Return the running event loop's time in seconds."""
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        """Return the wall clock's time, in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        await asyncio.sleep(seconds)


def monotonic_microseconds() -> int:
    """Return the time of CLOCK_MONOTONIC, as systemd wants it (sd_notify(3))."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


class RehearsalClock:
    """A wall clock that starts at `epoch` and follows the event loop, whose time may be virtual."""

    def __init__(self, epoch: datetime) -> None:
        self._epoch = epoch

    def set(self, by: float) -> None:
        """Set the wall clock forward by `by` seconds, or back if it is negative, as users and time servers do."""
        self._epoch += timedelta(seconds=by)

    def monotonic(self) -> float:
        """Return the running event loop's time in seconds."""
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        """Return `epoch` plus the event loop's time."""
        return self._epoch + timedelta(seconds=self.monotonic())

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of the event loop's time."""
        await asyncio.sleep(seconds)
