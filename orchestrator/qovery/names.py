"""From what a person wrote down to ids: environments by path, services by name; all of it before the first submit.

The API says that its names are case-insensitive, and people paste them with non-breaking spaces, so names are compared
folded. A name that matches nothing, or two things, is an error; every error is collected before any is raised.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from difflib import get_close_matches
from typing import Protocol, TypeVar

from orchestrator.errors import NameResolutionError, NotFoundError, TokenRefusedError
from orchestrator.plan import (
    ALL_SERVICES,
    EnvironmentPath,
    EnvironmentSpec,
    Exclusion,
    Service,
    ServiceType,
    Target,
)
from orchestrator.qovery.wire import WireEnvironment, WireNamed, WireService

T = TypeVar("T")

CONSOLE_URL = "https://console.qovery.com"
FORBIDDEN = 403
AT_ONCE = 10
"""How many environments are looked up at the same time."""


class Directory(Protocol):
    """The lists in which names are looked up."""

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

    async def services(self, environment_id: str) -> list[WireService]:
        """List the services of an environment."""
        ...


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


class Retrying(Protocol):
    """Calls a read until it works or there is no hope."""

    async def __call__(self, read: Callable[[], Awaitable[T]], /) -> T:
        """Return what `read` returns."""
        ...


class _Problem(Exception):  # noqa: N818 - never leaves this module
    pass


def fold(name: str) -> str:
    r"""Return `name` as it is compared: any white space is one space, and case does not matter.

    >>> fold(" My\u00a0API ")
    'my api'
    """
    return " ".join(name.split()).casefold()


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
        self._directory = directory
        self._retrying = retrying
        self._console = console
        self._reads: dict[Hashable, asyncio.Task[object]] = {}
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
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._resolve_or_explain(spec, to_restart=to_restart)) for spec in specs]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        targets = [result for task in tasks if isinstance(result := task.result(), Target)]
        problems = [problem for task in tasks if isinstance(result := task.result(), list) for problem in result]
        problems += _listed_twice(targets)
        if problems:
            raise NameResolutionError(problems)
        return tuple(targets)

    async def _resolve_or_explain(self, spec: EnvironmentSpec, *, to_restart: bool) -> Target | list[str]:
        async with self._room:
            try:
                environment = await self._environment(spec)
            except _Problem as problem:
                return [f"{spec.name}: {problem}"]
            services = await self._read("services", environment.id, self._directory.services)
        chosen, excluded, problems = _choose(spec, services)
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
        )

    async def _environment(self, spec: EnvironmentSpec) -> WireEnvironment:
        if isinstance(spec.locator, EnvironmentPath):
            return await self._environment_at(spec.locator)
        try:
            return await self._read("environment", spec.locator, self._directory.environment)
        except NotFoundError:
            raise _Problem(f"there is no environment with the id {spec.locator}") from None
        except TokenRefusedError as error:
            if error.status != FORBIDDEN:
                raise
            # Qovery says 403 for what does not exist, too. A token that is refused altogether sees no organizations.
            await self._read("organizations", "", lambda _: self._directory.organizations())
            raise _Problem(f"there is no environment with the id {spec.locator} that the token may see") from None

    async def _environment_at(self, path: EnvironmentPath) -> WireEnvironment:
        organizations = await self._read("organizations", "", lambda _: self._directory.organizations())
        organization = _only(path.organization, organizations, "organization")
        projects = await self._read("projects", organization.id, self._directory.projects)
        project = _only(path.project, projects, f"project of {organization.name}")
        environments = await self._read("environments", project.id, self._directory.environments)
        return _only(path.environment, environments, f"environment of {organization.name}/{project.name}")

    async def _read(self, kind: str, key: str, read: Callable[[str], Awaitable[T]]) -> T:
        """Read each list once, however many ask for it at the same time."""
        task = self._reads.get((kind, key))
        if task is None:
            task = asyncio.ensure_future(self._retrying(lambda: read(key)))
            self._reads[kind, key] = task
        return await task  # type: ignore[return-value]  # a key's kind fixes the type of what is read

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
    found = [candidate for candidate in candidates if candidate.id.casefold() == wanted.strip().casefold()]
    found = found or [candidate for candidate in candidates if fold(candidate.name) == fold(wanted)]
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
            return "a database that does not say whether it runs in a container"
        case _:
            return f"of type {service.service_type.lower().replace('_', ' ') or 'unknown'}"


def _choose(
    spec: EnvironmentSpec, services: Sequence[WireService]
) -> tuple[tuple[Service, ...], tuple[Exclusion, ...], list[str]]:
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
        Exclusion(id=service.id, name=service.name, type=service.type.value, why="not named in the configuration")
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
