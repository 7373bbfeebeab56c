"""The runs in the journal: finding them, whether a process works on them, abandoning and pruning them."""

import shlex
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path

from platformdirs import user_state_path

from orchestrator.domain.outcomes import EnvironmentResult
from orchestrator.domain.records import StoredRun
from orchestrator.errors import JournalError, UsageError
from orchestrator.journal import codec
from orchestrator.journal.codec import RunRow
from orchestrator.journal.database import Database
from orchestrator.journal.lock import RunLock
from orchestrator.machine import Machine
from orchestrator.ports import Clock

LEASE = timedelta(minutes=10)
"""How long a run on another machine counts as alive after its last heartbeat: its lock cannot be read from here."""
LOCKS = "locks"
STATE_DIR_VARIABLE = "QOVERY_RESTART_STATE_DIR"
ABANDONED = "abandoned"
"""The outcome of an abandoned run."""


class Store:
    """The runs in the journal.

    Args:
        database: the file.
        folder: its directory, with the locks beside it; None in memory.
        clock: the source of time.
        machine: this machine.
        named: whether the user named the directory: then the command that resumes a run must name it, too.
    """

    def __init__(
        self, database: Database, *, folder: Path | None, clock: Clock, machine: Machine, named: bool = False
    ) -> None:
        self.database = database
        self.clock = clock
        self.machine = machine
        self._folder = folder
        self._named = named

    def find(self, run_id: str) -> StoredRun:
        """Return a run by its id, or by the beginning of it.

        Raises:
            UsageError: no run matches, or more than one.
        """
        if not run_id:
            raise UsageError("The run's id is empty: give the id, or the beginning of it.")
        pattern = run_id.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        query = "SELECT * FROM runs WHERE run_id = ? OR run_id LIKE ? ESCAPE '\\' ORDER BY run_id = ? DESC, run_id"
        rows = [codec.run_of(dict(row)) for row in self.database.read(query, run_id, pattern, run_id)]
        if not rows:
            raise UsageError(f"{self.database} has no run {run_id}.{self._instead_of(run_id)}")
        if len(rows) > 1 and rows[0].run_id != run_id:
            raise UsageError(f"More than one run begins with {run_id}: {', '.join(row.run_id for row in rows[:5])}.")
        return _stored(rows[0])

    def _instead_of(self, run_id: str) -> str:
        """Return a hint for somebody who asked for a run that does not exist: those that are alike, or the latest."""
        known = [
            str(row["run_id"])
            for row in self.database.read("SELECT run_id FROM runs ORDER BY started_at DESC, run_id DESC")
        ]
        close = get_close_matches(run_id, known, n=3, cutoff=0.8)
        if close:
            return f" Did you mean {' or '.join(close)}?"
        return f" The latest are {', '.join(known[:3])}; `qovery-restart history` lists more." if known else ""

    def last_started(self) -> StoredRun:
        """Return the run that started last, whether or not it has ended. Raises `UsageError` if there is none."""
        rows = self.database.read("SELECT * FROM runs ORDER BY started_at DESC, run_id DESC LIMIT 1")
        if not rows:
            raise UsageError(f"{self.database} has no run yet.")
        return _stored(codec.run_of(dict(rows[0])))

    def row(self, run_id: str) -> RunRow:
        """Return what the journal has of a run. Raises `JournalError` if it no longer exists, or cannot be read."""
        rows = self.database.read("SELECT * FROM runs WHERE run_id = ?", run_id)
        if not rows:
            raise JournalError(f"The run {run_id} is no longer in the journal.")
        return codec.run_of(dict(rows[0]))

    def report(self, run_id: str) -> str | None:
        """Return the report that was written when a process last left a run, as JSON; None if there is none."""
        rows = self.database.read("SELECT report FROM runs WHERE run_id = ? AND report IS NOT NULL", run_id)
        return codec.report_of(rows[0]["report"]) if rows else None

    def last_unfinished(self) -> StoredRun:
        """Return the latest unfinished run on which no process is working.

        Raises:
            UsageError: there is none.
        """
        at_work = []
        query = "SELECT * FROM runs WHERE ended_at IS NULL ORDER BY started_at DESC, run_id"
        for row in map(codec.run_of, map(dict, self.database.read(query))):
            if not self.is_at_work(row):
                return _stored(row)
            at_work.append(f"{row.run_id} is still in progress ({self.where(row)})")
        others = f" {'; '.join(at_work)}." if at_work else ""
        raise UsageError(f"{self.database} has no interrupted run: there is nothing to resume.{others}")

    def last_ended(self) -> StoredRun:
        """Return the ended run that started last. Raises `UsageError` if there is none."""
        rows = self.database.read("SELECT * FROM runs WHERE ended_at IS NOT NULL ORDER BY started_at DESC LIMIT 1")
        if not rows:
            raise UsageError(f"{self.database} has no run that has ended.")
        return _stored(codec.run_of(dict(rows[0])))

    def results(self, run_id: str) -> list[EnvironmentResult]:
        """Return the results of a run's environments that have ended, in the plan's order."""
        rows = self.database.read(
            "SELECT result FROM environments WHERE run_id = ? AND result IS NOT NULL ORDER BY position", run_id
        )
        return [codec.result_of(row["result"]) for row in rows]

    def resume_command(self, run_id: str) -> str:
        """Return the command that resumes a run."""
        return resume_command(run_id, state_dir=self._folder if self._named else None)

    def names(self, run_id: str) -> list[str]:
        """Return the names of a run's environments, in the plan's order."""
        rows = self.database.read("SELECT name FROM environments WHERE run_id = ? ORDER BY position", run_id)
        return [str(row["name"]) for row in rows]

    def lock_of(self, run_id: str) -> RunLock:
        """Return the lock that the process working on a run holds."""
        return RunLock(None if self._folder is None else self._folder / LOCKS / f"{run_id}.lock")

    def is_at_work(self, row: RunRow) -> bool:
        """Return whether a process is working on a run, or must be assumed to be.

        For a process of this machine's current boot, the lock decides. A process of an earlier boot is dead. A process
        on another machine counts as alive until `LEASE` after its last heartbeat.
        """
        if row.holder is None:
            return False
        same_host = row.host == self.machine.host
        unknown = row.boot_id == self.machine.boot_id == ""
        if self.is_this_boot(row) or (same_host and unknown):
            return not self.lock_of(row.run_id).is_free()
        if same_host:
            return False
        return self.clock.now() - row.beat_at < LEASE

    def is_this_boot(self, row: RunRow) -> bool:
        """Return whether a process of this machine's current boot last worked on a run; False if that is unknown."""
        return bool(row.boot_id) and row.boot_id == self.machine.boot_id

    def where(self, row: RunRow) -> str:
        """Return in words what is known of the process that is working, or last worked, on a run."""
        if row.holder is None:
            return "it was interrupted, and no process is working on it"
        process = f"process {row.pid} on {row.host}"
        beat = f"last seen at {row.beat_at:%H:%M:%S} UTC"
        return f"{process} is working on it" if self.is_at_work(row) else f"{process} is dead, {beat}"

    def elapsed(self, row: RunRow) -> float:
        """Return the seconds since a run's start.

        By the monotonic clock if the machine has not rebooted since, whatever the wall clock shows; otherwise by the
        wall clock. Never less than the time recorded at the last write.
        """
        if self.is_this_boot(row):
            return max(row.elapsed, self.clock.monotonic() - row.began)
        passed = self.clock.now() - row.started_at
        return max(row.elapsed, passed.total_seconds())

    def abandon(self, run_id: str) -> list[str]:
        """End a run as abandoned: it no longer holds its environments, and cannot be resumed.

        Returns:
            The names of the environments in which a restart of it may still be running.

        Raises:
            UsageError: a process is working on it, or it has ended already.
        """
        with self.database.writing() as transaction:
            row = row_of(transaction, run_id)
            if row.ended_at is not None:
                raise UsageError(f"The run {run_id} cannot be abandoned: {_stored(row).ended}.")
            self.refuse_if_at_work(row)
            transaction.execute(
                "UPDATE runs SET ended_at = ?, outcome = ?, holder = NULL WHERE run_id = ?",
                (self.clock.now().isoformat(), ABANDONED, run_id),
            )
            in_flight = transaction.execute(
                "SELECT name FROM environments WHERE run_id = ? AND intent IS NOT NULL AND result IS NULL "
                "ORDER BY position",
                (run_id,),
            )
            return [each["name"] for each in in_flight]

    def call_off(self, run_id: str) -> None:
        """Write that a cancel of a run was asked for: from now on nothing of it begins any more, in any process.

        Raises:
            UsageError: a process is working on it.
        """
        with self.database.writing() as transaction:
            self.refuse_if_at_work(row_of(transaction, run_id))
            transaction.execute(
                "UPDATE runs SET called_off = COALESCE(called_off, ?) WHERE run_id = ?",
                (self.clock.now().isoformat(), run_id),
            )
        self.database.check_in_place()

    def refuse_if_at_work(self, row: RunRow) -> None:
        """Raise `UsageError` if a process is working on a run."""
        if self.is_at_work(row):
            raise UsageError(
                f"The run {row.run_id} is not interrupted: {self.where(row)}. Wait for it to end, or stop it first."
            )

    def prune(self, *, keep_days: int, keep_runs: int) -> None:
        """Delete ended runs that are older than `keep_days`, or have `keep_runs` later runs. Unfinished runs stay."""
        oldest = (self.clock.now() - timedelta(days=keep_days)).isoformat()
        with self.database.writing() as transaction:
            # That they have begun must not be forgotten with them.
            transaction.execute(
                "UPDATE occurrences SET ended_at = (SELECT ended_at FROM runs WHERE runs.run_id = occurrences.run_id) "
                "WHERE ended_at IS NULL AND run_id IN (SELECT run_id FROM runs WHERE ended_at IS NOT NULL)"
            )
            transaction.execute(
                "DELETE FROM runs WHERE ended_at IS NOT NULL AND (started_at < ? OR run_id NOT IN "
                "(SELECT run_id FROM runs ORDER BY started_at DESC LIMIT ?))",
                (oldest, keep_runs),
            )
            # Of each schedule the latest stays: what comes next is counted from it.
            transaction.execute(
                "DELETE FROM occurrences WHERE due_at < ? AND due_at < "
                "(SELECT max(due_at) FROM occurrences AS all_of_it WHERE all_of_it.schedule = occurrences.schedule)",
                (oldest,),
            )


def row_of(transaction: sqlite3.Connection, run_id: str) -> RunRow:
    """Return the row of a run. Raises `JournalError` if it no longer exists, or cannot be read."""
    row = transaction.execute("SELECT * FROM runs WHERE run_id = ?", (run_id,)).fetchone()
    if row is None:
        raise JournalError(f"The run {run_id} is no longer in the journal.")
    return codec.run_of(dict(row))


def _stored(row: RunRow) -> StoredRun:
    return StoredRun(
        run_id=row.run_id,
        parent_id=row.parent_id,
        api_url=row.api_url,
        config=row.config,
        source=row.source,
        started_at=row.started_at,
        ended_at=row.ended_at,
        outcome=row.outcome,
        requests=row.requests,
        submits=row.submits,
        beginning=row.beginning,
    )


def resume_command(run_id: str, *, state_dir: Path | None) -> str:
    """Return the command that resumes a run; `state_dir` is the journal's directory if the user named it."""
    words = ["qovery-restart", "resume", run_id]
    return shlex.join(words if state_dir is None else [*words, "--state-dir", str(state_dir.absolute())])


def open_store(folder: Path | None, *, clock: Clock, named: bool = False) -> Store:
    """Open the journal, and create it if it does not exist.

    Args:
        folder: its directory; None keeps it in memory.
        clock: the source of time.
        named: whether the user named the directory.

    Raises:
        JournalError: it cannot be used.
    """
    return Store(Database(folder), folder=folder, clock=clock, machine=Machine.here(), named=named)


def state_folder(environ: Mapping[str, str]) -> Path:
    """Return the journal's directory if no option names one.

    Raises:
        UsageError: this user has no home directory.
    """
    given = environ.get(STATE_DIR_VARIABLE, "").strip()
    if given:
        return Path(given)
    # Without a home directory, platformdirs returns a path that begins with ~, or raises, depending on its version.
    with suppress(RuntimeError, KeyError):
        folder = user_state_path("qovery-restart", appauthor=False)
        if folder.is_absolute():
            return folder
    raise UsageError(
        "This user has no home directory for the journal: name another directory with --state-dir or "
        f"{STATE_DIR_VARIABLE}."
    )
