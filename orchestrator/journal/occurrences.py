"""The schedules and their occurrences in the journal: each scheduled instant is decided once, whoever asks."""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.domain.records import DecidedOccurrence
from orchestrator.journal.codec import instant_of, instant_to_text, run_of
from orchestrator.journal.durations import expected_of_runs
from orchestrator.journal.lock import RunLock
from orchestrator.journal.store import Store
from orchestrator.journal.waiting import AT_ONCE, IMPATIENCE, PATIENCE, when_free
from orchestrator.schedules import EARLIEST_CLOCK, Action, RunSpan

BELIEVED_AHEAD = timedelta(days=1)
"""A decision that lies further in the future was made by a clock that was wrong. It still stands; but it does not keep
the schedule from coming until then."""

_HAS_NOT_BEGUN = (
    "occurrences.decision = 'run' AND occurrences.ended_at IS NULL "
    "AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.run_id = occurrences.run_id)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a schedule is."""

    schedule: str
    """The hash of the rest."""
    file: str
    """Its whole path."""
    cron: str
    timezone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What the journal knows of a schedule now."""

    first_seen_at: datetime
    latest: DecidedOccurrence | None
    """The latest occurrence that was decided."""
    decided: datetime | None
    """Its instant; that of the one before, if the latest was to run and its process died before it did."""
    cut_off: DecidedOccurrence | None
    """The latest, in that case."""
    last_run: RunSpan | None
    expected: float | None
    """Seconds that its runs took; None if none succeeded."""


class Occurrences:
    """The occurrences of one schedule.

    Every method raises `JournalError` if the journal fails.

    Args:
        store: the journal.
        identity: of the schedule.
    """

    def __init__(self, store: Store, identity: Identity) -> None:
        self._store = store
        self._identity = identity

    def lock(self) -> RunLock:
        """Return the lock of the process that decides to run an occurrence, and then runs it."""
        return self._store.lock_of(f"schedule-{self._identity.schedule}")

    async def see(self, since: datetime, *, anew: bool) -> None:
        """Write that the schedule is seen: for the first time, or again after the file had another one.

        Args:
            since: what came until then never counts.
            anew: whether this process sees it for the first time. If not, only a clock that was set back is heeded.
        """
        now = self._store.clock.now()
        if now < EARLIEST_CLOCK:
            return  # A time that is not set yet is no first sight.
        mine, text = self._identity, instant_to_text(since)
        row = self._row()
        if row is not None and not self._has_to_be_written(row, now, anew=anew):
            return
        async with self._writing(within=PATIENCE) as transaction:
            transaction.execute(
                "INSERT INTO schedules (schedule, file, cron, timezone, first_seen_at) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (schedule) DO UPDATE SET first_seen_at = excluded.first_seen_at, replaced_at = NULL",
                (mine.schedule, mine.file, mine.cron, mine.timezone, text),
            )
            transaction.execute(
                "UPDATE schedules SET replaced_at = ? WHERE file = ? AND schedule != ? AND replaced_at IS NULL",
                (text, mine.file, mine.schedule),
            )

    def _has_to_be_written(self, row: sqlite3.Row, now: datetime, *, anew: bool) -> bool:
        return instant_of(row["first_seen_at"]) > now or (anew and row["replaced_at"] is not None)

    def _row(self) -> sqlite3.Row | None:
        rows = self._store.database.read("SELECT * FROM schedules WHERE schedule = ?", self._identity.schedule)
        return rows[0] if rows else None

    @property
    def is_new(self) -> bool:
        """Whether the journal knows nothing of the schedule."""
        return self._row() is None

    def past(self, *, is_locked: bool) -> Past:
        """Return what is known now.

        Args:
            is_locked: whether another process has the lock, so that what it decided is about to run.
        """
        now = self._store.clock.now()
        row = self._row()
        decided = [_decided(each) for each in self._read("AND due_at <= ?", instant_to_text(now + BELIEVED_AHEAD))]
        latest = decided[0] if decided else None
        cut_off = latest if decided and not is_locked and self._has_not_begun(decided[0]) else None
        counting = decided if cut_off is None else decided[1:]
        return Past(
            first_seen_at=now if row is None else instant_of(row["first_seen_at"]),
            latest=latest,
            decided=counting[0].due_at if counting else None,
            cut_off=cut_off,
            last_run=self._last_run(is_locked=is_locked),
            expected=expected_of_runs(self._store, self._identity.schedule),
        )

    def at(self, due_at: datetime) -> DecidedOccurrence | None:
        """Return what was decided about an instant; None if nothing was."""
        rows = self._read("AND due_at = ?", instant_to_text(due_at))
        return _decided(rows[0]) if rows else None

    def _read(self, more: str, *parameters: object) -> list[sqlite3.Row]:
        query = f"SELECT * FROM occurrences WHERE schedule = ? {more} ORDER BY due_at DESC LIMIT 2"  # noqa: S608
        return self._store.database.read(query, self._identity.schedule, *parameters)

    def _has_not_begun(self, occurrence: DecidedOccurrence) -> bool:
        query = f"SELECT 1 FROM occurrences WHERE schedule = ? AND due_at = ? AND {_HAS_NOT_BEGUN}"  # noqa: S608
        return bool(self._store.database.read(query, self._identity.schedule, instant_to_text(occurrence.due_at)))

    def _last_run(self, *, is_locked: bool) -> RunSpan | None:
        """Return when the latest run of the file's schedules was in progress."""
        rows = self._store.database.read(
            "SELECT runs.*, decided_at, resumed_at, occurrences.ended_at AS left_at FROM occurrences "  # noqa: S608
            "JOIN schedules USING (schedule) LEFT JOIN runs USING (run_id) "
            f"WHERE schedules.file = ? AND decision = 'run' AND (? OR NOT ({_HAS_NOT_BEGUN})) "
            "ORDER BY decided_at DESC LIMIT 1",
            self._identity.file,
            is_locked,
        )
        if not rows:
            return None
        row = rows[0]
        ends = [row[key] for key in ("left_at", "ended_at") if row[key] is not None]
        if not ends and row["run_id"] is not None and not self._store.is_at_work(run_of(dict(row))):
            ends = [row["beat_at"]]  # It was cut off; what is known of it ends with its last sign of life.
        ended_at = max(map(instant_of, ends)) if ends else None
        started_at = instant_of(row["decided_at"])
        if row["resumed_at"] is not None:
            # What came while no process worked on it was no overlap, nor what came at the instant of its resumption.
            started_at = instant_of(row["resumed_at"]) + timedelta(microseconds=1)
        return RunSpan(started_at=started_at, ended_at=ended_at)

    async def decide(
        self,
        due_at: datetime,
        *,
        decision: Action,
        reason: str,
        run_id: str | None = None,
        in_place_of: str | None = None,
    ) -> DecidedOccurrence | None:
        """Write a decision, for good; if there is one already, return that.

        Args:
            due_at: the scheduled instant.
            decision: what was decided.
            reason: why.
            run_id: the run that is going to begin.
            in_place_of: a run that was to begin, and whose process is known to have died before it did. Its decision is
                replaced; if it is that of an earlier instant, it counts as missed.
        """
        at = instant_to_text(self._store.clock.now())
        text = instant_to_text(due_at)
        async with self._writing(within=PATIENCE) as transaction:
            if in_place_of is not None:
                transaction.execute(
                    "UPDATE occurrences SET decision = ?, reason = 'window_over', run_id = NULL "  # noqa: S608
                    f"WHERE schedule = ? AND run_id = ? AND due_at != ? AND {_HAS_NOT_BEGUN}",
                    (Action.MISSED, self._identity.schedule, in_place_of, text),
                )
                transaction.execute(
                    f"DELETE FROM occurrences WHERE schedule = ? AND run_id = ? AND {_HAS_NOT_BEGUN}",  # noqa: S608
                    (self._identity.schedule, in_place_of),
                )
            there = transaction.execute(
                "SELECT * FROM occurrences WHERE schedule = ? AND due_at = ?", (self._identity.schedule, text)
            ).fetchone()
            if there is not None:
                return _decided(there)
            transaction.execute(
                "INSERT INTO occurrences (schedule, due_at, decided_at, decision, reason, run_id) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (self._identity.schedule, text, at, decision, reason, run_id),
            )
        return None

    async def resume(self, run_id: str) -> None:
        """Write that a run is about to be resumed."""
        async with self._writing(within=IMPATIENCE) as transaction:
            transaction.execute(
                "UPDATE occurrences SET resumed_at = ? WHERE run_id = ?",
                (instant_to_text(self._store.clock.now()), run_id),
            )

    async def end(self, run_id: str, *, exit_code: int) -> None:
        """Write that a run has ended, also if it never came into the journal."""
        async with self._writing(within=IMPATIENCE) as transaction:
            transaction.execute(
                "UPDATE occurrences SET ended_at = ?, exit_code = ? WHERE run_id = ?",
                (instant_to_text(self._store.clock.now()), exit_code, run_id),
            )

    def interrupted_runs(self) -> list[str]:
        """Return the runs of the file's schedules that were cut off, and on which no process works; oldest first."""
        rows = self._store.database.read(
            "SELECT runs.* FROM occurrences JOIN schedules USING (schedule) JOIN runs USING (run_id) "
            "WHERE schedules.file = ? AND runs.ended_at IS NULL ORDER BY runs.started_at",
            self._identity.file,
        )
        return [row["run_id"] for row in rows if not self._store.is_at_work(run_of(dict(row)))]

    def _writing(self, *, within: float) -> AbstractAsyncContextManager[sqlite3.Connection]:
        return when_free(self._transaction, clock=self._store.clock, within=within)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Open a durable transaction; what is written is where the next process looks for it."""
        database = self._store.database
        with database.writing(patience=AT_ONCE) as transaction:
            yield transaction
        database.check_in_place()


def _decided(row: sqlite3.Row) -> DecidedOccurrence:
    return DecidedOccurrence(
        due_at=instant_of(row["due_at"]),
        decided_at=instant_of(row["decided_at"]),
        decision=row["decision"],
        reason=row["reason"],
        run_id=row["run_id"],
        ended_at=None if row["ended_at"] is None else instant_of(row["ended_at"]),
        exit_code=row["exit_code"],
    )
