"""Going on with a run that was cut off, or running again what failed in one: from the journal, without its file."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from orchestrator.clock import SystemClock
from orchestrator.config import Config, parse_config
from orchestrator.domain.outcomes import ExitCode
from orchestrator.errors import UsageError
from orchestrator.journal.store import StoredRun
from orchestrator.journal.work import Work
from orchestrator.ports import Clock
from orchestrator.reports.model import RunReport
from orchestrator.runs.interruption import Interruption
from orchestrator.runs.runner import GoingOn, Run, opened_journal
from orchestrator.runs.session import Rehearsal, Session, open_session


async def aresume(
    run_id: str | None = None,
    how: GoingOn = GoingOn(),  # noqa: B008 - frozen
    *,
    rehearsal: Rehearsal | None = None,
    environ: Mapping[str, str] = os.environ,
    interruption: Interruption | None = None,
    on_session: Callable[[Session], object] | None = None,
    state_dir: Path | None = None,
) -> RunReport:
    """Go on with a run that was cut off, and report it whole. Nothing is submitted twice.

    Args:
        run_id: which run, or the beginning of its id; by default the latest that was cut off.
        how: what to do with what had not begun, and by when.
        rehearsal: the one in which the run was begun.
        environ: where the token and the state directory are looked for.
        interruption: a way to ask it to stop early.
        on_session: told of the session.
        state_dir: where the journal is.

    Raises:
        UsageError: there is no such run, or nothing in it to go on with, or a process is still at work on it.
    """
    interruption = interruption or Interruption()
    clock: Clock = SystemClock() if rehearsal is None else rehearsal.clock
    with opened_journal(state_dir, environ, rehearsal, clock) as store:
        stored = store.last_unfinished() if run_id is None else store.find(run_id)
        config = config_of(stored, environ)
        async with open_session(
            config,
            environ=environ,
            rehearsal=rehearsal,
            run_id=stored.run_id,
            api_url=stored.api_url,
            state_dir=state_dir,
        ) as session:
            if on_session is not None:
                on_session(session)
            work = Work.take_over(store, stored.run_id)
            run_ = Run(config, session, store=store, simulated=rehearsal is not None)
            return await run_.to_its_end(run_.go_on(work, stored, how), interruption)


def config_of(stored: StoredRun, environ: Mapping[str, str]) -> Config:
    """Read a run's configuration as it was.

    Raises:
        ConfigError: it took something from an environment variable that is not set any more.
    """
    config = parse_config(stored.config, source=f"the run {stored.run_id}", environ=environ)
    return config.named(stored.source)


def failures_of(
    run_id: str | None, *, environ: Mapping[str, str], state_dir: Path | None = None
) -> tuple[StoredRun, Config]:
    """Return a run, and its configuration with just those environments that did not succeed.

    Args:
        run_id: which run, or the beginning of its id; by default the latest that has ended.
        environ: where the state directory is looked for, and what the configuration takes from the environment.
        state_dir: where the journal is.

    Raises:
        UsageError: there is no such run, or it has not ended, or nothing failed in it.
    """
    with opened_journal(state_dir, environ, None, SystemClock()) as store:
        stored = store.last_ended() if run_id is None else store.find(run_id)
        results = store.results(stored.run_id)
        names = store.names(stored.run_id)
    if stored.ended_at is None:
        raise UsageError(f"The run {stored.run_id} has not ended: go on with it first, without --failed.")
    well = {result.name for result in results if result.exit_code is ExitCode.SUCCEEDED}
    failed = [name for name in names if name not in well]
    if not failed:
        raise UsageError(f"Nothing failed in the run {stored.run_id}, and nothing was left out: {stored.ended}.")
    return stored, config_of(stored, environ).only(failed)
