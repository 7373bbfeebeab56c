"""What a client in the same process sees when something goes wrong, and what has happened by then."""

import asyncio
from collections.abc import Iterable
from typing import Any

import httpx
import pytest

from orchestrator.simulator.faults import Fate, Fault
from orchestrator.simulator.gate import user_of
from orchestrator.simulator.health import WARM_UP, HealthSite
from orchestrator.simulator.transport import HealthTransport, SimulatedTransport
from tests.support.simulator_client import SPEC, TOKEN, fate, run, visiting

Json = Any

READING = "/environment/{e}/statusesWithStages"


def restarted_with(*fates: Fate) -> tuple[httpx.Response | httpx.TransportError, int]:
    """What a client sees of a restart with that fate, and how many restarts were accepted."""

    async def main() -> tuple[httpx.Response | httpx.TransportError, int]:
        async with visiting(fates=fates) as visit:
            seen: httpx.Response | httpx.TransportError
            try:
                seen = await visit.restart("api")
            except httpx.TransportError as error:
                seen = error
            return seen, len(visit.world.record.accepted(visit.environment_id, user=user_of(TOKEN)))

    return run(main)


@pytest.mark.parametrize(
    ("fault", "acted", "expected"),
    [
        pytest.param(Fault.REFUSED, False, httpx.ConnectError, id="refused"),
        pytest.param(Fault.RESET, False, httpx.ReadError, id="reset before it was acted on"),
        pytest.param(Fault.RESET, True, httpx.ReadError, id="reset after it was acted on"),
        pytest.param(Fault.HANG_UP, False, httpx.RemoteProtocolError, id="closed before it was acted on"),
        pytest.param(Fault.HANG_UP, True, httpx.RemoteProtocolError, id="closed after it was acted on"),
        pytest.param(Fault.TRUNCATED, True, httpx.RemoteProtocolError, id="truncated"),
    ],
)
def test_a_broken_connection_is_the_exception_that_a_real_one_would_be(
    fault: Fault, acted: bool, expected: type[Exception]
) -> None:
    seen, accepted = restarted_with(fate(fault, acted=acted))
    assert type(seen) is expected
    assert accepted == acted


@pytest.mark.parametrize(
    ("fault", "acted", "status"),
    [
        pytest.param(Fault.PROXY_PAGE, False, 200, id="a page with 200, not acted on"),
        pytest.param(Fault.PROXY_PAGE, True, 200, id="a page with 200, acted on"),
        pytest.param(Fault.BAD_GATEWAY, True, 502, id="502, acted on"),
        pytest.param(Fault.SERVER_ERROR, False, 500, id="5xx, not acted on"),
        pytest.param(Fault.SERVER_ERROR, True, 500, id="5xx, acted on"),
        pytest.param(Fault.CONFLICT, False, 409, id="409 for no reason"),
        pytest.param(Fault.THROTTLED, False, 429, id="429"),
        pytest.param(Fault.EMPTY, True, 202, id="an empty body"),
        pytest.param(Fault.HALF_JSON, True, 202, id="half a JSON"),
        pytest.param(Fault.OTHER_SHAPE, True, 202, id="another shape"),
    ],
)
def test_a_bad_answer_says_nothing_about_what_has_happened(fault: Fault, acted: bool, status: int) -> None:
    seen, accepted = restarted_with(fate(fault, acted=acted))
    assert isinstance(seen, httpx.Response)
    assert seen.status_code == status
    assert accepted == acted
    assert "date" in seen.headers


def test_bad_bodies_are_bad_in_their_own_ways() -> None:
    page, _ = restarted_with(fate(Fault.PROXY_PAGE))
    empty, _ = restarted_with(fate(Fault.EMPTY))
    half, _ = restarted_with(fate(Fault.HALF_JSON))
    assert isinstance(page, httpx.Response)
    assert page.headers["content-type"] == "text/html"
    assert page.text.startswith("<!DOCTYPE html>")
    assert isinstance(empty, httpx.Response)
    assert (empty.content, empty.headers["content-length"]) == (b"", "0")
    assert isinstance(half, httpx.Response)
    assert half.text.startswith("{")
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        half.json()


def test_every_5xx_comes() -> None:
    found = set()
    for roll in (0.0, 0.3, 0.6, 0.9):
        seen, _ = restarted_with(fate(Fault.SERVER_ERROR, acted=False, roll=roll))
        assert isinstance(seen, httpx.Response)
        found.add(seen.status_code)
    assert found == {500, 502, 503, 504}


def test_429_says_how_long_in_each_of_the_known_ways_or_not_at_all() -> None:
    hints = set()
    for roll in (0.0, 0.001, 0.002, 0.0035):
        seen, _ = restarted_with(fate(Fault.THROTTLED, acted=False, roll=roll))
        assert isinstance(seen, httpx.Response)
        if "retry-after" in seen.headers:
            hints.add("retry-after")
        elif "x-ratelimit-reset" in seen.headers:
            hints.add("instant" if int(seen.headers["x-ratelimit-reset"]) > 1e6 else "span")
        else:
            hints.add("nothing")
    assert hints == {"retry-after", "instant", "span", "nothing"}


def reading_with(fault: Fault, *, roll: float = 0.0) -> Json:
    async def main() -> Json:
        async with visiting(fates=[fate(fault, roll=roll)]) as visit:
            return (await visit.get(READING)).json()

    return run(main)


def test_a_reading_can_show_states_that_nobody_knows() -> None:
    document = reading_with(Fault.UNKNOWN_STATE, roll=0.0)
    states = {one["state"] for stage in document["stages"] for one in stage["applications"]}
    assert "HIBERNATING" in states


def test_a_reading_can_lack_its_execution_ids() -> None:
    assert "execution_id" not in str(reading_with(Fault.NO_EXECUTION_IDS))


def test_a_reading_can_lack_its_stages() -> None:
    documents = [reading_with(Fault.NO_LISTS, roll=number / 6) for number in range(6)]
    assert any("stages" not in document for document in documents)
    assert any("applications" not in document["stages"][0] for document in documents if "stages" in document)


def test_a_stale_reading_shows_what_was() -> None:
    async def main() -> tuple[Json, Json]:
        fates = [fate(Fault.NONE), fate(Fault.STALE, age=25.0)]
        async with visiting(fates=fates) as visit:
            await visit.restart("api")
            await asyncio.sleep(20.0)
            stale = await visit.get(READING)
            return stale.json()["environment"]["last_deployment_id"], (await visit.get(READING)).json()["environment"]

    stale, current = run(main)
    assert stale.endswith("-41")
    assert current["last_deployment_id"].endswith("-42")


@pytest.mark.parametrize(("before", "after"), [(60.0, 0.1), (0.1, 60.0)], ids=["slow to act", "slow to answer"])
def test_a_client_that_gives_up_does_not_stop_the_platform(before: float, after: float) -> None:
    async def main() -> tuple[float, int]:
        async with visiting(fates=[fate(Fault.NONE, before=before, after=after)]) as visit:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(30.0):
                    await visit.restart("api")
            gave_up = asyncio.get_running_loop().time()
            await asyncio.sleep(100.0)
            return gave_up, len(visit.world.record.accepted(visit.environment_id, user=user_of(TOKEN)))

    assert run(main) == (30.0, 1)


def test_a_failure_of_the_application_reaches_the_client() -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    async def main() -> None:
        async with httpx.AsyncClient(transport=SimulatedTransport(broken)) as client:
            await client.get("https://api.example.com/")

    with pytest.raises(ZeroDivisionError):
        run(main)


def test_under_a_server_that_cannot_break_connections_a_gateway_fails_instead() -> None:
    async def main() -> int:
        async with visiting(fates=[fate(Fault.RESET, acted=False)]) as visit:
            transport = visit.client._transport
            assert isinstance(transport, SimulatedTransport)
            plain = httpx.ASGITransport(app=transport._app)
            async with httpx.AsyncClient(transport=plain, base_url="https://api.example.com") as client:
                return (await client.get("/organization")).status_code

    assert run(main) == 502


def health_over(seconds: Iterable[float], url: str = "https://shop.example.com/healthz") -> list[int]:
    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        async with visiting() as visit:
            site = HealthSite(visit.world, [SPEC], now=loop.time)
            await visit.restart("api")
            async with httpx.AsyncClient(transport=HealthTransport(site, latency=0.0)) as client:
                seen = []
                for second in seconds:
                    await asyncio.sleep(second - loop.time())
                    seen.append((await client.get(url)).status_code)
                return seen

    return run(main)


def test_a_site_is_down_while_its_service_restarts_and_a_little_longer() -> None:
    seen = health_over([0.5, *(float(second) for second in range(1, 40))])
    changes = [status for number, status in enumerate(seen) if number == 0 or status != seen[number - 1]]
    assert changes == [204, 503, 204]
    assert seen.count(503) >= 8 + WARM_UP


def test_where_nobody_is_a_health_check_finds_nothing() -> None:
    assert health_over([1.0], url="https://shop.example.com/elsewhere") == [404]
