"""Shared looks: one reading of a project tells many jobs when to look, and is never what a verdict stands on."""

import asyncio
from itertools import pairwise

import pytest

from orchestrator.domain.observations import Hint
from orchestrator.qovery.feed import CHECK_AGAIN_AFTER, OWN_LOOK_AFTER, RELIED_ON_FOR
from orchestrator.qovery.lateness import GROWTH, LEAST
from tests.support.shared_looks import OWN, PROJECT, TICK, Restart, Scene, environments, execution_of, play, run_jobs

TWO = {name: Restart() for name in environments(2)}
NEVER = {name: Restart(begins=1e9, ends=1e9) for name in environments(3)}
"""Nothing happens there."""


# Many.


def test_a_hundred_jobs_of_one_project_cost_one_look_for_each_tick_and_one_of_their_own_each() -> None:
    scene = run_jobs({name: Restart(ends=95.0) for name in environments(100)})
    assert scene.estate.hints == [TICK * number for number in range(1, 11)]
    assert len(scene.estate.looks) == 100
    assert set(scene.told.values()) == {100.0}


def test_a_look_wakes_those_whose_restart_is_over_and_nobody_else() -> None:
    ends = {name: Restart(ends=7.0 * number) for number, name in enumerate(environments(8), start=1)}
    last = {name: Restart(ends=75.0) for name in ("last", "as late")}
    scene = run_jobs(ends | last)
    assert scene.estate.hints == [TICK * number for number in range(1, 9)]
    for name, restart in (ends | last).items():
        assert scene.estate.looks_of(name) == [min(at for at in scene.estate.hints if at >= restart.ends)]


def test_jobs_that_come_later_share_the_looks_of_those_that_are_there() -> None:
    async def script(scene: Scene) -> None:
        jobs = []
        for name in scene.estate.restarts:
            jobs.append(scene.begin(name))
            await scene.clock.sleep(3)
        await asyncio.gather(*jobs)

    scene = play(script, {name: Restart(begins=20.0, ends=55.0) for name in environments(4)})
    # The first is alone at first, and looks for itself.
    assert scene.estate.looks_of("env-0") == [OWN, 63.0]
    assert scene.estate.hints == [13.0, 23.0, 33.0, 43.0, 53.0, 63.0]
    assert len(scene.estate.looks) == 4 + 1
    assert set(scene.told.values()) == {63.0}


def test_each_project_has_looks_of_its_own() -> None:
    async def script(scene: Scene) -> None:
        projects = ["one", "one", "another", "another", "alone"]
        await asyncio.gather(
            *[scene.begin(name, project=project) for name, project in zip(scene.estate.restarts, projects, strict=True)]
        )

    scene = play(script, {name: Restart(ends=25.0) for name in environments(5)})
    assert scene.estate.projects == {"one": [10.0, 20.0, 30.0], "another": [10.0, 20.0, 30.0]}
    assert len(scene.estate.looks_of("env-4")) == 7


def test_a_look_that_takes_long_is_one_look_all_the_same() -> None:
    scene = run_jobs({name: Restart(ends=40.0) for name in environments(20)}, takes=3.0)
    assert scene.estate.hints == [10.0, 23.0, 36.0, 49.0]
    assert set(scene.told.values()) == {52.0}


def test_what_is_woken_and_has_nothing_to_see_yet_looks_alone_ever_more_rarely() -> None:
    # The project's reading is ahead of the environment's own.
    ahead = Hint(environment_id="env-0", state="RESTARTED", execution_id=execution_of("env-0", 42))
    scene = run_jobs({"env-0": Restart(ends=50.0), "env-1": Restart(ends=95.0)}, lies={"env-0": ahead})
    looks = scene.estate.looks_of("env-0")
    assert looks[0] == TICK
    assert all(later - earlier == max(LEAST, GROWTH * (earlier - TICK)) for earlier, later in pairwise(looks))
    assert 50 <= scene.told["env-0"] <= 50 + GROWTH * 50
    assert scene.told["env-1"] <= 95 + OWN, "alone by then"


# Nobody waits for a hint for ever.


def test_one_of_which_the_shared_looks_show_nothing_new_looks_for_itself_after_a_minute() -> None:
    scene = run_jobs({name: Restart(ends=30.0) for name in environments(5)}, lags=1e6)
    for name in scene.estate.restarts:
        assert scene.estate.looks_of(name) == [OWN_LOOK_AFTER]


def test_one_that_the_shared_looks_leave_out_looks_for_itself_after_a_minute() -> None:
    restarts = {name: Restart(ends=100.0 if name == "env-1" else 195.0) for name in environments(3)}
    scene = run_jobs(restarts, unlisted=frozenset({"env-1"}))
    assert scene.estate.looks_of("env-1") == [OWN_LOOK_AFTER, 2 * OWN_LOOK_AFTER]
    assert scene.told == {"env-0": 200.0, "env-1": 2 * OWN_LOOK_AFTER, "env-2": 200.0}


def test_one_that_they_show_at_work_is_relied_on_to_be_for_a_few_minutes() -> None:
    at_work = Hint(environment_id="env-0", state="RESTARTING", execution_id=execution_of("env-0", 42))
    scene = run_jobs({"env-0": Restart(ends=30.0), "env-1": Restart(ends=1000.0)}, lies={"env-0": at_work})
    assert scene.estate.looks_of("env-0") == [RELIED_ON_FOR]


@pytest.mark.parametrize("lags", [5.0, 15.0, 45.0])
def test_looks_that_lag_delay_what_is_said_by_their_lag_and_a_tick_at_the_most(lags: float) -> None:
    scene = run_jobs({name: Restart(ends=33.0 + number) for number, name in enumerate(environments(5))}, lags=lags)
    for name, restart in scene.estate.restarts.items():
        assert restart.ends <= scene.told[name] <= max(restart.ends + lags + TICK, OWN_LOOK_AFTER)


def test_whoever_rests_does_so_no_longer_than_it_may() -> None:
    async def script(scene: Scene) -> None:
        places = [scene.lookout(name) for name in scene.estate.restarts]
        others = [asyncio.ensure_future(scene.rest(place)) for place in places[1:]]
        assert await scene.rest(places[0], until=17.0) == 17.0
        assert await scene.rest(places[0], until=17.0) == 0.0
        for other in others:
            other.cancel()
        await asyncio.wait(others)

    play(script, NEVER)


# Few.


@pytest.mark.parametrize("project", [PROJECT, None], ids=["alone in its project", "nobody knows where it is"])
def test_one_that_shares_with_nobody_looks_for_itself_as_it_would_without_all_this(project: str | None) -> None:
    scene = run_jobs({"env-0": Restart(ends=30.0)}, project=project)
    assert scene.estate.looks_of("env-0") == [OWN * number for number in range(1, 9)]
    assert scene.estate.hints == []


def test_many_of_which_nobody_knows_where_they_are_share_nothing() -> None:
    scene = run_jobs({name: Restart(ends=30.0) for name in environments(3)}, project=None)
    assert scene.estate.hints == []
    assert len(scene.estate.looks) == 3 * 8


def test_the_last_of_a_project_rests_until_the_next_look_was_due_and_then_looks_alone() -> None:
    scene = run_jobs({"env-0": Restart(ends=5.0), "env-1": Restart(ends=60.0)})
    assert scene.told["env-0"] == TICK
    looks = scene.estate.looks_of("env-1")
    assert scene.estate.hints == [TICK]
    assert looks[0] == 2 * TICK
    assert all(later - earlier == OWN for earlier, later in pairwise(looks))
    assert 60 <= scene.told["env-1"] <= 60 + OWN


def test_the_last_does_not_wait_for_longer_than_it_may_when_the_others_go() -> None:
    async def script(scene: Scene) -> None:
        one, _ = (scene.lookout(name) for name in ("env-0", "env-1"))
        resting = asyncio.ensure_future(scene.rest(one, tick=50.0, until=20.0))
        await scene.clock.sleep(7)
        scene.feed.leave("env-1")
        assert "env-1" not in scene.feed._projects[PROJECT].members
        assert await resting == 20.0

    assert play(script, NEVER).estate.hints == []


def test_whoever_leaves_twice_or_was_never_there_disturbs_nobody() -> None:
    async def script(scene: Scene) -> None:
        one, _ = (scene.lookout(name) for name in ("env-0", "env-1"))
        scene.lookout("env-2", None)
        resting = asyncio.ensure_future(scene.rest(one, tick=20.0))
        for name in ("env-2", "env-2", "unknown"):
            await scene.clock.sleep(1)
            scene.feed.leave(name)
        await scene.clock.sleep(40)
        assert not resting.done()
        assert scene.estate.hints == [20.0, 40.0]
        resting.cancel()
        await asyncio.wait([resting])

    play(script, NEVER)


# Interrupted.


def test_one_that_is_interrupted_in_the_middle_of_the_look_that_it_makes_for_all_leaves_the_others_going() -> None:
    async def script(scene: Scene) -> None:
        leader = scene.begin("env-0", tick=8.0)
        others = [scene.begin(name) for name in ("env-1", "env-2")]
        await scene.clock.sleep(9)
        assert scene.estate.hints == [8.0], "it has begun, and is not answered yet"
        leader.cancel()
        await asyncio.wait([leader])
        assert leader.cancelled()
        await asyncio.wait(others)

    scene = play(script, {name: Restart(ends=35.0) for name in environments(3)}, takes=2.0)
    assert scene.told.keys() == {"env-1", "env-2"}
    assert scene.estate.hints[1] == TICK, "another looks in its place, when it was about to"
    assert max(scene.told.values()) <= 35 + TICK + 2


def test_one_that_is_interrupted_while_it_rests_is_looked_for_by_nobody() -> None:
    async def script(scene: Scene) -> None:
        tasks = {name: scene.begin(name) for name in scene.estate.restarts}
        await scene.clock.sleep(15)
        tasks["env-0"].cancel()
        await asyncio.wait(tasks.values())

    scene = play(script, {name: Restart(ends=35.0) for name in environments(3)})
    assert scene.estate.looks_of("env-0") == []
    assert scene.told.keys() == {"env-1", "env-2"}


# Contact.


def test_an_answer_to_a_shared_look_is_contact_for_all_who_rest() -> None:
    async def script(scene: Scene) -> None:
        contacts = [scene.contact(limit=50.0) for _ in range(2)]
        rests = [
            asyncio.ensure_future(scene.rest(scene.lookout(name), contact=contact))
            for name, contact in zip(("env-0", "env-1"), contacts, strict=True)
        ]
        await scene.clock.sleep(TICK + 3)
        assert [contact.silent_for for contact in contacts] == [3.0, 3.0]
        assert set(await asyncio.gather(*rests)) == {OWN_LOOK_AFTER}

    play(script, NEVER)


def test_whoever_rests_looks_around_now_and_then_though_the_next_look_is_far() -> None:
    async def script(scene: Scene) -> None:
        places = [scene.lookout(name) for name in ("env-0", "env-1")]
        assert set(await asyncio.gather(*(scene.rest(place, tick=200.0) for place in places))) == {OWN_LOOK_AFTER}
        asked = len(scene.quota.asked)
        assert asked >= OWN_LOOK_AFTER / CHECK_AGAIN_AFTER

    assert play(script, NEVER).estate.hints == []
