"""`event_loop` and `interruption`: what hangs, in a thread or in a task, is left behind."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Event, current_thread

import pytest

from orchestrator.domain.outcomes import ExitCode
from orchestrator.runs.event_loop import AbandoningLoop
from orchestrator.runs.interruption import STOPS_WITHIN, Interruption, until_done_or_asked
from tests.support.time import in_virtual_time


def test_a_job_in_a_thread_that_never_ends_keeps_neither_its_caller_nor_the_loop() -> None:
    never = Event()

    async def give_up() -> bool:
        job = asyncio.ensure_future(asyncio.to_thread(never.wait))
        await asyncio.sleep(0)
        job.cancel()
        with suppress(asyncio.CancelledError):
            await job
        return job.cancelled()

    with asyncio.Runner(loop_factory=AbandoningLoop) as runner:
        assert runner.run(give_up())
    never.set()


def test_the_result_of_a_job_and_its_error_arrive_where_it_is_awaited() -> None:
    async def both() -> bool:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        return await asyncio.to_thread(lambda: current_thread().daemon)

    with asyncio.Runner(loop_factory=AbandoningLoop) as runner:
        assert runner.run(both()), "nobody waits for a daemon thread"


def test_a_job_whose_loop_has_closed_ends_unheard() -> None:
    begun, may_end, ended = Event(), Event(), Event()

    def job() -> None:
        begun.set()
        may_end.wait()
        ended.set()

    async def begin() -> None:
        asyncio.get_running_loop().run_in_executor(None, job)
        while not begun.is_set():  # noqa: ASYNC110 - it is set in a thread
            await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=AbandoningLoop) as runner:
        runner.run(begin())
    may_end.set()
    assert ended.wait(10)


async def swallowing_cancellation(until: float) -> None:
    """Work that does not stop when it is asked to."""
    loop = asyncio.get_running_loop()
    while loop.time() < until:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(until - loop.time())


@pytest.mark.parametrize(
    ("work", "ends_at"),
    [
        pytest.param(lambda: asyncio.sleep(500), 10.0, id="stops at once"),
        pytest.param(lambda: swallowing_cancellation(10.5), 10.5, id="stops a little later"),
        pytest.param(lambda: swallowing_cancellation(500), 10.0 + STOPS_WITHIN, id="does not stop"),
        pytest.param(lambda: asyncio.sleep(5), 5.0, id="was done before"),
    ],
)
def test_work_that_is_asked_to_stop_is_waited_for_only_for_a_moment(
    work: Callable[[], "asyncio.Future[None]"], ends_at: float
) -> None:
    async def go() -> float:
        interruption, loop = Interruption(), asyncio.get_running_loop()
        loop.call_later(10.0, interruption.ask, ExitCode.SIGTERM)
        await until_done_or_asked(work(), interruption)  # type: ignore[arg-type]
        return loop.time()

    assert in_virtual_time(go()) == pytest.approx(ends_at)
