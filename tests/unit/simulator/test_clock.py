"""The simulated platform's wall clock, which people and time servers set."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.clock import RehearsalClock
from orchestrator.simulator.world import EPOCH, World
from tests.support.simulator_client import Visit, run, visiting
from tests.support.time import in_virtual_time

HISTORY = "/environment/{e}/deploymentHistoryV2"


def at(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


def a_world_set(*steps: tuple[float, float]) -> World:
    """A world whose clock is set at some seconds, each by so many."""
    world = World(seed=1)
    for second, by in steps:
        world.advance(second)
        world.set_clock(by)
    return world


@pytest.mark.parametrize(
    ("steps", "shown"),
    [
        pytest.param([], {0: 0, 50: 50, 250: 250}, id="never set"),
        pytest.param([(100, -30)], {0: 0, 99: 99, 100: 70, 250: 220}, id="set back"),
        pytest.param([(100, 3600)], {0: 0, 99: 99, 100: 3700, 250: 3850}, id="set forward"),
        pytest.param([(100, -30), (200, -30)], {99: 99, 150: 120, 200: 140}, id="set back twice"),
        pytest.param([(100, -30), (200, 30)], {99: 99, 150: 120, 200: 200, 250: 250}, id="set back and forward again"),
    ],
)
def test_an_instant_is_shown_as_the_clock_showed_it_then(
    steps: Sequence[tuple[float, float]], shown: dict[float, float]
) -> None:
    world = a_world_set(*steps)
    assert {second: world.at(second) for second in shown} == {second: at(wall) for second, wall in shown.items()}


def test_what_was_before_the_world_keeps_its_date_whatever_the_clock_is_set_to() -> None:
    assert a_world_set((100, -7200), (200, 30)).at(-86_400) == at(-86_400)


@given(
    steps=st.lists(st.tuples(st.floats(0.1, 1000), st.floats(-7200, 7200)), max_size=4).map(sorted),
    earlier=st.floats(-10_000, 2000),
)
def test_setting_the_clock_changes_no_date_of_what_was_before(steps: list[tuple[float, float]], earlier: float) -> None:
    world, dates = World(seed=1), []
    for second, by in steps:
        world.advance(second)
        if earlier < second:
            dates.append(world.at(earlier))
        world.set_clock(by)
    assert set(dates) <= {world.at(earlier)}


def test_a_clock_that_is_set_moves_nothing_that_is_due() -> None:
    async def story(by: float) -> list[float]:
        async with visiting() as visit:
            await visit.restart("api")
            await asyncio.sleep(5.0)
            visit.world.set_clock(by)
            visit.world.advance(1000.0)
            return [happening.at for happening in visit.world.record]

    assert run(lambda: story(-7200.0)) == run(lambda: story(0.0)) == run(lambda: story(3600.0))


async def created_at(visit: Visit) -> list[datetime]:
    """When each run of the history began, as the API tells it, the newest first."""
    runs = (await visit.get(HISTORY)).json()["results"]
    return [datetime.fromisoformat(one["auditing_data"]["created_at"]) for one in runs]


def date_of(answer: httpx.Response) -> datetime:
    return parsedate_to_datetime(answer.headers["date"])


def test_an_api_whose_clock_is_set_back_dates_what_is_new_before_what_it_has_dated_already() -> None:
    async def main() -> tuple[list[datetime], list[datetime], float]:
        async with visiting() as visit:
            await visit.restart("api")
            await asyncio.sleep(60.0)
            before = await created_at(visit)
            date = date_of(await visit.get(HISTORY))
            visit.world.set_clock(-7200.0)
            await visit.restart("api")
            await asyncio.sleep(60.0)
            moved = date_of(await visit.get(HISTORY)) - date
            return before, await created_at(visit), moved.total_seconds()

    before, after, moved = run(main)
    assert after[1:] == before, "what was dated keeps its date"
    assert after[0] < before[0], "what came later is dated earlier"
    assert moved == pytest.approx(60 - 7200, abs=2)


def test_a_rehearsals_clock_can_be_set_too_and_its_deadlines_do_not_move() -> None:
    async def story() -> list[tuple[float, float]]:
        clock = RehearsalClock(EPOCH)
        shown = []
        for by in (0.0, -3600.0, 7200.0):
            clock.set(by)
            await clock.sleep(10.0)
            shown.append((clock.monotonic(), (clock.now() - EPOCH).total_seconds()))
        return shown

    assert in_virtual_time(story()) == [(10.0, 10.0), (20.0, -3580.0), (30.0, 3630.0)]
