"""Which call to read what from, where a run names many environments: each list once, the widest that saves requests.

A token has 1,000 requests an hour, and a run may name as many environments. Two lists tell of a whole organization, in
one request each. They are a saving and no more: where one is refused, or lacks what is looked for, the list of the one
project or environment has the last word.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from orchestrator.errors import NotFoundError, PlatformError, RefusedError, TokenRefusedError, UnansweredError
from orchestrator.qovery.wire import WireEnvironment, WireLightService, WireNamed, WireService

T = TypeVar("T")

UNAUTHORIZED = 401
MANY_IDS = 3
"""So many ids are looked up in an organization's list. That costs two requests, `/organization` and the list, and one
request each costs less, or the same, for one id or two."""
MANY_PROJECTS = 2
"""The environments of so many projects are read from their organization's list: one request, instead of one each."""
MANY_ENVIRONMENTS = 2
"""The services of so many environments are read from their organization's list: one request, instead of one each."""

_REFUSED = (TokenRefusedError, NotFoundError, RefusedError)
# The list of a large organization may be too much for the platform or a proxy, although all else is answered.
_NOT_TO_BE_HAD = (*_REFUSED, UnansweredError)


class Directory(Protocol):
    """The lists in which names are looked up, one request each."""

    async def environment(self, environment_id: str) -> WireEnvironment:
        """Read an environment by its id."""
        ...

    async def organizations(self) -> list[WireNamed]:
        """List the organizations that the token sees."""
        ...

    async def projects(self, organization_id: str) -> list[WireNamed]:
        """List the projects of an organization."""
        ...

    async def environments(self, project_id: str) -> list[WireEnvironment]:
        """List the environments of a project."""
        ...

    async def organization_environments(self, organization_id: str) -> list[WireEnvironment]:
        """List the environments of all projects of an organization."""
        ...

    async def services(self, environment_id: str) -> list[WireService]:
        """List the services of an environment."""
        ...

    async def organization_services(self, organization_id: str) -> list[WireLightService]:
        """List the services of all environments of an organization; of a database it does not say the mode."""
        ...


class Retrying(Protocol):
    """Calls a read until it works or there is no hope."""

    async def __call__(self, read: Callable[[], Awaitable[T]], /) -> T:
        """Return what `read` returns."""
        ...


@dataclass(frozen=True, slots=True)
class _Environments:
    """The environments of an organization, by their own ids and by those of their projects, in lower case."""

    by_id: Mapping[str, WireEnvironment]
    by_project: Mapping[str, Sequence[WireEnvironment]]


class Lists:
    """Reads each list of a directory once, however many ask for it. All that it reads raises `PlatformError`.

    Args:
        directory: where the lists are.
        retrying: calls a read until it succeeds or there is no hope.
    """

    def __init__(self, directory: Directory, *, retrying: Retrying) -> None:
        self._directory = directory
        self._retrying = retrying
        self._reads: dict[Hashable, asyncio.Task[object]] = {}

    async def organizations(self) -> list[WireNamed]:
        """List the organizations that the token sees."""
        return await self._read("organizations", "", lambda _: self._directory.organizations())

    async def projects(self, organization_id: str) -> list[WireNamed]:
        """List the projects of an organization."""
        return await self._read("projects", organization_id, self._directory.projects)

    async def environments(self, project_id: str) -> list[WireEnvironment]:
        """List the environments of a project."""
        return await self._read("environments", project_id, self._directory.environments)

    async def services(self, environment_id: str) -> list[WireService]:
        """List the services of an environment, databases with their mode."""
        return await self._read("services", environment_id, self._directory.services)

    async def environment(self, environment_id: str, *, among: int) -> WireEnvironment:
        """Find an environment by its id.

        Args:
            environment_id: in any case.
            among: how many different ids are looked up in all.

        Raises:
            PlatformError: as `GET /environment/{id}` says it: whatever else was tried before, this has the last word.
        """
        listed = await self._in_organizations(environment_id, among=among) if among >= MANY_IDS else None
        if listed is not None:
            return listed
        return await self._read("environment", environment_id, self._directory.environment)

    async def environments_by_organization(self, organization_id: str, project_id: str) -> Sequence[WireEnvironment]:
        """List the environments of a project from its organization's list; none where that is not to be had."""
        listed = await self._environments_of(organization_id)
        return listed.by_project.get(project_id.casefold(), ()) if listed is not None else ()

    async def services_by_organization(self, organization_id: str, environment_id: str) -> Sequence[WireService] | None:
        """List the services of an environment from its organization's list, databases without their mode.

        Returns:
            None where that list is not to be had. An environment that is not in it has no services.
        """
        read = self._read("all services", organization_id, self._services_by_environment)
        listed = await _unless(_NOT_TO_BE_HAD, read)
        return listed.get(environment_id.casefold(), ()) if listed is not None else None

    async def _in_organizations(self, environment_id: str, *, among: int) -> WireEnvironment | None:
        organizations = await _unless(_REFUSED, self.organizations())
        # Nothing says in which organization an id is. A person's token may see more of them than there are ids.
        if organizations is None or len(organizations) >= among:
            return None
        # One after the other: often all ids are in the first.
        for organization in organizations:
            listed = await self._environments_of(organization.id)
            if listed is not None and environment_id.casefold() in listed.by_id:
                return listed.by_id[environment_id.casefold()]
        return None

    async def _environments_of(self, organization_id: str) -> _Environments | None:
        return await _unless(_NOT_TO_BE_HAD, self._read("all environments", organization_id, self._environments))

    async def _environments(self, organization_id: str) -> _Environments:
        listed = await self._directory.organization_environments(organization_id)
        environments = [environment.within(organization_id) for environment in listed]
        return _Environments(
            by_id={environment.id.casefold(): environment for environment in environments},
            by_project=_grouped((one.project.id, one) for one in environments if one.project is not None),
        )

    async def _services_by_environment(self, organization_id: str) -> Mapping[str, Sequence[WireService]]:
        listed = await self._directory.organization_services(organization_id)
        return _grouped((service.environment_id, service) for service in listed)

    async def _read(self, kind: str, key: str, read: Callable[[str], Awaitable[T]]) -> T:
        """Read each list once, however many ask for it at the same time."""
        task = self._reads.get((kind, key))
        if task is None:
            task = asyncio.ensure_future(self._retrying(lambda: read(key)))
            self._reads[kind, key] = task
        return await task  # type: ignore[return-value]  # a key's kind fixes the type of what is read


async def _unless(errors: tuple[type[PlatformError], ...], read: Awaitable[T]) -> T | None:
    """Return what is read, None where it fails in a way that need not stop anybody: a 401 always does."""
    try:
        return await read
    except errors as error:
        if error.status == UNAUTHORIZED:
            raise
        return None


def _grouped(pairs: Iterable[tuple[str, T]]) -> Mapping[str, Sequence[T]]:
    """Group values by their key, an id in any case."""
    groups: defaultdict[str, list[T]] = defaultdict(list)
    for key, value in pairs:
        groups[key.casefold()].append(value)
    return groups
