import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from orchestrator.domain.outcomes import ExitCode, Outcome, Reason
from orchestrator.reports.digest import HEADLINES, SIMULATED
from orchestrator.reports.markdown import LARGEST_COMMENT, MOST_OPEN, render_comment, render_markdown
from orchestrator.reports.model import RunReport
from orchestrator.text import printable
from tests.support.markup import Page
from tests.support.reports import (
    CONSOLE,
    NASTY,
    RESUME,
    every_ending,
    failed,
    interrupted_result,
    report,
    reports,
    service,
    succeeded,
    texts,
    without_submit,
)

TAGS = {
    "h2",
    "h3",
    "p",
    "strong",
    "code",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "details",
    "summary",
    "blockquote",
    "a",
}
PARSER = MarkdownIt("commonmark").enable("table").enable("strikethrough")


def page(run: RunReport) -> Page:
    return Page(PARSER.render(render_markdown(run)))


def cells(shown: Page) -> list[str]:
    return [cell.text for cell in shown.all("td")]


def test_a_mixed_run_reads_so() -> None:
    document = render_markdown(report(succeeded("staging", services=[]), failed("production")))
    assert document.splitlines()[:9] == [
        "## ❌ Run failed",
        "",
        "**1 failed, 1 succeeded** (exit code 1). 1m 21s, 42 requests, 2 restarts accepted, 3 posted.",
        "Run <code>r-7f3a</code> of <code>nightly.yaml</code>, 2026-08-14 03:00:00 UTC.",
        "",
        "| Environment | Outcome | Reason | Services | Duration |",
        "| --- | --- | --- | --- | --- |",
        "| <code>production</code> | ❌ failed | `restart_error` | 1/3 | 1m 03s |",
        "| <code>staging</code> | ✅ succeeded | `restarted` | - | 31s |",
    ]


def test_a_failure_has_its_message_its_console_page_and_its_services_unfolded() -> None:
    shown = page(report(succeeded("staging"), failed("production")))
    assert [heading.text for heading in shown.all("h3")] == ["production: failed"]
    assert "Qovery failed to restart web. Look at its logs, then run again." in [one.text for one in shown.all("p")]
    assert [link.attributes["href"] for link in shown.all("a")] == [CONSOLE]
    assert ["open" in one.attributes for one in shown.all("details")] == [True, False]
    assert cells(shown)[10:16] == [
        "api",
        "application",
        "✅ succeeded",
        "RESTARTED",
        "…-41 → …-42",
        "RESTART_QUEUED 0.9s, RESTARTING 6.2s, RESTARTED 31s",
    ]


def test_a_success_is_marked_as_one() -> None:
    assert render_markdown(report(succeeded("staging"))).startswith("## ✅ Run succeeded\n")


def test_a_console_that_is_no_address_of_the_web_is_no_link() -> None:
    shown = page(report(failed("production", console_url="javascript:alert(1)")))
    assert shown.all("a") == []
    assert "javascript:alert(1)" in [one.text for one in shown.all("code")]
    assert page(report(failed("production", console_url=None))).all("a") == []


def test_a_rehearsal_says_so() -> None:
    assert [one.text for one in page(report(simulated=True)).all("strong")][1:] == [SIMULATED]


def test_errors_and_what_an_interruption_left_behind_are_shown() -> None:
    run = report(
        interrupted_result("production"),
        interrupted=ExitCode.SIGINT,
        errors=["The journal is gone."],
        config=None,
        resume="qovery-restart resume r-7f3a --state-dir '/tmp/*x*'",
    )
    paragraphs = [one.text for one in page(run).all("p")]
    assert "The journal is gone." in paragraphs
    assert "May still be running at Qovery: production." in paragraphs
    assert "Resume it; nothing is submitted twice: qovery-restart resume r-7f3a --state-dir '/tmp/*x*'" in paragraphs


def test_a_run_that_left_something_open_says_how_to_look_again() -> None:
    run = report(without_submit("production", Outcome.UNKNOWN, Reason.CONTACT_LOST), resume=RESUME)
    assert f"Check again how it ended: {RESUME}" in [one.text for one in page(run).all("p")]


def test_a_fleet_is_summed_up() -> None:
    fleet = report(
        *(succeeded(f"good-{number}") for number in range(60)), *(failed(f"bad-{number}") for number in range(201))
    )
    shown = page(fleet)
    rows = [row.text.split("\n") for row in shown.all("tr")]
    assert ["60 environments", "✅ succeeded", "restarted", "", ""] in [row[1:6] for row in rows]
    assert "… and 1 more problem, no worse than these" in cells(shown)
    assert len(shown.all("h3")) == 200


def test_an_environment_without_services_has_no_table_of_them() -> None:
    shown = page(report(without_submit("preview", Outcome.BLOCKED, Reason.BUSY)))
    assert shown.all("details") == []


@pytest.mark.parametrize("nasty", NASTY)
def test_a_nasty_name_is_shown_as_it_is(nasty: str) -> None:
    run = report(
        failed(nasty, console_url=None), succeeded("b", services=[service(nasty, type=nasty, before=None, after=None)])
    )
    shown = page(run)
    expected = printable(run.environments[0].name).strip()
    assert cells(shown)[0] == expected
    assert shown.all("h3")[0].text == f"{expected}: failed"
    assert expected.replace("@", "@\u200b") in cells(shown)[-5]


@given(texts, texts)
def test_a_sentence_is_a_paragraph_whatever_is_in_it(error: str, message: str) -> None:
    environment = without_submit("e", Outcome.FAILED, Reason.SUBMIT_REFUSED, message)
    run = report(environment, errors=[error])
    shown = page(run)
    paragraphs = [one.text for one in shown.all("p")]
    for text in (run.errors[0], run.environments[0].message):
        expected = printable(text).strip()
        assert not expected or expected.replace("@", "@\u200b") in paragraphs
    assert len(paragraphs) <= 3


@settings(max_examples=50)
@given(reports())
def test_no_text_becomes_markup(run: RunReport) -> None:
    shown = page(run)
    assert {element.tag for element in shown.elements} <= TAGS
    assert all(element.attributes.keys() <= {"href", "open"} for element in shown.elements)
    assert all((link.attributes["href"] or "").lower().startswith("http") for link in shown.all("a"))


@settings(max_examples=50)
@given(reports())
def test_every_table_keeps_its_columns(run: RunReport) -> None:
    shown = page(run)
    with_services = [environment for environment in run.environments if environment.services]
    services = sum(len(environment.services) for environment in with_services)
    assert len(shown.all("td")) == 5 * len(run.environments) + 6 * services
    assert len(shown.all("table")) == bool(run.environments) + len(with_services)


@given(st.text(alphabet="@|`\\_*[]<>&#", min_size=1, max_size=12))
def test_a_name_made_of_syntax_is_shown_as_it_is(name: str) -> None:
    assert cells(page(report(succeeded(name))))[0] == printable(name)


def test_a_message_pings_nobody() -> None:
    environment = without_submit("e", Outcome.FAILED, Reason.SUBMIT_REFUSED, "Refused by @somebody.")
    assert "@somebody" not in page(report(environment)).all("p")[-1].text


@pytest.mark.parametrize("code", list(ExitCode), ids=lambda code: code.name.lower())
def test_every_ending_of_a_run_can_be_told(code: ExitCode) -> None:
    run = report(succeeded("e"), exit_code=code)
    assert page(run).all("h2")[0].text.endswith(HEADLINES[run.outcome])


def test_every_ending_of_an_environment_can_be_told() -> None:
    run = report(*every_ending(), exit_code=ExitCode.FAILED)
    shown = page(run)
    assert {environment.name for environment in run.environments} <= set(cells(shown))


def large(*, problems: int, successes: int, services: int, message: str = "It failed.") -> RunReport:
    many = [service(f"service-{number}") for number in range(services)]
    return report(
        *(succeeded(f"good-{number}", services=many) for number in range(successes)),
        *(
            without_submit(f"bad-{number}", Outcome.FAILED, Reason.SUBMIT_REFUSED, message, services=many)
            for number in range(problems)
        ),
    )


LEFT_OUT = "*Left out, since the whole would be too large here: "


@pytest.mark.parametrize(
    ("largest", "left_out", "has"),
    [
        pytest.param(30_000, None, "good-2: 30/30 services", id="all of it"),
        pytest.param(12_000, "the services of environments that went well", "service-29", id="services of problems"),
        pytest.param(2_000, "all services", "It failed.", id="messages"),
        pytest.param(800, "all services, and what happened in each environment", "bad-1", id="the table"),
        pytest.param(500, "everything about single environments", "2 failed, 3 succeeded", id="counts"),
    ],
)
def test_what_is_too_large_shows_less_and_says_so(largest: int, left_out: str | None, has: str) -> None:
    run = large(problems=2, successes=3, services=30, message="It failed. " * 40)
    document = render_markdown(run, largest=largest)
    assert len(document.encode()) <= largest
    last = document.rstrip("\n").splitlines()[-1]
    assert last.startswith(LEFT_OUT) == (left_out is not None)
    assert left_out is None or last == f"{LEFT_OUT}{left_out}. The JSON report has all of it.*"
    assert has in "\n".join(element.text for element in Page(PARSER.render(document)).elements)
    assert document.endswith("\n")


def test_a_large_fleet_fits_into_the_summary_of_a_step() -> None:
    document = render_markdown(large(problems=200, successes=100, services=60))
    assert len(document.encode()) <= 1_000_000
    assert "bad-199" in document
    assert LEFT_OUT in document.splitlines()[-1]


def test_problems_are_shown_before_what_is_left_out_of_successes() -> None:
    document = render_markdown(large(problems=100, successes=50, services=60))
    assert len(document.encode()) <= 1_000_000
    assert document.count("<summary>Services: ") == document.count("<details") == 100


@pytest.mark.parametrize("texts", [1, 40], ids=["one", "many"])
def test_endless_errors_of_a_run_are_cut_at_the_end_of_one(texts: int) -> None:
    run = report(errors=["Short."] + ["ä" * (40_000 // texts)] * texts, exit_code=ExitCode.USAGE)
    document = render_markdown(run, largest=20_000)
    assert len(document.encode()) <= 20_000
    assert "\nShort.\n" in document
    assert "some of what is to be said of the run" in document.splitlines()[-1]


@settings(max_examples=30)
@given(reports(), st.integers(min_value=0, max_value=20_000))
def test_no_report_is_larger_than_asked_for(run: RunReport, room: int) -> None:
    largest = 10_000 + room
    assert len(render_markdown(run, largest=largest).encode()) <= largest


def test_three_hundred_failures_have_room_in_a_comment() -> None:
    text = render_comment(report(*(failed(f"environment {number}") for number in range(300))))
    assert len(text.encode()) <= LARGEST_COMMENT < 65_536
    assert "Run failed" in text
    assert "Left out" in text


@pytest.mark.parametrize(("problems", "opened"), [(MOST_OPEN, MOST_OPEN), (MOST_OPEN + 1, 0)], ids=["few", "many"])
def test_the_services_of_many_problems_are_folded(problems: int, opened: int) -> None:
    text = render_markdown(report(*(failed(f"environment {number}") for number in range(problems))))
    assert (text.count("<details open>"), text.count("<details")) == (opened, problems)
