"""From the first look to an accepted submit: exactly one, whatever stands in the way and whatever is lost."""

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.domain.observations import Observation, SubmitReceipt
from orchestrator.domain.outcomes import Outcome, Reason
from orchestrator.domain.plan import OnBusy, OnStopped, Policy
from orchestrator.errors import (
    BusyError,
    MalformedAnswerError,
    NotFoundError,
    NotSentError,
    PassingError,
    PlatformError,
    RefusedError,
    ThrottledError,
    TokenRefusedError,
    UnansweredError,
)
from tests.support.builders import INVISIBLE_FOR, NOON, all_in, execution, queued, run, status, target
from tests.support.scripted_platform import ACCEPTED, Fault, Scene, SubmitAnswer, lost, refused, scene
from tests.support.stories import (
    IDLE,
    LAST_NIGHTS_RUN,
    TARGETS,
    US,
    Story,
    both,
    goes_well,
    restart_run,
    tell,
)

OURS = target(*TARGETS)
SUCCESS = (Outcome.SUCCEEDED, Reason.RESTARTED)
NO_BASELINE = (Outcome.BLOCKED, Reason.NO_BASELINE)
DEPLOYING = both("DEPLOYING", 42)
DEPLOYED = both("DEPLOYED", 42)
FAIL_WHEN_BUSY = target(*TARGETS, policy=Policy(on_busy=OnBusy.FAIL))
SKIP_STOPPED = target(*TARGETS, policy=Policy(on_stopped=OnStopped.SKIP))
RESET = UnansweredError("POST: connection reset")


def test_a_quiet_environment_gets_one_submit_of_every_target_right_after_its_baseline() -> None:
    answer = SubmitAnswer(receipt=SubmitReceipt(request_ids=frozenset({"b", "a"})))
    story = tell(OURS, answers=[answer])
    assert story.ending == SUCCESS
    assert [(submit.at, submit.service_ids) for submit in story.platform.submits] == [(0.0, TARGETS)]
    assert story.platform.calls[:2] == [("read_statuses", 0.0), ("submit_restart", 0.0)]
    assert story.log.names[:3] == ["environment_started", "baseline_read", "restart_submitted"]
    assert story.log.named("baseline_read")[0].details == {
        "services": 2,
        "executions": [execution(41)],
        "history_read": False,
    }
    assert story.log.named("restart_submitted")[0].details == {"services": 2, "request_ids": ["a", "b"]}


# Something stands in the way.


def test_a_busy_environment_is_waited_for_and_what_ended_there_becomes_the_baseline() -> None:
    story = tell(OURS, before={0: DEPLOYING, 100: DEPLOYED}, after={0: DEPLOYED, **goes_well(1, number=43)})
    assert story.ending == SUCCESS
    assert story.platform.submits[0].at >= 100
    assert {service.baseline_execution_id for service in story.result.services} == {execution(42)}


def test_a_busy_environment_blocks_at_once_where_policy_says_fail() -> None:
    story = tell(FAIL_WHEN_BUSY, before={0: DEPLOYING})
    assert (story.ending, story.ended_at) == ((Outcome.BLOCKED, Reason.BUSY), 0.0)
    assert "API (DEPLOYING)" in story.result.message
    assert story.platform.submits == []


def test_an_environment_that_stays_busy_blocks_at_the_deadline() -> None:
    story = tell(OURS, before={0: DEPLOYING})
    assert (story.ending, story.ended_at) == ((Outcome.BLOCKED, Reason.BUSY), 1800.0)
    assert story.platform.submits == []
    assert story.result.duration_s is None


def test_an_environment_that_gets_free_on_the_deadline_is_not_submitted_any_more() -> None:
    story = tell(OURS, before={0: DEPLOYING, 1800: IDLE})
    assert (story.result.outcome, story.ended_at) == (Outcome.BLOCKED, 1800.0)
    assert story.platform.submits == []


def test_an_environment_that_stays_busy_times_out_at_the_runs_deadline() -> None:
    story = tell(OURS, before={0: DEPLOYING}, end_by=100.0)
    assert (story.ending, story.ended_at) == ((Outcome.TIMED_OUT, Reason.RUN_DEADLINE), 100.0)
    assert story.platform.submits == []


def test_a_409_is_waited_for_like_any_other_operation() -> None:
    story = tell(OURS, answers=[refused(BusyError("in progress", status=409)), ACCEPTED])
    assert story.ending == SUCCESS
    assert [submit.accepted for submit in story.platform.submits] == [False, True]


def test_a_409_blocks_where_policy_says_fail() -> None:
    story = tell(FAIL_WHEN_BUSY, answers=[refused(BusyError("in progress", status=409))])
    assert (story.ending, len(story.platform.submits)) == ((Outcome.BLOCKED, Reason.BUSY), 1)


def test_a_409_that_stays_blocks_at_the_deadline() -> None:
    story = tell(OURS, answers=[refused(BusyError("in progress", status=409))])
    assert story.ending in ((Outcome.BLOCKED, Reason.BUSY), (Outcome.UNKNOWN, Reason.SUBMIT_UNCONFIRMED))
    assert story.ended_at <= 3600.0
    assert "in progress" in story.result.message


def test_a_target_that_does_not_run_blocks_before_anything_is_submitted() -> None:
    story = tell(OURS, before={0: scene(status("api", "RESTARTED"), status("web", "STOPPED"))})
    assert story.ending == (Outcome.BLOCKED, Reason.STOPPED)
    assert len(story.platform.calls_of("read_statuses")) == 2, "not on the word of one reading"
    assert "WEB (STOPPED)" in story.result.message
    assert story.platform.submits == []


def test_a_target_that_one_reading_shows_as_stopped_is_restarted() -> None:
    story = tell(OURS, before={0: scene(status("api", "RESTARTED"), status("web", "STOPPED")), 1: IDLE})
    assert story.ending == SUCCESS
    assert story.platform.submits[0].at >= 1


def test_a_reading_that_left_something_out_is_no_baseline_until_it_is_read_again() -> None:
    incomplete = replace(IDLE, observation=replace(IDLE.observation, incomplete=True))
    story = tell(OURS, before={0: incomplete})
    assert story.ending == SUCCESS
    assert len([at for at in story.platform.calls_of("read_statuses") if at <= story.platform.submits[0].at]) == 2


@pytest.mark.parametrize(
    ("reading", "readings"),
    [
        pytest.param(all_in("RESTARTED", *TARGETS), 1, id="and every target is there"),
        pytest.param(all_in("RESTARTED", TARGETS[0]), 2, id="and a target is not there"),
    ],
)
def test_a_reading_that_left_something_out_is_a_baseline_where_the_environment_tells_what_that_could(
    reading: Observation, readings: int
) -> None:
    told = replace(reading, incomplete=True, environment_state="RESTARTED", last_execution_id=execution(41))
    story = tell(OURS, before={0: replace(IDLE, observation=told), 1: IDLE})
    assert story.ending == SUCCESS
    assert (
        len([at for at in story.platform.calls_of("read_statuses") if at <= story.platform.submits[0].at]) == readings
    )


def test_a_target_that_does_not_run_is_left_out_where_policy_says_skip() -> None:
    stopped = status("web", "STOPPED")
    story = tell(
        SKIP_STOPPED,
        before={0: scene(status("api", "RESTARTED"), stopped)},
        after={
            0: scene(status("api", "RESTARTING", 42), stopped),
            30: scene(status("api", "RESTARTED", 42), stopped),
        },
    )
    assert story.ending == SUCCESS
    assert story.platform.submits[0].service_ids == ("api",)
    assert [service.outcome for service in story.result.services] == [Outcome.SUCCEEDED, Outcome.SKIPPED]


def test_an_environment_in_which_nothing_runs_is_skipped_where_policy_says_so() -> None:
    story = tell(SKIP_STOPPED, before={0: both("STOPPED")})
    assert story.ending == (Outcome.SKIPPED, Reason.NOT_RUNNING)
    assert story.platform.submits == []
    assert story.result.exit_code == 0


# No baseline, no submit.


@pytest.mark.parametrize(
    "unreadable",
    [
        pytest.param(scene(status("api", "RESTARTED")), id="a target is missing"),
        pytest.param(scene(status("api", "RESTARTED"), status("web", "HIBERNATING")), id="a state nobody knows"),
        pytest.param(both("DEPLOYED", None), id="no execution is known at all"),
    ],
)
def test_what_cannot_be_read_is_looked_at_until_the_deadline_and_never_submitted(unreadable: Scene) -> None:
    story = tell(FAIL_WHEN_BUSY, before={0: unreadable})
    assert (story.ending, story.ended_at) == (NO_BASELINE, 1800.0)
    assert story.platform.submits == []


def test_what_could_not_be_read_for_a_while_is_restarted_when_it_can() -> None:
    story = tell(OURS, before={0: scene(status("api", "RESTARTED")), 60: IDLE})
    assert story.ending == SUCCESS
    assert story.platform.submits[0].at >= 60


def test_a_baseline_without_executions_is_completed_from_the_history() -> None:
    nameless = both("RESTARTED", None, runs=[LAST_NIGHTS_RUN])
    story = tell(
        OURS,
        before={0: nameless},
        after={0: nameless, 30: both("RESTARTED", None, runs=[restart_run(), *nameless.runs])},
    )
    assert story.log.named("baseline_read")[0].details == {
        "services": 2,
        "executions": ["unknown"],
        "history_read": True,
    }
    assert story.ending == SUCCESS
    assert story.result.services[0].execution_id == execution(42)


def test_last_nights_run_in_the_history_proves_nothing_for_a_baseline_without_executions() -> None:
    nameless = both("RESTARTED", None, runs=[LAST_NIGHTS_RUN])
    story = tell(OURS, before={0: nameless}, after={0: nameless})
    assert story.result.outcome is not Outcome.SUCCEEDED


def test_no_submit_is_made_while_the_history_that_the_baseline_needs_cannot_be_read() -> None:
    nameless = both("RESTARTED", None, runs=[LAST_NIGHTS_RUN])
    story = tell(
        OURS,
        before={0: nameless},
        faults=[Fault(error=RESET, calls=frozenset({"find_runs"}), end=100)],
    )
    assert story.ending == SUCCESS
    assert story.platform.submits[0].at >= 100


# The submit had no effect.


@pytest.mark.parametrize(
    "error",
    [NotSentError("connection refused"), ThrottledError("our own quota", retry_after=50)],
    ids=["no connection", "our own quota"],
)
def test_a_submit_that_was_never_sent_is_made_again_on_a_fresh_baseline(error: PassingError) -> None:
    story = tell(OURS, answers=[refused(error), refused(error), ACCEPTED])
    assert story.ending == SUCCESS
    submits = [submit.at for submit in story.platform.submits]
    assert len(submits) == 3
    assert len(story.log.named("baseline_read")) == 3
    assert set(submits) <= set(story.platform.calls_of("read_statuses"))


def test_a_throttled_submit_waits_as_long_as_it_is_told() -> None:
    story = tell(OURS, answers=[refused(ThrottledError("our own quota", retry_after=50)), ACCEPTED])
    assert [submit.at for submit in story.platform.submits] == [0.0, 50.0]
    assert story.log.named("quota_paused")[0].details["pause_s"] == 50.0


def test_a_submit_that_can_never_be_sent_times_out_with_nothing_submitted() -> None:
    story = tell(OURS, answers=[refused(NotSentError("connection refused"))])
    assert (story.ending, story.ended_at) == ((Outcome.TIMED_OUT, Reason.DEADLINE), 1800.0)
    assert "Nothing was submitted" in story.result.message
    assert story.result.submitted_at is None


REFUSALS = [
    pytest.param(RefusedError("bad request", status=400), (Outcome.FAILED, Reason.SUBMIT_REFUSED), id="400"),
    pytest.param(TokenRefusedError("no token", status=401), (Outcome.FAILED, Reason.TOKEN_REFUSED), id="401"),
    pytest.param(TokenRefusedError("forbidden", status=403), (Outcome.FAILED, Reason.TOKEN_REFUSED), id="403"),
    pytest.param(NotFoundError("no such service", status=404), (Outcome.FAILED, Reason.SUBMIT_REFUSED), id="404"),
    pytest.param(RefusedError("unprocessable", status=422), (Outcome.FAILED, Reason.SUBMIT_REFUSED), id="422"),
    pytest.param(BusyError("in progress", status=409), (Outcome.BLOCKED, Reason.BUSY), id="409"),
]
THROTTLED = pytest.param(ThrottledError("slow down", status=429), None, id="429")


@pytest.mark.parametrize(("error", "ending"), REFUSALS)
def test_a_refusal_is_believed_once_nothing_has_shown_itself(
    error: PlatformError, ending: tuple[Outcome, Reason]
) -> None:
    story = tell(FAIL_WHEN_BUSY, answers=[refused(error)])
    assert story.ending == ending
    # A refusal of the token is confirmed by another POST.
    times = 2 if isinstance(error, TokenRefusedError) else 1
    assert times * INVISIBLE_FOR <= story.ended_at <= times * (INVISIBLE_FOR + 31)
    assert len(story.platform.submits) == len(story.log.named("submit_refused")) == times
    assert str(error) in story.result.message
    assert story.result.submitted_at is None
    hints = [event.details["hint"] for event in story.log.named("submit_refused")]
    assert hints[-1].endswith("then the environment ends")
    assert all(hint.endswith("then it is sent once more") for hint in hints[:-1])


@pytest.mark.parametrize(
    "error", [BusyError("in progress", status=409), ThrottledError("slow down", status=429)], ids=str
)
def test_a_refusal_that_may_pass_says_that_the_submit_is_sent_once_more(error: PlatformError) -> None:
    story = tell(OURS, answers=[refused(error), ACCEPTED])
    assert story.log.named("submit_refused")[0].details["hint"].endswith("then it is sent once more")


@pytest.mark.parametrize(
    "error",
    [
        BusyError("in progress", status=409),
        ThrottledError("slow down", status=429),
        TokenRefusedError("a firewall", status=403),
        TokenRefusedError("no token", status=401),
    ],
    ids=["409", "429", "403", "401"],
)
def test_after_a_refusal_that_may_pass_it_is_posted_again_on_a_fresh_baseline(error: PlatformError) -> None:
    story = tell(OURS, answers=[refused(error), ACCEPTED])
    assert story.ending == SUCCESS
    first, second = story.platform.submits
    assert INVISIBLE_FOR <= second.at - first.at <= INVISIBLE_FOR + 31
    assert len(story.log.named("baseline_read")) == 2
    assert story.result.submitted_at == NOON + timedelta(seconds=second.at)


@pytest.mark.parametrize(("error", "_"), [*REFUSALS, THROTTLED])
@pytest.mark.parametrize("name", [US, None], ids=["our name is known", "it is not"])
def test_a_refusal_of_what_was_accepted_is_found_out_and_nothing_is_posted_again(
    error: PlatformError, _: object, name: str | None
) -> None:
    story = tell(OURS, answers=[SubmitAnswer(accepted=True, error=error)], name=name)
    assert story.ending == (SUCCESS if name is not None else (Outcome.UNKNOWN, Reason.UNATTRIBUTED))
    assert len(story.platform.submits) == len(story.log.named("submit_found")) == 1
    assert story.result.submitted_at is not None


@pytest.mark.parametrize(("fault", "submits"), [(False, 2), (True, 1)], ids=["every look succeeds", "one look fails"])
def test_what_others_did_after_a_refusal_may_have_hidden_ours_if_a_look_was_missed(fault: bool, submits: int) -> None:
    deployed = both(
        "DEPLOYED", 42, runs=[run(42, dict.fromkeys(TARGETS, "DEPLOYED"), action="DEPLOY"), LAST_NIGHTS_RUN]
    )
    story = tell(
        target(*TARGETS, policy=Policy(deadline=900)),
        before={0: IDLE, 10: deployed},
        after=goes_well(number=43),
        answers=[refused(BusyError("in progress", status=409)), ACCEPTED],
        faults=[Fault(error=RESET, calls=frozenset({"read_queue"}), begin=1, times=int(fault))],
    )
    assert len(story.platform.submits) == submits
    assert story.ending == ((Outcome.UNKNOWN, Reason.SUBMIT_UNCONFIRMED) if fault else SUCCESS)


UNEXPLAINED = replace(both("RESTARTING", 42, runs=[LAST_NIGHTS_RUN]), lags=True)


@pytest.mark.parametrize("then", [IDLE, DEPLOYED], ids=["and nothing more", "and then a deployment"])
def test_what_was_in_motion_once_without_a_word_why_may_have_been_ours_and_nothing_is_posted_again(then: Scene) -> None:
    refusal = refused(BusyError("in progress", status=409))
    story = tell(OURS, before={0: IDLE, 1: UNEXPLAINED, 10: then}, answers=[refusal, ACCEPTED])
    assert story.ending == (Outcome.UNKNOWN, Reason.SUBMIT_UNCONFIRMED)
    assert len(story.platform.submits) == 1
    assert "The submit was refused (in progress)" in story.result.message


def test_a_429_that_stays_ends_on_the_deadline_in_doubt_of_the_last_one() -> None:
    story = tell(OURS, answers=[refused(ThrottledError("slow down", status=429))])
    assert story.ending == (Outcome.UNKNOWN, Reason.SUBMIT_UNCONFIRMED)
    assert story.platform.submits[-1].at < 1800 <= story.ended_at <= 1801
    assert "The submit was refused (slow down)" in story.result.message


def test_a_restart_that_is_found_after_a_refusal_has_all_of_its_time() -> None:
    policy = Policy(deadline=600)
    answers = [refused(BusyError("in progress", status=409)), SubmitAnswer(error=BusyError("again", status=409))]
    story = tell(target(*TARGETS, policy=policy), answers=answers, after={0: IDLE, **goes_well(270)}, name=US)
    assert len(story.platform.submits) == 2
    assert story.ending == (Outcome.SUCCEEDED, Reason.RESTARTED)
    assert story.ended_at > 600


@pytest.mark.parametrize("call", ["read_statuses", "read_queue", "find_runs"])
def test_a_refusal_is_not_believed_while_something_cannot_be_read(call: str) -> None:
    blind = Fault(error=RESET, calls=frozenset({call}), begin=1)
    story = tell(OURS, answers=[refused(RefusedError("bad request", status=400))], faults=[blind])
    assert story.result.outcome is Outcome.UNKNOWN
    assert len(story.platform.submits) == 1


def test_a_job_that_is_interrupted_before_a_refusal_is_believed_leaves_it_in_doubt() -> None:
    story = tell(OURS, answers=[refused(BusyError("in progress", status=409))], interrupt_at=30.0)
    assert story.ending == (Outcome.UNKNOWN, Reason.INTERRUPTED)
    assert "may have been accepted" in story.result.message
    assert story.journal.in_flight is not None
    assert not story.journal.in_flight.accepted


def test_a_token_that_is_refused_after_another_refusal_leaves_it_unknown() -> None:
    fault = Fault(error=TokenRefusedError("expired", status=401), begin=1)
    story = tell(OURS, answers=[refused(BusyError("in progress", status=409))], faults=[fault])
    assert story.ending == (Outcome.UNKNOWN, Reason.TOKEN_REFUSED)
    assert "may still be running" in story.result.message


@pytest.mark.parametrize("code", [401, 403])
def test_a_token_that_is_refused_whatever_is_asked_ends_it_at_the_first_look(code: int) -> None:
    error = TokenRefusedError("forbidden", status=code)
    story = tell(OURS, answers=[refused(error)], faults=[Fault(error=error, begin=0.001)])
    assert story.ending == (Outcome.FAILED, Reason.TOKEN_REFUSED)
    assert story.ended_at < 10
    assert story.result.exit_code == 77


def test_a_run_that_the_answer_shows_to_be_later_than_the_baseline_makes_that_doubtful() -> None:
    stale = SubmitAnswer(receipt=SubmitReceipt(execution_id=execution(42)))
    over = both("RESTARTED", 42, runs=[restart_run(), LAST_NIGHTS_RUN])
    ours = both("RESTARTED", 43, runs=[restart_run(43), restart_run(), LAST_NIGHTS_RUN])
    story = tell(OURS, answers=[stale], after={0: over, 40: ours})
    assert story.ending == SUCCESS
    assert {service.execution_id for service in story.result.services} == {execution(43)}


@pytest.mark.parametrize("code", [401, 403])
def test_a_token_that_may_not_read_ends_it_at_once(code: int) -> None:
    story = tell(OURS, faults=[Fault(error=TokenRefusedError("forbidden", status=code))])
    assert (story.ending, story.ended_at) == ((Outcome.FAILED, Reason.TOKEN_REFUSED), 0.0)
    assert "Nothing was submitted" in story.result.message


@pytest.mark.parametrize(
    "error", [RESET, MalformedAnswerError("HTML"), NotSentError("DNS")], ids=["5xx", "HTML", "DNS"]
)
def test_a_platform_that_is_never_heard_from_is_lost_before_anything_is_submitted(error: PassingError) -> None:
    story = tell(OURS, faults=[Fault(error=error)])
    assert (story.ending, story.ended_at) == ((Outcome.UNKNOWN, Reason.CONTACT_LOST), 300.0)
    assert "Nothing was submitted" in story.result.message
    assert story.platform.submits == []


# The answer to the submit was lost.

ARRIVED = lost(RESET, accepted=True)
NEVER_ARRIVED = lost(RESET, accepted=False)


def lost_and_found(after: dict[float, Scene], *, error: PlatformError = RESET) -> Story:
    story = tell(OURS, answers=[lost(error, accepted=True)], after=after, name=US)
    assert len(story.platform.submits) == 1
    assert len(story.log.named("submit_found")) == 1
    return story


@pytest.mark.parametrize(
    "error",
    [RESET, UnansweredError("HTTP 502", status=502), MalformedAnswerError("half a JSON")],
    ids=["reset", "502 after it was accepted", "unreadable"],
)
def test_a_submit_whose_answer_was_lost_is_found_in_the_statuses_and_not_made_again(error: PlatformError) -> None:
    assert lost_and_found(goes_well(), error=error).ending == SUCCESS


def test_a_submit_whose_answer_was_lost_is_found_in_the_queue() -> None:
    waiting = both("RESTARTED", runs=[LAST_NIGHTS_RUN], queue=[queued(*TARGETS)])
    story = lost_and_found({0: IDLE, 10: waiting, 60: IDLE, **goes_well(62)})
    assert story.ending == SUCCESS
    assert 10 <= story.log.named("submit_found")[0].at < 60


def test_a_submit_whose_answer_was_lost_is_found_in_the_history() -> None:
    over = both("DEPLOYED", 43, runs=[run(43, dict.fromkeys(TARGETS, "DEPLOYED"), action="DEPLOY"), restart_run()])
    story = lost_and_found({0: IDLE, 10: over})
    assert story.ending == SUCCESS
    assert story.result.services[0].execution_id == execution(42)


def test_the_look_that_found_a_submit_is_the_first_of_its_proof() -> None:
    ends = both("RESTARTED", 42, runs=[restart_run(), LAST_NIGHTS_RUN])
    story = lost_and_found({0: both("RESTARTING", 42, runs=[restart_run(42, "ONGOING", "RESTARTING")]), 30: ends})
    assert story.ending == SUCCESS
    found_at = story.log.named("submit_found")[0].at
    assert len([at for at in story.platform.calls_of("find_runs") if at == found_at]) == 1


def test_an_accepted_submit_that_stays_invisible_for_minutes_is_not_made_again() -> None:
    story = lost_and_found({0: IDLE, **goes_well(240)})
    assert story.ending == SUCCESS


def test_a_submit_that_never_arrived_is_made_once_more_and_only_after_it_must_have_shown() -> None:
    story = tell(OURS, answers=[NEVER_ARRIVED, ACCEPTED])
    assert story.ending == SUCCESS
    first, second = story.platform.submits
    assert first.at + 300 <= second.at <= first.at + 360
    assert story.log.named("submit_not_found")[0].at >= 300
    assert story.result.submitted_at == NOON + timedelta(seconds=second.at)


def test_a_second_submit_gets_no_second_deadline() -> None:
    story = tell(OURS, answers=[NEVER_ARRIVED, ACCEPTED], after={0: both("RESTARTING", 42)})
    assert (story.ending, story.ended_at) == ((Outcome.TIMED_OUT, Reason.DEADLINE), 1800.0)


def test_between_two_submits_an_environment_that_got_busy_is_waited_for_until_the_first_deadline() -> None:
    # The first submit never arrived; somebody's deployment begins between the certainty and the next look.
    busy_at = tell(OURS, answers=[NEVER_ARRIVED, ACCEPTED]).log.named("submit_not_found")[0].at + 0.001
    story = tell(
        OURS,
        before={0: IDLE, busy_at: DEPLOYING},
        answers=[NEVER_ARRIVED, refused(BusyError("in progress", status=409))],
    )
    assert (story.ending, story.ended_at) == ((Outcome.BLOCKED, Reason.BUSY), 1800.0)


def test_a_lost_submit_is_never_made_again_once_somebody_did_anything_there() -> None:
    elsewhere = run(42, {"chart": "DEPLOYED"}, action="DEPLOY")
    crowded = scene(
        *IDLE.observation.services.values(), status("chart", "DEPLOYED", 42), runs=[elsewhere, LAST_NIGHTS_RUN]
    )
    story = tell(OURS, before={0: IDLE, 50: crowded}, answers=[NEVER_ARRIVED])
    assert story.ending == (Outcome.UNKNOWN, Reason.SUBMIT_UNCONFIRMED)
    assert 300 <= story.ended_at <= 331
    assert len(story.platform.submits) == 1
    assert "before you run again" in story.result.message


def test_a_lost_submit_and_then_lost_contact_is_unknown() -> None:
    story = tell(OURS, answers=[ARRIVED], faults=[Fault(error=RESET, begin=1)])
    assert story.ending == (Outcome.UNKNOWN, Reason.CONTACT_LOST)
    assert len(story.platform.submits) == 1


def test_a_lost_submit_that_is_not_found_by_the_deadline_is_asked_for_no_more() -> None:
    ours = target(*TARGETS, policy=Policy(deadline=100))
    story = tell(ours, answers=[ARRIVED], after={0: IDLE, **goes_well(99)})
    assert (story.ending, story.ended_at) == ((Outcome.UNKNOWN, Reason.SUBMIT_UNCONFIRMED), 100.0)
    assert max(story.platform.calls_of("read_queue")) < 100


def test_a_lost_submit_is_not_made_again_while_history_and_queue_cannot_be_read() -> None:
    blind = Fault(error=RESET, calls=frozenset({"find_runs", "read_queue"}))
    story = tell(OURS, answers=[NEVER_ARRIVED], faults=[blind])
    assert story.ending == (Outcome.UNKNOWN, Reason.SUBMIT_UNCONFIRMED)
    assert len(story.platform.submits) == 1


def test_a_token_refused_while_looking_for_a_lost_submit_leaves_it_unknown() -> None:
    story = tell(OURS, answers=[ARRIVED], faults=[Fault(error=TokenRefusedError("expired", status=401), begin=1)])
    assert story.ending == (Outcome.UNKNOWN, Reason.TOKEN_REFUSED)
    assert "may still be running" in story.result.message
