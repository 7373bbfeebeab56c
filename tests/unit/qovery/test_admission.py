"""Let in as far as the quota bears: at once where there is room, else together, in their order, and never late."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import pytest

from orchestrator.clock import RehearsalClock
from orchestrator.domain.costs import Cost
from orchestrator.domain.durations import HOUR
from orchestrator.domain.observations import Hint
from orchestrator.domain.plan import Target
from orchestrator.ports import Admission
from orchestrator.qovery.admission import LOOK_AGAIN, QuotaAdmission
from orchestrator.qovery.feed import Feed
from tests.support.builders import NOON, target
from tests.support.log import CapturedLog
from tests.support.quota import quota_of
from tests.support.time import in_virtual_time

PER_HOUR = 20
SEVEN = Cost(looks=4.0)
NAMES = ("a", "b", "c", "d", "e")
FAR = 1e5


async def no_glance(project_id: str) -> Mapping[str, Hint]:
    raise AssertionError("nobody rests here")


class Door:
    """An admission over an hour of twenty requests, at which every environment costs seven."""

    def __init__(self) -> None:
        self.clock = RehearsalClock(NOON)
        self.log = CapturedLog(self.clock)
        self.quota = quota_of(self.clock, per_hour=PER_HOUR)
        self.feed = Feed(no_glance, quota=self.quota, clock=self.clock, log=self.log.logger)
        self.targets = {name: target("api", name=name, environment_id=f"{name}-id") for name in NAMES}
        costs = dict.fromkeys(NAMES, SEVEN)
        self.admission: Admission = QuotaAdmission(self.quota, self.feed, costs, clock=self.clock, log=self.log.logger)
        self.waiting = list(NAMES)
        self.let_in: list[tuple[str, float]] = []
        self.turned_away: list[tuple[str, float]] = []

    def use(self, count: int) -> None:
        for _ in range(count):
            self.quota.take()

    def others(self, name: str) -> list[Target]:
        return [self.targets[each] for each in self.waiting if each != name]

    async def ask(self, name: str, *, until: float = FAR, wanted: Callable[[], bool] = lambda: True) -> bool:
        let_in = await self.admission.admit(
            self.targets[name], waiting=lambda: self.others(name), until=until, wanted=wanted
        )
        (self.let_in if let_in else self.turned_away).append((name, self.clock.monotonic()))
        self.waiting.remove(name)
        return let_in

    @property
    def paused(self) -> list[tuple[float, int, int, float]]:
        """What was said of waiting: when, how many environments wait, how many requests are left, for how long."""
        return [
            (
                event.at,
                event.details["environments_waiting"],
                event.details["requests_left"],
                event.details["pause_s"],
            )
            for event in self.log.named("quota_paused")
        ]


def at_the_door(script: Callable[[Door], Coroutine[Any, Any, None]]) -> Door:
    """Play a script on virtual time; no task is left behind."""

    async def go() -> Door:
        door = Door()
        await script(door)
        assert asyncio.all_tasks() == {asyncio.current_task()}, "a task is left behind"
        return door

    return in_virtual_time(go())


def test_where_there_is_room_an_environment_is_let_in_at_once_and_without_a_word() -> None:
    async def script(door: Door) -> None:
        await asyncio.gather(door.ask("a"), door.ask("b"))

    door = at_the_door(script)
    assert door.let_in == [("a", 0.0), ("b", 0.0)]
    assert door.log.names == []


def test_where_there_is_none_it_waits_until_there_is_and_says_so_once() -> None:
    async def script(door: Door) -> None:
        door.waiting = ["a"]
        await door.clock.sleep(100)
        door.use(15)
        await door.ask("a")

    door = at_the_door(script)
    assert door.let_in == [("a", 100 + HOUR)]
    assert door.paused == [(100.0, 1, 5, HOUR)]
    (said,) = door.log.events
    assert (said.level, said.details["until"]) == ("warning", "2026-11-24T13:01:40Z")


def test_those_that_have_to_wait_are_let_in_together_and_in_their_order() -> None:
    async def script(door: Door) -> None:
        # Ten come back soon, which is enough for one; as many as want in together need more.
        door.use(10)
        await door.clock.sleep(1000)
        door.use(10)
        await asyncio.gather(*(door.ask(name) for name in ("a", "b")))

    door = at_the_door(script)
    assert [name for name, _ in door.let_in] == ["a", "b"]
    assert [at for _, at in door.let_in] == [1000 + HOUR] * 2
    assert [(at, waiting) for at, waiting, _, _ in door.paused] == [(1000.0, 5)]


def test_one_waits_at_a_time_and_whoever_comes_later_waits_behind_it() -> None:
    async def script(door: Door) -> None:
        door.use(15)
        door.waiting = ["a", "b"]
        first, second = (asyncio.ensure_future(door.ask(name)) for name in ("a", "b"))
        await door.clock.sleep(HOUR / 2)
        assert len(door.paused) == 1, "who waits behind says nothing"
        await asyncio.gather(first, second)

    assert at_the_door(script).let_in == [("a", HOUR), ("b", HOUR)]


def test_what_somebody_gives_back_is_seen_soon() -> None:
    async def script(door: Door) -> None:
        for name in ("a", "b"):
            assert await door.ask(name)
        door.waiting = ["c"]
        waiting = asyncio.ensure_future(door.ask("c"))
        await door.clock.sleep(100)
        door.admission.release(door.targets["a"])
        await waiting

    door = at_the_door(script)
    assert 100 <= door.let_in[-1][1] <= 100 + LOOK_AGAIN


def test_what_is_not_there_by_its_time_is_not_let_in() -> None:
    async def script(door: Door) -> None:
        door.use(15)
        assert not await door.ask("a", until=50.0)
        assert not await door.ask("b", until=50.0)
        assert not await door.ask("c", until=20.0), "it is past its time already"

    door = at_the_door(script)
    assert door.turned_away == [("a", 50.0), ("b", 50.0), ("c", 50.0)]
    assert door.quota._needed == 0


def test_what_is_wanted_no_more_is_not_let_in_though_there_is_room() -> None:
    async def script(door: Door) -> None:
        assert not await door.ask("a", wanted=lambda: False)

    assert at_the_door(script).log.names == []


def test_what_is_wanted_no_more_while_it_waits_goes_soon() -> None:
    async def script(door: Door) -> None:
        door.use(15)
        await door.ask("a", wanted=lambda: door.clock.monotonic() < 100)

    ((_, at),) = at_the_door(script).turned_away
    assert 100 <= at <= 100 + LOOK_AGAIN


def test_what_is_interrupted_while_it_waits_lets_the_next_wait() -> None:
    async def script(door: Door) -> None:
        door.use(15)
        first, second = (asyncio.ensure_future(door.ask(name)) for name in ("a", "b"))
        await door.clock.sleep(10)
        first.cancel()
        await asyncio.wait([first])
        door.waiting.remove("a")
        assert await second
        assert door.quota._needed == SEVEN.total

    assert at_the_door(script).let_in == [("b", HOUR)]


@pytest.mark.parametrize("used", [0, 15, PER_HOUR])
def test_what_is_in_flight_is_let_in_be_there_room_or_not_with_what_it_still_takes(used: int) -> None:
    async def script(door: Door) -> None:
        door.use(used)
        door.admission.readmit(door.targets["a"])
        assert door.quota._needed == SEVEN.at_the_end + SEVEN.looks

    assert at_the_door(script).log.names == []


def test_whoever_comes_to_its_end_gives_back_what_was_kept_and_its_place_among_those_that_share_looks() -> None:
    async def script(door: Door) -> None:
        assert await door.ask("a")
        door.feed.lookout("a-id", "project")
        door.feed.lookout("b-id", "project")
        assert len(door.feed._projects["project"].members) == 2
        door.quota.take("a-id")
        assert door.quota._needed == SEVEN.total - 1
        for _ in range(2):
            door.admission.release(door.targets["a"])
        assert door.quota._needed == 0
        assert len(door.feed._projects["project"].members) == 1

    at_the_door(script)


def test_the_requests_of_whoever_is_let_in_are_taken_from_what_was_kept_for_it() -> None:
    async def script(door: Door) -> None:
        for name in ("a", "b"):
            assert await door.ask(name)
        for name in ("a", "b"):
            for _ in range(7):
                door.quota.take(f"{name}-id")
        assert door.quota.room().left == PER_HOUR - 14

    at_the_door(script)
