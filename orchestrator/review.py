"""What a run would do, checked against the API as it stands; changes nothing. The heart of `plan`."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, unique

from orchestrator.costs import Estimate
from orchestrator.observations import Glance, Observation
from orchestrator.plan import Exclusion, OnBusy, OnStopped, Service, Target
from orchestrator.readiness import Obstacle, assess
from orchestrator.states import StateClass, classify


@unique
class Forecast(StrEnum):
    """What would happen to one environment."""

    RESTART = "restart"
    WAIT = "wait"
    """Something is in progress there; the restart would be submitted after it."""
    SKIP = "skip"
    BLOCK = "block"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedService:
    """A service as it stands now."""

    id: str
    name: str
    type: str
    state: str | None
    execution_id: str | None
    restart: bool
    why_not: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedEnvironment:
    """An environment as it stands now, and what a run would make of it."""

    name: str
    id: str
    wave: int
    forecast: Forecast
    why: str | None
    services: tuple[ReviewedService, ...]
    console_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A whole plan as it stands now."""

    environments: tuple[ReviewedEnvironment, ...]
    cost: Estimate


def review(target: Target, observation: Observation) -> ReviewedEnvironment:
    """Say what a run would do with `target`, as `observation` shows it now."""
    readiness = assess(observation, target.services)
    running = {service.id for service in readiness.running}
    forecast, why = Forecast.RESTART, None
    match readiness.obstacle:
        case Obstacle.BUSY:
            forecast = Forecast.BLOCK if target.policy.on_busy is OnBusy.FAIL else Forecast.WAIT
            why = f"in progress there: {_join(readiness.affected)}"
        case Obstacle.UNREADABLE:
            forecast, why = Forecast.WAIT, f"cannot be told: {_join(readiness.affected)}"
        case Obstacle.STOPPED if target.policy.on_stopped is OnStopped.FAIL:
            forecast, why = Forecast.BLOCK, f"not running: {_join(readiness.affected)}"
        case Obstacle.STOPPED if not running:
            forecast, why = Forecast.SKIP, f"not running: {_join(readiness.affected)}"
        case _:
            pass
    stopped = {
        service.id: f"not running ({observation.services[service.id].state})"
        for service in target.services
        if readiness.obstacle is Obstacle.STOPPED and service.id not in running
    }
    services = [
        *(_reviewed(service, stopped.get(service.id), observation) for service in target.services),
        *(_reviewed(exclusion, exclusion.why, observation) for exclusion in target.excluded),
    ]
    return ReviewedEnvironment(
        name=target.name,
        id=target.environment_id,
        wave=target.wave,
        forecast=forecast,
        why=why,
        services=tuple(services),
        console_url=target.console_url,
    )


def review_at_a_glance(target: Target, glance: Glance) -> ReviewedEnvironment:
    """Say what a run would probably do with `target`: what is known is the state of its environment alone."""
    busy = glance.state is not None and classify(glance.state) is StateClass.IN_PROGRESS
    forecast, why = Forecast.RESTART, "its services were not looked at one by one, to save requests"
    if busy:
        forecast = Forecast.BLOCK if target.policy.on_busy is OnBusy.FAIL else Forecast.WAIT
        why = f"in progress there: {glance.state}"
    return ReviewedEnvironment(
        name=target.name,
        id=target.environment_id,
        wave=target.wave,
        forecast=forecast,
        why=why,
        services=(
            *(_unread(service, None) for service in target.services),
            *(_unread(exclusion, exclusion.why) for exclusion in target.excluded),
        ),
        console_url=target.console_url,
    )


def _unread(service: Service | Exclusion, why_not: str | None) -> ReviewedService:
    return ReviewedService(
        id=service.id,
        name=service.name,
        type=str(service.type),
        state=None,
        execution_id=None,
        restart=why_not is None,
        why_not=why_not,
    )


def _reviewed(service: Service | Exclusion, why_not: str | None, observation: Observation) -> ReviewedService:
    status = observation.services.get(service.id)
    return ReviewedService(
        id=service.id,
        name=service.name,
        type=str(service.type),
        state=status.state if status is not None else None,
        execution_id=status.execution_id if status is not None else None,
        restart=why_not is None,
        why_not=why_not,
    )


def _join(parts: Sequence[str]) -> str:
    return ", ".join(parts)
