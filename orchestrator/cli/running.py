"""The commands `run`, `restart` and `watch`."""

import os
from collections.abc import Callable

from orchestrator.cli.command import CommandRunner
from orchestrator.cli.options import Settings
from orchestrator.config import Config
from orchestrator.domain.outcomes import ExitCode
from orchestrator.domain.records import StoredRun
from orchestrator.reports.model import RunReport
from orchestrator.runs.runner import run_in
from orchestrator.runs.session import open_session
from orchestrator.runs.telling import telling


def run_config(
    settings: Settings,
    load: Callable[[], Config],
    *,
    source: str | None,
    watch: bool,
    wait_lock: Callable[[], float | None],
) -> ExitCode:
    """Run what `load` returns, or watch it; return the exit code."""
    runner = CommandRunner(settings)

    async def make() -> RunReport:
        settings.check_rehearsal(os.environ)
        config, wait = load(), wait_lock()
        return await carry_out(runner, settings, config, watch=watch, wait_lock=wait or 0.0)

    return runner.run(make, config=source)


async def carry_out(
    runner: CommandRunner,
    settings: Settings,
    config: Config,
    *,
    watch: bool = False,
    wait_lock: float = 0.0,
    parent: StoredRun | None = None,
) -> RunReport:
    """Carry out a new run; `parent` is the run whose failures it runs again, at the same API."""
    # A rehearsal changes nothing real, so it leaves no journal.
    state_dir = None if settings.simulate else settings.state_dir
    async with (
        telling(
            config,
            environ=os.environ,
            rehearsal=runner.rehearsal,
            interruption=runner.interruption,
            state_dir=state_dir,
        ) as told,
        open_session(
            config,
            environ=os.environ,
            rehearsal=runner.rehearsal,
            api_url=None if parent is None else parent.api_url,
            state_dir=state_dir,
        ) as session,
    ):
        runner.note_session(session)
        told.began(run_id=session.run_id, log=session.log)
        report = await run_in(
            session,
            config,
            rehearsal=runner.rehearsal,
            environ=os.environ,
            interruption=runner.interruption,
            watch=watch,
            state_dir=state_dir,
            wait_lock=wait_lock,
            parent_id=None if parent is None else parent.run_id,
        )
        await told.ended(report)
        return report
