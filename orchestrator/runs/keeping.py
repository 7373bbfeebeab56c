"""The process that keeps a schedule: it waits, decides, runs, and stays."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from orchestrator import logs
from orchestrator.domain.outcomes import ExitCode
from orchestrator.errors import JournalError, RestartError
from orchestrator.runs.alarm import SLICE, Alarm
from orchestrator.runs.announcing import Announcer
from orchestrator.runs.codes import first_of
from orchestrator.runs.deciding import Decided, Decider, Reading
from orchestrator.runs.journals import opened_journal
from orchestrator.runs.occurring import carry_out, resume_all
from orchestrator.runs.schedule_notices import note_schedule
from orchestrator.runs.session import new_run_id
from orchestrator.runs.surroundings import Surroundings, Told
from orchestrator.schedules import Action

READ_AGAIN_EVERY = timedelta(days=1)
"""However rarely a schedule comes, so often the file and the data of the time zones are read."""
LEAST = 0.001
"""Seconds of the shortest sleep."""
_INTERRUPTED = (ExitCode.SIGINT, ExitCode.SIGTERM)


class Keeper:
    """Keeps the schedule of one file.

    Args:
        around: what it works with.

    Raises:
        UsageError: the file is not valid, or says nothing of a schedule.
    """

    def __init__(self, around: Surroundings) -> None:
        log = logs.get_logger()
        self._around = around
        self._clock = around.clock
        self._alarm = Alarm(around.clock, log)
        self._announcer = Announcer(log, around.service, around.clock)
        self._reading = Reading.of(around.load(), around.file)
        self._read_at = self._clock.now()
        self._error: RestartError | None = None
        self._has_to_read = False
        self._waiting: datetime | None = None
        self._next: datetime | None = None

    def reload(self) -> None:
        """Read the file again, as soon as nothing runs."""
        self._has_to_read = True
        self._alarm.wake()

    async def keep(self) -> ExitCode:
        """Keep the schedule until it is asked to stop.

        Returns:
            The code of the run that was interrupted; 0 if none was in progress. If `stop_after` ended it, the first
            code that applies of all runs and missed occurrences.
        """
        around = self._around
        stop_at = None if around.stop_after is None else self._clock.monotonic() + around.stop_after
        codes: list[ExitCode] = []
        async with self._announcer.sign_of_life():
            self._announcer.schedule(self._reading, file=around.file)
            self._announcer.zone_data(self._reading)
            self._announcer.ready(self._reading)
            await self._see(anew=True)
            told: Sequence[Told] = await resume_all(self._reading, around, self._announcer)
            while True:
                codes += [each.exit_code for each in told]
                if around.interruption.code is not None:
                    self._announcer.stopped()
                    return codes[-1] if codes and codes[-1] in _INTERRUPTED else ExitCode.SUCCEEDED
                if stop_at is not None and self._clock.monotonic() >= stop_at:
                    self._announcer.stopped()
                    return first_of(codes)
                # Of a process that stays for years, only the last code is of interest.
                codes = codes if stop_at is not None else codes[-1:]
                told = await self._step(stop_at)

    async def once(self) -> ExitCode:
        """Resume what was cut off, decide once for now, and run or say why not; return the first code that applies."""
        around, announcer = self._around, self._announcer
        async with announcer.sign_of_life():
            announcer.zone_data(self._reading)
            announcer.ready(self._reading)
            told = await resume_all(self._reading, around, announcer)
            codes = [each.exit_code for each in told]
            grace = self._reading.schedule.grace
            # A timer that starts this with a new journal, at the right time, is on time.
            with self._opened() as decider:
                if (passed := decider.unknown()) is not None:
                    announcer.first_seen(passed, grace)
            await self._see(anew=True, look_back=grace)
            while around.interruption.code is None:
                decided = await self._decide()
                if decided.decision.action is not Action.WAIT:
                    last = await carry_out(decided, self._reading, around, announcer)
                    around.on_told(last)
                    return first_of([*codes, last.exit_code])
                await self._wait(decided, None)
            return first_of([*codes, around.interruption.code])

    async def _step(self, stop_at: float | None) -> Sequence[Told]:
        """Look at the clock, the file and the journal; act if something is due, and sleep if nothing is."""
        resumed: Sequence[Told] = ()
        try:
            if self._is_time():
                await self._read()
                resumed = await resume_all(self._reading, self._around, self._announcer)
            decided = await self._decide()
        except JournalError as error:
            self._announcer.undecided(error)
            await self._sleep_until(self._clock.now() + timedelta(seconds=SLICE), stop_at)
            return resumed
        self._announcer.decided()
        decision = decided.decision
        if decision.action is Action.WAIT:
            await self._wait(decided, stop_at)
        elif decision.action is Action.NOTHING:
            if decision.next_at != self._next:
                await note_schedule(decided, self._reading, around=self._around)
            self._next = decision.next_at
            self._announcer.coming(decision, self._reading)
            await self._sleep_until(min(decision.next_at, self._read_at + READ_AGAIN_EVERY), stop_at)
        else:
            self._waiting = self._next = None
            told = await carry_out(decided, self._reading, self._around, self._announcer)
            self._around.on_told(told)
            return [*resumed, told]
        return resumed

    def _is_time(self) -> bool:
        """Return whether the file has to be read: something may be due, it was broken, or that was long ago."""
        now = self._clock.now()
        return (
            self._has_to_read
            or self._error is not None
            or (self._next is not None and now >= self._next)
            or not timedelta() <= now - self._read_at < READ_AGAIN_EVERY
        )

    async def _read(self) -> None:
        """Read the file again; if it is broken, what was read before still counts."""
        asked, self._has_to_read = self._has_to_read, False
        if asked:
            self._announcer.reloading()
        self._read_at = self._clock.now()
        try:
            reading = Reading.of(self._around.load(), self._around.file)
        except RestartError as error:
            self._announcer.broken(self._around.file, error)
            self._error = error
        else:
            is_new = reading.identity != self._reading.identity
            self._reading, self._error = reading, None
            self._announcer.read(self._around.file, is_routine=not asked)
            self._announcer.zone_data(reading)
            if is_new:
                self._announcer.schedule(reading, file=self._around.file)
                self._next = self._waiting = None
            await self._see(anew=is_new)
        if asked:
            self._announcer.ready(self._reading)

    async def _see(self, *, anew: bool, look_back: float = 0.0) -> None:
        with self._opened() as decider:
            await decider.see(anew=anew, look_back=look_back)

    async def _decide(self) -> Decided:
        with self._opened() as decider:
            if self._error is not None:
                return await decider.fail(self._error)
            decided = await decider.decide(waiting=self._waiting)
            if decided.decision.action is Action.NOTHING and self._next is not None and self._clock.now() >= self._next:
                return decider.decided_by_another(decided, self._next)
            return decided

    @contextmanager
    def _opened(self) -> Iterator[Decider]:
        around = self._around
        with opened_journal(around.state_dir, around.environ, around.rehearsal, around.clock) as store:
            yield Decider(self._reading, store, clock=around.clock, make_run_id=lambda: new_run_id(around.clock))

    async def _wait(self, decided: Decided, stop_at: float | None) -> None:
        """Wait for a blackout to end."""
        decision = decided.decision
        self._waiting = decision.due_at
        self._announcer.waiting(decision, self._reading)
        await self._sleep_until(decision.until or decision.next_at, stop_at)

    async def _sleep_until(self, instant: datetime, stop_at: float | None) -> None:
        if stop_at is not None:
            # A datetime has microseconds at best: what is left of one would never pass.
            left = max(stop_at - self._clock.monotonic(), LEAST)
            instant = min(instant, self._clock.now() + timedelta(seconds=left))
        self._around.interruption.when_asked(self._alarm.wake)
        await self._alarm.sleep_until(instant)
