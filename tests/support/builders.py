"""Reader, runs and targets in one line each, with what does not matter to a test left out."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from types import EllipsisType

from orchestrator.domain.evidence import Submitted
from orchestrator.domain.observations import Baseline, Observation, QueuedRequest, Run, ServiceStatus
from orchestrator.domain.outcomes import EnvironmentResult, Outcome, Reason
from orchestrator.domain.plan import HttpCheck, Policy, Service, ServiceType, Target
from orchestrator.domain.records import Holder, Intent

ENVIRONMENT = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
NOON = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
LAST_NIGHT = 41
INVISIBLE_FOR = Policy().invisible_for
"""Seconds for which an accepted restart may stay invisible, and an absence has to last."""
"""The number of the execution that everything is under before a test begins."""


def execution(number: int | str | None) -> str | None:
    """An execution id by its number; what is not a number is an id of its own."""
    return f"{ENVIRONMENT}-{number}" if isinstance(number, int) else number


def status(
    service_id: str, state: str, number: int | str | None = LAST_NIGHT, *, waiting: int = 0, in_last_run: bool = False
) -> ServiceStatus:
    return ServiceStatus(
        id=service_id,
        state=state,
        execution_id=execution(number),
        requests_waiting=waiting,
        in_last_run=in_last_run,
    )


def observe(
    *services: ServiceStatus, state: str | None = None, last: int | None = None, at: datetime | None = None
) -> Observation:
    return Observation(
        environment_id=ENVIRONMENT,
        services={service.id: service for service in services},
        environment_state=state,
        last_execution_id=execution(last),
        server_time=at,
    )


def all_in(
    state: str, *service_ids: str, number: int | str | None = LAST_NIGHT, at: datetime | None = None
) -> Observation:
    return observe(*(status(service_id, state, number) for service_id in service_ids), at=at)


def run(
    number: int | str | None,
    services: Mapping[str, str],
    *,
    action: str = "RESTART",
    status: str = "SUCCESS",
    created_at: datetime | EllipsisType | None = ...,
    origin: str | None = None,
    triggered_by: str | None = None,
) -> Run:
    """A run; in the order of their numbers, those after last night's since noon, where no date is given."""
    if isinstance(created_at, EllipsisType):
        created_at = _date_of(number) if isinstance(number, int) else None
    return Run(
        execution_id=execution(number),
        action=action,
        status=status,
        services=services,
        created_at=created_at,
        origin=origin,
        triggered_by=triggered_by,
    )


def _date_of(number: int) -> datetime:
    if number > LAST_NIGHT:
        return NOON + timedelta(minutes=number - LAST_NIGHT)
    return NOON - timedelta(hours=12, minutes=LAST_NIGHT - number)


def queued(
    *service_ids: str,
    action: str = "RESTART",
    request_id: str = "request-1",
    origin: str | None = None,
    triggered_by: str | None = None,
) -> QueuedRequest:
    return QueuedRequest(
        request_id=request_id,
        action=action,
        service_ids=frozenset(service_ids),
        origin=origin,
        triggered_by=triggered_by,
    )


def baseline_of(
    *service_ids: str,
    number: int | str | None = LAST_NIGHT,
    runs: Iterable[Run] = (),
    at: datetime | None = None,
    origin: str | None = "API",
) -> Baseline:
    """What a quiet environment's baseline looks like: everything `RESTARTED` by last night's run."""
    observation = observe(*(status(service_id, "RESTARTED", number) for service_id in service_ids), at=at)
    return Baseline.of(observation, service_ids, runs, origin=origin)


def service(service_id: str) -> Service:
    """A service whose name is its id in capitals, so that a message shows which of them it uses."""
    return Service(id=service_id, name=service_id.upper(), type=ServiceType.CONTAINER)


def target(
    *service_ids: str,
    name: str = "production",
    environment_id: str = ENVIRONMENT,
    wave: int = 1,
    policy: Policy | None = None,
    checks: tuple[HttpCheck, ...] = (),
) -> Target:
    return Target(
        name=name,
        environment_id=environment_id,
        services=tuple(service(service_id) for service_id in service_ids),
        wave=wave,
        policy=policy or Policy(),
        checks=checks,
        console_url="https://console.example.test/production",
    )


def intent(
    baseline: Baseline, *, posted_at: float = 0.0, submitted_at: datetime = NOON, left_out: Iterable[str] = ()
) -> Intent:
    return Intent(baseline=baseline, left_out=frozenset(left_out), posted_at=posted_at, submitted_at=submitted_at)


def submitted(
    baseline: Baseline,
    *,
    posted_at: float = 0.0,
    deadline: float = 1800.0,
    accepted: bool = True,
    found: bool = False,
    request_ids: Iterable[str] = (),
    took: float = 0.2,
) -> Submitted:
    """A restart that was posted on top of `baseline`."""
    return Submitted(
        intent=intent(baseline, posted_at=posted_at),
        accepted=accepted,
        found=found,
        request_ids=frozenset(request_ids),
        deadline=deadline,
        post_by=deadline,
        took=took,
    )


def holder(run_id: str = "run-2", *, at_work: bool = True) -> Holder:
    """Another run that has held the environment for an hour."""
    where = "process 7 on runner-1 is at work on it" if at_work else "process 7 on runner-1 is dead"
    return Holder(
        run_id=run_id,
        since=NOON - timedelta(hours=1),
        at_work=at_work,
        where=where,
        resume=f"qovery-restart resume {run_id}",
    )


def ended(
    outcome: Outcome = Outcome.SUCCEEDED,
    reason: Reason = Reason.RESTARTED,
    *,
    name: str = "production",
    submitted_at: datetime | None = NOON,
) -> EnvironmentResult:
    return EnvironmentResult(
        name=name,
        environment_id=ENVIRONMENT,
        wave=1,
        outcome=outcome,
        reason=reason,
        message="So it ended.",
        submitted_at=submitted_at,
    )
