"""The trace of a run, by the library itself; skipped where it is not installed."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from orchestrator.domain.outcomes import Outcome
from orchestrator.notices import traces
from tests.support.notices import end_of, result_of

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra otel is not installed")

END = end_of(result_of("shop"), result_of("blog", Outcome.FAILED), exit_code=1)


def test_a_run_is_a_trace_and_an_environment_a_span(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=nightly")
    *environments, run = traces.spans_of(END)
    assert [span.name for span in (run, *environments)] == ["qovery-restart run", "restart shop", "restart blog"]
    assert {span.parent.span_id for span in environments} == {run.context.span_id}
    assert (run.end_time - run.start_time) / 1e9 == 62
    assert [(span.end_time - span.start_time) / 1e9 for span in environments] == [60, 60]
    assert [span.status.is_ok for span in (run, *environments)] == [False, True, False]
    assert run.attributes["qovery_restart.exit_code"] == 1
    assert run.resource.attributes["service.name"] == "nightly"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, bytes]]]:
    heard: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield heard
        server.shutdown()
        thread.join()


def test_it_arrives_at_the_collector_in_one_request(collector: list[tuple[str, bytes]]) -> None:
    assert traces.export(END)
    ((path, content),) = collector
    assert path == "/v1/traces"
    assert b"restart shop" in content
