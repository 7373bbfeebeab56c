"""A whole job: its result, its deadlines, its checks, and what is left when it is interrupted."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.domain.observations import QueuedRequest, SubmitReceipt
from orchestrator.domain.outcomes import Outcome, Reason
from orchestrator.domain.plan import HttpCheck, OnBusy, OnDeadline, OnStopped, Policy
from orchestrator.errors import (
    MalformedAnswerError,
    NotSentError,
    ThrottledError,
    TokenRefusedError,
    UnansweredError,
)
from tests.support import strategies
from tests.support.builders import ENVIRONMENT, NOON, all_in, execution, queued, status, target
from tests.support.scripted_platform import ACCEPTED, Fault, Scene, SubmitAnswer, lost, refused, scene
from tests.support.stories import IDLE, LAST_NIGHTS_RUN, TARGETS, both, goes_well, tell

OURS = target(*TARGETS)
SUCCESS = (Outcome.SUCCEEDED, Reason.RESTARTED)
TIMED_OUT = (Outcome.TIMED_OUT, Reason.DEADLINE)
RESET = UnansweredError("connection reset")
URL = "https://shop.example.test/healthz"
OTHER = "https://shop.example.test/ready"


# The result.


def test_a_result_carries_the_evidence_service_by_service() -> None:
    story = tell(target(*TARGETS, name="staging", wave=3))
    result = story.result
    assert (result.name, result.environment_id, result.wave) == ("staging", ENVIRONMENT, 3)
    assert result.console_url == "https://console.example.test/production"
    assert result.submitted_at == NOON
    assert result.settled_at == NOON + timedelta(seconds=story.ended_at)
    assert result.duration_s == round(story.ended_at, 1)
    api = result.services[0]
    assert (api.baseline_execution_id, api.execution_id, api.state) == (execution(41), execution(42), "RESTARTED")
    assert [state for state, _ in api.timeline] == ["RESTART_QUEUED", "RESTARTING", "RESTARTED"]
    # Each state is dated by the first look that shows it.
    looks = story.platform.calls_of("find_runs")
    first_shown = [min(look for look in looks if look >= shown) for shown in (2, 8, 31)]
    assert [at for _, at in api.timeline] == pytest.approx(first_shown, abs=0.06)
    assert first_shown[-1] == looks[-1] <= 37


def test_a_success_is_told_quietly_and_anything_else_as_a_warning() -> None:
    assert tell(OURS).log.events[-1].level == "info"
    settled = tell(OURS, after={0: both("RESTART_ERROR", 42)}).log.events[-1]
    assert (settled.level, settled.name) == ("warning", "restart_settled")
    assert settled.details["reason"] == "restart_error"


def test_a_job_says_something_at_least_every_thirty_seconds() -> None:
    story = tell(OURS, after={0: both("RESTARTING", 42)})
    beats = story.log.named("still_waiting")
    assert len(beats) >= 1800 / 30 - 2
    assert beats[0].details["services"] == "2 RESTARTING"


def test_a_job_tells_at_its_beginning_how_long_it_usually_takes() -> None:
    for usually, told in ((100.04, 100.0), (None, None)):
        assert tell(OURS, usually=usually).log.named("environment_started")[0].details["usually_s"] == told


def test_whatever_did_not_end_well_is_told_with_its_link() -> None:
    failed = tell(OURS, after={0: both("RESTART_ERROR", 42)})
    assert failed.log.events[-1].details["console_url"] == failed.result.console_url is not None
    assert "console_url" not in tell(OURS).log.events[-1].details
    unlinked = tell(replace(OURS, console_url=None), after={0: both("RESTART_ERROR", 42)})
    assert "console_url" not in unlinked.log.events[-1].details


def test_during_a_health_check_the_heartbeat_names_it_and_its_last_answer() -> None:
    checks = (HttpCheck(url=URL, within=100, consecutive=3),)
    story = tell(target(*TARGETS, checks=checks), probes={URL: {0: 503}})
    beats = [beat.details for beat in story.log.named("still_waiting") if "checks" in beat.details]
    assert len(beats) == 3
    assert beats[0]["checks"] == f"{URL} 0 of 3, last HTTP 503"
    answered = story.log.named("verification_answered")
    assert {event.level for event in answered} == {"debug"}
    assert [event.details["answer"] for event in answered][:3] == [None, 503, 503]


def test_while_somebody_else_is_at_work_the_heartbeat_says_who_is_waited_for() -> None:
    busy = both("DEPLOYING", 41)
    story = tell(OURS, before={0: busy, 100: IDLE})
    waiting = [beat.details.get("waiting_for") for beat in story.log.named("still_waiting")]
    assert waiting[0] == "API (DEPLOYING), WEB (DEPLOYING)"
    assert [event.details["waiting_for"] for event in story.log.named("environment_busy")] == [waiting[0]]


# Deadlines.


def test_a_restart_that_is_not_proven_by_the_deadline_times_out_and_is_left_to_go_on() -> None:
    story = tell(target(*TARGETS, policy=Policy(deadline=600)), after={0: both("RESTARTING", 42)})
    assert (story.ending, story.ended_at) == (TIMED_OUT, 600.0)
    assert "It continues at Qovery." in story.result.message
    assert story.platform.cancelled == []
    assert {service.outcome for service in story.result.services} == {Outcome.TIMED_OUT}


def test_the_deadline_counts_from_the_submit_and_not_from_the_wait_before_it() -> None:
    story = tell(OURS, before={0: both("DEPLOYING", 41), 1000: IDLE}, after={0: both("RESTARTING", 42)})
    assert story.ending == TIMED_OUT
    assert story.ended_at == story.platform.submits[0].at + 1800


def test_the_runs_deadline_comes_first_where_it_is_earlier() -> None:
    story = tell(OURS, after={0: both("RESTARTING", 42)}, end_by=100.0)
    assert (story.ending, story.ended_at) == ((Outcome.TIMED_OUT, Reason.RUN_DEADLINE), 100.0)


def test_a_restart_that_is_done_right_on_the_deadline_still_counts() -> None:
    story = tell(OURS, after={0: both("RESTARTING", 42), 1800: both("RESTARTED", 42)})
    assert (story.ending, story.ended_at) == (SUCCESS, 1800.0)


# On the deadline.

CANCEL = target(*TARGETS, policy=Policy(on_deadline=OnDeadline.CANCEL))
NUMBERED = SubmitAnswer(receipt=SubmitReceipt(request_ids=frozenset({"request-1"})))


def waiting_for_ever(*queue: QueuedRequest) -> dict[int, Scene]:
    return {0: both("RESTART_QUEUED", 41, runs=[LAST_NIGHTS_RUN], queue=queue)}


def test_a_request_of_ours_that_still_waits_is_cancelled_where_policy_says_so() -> None:
    story = tell(CANCEL, after=waiting_for_ever(queued(*TARGETS)), answers=[NUMBERED])
    assert story.ending == TIMED_OUT
    assert story.platform.cancelled == ["request-1"]
    assert "was cancelled" in story.result.message
    assert story.log.named("restart_cancelled")[0].details == {"request_id": "request-1"}


@pytest.mark.parametrize(
    ("answer", "queue"),
    [
        pytest.param(NUMBERED, [queued(*TARGETS, request_id="request-2")], id="another one waits"),
        pytest.param(NUMBERED, [], id="it has begun to run"),
        pytest.param(ACCEPTED, [queued(*TARGETS)], id="it was never told by its id"),
        pytest.param(NUMBERED, [queued(*TARGETS, "cache")], id="somebody elses services have merged into it"),
    ],
)
def test_what_is_not_provably_ours_alone_is_never_cancelled(answer: SubmitAnswer, queue: list[QueuedRequest]) -> None:
    story = tell(CANCEL, after=waiting_for_ever(*queue), answers=[answer])
    assert story.ending == TIMED_OUT
    assert story.platform.cancelled == []
    assert "It was not cancelled, because " in story.result.message


@pytest.mark.parametrize("call", ["read_queue", "cancel_request"])
def test_a_cancel_that_fails_is_told_and_is_still_a_timeout(call: str) -> None:
    fault = Fault(error=RESET, calls=frozenset({call}), begin=1799)
    story = tell(CANCEL, after=waiting_for_ever(queued(*TARGETS)), answers=[NUMBERED], faults=[fault])
    assert story.ending == TIMED_OUT
    assert "could not be cancelled (connection reset)" in story.result.message


# Verification.

CHECKED = target(*TARGETS, checks=(HttpCheck(url=URL, within=60),))


def test_a_restart_counts_only_once_its_checks_have_passed() -> None:
    story = tell(CHECKED, probes={URL: {0: 503, 60: 200}})
    assert story.ending == SUCCESS
    assert story.ended_at >= 60
    assert story.log.names[-2:] == ["verification_passed", "restart_settled"]


def test_a_restart_whose_checks_fail_is_failed_though_every_service_restarted() -> None:
    story = tell(CHECKED, probes={URL: {0: 503}})
    assert story.ending == (Outcome.FAILED, Reason.VERIFICATION_FAILED)
    assert "HTTP 503" in story.result.message
    assert [service.outcome for service in story.result.services] == [Outcome.SUCCEEDED] * 2


def test_a_check_that_the_deadline_cuts_off_times_out() -> None:
    story = tell(target(*TARGETS, checks=CHECKED.checks, policy=Policy(deadline=50)), probes={URL: {0: "refused"}})
    assert (story.ending, story.ended_at) == (TIMED_OUT, 50.0)
    assert "(last: refused)" in story.result.message


def test_a_check_that_had_its_time_failed_although_the_deadline_cuts_another_off() -> None:
    checks = (HttpCheck(url=URL, within=5), HttpCheck(url=OTHER, within=60))
    story = tell(
        target(*TARGETS, checks=checks, policy=Policy(deadline=50)), probes={URL: {0: "refused"}, OTHER: {0: 503}}
    )
    assert (story.ending, story.ended_at) == ((Outcome.FAILED, Reason.VERIFICATION_FAILED), 50.0)


def test_nothing_is_probed_before_the_restart_is_proven() -> None:
    story = tell(CHECKED, probes={URL: {0: 200}})
    assert [at >= 31 for _, at in story.prober.probes] == [True]


def test_a_restart_that_failed_is_not_verified() -> None:
    story = tell(CHECKED, after={0: both("RESTART_ERROR", 42)}, probes={URL: {0: 200}})
    assert story.ending == (Outcome.FAILED, Reason.RESTART_ERROR)
    assert story.prober.probes == []


# Defects and interruptions.


def test_a_defect_before_the_submit_is_an_outcome_and_nothing_is_submitted() -> None:
    story = tell(OURS, faults=[Fault(error=KeyError("a bug"))])
    assert story.ending == (Outcome.UNKNOWN, Reason.INTERNAL_ERROR)
    assert "Nothing was submitted" in story.result.message
    assert story.log.named("internal_error")[0].level == "error"


def test_a_defect_in_the_submit_leaves_it_in_doubt_and_is_not_tried_again() -> None:
    story = tell(OURS, answers=[SubmitAnswer(accepted=True, error=KeyError("a bug"))])
    assert story.ending == (Outcome.UNKNOWN, Reason.INTERNAL_ERROR)
    assert "may still be running" in story.result.message
    assert len(story.platform.submits) == 1


def test_a_defect_after_the_submit_says_that_the_restart_may_go_on() -> None:
    story = tell(OURS, faults=[Fault(error=KeyError("a bug"), begin=10)])
    assert story.ending == (Outcome.UNKNOWN, Reason.INTERNAL_ERROR)
    assert "may still be running" in story.result.message


def test_a_job_interrupted_before_the_submit_has_submitted_nothing() -> None:
    story = tell(OURS, before={0: both("DEPLOYING", 41)}, interrupt_at=100.0)
    assert story.ending == (Outcome.SKIPPED, Reason.INTERRUPTED)
    assert story.platform.submits == []


def test_a_job_interrupted_after_the_submit_is_unknown_and_keeps_what_it_had_seen() -> None:
    story = tell(OURS, interrupt_at=25.0)
    assert story.ending == (Outcome.UNKNOWN, Reason.INTERRUPTED)
    assert "continues at Qovery" in story.result.message
    assert story.result.submitted_at == NOON
    assert story.result.services[0].timeline[-1][0] == "RESTARTING"


def test_a_job_interrupted_while_it_looks_for_a_lost_submit_says_so() -> None:
    story = tell(OURS, after={0: IDLE}, answers=[lost(RESET, accepted=True)], interrupt_at=20.0)
    assert story.ending == (Outcome.UNKNOWN, Reason.INTERRUPTED)
    assert "may have been accepted" in story.result.message


def test_a_job_interrupted_after_it_found_a_lost_submit_is_in_doubt_no_more() -> None:
    story = tell(OURS, answers=[lost(RESET, accepted=True)], interrupt_at=20.0)
    assert len(story.log.named("submit_found")) == 1
    assert story.ending == (Outcome.UNKNOWN, Reason.INTERRUPTED)
    assert "may have been accepted" not in story.result.message


# Whatever happens: `tell` holds every story to the three promises.

THREE = target(*strategies.TARGETS)
ANSWERS = st.lists(
    st.sampled_from(
        [
            ACCEPTED,
            lost(RESET, accepted=True),
            lost(RESET, accepted=False),
            lost(MalformedAnswerError("HTML"), accepted=True),
            refused(NotSentError("no route")),
            refused(ThrottledError("slow down", retry_after=60)),
        ]
    ),
    min_size=1,
    max_size=4,
)
FAULTS = st.lists(
    st.builds(
        Fault,
        error=st.sampled_from([RESET, NotSentError("x"), TokenRefusedError("x"), ThrottledError("x", retry_after=90)]),
        calls=st.sets(st.sampled_from(["read_statuses", "find_runs", "read_queue"]), min_size=1).map(frozenset),
        begin=st.floats(0, 600),
        end=st.floats(0, 900),
    ),
    max_size=3,
)
SCENES = st.builds(
    lambda observation, runs, queue: Scene(observation=observation, runs=tuple(runs), queue=tuple(queue)),
    strategies.observations(),
    strategies.runs(),
    strategies.queues(),
)
POLICIES = st.builds(
    Policy,
    deadline=st.sampled_from([100.0, 600.0, 1800.0]),
    on_busy=st.sampled_from(OnBusy),
    on_stopped=st.sampled_from(OnStopped),
    on_deadline=st.sampled_from(OnDeadline),
)


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(
    scenes=st.dictionaries(st.integers(1, 900), SCENES, max_size=5),
    answers=ANSWERS,
    faults=FAULTS,
    policy=POLICIES,
    seed=st.integers(0, 2**32),
)
def test_whatever_the_platform_shows_and_whatever_is_lost_the_promises_hold(
    scenes: dict[int, Scene], answers: list[SubmitAnswer], faults: list[Fault], policy: Policy, seed: int
) -> None:
    quiet = Scene(observation=all_in("RESTARTED", *strategies.TARGETS))
    ours = target(*strategies.TARGETS, policy=policy)
    story = tell(ours, before={0: quiet}, after={0: quiet, **scenes}, answers=answers, faults=faults, seed=seed)
    if story.result.outcome is Outcome.SUCCEEDED:
        shown = [one for second, one in scenes.items() if second <= story.ended_at]
        for service in story.result.services:
            assert any(_shows_restarted(one, service.id, service.execution_id) for one in shown)


def _shows_restarted(one: Scene, service_id: str, execution_id: str | None) -> bool:
    status = one.observation.services.get(service_id)
    return (status is not None and (status.state, status.execution_id) == ("RESTARTED", execution_id)) or any(
        run.execution_id == execution_id and run.services.get(service_id) == "RESTARTED" for run in one.runs
    )


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), begin=st.integers(0, 200), hidden=st.floats(0, 250))
def test_a_restart_that_happens_is_always_found_whenever_the_looks_fall(seed: int, begin: int, hidden: float) -> None:
    outage = Fault(error=RESET, begin=1, end=1 + hidden)
    story = tell(OURS, after={0: IDLE, **goes_well(begin)}, faults=[outage], seed=seed)
    assert story.ending == SUCCESS


def test_the_environments_own_word_is_never_enough() -> None:
    last_night = [status(one, "RESTARTED", 41) for one in TARGETS]
    story = tell(OURS, after={0: scene(*last_night, state="RESTARTED", runs=[LAST_NIGHTS_RUN])})
    assert story.ending == TIMED_OUT
