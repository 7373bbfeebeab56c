"""`Hint`: what a reading of a whole project suggests, compared with the last look."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.observations import Hint, Observation
from tests.support.builders import (
    ENVIRONMENT,
    NOON,
    execution,
    observe,
    status,
)
from tests.support.stories import TARGETS
from tests.support.strategies import STATES


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def hint(state: str | None, number: int | str | None = 42) -> Hint:
    return Hint(environment_id=ENVIRONMENT, state=state, execution_id=execution(number))


IDLE = observe(*(status(one, "RESTARTED", 41) for one in TARGETS), state="RESTARTED", last=41)


QUEUED = observe(*(status(one, "RESTART_QUEUED", 41) for one in TARGETS), state="RESTART_QUEUED", last=41)


AT_WORK = observe(*(status(one, "RESTARTING", 42) for one in TARGETS), state="RESTARTING", last=42)


NAMELESS = observe(*(status(one, "RESTARTED", None) for one in TARGETS), state="RESTARTED")


@pytest.mark.parametrize(
    ("seen", "since", "suggests"),
    [
        pytest.param(hint("RESTARTED", 41), IDLE, False, id="idle as before"),
        pytest.param(hint("RESTARTED", 42), IDLE, True, id="it has run meanwhile"),
        pytest.param(hint("RESTARTED", 40), IDLE, True, id="another run than before, be it older"),
        pytest.param(hint("RESTARTED", None), IDLE, True, id="idle, and it does not say by which run"),
        pytest.param(hint("RESTARTED", 41), NAMELESS, True, id="before it was not known by which"),
        pytest.param(hint("RESTARTED", None), NAMELESS, True, id="neither then nor now"),
        pytest.param(hint("RESTARTING", 42), IDLE, False, id="at work: it has not ended"),
        pytest.param(hint("RESTART_QUEUED", 41), IDLE, False, id="waiting: it has not begun"),
        pytest.param(hint("CANCELING", 42), AT_WORK, False, id="being cancelled: it has not ended"),
        pytest.param(hint("RESTARTING", 42), AT_WORK, False, id="at work as before"),
        pytest.param(hint("RESTARTED", 42), AT_WORK, True, id="it has ended"),
        pytest.param(hint("RESTART_ERROR", 42), AT_WORK, True, id="it has failed"),
        pytest.param(hint("RESTARTED", 41), QUEUED, True, id="it waited, and does no more"),
        pytest.param(hint(None, 41), IDLE, False, id="no state, the run as before"),
        pytest.param(hint(None, 42), IDLE, True, id="no state, and another run"),
        pytest.param(hint(None, 42), AT_WORK, True, id="no state where it was at work"),
        pytest.param(hint("HIBERNATING", 41), IDLE, False, id="a state that nobody knows, the run as before"),
        pytest.param(hint("HIBERNATING", 42), IDLE, True, id="a state that nobody knows, and another run"),
    ],
)
def test_a_glance_suggests_a_closer_look_where_something_may_have_ended(
    seen: Hint, since: Observation, suggests: bool
) -> None:
    assert seen.suggests_change(since) is suggests


@pytest.mark.parametrize(
    ("seen", "since", "at_work"),
    [
        pytest.param(hint("RESTARTING", 42), IDLE, True, id="a run that had not begun"),
        pytest.param(hint("RESTARTING", 42), AT_WORK, True, id="the run that was at work"),
        pytest.param(hint("RESTARTING", 42), QUEUED, True, id="the run that was waited for"),
        pytest.param(hint("RESTARTING", 41), IDLE, False, id="the run that had ended"),
        pytest.param(hint("RESTARTING", None), IDLE, False, id="at work, and it does not say by which run"),
        pytest.param(hint("RESTARTED", 42), IDLE, False, id="ended"),
        pytest.param(hint(None, 42), IDLE, False, id="no state"),
        pytest.param(hint("HIBERNATING", 42), IDLE, False, id="a state that nobody knows"),
    ],
)
def test_a_glance_shows_a_new_run_at_work_where_it_is_not_the_one_that_had_ended(
    seen: Hint, since: Observation, at_work: bool
) -> None:
    assert seen.shows_a_new_run_at_work(since) is at_work


@given(state=st.none() | STATES, number=st.sampled_from([40, 41, 42, None]), since=st.sampled_from([IDLE, AT_WORK]))
def test_what_is_at_work_is_not_worth_a_closer_look(state: str | None, number: int | None, since: Observation) -> None:
    seen = hint(state, number)
    assert not (seen.shows_a_new_run_at_work(since) and seen.suggests_change(since))
