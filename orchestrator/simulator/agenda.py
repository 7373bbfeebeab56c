"""Scheduled actions: the simulated world's only notion of time."""

import heapq
from collections.abc import Callable
from itertools import count


class Agenda:
    """Actions at instants, in seconds since the world's epoch. At equal instants the first one scheduled runs first."""

    def __init__(self) -> None:
        self.now = 0.0
        self._order = count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def after(self, delay: float, act: Callable[[], None]) -> None:
        """Schedule `act` for `delay` seconds from now."""
        heapq.heappush(self._due, (self.now + delay, next(self._order), act))

    def advance(self, now: float) -> None:
        """Run everything that is due by `now`, each action at its own instant. Time never goes back."""
        while self._due and self._due[0][0] <= now:
            instant, _, act = heapq.heappop(self._due)
            self.now = max(self.now, instant)
            act()
        self.now = max(self.now, now)
