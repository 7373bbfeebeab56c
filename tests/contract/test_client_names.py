"""What the client asks the simulated platform for, to look up what a large configuration names."""

from collections import Counter
from collections.abc import Sequence

import httpx
import pytest

from orchestrator.domain.plan import ALL_SERVICES, EnvironmentPath, EnvironmentSpec, ServiceType, Target
from orchestrator.qovery.names import Resolver
from orchestrator.qovery.platform import QoveryPlatform
from orchestrator.simulator.app import create_app
from orchestrator.simulator.model import Kind
from orchestrator.simulator.seeding import build_world
from orchestrator.simulator.transport import SimulatedTransport
from orchestrator.simulator.world import World
from tests.support.http import asked
from tests.support.organizations import Services, without_retrying

ENVIRONMENTS = 50
PROJECTS = 5


class Counting(httpx.AsyncBaseTransport):
    """Carries requests to a world, and counts them by what follows the last id in their path."""

    def __init__(self, world: World) -> None:
        self.calls: Counter[str] = Counter()
        self._way = SimulatedTransport(create_app(world, profile="none", seed=world.seed, now=lambda: 0.0))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        kind, _, rest = request.url.path.removeprefix("/").partition("/")
        self.calls[f"{kind}/{rest.partition('/')[2]}"] += 1
        return await self._way.handle_async_request(request)


def by_path(services: Services = ALL_SERVICES) -> list[EnvironmentSpec]:
    return [
        EnvironmentSpec(
            name=f"env {n}",
            locator=EnvironmentPath(organization="acme", project=f"p {n % PROJECTS}", environment=f"e {n}"),
            services=services,
        )
        for n in range(ENVIRONMENTS)
    ]


def by_id(services: Services = ALL_SERVICES) -> list[EnvironmentSpec]:
    return [
        EnvironmentSpec(name=f"env {n}", locator=f"3c90c3cc-0d44-4b50-8888-{n:012x}", services=services)
        for n in range(ENVIRONMENTS)
    ]


def a_world(specs: Sequence[EnvironmentSpec], *, databases: bool) -> World:
    world = build_world(specs, seed=1)
    for environment_id in world.environments:
        for status in world.snapshot(environment_id).services:
            if status.service.kind is Kind.DATABASE and not databases:
                world.remove_service(environment_id, status.service.id)
    return world


def resolved(specs: Sequence[EnvironmentSpec], transport: Counting) -> tuple[Target, ...]:
    async def resolve(platform: QoveryPlatform) -> tuple[Target, ...]:
        return await Resolver(platform, retrying=without_retrying, console=False).resolve(specs)

    return asked(resolve, transport=transport)


@pytest.mark.parametrize("specs", [by_path(), by_id()], ids=["by path", "by id"])
def test_fifty_environments_without_databases_cost_at_most_six_requests(specs: list[EnvironmentSpec]) -> None:
    world = a_world(specs, databases=False)
    transport = Counting(world)
    targets = resolved(specs, transport)
    assert [target.environment_id for target in targets] == list(world.environments)
    assert all(
        [service.name for service in target.services] == ["api", "web", "worker", "metrics-exporter"]
        for target in targets
    )
    assert transport.calls.total() <= 6


@pytest.mark.parametrize("specs", [by_path(), by_id()], ids=["by path", "by id"])
def test_where_every_environment_has_a_database_each_costs_one_request_more(specs: list[EnvironmentSpec]) -> None:
    transport = Counting(a_world(specs, databases=True))
    targets = resolved(specs, transport)
    assert all("cache" in {service.name for service in target.services} for target in targets)
    assert all("ledger" in {exclusion.name for exclusion in target.excluded} for target in targets)
    assert transport.calls["environment/services"] == ENVIRONMENTS
    assert transport.calls.total() <= 6 + ENVIRONMENTS


@pytest.mark.parametrize("name", ["by path", "by id"])
def test_databases_that_nobody_names_cost_nothing(name: str) -> None:
    services = {ServiceType.APPLICATION: ("api",), ServiceType.CONTAINER: ("worker",)}
    specs = by_path(services) if name == "by path" else by_id(services)
    transport = Counting(a_world(specs, databases=True))
    targets = resolved(specs, transport)
    assert all([service.name for service in target.services] == ["api", "worker"] for target in targets)
    assert transport.calls.total() <= 6
