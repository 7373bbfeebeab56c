"""What a token was used for, in a file that its processes share: private, and true whatever the clocks do."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.durations import HOUR
from orchestrator.qovery.ledger import FILE_NAME, LEASE, Book, Word, connect, token_key
from tests.support.journals import Clock, machine
from tests.support.ledgers import Process, Processes, most_in_an_hour, sharing


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    processes = Processes(tmp_path / "state", per_hour=10)
    yield processes
    processes.close()


def sent(process: Process) -> int:
    return process.ledger.turn(Book.sent)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# The file.


def test_a_new_file_is_for_its_owners_eyes_alone(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "down"
    before = os.umask(0)
    try:
        connection = connect(folder)
    finally:
        os.umask(before)
    assert mode(folder) == 0o700
    assert {file.name: mode(file) for file in folder.iterdir()} == dict.fromkeys(
        [FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm"], 0o600
    )
    connection.close()


def test_a_file_that_is_there_is_opened_as_it_is(processes: Processes) -> None:
    first = processes.process()
    first.take()
    assert sent(processes.process()) == 1


def test_a_file_in_memory_leaves_none_and_is_nobody_elses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    alone = Processes(None)
    one, another = alone.process(), alone.process()
    one.take()
    assert (sent(one), sent(another)) == (1, 0)
    assert list(tmp_path.iterdir()) == []
    alone.close()


def test_a_folder_that_cannot_be_one_is_an_error_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(OSError, match=r"exists|Not a directory"):
        connect(tmp_path / "state")


def test_a_file_that_is_no_database_is_an_error_and_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("notes " * 200)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        connect(tmp_path)
    assert (tmp_path / FILE_NAME).read_text() == "notes " * 200


def test_the_name_of_a_tokens_quota_gives_nothing_of_it_away_and_differs_from_token_to_token_and_api_to_api() -> None:
    tokens, apis = ["qov_one", "qov_two", ""], ["https://api.qovery.com", "https://api.example.test"]
    names = [token_key(token, api) for token in tokens for api in apis]
    assert names == [token_key(token, api) for token in tokens for api in apis]
    assert len(set(names)) == len(names)
    assert all(len(name) == 24 and int(name, 16) >= 0 for name in names)


def test_no_token_stands_in_the_file(processes: Processes) -> None:
    process = processes.process(key=token_key("qov_hunter2", "https://api.qovery.com"))
    process.take()
    process.quota.beat()
    process.answered(remaining=5, reset=60)
    assert processes.folder is not None
    assert b"hunter2" not in b"".join(file.read_bytes() for file in processes.folder.iterdir())


def test_what_one_token_has_sent_needs_and_was_told_is_not_anothers(processes: Processes) -> None:
    one, another = processes.process(key="one"), processes.process(key="another")
    one.answered(remaining=3, reset=600)
    one.ledger.turn(lambda book: book.need(7))
    assert (another.left, another.needed_by_others) == (10, 0)
    assert another.ledger.turn(lambda book: book.word) == Word()


# What was sent.


def test_every_request_has_a_ticket_that_is_greater_than_all_before_whoever_sends_it(processes: Processes) -> None:
    one, another = processes.process(), processes.process()
    tickets = [process.quota.take() for process in (one, another, another, one)]
    processes.clock.move(2 * HOUR)
    tickets.append(processes.process().quota.take())
    assert tickets == sorted(set(tickets))
    assert tickets[0] > 0


def test_of_what_was_sent_the_part_after_a_ticket_can_be_counted(processes: Processes) -> None:
    process = processes.process()
    tickets = [process.quota.take() for _ in range(5)]
    for number, ticket in enumerate(tickets):
        after = process.ledger.turn(lambda book, ticket=ticket: book.sent(after=ticket))  # type: ignore[misc]
        assert after == 4 - number


def test_a_request_counts_for_an_hour_and_not_a_moment_longer(processes: Processes) -> None:
    one, another = processes.process(), processes.process()
    one.take()
    processes.clock.move(HOUR - 1)
    assert (sent(one), sent(another)) == (1, 1)
    processes.clock.move(1)
    assert (sent(one), sent(another)) == (0, 0)


def test_the_instants_at_which_requests_stop_counting_come_in_their_order_whoever_sent_them(
    processes: Processes,
) -> None:
    one, another = processes.process(), processes.process()
    for process in (one, another, one):
        process.take()
        processes.clock.move(100)
    instants = [another.ledger.turn(lambda book, n=n: book.expiry(n)) for n in (0, 1, 2, 3, 4)]  # type: ignore[misc]
    now = processes.clock.monotonic()
    assert instants == [4600, 4600, 4700, 4800, now + HOUR]


@pytest.mark.parametrize("by", [-86_400.0, -60.0, 60.0, 86_400.0])
def test_a_wall_clock_that_is_set_changes_nothing_on_one_machine_that_runs_on(processes: Processes, by: float) -> None:
    process = processes.process()
    process.take()
    processes.clock.set_wall(by)
    later = processes.process()
    assert sent(later) == 1
    processes.clock.move(HOUR - 1)
    assert (sent(process), sent(later)) == (1, 1)
    processes.clock.move(1)
    assert (sent(process), sent(later)) == (0, 0)


@pytest.mark.parametrize("wall_set_by", [-86_400.0, -1000.0, 0.0, 1000.0, 86_400.0])
def test_after_a_reboot_what_was_sent_before_counts_for_a_whole_hour_more_since_the_wall_clock_may_be_wrong(
    processes: Processes, wall_set_by: float
) -> None:
    processes.process().take()
    later = processes.rebooted(after=1800, wall_set_by=wall_set_by)
    assert sent(later) == 1
    later.clock.move(HOUR - 1)
    assert sent(later) == 1
    later.clock.move(1)
    assert sent(later) == 0


def test_what_a_rebooted_machine_has_taken_over_is_taken_over_once(processes: Processes) -> None:
    processes.process().take()
    later = processes.rebooted()
    later.clock.move(1800)
    again = processes.process(machine(boot="boot-2", pid=9), clock=later.clock)
    later.clock.move(1800)
    assert (sent(later), sent(again)) == (0, 0)


@pytest.mark.parametrize(
    ("wall_set_by", "counts_for"),
    [
        pytest.param(0.0, 1800.0, id="the same time"),
        pytest.param(600.0, 1200.0, id="fast"),
        pytest.param(-600.0, 2400.0, id="slow"),
        pytest.param(-86_400.0, HOUR, id="a day behind: an hour at the most"),
        pytest.param(86_400.0, 0.0, id="a day ahead"),
    ],
)
def test_for_what_another_machine_has_sent_only_the_wall_clock_tells(
    processes: Processes, wall_set_by: float, counts_for: float
) -> None:
    processes.process().take()
    processes.clock.move(1800)
    other = processes.elsewhere(wall_set_by=wall_set_by)
    assert other.ledger.turn(lambda book: book.expiry(1) - book.now) == pytest.approx(counts_for or HOUR)
    assert sent(other) == (counts_for > 0)


def test_a_new_process_forgets_what_no_longer_counts_and_so_does_a_long_one_now_and_then(processes: Processes) -> None:
    process = processes.process(per_hour=1000)
    for _ in range(255):
        process.take()
    processes.clock.move(HOUR)
    assert len(processes.rows("SELECT * FROM requests")) == 255
    process.take()
    assert len(processes.rows("SELECT * FROM requests")) == 1
    processes.clock.move(HOUR)
    processes.process()
    assert processes.rows("SELECT * FROM requests") == []


# What is needed.


def test_what_others_need_is_the_sum_of_what_each_said_last(processes: Processes) -> None:
    one, another, third = (processes.process() for _ in range(3))
    one.ledger.turn(lambda book: book.need(3))
    another.ledger.turn(lambda book: book.need(4))
    another.ledger.turn(lambda book: book.need(2.5))
    assert [each.needed_by_others for each in (one, another, third)] == [2.5, 3, 5.5]


def test_a_process_that_has_died_is_counted_no_more_after_its_lease(processes: Processes) -> None:
    died, alive = processes.process(), processes.process()
    died.ledger.turn(lambda book: book.need(3))
    processes.clock.move(LEASE - 1)
    assert alive.needed_by_others == 3
    processes.clock.move(1)
    assert alive.needed_by_others == 0
    processes.process()
    assert processes.rows("SELECT * FROM needs") == []


def test_a_sign_of_life_renews_the_lease(processes: Processes) -> None:
    other, process = processes.process(), processes.process()
    for _ in range(5):
        other.ledger.turn(lambda book: book.need(3))
        processes.clock.move(LEASE - 1)
        assert process.needed_by_others == 3


def test_a_process_that_ends_in_good_order_needs_nothing_from_then_on(processes: Processes) -> None:
    ended, process = processes.process(), processes.process()
    ended.ledger.turn(lambda book: book.need(3))
    ended.take()
    ended.ledger.close()
    assert (process.needed_by_others, sent(process)) == (0, 1)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        ended.connection.execute("SELECT 1")
    ended.ledger.close()


def test_a_wall_clock_that_is_set_back_keeps_nobodys_needs_for_longer_than_a_lease(processes: Processes) -> None:
    died, process = processes.process(), processes.process()
    died.ledger.turn(lambda book: book.need(3))
    processes.clock.set_wall(-86_400)
    assert process.needed_by_others == 0, "written in the future: nobody knows when"
    died.ledger.turn(lambda book: book.need(3))
    assert process.needed_by_others == 3
    processes.clock.move(LEASE)
    assert process.needed_by_others == 0


# What the API said.


def test_what_the_api_said_is_known_to_all_processes_of_one_boot_and_to_none_of_the_next(processes: Processes) -> None:
    process, other = processes.process(), processes.process()
    word = Word(ticket=3, remaining=7, limit=9, resets=1234.5, window=60.0, zeros=2, closed_until=1200.0)

    def say(book: Book) -> None:
        book.word = word

    process.ledger.turn(say)
    assert other.ledger.turn(lambda book: book.word) == word
    assert processes.rebooted().ledger.turn(lambda book: book.word) == Word()


# One at a time.


@pytest.mark.parametrize("error", [KeyError("a bug"), KeyboardInterrupt()], ids=["a defect", "a signal"])
def test_a_turn_that_fails_leaves_nothing_behind_and_nobody_waiting(processes: Processes, error: BaseException) -> None:
    process, other = processes.process(), processes.process()

    def fail(book: Book) -> None:
        book.add()
        book.need(5)
        raise error

    with pytest.raises(type(error)):
        process.ledger.turn(fail)
    assert process.troubles == []
    assert (sent(other), other.needed_by_others) == (0, 0)
    assert process.take() is None


def test_nobody_else_has_the_book_while_one_has_it(processes: Processes) -> None:
    process = processes.process()
    assert processes.folder is not None
    stranger = sqlite3.connect(processes.folder / FILE_NAME, timeout=0.0, isolation_level=None)

    def look(book: Book) -> bool:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            stranger.execute("BEGIN IMMEDIATE")
        return True

    assert process.ledger.turn(look)
    stranger.execute("BEGIN IMMEDIATE")
    stranger.close()


# Whatever happens.

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.integers(0, 2)),
        st.tuples(st.just("take"), st.integers(0, 2)),
        st.tuples(st.just("move"), st.sampled_from([0, 1, 60, 1200, 1799, 3599, 3600])),
        st.tuples(st.just("set the wall clock"), st.sampled_from([-86_400, -3600, -60, 60, 3600, 86_400])),
        st.tuples(st.just("start anew"), st.sampled_from([1, 60, 3599, 7200])),
        st.tuples(st.just("die"), st.integers(0, 2)),
    ),
    max_size=40,
)


@given(per_hour=st.integers(1, 4), steps=STEPS)
def test_no_hour_ever_sees_more_than_the_quota_whoever_sends_and_whatever_the_clocks_and_the_machine_do(
    per_hour: int, steps: list[tuple[str, int]]
) -> None:
    with sharing(per_hour=per_hour) as processes:
        clock, boots, lost = processes.clock, 1, 0.0
        alive = [processes.process() for _ in range(3)]
        instants: list[float] = []
        for step, number in steps:
            if step == "take":
                if alive[number].take() is None:
                    instants.append(lost + clock.monotonic())
            elif step == "move":
                clock.move(number)
            elif step == "set the wall clock":
                clock.set_wall(number)
            elif step == "die":
                alive[number] = processes.process(machine(boot=f"boot-{boots}"), clock=clock)
            else:
                boots += 1
                lost += clock.monotonic() + number - 5.0
                clock = clock.boot(after=number, monotonic=5.0)
                alive = [processes.process(machine(boot=f"boot-{boots}"), clock=clock) for _ in range(3)]
        assert most_in_an_hour(instants) <= per_hour


@given(per_hour=st.integers(1, 4), steps=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3600)), max_size=30))
def test_several_processes_refuse_only_when_the_hour_is_full_and_let_through_when_they_said_so(
    per_hour: int, steps: list[tuple[int, int]]
) -> None:
    with sharing(per_hour=per_hour) as processes:
        three = [processes.process() for _ in range(3)]
        instants: list[float] = []
        for number, pause in steps:
            processes.clock.move(pause)
            now = processes.clock.monotonic()
            retry_after = three[number].take()
            if retry_after is None:
                instants.append(now)
            else:
                assert sum(at > now - HOUR for at in instants) == per_hour
                assert retry_after == min(at for at in instants if at > now - HOUR) + HOUR - now
        assert most_in_an_hour(instants) <= per_hour


def test_a_process_that_opens_the_file_in_the_middle_of_anothers_hour_counts_it(processes: Processes) -> None:
    first = processes.process()
    for _ in range(10):
        assert first.take() is None
    assert isinstance(processes.clock, Clock)
    assert processes.process().take() == HOUR
