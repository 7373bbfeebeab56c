import asyncio
from collections.abc import Sequence
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tenacity import AsyncRetrying, Future, RetryCallState

from orchestrator.clock import RehearsalClock
from orchestrator.domain.outcomes import Reason
from orchestrator.errors import (
    MalformedAnswerError,
    NotSentError,
    PassingError,
    RefusedError,
    ThrottledError,
    UnansweredError,
)
from orchestrator.restart.intervals import (
    GROWTH,
    JITTER,
    stop_at,
    wait_as_told,
    wait_growing,
    wait_no_later_than,
    wait_until_known,
)
from orchestrator.restart.polling import Contact, GaveUp, Poller, answered_within
from tests.support.builders import NOON
from tests.support.time import HandClock, in_virtual_time


def attempt(error: Exception | None = None, *, finished: bool = True) -> RetryCallState:
    """What tenacity knows after an attempt."""
    state = RetryCallState(AsyncRetrying(), None, (), {})
    if finished:
        state.outcome = Future.construct(1, error, has_exception=error is not None)
    return state


# When to look again.


@given(waited=st.floats(0, 10**6), least=st.floats(0.01, 60), span=st.floats(0, 600), seed=st.integers())
def test_an_interval_grows_with_the_wait_and_stays_between_its_bounds(
    waited: float, least: float, span: float, seed: int
) -> None:
    clock = HandClock()
    wait = wait_growing(clock, minimum=least, maximum=least + span, random=Random(seed))
    clock.move(waited)
    interval = wait(attempt())
    assert least <= interval <= least + span
    growing = min(max(GROWTH * waited, least), least + span)
    assert growing * (1 - JITTER) <= interval + 1e-9
    assert interval <= growing * (1 + JITTER) + 1e-9


def test_watchers_that_began_together_do_not_beat_in_step() -> None:
    clock = HandClock()
    waits = [wait_growing(clock, minimum=2, maximum=30, random=Random(seed)) for seed in range(20)]
    clock.move(100)
    assert len({wait(attempt()) for wait in waits}) == len(waits)


def test_half_an_hour_of_looking_costs_less_than_a_hundred_looks() -> None:
    clock = HandClock()
    wait = wait_growing(clock, minimum=2, maximum=30, random=Random(0))
    looks = 0
    while clock.monotonic() < 1800:
        clock.move(wait(attempt()))
        looks += 1
    assert looks < 100


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(None, 5.0, id="no error"),
        pytest.param(UnansweredError("x"), 5.0, id="another error"),
        pytest.param(ThrottledError("x"), 5.0, id="throttled, and it does not say for how long"),
        pytest.param(ThrottledError("x", retry_after=2), 5.0, id="asked for less than we would wait"),
        pytest.param(ThrottledError("x", retry_after=90), 90.0, id="asked for more"),
    ],
)
def test_a_throttling_platform_is_given_at_least_the_time_that_it_asks_for(
    error: Exception | None, expected: float
) -> None:
    clock = HandClock()
    wait = wait_as_told(wait_growing(clock, minimum=5, maximum=5, random=Random(0)))
    assert wait(attempt(error)) == expected


def test_an_attempt_that_has_not_ended_asks_for_nothing() -> None:
    wait = wait_as_told(wait_growing(HandClock(), minimum=5, maximum=5, random=Random(0)))
    assert wait(attempt(finished=False)) == 5.0


@pytest.mark.parametrize(
    ("now", "expected"),
    [(0.0, 5.0), (95.0, 5.0), (97.0, 3.0), (100.0, 0.0), (200.0, 0.0)],
    ids=["long before", "just fitting", "cut short", "on it", "after it"],
)
def test_the_last_look_falls_right_on_the_instant(now: float, expected: float) -> None:
    clock = HandClock()
    growing = wait_growing(clock, minimum=5, maximum=5, random=Random(0))
    clock.move(now)
    assert wait_no_later_than(growing, clock=clock, instant=lambda: 100.0)(attempt()) == expected


@pytest.mark.parametrize(
    ("now", "stop"), [(99.999, False), (100.0, True), (101.0, True)], ids=["before", "on", "after"]
)
def test_looking_stops_on_the_instant(now: float, stop: bool) -> None:
    assert stop_at(HandClock(now), instant=lambda: 100.0)(attempt()) is stop


@pytest.mark.parametrize(
    ("instant", "expected"),
    [(None, 5.0), (52.0, 2.0), (110.0, 60.0), (50.0, 0.0), (40.0, 0.0)],
    ids=["not known", "sooner", "later", "now", "passed"],
)
def test_an_instant_that_is_known_goes_before_any_interval(instant: float | None, expected: float) -> None:
    clock = HandClock(50.0)
    growing = wait_growing(clock, minimum=5, maximum=5, random=Random(0))
    assert wait_until_known(growing, clock=clock, instant=lambda: instant)(attempt()) == expected


# Contact.


def test_contact_is_lost_when_the_last_answer_is_too_long_ago() -> None:
    clock = HandClock(1000)
    contact = Contact(clock, 300)
    clock.move(299)
    assert (contact.lost, contact.silent_for) == (False, 299)
    clock.move(1)
    assert (contact.lost, contact.silent_for) == (True, 300)
    contact.made()
    assert (contact.lost, contact.lost_at) == (False, 1600)


def test_a_wait_that_the_platform_asked_for_is_excused_once_between_two_answers() -> None:
    clock = HandClock()
    contact = Contact(clock, 300)
    contact.excuse(600)
    assert (contact.lost_at, contact.silent_for) == (900, 0.0)
    clock.move(700)
    contact.excuse(600)
    assert (contact.lost_at, contact.silent_for) == (900, 100.0)
    contact.made()
    contact.excuse(600)
    assert contact.lost_at == 700 + 600 + 300


# The loop.


class Looker:
    """Looks by a list of what each look finds; the last one stays."""

    def __init__(self, clock: RehearsalClock, *finds: object) -> None:
        self._clock = clock
        self._finds = list(finds)
        self.looks: list[float] = []
        self.contact: Contact | None = None

    async def __call__(self) -> str | None:
        self.looks.append(self._clock.monotonic())
        found = self._finds.pop(0) if len(self._finds) > 1 else self._finds[0]
        if isinstance(found, Exception):
            raise found
        assert self.contact is not None
        self.contact.made()
        return found if isinstance(found, str) else None


def poll(
    *finds: object,
    until: float = 1000.0,
    lost_contact: float = 300.0,
    minimum: float = 2.0,
    next_looks: Sequence[float | None] = (),
) -> tuple[str | GaveUp, list[float], list[tuple[PassingError, float]]]:
    """Poll on virtual time; return the result, the instants of the looks, and the faults that were told."""

    async def go() -> tuple[str | GaveUp, list[float], list[tuple[PassingError, float]]]:
        clock = RehearsalClock(NOON)
        faults: list[tuple[PassingError, float]] = []
        poller = Poller(
            clock,
            minimum=minimum,
            maximum=30,
            lost_contact=lost_contact,
            random=Random(0),
            on_fault=lambda error, wait: faults.append((error, wait)),
        )
        look = Looker(clock, *finds)
        look.contact = poller.contact

        def next_look() -> float | None:
            return next_looks[len(look.looks) - 1] if len(look.looks) <= len(next_looks) else None

        return await poller.poll(look, until=until, next_look=next_look), look.looks, faults

    return in_virtual_time(go())


def test_a_result_at_the_first_look_costs_one_look_and_no_time() -> None:
    assert poll("done") == ("done", [0.0], [])


def test_nothing_yet_is_looked_at_again() -> None:
    result, looks, faults = poll(None, None, "done")
    assert (result, len(looks), faults) == ("done", 3, [])
    assert all(later - earlier >= 2 for earlier, later in pairwise(looks))


@pytest.mark.parametrize(
    "fault",
    [NotSentError("x"), UnansweredError("x"), MalformedAnswerError("x"), ThrottledError("x")],
    ids=lambda fault: type(fault).__name__,
)
def test_a_passing_fault_is_told_with_the_time_until_the_next_look(fault: PassingError) -> None:
    result, looks, faults = poll(fault, "done")
    assert result == "done"
    assert faults == [(fault, looks[1])]


def test_any_other_error_ends_the_poll_at_once() -> None:
    with pytest.raises(RefusedError):
        poll(RefusedError("no"), "done")


def test_the_last_look_falls_on_the_deadline() -> None:
    result, looks, _ = poll(None, until=100.0)
    assert result is Reason.DEADLINE
    assert looks[-1] == 100.0


def test_a_result_on_the_deadline_still_counts() -> None:
    _, looks, _ = poll(None, until=100.0)
    result, again, _ = poll(*[None] * (len(looks) - 1), "done", until=100.0)
    assert (result, again[-1]) == ("done", 100.0)


def test_a_deadline_that_has_passed_leaves_one_look() -> None:
    assert poll(None, until=-5.0) == (Reason.DEADLINE, [0.0], [])


def test_without_a_usable_answer_contact_is_lost_before_the_deadline() -> None:
    result, looks, _ = poll(UnansweredError("x"), lost_contact=300.0)
    assert result is Reason.CONTACT_LOST
    assert looks[-1] == 300.0


def test_a_single_usable_answer_restores_contact() -> None:
    first, then = [UnansweredError("x")] * 9, [UnansweredError("x")] * 3
    result, looks, _ = poll(*first, None, *then, "done", lost_contact=40.0)
    assert result == "done"
    assert looks[-1] > 40.0


def test_a_throttled_look_is_made_again_when_the_platform_says() -> None:
    result, looks, faults = poll(ThrottledError("x", retry_after=600), "done", until=5000.0)
    assert (result, looks) == ("done", [0.0, 600.0])
    assert faults[0][1] == 600.0


def test_a_platform_that_throttles_for_ever_is_lost_in_the_end() -> None:
    result, looks, _ = poll(ThrottledError("x", status=429, retry_after=600), until=100_000.0)
    assert result is Reason.CONTACT_LOST
    assert looks[-1] == 900.0


def test_a_wait_for_our_own_quota_is_no_loss_of_contact_however_often_it_comes() -> None:
    result, looks, _ = poll(*[ThrottledError("x", retry_after=600)] * 9, "done", until=100_000.0)
    assert result == "done"
    assert looks[-1] == 9 * 600.0


def test_a_throttled_look_is_not_put_off_beyond_the_deadline() -> None:
    result, looks, _ = poll(ThrottledError("x", retry_after=600), until=100.0)
    assert (result, looks) == (Reason.DEADLINE, [0.0, 100.0])


def test_a_look_that_shows_when_the_next_is_due_is_followed_by_that_one() -> None:
    result, looks, _ = poll(None, None, None, "done", next_looks=(0.5, 90.0))
    assert result == "done"
    assert looks[:3] == [0.0, 0.5, 90.0]
    assert looks[3] > 92.0


def test_the_next_look_is_no_later_than_the_deadline_and_no_sooner_than_a_throttling_platform_asks_for() -> None:
    result, looks, _ = poll(None, until=60.0, next_looks=(90.0,))
    assert (result, looks) == (Reason.DEADLINE, [0.0, 60.0])
    result, looks, _ = poll(ThrottledError("x", status=429, retry_after=40), "done", next_looks=(1.0,))
    assert (result, looks) == ("done", [0.0, 40.0])


def test_every_poll_begins_with_fresh_contact() -> None:
    async def go() -> str | GaveUp:
        clock = RehearsalClock(NOON)
        poller = Poller(
            clock, minimum=2, maximum=30, lost_contact=60, random=Random(0), on_fault=lambda error, wait: None
        )
        look = Looker(clock, UnansweredError("x"), UnansweredError("x"), "done")
        look.contact = poller.contact
        await asyncio.sleep(500)
        return await poller.poll(look, until=1000)

    assert in_virtual_time(go()) == "done"


# Faults that hardly pass by themselves.


def test_contact_is_lost_sooner_while_the_last_fault_is_one_that_hardly_passes() -> None:
    contact = Contact(HandClock(), 300, limit_if_lasting=20)
    assert contact.lost_at == 300
    contact.fault = NotSentError("no such host", lasting=True)
    assert contact.lost_at == 20
    contact.fault = NotSentError("slow")
    assert contact.lost_at == 300
    contact.fault = NotSentError("no such host", lasting=True)
    contact.made()
    assert contact.lost_at == 300
    patient = Contact(HandClock(), 10, limit_if_lasting=20)
    patient.fault = NotSentError("no such host", lasting=True)
    assert patient.lost_at == 10


def test_a_silence_is_told_with_its_last_fault_and_the_api() -> None:
    clock = HandClock()
    contact = Contact(clock, 300, api="https://api.example.test (from QOVERY_API_URL)")
    clock.move(300)
    api = "The API is https://api.example.test (from QOVERY_API_URL)."
    assert contact.silence == f"No usable answer from Qovery for 300 s. {api}"
    contact.fault = NotSentError("GET /x: not sent: the connection was refused.")
    fault = "The last fault: GET /x: not sent: the connection was refused."
    assert contact.silence == f"No usable answer from Qovery for 300 s. {fault} {api}"


def test_an_answer_is_cut_off_in_time_and_a_timeout_of_its_own_stays_one() -> None:
    async def go() -> None:
        assert await answered_within(asyncio.sleep(1.0, "answer"), 2.0) == "answer"
        with pytest.raises(UnansweredError, match="no answer within 2 s"):
            await answered_within(asyncio.sleep(3.0), 2.0)
        with pytest.raises(TimeoutError):
            await answered_within(asyncio.wait_for(asyncio.sleep(3.0), 1.0), 2.0)

    in_virtual_time(go())
