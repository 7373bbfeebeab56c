from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.domain.outcomes import Outcome, Reason
from orchestrator.reports.html import render_html
from orchestrator.reports.model import RunReport
from orchestrator.reports.svg import FIRST_SEEN, picture
from tests.support.markup import Element, Page
from tests.support.pages import night
from tests.support.reports import NASTY, START, report, succeeded, without_submit


def svg(run: RunReport) -> Page:
    return Page("\n".join(picture(run)))


def lanes(shown: Page) -> list[Element]:
    return shown.all("g", class_="lane")


def test_a_run_that_succeeded_has_a_picture() -> None:
    shown = svg(report(succeeded("staging")))
    assert [lane.attributes["data-outcome"] for lane in lanes(shown)] == ["succeeded"]
    assert next(bar.attributes["width"] for bar in shown.all("rect", class_="restarting")) != "0.00%"


def test_a_run_without_environments_has_none() -> None:
    assert list(picture(report(errors=["No."]))) == []


def test_the_picture_is_one_image_with_a_title_and_a_description() -> None:
    shown = svg(night(30, problems=4, skipped=3))
    image = shown.all("svg")[0]
    assert image.attributes["role"] == "img"
    ids = (image.attributes["aria-labelledby"] or "").split()
    named = {element.attributes.get("id"): element for element in shown.elements}
    assert [(named[name].tag, bool(named[name].text)) for name in ids] == [("title", True), ("desc", True)]
    assert named["picture-text"].text == (
        "30 environments in 3 waves, 5m 58s from left to right. Wave 2 began after 1m 10s. Wave 3 began after 3m 18s. "
        "The run halted after 5m 05s. The window ended after 5m 58s. 5 waiting for the quota. "
        "4 waiting for another run to end. 4 waiting, as the environment was busy. "
        "In the end 2 failed, 1 timed out, 1 cancelled, 3 skipped, 23 succeeded."
    )


def test_a_wave_that_never_began_is_said_to_be_so() -> None:
    skipped = replace(without_submit("b", Outcome.SKIPPED, Reason.HALTED), wave=2)
    text = next(each.text for each in svg(report(succeeded("a"), skipped)).all("desc"))
    assert "Wave 2 never began" in text


def test_each_lane_is_named_and_says_what_it_shows() -> None:
    shown = svg(night(3, problems=1))
    assert [name.text for name in shown.all("text", class_="name")] == ["storefront-000", "checkout-001", "search-002"]
    titles = [title.text for title in shown.all("title")][1:]
    assert titles[1] == (
        "checkout-001: succeeded, waiting for the quota 8.0s, submitted 6.0s, seen to restart 28s, verifying 6.0s"
    )


def test_many_lanes_have_no_names_but_titles() -> None:
    shown = svg(night(31))
    assert shown.all("text", class_="name") == []
    assert len(shown.all("title")) == 32


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param("storefront", "storefront", id="short"),
        pytest.param("customer-0042-production", "customer-…roduction", id="in its middle"),
        pytest.param("東京" * 10, "東京東京…東京東京", id="of wide characters"),
    ],
)
def test_a_long_name_is_shortened(name: str, shown: str) -> None:
    assert [each.text for each in svg(report(succeeded(name))).all("text", class_="name")] == [shown]


@pytest.mark.parametrize("nasty", NASTY)
def test_a_nasty_name_stays_text(nasty: str) -> None:
    assert svg(report(succeeded(nasty))).skeleton == svg(report(succeeded("e"))).skeleton


def test_waves_halt_and_window_are_lines_with_words() -> None:
    shown = svg(night(30, problems=4, skipped=3))
    assert [len(shown.all("line", class_=kind)) for kind in ("wave", "halt", "window")] == [2, 1, 1]
    headings = [text.text for text in shown.all("text", class_="wave")]
    assert headings == ["Wave 1", "Wave 2 after 1m 10s", "Wave 3 after 3m 18s"]
    words = [
        text.text for text in shown.all("text") if (text.attributes["class"] or "").split()[0] in ("halt", "window")
    ]
    assert words == ["halted", "window ends"]


@pytest.mark.parametrize(
    ("seconds", "anchor"),
    [
        pytest.param(0, "from-here", id="at the start"),
        pytest.param(40, "around", id="in the middle"),
        pytest.param(81, "to-here", id="at the end"),
    ],
)
def test_a_label_stays_inside_the_picture(seconds: float, anchor: str) -> None:
    run = report(succeeded("e")).model_copy(update={"halted_at": START + timedelta(seconds=seconds)})
    assert [text.text for text in svg(run).all("text", class_=f"halt {anchor}")] == ["halted"]


def test_the_legend_explains_what_the_picture_has() -> None:
    shown = svg(night(12, problems=6))
    entries = [entry.text for entry in shown.all("li")]
    assert entries == [
        "waiting for the quota", "waiting for another run to end", "waiting, as the environment was busy",
        "submitted", "seen to restart", "another user's operation", "verifying",
        "failed", "unknown", "timed out", "cancelled", "blocked", "succeeded",
    ]  # fmt: skip


def test_every_mark_has_a_shape_of_its_own() -> None:
    shown = svg(night(3))
    marks = [element for element in shown.elements if (element.attributes.get("id") or "").startswith("mark-")]
    assert {mark.attributes["id"] for mark in marks} == {f"mark-{outcome.value}" for outcome in Outcome}
    shapes = [shown.elements[shown.elements.index(mark) + 1] for mark in marks]
    assert len({(shape.tag, *sorted(shape.attributes.items())) for shape in shapes}) == len(Outcome)


def test_that_times_are_when_something_was_seen_is_said_once() -> None:
    assert render_html(night(30, problems=4)).count(FIRST_SEEN) == 1
