"""How long restarts and scheduled runs took: what the journal expects of the next one."""

from collections.abc import Iterable, Mapping
from statistics import median

from orchestrator.journal.store import Store

LATEST = 20
"""So many of the latest successes count: what was true a year ago says little of tonight."""


def expected_of_environments(store: Store, ids: Iterable[str], *, api_url: str) -> Mapping[str, float]:
    """Return the median duration of the latest successful restarts by environment, in seconds, verification included.

    Environments that have none are left out.
    """
    found = {}
    for environment_id in ids:
        rows = store.database.read(
            "SELECT json_extract(result, '$.duration_s') AS took FROM environments JOIN runs USING (run_id) "
            "WHERE environment_id = ? AND api_url = ? AND json_extract(result, '$.outcome') = 'succeeded' "
            "ORDER BY started_at DESC LIMIT ?",
            environment_id,
            api_url,
            LATEST,
        )
        durations = [float(row["took"]) for row in rows if row["took"] is not None]
        if durations:
            found[environment_id] = median(durations)
    return found


def expected_of_runs(store: Store, schedule: str) -> float | None:
    """Return the median duration of a schedule's latest successful runs, in seconds; None without any.

    Those that were cut off are left out: nobody worked on them for a while.
    """
    rows = store.database.read(
        "SELECT 86400.0 * (julianday(runs.ended_at) - julianday(runs.started_at)) AS took "
        "FROM occurrences JOIN runs USING (run_id) WHERE schedule = ? AND outcome = 'succeeded' "
        # The process that began it wrote its end, too.
        "AND occurrences.exit_code IS NOT NULL AND resumed_at IS NULL "
        "ORDER BY due_at DESC LIMIT ?",
        schedule,
        LATEST,
    )
    # The wall clock may have been set meanwhile.
    durations = [float(row["took"]) for row in rows if row["took"] is not None and row["took"] >= 0]
    return median(durations) if durations else None
