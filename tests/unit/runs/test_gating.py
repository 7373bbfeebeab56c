"""The gate asks, refuses, and waits where there is a window."""

import asyncio

import httpx
import pytest

from orchestrator.clock import RehearsalClock
from orchestrator.config import parse_config
from orchestrator.domain.alerts import Alert, AlertReading
from orchestrator.domain.outcomes import Reason, Refusal
from orchestrator.errors import ConfigError
from orchestrator.runs.gating import AlertGate, open_gate
from orchestrator.runs.rehearsal import Rehearsal
from tests.support.builders import NOON
from tests.support.config_texts import top
from tests.support.log import CapturedLog
from tests.support.time import in_virtual_time

FIRING = AlertReading(source="p", firing=(Alert(name="DiskFull"),))
QUIET = AlertReading(source="p")


class Until:
    """Fires until an instant."""

    def __init__(self, quiet_from: float) -> None:
        self._quiet_from = quiet_from
        self.asked_at: list[float] = []

    async def read(self) -> AlertReading:
        now = asyncio.get_running_loop().time()
        self.asked_at.append(now)
        return QUIET if now >= self._quiet_from else FIRING


def asked(source: Until, *, window_ends: float | None, until: float = 14400.0) -> tuple[Refusal | None, list[str]]:
    clock = RehearsalClock(NOON)
    log = CapturedLog(clock)

    async def ask() -> Refusal | None:
        gate = AlertGate([source], clock=clock, log=log.logger, window_ends=window_ends)
        return await gate.refusal(until=until)

    return in_virtual_time(ask()), log.names


def test_where_nothing_fires_it_lets_through_at_once() -> None:
    assert asked(Until(0.0), window_ends=None) == (None, [])


def test_without_a_window_the_first_refusal_counts() -> None:
    source = Until(60.0)
    refusal, events = asked(source, window_ends=None)
    assert refusal is not None
    assert (refusal.reason, source.asked_at, events) == (Reason.ALERT_FIRING, [0.0], ["run_blocked"])


def test_in_a_window_it_waits_until_the_alert_is_over() -> None:
    source = Until(70.0)
    refusal, events = asked(source, window_ends=7200.0)
    assert (refusal, source.asked_at) == (None, [0.0, 30.0, 60.0, 90.0])
    assert events == ["waiting_for_alerts"] * 3


@pytest.mark.parametrize(("window_ends", "until"), [(100.0, 14400.0), (7200.0, 100.0)], ids=["window", "run deadline"])
def test_it_asks_a_last_time_when_its_time_is_up(window_ends: float, until: float) -> None:
    source = Until(1e9)
    refusal, events = asked(source, window_ends=window_ends, until=until)
    assert refusal is not None
    assert source.asked_at == [0.0, 30.0, 60.0, 90.0, 100.0]
    assert events[-1] == "run_blocked"


BLOCKED_BY = top("blocked_by: [{prometheus: 'https://p.example.test/prom/', query: ALERTS, token: {env: PROM_TOKEN}}]")


def opened(text: str, *, rehearsal: Rehearsal | None = None, **environ: str) -> tuple[bool, list[httpx.Request]]:
    """Open a gate and ask; return whether there is one that refuses, and what was asked."""
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"status": "success", "data": {"resultType": "vector", "result": []}})

    async def ask() -> bool:
        clock = RehearsalClock(NOON)
        async with open_gate(
            parse_config(text, source="n.yaml", environ={}),
            environ=environ,
            rehearsal=rehearsal,
            clock=clock,
            log=CapturedLog(clock).logger,
            transport=httpx.MockTransport(answer),
        ) as gate:
            return gate is not None and await gate.refusal(until=1.0) is not None

    return in_virtual_time(ask()), requests


def test_it_asks_whom_the_file_names_with_its_token() -> None:
    refuses, (request,) = opened(BLOCKED_BY, PROM_TOKEN="prom-token")
    assert not refuses
    assert str(request.url) == "https://p.example.test/prom/api/v1/query?query=ALERTS"
    assert request.headers["authorization"] == "Bearer prom-token"


def test_without_its_token_nothing_begins() -> None:
    with pytest.raises(ConfigError, match=r"blocked_by\[0\].token: no token: the environment variable PROM_TOKEN"):
        opened(BLOCKED_BY)


def test_a_rehearsal_asks_nobody() -> None:
    assert opened(BLOCKED_BY, rehearsal=Rehearsal()) == (False, [])


def test_a_file_that_names_nobody_has_no_gate() -> None:
    assert opened(top("")) == (False, [])
