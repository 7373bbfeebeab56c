"""What one job writes down beyond its process."""

from collections.abc import Awaitable

from orchestrator.domain.outcomes import EnvironmentResult
from orchestrator.domain.records import Holder, Intent, Sighting
from orchestrator.errors import JournalError
from orchestrator.ports import Journal
from orchestrator.restart.narrator import Narrator


class JobJournal:
    """Writes one job's journal.

    What comes before a submit has to be written, and raises `JournalError` where it cannot be. All that comes after is
    worth less than the restart that it is about: where it cannot be written, that is said once and the job goes on. A
    resumed run then knows less, and looks for what it does not know.

    Args:
        journal: of this environment.
        narrator: told what could not be written.
    """

    def __init__(self, journal: Journal, narrator: Narrator) -> None:
        self._journal = journal
        self._narrator = narrator
        self._failed = False
        self._last_sighting = Sighting()

    async def claim(self) -> Holder | None:
        """Take the environment for this run; return who has it already. Raises `JournalError`."""
        return await self._journal.claim()

    async def intend(self, intent: Intent) -> None:
        """Write down a restart that is about to be posted. Raises `JournalError`."""
        await self._journal.intend(intent)

    async def withdraw(self) -> None:
        """Write down that the post had no effect."""
        await self._try(self._journal.withdraw())

    async def accept(self, request_ids: frozenset[str], *, found: bool = False) -> None:
        """Write down that it was accepted."""
        await self._try(self._journal.accept(request_ids, found=found))

    async def see(self, sighting: Sighting) -> None:
        """Write down what was seen, where that has changed."""
        if sighting != self._last_sighting:
            self._last_sighting = sighting
            await self._try(self._journal.see(sighting))

    async def settle(self, result: EnvironmentResult) -> None:
        """Write down how it ended."""
        await self._try(self._journal.settle(result))

    async def _try(self, write: Awaitable[None]) -> None:
        try:
            await write
        except JournalError as error:
            if not self._failed:
                self._failed = True
                self._narrator.warn("journal_not_written", error=str(error))
