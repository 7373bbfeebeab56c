"""Asking Prometheus: whatever comes back is an answer, and what is not known is said."""

import asyncio
import json
from collections.abc import Callable

import httpx
import pytest
from pydantic import SecretStr

from orchestrator.alerts import MOST_BYTES, TIMEOUT, TRIES, PrometheusAlerts, make_alert_client
from orchestrator.domain.alerts import Alert, AlertReading
from orchestrator.simulator.virtual_time import VirtualTimeLoop
from tests.support.time import HandClock

TOKEN = "prom-s3cret-token"
DOWN = {"metric": {"__name__": "ALERTS", "alertname": "Down"}, "value": [1, "1"]}


def body(*series: object) -> dict[str, object]:
    return {"status": "success", "data": {"resultType": "vector", "result": list(series)}}


def read(answer: Callable[[httpx.Request], httpx.Response]) -> tuple[AlertReading, int]:
    count = 0

    def counted(request: httpx.Request) -> httpx.Response:
        nonlocal count
        count += 1
        return answer(request)

    async def ask() -> AlertReading:
        async with make_alert_client([], httpx.MockTransport(counted)) as client:
            source = PrometheusAlerts(
                client, HandClock(), url="https://prom.example.test", query="ALERTS", token=SecretStr(TOKEN)
            )
            return await source.read()

    return asyncio.run(ask()), count


def test_nothing_firing_is_known_after_one_request() -> None:
    assert read(lambda _: httpx.Response(200, json=body())) == (AlertReading(source="prom.example.test"), 1)


def test_an_alert_is_dated_where_that_can_be_found_out() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        dated = {"metric": {"__name__": "ALERTS_FOR_STATE", "alertname": "Down"}, "value": [1, "1764212400"]}
        return httpx.Response(200, json=body(dated if "FOR_STATE" in request.url.params["query"] else DOWN))

    reading, count = read(answer)
    assert [(each.name, each.since and each.since.isoformat()) for each in reading.firing] == [
        ("Down", "2025-11-27T03:00:00+00:00")
    ]
    assert count == 2


def test_an_alert_that_cannot_be_dated_fires_all_the_same() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return (
            httpx.Response(422) if "FOR_STATE" in request.url.params["query"] else httpx.Response(200, json=body(DOWN))
        )

    assert read(answer)[0].firing == (Alert(name="Down"),)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (httpx.Response(503, text="<html>"), "503, and no JSON"),
        (httpx.Response(200, text="\udcff".encode("utf-8", "surrogateescape").decode("latin-1")), "200, and no JSON"),
        (httpx.Response(200, content=b"[" * 100_000), "the answer is not one of Prometheus'"),
        (httpx.Response(200, content=b" " * (MOST_BYTES + 1)), "200, and no JSON"),
        (httpx.Response(302, headers={"Location": "https://login.example.test/"}), "302, and no JSON"),
        (
            httpx.Response(400, json={"status": "error", "error": f"parse error in {TOKEN}"}),
            "400, parse error in ***",
        ),
    ],
    ids=["html", "bytes", "deep", "endless", "redirect", "error"],
)
def test_what_says_nothing_is_asked_three_times_and_is_a_problem(answer: httpx.Response, problem: str) -> None:
    reading, count = read(lambda _: httpx.Response(answer.status_code, content=answer.content, headers=answer.headers))
    assert (reading.firing, reading.problem, count) == ((), problem, TRIES)


def test_a_host_out_of_reach_is_a_problem() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"no way with {TOKEN}", request=request)

    assert read(refuse) == (AlertReading(source="prom.example.test", problem="no way with ***"), TRIES)


def test_an_answer_that_comes_at_the_second_try_counts() -> None:
    answers = [httpx.Response(502), httpx.Response(200, json=body())]
    assert read(lambda _: answers.pop(0)) == (AlertReading(source="prom.example.test"), 2)


def test_who_never_answers_is_not_waited_for() -> None:
    class Silent(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await asyncio.sleep(3600)
            return httpx.Response(200)

    async def ask() -> tuple[AlertReading, float]:
        async with make_alert_client([], Silent()) as client:
            source = PrometheusAlerts(client, HandClock(), url="https://prom.example.test/", query="ALERTS")
            return await source.read(), asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        reading, took = runner.run(ask())
    assert (reading.problem, took) == (f"no answer within {TIMEOUT:g} s", TRIES * TIMEOUT)
    assert json.dumps(reading.source) == '"prom.example.test"'
