"""A whole restart under a platform clock that is right, wrong, or set."""

from dataclasses import replace

import pytest

from orchestrator.domain.observations import CLOCK_SKEW
from orchestrator.domain.outcomes import Outcome, Reason
from tests.support.builders import (
    all_in,
    execution,
    intent,
    target,
)
from tests.support.dated import DATED_BASELINE, at, over
from tests.support.memory_journal import MemoryJournal
from tests.support.scripted_platform import Scene
from tests.support.stories import LAST_NIGHTS_RUN, TARGETS, restart_run, tell

SKEW = CLOCK_SKEW.total_seconds()


SUCCESS = (Outcome.SUCCEEDED, Reason.RESTARTED)


def script(*, began: float | None, skips: float = 0.0, skips_at: int = 10) -> dict[int, Scene]:
    """A restart that nobody sees running, over at second 15, second by second, by a clock that skips once."""
    quiet = Scene(observation=all_in("RESTARTED", *TARGETS), runs=(LAST_NIGHTS_RUN,))
    ended = Scene(observation=over(began=began), runs=(restart_run(), LAST_NIGHTS_RUN))
    scenes = {}
    for second in range(120):
        one = ended if second >= 15 else quiet
        date = at(second + skips) if second >= skips_at else at(second)
        scenes[second] = replace(one, observation=replace(one.observation, server_time=date))
    return scenes


@pytest.mark.parametrize(
    ("began", "skips", "histories"),
    [
        pytest.param(3.0, 0.0, 0, id="dated after the baseline"),
        pytest.param(3.0, SKEW / 2, 0, id="by a clock that is a little off"),
        pytest.param(None, 0.0, 1, id="not dated"),
        pytest.param(-30.0, 0.0, 1, id="dated before the baseline"),
        pytest.param(3.0, 3600.0, 1, id="by a clock that was set forward"),
        pytest.param(3.0, -3600.0, 1, id="by a clock that was set back"),
    ],
)
def test_a_restart_that_was_over_before_it_was_seen_needs_the_history_unless_its_reading_dates_it(
    began: float | None, skips: float, histories: int
) -> None:
    # The first look falls before the end, the second after it, the clock skips in between.
    scenes = script(began=began, skips=skips)
    story = tell(target(*TARGETS), before={0: scenes[0]}, after=scenes)
    assert story.ending == SUCCESS
    assert len(story.platform.calls_of("find_runs")) == histories
    assert {service.execution_id for service in story.result.services} == {execution(42)}


def test_what_an_earlier_process_posted_needs_the_history_where_more_time_may_have_passed_than_we_know_of() -> None:
    def resumed(dated: float) -> int:
        journal = MemoryJournal(intent=intent(DATED_BASELINE, posted_at=-60.0), accepted=True)
        there = Scene(observation=over(began=3.0, read=dated), runs=(restart_run(), LAST_NIGHTS_RUN))
        story = tell(target(*TARGETS), before={0: there}, journal=journal)
        assert story.ending == SUCCESS
        return len(story.platform.calls_of("find_runs"))

    assert [resumed(60.0), resumed(60.0 + 2 * SKEW), resumed(7200.0)] == [0, 1, 1]
