"""How the last run of each file ended: for messages about a change, and for the last success."""

from datetime import datetime

from orchestrator.domain.notices import LastEnding
from orchestrator.journal.codec import instant_of
from orchestrator.journal.database import Database
from orchestrator.journal.waiting import AT_ONCE


class Endings:
    """The endings in the journal, one for each file.

    Args:
        database: the journal. Every method raises `JournalError` if it fails.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def file_of(self, run_id: str) -> str | None:
        """Return the file of a run that was the last to end; None if another has ended since."""
        rows = self._database.read("SELECT file FROM endings WHERE run_id = ?", run_id)
        return rows[0]["file"] if rows else None

    def replace(self, file: str, *, run_id: str | None, exit_code: int, ended_at: datetime) -> LastEnding:
        """Write how a run of `file` has ended, and return how the one before it had."""
        at = ended_at.isoformat()
        with self._database.writing(durable=False, patience=AT_ONCE) as transaction:
            row = transaction.execute("SELECT * FROM endings WHERE file = ?", (file,)).fetchone()
            succeeded_at = at if exit_code == 0 else None if row is None else row["succeeded_at"]
            transaction.execute(
                "INSERT OR REPLACE INTO endings (file, run_id, exit_code, succeeded_at) VALUES (?, ?, ?, ?)",
                (file, run_id, exit_code, succeeded_at),
            )
        if row is None:
            return LastEnding()
        earlier = row["succeeded_at"]
        return LastEnding(exit_code=row["exit_code"], succeeded_at=None if earlier is None else instant_of(earlier))
