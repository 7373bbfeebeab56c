"""A file that fails: the process goes on with what it knows of itself, says so once, and exceeds nothing."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.costs import Cost
from orchestrator.domain.durations import HOUR
from orchestrator.qovery import ledger as ledger_module
from orchestrator.qovery.ledger import FILE_NAME, Book, Ledger, connect
from orchestrator.qovery.quota import Quota
from tests.support.journals import Clock, machine
from tests.support.ledgers import TOKEN, Fragile, Process, Processes, most_in_an_hour, sharing


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    processes = Processes(tmp_path / "state", per_hour=10)
    yield processes
    processes.close()


def closed(process: Process) -> None:
    process.connection.close()


def read_only(process: Process) -> None:
    process.connection.execute("PRAGMA query_only = ON")


def without_its_tables(process: Process) -> None:
    process.connection.executescript("DROP TABLE requests; DROP TABLE needs; DROP TABLE words")


def held_by_another_for_ever(process: Process) -> None:
    process.connection.execute("PRAGMA busy_timeout = 0")
    file = process.connection.execute("PRAGMA database_list").fetchone()[2]
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    process.strangers.append(other)


def with_an_amount_that_is_none(process: Process) -> None:
    process.connection.execute(
        "INSERT OR REPLACE INTO words SELECT DISTINCT token, boot, 0, 0, 1e999, 2, 3, 4, 5 FROM requests"
    )


def with_a_word_that_is_none(process: Process) -> None:
    process.connection.execute(
        "INSERT OR REPLACE INTO words SELECT DISTINCT token, boot, 0, 'many', 1, 2, 3, 4, 5 FROM requests"
    )


TROUBLES = [
    with_a_word_that_is_none,
    with_an_amount_that_is_none,
    closed,
    read_only,
    without_its_tables,
    held_by_another_for_ever,
]
each_trouble = pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)


@each_trouble
def test_a_file_that_fails_in_the_middle_is_done_without_and_what_was_sent_is_not_forgotten(
    processes: Processes, trouble: Callable[[Process], object]
) -> None:
    process = processes.process()
    for _ in range(6):
        process.take()
        processes.clock.move(10)
    trouble(process)
    assert process.left == 4
    assert [process.take() for _ in range(5)] == [None, None, None, None, HOUR - 60]
    processes.clock.move(HOUR - 60)
    assert [process.take() for _ in range(2)] == [None, 10]
    assert process.quota.used == 11


@each_trouble
def test_it_is_said_once_why_the_file_is_not_used_any_more(
    processes: Processes, trouble: Callable[[Process], object]
) -> None:
    process = processes.process()
    process.take()
    trouble(process)
    for _ in range(3):
        process.take()
        process.quota.beat()
        process.quota.room()
        process.answered(remaining=9, reset=60)
        process.quota.reserve("e", Cost())
        process.quota.release("e")
    (error,) = process.troubles
    assert isinstance(error, sqlite3.Error)
    assert str(error)


@each_trouble
def test_what_the_process_keeps_for_itself_it_keeps_without_the_file(
    processes: Processes, trouble: Callable[[Process], object]
) -> None:
    process = processes.process()
    assert process.quota.try_to_admit("e", Cost(looks=2.0), wanted=lambda: 5.0, has_waited=False) == 0
    trouble(process)
    assert process.quota.try_to_admit("f", Cost(looks=2.0), wanted=lambda: 5.0, has_waited=False) == 0
    assert process.quota.try_to_admit("g", Cost(looks=2.0), wanted=lambda: 5.0, has_waited=False) > 0
    process.quota.release("e")
    assert process.quota.try_to_admit("g", Cost(looks=2.0), wanted=lambda: 5.0, has_waited=False) == 0


@each_trouble
def test_a_process_whose_file_has_failed_ends_in_good_order(
    processes: Processes, trouble: Callable[[Process], object]
) -> None:
    process = processes.process()
    trouble(process)
    process.ledger.close()
    process.ledger.close()
    assert process.troubles == []


def test_the_others_go_on_with_the_file_and_what_they_keep_for_the_one_is_kept_for_its_lease_only(
    processes: Processes,
) -> None:
    one, other = processes.process(), processes.process()
    one.take()
    one.quota.reserve("e", Cost(proof=1, looks=4.0))
    closed(one)
    one.take()
    assert (other.left, other.needed_by_others, other.troubles) == (9, 5, [])
    processes.clock.move(ledger_module.LEASE)
    one.quota.beat()
    assert other.needed_by_others == 0


def test_what_others_send_from_then_on_is_not_known_any_more(processes: Processes) -> None:
    one, other = processes.process(), processes.process()
    for _ in range(4):
        other.take()
    assert one.left == 6
    closed(one)
    before = one.left
    assert before >= 6
    for _ in range(3):
        other.take()
    assert one.left == before


def test_a_file_that_cannot_be_written_from_the_start_is_done_without_at_once(tmp_path: Path) -> None:
    connect(tmp_path).close()
    connection = sqlite3.connect(f"file:{tmp_path / FILE_NAME}?mode=ro", uri=True, isolation_level=None)
    troubles: list[Exception] = []
    clock = Clock()
    ledger = Ledger(connection, key=TOKEN, clock=clock, machine=machine(), on_trouble=troubles.append)
    assert [str(error) for error in troubles] == ["attempt to write a readonly database"]
    quota = Quota(clock, per_hour=1, ledger=ledger)
    quota.take()
    assert (quota.room().left, len(troubles)) == (0, 1)
    ledger.close()


def test_without_anybody_to_tell_it_goes_on_all_the_same() -> None:
    connection = connect(None)
    ledger = Ledger(connection, key=TOKEN, clock=Clock(), machine=machine())
    connection.close()
    assert ledger.turn(Book.sent) == 0
    ledger.close()


@pytest.mark.parametrize("when", ["BEGIN", "SELECT", "INSERT INTO requests", "COMMIT", "ROLLBACK"])
def test_wherever_in_a_turn_it_fails_the_request_is_let_through_and_counted(when: str) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None, factory=Fragile)
    connection.executescript(ledger_module._SCHEMA)
    clock, troubles = Clock(), list[Exception]()
    ledger = Ledger(connection, key=TOKEN, clock=clock, machine=machine(), on_trouble=troubles.append)
    quota = Quota(clock, per_hour=10, ledger=ledger)
    quota.take()
    failing = ("COMMIT", "ROLLBACK") if when == "ROLLBACK" else (when,)
    connection.fails = lambda statement: statement.lstrip().startswith(failing)
    quota.take()
    # What could not be written for good may be counted twice, for nobody knows whether it was.
    assert quota.room().left in ({7, 8} if "COMMIT" in failing else {8})
    assert quota.used == 2
    assert [str(error) for error in troubles] == ["disk I/O error"]
    ledger.close()


def test_a_defect_in_a_turn_is_no_trouble_of_the_files(processes: Processes) -> None:
    process = processes.process()

    def fail(book: Book) -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        process.ledger.turn(fail)
    assert process.troubles == []


@pytest.mark.parametrize("keep_open", [True, False])
def test_a_connection_that_is_somebody_elses_is_left_open(keep_open: bool) -> None:
    connection = connect(None)
    ledger = Ledger(connection, key=TOKEN, clock=Clock(), machine=machine(), keep_open=keep_open)
    ledger.turn(lambda book: book.need(3))
    ledger.close()
    if keep_open:
        assert connection.execute("SELECT count(*) FROM needs").fetchone() == (0,)
        connection.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


# Whatever happens.


@given(
    per_hour=st.integers(1, 4),
    steps=st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0, 1, 600, 1799, 3599, 3600])), max_size=30),
    fails_after=st.integers(0, 30),
    trouble=st.sampled_from([closed, read_only, without_its_tables]),
)
def test_no_hour_sees_more_than_the_quota_of_a_process_whose_file_fails_nor_of_those_that_have_it_still(
    per_hour: int, steps: list[tuple[int, int]], fails_after: int, trouble: Callable[[Process], object]
) -> None:
    with sharing(per_hour=per_hour) as processes:
        pair = [processes.process() for _ in range(2)]
        sent: list[list[float]] = [[], []]
        together: list[float] = []
        for count, (number, pause) in enumerate(steps):
            if count == fails_after:
                trouble(pair[0])
            now = processes.clock.monotonic()
            if pair[number].take() is None:
                sent[number].append(now)
                if count < fails_after:
                    together.append(now)
            processes.clock.move(pause)
        assert max(map(most_in_an_hour, [*sent, together])) <= per_hour
