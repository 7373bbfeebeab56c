"""What the client makes of a way to the API that fails: was the request sent, or can it not have been?"""

import asyncio
import pickle
import socket
import ssl
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import anyio
import h11
import httpcore
import httpx
import pytest
import respx
from pydantic import SecretStr

from orchestrator.errors import NotSentError, PassingError, PlatformError, TokenRefusedError, UnansweredError
from orchestrator.network import NEVER_SENT, PERHAPS_SENT, ExchangeError, translated
from orchestrator.qovery.http import Answer, QoveryHttp, make_client, refusal
from orchestrator.qovery.platform import QoveryPlatform
from tests.contract.test_client_requests import EXCHANGES, SERVICES, Exchange, each_exchange
from tests.support.http import API, ENVIRONMENT, TOKEN, HandClock, asked, in_virtual_time
from tests.support.quota import quota_of

ELSEWHERE = "https://elsewhere.example.test"
STATUSES = EXCHANGES["read_statuses"].path
SUBMIT = EXCHANGES["submit_restart"].path


async def read(platform: QoveryPlatform) -> object:
    return await platform.read_statuses(ENVIRONMENT)


async def submit(platform: QoveryPlatform) -> object:
    return await platform.submit_restart(ENVIRONMENT, SERVICES)


# Exceptions.

MEANING: dict[type[Exception], type[PassingError]] = {
    httpx.ConnectError: NotSentError,
    httpx.ConnectTimeout: NotSentError,
    httpx.PoolTimeout: NotSentError,
    httpx.ProxyError: NotSentError,
    httpx.UnsupportedProtocol: NotSentError,
    httpx.LocalProtocolError: NotSentError,
    httpx.InvalidURL: NotSentError,
    httpx.ReadTimeout: UnansweredError,
    httpx.WriteTimeout: UnansweredError,
    httpx.ReadError: UnansweredError,
    httpx.WriteError: UnansweredError,
    httpx.CloseError: UnansweredError,
    httpx.RemoteProtocolError: UnansweredError,
    httpx.DecodingError: UnansweredError,
    httpx.TooManyRedirects: UnansweredError,
    # Raised by nobody, but should httpx come to raise one of its bases, then nothing is known.
    httpx.HTTPError: UnansweredError,
    httpx.RequestError: UnansweredError,
    httpx.TransportError: UnansweredError,
    httpx.TimeoutException: UnansweredError,
    httpx.NetworkError: UnansweredError,
    httpx.ProtocolError: UnansweredError,
    # What the machine raises and httpx lets through.
    ConnectionResetError: UnansweredError,
    OSError: UnansweredError,
    UnicodeError: UnansweredError,
    OverflowError: UnansweredError,
    EOFError: UnansweredError,
    h11.LocalProtocolError: UnansweredError,
    h11.RemoteProtocolError: UnansweredError,
    httpcore.ReadError: UnansweredError,
    anyio.ClosedResourceError: UnansweredError,
    anyio.BrokenResourceError: UnansweredError,
}
each_exception = pytest.mark.parametrize(
    ("exception", "meaning"), MEANING.items(), ids=[exception.__name__ for exception in MEANING]
)


def descendants(root: type[Exception]) -> Iterator[type[Exception]]:
    for child in root.__subclasses__():
        yield child
        yield from descendants(child)


def test_every_exception_that_httpx_raises_for_a_request_has_its_meaning_here() -> None:
    raised = {child for child in descendants(httpx.HTTPError) if child.__module__.partition(".")[0] == "httpx"}
    # Raised by `raise_for_status` alone, which the client never calls.
    assert raised - {httpx.HTTPStatusError} <= set(MEANING)
    leaves = {exception for exception in raised if not exception.__subclasses__()} - {httpx.HTTPStatusError}
    assert leaves <= {*NEVER_SENT, *PERHAPS_SENT}


def caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


@each_exception
@pytest.mark.parametrize(("ask", "path"), [(read, STATUSES), (submit, SUBMIT)], ids=["read", "submit"])
@respx.mock(base_url=API)
def test_an_exception_before_the_answer_says_whether_the_request_can_have_been_acted_upon(
    respx_mock: respx.MockRouter,
    exception: type[Exception],
    meaning: type[PassingError],
    ask: Callable[[QoveryPlatform], Awaitable[object]],
    path: str,
) -> None:
    respx_mock.route(path=path).mock(side_effect=exception("the cable was cut"))
    with pytest.raises(PassingError) as caught:
        asked(ask)
    assert type(caught.value) is meaning
    assert caught.value.status is None
    words = "not sent" if meaning is NotSentError else "no answer"
    assert str(caught.value) == f"{'POST' if path is SUBMIT else 'GET'} {path}: {words}: the cable was cut"


@each_exchange
@respx.mock(base_url=API)
def test_no_call_lets_an_exception_of_httpx_through(respx_mock: respx.MockRouter, exchange: Exchange) -> None:
    respx_mock.route().mock(side_effect=httpx.ReadError("reset"))
    with pytest.raises(UnansweredError, match=f"{exchange.method} {exchange.path}: no answer: reset"):
        asked(exchange.ask)


@each_exception
def test_an_exception_without_words_is_called_by_its_name_or_said_in_words(
    exception: type[Exception], meaning: type[PassingError]
) -> None:
    words = "in time$" if exception.__name__ in _TIMEOUTS else exception.__name__
    with pytest.raises(ExchangeError, match=words) as caught, translated(str):
        raise exception("")
    assert caught.value.sent is (meaning is UnansweredError)


_TIMEOUTS = ("ConnectTimeout", "ReadTimeout", "WriteTimeout", "PoolTimeout")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        pytest.param(
            caused(httpx.ConnectError("no"), ConnectionRefusedError(111, "no")),
            "no connection through the proxy http://p:1 (from HTTPS_PROXY): the connection was refused: nothing "
            "listens there",
            id="not reached",
        ),
        pytest.param(
            httpx.ProxyError("407 Proxy Authentication Required"),
            "no connection through the proxy http://p:1 (from HTTPS_PROXY): 407 Proxy Authentication Required",
            id="refused",
        ),
        pytest.param(
            httpx.ReadTimeout(""),
            "nothing came back in time, through the proxy http://p:1 (from HTTPS_PROXY)",
            id="mute",
        ),
    ],
)
def test_a_fault_names_the_proxy(error: Exception, words: str) -> None:
    with pytest.raises(ExchangeError) as caught, translated(str, proxy="the proxy http://p:1 (from HTTPS_PROXY)"):
        raise error
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("status", "body", "named"),
    [(407, b"", True), (502, b"{}", True), (401, b"<html>", True), (404, b"{}", False), (409, b"{}", False)],
    ids=str,
)
def test_an_answer_that_a_proxy_may_have_given_names_it(status: int, body: bytes, named: bool) -> None:
    answer = Answer(status=status, headers={}, body=body)
    message = str(refusal(answer, "GET /organization", proxy="the proxy http://p:1 (from HTTPS_PROXY)"))
    assert message.endswith(", through the proxy http://p:1 (from HTTPS_PROXY)") is named


class Interrupted(httpx.AsyncByteStream):
    """Half an answer, then an exception."""

    def __init__(self, exception: Exception) -> None:
        self._exception = exception

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b'{"stages": ['
        raise self._exception


@pytest.mark.parametrize(
    "exception",
    [
        httpx.ReadError("reset"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut"),
        ssl.SSLError(1, "bad record"),
    ],
    ids=lambda exception: type(exception).__name__,
)
def test_an_exception_in_the_middle_of_an_answer_leaves_it_open_what_became_of_the_request(
    exception: Exception,
) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(202, stream=Interrupted(exception)))
    with pytest.raises(UnansweredError, match=str(exception)):
        asked(submit, transport=transport)


def test_a_failed_connection_does_not_use_up_the_connections() -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(202, stream=Interrupted(httpx.ReadError("reset"))))

    async def many_times(platform: QoveryPlatform) -> int:
        failures = 0
        for _ in range(20):
            with pytest.raises(UnansweredError):
                await submit(platform)
            failures += 1
        return failures

    assert asked(many_times, transport=transport) == 20


# Time.


class Stuck(httpx.AsyncBaseTransport):
    """Takes the request and never answers."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError("the event never fires")


class Dribble(httpx.AsyncByteStream):
    """One byte every ten seconds, for ever: each is in time, the whole never is."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(10)
            yield b" "


@pytest.mark.parametrize(
    "transport",
    [Stuck(), httpx.MockTransport(lambda request: httpx.Response(200, stream=Dribble()))],
    ids=["never answers", "dribbles"],
)
@pytest.mark.parametrize("timeout", [0.25, 30.0, 3600.0], ids=str)
def test_a_server_that_takes_for_ever_is_cut_off_at_the_request_timeout(
    transport: httpx.AsyncBaseTransport, timeout: float
) -> None:
    async def ask(platform: QoveryPlatform) -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(UnansweredError, match=f"POST {SUBMIT}: no complete answer within {timeout:g} s"):
            await submit(platform)
        return loop.time() - began

    assert asked(ask, transport=transport, request_timeout=timeout) == timeout


class BlackHole(httpcore.AsyncNetworkBackend):
    """A network in which nobody answers to a connection."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: object = None,
    ) -> httpcore.AsyncNetworkStream:
        assert timeout is not None
        await asyncio.sleep(timeout)
        raise httpcore.ConnectTimeout


def test_a_connection_that_is_never_made_is_known_as_such_before_the_request_timeout_hides_it() -> None:
    transport = httpx.AsyncHTTPTransport()
    transport._pool = httpcore.AsyncConnectionPool(network_backend=BlackHole())
    with pytest.raises(NotSentError, match=f"POST {SUBMIT}: not sent"):
        asked(submit, transport=transport, request_timeout=30.0)


def test_a_request_that_waits_in_vain_for_a_free_connection_was_never_sent() -> None:
    class Silent(httpcore.AsyncMockStream):
        async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
            await asyncio.sleep(3600)
            raise httpcore.ReadTimeout

    class OneLine(httpcore.AsyncMockBackend):
        async def connect_tcp(self, *args: object, **kwargs: object) -> httpcore.AsyncNetworkStream:
            return Silent([])

    transport = httpx.AsyncHTTPTransport()
    transport._pool = httpcore.AsyncConnectionPool(network_backend=OneLine([]), max_connections=1)

    async def two_at_once(platform: QoveryPlatform) -> tuple[object, object]:
        return await asyncio.gather(read(platform), submit(platform), return_exceptions=True)

    first, second = asked(two_at_once, transport=transport)
    assert type(first) is UnansweredError
    assert type(second) is NotSentError


def test_a_cancelled_call_is_cancelled_and_not_an_error_of_the_platform() -> None:
    async def ask(platform: QoveryPlatform) -> None:
        call = asyncio.ensure_future(submit(platform))
        await asyncio.sleep(1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    asked(ask, transport=Stuck())


# Redirects.


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308], ids=str)
@pytest.mark.parametrize("ask", [read, submit], ids=["read", "submit"])
@pytest.mark.parametrize("to", [f"{ELSEWHERE}/login", f"{API}/login", "/login"], ids=["elsewhere", "same host", "path"])
@respx.mock(assert_all_called=False)
def test_a_redirect_is_never_followed_and_so_the_token_goes_nowhere_else(
    respx_mock: respx.MockRouter, status: int, to: str, ask: Callable[[QoveryPlatform], Awaitable[object]]
) -> None:
    elsewhere = respx_mock.route(host="elsewhere.example.test").respond(200, json={"stages": []})
    login = respx_mock.route(path="/login").respond(200, json={"stages": []})
    asked_for = respx_mock.route(host="api.example.test").respond(status, headers={"Location": to})
    with pytest.raises(UnansweredError, match=f"HTTP {status}.* check the API's URL") as caught:
        asked(ask)
    assert caught.value.status == status
    assert (asked_for.call_count, elsewhere.call_count, login.call_count) == (1, 0, 0)


@respx.mock(assert_all_called=False)
def test_a_good_status_with_a_location_is_an_answer_and_no_redirect(respx_mock: respx.MockRouter) -> None:
    respx_mock.route(host="api.example.test").respond(202, headers={"Location": f"{ELSEWHERE}/status"})
    elsewhere = respx_mock.route(host="elsewhere.example.test").respond(200)
    asked(submit)
    assert not elsewhere.called


# Secrets.


@respx.mock(base_url=API)
def test_no_trace_of_a_failure_shows_the_token_not_even_with_its_variables(respx_mock: respx.MockRouter) -> None:
    respx_mock.route().mock(side_effect=httpx.ConnectError(f"proxy said: bad header 'Token {TOKEN}'"))
    with pytest.raises(NotSentError, match=r"bad header 'Token \*\*\*'") as caught:
        asked(submit)
    frames = caught.value.__traceback__
    while frames is not None and frames.tb_frame.f_globals["__name__"].partition(".")[0] != "orchestrator":
        frames = frames.tb_next  # those of the test itself, which knows the token
    assert frames is not None
    trace = "".join(
        traceback.TracebackException(NotSentError, caught.value, frames, capture_locals=True).format(chain=True)
    )
    assert "self = <orchestrator.qovery.platform.QoveryPlatform" in trace
    assert TOKEN not in trace
    assert TOKEN.encode() not in pickle.dumps(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_the_password_of_a_proxy_is_not_shown() -> None:
    async def call() -> PlatformError:
        def refuse(request: httpx.Request) -> httpx.Response:
            raise httpx.ProxyError("cannot reach http://me:s3cret@proxy.example.test:3128")

        client = make_client(
            API, SecretStr(TOKEN), request_timeout=5, max_connections=1, transport=httpx.MockTransport(refuse)
        )
        async with client:
            http = QoveryHttp(client, quota=quota_of(HandClock(), per_hour=1), request_timeout=5)
            with pytest.raises(NotSentError) as caught:
                await http.call("GET", "/organization")
        return caught.value

    assert "s3cret" not in str(in_virtual_time(call()))


# What hardly passes by itself.


@pytest.mark.parametrize(
    ("error", "lasting", "words"),
    [
        pytest.param(
            caused(httpx.ConnectError("no"), socket.gaierror(socket.EAI_NONAME, "Name or service not known")),
            True,
            "the host name does not resolve",
            id="no such host",
        ),
        pytest.param(
            caused(httpx.ConnectError("no"), socket.gaierror(socket.EAI_AGAIN, "Temporary failure")),
            False,
            "the host name does not resolve",
            id="no resolver",
        ),
        pytest.param(
            caused(httpx.ConnectError("no"), ExceptionGroup("all", [OSError("x"), ConnectionRefusedError(111, "no")])),
            True,
            "the connection was refused",
            id="refused at one of several addresses",
        ),
        pytest.param(
            caused(httpx.ConnectError("no"), ssl.SSLError("certificate has expired")), True, "expired", id="TLS"
        ),
        pytest.param(httpx.UnsupportedProtocol("ftp"), True, "ftp", id="no HTTP"),
        pytest.param(httpx.ConnectTimeout("slow"), False, "slow", id="a timeout"),
        pytest.param(httpx.ReadError("reset"), False, "reset", id="a reset"),
    ],
)
def test_a_fault_tells_its_cause_and_whether_it_hardly_passes(error: Exception, lasting: bool, words: str) -> None:
    with pytest.raises(ExchangeError) as caught, translated(str):
        raise error
    fault = caught.value
    assert fault.lasting is lasting
    assert words in str(fault)


# A token that was accepted before.

REFUSED = httpx.Response(401, json={"error": "Unauthorized"})
FIREWALL = httpx.Response(403, text="<html>Attention Required!</html>")
GOOD = httpx.Response(200, json={"results": []})


def meanings(answers: list[httpx.Response]) -> list[str]:
    """Ask for the same list again and again, and return what each answer was taken for."""

    async def ask(platform: QoveryPlatform) -> list[str]:
        found = []
        for _ in answers:
            try:
                await platform.organizations()
            except PlatformError as error:
                found.append(type(error).__name__)
            else:
                found.append("good")
        return found

    with respx.mock(base_url=API) as mock:
        mock.get("/organization").mock(side_effect=answers)
        return asked(ask)


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        pytest.param([REFUSED], ["TokenRefusedError"], id="the very first answer"),
        pytest.param([GOOD, REFUSED, GOOD], ["good", "UnansweredError", "good"], id="a stray one"),
        pytest.param(
            [GOOD, REFUSED, FIREWALL, GOOD, REFUSED],
            ["good", "UnansweredError", "UnansweredError", "good", "UnansweredError"],
            id="two in a row, and a later one",
        ),
        pytest.param(
            [GOOD, REFUSED, REFUSED, REFUSED],
            ["good", "UnansweredError", "UnansweredError", "TokenRefusedError"],
            id="revoked",
        ),
        pytest.param([FIREWALL, GOOD], ["UnansweredError", "good"], id="a firewall's page at first"),
        pytest.param(
            [FIREWALL] * 3, ["UnansweredError", "UnansweredError", "TokenRefusedError"], id="a firewall for ever"
        ),
    ],
)
def test_a_refusal_of_a_token_that_was_accepted_before_is_asked_about_again(
    answers: list[httpx.Response], found: list[str]
) -> None:
    assert meanings(answers) == found


def test_a_refused_submit_is_a_refusal_at_once_since_the_submission_looks_into_it() -> None:
    async def ask(platform: QoveryPlatform) -> None:
        await platform.organizations()
        await platform.submit_restart(ENVIRONMENT, SERVICES)

    with respx.mock(base_url=API) as mock:
        mock.get("/organization").mock(return_value=GOOD)
        mock.post(path__regex="restart-service").mock(return_value=FIREWALL)
        with pytest.raises(TokenRefusedError):
            asked(ask)
