"""`judge`: what the statuses alone prove. Each trap that the API or another client has shown is a test of its own."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.activity import executions_at_work
from orchestrator.domain.observations import Baseline, Observation, execution_number
from orchestrator.domain.outcomes import Reason
from orchestrator.domain.states import State, StateClass, classify
from orchestrator.domain.verdict import Doubt, Finding, judge
from tests.support.builders import ENVIRONMENT, LAST_NIGHT, all_in, baseline_of, execution, observe, status
from tests.support.strategies import STATES, STRANGERS, TARGETS, TONIGHT, observations

assert TONIGHT is not None
RUNNING_TONIGHT = frozenset({TONIGHT})
"""Our execution was seen in progress by an earlier reading."""
SEEN = st.sets(st.sampled_from([execution(number) or "" for number in (40, 41, 42, 43)])).map(frozenset)


# What the API does to whoever reads it in good faith.


def test_last_nights_restarted_is_not_tonights() -> None:
    verdict = judge(baseline_of("api", "web"), all_in("RESTARTED", "api", "web"), seen_running=RUNNING_TONIGHT)
    assert (verdict.finding, verdict.doubt) == (Finding.UNPROVEN, None)


def test_every_service_restarted_under_a_new_execution_is_a_success() -> None:
    reading = all_in("RESTARTED", "api", "web", number=42)
    verdict = judge(baseline_of("api", "web"), reading, seen_running=RUNNING_TONIGHT)
    assert verdict.settled
    assert (verdict.finding, verdict.reason) == (Finding.SUCCEEDED, Reason.RESTARTED)
    assert [service.execution_id for service in verdict.services.values()] == [execution(42)] * 2


def test_a_restart_that_was_never_seen_in_progress_is_looked_up_first() -> None:
    verdict = judge(baseline_of("api"), all_in("RESTARTED", "api", number=42))
    assert not verdict.settled
    assert verdict.doubt is Doubt.NEVER_SEEN_RUNNING


def test_a_restart_under_a_missing_execution_is_looked_up_first() -> None:
    verdict = judge(baseline_of("api"), all_in("RESTARTED", "api", number=None), seen_running=RUNNING_TONIGHT)
    assert (verdict.finding, verdict.doubt) == (Finding.UNPROVEN, Doubt.EXECUTION_MISSING)


def test_a_restart_under_an_execution_that_cannot_be_ordered_is_looked_up_first() -> None:
    seen = frozenset({"run-b"})
    verdict = judge(baseline_of("api"), all_in("RESTARTED", "api", number="run-b"), seen_running=seen)
    assert (verdict.finding, verdict.doubt) == (Finding.UNPROVEN, Doubt.EXECUTION_UNORDERED)


def test_a_restart_older_than_the_baseline_is_a_stale_cache_and_no_success() -> None:
    verdict = judge(baseline_of("api"), all_in("RESTARTED", "api", number=40), seen_running=RUNNING_TONIGHT)
    assert verdict.finding is Finding.UNPROVEN


def test_a_request_that_waits_under_its_old_execution_is_in_progress() -> None:
    verdict = judge(baseline_of("api"), all_in("RESTART_QUEUED", "api"))
    assert (verdict.finding, verdict.doubt) == (Finding.IN_PROGRESS, None)


def test_being_seen_queued_does_not_make_a_later_deployment_ours() -> None:
    baseline = baseline_of("api")
    assert executions_at_work(baseline, all_in("RESTART_QUEUED", "api")) == frozenset()
    verdict = judge(baseline, all_in("DEPLOYED", "api", number=42), seen_running=RUNNING_TONIGHT)
    assert (verdict.finding, verdict.doubt) == (Finding.UNPROVEN, Doubt.ENDED_OTHERWISE)


def test_somebodys_deployment_is_not_seen_as_our_restart_in_progress() -> None:
    assert executions_at_work(baseline_of("api"), all_in("DEPLOYING", "api", number=42)) == frozenset()


def test_a_restarted_that_a_further_request_waits_behind_is_not_final() -> None:
    reading = observe(status("api", "RESTARTED", 42, waiting=1))
    verdict = judge(baseline_of("api"), reading, seen_running=RUNNING_TONIGHT)
    assert (verdict.finding, verdict.doubt) == (Finding.IN_PROGRESS, Doubt.OVERTAKEN)


def test_a_deployment_under_a_newer_execution_may_have_overtaken_ours() -> None:
    reading = observe(status("api", "DEPLOYING", 43), status("web", "DEPLOYMENT_QUEUED", 42))
    verdict = judge(baseline_of("api", "web"), reading, seen_running=RUNNING_TONIGHT)
    assert (verdict.finding, verdict.doubt) == (Finding.IN_PROGRESS, Doubt.OVERTAKEN)


def test_a_deployment_under_the_old_execution_is_one_that_we_wait_behind() -> None:
    verdict = judge(baseline_of("api"), all_in("DEPLOYING", "api"))
    assert (verdict.finding, verdict.doubt) == (Finding.IN_PROGRESS, None)


RECORDED = [
    pytest.param(10, 0, 0, Finding.IN_PROGRESS, id="1.9 s, ten queued"),
    pytest.param(3, 7, 0, Finding.IN_PROGRESS, id="8.1 s, seven at a time"),
    pytest.param(3, 0, 7, Finding.IN_PROGRESS, id="20.8 s, seven done and three queued"),
    pytest.param(0, 3, 7, Finding.IN_PROGRESS, id="the last three at it"),
    pytest.param(0, 0, 10, Finding.SUCCEEDED, id="31.3 s, all ten done"),
]


@pytest.mark.parametrize(("waiting", "running", "done", "finding"), RECORDED)
def test_the_recorded_restart_of_ten_succeeds_when_the_tenth_is_done(
    waiting: int, running: int, done: int, finding: Finding
) -> None:
    ids = [f"container-{number}" for number in range(10)]
    states = ["RESTART_QUEUED"] * waiting + ["RESTARTING"] * running + ["RESTARTED"] * done
    reading = observe(*(status(one, state, 42) for one, state in zip(ids, states, strict=True)))
    assert judge(baseline_of(*ids), reading, seen_running=RUNNING_TONIGHT).finding is finding


def test_one_service_of_ten_that_never_ran_is_no_success_though_the_environment_says_restarted() -> None:
    ids = [f"container-{number}" for number in range(10)]
    ran = [status(one, "RESTARTED", 42) for one in ids[1:]]
    reading = observe(status(ids[0], "RESTARTED", 41), *ran, state="RESTARTED", last=42)
    verdict = judge(baseline_of(*ids), reading, seen_running=RUNNING_TONIGHT)
    assert (verdict.finding, verdict.doubt) == (Finding.IN_PROGRESS, Doubt.UNTOUCHED)


MIXTURES = [
    pytest.param("RESTARTED RESTART_ERROR CANCELED", Finding.FAILED, Reason.RESTART_ERROR, id="a failure and its wake"),
    pytest.param("RESTART_ERROR CANCELED CANCELED", Finding.FAILED, Reason.RESTART_ERROR, id="the very first failed"),
    pytest.param("RESTARTED RESTARTED CANCELED", Finding.CANCELLED, Reason.RUN_CANCELLED, id="cancelled half-way"),
    pytest.param("CANCELED CANCELED CANCELED", Finding.CANCELLED, Reason.RUN_CANCELLED, id="cancelled at once"),
    pytest.param("RESTARTED RESTARTED RESTART_ERROR", Finding.FAILED, Reason.RESTART_ERROR, id="the last failed"),
    pytest.param("RESTARTED RESTARTED RESTARTED", Finding.SUCCEEDED, Reason.RESTARTED, id="none failed"),
]


@pytest.mark.parametrize(("states", "finding", "reason"), MIXTURES)
def test_a_mixture_is_as_good_as_the_worst_that_explains_it(states: str, finding: Finding, reason: Reason) -> None:
    ids = ("api", "web", "worker")
    reading = observe(*(status(one, state, 42) for one, state in zip(ids, states.split(), strict=True)))
    verdict = judge(baseline_of(*ids), reading, seen_running=RUNNING_TONIGHT)
    assert verdict.settled
    assert (verdict.finding, verdict.reason) == (finding, reason)


@pytest.mark.parametrize("state", ["RESTART_ERROR", "CANCELED"])
def test_what_went_wrong_under_several_executions_is_looked_up_first(state: str) -> None:
    reading = observe(status("api", "RESTARTED", 42), status("web", state, 43))
    verdict = judge(baseline_of("api", "web"), reading, seen_running=RUNNING_TONIGHT)
    assert not verdict.settled
    assert verdict.doubt is Doubt.SEVERAL_EXECUTIONS


def test_a_failure_is_not_settled_while_another_service_is_still_at_it() -> None:
    reading = observe(status("api", "RESTART_ERROR", 42), status("web", "RESTARTING", 42))
    verdict = judge(baseline_of("api", "web"), reading)
    assert verdict.finding is Finding.IN_PROGRESS
    assert verdict.services["api"].finding is Finding.FAILED


def test_a_doubt_about_one_service_is_named_while_another_is_in_progress() -> None:
    reading = observe(status("api", "DEPLOYED", 42), status("web", "RESTARTING", 42))
    verdict = judge(baseline_of("api", "web"), reading)
    assert (verdict.finding, verdict.doubt) == (Finding.IN_PROGRESS, Doubt.ENDED_OTHERWISE)


def test_a_target_that_disappeared_is_a_doubt_and_no_crash() -> None:
    reading = all_in("RESTARTED", "api", number=42)
    verdict = judge(baseline_of("api", "web"), reading, seen_running=RUNNING_TONIGHT)
    assert (verdict.finding, verdict.doubt) == (Finding.UNPROVEN, Doubt.DISAPPEARED)


# What other clients get wrong.


@pytest.mark.parametrize("state", ["CANCELED", "STOPPED"])
def test_cancelled_or_stopped_is_no_success(state: str) -> None:
    verdict = judge(baseline_of("api"), all_in(state, "api", number=42), seen_running=RUNNING_TONIGHT)
    assert verdict.finding is not Finding.SUCCEEDED


def test_no_final_state_but_restarted_passes() -> None:
    baseline = baseline_of("api")
    passing = {
        state
        for state in State
        if judge(baseline, all_in(state, "api", number=42), seen_running=RUNNING_TONIGHT).finding is Finding.SUCCEEDED
    }
    assert passing == {State.RESTARTED}


def test_a_failed_service_that_is_none_of_ours_does_not_fail_us() -> None:
    reading = observe(status("api", "RESTARTED", 42), status("job", "DEPLOYMENT_ERROR", 42), state="DEPLOYMENT_ERROR")
    assert judge(baseline_of("api"), reading, seen_running=RUNNING_TONIGHT).finding is Finding.SUCCEEDED


def test_no_targets_prove_nothing() -> None:
    baseline = Baseline.of(all_in("RESTARTED", "api"), [])
    verdict = judge(baseline, all_in("RESTARTED", "api", number=42), seen_running=RUNNING_TONIGHT)
    assert verdict.finding is not Finding.SUCCEEDED


@pytest.mark.parametrize("state", ["UNAVAILABLE", "RECAP", "HIBERNATING", "", "restarted"], ids=repr)
@pytest.mark.parametrize("number", [LAST_NIGHT, 42, None, "run-a"])
def test_an_unknown_state_is_looked_at_again(state: str, number: int | str | None) -> None:
    verdict = judge(baseline_of("api"), all_in(state, "api", number=number))
    assert (verdict.finding, verdict.doubt) == (Finding.IN_PROGRESS, None)


@pytest.mark.parametrize("state", State)
def test_under_the_old_execution_no_state_says_more_than_that_something_is_going_on(state: State) -> None:
    verdict = judge(baseline_of("api"), all_in(state, "api"), seen_running=RUNNING_TONIGHT)
    going_on = classify(state) in (StateClass.IN_PROGRESS, StateClass.UNKNOWN)
    assert verdict.finding is (Finding.IN_PROGRESS if going_on else Finding.UNPROVEN)
    assert verdict.doubt is None


FINAL = {
    State.RESTARTED: (Finding.SUCCEEDED, None),
    State.RESTART_ERROR: (Finding.FAILED, None),
    State.CANCELED: (Finding.CANCELLED, None),
}


@pytest.mark.parametrize("state", State)
def test_under_a_new_execution_every_state_has_its_meaning(state: State) -> None:
    verdict = judge(baseline_of("api"), all_in(state, "api", number=42), seen_running=RUNNING_TONIGHT)
    match classify(state):
        case StateClass.UNKNOWN:
            expected: tuple[Finding, Doubt | None] = (Finding.IN_PROGRESS, None)
        case StateClass.IN_PROGRESS:
            of_a_restart = state in ("RESTART_QUEUED", "RESTARTING", "WAITING_RESTARTING", "QUEUED", "CANCELING")
            expected = (Finding.IN_PROGRESS, None if of_a_restart else Doubt.OVERTAKEN)
        case _:
            expected = FINAL.get(state, (Finding.UNPROVEN, Doubt.ENDED_OTHERWISE))
    assert (verdict.finding, verdict.doubt) == expected


def test_only_success_failure_and_cancellation_are_final() -> None:
    assert {finding for finding in Finding if finding.final} == {Finding.SUCCEEDED, Finding.FAILED, Finding.CANCELLED}


# Whatever is read.


@given(reading=observations(), seen=SEEN, number=st.sampled_from([40, LAST_NIGHT, 42, "run-a", None]))
def test_no_success_without_restarted_under_a_higher_number_for_every_target(
    reading: Observation, seen: frozenset[str], number: int | str | None
) -> None:
    baseline = baseline_of(*TARGETS, number=number)
    verdict = judge(baseline, reading, seen_running=seen)
    if verdict.finding is Finding.SUCCEEDED:
        for target in TARGETS:
            service = reading.services[target]
            assert service.state == "RESTARTED"
            assert service.execution_id is not None
            count = execution_number(ENVIRONMENT, service.execution_id)
            assert count is not None
            assert baseline.latest is not None
            assert count > baseline.latest
            assert service.execution_id in seen
            assert service.requests_waiting == 0


@given(numbers=st.lists(st.integers(42, 45), min_size=3, max_size=3))
def test_every_target_restarted_in_the_very_next_run_is_a_success_and_in_any_other_it_is_confirmed_first(
    numbers: list[int],
) -> None:
    reading = observe(*(status(one, "RESTARTED", number) for one, number in zip(TARGETS, numbers, strict=True)))
    seen = frozenset(service.execution_id or "" for service in reading.services.values())
    verdict = judge(baseline_of(*TARGETS), reading, seen_running=seen)
    assert verdict.finding is Finding.SUCCEEDED
    assert verdict.settled is (set(numbers) == {42})
    assert verdict.doubt is (None if verdict.settled else Doubt.SEVERAL_EXECUTIONS)


@given(reading=observations(), strangers=observations(STRANGERS), seen=SEEN)
def test_an_unrelated_service_never_changes_the_verdict(
    reading: Observation, strangers: Observation, seen: frozenset[str]
) -> None:
    baseline = baseline_of(*TARGETS)
    crowded = replace(
        reading,
        services={**strangers.services, **reading.services},
        environment_state=strangers.environment_state,
        last_execution_id=strangers.last_execution_id,
    )
    assert judge(baseline, crowded, seen_running=seen) == judge(baseline, reading, seen_running=seen)


@given(reading=observations(complete=True), unknown=st.text() | STATES, place=st.sampled_from(TARGETS), seen=SEEN)
def test_a_single_state_that_is_not_restarted_rules_out_a_success(
    reading: Observation, unknown: str, place: str, seen: frozenset[str]
) -> None:
    services = {**reading.services, place: replace(reading.services[place], state=unknown)}
    verdict = judge(baseline_of(*TARGETS), replace(reading, services=services), seen_running=seen)
    assert unknown == "RESTARTED" or verdict.finding is not Finding.SUCCEEDED


@given(reading=observations(), seen=SEEN)
def test_a_verdict_speaks_of_every_target_and_of_nothing_else(reading: Observation, seen: frozenset[str]) -> None:
    verdict = judge(baseline_of(*TARGETS), reading, seen_running=seen)
    assert verdict.services.keys() == set(TARGETS)
    assert (verdict.reason is not None) is verdict.finding.final
