"""A small Qovery in which names are looked up, and what the tests of the names ask it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import pytest

from orchestrator.domain.plan import (
    ALL_SERVICES,
    EnvironmentPath,
    EnvironmentSpec,
    ServiceType,
    Target,
)
from orchestrator.errors import NameResolutionError, NotFoundError, PlatformError, UnansweredError
from orchestrator.qovery.names import Resolver
from orchestrator.qovery.wire import WireEnvironment, WireLightService, WireNamed, WireReference, WireService
from tests.support.http import in_virtual_time

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
PLAIN = [service("api"), service("web"), service("worker", "CONTAINER"), service("cleanup", "JOB")]
"""Services among which there is no database."""

Services = str | Mapping[ServiceType, tuple[str, ...]]


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
        self.unlisted: set[str] = set()
        """The ids of the environments that the lists of their organization leave out."""
        self.writes_environments: Callable[[str], str] = str
        self.writes_services: Callable[[str], str] = str
        """How those lists write ids, each in its own way."""
        self.at_once = self.most_at_once = 0

    @property
    def kinds(self) -> Counter[str]:
        """How often each kind of list was read, whosever it was."""
        kinds: Counter[str] = Counter()
        for what, times in self.reads.items():
            kinds[what.rpartition(" ")[0] or what] += times
        return kinds

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

    async def organization_environments(self, organization_id: str) -> list[WireEnvironment]:
        write = self.writes_environments
        environments = [
            environment.model_copy(
                update={
                    "id": write(environment.id),
                    "project": environment.project and WireReference(id=write(environment.project.id)),
                }
            )
            for environment in self._listed_in(organization_id)
        ]
        return await self._read(f"organization environments {organization_id}", environments)

    async def services(self, environment_id: str) -> list[WireService]:
        return await self._read(f"services {environment_id}", self.service_lists.get(environment_id))

    async def organization_services(self, organization_id: str) -> list[WireLightService]:
        services = [
            WireLightService(
                id=service.id,
                name=service.name,
                service_type=service.service_type,
                environment_id=self.writes_services(environment.id),
            )
            for environment in self._listed_in(organization_id)
            for service in self.service_lists.get(environment.id, ())
        ]
        return await self._read(f"organization services {organization_id}", services)

    def _listed_in(self, organization_id: str) -> list[WireEnvironment]:
        return [
            environment
            for project in self.project_lists[organization_id]
            for environment in self.environment_lists[project.id]
            if environment.id not in self.unlisted
        ]


def estate(environments: int, *, projects: int = 1, services: Sequence[WireService] = SHOP) -> Acme:
    """Make an Acme of so many environments, `env-0` and on, spread over its projects, `project-0` and on, in turn."""
    acme = Acme()
    names = [f"project-{n}" for n in range(projects)]
    acme.project_lists["acme-id"] = [WireNamed(id=f"{name}-id", name=name) for name in names]
    acme.environment_lists = {
        f"{name}-id": [
            acme.make_environment(f"env-{n}", project=f"{name}-id") for n in range(position, environments, projects)
        ]
        for position, name in enumerate(names)
    }
    acme.service_lists = {f"env-{n}-id": list(services) for n in range(environments)}
    return acme


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
    services: Services = ALL_SERVICES,
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


def by_path(count: int, *, projects: int = 1, services: Services = ALL_SERVICES) -> list[EnvironmentSpec]:
    """Name the environments of an estate by their paths."""
    return [spec(f"env {n}", path(f"acme/project-{n % projects}/env-{n}"), services) for n in range(count)]


def by_id(count: int, *, services: Services = ALL_SERVICES) -> list[EnvironmentSpec]:
    """Name the environments of an estate by their ids."""
    return [spec(f"env {n}", f"env-{n}-id", services) for n in range(count)]


def one_by_one(acme: Acme, specs: list[EnvironmentSpec]) -> tuple[Target, ...]:
    """Resolve each spec as if it were alone: so nothing is read for several of them at once."""
    return tuple(target for one in specs for target in resolve(acme, one))


def problems_with(directory: Acme, *specs: EnvironmentSpec) -> tuple[str, ...]:
    with pytest.raises(NameResolutionError) as caught:
        resolve(directory, *specs)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


@contextmanager
def only_reads(directory: Acme, expected: set[str], *, twice: Iterable[str] = ()) -> Iterator[None]:
    """Check what is read, once each; `twice` what decides which services `all` means."""
    yield
    assert directory.reads == Counter(dict.fromkeys(expected, 1)) + Counter(dict.fromkeys(twice, 2))
