"""What later steps and jobs are told: a line each, short enough, and nothing in it that anybody would replace."""

import json
import re

import pytest
from hypothesis import given, settings

from orchestrator.domain.outcomes import ExitCode, Outcome, Reason
from orchestrator.reports.model import RunReport
from orchestrator.reports.outputs import LARGEST_DOTENV, outputs_of, render_dotenv
from orchestrator.text import printable
from tests.support.reports import RESUME, failed, interrupted_result, report, reports, succeeded, without_submit


def variables(run: RunReport) -> dict[str, str]:
    """Read a file as GitLab does: the first `=` separates."""
    lines = render_dotenv(run).splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_a_run_is_told_in_a_few_words() -> None:
    skipped = without_submit("later", Outcome.SKIPPED, Reason.HALTED)
    assert outputs_of(report(succeeded("staging"), skipped, failed("production"))) == {
        "exit-code": "1",
        "outcome": "failed",
        "run-id": "r-7f3a",
        "failed-count": "1",
        "failed": '["production"]',
        "resume": "",
    }


def test_the_variables_of_later_jobs_say_the_same_and_leave_out_what_is_empty() -> None:
    assert variables(report(failed("production"))) == {
        "RESTART_EXIT_CODE": "1",
        "RESTART_OUTCOME": "failed",
        "RESTART_RUN_ID": "r-7f3a",
        "RESTART_FAILED_COUNT": "1",
        "RESTART_FAILED": '["production"]',
    }


def test_a_run_that_was_cut_off_says_how_to_go_on() -> None:
    run = report(interrupted_result("production"), interrupted=ExitCode.SIGTERM, resume=RESUME)
    assert outputs_of(run)["resume"] == variables(run)["RESTART_RESUME"] == RESUME


def test_a_run_that_never_began_has_no_id() -> None:
    run = report(errors=["No."], exit_code=ExitCode.USAGE, run_id="-")
    assert outputs_of(run)["run-id"] == ""
    assert "RESTART_RUN_ID" not in variables(run)


def test_the_worst_is_named_first() -> None:
    blocked = without_submit("busy", Outcome.BLOCKED, Reason.BUSY)
    assert json.loads(outputs_of(report(blocked, failed("production")))["failed"]) == ["production", "busy"]


@pytest.mark.parametrize(
    "name", ["$(id) `id` ${HOME}", 'a"b\\c', "é 東京", "two\nlines", "\ud800", "::error::x ##[error]"]
)
def test_a_name_comes_back_as_it_was_and_nothing_in_it_is_replaced(name: str) -> None:
    run = report(failed(name))
    text = outputs_of(run)["failed"]
    assert json.loads(text) == [run.environments[0].name]
    assert re.fullmatch(r"[ -~]*", text)
    assert "$" not in text
    assert printable(text) == text, "whoever writes it changes nothing any more"


def test_three_hundred_failures_are_counted_and_named_as_far_as_there_is_room() -> None:
    run = report(*(failed(f"an environment with a long name {i:03}") for i in range(300)))
    told = variables(run)
    assert told["RESTART_FAILED_COUNT"] == "300"
    assert 50 < len(json.loads(told["RESTART_FAILED"])) < 300
    assert len(render_dotenv(run).encode()) <= LARGEST_DOTENV
    assert len(json.loads(outputs_of(run)["failed"])) == 300


@settings(max_examples=100)
@given(reports())
def test_any_run_is_told_in_lines_of_a_name_and_a_value(run: RunReport) -> None:
    for line in render_dotenv(run).splitlines():
        assert re.fullmatch(r"RESTART_[A-Z_]+=.+", line)
    assert all(value.splitlines() in ([], [value]) for value in outputs_of(run).values())
