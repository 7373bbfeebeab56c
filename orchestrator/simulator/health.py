"""The URLs of the simulated services that health checks ask."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus

import httpx

from orchestrator.domain.plan import EnvironmentSpec
from orchestrator.domain.states import State
from orchestrator.simulator.model import ServiceStatus, Snapshot
from orchestrator.simulator.world import World

WARM_UP = 3.0
"""Seconds after its restart in which a service is not healthy yet."""

_DOWN = frozenset(
    {
        State.RESTARTING,
        State.RESTART_ERROR,
        State.DEPLOYMENT_ERROR,
        State.CANCELING,
        State.STOPPING,
        State.STOPPED,
        State.READY,
    }
)
"""The states in which a service does not answer. `DEPLOYING` is not one: a deployment replaces pods one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Site:
    environment_id: str
    status: int


class HealthSite:
    """Answers every URL in a configuration's checks."""

    def __init__(self, world: World, specs: Iterable[EnvironmentSpec], *, now: Callable[[], float]) -> None:
        """Serve each URL of `specs`, from which `world` was built; `now` returns the world's time."""
        self._world = world
        self._now = now
        self._sites: dict[httpx.URL, list[_Site]] = {}
        for spec in specs:
            environment = world.find(spec.locator)
            if environment is None:
                continue
            for check in spec.checks:
                site = _Site(environment_id=environment.id, status=check.status)
                self._sites.setdefault(httpx.URL(check.url), []).append(site)

    def status_of(self, url: httpx.URL) -> int:
        """Return the status of a GET of `url` now: the one that its check expects, 503, or 404 for an unknown URL."""
        sites = self._sites.get(url)
        if sites is None:
            return HTTPStatus.NOT_FOUND
        now = self._now()
        self._world.advance(now)
        if all(is_healthy(self._world.snapshot(site.environment_id), now=now) for site in sites):
            return sites[0].status
        return HTTPStatus.SERVICE_UNAVAILABLE


def is_healthy(snapshot: Snapshot, *, now: float) -> bool:
    """Return whether every service of an environment answers, except those that cannot restart."""
    return all(_answers(status, now=now) for status in snapshot.services if status.service.can_restart)


def _answers(status: ServiceStatus, *, now: float) -> bool:
    if status.state is State.RESTARTED and status.changed_at is not None:
        return now >= status.changed_at + WARM_UP
    return status.state not in _DOWN
