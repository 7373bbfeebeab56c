"""Journals that cannot be used: said before anything is submitted, with the file's name and what to do about it."""

import os
import re
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.errors import JournalBusyError, JournalError
from orchestrator.journal import database, waiting, work
from orchestrator.journal.database import FILE_NAME, Database
from orchestrator.journal.work import Page
from tests.support.journals import Journals, allow_no_more_pages, begin, close, intent, opened, refusal
from tests.support.memory_journal import at_once

NOBODY = 65534
"""A user without any rights."""


# Damage.


def a_full_journal(journals: Journals) -> bytes:
    """A journal of many pages, as it is on disk when nobody has it open."""
    store = journals.process()
    for number in range(200):
        close(begin(store, f"run-{number:03}"), results=[])
    journals.close()
    return journals.path.read_bytes()


def test_a_file_that_is_no_database_is_called_damaged(path: Path) -> None:
    path.write_bytes(b"These are the notes of last winter.\n" * 1000)
    message = refusal(path.parent)
    assert "is damaged: file is not a database" in message
    assert "Move it away to start a new one" in message
    assert "check their environments first" in message


def page_size(whole: bytes) -> int:
    """What the file's header says."""
    return int.from_bytes(whole[16:18], "big")


def test_whichever_page_is_overwritten_the_damage_is_noticed_before_anything_is_submitted(journals: Journals) -> None:
    whole = a_full_journal(journals)
    size = page_size(whole)
    pages = len(whole) // size
    assert pages > 20
    for page in range(pages):
        begin_at, end_at = page * size, (page + 1) * size
        journals.path.write_bytes(whole[:begin_at] + b"\xa5" * size + whole[end_at:])
        assert " is damaged: " in refusal(journals.folder)
    journals.path.write_bytes(whole)
    opened(journals.folder)


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_a_journal_that_was_cut_short_is_called_damaged(journals: Journals, kept: float) -> None:
    whole = a_full_journal(journals)
    journals.path.write_bytes(whole[: int(len(whole) * kept)])
    assert " is damaged: " in refusal(journals.folder)


def test_damage_that_comes_while_it_is_open_is_told_when_it_is_met(journals: Journals) -> None:
    size = page_size(a_full_journal(journals))
    store = journals.process()
    store.database._connection.execute("PRAGMA shrink_memory")  # It has all of it in mind.
    with journals.path.open("r+b") as file:
        file.seek(size)
        file.write(b"\xa5" * (journals.path.stat().st_size - size))
    with pytest.raises(JournalError, match="is damaged"):
        store.database.read("SELECT * FROM runs ORDER BY config")


# No room, no right, no time.


@pytest.fixture
def barred() -> Iterator[Path]:
    """A folder, seen by a user whom the kernel denies things: it denies root nothing."""
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        is_root = os.geteuid() == 0
        if is_root:
            os.chown(here, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        try:
            yield here
        finally:
            here.chmod(0o700)
            if is_root:
                os.seteuid(0)


def test_a_folder_that_cannot_be_written_is_told_with_what_to_do(barred: Path) -> None:
    barred.chmod(0o500)
    message = refusal(barred)
    assert "cannot be opened: Permission denied. Choose another --state-dir." in message
    assert "cannot be opened: Permission denied" in refusal(barred / "below")


def test_a_journal_that_cannot_be_written_is_told_before_anything_is_submitted(barred: Path) -> None:
    opened(barred)
    (barred / FILE_NAME).chmod(0o400)
    assert "cannot be written: attempt to write a readonly database. Choose another --state-dir." in refusal(barred)


def test_a_journal_that_cannot_be_read_is_told_with_what_to_do(barred: Path) -> None:
    opened(barred)
    (barred / FILE_NAME).chmod(0o000)
    assert "cannot be written: unable to open database file. Choose another --state-dir." in refusal(barred)


def test_a_place_that_is_no_folder_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        assert re.search(r"cannot be opened: (File exists|Not a directory). Choose another", refusal(place))
    (tmp_path / "folder" / FILE_NAME).mkdir(parents=True)
    assert "unable to open database file. Choose another --state-dir." in refusal(tmp_path / "folder")


def test_a_disk_that_fills_up_is_told_with_what_to_do_and_what_was_written_stays(journals: Journals) -> None:
    store = journals.process()
    at_once(begin(store, "run-1").release())
    allow_no_more_pages(store.database)

    def begin_many() -> None:
        for number in range(2, 1000):
            at_once(begin(store, f"run-{number}").release())

    with pytest.raises(JournalError) as caught:
        begin_many()
    advice = "cannot be written: database or disk is full. Free some space, or choose another --state-dir."
    assert advice in str(caught.value)
    kept = {row["run_id"] for row in store.database.read("SELECT run_id FROM runs")}
    assert kept == {f"run-{number}" for number in range(1, len(kept) + 1)}
    store.database._connection.execute("PRAGMA max_page_count = 100000")
    at_once(begin(store, "the next").release())
    assert store.find("the next").run_id == "the next"


def test_a_full_disk_is_told_when_the_journal_is_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect

    def connect_on_a_full_disk(*args: object, **more: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **more)  # type: ignore[call-overload]  # as it was given
        connection.execute("PRAGMA max_page_count = 1")
        return connection

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", connect_on_a_full_disk)
        assert "Free some space" in refusal(folder)
    opened(folder)


def test_a_journal_that_another_process_keeps_busy_is_told_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.01)
    journal = Database(folder)
    other = sqlite3.connect(folder / FILE_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        assert "is kept busy by another process (database is locked). Try again." in refusal(folder)
        with pytest.raises(JournalError, match=r"is kept busy by another process .* Try again\."), journal.writing():
            pytest.fail("nobody else may write now")
        assert journal.read("SELECT count(*) FROM runs")[0][0] == 0, "reading does not wait for a writer"
    finally:
        other.close()
    with journal.writing() as transaction:
        transaction.execute("DELETE FROM runs")
    journal.close()


@pytest.fixture
def busy(journals: Journals, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[float], Page]]:
    """A page of a journal that another process keeps busy for so many seconds."""
    monkeypatch.setattr(work, "AT_ONCE", 0.0)
    page = begin(journals.process()).page("production")
    other = sqlite3.connect(journals.path, isolation_level=None)

    def keep(seconds: float) -> Page:
        other.execute("BEGIN IMMEDIATE")
        free_at = journals.clock.monotonic() + seconds

        async def sleep(for_: float) -> None:
            journals.clock.move(for_)
            if other.in_transaction and journals.clock.monotonic() >= free_at:
                other.execute("COMMIT")

        monkeypatch.setattr(journals.clock, "sleep", sleep)
        return page

    yield keep
    other.close()


def test_before_a_submit_a_journal_that_is_busy_is_waited_for_and_only_the_job_waits(
    journals: Journals, busy: Callable[[float], Page]
) -> None:
    began, page = journals.clock.monotonic(), busy(waiting.PATIENCE - 1)
    at_once(page.intend(intent(1.0)))
    assert journals.clock.monotonic() - began == pytest.approx(waiting.PATIENCE - 1, abs=waiting.TRY_AGAIN_AFTER)
    assert journals.rows("SELECT submits FROM runs") == [(1,)]


def test_before_a_submit_a_journal_that_stays_busy_is_an_error(
    journals: Journals, busy: Callable[[float], Page]
) -> None:
    began, page = journals.clock.monotonic(), busy(60.0)
    with pytest.raises(JournalBusyError, match="is kept busy by another process"):
        at_once(page.claim())
    assert journals.clock.monotonic() - began == pytest.approx(waiting.PATIENCE, abs=2 * waiting.TRY_AGAIN_AFTER)


def test_what_has_ended_waits_only_for_a_moment_to_be_written_down(
    journals: Journals, busy: Callable[[float], Page]
) -> None:
    began, page = journals.clock.monotonic(), busy(60.0)
    with pytest.raises(JournalBusyError):
        at_once(page.accept(frozenset()))
    assert journals.clock.monotonic() - began == pytest.approx(waiting.IMPATIENCE, abs=2 * waiting.TRY_AGAIN_AFTER)


def test_a_journal_that_is_closed_says_so_and_can_be_closed_again(folder: Path) -> None:
    journal = Database(folder)
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match="cannot be used: Cannot operate on a closed database"):
        journal.read("SELECT 1")


CODES = {
    sqlite3.SQLITE_FULL: "cannot be written: it failed. Free some space, or choose another --state-dir.",
    sqlite3.SQLITE_BUSY: "is kept busy by another process (it failed). Try again.",
    sqlite3.SQLITE_BUSY_SNAPSHOT: "is kept busy by another process (it failed). Try again.",
    sqlite3.SQLITE_LOCKED: "is kept busy by another process (it failed). Try again.",
    sqlite3.SQLITE_CANTOPEN: "cannot be written: it failed. Choose another --state-dir.",
    sqlite3.SQLITE_READONLY: "cannot be written: it failed. Choose another --state-dir.",
    sqlite3.SQLITE_PERM: "cannot be written: it failed. Choose another --state-dir.",
    sqlite3.SQLITE_IOERR_WRITE: "cannot be written: it failed. Choose another --state-dir.",
    sqlite3.SQLITE_IOERR_FSYNC: "cannot be written: it failed. Choose another --state-dir.",
    sqlite3.SQLITE_NOTADB: "is damaged: it failed. Move it away to start a new one.",
    sqlite3.SQLITE_CORRUPT: "is damaged: it failed. Move it away to start a new one.",
    sqlite3.SQLITE_NOMEM: "cannot be used: it failed. Choose another --state-dir.",
    None: "cannot be used: it failed. Choose another --state-dir.",
}


@pytest.mark.parametrize(("code", "words"), CODES.items(), ids=map(str, CODES))
def test_every_trouble_of_the_file_is_told_in_words_that_say_what_to_do(
    folder: Path, code: int | None, words: str
) -> None:
    trouble = sqlite3.OperationalError("it failed")
    if code is not None:
        trouble.sqlite_errorcode = code
    journal = Database(folder)
    with pytest.raises(JournalError) as caught, journal.writing():
        raise trouble
    journal.close()
    assert str(caught.value).startswith(f"The journal {folder / FILE_NAME} {words}")
    assert caught.value.__cause__ is trouble
