"""A run in figures, in OpenMetrics' text format: GitLab compares them with those of the target branch."""

from collections import Counter

from orchestrator.domain.outcomes import Outcome
from orchestrator.reports.model import RunReport

PREFIX = "qovery_restart_run_"


def render_openmetrics(report: RunReport) -> str:
    """Render a run as gauges. They name no environment: GitLab shows each that changed, and durations always do."""
    counts = Counter(environment.outcome for environment in report.environments)
    lines = [
        *_gauge("exit_code", "The exit code; 0 is a success.", report.exit_code),
        *_gauge("duration_seconds", "How long the run took.", max(report.duration_s, 0.0), unit="seconds"),
        *_gauge("requests", "Requests sent to the Qovery API.", report.requests.total),
        *_gauge("submits", "Restarts posted, whether or not they were answered.", report.requests.submits),
        *_head("environments", "Environments, by outcome."),
        *(f'{PREFIX}environments{{outcome="{outcome.value}"}} {counts[outcome]}' for outcome in Outcome),
        "# EOF",
    ]
    return "\n".join([*lines, ""])


def _gauge(name: str, about: str, value: float, *, unit: str | None = None) -> list[str]:
    return [*_head(name, about, unit=unit), f"{PREFIX}{name} {value}"]


def _head(name: str, about: str, *, unit: str | None = None) -> list[str]:
    units = [f"# UNIT {PREFIX}{name} {unit}"] if unit else []
    return [f"# TYPE {PREFIX}{name} gauge", *units, f"# HELP {PREFIX}{name} {about}"]
