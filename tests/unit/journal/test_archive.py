"""What the journal remembers of past runs, read without writing to it."""

import shutil
import sqlite3
from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.domain.history import RunState
from orchestrator.domain.outcomes import Outcome, Reason
from orchestrator.errors import JournalError, UsageError
from orchestrator.journal.archive import (
    environments_called,
    latest_start,
    open_to_read,
    past_restarts,
    past_runs,
)
from orchestrator.journal.database import MIGRATIONS
from orchestrator.journal.store import Store
from orchestrator.journal.work import Work
from orchestrator.machine import Machine
from tests.support.builders import NOON, ended, target
from tests.support.journals import Journals, begin, close, die, intent, machine, new_run, pragma
from tests.support.memory_journal import at_once

LONG_AGO = NOON - timedelta(days=3650)
OTHER = "11111111-2222-4333-8444-555555555555"


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Machine, "here", classmethod(lambda _: machine()))


def reading(journals: Journals) -> Store:
    store = open_to_read(journals.folder, clock=journals.clock)
    assert store is not None
    journals.opened.append(store)
    return store


def change(journals: Journals, statement: str, *values: object) -> None:
    with sqlite3.connect(journals.path) as connection:
        connection.execute(statement, values)
    connection.close()


def test_runs_are_told_with_how_far_they_came_the_latest_first(journals: Journals) -> None:
    store = journals.process()
    well = begin(store, "well")
    journals.clock.move(41.0)
    close(well, [ended()])
    at_work = begin(store, "at-work", targets=[target("api", name="a"), target("api", name="b")])
    at_once(at_work.page("a").claim())
    at_once(at_work.page("a").settle(ended(Outcome.FAILED, Reason.RESTART_ERROR, name="a")))
    journals.clock.move(1.0)
    killed = begin(journals.process(), "killed")
    die(killed)

    runs = past_runs(reading(journals), since=LONG_AGO)
    assert [(run.run_id, run.state, run.outcome, run.exit_code) for run in runs] == [
        ("killed", RunState.INTERRUPTED, None, None),
        ("at-work", RunState.IN_PROGRESS, None, None),
        ("well", RunState.ENDED, "succeeded", 0),
    ]
    assert [(dict(run.outcomes), run.open) for run in runs] == [
        ({}, 1),
        ({Outcome.FAILED: 1}, 1),
        ({Outcome.SUCCEEDED: 1}, 0),
    ]
    assert [run.duration_s for run in runs] == [0.0, 1.0, 41.0]
    assert [run.resume for run in runs] == ["qovery-restart resume killed", None, None]


def test_only_what_began_since_then_is_told(journals: Journals) -> None:
    store = journals.process()
    close(begin(store, "early"), [ended()])
    journals.clock.move(3600.0)
    close(begin(store, "late"), [ended()])
    began = journals.clock.now()
    later = reading(journals)
    assert [run.run_id for run in past_runs(later, since=began)] == ["late"]
    assert past_runs(later, since=began + timedelta(seconds=1)) == []
    assert latest_start(later) == began
    assert latest_start(later, [OTHER]) is None


def test_restarts_of_an_environment_are_those_of_its_ids(journals: Journals) -> None:
    store = journals.process()
    close(begin(store, "first"), [replace(ended(), duration_s=12.0)])
    journals.clock.move(60.0)
    again = begin(store, "second", targets=[target("api", environment_id=OTHER)])
    at_once(again.page("production").claim())
    at_once(again.page("production").intend(intent(again.began)))
    die(again)

    later = reading(journals)
    mine = environments_called(later, "Production")
    assert len(mine) == 2
    restarts = past_restarts(later, mine, since=LONG_AGO)
    assert [(each.run_id, each.state) for each in restarts] == [
        ("second", RunState.INTERRUPTED),
        ("first", RunState.ENDED),
    ]
    assert restarts[0].resume == "qovery-restart resume second"
    assert restarts[1].result is not None
    assert restarts[1].result.duration_s == 12.0
    assert [each.run_id for each in past_restarts(later, [OTHER], since=LONG_AGO)] == ["second"]
    assert latest_start(later, [OTHER]) == NOON + timedelta(seconds=1060)
    assert past_restarts(later, mine, since=NOON + timedelta(days=1)) == []


@pytest.mark.parametrize("asked", [OTHER, OTHER.upper(), f" {OTHER} ", "acme/Shop/production"])
def test_an_environment_is_found_by_id_and_by_path(journals: Journals, asked: str) -> None:
    store = journals.process()
    run = replace(
        new_run(store, targets=[target("api", environment_id=OTHER)]),
        config='{"version": 1, "environments": [{"name": "production", "path": "acme/shop/production"}, 7]}',
    )
    close(type(begin(store, "first", targets=[target("api", name="x")])).begin(store, run), [])
    assert environments_called(reading(journals), asked) == {OTHER}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        pytest.param("prodution", "has no environment prodution. Did you mean production?", id="a slip"),
        pytest.param("zzz", "It has db0, db1, db2, db3, db4, and 2 more.", id="nothing like it"),
        pytest.param("acme/shop/nope", "has no environment acme/shop/nope.", id="a path"),
    ],
)
def test_an_environment_that_no_run_had_is_wrong_usage(journals: Journals, asked: str, said: str) -> None:
    store = journals.process()
    begin(store, targets=[target("api"), *(target("api", name=f"db{number}") for number in range(6))])
    with pytest.raises(UsageError) as refusal:
        environments_called(reading(journals), asked)
    assert said in str(refusal.value)


def test_a_journal_without_runs_knows_no_environment(journals: Journals) -> None:
    journals.process()
    with pytest.raises(UsageError, match="It has no run yet"):
        environments_called(reading(journals), "production")


def test_a_name_that_files_use_for_different_environments_needs_an_id(journals: Journals) -> None:
    store = journals.process()
    begin(store, "first")
    begin(store, "second", targets=[target("api", environment_id=OTHER)])
    change(journals, "UPDATE runs SET source = NULL WHERE run_id = 'second'")
    with pytest.raises(UsageError, match=rf"Several files call .* in nightly\.yaml; {OTHER} in runs without a file"):
        environments_called(reading(journals), "production")


def test_there_may_be_no_journal_and_none_is_made(journals: Journals) -> None:
    assert open_to_read(journals.folder, clock=journals.clock) is None
    assert not journals.folder.exists()


def test_a_journal_is_read_without_being_written(journals: Journals) -> None:
    close(begin(journals.process()), [ended()])
    journals.close()
    before = journals.path.read_bytes()
    past_runs(reading(journals), since=LONG_AGO)
    with pytest.raises(JournalError, match="readonly"), reading(journals).database.writing() as transaction:
        transaction.execute("DELETE FROM runs")
    assert journals.path.read_bytes() == before


def test_a_journal_of_an_older_version_is_migrated_first(journals: Journals) -> None:
    close(begin(journals.process()), [ended()])
    journals.close()
    for table in ("endings", "schedules", "occurrences"):
        change(journals, f"DROP TABLE {table}")
    change(journals, "ALTER TABLE runs DROP COLUMN beginning")
    change(journals, "PRAGMA user_version = 4")
    assert [run.run_id for run in past_runs(reading(journals), since=LONG_AGO)] == ["run-1"]
    assert pragma(journals.folder, "user_version") == len(MIGRATIONS)


@pytest.mark.parametrize(
    ("beginning", "code"),
    [
        pytest.param('{"started_by": {"trigger": "schedule", "host": "runner-7"}}', "schedule", id="what started it"),
        pytest.param(None, None, id="a run of an older version"),
        pytest.param('{"started_by": null}', None, id="unknown"),
        pytest.param('{"started_by": {"trigger": 7}}', None, id="no code"),
        pytest.param("[]", None, id="another document"),
        pytest.param("{", None, id="no document"),
    ],
)
def test_what_started_a_run_is_known_from_its_beginning(
    journals: Journals, beginning: str | None, code: str | None
) -> None:
    store = journals.process()
    close(Work.begin(store, replace(new_run(store), beginning=beginning)), [ended()])
    (run,) = past_runs(reading(journals), since=LONG_AGO)
    assert run.started_by == code


def test_what_is_no_journal_is_refused_as_it_is_for_a_run(journals: Journals) -> None:
    journals.folder.mkdir()
    with sqlite3.connect(journals.path) as connection:
        connection.execute("CREATE TABLE somebody_elses (x)")
    connection.close()
    with pytest.raises(JournalError, match="is not a journal of qovery-restart"):
        open_to_read(journals.folder, clock=journals.clock)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE environments SET result = '{'",
        'UPDATE environments SET result = \'{"outcome": "splendid"}\'',
        "UPDATE environments SET result = '[]'",
        "UPDATE runs SET exit_code = 'no'",
        "UPDATE runs SET exit_code = -1",
        "UPDATE runs SET elapsed = 'x'",
    ],
)
def test_a_row_that_cannot_be_right_is_called_damaged(journals: Journals, statement: str) -> None:
    close(begin(journals.process()), [ended()])
    change(journals, statement)
    with pytest.raises(JournalError, match="The journal is damaged"):
        past_runs(reading(journals), since=LONG_AGO)


@pytest.mark.parametrize("config", ["", "{", "[" * 100_000], ids=["none", "half", "deep"])
def test_a_configuration_that_cannot_be_right_is_called_damaged(journals: Journals, config: str) -> None:
    close(begin(journals.process()), [ended()])
    change(journals, "UPDATE runs SET config = ?", config)
    with pytest.raises(JournalError, match="the configuration of a run cannot be read"):
        environments_called(reading(journals), "acme/shop/other")


@pytest.mark.parametrize("config", ["[]", "7", '{"environments": 7}', '{"environments": [{"path": 7}]}'])
def test_a_configuration_of_another_form_names_no_path(journals: Journals, config: str) -> None:
    close(begin(journals.process()), [ended()])
    change(journals, "UPDATE runs SET config = ?", config)
    with pytest.raises(UsageError, match="has no environment acme/shop/other"):
        environments_called(reading(journals), "acme/shop/other")


def test_a_copy_of_a_journal_elsewhere_can_be_read(journals: Journals) -> None:
    close(begin(journals.process()), [ended()])
    journals.close()
    copy = shutil.copytree(journals.folder, journals.folder.with_name("a copy #1?"))
    store = open_to_read(copy, clock=journals.clock)
    assert store is not None
    journals.opened.append(store)
    assert [run.run_id for run in past_runs(store, since=LONG_AGO)] == ["run-1"]
