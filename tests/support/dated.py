"""Readings and baselines that are dated in seconds from noon, by the platform's own clock."""

from dataclasses import replace
from datetime import datetime, timedelta

from orchestrator.domain.observations import Observation
from tests.support.builders import NOON, all_in, baseline_of, execution
from tests.support.stories import TARGETS

DATED_BASELINE = baseline_of(*TARGETS, at=NOON)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def over(
    *, began: float | None, last: int | None = 42, number: int = 42, state: str = "RESTARTED", read: float = 40.0
) -> Observation:
    """Both targets have ended; the reading says when their run began at the earliest."""
    reading = replace(all_in(state, *TARGETS, number=number, at=at(read)), last_execution_id=execution(last))
    return replace(reading, last_run_not_before=None if began is None else at(began))
