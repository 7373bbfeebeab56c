"""What past runs amount to."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from orchestrator.domain.history import (
    PastRestart,
    PastRun,
    RunState,
    figures_of_restarts,
    figures_of_runs,
    percentile,
)
from orchestrator.domain.outcomes import EnvironmentResult, Outcome, Reason
from tests.support.builders import ENVIRONMENT, NOON, ended


def a_run(outcome: str | None = "succeeded", *, seconds: float = 60.0, ended_at: datetime | None = NOON) -> PastRun:
    return PastRun(
        run_id="r",
        parent_id=None,
        source="nightly.yaml",
        started_at=NOON,
        ended_at=ended_at,
        state=RunState.INTERRUPTED if ended_at is None else RunState.ENDED,
        outcome=outcome,
        exit_code=0,
        duration_s=seconds,
        outcomes={Outcome.SUCCEEDED: 2, Outcome.FAILED: 1},
        open=3,
        resume=None,
    )


def a_restart(result: EnvironmentResult | None) -> PastRestart:
    return PastRestart(
        run_id="r",
        source=None,
        name="production",
        environment_id=ENVIRONMENT,
        started_at=NOON,
        state=RunState.ENDED,
        result=result,
        resume=None,
    )


def test_a_run_has_all_its_environments_ended_or_not() -> None:
    assert a_run().environments == 6


@pytest.mark.parametrize(
    ("run", "succeeded"),
    [
        pytest.param(a_run(), True, id="succeeded"),
        pytest.param(a_run("failed"), False, id="failed"),
        pytest.param(a_run("abandoned"), False, id="abandoned"),
        pytest.param(a_run("interrupted", ended_at=None), None, id="interrupted"),
    ],
)
def test_only_a_run_that_has_ended_succeeded_or_did_not(run: PastRun, succeeded: bool | None) -> None:
    assert run.succeeded is succeeded


@pytest.mark.parametrize(
    ("result", "succeeded"),
    [
        pytest.param(ended(), True, id="succeeded"),
        pytest.param(ended(Outcome.BLOCKED, Reason.BUSY), False, id="blocked"),
        pytest.param(ended(Outcome.SKIPPED, Reason.HALTED), None, id="skipped"),
        pytest.param(None, None, id="not ended"),
    ],
)
def test_what_was_skipped_or_has_not_ended_says_nothing(
    result: EnvironmentResult | None, succeeded: bool | None
) -> None:
    assert a_restart(result).succeeded is succeeded


def test_durations_are_those_of_successes_and_the_rate_that_of_what_has_ended() -> None:
    late = NOON + timedelta(hours=1)
    figures = figures_of_runs(
        [
            a_run(seconds=10.0),
            a_run(seconds=30.0, ended_at=late),
            a_run("failed", seconds=9999.0, ended_at=late + timedelta(hours=1)),
            a_run(None, ended_at=None),
        ]
    )
    assert (figures.total, figures.decided, figures.succeeded) == (4, 3, 2)
    assert figures.success_rate == pytest.approx(2 / 3)
    assert (figures.median_s, figures.p95_s, figures.last_success_at) == (20.0, 30.0, late)


def test_of_nothing_nothing_is_said() -> None:
    figures = figures_of_runs([])
    assert (figures.success_rate, figures.median_s, figures.p95_s, figures.last_success_at) == (None, None, None, None)


def test_a_restart_without_a_duration_counts_and_has_none() -> None:
    timed = replace(ended(), duration_s=12.0, settled_at=NOON)
    figures = figures_of_restarts([a_restart(ended()), a_restart(timed), a_restart(None)])
    assert (figures.total, figures.decided, figures.succeeded) == (3, 2, 2)
    assert (figures.median_s, figures.last_success_at) == (12.0, NOON)


@pytest.mark.parametrize(("percent", "value"), [(0, 1.0), (5, 1.0), (50, 10.0), (95, 19.0), (96, 20.0), (100, 20.0)])
def test_a_percentile_is_the_nearest_rank(percent: int, value: float) -> None:
    assert percentile([float(number) for number in range(1, 21)], percent) == value
