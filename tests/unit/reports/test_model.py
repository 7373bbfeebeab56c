import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from orchestrator.domain.outcomes import ExitCode, Outcome, Reason
from orchestrator.reports.model import SCHEMA_VERSION, RequestCounts, RunReport, render_json, report_schema
from tests.support import reports

VALIDATOR = Draft202012Validator(report_schema(), format_checker=Draft202012Validator.FORMAT_CHECKER)

PUBLISHED_KEYS = {
    "run": {
        *("schema_version", "run_id", "config", "started_at", "ended_at", "duration_s", "outcome", "exit_code"),
        *("requests", "environments", "parent_run_id", "resume"),
    },
    "environment": {
        *("name", "id", "wave", "outcome", "reason", "message", "submitted_at", "settled_at", "duration_s"),
        *("console_url", "services"),
    },
    "service": {
        *("id", "name", "type", "outcome", "state", "baseline_execution_id", "execution_id", "timeline"),
    },
}


def _dumped(report: RunReport) -> Any:  # noqa: ANN401 - JSON is whatever it is
    return json.loads(render_json(report))


def test_the_schema_is_a_valid_schema() -> None:
    Draft202012Validator.check_schema(report_schema())


@given(reports.reports())
def test_every_report_keeps_to_the_schema(report: RunReport) -> None:
    VALIDATOR.validate(_dumped(report))


@given(reports.reports())
def test_a_report_that_is_read_back_renders_as_before(report: RunReport) -> None:
    text = render_json(report)
    assert render_json(RunReport.model_validate_json(text)) == text


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"outcome": "splendid"}, id="an outcome that is none"),
        pytest.param({"started_at": "yesterday"}, id="an instant that is none"),
        pytest.param({"surprise": 1}, id="a key that nobody knows"),
        pytest.param({"environments": [{"name": "half an environment"}]}, id="missing keys"),
    ],
)
def test_the_schema_refuses(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        VALIDATOR.validate(_dumped(reports.report(reports.succeeded("staging"))) | change)


def test_every_published_key_is_there() -> None:
    run = _dumped(reports.report(reports.failed("production")))
    environment = run["environments"][0]
    assert run.keys() >= PUBLISHED_KEYS["run"]
    assert run["requests"].keys() == {"total", "submits"}
    assert environment.keys() >= PUBLISHED_KEYS["environment"]
    assert environment["services"][0].keys() >= PUBLISHED_KEYS["service"]


def test_a_report_says_what_the_results_say() -> None:
    run = _dumped(reports.report(reports.succeeded("staging"), reports.failed("production")))
    assert (run["outcome"], run["exit_code"], run["duration_s"]) == ("failed", 1, 81.4)
    production = run["environments"][1]
    assert (production["name"], production["wave"], production["reason"]) == ("production", 2, "restart_error")
    assert production["submitted_at"] == "2026-08-14T03:00:00.000Z"
    api = production["services"][0]
    assert api["execution_id"] == f"{reports.ENVIRONMENT_ID}-42"
    assert api["timeline"] == [["RESTART_QUEUED", 0.9], ["RESTARTING", 6.2], ["RESTARTED", 31.0]]


def test_a_report_names_the_run_that_it_runs_again_and_the_command_that_goes_on_with_it() -> None:
    plain = _dumped(reports.report(reports.succeeded("staging")))
    assert (plain["parent_run_id"], plain["resume"]) == (None, None)
    again = _dumped(
        reports.report(reports.interrupted_result("staging"), parent_run_id="r-1234", resume=reports.RESUME)
    )
    assert (again["parent_run_id"], again["resume"]) == ("r-1234", reports.RESUME)


def test_the_exit_code_may_come_from_outside_the_environments() -> None:
    refused = reports.report(errors=["The token was refused."], exit_code=ExitCode.REFUSED)
    assert (refused.exit_code, refused.outcome.value) == (77, "failed")


def test_a_signal_makes_the_run_interrupted() -> None:
    report = reports.report(
        reports.without_submit("staging", Outcome.SKIPPED, Reason.INTERRUPTED), interrupted=ExitCode.SIGTERM
    )
    assert (report.exit_code, report.outcome.value) == (143, "interrupted")


@pytest.mark.parametrize(
    "instant",
    [
        pytest.param(datetime(2026, 8, 14, 5, 0, tzinfo=timezone(timedelta(hours=2))), id="in another zone"),
        pytest.param(datetime(2026, 8, 14, 3, 0), id="without a zone"),  # noqa: DTZ001 - the case in question
        pytest.param(datetime(2026, 8, 14, 3, 0, tzinfo=UTC), id="in UTC"),
    ],
)
def test_an_instant_is_shown_in_utc(instant: datetime) -> None:
    report = RunReport.of(
        [],
        run_id="r",
        config=None,
        simulated=False,
        started_at=instant,
        ended_at=instant,
        requests=RequestCounts(total=0, submits=0),
    )
    assert _dumped(report)["started_at"] == "2026-08-14T03:00:00.000Z"


def test_a_file_name_that_is_not_utf8_does_not_cost_the_report() -> None:
    assert _dumped(reports.report(config="caf\udce9.yaml"))["config"] == r"caf\udce9.yaml"


def test_a_report_of_an_earlier_version_is_read() -> None:
    written = _dumped(reports.report(reports.failed("production")))
    for name in ("config_path", "started_by", "requests_expected", "halted_at", "window_ends_at"):
        del written[name]
    for name in ("began_at", "proven_at", "waits", "checks", "left_out"):
        del written["environments"][0][name]
    assert RunReport.model_validate(written) == reports.report(reports.failed("production"))


def test_a_schema_of_the_same_number_takes_reports_without_what_was_added() -> None:
    assert SCHEMA_VERSION == 1
    definitions = report_schema()["$defs"]
    for name, keys in PUBLISHED_KEYS.items():
        of_run = report_schema()["properties"]
        properties = of_run if name == "run" else definitions[f"{name.capitalize()}Report"]["properties"]
        assert keys <= properties.keys()
