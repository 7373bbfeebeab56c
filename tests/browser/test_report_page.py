"""The HTML report as a browser shows it: wide, on a phone, in the dark, on paper, and to those who do not see it."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from orchestrator.reports.html import render_html
from orchestrator.reports.model import RunReport
from tests.support.browsers import (
    DARK,
    PHONE,
    WIDE,
    Screen,
    Visit,
    browser,
    opened,
    pages_on_paper,
    violations,
    why_no_browser,
)
from tests.support.pages import night

pytestmark = pytest.mark.skipif(why_no_browser() is not None, reason=why_no_browser() or "")

SCREENS = pytest.mark.parametrize(
    "screen", [pytest.param(WIDE, id="wide"), pytest.param(PHONE, id="phone"), pytest.param(DARK, id="dark")]
)
NIGHTS = {
    "3": night(3, problems=1),
    "30": night(30, problems=6, skipped=3),
    "50": night(50, problems=2),
    "300": night(300, problems=12, skipped=40),
}
EACH_NIGHT = pytest.mark.parametrize("name", ["3", "30", "300"])
HIGHEST = {"3": 2_000, "30": 6_000, "300": 10_000}
"""Pixels on a wide screen. 300 environments once took 97,000."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One browser for all tests here that run in one process."""
    with browser() as started:
        yield started


@cache
def rendered(name: str) -> str:
    return render_html(NIGHTS[name])


@pytest.fixture
def night_shown(chromium: Any, tmp_path: Path, name: str, screen: Screen) -> Iterator[Visit]:  # noqa: ANN401
    with opened(chromium, written(tmp_path, rendered(name)), screen) as visit:
        yield visit


def written(folder: Path, document: str) -> Path:
    file = folder / "report.html"
    file.write_text(document, encoding="utf-8")
    return file


def file_of(folder: Path, run: RunReport) -> Path:
    return written(folder, render_html(run))


@EACH_NIGHT
@SCREENS
def test_a_night_fits_on_the_screen_and_what_matters_is_at_its_top(
    night_shown: Visit, name: str, screen: Screen, tmp_path: Path
) -> None:
    assert night_shown.ask("document.documentElement.scrollWidth") == screen.width, "nothing is scrolled sideways"
    height = night_shown.ask("document.documentElement.scrollHeight")
    assert height <= HIGHEST[name] * (1 if screen.width == WIDE.width else 2)
    [picture] = night_shown.boxes(".picture > svg")
    assert picture["width"] > 0.5 * screen.width
    assert 0 <= picture["left"] < picture["right"] <= screen.width
    assert night_shown.boxes(".problems a")[0]["bottom"] < screen.height / 2, "the worst problem is seen at once"
    night_shown.page.screenshot(path=tmp_path / "screenshot.png", full_page=height < HIGHEST["30"])
    assert (tmp_path / "screenshot.png").stat().st_size > 20_000


@EACH_NIGHT
@SCREENS
def test_no_text_is_cut_off_or_outside_of_the_picture(night_shown: Visit, name: str, screen: Screen) -> None:
    cut = """() => [...document.querySelectorAll("body *:not(svg *):not(.unseen)")].filter(one => one.checkVisibility()
        && (one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflowX !== "visible")
    ).map(one => one.outerHTML.slice(0, 200))"""
    assert night_shown.ask(cut) == []
    [frame] = night_shown.boxes("figure.picture")
    assert all(
        frame["left"] - 1 <= text["left"] and text["right"] <= frame["right"] + 1
        for text in night_shown.boxes(".picture text")
    )
    names = [(box["right"], box["width"]) for box in night_shown.boxes(".picture .name")]
    start = night_shown.boxes(".picture line.tick")[0]["left"]
    assert all(right <= start for right, _ in names), "no name is under its lane"
    assert all(width > 0 for _, width in names)


@EACH_NIGHT
@SCREENS
def test_the_page_asks_nobody_for_anything(night_shown: Visit, name: str, screen: Screen) -> None:
    assert night_shown.asked_for == [night_shown.page.url]
    assert night_shown.complaints == []


@pytest.mark.parametrize("name", ["3", "30"])
@pytest.mark.parametrize("screen", [pytest.param(WIDE, id="light"), pytest.param(DARK, id="dark")])
def test_axe_finds_nothing(night_shown: Visit, name: str, screen: Screen) -> None:
    if name == "3":
        night_shown.ask("() => document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert violations(night_shown) == []


@pytest.mark.parametrize("name", ["50"])
@pytest.mark.parametrize("screen", [pytest.param(PHONE, id="phone")])
def test_axe_finds_nothing_where_lanes_have_no_names(night_shown: Visit, name: str, screen: Screen) -> None:
    assert violations(night_shown) == []


def test_axe_finds_what_is_wrong(chromium: Any, tmp_path: Path) -> None:  # noqa: ANN401
    broken = (
        rendered("3").replace('role="img"', 'role="image-of-sorts"').replace("--quiet: #57606a", "--quiet: #c0c0c0")
    )
    with opened(chromium, written(tmp_path, broken)) as visit:
        assert {one.partition(":")[0] for one in violations(visit)} >= {"aria-roles", "color-contrast"}


@pytest.mark.parametrize(
    ("run", "most"),
    [
        pytest.param(night(3), 1, id="3 that went well"),
        pytest.param(night(300), 12, id="300 that went well"),
        pytest.param(NIGHTS["300"], 12, id="300 with problems"),
        pytest.param(night(300, problems=150), 12, id="300, half of them with problems"),
    ],
)
def test_a_night_takes_few_sheets_of_paper(chromium: Any, tmp_path: Path, run: RunReport, most: int) -> None:  # noqa: ANN401
    with opened(chromium, file_of(tmp_path, run)) as visit:
        assert 1 <= pages_on_paper(visit) <= most


def test_on_paper_everything_is_told_although_nothing_can_be_opened(chromium: Any, tmp_path: Path) -> None:  # noqa: ANN401
    with opened(chromium, file_of(tmp_path, night(300, problems=40))) as visit:
        assert visit.boxes(".on-paper") == []
        visit.page.emulate_media(media="print")
        shown = visit.ask("() => document.body.innerText")
        assert len(visit.boxes(".on-paper")) == 40
        assert all(f"{environment.name}\t" in shown for environment in night(300, problems=40).environments)


@pytest.mark.parametrize("screen", [pytest.param(WIDE, id="wide")])
@pytest.mark.parametrize("name", ["30"])
def test_a_tile_leaves_the_other_outcomes_out_without_a_script(night_shown: Visit, name: str, screen: Screen) -> None:
    def outcomes() -> set[str]:
        script = """() => [...document.querySelectorAll("[data-outcome]:not(.lane)")]
            .filter(one => one.checkVisibility()).map(one => one.dataset.outcome)"""
        return set(night_shown.ask(script))

    def faint() -> int:
        script = "() => [...document.querySelectorAll('.lane')].filter(one => getComputedStyle(one).opacity < 1).length"
        lanes: int = night_shown.ask(script)
        return lanes

    everything = outcomes()
    assert (len(everything), faint()) == (7, 0)
    night_shown.page.click("label.tile.failed")
    assert (outcomes(), faint()) == ({"failed"}, 28)
    night_shown.page.click("label.tile.unknown")
    assert outcomes() == {"failed", "unknown"}
    night_shown.page.click("label.tile.failed")
    night_shown.page.click("label.tile.unknown")
    assert (outcomes(), faint()) == (everything, 0)


@pytest.mark.parametrize("screen", [pytest.param(WIDE, id="wide")])
@pytest.mark.parametrize("name", ["300"])
def test_a_folded_environment_opens_when_its_link_is_followed(night_shown: Visit, name: str, screen: Screen) -> None:
    night_shown.page.click("details.group[data-outcome=succeeded] > summary")
    link = night_shown.page.locator("details.group[data-outcome=succeeded] a").nth(100)
    link.click()
    [target] = night_shown.boxes(".environment:target")
    [tiles] = night_shown.boxes(".tiles")
    assert (round(tiles["top"]), tiles["bottom"] <= target["top"] < screen.height) == (0, True), "below what sticks"


@pytest.mark.parametrize("screen", [pytest.param(WIDE, id="wide")])
@pytest.mark.parametrize("name", ["300"])
def test_the_head_of_a_long_table_stays_in_sight(night_shown: Visit, name: str, screen: Screen) -> None:
    night_shown.page.click("details.group[data-outcome=succeeded] > summary")
    night_shown.page.locator("details.group[data-outcome=succeeded] tr").nth(150).scroll_into_view_if_needed()
    night_shown.page.mouse.wheel(0, 300)
    night_shown.page.wait_for_function("() => document.querySelector('.tiles').getBoundingClientRect().top === 0")
    [tiles] = night_shown.boxes(".tiles")
    heads = night_shown.boxes("details.group[data-outcome=succeeded] thead th")
    assert len(heads) == 5
    assert all(tiles["bottom"] - 2 <= head["top"] <= tiles["bottom"] + 1 for head in heads)
