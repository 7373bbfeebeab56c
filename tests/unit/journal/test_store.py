"""The runs in the journal: found, listed, forgotten, given up."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.outcomes import Outcome, Reason
from orchestrator.errors import JournalError, UsageError
from orchestrator.journal import store as store_module
from orchestrator.journal.codec import RunRow
from orchestrator.journal.database import FILE_NAME
from orchestrator.journal.store import ABANDONED, STATE_DIR_VARIABLE, Store, open_store, row_of, state_folder
from tests.support.builders import ended, target
from tests.support.journals import Clock, Journals, begin, close, die, intent
from tests.support.memory_journal import at_once


def rows(store: Store, run_id: str = "run-1") -> RunRow:
    with store.database.writing() as transaction:
        return row_of(transaction, run_id)


def known(journals: Journals) -> list[str]:
    return [str(run_id) for (run_id,) in journals.rows("SELECT run_id FROM runs ORDER BY run_id")]


# Found by its name.

IDS = ["20261124-030000-abc123", "20261124-030000-abd456", "20261125-030000-abc123", "a%b_c", "a%b", "aXbYc", "a\\b"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param("20261124-030000-abc123", "20261124-030000-abc123", id="its id"),
        pytest.param("20261125", "20261125-030000-abc123", id="the beginning of it"),
        pytest.param("20261124-030000-abd", "20261124-030000-abd456", id="a longer beginning"),
        pytest.param("a%b", "a%b", id="an id that begins another"),
        pytest.param("a%b_", "a%b_c", id="a wildcard is a letter like any other"),
        pytest.param("a\\", "a\\b", id="so is a backslash"),
    ],
)
def test_a_run_is_found_by_its_id_or_by_the_beginning_of_it(journals: Journals, asked: str, found: str) -> None:
    store = journals.process()
    for run_id in IDS:
        at_once(begin(store, run_id).release())
    assert store.find(asked).run_id == found


LATEST = " The latest are a\\b, aXbYc, a%b_c; `qovery-restart history` lists more."


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        pytest.param(
            "20261124-030000-abc132",
            "Did you mean 20261124-030000-abc123 or 20261125-030000-abc123 or 20261124-030000-abd456?",
            id="a slip",
        ),
        pytest.param("20261126", f"has no run 20261126.{LATEST}", id="none"),
        pytest.param("0261124", f"has no run 0261124.{LATEST}", id="the middle of one"),
        pytest.param("a_b", f"has no run a_b.{LATEST}", id="a wildcard for one letter"),
        pytest.param("%", f"has no run %.{LATEST}", id="a wildcard for any"),
        pytest.param(
            "20261124",
            "More than one run begins with 20261124: 20261124-030000-abc123, 20261124-030000-abd456.",
            id="two",
        ),
    ],
)
def test_a_run_that_is_not_there_once_is_told_as_such(journals: Journals, asked: str, message: str) -> None:
    store = journals.process()
    for run_id in IDS:
        at_once(begin(store, run_id).release())
    with pytest.raises(UsageError) as caught:
        store.find(asked)
    assert str(caught.value).endswith(message)


def test_of_many_runs_that_begin_alike_a_few_are_named(journals: Journals) -> None:
    store = journals.process()
    for number in range(8):
        at_once(begin(store, f"run-{number}").release())
    with pytest.raises(UsageError, match=r"begins with run-: run-0, run-1, run-2, run-3, run-4\.$"):
        store.find("run-")


@settings(deadline=None)
@given(asked=st.text("ab%_\\", min_size=1, max_size=4), ids=st.sets(st.text("ab%_\\", min_size=1, max_size=5)))
def test_whatever_is_asked_for_only_what_begins_so_is_found(asked: str, ids: set[str]) -> None:
    store = open_store(None, clock=Clock())
    for run_id in ids:
        begin(store, run_id)
    fitting = {run_id for run_id in ids if run_id.startswith(asked)}
    try:
        found = store.find(asked).run_id
    except UsageError:
        assert len(fitting) != 1
        assert asked not in ids
    else:
        assert found in fitting
        assert found == asked or fitting == {found}
    finally:
        store.database.close()


def test_a_run_that_is_gone_meanwhile_is_told_so(journals: Journals) -> None:
    with pytest.raises(JournalError, match="The run run-9 is no longer in the journal"):
        rows(journals.process(), "run-9")


def test_a_run_is_told_with_all_that_is_known_of_it(journals: Journals) -> None:
    store = journals.process()
    began_at = store.clock.now()
    work = begin(store)
    work.note_request()
    journals.clock.move(90)
    close(work, [ended()], outcome="succeeded")
    run = journals.process().find("run-1")
    assert (run.run_id, run.parent_id, run.api_url) == ("run-1", None, "https://api.example.test")
    assert (run.config, run.source, run.outcome) == ('{"version": 1}', "nightly.yaml", "succeeded")
    assert (run.started_at, run.ended_at) == (began_at, began_at + timedelta(seconds=90))
    assert (run.requests, run.submits) == (4, 0)
    assert run.ended == f"it ended at {run.ended_at:%Y-%m-%d %H:%M:%S} UTC, succeeded"


# The last one.


def test_the_last_run_that_was_interrupted_is_the_one_to_resume(journals: Journals) -> None:
    store = journals.process()
    for run_id in ("z-first", "a-second", "m-third"):
        close(begin(store, run_id))
        journals.clock.move(60)
    close(begin(store, "n-ended"), [ended()])
    assert store.last_unfinished().run_id == "m-third"


def test_a_run_at_work_is_passed_over(journals: Journals) -> None:
    close(begin(journals.process(), "run-1"))
    journals.clock.move(60)
    begin(journals.process(), "run-2")
    assert journals.process().last_unfinished().run_id == "run-1"


def test_a_run_whose_process_died_is_one_to_resume(journals: Journals) -> None:
    die(begin(journals.process()))
    assert journals.process().last_unfinished().run_id == "run-1"


def test_where_all_that_are_left_are_at_work_that_is_said(journals: Journals) -> None:
    begin(journals.process(), "run-1")
    journals.clock.move(60)
    begin(journals.process(), "run-2")
    with pytest.raises(UsageError) as caught:
        journals.process().last_unfinished()
    assert str(caught.value) == (
        f"The journal {journals.path} has no interrupted run: there is nothing to resume. "
        "run-2 is still in progress (process 7 on runner-1 is working on it); "
        "run-1 is still in progress (process 7 on runner-1 is working on it)."
    )


def test_where_nothing_is_left_to_do_that_is_said(journals: Journals) -> None:
    close(begin(journals.process()), [ended()])
    with pytest.raises(UsageError, match=r"there is nothing to resume\.$"):
        journals.process().last_unfinished()


def test_the_last_run_that_has_ended_is_the_one_whose_failures_are_run_again(journals: Journals) -> None:
    store = journals.process()
    with pytest.raises(UsageError, match="has no run that has ended"):
        store.last_ended()
    for run_id in ("run-1", "run-2"):
        close(begin(store, run_id), [ended()])
        journals.clock.move(60)
    close(begin(store, "run-3"))
    assert store.last_ended().run_id == "run-2"


def test_the_results_of_a_run_come_in_the_plans_order_as_far_as_there_are_any(journals: Journals) -> None:
    store = journals.process()
    targets = [target("api", name=name) for name in ("zeta", "alpha", "middle")]
    work = begin(store, targets=targets)
    at_once(work.page("alpha").settle(ended(name="alpha")))
    at_once(work.page("zeta").settle(ended(Outcome.FAILED, Reason.RESTART_ERROR, name="zeta")))
    assert [(one.name, one.outcome) for one in store.results("run-1")] == [
        ("zeta", Outcome.FAILED),
        ("alpha", Outcome.SUCCEEDED),
    ]


# Forgotten.


def test_a_run_is_forgotten_when_it_is_old_and_an_unfinished_one_never(journals: Journals) -> None:
    store = journals.process()
    for run_id, results in (("old", [ended()]), ("old-cut-off", None), ("recent", [ended()])):
        close(begin(store, run_id), results)
        journals.clock.move(40 * 86_400)
    store.prune(keep_days=90, keep_runs=1000)
    assert known(journals) == ["old-cut-off", "recent"]
    store.prune(keep_days=40, keep_runs=1000)
    assert known(journals) == ["old-cut-off", "recent"], "exactly as old as is kept"
    journals.clock.move(1)
    store.prune(keep_days=40, keep_runs=1000)
    assert known(journals) == ["old-cut-off"]


def test_a_run_is_forgotten_when_there_are_too_many_later_ones(journals: Journals) -> None:
    store = journals.process()
    for run_id, results in (("1", [ended()]), ("2", None), ("3", [ended()]), ("4", [ended()]), ("5", [ended()])):
        close(begin(store, run_id), results)
        journals.clock.move(60)
    store.prune(keep_days=90, keep_runs=2)
    assert known(journals) == ["2", "4", "5"]


def test_with_a_run_all_that_was_known_of_it_is_forgotten(journals: Journals) -> None:
    store = journals.process()
    close(begin(store, "ended"), [ended()])
    kept = begin(store, "kept")
    journals.clock.move(2 * 86_400)
    store.prune(keep_days=1, keep_runs=1000)
    at_once(kept.release())
    assert set(journals.rows("SELECT run_id FROM environments")) == {("kept",)}


# Given up.


def test_a_run_that_is_given_up_has_ended_and_holds_nothing(journals: Journals) -> None:
    work = begin(journals.process(), "run-1")
    assert at_once(work.page("production").claim()) is None
    die(work)
    store = journals.process()
    assert store.abandon("run-1") == []
    run = store.find("run-1")
    assert (run.outcome, run.ended_at) == (ABANDONED, store.clock.now())
    assert at_once(begin(journals.process(), "run-2").page("production").claim()) is None
    with pytest.raises(UsageError, match=r"cannot be abandoned: it ended at .*, abandoned"):
        store.abandon("run-1")


def test_giving_a_run_up_tells_in_which_environments_a_restart_may_still_run(journals: Journals) -> None:
    work = begin(journals.process(), "run-1")
    page = work.page("production")
    at_once(page.claim())
    at_once(page.intend(intent(1.0)))
    die(work)
    assert journals.process().abandon("run-1") == ["production"]


def test_a_run_at_work_is_not_given_up(journals: Journals) -> None:
    work = begin(journals.process())
    with pytest.raises(UsageError) as caught:
        journals.process().abandon("run-1")
    assert str(caught.value) == (
        "The run run-1 is not interrupted: process 7 on runner-1 is working on it. "
        "Wait for it to end, or stop it first."
    )
    at_once(work.page("production").claim())


def test_a_run_that_has_ended_or_is_unknown_is_not_given_up(journals: Journals) -> None:
    store = journals.process()
    close(begin(store), [ended()])
    with pytest.raises(UsageError, match=r"cannot be abandoned: it ended at .*, succeeded"):
        store.abandon("run-1")
    with pytest.raises(JournalError, match="no longer in the journal"):
        store.abandon("run-2")


# Where the journal is.


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        pytest.param({STATE_DIR_VARIABLE: "/var/lib/night"}, Path("/var/lib/night"), id="as the variable says"),
        pytest.param({STATE_DIR_VARIABLE: " state "}, Path("state"), id="relative to where one is"),
        pytest.param({STATE_DIR_VARIABLE: " "}, Path("/home/ops/.local/state/qovery-restart"), id="an empty variable"),
        pytest.param({}, Path("/home/ops/.local/state/qovery-restart"), id="the user's own place"),
    ],
)
def test_the_journal_is_where_the_variable_says_or_among_the_users_own_things(
    environ: Mapping[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "user_state_path", lambda name, **_: Path("/home/ops/.local/state", name))
    assert state_folder(environ) == folder


def test_a_user_without_a_home_has_to_say_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "user_state_path", lambda name, **_: Path("~/.local/state", name))
    with pytest.raises(UsageError, match=r"no home directory .* with --state-dir"):
        state_folder({})
    assert state_folder({STATE_DIR_VARIABLE: "here"}) == Path("here")


@pytest.mark.parametrize(
    "error",
    [RuntimeError("Could not determine home directory."), KeyError("getpwuid(): uid not found: 4711")],
    ids=repr,
)
def test_a_user_without_an_account_has_to_say_where_too(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> Path:
        raise error

    monkeypatch.setattr(store_module, "user_state_path", refuse)
    with pytest.raises(UsageError, match=r"no home directory .* with --state-dir or QOVERY_RESTART_STATE_DIR"):
        state_folder({})
    assert state_folder({STATE_DIR_VARIABLE: "here"}) == Path("here")


def test_the_users_own_place_is_named_after_us() -> None:
    assert state_folder({}).parts[-1] == "qovery-restart"


def test_a_journal_that_is_opened_knows_where_it_is(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state", clock=Clock())
    assert store.machine.pid > 0
    at_once(begin(store).release())
    assert {file.name for file in (tmp_path / "state").iterdir()} >= {FILE_NAME, "locks"}
    store.database.close()


@pytest.mark.parametrize(
    ("folder", "named", "command"),
    [
        pytest.param("state", False, "qovery-restart resume run-1", id="where one would look"),
        pytest.param("state", True, "qovery-restart resume run-1 --state-dir {}", id="where somebody said"),
        pytest.param("my state", True, "qovery-restart resume run-1 --state-dir '{}'", id="quoted for the shell"),
    ],
)
def test_the_command_that_goes_on_with_a_run_names_the_place_where_somebody_has(
    tmp_path: Path, folder: str, named: bool, command: str
) -> None:
    place = tmp_path / folder
    store = open_store(place, clock=Clock(), named=named)
    assert store.resume_command("run-1") == command.format(place)
    store.database.close()


def test_the_command_that_goes_on_with_a_run_works_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store(Path("state"), clock=Clock(), named=True)
    try:
        assert store.resume_command("run-1") == f"qovery-restart resume run-1 --state-dir {tmp_path / 'state'}"
    finally:
        store.database.close()
