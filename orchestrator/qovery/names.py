"""Resolves names to ids: environments by path, services by name; all of them before the first submit.

The API documents its names as case-insensitive, and users paste them with non-breaking spaces and invisible characters,
so names are compared folded (`orchestrator.text`). A name that matches nothing, or several things, is an error; all
errors are collected before one is raised.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Protocol, TypeVar

from orchestrator.domain.plan import (
    ALL_SERVICES,
    EnvironmentPath,
    EnvironmentSpec,
    Exclusion,
    Service,
    ServiceType,
    Target,
)
from orchestrator.errors import NameResolutionError, NotFoundError, TokenRefusedError
from orchestrator.qovery.directory import MANY_ENVIRONMENTS, MANY_PROJECTS, Directory, Lists, Retrying, same_services
from orchestrator.qovery.wire import WireEnvironment, WireService
from orchestrator.text import fold

S = TypeVar("S")
T = TypeVar("T")

CONSOLE_URL = "https://console.qovery.com"
FORBIDDEN = 403
AT_ONCE = 10
"""How many environments are looked up concurrently."""
NOT_NAMED = "not named in the configuration"
MODE_UNKNOWN = "a database whose mode (container or managed) is unknown"

_Choice = tuple[tuple[Service, ...], tuple[Exclusion, ...], list[str]]
"""The services of an environment to restart, the services left out, and what is wrong with the names."""


class Named(Protocol):
    """Anything with an id and a name."""

    @property
    def id(self) -> str:
        """The API's id."""
        ...

    @property
    def name(self) -> str:
        """The name that users see."""
        ...


N = TypeVar("N", bound=Named)


class _Problem(Exception):  # noqa: N818 - never leaves this module
    pass


@dataclass(frozen=True, slots=True)
class _Scope:
    """Everything that is looked up. The amount decides which lists are read."""

    ids: AbstractSet[str]
    projects: Mapping[str, AbstractSet[str]]
    """The projects of each organization, by their folded names in paths."""

    @classmethod
    def of(cls, specs: Iterable[EnvironmentSpec]) -> "_Scope":
        ids: set[str] = set()
        projects: defaultdict[str, set[str]] = defaultdict(set)
        for spec in specs:
            if isinstance(spec.locator, EnvironmentPath):
                projects[fold(spec.locator.organization)].add(fold(spec.locator.project))
            else:
                ids.add(spec.locator.casefold())
        return cls(ids, projects)


class Resolver:
    """Turns specs into targets.

    Args:
        directory: reads the lists of names.
        retrying: calls a read until it succeeds or cannot succeed any more.
        console: whether to set each target's URL in the Qovery console.
    """

    def __init__(
        self,
        directory: Directory,
        *,
        retrying: Retrying,
        console: bool,
    ) -> None:
        self._lists = Lists(directory, retrying=retrying)
        self._console = console
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def resolve(self, specs: Sequence[EnvironmentSpec], *, to_restart: bool = True) -> tuple[Target, ...]:
        """Look up everything that `specs` name.

        Args:
            specs: the environments.
            to_restart: whether each must have a service that Qovery can restart.

        Raises:
            NameResolutionError: lists every name that matches nothing, several things, or something that Qovery cannot
                restart.
            PlatformError: the API could not be read.
        """
        scope = _Scope.of(specs)
        environments = await self._each(specs, lambda spec: self._environment_or_problem(spec, scope))
        pairs = list(zip(specs, environments, strict=True))
        # Only now is it known which organizations have so many of them that the list of all services saves requests.
        bulk = _bulk_organizations((spec, found) for spec, found in pairs if isinstance(found, WireEnvironment))

        async def explained(pair: tuple[EnvironmentSpec, WireEnvironment | str]) -> Target | list[str]:
            spec, found = pair
            if isinstance(found, str):
                return [f"{spec.name}: {found}"]
            return await self._target_or_problems(spec, found, bulk=bulk, to_restart=to_restart)

        results = await self._each(pairs, explained)
        targets = [result for result in results if isinstance(result, Target)]
        problems = [problem for result in results if isinstance(result, list) for problem in result]
        problems += _listed_twice(targets)
        if problems:
            raise NameResolutionError(problems)
        return tuple(targets)

    async def _each(self, items: Sequence[S], work: Callable[[S], Awaitable[T]]) -> list[T]:
        """Call `work` for all items, some at a time; the first error ends it."""

        async def with_slot(item: S) -> T:
            async with self._slots:
                return await work(item)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(with_slot(item)) for item in items]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _target_or_problems(
        self, spec: EnvironmentSpec, environment: WireEnvironment, *, bulk: AbstractSet[str], to_restart: bool
    ) -> Target | list[str]:
        chosen, excluded, problems = await self._choose(spec, environment, bulk)
        if to_restart and not chosen and not problems:
            problems = ["it has no service that Qovery can restart"]
        if problems:
            return [f"{spec.name}: {problem}" for problem in problems]
        return Target(
            name=spec.name,
            environment_id=environment.id.casefold(),
            services=chosen,
            excluded=excluded,
            wave=spec.wave,
            policy=spec.policy,
            checks=spec.checks,
            line=spec.line,
            console_url=self._console_url(environment),
            project_id=environment.project.id.casefold() if environment.project is not None else None,
        )

    async def _choose(self, spec: EnvironmentSpec, environment: WireEnvironment, bulk: AbstractSet[str]) -> _Choice:
        # One reading may leave a service out. If it is named, that is noticed; for `all`, two readings have to agree.
        takes_all, listed = isinstance(spec.services, str), None
        if environment.organization is not None and environment.organization.id in bulk:
            organization_id = environment.organization.id
            listed = await self._lists.services_by_organization(organization_id, environment.id)
            choice = _choose_without_modes(spec, listed) if listed is not None else None
            if choice is not None and (
                not takes_all or await self._lists.organization_agrees(organization_id, environment.id)
            ):
                return choice
        services = await self._lists.services(environment.id)
        if takes_all and (listed is None or not same_services(listed, services)):
            services = await self._lists.agreed_services(environment.id)
        return _choose(spec, services)

    async def _environment_or_problem(self, spec: EnvironmentSpec, scope: _Scope) -> WireEnvironment | str:
        try:
            if isinstance(spec.locator, EnvironmentPath):
                return await self._environment_at(spec.locator, scope)
            return await self._environment_with(spec.locator, scope)
        except _Problem as problem:
            return str(problem)

    async def _environment_with(self, environment_id: str, scope: _Scope) -> WireEnvironment:
        try:
            return await self._lists.environment(environment_id, among=len(scope.ids))
        except NotFoundError as error:
            hint = f". {error.hint}" if error.hint else ""
            raise _Problem(f"there is no environment with the id {environment_id}{hint}") from None
        except TokenRefusedError as error:
            if error.status != FORBIDDEN:
                raise
            # Qovery also answers 403 for what does not exist. If the token itself is refused, this read fails.
            await self._lists.organizations()
            raise _Problem(f"there is no environment with the id {environment_id} that the token may see") from None

    async def _environment_at(self, path: EnvironmentPath, scope: _Scope) -> WireEnvironment:
        organization = _only(path.organization, await self._lists.organizations(), "organization")
        projects = await self._lists.projects(organization.id)
        project = _only(path.project, projects, f"project of {organization.name}")
        kind = f"environment of {organization.name}/{project.name}"
        if len(scope.projects[fold(path.organization)]) >= MANY_PROJECTS:
            listed = await self._lists.environments_by_organization(organization.id, project.id)
            with suppress(_Problem):  # The project's own list decides.
                return _only(path.environment, listed, kind)
        environment = _only(path.environment, await self._lists.environments(project.id), kind)
        return environment.within(organization.id, project.id)

    def _console_url(self, environment: WireEnvironment) -> str | None:
        if not self._console or environment.organization is None or environment.project is None:
            return None
        return (
            f"{CONSOLE_URL}/organization/{environment.organization.id}"
            f"/project/{environment.project.id}/environment/{environment.id}"
        )


def _only(wanted: str, candidates: Iterable[N], kind: str) -> N:
    """Return the one candidate with the id or name `wanted`."""
    candidates = list(candidates)
    found = [candidate for candidate in candidates if candidate.id.casefold() == fold(wanted)]
    found = found or [candidate for candidate in candidates if _same_name(candidate.name, wanted)]
    # A list may hold the same thing twice.
    found = list({candidate.id.casefold(): candidate for candidate in found}.values())
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(sorted(candidate.id for candidate in found))
        raise _Problem(f'"{wanted}" matches more than one {kind}: use one of the ids {ids}')
    raise _Problem(f'there is no {kind} called "{wanted}"{_suggestion(wanted, candidates)}')


def _suggestion(wanted: str, candidates: Iterable[Named]) -> str:
    names = {fold(candidate.name): candidate.name for candidate in candidates if candidate.name}
    close = get_close_matches(fold(wanted), names, n=1)
    if close:
        return f'; did you mean "{names[close[0]]}"?'
    if not names:
        return " (the token sees none)"
    return f" (available: {', '.join(sorted(names.values())[:10])}{', …' if len(names) > 10 else ''})"  # noqa: PLR2004


def why_not(service: WireService) -> str | None:
    """Return why Qovery cannot restart a service, None if it can."""
    match service.service_type.upper(), (service.mode or "").upper():
        case (("APPLICATION" | "CONTAINER"), _):
            return None
        case "DATABASE", "CONTAINER":
            return None
        case "DATABASE", "MANAGED":
            return "a managed database"
        case "DATABASE", _:
            return MODE_UNKNOWN
        case _:
            return f"of type {service.service_type.lower().replace('_', ' ') or 'unknown'}"


def _bulk_organizations(found: Iterable[tuple[EnvironmentSpec, WireEnvironment]]) -> AbstractSet[str]:
    """Return the ids of the organizations whose list of all services saves requests."""
    members = {
        (environment.organization.id, environment.id)
        for spec, environment in found
        # If a database is named, the environment's own list is read anyway: only that has the mode.
        if environment.organization is not None and not _names_a_database(spec)
    }
    sizes = Counter(organization for organization, _ in members)
    return {organization for organization, size in sizes.items() if size >= MANY_ENVIRONMENTS}


def _names_a_database(spec: EnvironmentSpec) -> bool:
    return not isinstance(spec.services, str) and bool(spec.services.get(ServiceType.DATABASE))


def _choose_without_modes(spec: EnvironmentSpec, services: Sequence[WireService]) -> _Choice | None:
    """Choose from a list without database modes; None if that is not enough to decide.

    An organization's list never causes a problem: the environment's own list, read next, decides.
    """
    chosen, excluded, problems = _choose(spec, services)
    doubtful = {exclusion.id for exclusion in excluded if exclusion.why == MODE_UNKNOWN}
    if problems or not chosen or (doubtful and isinstance(spec.services, str)):
        return None
    # A database that is not named is left out whatever its mode.
    return chosen, tuple(replace(one, why=NOT_NAMED) if one.id in doubtful else one for one in excluded), []


def _choose(spec: EnvironmentSpec, listed: Sequence[WireService]) -> _Choice:
    services = _once_each(listed)
    restartable = [_as_service(service) for service in services if why_not(service) is None]
    excluded = tuple(
        Exclusion(id=service.id.casefold(), name=service.name, type=service.service_type.lower(), why=why)
        for service in services
        if (why := why_not(service)) is not None
    )
    if spec.services == ALL_SERVICES or isinstance(spec.services, str):
        return tuple(restartable), excluded, _why_all_is_unknown(listed, services)
    chosen: dict[str, Service] = {}
    problems: list[str] = []
    for service_type, names in spec.services.items():
        for name in names:
            try:
                service = _service(name, service_type, services)
            except _Problem as problem:
                problems.append(str(problem))
            else:
                chosen[service.id] = service
    unnamed = tuple(
        Exclusion(id=service.id, name=service.name, type=service.type.value, why=NOT_NAMED)
        for service in restartable
        if service.id not in chosen
    )
    return tuple(chosen.values()), unnamed + excluded, problems


def _once_each(listed: Sequence[WireService]) -> list[WireService]:
    """Leave out what cannot be read, and repetitions: a list may hold a service twice."""
    services = {
        (service.id.casefold(), service.service_type.casefold(), service.mode): service
        for service in listed
        if service.id
    }
    return list(services.values())


def _why_all_is_unknown(listed: Sequence[WireService], services: Sequence[WireService]) -> list[str]:
    """Return why it is unknown which services `all` means."""
    if not all(service.id for service in listed):
        return ["its list of services has an entry that cannot be read, so `all` is not known; name the services"]
    times = Counter(service.id.casefold() for service in services)
    names = sorted({service.name or service.id for service in services if times[service.id.casefold()] > 1})
    if names:
        return [f"its list of services contradicts itself ({', '.join(names)}), so `all` is not known; try again"]
    return []


def _service(name: str, service_type: ServiceType, services: Sequence[WireService]) -> Service:
    of_type = [service for service in services if service.service_type.casefold() == service_type.value]
    try:
        found = _only(name, of_type, service_type.value)
    except _Problem:
        # Perhaps it is in the wrong list, but not if it matches several things in the right one.
        called = [service for service in services if _is_called(service, name)]
        elsewhere = [service for service in called if service not in of_type]
        if len(elsewhere) != 1 or elsewhere != called:
            raise
        found = elsewhere[0]
        if why_not(found) is None:
            type_found = _as_service(found).type
            raise _Problem(f'"{name}" is not {_with_article(service_type)} but {_with_article(type_found)}') from None
    why = why_not(found)
    if why is not None:
        raise _Problem(f'"{name}" is {why}, which Qovery cannot restart')
    return _as_service(found)


def _is_called(service: WireService, name: str) -> bool:
    return _same_name(service.name, name) or service.id.casefold() == fold(name)


def _same_name(one: str, other: str) -> bool:
    # A name that could not be read is empty, and one of invisible characters becomes so: it is like no other.
    return fold(one) == fold(other) != ""


def _with_article(service_type: ServiceType) -> str:
    return f"an {service_type}" if service_type is ServiceType.APPLICATION else f"a {service_type}"


def _as_service(service: WireService) -> Service:
    return Service(id=service.id.casefold(), name=service.name, type=ServiceType(service.service_type.lower()))


def _listed_twice(targets: Sequence[Target]) -> list[str]:
    """Return a problem for each target that is the same environment as another: it would be restarted twice."""
    first: dict[str, Target] = {}
    problems = []
    for target in targets:
        other = first.setdefault(target.environment_id, target)
        if other is not target:
            problems.append(
                f"{target.name}: is the same environment as {other.name} ({target.environment_id}); list it once"
            )
    return problems
