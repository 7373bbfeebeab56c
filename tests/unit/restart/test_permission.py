"""Whether a restart may begin by the time of day is asked right before its submit; what is in flight needs no leave."""

from orchestrator.domain.outcomes import Outcome, Reason
from orchestrator.errors import UnansweredError
from tests.support.builders import target
from tests.support.scripted_platform import lost
from tests.support.stories import IDLE, TARGETS, both, tell

OURS = target(*TARGETS)
FORBIDDEN = (Outcome.BLOCKED, Reason.BLACKOUT)


def test_what_must_not_begin_is_blocked_without_a_request() -> None:
    story = tell(OURS, forbidden_from=0.0)
    assert (story.ending, story.ended_at) == (FORBIDDEN, 0.0)
    assert story.platform.calls == []
    assert story.result.message == "Not begun: a blackout holds until noon. Nothing was submitted."


def test_what_waits_for_a_busy_environment_does_not_begin_once_it_is_forbidden() -> None:
    story = tell(OURS, before={0: both("DEPLOYING", 42), 300: both("DEPLOYED", 42)}, forbidden_from=100.0)
    assert story.ending == FORBIDDEN
    assert 100 <= story.ended_at < 200
    assert story.platform.submits == []


def test_it_is_asked_again_after_the_baseline_was_read() -> None:
    slow = both("RESTARTED", None)  # the history has to be read first
    story = tell(OURS, before={0: slow, 50: IDLE}, forbidden_from=50.0)
    assert story.ending == FORBIDDEN
    assert story.platform.submits == []


def test_what_is_in_flight_settles() -> None:
    story = tell(OURS, forbidden_from=1.0)
    assert story.ending == (Outcome.SUCCEEDED, Reason.RESTARTED)


def test_a_submit_that_never_arrived_is_not_repeated_once_it_is_forbidden() -> None:
    story = tell(
        OURS,
        answers=[lost(UnansweredError("POST: connection reset"), accepted=False)],
        after={0: IDLE},
        forbidden_from=1.0,
    )
    assert story.ending == FORBIDDEN
    assert len(story.platform.submits) == 1
    assert story.result.message.endswith("The submit before was not accepted.")
