"""Looks where they are likely to show something, and rests between them that may be shared or saved upon."""

import asyncio
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import ports
from orchestrator.clock import RehearsalClock
from orchestrator.domain.outcomes import Reason
from orchestrator.errors import ThrottledError, UnansweredError
from orchestrator.restart.intervals import wait_for_the_likely, wait_growing
from orchestrator.restart.polling import Contact, PlainLookout, Poller
from tests.support.builders import NOON, all_in
from tests.support.lookouts import Diary
from tests.support.polls import Poll, close_to
from tests.support.time import HandClock, in_virtual_time

RESET = UnansweredError("reset")
NEVER = 1e6


# The likely.


def waiting(clock: HandClock, *instants: float) -> wait_for_the_likely:
    growing = wait_growing(clock, minimum=7, maximum=7, random=Random(0))
    return wait_for_the_likely(growing, clock=clock, instants=instants, maximum=1e9)


@pytest.mark.parametrize(
    ("now", "expected"),
    [(0.0, 5.0), (4.0, 1.0), (5.0, 15.0), (6.0, 14.0), (20.0, 7.0), (300.0, 7.0)],
    ids=["before the first", "right before it", "on it", "after it", "on the last", "after the last"],
)
def test_the_next_look_falls_on_the_next_likely_instant_and_then_where_it_would_have(
    now: float, expected: float
) -> None:
    clock = HandClock()
    wait = waiting(clock, 5.0, 20.0)
    clock.move(now)
    assert wait() == expected


def test_without_any_likely_instant_looks_fall_where_they_would_have() -> None:
    assert waiting(HandClock())() == 7.0


@pytest.mark.parametrize("aided", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_looked_at_before_it_is_likely_to_show_anything(aided: bool, seed: int) -> None:
    poll = Poll(None, None, "done", likely=(5.0, 20.0), quiet=False, aided=aided, seed=seed)
    assert poll.result == "done"
    first, second, third = poll.looks
    assert close_to(first, 5.0)
    assert close_to(second, 20.0)
    assert third - second >= 2


def test_many_that_began_together_do_not_look_at_one_instant() -> None:
    firsts = {Poll("done", likely=(20.0,), quiet=False, seed=seed).looks[0] for seed in range(20)}
    assert len(firsts) == 20


def test_what_should_have_shown_long_ago_is_looked_at_at_once() -> None:
    assert Poll("done", likely=(-15.0, -3.0)).looks == [0.0]


def test_of_what_is_likely_only_what_is_to_come_is_waited_for() -> None:
    assert close_to(Poll("done", likely=(-15.0, 12.0), quiet=False).looks[0], 12.0)


def test_the_first_look_is_no_later_than_the_deadline() -> None:
    for aided in (True, False):
        poll = Poll(None, likely=(50.0,), until=30.0, quiet=False, aided=aided)
        assert (poll.result, poll.looks) == (Reason.DEADLINE, [30.0])


def test_the_first_look_is_no_later_than_contact_bears() -> None:
    poll = Poll("done", likely=(500.0,), lost_contact=20.0, quiet=False)
    assert poll.looks == [20.0]


def test_no_look_waits_for_longer_than_the_maximum_however_late_a_restart_is_likely_to_be_over() -> None:
    poll = Poll(None, None, None, "done", likely=(5.0, 95.0), quiet=False)
    gaps = [later - earlier for earlier, later in pairwise(poll.looks)]
    assert max(gaps) == pytest.approx(30.0)


def test_a_deadline_that_has_passed_leaves_one_look_at_once() -> None:
    poll = Poll(None, likely=(50.0,), until=-5.0, quiet=False)
    assert (poll.result, poll.looks) == (Reason.DEADLINE, [0.0])


# Rests.


def test_where_only_time_can_settle_something_the_wait_is_a_pause() -> None:
    poll = Poll(None, None, "done", quiet=False)
    assert poll.diary.rests == []
    assert [at for at, _ in poll.diary.pauses] == poll.looks[:-1]
    assert poll.diary.untils == {1000.0}


def test_where_nothing_but_a_change_is_waited_for_the_wait_is_a_rest() -> None:
    poll = Poll(None, None, "done")
    assert poll.diary.pauses == []
    assert [at for at, _, _ in poll.diary.rests] == poll.looks[:-1]
    assert poll.diary.untils == {1000.0}


def test_the_wait_before_the_first_look_is_a_rest_of_its_own_kind() -> None:
    assert len(Poll("done", likely=(5.0,)).diary.rests) == 1
    assert len(Poll("done", likely=(5.0,), quiet=False).diary.pauses) == 1
    assert Poll("done").diary.rests == []


def test_after_a_fault_a_hint_is_not_waited_for() -> None:
    poll = Poll(None, RESET, RESET, None, "done")
    kinds = {at: "rest" for at, _, _ in poll.diary.rests} | dict.fromkeys((at for at, _ in poll.diary.pauses), "pause")
    assert [kinds[at] for at in poll.looks[:-1]] == ["rest", "pause", "pause", "rest"]
    assert poll.faults == [seconds for _, seconds in poll.diary.pauses]


def test_a_poll_that_ended_with_a_fault_has_none_when_the_next_begins() -> None:
    async def go() -> None:
        clock = RehearsalClock(NOON)
        diary = Diary(clock)
        poller = Poller(
            clock, minimum=2, maximum=30, lost_contact=10, random=Random(0), on_fault=lambda *_: None, lookout=diary
        )

        async def fail() -> str | None:
            raise RESET

        async def succeed() -> str | None:
            return "done"

        assert await poller.poll(fail, until=NEVER) is Reason.CONTACT_LOST
        assert diary.rests == []
        assert await poller.poll(succeed, until=NEVER, likely=(clock.monotonic() + 5,), quiet=lambda: True) == "done"
        assert len(diary.rests) == 1

    in_virtual_time(go())


def test_a_hint_brings_the_next_look_forward() -> None:
    poll = Poll(None, "done", likely=(5.0, 20.0), hints=[3.0, 1.5])
    assert poll.looks == [3.0, 4.5]


def test_a_look_that_is_shared_waits_for_what_is_likely_to_be_over_and_not_for_what_is_likely_to_have_begun() -> None:
    poll = Poll("done", likely=(5.0, 20.0))
    ((_, alone, shared),) = poll.diary.rests
    assert close_to(alone, 5.0)
    assert close_to(shared, 20.0)


def test_shared_looks_are_never_closer_than_looks_may_be() -> None:
    poll = Poll(*[None] * 9, "done", likely=(1.0, 1.5, 2.0), hints=[0.1] * 12, minimum=3.0)
    assert all(shared >= 3.0 for _, _, shared in poll.diary.rests)


def test_a_rest_is_given_the_contact_that_the_poll_goes_by() -> None:
    # Every rest of the diary is told of an answer, so contact is not lost, however seldom there is a look.
    poll = Poll(None, lost_contact=20.0, hints=[15.0] * 1000, until=200.0)
    assert poll.result is Reason.DEADLINE
    assert all(later - earlier == 15.0 for earlier, later in pairwise(poll.looks[:-1]))


def test_time_that_was_waited_to_save_requests_does_not_count_as_lost_contact() -> None:
    thrifty = Poll(RESET, lost_contact=60.0, until=NEVER, saves=600.0)
    plain = Poll(RESET, lost_contact=60.0, until=NEVER)
    assert (thrifty.result, plain.result) == (Reason.CONTACT_LOST, Reason.CONTACT_LOST)
    assert plain.looks[-1] == 60.0
    # As many seconds of asking in vain, and in between what was saved.
    assert thrifty.looks[-1] - 600.0 * (len(thrifty.looks) - 1) == pytest.approx(60.0, abs=1.0)


def test_a_throttled_look_pauses_for_as_long_as_it_was_told() -> None:
    poll = Poll(ThrottledError("x", retry_after=120.0), "done")
    assert poll.diary.pauses == [(0.0, 120.0)]


@given(
    likely=st.lists(st.floats(-50, 400), max_size=3).map(sorted),
    quiet=st.booleans(),
    hints=st.lists(st.none() | st.floats(0, 50), max_size=5),
    until=st.floats(1, 500),
    aided=st.booleans(),
    seed=st.integers(0, 99),
)
def test_whatever_is_likely_and_whatever_is_hinted_the_last_look_is_on_the_deadline_and_looks_never_stand_still(
    *, likely: list[float], quiet: bool, hints: list[float | None], until: float, aided: bool, seed: int
) -> None:
    poll = Poll(None, likely=likely, quiet=quiet, until=until, hints=hints, aided=aided, seed=seed, lost_contact=1e9)
    assert poll.result is Reason.DEADLINE
    # The diary does not mind the deadline; a feed does.
    assert poll.looks[-1] >= until - 1e-6
    assert poll.looks[-1] <= until + 1e-6 or (quiet and aided)
    assert len(poll.looks) <= 1 + len(hints) + 3 + 500 / 1.8


# Nobody looks along.


def test_unaided_a_rest_is_as_long_as_a_pause_and_saves_nothing() -> None:
    async def go() -> None:
        clock = RehearsalClock(NOON)
        unaided: ports.Lookout = PlainLookout(clock)
        unaided.saw(all_in("RESTARTED", "api"))
        assert await unaided.pause(7.0, until=3.0) == 0.0
        assert await unaided.rest(5.0, until=3.0, interval=lambda: 99.0, contact=Contact(clock, 300)) == 0.0
        assert clock.monotonic() == 12.0
        assert asyncio.all_tasks() == {asyncio.current_task()}

    in_virtual_time(go())


# Contact.


def test_half_of_the_time_that_contact_bears_is_left_for_trying_again() -> None:
    clock = HandClock(1000)
    contact = Contact(clock, 300)
    assert (contact.worth_a_look_at, contact.lost_at) == (1150, 1300)
    clock.move(100)
    contact.made()
    assert (contact.worth_a_look_at, contact.lost_at) == (1250, 1400)
    contact.excuse(600)
    assert (contact.worth_a_look_at, contact.lost_at) == (1850, 2000)


def test_seconds_in_which_nobody_asked_are_not_silence() -> None:
    clock = HandClock()
    contact = Contact(clock, 300)
    for _ in range(3):
        clock.move(150)
        contact.spare(100)
    assert (contact.silent_for, contact.lost_at, contact.lost) == (150, 600, False)
    clock.move(150)
    assert contact.lost
