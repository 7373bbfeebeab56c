import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings

from orchestrator.domain.outcomes import ExitCode, Outcome, Reason
from orchestrator.reports.digest import SIMULATED
from orchestrator.reports.junit import render_junit
from orchestrator.reports.model import RunReport
from orchestrator.text import printable
from tests.support.reports import (
    ENVIRONMENT_ID,
    RESUME,
    every_ending,
    failed,
    interrupted_result,
    report,
    reports,
    service,
    succeeded,
    without_submit,
)

# What the schema of Jenkins' xunit plugin (junit-10.xsd) allows: attributes, of which `!` are required, and children.
SCHEMA: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, set(), {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "group", "time", "skipped", "timestamp", "hostname", "id", "package"}
        | {"file", "log", "url"},
        {"name", "tests", "failures", "errors"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, {"name", "value"}, set()),
    "testcase": (
        {"name", "time", "classname", "group"},
        {"name"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": ({"type", "message"}, set(), set()),
    "error": ({"type", "message"}, set(), set()),
    "skipped": ({"type", "message"}, set(), set()),
    "system-out": (set(), set(), set()),
}
TIME = re.compile(r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]*)?")

# What Maven Surefire's schema (surefire-test-report.xsd) asks for: attributes allowed and required, and the children in
# their order, of which only those that are marked may come more than once.
SUREFIRE: dict[str, tuple[set[str], set[str], str]] = {
    "testsuite": (
        {"name", "time", "tests", "errors", "skipped", "failures", "group"},
        {"name", "tests", "errors", "skipped", "failures"},
        "properties* testcase*",
    ),
    "properties": (set(), set(), "property*"),
    "property": ({"name", "value"}, {"name", "value"}, ""),
    "testcase": (
        {"name", "classname", "group", "time"},
        {"name", "time"},
        "failure* rerunFailure* flakyFailure* skipped error rerunError* flakyError* system-out system-err",
    ),
    "failure": ({"message", "type"}, {"type"}, ""),
    "error": ({"message", "type"}, {"type"}, ""),
    "skipped": ({"message"}, set(), ""),
    "system-out": (set(), set(), ""),
    "system-err": (set(), set(), ""),
}
UNKNOWN_TO_SUREFIRE = {"file", "timestamp"}
"""Attributes of a suite that its schema does not know. Jenkins' does, and readers of it use them."""
SUREFIRE_TIME = re.compile(r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]{0,3})?")


def surefire_violations(element: ET.Element) -> Iterator[str]:
    allowed, required, order = SUREFIRE[element.tag]
    given = set(element.keys()) - (UNKNOWN_TO_SUREFIRE if element.tag == "testsuite" else set())
    if not required <= given <= allowed:
        yield f"<{element.tag}> has {sorted(given)}"
    if "time" in given and not SUREFIRE_TIME.fullmatch(element.attrib["time"]):
        yield f"<{element.tag}> took {element.attrib['time']}"
    pattern = "".join(f"(?:{each.rstrip('*')} ){'*' if each.endswith('*') else '?'}" for each in order.split())
    if not re.fullmatch(pattern, "".join(f"{child.tag} " for child in element)):
        yield f"<{element.tag}> holds {[child.tag for child in element]}"
    for child in element:
        yield from surefire_violations(child)


def parsed(run: RunReport) -> ET.Element:
    # As bytes, for that is how readers get it, and so the declaration has to be true.
    return ET.fromstring(render_junit(run).encode("utf-8"))


def suite_of(run: RunReport, name: str) -> ET.Element:
    return next(suite for suite in parsed(run) if suite.get("name") == name)


def case_of(suite: ET.Element, name: str) -> ET.Element:
    return next(case for case in suite.iter("testcase") if case.get("name") == name)


def properties_of(suite: ET.Element) -> dict[str, str]:
    return {entry.attrib["name"]: entry.attrib["value"] for entry in suite.iter("property")}


def counts(element: ET.Element, *attributes: str) -> tuple[int, ...]:
    return tuple(int(element.attrib[attribute]) for attribute in attributes)


def violations(element: ET.Element) -> Iterator[str]:
    allowed, required, children = SCHEMA[element.tag]
    if not required <= set(element.keys()) <= allowed:
        yield f"<{element.tag}> has {sorted(element.keys())}"
    if element.tag in ("testsuite", "testsuites") and not TIME.fullmatch(element.get("time", "")):
        yield f"<{element.tag}> took {element.get('time')}"
    for child in element:
        if child.tag not in children:
            yield f"<{element.tag}> holds <{child.tag}>"
        yield from violations(child)


def test_a_suite_is_an_environment_and_a_case_a_service() -> None:
    suite = suite_of(report(succeeded("staging"), failed("production")), "production")
    assert [(case.get("classname"), case.get("name"), case.get("time")) for case in suite.iter("testcase")] == [
        ("production", "environment", "63.000"),
        ("production", "api", "31.000"),
        ("production", "web", "60.300"),
        ("production", "worker", "61.000"),
    ]
    assert counts(suite, "tests", "failures", "errors", "skipped") == (4, 3, 0, 0)
    assert (suite.get("time"), suite.get("timestamp")) == ("63.000", "2026-08-14T03:00:00")


def test_the_whole_counts_its_suites() -> None:
    run = report(succeeded("staging"), failed("production"), without_submit("a", Outcome.UNKNOWN, Reason.CONTACT_LOST))
    assert counts(parsed(run), "tests", "failures", "errors") == (8, 3, 1)
    assert parsed(run).get("time") == "81.400"


@pytest.mark.parametrize(
    ("outcome", "element"),
    [
        pytest.param(Outcome.SUCCEEDED, None, id="succeeded"),
        pytest.param(Outcome.FAILED, "failure", id="failed"),
        pytest.param(Outcome.CANCELLED, "failure", id="cancelled"),
        pytest.param(Outcome.TIMED_OUT, "error", id="timed out"),
        pytest.param(Outcome.UNKNOWN, "error", id="unknown"),
        pytest.param(Outcome.BLOCKED, "error", id="blocked"),
        pytest.param(Outcome.SKIPPED, "skipped", id="skipped"),
    ],
)
def test_an_outcome_is_told_in_the_format_s_terms(outcome: Outcome, element: str | None) -> None:
    environment = without_submit("e", outcome, Reason.BUSY, services=[service("api", outcome)])
    suite = suite_of(report(environment), "e")
    for name in ("environment", "api"):
        told = [child.tag for child in case_of(suite, name) if child.tag != "system-out"]
        assert told == ([element] if element else [])


def test_a_blocked_environment_without_services_is_an_error() -> None:
    blocked = without_submit("preview", Outcome.BLOCKED, Reason.BUSY, "Another operation is in progress there.")
    error = case_of(suite_of(report(blocked), "preview"), "environment").find("error")
    assert error is not None
    assert (error.get("type"), error.get("message")) == ("busy", "Another operation is in progress there.")


def test_a_failure_says_what_to_do_and_where_to_look() -> None:
    failure = case_of(suite_of(report(failed("production")), "production"), "environment").find("failure")
    assert failure is not None
    assert failure.text is not None
    assert failure.text.splitlines() == [
        "Qovery failed to restart web. Look at its logs, then run again.",
        f"https://console.example.com/environment/{ENVIRONMENT_ID}",
    ]


def test_every_service_carries_its_evidence_whole() -> None:
    assert case_of(suite_of(report(succeeded("staging")), "staging"), "api").findtext("system-out") == (
        "type: application\n"
        "id: id of api\n"
        "state: RESTARTED\n"
        f"execution before: {ENVIRONMENT_ID}-41\n"
        f"execution after: {ENVIRONMENT_ID}-42\n"
        "     0.9 s  RESTART_QUEUED\n"
        "     6.2 s  RESTARTING\n"
        "    31.0 s  RESTARTED"
    )


def test_what_was_not_seen_is_said_to_be_so() -> None:
    unseen = service("api", Outcome.UNKNOWN, None, before=None, after=None)
    case = case_of(
        suite_of(report(without_submit("e", Outcome.UNKNOWN, Reason.CONTACT_LOST, services=[unseen])), "e"), "api"
    )
    assert case.get("time") == "0.000"
    assert "execution after: none seen" in (case.findtext("system-out") or "")


@pytest.mark.parametrize("shared", ["db", "environment"])
def test_services_that_share_a_name_are_told_apart(shared: str) -> None:
    services = [service(shared), service(shared, type="database"), service("api")]
    names = [case.get("name") for case in suite_of(report(succeeded("e", services=services)), "e").iter("testcase")]
    assert names == ["environment", f"{shared} (application)", f"{shared} (database)", "api"]


def test_a_service_called_as_the_case_of_its_environment_is_told_apart() -> None:
    suite = suite_of(report(succeeded("e", services=[service("environment")])), "e")
    assert [case.get("name") for case in suite.iter("testcase")] == ["environment", "environment (application)"]


def test_properties_name_the_run_and_the_environment() -> None:
    properties = properties_of(suite_of(report(succeeded("staging"), simulated=True), "staging"))
    assert properties["run_id"] == "r-7f3a"
    assert properties["environment_id"] == ENVIRONMENT_ID
    assert properties["simulated"] == SIMULATED
    assert "simulated" not in properties_of(suite_of(report(succeeded("staging")), "staging"))


def test_what_kept_the_run_from_its_environments_is_an_error_of_the_run() -> None:
    suite = suite_of(report(errors=["The token was refused.", "Really."], exit_code=ExitCode.REFUSED), "run")
    assert counts(suite, "tests", "failures", "errors") == (1, 0, 1)
    error = suite.find("testcase/error")
    assert error is not None
    assert (error.get("message"), error.text) == ("Run failed, exit code 77", "The token was refused.\nReally.")


def test_an_interrupted_run_says_how_to_go_on() -> None:
    run = report(interrupted_result("production"), interrupted=ExitCode.SIGINT, resume=RESUME)
    error = suite_of(run, "run").find("testcase/error")
    assert error is not None
    assert (error.text or "").splitlines() == [
        "May still be running at Qovery: production.",
        f"Resume it; nothing is submitted twice: {RESUME}",
    ]


def test_a_run_that_left_something_open_says_how_to_look_again() -> None:
    lost = without_submit("production", Outcome.UNKNOWN, Reason.CONTACT_LOST)
    assert suite_of(report(lost, resume=RESUME), "run").findtext("testcase/error") == (
        f"Check again how it ended: {RESUME}"
    )


def test_a_run_that_proved_nothing_does_not_look_green() -> None:
    run = report(without_submit("staging", Outcome.SKIPPED, Reason.HALTED))
    assert run.exit_code == ExitCode.UNKNOWN
    assert counts(parsed(run), "failures", "errors") == (0, 1)
    assert suite_of(run, "run").findtext("testcase/error") == "Outcome unknown: 1 skipped."


def test_a_run_whose_environments_tell_all_has_no_suite_of_its_own() -> None:
    assert [suite.get("name") for suite in parsed(report(succeeded("a"), failed("b")))] == ["a", "b"]


def test_a_name_cannot_forge_evidence() -> None:
    forged = service("api", Outcome.FAILED, "ERROR\nexecution after: fine")
    suite = suite_of(report(without_submit("e", Outcome.FAILED, Reason.RESTART_ERROR, services=[forged])), "e")
    evidence = case_of(suite, "api").findtext("system-out") or ""
    assert sum(line.startswith("execution after:") for line in evidence.splitlines()) == 1


@settings(max_examples=50)
@given(reports())
def test_any_report_is_a_document_that_keeps_to_the_schemas(run: RunReport) -> None:
    assert list(violations(parsed(run))) == []
    assert [each for suite in parsed(run) for each in surefire_violations(suite)] == []


@pytest.mark.parametrize("code", list(ExitCode), ids=lambda code: code.name.lower())
def test_every_ending_keeps_to_the_schemas(code: ExitCode) -> None:
    root = parsed(report(*every_ending(), exit_code=code, errors=["No."]))
    assert list(violations(root)) == []
    assert [each for suite in root for each in surefire_violations(suite)] == []


def test_a_suite_names_the_file_and_a_failure_its_line_in_it() -> None:
    run = report(failed("production"), without_submit("preview", Outcome.SKIPPED, Reason.HALTED))
    run = run.model_copy(
        update={"environments": tuple(each.model_copy(update={"line": 12}) for each in run.environments)}
    )
    assert {suite.get("file") for suite in parsed(run)} == {"nightly.yaml"}
    told = {case.get("name"): case[0].text or "" for case in suite_of(run, "production").iter("testcase") if len(case)}
    assert {name: text.splitlines()[-1] for name, text in told.items() if name != "api"} == {
        "environment": "nightly.yaml:12",
        "web": "nightly.yaml:12",
        "worker": "nightly.yaml:12",
    }


@pytest.mark.parametrize("config", [None, "nightly.yaml"], ids=["no file", "no line"])
def test_a_place_that_is_not_known_is_not_made_up(config: str | None) -> None:
    suite = suite_of(report(failed("production"), config=config), "production")
    assert suite.get("file") == config
    assert not re.search(r":\d+$", case_of(suite, "environment").findtext("failure") or "", re.MULTILINE)


def test_no_two_cases_of_a_run_have_class_and_name_in_common() -> None:
    services = [service("db"), service("db", type="database"), service("environment")]
    root = parsed(report(succeeded("a", services=services), succeeded("b", services=services), failed("c")))
    cases = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(set(cases)) == len(cases)


@settings(max_examples=50)
@given(reports())
def test_the_counts_add_up(run: RunReport) -> None:
    root = parsed(run)
    for suite in root:
        cases = list(suite.iter("testcase"))
        found = [sum(case.find(tag) is not None for case in cases) for tag in ("failure", "error", "skipped")]
        assert counts(suite, "tests", "failures", "errors", "skipped") == (len(cases), *found)
    for attribute in ("tests", "failures", "errors"):
        assert int(root.attrib[attribute]) == sum(int(suite.attrib[attribute]) for suite in root)


@settings(max_examples=50)
@given(reports())
def test_a_run_that_did_not_succeed_is_never_green(run: RunReport) -> None:
    if run.exit_code != ExitCode.SUCCEEDED:
        assert sum(counts(parsed(run), "failures", "errors")) > 0


@settings(max_examples=50)
@given(reports())
def test_every_name_and_message_survives(run: RunReport) -> None:
    suites = list(parsed(run))[-len(run.environments) or len(list(parsed(run))) :]
    for suite, environment in zip(suites, run.environments, strict=True):
        assert suite.get("name") == printable(environment.name)
        for case, one in zip(list(suite.iter("testcase"))[1:], environment.services, strict=True):
            assert (case.get("name") or "").startswith(printable(one.name))


@pytest.mark.parametrize("code", list(ExitCode), ids=lambda code: code.name.lower())
def test_every_ending_can_be_told(code: ExitCode) -> None:
    run = report(*every_ending(), exit_code=code)
    assert len([suite for suite in parsed(run) if suite.get("name") != "run"]) == len(run.environments)
