"""The dead man's signal, by the conventions of healthchecks.io and for others."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest

from orchestrator.domain.notices import uuid_of_run
from orchestrator.notices.ping import MOST_BYTES, Ping, signal_url
from orchestrator.notices.posting import Poster, make_notice_client
from tests.support.time import HandClock

RUN = "20261124-120000-5f3a1c"
RID = f"rid={uuid_of_run(RUN)}"
ONE = {"ping": httpx.URL("https://hc.example.test/uuid?create=1")}
THREE = {
    key: httpx.URL(f"https://beat.example.test/{key}?token=a%2Fb")
    for key in ("ping.start", "ping.success", "ping.failure")
}


def heard(urls: dict[str, httpx.URL], say: Callable[[Ping], Awaitable[object]]) -> list[tuple[str, bytes]]:
    requests: list[tuple[str, bytes]] = []

    def hear(request: httpx.Request) -> httpx.Response:
        requests.append((str(request.url), request.content))
        return httpx.Response(200)

    async def talk() -> None:
        async with make_notice_client([], httpx.MockTransport(hear)) as client:
            await say(Ping(Poster(client, HandClock()), urls))

    asyncio.run(talk())
    return requests


@pytest.mark.parametrize(
    ("say", "expected"),
    [
        pytest.param(lambda ping: ping.started(RUN), (f"start?create=1&{RID}", b""), id="start"),
        pytest.param(lambda ping: ping.ended(RUN, exit_code=0, text="ok"), (f"0?create=1&{RID}", b"ok"), id="success"),
        pytest.param(lambda ping: ping.ended(RUN, exit_code=143, text="!"), (f"143?create=1&{RID}", b"!"), id="signal"),
        pytest.param(lambda ping: ping.ended(None, exit_code=2, text=""), ("2?create=1", b""), id="no run"),
        pytest.param(lambda ping: ping.skipped("overlap"), ("log?create=1", b"overlap"), id="skipped"),
        pytest.param(lambda ping: ping.missed("asleep"), ("fail?create=1", b"asleep"), id="missed"),
    ],
)
def test_one_url_says_everything(say: Callable[[Ping], Awaitable[object]], expected: tuple[str, bytes]) -> None:
    path, body = expected
    assert heard(ONE, say) == [(f"https://hc.example.test/uuid/{path}", body)]


@pytest.mark.parametrize(
    ("say", "key"),
    [
        pytest.param(lambda ping: ping.started(RUN), "ping.start", id="start"),
        pytest.param(lambda ping: ping.ended(RUN, exit_code=0, text=""), "ping.success", id="success"),
        pytest.param(lambda ping: ping.ended(RUN, exit_code=5, text=""), "ping.failure", id="failure"),
        pytest.param(lambda ping: ping.skipped(""), None, id="skipped"),
        pytest.param(lambda ping: ping.missed(""), "ping.failure", id="missed"),
    ],
)
def test_three_urls_are_asked_as_they_are(say: Callable[[Ping], Awaitable[object]], key: str | None) -> None:
    assert heard(THREE, say) == ([] if key is None else [(f"https://beat.example.test/{key}?token=a%2Fb", b"")])


def test_who_is_not_named_is_not_asked() -> None:
    only = {"ping.success": THREE["ping.success"]}
    assert heard(only, lambda ping: ping.ended(RUN, exit_code=1, text="")) == []


@pytest.mark.parametrize("line", ["a line of the report", "línea", "x" * 30_000], ids=["lines", "accents", "one line"])
def test_of_a_long_text_the_end_is_sent(line: str) -> None:
    text = "\n".join([line] * 2000) + "\nRun failed (exit code 1)"
    ((_, body),) = heard(ONE, lambda ping: ping.ended(RUN, exit_code=1, text=text))
    assert len(body) <= MOST_BYTES
    assert body.decode().endswith("Run failed (exit code 1)")
    assert body.decode().startswith("…\n")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.test", "https://a.test/start"),
        ("https://a.test/k/", "https://a.test/k/start"),
        ("https://a.test/k%2Fl?x=1&y=%20", "https://a.test/k%2Fl/start?x=1&y=%20"),
    ],
)
def test_what_is_said_goes_behind_the_path(url: str, expected: str) -> None:
    assert str(signal_url(httpx.URL(url), "start", run_id=None)) == expected
