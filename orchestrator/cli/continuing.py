"""The commands `resume` and `cancel`."""

import json
import os
from collections.abc import Callable

from orchestrator.cli.conduct import Conductor, exit_code_of_error, problems_of
from orchestrator.cli.options import Output, Settings
from orchestrator.clock import SystemClock
from orchestrator.domain.outcomes import ExitCode, Outcome, Reason
from orchestrator.errors import RestartError, UsageError
from orchestrator.reports.digest import outcome_words
from orchestrator.reports.model import EnvironmentReport, RunReport
from orchestrator.reports.wording import printable
from orchestrator.runs.journals import opened_journal
from orchestrator.runs.preparing import GoingOn
from orchestrator.runs.resuming import failures_of, open_cut_off
from orchestrator.runs.runner import run_in
from orchestrator.runs.session import open_session

TO_CANCEL = 900.0
"""Seconds that a cancel is given: what the engine is at when it is told to stop may still take its ten minutes."""


def resume_run(
    settings: Settings,
    run_id: str | None,
    *,
    no_new: bool,
    failed: bool,
    abandon: bool,
    deadline: Callable[[], float | None],
) -> ExitCode:
    """Go on with a run, or run again what failed in it, or give it up; return the exit code."""
    conductor = Conductor(settings)

    async def make() -> RunReport:
        if failed + abandon + no_new > 1:
            raise UsageError("Of --no-new, --failed and --abandon only one can be meant.")
        if failed:
            return await _run_failures_again(settings, conductor, run_id, deadline())
        return await _resume(settings, conductor, run_id, GoingOn(begin_new=not no_new, deadline=deadline()))

    if abandon and not failed and not no_new:
        return _abandon(settings, conductor, run_id)
    return conductor.run(make, config=None)


async def _resume(settings: Settings, conductor: Conductor, run_id: str | None, how: GoingOn) -> RunReport:
    async with open_cut_off(run_id, environ=os.environ, state_dir=settings.state_dir) as cut_off:
        conductor.note_session(cut_off.session)
        return await cut_off.resume(how, conductor.interruption)


async def _run_failures_again(
    settings: Settings, conductor: Conductor, run_id: str | None, deadline: float | None
) -> RunReport:
    parent, config = failures_of(run_id, environ=os.environ, state_dir=settings.state_dir)
    if deadline is not None:
        config = config.with_deadline(deadline)
    async with open_session(
        config, environ=os.environ, api_url=parent.api_url, state_dir=settings.state_dir
    ) as session:
        conductor.note_session(session)
        return await run_in(
            session,
            config,
            rehearsal=None,
            environ=os.environ,
            interruption=conductor.interruption,
            state_dir=settings.state_dir,
            parent_id=parent.run_id,
        )


def _abandon(settings: Settings, conductor: Conductor, run_id: str | None) -> ExitCode:
    code, abandoned = ExitCode.SUCCEEDED, None
    problems: tuple[str, ...] = ()

    async def give_up() -> str:
        with opened_journal(settings.state_dir, os.environ, None, SystemClock()) as store:
            stored = store.last_unfinished() if run_id is None else store.find(run_id)
            store.abandon(stored.run_id)
            return stored.run_id

    try:
        abandoned = conductor.call(give_up)
    except RestartError as error:
        conductor.complain(error)
        code, problems = exit_code_of_error(error), problems_of(error)
    if settings.output is Output.JSON:
        conductor.show(json.dumps({"exit_code": code.value, "abandoned": abandoned, "errors": problems}, indent=2))
    elif abandoned is not None:
        conductor.show(f"The run {abandoned} is given up. Its environments are free again.")
    return code


def cancel_run(settings: Settings, run_id: str) -> ExitCode:
    """Cancel what a run has queued or running; return the exit code."""
    conductor = Conductor(settings)

    async def make() -> RunReport:
        return await _resume(settings, conductor, run_id, GoingOn(begin_new=False, call_off=True, deadline=TO_CANCEL))

    report: RunReport | None = None
    problems: tuple[str, ...] = ()
    try:
        report = conductor.call(make)
        code = _code_of_cancelling(report, conductor.interruption.code)
    except RestartError as error:
        conductor.complain(error)
        code, problems = exit_code_of_error(error), problems_of(error)
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
        conductor.show(json.dumps(document, indent=2))
    elif environments:
        conductor.show("\n".join(map(_line, environments)))
    return code


def _line(environment: EnvironmentReport) -> str:
    return f"{printable(environment.name)}: {outcome_words(environment.outcome)}. {printable(environment.message)}"


def _code_of_cancelling(report: RunReport, interrupted: ExitCode | None) -> ExitCode:
    """Say whether nothing of the run is left at Qovery, and if not, why."""
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
