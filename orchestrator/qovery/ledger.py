"""What a token was used for in the last hour, by every process of this machine: a file that they share."""

import hashlib
import os
import sqlite3
import sys
from bisect import bisect_right, insort
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from orchestrator.machine import Machine
from orchestrator.ports import Clock

T = TypeVar("T")

FILE_NAME = "quota.sqlite3"
HOUR = 3600.0
LEASE = 120.0
"""Seconds for which what a process still needs is kept for it without a sign of life."""
BUSY_TIMEOUT = 1.0
"""Seconds to wait for another process. A turn takes less than a millisecond."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
    ticket INTEGER PRIMARY KEY AUTOINCREMENT,
    token TEXT NOT NULL,
    host TEXT NOT NULL,
    boot TEXT NOT NULL,
    expires REAL NOT NULL,      -- when it stops counting, by the monotonic clock of that boot
    expires_at REAL NOT NULL    -- the same by the wall clock, in seconds since the epoch
);
CREATE INDEX IF NOT EXISTS requests_by_token ON requests (token, expires);
CREATE TABLE IF NOT EXISTS needs (
    process TEXT PRIMARY KEY,
    token TEXT NOT NULL,
    until REAL NOT NULL,        -- by the wall clock
    requests REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS words (
    token TEXT NOT NULL,        -- what the API said last
    boot TEXT NOT NULL,
    ticket INTEGER NOT NULL,    -- the request that it answered so
    remaining INTEGER NOT NULL,
    per_hour INTEGER NOT NULL,
    resets REAL NOT NULL,       -- by the monotonic clock
    closed_until REAL NOT NULL,
    PRIMARY KEY (token, boot)
);
"""
_EXPIRES = (
    "MIN(CASE WHEN boot = :boot AND boot != '' THEN expires ELSE :now + MAX(expires_at - :wall, 0) END, :now + 3600)"
)
"""When a request stops counting, by our clock: only the wall clock tells for one that another machine has sent, or this
one when nobody knows how often it was started since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What the API has said about the quota. Instants are of our monotonic clock."""

    ticket: int = 0
    remaining: int = 0
    per_hour: int = 0
    resets: float = float("-inf")
    closed_until: float = float("-inf")


def token_key(token: str, api_url: str) -> str:
    """Return a name for a token's quota that does not give the token away.

    >>> len(token_key("not-a-secret", "https://api.qovery.com"))
    24
    """
    return hashlib.scrypt(token.encode(), salt=api_url.encode(), n=2**10, r=8, p=1, dklen=12).hex()


def connect(folder: Path | None) -> sqlite3.Connection:
    """Open the file, or one in memory. Raises `sqlite3.Error` or `OSError` where it cannot be used."""
    path = None if folder is None else folder / FILE_NAME
    if path is not None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    connection = sqlite3.connect(path or ":memory:", timeout=BUSY_TIMEOUT, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # After a loss of power the last hour's requests may be forgotten: whoever sends too many then is told so.
        connection.execute("PRAGMA synchronous = OFF")
        connection.executescript(_SCHEMA)
    except BaseException:
        connection.close()
        raise
    return connection


class Ledger:
    """One token's part of the file.

    Where the file fails, the process goes on with what it knows of itself, in memory, and says so once.

    Args:
        connection: to the file.
        key: of the token's quota.
        clock: the source of time.
        machine: where we are.
        on_trouble: told why the file is not used any more.
        keep_open: whether the connection is somebody else's to close.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        key: str,
        clock: Clock,
        machine: Machine,
        on_trouble: Callable[[Exception], object] = lambda _: None,
        keep_open: bool = False,
    ) -> None:
        self._connection = connection
        self._key = key
        self._clock = clock
        self._machine = machine
        self._on_trouble = on_trouble
        self._keep_open = keep_open
        self._process = uuid4().hex
        self._known = _Known()
        self.turn(Book.adopt)

    def turn(self, act: Callable[["Book"], T]) -> T:
        """Call `act` with the book while no other process has it, and return what it returns."""
        try:
            return self._turn(act)
        except sqlite3.Error as error:
            self._do_without(error)
        return self._turn(act)

    def _turn(self, act: Callable[["Book"], T]) -> T:
        now = self._clock.monotonic()
        self._connection.execute("BEGIN IMMEDIATE")
        book = Book(
            self._connection,
            key=self._key,
            process=self._process,
            machine=self._machine,
            now=now,
            wall=self._clock.now().timestamp(),
            known=self._known,
        )
        try:
            book.catch_up()
            result = act(book)
            self._connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise
        return result

    def _do_without(self, error: sqlite3.Error) -> None:
        self._on_trouble(error)
        with suppress(sqlite3.Error):
            self._connection.close()
        self._connection = connect(None)
        known, self._known = self._known, _Known()

        def recall(book: Book) -> None:
            for expires, ticket in known.requests:
                book.add(expires, ticket=ticket)
            book.word = known.word

        self._turn(recall)

    def close(self) -> None:
        """Give up what this process still needs, and let go of the file."""
        with suppress(sqlite3.Error):
            self._connection.execute("DELETE FROM needs WHERE process = ?", (self._process,))
            if not self._keep_open:
                self._connection.close()


@dataclass(slots=True)
class _Known:
    """What a process has read of the file, so that it reads each request once."""

    requests: list[tuple[float, int]] = field(default_factory=list)
    """When each that counts stops counting, by our clock, and its ticket; sorted."""
    tickets: list[int] = field(default_factory=list)
    """Of all that were read; sorted, as they were given."""
    word: Word = field(default_factory=Word)
    """What the API said last, as far as this process knows."""

    def note(self, expires: float, ticket: int) -> None:
        """Take in the next."""
        insort(self.requests, (expires, ticket))
        self.tickets.append(ticket)


class Book:
    """The file, in the hands of one process."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        key: str,
        process: str,
        machine: Machine,
        now: float,
        wall: float,
        known: _Known,
    ) -> None:
        self._connection = connection
        self._key = key
        self._process = process
        self._machine = machine
        self._names: dict[str, str | float] = {"token": key, "boot": machine.boot_id, "now": now, "wall": wall}
        self.now = now
        self._wall = wall
        self._known = known

    def catch_up(self) -> None:
        """Read what others have sent since, and forget what does not count any more."""
        rows = self._connection.execute(
            f"SELECT {_EXPIRES}, ticket FROM requests WHERE token = :token AND ticket > :last ORDER BY ticket",  # noqa: S608
            {**self._names, "last": self._known.tickets[-1] if self._known.tickets else 0},
        ).fetchall()
        for expires, ticket in rows:
            self._known.note(expires, ticket)
        del self._known.requests[: bisect_right(self._known.requests, (self.now, sys.maxsize))]

    def adopt(self) -> None:
        """Take in what this machine had sent before it was started anew, and forget what no longer counts.

        How long ago that was only the wall clock can tell, and it may be wrong: so each counts for a whole hour more,
        lest the quota be exceeded.
        """
        self._connection.execute(
            "UPDATE requests SET boot = :boot, expires = :now + 3600, expires_at = :wall + 3600 "
            "WHERE token = :token AND host = :host AND boot != :boot",
            {**self._names, "host": self._machine.host},
        )
        self._forget()
        self._connection.execute("DELETE FROM needs WHERE until <= :wall", self._names)
        self._known.requests.clear()
        self._known.tickets.clear()
        self.catch_up()

    def sent(self, *, after: int = 0) -> int:
        """Count the requests of the last hour, or those that were sent after a ticket."""
        if not after:
            return len(self._known.requests)
        return len(self._known.tickets) - bisect_right(self._known.tickets, after)

    def expiry(self, number: int) -> float:
        """Return the instant at which so many of them have stopped counting; `number` begins with 1."""
        requests = self._known.requests
        return requests[max(number, 1) - 1][0] if number <= len(requests) and requests else self.now + HOUR

    def add(self, expires: float | None = None, *, ticket: int | None = None) -> int:
        """Note a request that is about to be sent; return its ticket, which is greater than all before."""
        expires = self.now + HOUR if expires is None else expires
        cursor = self._connection.execute(
            "INSERT INTO requests (ticket, token, host, boot, expires, expires_at) "
            "VALUES (:ticket, :token, :host, :boot, :e, :at)",
            {
                **self._names,
                "ticket": ticket,
                "host": self._machine.host,
                "e": expires,
                "at": self._wall + expires - self.now,
            },
        )
        ticket = cursor.lastrowid or 0
        if ticket % 256 == 0:
            self._forget()
        self._known.note(expires, ticket)
        return ticket

    def _forget(self) -> None:
        self._connection.execute(f"DELETE FROM requests WHERE {_EXPIRES} <= :now", self._names)  # noqa: S608 - ours

    def needed_by_others(self) -> float:
        """Return how many requests other processes that live still need."""
        query = (
            "SELECT COALESCE(sum(requests), 0) FROM needs "
            "WHERE token = :token AND process != :process AND until > :wall AND until <= :wall + :lease"
        )
        row = self._connection.execute(query, {**self._names, "process": self._process, "lease": LEASE}).fetchone()
        return float(row[0])

    def need(self, requests: float) -> None:
        """Write down how many requests this process still needs; a sign of life, too."""
        self._connection.execute(
            "INSERT OR REPLACE INTO needs (process, token, until, requests) VALUES (:process, :token, :until, :n)",
            {**self._names, "process": self._process, "until": self._wall + LEASE, "n": requests},
        )

    @property
    def word(self) -> Word:
        """What the API said last."""
        query = (
            "SELECT ticket, remaining, per_hour, resets, closed_until FROM words "
            "WHERE token = :token AND boot = :boot AND boot != ''"
        )
        row = self._connection.execute(query, self._names).fetchone()
        if row is None:
            return self._known.word
        return Word(ticket=row[0], remaining=row[1], per_hour=row[2], resets=row[3], closed_until=row[4])

    @word.setter
    def word(self, word: Word) -> None:
        self._known.word = word
        self._connection.execute(
            "INSERT OR REPLACE INTO words (token, boot, ticket, remaining, per_hour, resets, closed_until) "
            "VALUES (:token, :boot, :ticket, :remaining, :per_hour, :resets, :closed_until)",
            {
                **self._names,
                "ticket": word.ticket,
                "remaining": word.remaining,
                "per_hour": word.per_hour,
                "resets": word.resets,
                "closed_until": word.closed_until,
            },
        )
