"""Looks that are behind what was hinted: a few jobs find out by how much, and the others wait for as long."""

import asyncio

import pytest

from orchestrator.clock import RehearsalClock
from orchestrator.domain.observations import Hint
from orchestrator.qovery.lateness import EASING, GROWTH, LEAST, MOST, SCOUTS, Hinted, Lateness
from tests.support.builders import NOON
from tests.support.shared_looks import Restart, Scene, environments, execution_of, run_jobs
from tests.support.time import in_virtual_time

FAR = 1e9
MANY = 100


def run_many(*, behind: float, count: int = MANY) -> Scene:
    return run_jobs({name: Restart(ends=25.0) for name in environments(count)}, behind=behind)


@pytest.mark.parametrize("behind", [8.0, 60.0])
def test_where_looks_are_behind_most_jobs_look_once_all_the_same(behind: float) -> None:
    scene = run_many(behind=behind)
    counts = [len(scene.estate.looks_of(name)) for name in scene.estate.restarts]
    assert counts.count(1) == MANY - SCOUTS
    assert len(set(scene.told.values())) == 1, "as soon as one knows, all do"


def test_where_looks_show_at_once_what_was_hinted_nobody_waits() -> None:
    assert set(run_many(behind=0.0).told.values()) == {30.0}


def test_one_that_sees_nothing_of_it_keeps_nobody_waiting() -> None:
    lie = Hint(environment_id="env-0", state="RESTARTED", execution_id=execution_of("env-0", 43))
    restarts = {name: Restart(ends=1e4 if name == "env-0" else 25.0) for name in environments(5)}
    scene = run_jobs(restarts, lies={"env-0": lie})
    assert {scene.told[name] for name in restarts if name != "env-0"} == {30.0}


async def _seconds(lateness: Lateness, hinted: Hinted, clock: RehearsalClock, until: float = FAR) -> float:
    await lateness.worth_a_look(hinted, until=until)
    return clock.monotonic()


def test_scouts_look_first_and_the_others_wait_for_as_long_as_a_scout_did() -> None:
    async def go() -> tuple[list[float], list[float]]:
        clock = RehearsalClock(NOON)
        lateness = Lateness(clock)
        scouts = [lateness.hinted() for _ in range(SCOUTS)]
        at_once = [await _seconds(lateness, scout, clock) for scout in scouts]
        await clock.sleep(2.0)
        later = lateness.hinted()
        waiting = asyncio.create_task(_seconds(lateness, later, clock))
        await clock.sleep(8.0)
        lateness.note(scouts[0])
        return at_once, [await waiting]

    assert in_virtual_time(go()) == ([0.0] * SCOUTS, [12.0])


def test_scouts_of_later_hints_look_a_little_sooner_than_it_took_last() -> None:
    async def go() -> tuple[float, float]:
        clock = RehearsalClock(NOON)
        lateness = Lateness(clock)
        first = lateness.hinted()
        await lateness.worth_a_look(first, until=FAR)
        await clock.sleep(50.0)
        lateness.note(first)
        await clock.sleep(1.0)
        second = lateness.hinted()
        began = clock.monotonic()
        waited = await lateness.worth_a_look(second, until=FAR)
        return waited, clock.monotonic() - began

    waited, took = in_virtual_time(go())
    assert waited == took == pytest.approx(50.0 * EASING)


@pytest.mark.parametrize(("until", "waited"), [(FAR, MOST), (30.0, 30.0)], ids=["a while", "its own last look"])
def test_nobody_waits_for_scouts_for_ever(until: float, waited: float) -> None:
    async def go() -> float:
        clock = RehearsalClock(NOON)
        lateness = Lateness(clock)
        for _ in range(SCOUTS):
            await lateness.worth_a_look(lateness.hinted(), until=until)
        return await lateness.worth_a_look(lateness.hinted(), until=until)

    assert in_virtual_time(go()) == waited


@pytest.mark.parametrize(
    ("since", "in_vain", "wait"),
    [
        (10.0, False, 0.0),
        (0.1, True, LEAST),
        (60.0, True, 60.0 * GROWTH),
        (1000.0, True, MOST),
    ],
    ids=["before it looked", "soon", "later", "much later"],
)
def test_after_a_look_in_vain_the_next_one_waits_the_longer_the_longer_that_has_lasted(
    since: float, in_vain: bool, wait: float
) -> None:
    hinted = Hinted(5.0)
    hinted.in_vain = in_vain
    assert hinted.wait(5.0 + since) == wait
