"""`judge`: a success that nobody saw running counts if the reading itself dates its run."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.observations import Baseline, Observation
from orchestrator.domain.outcomes import Reason
from orchestrator.domain.verdict import Doubt, Finding, judge
from tests.support.builders import (
    NOON,
    baseline_of,
    execution,
    observe,
    status,
)
from tests.support.dated import DATED_BASELINE, at, over
from tests.support.stories import TARGETS
from tests.support.strategies import STATES


def test_a_success_that_was_never_seen_running_is_settled_where_its_run_is_dated_after_the_baseline() -> None:
    verdict = judge(DATED_BASELINE, over(began=3.0))
    assert verdict.settled
    assert (verdict.finding, verdict.reason) == (Finding.SUCCEEDED, Reason.RESTARTED)
    assert {one.execution_id for one in verdict.services.values()} == {execution(42)}


IN_DOUBT = [
    pytest.param(DATED_BASELINE, over(began=None), Doubt.NEVER_SEEN_RUNNING, id="no date"),
    pytest.param(DATED_BASELINE, over(began=-1.0), Doubt.NEVER_SEEN_RUNNING, id="dated before the baseline"),
    pytest.param(baseline_of(*TARGETS), over(began=3.0), Doubt.NEVER_SEEN_RUNNING, id="the baseline has no date"),
    pytest.param(DATED_BASELINE, over(began=3.0, last=None), Doubt.NEVER_SEEN_RUNNING, id="of which run is not told"),
    pytest.param(DATED_BASELINE, over(began=3.0, last=43), Doubt.NEVER_SEEN_RUNNING, id="another run is dated"),
    pytest.param(
        DATED_BASELINE, over(began=3.0, last=43, number=43), Doubt.SEVERAL_EXECUTIONS, id="not the very next run"
    ),
]


@pytest.mark.parametrize(("baseline", "observation", "doubt"), IN_DOUBT)
def test_where_the_reading_does_not_date_its_run_after_the_baseline_the_history_is_asked(
    baseline: Baseline, observation: Observation, doubt: Doubt
) -> None:
    verdict = judge(baseline, observation)
    assert not verdict.settled
    assert verdict.doubt is doubt


def test_a_date_excuses_only_that_nobody_saw_it_running() -> None:
    assert judge(replace(DATED_BASELINE, origin="API"), replace(over(began=3.0), last_origin="CONSOLE")).doubt is (
        Doubt.ANOTHER_ORIGIN
    )
    assert judge(DATED_BASELINE, over(began=3.0, state="DEPLOYED")).doubt is Doubt.ENDED_OTHERWISE
    old = judge(DATED_BASELINE, over(began=3.0, last=41, number=41))
    assert (old.finding, old.doubt) == (Finding.UNPROVEN, None)
    mixed = observe(status("api", "RESTARTED", 42), status("web", "RESTARTED", 41), last=42, at=at(40))
    half = judge(DATED_BASELINE, replace(mixed, last_run_not_before=at(3)))
    assert (half.finding, half.doubt) == (Finding.IN_PROGRESS, Doubt.UNTOUCHED)


@given(
    state=STATES,
    number=st.sampled_from([40, 41, 42, 43]),
    last=st.none() | st.sampled_from([40, 41, 42, 43]),
    began=st.none() | st.floats(-100, 100),
    dated=st.booleans(),
)
def test_what_was_never_seen_running_is_settled_as_a_success_only_where_its_own_run_is_dated_after_the_baseline(
    state: str, number: int, last: int | None, began: float | None, dated: bool
) -> None:
    baseline = DATED_BASELINE if dated else baseline_of(*TARGETS)
    observation = over(began=began, last=last, number=number, state=state)
    verdict = judge(baseline, observation)
    if verdict.settled and verdict.finding is Finding.SUCCEEDED:
        assert dated
        assert began is not None
        assert at(began) >= NOON
        assert last == number == 42
        assert state == "RESTARTED"
