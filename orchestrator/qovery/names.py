"""From what a person wrote down to ids: environments by path, services by name; all of it before the first submit.

The API says that its names are case-insensitive, and people paste them with non-breaking spaces, so names are compared
folded. A name that matches nothing, or two things, is an error; every error is collected before any is raised.
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
from orchestrator.qovery.directory import MANY_ENVIRONMENTS, MANY_PROJECTS, Directory, Lists, Retrying
from orchestrator.qovery.wire import WireEnvironment, WireService

S = TypeVar("S")
T = TypeVar("T")

CONSOLE_URL = "https://console.qovery.com"
FORBIDDEN = 403
AT_ONCE = 10
"""How many environments are looked up at the same time."""
NOT_NAMED = "not named in the configuration"
MODE_UNSAID = "a database that does not say whether it runs in a container"

_Choice = tuple[tuple[Service, ...], tuple[Exclusion, ...], list[str]]
"""Of the services of an environment: those to restart, those left out, and what is wrong with the names."""


class Named(Protocol):
    """Anything with an id and a name."""

    @property
    def id(self) -> str:
        """What the API calls it."""
        ...

    @property
    def name(self) -> str:
        """What people call it."""
        ...


N = TypeVar("N", bound=Named)


class _Problem(Exception):  # noqa: N818 - never leaves this module
    pass


def fold(name: str) -> str:
    r"""Return `name` as it is compared: any white space is one space, and case does not matter.

    >>> fold(" My\u00a0API ")
    'my api'
    """
    return " ".join(name.split()).casefold()


@dataclass(frozen=True, slots=True)
class _Scope:
    """How much is looked up in all: by that it is decided what is read for all of it at once."""

    ids: AbstractSet[str]
    projects: Mapping[str, AbstractSet[str]]
    """The projects of each organization, as they are named in paths and folded."""

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
        directory: where names are looked up.
        retrying: calls a read until it succeeds or there is no hope.
        console: whether to give each target its URL in Qovery's console.
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
        self._room = asyncio.Semaphore(AT_ONCE)

    async def resolve(self, specs: Sequence[EnvironmentSpec], *, to_restart: bool = True) -> tuple[Target, ...]:
        """Look up everything that `specs` name.

        Args:
            specs: the environments.
            to_restart: whether each has to have a service that Qovery can restart.

        Raises:
            NameResolutionError: with every name that matches nothing, several things, or what cannot restart.
            PlatformError: the API could not be asked.
        """
        scope = _Scope.of(specs)
        environments = await self._each(specs, lambda spec: self._environment_or_problem(spec, scope))
        pairs = list(zip(specs, environments, strict=True))
        # Only now is it known in which organizations so many are that all of their services are worth one request.
        crowded = _crowded((spec, found) for spec, found in pairs if isinstance(found, WireEnvironment))

        async def explained(pair: tuple[EnvironmentSpec, WireEnvironment | str]) -> Target | list[str]:
            spec, found = pair
            if isinstance(found, str):
                return [f"{spec.name}: {found}"]
            return await self._target_or_problems(spec, found, crowded=crowded, to_restart=to_restart)

        results = await self._each(pairs, explained)
        targets = [result for result in results if isinstance(result, Target)]
        problems = [problem for result in results if isinstance(result, list) for problem in result]
        problems += _listed_twice(targets)
        if problems:
            raise NameResolutionError(problems)
        return tuple(targets)

    async def _each(self, items: Sequence[S], work: Callable[[S], Awaitable[T]]) -> list[T]:
        """Do the work on all items, some at a time; the first error ends it."""

        async def in_turn(item: S) -> T:
            async with self._room:
                return await work(item)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(in_turn(item)) for item in items]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _target_or_problems(
        self, spec: EnvironmentSpec, environment: WireEnvironment, *, crowded: AbstractSet[str], to_restart: bool
    ) -> Target | list[str]:
        chosen, excluded, problems = await self._choose(spec, environment, crowded)
        if to_restart and not chosen and not problems:
            problems = ["there is no service in it that Qovery can restart"]
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
            console_url=self._console_url(environment),
            project_id=environment.project.id.casefold() if environment.project is not None else None,
        )

    async def _choose(self, spec: EnvironmentSpec, environment: WireEnvironment, crowded: AbstractSet[str]) -> _Choice:
        if environment.organization is not None and environment.organization.id in crowded:
            listed = await self._lists.services_by_organization(environment.organization.id, environment.id)
            choice = _choose_without_modes(spec, listed) if listed is not None else None
            if choice is not None:
                return choice
        return _choose(spec, await self._lists.services(environment.id))

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
        except NotFoundError:
            raise _Problem(f"there is no environment with the id {environment_id}") from None
        except TokenRefusedError as error:
            if error.status != FORBIDDEN:
                raise
            # Qovery says 403 for what does not exist, too. A token that is refused altogether sees no organizations.
            await self._lists.organizations()
            raise _Problem(f"there is no environment with the id {environment_id} that the token may see") from None

    async def _environment_at(self, path: EnvironmentPath, scope: _Scope) -> WireEnvironment:
        organization = _only(path.organization, await self._lists.organizations(), "organization")
        projects = await self._lists.projects(organization.id)
        project = _only(path.project, projects, f"project of {organization.name}")
        kind = f"environment of {organization.name}/{project.name}"
        if len(scope.projects[fold(path.organization)]) >= MANY_PROJECTS:
            listed = await self._lists.environments_by_organization(organization.id, project.id)
            with suppress(_Problem):  # The project's own list has the last word.
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
    as_id, as_name = wanted.strip().casefold(), fold(wanted)
    found = [candidate for candidate in candidates if candidate.id.casefold() == as_id]
    found = found or [candidate for candidate in candidates if fold(candidate.name) == as_name]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(sorted(candidate.id for candidate in found))
        raise _Problem(f'"{wanted}" names more than one {kind}: use one of the ids {ids}')
    raise _Problem(f'there is no {kind} called "{wanted}"{_suggestion(wanted, candidates)}')


def _suggestion(wanted: str, candidates: Iterable[Named]) -> str:
    names = {fold(candidate.name): candidate.name for candidate in candidates}
    close = get_close_matches(fold(wanted), names, n=1)
    if close:
        return f'; did you mean "{names[close[0]]}"?'
    if not names:
        return " (the token sees none)"
    return f" (there are: {', '.join(sorted(names.values())[:10])}{', …' if len(names) > 10 else ''})"  # noqa: PLR2004


def why_not(service: WireService) -> str | None:
    """Say why Qovery cannot restart a service, None where it can."""
    match service.service_type.upper(), (service.mode or "").upper():
        case (("APPLICATION" | "CONTAINER"), _):
            return None
        case "DATABASE", "CONTAINER":
            return None
        case "DATABASE", "MANAGED":
            return "a managed database"
        case "DATABASE", _:
            return MODE_UNSAID
        case _:
            return f"of type {service.service_type.lower().replace('_', ' ') or 'unknown'}"


def _crowded(found: Iterable[tuple[EnvironmentSpec, WireEnvironment]]) -> AbstractSet[str]:
    """Return the ids of the organizations of which all services are worth reading."""
    members = {
        (environment.organization.id, environment.id)
        for spec, environment in found
        # Where a database is named, the environment's own list is read whatever the organization's says.
        if environment.organization is not None and not _names_a_database(spec)
    }
    sizes = Counter(organization for organization, _ in members)
    return {organization for organization, size in sizes.items() if size >= MANY_ENVIRONMENTS}


def _names_a_database(spec: EnvironmentSpec) -> bool:
    return not isinstance(spec.services, str) and bool(spec.services.get(ServiceType.DATABASE))


def _choose_without_modes(spec: EnvironmentSpec, services: Sequence[WireService]) -> _Choice | None:
    """Choose from a list that does not say which databases can restart; None where that is not enough to choose by.

    A list of a whole organization never makes a problem: the environment's own list, read next, has the last word.
    """
    chosen, excluded, problems = _choose(spec, services)
    doubtful = {exclusion.id for exclusion in excluded if exclusion.why == MODE_UNSAID}
    if problems or not chosen or (doubtful and isinstance(spec.services, str)):
        return None
    # What is not named is left out whatever its mode.
    return chosen, tuple(replace(one, why=NOT_NAMED) if one.id in doubtful else one for one in excluded), []


def _choose(spec: EnvironmentSpec, services: Sequence[WireService]) -> _Choice:
    restartable = [_as_service(service) for service in services if why_not(service) is None]
    excluded = tuple(
        Exclusion(id=service.id.casefold(), name=service.name, type=service.service_type.lower(), why=why)
        for service in services
        if (why := why_not(service)) is not None
    )
    if spec.services == ALL_SERVICES or isinstance(spec.services, str):
        return tuple(restartable), excluded, []
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


def _service(name: str, service_type: ServiceType, services: Sequence[WireService]) -> Service:
    of_type = [service for service in services if service.service_type.casefold() == service_type.value]
    try:
        found = _only(name, of_type, service_type.value)
    except _Problem:
        # Perhaps it stands in the wrong list; not where it names several things in the right one.
        called = [service for service in services if _is_called(service, name)]
        elsewhere = [service for service in called if service not in of_type]
        if len(elsewhere) != 1 or elsewhere != called:
            raise
        found = elsewhere[0]
        if why_not(found) is None:
            raise _Problem(f'"{name}" is not {_a(service_type)} but {_a(_as_service(found).type)}') from None
    why = why_not(found)
    if why is not None:
        raise _Problem(f'"{name}" is {why}, which Qovery cannot restart')
    return _as_service(found)


def _is_called(service: WireService, name: str) -> bool:
    return fold(service.name) == fold(name) or service.id.casefold() == name.strip().casefold()


def _a(service_type: ServiceType) -> str:
    return f"an {service_type}" if service_type is ServiceType.APPLICATION else f"a {service_type}"


def _as_service(service: WireService) -> Service:
    return Service(id=service.id.casefold(), name=service.name, type=ServiceType(service.service_type.lower()))


def _listed_twice(targets: Sequence[Target]) -> list[str]:
    """Find targets that are the same environment: it would be restarted twice."""
    first: dict[str, Target] = {}
    problems = []
    for target in targets:
        other = first.setdefault(target.environment_id, target)
        if other is not target:
            problems.append(
                f"{target.name}: is the same environment as {other.name} ({target.environment_id}); list it once"
            )
    return problems
