"""What is kept for one is not taken by another: neither by a look too many, nor by another process."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.costs import Cost
from orchestrator.domain.durations import HOUR
from orchestrator.errors import ThrottledError
from orchestrator.qovery.ledger import LEASE
from orchestrator.qovery.quota import KEPT_AGAIN, RESET_ROUNDING
from tests.support.journals import Clock
from tests.support.ledgers import Process, Processes, sharing

PLAIN = Cost(looks=4.0)
CANCELS = Cost(cancel=4, looks=4.0)
"""Of these five are needed at the end."""


@pytest.fixture
def process() -> Iterator[Process]:
    processes = Processes(None, per_hour=20, clock=Clock(1000.0))
    yield processes.process()
    processes.close()


def use(process: Process, *, leave: int) -> None:
    """Use the quota up but for so many."""
    while process.left > leave:
        assert process.take() is None


def refusal(process: Process, about: str = "") -> str:
    with pytest.raises(ThrottledError) as caught:
        process.quota.take(about)
    assert caught.value.status is None, "nobody was asked"
    return str(caught.value)


def test_a_shared_look_does_not_take_what_is_needed_at_the_end_of_anything(process: Process) -> None:
    use(process, leave=11)
    for key in ("e", "f"):
        process.quota.reserve(key, CANCELS)
    assert process.take() is None
    assert refusal(process) == (
        "what is left of the token's quota of 20 requests an hour is reserved for other environments in flight"
    )
    assert process.left == 10
    process.quota.release("f")
    assert process.take() is None


def test_a_look_at_one_does_not_take_what_another_needs_but_may_take_what_it_needs_itself(process: Process) -> None:
    use(process, leave=6)
    process.quota.reserve("e", CANCELS)
    process.quota.reserve("f", PLAIN)
    told = [process.take("e") for _ in range(6)]
    # Five are its own; with the sixth it would be the other's.
    assert told[:5] == [None] * 5
    assert told[5] is not None
    assert process.take("f") is None
    assert process.left == 0


def test_where_less_is_left_than_is_needed_in_all_each_may_take_what_it_needs_itself(process: Process) -> None:
    use(process, leave=3)
    process.quota.reserve("e", CANCELS)
    process.quota.reserve("f", PLAIN)
    assert refusal(process)
    assert process.take("f") is None
    assert refusal(process, "f"), "it has had its proof"
    assert [process.take("e") for _ in range(2)] == [None, None]
    assert process.left == 0


def test_what_it_has_taken_of_its_end_is_not_kept_for_it_any_more(process: Process) -> None:
    use(process, leave=5)
    process.quota.reserve("e", CANCELS)
    process.take("e")
    process.quota.came_back("e")
    process.quota.reserve("f", PLAIN)
    assert refusal(process), "four are kept for the one, one for the other: three would be too many"
    assert [process.take("e") for _ in range(3)] == [None] * 3
    assert process.take("f") is None


def test_while_there_is_enough_a_look_takes_nothing_of_what_is_needed(process: Process) -> None:
    use(process, leave=10)
    process.quota.reserve("e", CANCELS)
    for _ in range(4):
        process.take("e")
        process.quota.came_back("e")
    assert process.left == 6
    assert process.take() is None
    assert refusal(process), "five are kept still"


def test_what_is_on_its_way_need_not_be_what_is_kept(process: Process) -> None:
    use(process, leave=2)
    process.quota.reserve("e", PLAIN)
    assert process.take("e") is None, "a look: there is one to spare"
    assert refusal(process), "what is left is the proof's"
    assert process.take("e") is None
    assert process.left == 0


def test_what_another_process_keeps_is_not_taken_its_looks_included() -> None:
    with sharing(per_hour=20) as processes:
        other, process = processes.process(), processes.process()
        other.quota.reserve("e", PLAIN)
        use(process, leave=6)
        assert process.take() is None
        assert refusal(process)
        assert other.take("e") is None
        processes.clock.move(LEASE)
        assert process.take() is None, "nobody knows whether the other lives"


@pytest.mark.parametrize(
    ("sent_ago", "retry_after"),
    [
        pytest.param(0.0, KEPT_AGAIN, id="long before there is more: they may be over sooner"),
        pytest.param(HOUR - 10, 10.0, id="shortly before"),
        pytest.param(HOUR - 0.5, RESET_ROUNDING, id="right before"),
    ],
)
def test_whoever_is_refused_for_the_sake_of_others_may_ask_again_soon(
    process: Process, sent_ago: float, retry_after: float
) -> None:
    use(process, leave=5)
    process.clock.move(sent_ago)
    process.quota.reserve("e", CANCELS)
    told = process.take()
    assert told == pytest.approx(retry_after)
    process.clock.move(told or 0)
    assert (process.take() is None) is (sent_ago > 0)


def test_where_nothing_is_left_at_all_that_is_what_is_said(process: Process) -> None:
    use(process, leave=0)
    process.quota.reserve("e", CANCELS)
    for about in ("", "e"):
        assert refusal(process, about) == "the token's quota of 20 requests an hour is used up"


# Whoever takes more than is good for others.


class Crowd:
    """Three processes that let in what they can, and take whatever they get besides."""

    def __init__(self, processes: Processes) -> None:
        self._clock = processes.clock
        self._processes = [processes.process() for _ in range(3)]
        self._needed: dict[tuple[int, str], int] = {}
        """What each that was let in cannot do without, and has not taken."""

    def admit(self, whose: int, cost: Cost) -> None:
        key = f"environment {len(self._needed)} of {whose}"
        if self._processes[whose].quota.try_to_admit(key, cost, wanted=lambda: cost.total, has_waited=False) == 0:
            self._needed[whose, key] = cost.needed

    def grab(self, whose: int) -> None:
        """Take a look that nobody counted with."""
        self._processes[whose].take()

    def take(self, which: int) -> None:
        left = [each for each, needed in self._needed.items() if needed]
        if left:
            whose, key = each = left[which % len(left)]
            self._needed[each] -= 1
            assert self._processes[whose].take(key) is None
            self._processes[whose].quota.came_back(key)

    def pass_time(self, seconds: float) -> None:
        self._clock.move(seconds)
        for process in self._processes:
            process.quota.beat()


COSTS = st.builds(Cost, cancel=st.sampled_from([0, 4]), looks=st.sampled_from([0.0, 0.7, 4.0]))
MOVES = st.lists(
    st.one_of(
        st.builds(partial, st.just(Crowd.admit), whose=st.integers(0, 2), cost=COSTS),
        st.builds(partial, st.just(Crowd.grab), whose=st.integers(0, 2)),
        st.builds(partial, st.just(Crowd.grab), whose=st.integers(0, 2)),
        st.builds(partial, st.just(Crowd.take), which=st.integers(0, 20)),
        st.builds(partial, st.just(Crowd.pass_time), seconds=st.sampled_from([1.0, LEASE - 1])),
    ),
    max_size=60,
)


@settings(max_examples=150)
@given(per_hour=st.integers(14, 40), moves=MOVES)
def test_whatever_was_let_in_gets_what_it_cannot_do_without_however_greedy_the_others_are(
    per_hour: int, moves: list[Callable[[Crowd], None]]
) -> None:
    with sharing(per_hour=per_hour) as processes:
        crowd = Crowd(processes)
        for move in moves:
            move(crowd)
        while any(crowd._needed.values()):
            crowd.take(0)
