"""Journals on disk, and the processes that share one: each has a connection of its own, and a machine under it."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from orchestrator.domain.outcomes import EnvironmentResult
from orchestrator.domain.plan import Target
from orchestrator.domain.records import Intent, NewRun
from orchestrator.errors import JournalError
from orchestrator.journal.database import FILE_NAME, Database
from orchestrator.journal.store import Store
from orchestrator.journal.work import Work
from orchestrator.machine import Machine
from tests.support.builders import NOON, baseline_of, target
from tests.support.builders import intent as an_intent
from tests.support.memory_journal import at_once
from tests.support.time import HandClock

API = "https://api.example.test"
_at_work: list[Work] = []
BASELINE = baseline_of("api", "web", at=NOON)


class Clock(HandClock):
    """Time that stands until a test moves it, with a wall clock that can be set without any of it passing."""

    def __init__(self, monotonic: float = 0.0) -> None:
        super().__init__(monotonic)
        self._set = timedelta()

    def now(self) -> datetime:
        return super().now() + self._set

    def set_wall(self, by: float) -> None:
        """Set the wall clock forward by so many seconds, or back."""
        self._set += timedelta(seconds=by)

    def boot(self, *, after: float, monotonic: float = 0.0) -> "Clock":
        """The clock of this machine when it has been started anew, `after` seconds from now."""
        clock = Clock(monotonic)
        clock._set = self._set + timedelta(seconds=self.monotonic() + after - monotonic)
        return clock


def machine(*, host: str = "runner-1", boot: str = "boot-1", pid: int = 7) -> Machine:
    return Machine(host=host, boot_id=boot, pid=pid)


@dataclass(slots=True)
class Journals:
    """Opens the journal of one folder, once for each process that a test has."""

    folder: Path
    clock: Clock = field(default_factory=lambda: Clock(1000.0))
    opened: list[Store] = field(default_factory=list)

    @property
    def path(self) -> Path:
        return self.folder / FILE_NAME

    def process(self, at: Machine | None = None, *, clock: Clock | None = None) -> Store:
        """A process's own view of the journal; by default all are of one machine, which was never started anew."""
        store = Store(Database(self.folder), folder=self.folder, clock=clock or self.clock, machine=at or machine())
        self.opened.append(store)
        return store

    def rebooted(self, *, after: float = 60.0, monotonic: float = 5.0) -> Store:
        """A process of the same machine, that was started anew meanwhile."""
        clock = self.clock.boot(after=after, monotonic=monotonic)
        return self.process(machine(boot="boot-2", pid=8), clock=clock)

    def elsewhere(self) -> Store:
        """A process of another machine, whose clock shows the same time."""
        return self.process(machine(host="runner-2", boot="boot-of-runner-2"), clock=self.clock)

    def close(self) -> None:
        """Let go of every file, and of every lock."""
        for store in self.opened:
            store.database.close()
        while _at_work:
            at_once(_at_work.pop().release())

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """What the file says, to somebody who knows nothing of us."""
        connection = sqlite3.connect(self.path)
        try:
            return [tuple(row) for row in connection.execute(query)]
        finally:
            connection.close()


def new_run(
    store: Store,
    run_id: str = "run-1",
    *,
    targets: Sequence[Target] = (),
    lasts: float = 3600.0,
    requests: int = 3,
    api_url: str = API,
    parent_id: str | None = None,
    began: float | None = None,
) -> NewRun:
    """A run that starts now, unless a test says when."""
    return NewRun(
        run_id=run_id,
        api_url=api_url,
        config='{"version": 1}',
        source="nightly.yaml",
        started_at=store.clock.now(),
        began=store.clock.monotonic() if began is None else began,
        end_by=store.clock.monotonic() + lasts,
        targets=targets or (target("api", "web"),),
        requests=requests,
        parent_id=parent_id,
    )


def begin(store: Store, run_id: str = "run-1", *, targets: Sequence[Target] = (), api_url: str = API) -> Work:
    """Begin a run now."""
    run = new_run(store, run_id, targets=targets, api_url=api_url)
    _at_work.append(Work.begin(store, run))
    return _at_work[-1]


def take_over(store: Store, run_id: str = "run-1") -> Work:
    """Resume a run."""
    _at_work.append(Work.take_over(store, run_id))
    return _at_work[-1]


def intent(posted_at: float) -> Intent:
    """A restart of both services that is about to be posted."""
    return an_intent(BASELINE, posted_at=posted_at, left_out=["cache"])


def close(work: Work, results: Sequence[EnvironmentResult] | None = None, *, outcome: str = "succeeded") -> None:
    """Write a run's end down, or that it was interrupted, and let go of it."""
    at_once(work.close(results, outcome=outcome, exit_code=0, report='{"schema_version": 1}'))
    at_once(work.release())


def die(work: Work) -> None:
    """End as a killed process does: nothing is written any more, and the kernel lets go of the lock."""
    work.store.database.close()
    at_once(work.release())


def opened(folder: Path | None) -> None:
    """Open the journal and close it again."""
    Database(folder).close()


def pragma(folder: Path, name: str) -> object:
    connection = sqlite3.connect(folder / FILE_NAME)
    try:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]
    finally:
        connection.close()


def refusal(folder: Path) -> str:
    """What is said of a journal that cannot be used."""
    with pytest.raises(JournalError) as caught:
        Database(folder)
    message = str(caught.value)
    assert str(folder / FILE_NAME) in message
    return message


def allow_no_more_pages(journal: Database) -> None:
    """Fill the disk, as far as this connection is concerned."""
    connection = journal._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
