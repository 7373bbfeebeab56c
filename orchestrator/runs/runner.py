"""A whole run: prepared, carried out, reported. Shared by the command line and Python callers."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.config import Config
from orchestrator.domain.outcomes import EnvironmentResult, ExitCode, Outcome, Reason
from orchestrator.domain.records import Occurrence
from orchestrator.errors import JournalError, RestartError, RunDeadlineError, defect_sentence
from orchestrator.ports import RunJournal
from orchestrator.reports.model import Beginning, RunReport
from orchestrator.runs.fleet import Fleet
from orchestrator.runs.gating import open_gate
from orchestrator.runs.interruption import Interruption, in_fitting_loop, until_done_or_asked
from orchestrator.runs.journals import NoJournal, opened_journal
from orchestrator.runs.preparing import Prepared, Start, is_large, prepare_restart, prepare_watch
from orchestrator.runs.rehearsal import Rehearsal
from orchestrator.runs.session import Session, open_session
from orchestrator.runs.starting import path_of, started_by
from orchestrator.runs.telling import telling

BEAT = 30.0
"""Seconds between two signs of life in the journal."""
PROGRESS_EVERY = 15.0
"""Seconds between two looks at how far a large fleet is: `fleet_progress` is logged if that has changed."""
PROGRESS_AT_LEAST = 60.0
"""Seconds after which it is logged even if nothing has changed."""


class Run:
    """One run in a session: carries it out, and always reports.

    Args:
        config: what to restart, and how.
        session: what to work with.
        start: when it began.
        simulated: whether a simulator stands in for Qovery.

    Attributes:
        code_of: returns the exit code of the command; by default the report's.
    """

    def __init__(self, config: Config, session: Session, start: Start, *, simulated: bool) -> None:
        self._config = config
        self._session = session
        self._start = start
        self._simulated = simulated
        self._journal: RunJournal = NoJournal(began=start.began)
        self._fleet: Fleet | None = None
        self._lines = config.lines
        self._beginning = start.beginning
        self._finished = False
        self.code_of: Callable[[RunReport], int] = lambda report: report.exit_code

    async def prepare_and_carry_out(
        self, prepare: Callable[[], Awaitable[Prepared]], interruption: Interruption
    ) -> RunReport:
        """Prepare the run, carry it out, and report; if it is interrupted, report how far it got."""

        async def both() -> None:
            await self._run(self._adopt(await prepare()))

        return await self._until_reported(both(), interruption)

    async def carry_out(self, prepared: Prepared, interruption: Interruption) -> RunReport:
        """Carry out a run that is prepared already, and report; if it is interrupted, report how far it got."""
        return await self._until_reported(self._run(self._adopt(prepared)), interruption)

    async def _until_reported(self, work: Coroutine[Any, Any, None], interruption: Interruption) -> RunReport:
        defect: Exception | None = None
        too_late: RunDeadlineError | None = None
        try:
            try:
                await until_done_or_asked(work, interruption)
            except RunDeadlineError as error:
                too_late = error
            except RestartError:
                raise
            except Exception as error:
                if self._fleet is None:
                    raise  # Nothing has begun: whoever asked for the run can say all that is known.
                self._session.log.exception("internal_error")
                defect = error
            return await self._report(interruption, defect, too_late)
        finally:
            await self._journal.release()

    def _adopt(self, prepared: Prepared) -> Fleet:
        self._journal, self._fleet, self._lines = prepared.journal, prepared.fleet, prepared.lines
        self._beginning = prepared.beginning or self._beginning
        self._session.quota.on_use = prepared.journal.note_request
        return prepared.fleet

    async def _run(self, fleet: Fleet) -> None:
        beside: list[Coroutine[Any, Any, None]] = [self._beat()]
        if is_large(self._config):
            beside.append(self._tell_progress(fleet))
        tasks = [asyncio.ensure_future(each) for each in beside]
        try:
            await fleet.run()
            self._finished = True
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _tell_progress(self, fleet: Fleet) -> None:
        """Log how far a large fleet is, whenever that has changed, and every now and then if it has not."""
        clock = self._session.clock
        told, told_at = fleet.progress(), clock.monotonic()
        while True:
            await clock.sleep(PROGRESS_EVERY)
            progress, now = fleet.progress(), clock.monotonic()
            if progress == told and now < told_at + PROGRESS_AT_LEAST:
                continue
            told, told_at = progress, now
            oldest = fleet.oldest
            left = self._session.estimate(fleet.left())
            self._session.log.info(
                "fleet_progress",
                **progress,
                failed=fleet.failed,
                left_s=round(left.duration_s),
                oldest=None if oldest is None else oldest[0],
                oldest_s=None if oldest is None else round(now - oldest[1], 1),
                requests=self._session.requests.total,
                requests_left=left.left,
            )

    async def _beat(self) -> None:
        while True:
            await self._session.clock.sleep(BEAT)
            await self._journal.beat()
            self._session.quota.beat()

    async def _report(
        self, interruption: Interruption, defect: Exception | None, too_late: RunDeadlineError | None
    ) -> RunReport:
        """Report how far the run has come, and write that it ended or was interrupted, by a signal or by a bug."""
        results = self._fleet.results() if self._fleet is not None else self._not_begun(too_late)
        report = RunReport.of(
            results,
            run_id=self._session.run_id,
            parent_run_id=self._start.parent_id,
            config=self._config.source,
            lines=self._lines,
            simulated=self._simulated,
            started_at=self._start.started_at,
            ended_at=self._session.clock.now(),
            duration_s=self._session.clock.monotonic() - self._start.began,
            requests=self._session.requests,
            interrupted=interruption.code,
            resume=self._journal.resume_command if self._is_worth_resuming(results) else None,
            errors=() if defect is None else (defect_sentence(defect),),
            exit_code=None if defect is None else interruption.code or ExitCode.DEFECT,
            halted_at=None if self._fleet is None else self._fleet.halted_at,
            beginning=self._beginning,
        )
        await self._write_end(report, results)
        say = self._session.log.info if report.exit_code == ExitCode.SUCCEEDED else self._session.log.warning
        say(
            "run_finished",
            outcome=report.outcome.value,
            exit_code=int(self.code_of(report)),
            duration_s=report.duration_s,
            requests=report.requests.total,
            submits=report.requests.submits,
        )
        return report

    def _is_worth_resuming(self, results: Sequence[EnvironmentResult]) -> bool:
        """Return whether resuming could change anything."""
        return not self._finished or any(result.submitted_at is not None and result.is_open_ended for result in results)

    async def _write_end(self, report: RunReport, results: Sequence[EnvironmentResult]) -> None:
        ended = self._finished and not any(result.reason is Reason.NOT_CANCELLED for result in results)
        try:
            await self._journal.close(
                results if ended else None,
                outcome=report.outcome.value,
                exit_code=report.exit_code,
                report=report.model_dump_json(),
            )
        except JournalError as error:
            # The restarts are done: the report and its exit code stay true.
            self._session.log.warning("journal_not_written", error=str(error))

    def _not_begun(self, too_late: RunDeadlineError | None) -> Sequence[EnvironmentResult]:
        outcome, reason = Outcome.SKIPPED, Reason.INTERRUPTED
        message = "Not begun: the run was interrupted while names were looked up."
        if too_late is not None:
            outcome, reason, message = Outcome.TIMED_OUT, Reason.RUN_DEADLINE, f"Not begun: {too_late}"
        return [
            EnvironmentResult(
                name=spec.name,
                environment_id=str(spec.locator),
                wave=spec.wave,
                outcome=outcome,
                reason=reason,
                message=message,
            )
            for spec in self._config.environment_specs()
        ]


async def run_in(
    session: Session,
    config: Config,
    *,
    rehearsal: Rehearsal | None,
    environ: Mapping[str, str],
    interruption: Interruption,
    watch: bool = False,
    state_dir: Path | None = None,
    wait_lock: float = 0.0,
    parent_id: str | None = None,
    occurrence: Occurrence | None = None,
    window_ends: float | None = None,
) -> RunReport:
    """Do as `arun` does, in a session that is open, and tell nobody.

    `parent_id` is the run whose failures this one runs again, `occurrence` the scheduled instant for which it begins;
    `window_ends` the instant until which to wait for alerts to pass, if it runs in a window.
    """
    simulated = rehearsal is not None
    start = Start.now(
        session,
        parent_id=parent_id,
        beginning=Beginning(
            started_by=started_by(
                environ, redact=session.redact, due_at=None if occurrence is None else occurrence.due_at
            ),
            config_path=path_of(config.source),
            window_ends_at=None if occurrence is None else occurrence.closes_at,
        ),
    )
    run_ = Run(config, session, start, simulated=simulated)
    if watch:
        return await run_.prepare_and_carry_out(
            lambda: prepare_watch(config, session, start, simulated=simulated), interruption
        )
    gate_opening = open_gate(
        config,
        environ=environ,
        rehearsal=rehearsal,
        clock=session.clock,
        log=session.log,
        window_ends=window_ends,
    )
    with opened_journal(state_dir, environ, rehearsal, session.clock) as store:
        async with gate_opening as gate:
            return await run_.prepare_and_carry_out(
                lambda: prepare_restart(
                    config,
                    session,
                    start,
                    store=store,
                    simulated=simulated,
                    wait_lock=wait_lock,
                    gate=gate,
                    occurrence=occurrence,
                ),
                interruption,
            )


async def arun(
    config: Config,
    *,
    rehearsal: Rehearsal | None = None,
    watch: bool = False,
    environ: Mapping[str, str] | None = None,
    interruption: Interruption | None = None,
    state_dir: Path | None = None,
    wait_lock: float = 0.0,
) -> RunReport:
    """Restart what `config` lists, wait, report, and tell those whom it names.

    Args:
        config: what to restart, and how.
        rehearsal: put a simulator in the API's place. Its time is the running loop's: real seconds, except on a
            `VirtualTimeLoop`.
        watch: submit nothing, wait for what runs there now.
        environ: where the token, `QOVERY_API_URL` and `QOVERY_RESTART_STATE_DIR` are looked for; by default this
            process's environment.
        interruption: a way to ask the run to stop early and report what it knows.
        state_dir: where the journal is; by default in the user's state directory, in memory for a rehearsal.
        wait_lock: seconds to wait for an environment that another run holds.

    Raises:
        UsageError: something has to be changed first; nothing was submitted. A journal that cannot be used is a
            `JournalError`.
        TokenRefusedError: the token was refused while names were looked up.
        PlatformError: the API could not be reached while names were looked up.
    """
    environ = os.environ if environ is None else environ
    interruption = interruption or Interruption()
    async with (
        telling(config, environ=environ, rehearsal=rehearsal, interruption=interruption, state_dir=state_dir) as told,
        open_session(config, environ=environ, rehearsal=rehearsal, state_dir=state_dir) as session,
    ):
        told.began(run_id=session.run_id, log=session.log)
        report = await run_in(
            session,
            config,
            rehearsal=rehearsal,
            environ=environ,
            interruption=interruption,
            watch=watch,
            state_dir=state_dir,
            wait_lock=wait_lock,
        )
        await told.ended(report)
        return report


def run(
    config: Config,
    *,
    rehearsal: Rehearsal | None = None,
    watch: bool = False,
    environ: Mapping[str, str] | None = None,
) -> RunReport:
    """Do as `arun` does, in its own event loop. A rehearsal runs in virtual time, so it is over in a moment."""
    return in_fitting_loop(arun(config, rehearsal=rehearsal, watch=watch, environ=environ), rehearsal=rehearsal)
