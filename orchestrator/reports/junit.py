"""The JUnit XML report, for Jenkins, GitLab and GitHub's reporters.

The format has no specification. The whole document follows the schema of Jenkins' xunit plugin (junit-10.xsd), and its
cases that of Maven Surefire (surefire-test-report.xsd), which the others read too. Of a suite, Surefire's schema knows
neither `file` nor `timestamp`.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from orchestrator.domain.outcomes import Outcome
from orchestrator.reports.digest import HEADLINES, SIMULATED, next_steps, outcome_words, tally
from orchestrator.reports.model import EnvironmentReport, RunReport, ServiceReport
from orchestrator.text import printable

ENVIRONMENT_CASE = "environment"
"""The name of the test case that stands for an environment as a whole."""

_ELEMENTS = {
    Outcome.FAILED: "failure",
    Outcome.CANCELLED: "failure",
    Outcome.TIMED_OUT: "error",
    Outcome.UNKNOWN: "error",
    Outcome.BLOCKED: "error",
    Outcome.SKIPPED: "skipped",
}


def render_junit(report: RunReport) -> str:
    """Render a run as JUnit XML: a test suite for each environment, a test case for each of its services.

    The environment is a test case too, since it can fail although no service does: a verification did not pass, or a
    restart was never submitted. If a run fails and no environment does, because of its `errors` or a signal, that is a
    suite of its own: a pipeline that reads only this file sees every run that did not succeed.

    Times are seconds from the submit. Services restart in parallel, so their times do not add up to their suite's.
    """
    suites = [_environment_suite(environment, report) for environment in report.environments]
    problems = _problems_of_the_run(report)
    if problems:
        suites.insert(0, _run_suite(problems, report))
    root = ET.Element("testsuites", name="qovery-restart", time=_seconds(report.duration_s))
    for attribute in ("tests", "failures", "errors"):
        root.set(attribute, str(sum(int(suite.get(attribute, 0)) for suite in suites)))
    root.extend(suites)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _problems_of_the_run(report: RunReport) -> tuple[str, ...]:
    problems = (*report.errors, *next_steps(report))
    is_visible = any(_ELEMENTS.get(each.outcome) in ("failure", "error") for each in report.environments)
    if report.exit_code and not is_visible and not problems:
        return (f"{HEADLINES[report.outcome]}: {tally(report)}.",)
    return problems


def _run_suite(problems: Iterable[str], report: RunReport) -> ET.Element:
    case = ET.Element("testcase", classname="qovery-restart", name="run", time=_seconds(report.duration_s))
    headline = f"{HEADLINES[report.outcome]}, exit code {report.exit_code}"
    ET.SubElement(case, "error", type=report.outcome.value, message=headline).text = _lines(problems)
    return _suite(
        "run",
        [case],
        seconds=report.duration_s,
        instant=report.started_at,
        properties=_run_properties(report),
        file=report.config,
    )


def _environment_suite(environment: EnvironmentReport, report: RunReport) -> ET.Element:
    properties = {
        **_run_properties(report),
        "environment_id": environment.id,
        "wave": str(environment.wave),
        "outcome": environment.outcome.value,
        "reason": environment.reason.value,
        "console_url": environment.console_url or "",
    }
    names = Counter([ENVIRONMENT_CASE, *(service.name for service in environment.services)])
    return _suite(
        environment.name,
        [
            _environment_case(environment, place=_place(environment, report)),
            *(
                _service_case(
                    service, environment, is_ambiguous=names[service.name] > 1, place=_place(environment, report)
                )
                for service in environment.services
            ),
        ],
        seconds=environment.duration_s,
        instant=environment.submitted_at or report.started_at,
        properties=properties,
        file=report.config,
    )


def _suite(
    name: str,
    cases: list[ET.Element],
    *,
    seconds: float | None,
    instant: datetime,
    properties: dict[str, str],
    file: str | None,
) -> ET.Element:
    suite = ET.Element(
        "testsuite",
        name=printable(name),
        tests=str(len(cases)),
        failures=_count(cases, "failure"),
        errors=_count(cases, "error"),
        skipped=_count(cases, "skipped"),
        time=_seconds(seconds),
        # The format has no time zones; strict readers reject them.
        timestamp=instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
    )
    if file:
        suite.set("file", printable(file))
    listed = ET.SubElement(suite, "properties")
    for key, value in properties.items():
        if value:
            ET.SubElement(listed, "property", name=key, value=printable(value))
    suite.extend(cases)
    return suite


def _count(cases: Iterable[ET.Element], element: str) -> str:
    return str(sum(case.find(element) is not None for case in cases))


def _run_properties(report: RunReport) -> dict[str, str]:
    return {
        "run_id": report.run_id,
        "config": report.config or "",
        "simulated": SIMULATED if report.simulated else "",
    }


def _place(environment: EnvironmentReport, report: RunReport) -> str | None:
    """Return where the environment is listed, as `nightly.yaml:12`, which readers of logs and reports link."""
    if report.config is None or environment.line is None:
        return None
    return f"{report.config}:{environment.line}"


def _environment_case(environment: EnvironmentReport, *, place: str | None) -> ET.Element:
    case = _case(environment, ENVIRONMENT_CASE, environment.duration_s)
    details = [environment.message, *filter(None, [environment.console_url, place])]
    _add_ending(case, environment.outcome, kind=environment.reason.value, message=environment.message, details=details)
    return case


def _service_case(
    service: ServiceReport, environment: EnvironmentReport, *, is_ambiguous: bool, place: str | None
) -> ET.Element:
    # An application and a database may share a name, and readers merge equal cases.
    name = f"{service.name} ({service.type})" if is_ambiguous else service.name
    case = _case(environment, name, service.timeline[-1][1] if service.timeline else None)
    state = service.state or "no state seen"
    message = f"{outcome_words(service.outcome)}: {state}"
    details = [environment.message, *filter(None, [place])]
    _add_ending(case, service.outcome, kind=state, message=message, details=details)
    ET.SubElement(case, "system-out").text = _lines(
        [
            f"type: {service.type}",
            f"id: {service.id}",
            f"state: {state}",
            f"execution before: {service.baseline_execution_id or 'none seen'}",
            f"execution after: {service.execution_id or 'none seen'}",
            *(f"{seconds:8.1f} s  {reached}" for reached, seconds in service.timeline),
        ]
    )
    return case


def _case(environment: EnvironmentReport, name: str, seconds: float | None) -> ET.Element:
    return ET.Element("testcase", classname=printable(environment.name), name=printable(name), time=_seconds(seconds))


def _add_ending(case: ET.Element, outcome: Outcome, *, kind: str, message: str, details: Iterable[str]) -> None:
    """Add the element of a case that did not pass; a passed case has none."""
    element = _ELEMENTS.get(outcome)
    if element is None:
        return
    ending = ET.SubElement(case, element, message=printable(message))
    ending.text = _lines(details)
    if element != "skipped":  # Surefire's schema refuses it there, and asks for it elsewhere.
        ending.set("type", printable(kind))


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(map(printable, lines))


def _seconds(seconds: float | None) -> str:
    return f"{max(0.0, seconds or 0.0):.3f}"
