"""The list of formats: what a suffix chooses, and that no format is in it without its tests."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.reports.formats import FORMATS, ReportFormat, format_of, listed_formats
from orchestrator.reports.html import render_html
from orchestrator.reports.junit import render_junit
from orchestrator.reports.markdown import render_markdown
from orchestrator.reports.model import RunReport, render_json
from tests.support.reports import failed, report, succeeded

HERE = Path(__file__).parent
RUN = report(succeeded("staging"), failed("production"))


@pytest.mark.parametrize(
    ("name", "renderer"),
    [
        pytest.param("r.json", render_json, id="json"),
        pytest.param("r.xml", render_junit, id="junit"),
        pytest.param("r.md", render_markdown, id="markdown"),
        pytest.param("r.html", render_html, id="html"),
        pytest.param("R.JSON", render_json, id="capitals"),
        pytest.param("r.json.md", render_markdown, id="the last suffix counts"),
    ],
)
def test_the_suffix_chooses_the_format(name: str, renderer: Callable[[RunReport], str]) -> None:
    assert format_of(Path(name)).render(RUN) == renderer(RUN)


@pytest.mark.parametrize("name", ["report", "report.txt", ".json", "report."])
def test_an_unknown_suffix_is_refused_with_those_that_are_known(name: str) -> None:
    with pytest.raises(UsageError, match=r"one of \.json, \.xml, \.md, \.html\.$") as refusal:
        format_of(Path(name))
    assert name in str(refusal.value)


def test_every_format_has_a_suffix_of_its_own_in_small_letters() -> None:
    suffixes = [each.suffix for each in FORMATS]
    assert len(set(suffixes)) == len(suffixes)
    assert all(re.fullmatch(r"\.[a-z]+", suffix) for suffix in suffixes)


def test_the_list_for_help_texts_names_what_the_suffix_does_not_show() -> None:
    assert listed_formats() == ".json, .xml (JUnit), .md or .html"


@pytest.mark.parametrize("each", FORMATS, ids=str)
def test_every_format_shows_each_environment_and_service_and_the_way_each_ended(each: ReportFormat) -> None:
    text = each.render(RUN)
    for environment in RUN.environments:
        assert environment.name in text
        assert environment.outcome.value in text
        for service in environment.services:
            assert service.name in text
    assert text.endswith("\n")


@pytest.mark.parametrize("each", FORMATS, ids=str)
def test_every_format_has_tests_of_its_own(each: ReportFormat) -> None:
    # Its renderer is called by a test module that is about this format, and not about all of them.
    _, _, function = each.renderer.partition(":")
    others = [path for path in HERE.glob("test_*.py") if path.name not in {"test_formats.py", "test_files.py"}]
    assert any(re.search(rf"\b{function}\(", path.read_text(encoding="utf-8")) for path in others)


def test_the_list_imports_no_renderer() -> None:
    script = (
        "import sys, orchestrator.reports.formats\n"
        "print([name for name in sys.modules if name.startswith(('orchestrator.reports.', 'pydantic', 'rich'))])"
    )
    output = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert output.strip() == "['orchestrator.reports.formats']"
