"""Answers of the API, mutated on their way to the client: bodies, statuses, headers. The simulator knows the truth."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from functools import cache
from io import StringIO
from typing import Any

import httpx
from hypothesis import strategies as st

from orchestrator.config import Config
from orchestrator.errors import RestartError
from orchestrator.reports.formats import FORMATS
from orchestrator.reports.model import RunReport, render_json
from orchestrator.reports.text import render_summary
from orchestrator.runs.preparing import GoingOn
from tests.fuzz.ground import SHOP
from tests.fuzz.oddities import changed, lies_excepted, spliced, splices, texts
from tests.simulation.oracle import violations
from tests.support.mortality import Life
from tests.support.whole_runs import config_of, rehearse

Case = dict[str, Any]

_CALLS = (
    "", "/organization", "/project", "/environments", "/services", "/environment", "/environment/status",
    "/deploymentStage", "/deploymentRule",
    *["/statusesWithStages", "/deploymentQueue", "/deploymentHistoryV2", "/restart-service"] * 4, "/cancelDeployment",
)  # fmt: skip
"""What the path of a call ends in."""
_HEADERS = ("Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit",
            "RateLimit-Policy", "RateLimit-Remaining", "RateLimit-Reset", "Date", "Content-Type",
            "Content-Encoding", "Content-Length", "Location", "Set-Cookie",
            "Transfer-Encoding", "Age", "X-Odd")  # fmt: skip
_HEADER_VALUES = (
    "", "0", "-1", "1", "60", "3600", "1e3", "1e308", "9" * 400, "nan", "inf", "٣", "0x10", "1;w=60",
    "Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 26 Nov 2026 12:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 32 Foo 2026 25:61:61 XYZ", "Mon, 01 Jan 0001 00:00:00 +1400",
    "26 Nov 2026 12:00:00", "Thu, 26 Nov 2026 12:00:00 +9999",
    "gzip", "deflate", "br", "zstd", "identity, gzip", "text/html", "application/json; charset=utf-16",
    "text/plain; charset=nope", "a" * 10_000, "é",
)  # fmt: skip
_BODIES = (
    "", " ", "null", "[]", "{}", "0", '"x"', "<html>", "<!doctype html><title>Sign in</title>", "{", '{"results": ',
    "NaN", '{"results": NaN}', "[" * 100_000, "\ufeff{}",
    '{"detail": null}', '{"detail": {"a": [1]}}', '{"message": "\\ud800"}', '{"results": null}', '{"results": {}}',
    '{"results": [null, 7, "x", []]}',
    "x" * 100_000, "\x00", '{"results": 1' + "0" * 5000 + "}",
)  # fmt: skip
STATUSES = (100, 101, 200, 201, 202, 204, 206, 226, 299, 300, 301, 304, 307, 399, 400, 401, 402, 403, 404, 405,
            408, 409, 410, 418, 422, 425, 429, 451, 499, 500, 501, 502, 503, 504, 511, 599, 600, 999)  # fmt: skip

_mutations = st.fixed_dictionaries(
    {
        "call": st.sampled_from(_CALLS),
        "first": st.sampled_from([0, 0, 0, 1, 2, 3, 5, 9]),
        "times": st.sampled_from([1, 2, 3, 10, 1000, 1000]),
    },
    optional={
        "document": st.lists(lies_excepted, min_size=1, max_size=3),
        "body": st.one_of(st.sampled_from(_BODIES), texts),
        "splices": st.lists(splices, min_size=1, max_size=2),
        "digits": st.sampled_from([20, 400, 5000]),
        "status": st.sampled_from(STATUSES),
        "headers": st.dictionaries(
            st.sampled_from(_HEADERS), st.one_of(st.sampled_from(_HEADER_VALUES), texts), min_size=1, max_size=3
        ),
        "breaks": st.integers(0, 300),
    },
)
cases: st.SearchStrategy[Case] = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 3),
        "faults": st.sampled_from(["none", "none", "none", "realistic"]),
        "mutations": st.lists(_mutations, min_size=1, max_size=3),
        "how": st.sampled_from(["run", "run", "run", "watch", "death", "cancel"]),
        "dies_after": st.sampled_from([0.5, 2.0, 5.0, 20.0]),
        "logged": st.sampled_from([False, False, False, True]),
    }
)


class MutatingTransport(httpx.AsyncBaseTransport):
    """Mutates the answers of `inner` as a case says."""

    def __init__(self, inner: httpx.AsyncBaseTransport, mutations: list[dict[str, Any]]) -> None:
        self._inner = inner
        self._mutations = mutations
        self._seen: Counter[int] = Counter()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        status, headers = response.status_code, list(response.headers.raw)
        body, broken = await response.aread(), None
        for number, mutation in enumerate(self._mutations):
            if not request.url.path.endswith(mutation["call"]):
                continue
            self._seen[number] += 1
            if not mutation["first"] < self._seen[number] <= mutation["first"] + mutation["times"]:
                continue
            body, status = _mutated(body, mutation), mutation.get("status", status)
            given = {name: _header_value(value) for name, value in mutation.get("headers", {}).items()}
            headers = [each for each in headers if each[0].lower() not in {name.lower().encode() for name in given}]
            headers += [(name.encode(), value) for name, value in given.items()]
            broken = mutation.get("breaks", broken)
        return httpx.Response(status, headers=headers, stream=_Body(body, broken), request=request)


class _Body(httpx.AsyncByteStream):
    def __init__(self, body: bytes, broken: int | None) -> None:
        self._body = body
        self._broken = broken

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body if self._broken is None else self._body[: self._broken]
        if self._broken is not None:
            raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")


def _header_value(text: str) -> bytes:
    """Return what a server can send as a header's value: h11 lets no other bytes through."""
    return (
        "".join(each for each in text if each >= " " or each == "\t")
        .strip()
        .encode("utf-8", "replace")
        .replace(b"\x7f", b"")
    )


def _mutated(body: bytes, mutation: dict[str, Any]) -> bytes:
    if "document" in mutation:
        try:
            document = json.loads(body)
        except ValueError:
            document = {}
        for change in mutation["document"]:
            document = changed(document, change)
        body = json.dumps(document).encode()
    if "body" in mutation:
        body = mutation["body"].encode("utf-8", "surrogatepass")
    if "digits" in mutation:
        body = body.replace(b": 0", b": 1" + b"0" * mutation["digits"], 1).replace(
            b":0", b":1" + b"0" * mutation["digits"], 1
        )
    for splice in mutation.get("splices", ()):
        body = spliced(body, splice)
    return body


@cache
def _config(on_deadline: str) -> Config:
    return config_of(SHOP.replace("defaults: {", f"defaults: {{on_deadline: {on_deadline}, "))


def findings(case: Case) -> list[str]:
    """Play a case, and return what must not be."""
    dies = case["how"] in ("death", "cancel")
    try:
        run = rehearse(
            _config("cancel" if case["seed"] % 2 else "leave"),
            seed=case["seed"],
            profile=case["faults"],
            lives=[Life(dies_after=case["dies_after"], rest=5.0)] if dies else (),
            how=GoingOn(begin_new=False, call_off=True, deadline=900.0) if case["how"] == "cancel" else None,
            watch=case["how"] == "watch",
            log=StringIO() if case["logged"] else None,
            on_the_way=lambda api: MutatingTransport(api, case["mutations"]),
        )
    except RestartError as error:
        return [f"a refusal that was not reported: {error!r}"]
    except Exception as error:  # noqa: BLE001 - that is the question
        return [f"raised {type(error).__name__}: {_where(error)}"]
    found = [] if case["how"] in ("watch", "cancel") else violations(run)
    found += [f"internal error: {event.values.get('exc_info')!r}" for event in run.events_of("internal_error")]
    if run.final is not None:
        found += _of_formats(run.final)
    return [_without_numbers(each) for each in found]


def _of_formats(report: RunReport) -> list[str]:
    """A report can be written in every format, whatever the names in it are."""
    found = []
    for form in FORMATS:
        try:
            form.render(report).encode("utf-8")
        except Exception as error:  # noqa: BLE001 - that is the question
            found.append(f"{form}: raised {type(error).__name__}: {_where(error)}")
    try:
        json.loads(render_json(report), parse_constant=_refuse)
        render_summary(report, width=120, color=False, verbose=True).encode("utf-8")
    except Exception as error:  # noqa: BLE001
        found.append(f"the result: raised {type(error).__name__}: {_where(error)}")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _where(error: BaseException) -> str:
    place = ""
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{code.co_name}:{trace.tb_lineno}" if "/orchestrator/" in code.co_filename else place
        trace = trace.tb_next
    return place


def _without_numbers(text: str) -> str:
    return "".join("…" if each.isdigit() else each for each in text)
