"""A small Qovery in which names are looked up, and what the tests of the names ask it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import pytest

from orchestrator.errors import NameResolutionError, NotFoundError, PlatformError, UnansweredError
from orchestrator.plan import (
    ALL_SERVICES,
    EnvironmentPath,
    EnvironmentSpec,
    ServiceType,
    Target,
)
from orchestrator.qovery.names import Resolver
from orchestrator.qovery.wire import WireEnvironment, WireNamed, WireReference, WireService
from tests.unit.qovery.doubles import in_virtual_time

T = TypeVar("T")

APPLICATION, CONTAINER, DATABASE = ServiceType.APPLICATION, ServiceType.CONTAINER, ServiceType.DATABASE


def service(name: str, kind: str = "APPLICATION", mode: str | None = None, *, id: str | None = None) -> WireService:  # noqa: A002 - the API's word for it
    return WireService(id=id or f"{name.strip().lower()}-id", name=name, service_type=kind, mode=mode)


SHOP = [
    service("api"),
    service("web"),
    service("worker", "CONTAINER"),
    service("cache", "DATABASE", "CONTAINER"),
    service("ledger", "DATABASE", "MANAGED"),
    service("cleanup", "JOB"),
    service("ingress", "HELM"),
]


class Acme:
    """A small Qovery: one organization, its projects, environments and services. Counts what is read."""

    def __init__(self) -> None:
        self.organization_list = [WireNamed(id="acme-id", name="Acme")]
        self.project_lists = {"acme-id": [WireNamed(id="shop-id", name="Shop"), WireNamed(id="blog-id", name="Blog")]}
        self.environment_lists = {
            "shop-id": [self.make_environment("staging"), self.make_environment("production")],
            "blog-id": [self.make_environment("drafts", project="blog-id")],
        }
        self.service_lists: dict[str, list[WireService]] = {
            "staging-id": SHOP,
            "production-id": SHOP,
            "drafts-id": [service("writer")],
        }
        self.reads: Counter[str] = Counter()
        self.faults: dict[str, list[PlatformError]] = {}
        """For each read, what it raises before it works."""
        self.at_once = self.most_at_once = 0

    @staticmethod
    def make_environment(name: str, *, project: str = "shop-id") -> WireEnvironment:
        return WireEnvironment(
            id=f"{name}-id",
            name=name,
            project=WireReference(id=project),
            organization=WireReference(id="acme-id"),
        )

    async def _read(self, what: str, found: T | None) -> T:
        self.reads[what] += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(0.1)
        finally:
            self.at_once -= 1
        if self.faults.get(what):
            raise self.faults[what].pop(0)
        if found is None:
            raise NotFoundError(f"GET {what}: HTTP 404", status=404)
        return found

    async def environment(self, environment_id: str) -> WireEnvironment:
        everywhere = [environment for environments in self.environment_lists.values() for environment in environments]
        found = next((item for item in everywhere if item.id.casefold() == environment_id.casefold()), None)
        return await self._read(f"environment {environment_id}", found)

    async def organizations(self) -> list[WireNamed]:
        return await self._read("organizations", self.organization_list)

    async def projects(self, organization_id: str) -> list[WireNamed]:
        return await self._read(f"projects {organization_id}", self.project_lists.get(organization_id))

    async def environments(self, project_id: str) -> list[WireEnvironment]:
        return await self._read(f"environments {project_id}", self.environment_lists.get(project_id))

    async def services(self, environment_id: str) -> list[WireService]:
        return await self._read(f"services {environment_id}", self.service_lists.get(environment_id))


async def without_retrying(read: Callable[[], Awaitable[T]], /) -> T:
    return await read()


async def three_times(read: Callable[[], Awaitable[T]], /) -> T:
    for _ in range(2):
        try:
            return await read()
        except UnansweredError:
            continue
    return await read()


def spec(
    name: str = "night",
    locator: str | EnvironmentPath = "staging-id",
    services: str | Mapping[ServiceType, tuple[str, ...]] = ALL_SERVICES,
) -> EnvironmentSpec:
    return EnvironmentSpec(name=name, locator=locator, services=services)


def path(text: str) -> EnvironmentPath:
    organization, project, environment = text.split("/")
    return EnvironmentPath(organization=organization, project=project, environment=environment)


def resolve(
    directory: Acme, *specs: EnvironmentSpec, console: bool = True, to_restart: bool = True
) -> tuple[Target, ...]:
    resolver = Resolver(directory, retrying=without_retrying, console=console)
    return in_virtual_time(resolver.resolve(specs, to_restart=to_restart))


def problems_with(directory: Acme, *specs: EnvironmentSpec) -> tuple[str, ...]:
    with pytest.raises(NameResolutionError) as caught:
        resolve(directory, *specs)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


@contextmanager
def only_reads(directory: Acme, expected: set[str]) -> Iterator[None]:
    yield
    assert set(directory.reads) == expected
    assert set(directory.reads.values()) == {1}
