"""What is absent is believed to be gone only when it stays absent, and for one and the same reason."""

import pytest

from orchestrator.outcomes import Outcome, Reason
from orchestrator.proof import ABSENT_FOR
from tests.support.builders import status, target
from tests.support.platform import Scene, scene
from tests.support.stories import IDLE, LAST_NIGHTS_RUN, TARGETS, both, tell

OURS = target(*TARGETS)
WAITING = both("RESTART_QUEUED", 41, runs=[LAST_NIGHTS_RUN])
WITHOUT_WEB = scene(status("api", "RESTARTED"), runs=[LAST_NIGHTS_RUN])
CANCELLED = (Outcome.CANCELLED, Reason.REQUEST_CANCELLED)
DISAPPEARED = (Outcome.FAILED, Reason.SERVICE_DISAPPEARED)


@pytest.mark.parametrize("seed", range(5))
def test_a_service_that_a_few_readings_leave_out_has_not_disappeared(seed: int) -> None:
    after: dict[float, Scene] = {0: WAITING, 20: IDLE}
    settled = tell(OURS, after=after, seed=seed)
    assert settled.ending == CANCELLED
    # Left out right when the absence of the whole restart would be believed, and back again after that.
    last = settled.ended_at
    story = tell(OURS, after={**after, last - 0.001: WITHOUT_WEB, last + 20: IDLE}, seed=seed)
    assert story.ending == CANCELLED
    assert story.ended_at >= last + 20 + ABSENT_FOR


@pytest.mark.parametrize("gone_at", [10, 20, 45])
def test_a_service_that_stays_away_has_disappeared_and_that_takes_its_own_time(gone_at: int) -> None:
    story = tell(OURS, after={0: WAITING, 5: IDLE, gone_at: WITHOUT_WEB})
    assert story.ending == DISAPPEARED
    assert "WEB disappeared" in story.result.message
    assert story.ended_at >= gone_at + ABSENT_FOR


def test_an_absence_that_ends_in_between_begins_anew() -> None:
    story = tell(OURS, after={0: WAITING, 20: IDLE, 40: WAITING, 60: IDLE})
    assert story.ending == CANCELLED
    assert story.ended_at >= 60 + ABSENT_FOR
