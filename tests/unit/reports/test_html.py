import math
import re
from dataclasses import replace
from itertools import combinations, product

import pytest
from hypothesis import given, settings

from orchestrator.domain.accounts import CheckResult, Wait, WaitedFor
from orchestrator.domain.outcomes import ExitCode, Outcome, Reason, ServiceResult
from orchestrator.domain.plan import Exclusion
from orchestrator.reports.digest import HEADLINES, SIMULATED
from orchestrator.reports.html import render_html
from orchestrator.reports.model import (
    CheckReport,
    EnvironmentReport,
    RunReport,
    ServiceReport,
    StartedBy,
    Trigger,
)
from orchestrator.reports.overview import MOST_OPEN, MOST_UNFOLDED, SHOWN_AT_THE_TOP
from orchestrator.reports.stylesheet import STYLESHEET
from orchestrator.text import printable
from tests.support.markup import Element, Page
from tests.support.pages import night
from tests.support.reports import (
    CONSOLE,
    ENVIRONMENT_ID,
    NASTY,
    RESUME,
    START,
    every_ending,
    failed,
    interrupted_result,
    report,
    reports,
    service,
    succeeded,
    without_submit,
)

COLOURS = "Colours of the timelines"


def page(run: RunReport) -> Page:
    return Page(render_html(run))


def bar_of(timeline: tuple[tuple[str, float], ...], *others: ServiceResult) -> list[tuple[str | None, str | None]]:
    """The class and the style of each piece of a service's bar."""
    shown = page(report(succeeded("e", services=[replace(service("api"), timeline=timeline), *others])))
    in_bars = [piece for piece in shown.all("i") if piece.attributes.get("style") or "last" in _class_of(piece)]
    return [(piece.attributes["class"], piece.attributes.get("style")) for piece in in_bars[: len(timeline) + 1]]


def _class_of(element: Element) -> str:
    return element.attributes.get("class") or ""


def facts_of(run: RunReport) -> dict[str, str]:
    shown = page(run)
    return dict(zip([term.text for term in shown.all("dt")], [value.text for value in shown.all("dd")], strict=True))


def environments_of(shown: Page) -> list[Element]:
    return [element for element in shown.all("details") if _class_of(element) == "environment"]


def test_the_headline_the_tally_and_the_exit_code_come_first() -> None:
    shown = page(report(succeeded("staging"), failed("production")))
    assert [element.text for element in shown.all("h1")] == ["Run failed"]
    assert shown.all("title")[0].text == "Run failed: 1 failed, 1 succeeded"
    facts = facts_of(report(succeeded("staging"), failed("production")))
    assert facts["Exit code"] == "1"
    assert facts["Started"] == "2026-08-14 03:00:00 UTC"
    assert facts["Requests"] == "42, 3 of them submits"
    assert facts["Configuration"] == "nightly.yaml"


def test_problems_come_first_and_open_and_successes_closed() -> None:
    shown = page(report(succeeded("staging"), failed("production")))
    assert [heading.text for heading in shown.all("h3")] == ["production", "staging"]
    assert ["open" in environment.attributes for environment in environments_of(shown)] == [True, False]


def test_a_closed_environment_says_what_is_inside() -> None:
    shown = page(report(succeeded("staging"), failed("production")))
    lines = [summary.text for summary in shown.all("summary")][2:]
    assert lines == ["production failed restart error, 1/3 services, 1m 03s", "staging succeeded 2/2 services, 31s"]


def test_every_line_of_the_overview_leads_to_its_environment() -> None:
    shown = page(report(succeeded("staging"), failed("production"), succeeded("demo")))
    links = [link.attributes["href"] for link in shown.all("a") if (link.attributes["href"] or "").startswith("#")]
    in_overview = links[1:]  # The first is the problem's at the top.
    assert links[0] == "#e1"
    assert in_overview == [f"#{environment.attributes['id']}" for environment in environments_of(shown)]


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
    text = shown.all("table", class_="services")[0].text
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
        pytest.param("CANCELED", "stopped", id="cancelled"),
        pytest.param("DEPLOYED", "anothers", id="ended by another operation"),
        pytest.param("DEPLOYING", "anothers", id="another operation"),
        pytest.param("NEVER_HEARD_OF", "doubt", id="unknown"),
        pytest.param("UNAVAILABLE", "doubt", id="no state"),
        pytest.param("CANCELING", "running", id="in progress"),
        pytest.param("RESTART_QUEUED", "queued", id="queued"),
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


@pytest.mark.parametrize(
    ("state", "tone"),
    [
        pytest.param("DEPLOYING", "running", id="a deployment in progress"),
        pytest.param("DEPLOYMENT_QUEUED", "queued", id="a deployment in the queue"),
        pytest.param("DEPLOYED", "ended", id="a deployment that ended"),
    ],
)
def test_what_a_watch_saw_belongs_to_nobody_else(state: str, tone: str) -> None:
    watched = without_submit(
        "e", Outcome.SUCCEEDED, Reason.SETTLED, services=[replace(service("api"), timeline=((state, 3.0),))]
    )
    lasts = [piece for piece in page(report(watched)).all("i") if "last" in _class_of(piece)]
    assert [_class_of(piece) for piece in lasts] == [f"{tone} last"]


def test_the_legend_explains_what_the_page_has() -> None:
    def legend(*states: str) -> list[str]:
        timeline = tuple((state, float(number)) for number, state in enumerate(states))
        shown = page(report(succeeded("e", services=[replace(service("api"), timeline=timeline)])))
        [entries] = [each for each in shown.all("ul", class_="legend") if each.attributes["aria-label"] == COLOURS]
        inside = shown.elements[shown.elements.index(entries) :]
        return [each.text for each in inside if each.tag == "li"][: len(set(states))]

    assert legend("RESTART_QUEUED", "RESTARTED") == ["queued", "restarted"]
    assert legend("DEPLOYING") == ["another user's operation"]
    nothing = page(report(without_submit("e", Outcome.BLOCKED, Reason.BUSY)))
    assert COLOURS not in [each.attributes["aria-label"] for each in nothing.all("ul", class_="legend")]


def test_what_a_run_was_started_with_and_by_is_a_fact() -> None:
    facts = facts_of(night(3, problems=1, skipped=1))
    assert facts["Configuration"] == "/srv/operations/nightly.yaml"
    assert facts["Started by"] == "GitHub Actions (schedule), octocat"
    assert (facts["Job"], facts["Machine"]) == ("Nightly restarts / restart", "runner-7")
    assert facts["Requests"] == "21, 2 of them submits; 18 expected"
    assert facts["Halted"] == "2026-08-14 03:00:45 UTC"
    assert facts["End of the window"] == "2026-08-14 03:01:11 UTC"


def test_a_schedule_and_a_repeated_run_are_facts() -> None:
    by = StartedBy(trigger=Trigger.SCHEDULE, due_at=START, job="nightly")
    run = report(succeeded("e"), parent_run_id="r-1").model_copy(update={"started_by": by})
    facts = facts_of(run)
    assert (facts["Started by"], facts["Due"]) == ("its schedule", "2026-08-14 03:00:00 UTC")
    assert (facts["Repeats failures of"], facts["Job"]) == ("r-1", "nightly")
    assert "Machine" not in facts


def test_what_is_not_known_is_no_fact() -> None:
    facts = facts_of(report(succeeded("e")))
    assert not {"Halted", "End of the window", "Started by", "Job", "Machine", "Due"} & facts.keys()


def test_an_environment_tells_its_waits_checks_and_what_was_left_out() -> None:
    run = report(
        replace(
            failed("production"),
            waits=(Wait(what=WaitedFor.QUOTA, since=START, duration_s=40.0),),
            proven_at=START,
            checks=(
                CheckResult(
                    url="https://a.example", wanted=200, consecutive=3, passed=False, last_answer=503, probes=7,
                    duration_s=60.0,
                ),
                CheckResult(
                    url="https://b.example", wanted=204, consecutive=1, passed=True, last_answer=204, probes=1,
                    duration_s=0.4,
                ),
                CheckResult(
                    url="https://c.example", wanted=200, consecutive=1, passed=False, last_answer="refused", probes=2,
                    duration_s=9.0,
                ),
            ),
            left_out=(
                Exclusion(id="1", name="db", type="database", why="a managed database"),
                Exclusion(id="2", name="sweep", type="job", why="of type job"),
                Exclusion(id="3", name="dump", type="job", why="of type job"),
            ),
        )
    )  # fmt: skip
    shown = page(run)
    [environment] = environments_of(shown)
    assert "waited 40s for the quotasubmitted" in environment.text
    assert "proven 2026-08-14 03:00:00 UTC" in environment.text
    assert "Left out: db (a managed database); sweep, dump (of type job)." in environment.text
    checks = shown.elements[shown.elements.index(shown.all("ul", class_="checks")[0]) :]
    assert [each.text for each in checks if each.tag == "li"][:3] == [
        "not passed https://a.example last answer HTTP 503, wanted HTTP 200 3 times in a row; 7 probes in 1m 00s",
        "passed https://b.example last answer HTTP 204, wanted HTTP 204; 1 probe in 0.4s",
        "not passed https://c.example last answer refused, wanted HTTP 200; 2 probes in 9.0s",
    ]


def test_the_worst_problems_are_told_above_everything_else() -> None:
    shown = page(night(30, problems=7))
    top = shown.elements[shown.elements.index(shown.all("ul", class_="problems")[0]) :]
    items = [each.text for each in top if each.tag == "li"][: SHOWN_AT_THE_TOP + 1]
    assert items[0].startswith("billing-003 failed Qovery failed to restart web.")
    assert items[-1] == "and 2 more problems"
    assert page(night(3)).all("ul", class_="problems") == []


@pytest.mark.parametrize(
    ("problems", "open_ones"),
    [
        pytest.param(MOST_OPEN, MOST_OPEN, id="as many as anybody reads"),
        pytest.param(MOST_OPEN + 1, 0, id="one more"),
    ],
)
def test_too_many_problems_are_all_closed(problems: int, open_ones: int) -> None:
    shown = page(night(3 * problems, problems=problems))
    assert sum("open" in environment.attributes for environment in environments_of(shown)) == open_ones
    assert len(shown.all("div", class_="on-paper")) == (0 if open_ones else problems)


@pytest.mark.parametrize(
    ("environments", "folded"),
    [pytest.param(MOST_UNFOLDED, 0, id="few"), pytest.param(MOST_UNFOLDED + 1, 1, id="many")],
)
def test_many_successes_are_folded(environments: int, folded: int) -> None:
    shown = page(night(environments))
    assert len(shown.all("details", class_="rest")) == folded
    assert ["open" in group.attributes for group in shown.all("details", class_="group")] == [not folded]


def test_a_tile_counts_each_outcome_and_filters_by_it() -> None:
    shown = page(night(30, problems=2, skipped=3))
    assert [tile.text for tile in shown.all("label")] == [" 2 failed", " 3 skipped", " 25 succeeded"]
    ids = [box.attributes["id"] for box in shown.all("input", type="checkbox")]
    assert ids == ["only-failed", "only-skipped", "only-succeeded"]
    filtered = {each.attributes["data-outcome"] for each in shown.elements if "data-outcome" in each.attributes}
    assert {f"only-{outcome}" for outcome in filtered} == set(ids)
    assert all(f'#only-{outcome}:checked)) [data-outcome="{outcome}"]' in STYLESHEET for outcome in filtered)


def test_one_outcome_needs_no_tiles() -> None:
    assert page(night(30)).all("label") == []


def _colors(theme: int) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", re.findall(r":root \{(.*?)\}", STYLESHEET, re.DOTALL)[theme]))


def _contrast(one: str, other: str) -> float:
    """The formula of WCAG 2.2."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


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
        *product(("ink", "quiet", "bad", "warn"), ("panel",)),
    ],
)
def test_text_stands_out_from_its_ground(theme: int, ink: str, ground: str) -> None:
    # The bound is that of WCAG 2.2, success criterion 1.4.3 (AA).
    colors = _colors(theme)
    assert _contrast(colors[ink], colors[ground]) >= 4.5


def _graphics() -> dict[str, str]:
    """The variable of each graphic's colour, by its selector: fills and strokes of the picture, pieces of the bars."""
    found = re.findall(
        r"^((?:rect|line|i|\.mark)\.[^{]+) \{[^}]*(?:background|fill|stroke): (?:var\(--(\w+)\)|[^;]*?var\(--(\w+)\))",
        STYLESHEET,
        re.MULTILINE,
    )
    return {selector: plain or mixed for selector, plain, mixed in found}


def _drawn_with() -> set[str]:
    drawn = set(re.findall(r"(?:stroke|fill|background): var\(--(\w+)\)", STYLESHEET))
    return drawn - {"ground", "panel", "line", "ink", "quiet"}


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["ground", "panel"])
@pytest.mark.parametrize("color", sorted(_drawn_with()))
def test_a_graphic_stands_out_from_its_ground(theme: int, ground: str, color: str) -> None:
    # The bound is that of WCAG 2.2, success criterion 1.4.11.
    colors = _colors(theme)
    assert _contrast(colors[color], colors[ground]) >= 3


def test_every_colour_that_draws_something_is_checked() -> None:
    assert _drawn_with() == {"good", "bad", "warn", "doubt", "idle", "work", "check", "ended"}
    assert set(_graphics().values()) <= _drawn_with() | {"panel", "line"}


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_colours_that_mean_different_things_can_be_told_apart(theme: int) -> None:
    colors = _colors(theme)
    for one, other in combinations(sorted(_drawn_with()), 2):
        channels = [
            [int(colors[name][start : start + 2], 16) for start in (1, 3, 5)] for name in (one, other)
        ]  # fmt: skip
        assert math.dist(*channels) >= 48, (one, other)


@pytest.mark.parametrize(
    ("outcome", "piece"),
    [
        pytest.param(Outcome.SUCCEEDED, "good", id="succeeded"),
        pytest.param(Outcome.FAILED, "bad", id="failed"),
        pytest.param(Outcome.CANCELLED, "stopped", id="cancelled"),
        pytest.param(Outcome.UNKNOWN, "doubt", id="unknown"),
    ],
)
def test_a_bar_and_a_mark_have_the_colour_of_the_badge_that_means_the_same(outcome: Outcome, piece: str) -> None:
    rules = dict(re.findall(r"^([^{\n]+) \{ ([^}]*) \}$", STYLESHEET, re.MULTILINE))
    badges = [
        rule for selector, rule in rules.items() if selector.startswith(":is(.badge") and outcome.value in selector
    ]
    marks = [rule for selector, rule in rules.items() if selector.startswith(".mark.") and outcome.value in selector]
    [color] = re.findall(r" color: var\(--(\w+)\)", badges[0])
    assert rules[f"i.{piece}"] == f"background: var(--{color});"
    assert f"var(--{color})" in marks[0]


def _plain(one: CheckReport) -> CheckReport:
    return one.model_copy(update={"url": "x", "last_answer": "x"})


def _with_harmless_texts(run: RunReport) -> RunReport:
    """The same report with every text replaced, so that only the structure is left to compare."""

    def harmless(one: ServiceReport) -> ServiceReport:
        return one.model_copy(update={"id": "x", "name": "x", "type": "x", "execution_id": "x"})

    def harmless_environment(one: EnvironmentReport) -> EnvironmentReport:
        return one.model_copy(
            update={
                "id": "x",
                "name": "x",
                "message": "x",
                "services": tuple(map(harmless, one.services)),
                "checks": tuple(map(_plain, one.checks)),
                "left_out": tuple(each.model_copy(update={"name": "x", "why": "x"}) for each in one.left_out),
            }
        )

    return run.model_copy(
        update={
            "run_id": "x",
            "config": "x",
            "config_path": "x",
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
