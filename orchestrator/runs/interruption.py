"""Asking a run to stop early, and the event loop that it runs in."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from orchestrator.clock import machine_seconds
from orchestrator.domain.outcomes import ExitCode
from orchestrator.runs.event_loop import AbandoningLoop
from orchestrator.runs.rehearsal import Rehearsal

T = TypeVar("T")

STOPS_WITHIN = 1.0
"""Seconds after which a run that was asked to stop is left behind where it is, and reported."""


class Interruption:
    """A request to stop, from a signal for example. Made once per run; may be asked at any time.

    Attributes:
        code: the exit code to stop with; None until it is asked.
        asked_at: when it was asked first, on the machine's monotonic clock.
    """

    def __init__(self) -> None:
        self.code: ExitCode | None = None
        self.asked_at: float | None = None
        self._stop: Callable[[], object] | None = None

    def ask(self, code: ExitCode) -> None:
        """Ask the run to stop now. It submits nothing more, and reports what it knows."""
        self.code = code
        if self.asked_at is None:
            self.asked_at = machine_seconds()
        if self._stop is not None:
            self._stop()

    def when_asked(self, stop: Callable[[], object]) -> None:
        """Set what to call when it is asked, or now if it has been asked already."""
        self._stop = stop
        if self.code is not None:
            stop()


def in_fitting_loop(main: Coroutine[Any, Any, T], *, rehearsal: Rehearsal | None) -> T:
    """Run `main` in a new event loop, one of virtual time for a rehearsal."""
    loop_factory: Callable[[], asyncio.AbstractEventLoop] = AbandoningLoop
    if rehearsal is not None:
        from orchestrator.simulator.virtual_time import VirtualTimeLoop  # noqa: PLC0415 - only a rehearsal needs it

        loop_factory = VirtualTimeLoop
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(main)


async def until_done_or_asked(work: Coroutine[Any, Any, None], interruption: Interruption) -> None:
    """Await `work`; cancel it if an interruption asks for it, or if the caller is cancelled.

    Work that does not stop soon after that is left behind.
    """
    task = asyncio.ensure_future(work)
    asked = asyncio.Event()

    def stop() -> None:
        task.cancel()
        asked.set()

    interruption.when_asked(stop)
    waiting = asyncio.ensure_future(asked.wait())
    try:
        await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=STOPS_WITHIN)
    if task.done() and not (task.cancelled() and interruption.code is not None):
        task.result()
