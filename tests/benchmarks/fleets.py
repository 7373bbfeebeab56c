"""What watching restarts costs and how late it is: this product beside simpler rules, on the same simulated nights.

python -m tests.benchmarks.fleets
"""

import argparse
import asyncio
import sys
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import mean, quantiles
from types import MappingProxyType
from typing import Any, TypeVar

import httpx

from orchestrator.clock import RehearsalClock
from orchestrator.config import Config
from orchestrator.domain.states import State, StateClass, classify
from orchestrator.qovery.http import QoveryHttp
from orchestrator.qovery.names import Resolver
from orchestrator.qovery.platform import QoveryPlatform
from orchestrator.simulator.app import create_app
from orchestrator.simulator.record import QuotaExceeded, Record, RunEnded, ServiceRestarted
from orchestrator.simulator.seeding import build_world
from orchestrator.simulator.timings import Timings
from orchestrator.simulator.transport import SimulatedTransport
from orchestrator.simulator.virtual_time import VirtualTimeLoop
from orchestrator.simulator.world import EPOCH, World
from tests.simulation.rivals import Errand
from tests.support.quota import quota_of
from tests.support.whole_runs import rehearse

SERVICES = 10
"""In each environment: of a recorded restart seven of ten were done after 20 s, all after 31."""
RECORDED = Timings(slow=0.004)
"""Durations as recorded; one service in 250 takes up to ten minutes, and so one environment in 25."""
AT_ONCE = 100
"""How many environments the simple rules have in flight: with more, their submits alone would use up the quota."""
HOUR = 3600.0
QUOTA = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """How many environments, in how many projects."""

    environments: int
    projects: int = 1
    nights: int = 1
    """How often it is played, each time with other durations."""
    by_id: bool = False
    """Whether they are listed by their ids and not by path."""

    def __str__(self) -> str:
        return f"{self.environments:,}{', by id,' if self.by_id else ''} in {self.projects}"

    def config(self) -> Config:
        """Return the configuration that lists them, all at once as far as the quota bears."""
        names = [f"worker-{number}" for number in range(SERVICES)]
        return Config.model_validate(
            {
                "version": 1,
                "defaults": {"deadline": "30m"},
                "strategy": {"max_parallel": self.environments, "max_failures": "100%", "run_deadline": "24h"},
                "environments": [
                    {
                        "name": f"env-{number}",
                        **self._place(number),
                        "services": {"containers": names},
                    }
                    for number in range(self.environments)
                ],
            }
        )

    def _place(self, number: int) -> dict[str, str]:
        if self.by_id:
            return {"id": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"env-{number}"))}
        return {"path": f"acme/project-{number * self.projects // self.environments}/env-{number}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What came out. Times are in virtual seconds."""

    environments: int
    requests: int
    delays: tuple[float, ...]
    """From the true end of each restart to the verdict on it."""
    verdicts: tuple[float, ...]
    """When each verdict came, since the beginning of its night."""
    over_quota: int

    @property
    def per_environment(self) -> float:
        """Requests, all told."""
        return self.requests / self.environments

    @property
    def mean_delay(self) -> float:
        """The mean."""
        return mean(self.delays)

    @property
    def p95_delay(self) -> float:
        """What 95 of 100 stay below."""
        return quantiles(self.delays, n=20)[-1] if len(self.delays) > 1 else self.delays[0]

    @property
    def in_first_hour(self) -> int:
        """How many environments had their verdict within an hour."""
        return sum(at <= HOUR for at in self.verdicts)

    @classmethod
    def together(cls, nights: Iterable["Measured"]) -> "Measured":
        """Add nights up."""
        nights = list(nights)
        return cls(
            environments=sum(night.environments for night in nights),
            requests=sum(night.requests for night in nights),
            delays=tuple(delay for night in nights for delay in night.delays),
            verdicts=tuple(at for night in nights for at in night.verdicts),
            over_quota=sum(night.over_quota for night in nights),
        )


def _ends(record: Record) -> Mapping[str, float]:
    """Return when the last service of each environment was done: then there is something to be known."""
    return {each.environment_id: each.at for each in record.of(ServiceRestarted)}


def ours(fleet: Fleet, seed: int) -> Measured:
    """Play one night with this product, as its command does."""
    run = rehearse(fleet.config(), seed=seed, timings=RECORDED)
    ends = _ends(run.record)
    settled = {event.environment: event.at for event in run.events_of("restart_settled")}
    verdicts = {environment.id: settled[environment.name] for environment in run.report.environments}
    return Measured(
        environments=fleet.environments,
        requests=run.report.requests.total,
        delays=tuple(at - ends[environment] for environment, at in verdicts.items()),
        verdicts=tuple(verdicts.values()),
        over_quota=len(run.record.of(QuotaExceeded)),
    )


T = TypeVar("T")
Wait = Callable[[int], float]
"""Seconds to wait after so many looks."""


def every(seconds: float) -> Wait:
    """Look at fixed intervals."""
    return lambda _: seconds


def doubling(looks: int) -> float:
    """Look after 1, 2, 4 … seconds, and from then on every 30."""
    return min(2.0**looks, 30.0)


class Poller:
    """Restarts and polls one environment after the other, so many at once: submit, and look until all has ended.

    It reads no baseline. The names that it has to look up are counted as ours are. A 429 makes it wait as it is told.
    """

    def __init__(self, world: World, wait: Wait | None) -> None:
        self._world = world
        self._wait = wait
        loop = asyncio.get_running_loop()
        app = create_app(
            world, profile="none", seed=world.seed, now=loop.time, requests_per_hour=QUOTA, sleep=asyncio.sleep
        )
        self._client = httpx.AsyncClient(
            transport=SimulatedTransport(app), base_url="http://qovery", headers={"Authorization": "Token t"}
        )
        self.requests = 0
        self.verdicts: dict[str, float] = {}

    async def restart(self, environment_id: str) -> None:
        """Restart one environment and find out when it has ended."""
        known = [
            status
            for status in self._world.snapshot(environment_id).services
            if status.service.name.startswith("worker-")
        ]
        errand = Errand(environment_id=environment_id, services=tuple(status.service for status in known))
        before = known[0].execution_id
        await self._call("POST", f"/environment/{environment_id}/service/restart-service", errand.body)
        if self._wait is None:
            await self._know_when(environment_id)
        looks = 0
        while True:
            if self._wait is not None:
                await asyncio.sleep(self._wait(looks))
            looks += 1
            reading = await self._call("GET", f"/environment/{environment_id}/statusesWithStages")
            statuses = {status["id"]: status for stage in reading["stages"] for status in stage["containers"]}
            if all(_is_over(statuses[service.id], before) for service in errand.services):
                break
        self.verdicts[environment_id] = asyncio.get_running_loop().time()

    async def _know_when(self, environment_id: str) -> None:
        """Wait for the true end, as nobody can who has to ask."""
        loop = asyncio.get_running_loop()
        while all(ended.environment_id != environment_id for ended in self._world.record.of(RunEnded)):
            await asyncio.sleep(0.25)
            self._world.advance(loop.time())

    async def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
        while True:
            self.requests += 1
            answer = await self._client.request(method, path, json=body)
            if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
                return answer.raise_for_status().json()
            reset = float(answer.headers["x-ratelimit-reset"])
            if reset > HOUR:
                reset -= self._world.at(asyncio.get_running_loop().time()).timestamp()
            await asyncio.sleep(reset + 1)


def _is_over(status: Mapping[str, Any], before: str | None) -> bool:
    return status["execution_id"] != before and classify(State(status["state"])) is not StateClass.IN_PROGRESS


async def _names(world: World, fleet: Fleet) -> int:
    """Count what looking up the names takes, in a world where nothing else happens."""
    loop = asyncio.get_running_loop()
    counted = 0

    async def count(_: httpx.Request) -> None:
        nonlocal counted
        counted += 1

    app = create_app(world, profile="none", seed=world.seed, now=loop.time, sleep=asyncio.sleep)
    clock = RehearsalClock(world.epoch)
    async with httpx.AsyncClient(
        transport=SimulatedTransport(app),
        base_url="http://qovery",
        headers={"Authorization": "Token names"},
        event_hooks={"request": [count]},
    ) as client:
        platform = QoveryPlatform(QoveryHttp(client, quota=quota_of(clock), request_timeout=30.0))
        await Resolver(platform, retrying=_at_once, console=False).resolve(fleet.config().environment_specs())
    return counted


async def _at_once(read: Callable[[], Awaitable[T]]) -> T:
    return await read()


def polled(wait: Wait | None) -> Callable[[Fleet, int], Measured]:
    """Return a player of nights with a simple rule; None knows when to look."""

    async def play(fleet: Fleet, seed: int) -> Measured:
        loop = asyncio.get_running_loop()
        world = build_world(fleet.config().environment_specs(), seed=seed, epoch=EPOCH, timings=RECORDED)
        names = await _names(world, fleet)
        poller = Poller(world, wait)
        room = asyncio.Semaphore(AT_ONCE)

        async def one(environment_id: str) -> None:
            async with room:
                await poller.restart(environment_id)

        await asyncio.gather(*(one(environment_id) for environment_id in world.environments))
        world.advance(loop.time())
        ends = _ends(world.record)
        return Measured(
            environments=fleet.environments,
            requests=poller.requests + names,
            delays=tuple(at - ends[environment] for environment, at in poller.verdicts.items()),
            verdicts=tuple(poller.verdicts.values()),
            over_quota=len(world.record.of(QuotaExceeded)),
        )

    def in_virtual_time(fleet: Fleet, seed: int) -> Measured:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            return runner.run(play(fleet, seed))

    return in_virtual_time


RULES: Mapping[str, Callable[[Fleet, int], Measured]] = MappingProxyType(
    {
        "this product": ours,
        "a look every 3 s": polled(every(3.0)),
        "a look every 10 s": polled(every(10.0)),
        "1, 2, 4 … 30 s": polled(doubling),
        "the least possible": polled(None),
    }
)

FLEETS = (
    Fleet(environments=1, nights=200),
    Fleet(environments=1, nights=200, by_id=True),
    Fleet(environments=10, nights=10),
    Fleet(environments=10, projects=10, nights=10),
    Fleet(environments=100, nights=3),
    Fleet(environments=100, projects=20, nights=3),
    Fleet(environments=1000, projects=20),
)


def measure(fleet: Fleet, rule: str) -> Measured:
    """Play a fleet's nights by one rule."""
    return Measured.together(RULES[rule](fleet, seed) for seed in range(fleet.nights))


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--up-to", type=int, default=1000, help="the largest fleet, in environments")
    options = parser.parse_args()
    columns = (
        "environments in projects",
        "rule",
        "requests each",
        "mean delay",
        "95 of 100 within",
        "first hour",
        "429",
    )
    print(f"| {' | '.join(columns)} |\n|---|---|---:|---:|---:|---:|---:|")  # noqa: T201
    for fleet in FLEETS:
        if fleet.environments > options.up_to:
            continue
        for rule in RULES:
            measured = measure(fleet, rule)
            first_hour = measured.in_first_hour if fleet.nights == 1 else "all"
            print(  # noqa: T201
                f"| {fleet} | {rule} | {measured.per_environment:.2f} | {measured.mean_delay:.1f} s "
                f"| {measured.p95_delay:.1f} s | {first_hour} | {measured.over_quota} |",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
