"""Values that nobody wrote: SQLite checks pages and no meanings, so a row may say anything."""

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from orchestrator.errors import JournalError
from orchestrator.journal import codec
from orchestrator.journal.database import COLUMNS
from tests.support.journals import Journals, begin, close, die, intent, refusal, take_over
from tests.support.memory_journal import at_once


def put(journals: Journals, table: str, column: str, value: object) -> None:
    with closing(sqlite3.connect(journals.path)) as connection, connection:
        connection.execute(f"UPDATE {table} SET {column} = ?", (value,))


def interrupted(journals: Journals) -> None:
    """Leave a run whose process died after its submit."""
    work = begin(journals.process())
    page = work.page("production")
    at_once(page.claim())
    at_once(page.intend(intent(work.began)))
    at_once(page.accept(frozenset({"request-1"})))
    die(work)


def _find(journals: Journals) -> None:
    journals.process().find("run-1")


def _find_latest(journals: Journals) -> None:
    journals.process().last_unfinished()


def _take_over(journals: Journals) -> None:
    take_over(journals.process())


def _claim_in_another_run(journals: Journals) -> None:
    at_once(begin(journals.process(), "run-2").page("production").claim())


@pytest.mark.parametrize("reading", [_find, _find_latest, _take_over, _claim_in_another_run])
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("started_at", "yesterday"),
        ("started_at", "2026-11-24T12:00:00"),
        ("started_at", b"\x00\xff"),
        ("beat_at", ""),
        ("end_by", "soon"),
        ("end_by", float("inf")),
        ("end_by", -1.0),
        ("began", float("-inf")),
        ("elapsed", "NaN"),
        ("requests", -1),
        ("requests", "many"),
        ("submits", 0.5),
        ("config", b"{}"),
        ("host", b"https"),
        ("called_off", "no"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_run_with_a_value_that_cannot_be_right_is_called_damaged_with_its_column(
    journals: Journals, column: str, value: object, reading: Callable[[Journals], None]
) -> None:
    interrupted(journals)
    put(journals, "runs", column, value)
    with pytest.raises(JournalError, match=rf"is damaged: (a run cannot be read .*{column}|an entry has a)"):
        reading(journals)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("request_ids", ""),
        ("request_ids", 0),
        ("request_ids", "0"),
        ("request_ids", '["a", null]'),
        ("intent", 7),
        ("intent", b"{}"),
        ("target", 0.5),
        ("sighting", 1),
        ("sighting", "[]"),
        ("result", 3),
        ("accepted", "perhaps"),
        ("found", 2),
        ("name", "another"),
        ("environment_id", "another"),
    ],
    ids=repr,
)
def test_an_environment_with_a_value_that_cannot_be_right_is_called_damaged(
    journals: Journals, column: str, value: object
) -> None:
    interrupted(journals)
    put(journals, "environments", column, value)
    with pytest.raises(JournalError, match="is damaged: "):
        at_once(take_over(journals.process()).environments())


def test_since_when_another_run_holds_an_environment_has_to_be_an_instant(journals: Journals) -> None:
    interrupted(journals)
    put(journals, "environments", "held_since", "long ago")
    with pytest.raises(JournalError, match="is damaged: an entry has an instant that is none"):
        _claim_in_another_run(journals)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_number_with_which_nobody_can_calculate_is_called_damaged(number: str) -> None:
    text = codec.intent_to_text(intent(77.25)).replace("77.25", number)
    with pytest.raises(JournalError, match="is damaged: an entry"):
        codec.intent_of(text)


def test_an_instant_without_a_time_zone_is_called_damaged() -> None:
    text = codec.intent_to_text(intent(1.0))
    assert '"submitted_at":"' in text
    head, _, tail = text.partition('"submitted_at":"')
    bare = f'{head}"submitted_at":"2026-11-24T12:00:00"{tail[tail.index(chr(34)) + 1 :]}'
    with pytest.raises(JournalError, match="is damaged: an entry has an instant without a time zone"):
        codec.intent_of(bare)


def test_a_run_that_ended_well_is_still_found(journals: Journals) -> None:
    close(begin(journals.process()), ())
    assert journals.process().last_ended().run_id == "run-1"


def test_a_baseline_that_is_not_that_of_the_targets_services_is_called_damaged(journals: Journals) -> None:
    interrupted(journals)
    (text,) = journals.rows("SELECT intent FROM environments")[0]
    put(journals, "environments", "intent", str(text).replace('"web":', '"wet":', 1))
    with pytest.raises(JournalError, match="is damaged: what it says of the restart of production does not fit"):
        at_once(take_over(journals.process()).environments())


def test_the_columns_that_are_checked_are_those_of_the_newest_version(journals: Journals) -> None:
    journals.process()
    for table, columns in COLUMNS.items():
        assert {row[1] for row in journals.rows(f"PRAGMA table_info({table})")} == columns


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("ALTER TABLE runs RENAME COLUMN holder TO keeper", "its table runs has no holder"),
        ("ALTER TABLE environments DROP COLUMN sighting", "its table environments has no sighting"),
        ("DROP TABLE environments", "its table environments has no accepted, environment_id, "),
    ],
    ids=["renamed", "dropped", "no table"],
)
def test_a_journal_whose_tables_lack_a_column_is_called_damaged(journals: Journals, statement: str, said: str) -> None:
    interrupted(journals)
    with closing(sqlite3.connect(journals.path)) as connection, connection:
        connection.execute(statement)
    assert f"is damaged: {said}" in refusal(journals.folder)


def test_a_journal_with_a_columns_name_that_is_not_utf_8_is_called_damaged(journals: Journals) -> None:
    close(begin(journals.process()), ())
    journals.close()
    with closing(sqlite3.connect(journals.path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    journals.path.write_bytes(journals.path.read_bytes().replace(b"held_since TEXT", b"held_sinc\xe5 TEXT"))
    assert "is damaged: a text in it is not UTF-8" in refusal(journals.folder)
