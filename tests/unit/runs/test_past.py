"""Past runs and their reports, without the platform."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.domain.history import History, RunState
from orchestrator.domain.outcomes import ExitCode, Outcome, Reason
from orchestrator.domain.records import Sighting
from orchestrator.errors import JournalError, UsageError
from orchestrator.journal.codec import report_to_bytes
from orchestrator.machine import Machine
from orchestrator.reports.model import RunReport, render_json
from orchestrator.runs.past import history_of, past_report
from tests.support import reports
from tests.support.builders import ENVIRONMENT, NOON, ended, target
from tests.support.journals import Journals, begin, close, die, intent, machine
from tests.support.memory_journal import at_once

MONTH = timedelta(days=30)
WRITTEN = reports.report(reports.failed("production"), reports.succeeded("staging"), run_id="run-1")


@pytest.fixture
def journals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journals]:
    monkeypatch.setattr(Machine, "here", classmethod(lambda _: machine()))
    journals = Journals(tmp_path / "state")
    yield journals
    journals.close()


def told(journals: Journals, environment: str | None = None, *, since: timedelta = MONTH, limit: int = 20) -> History:
    return history_of(
        environment, since=since, limit=limit, environ={}, state_dir=journals.folder, clock=journals.clock
    )


def shown(journals: Journals, run: str = "last") -> RunReport:
    return past_report(run, environ={}, state_dir=journals.folder, clock=journals.clock)


def close_with(journals: Journals, report: RunReport, *, is_over: bool = True) -> None:
    work = begin(journals.process())
    results = [ended()] if is_over else None
    at_once(work.close(results, outcome=report.outcome.value, exit_code=report.exit_code, report=render_json(report)))
    at_once(work.release())


def test_no_more_than_the_limit_is_listed_and_the_figures_are_of_all(journals: Journals) -> None:
    for number in range(5):
        close(begin(journals.process(), f"run-{number}"), [ended()])
        journals.clock.move(60.0)
    history = told(journals, limit=2)
    assert [run.run_id for run in history.runs] == ["run-4", "run-3"]
    assert (history.figures.total, history.environments, history.latest_before) == (5, None, None)
    assert history.since == journals.clock.now() - MONTH
    of_one = told(journals, "production", limit=3)
    assert [each.run_id for each in of_one.restarts] == ["run-4", "run-3", "run-2"]
    assert (of_one.figures.total, of_one.environments) == (5, (ENVIRONMENT,))


@pytest.mark.parametrize("environment", [None, "production"])
def test_if_nothing_happened_since_it_says_when_something_did(journals: Journals, environment: str | None) -> None:
    close(begin(journals.process()), [ended()])
    began = journals.clock.now()
    journals.clock.move(MONTH.total_seconds() + 1)
    history = told(journals, environment)
    assert (len(history.runs), len(history.restarts), history.latest_before) == (0, 0, began)


def test_without_a_journal_nothing_has_happened_and_none_is_made(journals: Journals) -> None:
    assert told(journals).figures.total == 0
    with pytest.raises(UsageError, match="There is no journal yet"):
        told(journals, "production")
    with pytest.raises(UsageError, match="There is no journal yet"):
        shown(journals)
    assert not journals.folder.exists()


def test_the_report_that_was_written_is_shown_again_as_it_was(journals: Journals) -> None:
    close_with(journals, WRITTEN)
    for run in ("last", "run-1", "run"):
        assert shown(journals, run) == WRITTEN


def test_the_report_of_an_interruption_is_that_of_its_process(journals: Journals) -> None:
    written = reports.report(reports.interrupted_result("production"), interrupted=ExitCode.SIGTERM, run_id="run-1")
    close_with(journals, written, is_over=False)
    assert shown(journals) == written


def test_last_is_the_run_that_started_last(journals: Journals) -> None:
    close(begin(journals.process(), "first"), [ended()])
    journals.clock.move(1.0)
    die(begin(journals.process(), "second"))
    assert shown(journals).run_id == "second"


def test_a_run_that_is_not_there_is_wrong_usage_with_what_is_like_it(journals: Journals) -> None:
    close(begin(journals.process(), "20261124-030000-abc123"), [ended()])
    with pytest.raises(UsageError, match=r"has no run \S+\. Did you mean 20261124-030000-abc123\?"):
        shown(journals, "20261124-030000-abc124")


def test_a_journal_without_a_run_has_no_last_one(journals: Journals) -> None:
    journals.process()
    with pytest.raises(UsageError, match="has no run yet"):
        shown(journals)


def died_with_a_restart_in_flight(journals: Journals, *, accepted: bool) -> None:
    work = begin(
        journals.process(),
        targets=[
            target("api", "web", "cache"),
            target("api", name="done"),
            target("api", name="later"),
        ],
    )
    at_once(work.page("done").claim())
    at_once(work.page("done").settle(ended(name="done")))
    page = work.page("production")
    at_once(page.claim())
    at_once(page.intend(intent(work.began)))
    if accepted:
        at_once(page.accept(frozenset({"request"})))
        at_once(page.see(Sighting(states={"api": ("RESTARTING", "new-1")}, timelines={"api": (("RESTARTING", 6.0),)})))
    journals.clock.move(90.0)
    at_once(work.beat())
    die(work)


@pytest.mark.parametrize(
    ("accepted", "said"), [(True, "The restart was accepted"), (False, "was about to be submitted")]
)
def test_of_a_killed_run_what_the_journal_has_is_shown_and_what_it_has_not_is_said(
    journals: Journals, accepted: bool, said: str
) -> None:
    died_with_a_restart_in_flight(journals, accepted=accepted)
    report = shown(journals)
    assert (report.exit_code, report.outcome, report.duration_s) == (ExitCode.UNKNOWN, "unknown", 90.0)
    assert "with which exit code it ended is not known" in report.errors[0]
    assert report.resume == f"qovery-restart resume run-1 --state-dir {journals.folder}"
    production, done, later = report.environments
    assert (production.outcome, production.reason) == (Outcome.UNKNOWN, Reason.INTERRUPTED)
    assert said in production.message
    assert production.submitted_at is not None
    assert (done.outcome, later.outcome, later.message) == ("succeeded", "skipped", "Nothing was submitted.")
    api, web, cache = production.services
    assert (api.outcome, web.outcome, cache.outcome) == ("unknown", "unknown", "skipped")
    assert (api.state, api.execution_id, api.timeline) == (
        ("RESTARTING", "new-1", (("RESTARTING", 6.0),)) if accepted else (None, None, ())
    )
    assert (web.state, web.execution_id, cache.baseline_execution_id) == (None, None, None)
    assert api.baseline_execution_id is not None


def test_of_a_run_in_progress_it_is_said_how_far_it_has_come(journals: Journals) -> None:
    begin(journals.process())
    journals.clock.move(30.0)
    report = shown(journals)
    assert report.errors[0].startswith("The run has not ended: process 7 on runner-1 is working on it.")
    assert (report.resume, report.duration_s) == (None, 30.0)
    assert report.environments[0].message == "Not begun, or nothing submitted yet."
    assert told(journals).runs[0].state is RunState.IN_PROGRESS


def test_of_an_abandoned_run_it_is_said(journals: Journals) -> None:
    died_with_a_restart_in_flight(journals, accepted=True)
    journals.process().abandon("run-1")
    report = shown(journals)
    assert report.errors[0].startswith("The run was abandoned at ")
    assert report.resume is None


def test_an_older_report_is_not_taken_for_that_of_a_run_that_went_on(journals: Journals) -> None:
    written = reports.report(reports.interrupted_result("production"), interrupted=ExitCode.SIGTERM, run_id="run-1")
    close_with(journals, written, is_over=False)
    died = journals.process()
    die(type(begin(journals.process(), "other")).take_over(died, "run-1"))
    assert shown(journals, "run-1").exit_code == ExitCode.UNKNOWN


def test_a_run_without_its_report_says_so(journals: Journals) -> None:
    close_with(journals, WRITTEN)
    journals.opened[-1].database.read("UPDATE runs SET report = NULL")
    report = shown(journals)
    assert report.errors == ("The journal has no report of this run: this is what it has of its environments.",)
    assert (report.ended_at, report.environments[0].outcome) == (NOON + timedelta(seconds=1000), "succeeded")


@pytest.mark.parametrize(
    "packed",
    [b"no zlib", "a text", 7, report_to_bytes("{"), report_to_bytes('{"schema_version": 1}')],
    ids=["bytes", "text", "number", "half", "another form"],
)
def test_a_report_that_cannot_be_right_is_called_damaged(journals: Journals, packed: object) -> None:
    close_with(journals, WRITTEN)
    journals.opened[-1].database.read("UPDATE runs SET report = ?", packed)
    with pytest.raises(JournalError, match="the report of a run cannot be read"):
        shown(journals)
