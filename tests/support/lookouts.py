"""Where a job rests, as a test says: no feed, no quota."""

from collections.abc import Callable, Sequence

from orchestrator.domain.observations import Observation
from orchestrator.ports import Clock, Contact


class Diary:
    """The port `Lookout`: rests as it is told to, and writes down how it was asked.

    Args:
        clock: the source of time.
        hints: after how many seconds each rest ends in turn; None is as late as it may.
        saves: how many seconds longer every wait is, for the quota's sake.
    """

    def __init__(self, clock: Clock, *, hints: Sequence[float | None] = (), saves: float = 0.0) -> None:
        self._clock = clock
        self._hints = list(hints)
        self._saves = saves
        self.pauses: list[tuple[float, float]] = []
        """When each began, and how long it was to be."""
        self.rests: list[tuple[float, float, float]] = []
        """When each began, how long it was to be alone, and how long shared."""
        self.untils: set[float] = set()
        self.seen: list[Observation] = []

    def saw(self, observation: Observation) -> None:
        self.seen.append(observation)

    async def pause(self, seconds: float, *, until: float) -> float:
        self.pauses.append((self._clock.monotonic(), seconds))
        self.untils.add(until)
        await self._clock.sleep(seconds + self._saves)
        return self._saves

    async def rest(self, seconds: float, *, until: float, interval: Callable[[], float], contact: Contact) -> float:
        shared = interval()
        self.rests.append((self._clock.monotonic(), seconds, shared))
        self.untils.add(until)
        hint = self._hints.pop(0) if self._hints else None
        await self._clock.sleep((shared if hint is None else hint) + self._saves)
        contact.made()
        return self._saves


class Hintless:
    """The port `Lookout`: no shared look ever suggests anything, so that a rest takes a minute.

    Args:
        clock: the source of time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def saw(self, observation: Observation) -> None:
        pass

    async def pause(self, seconds: float, *, until: float) -> float:
        await self._clock.sleep(seconds)
        return 0.0

    async def rest(self, seconds: float, *, until: float, interval: Callable[[], float], contact: Contact) -> float:
        await self._clock.sleep(max(min(60.0, until - self._clock.monotonic()), 0.0))
        contact.made()
        return 0.0
