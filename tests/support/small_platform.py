"""A platform of one environment on a real port, for what needs an exact script: each answer is written down here."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ENVIRONMENT = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
QUICK_SUCCESS = ("RESTART_QUEUED", "RESTARTING", "RESTARTED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a client asked."""

    method: str
    path: str
    token: str
    after_submit: bool
    """Whether a restart was accepted before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What it gets."""

    status: int
    body: bytes

    @classmethod
    def of(cls, document: object, status: int = 200) -> "Answer":
        """Answer with JSON."""
        return cls(status=status, body=json.dumps(document).encode())


@dataclass(slots=True)
class SmallPlatform:
    """Restarts its services by a script: one state per reading after the submit, the last of them for ever.

    Attributes:
        states: the script.
        before: the state before the submit.
        services: their names; all are containers.
        intervene: asked first about every request; None leaves the answer to the script.
        url: where it listens.
        asked: every request so far.
    """

    states: Sequence[str] = QUICK_SUCCESS
    before: str = "DEPLOYED"
    services: Sequence[str] = ("api", "web")
    intervene: Callable[[Request], Answer | None] = lambda _: None
    url: str = ""
    asked: list[Request] = field(default_factory=list)
    _submitted: bool = False
    _looks: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, target: str, token: str) -> Answer:
        """Answer one request."""
        path = target.partition("?")[0]
        with self._lock:
            request = Request(method=method, path=path, token=token, after_submit=self._submitted)
            self.asked.append(request)
            return self.intervene(request) or self._by_script(request)

    @property
    def submits(self) -> int:
        """How many restarts were posted."""
        return sum(request.method == "POST" for request in self.asked)

    def _by_script(self, request: Request) -> Answer:
        match request.method, request.path.removeprefix(f"/environment/{ENVIRONMENT}"):
            case "POST", "/service/restart-service":
                self._submitted = True
                return Answer.of({"id": ENVIRONMENT, "state": "RESTART_QUEUED"}, 202)
            case "GET", "":
                return Answer.of({"id": ENVIRONMENT, "name": "production"})
            case "GET", "/services":
                return Answer.of(
                    {
                        "results": [
                            {"id": self._id(name), "name": name, "service_type": "CONTAINER"} for name in self.services
                        ]
                    }
                )
            case "GET", "/statusesWithStages":
                return Answer.of(self._statuses())
            case "GET", "/deploymentHistoryV2" | "/deploymentQueue":
                return Answer.of({"results": []})
            case _:
                return Answer.of({"status": 404, "error": "Not Found"}, 404)

    def _statuses(self) -> dict[str, Any]:
        state, number = self.before, 41
        if self._submitted:
            state, number = self.states[min(self._looks, len(self.states) - 1)], 42
            self._looks += 1
        execution = f"{ENVIRONMENT}-{number}"
        containers = [{"id": self._id(name), "state": state, "execution_id": execution} for name in self.services]
        return {
            "environment": {"id": ENVIRONMENT, "state": state, "last_deployment_id": execution},
            "stages": [{"containers": containers}],
        }

    def _id(self, name: str) -> str:
        return f"00000000-0000-4000-8000-{self.services.index(name):012x}"


@contextmanager
def serving(platform: SmallPlatform) -> Iterator[SmallPlatform]:
    """Serve `platform` on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            answer = platform.answer(self.command, self.path, self.headers.get("authorization", ""))
            self.send_response(answer.status)
            self.send_header("content-length", str(len(answer.body)))
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(answer.body)

        do_POST = do_GET  # noqa: N815 - the standard library's name

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that goes away in the middle is what these tests are about."""

    with Server(("127.0.0.1", 0), Handler) as server:
        platform.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield platform
        finally:
            server.shutdown()
            thread.join()
