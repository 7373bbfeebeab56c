"""An event loop that never waits for a thread: what hangs in one is left behind when the command ends."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class AbandoningLoop(asyncio.SelectorEventLoop):
    """An asyncio loop whose jobs in threads can be abandoned.

    asyncio looks up names (`getaddrinfo`) in the threads of an executor, and both the end of `asyncio.run` and that of
    the interpreter wait for those threads: with a name server that does not answer, for up to a minute. Here each job
    has a daemon thread of its own, for which nobody waits.

    >>> with asyncio.Runner(loop_factory=AbandoningLoop) as runner:
    ...     runner.run(asyncio.to_thread(sum, [1, 2]))
    3
    """

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Run `func` in a daemon thread; in `executor`, if there is one."""
        if executor is not None:
            return super().run_in_executor(executor, func, *args)
        future: asyncio.Future[T] = self.create_future()

        def work() -> None:
            try:
                result = func(*args)
            except BaseException as error:  # noqa: BLE001 - it is raised where the job is awaited
                self._tell(future, partial(future.set_exception, error))
            else:
                self._tell(future, partial(future.set_result, result))

        Thread(target=work, name=f"abandonable {getattr(func, '__name__', func)}", daemon=True).start()
        return future

    def _tell(self, future: asyncio.Future[T], tell: Callable[[], None]) -> None:
        def tell_if_wanted() -> None:
            if not future.done():
                tell()

        with suppress(RuntimeError):  # The loop has closed: the job was abandoned.
            self.call_soon_threadsafe(tell_if_wanted)
