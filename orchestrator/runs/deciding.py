"""Decides about the occurrences of a schedule, by the file, the clock and the journal; writes it down, once for all."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from orchestrator.config import Config
from orchestrator.domain.records import DecidedOccurrence
from orchestrator.errors import RestartError, UsageError
from orchestrator.journal.lock import RunLock
from orchestrator.journal.occurrences import Identity, Occurrences, Past
from orchestrator.journal.store import Store
from orchestrator.ports import Clock
from orchestrator.schedules import (
    Action,
    Blackouts,
    Cron,
    Decision,
    DecisionReason,
    Schedule,
    Zone,
    decide,
    latest_between,
    load_zone,
    local_text,
    schedule_id,
)

TAKEN_WITHIN = 5.0
"""Seconds within which a process that has the lock of a schedule has written its decision."""
ASK_AGAIN_AFTER = 0.1
"""Seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A file as it was read."""

    config: Config
    schedule: Schedule
    zone: Zone
    blackouts: Blackouts
    identity: Identity

    @classmethod
    def of(cls, config: Config, file: str) -> "Reading":
        """Return what a file says of its schedule.

        Raises:
            UsageError: it says nothing, or the data of its time zone is gone.
        """
        if config.schedule is None:
            raise UsageError(f"{config.source or file}: it has no `schedule:`, so nothing comes.")
        try:
            zone = load_zone(config.schedule.timezone)
            schedule, blackouts = config.schedule.to_schedule(), config.run_blackouts()
            # Links are not followed: Kubernetes replaces them when a ConfigMap changes.
            path, cron = str(Path(file).absolute()), Cron.parse(config.schedule.cron)
            identity = Identity(
                schedule=schedule_id(path, cron, zone.name),
                # The bytes of a file name need not be UTF-8.
                file=path.encode("utf-8", "backslashreplace").decode(),
                cron=cron.expression,
                timezone=zone.name,
            )
        except ValueError as error:
            where = config.place_of("schedule.cron")
            raise UsageError(f"{where}: schedule.cron: {error}" if where else f"schedule.cron: {error}") from None
        return cls(config=config, schedule=schedule, zone=zone, blackouts=blackouts, identity=identity)

    def local(self, instant: datetime) -> str:
        """Return an instant in the schedule's zone, for users."""
        return f"{local_text(instant, self.zone.info)} {self.zone.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What was decided."""

    decision: Decision
    run_id: str | None = None
    """The run that has to begin now; or that of the process that has decided before."""
    lock: RunLock | None = None
    """Held until that run has ended."""
    latest: DecidedOccurrence | None = None
    """What was decided before."""
    error: RestartError | None = None
    """What is wrong with the file."""


class Decider:
    """Decides about the occurrences of one reading of a file.

    Args:
        reading: of the file.
        store: the journal.
        clock: the source of time.
        make_run_id: makes the id of a run.
    """

    def __init__(self, reading: Reading, store: Store, *, clock: Clock, make_run_id: Callable[[], str]) -> None:
        self._reading = reading
        self._occurrences = Occurrences(store, reading.identity)
        self._clock = clock
        self._make_run_id = make_run_id

    async def see(self, *, anew: bool, look_back: float = 0.0) -> None:
        """Note that the schedule is seen; with `look_back`, what came within so many seconds still counts."""
        await self._occurrences.see(self._clock.now() - timedelta(seconds=look_back), anew=anew)

    def unknown(self) -> datetime | None:
        """Return the latest occurrence whose window is open, if the journal is new and cannot tell whether it ran."""
        schedule, now = self._reading.schedule, self._clock.now()
        if not self._occurrences.is_new or schedule.window is None or schedule.window <= schedule.grace:
            return None
        earliest = now - timedelta(seconds=schedule.window)
        passed = latest_between(schedule.cron, schedule.zone, earliest, now - timedelta(seconds=schedule.grace))
        return None if passed is None else passed.latest

    async def decide(self, *, waiting: datetime | None = None) -> Decided:
        """Decide what to do now, and write it. If a run has to begin, its lock is held from here on.

        Args:
            waiting: the occurrence that waits for a blackout to end.

        Raises:
            JournalError: it could not be written, so that nothing may begin.
        """
        lock = self._occurrences.lock()
        mine = lock.take()
        try:
            past = self._occurrences.past(is_locked=not mine)
            decided = await self._decide(past, self._judge(past, waiting), lock=lock if mine else None)
        except BaseException:
            lock.release()
            raise
        if decided.lock is None:
            lock.release()
        return decided

    def _judge(self, past: Past, waiting: datetime | None) -> Decision:
        least = self._reading.config.least_duration()
        return decide(
            self._reading.schedule,
            now=self._clock.now(),
            after=past.first_seen_at,
            decided=past.decided,
            expected=least if past.expected is None else past.expected,
            last_run=past.last_run,
            waiting=waiting,
            blackouts=self._reading.blackouts,
        )

    async def _decide(self, past: Past, decision: Decision, *, lock: RunLock | None) -> Decided:
        if decision.due_at is None or decision.action is Action.WAIT:
            return Decided(decision=decision, latest=past.latest)
        if decision.action is Action.RUN and lock is None:
            return await self._decided_elsewhere(decision, past)
        run_id = self._make_run_id() if decision.action is Action.RUN else None
        there = await self._write(decision, past, run_id)
        if there is not None:
            return _taken(decision, there)
        return Decided(decision=decision, run_id=run_id, lock=lock if run_id is not None else None, latest=past.latest)

    async def _decided_elsewhere(self, decision: Decision, past: Past) -> Decided:
        """Return what another process decides, which has the lock; if it is about something else, it is an overlap."""
        due_at = decision.due_at or self._clock.now()
        give_up_at = self._clock.monotonic() + TAKEN_WITHIN
        while self._clock.monotonic() < give_up_at:
            if (there := self._occurrences.at(due_at)) is not None:
                return _taken(decision, there)
            await self._clock.sleep(ASK_AGAIN_AFTER)
        overlap = replace(decision, action=Action.SKIPPED, reason=DecisionReason.OVERLAP)
        there = await self._write(overlap, past, None)
        return Decided(decision=overlap, latest=past.latest) if there is None else _taken(decision, there)

    async def _write(self, decision: Decision, past: Past, run_id: str | None) -> DecidedOccurrence | None:
        return await self._occurrences.decide(
            decision.due_at or self._clock.now(),
            decision=decision.action,
            reason=decision.reason.value,
            run_id=run_id,
            in_place_of=None if past.cut_off is None else past.cut_off.run_id,
        )

    async def fail(self, error: RestartError) -> Decided:
        """Decide that what is due could not begin, since the file is broken."""
        lock = self._occurrences.lock()
        past = self._occurrences.past(is_locked=not lock.take())
        lock.release()
        decision = self._judge(past, None)
        if decision.due_at is None:
            return Decided(decision=decision, latest=past.latest)
        failed = replace(decision, action=Action.FAILED, reason=DecisionReason.FILE_BROKEN)
        there = await self._write(failed, past, None)
        return _taken(decision, there) if there is not None else Decided(decision=failed, error=error)

    def decided_by_another(self, decided: Decided, expected: datetime) -> Decided:
        """Return what another process has decided about an instant for which this one was waiting.

        Args:
            decided: that nothing is due any more.
            expected: the instant.
        """
        there = self._occurrences.at(expected)
        return decided if there is None else _taken(replace(decided.decision, due_at=expected), there)


def _taken(decision: Decision, there: DecidedOccurrence) -> Decided:
    taken = replace(decision, action=Action.SKIPPED, reason=DecisionReason.TAKEN)
    return Decided(decision=taken, run_id=there.run_id, latest=there)
