"""A journal without a disk: it keeps what it is told, and fails where a test says so."""

from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from orchestrator.domain.outcomes import EnvironmentResult
from orchestrator.domain.records import Holder, InFlight, Intent, Sighting
from orchestrator.errors import JournalError

T = TypeVar("T")


def at_once(write: Coroutine[Any, Any, T]) -> T:
    """Await what never waits: SQLite's journal is written before anything else can happen, a cancellation included."""
    try:
        write.send(None)
    except StopIteration as ended:
        result: T = ended.value
        return result
    raise AssertionError("it waits")


@dataclass(slots=True)
class MemoryJournal:
    """One environment's journal.

    Attributes:
        holders: who holds the environment, look by look; nobody once they are used up.
        fails: the names of the methods that cannot write.
        written: the names of the methods that did.
    """

    holders: list[Holder] = field(default_factory=list)
    fails: frozenset[str] = frozenset()
    written: list[str] = field(default_factory=list)
    intents: list[Intent] = field(default_factory=list)
    intent: Intent | None = None
    accepted: bool = False
    found: bool = False
    request_ids: frozenset[str] = frozenset()
    sighting: Sighting = field(default_factory=Sighting)
    result: EnvironmentResult | None = None

    async def claim(self) -> Holder | None:
        self._write("claim")
        return self.holders.pop(0) if self.holders else None

    async def intend(self, intent: Intent) -> None:
        self._write("intend")
        self.intents.append(intent)
        self.intent, self.accepted, self.found = intent, False, False
        self.request_ids, self.sighting = frozenset(), Sighting()

    async def withdraw(self) -> None:
        self._write("withdraw")
        self.intent = None

    async def accept(self, request_ids: frozenset[str], *, found: bool = False) -> None:
        self._write("accept")
        self.accepted, self.found, self.request_ids = True, found, request_ids

    async def see(self, sighting: Sighting) -> None:
        self._write("see")
        self.sighting = sighting

    async def settle(self, result: EnvironmentResult) -> None:
        self._write("settle")
        self.result = result

    @property
    def in_flight(self) -> InFlight | None:
        """What a later process would find."""
        if self.intent is None or self.result is not None:
            return None
        return InFlight(
            intent=self.intent,
            accepted=self.accepted,
            found=self.found,
            request_ids=self.request_ids,
            sighting=self.sighting,
        )

    def _write(self, name: str) -> None:
        if name in self.fails:
            raise JournalError("The journal cannot be written: the disk is full.")
        self.written.append(name)
