"""`confirm`: what the history and the queue add to the statuses."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.activity import restarts_since, runs_since, waiting_restarts
from orchestrator.domain.observations import Baseline, Observation, QueuedRequest, Run, execution_number
from orchestrator.domain.outcomes import Reason
from orchestrator.domain.verdict import Finding, confirm
from tests.support.builders import ENVIRONMENT, NOON, all_in, baseline_of, execution, observe, queued, run, status
from tests.support.strategies import STRANGERS, TARGETS, observations, queues, runs

BASELINE = baseline_of("api", "web")
AT_REST = all_in("RESTARTED", "api", "web", number=42)
BOTH = {"api": "RESTARTED", "web": "RESTARTED"}
LAST_NIGHTS = run(41, BOTH)


# Which run was ours, and what became of it.


def test_a_run_that_restarted_every_target_is_the_proof() -> None:
    verdict = confirm(BASELINE, AT_REST, [run(42, BOTH), LAST_NIGHTS], [])
    assert (verdict.finding, verdict.reason) == (Finding.SUCCEEDED, Reason.RESTARTED)
    assert {one.execution_id for one in verdict.services.values()} == {execution(42)}


def test_last_nights_run_proves_nothing() -> None:
    verdict = confirm(BASELINE, AT_REST, [LAST_NIGHTS], [])
    assert (verdict.finding, verdict.reason) == (Finding.ABSENT, Reason.REQUEST_CANCELLED)


def test_a_run_that_the_platforms_clock_puts_before_the_baseline_proves_nothing() -> None:
    baseline = baseline_of("api", "web", at=NOON)
    earlier = run(42, BOTH, created_at=NOON - timedelta(minutes=5))
    assert confirm(baseline, AT_REST, [earlier], []).finding is Finding.ABSENT
    later = run(42, BOTH, created_at=NOON + timedelta(seconds=2))
    assert confirm(baseline, AT_REST, [later], []).finding is Finding.SUCCEEDED


def test_a_deployment_proves_no_restart_even_if_its_services_say_restarted() -> None:
    verdict = confirm(BASELINE, AT_REST, [run(42, BOTH, action="DEPLOY"), LAST_NIGHTS], [])
    assert (verdict.finding, verdict.reason) == (Finding.ABSENT, Reason.SUPERSEDED)


@pytest.mark.parametrize("action", ["DEPLOY", "STOP"])
@pytest.mark.parametrize("state", ["DEPLOYING", "DEPLOYED", "STOPPED", "DEPLOYMENT_ERROR"])
def test_what_somebody_did_after_ours_does_not_take_our_success_away(action: str, state: str) -> None:
    later = run(43, {"api": state, "web": state}, action=action, status="ONGOING")
    verdict = confirm(BASELINE, all_in(state, "api", "web", number=43), [later, run(42, BOTH)], [])
    assert verdict.finding is Finding.SUCCEEDED
    assert verdict.services["api"].execution_id == execution(42)


def test_what_somebody_did_before_ours_does_not_count_as_ours() -> None:
    history = [run(43, BOTH), run(42, {"api": "DEPLOYMENT_ERROR"}, action="DEPLOY", status="ERROR")]
    assert confirm(BASELINE, AT_REST, history, []).finding is Finding.SUCCEEDED


@pytest.mark.parametrize(
    ("states", "run_status", "finding"),
    [
        pytest.param("RESTARTED RESTART_ERROR", "ERROR", Finding.FAILED, id="one failed"),
        pytest.param("RESTART_ERROR CANCELED", "ERROR", Finding.FAILED, id="a failure and its wake"),
        pytest.param("RESTARTED CANCELED", "CANCELED", Finding.CANCELLED, id="cancelled half-way"),
        pytest.param("CANCELING CANCELED", "CANCELED", Finding.CANCELLED, id="still marked as being cancelled"),
        pytest.param("RESTART_ERROR CANCELED", "CANCELED", Finding.FAILED, id="cancelled, but one had failed before"),
        pytest.param("RESTARTED DEPLOYED", "CANCELED", Finding.CANCELLED, id="cancelled, one kept its old state"),
        pytest.param("RESTARTED CANCELING", "ERROR", Finding.CANCELLED, id="one was stopped by a failure elsewhere"),
        pytest.param("RESTARTED READY", "SUCCESS", Finding.FAILED, id="one was skipped"),
        pytest.param("RESTARTED HIBERNATING", "SUCCESS", Finding.FAILED, id="one ended in a state nobody knows"),
        pytest.param("RESTARTED RESTART_QUEUED", "SUCCESS", Finding.FAILED, id="one never ran"),
        pytest.param("RESTARTED RESTARTED", "SUCCESS", Finding.SUCCEEDED, id="both restarted"),
    ],
)
def test_a_run_is_judged_by_each_of_its_services(states: str, run_status: str, finding: Finding) -> None:
    services = dict(zip(("api", "web"), states.split(), strict=True))
    assert confirm(BASELINE, AT_REST, [run(42, services, status=run_status)], []).finding is finding


def test_a_service_that_never_ran_in_a_cancelled_run_is_not_proven_by_the_old_state_that_it_kept() -> None:
    reading = observe(status("api", "RESTARTED", 42), status("web", "RESTARTED", 41), state="RESTARTED")
    verdict = confirm(BASELINE, reading, [run(42, BOTH, status="CANCELED")], [])
    assert verdict.finding is not Finding.SUCCEEDED


def test_a_request_that_merged_with_other_services_is_still_ours() -> None:
    merged = run(42, {**BOTH, "cache": "RESTARTED"})
    assert confirm(BASELINE, AT_REST, [merged], []).finding is Finding.SUCCEEDED


def test_a_failure_of_a_service_that_is_none_of_ours_does_not_fail_us() -> None:
    merged = run(42, {**BOTH, "cache": "RESTART_ERROR"}, status="ERROR")
    assert confirm(BASELINE, AT_REST, [merged], []).finding is Finding.SUCCEEDED


def test_of_two_restarts_either_may_be_ours_so_both_must_have_worked() -> None:
    failed = run(42, {"api": "RESTART_ERROR", "web": "CANCELED"}, status="ERROR")
    for history in ([run(43, BOTH), failed], [run(43, failed.services, status="ERROR"), run(42, BOTH)]):
        assert confirm(BASELINE, AT_REST, history, []).finding is Finding.FAILED
    verdict = confirm(BASELINE, AT_REST, [run(42, BOTH), run(43, BOTH)], [])
    assert verdict.finding is Finding.SUCCEEDED
    assert verdict.services["api"].execution_id == execution(43)


def test_somebodys_restart_of_one_service_is_not_our_restart_of_two() -> None:
    history = [run(43, {"api": "RESTART_ERROR"}, status="ERROR"), run(42, BOTH)]
    assert confirm(BASELINE, AT_REST, history, []).finding is Finding.SUCCEEDED
    verdict = confirm(BASELINE, AT_REST, [run(42, {"api": "RESTARTED"})], [])
    assert (verdict.finding, verdict.reason) == (Finding.ABSENT, Reason.NOT_RESTARTED)
    assert verdict.services["api"].finding is Finding.SUCCEEDED
    assert verdict.services["web"].finding is Finding.UNPROVEN


# Not over yet.


@pytest.mark.parametrize("run_status", ["QUEUED", "ONGOING", "CANCELING", "", "NEW"], ids=repr)
def test_a_run_that_is_not_over_is_waited_for(run_status: str) -> None:
    verdict = confirm(BASELINE, AT_REST, [run(42, BOTH, status=run_status)], [])
    assert verdict.finding is Finding.IN_PROGRESS


def test_a_restart_that_waits_in_the_queue_is_waited_for_whatever_has_run_before_it() -> None:
    verdict = confirm(BASELINE, AT_REST, [run(42, BOTH)], [queued("api", "web")])
    assert verdict.finding is Finding.IN_PROGRESS


def test_targets_in_progress_are_waited_for_while_no_run_of_ours_is_over() -> None:
    reading = observe(status("api", "RESTARTED", 41), status("web", "RESTART_QUEUED", 41))
    assert confirm(BASELINE, reading, [LAST_NIGHTS], []).finding is Finding.IN_PROGRESS


@pytest.mark.parametrize(
    ("request_in_queue", "ours"),
    [
        pytest.param(queued("api", "web"), True, id="exactly our services"),
        pytest.param(queued("api", "web", "cache"), True, id="merged with others"),
        pytest.param(queued("api"), False, id="not all of ours"),
        pytest.param(queued("api", "web", action="DEPLOY"), False, id="a deployment"),
    ],
)
def test_a_restart_of_all_our_services_in_the_queue_may_be_ours(request_in_queue: QueuedRequest, ours: bool) -> None:
    assert waiting_restarts(BASELINE, [request_in_queue]) == ([request_in_queue] if ours else [])


# Gone.


def test_a_request_that_left_without_a_trace_was_cancelled_in_the_queue() -> None:
    verdict = confirm(BASELINE, all_in("RESTARTED", "api", "web"), [LAST_NIGHTS], [])
    assert (verdict.finding, verdict.reason) == (Finding.ABSENT, Reason.REQUEST_CANCELLED)
    assert not verdict.settled


def test_a_request_in_whose_place_another_operation_ran_was_superseded() -> None:
    stop = run(42, {"api": "STOPPED", "web": "STOPPED"}, action="STOP")
    verdict = confirm(BASELINE, all_in("STOPPED", "api", "web", number=42), [stop], [])
    assert (verdict.finding, verdict.reason) == (Finding.ABSENT, Reason.SUPERSEDED)


def test_an_operation_on_other_services_supersedes_nothing() -> None:
    elsewhere = run(42, {"cache": "DEPLOYED"}, action="DEPLOY")
    assert confirm(BASELINE, AT_REST, [elsewhere], []).reason is Reason.REQUEST_CANCELLED


def test_a_target_that_disappeared_is_named_as_the_reason() -> None:
    verdict = confirm(BASELINE, all_in("RESTARTED", "api"), [LAST_NIGHTS], [])
    assert (verdict.finding, verdict.reason) == (Finding.ABSENT, Reason.SERVICE_DISAPPEARED)


def test_a_target_that_disappeared_after_it_restarted_did_restart() -> None:
    assert confirm(BASELINE, all_in("RESTARTED", "api", number=42), [run(42, BOTH)], []).finding is Finding.SUCCEEDED


@pytest.mark.parametrize(
    ("state", "run_status", "finding", "reason"),
    [
        pytest.param("RESTART_ERROR", "ERROR", Finding.FAILED, Reason.RESTART_ERROR, id="it had failed"),
        pytest.param("DELETED", "SUCCESS", Finding.FAILED, Reason.SERVICE_DISAPPEARED, id="it was deleted"),
        pytest.param("CANCELED", "CANCELED", Finding.CANCELLED, Reason.RUN_CANCELLED, id="the run was cancelled"),
    ],
)
def test_a_target_that_is_gone_explains_itself_unless_the_run_says_why_it_did_not_restart(
    state: str, run_status: str, finding: Finding, reason: Reason
) -> None:
    ended = run(42, {"api": "RESTARTED", "web": state}, status=run_status)
    verdict = confirm(BASELINE, all_in("RESTARTED", "api", number=42), [ended], [])
    assert (verdict.finding, verdict.reason) == (finding, reason)


# Ours may be among what is not told in full.

SILENT = [
    pytest.param(run(None, BOTH), id="not which it is"),
    pytest.param(run(None, BOTH, status="ERROR"), id="not which it is, and it failed"),
    pytest.param(run(None, BOTH, origin="API"), id="not which it is, but that it was asked for as ours was"),
    pytest.param(run(None, {}), id="neither which it is nor what was in it"),
    pytest.param(run(42, {}), id="not what was in it"),
    pytest.param(run("run-a", {}), id="not what was in it, under a name that cannot be ordered"),
]
DATED = replace(BASELINE, server_time=NOON, origin="API")


@pytest.mark.parametrize("silent", SILENT)
@pytest.mark.parametrize("baseline", [BASELINE, DATED], ids=["anybodys", "dated and labelled"])
@pytest.mark.parametrize("state", ["RESTARTED", "DEPLOYED"])
def test_a_restart_that_does_not_say_which_it_is_or_of_what_proves_nothing_not_even_that_ours_is_gone(
    silent: Run, baseline: Baseline, state: str
) -> None:
    for number in (41, 42):
        verdict = confirm(baseline, all_in(state, "api", "web", number=number), [silent, LAST_NIGHTS], [])
        assert verdict.finding is Finding.IN_PROGRESS
        assert {one.finding for one in verdict.services.values()} == {Finding.UNPROVEN}


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(run(None, BOTH, action="DEPLOY"), id="it was no restart"),
        pytest.param(run(None, {}, action=""), id="nobody says that it was a restart"),
        pytest.param(run(None, BOTH, origin="CONSOLE"), id="it was asked for by another way than ours"),
        pytest.param(run(42, {}, origin="CONSOLE"), id="the same, and it does not say of what"),
        pytest.param(run(None, BOTH, created_at=NOON - timedelta(minutes=5)), id="it began before the baseline"),
        pytest.param(run(41, {}), id="it is one that the baseline knew"),
        pytest.param(run(40, {}), id="it is older than the baseline"),
        pytest.param(run(42, {}, created_at=NOON - timedelta(minutes=5)), id="a stale baseline did not know it"),
        pytest.param(run(42, {"cache": "RESTARTED"}), id="it says of what, and that is not ours"),
    ],
)
def test_what_is_silent_and_cannot_have_been_ours_hides_nothing(other: Run) -> None:
    verdict = confirm(DATED, all_in("RESTARTED", "api", "web"), [other, LAST_NIGHTS], [])
    assert verdict.finding is Finding.ABSENT


EARLIER = NOON - timedelta(minutes=5)
SHORT_OF_A_TARGET = {"api": "RESTARTED"}


@pytest.mark.parametrize(
    ("earlier", "hides_ours"),
    [
        pytest.param(run(42, BOTH, created_at=EARLIER), True, id="a restart that the baseline did not know"),
        pytest.param(run("run-a", BOTH, created_at=EARLIER), True, id="one whose name cannot be ordered"),
        pytest.param(run(42, SHORT_OF_A_TARGET, created_at=EARLIER), True, id="whatever was in it"),
        pytest.param(run(41, BOTH, created_at=EARLIER), False, id="one that the baseline knew"),
        pytest.param(run(None, BOTH, created_at=EARLIER), False, id="one that does not say which it is"),
        pytest.param(run(42, BOTH, created_at=EARLIER, action="DEPLOY"), False, id="no restart"),
        pytest.param(run(42, BOTH, created_at=EARLIER, origin="CONSOLE"), False, id="one of another way than ours"),
    ],
)
def test_once_the_platforms_clock_has_jumped_what_seems_to_have_begun_before_may_be_ours(
    earlier: Run, hides_ours: bool
) -> None:
    reading = all_in("RESTARTED", "api", "web")
    assert confirm(DATED, reading, [earlier], []).finding is Finding.ABSENT
    doubtful = confirm(replace(DATED, dates_doubtful=True), reading, [earlier], [])
    assert doubtful.finding is (Finding.IN_PROGRESS if hides_ours else Finding.ABSENT)


@pytest.mark.parametrize("silent", SILENT)
def test_where_a_run_of_ours_is_told_in_full_what_another_leaves_out_does_not_matter(silent: Run) -> None:
    for history in ([silent, run(43, BOTH)], [run(43, BOTH), silent]):
        verdict = confirm(BASELINE, AT_REST, history, [])
        assert (verdict.finding, verdict.reason) == (Finding.SUCCEEDED, Reason.RESTARTED)


def test_a_run_that_went_on_silently_is_believed_once_it_is_told() -> None:
    ours = [run(42, {}, status="SUCCESS"), run(42, BOTH)]
    assert [confirm(BASELINE, AT_REST, [one], []).finding for one in ours] == [Finding.IN_PROGRESS, Finding.SUCCEEDED]


def test_a_failure_explains_its_neighbours_that_the_engine_cancelled_and_that_are_gone_from_the_reading() -> None:
    ended = run(42, {"api": "RESTART_ERROR", "web": "CANCELED"}, status="ERROR")
    for present in (("api",), ("web",), ()):
        verdict = confirm(BASELINE, all_in("RESTART_ERROR", *present, number=42), [ended], [])
        assert (verdict.finding, verdict.reason) == (Finding.FAILED, Reason.RESTART_ERROR)


def test_runs_come_newest_first_and_those_without_a_number_last() -> None:
    history = [run("run-a", BOTH), run(43, {"web": "DEPLOYED"}, action="DEPLOY"), run(41, BOTH), run(44, BOTH)]
    assert [one.execution_id for one in runs_since(BASELINE, history)] == [execution(44), execution(43), "run-a"]
    assert [one.execution_id for one in restarts_since(BASELINE, history)] == [execution(44), "run-a"]


# Whatever is read.


@given(reading=observations(), history=runs(), queue=queues(), number=st.sampled_from([40, 41, "run-a", None]))
def test_no_confirmed_success_without_a_later_run_that_restarted_every_target(
    reading: Observation, history: list[Run], queue: list[QueuedRequest], number: int | str | None
) -> None:
    baseline = baseline_of(*TARGETS, number=number)
    verdict = confirm(baseline, reading, history, queue)
    assert verdict.services.keys() == set(TARGETS)
    if verdict.finding is Finding.SUCCEEDED:
        proofs = [
            one
            for one in history
            if one.action == "RESTART" and one.over and all(one.services.get(name) == "RESTARTED" for name in TARGETS)
        ]
        assert any(_began_after(baseline, one) for one in proofs)


def _began_after(baseline: Baseline, one: Run) -> bool:
    count = execution_number(ENVIRONMENT, one.execution_id or "")
    if count is None or baseline.latest is None:
        return one.execution_id is not None and one.execution_id not in baseline.executions
    return count > baseline.latest


def _told_in_full(history: list[Run]) -> list[Run]:
    """Leave out what does not say which it is or of what: ours may be among it."""
    return [one for one in history if one.execution_id and one.services]


@given(
    reading=observations(),
    strangers=observations(STRANGERS),
    history=runs(),
    elsewhere=runs(STRANGERS).map(_told_in_full),
)
def test_what_happens_to_other_services_never_changes_what_is_confirmed(
    reading: Observation, strangers: Observation, history: list[Run], elsewhere: list[Run]
) -> None:
    baseline = baseline_of(*TARGETS)
    crowded = observe(*strangers.services.values(), *reading.services.values(), state=strangers.environment_state)
    assert confirm(baseline, crowded, [*elsewhere, *history], []) == confirm(baseline, reading, history, [])


@given(reading=observations(), history=runs(), queue=queues())
def test_a_confirmed_verdict_has_a_reason_exactly_when_it_can_be_settled(
    reading: Observation, history: list[Run], queue: list[QueuedRequest]
) -> None:
    verdict = confirm(baseline_of(*TARGETS), reading, history, queue)
    assert (verdict.reason is not None) is (verdict.finding is not Finding.IN_PROGRESS)
    assert verdict.finding is not Finding.UNPROVEN


def test_a_history_that_contradicts_fresh_statuses_is_no_proof() -> None:
    reading = observe(status("api", "RESTARTED", 42), status("web", "RESTARTED", 41))
    verdict = confirm(BASELINE, reading, [run(42, BOTH)], [])
    assert (verdict.finding, verdict.reason) == (Finding.ABSENT, Reason.NOT_RESTARTED)
    assert verdict.services["api"].finding is Finding.SUCCEEDED
    assert verdict.services["web"].finding is Finding.UNPROVEN
