"""How far each environment of a run has come, as the journal has it."""

import sqlite3
from dataclasses import replace

from orchestrator.domain.plan import Target
from orchestrator.domain.records import InFlight, Intent, StoredEnvironment
from orchestrator.journal import codec
from orchestrator.journal.store import Store


def stored_environments(store: Store, run_id: str, *, began: float) -> list[StoredEnvironment]:
    """Return every environment of a run with its progress so far, in the plan's order.

    Args:
        store: the journal.
        run_id: of the run.
        began: the instant of its start on the clock to which the instants are to refer.

    Raises:
        JournalError: something in it cannot be right.
    """
    rows = store.database.read("SELECT * FROM environments WHERE run_id = ? ORDER BY position", run_id)
    return [_environment(row, began) for row in rows]


def _environment(row: sqlite3.Row, began: float) -> StoredEnvironment:
    """Return an environment. Every page is found by its name, so that has to be the same everywhere."""
    target = codec.target_of(row["target"])
    result = None if row["result"] is None else codec.result_of(row["result"])
    called = {(row["name"], row["environment_id"]), (target.name, target.environment_id)}
    if len(called | ({(result.name, result.environment_id)} if result is not None else set())) > 1:
        raise codec.damaged(f"what it says of the environment {target.name} does not fit together")
    in_flight = _in_flight(row, began)
    if in_flight is not None and not _fits(in_flight.intent, target):
        raise codec.damaged(f"what it says of the restart of {target.name} does not fit its services")
    return StoredEnvironment(target=target, in_flight=in_flight, result=result)


def _in_flight(row: sqlite3.Row, began: float) -> InFlight | None:
    if row["intent"] is None:
        return None
    intent = codec.intent_of(row["intent"])
    return InFlight(
        intent=replace(intent, posted_at=began + intent.posted_at),
        accepted=codec.flag_of(row["accepted"]),
        found=codec.flag_of(row["found"]),
        request_ids=codec.ids_of(row["request_ids"]),
        sighting=codec.sighting_of(row["sighting"]),
    )


def _fits(intent: Intent, target: Target) -> bool:
    """Return whether the baseline of an intent is that of a target: of its environment, and of each of its services."""
    services = {service.id for service in target.services}
    of_baseline = intent.baseline.targets.keys()
    return (
        intent.baseline.environment_id == target.environment_id
        and of_baseline <= services <= of_baseline | intent.left_out
        and all(service_id == status.id for service_id, status in intent.baseline.targets.items())
    )
