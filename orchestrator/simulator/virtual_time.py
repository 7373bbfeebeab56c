"""An event loop whose time jumps to the next timer instead of waiting for it: hours of restarts in milliseconds."""

import asyncio
import math
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio loop that begins at time 0.0 and never sleeps.

    When nothing is ready, `time()` jumps to the next timer. Real file descriptors are polled without waiting first, so
    a signal still gets through. Three rules follow, and code that runs here has to live with them:

    - While a job of an executor is outstanding (`asyncio.to_thread`, `getaddrinfo`), virtual time stands still and the
      loop waits for the thread for real: otherwise every timeout around a thread would pass before the thread began.
    - Real sockets and pipes are heard, but time does not wait for them while there is any timer.
    - With no timer, no thread and no descriptor to wait for, nothing could ever wake the loop: that raises
      `RuntimeError` instead of hanging. (A thread that the loop did not start, and a signal, cannot be foreseen.)

    >>> async def nap() -> float:
    ...     await asyncio.sleep(3600)
    ...     return asyncio.get_running_loop().time()
    >>> with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
    ...     runner.run(nap())
    3600.0
    """

    def __init__(self) -> None:
        self._virtual_now = 0.0
        self._jobs_in_threads = 0
        super().__init__(_JumpingSelector(self))
        # asyncio lets a timer go off when it is due within this span. The real clock's nanosecond is lost in the
        # rounding of a float after some months, and then a timer that is due now would be waited for for ever.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Return the virtual time, in seconds since the loop was made."""
        return self._virtual_now

    def jump(self, seconds: float) -> None:
        """Move time forward. For the selector alone."""
        # At large instants a tiny span is lost in the rounding; without any progress the timer would never be reached.
        self._virtual_now = max(self._virtual_now + seconds, math.nextafter(self._virtual_now, math.inf))

    @property
    def waits_for_threads(self) -> bool:
        """Whether a thread works for this loop and will wake it."""
        return self._jobs_in_threads > 0

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Run `func` in a thread; virtual time stands still until it is done."""
        future = super().run_in_executor(executor, func, *args)
        self._jobs_in_threads += 1
        future.add_done_callback(self._job_done)
        return future

    def shutdown_default_executor(self, *args: Any) -> Coroutine[Any, Any, None]:  # noqa: ANN401 - 3.12 added a timeout
        """Wait for the executor's threads; asyncio does so in one more thread, which must be able to wake us."""
        return self._shut_down_executor(super().shutdown_default_executor(*args))

    async def _shut_down_executor(self, shutdown: Coroutine[Any, Any, None]) -> None:
        self._jobs_in_threads += 1
        try:
            await shutdown
        finally:
            self._jobs_in_threads -= 1

    def _job_done(self, _: asyncio.Future[Any]) -> None:
        self._jobs_in_threads -= 1


class _JumpingSelector(selectors.DefaultSelector):
    """Polls, and where asyncio would have waited, moves the loop's time."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self._loop.waits_for_threads:
            return super().select(None)
        if timeout is not None:
            self._loop.jump(timeout)
            return ready
        # One descriptor is always there: asyncio's own, through which threads and signals wake it.
        if len(self.get_map()) > 1:
            return super().select(None)
        raise RuntimeError(
            "deadlock in virtual time: every task waits, and there is no timer, thread or socket that could wake one"
        )
