"""`judge`: what a history, statuses and a queue say of our restart."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.observations import Baseline, Observation, QueuedRequest, Run
from orchestrator.domain.outcomes import Reason
from orchestrator.domain.verdict import Finding, Picture, Verdict, judge
from tests.support.builders import NOON, all_in, baseline_of, execution, observe, queued, run, status
from tests.support.strategies import STRANGERS, TARGETS, observations, queues, runs

BASELINE = replace(baseline_of("api", "web"), origin="API")
BOTH = {"api": "RESTARTED", "web": "RESTARTED"}
LAST_NIGHT = run(41, BOTH, origin="CONSOLE")
DONE = run(42, BOTH, origin="API")
AT_REST = all_in("RESTARTED", "api", "web")
SEEN_RESTARTING = frozenset({("api", str(execution(42))), ("web", str(execution(42)))})


def judged(
    *history: Run,
    reading: Observation | None = None,
    queue: Sequence[QueuedRequest] | None = None,
    baseline: Baseline = BASELINE,
    not_ours: frozenset[str] = frozenset(),
    restarting: frozenset[tuple[str, str]] = frozenset(),
) -> Verdict:
    picture = Picture(runs=[*history, LAST_NIGHT], observation=reading, queue=queue)
    return judge(baseline, picture, not_ours=not_ours, restarting=restarting)


def everything(*history: Run, reading: Observation = AT_REST, baseline: Baseline = BASELINE) -> Verdict:
    """The verdict if nothing waits in the queue, and all was read."""
    return judged(*history, reading=reading, queue=[], baseline=baseline)


# One run that may be ours.


def test_a_run_that_restarted_every_target_is_the_proof_and_needs_nothing_else() -> None:
    verdict = judged(DONE)
    assert (verdict.finding, verdict.reason, verdict.runs) == (Finding.SUCCEEDED, Reason.RESTARTED, (DONE,))
    assert {service.execution_id for service in verdict.services.values()} == {execution(42)}


@pytest.mark.parametrize(
    ("states", "run_status", "finding", "reason"),
    [
        ("RESTARTED RESTART_ERROR", "ERROR", Finding.FAILED, Reason.RESTART_ERROR),
        ("CANCELED RESTART_ERROR", "ERROR", Finding.FAILED, Reason.RESTART_ERROR),
        ("RESTARTED DEPLOYED", "SUCCESS", Finding.FAILED, Reason.RESTART_ERROR),
        ("RESTARTED READY", "SUCCESS", Finding.FAILED, Reason.RESTART_ERROR),
        ("RESTARTED DELETED", "SUCCESS", Finding.FAILED, Reason.SERVICE_DISAPPEARED),
        ("RESTART_ERROR DELETED", "ERROR", Finding.FAILED, Reason.RESTART_ERROR),
        ("RESTARTED CANCELED", "CANCELED", Finding.CANCELLED, Reason.RUN_CANCELLED),
        ("RESTARTED RESTARTED", "CANCELED", Finding.CANCELLED, Reason.RUN_CANCELLED),
        ("DEPLOYED DEPLOYED", "CANCELED", Finding.CANCELLED, Reason.RUN_CANCELLED),
        ("DELETED CANCELED", "CANCELED", Finding.CANCELLED, Reason.RUN_CANCELLED),
        ("RESTARTED CANCELING", "SUCCESS", Finding.CANCELLED, Reason.RUN_CANCELLED),
        ("RESTARTED RESTARTED", "ERROR", Finding.FAILED, Reason.NOT_RESTARTED),
        ("RESTARTED RESTARTED", "NEVER", Finding.FAILED, Reason.NOT_RESTARTED),
    ],
)
def test_a_run_is_judged_by_its_end_and_by_that_of_each_of_our_services(
    states: str, run_status: str, finding: Finding, reason: Reason
) -> None:
    verdict = judged(run(42, dict(zip(BOTH, states.split(), strict=True)), status=run_status, origin="API"))
    assert (verdict.finding, verdict.reason) == (finding, reason)


@pytest.mark.parametrize(("restarting", "api"), [(SEEN_RESTARTING, Finding.SUCCEEDED), (frozenset(), Finding.UNPROVEN)])
def test_in_a_run_that_failed_only_who_was_seen_restarting_is_believed(
    restarting: frozenset[tuple[str, str]], api: Finding
) -> None:
    failed = run(42, {"api": "RESTARTED", "web": "RESTART_ERROR"}, status="ERROR", origin="API")
    verdict = judged(failed, restarting=restarting)
    assert {name: service.finding for name, service in verdict.services.items()} == {"api": api, "web": Finding.FAILED}


def test_a_failure_of_a_service_that_is_none_of_ours_does_not_fail_us() -> None:
    merged = run(42, {**BOTH, "cache": "RESTART_ERROR"}, status="ERROR", origin="API")
    assert judged(merged, restarting=SEEN_RESTARTING).finding is Finding.SUCCEEDED


@pytest.mark.parametrize("run_status", ["QUEUED", "ONGOING", "CANCELING", "SOMETHING_NEW", ""])
def test_a_run_that_is_not_over_is_waited_for(run_status: str) -> None:
    going = replace(DONE, status=run_status)
    verdict = judged(going)
    assert (verdict.finding, verdict.runs) == (Finding.IN_PROGRESS, (going,))


def test_a_target_that_is_missing_explains_why_it_did_not_restart() -> None:
    over = run(42, {"api": "RESTARTED", "web": "READY"}, origin="API")
    assert judged(over, reading=all_in("RESTARTED", "api", number=42)).reason is Reason.SERVICE_DISAPPEARED
    assert judged(DONE, reading=all_in("RESTARTED", "api", number=42)).finding is Finding.SUCCEEDED


# Runs that are not ours, and runs that may be.


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(DONE, execution_id=execution(40)), id="older"),
        pytest.param(replace(DONE, execution_id=execution(41)), id="the baseline's own"),
        pytest.param(replace(DONE, action="DEPLOY"), id="a deployment"),
        pytest.param(replace(DONE, services={"api": "RESTARTED"}), id="one of our services"),
        pytest.param(replace(DONE, services={"cache": "RESTARTED"}), id="none of our services"),
        pytest.param(replace(DONE, execution_id=None), id="nobody knows which"),
    ],
)
def test_what_is_not_a_newer_restart_of_all_targets_proves_nothing(other: Run) -> None:
    assert everything(other).finding in (Finding.ABSENT, Finding.UNPROVEN)


@pytest.mark.parametrize(
    ("other", "name"), [(replace(DONE, origin="CONSOLE"), None), (replace(DONE, triggered_by="alice"), "robot")]
)
def test_a_restart_by_another_origin_or_name_is_nobodys_until_ours_shows(other: Run, name: str | None) -> None:
    baseline = replace(BASELINE, name=name)
    verdict = everything(other, baseline=baseline)
    assert (verdict.finding, verdict.reason) == (Finding.ABSENT, Reason.UNATTRIBUTED)
    ours = replace(DONE, execution_id=execution(43), triggered_by=name)
    assert judged(ours, other, baseline=baseline).finding is Finding.SUCCEEDED


@pytest.mark.parametrize(
    ("reading", "finding"),
    [
        pytest.param(AT_REST, Finding.ABSENT, id="nothing runs, and nothing waits"),
        pytest.param(replace(AT_REST, incomplete=True), Finding.UNPROVEN, id="something was left out"),
        pytest.param(observe(status("api", "RESTARTED")), Finding.UNPROVEN, id="a target was left out"),
        pytest.param(replace(AT_REST, environment_state="QUEUED"), Finding.UNPROVEN, id="something may wait"),
    ],
)
def test_beside_anothers_restart_the_queue_is_needed_only_if_something_may_wait(
    reading: Observation, finding: Finding
) -> None:
    other = replace(DONE, origin="CONSOLE")
    assert judged(other, reading=reading).finding is finding
    assert judged(reading=reading).finding is Finding.UNPROVEN


@pytest.mark.parametrize("failed", [42, 43])
def test_of_two_restarts_either_may_be_ours_so_both_must_have_gone_well(failed: int) -> None:
    both = [replace(DONE, execution_id=execution(number)) for number in (43, 42)]
    assert judged(*both).finding is Finding.SUCCEEDED
    bad = run(failed, dict.fromkeys(BOTH, "RESTART_ERROR"), status="ERROR", origin="API")
    verdict = judged(*[bad if one.execution_id == bad.execution_id else one for one in both])
    assert verdict.finding is Finding.FAILED
    assert len(verdict.runs) == 2


def test_what_was_at_work_while_ours_waited_supports_nothing_but_must_have_gone_well() -> None:
    not_ours = frozenset({str(execution(42))})
    alone = judged(DONE, reading=AT_REST, queue=[], not_ours=not_ours)
    assert (alone.finding, alone.reason) == (Finding.ABSENT, Reason.UNATTRIBUTED)
    ours = replace(DONE, execution_id=execution(43))
    assert judged(ours, DONE, not_ours=not_ours).finding is Finding.SUCCEEDED
    bad = run(42, dict.fromkeys(BOTH, "RESTART_ERROR"), status="ERROR", origin="API")
    assert judged(ours, bad, not_ours=not_ours).finding is Finding.FAILED


def test_what_somebody_did_after_ours_does_not_take_our_success_away() -> None:
    deployed = run(43, dict.fromkeys(BOTH, "DEPLOYED"), action="DEPLOY", origin="CONSOLE")
    assert judged(deployed, DONE, reading=all_in("DEPLOYED", "api", "web", number=43)).finding is Finding.SUCCEEDED


# What is not in the history.


@pytest.mark.parametrize(
    ("request_in_queue", "waits"),
    [
        (queued("api", "web", origin="API"), True),
        (queued("api", "web", "cache"), True),
        (queued(), True),
        (queued("api"), False),
        (queued("api", "web", action="DEPLOY"), False),
        (queued("api", "web", origin="CONSOLE"), False),
    ],
)
def test_a_restart_of_all_targets_that_waits_may_be_ours(request_in_queue: QueuedRequest, waits: bool) -> None:
    verdict = judged(DONE, reading=AT_REST, queue=[request_in_queue])
    assert verdict.finding is (Finding.IN_PROGRESS if waits else Finding.SUCCEEDED)


@pytest.mark.parametrize("state", ["RESTART_QUEUED", "DEPLOYING", "HIBERNATING", ""])
def test_targets_in_progress_are_waited_for(state: str) -> None:
    assert everything(reading=observe(status("api", state), status("web", "RESTARTED"))).finding is Finding.IN_PROGRESS


@pytest.mark.parametrize(("reading", "queue"), [(None, None), (AT_REST, None), (None, [])])
def test_what_was_not_read_shows_no_absence(reading: Observation | None, queue: Sequence[QueuedRequest] | None) -> None:
    assert judged(reading=reading, queue=queue).finding is Finding.UNPROVEN


@pytest.mark.parametrize(
    ("history", "reading", "reason"),
    [
        pytest.param([], AT_REST, Reason.REQUEST_CANCELLED, id="nothing ran"),
        pytest.param(
            [run(42, dict.fromkeys(BOTH, "STOPPED"), action="STOP")],
            AT_REST,
            Reason.SUPERSEDED,
            id="something else ran",
        ),
        pytest.param([run(42, {"api": "RESTARTED"}, origin="API")], AT_REST, Reason.NOT_RESTARTED, id="a part ran"),
        pytest.param([], all_in("RESTARTED", "api"), Reason.SERVICE_DISAPPEARED, id="a target is gone"),
    ],
)
def test_an_absence_has_its_reason(history: list[Run], reading: Observation, reason: Reason) -> None:
    verdict = everything(*history, reading=reading)
    assert (verdict.finding, verdict.reason) == (Finding.ABSENT, reason)


def test_what_ran_while_our_request_waited_did_not_take_its_place() -> None:
    other = run(42, dict.fromkeys(BOTH, "DEPLOYED"), action="DEPLOY")
    waited = judged(other, reading=AT_REST, queue=[], not_ours=frozenset({str(execution(42))}))
    assert waited.reason is Reason.REQUEST_CANCELLED


@pytest.mark.parametrize(
    "history",
    [
        pytest.param([], id="an empty history"),
        pytest.param([run(50, {"cache": "DEPLOYED"}, action="DEPLOY")], id="one that does not reach back"),
        pytest.param([replace(DONE, services={}), LAST_NIGHT], id="a restart that does not say of what"),
        pytest.param([replace(DONE, execution_id=None), LAST_NIGHT], id="a restart that does not say which"),
        pytest.param(
            [run(7, {"api": "STOPPED"}, action="STOP", created_at=None), LAST_NIGHT],
            id="its number and its place disagree",
        ),
    ],
)
def test_a_history_that_may_hide_ours_shows_no_absence(history: list[Run]) -> None:
    baseline = BASELINE.ordered_by(history)
    assert judge(baseline, Picture(runs=history, observation=AT_REST, queue=[])).finding is Finding.UNPROVEN


def test_a_reading_under_an_execution_that_is_neither_new_nor_known_shows_no_absence() -> None:
    assert everything(reading=all_in("RESTARTED", "api", "web", number=9)).finding is Finding.UNPROVEN


# Dates.


def test_a_date_never_vetoes_what_numbers_prove() -> None:
    dated = replace(BASELINE, server_time=NOON)
    assert judged(replace(DONE, created_at=NOON - timedelta(hours=1)), baseline=dated).finding is Finding.SUCCEEDED


@pytest.mark.parametrize(("after", "finding"), [(60.0, Finding.SUCCEEDED), (-60.0, Finding.UNPROVEN)])
def test_without_numbers_the_date_tells_what_is_newer(after: float, finding: Finding) -> None:
    baseline = replace(baseline_of("api", "web", number="run-a"), server_time=NOON)
    ours = run("run-b", BOTH, created_at=NOON + timedelta(seconds=after))
    picture = Picture(runs=[ours, run("run-c", {}), run("run-a", BOTH)])
    assert judge(baseline, picture).finding is finding


# Whatever is read.


@given(reading=observations(), history=runs(), queue=queues())
def test_no_success_without_a_newer_restart_of_every_target_that_is_over(
    reading: Observation, history: list[Run], queue: list[QueuedRequest]
) -> None:
    baseline = baseline_of(*TARGETS)
    verdict = judge(baseline, Picture(runs=history, observation=reading, queue=queue))
    if verdict.finding is Finding.SUCCEEDED:
        (newest, *_) = verdict.runs
        assert all(
            each.over and each.action == "RESTART" and baseline.is_new(each.execution_id or "") for each in verdict.runs
        )
        assert {newest.services[target] for target in TARGETS} == {"RESTARTED"}


@given(reading=observations(), history=runs(), queue=queues(), state=st.sampled_from(["RESTART_ERROR", "DEPLOYING"]))
def test_what_happens_to_other_services_changes_nothing(
    reading: Observation, history: list[Run], queue: list[QueuedRequest], state: str
) -> None:
    baseline = baseline_of(*TARGETS)
    services = {name: one for name, one in reading.services.items() if name not in STRANGERS}
    without = replace(reading, services=services)
    strangers = {name: status(name, state, 42) for name in STRANGERS}
    with_them = replace(reading, services={**services, **strangers})
    first, second = (
        judge(baseline, Picture(runs=history, observation=one, queue=queue)) for one in (without, with_them)
    )
    assert (first.finding, first.services) == (second.finding, second.services)


@given(reading=observations(), history=runs(), queue=queues())
def test_a_verdict_speaks_of_every_target_and_has_a_reason_exactly_when_it_can_be_settled(
    reading: Observation, history: list[Run], queue: list[QueuedRequest]
) -> None:
    verdict = judge(baseline_of(*TARGETS), Picture(runs=history, observation=reading, queue=queue))
    assert verdict.services.keys() == set(TARGETS)
    assert (verdict.reason is not None) is (verdict.finding.final or verdict.finding is Finding.ABSENT)


def test_only_success_failure_and_cancellation_are_final() -> None:
    assert {finding for finding in Finding if finding.final} == {
        Finding.SUCCEEDED,
        Finding.FAILED,
        Finding.CANCELLED,
    }
