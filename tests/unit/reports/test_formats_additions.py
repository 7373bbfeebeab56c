"""What reports tell since their first version, beside it: the other formats say what they said before."""

from collections.abc import Callable
from functools import partial

import pytest

from orchestrator.reports.junit import render_junit
from orchestrator.reports.markdown import render_markdown
from orchestrator.reports.model import RunReport
from orchestrator.reports.text import render_summary
from tests.support.pages import night

ADDED_TO_RUNS = {
    "config_path": None,
    "started_by": None,
    "requests_expected": None,
    "halted_at": None,
    "window_ends_at": None,
}
ADDED_TO_ENVIRONMENTS = {"began_at": None, "proven_at": None, "waits": (), "checks": (), "left_out": ()}


def _as_before(run: RunReport) -> RunReport:
    environments = tuple(each.model_copy(update=ADDED_TO_ENVIRONMENTS) for each in run.environments)
    return run.model_copy(update={**ADDED_TO_RUNS, "environments": environments})


@pytest.mark.parametrize(
    "render",
    [
        pytest.param(partial(render_summary, width=100, color=True, verbose=True), id="text"),
        pytest.param(render_markdown, id="markdown"),
        pytest.param(render_junit, id="junit"),
    ],
)
def test_a_format_says_what_it_said_before(render: Callable[[RunReport], str]) -> None:
    run = night(30, problems=6, skipped=3)
    before = _as_before(run)
    assert before != run
    assert render(run) == render(before)
