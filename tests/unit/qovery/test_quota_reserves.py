"""What the quota keeps: an environment is let in only with all that it is expected to take, and then that is there."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.costs import BURST, Cost
from orchestrator.domain.durations import HOUR
from orchestrator.qovery.ledger import LEASE
from orchestrator.qovery.quota import LOOKS_TO_COME, RESET_ROUNDING
from tests.support.journals import Clock
from tests.support.ledgers import Process, Processes, sharing

NOW = 1000.0
PLAIN = Cost(looks=4.0)
"""Seven requests: a baseline, a submit, a proof, four looks."""
CANCELS = Cost(cancel=4, looks=4.0)
"""Eleven: four more for a cancel."""


@pytest.fixture
def processes() -> Iterator[Processes]:
    processes = Processes(None, per_hour=20, clock=Clock(NOW))
    yield processes
    processes.close()


@pytest.fixture
def process(processes: Processes) -> Process:
    return processes.process()


def admit(
    process: Process, key: str = "e", cost: Cost = PLAIN, *, wanted: float | None = None, has_waited: bool = False
) -> float:
    """Ask to be let in: 0, or seconds until it is worth trying again."""
    again = process.quota.try_to_admit(
        key, cost, wanted=lambda: cost.total if wanted is None else wanted, has_waited=has_waited
    )
    return again and again - process.clock.monotonic()


def kept(process: Process) -> float:
    """How many requests are kept for what is in flight."""
    return process.quota._needed


def use(process: Process, times: int) -> None:
    for _ in range(times):
        assert process.take() is None


# Reserves.


def test_what_is_let_in_has_all_kept_that_it_is_expected_to_take(process: Process) -> None:
    assert admit(process, "e", PLAIN) == 0
    assert kept(process) == 7
    assert admit(process, "f", CANCELS) == 0
    assert kept(process) == 18
    assert process.left == 20, "nothing is sent yet"


def test_each_request_about_it_is_taken_from_what_is_kept_and_its_end_stays_until_it_is_released(
    process: Process,
) -> None:
    admit(process, "e", CANCELS)
    told = []
    for _ in range(8):
        process.take("e")
        told.append(kept(process))
    least = CANCELS.at_the_end + LOOKS_TO_COME * CANCELS.looks
    # A baseline, a submit, then looks; some of them are always expected to come, and as many as were not expected.
    assert told == [10, 9, 8, 7, 6, least, least, CANCELS.at_the_end + 2]
    process.quota.release("e")
    assert kept(process) == 0


def test_a_look_that_is_shared_is_taken_from_all_that_share_it(process: Process) -> None:
    for key in ("e", "f"):
        process.quota.reserve(key, PLAIN)
    assert kept(process) == 10
    process.take()
    assert kept(process) == 9
    process.quota.release("f")
    assert kept(process) == 4.5
    process.take()
    assert kept(process) == 3.5


def test_what_is_in_flight_already_has_its_end_and_its_looks_kept_be_there_so_much_or_not(process: Process) -> None:
    use(process, 20)
    process.quota.reserve("e", CANCELS)
    assert kept(process) == CANCELS.at_the_end + CANCELS.looks
    assert process.left == 0


def test_what_is_released_twice_or_was_never_kept_is_nothing(process: Process) -> None:
    admit(process, "e")
    for key in ("e", "e", "unknown"):
        process.quota.release(key)
    process.quota.came_back("unknown")
    assert kept(process) == 0
    assert process.left == 20


def test_what_is_kept_is_known_to_the_other_processes_and_is_given_back_with_the_process() -> None:
    with sharing(per_hour=20) as processes:
        one, other = processes.process(), processes.process()
        admit(one, "e")
        one.quota.reserve("f", CANCELS)
        assert other.needed_by_others == 7 + 9
        one.take("e")
        assert other.needed_by_others == 6 + 9
        one.quota.release("f")
        assert other.needed_by_others == 6
        one.ledger.close()
        assert other.needed_by_others == 0


def test_a_process_that_keeps_nothing_does_not_write_it_down_with_every_request() -> None:
    with sharing(per_hour=20) as processes:
        processes.process().take()
        assert processes.rows("SELECT * FROM needs") == []


def test_what_a_process_keeps_that_has_died_is_kept_for_its_lease_and_no_longer() -> None:
    with sharing(per_hour=20) as processes:
        dead, process = processes.process(), processes.process()
        admit(dead, "e", Cost(looks=17.0))
        assert admit(process, "f") > 0
        processes.clock.move(LEASE - 1)
        assert admit(process, "f") > 0
        processes.clock.move(1)
        assert admit(process, "f") == 0


def test_signs_of_life_keep_it_for_longer() -> None:
    with sharing(per_hour=20) as processes:
        alive, process = processes.process(), processes.process()
        admit(alive, "e", Cost(looks=17.0))
        for _ in range(10):
            processes.clock.move(LEASE - 1)
            alive.quota.beat()
            assert admit(process, "f") > 0


# Let in, or not.


@pytest.mark.parametrize(("used", "let_in"), [(0, True), (13, True), (14, False), (20, False)])
def test_an_environment_is_let_in_exactly_when_all_that_it_costs_is_there(
    process: Process, used: int, let_in: bool
) -> None:
    use(process, used)
    assert (admit(process) == 0) is let_in
    assert kept(process) == (7 if let_in else 0)


def test_what_is_kept_for_others_is_not_there(process: Process) -> None:
    assert [admit(process, key) == 0 for key in "efg"] == [True, True, False]
    process.quota.release("e")
    assert admit(process, "g") == 0


def test_one_that_costs_more_than_an_hour_bears_is_let_in_all_the_same_when_the_quota_is_there(
    processes: Processes,
) -> None:
    process = processes.process(per_hour=5)
    assert admit(process, "e", CANCELS) == 0
    assert admit(process, "f", CANCELS) > 0
    process.quota.release("e")
    use(process, 3)
    again = admit(process, "f", CANCELS)
    assert again > 0
    process.clock.move(again)
    assert admit(process, "f", CANCELS) == 0


def test_whoever_is_turned_away_is_told_when_enough_of_what_was_sent_has_expired(process: Process) -> None:
    for _ in range(20):
        use(process, 1)
        process.clock.move(10)
    again = admit(process)
    # Seven have to expire: the seventh was sent 60 s after the first.
    assert NOW + HOUR + 60 <= process.clock.monotonic() + again <= NOW + HOUR + 70
    process.clock.move(again)
    assert admit(process) == 0


def test_whoever_is_turned_away_by_what_the_api_said_is_told_when_it_is_renewed(process: Process) -> None:
    process.answered(remaining=3, reset=600)
    assert admit(process) == 600 + RESET_ROUNDING
    process.clock.move(600 + RESET_ROUNDING)
    assert admit(process) == 0


def test_whoever_is_turned_away_by_a_429_is_told_when_it_is_over(process: Process) -> None:
    process.quota.learn({"retry-after": "300"}, throttled=True, ticket=process.quota.take())
    assert admit(process) == 300
    process.clock.move(300)
    assert admit(process) == 0


def test_where_nothing_tells_when_it_is_worth_trying_again_soon(process: Process) -> None:
    for key in "ef":
        process.quota.reserve(key, Cost(cancel=9, looks=0.0))
    again = admit(process)
    assert RESET_ROUNDING <= again <= HOUR
    process.quota.release("e")
    assert admit(process) == 0


@pytest.mark.parametrize(
    ("wanted", "needed"), [(7.0, 7), (14.0, 14), (500.0, 16)], ids=["itself alone", "two", "more than fit"]
)
def test_whoever_has_to_wait_waits_for_as_many_as_want_in_with_it_as_far_as_the_quota_bears(
    process: Process, wanted: float, needed: int
) -> None:
    use(process, 20 - needed + 1)
    assert admit(process, wanted=wanted, has_waited=True) > 0
    process.clock.move(HOUR)
    use(process, 20 - needed)
    assert needed == min(wanted, BURST * 20)
    assert admit(process, wanted=wanted, has_waited=True) == 0


def test_whoever_has_not_waited_needs_but_what_it_costs_itself(process: Process) -> None:
    use(process, 13)
    assert admit(process, wanted=500.0) == 0


def test_whoever_cannot_be_let_in_at_once_is_told_to_wait_for_many(process: Process) -> None:
    for _ in range(20):
        use(process, 1)
        process.clock.move(10)
    alone, many = admit(process, wanted=7.0), admit(process, wanted=500.0)
    assert many >= alone + 80


# Whatever is let in, in whatever order.


@dataclass(slots=True)
class Guest:
    """An environment that was let in, and what it may still take."""

    process: Process
    key: str
    needed: int
    looks: float


class House:
    """Three processes that share a quota, and what each has let in: asks for no more than was kept for it."""

    def __init__(self, processes: Processes) -> None:
        self._clock = processes.clock
        self._processes = [processes.process() for _ in range(3)]
        self._inside: list[Guest] = []
        self._count = 0

    def admit(self, whose: int, cost: Cost, has_waited: bool) -> None:
        process = self._processes[whose % 3]
        self._count += 1
        wanted = sum(kept(each) for each in self._processes) + cost.total
        left, key = process.left, str(self._count)
        if admit(process, key, cost, has_waited=has_waited) == 0:
            assert wanted <= left
            self._inside.append(Guest(process, key, cost.needed, cost.looks))
        else:
            assert wanted > left

    def take(self, which: int) -> None:
        if not self._inside:
            return
        guest = self._inside[which % len(self._inside)]
        if guest.needed:
            guest.needed -= 1
        elif guest.looks >= 1:
            guest.looks -= 1
        else:
            return
        assert guest.process.take(guest.key) is None
        guest.process.quota.came_back(guest.key)

    def share(self, whose: int) -> None:
        process = self._processes[whose % 3]
        guests = [guest for guest in self._inside if guest.process is process]
        if guests and all(guest.looks >= 1 / len(guests) for guest in guests):
            for guest in guests:
                guest.looks -= 1 / len(guests)
            assert process.take() is None

    def release(self, which: int) -> None:
        if self._inside:
            guest = self._inside.pop(which % len(self._inside))
            guest.process.quota.release(guest.key)

    def live_on(self, seconds: float) -> None:
        while seconds > 0:
            self._clock.move(min(seconds, LEASE - 1))
            seconds -= LEASE - 1
            for process in self._processes:
                process.quota.beat()


COSTS = st.builds(Cost, cancel=st.sampled_from([0, 4]), looks=st.sampled_from([0.0, 0.7, 1.9, 4.0]))
MOVES = st.lists(
    st.one_of(
        st.builds(partial, st.just(House.admit), whose=st.integers(0, 2), cost=COSTS, has_waited=st.booleans()),
        st.builds(partial, st.just(House.take), which=st.integers(0, 20)),
        st.builds(partial, st.just(House.take), which=st.integers(0, 20)),
        st.builds(partial, st.just(House.share), whose=st.integers(0, 2)),
        st.builds(partial, st.just(House.release), which=st.integers(0, 20)),
        st.builds(partial, st.just(House.live_on), seconds=st.sampled_from([1, 60, 600, 1800, HOUR])),
    ),
    max_size=60,
)


@settings(max_examples=150)
@given(per_hour=st.integers(14, 40), moves=MOVES)
def test_never_is_more_kept_than_is_left_and_whatever_was_let_in_never_lacks_what_was_kept_for_it(
    per_hour: int, moves: list[Callable[[House], None]]
) -> None:
    with sharing(per_hour=per_hour) as processes:
        house = House(processes)
        for move in moves:
            move(house)
