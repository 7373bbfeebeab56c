"""What the API says of the quota goes before our own count where it says that less is left, and never where more."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.costs import Cost
from orchestrator.domain.durations import HOUR
from orchestrator.errors import ThrottledError
from orchestrator.qovery.quota import ASKED_AGAIN_AFTER, ASKS_AFTER, RESET_ROUNDING, STUCK_AFTER
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
def test_no_more_is_let_through_than_the_last_word_leaves_but_to_ask_whether_it_is_true(
    said: list[tuple[int, int, int, int]],
) -> None:
    processes = Processes(None, per_hour=10, clock=Clock(NOW))
    process = processes.process()
    tickets: list[int] = []
    latest, allowed, until, sent_at = 0, 10**9, 0.0, 0.0
    for remaining, reset, which, pause in said:
        now = processes.clock.monotonic()
        if process.take() is None:
            word = process.ledger.turn(lambda book: book.word)
            is_asking = word.remaining == 0 and now >= sent_at + ASKS_AFTER
            assert now >= until or allowed > 0 or is_asking or word.zeros >= STUCK_AFTER
            allowed, sent_at = allowed - 1, now
            tickets.append(process.connection.execute("SELECT max(ticket) FROM requests").fetchone()[0])
        if tickets:
            ticket = tickets[-1 - which % len(tickets)]
            process.answered(remaining=remaining, reset=reset, ticket=ticket)
            if ticket >= latest:
                sent_since = len([each for each in tickets if each > ticket])
                latest, allowed, until = ticket, remaining - sent_since, now + reset + RESET_ROUNDING
        processes.clock.move(pause)
    processes.close()


# Windows that are shorter than an hour.


class Gateway:
    """Counts requests in windows of its own, and says truthfully what is left; refuses what exceeds them."""

    def __init__(self, process: Process, clock: Clock, *, limit: int, window: float, sliding: bool = False) -> None:
        self._process = process
        self._clock = clock
        self._limit = limit
        self._window = window
        self._sliding = sliding
        self._granted: list[float] = []
        self.refused = 0

    def others_use_all_but(self, left: int) -> None:
        """Let others with the same token use the window up, but for so many."""
        self._granted = [self._clock.monotonic()] * (self._limit - left)

    def ask(self) -> float | None:
        """Send a request if the quota lets it through, and hear the answer; else return the seconds to wait."""
        try:
            ticket = self._process.quota.take()
        except ThrottledError as error:
            return error.retry_after
        now = self._clock.monotonic()
        began = now - self._window if self._sliding else now - now % self._window
        self._granted = [at for at in self._granted if (at > began if self._sliding else at >= began)]
        is_refused = len(self._granted) >= self._limit
        self.refused += is_refused
        if not is_refused:
            self._granted.append(now)
        resets = (self._granted[0] if self._sliding else began) + self._window
        headers = {
            "x-ratelimit-limit": str(self._limit),
            "x-ratelimit-remaining": str(self._limit - len(self._granted)),
            "x-ratelimit-reset": str(int(resets - now) + 1),
        }
        self._process.quota.learn(headers, throttled=is_refused, ticket=ticket)
        return None


def sent_within(gateway: Gateway, clock: Clock, seconds: float) -> int:
    """Send as many as are let through, and return how many that were."""
    until, sent = clock.monotonic() + seconds, 0
    while clock.monotonic() < until:
        wait = gateway.ask()
        sent += wait is None
        clock.move(0.1 if wait is None else wait)
    return sent


@pytest.fixture
def generous() -> Iterator[Processes]:
    processes = Processes(None, per_hour=100_000, clock=Clock(NOW))
    yield processes
    processes.close()


@pytest.mark.parametrize(("limit", "window"), [(60, 60.0), (10, 1.0), (5, 10.0), (1, 2.0)], ids=str)
def test_a_limit_for_less_than_an_hour_is_used_in_each_of_its_windows_and_never_exceeded(
    generous: Processes, limit: int, window: float
) -> None:
    gateway = Gateway(generous.process(), generous.clock, limit=limit, window=window)
    sent = sent_within(gateway, generous.clock, 20 * max(window, 2.0))
    assert gateway.refused == 0 or limit == 1
    # A reset is told in whole seconds, and the wait rounded up: of short windows every second or third is used.
    assert sent >= 20 * limit * (0.8 if window >= 10 else 0.3)


def test_a_limit_for_an_hour_of_the_clock_is_never_exceeded(generous: Processes) -> None:
    gateway = Gateway(generous.process(), generous.clock, limit=50, window=HOUR)
    assert sent_within(gateway, generous.clock, 3 * HOUR) in (150, 200)
    assert gateway.refused == 0


def test_a_limit_for_any_hour_is_never_exceeded_and_its_reset_renews_one_request_at_a_time(
    generous: Processes,
) -> None:
    process, clock = generous.process(), generous.clock
    gateway = Gateway(process, clock, limit=50, window=HOUR, sliding=True)
    for _ in range(50):
        assert gateway.ask() is None
        clock.move(60)
    clock.move(gateway.ask() or 0)
    ticket = process.quota.take()
    assert process.take() == RESET_ROUNDING, "one is under way to ask"
    clock.move(ASKED_AGAIN_AFTER + 1)
    assert process.take() is None, "it was lost"
    assert process.take() == RESET_ROUNDING
    process.answered(remaining=49, reset=HOUR, limit=50, ticket=ticket + 1)
    assert process.take() is None


def test_the_rate_of_a_window_is_known_from_its_renewal_on(generous: Processes) -> None:
    process, clock = generous.process(), generous.clock
    gateway = Gateway(process, clock, limit=60, window=60.0)
    gateway.ask()
    room = process.quota.room()
    assert (room.at_once, room.per_hour) == (60, 60), "it may be for an hour that ends soon"
    assert sent_within(gateway, clock, 120) >= 60
    room = process.quota.room()
    assert room.at_once == 60
    assert room.per_hour == pytest.approx(3600, rel=0.1)
    while process.left:
        gateway.ask()
    with pytest.raises(ThrottledError, match=r"quota of 60 requests in 6. s is used up"):
        process.quota.take()


def test_another_limit_is_another_window(generous: Processes) -> None:
    process, clock = generous.process(), generous.clock
    sent_within(Gateway(process, clock, limit=60, window=60.0), clock, 120)
    process.answered(remaining=10, reset=60, limit=600)
    assert process.quota.room().per_hour == 600


# A number that is stuck.

STUCK = {"x-ratelimit-limit": "1000", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "3600"}


@pytest.mark.parametrize("reset", [5, 60, 3600], ids="reset in {} s".format)
def test_good_answers_that_always_say_that_nothing_is_left_are_not_believed_after_a_while(
    generous: Processes, reset: int
) -> None:
    process, clock = generous.process(), generous.clock
    for _ in range(STUCK_AFTER - 1):
        process.answered(remaining=0, reset=reset, limit=1000)
        assert process.take() == ASKS_AFTER
        clock.move(ASKS_AFTER)
    process.answered(remaining=0, reset=reset, limit=1000)
    assert [process.take() for _ in range(20)] == [None] * 20
    assert process.quota.room().at_once == 100_000


def test_one_request_at_a_time_asks_whether_nothing_is_left(generous: Processes) -> None:
    process, clock = generous.process(), generous.clock
    process.answered(remaining=0, reset=HOUR, limit=1000)
    clock.move(ASKS_AFTER)
    assert process.take() is None
    assert process.take() == ASKED_AGAIN_AFTER, "it may be lost"
    clock.move(ASKED_AGAIN_AFTER)
    assert process.take() is None


def test_the_request_that_asks_is_allowed_although_all_is_reserved(generous: Processes) -> None:
    process, other, clock = generous.process(), generous.process(), generous.clock
    process.answered(remaining=0, reset=HOUR, limit=1000)
    other.quota.reserve("shop", Cost(baseline=1, submit=1, proof=1, looks=1))
    clock.move(ASKS_AFTER)
    assert process.take() is None


def test_an_environment_may_begin_with_the_request_that_asks(generous: Processes) -> None:
    process, clock = generous.process(), generous.clock
    cost = Cost(baseline=1, submit=1, proof=1, looks=1)
    process.answered(remaining=0, reset=HOUR, limit=1000)
    at = process.quota.try_to_admit("shop", cost, wanted=lambda: cost.total, has_waited=True)
    assert at == clock.monotonic() + ASKS_AFTER
    clock.move(ASKS_AFTER)
    assert process.quota.try_to_admit("shop", cost, wanted=lambda: cost.total, has_waited=True) == 0
    assert process.quota.spacing(1) == 0.0
    assert process.take("shop") is None
    assert 0 < process.quota.spacing(1) <= ASKED_AGAIN_AFTER


def test_a_429_shows_that_nothing_is_left_and_nothing_follows_it_before_the_reset(generous: Processes) -> None:
    process, clock = generous.process(), generous.clock
    process.answered(remaining=0, reset=HOUR, limit=1000)
    clock.move(ASKS_AFTER)
    assert process.quota.learn(STUCK, throttled=True, ticket=process.quota.take()) == HOUR
    clock.move(10 * ASKED_AGAIN_AFTER)
    assert process.take() == HOUR - 10 * ASKED_AGAIN_AFTER + RESET_ROUNDING


@pytest.mark.parametrize("sent", [1, 2])
def test_a_429_that_says_nothing_of_a_wait_counts_as_well(generous: Processes, sent: int) -> None:
    process, clock = generous.process(), generous.clock
    for _ in range(sent):
        process.answered(remaining=0, reset=HOUR, limit=1000)
        clock.move(ASKS_AFTER)
    assert process.quota.learn({}, throttled=True, ticket=process.quota.take()) is None
    clock.move(10 * ASKED_AGAIN_AFTER)
    assert process.take() is not None


@pytest.mark.parametrize(("limit", "window"), [(60, 60.0), (1000, HOUR)], ids=str)
def test_a_quota_that_others_have_used_up_refuses_one_request_of_ours_in_each_window(
    generous: Processes, limit: int, window: float
) -> None:
    process, clock = generous.process(), generous.clock
    gateway = Gateway(process, clock, limit=limit, window=window)
    for _ in range(5):
        clock.move(window - clock.monotonic() % window + RESET_ROUNDING)
        gateway.others_use_all_but(1)
        refused = gateway.refused
        until = clock.monotonic() + 0.9 * window
        while clock.monotonic() < until:
            clock.move(min(gateway.ask() or 0.1, until - clock.monotonic()))
        assert gateway.refused <= refused + 1


@pytest.mark.parametrize("then", ["a 429", "some left"])
def test_a_number_that_is_not_stuck_any_more_is_believed(generous: Processes, then: str) -> None:
    process, clock = generous.process(), generous.clock
    for _ in range(STUCK_AFTER):
        process.answered(remaining=0, reset=0, limit=1000)
        clock.move(RESET_ROUNDING)
    if then == "a 429":
        headers = STUCK | {"x-ratelimit-reset": "60"}
        assert process.quota.learn(headers, throttled=True, ticket=process.quota.take()) == 60
        assert process.take() == 60 + RESET_ROUNDING
    else:
        process.answered(remaining=1, reset=60, limit=1000)
        assert process.take() is None
        assert process.take() == 60 + RESET_ROUNDING


def test_a_quota_that_we_used_up_ourselves_is_not_stuck(generous: Processes) -> None:
    process, clock = generous.process(), generous.clock
    for _ in range(3 * STUCK_AFTER):
        process.answered(remaining=1, reset=60, limit=2)
        process.answered(remaining=0, reset=60, limit=2)
        assert process.take() == 60 + RESET_ROUNDING
        clock.move(60 + RESET_ROUNDING)
