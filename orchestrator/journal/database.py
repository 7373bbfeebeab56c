"""The journal's file: opening it, its schema and migrations, transactions, and its errors with advice."""

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

from orchestrator.errors import JournalBusyError, JournalError
from orchestrator.journal.lock import FileIdentity, identity_of

FILE_NAME = "journal.sqlite3"
APPLICATION_ID = 0x51527374
"""The `PRAGMA application_id` of a journal ("QRst"), so that no other database is taken for one."""
BUSY_TIMEOUT = 2.0
"""Seconds to wait for another process that is writing. A transaction takes milliseconds."""

MIGRATIONS = (
    (
        """
            CREATE TABLE runs (
                run_id TEXT PRIMARY KEY,
                parent_id TEXT,                 -- the run whose failures this one runs again
                api_url TEXT NOT NULL,
                config TEXT NOT NULL,           -- as a document that holds no secret
                source TEXT,                    -- the name of the file that it came from, as given
                started_at TEXT NOT NULL,       -- the wall clock's time
                end_by REAL NOT NULL,           -- the run's deadline, in seconds since the start
                boot_id TEXT NOT NULL,          -- of the machine on which the run started, or was last resumed
                began REAL NOT NULL,            -- that machine's monotonic clock at the start
                elapsed REAL NOT NULL,          -- seconds since the start, at the last write
                beat_at TEXT NOT NULL,          -- the wall clock's time at the last write
                holder TEXT,                    -- identifies the working process; NULL once it has released the run
                host TEXT NOT NULL,
                pid INTEGER NOT NULL,
                requests INTEGER NOT NULL,
                submits INTEGER NOT NULL,
                ended_at TEXT,                  -- NULL while anything is left to do
                outcome TEXT,
                exit_code INTEGER,
                report BLOB                     -- JSON, compressed
            )
        """,
        "CREATE INDEX runs_by_start ON runs (started_at)",
        """
            CREATE TABLE environments (
                run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
                position INTEGER NOT NULL,
                name TEXT NOT NULL,
                environment_id TEXT NOT NULL,
                target TEXT NOT NULL,
                held_since TEXT,                -- this run has held the environment since then, until it settles
                intent TEXT,                    -- the restart posted, or about to be; NULL if it was not accepted
                accepted INTEGER NOT NULL DEFAULT 0,
                found INTEGER NOT NULL DEFAULT 0,  -- accepted, as found at the platform, not from an answer
                request_ids TEXT NOT NULL DEFAULT '[]',
                sighting TEXT,
                result TEXT,                    -- how it ended
                PRIMARY KEY (run_id, name)
            )
        """,
        "CREATE INDEX environments_by_id ON environments (environment_id)",
        """
            CREATE TABLE requests (
                run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
                at REAL NOT NULL                -- seconds since the run's start
            )
        """,
        "CREATE INDEX requests_by_run ON requests (run_id, at)",
    ),
    # The requests of the last hour belong to the token, not to the run: they are in the quota's file.
    ("DROP TABLE requests",),
    # When a cancel of the run was first asked for. From then on nothing of it begins any more, in any process.
    ("ALTER TABLE runs ADD COLUMN called_off TEXT",),
    # URLs are compared as texts, and now written without a slash at the end.
    ("UPDATE runs SET api_url = rtrim(api_url, '/')",),
    # How the last run of each file ended, also one that never came into the journal.
    (
        """
            CREATE TABLE endings (
                file TEXT PRIMARY KEY,          -- its whole path
                run_id TEXT,                    -- NULL if it ended before it had an id
                exit_code INTEGER NOT NULL,
                succeeded_at TEXT               -- the end of the last run that succeeded
            )
        """,
    ),
    # Schedules, and what was decided about each scheduled instant: written before its run begins.
    (
        """
            CREATE TABLE schedules (
                schedule TEXT PRIMARY KEY,      -- identifies the file, its cron expression and its time zone
                file TEXT NOT NULL,             -- its whole path
                cron TEXT NOT NULL,
                timezone TEXT NOT NULL,
                first_seen_at TEXT NOT NULL,    -- what came until then never counts
                replaced_at TEXT                -- when the file was seen with another cron expression or time zone
            )
        """,
        """
            CREATE TABLE occurrences (
                schedule TEXT NOT NULL,
                due_at TEXT NOT NULL,           -- the scheduled instant, in UTC
                decided_at TEXT NOT NULL,
                decision TEXT NOT NULL,
                reason TEXT NOT NULL,
                run_id TEXT,                    -- the run that was to begin; until it does, `runs` does not have it
                resumed_at TEXT,                -- when a process that keeps the schedule last resumed it
                ended_at TEXT,                  -- when that run ended, also one that never came into `runs`
                exit_code INTEGER,
                PRIMARY KEY (schedule, due_at)
            )
        """,
        "CREATE INDEX occurrences_by_run ON occurrences (run_id)",
    ),
    # What the report of a run tells of its beginning, as JSON: what started it, and what was expected of it.
    ("ALTER TABLE runs ADD COLUMN beginning TEXT",),
)
"""The statements that migrate the schema from each version to the next. Published ones never change; add new ones."""
COLUMNS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "runs": frozenset(
            {
                *("run_id", "parent_id", "api_url", "config", "source", "started_at", "end_by", "boot_id", "began"),
                *("elapsed", "beat_at", "holder", "host", "pid", "requests", "submits", "ended_at", "outcome"),
                *("exit_code", "report", "called_off", "beginning"),
            }
        ),
        "environments": frozenset(
            {
                *("run_id", "position", "name", "environment_id", "target", "held_since", "intent", "accepted"),
                *("found", "request_ids", "sighting", "result"),
            }
        ),
        "endings": frozenset({"file", "run_id", "exit_code", "succeeded_at"}),
        "schedules": frozenset({"schedule", "file", "cron", "timezone", "first_seen_at", "replaced_at"}),
        "occurrences": frozenset(
            {"schedule", "due_at", "decided_at", "decision", "reason", "run_id", "resumed_at", "ended_at", "exit_code"}
        ),
    }
)
"""The columns of each table, after all migrations."""


class Database:
    """A connection to the journal.

    Every method raises `JournalError` if the file fails.

    Args:
        folder: the directory of the file; None keeps it in memory, for a rehearsal.
        read_only: write nothing, and so do not create it, nor migrate it.

    Attributes:
        is_outdated: whether it is of an older version. Then only a connection that may write can be worked with.
    """

    def __init__(self, folder: Path | None, *, read_only: bool = False) -> None:
        self.is_outdated = False
        self._read_only = read_only
        self._path = None if folder is None else folder / FILE_NAME
        self._durable: bool | None = None
        self._patience = BUSY_TIMEOUT
        self._files: dict[Path, FileIdentity] = {}
        with self._explained():
            if self._path is not None:
                if not read_only:
                    _create_privately(self._path)
                self._files[self._path] = identity_of(self._path)
            # Transactions are begun explicitly: Python would begin them late, and never exclusively.
            self._connection = sqlite3.connect(
                _address(self._path, read_only=read_only),
                uri=True,
                timeout=BUSY_TIMEOUT,
                isolation_level=None,
                check_same_thread=False,
            )
        try:
            with self._explained():
                self._prepare()
            self.check_in_place()
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        connection = self._connection
        connection.row_factory = sqlite3.Row
        # In one transaction, since another process may be creating the file right now.
        connection.execute("BEGIN")
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        is_new = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
        connection.execute("COMMIT")
        if application != APPLICATION_ID and not is_new:
            raise JournalError(f"{self} is not a journal of qovery-restart. Choose another --state-dir.")
        if version > len(MIGRATIONS):
            raise JournalError(
                f"{self} was written by a newer qovery-restart (its version is {version}, the newest known here is "
                f"{len(MIGRATIONS)}). Upgrade, or choose another --state-dir."
            )
        problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if problem != "ok":
            raise JournalError(f"{self} {_damaged(problem)}")
        if self._read_only:
            self.is_outdated = version < len(MIGRATIONS)
            if not self.is_outdated:
                self._check_columns()
            return
        # With WAL, readers never wait for a writer. If the file system does not support it, the file is safe without.
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            with suppress(sqlite3.OperationalError):  # Another process is doing it; this call does not wait.
                connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")
        with self.writing():
            # Read again: another process may have migrated it in between.
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            for number, migration in enumerate(MIGRATIONS[version:], version + 1):
                for statement in migration:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number}")
            self._check_columns()
            # Always write something, so that a read-only file fails now, before anything is submitted.
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")

    def _check_columns(self) -> None:
        """Check that the tables have the columns that they were made with: SQLite's own check does not know them."""
        for table, expected in COLUMNS.items():
            found = {row["name"] for row in self._connection.execute(f"PRAGMA table_info({table})")}
            if missing := sorted(expected - found):
                lost = ", ".join(missing)
                raise JournalError(f"{self} {_damaged(f'its table {table} has no {lost}')}")

    @contextmanager
    def writing(self, *, durable: bool = True, patience: float | None = None) -> Iterator[sqlite3.Connection]:
        """Open a transaction that excludes other writers; commit it at the end, or roll it back after an error.

        Args:
            durable: whether it must survive a loss of power once it is committed. If not, a loss of power may lose the
                last transactions, but damages nothing; the death of a process loses none.
            patience: seconds to wait for another process that is writing; everything else in this process waits, too.

        Raises:
            JournalBusyError: another process kept the file for longer.
        """
        with self._explained():
            self._be_patient(BUSY_TIMEOUT if patience is None else patience)
            if durable is not self._durable:
                self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                self._durable = durable
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # A full disk may have rolled it back already.
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    def _be_patient(self, seconds: float) -> None:
        if seconds != self._patience:
            self._connection.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")
            self._patience = seconds

    def read(self, query: str, *parameters: object) -> list[sqlite3.Row]:
        """Return the rows of a query."""
        with self._explained():
            return self._connection.execute(query, parameters).fetchall()

    def check_in_place(self) -> None:
        """Check that what is written here is found by the next process that opens the journal.

        A file that was deleted, moved or replaced can still be written by those who have it open, but nobody else sees
        it. The files that SQLite keeps beside it are checked, too: what is written is in them first.
        Only a check after a write shows that it is where others look.

        Raises:
            JournalError: a file was deleted, moved or replaced since it was opened.
        """
        if self._path is None:
            return
        for path in (self._path, *(self._path.with_name(f"{FILE_NAME}{suffix}") for suffix in self._suffixes())):
            try:
                found = identity_of(path)
            except OSError as error:
                raise JournalError(
                    f"{self} cannot be used any more: {path} was deleted or moved while it was in use "
                    f"({error.strerror}). Check the environments of this run, then start again."
                ) from error
            # Only SQLite makes the others, at the first write, and keeps them for as long as anybody has them open.
            if self._files.setdefault(path, found) != found:
                raise JournalError(
                    f"{self} cannot be used any more: {path} was replaced by another file while it was in use. "
                    "Check the environments of this run, then start again."
                )

    def _suffixes(self) -> tuple[str, ...]:
        """Return what the names of the files end in that SQLite keeps beside the journal while it is open."""
        with self._explained():
            mode = self._connection.execute("PRAGMA journal_mode").fetchone()[0]
        return ("-wal", "-shm") if mode == "wal" else ()

    def close(self) -> None:
        """Close the file."""
        with suppress(sqlite3.Error):
            self._connection.close()

    def __str__(self) -> str:
        return "The journal" if self._path is None else f"The journal {self._path}"

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            kind = JournalBusyError if _code_of(error) in _BUSY else JournalError
            raise kind(f"{self} {_trouble(error)}") from error


_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _code_of(error: sqlite3.Error | OSError) -> int:
    """Return SQLite's code, without its extension. Without one it comes from Python, as from a closed connection."""
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF


def _trouble(error: sqlite3.Error | OSError) -> str:
    """Return what an error means and what to do about it."""
    if isinstance(error, OSError):
        return f"cannot be opened: {error.strerror}. Choose another --state-dir."
    if str(error).startswith("Could not decode"):  # Python's own words: SQLite does not look at texts.
        return _damaged("a text in it is not UTF-8")
    match _code_of(error):
        case sqlite3.SQLITE_FULL:
            return f"cannot be written: {error}. Free some space, or choose another --state-dir."
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"is kept busy by another process ({error}). Try again."
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_IOERR:
            return f"cannot be written: {error}. Choose another --state-dir."
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return _damaged(str(error))
        case _:
            return f"cannot be used: {error}. Choose another --state-dir."


def _damaged(how: str) -> str:
    how = " ".join(how.split())
    return (
        f"is damaged: {how}. Move it away to start a new one. That forgets unfinished runs, so check their "
        "environments first."
    )


def _address(path: Path | None, *, read_only: bool) -> str:
    return ":memory:" if path is None else f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"


def _create_privately(path: Path) -> None:
    """Create the file if it does not exist, readable and writable by its owner only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
