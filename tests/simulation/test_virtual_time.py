"""The loop on which whole nights pass in milliseconds."""

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from orchestrator.simulator.virtual_time import VirtualTimeLoop

T = TypeVar("T")


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main())


def now() -> float:
    return asyncio.get_running_loop().time()


def test_a_year_of_sleep_takes_no_time() -> None:
    async def main() -> tuple[float, float]:
        before = now()
        await asyncio.sleep(365 * 86400)
        return before, now()

    began = time.monotonic()
    assert run(main) == (0.0, 365 * 86400)
    assert time.monotonic() - began < 1.0


def test_timers_go_off_in_their_order_and_at_their_instants() -> None:
    seen: list[tuple[str, float]] = []

    async def nap(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append((name, now()))

    async def main() -> None:
        await asyncio.gather(nap("c", 30.0), nap("a", 10.0), nap("b", 20.0))

    run(main)
    assert seen == [("a", 10.0), ("b", 20.0), ("c", 30.0)]


def test_a_timeout_passes_at_its_instant() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(7.5):
                await asyncio.sleep(100)
        return now()

    assert run(main) == 7.5


def test_time_stands_still_while_a_thread_works() -> None:
    released = threading.Event()

    async def main() -> tuple[bool, float]:
        threading.Timer(0.05, released.set).start()
        async with asyncio.timeout(0.001):
            waited = await asyncio.to_thread(released.wait, 10.0)
        return waited, now()

    assert run(main) == (True, 0.0)


def test_names_are_looked_up_without_time_passing() -> None:
    async def main() -> tuple[int, float]:
        found = await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
        return len(found), now()

    assert run(main) == (1, 0.0)


def test_time_goes_on_once_the_thread_is_done() -> None:
    async def main() -> float:
        await asyncio.to_thread(bool)
        await asyncio.sleep(5)
        return now()

    assert run(main) == 5.0


def test_a_deadlock_is_an_error_and_not_a_hang() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="deadlock in virtual time"):
        run(main)


def test_a_task_that_waits_for_a_socket_is_no_deadlock() -> None:
    async def main() -> bytes:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            threading.Timer(0.05, theirs.send, [b"hello"]).start()
            return await asyncio.get_running_loop().sock_recv(ours, 5)

    assert run(main) == b"hello"


def test_a_signal_gets_through_while_virtual_time_flies() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        heard = asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR1, heard.set)
        loop.call_later(100.0, os.kill, os.getpid(), signal.SIGUSR1)
        ticking = asyncio.create_task(tick())
        await heard.wait()
        ticking.cancel()
        loop.remove_signal_handler(signal.SIGUSR1)
        return now()

    async def tick() -> None:
        for _ in range(1000):
            await asyncio.sleep(1.0)

    assert 100.0 <= run(main) <= 102.0


def test_the_same_story_takes_the_same_course_each_time() -> None:
    async def main() -> list[float]:
        seen: list[float] = []

        async def worker(seconds: float) -> None:
            for _ in range(50):
                await asyncio.sleep(seconds)
                seen.append(now())

        await asyncio.gather(*(worker(seconds) for seconds in (0.1, 0.3, 0.7)))
        return seen

    assert run(main) == run(main)
