"""`Reader`: the dates of readings and baselines while the platform's clock is set."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from orchestrator.domain.observations import CLOCK_SKEW, Observation
from orchestrator.restart.polling import Contact
from orchestrator.restart.reader import Reader
from tests.support.builders import (
    ENVIRONMENT,
    NOON,
    all_in,
)
from tests.support.dated import DATED_BASELINE, at, over
from tests.support.scripted_platform import Scene, ScriptedPlatform
from tests.support.stories import TARGETS
from tests.support.time import HandClock, in_virtual_time

SKEW = CLOCK_SKEW.total_seconds()


class Dated(ScriptedPlatform):
    """A platform whose readings have the dates that a test says: its own, and that of the last run."""

    def __init__(self, clock: HandClock, dates: Sequence[float | None]) -> None:
        super().__init__(clock, before={0: Scene(observation=all_in("RESTARTED", *TARGETS))})
        self._dates = list(dates)

    async def read_statuses(self, environment_id: str) -> Observation:
        dated = self._dates.pop(0)
        return replace(over(began=3.0), server_time=None if dated is None else at(dated))


@pytest.mark.parametrize(
    ("dates", "believed"),
    [
        pytest.param([60.0, 120.0], True, id="a clock that is right"),
        pytest.param([60.0 + SKEW, 120.0 + SKEW], True, id="as much as two machines may differ"),
        pytest.param([60.0 - SKEW, 120.0 - SKEW], True, id="as much as that the other way"),
        pytest.param([None, 120.0], True, id="an answer without a date"),
        pytest.param([61.0 + SKEW, 121.0 + SKEW], False, id="set forward"),
        pytest.param([59.0 - SKEW, 119.0 - SKEW], False, id="set back"),
        pytest.param([60.0, 121.0 + SKEW], False, id="set forward later"),
        pytest.param([3600.0, 120.0], False, id="set forward, and right again"),
        pytest.param([-3600.0, 120.0], False, id="set back, and right again"),
    ],
)
def test_the_date_of_the_last_run_is_believed_while_the_platforms_clock_runs_as_ours(
    dates: list[float | None], believed: bool
) -> None:
    clock = HandClock()
    readings = Reader(Dated(clock, dates), ENVIRONMENT, Contact(clock, 300), clock)
    readings.server_clock.begin(NOON, 0.0)
    for _ in dates:
        clock.move(60)
        observation = in_virtual_time(readings.statuses())
    assert (observation.last_run_not_before is not None) is believed
    assert readings.server_clock.steady is believed
    assert readings.dated(DATED_BASELINE).dates_doubtful is not believed


def test_a_new_baseline_is_dated_by_the_clock_as_it_is_then() -> None:
    clock = HandClock()
    readings = Reader(Dated(clock, [3660.0, 3720.0]), ENVIRONMENT, Contact(clock, 300), clock)
    readings.server_clock.begin(NOON, 0.0)
    clock.move(60)
    assert in_virtual_time(readings.statuses()).last_run_not_before is None
    readings.server_clock.begin(at(3660), clock.monotonic())
    clock.move(60)
    assert in_virtual_time(readings.statuses()).last_run_not_before == at(3)
