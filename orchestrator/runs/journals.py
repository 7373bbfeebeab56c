"""The journal of a run that submits; and the stand-in for one of a run that does not."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from orchestrator.domain.outcomes import EnvironmentResult
from orchestrator.domain.records import StoredEnvironment
from orchestrator.journal.store import Store, open_store, state_folder
from orchestrator.ports import Clock, Journal
from orchestrator.runs.rehearsal import Rehearsal


@contextmanager
def opened_journal(
    state_dir: Path | None, environ: Mapping[str, str], rehearsal: Rehearsal | None, clock: Clock
) -> Iterator[Store]:
    """Open the journal. Raises `JournalError` if it cannot be used."""
    folder = state_folder(environ) if state_dir is None and rehearsal is None else state_dir
    store = open_store(folder, clock=clock, named=state_dir is not None)
    try:
        yield store
    finally:
        store.database.close()


class NoJournal:
    """The port `RunJournal` for a run that submits nothing, or nothing yet: it writes nothing.

    Attributes:
        began: the instant at which the run started.
        end_by: its deadline, which is not needed.
        resume_command: None.
    """

    resume_command = None

    def __init__(self, *, began: float) -> None:
        self.began = began
        self.end_by = float("inf")

    async def environments(self) -> Sequence[StoredEnvironment]:
        """Return none."""
        return ()

    def page(self, name: str) -> Journal:
        """Raise: a job that submits needs a journal."""
        raise LookupError(f"{name} has no journal")

    def note_request(self) -> None:
        """Do nothing."""

    async def beat(self) -> None:
        """Do nothing."""

    async def close(
        self, results: Sequence[EnvironmentResult] | None, *, outcome: str, exit_code: int, report: str
    ) -> None:
        """Do nothing."""

    async def release(self) -> None:
        """Do nothing."""
