"""The requests of the last hour with a token, counted by all processes of this machine in a file that they share."""

import hashlib
import os
import sqlite3
import sys
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf, isfinite
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from orchestrator.domain.durations import HOUR
from orchestrator.machine import Machine
from orchestrator.ports import Clock

T = TypeVar("T")

FILE_NAME = "quota.sqlite3"
LEASE = 120.0
"""Seconds for which the requests that a process needs stay reserved without a heartbeat."""
BUSY_TIMEOUT = 1.0
"""Seconds to wait for another process. A transaction takes less than a millisecond."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
    ticket INTEGER PRIMARY KEY AUTOINCREMENT,
    token TEXT NOT NULL,
    host TEXT NOT NULL,
    boot TEXT NOT NULL,
    expires REAL NOT NULL,      -- when it stops counting, on the monotonic clock of that boot
    expires_at REAL NOT NULL    -- the same on the wall clock, in seconds since the epoch
);
CREATE INDEX IF NOT EXISTS requests_by_token ON requests (token, expires);
CREATE TABLE IF NOT EXISTS needs (
    process TEXT PRIMARY KEY,
    token TEXT NOT NULL,
    until REAL NOT NULL,        -- on the wall clock
    requests REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS words (
    token TEXT NOT NULL,        -- what the API reported last
    boot TEXT NOT NULL,
    ticket INTEGER NOT NULL,    -- the request that it answered
    remaining INTEGER NOT NULL,
    quota INTEGER NOT NULL,     -- how many requests the API allows between two resets
    resets REAL NOT NULL,       -- on the monotonic clock
    span REAL NOT NULL,         -- seconds between two resets
    zeros INTEGER NOT NULL,     -- how many answers in a row said that nothing is left, although it was not used up
    closed_until REAL NOT NULL,
    PRIMARY KEY (token, boot)
);
"""
_EXPIRES = (
    "MIN(CASE WHEN boot = :boot AND boot != '' THEN expires ELSE :now + MAX(expires_at - :wall, 0) END, :now + :hour)"
)
"""When a request stops counting, on our monotonic clock. If another machine sent it, or this one in an unknown boot,
only the wall clock shows when."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What the API has reported about the quota. Instants are on our monotonic clock."""

    ticket: int = 0
    remaining: int = 0
    limit: int = 0
    """How many requests it allows between two resets."""
    resets: float = float("-inf")
    window: float = HOUR
    """Seconds between two resets: the longest that they can be, as far as is known."""
    zeros: int = 0
    """How many good answers in a row said that nothing is left, although we had not used it up."""
    closed_until: float = float("-inf")

    def renewal(self, now: float) -> float:
        """Return the instant of the next reset."""
        return self.resets if now < self.resets else self.resets + self.window


def token_key(token: str, api_url: str) -> str:
    """Return a name for a token's quota that does not reveal the token.

    >>> len(token_key("not-a-secret", "https://api.qovery.com"))
    24
    """
    return hashlib.scrypt(token.encode(), salt=api_url.encode(), n=2**10, r=8, p=1, dklen=12).hex()


def connect(folder: Path | None) -> sqlite3.Connection:
    """Open the file, or a database in memory. Raises `sqlite3.Error` or `OSError` if it cannot be used."""
    path = None if folder is None else folder / FILE_NAME
    if path is not None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    connection = sqlite3.connect(path or ":memory:", timeout=BUSY_TIMEOUT, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # After a loss of power the last hour's requests may be forgotten: a process that then sends too many gets 429.
        connection.execute("PRAGMA synchronous = OFF")
        # An earlier version kept other columns; losing them costs a 429 at worst.
        if "zeros" not in {row[1] for row in connection.execute("PRAGMA table_info(words)")}:
            connection.execute("DROP TABLE IF EXISTS words")
        connection.executescript(_SCHEMA)
    except BaseException:
        connection.close()
        raise
    return connection


class Ledger:
    """One token's part of the file.

    If the file fails, the process continues with what it has read so far, in memory, and reports that once.

    Args:
        connection: the connection to the file.
        key: the name of the token's quota.
        clock: the source of time.
        machine: this machine.
        on_trouble: called with the reason why the file is no longer used.
        keep_open: whether the caller closes the connection.
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
        self._cache = _Cache()
        self.turn(Book.adopt)

    def turn(self, act: Callable[["Book"], T]) -> T:
        """Call `act` with the book in a transaction of its own, and return the result."""
        try:
            return self._turn(act)
        except sqlite3.Error as error:
            self._move_to_memory(error)
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
            cache=self._cache,
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

    def _move_to_memory(self, error: sqlite3.Error) -> None:
        self._on_trouble(error)
        with suppress(sqlite3.Error):
            self._connection.close()
        self._connection = connect(None)
        cache, self._cache = self._cache, _Cache()

        def restore(book: Book) -> None:
            for expires, ticket in cache.requests:
                book.add(expires, ticket=ticket)
            book.word = cache.word

        self._turn(restore)

    def close(self) -> None:
        """Release what this process has reserved, and close the file."""
        with suppress(sqlite3.Error):
            self._connection.execute("DELETE FROM needs WHERE process = ?", (self._process,))
            if not self._keep_open:
                self._connection.close()


@dataclass(slots=True)
class _Cache:
    """What a process has read from the file, so that it reads each request once."""

    requests: list[tuple[float, int]] = field(default_factory=list)
    """The requests that count: when each expires on our clock, and its ticket; sorted."""
    tickets: list[int] = field(default_factory=list)
    """The tickets of all requests read, expired ones too; sorted, since they are read in order."""
    word: Word = field(default_factory=Word)
    """What the API reported last, as far as this process knows."""

    def note(self, expires: float, ticket: int) -> None:
        """Add the next request."""
        insort(self.requests, (expires, ticket))
        self.tickets.append(ticket)


def _numbers(row: Iterable[object]) -> tuple[Any, ...]:
    """Return a row of numbers. Raises `sqlite3.DataError` if one is none: SQLite keeps anything in any column.

    Instants of what never was are infinitely long ago; nothing is infinitely many.
    """
    numbers = tuple(row)
    if not all(isinstance(each, int | float) and each < inf for each in numbers):
        raise sqlite3.DataError("the file is damaged: it has a number that is none")
    return numbers


class Book:
    """One token's part of the file, during one transaction of one process."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        key: str,
        process: str,
        machine: Machine,
        now: float,
        wall: float,
        cache: _Cache,
    ) -> None:
        self._connection = connection
        self._key = key
        self._process = process
        self._machine = machine
        self._parameters: dict[str, str | float] = {
            "token": key,
            "boot": machine.boot_id,
            "now": now,
            "wall": wall,
            "hour": HOUR,
        }
        self.now = now
        self._wall = wall
        self._cache = cache

    def catch_up(self) -> None:
        """Read what other processes have sent since the last time, and drop expired requests."""
        rows = self._connection.execute(
            f"SELECT {_EXPIRES}, ticket FROM requests WHERE token = :token AND ticket > :last ORDER BY ticket",  # noqa: S608
            {**self._parameters, "last": self._cache.tickets[-1] if self._cache.tickets else 0},
        ).fetchall()
        for expires, ticket in rows:
            self._cache.note(expires, ticket)
        del self._cache.requests[: bisect_right(self._cache.requests, (self.now, sys.maxsize))]

    def adopt(self) -> None:
        """Take over the requests of this machine's earlier boots, and delete expired ones.

        Only the wall clock shows how long ago they were sent, and it may be wrong. So each counts for another full
        hour, so that the quota is never exceeded.
        """
        self._connection.execute(
            "UPDATE requests SET boot = :boot, expires = :now + :hour, expires_at = :wall + :hour "
            "WHERE token = :token AND host = :host AND boot != :boot",
            {**self._parameters, "host": self._machine.host},
        )
        self._forget()
        self._connection.execute("DELETE FROM needs WHERE until <= :wall", self._parameters)
        self._cache.requests.clear()
        self._cache.tickets.clear()
        self.catch_up()

    def sent(self, *, after: int = 0) -> int:
        """Count the requests of the last hour, or the requests sent after a ticket."""
        if not after:
            return len(self._cache.requests)
        return len(self._cache.tickets) - bisect_right(self._cache.tickets, after)

    def sent_since(self, instant: float) -> int:
        """Count the requests of the last hour that were sent at an instant or later."""
        requests = self._cache.requests
        return len(requests) - bisect_left(requests, (instant + HOUR, 0))

    @property
    def last_sent_at(self) -> float:
        """The instant at which the last of them was sent."""
        requests = self._cache.requests
        return requests[-1][0] - HOUR if requests else float("-inf")

    def expiry(self, number: int) -> float:
        """Return the instant at which `number` of them have expired; `number` starts at 1."""
        requests = self._cache.requests
        return requests[max(number, 1) - 1][0] if number <= len(requests) and requests else self.now + HOUR

    def add(self, expires: float | None = None, *, ticket: int | None = None) -> int:
        """Record a request that is about to be sent; return its ticket, which is greater than all earlier ones."""
        expires = self.now + HOUR if expires is None else expires
        cursor = self._connection.execute(
            "INSERT INTO requests (ticket, token, host, boot, expires, expires_at) "
            "VALUES (:ticket, :token, :host, :boot, :e, :at)",
            {
                **self._parameters,
                "ticket": ticket,
                "host": self._machine.host,
                "e": expires,
                "at": self._wall + expires - self.now,
            },
        )
        ticket = cursor.lastrowid or 0
        if ticket % 256 == 0:
            self._forget()
        self._cache.note(expires, ticket)
        return ticket

    def _forget(self) -> None:
        self._connection.execute(f"DELETE FROM requests WHERE {_EXPIRES} <= :now", self._parameters)  # noqa: S608 - ours

    def needed_by_others(self) -> float:
        """Return how many requests other live processes still need."""
        query = (
            "SELECT COALESCE(sum(requests), 0) FROM needs "
            "WHERE token = :token AND process != :process AND until > :wall AND until <= :wall + :lease"
        )
        row = self._connection.execute(query, {**self._parameters, "process": self._process, "lease": LEASE}).fetchone()
        return float(row[0])

    def need(self, requests: float) -> None:
        """Record how many requests this process still needs; also its heartbeat."""
        self._connection.execute(
            "INSERT OR REPLACE INTO needs (process, token, until, requests) VALUES (:process, :token, :until, :n)",
            {**self._parameters, "process": self._process, "until": self._wall + LEASE, "n": requests},
        )

    @property
    def word(self) -> Word:
        """What the API reported last."""
        query = (
            "SELECT ticket, remaining, quota, resets, span, zeros, closed_until FROM words "
            "WHERE token = :token AND boot = :boot AND boot != ''"
        )
        row = self._connection.execute(query, self._parameters).fetchone()
        if row is None:
            return self._cache.word
        names = ("ticket", "remaining", "limit", "resets", "window", "zeros", "closed_until")
        word = Word(**dict(zip(names, _numbers(row), strict=True)))
        if not all(isfinite(each) for each in (word.ticket, word.remaining, word.limit, word.window, word.zeros)):
            raise sqlite3.DataError("the file is damaged: it has an amount that is none")
        return word

    @word.setter
    def word(self, word: Word) -> None:
        self._cache.word = word
        self._connection.execute(
            "INSERT OR REPLACE INTO words (token, boot, ticket, remaining, quota, resets, span, zeros, closed_until) "
            "VALUES (:token, :boot, :ticket, :remaining, :limit, :resets, :window, :zeros, :closed_until)",
            {
                **self._parameters,
                "ticket": word.ticket,
                "remaining": word.remaining,
                "limit": word.limit,
                "resets": word.resets,
                "window": word.window,
                "zeros": word.zeros,
                "closed_until": word.closed_until,
            },
        )
