"""Is somebody at work on a run? The lock knows, where it can be asked; and how long has the run lasted?"""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.journal import codec
from orchestrator.journal.store import LEASE, Store, open_store
from tests.support.builders import ended
from tests.support.journals import Clock, Journals, begin, close, die, machine
from tests.support.memory_journal import at_once

PROCESS = "process 7 on runner-1"


def told(store: Store, run_id: str = "run-1") -> tuple[bool, str]:
    """Whether somebody is at work on a run, and what is said of whoever it is."""
    (row,) = store.database.read("SELECT * FROM runs WHERE run_id = ?", run_id)
    found = codec.run_of(dict(row))
    return store.is_at_work(found), store.where(found)


def test_a_run_whose_lock_is_held_is_at_work_to_its_own_process_and_to_any_other(journals: Journals) -> None:
    store = journals.process()
    begin(store)
    assert told(store) == told(journals.process()) == (True, f"{PROCESS} is working on it")


def test_a_run_at_work_stays_so_however_often_one_asks_and_however_long_it_is_silent(journals: Journals) -> None:
    begin(journals.process())
    asker = journals.process()
    for _ in range(3):
        journals.clock.move(86_400)
        assert told(asker)[0]


def test_a_run_whose_lock_is_free_is_dead_though_it_was_heard_of_a_moment_ago(journals: Journals) -> None:
    work = begin(journals.process())
    at_once(work.beat())
    die(work)
    at = f"{journals.clock.now():%H:%M:%S}"
    assert told(journals.process()) == (False, f"{PROCESS} is dead, last seen at {at} UTC")


def test_a_run_that_was_let_go_of_has_nobody_at_work(journals: Journals) -> None:
    close(begin(journals.process()))
    assert told(journals.process()) == (False, "it was interrupted, and no process is working on it")


def test_asking_takes_nothing_from_a_run_that_nobody_works_on(journals: Journals) -> None:
    die(begin(journals.process()))
    first, second = journals.process(), journals.process()
    assert [told(first)[0], told(second)[0], told(first)[0]] == [False] * 3


def test_a_process_from_before_the_machine_was_started_anew_is_dead(journals: Journals) -> None:
    # Its lock is still held here, as if the kernel had not let go of it: that it is of another boot is enough.
    begin(journals.process())
    alive, where = told(journals.rebooted())
    assert (alive, where.startswith(f"{PROCESS} is dead, last seen at ")) == (False, True)


@pytest.mark.parametrize(
    ("silent_for", "alive"),
    [
        (timedelta(0), True),
        (LEASE - timedelta(seconds=1), True),
        (LEASE, False),
        (timedelta(days=1), False),
    ],
    ids=str,
)
def test_a_process_of_another_machine_is_taken_for_alive_until_it_has_been_silent_for_too_long(
    journals: Journals, silent_for: timedelta, alive: bool
) -> None:
    # Its lock cannot be asked from here.
    die(begin(journals.process()))
    other = journals.elsewhere()
    journals.clock.move(silent_for.total_seconds())
    said = f"{PROCESS} is working on it" if alive else f"{PROCESS} is dead, last seen at "
    assert told(other)[0] is alive
    assert told(other)[1].startswith(said)


def test_a_sign_of_life_renews_what_is_believed_elsewhere(journals: Journals) -> None:
    work = begin(journals.process())
    other = journals.elsewhere()
    for _ in range(5):
        journals.clock.move(LEASE.total_seconds() - 1)
        at_once(work.beat())
        assert told(other)[0]


def test_a_machine_that_is_told_by_no_other_name_but_was_started_anew_is_the_same_machine(journals: Journals) -> None:
    begin(journals.process(machine(boot="boot-1")))
    assert told(journals.process(machine(host="runner-1", boot="boot-9")))[0] is False
    assert told(journals.process(machine(host="a-container", boot="boot-1")))[0] is True


# How long a run has lasted.


def elapsed(store: Store) -> float:
    (row,) = store.database.read("SELECT * FROM runs WHERE run_id = 'run-1'")
    return store.elapsed(codec.run_of(dict(row)))


def test_on_one_machine_a_run_lasts_as_long_as_the_monotonic_clock_says(journals: Journals) -> None:
    begin(journals.process())
    journals.clock.move(100)
    for by in (-7200, 3600, 86_400):
        journals.clock.set_wall(by)
        assert elapsed(journals.process()) == 100


@pytest.mark.parametrize(
    ("after", "set_by", "lasted"),
    [
        pytest.param(60, 0, 160, id="a clock that is right"),
        pytest.param(60, 30, 190, id="set forward meanwhile"),
        pytest.param(60, -30, 130, id="set back a little"),
        pytest.param(60, -7200, 100, id="set back behind the start: what had passed is still known"),
    ],
)
def test_after_the_machine_was_started_anew_the_wall_clock_counts_but_never_back(
    journals: Journals, after: float, set_by: float, lasted: float
) -> None:
    work = begin(journals.process())
    journals.clock.move(100)
    at_once(work.beat())
    clock = journals.clock.boot(after=after, monotonic=3.0)
    clock.set_wall(set_by)
    assert elapsed(journals.process(machine(boot="boot-2"), clock=clock)) == lasted


def test_what_had_passed_when_it_was_last_written_counts_though_the_monotonic_clock_says_less(
    journals: Journals,
) -> None:
    work = begin(journals.process())
    journals.clock.move(100)
    at_once(work.beat())
    assert elapsed(journals.process(clock=Clock(monotonic=1.0))) == 100


@settings(deadline=None)
@given(
    worked=st.floats(0, 1e5),
    silent=st.floats(0, 1e5),
    set_by=st.floats(-1e6, 1e6),
    anew=st.booleans(),
)
def test_whatever_the_clocks_do_a_run_never_gets_younger(
    worked: float, silent: float, set_by: float, anew: bool
) -> None:
    clock = Clock(500.0)
    store = open_store(None, clock=clock)
    try:
        work = begin(store)
        clock.move(worked)
        at_once(work.beat())
        before = elapsed(store)
        if anew:
            later = Store(
                store.database,
                folder=None,
                clock=clock.boot(after=silent),
                machine=machine(boot="boot-2"),
            )
        else:
            clock.move(silent)
            later = store
        assert isinstance(later.clock, Clock)
        later.clock.set_wall(set_by)
        assert elapsed(later) >= before - 1e-6
        if not anew:
            assert elapsed(later) == pytest.approx(worked + silent, abs=1e-6)
    finally:
        store.database.close()


def test_a_run_that_has_ended_has_nobody_at_work(journals: Journals) -> None:
    close(begin(journals.process()), [ended()])
    assert told(journals.process())[0] is False
