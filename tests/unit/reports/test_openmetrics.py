"""A run in figures, as OpenMetrics reads them."""

import pytest
from hypothesis import given, settings

from orchestrator.domain.outcomes import Outcome, Reason
from orchestrator.reports.model import RunReport
from orchestrator.reports.openmetrics import render_openmetrics
from tests.support.reports import failed, report, reports, succeeded, without_submit

parser = pytest.importorskip("prometheus_client.openmetrics.parser", reason="prometheus-client is not installed")


def figures(run: RunReport) -> dict[str, float]:
    families = list(parser.text_string_to_metric_families(render_openmetrics(run)))
    assert {family.type for family in families} == {"gauge"}
    assert all(family.documentation for family in families)
    return {
        sample.name.removeprefix("qovery_restart_run_") + "".join(sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_a_run_is_told_in_figures() -> None:
    told = figures(
        report(succeeded("a"), succeeded("b"), failed("c"), without_submit("d", Outcome.SKIPPED, Reason.HALTED))
    )
    assert told == {
        "exit_code": 1,
        "duration_seconds": 81.4,
        "requests": 42,
        "submits": 3,
        "environmentssucceeded": 2,
        "environmentsfailed": 1,
        "environmentsskipped": 1,
        "environmentsblocked": 0,
        "environmentscancelled": 0,
        "environmentstimed_out": 0,
        "environmentsunknown": 0,
    }


@settings(max_examples=50)
@given(reports())
def test_any_run_can_be_told(run: RunReport) -> None:
    told = figures(run)
    assert sum(value for name, value in told.items() if name.startswith("environments")) == len(run.environments)
    assert told["duration_seconds"] >= 0
