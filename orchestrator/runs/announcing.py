"""What the process that keeps a schedule says: events in the log, and a line for the service manager."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from structlog.typing import FilteringBoundLogger

from orchestrator.errors import RestartError
from orchestrator.ports import Clock
from orchestrator.runs.deciding import Reading
from orchestrator.schedules import Action, Decision
from orchestrator.systemd import ServiceManager

_EVENTS = {Action.MISSED: "schedule_missed", Action.SKIPPED: "schedule_skipped", Action.FAILED: "schedule_failed"}


class Announcer:
    """Says what happens to a schedule, and nothing twice.

    Args:
        log: where events go.
        service: the service manager.
        clock: the source of time.
    """

    def __init__(self, log: FilteringBoundLogger, service: ServiceManager, clock: Clock) -> None:
        self._log = log
        self._service = service
        self._clock = clock
        self._zone_data: str | None = None
        self._next: datetime | None = None
        self._trouble: str | None = None
        self._broken: str | None = None

    @asynccontextmanager
    async def sign_of_life(self) -> AsyncIterator[None]:
        """Tell the service manager in this context that the process is not stuck, if it wants to know."""
        every = self._service.watchdog_every
        if every is None:
            yield
            return

        async def beat() -> None:
            while True:
                self._service.alive()
                await self._clock.sleep(every)

        beating = asyncio.ensure_future(beat())
        try:
            yield
        finally:
            beating.cancel()

    def schedule(self, reading: Reading, *, file: str) -> None:
        """Say what schedule is kept from now on."""
        schedule = reading.schedule
        self._log.info(
            "schedule_started",
            file=file,
            cron=schedule.cron.expression,
            words=schedule.cron.words,
            timezone=reading.zone.name,
            window_s=schedule.window,
            grace_s=schedule.grace,
            on_missed=schedule.on_missed.value,
        )

    def zone_data(self, reading: Reading) -> None:
        """Say by what data times are computed, if it is another than before."""
        data = reading.zone.data
        if str(data) != self._zone_data:
            self._zone_data = str(data)
            self._log.info("timezone_data", version=data.version, source=data.source)

    def ready(self, reading: Reading) -> None:
        """Say that the process works."""
        self._service.ready(f"Keeping {reading.schedule.cron.expression}, {reading.zone.name}.")

    def coming(self, decision: Decision, reading: Reading) -> None:
        """Say when the schedule comes next."""
        self._service.status(f"Next: {reading.local(decision.next_at)}")
        if decision.next_at != self._next:
            self._next = decision.next_at
            self._log.info("schedule_next", at=_utc(decision.next_at), local=reading.local(decision.next_at))

    def waiting(self, decision: Decision, reading: Reading) -> None:
        """Say that an occurrence waits for a blackout to end."""
        until = None if decision.until is None else reading.local(decision.until)
        self._service.status(f"A blackout holds until {until}")
        self._log.info(
            "schedule_waiting", due_at=_utc(decision.due_at), until=_utc(decision.until), blackout=decision.blackout
        )

    def due(self, decision: Decision, reading: Reading, run_id: str) -> None:
        """Say that a run begins."""
        self._service.status(f"Run {run_id}, due {'-' if decision.due_at is None else reading.local(decision.due_at)}")
        self._log.info(
            "schedule_due",
            due_at=_utc(decision.due_at),
            reason=decision.reason.value,
            run=run_id,
            closes_at=_utc(decision.closes_at),
            passed=decision.passed or None,
        )

    def not_run(self, decision: Decision, *, run_id: str | None) -> None:
        """Say that an occurrence does not run, and why."""
        say = self._log.info if decision.action is Action.SKIPPED else self._log.warning
        say(
            _EVENTS[decision.action],
            due_at=_utc(decision.due_at),
            reason=decision.reason.value,
            run=run_id,
            until=_utc(decision.until),
            blackout=decision.blackout,
            passed=f"{decision.passed}{'+' if decision.passed_more else ''}" if decision.passed else None,
            next_at=_utc(decision.next_at),
        )

    def refused(self, run_id: str, error: RestartError) -> None:
        """Say that an error ended a run before any environment had an outcome."""
        problems = list(getattr(error, "problems", ())) or [str(error)]
        self._log.error("run_refused", run=run_id, problems=problems, error=type(error).__name__)

    def resumes(self, run_id: str) -> None:
        """Say that a run is resumed that was cut off."""
        self._service.status(f"Run {run_id}, resumed")
        self._log.info("schedule_resumes", run=run_id)

    def not_resumed(self, run_id: str, error: Exception) -> None:
        """Say that it cannot be resumed."""
        self._log.warning("schedule_not_resumed", run=run_id, error=str(error))

    def reloading(self) -> None:
        """Say that the file is read again."""
        self._service.reloading()

    def read(self, file: str, *, is_routine: bool) -> None:
        """Say that the file was read again: if somebody asked for it, or it was broken before."""
        if not is_routine or self._broken is not None:
            self._log.info("schedule_read", file=file)
        self._broken = None

    def broken(self, file: str, error: Exception) -> None:
        """Say, once for each trouble, that the file cannot be used, and what was read before still counts."""
        if str(error) != self._broken:
            self._broken = str(error)
            self._log.error("schedule_file_broken", file=file, error=str(error))

    def undecided(self, error: Exception) -> None:
        """Say, once for each trouble, that nothing can be decided since the journal fails."""
        if str(error) != self._trouble:
            self._trouble = str(error)
            self._log.error("schedule_undecided", error=str(error), hint="tried again until it can be written")

    def decided(self) -> None:
        """Note that the journal works."""
        self._trouble = None

    def first_seen(self, instant: datetime, grace: float) -> None:
        """Say that an occurrence passed of which a new journal cannot tell whether it ran."""
        self._log.warning(
            "schedule_first_seen",
            passed_at=_utc(instant),
            grace_s=grace,
            hint="a new journal cannot tell whether it ran: keep the state directory between runs, or set `grace` "
            "as long as your timer may be late",
        )

    def defect(self) -> None:
        """Log the traceback of a bug that ended a run."""
        self._log.exception("internal_error")

    def stopped(self) -> None:
        """Say that the schedule is not kept any more."""
        self._service.stopping()
        self._log.info("schedule_stopped")


def _utc(instant: datetime | None) -> str | None:
    return None if instant is None else f"{instant:%Y-%m-%dT%H:%M:%SZ}"
