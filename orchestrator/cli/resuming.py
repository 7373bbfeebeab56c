"""The commands `resume` and `cancel`."""

import json
import os
from collections.abc import Callable

from orchestrator.cli.command import CommandRunner
from orchestrator.cli.options import Output, Settings
from orchestrator.cli.running import carry_out
from orchestrator.clock import SystemClock
from orchestrator.domain.outcomes import ExitCode
from orchestrator.errors import UsageError
from orchestrator.reports.digest import outcome_words
from orchestrator.reports.model import EnvironmentReport, RunReport
from orchestrator.runs.journals import opened_journal
from orchestrator.runs.preparing import GoingOn
from orchestrator.runs.resuming import code_of_cancelling, failures_of, open_interrupted
from orchestrator.text import printable

TO_CANCEL = 900.0
"""Seconds that a cancel may take: when the engine is told to stop, its current step may still take ten minutes."""


def resume_run(
    settings: Settings,
    run_id: str | None,
    *,
    no_new: bool,
    failed: bool,
    abandon: bool,
    deadline: Callable[[], float | None],
) -> ExitCode:
    """Resume a run, run again what failed in it, or abandon it; return the exit code."""
    runner = CommandRunner(settings)

    async def make() -> RunReport:
        if failed + abandon + no_new > 1:
            raise UsageError("--no-new, --failed and --abandon exclude each other: give only one of them.")
        if failed:
            return await _run_failures_again(settings, runner, run_id, deadline())
        return await _resume(settings, runner, run_id, GoingOn(begin_new=not no_new, deadline=deadline()))

    if abandon and not failed and not no_new:
        return _abandon(settings, runner, run_id)
    return runner.run(make, config=None)


async def _resume(settings: Settings, runner: CommandRunner, run_id: str | None, how: GoingOn) -> RunReport:
    async with open_interrupted(run_id, how, environ=os.environ, state_dir=settings.state_dir) as interrupted:
        runner.note_session(interrupted.session)
        return await interrupted.resume(runner.interruption)


async def _run_failures_again(
    settings: Settings, runner: CommandRunner, run_id: str | None, deadline: float | None
) -> RunReport:
    parent, config = failures_of(run_id, environ=os.environ, state_dir=settings.state_dir)
    if deadline is not None:
        config = config.with_deadline(deadline)
    return await carry_out(runner, settings, config, parent=parent)


def _abandon(settings: Settings, runner: CommandRunner, run_id: str | None) -> ExitCode:
    async def abandon_run() -> tuple[str, list[str]]:
        with opened_journal(settings.state_dir, os.environ, None, SystemClock()) as store:
            stored = store.last_unfinished() if run_id is None else store.find(run_id)
            return stored.run_id, store.abandon(stored.run_id)

    result, code, problems = runner.attempt(abandon_run)
    abandoned, in_flight = result or (None, [])
    if settings.output is Output.JSON:
        document = {"exit_code": code.value, "abandoned": abandoned, "in_flight": in_flight, "errors": problems}
        runner.show(json.dumps(document, indent=2))
    elif abandoned is not None:
        running = (
            f" Restarts of it may still be running in: {', '.join(map(printable, in_flight))}." if in_flight else ""
        )
        runner.show(f"The run {abandoned} is abandoned. Its environments are free again.{running}")
    return code


def cancel_run(settings: Settings, run_id: str) -> ExitCode:
    """Cancel what a run has queued or running; return the exit code."""
    runner = CommandRunner(settings)

    async def make() -> RunReport:
        return await _resume(settings, runner, run_id, GoingOn(begin_new=False, call_off=True, deadline=TO_CANCEL))

    report, code, problems = runner.attempt(make)
    if report is not None:
        code = code_of_cancelling(report, runner.interruption.code)
    environments = report.environments if report is not None else ()
    if settings.output is Output.JSON:
        document = {
            "exit_code": code.value,
            "run_id": report.run_id if report is not None else None,
            "environments": [
                {key: getattr(each, key) for key in ("name", "id", "outcome", "reason", "message")}
                for each in environments
            ],
            "errors": problems,
        }
        runner.show(json.dumps(document, indent=2))
    elif environments:
        runner.show("\n".join(map(_line, environments)))
    return code


def _line(environment: EnvironmentReport) -> str:
    return f"{printable(environment.name)}: {outcome_words(environment.outcome)}. {printable(environment.message)}"
