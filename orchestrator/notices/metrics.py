"""Metrics of the last run in a file, for node_exporter's textfile collector. prometheus-client comes with an extra."""

import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from secrets import token_hex

from orchestrator.domain.notices import RunEnd
from orchestrator.domain.outcomes import Outcome

PREFIX = "qovery_restart_"
LABEL = "config"
READABLE = 0o644
"""node_exporter is another user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMetrics:
    """What the file says. None is left out of it. Instants are seconds since 1970."""

    last_run_timestamp_seconds: float | None = None
    last_success_timestamp_seconds: float | None = None
    last_exit_code: float | None = None
    last_duration_seconds: float | None = None
    requests: float | None = None
    next_run_timestamp_seconds: float | None = None
    missed_occurrences: float | None = None
    environments: tuple[tuple[str, float], ...] = ()
    """How many ended in each way."""

    def after(self, end: RunEnd) -> "RunMetrics":
        """Return what to say after a run; the last success stays, as does what is known of the schedule."""
        ended_at = end.ended_at.timestamp()
        known = [self.last_success_timestamp_seconds] if self.last_success_timestamp_seconds is not None else []
        known += [end.last.succeeded_at.timestamp()] if end.last.succeeded_at is not None else []
        known += [ended_at] if end.succeeded else []
        counts = Counter(each.outcome for each in end.environments)
        return replace(
            self,
            last_run_timestamp_seconds=ended_at,
            last_success_timestamp_seconds=max(known, default=None),
            last_exit_code=float(end.exit_code),
            last_duration_seconds=end.duration_s,
            requests=float(end.requests),
            environments=tuple((outcome.value, float(counts[outcome])) for outcome in Outcome),
        )

    def scheduled(self, *, next_run: datetime | None, missed: int) -> "RunMetrics":
        """Return the same with what is known of the schedule: the next time, and how many were missed so far."""
        seconds = None if next_run is None else next_run.timestamp()
        return replace(self, next_run_timestamp_seconds=seconds, missed_occurrences=float(missed))


_HELP = {
    "last_run_timestamp_seconds": "When the last run ended, in seconds since 1970.",
    "last_success_timestamp_seconds": "When the last run that succeeded ended, in seconds since 1970.",
    "last_exit_code": "The exit code of the last run; 0 is a success.",
    "last_duration_seconds": "How long the last run took.",
    "requests": "Requests that the last run sent to the Qovery API.",
    "next_run_timestamp_seconds": "When the schedule runs next, in seconds since 1970.",
    "missed_occurrences": "Scheduled times that were missed.",
    "environments": "Environments of the last run, by outcome.",
}


def read_metrics(path: Path, config: str) -> RunMetrics:
    """Return what a file says of a configuration; nothing, if there is no such file, or it cannot be read."""
    from prometheus_client.parser import text_string_to_metric_families  # noqa: PLC0415 - an extra

    known = {field.name for field in fields(RunMetrics)} - {"environments"}
    values: dict[str, float] = {}
    environments = []
    with suppress(OSError, ValueError):
        for family in text_string_to_metric_families(path.read_text(encoding="utf-8")):
            for sample in family.samples:
                name = sample.name.removeprefix(PREFIX)
                if sample.labels.get(LABEL) != config or not isfinite(sample.value):
                    continue
                if name in known:
                    values[name] = sample.value
                elif name == "environments":
                    environments.append((sample.labels.get("outcome", ""), sample.value))
    return RunMetrics(**values, environments=tuple(environments))


def render_metrics(metrics: RunMetrics, config: str) -> str:
    """Render metrics as text, all of them gauges without timestamps, which the collector refuses."""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest  # noqa: PLC0415 - an extra

    registry = CollectorRegistry()
    for name, about in _HELP.items():
        if name == "environments":
            gauge = Gauge(PREFIX + name, about, [LABEL, "outcome"], registry=registry)
            for outcome, number in metrics.environments:
                gauge.labels(config, outcome).set(number)
        elif (value := getattr(metrics, name)) is not None:
            Gauge(PREFIX + name, about, [LABEL], registry=registry).labels(config).set(value)
    text: str = generate_latest(registry).decode("utf-8")
    return text


def write_metrics(metrics: RunMetrics, path: Path, config: str) -> None:
    """Write metrics to a file. Whoever reads it sees the old content or the new, never a part.

    Raises:
        OSError: it could not be written.
    """
    target = Path(os.path.realpath(path))
    # Not `.prom`: the collector would read the draft, too.
    draft = target.with_name(f".qovery-restart-{token_hex(8)}.tmp")
    try:
        with draft.open("x", encoding="utf-8", newline="\n") as file:
            file.write(render_metrics(metrics, config))
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(READABLE)
        draft.replace(target)
    finally:
        with suppress(OSError):
            draft.unlink()


def update_metrics(path: Path, end: RunEnd) -> None:
    """Write to a file what is known after a run. Raises `OSError` if that fails."""
    config = end.config or ""
    write_metrics(read_metrics(path, config).after(end), path, config)


def update_schedule(path: Path, config: str, *, next_run: datetime | None, missed: int) -> None:
    """Write to a file what is known of the schedule; the rest stays. Raises `OSError` if that fails.

    Args:
        path: the file.
        config: the configuration that it is about.
        next_run: the next time; None if there is none.
        missed: how many times were missed since it was written last; the file counts them.
    """
    known = read_metrics(path, config)
    next_run = None if next_run is None else next_run.astimezone(UTC)
    missed += int(known.missed_occurrences or 0)
    write_metrics(known.scheduled(next_run=next_run, missed=missed), path, config)
