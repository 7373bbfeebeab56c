"""Odd corners of the quota, its ledger and the feed: where each was once wrong."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.domain.costs import Cost
from orchestrator.domain.durations import HOUR
from tests.support.journals import Clock, machine
from tests.support.ledgers import Processes
from tests.support.polls import Poll, close_to
from tests.support.shared_looks import OWN, Restart, Scene, play


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    p = Processes(tmp_path, per_hour=10)
    yield p
    p.close()


def test_the_word_is_believed_after_the_file_has_failed(processes: Processes) -> None:
    other = processes.process(per_hour=10_000)
    for _ in range(50):
        other.take()
    processes.clock.move(HOUR)
    p = processes.process()
    ticket = p.quota.take()  # 51, still on its way
    p.connection.close()  # the file fails
    p.quota.take()  # counted in memory now, by a small ticket
    p.answered(remaining=3, reset=600, ticket=ticket)
    for _ in range(3):
        p.take()
    assert p.take() is not None


def test_a_429_is_heeded_after_the_file_has_failed(processes: Processes) -> None:
    p = processes.process()
    p.quota.learn({"retry-after": "600"}, throttled=True, ticket=p.quota.take())
    assert p.take() == 600
    p.connection.close()
    assert p.take() == 600


def test_an_unknown_boot_is_not_the_same_boot(tmp_path: Path) -> None:
    nowhere = machine(boot="")
    first = Processes(tmp_path, per_hour=1, clock=Clock(500_000.0))
    first.process(nowhere).take()
    later = first.process(nowhere, clock=first.clock.boot(after=60, monotonic=5.0))
    later.clock.move(2 * HOUR)
    assert later.take() is None


def test_two_machines_on_one_file_keep_each_its_word(processes: Processes) -> None:
    one, other = processes.process(), processes.elsewhere()
    one.quota.learn({"retry-after": "600"}, throttled=True, ticket=one.quota.take())
    other.answered(remaining=5, reset=60)
    assert one.take() == 600


def test_whoever_is_turned_away_is_not_told_to_wait_for_one_too_many(processes: Processes) -> None:
    p = processes.process()
    for _ in range(10):
        p.take()
        processes.clock.move(100)
    cost = Cost(baseline=1, submit=1, proof=1, looks=1.0)
    at = p.quota.try_to_admit("e", cost, wanted=lambda: 4.0, has_waited=False)
    assert at == 1000 + HOUR + 300  # when four have expired


def test_what_the_api_says_is_renewed_soon_is(processes: Processes) -> None:
    p = processes.process(per_hour=100)
    p.answered(remaining=4, reset=100)
    for n in range(3):
        p.quota.reserve(str(n), Cost(looks=4.0))
    assert p.quota.spacing(3) <= 101


def test_a_proof_is_kept_though_a_look_is_on_its_way(processes: Processes) -> None:
    p = processes.process()
    while p.left > 2:
        p.take()
    p.quota.reserve("e", Cost(looks=4.0))
    p.quota.take("e")  # a look, not answered yet
    p.take()  # a shared look takes the last one
    p.quota.came_back("e")  # ... and it was not the proof
    assert p.take("e") is None


def test_a_shared_look_waits_for_the_end_though_the_first_likely_instant_has_passed() -> None:
    assert close_to(Poll("done", likely=(-1.0, 20.0)).looks[0], 20.0)


def test_a_glance_from_before_ones_own_look_suggests_nothing() -> None:
    async def script(scene: Scene) -> None:
        a, b, c = (scene.lookout(f"env-{n}") for n in range(3))
        others = [asyncio.ensure_future(scene.rest(one, tick=10.0)) for one in (b, c)]
        await scene.clock.sleep(18)  # glanced at second 10: env-0 is idle
        a.saw(scene.estate.look("env-0"))  # at second 18 it is at work
        took = await scene.rest(a, seconds=OWN, tick=10.0)
        for one in others:
            one.cancel()
        await asyncio.wait(others)
        assert took > OWN

    never = Restart(begins=1e9, ends=1e9)
    play(script, {"env-0": Restart(begins=15, ends=500), "env-1": never, "env-2": never})


def test_nothing_is_let_in_with_less_than_it_costs_where_more_is_to_come(processes: Processes) -> None:
    p = processes.process(per_hour=8)
    p.quota.reserve("x", Cost(proof=1, looks=0.5))  # 6.5 are free
    assert p.quota.try_to_admit("e", Cost(looks=4.0), wanted=lambda: 7.0, has_waited=True) > 0


def test_looks_do_not_eat_what_is_kept_for_the_cancel() -> None:
    processes = Processes(None, per_hour=100, clock=Clock(1000.0))
    p = processes.process()
    cost = Cost(cancel=4, looks=4.0)
    while p.left > cost.at_the_end:
        p.take()
    p.quota.reserve("e", cost)
    end = 1000 + HOUR - 10
    while processes.clock.monotonic() < end:
        processes.clock.move(max(p.quota.spacing(1), 30.0))
        if processes.clock.monotonic() < end and p.take("e") is None:
            p.quota.came_back("e")
            assert p.quota._reserves["e"].needed >= 4, processes.clock.monotonic() - 1000
