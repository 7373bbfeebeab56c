"""Text of others over real sockets: it takes no effect on terminals, logs and CI systems, and shows no token."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.command import Running, environ, run, write_config

TOKEN = "sk-qov-01-not+a/real=token-0123456789"
HOSTILE = "svc\x1b[2J\x1b[31m\n::error::forged\r\x9b2J\u202e\u2028\ud800 ##vso[task.complete]"
ECHO = f"{TOKEN} {quote(TOKEN, safe='')}"

Alter = Callable[[str, Any], None]


@contextmanager
def altered(config: Path, alter: Alter) -> Iterator[str]:
    """Serve the simulator through a proxy that alters its documents; yield the proxy's URL."""
    with Running.start("simulate", config, "--port", "0", "--speed", "60", env=environ()) as simulator:
        port = int(simulator.wait_for("simulator_listening")["url"].rpartition(":")[2])

        class Proxy(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:  # says nothing
                pass

            def answer(self) -> None:
                sent = self.rfile.read(int(self.headers.get("content-length") or 0))
                connection = HTTPConnection("127.0.0.1", port, timeout=10)
                passed = {
                    key: value for key, value in self.headers.items() if key.lower() not in ("host", "accept-encoding")
                }
                connection.request(self.command, self.path, sent, passed)
                got = connection.getresponse()
                document = json.loads(got.read())
                connection.close()
                alter(self.path, document)
                body = json.dumps(document).encode()
                self.send_response(got.status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = answer  # noqa: N815 - the names that the server calls

        front = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
        Thread(target=front.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{front.server_port}"
        finally:
            front.shutdown()
            front.server_close()


def rename_services(text: str) -> Alter:
    """Give the first service of each list this name."""

    def alter(path: str, document: Any) -> None:  # noqa: ANN401 - any JSON
        if path.endswith("/services"):
            document["results"][0]["name"] = text

    return alter


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path, ["{name: shop, path: acme/shop/production, services: all}"])


@pytest.mark.parametrize("command", ["run", "plan"])
@pytest.mark.parametrize("text", [HOSTILE, ECHO], ids=["hostile", "the token"])
def test_a_service_may_have_any_name(config: Path, command: str, text: str) -> None:
    with altered(config, rename_services(text)) as url:
        # The token is one that only the configuration names.
        named = config.with_name("named.yaml")
        named.write_text(config.read_text("utf-8").replace("2s}", "2s, token: {env: OUR_TOKEN}}"), "utf-8")
        variables = {"OUR_TOKEN": TOKEN, "QOVERY_API_URL": url}
        shown = run(command, named, "-v" if command == "run" else "--no-color", env=environ(**variables))
        as_json = run(command, named, "-o", "json", "--log-format", "json", env=environ(**variables))

    assert (shown.code, as_json.code) == (0, 0), shown.stderr
    for stream in (shown.stdout, shown.stderr, as_json.stdout, as_json.stderr):
        lines = stream.split("\n")
        assert all(line.isprintable() for line in lines), stream
        assert not any(line.lstrip().startswith("::") or "##vso[" in line for line in lines), stream
        assert TOKEN not in stream
        assert quote(TOKEN, safe="") not in stream
    assert as_json.events or command == "plan"
    names = {service["name"] for each in as_json.report["environments"] for service in each["services"]}
    assert (HOSTILE.replace("\ud800", "?") if text == HOSTILE else "*** ***") in names


def test_a_problem_of_a_file_takes_no_effect(tmp_path: Path) -> None:
    config = tmp_path / "a\x1b[31m\n::error::x.yaml"
    config.write_text("version: 1\n", encoding="utf-8")
    shown = run("validate", config, env=environ())
    as_json = run("validate", config, "-o", "json", env=environ())

    assert (shown.code, as_json.code) == (2, 2)
    assert all(line.isprintable() and not line.startswith("::") for line in shown.stderr.split("\n"))
    assert json.loads(as_json.stdout)["problems"][0].startswith(str(config))


def test_a_token_that_is_given_as_a_name_is_not_shown() -> None:
    finished = run("restart", TOKEN, "--all-services", env=environ())

    assert finished.code == 2
    assert TOKEN not in finished.stdout + finished.stderr
