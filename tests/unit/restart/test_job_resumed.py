"""A job that goes on with what an earlier process left in flight: nothing is posted twice, and its true end is found.

A resumed job's clock begins at 0, so what its predecessor did lies before that.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.evidence import CONFIRM_AGAIN
from orchestrator.domain.outcomes import Outcome, Reason
from orchestrator.domain.ownership import Trace
from orchestrator.domain.plan import HttpCheck, OnStopped, Policy
from orchestrator.domain.records import Sighting
from orchestrator.errors import NotSentError, TokenRefusedError, UnansweredError
from orchestrator.restart.submission import RESUME_GRACE
from tests.support.builders import (
    INVISIBLE_FOR,
    NOON,
    baseline_of,
    execution,
    holder,
    intent,
    queued,
    run,
    status,
    target,
)
from tests.support.lookouts import Diary
from tests.support.memory_journal import MemoryJournal
from tests.support.scripted_platform import ACCEPTED, Fault, Scene, Script, SubmitAnswer, lost, refused, scene
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
UNATTRIBUTED = (Outcome.UNKNOWN, Reason.UNATTRIBUTED)
UNCONFIRMED = (Outcome.UNKNOWN, Reason.SUBMIT_UNCONFIRMED)
RESET = UnansweredError("connection reset")
OVER = both("RESTARTED", 42, runs=[restart_run(), LAST_NIGHTS_RUN])
SEEN = Sighting(
    states={one: ("RESTARTING", execution(42)) for one in TARGETS},
    timelines=dict.fromkeys(TARGETS, (("RESTART_QUEUED", 2.0), ("RESTARTING", 8.4))),
    seen_running=frozenset({str(execution(42))}),
    was_seen=True,
)


def in_flight(
    *, accepted: bool, posted_at: float = -20.0, sighting: Sighting | None = None, request_ids: tuple[str, ...] = ()
) -> MemoryJournal:
    """What a process wrote that posted a restart some seconds ago, and died."""
    return MemoryJournal(
        intent=intent(baseline_of(*TARGETS), posted_at=posted_at, submitted_at=NOON + timedelta(seconds=posted_at)),
        accepted=accepted,
        request_ids=frozenset(request_ids),
        sighting=sighting or Sighting(),
    )


def since(seconds: float, script: Mapping[float, Scene]) -> dict[float, Scene]:
    """A script that began so many seconds ago."""
    begun = [second for second in script if second <= seconds]
    return {0.0: script[max(begun)], **{second - seconds: one for second, one in script.items() if second > seconds}}


# An accepted one.


@pytest.mark.parametrize("died", [0, 1, 5, 20, 30, 31, 60, 1000])
def test_an_accepted_restart_is_proven_whenever_the_first_process_died_and_nothing_is_posted(died: int) -> None:
    journal = in_flight(accepted=True, posted_at=float(-died))
    story = tell(OURS, before=since(died, goes_well()), journal=journal)
    assert story.ending == SUCCESS
    assert story.platform.submits == []
    assert {service.execution_id for service in story.result.services} == {execution(42)}
    assert {service.baseline_execution_id for service in story.result.services} == {execution(41)}
    assert story.result.submitted_at == NOON - timedelta(seconds=died)
    assert story.result.duration_s == pytest.approx(died + story.ended_at, abs=0.06)


def test_a_resumed_job_says_so_and_takes_no_new_baseline() -> None:
    story = tell(OURS, before=since(20, goes_well()), journal=in_flight(accepted=True))
    assert story.log.named("environment_started")[0].details["resumed"] is True
    assert not {"baseline_read", "restart_submitted", "submit_looked_for"} & set(story.log.names)
    assert tell(OURS).log.named("environment_started")[0].details["resumed"] is None


@pytest.mark.parametrize("died", [0, 5, 20, 60, 1000])
def test_a_resumed_job_looks_at_once_since_no_hint_can_wake_one_that_has_not_looked(died: int) -> None:
    journal = in_flight(accepted=True, posted_at=float(-died))
    story = tell(OURS, before=since(died, goes_well()), journal=journal, lookout=Diary, end_by=300.0)
    assert story.ending == SUCCESS
    assert story.platform.calls_of("find_runs")[0] == 0.0


def test_an_accepted_restart_is_not_claimed_again_so_that_nobody_can_keep_it_from_being_seen_to_its_end() -> None:
    journal = in_flight(accepted=True)
    journal.holders.append(holder())
    story = tell(OURS, before=since(20, goes_well()), journal=journal)
    assert story.ending == SUCCESS
    assert "claim" not in journal.written


def test_what_the_first_process_saw_belongs_to_the_timeline() -> None:
    story = tell(OURS, before=since(20, goes_well()), journal=in_flight(accepted=True, sighting=SEEN))
    for service in story.result.services:
        assert service.timeline[:2] == SEEN.timelines[service.id]
        assert [state for state, _ in service.timeline] == ["RESTART_QUEUED", "RESTARTING", "RESTARTED"]
        assert service.timeline[2][1] == pytest.approx(story.result.duration_s or 0, abs=0.1), "since the submit"
    assert story.log.named("service_state_changed")[0].details["previous"] == "RESTARTING"


@pytest.mark.parametrize("sighting", [SEEN, Sighting()], ids=["seen running", "never seen"])
def test_a_restart_that_ended_while_no_process_looked_is_proven_by_one_history(sighting: Sighting) -> None:
    story = tell(OURS, before={0: OVER}, journal=in_flight(accepted=True, posted_at=-60.0, sighting=sighting))
    assert (story.ending, story.platform.calls_of("find_runs")) == (SUCCESS, [0.0])
    assert story.platform.calls_of("read_statuses") == []


@pytest.mark.parametrize(
    ("sighting", "asked_by", "expected"),
    [
        pytest.param(Sighting(), "ci", UNATTRIBUTED, id="never seen"),
        pytest.param(Sighting(), None, UNATTRIBUTED, id="never seen, and somebody unnamed asks"),
        pytest.param(Sighting(), US, SUCCESS, id="never seen, and only one user asks as we do"),
        pytest.param(SEEN, "ci", UNATTRIBUTED, id="seen at work, but the queue was not read"),
        pytest.param(replace(SEEN, seen_alone=SEEN.seen_running), "ci", SUCCESS, id="seen at work, and nothing waited"),
        pytest.param(Sighting(name=US), "ci", SUCCESS, id="our name is known"),
    ],
)
def test_where_others_ask_as_we_do_a_run_that_nobody_saw_alone_at_work_may_be_theirs_and_ours_cancelled(
    sighting: Sighting, asked_by: str | None, expected: tuple[Outcome, Reason]
) -> None:
    theirs = replace(LAST_NIGHTS_RUN, origin="API", triggered_by=asked_by)
    over = both("RESTARTED", 42, runs=[restart_run(), theirs])
    story = tell(OURS, before={0: over}, journal=in_flight(accepted=True, posted_at=-60.0, sighting=sighting))
    assert story.ending == expected


def test_a_restart_that_was_seen_and_is_gone_is_believed_to_be_gone_once_no_reading_can_be_older() -> None:
    gone = replace(SEEN, states={one: ("RESTART_QUEUED", execution(41)) for one in TARGETS}, seen_running=frozenset())
    seen = tell(OURS, before={0: IDLE}, journal=in_flight(accepted=True, sighting=gone))
    never = tell(OURS, before={0: IDLE}, journal=in_flight(accepted=True))
    assert seen.ending == (Outcome.CANCELLED, Reason.REQUEST_CANCELLED)
    assert INVISIBLE_FOR <= seen.ended_at <= INVISIBLE_FOR + CONFIRM_AGAIN
    assert never.ending == (Outcome.TIMED_OUT, Reason.DEADLINE)


def test_what_was_at_work_while_our_request_waited_is_still_not_ours() -> None:
    # The first process had seen somebody's restart, 42, at work while our own request waited behind it.
    not_ours = replace(SEEN, not_ours=frozenset({str(execution(42))}), seen_running=frozenset())
    story = tell(OURS, before={0: OVER}, journal=in_flight(accepted=True, sighting=not_ours))
    assert story.result.outcome is not Outcome.SUCCEEDED
    ours = both("RESTARTED", 43, runs=[restart_run(43), restart_run(42), LAST_NIGHTS_RUN])
    behind = tell(OURS, before={0: OVER, 60: ours}, journal=in_flight(accepted=True, sighting=not_ours))
    assert behind.ending == SUCCESS
    assert {service.execution_id for service in behind.result.services} == {execution(43)}


def test_what_is_known_of_our_request_still_tells_it_from_others() -> None:
    waits = [replace(status(one, "RESTARTING", 42), request_id="request-1", requests_waiting=1) for one in TARGETS]
    story = tell(
        OURS,
        before={
            0: scene(
                *waits,
                runs=[restart_run(42, "ONGOING", "RESTARTING"), replace(LAST_NIGHTS_RUN, origin="API")],
                queue=[queued(*TARGETS)],
            ),
            30: OVER,
            60: both("RESTARTED", 43, runs=[restart_run(43), restart_run(42), LAST_NIGHTS_RUN]),
        },
        journal=in_flight(accepted=True, request_ids=("request-1",)),
    )
    assert story.log.named("others_at_work")[0].details == {"executions": [execution(42)]}
    assert {service.execution_id for service in story.result.services} == {execution(43)}
    assert story.journal.sighting.not_ours == {execution(42)}


def test_targets_that_were_left_out_stay_so() -> None:
    journal = in_flight(accepted=True)
    journal.intent = intent(baseline_of("api"), posted_at=-20.0, left_out=["web"])
    stopped = status("web", "STOPPED")
    story = tell(
        target(*TARGETS, policy=Policy(on_stopped=OnStopped.SKIP)),
        before={0: scene(status("api", "RESTARTING", 42), stopped), 9: scene(status("api", "RESTARTED", 42), stopped)},
        journal=journal,
    )
    assert story.ending == SUCCESS
    assert [service.outcome for service in story.result.services] == [Outcome.SUCCEEDED, Outcome.SKIPPED]


def test_a_resumed_restart_is_verified_too() -> None:
    url = "https://shop.example.test/healthz"
    checked = target(*TARGETS, checks=(HttpCheck(url=url, within=60),))
    journal = in_flight(accepted=True, posted_at=-60.0)
    story = tell(checked, before={0: OVER}, journal=journal, probes={url: {0: 503, 10: 200}})
    assert (story.ending, story.ended_at) == (SUCCESS, 10.0)
    journal = in_flight(accepted=True, posted_at=-60.0)
    broken = tell(checked, before={0: OVER}, journal=journal, probes={url: {0: 503}})
    assert broken.ending == (Outcome.FAILED, Reason.VERIFICATION_FAILED)


# Deadlines.


@pytest.mark.parametrize(
    ("posted_at", "end_by", "ended_at", "reason"),
    [
        pytest.param(-600.0, 1e6, 1200.0, Reason.DEADLINE, id="what is left of it"),
        pytest.param(-600.0, 700.0, 700.0, Reason.RUN_DEADLINE, id="what is left of the run's"),
        pytest.param(-1750.0, 1e6, RESUME_GRACE, Reason.DEADLINE, id="hardly anything is left: the grace"),
        pytest.param(-90_000.0, 1e6, RESUME_GRACE, Reason.DEADLINE, id="long past: the grace"),
        pytest.param(-600.0, -300.0, RESUME_GRACE, Reason.DEADLINE, id="the run's is past: the grace"),
    ],
)
def test_a_resumed_job_has_its_first_deadline_and_at_the_least_a_grace(
    posted_at: float, end_by: float, ended_at: float, reason: Reason
) -> None:
    journal = in_flight(accepted=True, posted_at=posted_at)
    story = tell(OURS, before={0: both("RESTARTING", 42)}, journal=journal, end_by=end_by)
    assert (story.ending, story.ended_at) == ((Outcome.TIMED_OUT, reason), ended_at)
    assert f"{ended_at - posted_at:.0f} s after the submit" in story.result.message


def test_a_restart_that_was_over_long_ago_is_proven_however_late_one_looks() -> None:
    journal = in_flight(accepted=True, posted_at=-90_000.0)
    assert tell(OURS, before={0: OVER}, journal=journal, end_by=-80_000.0).ending == SUCCESS


# An unanswered one.


def unanswered(before: Script, *, posted_at: float = -20.0, answers: tuple[SubmitAnswer, ...] = (ACCEPTED,)) -> Story:
    return tell(OURS, before=before, journal=in_flight(accepted=False, posted_at=posted_at), answers=answers, name=US)


@pytest.mark.parametrize(
    "there",
    [
        pytest.param(goes_well(), id="goes on before our eyes"),
        pytest.param({0.0: OVER}, id="is over already"),
        pytest.param({0.0: both("RESTARTED", queue=[queued(*TARGETS)]), **goes_well(30)}, id="waits in the queue"),
        pytest.param({0.0: IDLE, **goes_well(250)}, id="shows only after minutes"),
    ],
)
def test_an_unanswered_restart_that_was_accepted_is_found_and_proven_and_not_posted_again(
    there: dict[float, Scene],
) -> None:
    story = unanswered(there)
    assert story.ending == SUCCESS
    assert story.platform.submits == []
    assert len(story.log.named("submit_found")) == 1
    assert story.journal.accepted
    assert story.result.submitted_at == NOON - timedelta(seconds=20)


def test_an_unanswered_restart_is_known_by_its_request_from_then_on() -> None:
    waiting = both("RESTART_QUEUED", 41, runs=[LAST_NIGHTS_RUN], queue=[queued(*TARGETS)])
    assert unanswered({0: waiting, 20: IDLE, **goes_well(21)}).journal.request_ids == {"request-1"}


@pytest.mark.parametrize("posted_at", [0.0, -20.0, -299.0, -1000.0], ids=str)
def test_an_unanswered_restart_is_posted_again_only_after_looking_in_vain_from_ones_own_start_on(
    posted_at: float,
) -> None:
    # When the request left is not known for certain: what was written is when it was about to.
    story = unanswered({0: IDLE}, posted_at=posted_at)
    assert story.ending == SUCCESS
    (submit,) = story.platform.submits
    assert 300 <= submit.at <= 361
    assert story.log.named("submit_looked_for")[0].details["found"] == Trace.NOTHING.value
    assert story.log.named("submit_not_found")[0].at >= 300
    (second,) = story.journal.intents
    assert second.posted_at == posted_at, "the deadline counts from the first post"
    assert story.result.submitted_at == NOON + timedelta(seconds=submit.at)


def test_a_restart_that_is_posted_again_is_claimed_first() -> None:
    journal = in_flight(accepted=False)
    journal.holders.append(holder())
    story = tell(OURS, before={0: IDLE}, journal=journal)
    assert story.ending == (Outcome.BLOCKED, Reason.LOCKED)
    assert story.platform.submits == []
    assert journal.intent is None, "what never arrived is in flight no more"


@pytest.mark.parametrize(
    ("posted_at", "ended_at"),
    [
        pytest.param(-1790.0, RESUME_GRACE, id="hardly anything of its deadline is left"),
        pytest.param(-1600.0, 200.0, id="less is left than has to be looked for"),
        pytest.param(-90_000.0, RESUME_GRACE, id="its deadline has passed long ago"),
    ],
)
def test_an_unanswered_restart_that_cannot_be_looked_for_long_enough_is_unknown_and_not_posted_again(
    posted_at: float, ended_at: float
) -> None:
    story = unanswered({0: IDLE}, posted_at=posted_at)
    assert (story.ending, story.ended_at) == (UNCONFIRMED, ended_at)
    assert story.platform.submits == []
    assert story.journal.in_flight is None, "it has ended"
    assert Trace.NOTHING.value in story.result.message


def test_an_unanswered_restart_is_not_posted_again_where_somebody_did_anything() -> None:
    elsewhere = run(42, {"chart": "DEPLOYED"}, action="DEPLOY")
    crowded = scene(
        *IDLE.observation.services.values(), status("chart", "DEPLOYED", 42), runs=[elsewhere, LAST_NIGHTS_RUN]
    )
    story = unanswered({0: crowded})
    assert story.ending == UNCONFIRMED
    assert 300 <= story.ended_at <= 331
    assert story.platform.submits == []


def test_an_unanswered_restart_that_is_lost_again_is_looked_for_again() -> None:
    story = unanswered({0: IDLE}, answers=(lost(RESET, accepted=True),))
    assert story.ending == SUCCESS
    assert len(story.platform.submits) == 1
    assert len(story.log.named("submit_found")) == 1


def test_an_unanswered_restart_and_then_lost_contact_is_unknown() -> None:
    story = tell(OURS, before={0: IDLE}, journal=in_flight(accepted=False), faults=[Fault(error=RESET)])
    assert (story.ending, story.ended_at) == ((Outcome.UNKNOWN, Reason.CONTACT_LOST), 300.0)
    assert story.platform.submits == []


@pytest.mark.parametrize("accepted", [True, False], ids=["accepted", "unanswered"])
def test_a_token_that_is_refused_meanwhile_leaves_it_unknown(accepted: bool) -> None:
    fault = Fault(error=TokenRefusedError("expired", status=401))
    story = tell(OURS, before={0: IDLE}, journal=in_flight(accepted=accepted), faults=[fault])
    assert (story.ending, story.result.exit_code) == ((Outcome.UNKNOWN, Reason.TOKEN_REFUSED), 77)
    assert "may still be running" in story.result.message


@pytest.mark.parametrize(
    ("accepted", "words"),
    [(True, "continues at Qovery"), (False, "may have been accepted")],
    ids=["accepted", "unanswered"],
)
def test_a_resumed_job_that_is_interrupted_before_it_could_read_anything_knows_what_its_predecessor_knew(
    accepted: bool, words: str
) -> None:
    journal = in_flight(accepted=accepted, sighting=SEEN)
    before = journal.in_flight
    story = tell(OURS, before={0: IDLE}, journal=journal, faults=[Fault(error=RESET)], interrupt_at=10.0)
    assert story.ending == (Outcome.UNKNOWN, Reason.INTERRUPTED)
    assert words in story.result.message
    assert story.result.submitted_at == NOON - timedelta(seconds=20)
    assert [service.state for service in story.result.services] == ["RESTARTING"] * 2
    assert journal.in_flight == before


# However often it dies.


@settings(max_examples=60, deadline=None)
@given(
    lives=st.lists(st.floats(0.1, 60), min_size=1, max_size=6),
    answer=st.sampled_from(
        [
            ACCEPTED,
            lost(RESET, accepted=True),
            lost(RESET, accepted=False),
            refused(NotSentError("no route")),
        ]
    ),
    begin=st.integers(0, 60),
    seed=st.integers(0, 99),
)
def test_however_often_a_job_dies_its_restart_is_posted_once_and_seen_to_its_end(
    lives: list[float], answer: SubmitAnswer, begin: int, seed: int
) -> None:
    script: dict[float, Scene] = {0.0: IDLE, **goes_well(begin)}
    journal, accepted_at, now = MemoryJournal(), None, 0.0
    story: Story | None = None
    for life in [*lives, None]:
        if accepted_at is None:
            story = tell(
                OURS, after=script, answers=[answer, ACCEPTED], journal=journal, interrupt_at=life, seed=seed, name=US
            )
            accepted_at = next((now + submit.at for submit in story.platform.accepted), None)
        else:
            there = since(now - accepted_at, script)
            story = tell(OURS, before=there, journal=journal, interrupt_at=life, seed=seed, name=US)
            assert story.platform.accepted == []
        if journal.result is not None:
            break
        now += story.ended_at
        if journal.intent is not None:
            # The next process has a clock of its own.
            journal.intent = replace(journal.intent, posted_at=journal.intent.posted_at - story.ended_at)
    assert story is not None
    assert story.ending == SUCCESS
    assert journal.result == story.result


def test_the_time_that_a_late_resume_has_to_find_out_is_no_time_to_submit() -> None:
    policy = Policy(deadline=100.0, invisible_for=10.0)
    journal = MemoryJournal(intent=intent(baseline_of(*TARGETS), posted_at=-10_000.0))
    story = tell(target(*TARGETS, policy=policy), journal=journal)
    assert story.platform.submits == []
    assert story.result.outcome is Outcome.TIMED_OUT
    assert "Nothing was submitted" in story.result.message


def test_a_restart_that_the_journal_of_a_resumed_run_does_not_know_of_is_noticed_and_nothing_is_posted() -> None:
    # The journal says that the environment has not begun; the history shows a restart since the run began.
    unknown = replace(restart_run(), origin="API", created_at=NOON)
    before = {0: both("RESTARTED", 42, runs=[unknown, LAST_NIGHTS_RUN])}
    story = tell(OURS, before=before, resumed_since=NOON - timedelta(minutes=5))
    assert story.ending == UNCONFIRMED
    assert story.platform.submits == []
    assert "an old copy" in story.result.message


def test_a_resumed_run_begins_where_nothing_has_been_restarted_since() -> None:
    older = replace(LAST_NIGHTS_RUN, origin="API", created_at=NOON - timedelta(hours=9))
    story = tell(OURS, before={0: both("RESTARTED", runs=[older])}, resumed_since=NOON - timedelta(minutes=5))
    assert story.ending == SUCCESS
    assert len(story.platform.submits) == 1
