"""`history` and `report`, offline: what they print, write and exit with."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.past import span_of
from orchestrator.errors import UsageError
from orchestrator.reports.model import RunReport, render_json
from tests.support import reports
from tests.support.builders import ended
from tests.support.calling import Called, call
from tests.support.journals import Journals, begin
from tests.support.memory_journal import at_once

RUN = "20261126-030000-5f3a1c"
REPORT = reports.report(reports.failed("production"), run_id=RUN)


def called(*words: str) -> Called:
    return call(*words, "--state-dir", "state", environ={"QOVERY_API_TOKEN": ""})


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def past(folder: Path) -> RunReport:
    """Write a run that failed into the journal."""
    journals = Journals(folder / "state")
    journals.clock.set_wall((datetime.now(UTC) - journals.clock.now()).total_seconds())
    work = begin(journals.process(), RUN)
    at_once(work.close([ended()], outcome="failed", exit_code=1, report=render_json(REPORT)))
    at_once(work.release())
    journals.close()
    return REPORT


def document_of(result: Called) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(result.stdout)
    return document


@pytest.mark.usefixtures("past")
def test_past_runs_are_listed_without_a_token() -> None:
    result = called("history")
    assert result.exit_code == 0
    assert f"{RUN}  failed 1" in result.stdout
    assert "1 run since" in result.stdout
    assert result.stderr == ""


@pytest.mark.usefixtures("past")
def test_the_json_has_what_the_readme_says() -> None:
    runs = document_of(called("history", "--output", "json"))
    assert list(runs) == ["exit_code", "schema_version", "since", "environment_ids", "figures", "runs", "errors"]
    assert (runs["exit_code"], runs["runs"][0]["run_id"], runs["errors"]) == (0, RUN, [])
    of_one = document_of(called("history", "production", "--output", "json"))
    assert of_one["restarts"][0]["outcome"] == "succeeded"


@pytest.mark.usefixtures("past")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["prodution"], "Did you mean production?", id="no such environment"),
        pytest.param(["--since", "soon"], "--since: expected days or a duration", id="no span"),
    ],
)
def test_what_cannot_be_told_is_wrong_usage(words: list[str], said: str) -> None:
    result = called("history", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: ")
    assert said in result.stderr
    as_json = document_of(called("history", *words, "--output", "json"))
    assert as_json["exit_code"] == 2
    assert said in as_json["errors"][0]


def test_where_nothing_has_run_the_history_is_empty_and_no_journal_is_made(folder: Path) -> None:
    result = called("history")
    assert (result.exit_code, result.stdout[:14]) == (0, "No runs since ")
    assert document_of(called("history", "--output", "json"))["runs"] == []
    assert called("report", "last").exit_code == 2
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("30d", timedelta(days=30)),
        ("12h", timedelta(hours=12)),
        ("99999d", timedelta(days=36500)),
        (" 1d ", timedelta(1)),
    ],
)
def test_a_span_is_in_days_or_a_duration(text: str, span: timedelta) -> None:
    assert span_of(text) == span


@pytest.mark.parametrize("text", ["", "d", "-1d", "1.5d", "30", "٣d", "1w"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--since"):
        span_of(text)


@pytest.mark.parametrize("asked", ["last", RUN, RUN[:8]])
def test_a_report_is_shown_again_and_that_is_a_success(past: RunReport, asked: str) -> None:
    result = called("report", asked, "--output", "json")
    assert result.exit_code == 0
    assert RunReport.model_validate_json(result.stdout) == past
    assert "Run failed (exit code 1)" in called("report", asked).stdout


@pytest.mark.usefixtures("past")
def test_a_report_is_written_in_any_format(folder: Path) -> None:
    options = [word for name in ("r.json", "r.xml", "md:summary", "html:page") for word in ("--report", name)]
    assert called("report", "last", *options).exit_code == 0
    assert (folder / "r.json").read_text("utf-8") == render_json(REPORT)
    begins = {"r.xml": "<?xml", "summary": "## ", "page": "<!DOCTYPE"}
    assert all((folder / name).read_text("utf-8").startswith(text) for name, text in begins.items())


@pytest.mark.usefixtures("past")
def test_a_report_may_be_the_result() -> None:
    result = called("report", "last", "--report", "md:-")
    assert result.exit_code == 0
    assert result.stdout.startswith("## ❌ Run failed\n")


@pytest.mark.usefixtures("past")
def test_a_report_that_cannot_be_written_is_a_failure_of_this_command() -> None:
    Path("full.md").symlink_to("/dev/full")
    result = called("report", "last", "--report", "full.md")
    assert result.exit_code == 2
    assert "report_not_written" in result.stderr


@pytest.mark.usefixtures("past")
def test_a_run_that_is_not_there_is_wrong_usage_with_what_is_like_it() -> None:
    asked = RUN[:-1] + "d"
    result = called("report", asked, "--report", "r.json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"has no run {asked}. Did you mean {RUN}?" in " ".join(result.stderr.split())
    assert not Path("r.json").exists()
    as_json = document_of(called("report", asked, "--output", "json"))
    assert (as_json["exit_code"], as_json["run_id"]) == (2, None)
    assert "Did you mean" in as_json["errors"][0]
