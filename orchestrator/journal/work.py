"""The ports `RunJournal` and `Journal` in SQLite: the run that this process works on, and each of its environments."""

import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Self
from uuid import uuid4

from orchestrator.domain.outcomes import EnvironmentResult
from orchestrator.domain.records import Holder, Intent, NewRun, Occurrence, Sighting, StoredEnvironment
from orchestrator.errors import JournalBusyError, JournalError, UsageError
from orchestrator.journal import codec
from orchestrator.journal.codec import RunRow
from orchestrator.journal.environments import stored_environments
from orchestrator.journal.store import ABANDONED, Store, row_of
from orchestrator.journal.waiting import AT_ONCE, IMPATIENCE, PATIENCE, when_free


class Work:
    """The port `RunJournal`: a run that this process holds.

    Only the process that holds a run writes about it. If another process has taken it over, because this one was taken
    for dead, every write here raises `JournalError`; above all the write before a submit.

    Attributes:
        store: the journal.
        run_id: of the run.
        called_off: whether a cancel of the run was asked for before this process took it.
    """

    def __init__(self, store: Store, *, run_id: str, holder: str, began: float, end_by: float) -> None:
        self.store = store
        self._holder = holder
        self._lock = store.lock_of(run_id)
        self.run_id = run_id
        self.began = began
        self.end_by = end_by
        self.called_off = False
        self._beats: set[str] = set()
        self._waited_in_vain = False

    @classmethod
    def begin(cls, store: Store, run: NewRun) -> Self:
        """Write down a new run and its plan, before any of it is carried out."""
        work = cls(store, run_id=run.run_id, holder=uuid4().hex, began=run.began, end_by=run.end_by)
        machine = store.machine
        with work._taking() as transaction:
            work._take_lock()
            if run.occurrence is not None:
                _check_occurrence(transaction, run, run.occurrence)
            beat = work._beat()
            transaction.execute(
                "INSERT INTO runs (run_id, parent_id, api_url, config, source, started_at, end_by, boot_id, began, "
                "elapsed, beat_at, holder, host, pid, requests, submits, beginning) "
                "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,0,?)",
                (
                    run.run_id, run.parent_id, run.api_url, run.config, run.source, run.started_at.isoformat(),
                    run.end_by - run.began, machine.boot_id, run.began, work.elapsed, beat,
                    work._holder, machine.host, machine.pid, run.requests,
                    run.beginning,
                ),
            )  # fmt: skip
            transaction.executemany(
                "INSERT INTO environments (run_id, position, name, environment_id, target) VALUES (?,?,?,?,?)",
                [
                    (run.run_id, position, target.name, target.environment_id, codec.target_to_text(target))
                    for position, target in enumerate(run.targets)
                ],
            )
        return work

    @classmethod
    def take_over(cls, store: Store, run_id: str) -> Self:
        """Take over a run to resume it: an interrupted run, or one that ended with an open outcome.

        Raises:
            UsageError: a process is working on it, or it has nothing to resume.
        """
        machine = store.machine
        work = cls(store, run_id=run_id, holder=uuid4().hex, began=0.0, end_by=0.0)
        with work._taking() as transaction:
            row = row_of(transaction, run_id)
            store.refuse_if_at_work(row)
            if row.ended_at is not None:
                _reopen(transaction, store, row)
            work.began = began = store.clock.monotonic() - store.elapsed(row)
            work.end_by = began + row.end_by
            work._take_lock()
            work.called_off = row.called_off is not None
            transaction.execute(
                "UPDATE runs SET holder = ?, host = ?, pid = ?, boot_id = ?, began = ?, elapsed = ?, beat_at = ?, "
                "ended_at = NULL, outcome = NULL, exit_code = NULL WHERE run_id = ?",
                (
                    work._holder, machine.host, machine.pid, machine.boot_id, began, work.elapsed, work._beat(), run_id,
                ),
            )  # fmt: skip
        return work

    @contextmanager
    def _taking(self) -> Iterator[sqlite3.Connection]:
        """Open the transaction in which this process takes the run; if it fails, release the lock."""
        try:
            with self.store.database.writing() as transaction:
                yield transaction
        except BaseException:
            self._lock.release()
            raise

    def _take_lock(self) -> None:
        if not self._lock.take():
            raise JournalError(f"Another process is working on the run {self.run_id}.")

    @property
    def elapsed(self) -> float:
        """Seconds since the run's start."""
        return self.store.clock.monotonic() - self.began

    @property
    def resume_command(self) -> str:
        """The command that resumes the run."""
        return self.store.resume_command(self.run_id)

    async def environments(self) -> list[StoredEnvironment]:
        """Return every environment of the run with its progress so far, in the plan's order."""
        return stored_environments(self.store, self.run_id, began=self.began)

    def page(self, name: str) -> "Page":
        """Return the journal of one environment."""
        return Page(self, name)

    def note_request(self) -> None:
        """Count a request that is about to be sent. A failed write is ignored."""
        with suppress(JournalError), self._writing(durable=False) as transaction:
            transaction.execute("UPDATE runs SET requests = requests + 1 WHERE run_id = ?", (self.run_id,))

    async def beat(self) -> None:
        """Write a heartbeat. A failed write is ignored: the next heartbeat may succeed."""
        with suppress(JournalError), self._writing(durable=False):
            pass

    async def close(
        self, results: Sequence[EnvironmentResult] | None, *, outcome: str, exit_code: int, report: str
    ) -> None:
        """Write down that no process works on the run any more; `results` are None if it was interrupted."""
        async with self.writing(within=IMPATIENCE) as transaction:
            transaction.execute(
                "UPDATE runs SET holder = NULL, outcome = ?, exit_code = ?, report = ? WHERE run_id = ?",
                (outcome, exit_code, codec.report_to_bytes(report), self.run_id),
            )
            if results is None:
                return
            transaction.executemany(
                "UPDATE environments SET result = COALESCE(result, ?) WHERE run_id = ? AND name = ?",
                [(codec.result_to_text(result), self.run_id, result.name) for result in results],
            )
            transaction.execute(
                "UPDATE runs SET ended_at = ? WHERE run_id = ?", (self.store.clock.now().isoformat(), self.run_id)
            )
            self._lock.remove()

    async def release(self) -> None:
        """Release the lock, so that another process may take the run over, even if nothing could be written."""
        self._lock.release()

    @asynccontextmanager
    async def writing(self, *, within: float, durable: bool = True) -> AsyncIterator[sqlite3.Connection]:
        """Open a transaction as soon as no other process is writing, if this process still holds the run.

        Each one is a heartbeat, too. What is durable is written only if the journal is still where the next process
        looks for it. Nothing may be awaited inside.

        Args:
            within: seconds to wait for another process; only the caller waits, not the whole process.
            durable: whether it must survive a loss of power.

        Raises:
            JournalError: it cannot be written.
        """
        if self._waited_in_vain and within <= IMPATIENCE:
            within = 0.0  # It is still locked, or this try succeeds: at a deadline nobody has time to wait again.
        opening = partial(self._writing, durable=durable)
        try:
            async with when_free(opening, clock=self.store.clock, within=within) as transaction:
                self._waited_in_vain = False
                yield transaction
        except JournalBusyError:
            self._waited_in_vain = True
            raise

    @contextmanager
    def _writing(self, *, durable: bool) -> Iterator[sqlite3.Connection]:
        database = self.store.database
        if durable:
            database.check_in_place()
        with database.writing(durable=durable, patience=AT_ONCE) as transaction:
            row = transaction.execute("SELECT holder, beat_at FROM runs WHERE run_id = ?", (self.run_id,)).fetchone()
            if row is None or row["holder"] != self._holder:
                raise JournalError(f"This process no longer holds the run {self.run_id}: another has taken it over.")
            # Nobody else writes it. An older copy of the journal, put in its place, has another one.
            if row["beat_at"] not in self._beats:
                raise JournalError(
                    f"{database} is not as this process left it: an older copy seems to have been put in its place. "
                    "Check the environments of this run, then start again."
                )
            beat = self._beat()
            transaction.execute(
                "UPDATE runs SET elapsed = ?, beat_at = ? WHERE run_id = ?", (self.elapsed, beat, self.run_id)
            )
            yield transaction
        self._beats = {beat}
        # Again: only what is there after the write is found by others.
        if durable:
            database.check_in_place()

    def _beat(self) -> str:
        """Return a heartbeat to write, and remember it: if that fails, nobody knows whether it was written."""
        beat = self.store.clock.now().isoformat()
        self._beats.add(beat)
        return beat

    def check_lock(self) -> None:
        """Raise `JournalError` if another process could take this one for dead, because the lock's file is gone."""
        self._lock.check_in_place()


class Page:
    """The port `Journal`: one environment of the run."""

    def __init__(self, work: Work, name: str) -> None:
        self._work = work
        self._name = name

    async def claim(self) -> Holder | None:
        """Take the environment, unless an unfinished run against the same API holds it; then return that run."""
        store = self._work.store
        async with self._work.writing(within=PATIENCE) as transaction:
            other = transaction.execute(
                "SELECT runs.*, other.held_since FROM environments AS mine "
                "JOIN runs AS my_run ON my_run.run_id = mine.run_id "
                "JOIN environments AS other ON other.environment_id = mine.environment_id "
                "JOIN runs ON runs.run_id = other.run_id "
                "WHERE mine.run_id = ? AND mine.name = ? AND runs.run_id != mine.run_id "
                "AND runs.api_url = my_run.api_url AND runs.ended_at IS NULL "
                "AND other.held_since IS NOT NULL AND other.result IS NULL",
                (self._work.run_id, self._name),
            ).fetchone()
            if other is not None:
                holder = codec.run_of(dict(other))
                return Holder(
                    run_id=holder.run_id,
                    since=codec.instant_of(other["held_since"]),
                    at_work=store.is_at_work(holder),
                    where=store.where(holder),
                    resume=store.resume_command(holder.run_id),
                )
            self._update(transaction, "held_since = COALESCE(held_since, ?)", store.clock.now().isoformat())
        return None

    async def intend(self, intent: Intent) -> None:
        """Write down a restart before it is posted."""
        stored = replace(intent, posted_at=intent.posted_at - self._work.began)
        async with self._work.writing(within=PATIENCE) as transaction:
            self._work.check_lock()
            self._update(
                transaction,
                "intent = ?, accepted = 0, found = 0, request_ids = '[]', sighting = NULL",
                codec.intent_to_text(stored),
            )
            may_begin = transaction.execute(
                "UPDATE runs SET submits = submits + 1 WHERE run_id = ? AND called_off IS NULL", (self._work.run_id,)
            ).rowcount
            if not may_begin:
                raise JournalError(f"A cancel of the run {self._work.run_id} was asked for: nothing of it begins.")

    async def withdraw(self) -> None:
        """Write down that the restart last intended was not accepted."""
        async with self._work.writing(within=IMPATIENCE) as transaction:
            self._update(transaction, "intent = NULL, accepted = 0, found = 0, request_ids = '[]', sighting = NULL")

    async def accept(self, request_ids: frozenset[str], *, found: bool = False) -> None:
        """Write down that it was accepted: according to the answer, or as `found` at the platform."""
        async with self._work.writing(within=IMPATIENCE) as transaction:
            self._update(
                transaction, "accepted = 1, found = ?, request_ids = ?", int(found), codec.ids_to_text(request_ids)
            )

    async def see(self, sighting: Sighting) -> None:
        """Write down the latest sighting. A loss of power may lose it, since it can be observed again."""
        async with self._work.writing(within=IMPATIENCE, durable=False) as transaction:
            self._update(transaction, "sighting = ?", codec.sighting_to_text(sighting))

    async def settle(self, result: EnvironmentResult) -> None:
        """Write down the environment's result."""
        async with self._work.writing(within=IMPATIENCE) as transaction:
            self._update(transaction, "result = ?", codec.result_to_text(result))

    def _update(self, transaction: sqlite3.Connection, assignments: str, *values: object) -> None:
        transaction.execute(
            f"UPDATE environments SET {assignments} WHERE run_id = ? AND name = ?",  # noqa: S608 - constants only
            (*values, self._work.run_id, self._name),
        )


def _check_occurrence(transaction: sqlite3.Connection, run: NewRun, occurrence: Occurrence) -> None:
    """Raise `JournalError` if another run was begun for the occurrence, because this process was taken for dead."""
    found = transaction.execute(
        "SELECT run_id FROM occurrences WHERE schedule = ? AND due_at = ?",
        (occurrence.schedule, codec.instant_to_text(occurrence.due_at)),
    ).fetchone()
    if found is None or found["run_id"] != run.run_id:
        raise JournalError(
            f"Another process has taken over the occurrence for which the run {run.run_id} was to begin. "
            "Nothing was submitted."
        )


def _reopen(transaction: sqlite3.Connection, store: Store, row: RunRow) -> None:
    rows = transaction.execute("SELECT * FROM environments WHERE run_id = ?", (row.run_id,)).fetchall()
    reopened = [
        each["name"]
        for each in rows
        if each["intent"] is not None and (each["result"] is None or codec.result_of(each["result"]).is_open_ended)
    ]
    if row.outcome == ABANDONED or not reopened:
        stored = store.find(row.run_id)
        raise UsageError(
            f"The run {stored.run_id} has nothing to resume: {stored.ended}. "
            "To run again what failed in it, add --failed."
        )
    transaction.executemany(
        "UPDATE environments SET result = NULL WHERE run_id = ? AND name = ?",
        [(row.run_id, name) for name in reopened],
    )
