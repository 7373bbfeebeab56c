"""What the journal remembers of past runs. Reads alone: it needs no permission to write, and waits for nobody."""

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

from orchestrator.domain.history import PastRestart, PastRun, RunState
from orchestrator.domain.outcomes import Outcome
from orchestrator.errors import UsageError
from orchestrator.journal import codec
from orchestrator.journal.codec import RunRow
from orchestrator.journal.database import COLUMNS, FILE_NAME, Database
from orchestrator.journal.store import Store
from orchestrator.machine import Machine
from orchestrator.ports import Clock
from orchestrator.text import fold, printable

_RUN = ", ".join(f"runs.{name}" for name in sorted(COLUMNS["runs"] - {"config", "report"})) + ", '' AS config"
"""A run without its documents, which may be large."""
SHOWN_NAMES = 5
_KNOWN = {outcome.value: outcome for outcome in Outcome}


def open_to_read(folder: Path, *, clock: Clock, named: bool = False) -> Store | None:
    """Open the journal without writing to it; None if there is none. One of an older version is migrated first.

    Raises:
        JournalError: it cannot be read.
    """
    if not (folder / FILE_NAME).exists():
        return None
    database = Database(folder, read_only=True)
    if database.is_outdated:
        database.close()
        database = Database(folder)
    return Store(database, folder=folder, clock=clock, machine=Machine.here(), named=named)


def past_runs(store: Store, *, since: datetime) -> list[PastRun]:
    """Return the runs that began since then, the latest first."""
    outcomes: dict[str, dict[Outcome | None, int]] = {}
    # Parsed by SQLite: the results of a large fleet are mostly evidence.
    counted = store.database.read(
        "SELECT run_id, result IS NULL AS open, "
        "CASE WHEN json_valid(result) THEN json_extract(result, '$.outcome') END AS outcome, count(*) AS number "
        "FROM environments GROUP BY 1, 2, 3"
    )
    for row in counted:
        if not row["open"] and row["outcome"] not in _KNOWN:
            raise codec.damaged(f"a result of the run {row['run_id']} cannot be read")
        key = None if row["open"] else _KNOWN[row["outcome"]]
        outcomes.setdefault(str(row["run_id"]), {})[key] = row["number"]
    return [_past_run(store, row, outcomes.get(row.run_id, {})) for row in _rows(store, since)]


def _past_run(store: Store, row: RunRow, counts: Mapping[Outcome | None, int]) -> PastRun:
    state = state_of(store, row)
    return PastRun(
        run_id=row.run_id,
        parent_id=row.parent_id,
        source=row.source,
        started_at=row.started_at,
        ended_at=row.ended_at,
        state=state,
        outcome=row.outcome,
        exit_code=row.exit_code,
        duration_s=round(store.elapsed(row) if state is RunState.IN_PROGRESS else row.elapsed, 1),
        outcomes={outcome: number for outcome, number in counts.items() if outcome is not None},
        open=counts.get(None, 0),
        resume=store.resume_command(row.run_id) if state is RunState.INTERRUPTED else None,
        started_by=_starter(row.beginning),
    )


def _starter(beginning: str | None) -> str | None:
    """Return what started a run, as a code; None if that cannot be read, since nothing depends on it."""
    try:
        trigger = json.loads(beginning or "{}")["started_by"]["trigger"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return trigger if isinstance(trigger, str) else None


def _rows(store: Store, since: datetime) -> list[RunRow]:
    # Compared as instants, not as texts: whoever wrote them may have had another zone.
    rows = (codec.run_of(dict(row)) for row in store.database.read(f"SELECT {_RUN} FROM runs"))  # noqa: S608 - constants
    return sorted(
        (row for row in rows if row.started_at >= since), key=lambda row: (row.started_at, row.run_id), reverse=True
    )


def state_of(store: Store, row: RunRow) -> RunState:
    """Return how far a run has come."""
    if row.ended_at is not None:
        return RunState.ENDED
    return RunState.IN_PROGRESS if store.is_at_work(row) else RunState.INTERRUPTED


def past_restarts(store: Store, environment_ids: Collection[str], *, since: datetime) -> list[PastRestart]:
    """Return what the runs that began since then did in an environment with one of these ids, the latest first."""
    rows = {row.run_id: row for row in _rows(store, since)}
    query = "SELECT run_id, name, environment_id, result FROM environments WHERE environment_id = ?"
    found = [each for environment_id in environment_ids for each in store.database.read(query, environment_id)]
    past = []
    for each in found:
        if (row := rows.get(each["run_id"])) is None:
            continue
        state, result = state_of(store, row), None
        if each["result"] is not None:
            state, result = RunState.ENDED, codec.result_of(each["result"])
        past.append(
            PastRestart(
                run_id=row.run_id,
                source=row.source,
                name=str(each["name"]),
                environment_id=str(each["environment_id"]),
                started_at=row.started_at,
                state=state,
                result=result,
                resume=store.resume_command(row.run_id) if state is RunState.INTERRUPTED else None,
            )
        )
    return sorted(past, key=lambda restart: (restart.started_at, restart.run_id), reverse=True)


def latest_start(store: Store, environment_ids: Collection[str] = ()) -> datetime | None:
    """Return when the latest run began, or the latest that had one of these environments; None if there is none."""
    rows = {row.run_id: row.started_at for row in _rows(store, datetime.min.replace(tzinfo=UTC))}
    if environment_ids:
        query = "SELECT run_id FROM environments WHERE environment_id = ?"
        having = {row["run_id"] for each in environment_ids for row in store.database.read(query, each)}
        rows = {run_id: started_at for run_id, started_at in rows.items() if run_id in having}
    return max(rows.values(), default=None)


def environments_called(store: Store, asked: str) -> frozenset[str]:
    """Return the ids of the environment that a user means: by its id, its path, or what a file calls it.

    An environment that was deleted and created again under its path, or its name in one file, has several.

    Raises:
        UsageError: no run had it, or several files mean different environments by the name.
    """
    rows = store.database.read(
        "SELECT DISTINCT name, environment_id, source FROM environments JOIN runs USING (run_id) ORDER BY name"
    )
    key, asked_id = fold(asked), asked.strip().casefold()
    if any(row["environment_id"] == asked_id for row in rows):
        return frozenset({asked_id})
    meant: dict[str | None, set[str]] = {}
    for row in rows:
        if fold(str(row["name"])) == key:
            meant.setdefault(row["source"], set()).add(str(row["environment_id"]))
    ids = frozenset().union(*meant.values())
    if len(meant) > 1 and any(each != ids for each in meant.values()):
        listed = "; ".join(
            f"{', '.join(sorted(each))} in {source or 'runs without a file'}" for source, each in meant.items()
        )
        raise UsageError(f"Several files call an environment {printable(asked)}: {printable(listed)}. Give its id.")
    if not ids and "/" in asked:
        ids = frozenset(_by_path(store, key))
    if not ids:
        raise UsageError(f"{store.database} has no environment {printable(asked)}. {_instead_of(key, rows)}")
    return ids


def _instead_of(key: str, rows: Sequence[sqlite3.Row]) -> str:
    """Return a hint for somebody who asked for an environment that no run had."""
    names = {fold(str(row["name"])): printable(str(row["name"])) for row in rows}
    if close := get_close_matches(key, names, n=3, cutoff=0.6):
        return f"Did you mean {' or '.join(names[each] for each in close)}?"
    if not names:
        return "It has no run yet."
    more = len(names) - SHOWN_NAMES
    return f"It has {', '.join([*names.values()][:SHOWN_NAMES])}{f', and {more} more' if more > 0 else ''}."


def _by_path(store: Store, path: str) -> Iterator[str]:
    """Yield the ids of the environments that the files of past runs name by a path, which is given folded."""
    names_in: dict[str, set[str]] = {}
    for row in store.database.read("SELECT run_id, config FROM runs"):
        text = row["config"]
        if text not in names_in:
            names_in[text] = set(_named_by_path(text, path))
        for name in names_in[text]:
            query = "SELECT environment_id FROM environments WHERE run_id = ? AND name = ?"
            yield from (str(each["environment_id"]) for each in store.database.read(query, row["run_id"], name))


def _named_by_path(config: object, path: str) -> Iterator[str]:
    try:
        document = json.loads(str(config))
    except (ValueError, RecursionError):
        raise codec.damaged("the configuration of a run cannot be read") from None
    listed = document.get("environments", ()) if isinstance(document, dict) else ()
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, dict) and fold(str(each.get("path", ""))) == path:
            yield str(each.get("name"))
