"""What the API says of the quota goes before our own count where it says that less is left, and never where more."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.durations import HOUR
from orchestrator.qovery.quota import RESET_ROUNDING
from tests.support.journals import Clock
from tests.support.ledgers import Process, Processes

NOW = 1000.0


@pytest.fixture
def processes() -> Iterator[Processes]:
    processes = Processes(None, per_hour=10, clock=Clock(NOW))
    yield processes
    processes.close()


@pytest.fixture
def process(processes: Processes) -> Process:
    return processes.process()


def test_where_nobody_has_said_anything_our_own_count_tells(process: Process) -> None:
    room = process.quota.room()
    assert (room.now, room.left, room.per_hour, room.opens_at) == (NOW, 10, 10, NOW)
    for _ in range(4):
        process.take()
    assert process.left == 6


@pytest.mark.parametrize(
    ("said", "left"),
    [(3, 3), (9, 9), (10, 9), (500, 9), (0, 0)],
    ids=["less", "as many", "one more", "many more", "nothing"],
)
def test_the_api_is_believed_where_it_says_that_less_is_left_than_we_know_of(
    process: Process, said: int, left: int
) -> None:
    process.answered(remaining=said, reset=600)
    assert process.left == left


def test_what_was_sent_since_is_taken_off_what_it_said(process: Process) -> None:
    process.answered(remaining=5, reset=600)
    for left in (4, 3, 2, 1, 0):
        assert process.take() is None
        assert process.left == left
    assert process.take() == 600 + RESET_ROUNDING


def test_an_answer_to_an_earlier_request_does_not_take_back_what_one_to_a_later_said(process: Process) -> None:
    first, second = process.quota.take(), process.quota.take()
    process.answered(remaining=3, reset=600, ticket=second)
    process.answered(remaining=7, reset=600, ticket=first)
    assert process.left == 3
    process.answered(remaining=2, reset=600, ticket=second)
    assert process.left == 2


def test_an_answer_to_an_earlier_request_that_is_the_first_to_come_is_counted_on_from(process: Process) -> None:
    first = process.quota.take()
    process.take()
    process.answered(remaining=4, reset=600, ticket=first)
    assert process.left == 3, "the second was sent after the first"


def test_from_its_reset_on_it_has_said_nothing(process: Process, processes: Processes) -> None:
    process.answered(remaining=1, reset=60)
    processes.clock.move(60)
    assert process.left == 1, "a reset is told in whole seconds"
    processes.clock.move(RESET_ROUNDING)
    assert process.left == 9


@pytest.mark.parametrize(("limit", "per_hour", "left"), [(5, 5, 4), (10, 10, 9), (5000, 10, 9), (0, 10, 9)], ids=str)
def test_a_quota_that_is_smaller_than_ours_is_believed_and_a_greater_is_not(
    process: Process, limit: int, per_hour: int, left: int
) -> None:
    process.answered(remaining=5000, reset=600, limit=limit)
    room = process.quota.room()
    assert (room.per_hour, room.left) == (per_hour, left)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"x-ratelimit-remaining": "1"}, id="no reset"),
        pytest.param({"x-ratelimit-reset": "60"}, id="none that is left"),
        pytest.param({"retry-after": "60"}, id="a wait that was not asked for"),
        pytest.param({"x-ratelimit-remaining": "some", "x-ratelimit-reset": "60"}, id="no number"),
        pytest.param({"x-ratelimit-remaining": "1", "retry-after": "60"}, id="a wait in place of the reset"),
    ],
)
def test_half_a_word_says_nothing(process: Process, headers: dict[str, str]) -> None:
    assert process.quota.learn(headers, throttled=False, ticket=process.quota.take()) is None
    assert process.left == 9


def test_a_429_closes_it_and_says_what_is_left_from_then_on_too(process: Process, processes: Processes) -> None:
    headers = {"retry-after": "30", "x-ratelimit-remaining": "2", "x-ratelimit-reset": "600"}
    assert process.quota.learn(headers, throttled=True, ticket=process.quota.take()) == 30
    room = process.quota.room()
    assert (room.left, room.opens_at) == (2, NOW + 30)
    processes.clock.move(30)
    assert process.left == 2


def test_most_is_there_again_when_half_of_what_was_sent_has_expired_or_at_the_reset(
    process: Process, processes: Processes
) -> None:
    assert process.quota.room().renewed_at == NOW + HOUR, "nothing is used up"
    for _ in range(5):
        process.take()
        processes.clock.move(100)
    assert process.quota.room().renewed_at == NOW + 200 + HOUR, "the third of five"
    process.answered(remaining=1, reset=3599)
    assert process.quota.room().renewed_at == pytest.approx(processes.clock.monotonic() + 3599 + RESET_ROUNDING)


@given(
    said=st.lists(
        st.tuples(st.integers(0, 15), st.integers(0, 3600), st.integers(0, 15), st.integers(0, 900)), max_size=25
    )
)
def test_no_more_is_let_through_than_the_last_word_leaves_whatever_is_said_and_in_whatever_order(
    said: list[tuple[int, int, int, int]],
) -> None:
    processes = Processes(None, per_hour=10, clock=Clock(NOW))
    process = processes.process()
    tickets: list[int] = []
    latest, allowed, until = 0, 10**9, 0.0
    for remaining, reset, which, pause in said:
        now = processes.clock.monotonic()
        if process.take() is None:
            assert now >= until or allowed > 0
            allowed -= 1
            tickets.append(process.connection.execute("SELECT max(ticket) FROM requests").fetchone()[0])
        if tickets:
            ticket = tickets[-1 - which % len(tickets)]
            process.answered(remaining=remaining, reset=reset, ticket=ticket)
            if ticket >= latest:
                sent_since = len([each for each in tickets if each > ticket])
                latest, allowed, until = ticket, remaining - sent_since, now + reset + RESET_ROUNDING
        processes.clock.move(pause)
    processes.close()
