"""A client of the simulated API, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import httpx

from orchestrator.domain.plan import ALL_SERVICES, EnvironmentPath, EnvironmentSpec, HttpCheck
from orchestrator.simulator.app import create_app
from orchestrator.simulator.dials import Dials
from orchestrator.simulator.faults import Fate, Fault
from orchestrator.simulator.seeding import build_world
from orchestrator.simulator.transport import SimulatedTransport
from orchestrator.simulator.virtual_time import VirtualTimeLoop
from orchestrator.simulator.world import World

TOKEN = "not-a-real-token"
SPEC = EnvironmentSpec(
    name="production",
    locator=EnvironmentPath(organization="acme", project="shop", environment="production"),
    services=ALL_SERVICES,
    checks=(HttpCheck(url="https://Shop.example.com/healthz", status=204),),
)

T = TypeVar("T")


def run(main: Callable[[], Awaitable[T]]) -> T:
    """Run a client's story from second 0."""

    async def story() -> T:
        return await main()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(story())


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A world and a client in it."""

    world: World
    client: httpx.AsyncClient
    environment_id: str

    async def get(
        self, path: str, *, params: Mapping[str, str | int] | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        return await self.client.get(path.format(e=self.environment_id), params=params, headers=headers)

    async def post(
        self,
        path: str,
        *,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        path = path.format(e=self.environment_id)
        return await self.client.post(path, json=json, content=content, headers=headers)

    async def restart(self, *names: str) -> httpx.Response:
        return await self.post("/environment/{e}/service/restart-service", json=self.body(*names))

    def ids(self, *names: str) -> list[str]:
        return [
            status.service.id
            for status in self.world.snapshot(self.environment_id).services
            if status.service.name in names
        ]

    def body(self, *names: str) -> dict[str, list[str]]:
        chosen = [
            status.service
            for status in self.world.snapshot(self.environment_id).services
            if status.service.name in names
        ]
        lists: dict[str, list[str]] = {}
        for service in chosen:
            lists.setdefault(f"{service.kind.lower()}_ids", []).append(service.id)
        return lists

    async def states(self, *names: str) -> list[str]:
        document = (await self.get("/environment/{e}/statuses")).json()
        wanted = self.ids(*names)
        return [
            status["state"]
            for statuses in document.values()
            if isinstance(statuses, list)
            for status in statuses
            if status["id"] in wanted
        ]


@asynccontextmanager
async def visiting(
    *,
    profile: str = "none",
    seed: int = 1,
    requests_per_hour: int = 1000,
    fates: Iterable[Fate] = (),
    faultless: bool = False,
    dials: Dials | None = None,
) -> AsyncIterator[Visit]:
    """Visit a fresh world.

    `fates` are what happens to the first requests, whatever the profile says; `faultless`: nothing happens to any;
    `dials` is what the platform is like, whatever the profile says.
    """
    loop = asyncio.get_running_loop()
    world = build_world([SPEC], seed=seed, faults=profile, dials=dials)
    app = create_app(
        world,
        profile=profile,
        seed=seed,
        now=loop.time,
        requests_per_hour=requests_per_hour,
        faults=Foretold(fates) if fates or faultless else None,
    )
    environment = world.find(SPEC.locator)
    assert environment is not None
    async with httpx.AsyncClient(
        transport=SimulatedTransport(app),
        base_url="https://api.example.com",
        headers={"Authorization": f"Token {TOKEN}"},
    ) as client:
        yield Visit(world=world, client=client, environment_id=environment.id)


def fate(
    fault: Fault, *, acted: bool = True, before: float = 0.01, after: float = 0.01, age: float = 0.0, roll: float = 0.0
) -> Fate:
    return Fate(fault=fault, acted=acted, before=before, after=after, age=age, roll=roll)


class Foretold:
    """Faults that a test has chosen; after them nothing goes wrong."""

    def __init__(self, fates: Iterable[Fate]) -> None:
        self._fates = list(fates)

    def next(self, method: str, path: str, *, now: float) -> Fate:
        return self._fates.pop(0) if self._fates else fate(Fault.NONE)
