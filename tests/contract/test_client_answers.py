"""What the client makes of every answer that is not the one it hopes for: refusals, proxies, halves, nonsense."""

import gzip
import json
import re
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import httpx
import pytest
import respx

from orchestrator.domain.observations import SubmitReceipt
from orchestrator.errors import (
    BusyError,
    MalformedAnswerError,
    NotFoundError,
    PlatformError,
    RefusedError,
    ThrottledError,
    TokenRefusedError,
    UnansweredError,
)
from orchestrator.qovery.http import LARGEST_ANSWER, LONGEST_MESSAGE
from orchestrator.qovery.platform import QoveryPlatform
from tests.contract.test_client_requests import EXCHANGES, SERVICES, Exchange, each_exchange
from tests.support.http import API, ENVIRONMENT, NOW, TOKEN, asked

Question = Callable[[QoveryPlatform], Awaitable[object]]

MEGABYTE = 1024 * 1024
EPOCH = int(NOW.timestamp())
HTML = b"<html><head><title>502 Bad Gateway</title></head><body>\r\n<h1>502 Bad Gateway</h1>\r\n</body></html>"
STATUSES = EXCHANGES["read_statuses"].path
SUBMIT = EXCHANGES["submit_restart"].path


async def read(platform: QoveryPlatform) -> object:
    return await platform.read_statuses(ENVIRONMENT)


async def submit(platform: QoveryPlatform) -> object:
    return await platform.submit_restart(ENVIRONMENT, SERVICES)


def error_body(**words: object) -> bytes:
    return json.dumps({"status": 400, "timestamp": "2026-11-24T03:00:00Z", **words}).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer whose status is not 2xx, and what has to be understood from it."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    error: type[PlatformError]
    words: str


REFUSALS = {
    "400 with a detail": Refusal(
        status=400,
        body=error_body(error="Bad Request", message="no", detail="the ids are not of this environment"),
        error=RefusedError,
        words="HTTP 400: the ids are not of this environment",
    ),
    "400 with a message": Refusal(
        status=400, body=error_body(error="Bad Request", message="say which"), error=RefusedError, words="say which"
    ),
    "400 with an error alone": Refusal(
        status=400,
        body=error_body(error="Bad Request", message="", detail=None),
        error=RefusedError,
        words="Bad Request",
    ),
    "400 with none of these": Refusal(
        status=400, body=b'{"code": 17}', error=RefusedError, words='HTTP 400: {"code": 17}'
    ),
    "400 with a detail of another shape": Refusal(
        status=400, body=error_body(detail=[{"field": "application_ids"}]), error=RefusedError, words="application_ids"
    ),
    "401 as JSON": Refusal(
        status=401, body=error_body(detail="Invalid token"), error=TokenRefusedError, words="HTTP 401: Invalid token"
    ),
    "401 empty": Refusal(status=401, error=TokenRefusedError, words="HTTP 401: no explanation"),
    "403 as text": Refusal(status=403, body=b"Access denied", error=TokenRefusedError, words="HTTP 403: Access denied"),
    "404 as JSON": Refusal(
        status=404,
        body=error_body(detail="Environment not found"),
        error=NotFoundError,
        words="HTTP 404: Environment not found",
    ),
    "404 as a list": Refusal(status=404, body=b"[]", error=NotFoundError, words=r"HTTP 404: \[\]"),
    "404 as null": Refusal(status=404, body=b"null", error=NotFoundError, words="HTTP 404: null"),
    "408 of a proxy": Refusal(status=408, body=HTML, error=UnansweredError, words="HTTP 408: .*Bad Gateway"),
    "409": Refusal(
        status=409,
        body=error_body(detail="Operation is in progress"),
        error=BusyError,
        words="Operation is in progress",
    ),
    "422": Refusal(status=422, body=b"", error=RefusedError, words="HTTP 422"),
    "429": Refusal(status=429, body=b"slow down", error=ThrottledError, words="HTTP 429: slow down"),
    "500 as JSON": Refusal(
        status=500, body=error_body(message="Internal Server Error"), error=UnansweredError, words="Internal Server"
    ),
    "500 with half a JSON": Refusal(
        status=500, body=b'{"status": 500, "det', error=UnansweredError, words='HTTP 500: {"status": 500, "det'
    ),
    "500 with invalid UTF-8": Refusal(
        status=500, body=b"caf\xe9 \xff\xfe ferm\xe9", error=UnansweredError, words="HTTP 500: caf. .. ferm"
    ),
    "500 with deeply nested JSON": Refusal(
        status=500, body=b"[" * 100_000 + b"]" * 100_000, error=UnansweredError, words=r"HTTP 500: \[\[\["
    ),
    "500 with a number beyond every number": Refusal(
        status=500, body=b"9" * 10_000, error=UnansweredError, words="HTTP 500: 999"
    ),
    "500 with control characters": Refusal(
        status=500, body=b"\x1b[31mred\x07\x00\r\nalert\x7f", error=UnansweredError, words=r"HTTP 500: \[31mred alert$"
    ),
    "502 as HTML": Refusal(status=502, body=HTML, error=UnansweredError, words="HTTP 502: .*502 Bad Gateway"),
    "503 as text": Refusal(
        status=503, body=b"upstream connect error", error=UnansweredError, words="HTTP 503: upstream connect error"
    ),
    "504 empty": Refusal(status=504, error=UnansweredError, words="HTTP 504: no explanation"),
    "520 of a proxy": Refusal(status=520, error=UnansweredError, words="HTTP 520"),
    "300 without a place to go": Refusal(status=300, error=UnansweredError, words="HTTP 300"),
    "304": Refusal(status=304, error=UnansweredError, words="HTTP 304"),
}


@pytest.mark.parametrize(("ask", "path"), [(read, STATUSES), (submit, SUBMIT)], ids=["read", "submit"])
@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
@respx.mock(base_url=API)
def test_a_refusal_becomes_the_error_that_says_what_happened_and_where(
    respx_mock: respx.MockRouter, refusal: Refusal, ask: Question, path: str
) -> None:
    respx_mock.route(path=path).respond(refusal.status, content=refusal.body, headers=refusal.headers)
    with pytest.raises(PlatformError, match=refusal.words) as caught:
        asked(ask)
    assert type(caught.value) is refusal.error
    assert caught.value.status == refusal.status
    message = str(caught.value)
    assert message.startswith(f"{'POST' if path is SUBMIT else 'GET'} {path}: HTTP {refusal.status}: ")
    assert message.isprintable()
    assert len(message) < len(path) + LONGEST_MESSAGE + 40


@each_exchange
@pytest.mark.parametrize("status", [401, 404, 409, 429, 500], ids=str)
@respx.mock(base_url=API)
def test_no_call_takes_a_refusal_for_an_answer(respx_mock: respx.MockRouter, exchange: Exchange, status: int) -> None:
    respx_mock.route().respond(status, json=exchange.answer)
    with pytest.raises(PlatformError) as caught:
        asked(exchange.ask)
    assert caught.value.status == status


# What is no JSON, or another JSON.

ALIEN = {
    "HTML": (HTML, "Invalid JSON"),
    "half a JSON": (b'{"results": [{"id": "o", "na', "Invalid JSON"),
    "nothing": (b"", "Invalid JSON"),
    "white space": (b" \r\n", "Invalid JSON"),
    "two JSONs": (b"{}{}", "Invalid JSON"),
    "invalid UTF-8": (b'{"results": "\xff\xfe"}', r"(results|stages|id): (Input should be a valid|Field required)"),
    "UTF-16": ('{"results": []}'.encode("utf-16"), "Invalid JSON"),
    "deep nesting": (b"[" * 100_000 + b"]" * 100_000, "Invalid JSON"),
    "deep nesting in a field": (b'{"results":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "Invalid JSON"),
    "null": (b"null", "should be an object"),
    "a list": (b"[]", "should be an object"),
    "a text": (b'"OK"', "should be an object"),
    "a number": (b"0", "should be an object"),
    "another object": (b'{"status": 200, "data": {}}', "Field required"),
    "an empty object": (b"{}", "Field required"),
    "its parts of another type": (
        b'{"results": 7, "stages": 7, "id": 7, "name": 7}',
        r"(results|stages|id): Input should be a valid",
    ),
    "its parts null": (
        b'{"stages": null, "id": null, "name": null}',
        r"(results|stages|id): (Input should be a valid|Field required)",
    ),
}
READS = {name: exchange for name, exchange in EXCHANGES.items() if exchange.method == "GET"}


@pytest.mark.parametrize("exchange", READS.values(), ids=READS.keys())
@pytest.mark.parametrize(("body", "words"), ALIEN.values(), ids=ALIEN.keys())
@respx.mock(base_url=API)
def test_a_good_status_over_an_alien_body_is_a_malformed_answer_and_never_an_empty_one(
    respx_mock: respx.MockRouter, exchange: Exchange, body: bytes, words: str
) -> None:
    respx_mock.route().respond(200, content=body, headers={"Content-Type": "application/json"})
    with pytest.raises(MalformedAnswerError, match=words) as caught:
        asked(exchange.ask)
    message = str(caught.value)
    assert message.startswith(f"GET {exchange.path}: unexpected answer (HTTP 200, {len(body)} bytes): ")
    assert caught.value.status == 200
    assert len(message) < len(exchange.path) + 250


@pytest.mark.parametrize("name", [name for name, exchange in READS.items() if "results" in (exchange.answer or {})])
@respx.mock(base_url=API)
def test_null_in_place_of_a_list_is_an_empty_one_but_not_for_the_history(
    respx_mock: respx.MockRouter, name: str
) -> None:
    respx_mock.route().respond(200, content=b'{"results": null}')
    if name == "find_runs":
        with pytest.raises(MalformedAnswerError, match="results: Input should be a valid array"):
            asked(READS[name].ask)
    else:
        assert not asked(READS[name].ask)


@pytest.mark.parametrize("exchange", READS.values(), ids=READS.keys())
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda body: b"\xef\xbb\xbf" + body, id="a byte order mark"),
        pytest.param(lambda body: body[:-1] + b', "description": "caf\xc3"}', id="broken UTF-8"),
        pytest.param(lambda body: body[:-1] + b', "description": "a\x00\tb"}', id="control characters"),
        pytest.param(lambda body: body[:-1] + b', "description": "\\ud83d"}', id="half a surrogate pair"),
    ],
)
@respx.mock(base_url=API)
def test_odd_bytes_in_what_nobody_needs_cost_nothing(
    respx_mock: respx.MockRouter, exchange: Exchange, spoil: Callable[[bytes], bytes]
) -> None:
    respx_mock.route().respond(200, json=exchange.answer)
    found = asked(exchange.ask)
    respx_mock.route().respond(200, content=spoil(json.dumps(exchange.answer).encode()))
    assert asked(exchange.ask) == found


each_alien = pytest.mark.parametrize("body", [body for body, _ in ALIEN.values()], ids=ALIEN.keys())


@each_alien
@respx.mock(base_url=API)
def test_a_submit_that_was_accepted_is_accepted_whatever_its_body_looks_like(
    respx_mock: respx.MockRouter, body: bytes
) -> None:
    respx_mock.post(SUBMIT).respond(202, content=body)
    assert asked(submit) == SubmitReceipt()


@pytest.mark.parametrize("status", [200, 201, 204], ids=str)
@pytest.mark.parametrize("body", [HTML, b"", b"null", b'"OK"', b"[]"], ids=["HTML", "nothing", "null", "text", "list"])
@respx.mock(base_url=API)
def test_another_good_status_has_to_speak_for_itself_since_a_captive_portal_says_200_too(
    respx_mock: respx.MockRouter, body: bytes, status: int
) -> None:
    respx_mock.post(SUBMIT).respond(status, content=body)
    with pytest.raises(MalformedAnswerError, match=rf"POST {SUBMIT}: unexpected answer \(HTTP .* bytes\): ") as caught:
        asked(submit)
    assert caught.value.status == status


@pytest.mark.parametrize("status", [200, 201, 202], ids=str)
@respx.mock(base_url=API)
def test_a_good_status_with_the_requests_id_is_a_receipt(respx_mock: respx.MockRouter, status: int) -> None:
    exchange = EXCHANGES["submit_restart"]
    respx_mock.post(SUBMIT).respond(status, json=exchange.answer)
    assert asked(submit) == exchange.meaning


@pytest.mark.parametrize(
    "body",
    [{"id": "x", "deployment_request_id": None}, {"deployment_request_id": ""}, {"deployment_request_id": 7}],
    ids=["null", "empty", "a number"],
)
@respx.mock(base_url=API)
def test_a_receipt_without_a_usable_request_id_has_none(respx_mock: respx.MockRouter, body: dict[str, object]) -> None:
    respx_mock.post(SUBMIT).respond(202, json=body)
    assert asked(submit) == SubmitReceipt()


@pytest.mark.parametrize("call", ["cancel_request", "cancel_run"])
@pytest.mark.parametrize("body", [b"", HTML, b"[]"], ids=["none", "HTML", "another JSON"])
@respx.mock(base_url=API)
def test_a_cancel_counts_by_its_status_whatever_its_body(respx_mock: respx.MockRouter, call: str, body: bytes) -> None:
    route = respx_mock.post(EXCHANGES[call].path).respond(202, content=body)
    assert asked(EXCHANGES[call].ask) is None
    assert route.call_count == 1


# Size.


class Body(httpx.AsyncByteStream):
    """A body as the network brings it, piece by piece, that counts how many of them were taken."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        self.taken = 0
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            self.taken += 1
            yield piece

    async def aclose(self) -> None:
        self.closed = True

    def served(self, status: int = 200, **headers: str) -> httpx.MockTransport:
        return httpx.MockTransport(
            lambda request: httpx.Response(
                status, headers=[(name.replace("_", "-"), text) for name, text in headers.items()], stream=self
            )
        )


def forty_megabytes() -> Iterable[bytes]:
    return (b" " * MEGABYTE for _ in range(40))


@pytest.mark.parametrize("ask", [read, submit], ids=["read", "submit"])
@pytest.mark.parametrize("status", [200, 500], ids=str)
def test_a_body_of_forty_megabytes_is_not_read_to_its_end(ask: Question, status: int) -> None:
    flood = Body(forty_megabytes())
    with pytest.raises(UnansweredError, match=f"the answer is larger than {LARGEST_ANSWER} bytes"):
        asked(ask, transport=flood.served(status))
    assert flood.taken == LARGEST_ANSWER // MEGABYTE + 1
    assert flood.closed


def test_a_small_body_that_unpacks_to_forty_megabytes_is_refused() -> None:
    bomb = Body([gzip.compress(b" " * 40 * MEGABYTE)])
    with pytest.raises(UnansweredError, match="the answer is larger than"):
        asked(read, transport=bomb.served(content_encoding="gzip"))


def test_a_body_that_does_not_unpack_is_no_answer() -> None:
    with pytest.raises(UnansweredError, match=r"no answer: .*incorrect header"):
        asked(read, transport=Body([b"not gzip"]).served(content_encoding="gzip"))


def test_an_answer_in_gzip_and_in_pieces_is_understood() -> None:
    exchange = EXCHANGES["projects"]
    packed = gzip.compress(json.dumps(exchange.answer).encode())
    body = Body([packed[:7], b"", packed[7:]])
    assert asked(exchange.ask, transport=body.served(content_encoding="gzip")) == exchange.meaning


@respx.mock(base_url=API)
def test_the_largest_answer_that_is_allowed_is_read(respx_mock: respx.MockRouter) -> None:
    body = b'{"results": []}'
    respx_mock.get("/organization").respond(200, content=body + b" " * (LARGEST_ANSWER - len(body)))
    assert asked(EXCHANGES["organizations"].ask) == []


@respx.mock(base_url=API)
def test_a_long_explanation_is_cut(respx_mock: respx.MockRouter) -> None:
    respx_mock.get(STATUSES).respond(400, json={"detail": "x" * LONGEST_MESSAGE})
    with pytest.raises(RefusedError, match=f": {'x' * LONGEST_MESSAGE}$"):
        asked(read)
    respx_mock.get(STATUSES).respond(400, json={"detail": "x" * (LONGEST_MESSAGE + 1)})
    with pytest.raises(RefusedError, match=f": {'x' * LONGEST_MESSAGE}…$"):
        asked(read)


# Dates.


@respx.mock(base_url=API)
def test_an_odd_date_does_not_spoil_a_good_reading(respx_mock: respx.MockRouter) -> None:
    respx_mock.get(STATUSES).respond(
        200, json={"stages": []}, headers={"Date": "Mon, 01 Jan 2026 00:00:00 +99999999999999999999"}
    )
    observation = asked(lambda platform: platform.read_statuses(ENVIRONMENT))
    assert observation.server_time is None


# Secrets.


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 500], ids=str)
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(f"Token {TOKEN} is not valid".encode(), id="as text"),
        pytest.param(error_body(detail=f"the header 'Authorization: Token {TOKEN}' is wrong"), id="as JSON"),
        pytest.param(b"x" * (LONGEST_MESSAGE - 10) + b" " + TOKEN.encode(), id="where the message is cut"),
        pytest.param(b"\n" * (16 * LONGEST_MESSAGE - 10) + TOKEN.encode(), id="where the body is cut"),
    ],
)
@respx.mock(base_url=API)
def test_a_token_that_the_server_repeats_is_hidden(respx_mock: respx.MockRouter, status: int, body: bytes) -> None:
    respx_mock.get(STATUSES).respond(status, content=body)
    with pytest.raises(PlatformError, match=re.escape("***")) as caught:
        asked(read)
    shown = "".join(traceback.format_exception(caught.value))
    for text in (str(caught.value), repr(caught.value), shown):
        assert TOKEN[:8] not in text


@respx.mock(base_url=API)
def test_a_token_in_a_body_that_is_malformed_is_not_shown(respx_mock: respx.MockRouter) -> None:
    respx_mock.get(STATUSES).respond(200, json={"stages": TOKEN, TOKEN: TOKEN})
    with pytest.raises(MalformedAnswerError) as caught:
        asked(read)
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


# Cookies.


@pytest.mark.parametrize("cookie", ["node=7; Path=/", "node=\u0663; Path=/"], ids=["plain", "cannot be sent back"])
def test_a_cookie_that_something_on_the_way_sets_is_not_kept_for_later_requests(cookie: str) -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, headers=[(b"Set-Cookie", cookie.encode())], json={"results": []})

    async def read_twice(platform: QoveryPlatform) -> None:
        for _ in range(2):
            await platform.read_queue(ENVIRONMENT)

    asked(read_twice, transport=httpx.MockTransport(answer))
    assert ["cookie" in request.headers for request in sent] == [False, False]
