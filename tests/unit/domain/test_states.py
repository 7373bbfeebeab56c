import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.states import NOT_RUNNING, RESTART_IN_PROGRESS, STATES_BY_CLASS, State, StateClass, classify

PUBLISHED = {
    StateClass.SUCCESS: "RESTARTED",
    StateClass.IN_PROGRESS: "RESTART_QUEUED RESTARTING QUEUED WAITING_RUNNING WAITING_RESTARTING WAITING_STOPPING "
    "WAITING_DELETING DEPLOYMENT_QUEUED STOP_QUEUED DELETE_QUEUED BUILDING DEPLOYING STOPPING DELETING CANCELING "
    "EXECUTING",
    StateClass.FAILURE: "RESTART_ERROR BUILD_ERROR DEPLOYMENT_ERROR STOP_ERROR DELETE_ERROR CANCELED",
    StateClass.ENDED_OTHERWISE: "DEPLOYED STOPPED DELETED READY",
    StateClass.UNKNOWN: "UNAVAILABLE RECAP",
}


@pytest.mark.parametrize(
    ("spelling", "state_class"),
    [
        pytest.param(spelling, state_class, id=spelling)
        for state_class, spellings in PUBLISHED.items()
        for spelling in spellings.split()
    ],
)
def test_every_published_state_means_what_the_vendor_says(spelling: str, state_class: StateClass) -> None:
    assert classify(spelling) is state_class
    assert State(spelling) in STATES_BY_CLASS[state_class]


def test_every_state_is_in_exactly_one_class() -> None:
    listed = [state for states in STATES_BY_CLASS.values() for state in states]
    assert sorted(listed) == sorted(State)
    assert set(STATES_BY_CLASS) == set(StateClass)


@given(st.text())
def test_a_state_that_nobody_has_listed_is_unknown(spelling: str) -> None:
    known = spelling in {state.value for state in State}
    assert known or classify(spelling) is StateClass.UNKNOWN


@pytest.mark.parametrize("spelling", ["", "restarted", "RESTARTED ", "Restarted"], ids=repr)
def test_a_state_that_is_only_spelled_like_success_is_unknown(spelling: str) -> None:
    assert classify(spelling) is StateClass.UNKNOWN


def test_what_a_restart_passes_through_is_in_progress() -> None:
    assert RESTART_IN_PROGRESS.issubset(STATES_BY_CLASS[StateClass.IN_PROGRESS])


def test_no_deployment_stop_or_deletion_looks_like_a_restart_in_progress() -> None:
    assert not [state for state in RESTART_IN_PROGRESS if state.startswith(("DEPLOY", "STOP", "DELET", "BUILD"))]


def test_what_does_not_run_has_ended() -> None:
    assert STATES_BY_CLASS[StateClass.ENDED_OTHERWISE] - {State.DEPLOYED} == NOT_RUNNING
