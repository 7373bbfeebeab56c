import re
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings

from orchestrator.domain.outcomes import ExitCode, Outcome, Reason, ServiceResult
from orchestrator.reports.digest import HEADLINES, SIMULATED
from orchestrator.reports.html import render_html
from orchestrator.reports.model import EnvironmentReport, RunReport, ServiceReport
from orchestrator.reports.stylesheet import STYLESHEET
from orchestrator.text import printable
from tests.support.markup import Page
from tests.support.reports import (
    CONSOLE,
    ENVIRONMENT_ID,
    NASTY,
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

LEGEND_ENTRIES = 5


def page(run: RunReport) -> Page:
    return Page(render_html(run))


def bar_of(timeline: tuple[tuple[str, float], ...], *others: ServiceResult) -> list[tuple[str | None, str | None]]:
    """The class and the style of each piece of a service's bar."""
    shown = page(report(succeeded("e", services=[replace(service("api"), timeline=timeline), *others])))
    pieces = shown.all("i")[LEGEND_ENTRIES:][: len(timeline) + 1]
    return [(piece.attributes["class"], piece.attributes.get("style")) for piece in pieces]


def test_the_headline_the_tally_and_the_exit_code_come_first() -> None:
    shown = page(report(succeeded("staging"), failed("production")))
    assert [element.text for element in shown.all("h1")] == ["Run failed"]
    assert [element.text for element in shown.all("title")] == ["Run failed: 1 failed, 1 succeeded"]
    facts = dict(zip([term.text for term in shown.all("dt")], [value.text for value in shown.all("dd")], strict=True))
    assert facts["Exit code"] == "1"
    assert facts["Started"] == "2026-08-14 03:00:00 UTC"
    assert facts["Requests"] == "42, 3 of them submits"
    assert facts["Configuration"] == "nightly.yaml"


def test_problems_come_first_and_open_and_successes_closed() -> None:
    shown = page(report(succeeded("staging"), failed("production")))
    assert [heading.text for heading in shown.all("h3")] == ["production", "staging"]
    assert ["open" in environment.attributes for environment in shown.all("details")] == [True, False]


def test_every_line_of_the_overview_leads_to_its_environment() -> None:
    shown = page(report(succeeded("staging"), failed("production"), succeeded("demo")))
    links = [link.attributes["href"] for link in shown.all("a") if (link.attributes["href"] or "").startswith("#")]
    assert links == [f"#{environment.attributes['id']}" for environment in shown.all("details")]


def test_a_service_shows_its_outcome_state_and_evidence() -> None:
    shown = page(report(succeeded("staging", services=[service("api")])))
    execution = shown.all("span", class_="execution")[0]
    assert execution.text == "…-41 → …-42"
    assert execution.attributes["title"] == f"before: {ENVIRONMENT_ID}-41; after: {ENVIRONMENT_ID}-42"
    moments = shown.all("ol", class_="moments")[0]
    assert moments.text == "RESTART_QUEUED 0.9sRESTARTING 6.2sRESTARTED 31s"


def test_what_was_not_seen_is_said_to_be_so() -> None:
    unseen = service("api", Outcome.UNKNOWN, None, before=None, after=None)
    shown = page(report(without_submit("e", Outcome.UNKNOWN, Reason.CONTACT_LOST, services=[unseen])))
    text = shown.all("tbody")[1].text
    assert "not seen" in text
    assert "none seen" in text
    assert "nothing seen" in text
    assert shown.all("div", class_="bar") == []


def test_a_bar_is_as_long_as_the_states_took() -> None:
    slowest = replace(service("web"), timeline=(("RESTARTING", 0.0), ("RESTARTED", 40.0)))
    assert bar_of((("RESTART_QUEUED", 2.0), ("RESTARTING", 6.0), ("RESTARTED", 30.0)), slowest) == [
        ("before", "width:5.00%"),
        ("queued", "width:10.00%"),
        ("running", "width:60.00%"),
        ("good last", None),
    ]


@pytest.mark.parametrize(
    ("state", "tone"),
    [
        pytest.param("RESTART_ERROR", "bad", id="failure"),
        pytest.param("DEPLOYED", "other", id="ended otherwise"),
        pytest.param("NEVER_HEARD_OF", "other", id="unknown"),
        pytest.param("CANCELING", "running", id="in progress"),
        pytest.param("DEPLOYMENT_QUEUED", "queued", id="queued"),
    ],
)
def test_a_state_has_the_colour_of_what_it_means(state: str, tone: str) -> None:
    assert bar_of(((state, 3.0),))[-1] == (f"{tone} last", None)


def test_a_timeline_at_the_very_start_has_no_length() -> None:
    assert bar_of((("RESTARTING", 0.0), ("RESTARTED", 0.0)))[:2] == [
        ("before", "width:0.00%"),
        ("running", "width:0.00%"),
    ]


def test_a_timeline_of_a_clock_that_was_set_back_stays_in_its_bar() -> None:
    assert bar_of((("RESTARTING", 5.0), ("RESTART_QUEUED", 2.0), ("RESTARTED", -1.0))) == [
        ("before", "width:100.00%"),
        ("running", "width:0.00%"),
        ("queued", "width:0.00%"),
        ("good last", None),
    ]


def test_the_console_is_linked_where_it_is_an_address_of_the_web() -> None:
    linked = page(report(failed("production"))).all("a", rel="noreferrer noopener")
    assert [link.attributes["href"] for link in linked] == [CONSOLE]
    for url in (None, "javascript:alert(1)"):
        assert page(report(failed("production", console_url=url))).all("a", rel="noreferrer noopener") == []


def test_a_rehearsal_says_so() -> None:
    assert [one.text for one in page(report(simulated=True)).all("strong")] == [SIMULATED]
    assert page(report()).all("strong") == []


def test_errors_and_what_an_interruption_left_behind_are_shown() -> None:
    resume = "qovery-restart resume r-7f3a --state-dir '/tmp/<b>'"
    run = report(
        interrupted_result("production"), interrupted=ExitCode.SIGINT, errors=["The journal is gone."], resume=resume
    )
    shown = page(run)
    assert [notice.text for notice in shown.all("p", class_="notice bad")] == ["The journal is gone."]
    left_behind = shown.all("p", class_="notice")[0].text
    assert "May still be running at Qovery: production." in left_behind
    assert f"Resume it; nothing is submitted twice: {resume}" in left_behind


def test_a_run_that_left_something_open_says_how_to_look_again_and_any_other_says_nothing() -> None:
    lost = without_submit("production", Outcome.UNKNOWN, Reason.CONTACT_LOST)
    notices = [one.text for one in page(report(lost, resume=RESUME)).all("p", class_="notice")]
    assert notices == [f"Check again how it ended: {RESUME}"]
    assert page(report(lost)).all("p", class_="notice") == []


def test_a_run_without_environments_has_no_empty_tables() -> None:
    shown = page(report(errors=["No."], exit_code=ExitCode.USAGE, config=None))
    assert shown.all("table") == []
    assert shown.all("h2") == []
    assert "none" in [fact.text for fact in shown.all("dd")]


def test_the_page_stands_alone() -> None:
    document = render_html(report(failed("production")))
    shown = Page(document)
    assert not {element.tag for element in shown.elements} & {"script", "link", "img", "iframe", "object", "form"}
    assert not any({"src", "srcset", "action"} & element.attributes.keys() for element in shown.elements)
    assert "url(" not in document
    assert "@import" not in document
    policy = shown.all("meta", **{"http-equiv": "Content-Security-Policy"})[0].attributes["content"] or ""
    assert policy.startswith("default-src 'none'")


def test_the_page_can_be_read_by_a_machine_that_reads_it_aloud() -> None:
    shown = page(report(failed("production"), succeeded("staging")))
    assert shown.all("html")[0].attributes["lang"] == "en"
    assert len(shown.all("h1")) == 1
    assert len(shown.all("caption")) == len(shown.all("table"))
    assert all(heading.attributes["scope"] in ("col", "row") for heading in shown.all("th"))
    assert all(bar.attributes["aria-hidden"] == "true" for bar in shown.all("div", class_="bar"))


def _luminance(color: str) -> float:
    channels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        *product(("ink", "quiet", "link", "good", "bad"), ("ground",)),
        *((tone, f"{tone}-ground") for tone in ("good", "bad", "warn", "doubt")),
        ("quiet", "panel"),
    ],
)
def test_text_stands_out_from_its_ground(theme: int, ink: str, ground: str) -> None:
    # The formula and the bound are those of WCAG 2.2, success criterion 1.4.3 (AA).
    colors = dict(
        re.findall(r"--([\w-]+): (#[0-9a-f]{6})", re.findall(r":root \{(.*?--bar.*?)\}", STYLESHEET, re.DOTALL)[theme])
    )
    lighter, darker = sorted((_luminance(colors[ink]), _luminance(colors[ground])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def _with_harmless_texts(run: RunReport) -> RunReport:
    """The same report with every text replaced, so that only the structure is left to compare."""

    def harmless(one: ServiceReport) -> ServiceReport:
        return one.model_copy(update={"id": "x", "name": "x", "type": "x", "execution_id": "x"})

    def harmless_environment(one: EnvironmentReport) -> EnvironmentReport:
        return one.model_copy(
            update={"id": "x", "name": "x", "message": "x", "services": tuple(map(harmless, one.services))}
        )

    return run.model_copy(
        update={
            "run_id": "x",
            "config": "x",
            "errors": tuple("x" for _ in run.errors),
            "environments": tuple(map(harmless_environment, run.environments)),
        }
    )


@settings(max_examples=50)
@given(reports())
def test_no_text_changes_the_structure_of_the_page(run: RunReport) -> None:
    assert page(run).skeleton == page(_with_harmless_texts(run)).skeleton


@pytest.mark.parametrize("nasty", NASTY)
def test_a_nasty_name_is_shown_as_it_is(nasty: str) -> None:
    run = report(succeeded(nasty, services=[service(nasty, type=nasty)]), run_id=nasty, errors=[nasty])
    shown = page(run)
    expected = printable(run.environments[0].name)
    assert shown.all("h3")[0].text == expected
    assert shown.all("p", class_="notice bad")[0].text == expected
    assert expected in [heading.text for heading in shown.all("th", scope="row")]


@pytest.mark.parametrize("code", list(ExitCode), ids=lambda code: code.name.lower())
def test_every_ending_of_a_run_can_be_shown(code: ExitCode) -> None:
    run = report(succeeded("e"), exit_code=code)
    assert page(run).all("h1")[0].text == HEADLINES[run.outcome]


def test_every_ending_of_an_environment_can_be_shown() -> None:
    run = report(*every_ending(), exit_code=ExitCode.FAILED)
    shown = page(run)
    assert {heading.text for heading in shown.all("h3")} == {environment.name for environment in run.environments}
