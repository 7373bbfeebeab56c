"""One poll on virtual time."""

from collections.abc import Sequence
from random import Random

from orchestrator.clock import RehearsalClock
from orchestrator.errors import PassingError
from orchestrator.restart.intervals import JITTER
from orchestrator.restart.polling import GaveUp, Poller
from tests.support.builders import NOON
from tests.support.lookouts import Diary
from tests.support.time import in_virtual_time


class Poll:
    """One poll on virtual time, and what was seen of it.

    Args:
        finds: what each look finds in turn, the last one again and again: an error, None, or a result.
        quiet: whether each look leaves nothing that only time can settle; before the first, too.
    """

    def __init__(
        self,
        *finds: str | PassingError | None,
        likely: Sequence[float] = (),
        quiet: bool = True,
        until: float = 1000.0,
        lost_contact: float = 300.0,
        minimum: float = 2.0,
        hints: Sequence[float | None] = (),
        saves: float = 0.0,
        aided: bool = True,
        seed: int = 0,
    ) -> None:
        self._finds = list(finds)
        self.looks: list[float] = []
        self.faults: list[float] = []

        async def go() -> str | GaveUp:
            clock = RehearsalClock(NOON)
            self.diary = Diary(clock, hints=hints, saves=saves)
            poller = Poller(
                clock,
                minimum=minimum,
                maximum=30,
                lost_contact=lost_contact,
                random=Random(seed),
                on_fault=lambda _, wait: self.faults.append(wait),
                lookout=self.diary if aided else None,
            )

            async def look() -> str | None:
                self.looks.append(clock.monotonic())
                found = self._finds.pop(0) if len(self._finds) > 1 else self._finds[0]
                if isinstance(found, PassingError):
                    raise found
                poller.contact.made()
                return found

            return await poller.poll(look, until=until, likely=likely, quiet=lambda: quiet)

        self.result = in_virtual_time(go())


def close_to(instant: float, told: float) -> bool:
    """Whether an instant is as likely as was told, and differs by so little that many do not look at once."""
    return told * (1 - JITTER) <= instant <= told * (1 + JITTER)
