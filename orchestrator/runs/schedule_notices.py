"""Tells others of a schedule: what did not run, and when it runs next. What runs is told as every other run."""

from datetime import datetime
from pathlib import Path

from orchestrator import logs
from orchestrator.errors import RestartError
from orchestrator.machine import expand_home
from orchestrator.notices.metrics import update_schedule
from orchestrator.notices.threads import in_thread
from orchestrator.runs.deciding import Decided, Reading
from orchestrator.runs.surroundings import Surroundings
from orchestrator.runs.telling import telling
from orchestrator.schedules import Action, DecisionReason


async def tell_not_run(decided: Decided, reading: Reading, around: Surroundings) -> None:
    """Tell the dead man's signal that a scheduled time does not run, and why; of a broken file, everybody.

    What another process has decided is told by that one. What cannot be told is a warning.
    """
    decision = decided.decision
    if decision.action is Action.NOTHING or decision.reason is DecisionReason.TAKEN:
        return
    try:
        async with telling(
            reading.config,
            environ=around.environ,
            rehearsal=around.rehearsal,
            interruption=around.interruption,
            state_dir=around.state_dir,
        ) as told:
            if decided.error is not None:
                await told.failed(decided.error)
            elif decision.action is Action.MISSED:
                await told.missed(_text(decided, reading))
            else:
                await told.skipped(_text(decided, reading))
    except RestartError as error:
        logs.get_logger().warning("schedule_not_told", error=str(error))


async def note_schedule(decided: Decided, reading: Reading, around: Surroundings) -> None:
    """Write to the file of metrics when the schedule runs next, and what was missed."""
    config, decision = reading.config, decided.decision
    if config.metrics is None or around.rehearsal is not None:
        return
    is_taken = decision.reason is DecisionReason.TAKEN
    missed = 0 if is_taken else decision.passed + (decision.action is Action.MISSED)
    try:
        path = expand_home(Path(config.metrics.textfile))
        await in_thread(lambda: _update(path, config.source, decision.next_at, missed))
    except (RestartError, OSError, ImportError) as error:
        logs.get_logger().warning("schedule_not_told", error=str(error))


def _update(path: Path, source: str | None, next_at: datetime, missed: int) -> None:
    update_schedule(path, source or "", next_run=next_at, missed=missed)


def _text(decided: Decided, reading: Reading) -> str:
    decision = decided.decision
    due = "A scheduled time" if decision.due_at is None else reading.local(decision.due_at)
    lines = [f"{due}: {decision.action.value} ({decision.reason.value})."]
    if decision.passed:
        more = " or more" if decision.passed_more else ""
        lines.append(f"Before it, {decision.passed}{more} did not run either.")
    lines.append(f"The next one is {reading.local(decision.next_at)}.")
    return "\n".join(lines)
