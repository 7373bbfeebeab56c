"""What one job writes to its journal."""

from collections.abc import Awaitable

from orchestrator.domain.outcomes import EnvironmentResult
from orchestrator.domain.records import Holder, Intent, Sighting
from orchestrator.errors import JournalError
from orchestrator.ports import Journal
from orchestrator.restart.narrator import Narrator


class JobJournal:
    """Writes one job's journal.

    What precedes a submit has to be written, and raises `JournalError` if it cannot be. What follows it matters less
    than the restart itself: if it cannot be written, that is logged once and the job continues. A resumed run then
    knows less, and has to find it out.

    Args:
        journal: of this environment.
        narrator: logs what could not be written.
    """

    def __init__(self, journal: Journal, narrator: Narrator) -> None:
        self._journal = journal
        self._narrator = narrator
        self._failed = False
        self._last_sighting = Sighting()

    async def claim(self) -> Holder | None:
        """Hold the environment for this run, or return the run that does. Raises `JournalError`."""
        return await self._journal.claim()

    async def intend(self, intent: Intent) -> None:
        """Write a restart that is about to be posted. Raises `JournalError`."""
        await self._journal.intend(intent)

    async def withdraw(self) -> None:
        """Write that the POST had no effect."""
        await self._try(self._journal.withdraw())

    async def accept(self, request_ids: frozenset[str], *, found: bool = False) -> None:
        """Write that it was accepted."""
        await self._try(self._journal.accept(request_ids, found=found))

    async def see(self, sighting: Sighting) -> None:
        """Write what was seen, if that has changed."""
        if sighting != self._last_sighting and await self._try(self._journal.see(sighting)):
            self._last_sighting = sighting

    async def settle(self, result: EnvironmentResult) -> None:
        """Write how the environment ended."""
        await self._try(self._journal.settle(result))

    async def _try(self, write: Awaitable[None]) -> bool:
        """Return whether it was written."""
        try:
            await write
        except JournalError as error:
            if not self._failed:
                self._failed = True
                self._narrator.warn("journal_not_written", error=str(error))
            return False
        return True
