"""How far apart the quota wants looks to be: not at all where there is enough, else so that what is kept stays so."""

import heapq
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.costs import LONGEST, Cost
from orchestrator.domain.durations import HOUR
from orchestrator.qovery.quota import LATE_AFTER, LATE_SPACING, TURNED_AWAY_FOR
from tests.support.journals import Clock
from tests.support.ledgers import Process, Processes, sharing

NOW = 1000.0
OFTEN = 2.0
"""Seconds between two looks of one looker, where the quota does not mind."""


@pytest.fixture
def processes() -> Iterator[Processes]:
    processes = Processes(None, per_hour=100, clock=Clock(NOW))
    yield processes
    processes.close()


@pytest.fixture
def process(processes: Processes) -> Process:
    return processes.process()


def in_flight(process: Process, count: int, *, cost: Cost | None = None, spare: int) -> None:
    """Have so many environments in flight, and so many requests left beyond what they cannot do without."""
    cost = cost or Cost(looks=4.0)
    while process.left > spare + count * cost.at_the_end:
        assert process.take() is None
    for number in range(count):
        process.quota.reserve(str(number), cost)


def spare_of(process: Process) -> int:
    """What is left beyond what is kept for submits, proofs and cancels."""
    return process.left - sum(reserve.needed for reserve in process.quota._reserves.values())


def horizon_of(process: Process) -> float:
    return min(process.quota.room().renewed_at - process.clock.monotonic(), LONGEST)


def renewal_of(process: Process) -> float:
    return process.quota.room().renewed_at - process.clock.monotonic()


def test_where_nothing_is_in_flight_looks_may_be_as_close_as_anybody_likes(process: Process) -> None:
    assert process.quota.spacing(5) == 0
    for spare in (1, 0):
        in_flight(process, 0, spare=spare)
        assert process.quota.spacing(5) == 0


@pytest.mark.parametrize(("spare", "spaced"), [(90, False), (12, False), (11, True), (1, True)])
def test_it_is_not_felt_while_what_is_left_covers_the_looks_that_are_expected(
    process: Process, spare: int, spaced: bool
) -> None:
    in_flight(process, 3, spare=spare)
    assert spare_of(process) == spare
    assert (process.quota.spacing(3) > 0) is spaced


@pytest.mark.parametrize("lookers", [1, 3])
def test_the_less_is_left_the_farther_apart_looks_are_and_never_farther_than_what_is_left_has_to_last(
    processes: Processes, lookers: int
) -> None:
    told = []
    for spare in range(12, -1, -1):
        process = processes.process()
        in_flight(process, 3, spare=spare)
        told.append(process.quota.spacing(lookers))
        assert told[-1] <= (horizon_of(process) if spare else renewal_of(process))
    assert told == sorted(told)
    assert told[0] == 0
    assert told[-1] == renewal_of(process), "with none to spare there is no look until then"


def test_one_that_nearly_nothing_is_left_for_has_its_looks_as_far_apart_as_that_lasts(process: Process) -> None:
    in_flight(process, 25, spare=2)
    # Two looks have to last, and a hundred are expected.
    assert process.quota.spacing(1) == pytest.approx(horizon_of(process) / 2 * (1 - 2 / 100))


def test_many_lookers_look_each_less_often(process: Process) -> None:
    in_flight(process, 10, spare=20)
    told = [process.quota.spacing(lookers) for lookers in (1, 2, 4)]
    assert told == pytest.approx([told[0], 2 * told[0], 4 * told[0]])
    assert process.quota.spacing(1000) == horizon_of(process)


def test_where_not_even_what_cannot_be_done_without_is_left_looks_wait(process: Process) -> None:
    in_flight(process, 5, cost=Cost(cancel=4, looks=0.3), spare=-10)
    assert spare_of(process) == -10
    assert process.quota.spacing(1) == renewal_of(process)


def test_what_is_renewed_soon_has_to_last_until_then_only(process: Process) -> None:
    in_flight(process, 3, spare=1)
    told = process.quota.spacing(3)
    process.clock.move(HOUR - 100)
    assert horizon_of(process) == 100
    assert process.quota.spacing(3) == pytest.approx(told * 100 / LONGEST)
    process.clock.move(100)
    assert process.quota.spacing(3) == 0


def test_a_request_that_is_on_its_way_may_be_the_last_that_is_needed(process: Process) -> None:
    in_flight(process, 1, spare=3)
    assert process.quota.spacing(1) > 0
    process.take("0")
    assert process.quota.spacing(1) == 0, "three are left, and three looks are expected: this may be the proof"
    process.quota.came_back("0")
    process.quota.came_back("0")
    assert process.quota.spacing(1) > 0, "two are left, beside the proof"


def test_what_another_process_keeps_is_not_there_to_look_with() -> None:
    with sharing(per_hour=100) as processes:
        other, process = processes.process(), processes.process()
        in_flight(process, 3, spare=20)
        assert process.quota.spacing(3) == 0
        other.quota.reserve("e", Cost(cancel=4, looks=4.0))
        assert process.quota.spacing(3) > 0
        other.quota.release("e")
        assert process.quota.spacing(3) == 0


# Others wait to be let in.


def turned_away(process: Process) -> None:
    assert process.quota.try_to_admit("z", Cost(looks=500.0), wanted=lambda: 500.0, has_waited=True) > 0


def test_while_others_wait_what_takes_longer_than_most_is_looked_at_seldom(process: Process) -> None:
    long = Cost(cancel=20, looks=1.0)
    assert process.quota.try_to_admit("e", long, wanted=lambda: long.total, has_waited=False) == 0
    turned_away(process)
    assert process.quota.spacing(1) == 0, "it has only begun"
    process.clock.move(LATE_AFTER)
    assert process.quota.spacing(1) == 0, "nobody has been turned away for a while"
    process.clock.move(1)
    turned_away(process)
    assert process.quota.spacing(1) == LATE_SPACING
    process.clock.move(TURNED_AWAY_FOR)
    assert process.quota.spacing(1) == 0
    turned_away(process)
    assert process.quota.spacing(1) == LATE_SPACING
    assert process.quota.try_to_admit("f", Cost(looks=1.0), wanted=lambda: 4.0, has_waited=False) == 0
    assert process.quota.spacing(1) == 0, "one was let in: what is in flight is young again"


def test_what_little_is_left_goes_before_what_others_wait_for(process: Process) -> None:
    in_flight(process, 3, spare=0)
    process.clock.move(LATE_AFTER)
    turned_away(process)
    assert process.quota.spacing(1) == renewal_of(process) > LATE_SPACING
    for spare in (11, 10):
        process.clock.move(HOUR)
        in_flight(process, 3, spare=spare)
        turned_away(process)
        assert process.quota.spacing(1) >= LATE_SPACING


# Whatever is in flight.


def least_spare(process: Process, lookers: int, *, for_seconds: float, seed: int) -> int:
    """Have so many look as often as the quota lets them; return the least that was left beyond what is kept."""
    random, clock, least = Random(seed), process.clock, spare_of(process)
    end = clock.monotonic() + for_seconds

    def pause() -> float:
        return max(OFTEN * random.uniform(0.9, 1.1), process.quota.spacing(lookers))

    looks = [(clock.monotonic() + pause(), str(number)) for number in range(lookers)]
    heapq.heapify(looks)
    while looks[0][0] < end:
        at, key = heapq.heappop(looks)
        clock.move(at - clock.monotonic())
        assert process.take(key) is None
        process.quota.came_back(key)
        least = min(least, spare_of(process))
        heapq.heappush(looks, (at + pause(), key))
    return least


@settings(max_examples=40)
@given(
    lookers=st.integers(1, 30),
    spare=st.integers(0, 300),
    looks=st.sampled_from([0.5, 1.9, 4.0]),
    cancel=st.sampled_from([0, 4]),
    ago=st.sampled_from([0, 1800, 3000]),
    seed=st.integers(0, 99),
)
def test_as_long_as_it_has_to_last_what_is_left_lasts_but_for_looks_that_fall_together(
    *, lookers: int, spare: int, looks: float, cancel: int, ago: int, seed: int
) -> None:
    cost = Cost(cancel=cancel, looks=looks)
    processes = Processes(None, per_hour=spare + 10 + lookers * cost.at_the_end, clock=Clock(NOW))
    process = processes.process()
    in_flight(process, lookers, cost=cost, spare=spare)
    process.clock.move(ago)
    least = least_spare(process, lookers, for_seconds=min(horizon_of(process), HOUR - ago - 1), seed=seed)
    # One that looks alone never takes what is kept; those that look at one instant may each believe it to be theirs.
    assert least > -lookers
    processes.close()
