"""A journal, or a lock, that is deleted, moved or replaced while a run uses it: no restart counts as written."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.domain.outcomes import Outcome, Reason
from orchestrator.errors import JournalError
from orchestrator.journal.database import FILE_NAME, Database
from orchestrator.journal.lock import RunLock
from tests.support.builders import ended
from tests.support.journals import Journals, begin, close, intent, opened
from tests.support.memory_journal import at_once

LOCK = Path("locks", "run-1.lock")


def replace(path: Path) -> None:
    """Put a copy in the place of a file, as a restored backup does."""
    copy = path.with_suffix(".copy")
    shutil.copy(path, copy)
    copy.replace(path)


def put_a_file_there(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("mine")


def start_anew(folder: Path) -> None:
    shutil.rmtree(folder)
    opened(folder)


GONE: dict[str, tuple[Callable[[Path], object], str]] = {
    "the journal is deleted": (lambda folder: (folder / FILE_NAME).unlink(), FILE_NAME),
    "the journal is replaced": (lambda folder: replace(folder / FILE_NAME), FILE_NAME),
    "what is not yet in the journal is deleted": (
        lambda folder: (folder / f"{FILE_NAME}-wal").unlink(),
        f"{FILE_NAME}-wal",
    ),
    "what is shared about it is deleted": (lambda folder: (folder / f"{FILE_NAME}-shm").unlink(), f"{FILE_NAME}-shm"),
    "the folder is deleted": (shutil.rmtree, FILE_NAME),
    "the folder is moved": (lambda folder: folder.rename(folder.with_name("elsewhere")), FILE_NAME),
    "the folder is deleted, and another run starts anew": (start_anew, FILE_NAME),
    "a file is in the folder's place": (put_a_file_there, FILE_NAME),
    "the lock is deleted": (lambda folder: (folder / LOCK).unlink(), LOCK.name),
    "the lock is replaced": (lambda folder: replace(folder / LOCK), LOCK.name),
    "the locks are deleted": (lambda folder: shutil.rmtree(folder / LOCK.parent), LOCK.name),
}


@pytest.mark.parametrize(("happens", "path"), GONE.values(), ids=GONE.keys())
def test_what_nobody_else_would_find_does_not_count_as_written(
    happens: Callable[[Path], object], path: str, journals: Journals
) -> None:
    page = begin(journals.process()).page("production")
    assert at_once(page.claim()) is None
    happens(journals.folder)
    for _ in range(2):
        with pytest.raises(JournalError, match=r"was deleted|was replaced") as caught:
            at_once(page.intend(intent(1.0)))
        assert str(journals.folder) in str(caught.value)
        assert path in str(caught.value)


def test_how_it_ended_is_not_written_where_nobody_would_find_it_either(journals: Journals) -> None:
    work = begin(journals.process())
    journals.path.unlink()
    with pytest.raises(JournalError, match="was deleted"):
        at_once(work.page("production").settle(ended(Outcome.SUCCEEDED, Reason.RESTARTED)))
    with pytest.raises(JournalError, match="was deleted"):
        close(work, results=[])


def test_a_folder_that_is_moved_and_linked_to_is_still_the_same(journals: Journals) -> None:
    page = begin(journals.process()).page("production")
    moved = journals.folder.rename(journals.folder.with_name("elsewhere"))
    journals.folder.symlink_to(moved)
    at_once(page.intend(intent(1.0)))
    assert journals.rows("SELECT intent IS NULL FROM environments") == [(0,)]


def test_other_processes_that_open_and_close_the_journal_meanwhile_do_not_matter(journals: Journals) -> None:
    page = begin(journals.process()).page("production")
    for number in range(3):
        opened(journals.folder)
        journals.clock.move(1.0)
        at_once(page.intend(intent(float(number))))
    assert journals.rows("SELECT submits FROM runs") == [(3,)]


def test_a_journal_without_a_log_beside_it_is_checked_as_well(journals: Journals) -> None:
    store = journals.process()
    store.database._connection.execute("PRAGMA journal_mode = DELETE")
    page = begin(store).page("production")
    at_once(page.intend(intent(1.0)))
    journals.path.unlink()
    with pytest.raises(JournalError, match="was deleted"):
        at_once(page.intend(intent(2.0)))


def test_an_older_copy_that_is_written_into_the_journal_is_noticed(journals: Journals) -> None:
    store = journals.process()
    work = begin(store)
    older = sqlite3.connect(journals.folder / "older")
    store.database._connection.backup(older)
    journals.clock.move(1.0)
    at_once(work.page("production").claim())
    with sqlite3.connect(journals.path) as journal:
        older.backup(journal)
    journal.close()
    older.close()
    assert journals.rows("SELECT run_id FROM runs") == [("run-1",)], "it is the same run, as it was before"
    with pytest.raises(JournalError, match="an older copy seems to have been put in its place"):
        at_once(work.page("production").intend(intent(1.0)))


def test_a_write_of_which_nobody_knows_whether_it_was_done_is_no_older_copy(journals: Journals) -> None:
    work = begin(journals.process())

    async def fail(*, after: str) -> None:
        journals.clock.move(1.0)
        async with work.writing(within=0.0) as transaction:
            transaction.execute(after)
            raise ZeroDivisionError

    for after in ("COMMIT", "SELECT 1"):
        with pytest.raises(ZeroDivisionError):
            at_once(fail(after=after))
    at_once(work.page("production").intend(intent(1.0)))
    assert journals.rows("SELECT submits FROM runs") == [(1,)]


def test_a_journal_that_is_replaced_while_it_is_opened_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(folder)
    prepare = Database._prepare

    def prepare_and_replace(database: Database) -> None:
        prepare(database)
        replace(folder / FILE_NAME)

    monkeypatch.setattr(Database, "_prepare", prepare_and_replace)
    with pytest.raises(JournalError, match="was replaced"):
        Database(folder)


def test_a_lock_that_replaced_ours_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "run-1.lock"
    lock, other = RunLock(path), RunLock(path)
    assert lock.take()
    path.unlink()
    assert other.take()
    lock.remove()
    assert path.exists()
    other.check_in_place()
    other.remove()
    assert not path.exists()
    for each in (lock, other):
        with pytest.raises(JournalError, match=r"run-1\.lock was deleted"):
            each.check_in_place()
        each.release()


def test_a_lock_without_a_file_is_in_place(tmp_path: Path) -> None:
    RunLock(None).check_in_place()
    assert list(tmp_path.iterdir()) == []
