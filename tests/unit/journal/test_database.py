"""The journal's file: private, of a known version, whole; and whatever is wrong with it is said in time."""

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from orchestrator.errors import JournalError
from orchestrator.journal import database
from orchestrator.journal.database import APPLICATION_ID, FILE_NAME, MIGRATIONS, Database
from orchestrator.journal.store import Store
from tests.support.journals import Journals, allow_no_more_pages, begin, close, opened, pragma, refusal
from tests.support.memory_journal import at_once


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# A new one.


def test_a_new_journal_is_for_its_owners_eyes_alone(folder: Path) -> None:
    before = os.umask(0)
    try:
        journal = Database(folder)
    finally:
        os.umask(before)
    with journal.writing() as transaction:
        transaction.execute("DELETE FROM runs")
    assert mode(folder) == 0o700
    files = {file.name: mode(file) for file in folder.iterdir()}
    assert files == dict.fromkeys([FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm"], 0o600)
    journal.close()


def test_a_folder_that_was_there_keeps_its_rights_and_what_is_in_it(folder: Path) -> None:
    folder.mkdir(mode=0o755, parents=True)
    folder.chmod(0o755)
    (folder / "notes.txt").write_text("mine")
    opened(folder)
    assert (mode(folder), mode(folder / FILE_NAME)) == (0o755, 0o600)
    assert (folder / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("there_is", [None, b""], ids=["nothing", "an empty file"])
def test_an_empty_journal_is_brought_to_the_newest_version(folder: Path, there_is: bytes | None) -> None:
    if there_is is not None:
        folder.mkdir(parents=True)
        (folder / FILE_NAME).write_bytes(there_is)
    journal = Database(folder)
    tables = {row["name"] for row in journal.read("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert tables == {"runs", "environments", "endings", "schedules", "occurrences"}
    assert journal.read("PRAGMA foreign_keys")[0][0] == 1
    journal.close()
    assert pragma(folder, "user_version") == len(MIGRATIONS)
    assert pragma(folder, "application_id") == APPLICATION_ID
    assert pragma(folder, "journal_mode") == "wal"


def test_a_journal_in_memory_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    journal = Database(None)
    assert journal.read("SELECT count(*) FROM runs")[0][0] == 0
    assert str(journal) == "The journal"
    journal.close()
    assert list(tmp_path.iterdir()) == []


# An older one, a newer one, another.

ANOTHER_COLUMN = ("ALTER TABLE runs ADD COLUMN mood TEXT", "UPDATE runs SET mood = 'calm'")


def test_an_older_journal_is_migrated_and_keeps_what_it_knows(
    journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    close(begin(journals.process()))
    journals.close()
    monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, ANOTHER_COLUMN))
    for _ in range(2):
        opened(journals.folder)
    assert journals.rows("SELECT run_id, mood FROM runs") == [("run-1", "calm")]
    assert pragma(journals.folder, "user_version") == len(MIGRATIONS) + 1


URLS_WITHOUT_SLASH = 4
"""The first version whose URLs end without a slash."""


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_a_journal_of_every_version_that_was_ever_published_is_brought_to_the_newest_and_keeps_its_runs(
    journals: Journals, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    columns = "run_id, api_url, config, source, started_at, host, pid, boot_id, began, elapsed, beat_at, end_by"
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", MIGRATIONS[:version])
        patch.setattr(database, "COLUMNS", {})  # Those of the newest version.
        old = Database(journals.folder)
        with old.writing() as transaction:
            transaction.execute(
                f"INSERT INTO runs ({columns}, requests, submits) "
                f"VALUES ('run-1', 'https://api.qovery.com{'/' if version < URLS_WITHOUT_SLASH else ''}', "
                "'{}', 's', '2026-11-24T12:00:00+00:00', 'h', 7, 'b', 0, 0, '2026-11-24T12:00:01+00:00', 1, 5, 2)"
            )
            if version == 1:
                transaction.execute("INSERT INTO requests (run_id, at) VALUES ('run-1', 3)")
        old.close()
    assert pragma(journals.folder, "user_version") == version
    store = journals.process()
    assert pragma(journals.folder, "user_version") == len(MIGRATIONS)
    run = store.find("run-1")
    assert (run.requests, run.submits, run.api_url) == (5, 2, "https://api.qovery.com")
    assert journals.rows("SELECT name FROM sqlite_schema WHERE tbl_name = 'requests'") == []


def test_a_migration_that_fails_leaves_the_journal_as_it_was(
    journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    close(begin(journals.process()))
    journals.close()
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", (*MIGRATIONS, (*ANOTHER_COLUMN, "UPDATE recipes SET good = 1")))
        assert "no such table: recipes" in refusal(journals.folder)
    assert pragma(journals.folder, "user_version") == len(MIGRATIONS)
    assert "mood" not in {name for _, name, *_ in journals.rows("PRAGMA table_info(runs)")}
    opened(journals.folder)


def test_what_another_process_migrates_meanwhile_is_not_migrated_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = 0

    class Late(sqlite3.Connection):
        def execute(self, sql: str, parameters: object = ()) -> sqlite3.Cursor:
            nonlocal checked
            if sql.startswith("PRAGMA quick_check"):
                checked += 1
                if checked == 1:
                    monkeypatch.setattr(sqlite3, "connect", connect)
                    opened(folder)
            return super().execute(sql, parameters)  # type: ignore[arg-type]  # whatever the caller gives

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **more: connect(*args, **more, factory=Late))
    opened(folder)
    assert checked == 1
    assert pragma(folder, "user_version") == len(MIGRATIONS)


def test_a_journal_of_a_newer_version_is_refused_and_left_alone(folder: Path) -> None:
    opened(folder)
    connection = sqlite3.connect(folder / FILE_NAME)
    connection.execute("PRAGMA user_version = 77")
    connection.close()
    before = (folder / FILE_NAME).read_bytes()
    message = refusal(folder)
    assert "written by a newer qovery-restart (its version is 77, the newest known here is" in message
    assert "Upgrade, or choose another --state-dir" in message
    assert (folder / FILE_NAME).read_bytes() == before


def test_a_database_of_something_else_is_refused_and_left_alone(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()
    before = path.read_bytes()
    message = refusal(path.parent)
    assert "is not a journal of qovery-restart. Choose another --state-dir." in message
    assert path.read_bytes() == before


# Transactions.


def execute(store: Store, *statements: str, error: BaseException | None = None) -> None:
    """Execute statements in one transaction, in which something goes wrong at the end."""
    with store.database.writing() as transaction:
        for statement in statements:
            transaction.execute(statement)
        if error is not None:
            raise error


@pytest.mark.parametrize("error", [KeyError("a bug"), KeyboardInterrupt()], ids=["a defect", "a signal"])
def test_a_transaction_that_fails_leaves_nothing_behind(journals: Journals, error: BaseException) -> None:
    store = journals.process()
    close(begin(store))
    with pytest.raises(type(error)):
        execute(store, "DELETE FROM runs", error=error)
    assert journals.rows("SELECT run_id FROM runs") == [("run-1",)]
    at_once(begin(store, "run-2").release())


def test_a_statement_that_fails_undoes_those_before_it(journals: Journals) -> None:
    store = journals.process()
    close(begin(store))
    with pytest.raises(JournalError, match="cannot be used: no such table"):
        execute(store, "DELETE FROM runs", "DELETE FROM recipes")
    assert journals.rows("SELECT run_id FROM runs") == [("run-1",)]


def test_a_write_that_a_full_disk_undoes_is_told_as_what_it_is(journals: Journals) -> None:
    store = journals.process()
    allow_no_more_pages(store.database)
    with pytest.raises(JournalError, match="Free some space"):
        execute(store, "CREATE TABLE big (filler BLOB)", "INSERT INTO big VALUES (zeroblob(1000000))")
    assert store.database.read("SELECT name FROM sqlite_schema WHERE name = 'big'") == []


def test_what_must_not_be_lost_is_synchronised_with_the_disk_and_the_rest_is_not(journals: Journals) -> None:
    store = journals.process()
    told = []
    for durable in (True, False, False, True, True):
        with store.database.writing(durable=durable) as transaction:
            told.append(transaction.execute("PRAGMA synchronous").fetchone()[0])
    full, normal = 2, 1
    assert told == [full, normal, normal, full, full]
