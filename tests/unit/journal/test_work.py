"""The run that a process works on: begun, written, taken over, ended; and who may write about it."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, TypeAlias

import pytest

from orchestrator.domain.outcomes import Outcome, Reason
from orchestrator.domain.plan import HttpCheck, OnBusy, Policy
from orchestrator.domain.records import InFlight, Sighting
from orchestrator.errors import JournalError, UsageError
from orchestrator.journal.store import LEASE, Store
from orchestrator.journal.work import Page, Work
from tests.support.builders import ended, target
from tests.support.journals import (
    BASELINE,
    Journals,
    begin,
    close,
    die,
    intent,
    machine,
    new_run,
    take_over,
)
from tests.support.memory_journal import at_once

STAGING = target("api", name="staging", policy=Policy(deadline=60, on_busy=OnBusy.FAIL))
PRODUCTION = target("api", "web", name="production", wave=2)
TARGETS = (STAGING, PRODUCTION)
SIGHTING = Sighting(
    states={"api": ("RESTARTING", "execution-42"), "web": ("RESTART_QUEUED", None)},
    timelines={"api": (("RESTART_QUEUED", 2.0), ("RESTARTING", 8.5))},
    seen_running=frozenset({"execution-42"}),
    was_seen=True,
    not_ours=frozenset({"execution-40"}),
)


def names(work: Work) -> dict[str, tuple[bool, Outcome | None]]:
    """Whether each environment is in flight, and how it ended."""
    return {
        each.target.name: (each.in_flight is not None, None if each.result is None else each.result.outcome)
        for each in at_once(work.environments())
    }


# Begun.


def test_a_plan_is_written_down_with_its_order_and_without_its_checks(journals: Journals) -> None:
    checked = replace(PRODUCTION, checks=(HttpCheck(url="https://shop.example.test/?key=hunter2"),))
    work = begin(journals.process(), targets=[checked, STAGING])
    stored = at_once(work.environments())
    assert [each.target for each in stored] == [PRODUCTION, STAGING]
    assert {(each.in_flight, each.result) for each in stored} == {(None, None)}
    journals.close()
    assert b"hunter2" not in b"".join(file.read_bytes() for file in journals.folder.iterdir() if file.is_file())


def test_a_run_that_began_before_its_plan_was_written_has_its_time_and_its_requests_counted(
    journals: Journals,
) -> None:
    store = journals.process()
    began = store.clock.monotonic() - 20
    run = replace(new_run(store, lasts=600, requests=3, began=began), run_id="run-7", parent_id="run-1")
    work = Work.begin(store, run)
    at_once(work.release())
    assert (work.elapsed, work.end_by) == (20, store.clock.monotonic() + 600)
    assert (store.find("run-7").requests, store.find("run-7").parent_id) == (3, "run-1")


def test_a_run_id_is_given_once(journals: Journals) -> None:
    close(begin(journals.process()), [ended()])
    other = journals.process()
    with pytest.raises(JournalError, match="UNIQUE constraint failed"):
        begin(other)
    assert other.lock_of("run-1").take(), "what could not be begun holds no lock"


def test_nothing_of_a_run_is_there_when_its_plan_could_not_be_written(journals: Journals) -> None:
    twice = journals.process()
    with pytest.raises(JournalError):
        begin(twice, targets=[STAGING, STAGING])
    assert journals.rows("SELECT * FROM runs") == journals.rows("SELECT * FROM environments") == []
    assert begin(journals.process(), targets=[STAGING]).run_id == "run-1"


# Written and read again.

Write: TypeAlias = Callable[[Page], Coroutine[Any, Any, None]]


def written(journals: Journals, *writes: Write) -> Work:
    """A run whose process wrote something about production, and died; and which another goes on with."""
    work = begin(journals.process(), targets=TARGETS)
    page = work.page("production")
    at_once(page.claim())
    journals.clock.move(10)
    for write in writes:
        at_once(write(page))
    die(work)
    journals.clock.move(50)
    return take_over(journals.process())


def in_flight_in(work: Work) -> InFlight | None:
    staging, production = at_once(work.environments())
    assert (staging.in_flight, staging.result) == (None, None)
    return production.in_flight


INTEND: Write = lambda page: page.intend(intent(1010.0))  # noqa: E731 - one of a row of steps
ACCEPT: Write = lambda page: page.accept(frozenset({"request-2", "request-1"}))  # noqa: E731
FIND: Write = lambda page: page.accept(frozenset({"request-2", "request-1"}), found=True)  # noqa: E731
SEE: Write = lambda page: page.see(SIGHTING)  # noqa: E731
WITHDRAW: Write = Page.withdraw

INTENDED = InFlight(intent=intent(1010.0), accepted=False)
ACCEPTED = InFlight(intent=intent(1010.0), accepted=True, request_ids=frozenset({"request-1", "request-2"}))


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        pytest.param([], None, id="nothing but its claim"),
        pytest.param([INTEND], INTENDED, id="about to be posted"),
        pytest.param([INTEND, ACCEPT], ACCEPTED, id="accepted"),
        pytest.param([INTEND, FIND], replace(ACCEPTED, found=True), id="found there"),
        pytest.param([INTEND, SEE], replace(INTENDED, sighting=SIGHTING), id="unanswered, and seen"),
        pytest.param([INTEND, ACCEPT, SEE], replace(ACCEPTED, sighting=SIGHTING), id="accepted, and seen"),
        pytest.param([INTEND, WITHDRAW], None, id="refused"),
        pytest.param([INTEND, SEE, WITHDRAW, INTEND], INTENDED, id="posted again: of the first nothing is left"),
        pytest.param([INTEND, ACCEPT, INTEND], INTENDED, id="intended anew"),
    ],
)
def test_what_was_written_of_a_restart_is_what_a_later_process_finds(
    journals: Journals, steps: list[Write], found: InFlight | None
) -> None:
    assert in_flight_in(written(journals, *steps)) == found


def test_how_an_environment_ended_is_what_a_later_process_finds(journals: Journals) -> None:
    result = ended(Outcome.FAILED, Reason.RESTART_ERROR)
    work = written(journals, INTEND, ACCEPT, lambda page: page.settle(result))
    assert at_once(work.environments())[1].result == result
    assert names(work) == {"staging": (False, None), "production": (True, Outcome.FAILED)}


def test_every_submit_that_was_about_to_be_made_is_counted(journals: Journals) -> None:
    work = written(journals, INTEND, WITHDRAW, INTEND)
    assert work.store.find("run-1").submits == 2


@pytest.mark.parametrize("monotonic", [0.0, 5.0, 50_000.0])
def test_instants_are_those_of_the_process_that_reads_them(journals: Journals, monotonic: float) -> None:
    # Began at 1000 of a clock that is gone; posted 10 s later; read 60 s after that, on a clock of its own.
    work = begin(journals.process(), targets=TARGETS)
    journals.clock.move(10)
    at_once(work.page("production").intend(intent(1010.0)))
    die(work)
    later = take_over(journals.rebooted(after=60, monotonic=monotonic))
    in_flight = in_flight_in(later)
    assert in_flight is not None
    assert in_flight.intent.posted_at == pytest.approx(monotonic - 60)
    assert in_flight.intent.baseline == BASELINE
    assert [later.began, later.end_by] == pytest.approx([monotonic - 70, monotonic - 70 + 3600])


def test_a_wall_clock_that_jumps_changes_no_deadline_on_the_same_machine(journals: Journals) -> None:
    work = begin(journals.process(), targets=TARGETS)
    die(work)
    journals.clock.move(60)
    journals.clock.set_wall(-86_400)
    later = take_over(journals.process())
    assert (later.began, later.end_by, later.elapsed) == (work.began, work.end_by, 60)


# Signs of life, and requests.


def test_the_requests_of_all_its_processes_are_counted_for_a_run(journals: Journals) -> None:
    work = begin(journals.process())
    for _ in range(4):
        journals.clock.move(1000)
        work.note_request()
    die(work)
    later = take_over(journals.rebooted())
    later.note_request()
    assert later.store.find("run-1").requests == 3 + 4 + 1


def test_a_sign_of_life_says_how_long_the_run_has_lasted(journals: Journals) -> None:
    work = begin(journals.process())
    journals.clock.move(3600)
    at_once(work.beat())
    (row,) = work.store.database.read("SELECT elapsed, beat_at FROM runs")
    assert (row["elapsed"], row["beat_at"]) == (3600, journals.clock.now().isoformat())


@pytest.mark.parametrize(
    "write", [lambda work: at_once(work.beat()), Work.note_request], ids=["a sign of life", "a request"]
)
def test_what_is_worth_less_than_the_run_is_missed_where_it_cannot_be_written(
    journals: Journals, write: Callable[[Work], None]
) -> None:
    work = begin(journals.process())
    work.store.database.close()
    write(work)
    assert journals.rows("SELECT requests FROM runs") == [(3,)]


# Taken over.

WRITES: dict[str, Callable[[Work], Any]] = {
    "claim": lambda work: at_once(work.page("production").claim()),
    "intend": lambda work: at_once(work.page("production").intend(intent(1000.0))),
    "withdraw": lambda work: at_once(work.page("production").withdraw()),
    "accept": lambda work: at_once(work.page("production").accept(frozenset())),
    "see": lambda work: at_once(work.page("production").see(SIGHTING)),
    "settle": lambda work: at_once(work.page("production").settle(ended())),
    "close": lambda work: close(work, [ended()]),
}
LOSSES: dict[str, Callable[[Store], object]] = {
    "taken over": take_over,
    "given up": lambda store: store.abandon("run-1"),
    "taken over and interrupted": lambda store: close(take_over(store)),
    "taken over and ended": lambda store: close(take_over(store), [ended()]),
}


def taken_for_dead(work: Work, journals: Journals) -> Store:
    """A process of another machine, to which this one has been silent for too long, and its lock is not to be seen."""
    at_once(work.release())
    journals.clock.move(LEASE.total_seconds())
    return journals.elsewhere()


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_a_process_whose_run_is_not_its_own_any_more_can_write_nothing_about_it(
    journals: Journals, write: str, loss: Callable[[Store], object]
) -> None:
    work = begin(journals.process(), targets=[PRODUCTION])
    loss(taken_for_dead(work, journals))
    before = journals.rows("SELECT * FROM runs, environments")
    with pytest.raises(JournalError, match=r"This process no longer holds the run run-1: another has taken it over\."):
        WRITES[write](work)
    assert journals.rows("SELECT * FROM runs, environments") == before


def test_a_process_whose_run_was_taken_over_counts_nothing_for_it(journals: Journals) -> None:
    work = begin(journals.process())
    take_over(taken_for_dead(work, journals))
    before = journals.rows("SELECT * FROM runs")
    work.note_request()
    at_once(work.beat())
    assert journals.rows("SELECT * FROM runs") == before


def test_a_run_at_work_is_not_taken_over(journals: Journals) -> None:
    work = begin(journals.process())
    with pytest.raises(UsageError, match=r"run-1 is not interrupted: process 7 on runner-1 is working on it\. Wait"):
        take_over(journals.process())
    at_once(work.page("production").claim())


def test_of_two_that_take_a_run_over_the_second_is_told_that_it_is_at_work(journals: Journals) -> None:
    die(begin(journals.process()))
    first = take_over(journals.process(machine(pid=8)))
    with pytest.raises(UsageError, match="process 8 on runner-1 is working on it"):
        take_over(journals.process(machine(pid=9)))
    at_once(first.page("production").claim())


def test_a_run_that_somebody_locks_in_the_last_moment_is_not_taken_over(journals: Journals) -> None:
    close(begin(journals.process()))  # Nobody holds it, so nobody is asked.
    store = journals.process()
    other = store.lock_of("run-1")
    assert other.take()
    with pytest.raises(JournalError, match=r"Another process is working on the run run-1\."):
        take_over(store)
    other.release()
    assert journals.rows("SELECT holder FROM runs") == [(None,)]
    take_over(store)


def test_a_run_that_is_not_there_is_not_taken_over(journals: Journals) -> None:
    with pytest.raises(JournalError, match="no longer in the journal"):
        take_over(journals.process())


def test_a_run_is_taken_over_again_and_again(journals: Journals) -> None:
    die(begin(journals.process()))
    for number in range(3):
        journals.clock.move(10)
        work = take_over(journals.process())
        assert work.elapsed == 10 * (number + 1)
        die(work)


# Ended.


def test_a_run_that_has_ended_holds_nothing_and_keeps_its_report(journals: Journals) -> None:
    work = begin(journals.process(), targets=TARGETS)
    at_once(work.page("production").claim())
    at_once(work.page("production").settle(ended(Outcome.FAILED, Reason.RESTART_ERROR)))
    skipped = ended(Outcome.SKIPPED, Reason.HALTED, name="staging", submitted_at=None)
    journals.clock.move(30)
    close(work, [skipped, ended(name="production")], outcome="failed")
    assert [(one.name, one.outcome) for one in work.store.results("run-1")] == [
        ("staging", Outcome.SKIPPED),
        ("production", Outcome.FAILED),
    ], "what was written when it was known stays"
    run = work.store.find("run-1")
    assert (run.outcome, run.ended_at) == ("failed", journals.clock.now())
    assert journals.rows("SELECT holder, exit_code FROM runs") == [(None, 0)]
    assert list((journals.folder / "locks").iterdir()) == []
    assert at_once(begin(journals.process(), "run-2", targets=TARGETS).page("production").claim()) is None


def test_a_run_that_was_interrupted_can_be_resumed_and_holds_what_it_has_not_settled(journals: Journals) -> None:
    work = begin(journals.process(), targets=TARGETS)
    at_once(work.page("production").claim())
    at_once(work.page("production").intend(intent(1000.0)))
    work.note_request()
    close(work, outcome="interrupted")
    assert (work.store.find("run-1").ended_at, work.store.find("run-1").outcome) == (None, "interrupted")
    assert at_once(begin(journals.process(), "run-2", targets=TARGETS).page("production").claim()) is not None
    later = take_over(journals.process())
    assert names(later) == {"staging": (False, None), "production": (True, None)}
    assert later.store.find("run-1").requests == 4
    assert later.store.find("run-1").outcome is None, "it has not ended"


REOPENED = {Outcome.UNKNOWN, Outcome.TIMED_OUT}


@pytest.mark.parametrize("outcome", Outcome, ids=str)
@pytest.mark.parametrize("submitted", [True, False], ids=["submitted", "not submitted"])
def test_of_a_run_that_has_ended_only_what_may_still_be_found_out_is_resumed(
    journals: Journals, outcome: Outcome, submitted: bool
) -> None:
    work = begin(journals.process(), targets=TARGETS)
    page = work.page("production")
    at_once(page.claim())
    if submitted:
        at_once(page.intend(intent(1000.0)))
        at_once(page.accept(frozenset()))
    at_once(page.settle(ended(outcome, Reason.DEADLINE)))
    close(work, [ended(name="staging")], outcome="x")
    store = journals.process()
    if submitted and outcome in REOPENED:
        later = take_over(store)
        assert names(later) == {"staging": (False, Outcome.SUCCEEDED), "production": (True, None)}
        assert store.find("run-1").ended_at is None
        assert at_once(begin(journals.process(), "run-2", targets=TARGETS).page("production").claim()) is not None
    else:
        with pytest.raises(UsageError) as caught:
            take_over(store)
        assert str(caught.value).startswith("The run run-1 has nothing to resume: it ended at ")
        assert str(caught.value).endswith("UTC, x. To run again what failed in it, add --failed.")
        assert store.find("run-1").ended_at == journals.clock.now()


def test_a_run_that_was_given_up_is_not_resumed(journals: Journals) -> None:
    work = begin(journals.process())
    at_once(work.page("production").intend(intent(1000.0)))
    die(work)
    store = journals.process()
    store.abandon("run-1")
    with pytest.raises(UsageError, match=r"has nothing to resume: it ended at .*, abandoned\."):
        take_over(store)


def test_a_report_that_cannot_be_written_leaves_the_run_to_be_resumed(journals: Journals) -> None:
    work = begin(journals.process())
    store = work.store
    store.database.close()
    with pytest.raises(JournalError, match="closed"):
        at_once(work.close([ended()], outcome="succeeded", exit_code=0, report="{}"))
    at_once(work.release())
    assert journals.process().last_unfinished().run_id == "run-1"


def test_two_runs_write_at_once_without_a_word_lost(journals: Journals) -> None:
    works = [begin(journals.process(machine(pid=pid)), f"run-{pid}", targets=TARGETS) for pid in (1, 2)]
    for number in range(50):
        for work in works:
            work.note_request()
            at_once(work.page("production").intend(intent(1000.0 + number)))
            at_once(work.page("production").accept(frozenset({f"{work.run_id}-{number}"})))
    for work in works:
        production = at_once(work.environments())[1].in_flight
        assert production is not None
        assert (production.request_ids, production.accepted) == (frozenset({f"{work.run_id}-49"}), True)
    assert journals.rows("SELECT requests, submits FROM runs") == [(53, 50), (53, 50)]
