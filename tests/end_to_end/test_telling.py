"""The installed command tells others, over real sockets, and is held up by none of them."""

import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.command import Finished, Running, environ, run, write_config
from tests.support.small_platform import NEVER_ENDING, SHOP, SmallPlatform, serving

SLACK = 20.0 if any(name.startswith("COVERAGE_") for name in os.environ) else 4.0
"""Seconds for the start of an interpreter on a busy machine."""
SIGNAL_TO_EXIT = 3.0
DEADLINE_TO_EXIT = 5.0
DEADLINE = 1.0
SECRET = "T0secret-B0secret"
FIRING = {"metric": {"__name__": "ALERTS", "alertname": "DiskFull"}, "value": [1, "1"]}
SINCE = {"metric": {"__name__": "ALERTS_FOR_STATE", "alertname": "DiskFull"}, "value": [1, "1764212400"]}


@dataclass(slots=True)
class Outside:
    """Somebody who is told, and asked: keeps what arrives, and may never answer."""

    url: str = ""
    silent: bool = False
    alerts: list[dict[str, Any]] = field(default_factory=list)
    heard: list[tuple[str, str]] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)

    def paths(self) -> list[str]:
        return [path for path, _ in self.heard]

    def body_of(self, path: str) -> str:
        return next(body for each, body in self.heard if urlsplit(each).path == path)


@contextmanager
def outside(*, silent: bool = False) -> Iterator[Outside]:
    there = Outside(silent=silent)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            there.heard.append((self.path, body))
            if there.silent:
                there.gone.wait(60)
                return
            self.answer(b"")

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)["query"][0]
            result = [SINCE] if query.startswith("ALERTS_FOR_STATE") else there.alerts
            data = {"status": "success", "data": {"resultType": "vector", "result": result}}
            self.answer(json.dumps(data).encode())

        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_: object) -> None:
            """A client that goes away in the middle is what these tests are about."""

    with Server(("127.0.0.1", 0), Handler) as server:
        there.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield there
        finally:
            there.gone.set()
            server.shutdown()
            thread.join()


TELLING = """notify: {on: always, to: [{webhook: {env: HOOK_URL}}, {slack: {env: SLACK_URL}}]}
ping: {env: PING_URL}"""


def env_for(there: Outside, platform: SmallPlatform, **more: str) -> dict[str, str]:
    return environ(
        QOVERY_API_URL=platform.url,
        HOOK_URL=f"{there.url}/hook/{SECRET}",
        SLACK_URL=f"{there.url}/services/{SECRET}",
        PING_URL=f"{there.url}/ping/{SECRET}?create=1",
        **more,
    )


def warnings_of(finished: Finished) -> list[tuple[str, str]]:
    return [(each["kind"], each["reason"]) for each in finished.events if each["event"] == "notice_not_sent"]


def test_a_ping_and_messages_arrive(tmp_path: Path) -> None:
    config = write_config(tmp_path, [SHOP], more=TELLING)
    with serving(SmallPlatform()) as platform, outside() as there:
        env = env_for(there, platform, CI_JOB_URL="https://gitlab.example.test/job/7")
        finished = run("run", config, "-o", "json", "--log-format", "json", env=env)
    assert finished.code == 0
    hook = json.loads(there.body_of(f"/hook/{SECRET}"))
    assert (hook["run_id"], hook["outcome"], hook["exit_code"]) == (finished.report["run_id"], "succeeded", 0)
    assert hook["link"] == "https://gitlab.example.test/job/7"
    assert "night.yaml" in json.loads(there.body_of(f"/services/{SECRET}"))["text"]
    start, end = [urlsplit(path) for path in there.paths() if path.startswith("/ping/")]
    assert (start.path, end.path) == (f"/ping/{SECRET}/start", f"/ping/{SECRET}/0")
    assert start.query == end.query
    assert start.query.startswith("create=1&rid=")
    assert "Run succeeded" in there.body_of(f"/ping/{SECRET}/0")
    assert SECRET not in finished.stdout + finished.stderr


def test_a_run_that_submits_nothing_tells_that_it_failed(tmp_path: Path) -> None:
    config = write_config(tmp_path, [SHOP], more=TELLING)
    with serving(SmallPlatform()) as platform, outside() as there:
        env = env_for(there, platform)
        del env["QOVERY_API_TOKEN"], env["SLACK_URL"]
        finished = run("run", config, "-o", "json", env=env)
    assert finished.code == 2
    assert "SLACK_URL" in finished.stderr
    assert [urlsplit(path).path for path in there.paths() if path.startswith("/ping")] == [f"/ping/{SECRET}/2"]
    assert "SLACK_URL" in json.loads(there.body_of(f"/hook/{SECRET}"))["errors"][0]
    assert SECRET not in finished.stdout + finished.stderr


def test_a_rehearsal_tells_nobody(tmp_path: Path) -> None:
    config = write_config(tmp_path, [SHOP], more=TELLING)
    with serving(SmallPlatform()) as platform, outside() as there:
        assert run("run", config, "--simulate", env=env_for(there, platform)).code == 0
    assert there.heard == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_whose_notices_nobody_answers(number: signal.Signals, tmp_path: Path) -> None:
    config = write_config(tmp_path, [SHOP], more=TELLING)
    with (
        serving(SmallPlatform(states=NEVER_ENDING)) as platform,
        outside(silent=True) as there,
        Running.start("run", config, "-o", "json", env=env_for(there, platform)) as running,
    ):
        running.wait_for("service_state_changed")
        running.send(number)
        finished = running.finish(within=SIGNAL_TO_EXIT + SLACK)
    assert finished.code == {signal.SIGTERM: 143, signal.SIGINT: 130}[number]
    assert ("ping", "too_late") in warnings_of(finished)
    assert f"/ping/{SECRET}/{finished.code}" in {urlsplit(path).path for path in there.paths()}


def test_a_signal_ends_a_run_that_is_over_and_waits_for_an_answer_to_its_notices(tmp_path: Path) -> None:
    config = write_config(tmp_path, [SHOP], more=TELLING)
    with (
        serving(SmallPlatform()) as platform,
        outside(silent=True) as there,
        Running.start("run", config, "-o", "json", env=env_for(there, platform)) as running,
    ):
        running.wait_for("run_finished")
        running.send(signal.SIGTERM)
        finished = running.finish(within=SIGNAL_TO_EXIT + SLACK)
    assert finished.code == 0, "the run had succeeded before the signal"
    assert finished.report["outcome"] == "succeeded"


def test_a_deadline_ends_a_run_whose_notices_nobody_answers(tmp_path: Path) -> None:
    config = write_config(tmp_path, [SHOP], defaults=f", deadline: {DEADLINE:g}s", more=TELLING)
    with (
        serving(SmallPlatform(states=NEVER_ENDING)) as platform,
        outside(silent=True) as there,
        Running.start("run", config, "-o", "json", env=env_for(there, platform)) as running,
    ):
        running.wait_for("restart_submitted")
        finished = running.finish(within=DEADLINE + DEADLINE_TO_EXIT + SLACK)
    assert finished.code == 124
    assert ("ping", "too_late") in warnings_of(finished)


def test_an_alert_blocks_a_run_before_anything_is_submitted(tmp_path: Path) -> None:
    with serving(SmallPlatform()) as platform, outside() as there:
        there.alerts.append(FIRING)
        config = write_config(tmp_path, [SHOP], more=f"blocked_by: [{{prometheus: '{there.url}', query: ALERTS}}]")
        planned = run("plan", config, env=env_for(there, platform))
        finished = run("run", config, "-o", "json", env=env_for(there, platform))
        there.alerts.clear()
        later = run("run", config, "-o", "json", env=env_for(there, platform))
    assert planned.code == finished.code == 5
    assert re.search(r"would be blocked \(.*DiskFull", planned.stdout)
    assert list(finished.outcomes.values()) == [("blocked", "alert_firing")]
    assert "DiskFull (since 2025-11-27 03:00 UTC)" in finished.report["environments"][0]["message"]
    assert finished.report["requests"]["submits"] == 0
    assert later.code == 0


def test_a_prometheus_out_of_reach_blocks(tmp_path: Path) -> None:
    with serving(SmallPlatform()) as platform:
        closed = "http://127.0.0.1:9"
        config = write_config(tmp_path, [SHOP], more=f"blocked_by: [{{prometheus: '{closed}', query: ALERTS}}]")
        finished = run("run", config, "-o", "json", env=environ(QOVERY_API_URL=platform.url))
    assert finished.code == 5
    assert list(finished.outcomes.values()) == [("blocked", "alerts_unknown")]


def test_the_metrics_of_a_failure_keep_the_last_success(tmp_path: Path) -> None:
    parser = pytest.importorskip("prometheus_client.parser")
    textfile = tmp_path / "night.prom"
    config = write_config(tmp_path, [SHOP], more=f"metrics: {{textfile: '{textfile}'}}")

    def metrics() -> dict[str, float]:
        families = parser.text_string_to_metric_families(textfile.read_text())
        samples = [sample for family in families for sample in family.samples]
        assert all(sample.timestamp is None for sample in samples)
        assert {sample.labels["config"] for sample in samples} == {str(config)}
        return {
            sample.name.removeprefix("qovery_restart_")
            + "".join(f" {sample.labels[key]}" for key in sample.labels if key != "config"): sample.value
            for sample in samples
        }

    with serving(SmallPlatform()) as platform:
        assert run("run", config, env=environ(QOVERY_API_URL=platform.url)).code == 0
    good = metrics()
    with serving(SmallPlatform(states=("RESTART_ERROR",))) as platform:
        assert run("run", config, env=environ(QOVERY_API_URL=platform.url)).code == 1
    bad = metrics()
    assert textfile.stat().st_mode & 0o777 == 0o644
    assert (good["last_exit_code"], bad["last_exit_code"]) == (0, 1)
    assert (good["environments succeeded"], bad["environments failed"]) == (1, 1)
    assert good["last_run_timestamp_seconds"] == good["last_success_timestamp_seconds"]
    assert bad["last_success_timestamp_seconds"] == good["last_success_timestamp_seconds"]
    assert bad["last_run_timestamp_seconds"] > bad["last_success_timestamp_seconds"]
    assert bad["requests"] > 0
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".tmp"] == []


def test_only_a_change_is_told_by_default(tmp_path: Path) -> None:
    config = write_config(tmp_path, [SHOP], more="notify: {to: [{webhook: {env: HOOK_URL}}]}")
    state = {"QOVERY_RESTART_STATE_DIR": str(tmp_path / "state")}
    codes = []
    with outside() as there:
        for states in (None, ("RESTART_ERROR",), None, None):
            platform = SmallPlatform() if states is None else SmallPlatform(states=states)
            with serving(platform):
                codes.append(run("run", config, env=env_for(there, platform, **state)).code)
    told = [json.loads(body) for _, body in there.heard]
    assert codes == [0, 1, 0, 0]
    assert [(each["exit_code"], each["recovered"]) for each in told] == [(1, False), (0, True)]


def scheduled(tmp_path: Path, more: str) -> str:
    lines = f"{TELLING}\nschedule: {{cron: '* * * * *', timezone: UTC}}\n{more}"
    return str(write_config(tmp_path, [SHOP], more=lines))


def test_a_scheduled_run_is_told_as_every_other_run(tmp_path: Path) -> None:
    with serving(SmallPlatform()) as platform, outside() as there:
        done = run("schedule", scheduled(tmp_path, ""), "--due", "--log-format", "json", env=env_for(there, platform))
    assert (done.code, warnings_of(done)) == (0, [])
    pings = [urlsplit(each).path.removeprefix(f"/ping/{SECRET}") for each in there.paths() if "/ping/" in each]
    assert pings == ["/start", "/0"]
    assert json.loads(there.body_of(f"/hook/{SECRET}"))["outcome"] == "succeeded"
    assert SECRET not in done.stdout + done.stderr


def test_a_time_that_is_skipped_is_told_to_the_dead_mans_signal_alone(tmp_path: Path) -> None:
    metrics = tmp_path / "restart.prom"
    more = f"metrics: {{textfile: {metrics}}}\nblackouts: [{{from: 2020-01-01, to: 2099-01-01}}]"
    with serving(SmallPlatform()) as platform, outside() as there:
        done = run("schedule", scheduled(tmp_path, more), "--due", env=env_for(there, platform))
    assert (done.code, platform.submits) == (0, 0)
    assert [urlsplit(each).path for each in there.paths()] == [f"/ping/{SECRET}/log"]
    assert "skipped (blackout)" in there.body_of(f"/ping/{SECRET}/log")
    assert "qovery_restart_next_run_timestamp_seconds{" in metrics.read_text()


def test_metrics_that_have_no_place_are_a_warning(tmp_path: Path) -> None:
    more = "metrics: {textfile: ~nobody-at-all/restart.prom}"
    with serving(SmallPlatform()) as platform, outside() as there:
        config = write_config(tmp_path, [SHOP], more=more)
        done = run("run", config, "--log-format", "json", env=env_for(there, platform))
    assert (done.code, warnings_of(done)) == (0, [("metrics", "not_written")])
