"""Hours of restarts in milliseconds."""

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

from orchestrator.simulator.virtual_time import VirtualTimeLoop
from tests.support.builders import NOON

T = TypeVar("T")


def in_virtual_time(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a loop that never waits."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(coroutine)


class HandClock:
    """Time that stands until a test moves it, or somebody sleeps."""

    def __init__(self, monotonic: float = 0.0) -> None:
        self._monotonic = monotonic
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self._monotonic

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self._monotonic)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.move(seconds)

    def move(self, seconds: float) -> None:
        self._monotonic += seconds
