"""Where colours are used, by what the environment says."""

import io
from collections.abc import Mapping

import pytest

from orchestrator.cli.coloring import color_help_only_where_wanted
from orchestrator.cli.helping import did_you_mean
from orchestrator.cli.options import Settings

VARIABLES = ("NO_COLOR", "FORCE_COLOR", "TERM", "CI", "GITHUB_ACTIONS")


class Stream(io.StringIO):
    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


ROWS = [
    pytest.param({}, True, True, id="a terminal"),
    pytest.param({}, False, False, id="a pipe"),
    pytest.param({"NO_COLOR": "1"}, True, False, id="NO_COLOR"),
    pytest.param({"TERM": "dumb"}, True, False, id="a dumb terminal"),
    pytest.param({"CI": "1"}, False, False, id="CI in a pipe"),
    pytest.param({"GITHUB_ACTIONS": "true"}, False, False, id="GitHub in a pipe"),
    pytest.param({"FORCE_COLOR": "1"}, False, True, id="FORCE_COLOR in a pipe"),
    pytest.param({"FORCE_COLOR": "1", "TERM": "dumb"}, False, True, id="FORCE_COLOR goes before TERM"),
    pytest.param({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False, id="NO_COLOR goes before FORCE_COLOR"),
    pytest.param({"FORCE_COLOR": "0"}, False, False, id="FORCE_COLOR is 0"),
    pytest.param({"FORCE_COLOR": ""}, False, False, id="FORCE_COLOR is empty"),
]


@pytest.mark.parametrize(("variables", "is_terminal", "colored"), ROWS)
def test_colours_are_for_terminals_and_for_those_who_force_them(
    variables: Mapping[str, str], is_terminal: bool, colored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Settings().color_on(Stream(is_terminal=is_terminal)) is colored
    assert Settings(no_color=True).color_on(Stream(is_terminal=is_terminal)) is False


@pytest.mark.parametrize(
    ("variables", "is_terminal", "plain"),
    [
        ({}, True, False),
        ({"GITHUB_ACTIONS": "true"}, True, False),
        ({"GITHUB_ACTIONS": "true"}, False, True),
        ({"FORCE_COLOR": "1"}, False, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "0"}, False, True),
    ],
)
def test_the_help_is_coloured_where_the_rest_is(
    variables: Mapping[str, str], is_terminal: bool, plain: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(f"sys.{name}", Stream(is_terminal=is_terminal))
    environ = dict(variables)
    color_help_only_where_wanted(environ)
    assert ("_TYPER_FORCE_DISABLE_TERMINAL" in environ) is plain


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("reprot", "Did you mean 'report'?"),
        ("simulat", "Did you mean 'simulate'?"),
        ("resum", ""),
        ("rn", ""),
        ("schedul", ""),
        ("cancl", ""),
        ("xyz", ""),
    ],
)
def test_a_hint_names_only_what_restarts_and_cancels_nothing(typed: str, hint: str) -> None:
    every = ("run", "restart", "watch", "resume", "cancel", "plan", "schedule", "history", "report", "simulate")
    assert did_you_mean(typed, every) == hint
