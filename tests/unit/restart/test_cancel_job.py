"""A job that calls a restart off: what is provably ours is cancelled and seen to its end, and nothing is posted."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.domain.evidence import CANCELLED_FOR
from orchestrator.domain.observations import QueuedRequest
from orchestrator.domain.outcomes import Outcome, Reason
from orchestrator.domain.ownership import Standing
from orchestrator.domain.plan import OnDeadline, Policy
from orchestrator.domain.records import Sighting
from orchestrator.errors import BusyError, TokenRefusedError, UnansweredError
from tests.support.builders import ENVIRONMENT, baseline_of, execution, intent, queued, run, status, target
from tests.support.memory_journal import MemoryJournal
from tests.support.scripted_platform import Fault, Scene, Script, scene
from tests.support.stories import IDLE, LAST_NIGHTS_RUN, TARGETS, Story, both, restart_run, tell

OURS = target(*TARGETS)
RUN_CANCELLED = (Outcome.CANCELLED, Reason.RUN_CANCELLED)
REQUEST_CANCELLED = (Outcome.CANCELLED, Reason.REQUEST_CANCELLED)
NOT_CANCELLED = (Outcome.UNKNOWN, Reason.NOT_CANCELLED)
NOT_BEGUN = (Outcome.SKIPPED, Reason.NOT_BEGUN)
SUCCESS = (Outcome.SUCCEEDED, Reason.RESTARTED)
RESET = UnansweredError("connection reset")
REQUEST = frozenset({"request-1"})

WAITING = both("RESTART_QUEUED", 41, runs=[LAST_NIGHTS_RUN], queue=[queued(*TARGETS)])
GOING_RUN = replace(restart_run(42, "ONGOING", "RESTARTING"), origin="API")
GOING = both("RESTARTING", 42, runs=[GOING_RUN, LAST_NIGHTS_RUN])
CANCELLED = both("CANCELED", 42, runs=[replace(restart_run(42, "CANCELED", "CANCELED"), origin="API"), LAST_NIGHTS_RUN])
OVER = both("RESTARTED", 42, runs=[replace(restart_run(42), origin="API"), LAST_NIGHTS_RUN])


def call_off(
    there: Script,
    *,
    accepted: bool = True,
    request_ids: frozenset[str] = REQUEST,
    faults: Sequence[Fault] = (),
    policy: Policy | None = None,
    posted_at: float = -20.0,
    sighting: Sighting | None = None,
) -> Story:
    """Call off a restart that was posted a while ago."""
    journal = MemoryJournal(
        intent=intent(replace(baseline_of(*TARGETS), origin="API"), posted_at=posted_at),
        accepted=accepted,
        request_ids=request_ids,
        sighting=sighting or Sighting(),
    )
    ours = target(*TARGETS, policy=policy)
    story = tell(ours, before=there, journal=journal, faults=faults, cancel=True, origin="API")
    assert story.platform.submits == []
    return story


# What is ours.


def test_a_request_that_waits_is_cancelled_by_its_id_and_seen_to_be_gone() -> None:
    story = call_off({0: WAITING, 5: IDLE})
    assert story.platform.cancelled == ["request-1"]
    assert story.ending == REQUEST_CANCELLED
    assert story.log.named("restart_cancelled")[0].details == {"request_id": "request-1"}
    assert story.log.named("restart_cancelled")[0].at == 0.0
    assert story.result == story.journal.result
    assert 5 + CANCELLED_FOR <= story.ended_at <= 20, "who has taken it out of the queue need not wait long"


def test_a_request_that_begins_to_run_in_spite_of_a_cancel_ends_as_it_ends() -> None:
    story = call_off({0: WAITING, 5: GOING, 30: OVER})
    assert (story.ending, story.platform.cancelled) == (SUCCESS, ["request-1"])


def test_a_run_that_is_ours_alone_is_cancelled_and_seen_to_its_end() -> None:
    story = call_off({0: GOING, 10: CANCELLED})
    assert story.platform.cancelled == [ENVIRONMENT]
    assert (story.ending, story.result.exit_code) == (RUN_CANCELLED, 4)
    assert story.log.named("restart_cancelled")[0].details == {"execution_id": execution(42)}


def test_a_run_that_is_over_before_it_could_be_cancelled_ends_as_it_ended() -> None:
    story = call_off({0: OVER})
    assert (story.ending, story.platform.cancelled) == (SUCCESS, [])
    assert "restart_cancelled" not in story.log.names


def test_a_run_that_ends_in_spite_of_a_cancel_ends_as_it_ended() -> None:
    story = call_off({0: GOING, 10: OVER})
    assert (story.ending, story.platform.cancelled) == (SUCCESS, [ENVIRONMENT])


@pytest.mark.parametrize("call", ["cancel_request", "cancel_run"])
def test_what_left_its_place_while_it_was_to_be_cancelled_is_looked_for_again(call: str) -> None:
    fault = Fault(error=BusyError("an operation is in progress", status=409), calls=frozenset({call}), times=1)
    there = {0: WAITING, 1: GOING, 20: CANCELLED} if call == "cancel_request" else {0: GOING, 20: CANCELLED}
    story = call_off(there, faults=[fault])
    assert story.ending == RUN_CANCELLED
    assert story.platform.cancelled == [ENVIRONMENT]


def test_an_accepted_restart_that_does_not_show_yet_is_waited_for_and_then_cancelled() -> None:
    story = call_off({0: IDLE, 100: WAITING, 140: IDLE})
    assert story.ending == REQUEST_CANCELLED
    assert story.platform.cancelled == ["request-1"]
    assert story.log.named("restart_cancelled")[0].at >= 100


def test_an_accepted_restart_that_never_shows_is_gone() -> None:
    seen = Sighting(states={one: ("RESTART_QUEUED", execution(41)) for one in TARGETS}, was_seen=True)
    story = call_off({0: IDLE}, sighting=seen)
    assert story.ending == REQUEST_CANCELLED
    assert story.platform.cancelled == []
    assert story.ended_at >= 280, "an accepted one may stay invisible for so long"


@pytest.mark.parametrize("error", [RESET, BusyError("no", status=409)], ids=["never answered", "never possible"])
def test_what_could_not_be_cancelled_by_the_deadline_is_told_as_going_on(error: Exception) -> None:
    story = call_off(
        {0: GOING}, faults=[Fault(error=error, calls=frozenset({"cancel_run"}))], policy=Policy(deadline=200)
    )
    assert (story.ending, story.ended_at) == (NOT_CANCELLED, 180.0)
    assert "It may still be running at Qovery" in story.result.message


# What is not, or not provably.


def behind(number: int) -> QueuedRequest:
    return queued("cache", request_id=f"request-{number}", action="DEPLOY")


SHARED: dict[str, tuple[Scene, frozenset[str], Standing, str]] = {
    "a request that was merged with somebody else's": (
        both("RESTART_QUEUED", 41, runs=[LAST_NIGHTS_RUN], queue=[queued(*TARGETS, "cache")]),
        REQUEST,
        Standing.MERGED,
        "merged with one for other services",
    ),
    "a request that nobody has called ours": (WAITING, frozenset(), Standing.UNNAMED, "nothing shows that it is ours"),
    "a run from the console": (
        both("RESTARTING", 42, runs=[replace(GOING_RUN, origin="CONSOLE"), LAST_NIGHTS_RUN]),
        REQUEST,
        Standing.ANOTHER_ORIGIN,
        "another origin than our requests (CONSOLE)",
    ),
    "a run that nobody says where it came from": (
        both("RESTARTING", 42, runs=[replace(GOING_RUN, origin=None), LAST_NIGHTS_RUN]),
        REQUEST,
        Standing.ANOTHER_ORIGIN,
        "another origin than our requests (unknown)",
    ),
    "a run with somebody else's services in it": (
        both("RESTARTING", 42, runs=[replace(GOING_RUN, services={**GOING_RUN.services, "cache": "RESTARTING"})]),
        REQUEST,
        Standing.WIDER,
        "the run restarts other services as well",
    ),
    "a run with somebody's request behind it": (
        both("RESTARTING", 42, runs=[GOING_RUN, LAST_NIGHTS_RUN], queue=[behind(2)]),
        REQUEST,
        Standing.AWAITED,
        "another request waits behind it",
    ),
    "the second restart since our submit": (
        both("RESTARTING", 43, runs=[replace(GOING_RUN, execution_id=str(execution(43))), restart_run(42)]),
        REQUEST,
        Standing.UNNAMED,
        "nothing shows that it is ours",
    ),
    "a restart of one of our services": (
        scene(
            status("api", "RESTARTING", 42),
            status("web", "RESTARTED"),
            runs=[run(42, {"api": "RESTARTING"}, status="ONGOING", origin="API"), LAST_NIGHTS_RUN],
        ),
        REQUEST,
        Standing.INCOMPLETE,
        "does not contain all of our services",
    ),
}


@pytest.mark.parametrize(("there", "request_ids", "standing", "why"), SHARED.values(), ids=SHARED)
def test_what_is_not_provably_ours_alone_is_left_alone_and_said_why(
    there: Scene, request_ids: frozenset[str], standing: Standing, why: str
) -> None:
    story = call_off({0: there}, request_ids=request_ids)
    assert (story.ending, story.ended_at) == (NOT_CANCELLED, 0.0)
    assert story.platform.cancelled == []
    assert why in story.result.message
    assert "look at the environment in the console" in story.result.message
    assert story.log.named("cancel_considered")[0].details["standing"] == standing.value
    assert story.journal.result is None, "it can still be seen to its end"


def test_a_run_that_was_at_work_while_our_own_request_waited_is_not_ours_to_cancel() -> None:
    waits = [replace(status(one, "RESTARTING", 42), request_id="request-1", requests_waiting=1) for one in TARGETS]
    # The queue does not show our request in this moment, though the statuses do.
    story = call_off({0: scene(*waits, runs=[GOING_RUN, LAST_NIGHTS_RUN])}, policy=Policy(deadline=60))
    assert ENVIRONMENT not in story.platform.cancelled


def test_a_run_that_an_earlier_process_knew_not_to_be_ours_is_not_ours_to_cancel() -> None:
    seen = Sighting(was_seen=True, not_ours=frozenset({str(execution(42))}))
    story = call_off({0: GOING}, sighting=seen, policy=Policy(deadline=60))
    assert story.platform.cancelled == []


def test_a_run_that_an_earlier_look_showed_not_to_be_ours_is_not_ours_to_cancel() -> None:
    # In the first look our request still waits while another user's run is at work, in the second it is gone.
    waits = [replace(status(one, "RESTARTING", 42), request_id="request-1", requests_waiting=1) for one in TARGETS]
    first = scene(*waits, runs=[GOING_RUN, LAST_NIGHTS_RUN])
    story = call_off({0: first, 1: GOING}, policy=Policy(deadline=60))
    assert story.platform.cancelled == []


# An unanswered one, and none at all.


def test_an_unanswered_restart_is_looked_for_and_left_alone_where_it_is_found_since_no_id_says_that_it_is_ours() -> (
    None
):
    story = call_off({0: IDLE, 30: WAITING, 60: IDLE}, accepted=False, request_ids=frozenset())
    assert story.ending == (Outcome.UNKNOWN, Reason.NOT_CANCELLED)
    assert story.platform.cancelled == []
    assert "submit_found" in story.log.names
    assert "the answer to our submit was lost" in story.result.message
    assert story.journal.result is None  # It can still be resumed.


def test_an_unanswered_restart_that_never_arrived_is_not_made_again() -> None:
    story = call_off({0: IDLE}, accepted=False, request_ids=frozenset())
    assert story.ending == NOT_BEGUN
    assert story.platform.cancelled == []
    assert (story.journal.intent, story.result.submitted_at) == (None, None)
    assert 300 <= story.ended_at <= 361


def test_where_nothing_is_in_flight_nothing_is_read_and_nothing_posted() -> None:
    story = tell(OURS, cancel=True)
    assert (story.ending, story.ended_at, story.platform.calls) == (NOT_BEGUN, 0.0, [])
    assert "Nothing was submitted." in story.result.message


# Contact.


def test_a_restart_that_cannot_be_looked_at_is_unknown() -> None:
    story = call_off({0: GOING}, faults=[Fault(error=RESET)])
    assert (story.ending, story.ended_at) == ((Outcome.UNKNOWN, Reason.CONTACT_LOST), 300.0)


def test_contact_that_is_lost_after_the_cancel_leaves_it_unknown() -> None:
    story = call_off({0: GOING}, faults=[Fault(error=RESET, begin=1)])
    assert story.platform.cancelled == [ENVIRONMENT]
    assert story.ending == (Outcome.UNKNOWN, Reason.CONTACT_LOST)


def test_a_token_that_may_not_cancel_is_told_as_such() -> None:
    fault = Fault(error=TokenRefusedError("forbidden", status=403), calls=frozenset({"cancel_run"}))
    story = call_off({0: GOING}, faults=[fault])
    assert (story.ending, story.result.exit_code) == ((Outcome.UNKNOWN, Reason.TOKEN_REFUSED), 77)


# On the deadline of any other job.


@pytest.mark.parametrize(
    ("there", "cancelled", "words"),
    [
        pytest.param(GOING, [ENVIRONMENT], f"Our run, {execution(42)}, was told to cancel.", id="our run"),
        pytest.param(WAITING, ["request-1"], "still waited in the queue and was cancelled.", id="our request"),
        pytest.param(
            both("RESTARTING", 42, runs=[GOING_RUN, LAST_NIGHTS_RUN], queue=[behind(2)]),
            [],
            "It was not cancelled, because another request waits behind it, and may still be running at Qovery.",
            id="our run with somebody behind it",
        ),
        pytest.param(IDLE, [], "nothing provably ours is visible, and may still be running at Qovery.", id="nothing"),
    ],
)
def test_on_its_deadline_a_job_cancels_what_is_ours_where_policy_says_so(
    there: Scene, cancelled: list[str], words: str
) -> None:
    journal = MemoryJournal(
        intent=intent(replace(baseline_of(*TARGETS), origin="API"), posted_at=-20.0), accepted=True, request_ids=REQUEST
    )
    policy = Policy(deadline=100, on_deadline=OnDeadline.CANCEL)
    story = tell(target(*TARGETS, policy=policy), before={0: there}, journal=journal, origin="API")
    assert (story.ending, story.ended_at) == ((Outcome.TIMED_OUT, Reason.DEADLINE), 80.0)
    assert story.platform.cancelled == cancelled
    assert story.result.message.endswith(words)


def test_what_was_only_found_there_is_not_cancelled_on_the_deadline() -> None:
    journal = MemoryJournal(
        intent=intent(replace(baseline_of(*TARGETS), origin="API")), accepted=True, found=True, request_ids=REQUEST
    )
    policy = Policy(deadline=100, on_deadline=OnDeadline.CANCEL)
    story = tell(target(*TARGETS, policy=policy), before={0: WAITING}, journal=journal, origin="API")
    assert story.ending == (Outcome.TIMED_OUT, Reason.DEADLINE)
    assert story.platform.cancelled == []
    assert "no id shows that the restart found there is ours" in story.result.message


def test_what_was_found_to_be_somebody_elses_is_not_cancelled_on_the_deadline() -> None:
    # Our request waited while 42 was at work, and then vanished; 42 goes on.
    waits = [replace(status(one, "RESTARTING", 42), request_id="request-1", requests_waiting=1) for one in TARGETS]
    journal = MemoryJournal(
        intent=intent(replace(baseline_of(*TARGETS), origin="API")), accepted=True, request_ids=REQUEST
    )
    story = tell(
        target(*TARGETS, policy=Policy(deadline=100, on_deadline=OnDeadline.CANCEL)),
        before={0: scene(*waits, runs=[GOING_RUN], queue=[queued(*TARGETS)]), 20: GOING},
        journal=journal,
        origin="API",
    )
    assert story.ending == (Outcome.TIMED_OUT, Reason.DEADLINE)
    assert story.platform.cancelled == []


# Whatever is there.

SCENES = st.sampled_from([IDLE, WAITING, GOING, CANCELLED, OVER, *(there for there, _, _, _ in SHARED.values())])


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    scenes=st.dictionaries(st.integers(0, 600), SCENES, max_size=4),
    accepted=st.booleans(),
    faults=st.lists(
        st.builds(
            Fault,
            error=st.sampled_from([RESET, BusyError("no", status=409)]),
            calls=st.sampled_from(["read_statuses", "find_runs", "read_queue", "cancel_run", "cancel_request"]).map(
                lambda call: frozenset({call})
            ),
            begin=st.floats(0, 300),
            end=st.floats(0, 400),
        ),
        max_size=2,
    ),
)
def test_whatever_the_platform_shows_nothing_is_posted_and_nothing_is_cancelled_that_is_not_ours(
    scenes: dict[int, Scene], accepted: bool, faults: list[Fault]
) -> None:
    there = {0: IDLE, **scenes}
    story = call_off(there, accepted=accepted, request_ids=REQUEST if accepted else frozenset(), faults=faults)
    shown = [(call, there[max(second for second in there if second <= at)]) for call, at in story.platform.calls]
    assert {id(one) for call, one in shown if call == "cancel_run"} <= {id(GOING)}
    assert {id(one) for call, one in shown if call == "cancel_request"} <= {id(WAITING)}
    if story.ending == NOT_BEGUN:
        assert not accepted


def test_a_run_that_ends_while_it_is_to_be_cancelled_is_looked_at_again_and_never_hit() -> None:
    just_ended = both("RESTARTED", 42, runs=[GOING_RUN, LAST_NIGHTS_RUN])
    story = call_off({0: just_ended, 20: OVER})
    assert story.ending == (Outcome.SUCCEEDED, Reason.RESTARTED)
    assert story.platform.cancelled == []
