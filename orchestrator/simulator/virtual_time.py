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
    """An asyncio loop that starts at time 0.0 and never sleeps.

    When nothing is ready, `time()` jumps to the next timer. Real file descriptors are polled first, without waiting, so
    that signals still arrive. This has three consequences for code that runs here:

    - While a job of an executor is pending (`asyncio.to_thread`, `getaddrinfo`), virtual time stands still and the loop
      really waits for the thread: otherwise every timeout around a thread would pass before the thread started.
    - Real sockets and pipes are served, but time does not wait for them while there is any timer.
    - With no timer, no thread and no descriptor to wait for, nothing can ever wake the loop. That raises `RuntimeError`
      instead of hanging. (Signals, and threads that the loop did not start, cannot be foreseen.)

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
        # asyncio fires a timer that is due within this span. The real clock's nanosecond is lost in float rounding
        # after some months, and then the loop would wait forever for a timer that is due now.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Return the virtual time, in seconds since the loop was created."""
        return self._virtual_now

    def jump(self, seconds: float) -> None:
        """Move time forward. Only for the selector."""
        # At large instants rounding loses a tiny span, and without progress the timer would never be reached.
        self._virtual_now = max(self._virtual_now + seconds, math.nextafter(self._virtual_now, math.inf))

    @property
    def waits_for_threads(self) -> bool:
        """Whether a thread is working for this loop and will wake it."""
        return self._jobs_in_threads > 0

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Run `func` in a thread; virtual time stands still until it is done."""
        future = super().run_in_executor(executor, func, *args)
        self._jobs_in_threads += 1
        future.add_done_callback(self._job_done)
        return future

    def shutdown_default_executor(self, *args: Any) -> Coroutine[Any, Any, None]:  # noqa: ANN401 - 3.12 added a timeout
        """Wait for the executor's threads. asyncio does so in one more thread, which has to wake the loop."""
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
    """Polls, and moves the loop's time instead of waiting."""

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
        # There is always one descriptor: asyncio's own, through which threads and signals wake it.
        if len(self.get_map()) > 1:
            return super().select(None)
        raise RuntimeError(
            "deadlock in virtual time: every task waits, and there is no timer, thread or socket that could wake one"
        )
