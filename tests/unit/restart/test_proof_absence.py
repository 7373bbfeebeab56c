"""What is absent is believed to be gone only when it stays absent, and for one and the same reason."""

from dataclasses import replace

import pytest

from orchestrator.domain.costs import expected_duration
from orchestrator.domain.evidence import CONFIRM_AGAIN, OVERDUE_AFTER
from orchestrator.domain.observations import Run
from orchestrator.domain.outcomes import Outcome, Reason
from tests.support.builders import INVISIBLE_FOR, execution, status, target
from tests.support.scripted_platform import Scene, scene
from tests.support.stories import IDLE, LAST_NIGHTS_RUN, TARGETS, both, goes_well, restart_run, tell

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
    assert story.ended_at >= last + 20 + INVISIBLE_FOR


@pytest.mark.parametrize("gone_at", [10, 20, 45])
def test_a_service_that_stays_away_has_disappeared_and_that_takes_its_own_time(gone_at: int) -> None:
    story = tell(OURS, after={0: WAITING, 5: IDLE, gone_at: WITHOUT_WEB})
    assert story.ending == DISAPPEARED
    assert "WEB disappeared" in story.result.message
    assert story.ended_at >= gone_at + INVISIBLE_FOR


def test_an_absence_that_ends_in_between_begins_anew() -> None:
    story = tell(OURS, after={0: WAITING, 20: IDLE, 40: WAITING, 60: IDLE})
    assert story.ending == CANCELLED
    assert story.ended_at >= 60 + INVISIBLE_FOR


# Nothing is ever seen.

OVERDUE = expected_duration(2) + OVERDUE_AFTER


def test_a_restart_of_which_nothing_is_seen_is_looked_up_once_it_is_overdue_and_now_and_then_from_there() -> None:
    story = tell(OURS, after={0: IDLE}, end_by=600.0)
    assert story.ending == (Outcome.TIMED_OUT, Reason.RUN_DEADLINE)
    asked = story.platform.calls_of("read_queue")
    assert OVERDUE <= asked[0] <= OVERDUE + 30
    assert len(asked) <= 1 + (600 - OVERDUE) / CONFIRM_AGAIN


def test_a_restart_that_is_overdue_and_comes_after_all_is_proven() -> None:
    story = tell(OURS, after={0: IDLE, **goes_well(400)})
    assert story.ending == (Outcome.SUCCEEDED, Reason.RESTARTED)


@pytest.mark.parametrize(
    ("ended", "ending"),
    [
        (restart_run(42, "ERROR", "RESTART_ERROR"), (Outcome.FAILED, Reason.RESTART_ERROR)),
        (restart_run(), (Outcome.SUCCEEDED, Reason.RESTARTED)),
    ],
)
def test_what_the_statuses_never_show_is_told_by_the_history(ended: Run, ending: tuple[Outcome, Reason]) -> None:
    story = tell(OURS, after={0: both("RESTARTED", 41, runs=[ended, LAST_NIGHTS_RUN])})
    assert story.ending == ending
    assert story.ended_at < OVERDUE


def test_a_run_that_was_cancelled_before_it_touched_anything_is_looked_up_as_soon_as_it_is_known_of() -> None:
    cancelled = restart_run(42, "CANCELED", "CANCELED")
    after = both("RESTARTED", 41, runs=[cancelled, LAST_NIGHTS_RUN])
    after = replace(after, observation=replace(after.observation, last_execution_id=execution(42)))
    story = tell(OURS, after={0: IDLE, 10: after})
    assert story.ending == (Outcome.CANCELLED, Reason.RUN_CANCELLED)
    assert story.ended_at < OVERDUE
