"""`activity`: what has happened to the targets since the baseline."""

import pytest
from hypothesis import given

from orchestrator.domain.activity import executions_at_work, shows_activity
from orchestrator.domain.observations import Observation
from tests.support.builders import all_in, baseline_of, observe, status
from tests.support.strategies import TARGETS, TONIGHT, observations

RUNNING_TONIGHT = frozenset({TONIGHT})
assert TONIGHT is not None
"""Our execution was seen in progress by an earlier reading."""


def test_an_execution_was_seen_in_progress_when_a_target_was_restarting_under_it() -> None:
    reading = observe(
        status("api", "RESTARTING", 42),
        status("web", "RESTART_QUEUED", 41),
        status("worker", "RESTARTING", None),
        status("stranger", "RESTARTING", 43),
    )
    assert executions_at_work(baseline_of("api", "web", "worker", "gone"), reading) == RUNNING_TONIGHT


@pytest.mark.parametrize(
    ("reading", "shown"),
    [
        pytest.param(all_in("RESTARTED", "api"), False, id="nothing but last night"),
        pytest.param(all_in("HIBERNATING", "api"), False, id="a state nobody knows"),
        pytest.param(all_in("DEPLOYED", "api", number=None), False, id="no execution"),
        pytest.param(observe(status("stranger", "DEPLOYING", 42)), False, id="a stranger at work, the target gone"),
        pytest.param(all_in("RESTART_QUEUED", "api"), True, id="queued"),
        pytest.param(all_in("DEPLOYED", "api", number=42), True, id="a new execution"),
    ],
)
def test_activity_is_what_a_target_did_not_show_at_the_baseline(reading: Observation, shown: bool) -> None:
    assert shows_activity(baseline_of("api"), reading) is shown


@given(observations())
def test_only_new_executions_are_ever_seen_in_progress(reading: Observation) -> None:
    baseline = baseline_of(*TARGETS)
    assert all(baseline.is_new(one) for one in executions_at_work(baseline, reading))
