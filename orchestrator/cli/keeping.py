"""The command `schedule`: a process that stays, or one decision for now."""

import json
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from orchestrator import logs
from orchestrator.cli.command import CommandRunner, problems_of
from orchestrator.cli.options import Output, Settings
from orchestrator.clock import SystemClock
from orchestrator.config import Config
from orchestrator.domain.durations import parse_span
from orchestrator.domain.outcomes import ExitCode
from orchestrator.errors import UsageError
from orchestrator.ports import Clock
from orchestrator.reports.wording import count, span
from orchestrator.runs.keeping import Keeper
from orchestrator.runs.scheduling import file_of, journal_folder
from orchestrator.runs.surroundings import Surroundings, Told
from orchestrator.schedules import Action, Decision, DecisionReason
from orchestrator.systemd import ServiceManager
from orchestrator.text import printable

A_WEEK = 7 * 24 * 3600.0
"""Seconds that a rehearsal plays, unless `--for` says otherwise."""
A_MOMENT = 1.0
"""Seconds for which nobody may read a line before it is lost."""

_WHY = {
    DecisionReason.NOT_DUE: "nothing is due",
    DecisionReason.CLOCK_NOT_SET: "the clock is not set",
    DecisionReason.ON_MISSED_SKIP: "it is later than `grace` allows, and `on_missed` is `skip`",
    DecisionReason.WINDOW_OVER: "it is too late for it",
    DecisionReason.OUTSIDE_WINDOW: "the run is not expected to end inside of what is left of the window",
    DecisionReason.OVERLAP: "a run of this schedule was still in progress",
    DecisionReason.BLACKOUT: "a blackout holds",
    DecisionReason.TAKEN: "another process has decided it",
    DecisionReason.FILE_BROKEN: "the file is not valid",
}


def keep_schedule(
    settings: Settings,
    load: Callable[[], Config],
    *,
    file: str,
    due: bool,
    stop_after: str | None,
    wait_lock: Callable[[], float | None],
) -> ExitCode:
    """Keep the schedule of a file, or decide once for now; return the exit code."""
    runner = CommandRunner(settings)
    told: list[Told] = []

    def on_told(one: Told) -> None:
        if due:
            told.append(one)
        else:
            runner.show(json.dumps(document(one)) if settings.output is Output.JSON else line(one))
        runner.write_reports(one.report, error=one.error, config=file)

    async def make() -> ExitCode:
        settings.check_rehearsal(os.environ)
        runner.check_reports()
        clock: Clock = SystemClock() if runner.rehearsal is None else runner.rehearsal.clock
        if runner.rehearsal is not None:
            logs.tell_time_by(clock.now)
        state_dir = None if settings.simulate else settings.state_dir
        with journal_folder(runner.rehearsal, state_dir) as folder:
            around = Surroundings(
                load=load,
                file=file_of(file),
                clock=clock,
                environ=os.environ,
                interruption=runner.interruption,
                service=ServiceManager({} if settings.simulate else os.environ),
                rehearsal=runner.rehearsal,
                state_dir=folder,
                wait_lock=wait_lock() or 0.0,
                stop_after=_seconds(stop_after, settings),
                on_session=runner.note_session,
                on_told=on_told,
            )
            keeper = Keeper(around)
            runner.on_hangup = None if due else keeper.reload
            return await (keeper.once() if due else keeper.keep())

    # What is shown here is shown while the schedule goes on: nobody who does not read may keep it.
    runner.patience = A_MOMENT
    result, code, problems = runner.attempt(make)
    code = code if result is None else result
    if due:
        _show(runner, settings, told, code, problems)
    elif problems and settings.output is Output.JSON:
        runner.show(json.dumps({"exit_code": code.value, "errors": list(problems)}))
    return code


def _seconds(text: str | None, settings: Settings) -> float | None:
    if text is None:
        return A_WEEK if settings.simulate else None
    try:
        return parse_span(text)
    except ValueError as error:
        raise UsageError(f"--for: {error}, or in days such as 7d") from None


def _show(
    runner: CommandRunner, settings: Settings, told: Sequence[Told], code: ExitCode, problems: Sequence[str]
) -> None:
    """Show what was decided once."""
    if settings.output is Output.JSON:
        resumed = [document(each) for each in told if each.decision is None]
        decided = next((document(each) for each in told if each.decision is not None), None)
        content = {"exit_code": code.value, "decided": decided, "resumed": resumed, "errors": list(problems)}
        runner.show(json.dumps(content, indent=2))
        return
    for each in told:
        runner.show(line(each))
        if each.report is not None:
            runner.show_summary(each.report)
        elif each.exit_code is not ExitCode.SUCCEEDED and each.error is None:
            runner.complain(line(each))


def document(told: Told) -> dict[str, Any]:
    """Return what became of an occurrence, as JSON."""
    decision = told.decision
    return {
        "decision": "resumed" if decision is None else decision.action.value,
        "reason": None if decision is None else decision.reason.value,
        "due_at": None if decision is None else _utc(decision.due_at),
        "until": None if decision is None else _utc(decision.until),
        "blackout": None if decision is None else decision.blackout,
        "passed": 0 if decision is None else decision.passed,
        "next_at": None if decision is None else _utc(decision.next_at),
        "run_id": told.run_id,
        "exit_code": told.exit_code.value,
        "report": None if told.report is None else told.report.model_dump(mode="json"),
        "errors": [] if told.error is None else list(problems_of(told.error)),
    }


def line(told: Told) -> str:
    """Return what became of an occurrence, as a line for users."""
    decision = told.decision
    if decision is None:
        return printable(f"Run {told.run_id}, which was cut off, was resumed: {_ending(told)}")
    following = f" Next: {told.coming}."
    if decision.action is Action.RUN:
        late = ", late" if decision.reason is DecisionReason.LATE else ""
        return printable(f"{told.due}{late}: run {told.run_id} {_ending(told)}{following}")
    if decision.action is Action.NOTHING:
        return printable(f"Not run: {_WHY[decision.reason]}.{following}")
    return printable(
        f"{told.due}: {decision.action.value}; {_WHY[decision.reason]}{_details(told, decision)}.{following}"
    )


def _ending(told: Told) -> str:
    if told.report is None:
        why = f": {'; '.join(problems_of(told.error))}" if told.error is not None else ""
        return f"ended with {told.exit_code.value}{why}"
    report = told.report
    environments = report.environments
    well = sum(each.outcome.value == "succeeded" for each in environments)
    done = f"{well} of {count(len(environments), 'environment')}"
    return f"{report.outcome.value} ({report.exit_code}), {done}, {span(report.duration_s)}."


def _details(told: Told, decision: Decision) -> str:
    parts = []
    if decision.reason is DecisionReason.TAKEN and told.run_id is not None:
        parts.append(f", with the run {told.run_id}")
    if told.until is not None:
        why = f" ({decision.blackout})" if decision.blackout is not None else ""
        parts.append(f"{why} until {told.until}")
    if told.error is not None:
        parts.append(f": {'; '.join(problems_of(told.error))}")
    if decision.passed:
        more = "more than " if decision.passed_more else ""
        parts.append(f"; {more}{count(decision.passed, 'earlier time')} did not run either")
    return "".join(parts)


def _utc(instant: datetime | None) -> str | None:
    return None if instant is None else f"{instant:%Y-%m-%dT%H:%M:%SZ}"
