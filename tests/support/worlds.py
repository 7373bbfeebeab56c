"""Small worlds whose every length is known, so that a test can say what is true at which second."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from orchestrator.domain.states import State
from orchestrator.simulator.dials import DEFAULT, Dials
from orchestrator.simulator.model import (
    Action,
    DatabaseMode,
    Environment,
    Kind,
    Organization,
    Project,
    Request,
    Service,
    ServiceStatus,
    Shown,
)
from orchestrator.simulator.timings import Span, Timings
from orchestrator.simulator.world import World

ENVIRONMENT = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
OLD = f"{ENVIRONMENT}-41"
NEW = f"{ENVIRONMENT}-42"
NEWER = f"{ENVIRONMENT}-43"

US = "token-0000"
COLLEAGUE = "alice@example.com"


def exactly(seconds: float) -> Span:
    return Span(least=seconds, most=seconds)


CLOCKWORK = Timings(
    acceptance_lag=exactly(2.0),
    turn=exactly(1.0),
    straight_away=1.0,
    engine_start=exactly(4.0),
    restart=exactly(10.0),
    deploy=exactly(30.0),
    stop=exactly(5.0),
    fail=exactly(3.0),
    interrupt=exactly(2.0),
    close=exactly(1.0),
)
"""Accepted at 0, visible and a run at 2, at work from 6, the first seven services done at 16, the next at 26."""


def service(number: int, kind: Kind = Kind.CONTAINER, mode: DatabaseMode | None = None) -> Service:
    return Service(id=f"service-{number}", name=f"name-{number}", kind=kind, database_mode=mode)


def at_rest(one: Service, state: State = State.RESTARTED) -> ServiceStatus:
    return ServiceStatus(
        service=one, state=state, execution_id=OLD, changed_at=-80000.0, in_last_run=True, action=Action.RESTART
    )


def environment() -> Environment:
    organization = Organization(id="organization", name="Acme")
    project = Project(id="project", name="Shop", organization_id=organization.id)
    return Environment(
        id=ENVIRONMENT,
        name="production",
        mode="PRODUCTION",
        cluster_id="cluster",
        project=project,
        organization=organization,
        stages=(),
    )


def a_world(*statuses: ServiceStatus, seed: int = 1, timings: Timings = CLOCKWORK, dials: Dials = DEFAULT) -> World:
    world = World(seed=seed, timings=timings, dials=dials)
    world.add_environment(environment(), services=statuses)
    return world


def a_world_of(count: int, *, seed: int = 1, dials: Dials = DEFAULT, **timings: Span | float) -> World:
    changed = replace(CLOCKWORK, **timings)  # type: ignore[arg-type]  # fields of Timings, each of its own type
    return a_world(*(at_rest(service(number)) for number in range(count)), seed=seed, timings=changed, dials=dials)


def restart(world: World, services: Iterable[int], *, user: str = US) -> Request:
    return world.submit(ENVIRONMENT, Action.RESTART, [f"service-{number}" for number in services], user=user)


def deploy(world: World, services: Iterable[int], *, user: str = COLLEAGUE) -> Request:
    return world.submit(ENVIRONMENT, Action.DEPLOY, [f"service-{number}" for number in services], user=user)


def truthful(world: World) -> dict[str, Shown]:
    return {shown.status.service.id: shown for shown in world.snapshot(ENVIRONMENT).truthful()}


def stale(world: World) -> dict[str, Shown]:
    return {shown.status.service.id: shown for shown in world.snapshot(ENVIRONMENT).stale()}


def states(shown: dict[str, Shown]) -> list[State]:
    return [one.state for one in shown.values()]


def executions(shown: dict[str, Shown]) -> set[str | None]:
    return {one.execution_id for one in shown.values()}


def times(state: State, count: int) -> list[State]:
    return [state] * count


def over(world: World) -> Sequence[State]:
    """Let everything come to an end, and return the states in which the services rest."""
    world.advance(world.now + 10_000.0)
    return states(truthful(world))
