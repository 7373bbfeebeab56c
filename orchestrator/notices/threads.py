"""Calls of libraries that block, in a thread that nobody has to wait for."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


async def in_thread(call: Callable[[], T]) -> T:
    """Return what `call` returns, from a daemon thread: if the caller is cancelled, the thread is left behind.

    The executor of an event loop is waited for at the end of the interpreter, so it will not do.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def tell(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # without an error there is a result

    def work() -> None:
        result, error = None, None
        try:
            result = call()
        except BaseException as caught:  # noqa: BLE001 - it is raised where the call is awaited
            error = caught
        with suppress(RuntimeError):  # The loop has closed: nobody waits any more.
            loop.call_soon_threadsafe(tell, result, error)

    Thread(target=work, name="a notice", daemon=True).start()
    return await future
