"""Runs that have ended, for those who tell of them."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from orchestrator.domain.notices import RunEnd
from orchestrator.domain.outcomes import EnvironmentResult, Outcome, Reason, RunOutcome
from tests.support.builders import NOON

RUN_ID = "20261124-120000-5f3a1c"


def result_of(
    name: str, outcome: Outcome = Outcome.SUCCEEDED, message: str = "Every service restarted."
) -> EnvironmentResult:
    return EnvironmentResult(
        name=name,
        environment_id=f"id-of-{name}",
        wave=1,
        outcome=outcome,
        reason=Reason.RESTARTED if outcome is Outcome.SUCCEEDED else Reason.RESTART_ERROR,
        message=message,
        submitted_at=NOON + timedelta(seconds=1),
        settled_at=NOON + timedelta(seconds=61),
        duration_s=60.0,
        console_url=f"https://console.example.test/{name}",
    )


def end_of(*environments: EnvironmentResult, exit_code: int = 0, **more: object) -> RunEnd:
    """A run that ended as told; succeeded by default."""
    values: Mapping[str, Any] = {
        "run_id": RUN_ID,
        "config": "night.yaml",
        "outcome": RunOutcome.FAILED if exit_code else RunOutcome.SUCCEEDED,
        "exit_code": exit_code,
        "started_at": NOON,
        "ended_at": NOON + timedelta(seconds=62),
        "duration_s": 62.0,
        "requests": 9,
        "submits": 1,
        "environments": environments or (result_of("shop"),),
        "summary": "all of it\n",
        **more,
    }
    return RunEnd(**values)


def names(environments: Sequence[EnvironmentResult]) -> list[str]:
    return [each.name for each in environments]
