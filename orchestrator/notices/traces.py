"""A run as a trace of OpenTelemetry, an environment as a span. The library comes with an extra, and blocks."""

import logging
from collections.abc import Mapping
from datetime import datetime
from importlib.util import find_spec
from typing import Any

from orchestrator._version import __version__
from orchestrator.domain.notices import RunEnd
from orchestrator.domain.outcomes import EnvironmentResult

VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
FLUSH_WITHIN = 5.0
"""Seconds for which traces are waited for; the library's own limits are longer, and `force_flush` ignores its own."""
SERVICE = "qovery-restart"
INSTALL = "pip install 'qovery-restart[otel]'"
_NS = 1_000_000_000


def endpoint_of(environ: Mapping[str, str]) -> str | None:
    """Return where traces go; None if they are not wanted."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    return next((value for name in VARIABLES if (value := environ.get(name, "").strip())), None)


def is_installed() -> bool:
    """Return whether the extra is installed."""
    try:
        return (
            find_spec("opentelemetry.exporter.otlp.proto.http") is not None
            and find_spec("opentelemetry.sdk") is not None
        )
    except ModuleNotFoundError:
        return False


def export(end: RunEnd) -> bool:
    """Send the trace of a run; return whether it was accepted. Blocks for as long as the library does.

    Where it goes, with what headers and certificates, the library reads from the variables `OTEL_…`, as whoever sets
    them expects.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
    from opentelemetry.sdk.trace.export import SpanExportResult  # noqa: PLC0415

    # Without a handler of its own, the library would write lines to stderr that are no events of ours.
    logger = logging.getLogger("opentelemetry")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    exporter = OTLPSpanExporter()
    try:
        return exporter.export(spans_of(end)) is SpanExportResult.SUCCESS
    finally:
        exporter.shutdown()


def spans_of(end: RunEnd) -> list[Any]:
    """Return the finished spans of a run, its own first."""
    from opentelemetry import trace  # noqa: PLC0415 - an extra
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider  # noqa: PLC0415

    spans: list[Any] = []

    class Collector(SpanProcessor):  # type: ignore[misc, unused-ignore]  # untyped where it is not installed
        def on_end(self, span: ReadableSpan) -> None:
            spans.append(span)

    # What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say wins.
    resource = Resource({SERVICE_NAME: SERVICE, SERVICE_VERSION: __version__}).merge(_resource_of_environment())
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(Collector())
    tracer = provider.get_tracer(SERVICE, __version__)
    run = tracer.start_span("qovery-restart run", start_time=_ns(end.started_at), attributes=_about_run(end))
    context = trace.set_span_in_context(run)
    for each in end.environments:
        began = each.submitted_at or each.settled_at or end.started_at
        span = tracer.start_span(
            f"restart {each.name}", context, start_time=_ns(began), attributes=_about_environment(each)
        )
        if not each.outcome.is_good:
            span.set_status(trace.Status(trace.StatusCode.ERROR, each.message))
        span.end(_ns(max(began, each.settled_at or end.ended_at)))
    if not end.succeeded:
        run.set_status(trace.Status(trace.StatusCode.ERROR, end.outcome.value))
    run.end(_ns(end.ended_at))
    return spans


def _resource_of_environment() -> Any:  # noqa: ANN401 - a type of the extra
    from opentelemetry.sdk.resources import OTELResourceDetector  # noqa: PLC0415 - an extra

    return OTELResourceDetector().detect()


def _about_run(end: RunEnd) -> dict[str, str | int]:
    about: dict[str, str | int] = {
        "qovery_restart.outcome": end.outcome.value,
        "qovery_restart.exit_code": end.exit_code,
        "qovery_restart.requests": end.requests,
        "qovery_restart.submits": end.submits,
    }
    about |= {} if end.run_id is None else {"qovery_restart.run_id": end.run_id}
    return about | ({} if end.config is None else {"qovery_restart.config": end.config})


def _about_environment(environment: EnvironmentResult) -> dict[str, str | int]:
    return {
        "qovery.environment.name": environment.name,
        "qovery.environment.id": environment.environment_id,
        "qovery_restart.wave": environment.wave,
        "qovery_restart.outcome": environment.outcome.value,
        "qovery_restart.reason": environment.reason.value,
    }


def _ns(instant: datetime) -> int:
    return int(instant.timestamp() * _NS)
