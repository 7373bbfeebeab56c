"""Past runs, from the journal alone: offline, without a token, and without the file that they were started with."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from orchestrator.clock import SystemClock
from orchestrator.domain.history import History, RunState, figures_of_restarts, figures_of_runs
from orchestrator.domain.outcomes import EnvironmentResult, ExitCode, Outcome, Reason, ServiceResult
from orchestrator.domain.records import InFlight, StoredEnvironment, StoredRun
from orchestrator.errors import UsageError
from orchestrator.journal import archive
from orchestrator.journal.codec import RunRow, damaged
from orchestrator.journal.environments import stored_environments
from orchestrator.journal.store import ABANDONED, Store, state_folder
from orchestrator.ports import Clock
from orchestrator.reports.model import RequestCounts, RunReport

LAST = "last"
"""The word for the run that started last."""


@contextmanager
def _opened(state_dir: Path | None, environ: Mapping[str, str], clock: Clock) -> Iterator[Store | None]:
    folder = state_folder(environ) if state_dir is None else state_dir
    store = archive.open_to_read(folder, clock=clock, named=state_dir is not None)
    try:
        yield store
    finally:
        if store is not None:
            store.database.close()


def history_of(
    environment: str | None,
    *,
    since: timedelta,
    limit: int,
    environ: Mapping[str, str],
    state_dir: Path | None = None,
    clock: Clock | None = None,
) -> History:
    """Return what the journal remembers of past runs, or of the restarts of one environment.

    Args:
        environment: its id, its path, or what a file calls it; None for whole runs.
        since: how far to look back.
        limit: how many to list; the figures are of all of them.
        environ: where the state directory is looked for.
        state_dir: where the journal is.
        clock: the source of time.

    Raises:
        UsageError: no run had that environment, or more than one is called so.
        JournalError: the journal cannot be read.
    """
    clock = clock or SystemClock()
    after = clock.now() - since
    with _opened(state_dir, environ, clock) as store:
        if store is None:
            if environment is not None:
                raise UsageError(f"There is no journal yet, so nothing is known of {environment}: nothing has run.")
            return History(since=after, figures=figures_of_runs(()))
        if environment is None:
            runs = archive.past_runs(store, since=after)
            return History(
                since=after,
                figures=figures_of_runs(runs),
                runs=runs[:limit],
                latest_before=None if runs else archive.latest_start(store),
            )
        environment_ids = archive.environments_called(store, environment)
        restarts = archive.past_restarts(store, environment_ids, since=after)
        return History(
            since=after,
            figures=figures_of_restarts(restarts),
            environments=tuple(sorted(environment_ids)),
            restarts=restarts[:limit],
            latest_before=None if restarts else archive.latest_start(store, environment_ids),
        )


def past_report(
    run: str, *, environ: Mapping[str, str], state_dir: Path | None = None, clock: Clock | None = None
) -> RunReport:
    """Return the report of a past run: the one that was written at its end, or as far as it has come.

    Args:
        run: its id, the beginning of it, or `last`.
        environ: where the state directory is looked for.
        state_dir: where the journal is.
        clock: the source of time.

    Raises:
        UsageError: there is no such run.
        JournalError: the journal cannot be read.
    """
    clock = clock or SystemClock()
    with _opened(state_dir, environ, clock) as store:
        if store is None:
            raise UsageError("There is no journal yet: nothing has run. Name another --state-dir if it is elsewhere.")
        stored = store.last_started() if run == LAST else store.find(run)
        row = store.row(stored.run_id)
        # A process that takes a run over clears its outcome: from then on the report that it has is of before.
        is_current = row.holder is None and row.outcome not in (None, ABANDONED)
        written = store.report(stored.run_id) if is_current else None
        return _put_together(store, stored, row) if written is None else _read(written)


def _read(written: str) -> RunReport:
    try:
        return RunReport.model_validate_json(written)
    except ValidationError as error:
        raise damaged(f"the report of a run cannot be read (problems found: {error.error_count()})") from None


def _put_together(store: Store, stored: StoredRun, row: RunRow) -> RunReport:
    """Return what is known of a run whose process has not written a report, or not yet."""
    state = archive.state_of(store, row)
    environments = stored_environments(store, stored.run_id, began=0.0)
    elapsed = store.elapsed(row) if state is RunState.IN_PROGRESS else row.elapsed
    ended_at = stored.ended_at or row.started_at + timedelta(seconds=elapsed)
    return RunReport.of(
        [each.result or _open_result(each, state) for each in environments],
        run_id=stored.run_id,
        parent_run_id=stored.parent_id,
        config=stored.source,
        lines={each.target.name: each.target.line for each in environments if each.target.line is not None},
        simulated=False,
        started_at=stored.started_at,
        ended_at=ended_at,
        duration_s=elapsed,
        requests=RequestCounts(total=stored.requests, submits=stored.submits),
        resume=store.resume_command(stored.run_id) if state is RunState.INTERRUPTED else None,
        errors=[_why_incomplete(store, row, state, ended_at)],
        exit_code=ExitCode.UNKNOWN,
    )


def _why_incomplete(store: Store, row: RunRow, state: RunState, until: datetime) -> str:
    if state is RunState.IN_PROGRESS:
        return f"The run has not ended: {store.where(row)}. This is how far it had come, as the journal has it."
    if row.outcome == ABANDONED:
        return (
            f"The run was abandoned at {until:%Y-%m-%d %H:%M:%S} UTC. This is how far it had come, as the journal has "
            "it; what it had submitted was left alone."
        )
    if state is RunState.ENDED:
        return "The journal has no report of this run: this is what it has of its environments."
    return (
        f"The process that worked on the run ended without a report, last seen at {row.beat_at:%Y-%m-%d %H:%M:%S} UTC. "
        "This is how far it had come, as the journal has it; with which exit code it ended is not known."
    )


def _open_result(each: StoredEnvironment, state: RunState) -> EnvironmentResult:
    """Return what is known of an environment that has not ended."""
    target, in_flight = each.target, each.in_flight
    if in_flight is None:
        so_far = "Not begun, or nothing submitted yet." if state is RunState.IN_PROGRESS else "Nothing was submitted."
        return EnvironmentResult.not_begun(target, Outcome.SKIPPED, Reason.INTERRUPTED, so_far)
    if in_flight.accepted:
        so_far = "The restart was accepted; how it ended is not in the journal."
    else:
        so_far = "The restart was about to be submitted; whether it was accepted is not in the journal."
    return EnvironmentResult(
        name=target.name,
        environment_id=target.environment_id,
        wave=target.wave,
        outcome=Outcome.UNKNOWN,
        reason=Reason.INTERRUPTED,
        message=so_far,
        services=tuple(_service(service.id, service.name, service.type, in_flight) for service in target.services),
        submitted_at=in_flight.intent.submitted_at,
        console_url=target.console_url,
        began_at=in_flight.intent.began_at,
        waits=in_flight.intent.waits,
        left_out=target.excluded,
    )


def _service(service_id: str, name: str, kind: str, in_flight: InFlight) -> ServiceResult:
    before = in_flight.intent.baseline.targets.get(service_id)
    state, execution = in_flight.sighting.states.get(service_id, (None, None))
    baseline = None if before is None else before.execution_id
    return ServiceResult(
        id=service_id,
        name=name,
        type=kind,
        outcome=Outcome.SKIPPED if service_id in in_flight.intent.left_out else Outcome.UNKNOWN,
        state=state,
        baseline_execution_id=baseline,
        execution_id=execution if execution != baseline else None,
        timeline=in_flight.sighting.timelines.get(service_id, ()),
    )
