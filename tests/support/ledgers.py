"""Processes that use one token: each has a ledger of its own on the file that they share, and a machine under it."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from orchestrator.domain.durations import HOUR
from orchestrator.errors import ThrottledError
from orchestrator.machine import Machine
from orchestrator.qovery.ledger import FILE_NAME, Book, Ledger, connect
from orchestrator.qovery.quota import Quota
from tests.support.journals import Clock, machine

_MEMORY_DISK = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""A file for each example of a property: where there is a disk in memory, there."""

TOKEN = "token"  # the name of its quota, not the token itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process, and what it sees."""

    quota: Quota
    ledger: Ledger
    clock: Clock
    connection: sqlite3.Connection
    troubles: list[Exception] = field(default_factory=list)
    """What it was told of its file."""
    strangers: list[sqlite3.Connection] = field(default_factory=list)
    """What somebody else holds the file by, for as long as this process lives."""

    def take(self, about: str = "") -> float | None:
        """Take one request: None where it was let through, else the seconds after which it would be."""
        try:
            self.quota.take(about)
        except ThrottledError as error:
            return error.retry_after
        return None

    def answered(self, *, remaining: int, reset: float, limit: int | None = None, ticket: int | None = None) -> None:
        """Take a request, and hear from its answer what is left."""
        headers = {"x-ratelimit-remaining": str(remaining), "x-ratelimit-reset": str(reset)}
        if limit is not None:
            headers["x-ratelimit-limit"] = str(limit)
        self.quota.learn(headers, throttled=False, ticket=self.quota.take() if ticket is None else ticket)

    @property
    def left(self) -> int:
        return self.quota.room().left

    @property
    def needed_by_others(self) -> float:
        return self.ledger.turn(Book.needed_by_others)


@dataclass(slots=True)
class Processes:
    """Opens the file of one folder, once for each process that a test has; None is a file in memory."""

    folder: Path | None
    per_hour: int = 1000
    clock: Clock = field(default_factory=lambda: Clock(1000.0))
    opened: list[Process] = field(default_factory=list)

    def process(
        self, at: Machine | None = None, *, clock: Clock | None = None, key: str = TOKEN, per_hour: int | None = None
    ) -> Process:
        """A process; by default all are of one machine, which was never started anew."""
        clock = clock or self.clock
        connection = connect(self.folder)
        troubles: list[Exception] = []
        ledger = Ledger(connection, key=key, clock=clock, machine=at or machine(), on_trouble=troubles.append)
        process = Process(
            quota=Quota(clock, per_hour=self.per_hour if per_hour is None else per_hour, ledger=ledger),
            ledger=ledger,
            clock=clock,
            connection=connection,
            troubles=troubles,
        )
        self.opened.append(process)
        return process

    def rebooted(self, *, after: float = 60.0, monotonic: float = 5.0, wall_set_by: float = 0.0) -> Process:
        """A process of the same machine, that was started anew meanwhile."""
        clock = self.clock.boot(after=after, monotonic=monotonic)
        clock.set_wall(wall_set_by)
        return self.process(machine(boot="boot-2", pid=8), clock=clock)

    def elsewhere(self, *, monotonic: float = 77.0, wall_set_by: float = 0.0) -> Process:
        """A process of another machine, whose clock shows the same time."""
        clock = self.clock.boot(after=0.0, monotonic=monotonic)
        clock.set_wall(wall_set_by)
        return self.process(machine(host="runner-2", boot="boot-of-runner-2"), clock=clock)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """What the file says, to somebody who knows nothing of us."""
        assert self.folder is not None
        connection = sqlite3.connect(self.folder / FILE_NAME)
        try:
            return [tuple(row) for row in connection.execute(query)]
        finally:
            connection.close()

    def close(self) -> None:
        """Let go of every file."""
        for process in self.opened:
            for connection in process.strangers:
                connection.close()
            process.ledger.close()
            process.connection.close()


@contextmanager
def sharing(*, per_hour: int = 1000, start: float = 1000.0) -> Iterator[Processes]:
    """A file that is gone afterwards, for as many processes as a property wants."""
    with TemporaryDirectory(dir=_MEMORY_DISK) as folder:
        processes = Processes(Path(folder), per_hour=per_hour, clock=Clock(start))
        try:
            yield processes
        finally:
            processes.close()


def most_in_an_hour(sent: list[float]) -> int:
    """The most requests that any hour has seen, its end excluded, since the server's next window begins there."""
    return max((sum(begin <= at < begin + HOUR for at in sent) for begin in sent), default=0)


class Fragile(sqlite3.Connection):
    """A connection that fails where a test says so."""

    fails: Callable[[str], bool] = staticmethod(lambda statement: False)

    def execute(self, sql: str, parameters: object = ()) -> sqlite3.Cursor:
        if self.fails(sql):
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(sql, parameters)  # type: ignore[arg-type]  # whatever the caller gives
