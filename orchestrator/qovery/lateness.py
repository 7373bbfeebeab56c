"""How late a job's own looks show what shared looks have hinted at: found out by a few jobs, for all jobs of a run.

Where the history is a minute behind, every look in that minute is in vain, in each of a hundred environments. So of the
jobs that hints wake, a few look first, the scouts; the others wait until a scout has seen what was hinted, and then as
long as that took. It costs no time where looks show at once what was hinted, and decides nothing but when to look.
"""

import asyncio
from contextlib import suppress

from orchestrator.ports import Clock

SCOUTS = 3
"""How many look first: one alone may meet what no other environment does."""
LEAST = 5.0
"""Seconds at least from a look in vain to the next one."""
GROWTH = 0.5
"""That time as a share of the time since the hint."""
EASING = 0.9
"""The share of the last lateness after which scouts look: it may have shortened."""
MOST = 90.0
"""Seconds since a hint for which a job waits at most because of what others have met."""


class Lateness:
    """The seconds from a hint to the look that shows what it hinted at, as the jobs of a run have met it.

    Args:
        clock: the source of time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seconds = 0.0
        self._known_at = float("-inf")
        self._scouts: list[Hinted] = []
        self._something_happened = asyncio.Event()

    def hinted(self) -> "Hinted":
        """Return a hint that was seen now."""
        return Hinted(self._clock.monotonic())

    def note(self, hinted: "Hinted") -> None:
        """Note that a look has shown what was hinted."""
        now = self._clock.monotonic()
        self._seconds, self._known_at = min(now - hinted.at, MOST), now
        self._scouts.clear()
        self._something_happened.set()
        self._something_happened = asyncio.Event()

    async def worth_a_look(self, hinted: "Hinted", *, until: float) -> float:
        """Wait until a look may show what was hinted, for a while at most, and not past an instant; return how long."""
        latest = min(hinted.at + MOST, until)
        if self._known_at < hinted.at and len(self._scouts) < SCOUTS:
            self._scouts.append(hinted)
            worth_it = hinted.at + EASING * self._seconds
        else:
            while self._known_at < hinted.at and (now := self._clock.monotonic()) < latest:
                with suppress(TimeoutError):
                    async with asyncio.timeout(latest - now):
                        await self._something_happened.wait()
            worth_it = hinted.at + self._seconds
        await self._clock.sleep(max(min(worth_it, latest) - self._clock.monotonic(), 0.0))
        return self._clock.monotonic() - hinted.at


class Hinted:
    """One hint that looks have not shown yet.

    Attributes:
        at: the instant at which it was seen.
        in_vain: whether a look has been made since.
    """

    def __init__(self, at: float) -> None:
        self.at = at
        self.in_vain = False

    def wait(self, now: float) -> float:
        """Return the seconds until another look is worth it, after one in vain."""
        return min(max(GROWTH * (now - self.at), LEAST), MOST) if self.in_vain else 0.0
