"""Lines that CI systems act on: escaped as they ask, so that no text forges another."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.ci import CI, ci_of, github_command, section_end, section_start

NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("environ", "ci"),
    [
        pytest.param({"GITHUB_ACTIONS": "true"}, CI.GITHUB, id="GitHub"),
        pytest.param({"GITLAB_CI": "true"}, CI.GITLAB, id="GitLab"),
        pytest.param({"CI": "true"}, CI.NONE, id="another"),
        pytest.param({"GITHUB_ACTIONS": "false", "GITLAB_CI": ""}, CI.NONE, id="neither"),
        pytest.param({}, CI.NONE, id="a terminal"),
    ],
)
def test_the_environment_says_which_ci_system_it_is(environ: dict[str, str], ci: CI) -> None:
    assert ci_of(environ) is ci


def test_a_command_escapes_what_would_end_it_or_a_property() -> None:
    line = github_command("error", "50 %,\r\nof: it", title="a:b,c%", file="x,y:z.yaml", line=7)
    assert line == "::error title=a%3Ab%2Cc%25,file=x%2Cy%3Az.yaml,line=7::50 %25,%0D%0Aof: it"


def test_a_property_that_is_not_known_is_left_out() -> None:
    assert github_command("error", "No.", file=None, title="") == "::error::No."


def unescaped(text: str) -> str:
    """Read as GitHub's runner does, whose last step is the per cent sign."""
    for code, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, character)
    return text


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(min_size=1))
def test_any_text_is_read_back_as_it_was_and_stays_on_one_line(message: str, title: str) -> None:
    line = github_command("error", message, title=title)
    assert not {"\n", "\r"} & set(line)
    properties, _, data = line.removeprefix("::error ").partition("::")
    assert unescaped(properties.removeprefix("title=")) == title
    assert "," not in properties
    for code, character in (("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        data = data.replace(code, character)
    assert data == message


def test_a_section_of_github_is_a_group() -> None:
    assert section_start(CI.GITHUB, "w", "Wave 1\n::error::x", now=NOW) == "::group::Wave 1%0A::error::x"
    assert section_end(CI.GITHUB, "w", now=NOW) == "::endgroup::"


def test_a_section_of_gitlab_has_a_name_the_time_and_a_title() -> None:
    instant = int(NOW.timestamp())
    start = section_start(CI.GITLAB, "Wave 1: x", "Wave 1\nof 2", now=NOW)
    assert start == f"\x1b[0Ksection_start:{instant}:wave_1_x\r\x1b[0KWave 1 of 2"
    assert section_end(CI.GITLAB, "Wave 1: x", now=NOW) == f"\x1b[0Ksection_end:{instant}:wave_1_x\r\x1b[0K"


def test_for_nobody_who_folds_there_is_no_section() -> None:
    assert section_start(CI.NONE, "w", "Wave 1", now=NOW) == section_end(CI.NONE, "w", now=NOW) == ""
