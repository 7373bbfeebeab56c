"""A small platform on a real port, for what needs an exact script: each answer is written down here."""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, unique
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ENVIRONMENT = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
LATER = "7f3c1f9e-2d0b-4c57-9a52-7f1d5b0c8e11"
LAST = "b1946ac9-2d5f-4a0e-8d3b-0c2f6a7e9d40"
SHOP = f"{{name: shop, id: {ENVIRONMENT}, services: all}}"
LATER_ON = f"{{name: later, id: {LATER}, services: all, wave: 2}}"
LAST_OF_ALL = f"{{name: last, id: {LAST}, services: all, wave: 3}}"
"""What a configuration says of them."""
QUICK_SUCCESS = ("RESTART_QUEUED", "RESTARTING", "RESTARTED")
NEVER_ENDING = ("RESTARTING",)
BASELINE = 41
"""The number of the execution before the first restart."""

_STATUS_OF_STATE = {"RESTARTED": "SUCCESS", "RESTART_ERROR": "ERROR", "CANCELED": "CANCELED"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a client asked."""

    method: str
    path: str
    query: str
    token: str
    environment: str
    """The id of the environment that the path names; "" where it names none."""
    call: str
    """What was asked of it: the rest of the path."""
    after_submit: bool
    """Whether a restart was accepted before it: there, or anywhere, where it names no environment."""


def first_look(request: Request) -> bool:
    """Tell a reading of the statuses before any restart."""
    return request.call == "/statusesWithStages" and not request.after_submit


def submit(request: Request) -> bool:
    """Tell the request for a restart."""
    return request.method == "POST" and request.call == "/service/restart-service"


def later_look(request: Request) -> bool:
    """Tell a reading of the history once a restart was accepted."""
    return request.call == "/deploymentHistoryV2" and request.after_submit


def cancel(request: Request) -> bool:
    """Tell the request for a cancellation, of a waiting request or of a run."""
    return request.method == "POST" and request.path.endswith("/cancelDeployment")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What it gets."""

    status: int
    body: bytes

    @classmethod
    def of(cls, document: object, status: int = 200) -> "Answer":
        """Answer with JSON."""
        return cls(status=status, body=json.dumps(document).encode())


@unique
class Silence(Enum):
    """No answer at all: the connection stays open for as long as the client likes."""

    LOST = "the request never arrives"
    UNANSWERED = "it arrives and has its effect"


Intervention = Callable[[Request], Answer | Silence | None]


class Snag:
    """An intervention on which the first request of a kind hangs; whatever comes after it is left to the script.

    Args:
        when: the kind.
        silence: whether the request still has its effect.
    """

    def __init__(self, when: Callable[[Request], bool], silence: Silence = Silence.LOST) -> None:
        self._when = when
        self._silence = silence
        self._reached = threading.Event()

    def __call__(self, request: Request) -> Silence | None:
        if self._reached.is_set() or not self._when(request):
            return None
        self._reached.set()
        return self._silence

    def wait(self) -> None:
        """Wait until a request hangs on it."""
        assert self._reached.wait(timeout=30), "no such request has come"


@dataclass(slots=True)
class _Environment:
    """What happened in one environment."""

    accepted: int = 0
    """How many restarts were."""
    runs: int = 0
    """How many of them began."""
    waits: bool = False
    """Whether the last of them waits for its turn."""
    looks: int = 0
    """How often one looked at the last run."""
    cancelled: bool = False
    """Whether the last run was."""


@dataclass(slots=True)
class SmallPlatform:
    """Restarts its services by a script: one state per reading after the submit, the last of them for ever.

    Everything may be changed while it serves.

    Attributes:
        states: the script.
        before: the state before the submit.
        services: their names, the same everywhere; all are containers.
        environments: their ids.
        scripts: for environments with a script of their own.
        queues: whether an accepted restart waits in the queue, until this is taken back.
        origin: what the queue and the history say of where restarts come from.
        intervene: asked first about every request; None leaves the answer to the script.
        url: where it listens.
        asked: every request so far.
    """

    states: Sequence[str] = QUICK_SUCCESS
    before: str = "DEPLOYED"
    services: Sequence[str] = ("api", "web")
    environments: Sequence[str] = (ENVIRONMENT,)
    scripts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    queues: bool = False
    origin: str = "API"
    intervene: Intervention = lambda _: None
    url: str = ""
    asked: list[Request] = field(default_factory=list)
    _there: dict[str, _Environment] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, target: str, token: str) -> Answer | Silence:
        """Answer one request."""
        path, _, query = target.partition("?")
        named = re.fullmatch(r"/environment/([^/]+)(/.*)?", path)
        environment, call = (named[1], named[2] or "") if named else ("", "")
        with self._lock:
            request = Request(
                method=method,
                path=path,
                query=query,
                token=token,
                environment=environment,
                call=call,
                after_submit=(self.accepted_in(environment) if environment else self.accepted) > 0,
            )
            self.asked.append(request)
            intervention = self.intervene(request)
            if intervention is Silence.UNANSWERED:
                self._by_script(request)
            return intervention or self._by_script(request)

    @property
    def submits(self) -> int:
        """How many restarts were posted, whether or not they arrived."""
        return sum(map(submit, self.asked))

    @property
    def cancels(self) -> list[str]:
        """The paths of all cancellations that were posted."""
        return [request.path for request in self.asked if cancel(request)]

    @property
    def accepted(self) -> int:
        """How many restarts were accepted."""
        return sum(there.accepted for there in self._there.values())

    def accepted_in(self, environment: str) -> int:
        """How many restarts were accepted in one environment."""
        return self._there[environment].accepted if environment in self._there else 0

    def restart_by_a_colleague(self, environment: str = ENVIRONMENT) -> None:
        """Accept the same restart from somebody else, who has a program and a token of their own."""
        with self._lock:
            self._accept(environment, self._there.setdefault(environment, _Environment()))

    def snag(self, when: Callable[[Request], bool], silence: Silence = Silence.LOST) -> Snag:
        """Let the next request of a kind hang, in place of whatever intervened so far."""
        self.intervene = snag = Snag(when, silence)
        return snag

    def _by_script(self, request: Request) -> Answer:
        if request.environment in self.environments:
            return self._of_environment(request, self._there.setdefault(request.environment, _Environment()))
        for environment, there in self._there.items():
            if cancel(request) and there.waits and self._request_id(environment, there) in request.path.split("/"):
                there.waits = False
                return Answer.of({"id": environment}, 202)
        return Answer.of({}) if request.path == "/healthz" else _not_found()

    def _of_environment(self, request: Request, there: _Environment) -> Answer:
        environment = request.environment
        match request.method, request.call:
            case "POST", "/service/restart-service":
                return self._accept(environment, there)
            case "POST", "/cancelDeployment" if there.runs:
                there.cancelled = True
                return Answer.of({"id": environment, "state": "CANCELING"}, 202)
            case "GET", "":
                return Answer.of({"id": environment, "name": "production"})
            case "GET", "/services":
                services = [
                    {"id": self._id(environment, name), "name": name, "service_type": "CONTAINER"}
                    for name in self.services
                ]
                return Answer.of({"results": services})
            case "GET", "/statusesWithStages":
                return Answer.of(self._statuses(environment, there))
            case "GET", "/deploymentHistoryV2":
                return Answer.of({"results": self._history(environment, there)})
            case "GET", "/deploymentQueue":
                return Answer.of({"results": self._queue(environment, there)})
            case _:
                return _not_found()

    def _accept(self, environment: str, there: _Environment) -> Answer:
        there.accepted += 1
        there.waits = True
        self._take_turn(there)
        answer = {
            "id": environment,
            "state": "RESTART_QUEUED",
            "deployment_request_id": self._request_id(environment, there),
        }
        return Answer.of(answer, 202)

    def _take_turn(self, there: _Environment) -> None:
        if there.waits and not self.queues:
            there.waits, there.cancelled = False, False
            there.runs += 1
            there.looks = 0

    def _statuses(self, environment: str, there: _Environment) -> dict[str, Any]:
        self._take_turn(there)
        if there.runs:
            there.looks += 1
        execution = f"{environment}-{BASELINE + there.runs}"
        status: dict[str, Any] = {"state": self._state(environment, there), "execution_id": execution}
        if there.waits:
            # While a request waits, a service is queued under the execution that it had before.
            status |= {
                "state": "RESTART_QUEUED",
                "deployment_request_id": self._request_id(environment, there),
                "deployment_requests_count": 1,
            }
        containers = [{"id": self._id(environment, name), **status} for name in self.services]
        return {
            "environment": {"id": environment, "state": status["state"], "last_deployment_id": execution},
            "stages": [{"containers": containers}],
        }

    def _state(self, environment: str, there: _Environment) -> str:
        if not there.runs:
            return self.before
        if there.cancelled:
            return "CANCELED"
        script = self.scripts.get(environment, self.states)
        return script[min(max(there.looks - 1, 0), len(script) - 1)]

    def _history(self, environment: str, there: _Environment) -> list[dict[str, Any]]:
        self._take_turn(there)
        if there.runs:
            there.looks += 1
        runs = [
            self._run(environment, BASELINE, action="DEPLOY", state=self.before, status="SUCCESS", origin="CONSOLE")
        ]
        for number in range(1, there.runs + 1):
            state = self._state(environment, there) if number == there.runs else "RESTARTED"
            status = _STATUS_OF_STATE.get(state, "ONGOING")
            runs.insert(0, self._run(environment, BASELINE + number, action="RESTART", state=state, status=status))
        return runs

    def _run(
        self, environment: str, number: int, *, action: str, state: str, status: str, origin: str | None = None
    ) -> dict[str, Any]:
        return {
            "identifier": {"execution_id": f"{environment}-{number}"},
            "trigger_action": action,
            "action_status": status,
            "auditing_data": {"origin": origin or self.origin, "triggered_by": "robot" if origin is None else "alice"},
            "stages": [{"services": self._members(environment, state)}],
        }

    def _queue(self, environment: str, there: _Environment) -> list[dict[str, Any]]:
        if not there.waits:
            return []
        request = {
            "identifier": {"deployment_request_id": self._request_id(environment, there)},
            "trigger_action": "RESTART",
            "auditing_data": {"origin": self.origin, "triggered_by": "robot"},
            "stages": [{"services": self._members(environment, "QUEUED")}],
        }
        return [request]

    def _members(self, environment: str, state: str) -> list[dict[str, Any]]:
        return [{"identifier": {"service_id": self._id(environment, name)}, "status": state} for name in self.services]

    def _request_id(self, environment: str, there: _Environment) -> str:
        return f"{environment[:8]}-4444-4444-9444-{there.accepted:012x}"

    def _id(self, environment: str, name: str) -> str:
        return f"{environment[:8]}-0000-4000-8000-{self.services.index(name):012x}"


def _not_found() -> Answer:
    return Answer.of({"status": 404, "error": "Not Found"}, 404)


@contextmanager
def serving(platform: SmallPlatform) -> Iterator[SmallPlatform]:
    """Serve `platform` on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # An answer goes out whole: in two pieces, each would wait 40 ms for the client to acknowledge.

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            answer = platform.answer(self.command, self.path, self.headers.get("authorization", ""))
            if isinstance(answer, Silence):
                self.connection.recv(1)  # Comes back once the client has gone away.
                self.close_connection = True
                return
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
