"""The list of formats: what a suffix chooses, and that no format is in it without its tests."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.reports.formats import FORMATS, ReportFormat, format_of, listed_formats, rejoined, report_file
from orchestrator.reports.html import render_html
from orchestrator.reports.junit import render_junit
from orchestrator.reports.markdown import render_comment, render_markdown
from orchestrator.reports.model import RunReport, render_json
from orchestrator.reports.openmetrics import render_openmetrics
from orchestrator.reports.outputs import render_dotenv
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
        pytest.param("r.env", render_dotenv, id="dotenv"),
        pytest.param("r.prom", render_openmetrics, id="openmetrics"),
        pytest.param("r.comment", render_comment, id="comment"),
        pytest.param("R.JSON", render_json, id="capitals"),
        pytest.param("r.json.md", render_markdown, id="the last suffix counts"),
    ],
)
def test_the_suffix_chooses_the_format(name: str, renderer: Callable[[RunReport], str]) -> None:
    assert format_of(Path(name)).render(RUN) == renderer(RUN)


@pytest.mark.parametrize("name", ["report", "report.txt", ".json", "report."])
def test_an_unknown_suffix_is_refused_with_those_that_are_known(name: str) -> None:
    with pytest.raises(UsageError, match=r"one of \.json, .*, \.comment\. Or name it: json:") as refusal:
        format_of(Path(name))
    assert name in str(refusal.value)


@pytest.mark.parametrize(
    ("given", "suffix", "path"),
    [
        pytest.param("md:summary", ".md", "summary", id="markdown"),
        pytest.param("Markdown:/tmp/s", ".md", "/tmp/s", id="in other letters"),
        pytest.param("junit:r.txt", ".xml", "r.txt", id="junit"),
        pytest.param("xml:r", ".xml", "r", id="by the suffix of junit"),
        pytest.param("html:r.json", ".html", "r.json", id="the name wins over the suffix"),
        pytest.param("json:./-", ".json", "-", id="a file called as stdout"),
        pytest.param("json:a:b", ".json", "a:b", id="a colon in the file's name"),
        pytest.param("nightly-2026-11-26T03:00:00.json", ".json", None, id="a time in the file's name"),
        pytest.param("/tmp/out:report.json", ".json", None, id="a colon behind a directory"),
        pytest.param("./md:r.json", ".json", "md:r.json", id="a file called like a format"),
    ],
)
def test_a_report_is_asked_for_by_name_or_suffix(given: str, suffix: str, path: str | None) -> None:
    file = report_file(given)
    assert (file.format.suffix, str(file.path), file.shown) == (suffix, given if path is None else path, given)
    assert not file.is_stdout


@pytest.mark.parametrize("name", [prefix for each in FORMATS for prefix in each.prefixes])
def test_any_format_goes_to_stdout_if_it_is_named(name: str) -> None:
    file = report_file(f"{name}:-")
    assert file.is_stdout
    assert name in file.format.prefixes


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param("jnuit:r.xml", 'there is no format "jnuit". Did you mean junit:r.xml?', id="a slip"),
        pytest.param("x-html:r.html", "Did you mean html:r.html?", id="near a name"),
        pytest.param(
            "pdf:r.pdf",
            "xml, md, markdown, html, dotenv, env, openmetrics, prom, comment.",
            id="another format",
        ),
        pytest.param("out:r.json", "If the file is called so, write ./out:r.json.", id="perhaps a file"),
        pytest.param(r"C:\ci\r.json", "there are no drives here", id="a drive"),
        pytest.param("md:", "no file is named. Write md:FILE.", id="no file"),
        pytest.param(
            "-",
            "md:-, html:-, dotenv:-, openmetrics:-, comment:-.",
            id="stdout without a format",
        ),
    ],
)
def test_what_names_no_format_is_refused_and_the_way_out_is_shown(given: str, said: str) -> None:
    with pytest.raises(UsageError) as refusal:
        report_file(given)
    assert str(refusal.value).startswith(f"--report {given}: ")
    assert said in str(refusal.value)


def test_the_home_directory_is_known_behind_a_format(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert str(report_file("md:~/summary").path) == "/home/somebody/summary"


@pytest.mark.parametrize(
    ("pieces", "reports"),
    [
        pytest.param(["a.json", "b.xml"], ["a.json", "b.xml"], id="files alone"),
        pytest.param(["md", "/tmp/s", "b.xml", "JUnit", "c"], ["md:/tmp/s", "b.xml", "JUnit:c"], id="with formats"),
        pytest.param(["a.json", "md"], ["a.json", "md:"], id="a format without a file"),
    ],
)
def test_a_list_that_was_split_at_each_colon_is_put_together_again(pieces: list[str], reports: list[str]) -> None:
    assert list(rejoined(pieces)) == reports


def test_every_format_has_a_suffix_of_its_own_in_small_letters() -> None:
    suffixes = [each.suffix for each in FORMATS]
    assert len(set(suffixes)) == len(suffixes)
    assert all(re.fullmatch(r"\.[a-z]+", suffix) for suffix in suffixes)


def test_every_format_has_names_of_its_own_in_small_letters() -> None:
    names = [prefix for each in FORMATS for prefix in each.prefixes]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z]+", name) for name in names)
    assert all(each.suffix.removeprefix(".") in each.prefixes for each in FORMATS)


def test_the_list_for_help_texts_names_what_the_suffix_does_not_show() -> None:
    assert (
        listed_formats() == ".json, .xml (JUnit), .md, .html, .env (dotenv), .prom (OpenMetrics) or .comment (Markdown)"
    )


@pytest.mark.parametrize("each", [each for each in FORMATS if each.is_whole], ids=str)
def test_every_whole_format_shows_each_environment_and_service_and_the_way_each_ended(each: ReportFormat) -> None:
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
