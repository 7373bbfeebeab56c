"""The sites of the simulated services, as a health check sees them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus

import httpx

from orchestrator.domain.plan import EnvironmentSpec
from orchestrator.domain.states import State
from orchestrator.simulator.model import ServiceStatus, Snapshot
from orchestrator.simulator.world import World

WARM_UP = 3.0
"""For so many seconds after its restart a service does not answer well yet."""

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
"""The states in which a service does not answer. A deployment replaces its pods one by one, so it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Site:
    environment_id: str
    status: int


class HealthSite:
    """Every URL that a configuration's checks ask."""

    def __init__(self, world: World, specs: Iterable[EnvironmentSpec], *, now: Callable[[], float]) -> None:
        """Put a site at each URL of `specs`, which `world` was built from; `now` tells the world's time."""
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
        """Return what a GET of `url` is answered with now: what its check expects, 503, or 404 where nobody is."""
        sites = self._sites.get(url)
        if sites is None:
            return HTTPStatus.NOT_FOUND
        now = self._now()
        self._world.advance(now)
        if all(is_healthy(self._world.snapshot(site.environment_id), now=now) for site in sites):
            return sites[0].status
        return HTTPStatus.SERVICE_UNAVAILABLE


def is_healthy(snapshot: Snapshot, *, now: float) -> bool:
    """Tell whether everything that runs in an environment answers."""
    return all(_answers(status, now=now) for status in snapshot.services if status.service.can_restart)


def _answers(status: ServiceStatus, *, now: float) -> bool:
    if status.state is State.RESTARTED and status.changed_at is not None:
        return now >= status.changed_at + WARM_UP
    return status.state not in _DOWN
