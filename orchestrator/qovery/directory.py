"""Reads the lists of names with few requests: each list once, and an organization's list if that saves requests.

A token has 1,000 requests an hour, and a run may name as many environments. Two lists cover a whole organization, in
one request each. They only save requests: if one is refused, or lacks what is looked for, the list of the single
project or environment decides.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol, TypeVar

from orchestrator.errors import (
    MalformedAnswerError,
    NotFoundError,
    PlatformError,
    RefusedError,
    TokenRefusedError,
    UnansweredError,
)
from orchestrator.qovery.wire import UNREADABLE, WireEnvironment, WireLightService, WireNamed, WireService

T = TypeVar("T")

UNAUTHORIZED = 401
MANY_IDS = 3
"""From this many ids on, they are looked up in an organization's list. That costs two requests, `/organization` and
the list; one request each costs no more for one id or two."""
MANY_PROJECTS = 2
"""From this many projects on, their environments are read from the organization's list: one request, not one each."""
MANY_ENVIRONMENTS = 2
"""From this many environments on, their services are read from the organization's list: one request, not one each."""

MOST_READINGS = 4
"""How often a list is read until two successive readings agree, before that counts as a fault."""

_REFUSED = (TokenRefusedError, NotFoundError, RefusedError)
# The list of a large organization may be too much for the platform or a proxy, even if other requests are answered.
_UNAVAILABLE = (*_REFUSED, UnansweredError)


class Directory(Protocol):
    """The API's lists in which names are looked up, one request each."""

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
        """List the services of all environments of an organization, databases without their mode."""
        ...


class Retrying(Protocol):
    """Calls a read until it succeeds or cannot succeed any more."""

    async def __call__(self, read: Callable[[], Awaitable[T]], /) -> T:
        """Return the result of `read`."""
        ...


@dataclass(frozen=True, slots=True)
class _Environments:
    """The environments of an organization, by environment id and by project id, both in lower case."""

    by_id: Mapping[str, WireEnvironment]
    by_project: Mapping[str, Sequence[WireEnvironment]]


class Lists:
    """Reads each list of a directory once, however many callers ask for it. Every read may raise `PlatformError`.

    Args:
        directory: reads the lists.
        retrying: calls a read until it succeeds or cannot succeed any more.
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
        """List the services of an environment, databases with their mode, as one reading does."""
        return await self._read("services", environment_id, self._directory.services)

    async def agreed_services(self, environment_id: str) -> list[WireService]:
        """List the services of an environment as two successive readings do, since one may leave a service out.

        Raises:
            PlatformError: also if no two successive readings agree.
        """
        earlier = await self.services(environment_id)

        async def agreed(environment_id: str) -> list[WireService]:
            # Kept between tries: only readings that follow each other can agree.
            nonlocal earlier
            for _ in range(MOST_READINGS - 1):
                later = await self._directory.services(environment_id)
                if same_services(earlier, later, with_modes=True):
                    return later
                earlier = later
            raise MalformedAnswerError(
                f"The list of services of the environment {environment_id} differs from reading to reading"
            )

        return await self._read("agreed services", environment_id, agreed)

    async def environment(self, environment_id: str, *, among: int) -> WireEnvironment:
        """Find an environment by its id.

        Args:
            environment_id: in upper or lower case.
            among: how many different ids are looked up in total.

        Raises:
            PlatformError: from `GET /environment/{id}`, which decides whatever was tried before.
        """
        listed = await self._in_organizations(environment_id, among=among) if among >= MANY_IDS else None
        if listed is not None:
            return listed
        return await self._read("environment", environment_id, self._directory.environment)

    async def environments_by_organization(self, organization_id: str, project_id: str) -> Sequence[WireEnvironment]:
        """List the environments of a project from its organization's list; empty if that list is unavailable."""
        listed = await self._environments_of(organization_id)
        return listed.by_project.get(project_id.casefold(), ()) if listed is not None else ()

    async def services_by_organization(self, organization_id: str, environment_id: str) -> Sequence[WireService] | None:
        """List the services of an environment from its organization's list, databases without their mode.

        Returns:
            None if that list is unavailable. An environment that is not in it has no services.
        """
        return await self._services_in("all services", organization_id, environment_id)

    async def organization_agrees(self, organization_id: str, environment_id: str) -> bool:
        """Return whether a second reading of an organization's list has the same services of an environment.

        It costs one request for all environments of the organization.
        """
        first = await self.services_by_organization(organization_id, environment_id)
        second = await self._services_in("all services again", organization_id, environment_id)
        return first is not None and second is not None and same_services(first, second)

    async def _services_in(self, kind: str, organization_id: str, environment_id: str) -> Sequence[WireService] | None:
        listed = await _or_none(_UNAVAILABLE, self._read(kind, organization_id, self._services_by_environment))
        if listed is None:
            return None
        # What cannot be read may belong to any environment.
        return [*listed.get(environment_id.casefold(), ()), *listed.get(UNREADABLE, ())]

    async def _in_organizations(self, environment_id: str, *, among: int) -> WireEnvironment | None:
        organizations = await _or_none(_REFUSED, self.organizations())
        # It is unknown to which organization an id belongs. A user's token may see more organizations than ids.
        if organizations is None or len(organizations) >= among:
            return None
        # One at a time: often all ids are in the first.
        for organization in organizations:
            listed = await self._environments_of(organization.id)
            if listed is not None and environment_id.casefold() in listed.by_id:
                return listed.by_id[environment_id.casefold()]
        return None

    async def _environments_of(self, organization_id: str) -> _Environments | None:
        return await _or_none(_UNAVAILABLE, self._read("all environments", organization_id, self._environments))

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
        """Read each list once, even if several callers ask for it at the same time."""
        task = self._reads.get((kind, key))
        if task is None:
            task = asyncio.ensure_future(self._retrying(lambda: read(key)))
            self._reads[kind, key] = task
        return await task  # type: ignore[return-value]  # the kind in the key determines the type


def same_services(one: Iterable[WireService], other: Iterable[WireService], *, with_modes: bool = False) -> bool:
    """Return whether two lists have the same services, in any order; the modes matter only if both lists have them."""

    def essence(services: Iterable[WireService]) -> AbstractSet[tuple[str, str, str | None]]:
        return {
            (service.id.casefold(), service.service_type.casefold(), service.mode if with_modes else None)
            for service in services
        }

    return essence(one) == essence(other)


async def _or_none(errors: tuple[type[PlatformError], ...], read: Awaitable[T]) -> T | None:
    """Return the result of a read, None if it fails with one of `errors`. A 401 is always raised."""
    try:
        return await read
    except errors as error:
        if error.status == UNAUTHORIZED:
            raise
        return None


def _grouped(pairs: Iterable[tuple[str, T]]) -> Mapping[str, Sequence[T]]:
    """Group values by their key, an id in upper or lower case."""
    groups: defaultdict[str, list[T]] = defaultdict(list)
    for key, value in pairs:
        groups[key.casefold()].append(value)
    return groups
