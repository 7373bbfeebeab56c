"""Resumes a run that was interrupted, or repeats what failed in one: from the journal, without its file."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.clock import SystemClock
from orchestrator.config import Config, parse_config
from orchestrator.domain.outcomes import ExitCode, Outcome, Reason
from orchestrator.domain.records import StoredRun
from orchestrator.errors import UsageError
from orchestrator.journal.store import Store
from orchestrator.journal.work import Work
from orchestrator.ports import Clock
from orchestrator.reports.model import Beginning, RunReport
from orchestrator.runs.gating import open_gate
from orchestrator.runs.interruption import Interruption
from orchestrator.runs.journals import opened_journal
from orchestrator.runs.preparing import GoingOn, Start, prepare_resume
from orchestrator.runs.rehearsal import Rehearsal
from orchestrator.runs.runner import Run
from orchestrator.runs.session import Session, open_session
from orchestrator.runs.telling import telling


@dataclass(frozen=True, slots=True, kw_only=True)
class InterruptedRun:
    """A run that was interrupted, and a session to resume it in."""

    stored: StoredRun
    config: Config
    how: GoingOn
    session: Session
    store: Store
    rehearsal: Rehearsal | None
    environ: Mapping[str, str]
    state_dir: Path | None

    async def resume(self, interruption: Interruption) -> RunReport:
        """Resume it, and report all of it; unless it is cancelled, tell those whom its file names.

        Raises:
            UsageError: nothing is left to do in it, or a process is still working on it.
        """
        journal = Work.take_over(self.store, self.stored.run_id)
        if self.how.call_off:
            return await self._resume(journal, interruption)
        async with telling(
            self.config,
            environ=self.environ,
            rehearsal=self.rehearsal,
            interruption=interruption,
            state_dir=self.state_dir,
        ) as told:
            told.began(run_id=self.session.run_id, log=self.session.log)
            report = await self._resume(journal, interruption)
            await told.ended(report)
            return report

    async def _resume(self, journal: Work, interruption: Interruption) -> RunReport:
        start = Start(
            began=journal.began,
            started_at=self.stored.started_at,
            parent_id=self.stored.parent_id,
            beginning=Beginning.read(self.stored.beginning),
        )
        # First, whatever interrupts: a report without what the journal knows would be wrong.
        async with AsyncExitStack() as stack:
            try:
                gate = await stack.enter_async_context(
                    open_gate(
                        self.config,
                        environ=self.environ,
                        rehearsal=self.rehearsal,
                        clock=self.session.clock,
                        log=self.session.log,
                    )
                )
                prepared = await prepare_resume(
                    self.config,
                    self.session,
                    journal,
                    stored=self.stored,
                    how=self.how,
                    called_off=journal.called_off,
                    gate=gate,
                    store=self.store,
                )
            except BaseException:
                await journal.release()
                raise
            run = Run(self.config, self.session, start, simulated=self.rehearsal is not None)
            if self.how.call_off:
                run.code_of = lambda report: code_of_cancelling(report, interruption.code)
            return await run.carry_out(prepared, interruption)


@asynccontextmanager
async def open_interrupted(
    run_id: str | None = None,
    how: GoingOn = GoingOn(),  # noqa: B008 - frozen
    *,
    rehearsal: Rehearsal | None = None,
    environ: Mapping[str, str],
    state_dir: Path | None = None,
) -> AsyncIterator[InterruptedRun]:
    """Find a run in the journal and open a session for it. Arguments and errors are those of `aresume`.

    If the run is to be cancelled, that is written before anything else: whatever prevents the rest, no later process
    begins anything of it.
    """
    clock: Clock = SystemClock() if rehearsal is None else rehearsal.clock
    with opened_journal(state_dir, environ, rehearsal, clock) as store:
        stored = store.last_unfinished() if run_id is None else store.find(run_id)
        if how.call_off:
            store.call_off(stored.run_id)
        config = config_of(stored, environ)
        async with open_session(
            config,
            environ=environ,
            rehearsal=rehearsal,
            run_id=stored.run_id,
            api_url=stored.api_url,
            state_dir=state_dir,
        ) as session:
            yield InterruptedRun(
                stored=stored,
                config=config,
                how=how,
                session=session,
                store=store,
                rehearsal=rehearsal,
                environ=environ,
                state_dir=state_dir,
            )


async def aresume(
    run_id: str | None = None,
    how: GoingOn = GoingOn(),  # noqa: B008 - frozen
    *,
    rehearsal: Rehearsal | None = None,
    environ: Mapping[str, str] | None = None,
    interruption: Interruption | None = None,
    state_dir: Path | None = None,
) -> RunReport:
    """Resume a run that was interrupted, and report all of it. Nothing is submitted twice.

    If a cancel of the run was ever asked for, what is in flight is followed to its end, and nothing new begins.

    Args:
        run_id: which run, or the beginning of its id; by default the latest that was interrupted.
        how: what to do with environments that had not begun, and by when.
        rehearsal: the one in which the run was begun.
        environ: where the token and the state directory are looked for; by default this process's environment.
        interruption: a way to ask it to stop early.
        state_dir: where the journal is.

    Raises:
        UsageError: there is no such run, nothing is left to do in it, or a process is still working on it.
    """
    environ = os.environ if environ is None else environ
    async with open_interrupted(run_id, how, rehearsal=rehearsal, environ=environ, state_dir=state_dir) as interrupted:
        return await interrupted.resume(interruption or Interruption())


def config_of(stored: StoredRun, environ: Mapping[str, str]) -> Config:
    """Return a run's configuration as it was.

    Raises:
        ConfigError: an environment variable that it needs is not set any more.
    """
    config = parse_config(stored.config, source=f"the run {stored.run_id}", environ=environ)
    return config.named(stored.source)


def failures_of(
    run_id: str | None, *, environ: Mapping[str, str], state_dir: Path | None = None
) -> tuple[StoredRun, Config]:
    """Return a run, and its configuration with only those environments that did not succeed.

    Args:
        run_id: which run, or the beginning of its id; by default the latest that has ended.
        environ: where the state directory and the variables of the configuration are looked for.
        state_dir: where the journal is.

    Raises:
        UsageError: there is no such run, it has not ended, or nothing failed in it.
    """
    with opened_journal(state_dir, environ, None, SystemClock()) as store:
        stored = store.last_ended() if run_id is None else store.find(run_id)
        results = store.results(stored.run_id)
        names = store.names(stored.run_id)
    if stored.ended_at is None:
        raise UsageError(f"The run {stored.run_id} has not ended: resume it first, without --failed.")
    well = {result.name for result in results if result.exit_code is ExitCode.SUCCEEDED}
    failed = [name for name in names if name not in well]
    if not failed:
        raise UsageError(f"Nothing failed in the run {stored.run_id}, and nothing was left out: {stored.ended}.")
    return stored, config_of(stored, environ).only(failed)


def code_of_cancelling(report: RunReport, interrupted: ExitCode | None) -> ExitCode:
    """Return success if nothing of the run is left at Qovery, otherwise the code of the reason."""
    if interrupted is not None:
        return interrupted
    reasons = {environment.reason for environment in report.environments}
    if Reason.TOKEN_REFUSED in reasons:
        return ExitCode.REFUSED
    if Reason.NOT_CANCELLED in reasons:
        return ExitCode.BLOCKED
    outcomes = {environment.outcome for environment in report.environments}
    if Outcome.UNKNOWN in outcomes:
        return ExitCode.UNKNOWN
    return ExitCode.TIMED_OUT if Outcome.TIMED_OUT in outcomes else ExitCode.SUCCEEDED
