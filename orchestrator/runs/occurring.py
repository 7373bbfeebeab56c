"""Carries out what was decided about an occurrence, and resumes what was cut off before."""

from datetime import datetime

from orchestrator.domain.outcomes import ExitCode
from orchestrator.domain.records import Occurrence
from orchestrator.errors import JournalError, RestartError
from orchestrator.journal.occurrences import Occurrences
from orchestrator.reports.model import RunReport
from orchestrator.runs.announcing import Announcer
from orchestrator.runs.codes import exit_code_of_error
from orchestrator.runs.deciding import Decided, Reading
from orchestrator.runs.journals import opened_journal
from orchestrator.runs.preparing import GoingOn
from orchestrator.runs.resuming import open_interrupted
from orchestrator.runs.runner import run_in
from orchestrator.runs.schedule_notices import note_schedule, tell_not_run
from orchestrator.runs.session import Session, open_session
from orchestrator.runs.surroundings import Surroundings, Told, code_without_run
from orchestrator.runs.telling import telling
from orchestrator.schedules import Action

_INTERRUPTED = (ExitCode.SIGINT, ExitCode.SIGTERM)


async def carry_out(decided: Decided, reading: Reading, around: Surroundings, announcer: Announcer) -> Told:
    """Run the occurrence, or say why it does not run. Whatever happens becomes a `Told`; only a cancellation raises.

    Args:
        decided: what was decided about it.
        reading: of the file.
        around: what to work with.
        announcer: told of it.
    """
    decision = decided.decision
    due = None if decision.due_at is None else reading.local(decision.due_at)
    coming = reading.local(decision.next_at)
    if decision.action is not Action.RUN or decided.run_id is None or decision.due_at is None:
        if decision.action is not Action.NOTHING:
            announcer.not_run(decision, run_id=decided.run_id)
        await tell_not_run(decided, reading, around)
        await note_schedule(decided, reading, around)
        return Told(
            decision=decision,
            exit_code=code_without_run(decision),
            due=due,
            coming=coming,
            until=None if decision.until is None else reading.local(decision.until),
            run_id=decided.run_id,
            error=decided.error,
        )
    announcer.due(decision, reading, decided.run_id)
    report: RunReport | None = None
    error: Exception | None = None
    try:
        report = await _run(decided.run_id, decision.due_at, decided, reading, around)
        code = ExitCode(report.exit_code)
    except RestartError as raised:
        announcer.refused(decided.run_id, raised)
        error, code = raised, exit_code_of_error(raised)
    except Exception as raised:  # noqa: BLE001 - a bug in one run must not end the nights that follow
        announcer.defect()
        error, code = raised, exit_code_of_error(raised)
    finally:
        if decided.lock is not None:
            decided.lock.release()
    if code not in _INTERRUPTED:
        # What was interrupted is resumed; before its run had begun, it is begun by the next process, if there is time.
        await _write_end(decided.run_id, code, reading, around, announcer)
    await note_schedule(decided, reading, around)
    return Told(
        decision=decision,
        exit_code=around.interruption.code if report is None and around.interruption.code is not None else code,
        due=due,
        coming=coming,
        run_id=decided.run_id,
        report=report,
        error=error,
    )


async def _run(run_id: str, due_at: datetime, decided: Decided, reading: Reading, around: Surroundings) -> RunReport:
    closes_at = decided.decision.closes_at if reading.schedule.window is not None else None
    occurrence = Occurrence(schedule=reading.identity.schedule, due_at=due_at, closes_at=closes_at)
    async with (
        telling(
            reading.config,
            environ=around.environ,
            rehearsal=around.rehearsal,
            interruption=around.interruption,
            state_dir=around.state_dir,
        ) as told,
        open_session(
            reading.config,
            environ=around.environ,
            rehearsal=around.rehearsal,
            run_id=run_id,
            state_dir=around.state_dir,
        ) as session,
    ):
        around.on_session(session)
        told.began(run_id=run_id, log=session.log)
        report = await run_in(
            session,
            reading.config,
            rehearsal=around.rehearsal,
            environ=around.environ,
            interruption=around.interruption,
            state_dir=around.state_dir,
            wait_lock=around.wait_lock,
            occurrence=occurrence,
            window_ends=_on_clock_of(session, closes_at),
        )
        await told.ended(report)
        return report


def _on_clock_of(session: Session, instant: datetime | None) -> float | None:
    """Return an instant on a session's monotonic clock."""
    if instant is None:
        return None
    return session.clock.monotonic() + (instant - session.clock.now()).total_seconds()


async def resume_all(reading: Reading, around: Surroundings, announcer: Announcer) -> list[Told]:
    """Resume the file's scheduled runs that were cut off, and begin nothing new in them."""
    with opened_journal(around.state_dir, around.environ, around.rehearsal, around.clock) as store:
        cut_off = Occurrences(store, reading.identity).interrupted_runs()
    told = []
    for run_id in cut_off:
        if around.interruption.code is not None:
            break
        announcer.resumes(run_id)
        try:
            with opened_journal(around.state_dir, around.environ, around.rehearsal, around.clock) as store:
                await Occurrences(store, reading.identity).resume(run_id)
            report = await _resume(run_id, around)
        except RestartError as error:
            announcer.not_resumed(run_id, error)
            continue
        except Exception:  # noqa: BLE001 - a bug in one run must not end the nights that follow
            announcer.defect()
            continue
        code = ExitCode(report.exit_code)
        if code not in _INTERRUPTED:
            await _write_end(run_id, code, reading, around, announcer)
        told.append(Told(decision=None, exit_code=code, run_id=run_id, report=report))
        around.on_told(told[-1])
    return told


async def _resume(run_id: str, around: Surroundings) -> RunReport:
    async with open_interrupted(
        run_id,
        GoingOn(begin_new=False),
        rehearsal=around.rehearsal,
        environ=around.environ,
        state_dir=around.state_dir,
    ) as interrupted:
        around.on_session(interrupted.session)
        return await interrupted.resume(around.interruption)


async def _write_end(run_id: str, code: ExitCode, reading: Reading, around: Surroundings, announcer: Announcer) -> None:
    try:
        with opened_journal(around.state_dir, around.environ, around.rehearsal, around.clock) as store:
            await Occurrences(store, reading.identity).end(run_id, exit_code=code)
    except JournalError as error:
        announcer.undecided(error)
