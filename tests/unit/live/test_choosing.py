"""Where progress is shown live: at a terminal, to a person."""

import pytest

from orchestrator.live.choosing import Progress, shown_as

TERMINAL = {"TERM": "xterm"}

ROWS = [
    # asked, is terminal, console, quiet, variables → shown, why not live
    pytest.param("auto", True, True, False, TERMINAL, "live", None, id="a terminal"),
    pytest.param("auto", True, True, False, {}, "live", None, id="a terminal of no name"),
    pytest.param("auto", False, True, False, TERMINAL, "lines", None, id="a pipe"),
    pytest.param("auto", True, False, False, TERMINAL, "lines", None, id="a log in JSON"),
    pytest.param("auto", True, True, True, TERMINAL, "lines", None, id="quiet"),
    pytest.param("auto", True, True, False, {"TERM": "dumb"}, "lines", None, id="a dumb terminal"),
    pytest.param("auto", True, True, False, {**TERMINAL, "CI": "1"}, "lines", None, id="CI"),
    pytest.param("auto", True, True, False, {**TERMINAL, "CI": ""}, "live", None, id="CI is empty"),
    pytest.param(
        "auto", False, True, False, {**TERMINAL, "FORCE_COLOR": "1"}, "lines", None, id="FORCE_COLOR in a pipe"
    ),
    pytest.param("auto", True, True, False, {**TERMINAL, "NO_COLOR": "1"}, "live", None, id="NO_COLOR at a terminal"),
    pytest.param("live", True, True, False, {**TERMINAL, "CI": "1"}, "live", None, id="live in CI, at a terminal"),
    pytest.param("live", True, True, True, TERMINAL, "live", None, id="live and quiet"),
    pytest.param("live", False, True, False, TERMINAL, "lines", "stderr is no terminal", id="live in a pipe"),
    pytest.param("live", True, False, False, TERMINAL, "lines", "the log format is json", id="live in JSON"),
    pytest.param("live", True, True, False, {"TERM": "dumb"}, "lines", "TERM is dumb", id="live at a dumb terminal"),
    pytest.param("lines", True, True, False, TERMINAL, "lines", None, id="lines"),
    pytest.param("none", True, True, False, TERMINAL, "none", None, id="none"),
    pytest.param("none", False, False, False, {}, "none", None, id="none in a pipe"),
]


@pytest.mark.parametrize(("asked", "is_terminal", "is_console", "is_quiet", "environ", "progress", "why"), ROWS)
def test_progress_is_live_where_somebody_watches_a_terminal(
    *, asked: str, is_terminal: bool, is_console: bool, is_quiet: bool, environ: dict[str, str], progress: str,
    why: str | None,
) -> None:  # fmt: skip
    shown = shown_as(
        Progress(asked), is_terminal=is_terminal, is_console=is_console, is_quiet=is_quiet, environ=environ
    )
    assert (shown.progress, shown.why_not_live) == (Progress(progress), why)
