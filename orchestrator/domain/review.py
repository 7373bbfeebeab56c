"""What a run would do now, for the command `plan`. Changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum, unique

from orchestrator.domain.costs import Estimate
from orchestrator.domain.observations import Hint, Observation, ServiceStatus
from orchestrator.domain.outcomes import Refusal
from orchestrator.domain.plan import Exclusion, OnBusy, OnStopped, Service, Target
from orchestrator.domain.readiness import Obstacle, assess


@unique
class Forecast(StrEnum):
    """What would happen to one environment."""

    RESTART = "restart"
    WAIT = "wait"
    """Something is in progress in the environment; the restart would be submitted after it."""
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
    """An environment as it stands now, and what a run would do with it."""

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
    """Return what a run would do with `target`, judged from `observation`."""
    readiness = assess(observation, target.services)
    running = {service.id for service in readiness.running}
    forecast, why = Forecast.RESTART, None
    match readiness.obstacle:
        case Obstacle.BUSY:
            forecast, why = _where_busy(target), f"in progress there: {_join(readiness.affected)}"
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
    return _reviewed(target, forecast, why, statuses=observation.services, stopped=stopped)


def review_by_hint(target: Target, hint: Hint) -> ReviewedEnvironment:
    """Return what a run would probably do with `target`, judged from the state of its environment alone."""
    forecast, why = Forecast.RESTART, "its services were not looked at one by one, to save requests"
    if hint.in_progress:
        forecast, why = _where_busy(target), f"in progress there: {hint.state}"
    return _reviewed(target, forecast, why, statuses={}, stopped={})


def refused(reviewed: ReviewedEnvironment, refusal: Refusal) -> ReviewedEnvironment:
    """Return what a run would do with an environment that must not begin now, by the file's blackouts or alerts."""
    if reviewed.forecast not in (Forecast.RESTART, Forecast.WAIT):
        return reviewed
    return replace(reviewed, forecast=Forecast.BLOCK, why=refusal.message)


def _where_busy(target: Target) -> Forecast:
    return Forecast.BLOCK if target.policy.on_busy is OnBusy.FAIL else Forecast.WAIT


def _reviewed(
    target: Target,
    forecast: Forecast,
    why: str | None,
    *,
    statuses: Mapping[str, ServiceStatus],
    stopped: Mapping[str, str],
) -> ReviewedEnvironment:
    return ReviewedEnvironment(
        name=target.name,
        id=target.environment_id,
        wave=target.wave,
        forecast=forecast,
        why=why,
        services=(
            *(_service(one, stopped.get(one.id), statuses.get(one.id)) for one in target.services),
            *(_service(one, one.why, statuses.get(one.id)) for one in target.excluded),
        ),
        console_url=target.console_url,
    )


def _service(service: Service | Exclusion, why_not: str | None, status: ServiceStatus | None) -> ReviewedService:
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
