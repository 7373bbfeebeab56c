"""What happened in an environment before the simulation started."""

import random
from collections.abc import Iterable
from dataclasses import replace

from orchestrator.domain.states import State
from orchestrator.simulator.chance import EVEN, happens
from orchestrator.simulator.dials import Dials
from orchestrator.simulator.model import (
    COLLEAGUES,
    PLATFORM,
    Action,
    ActionStatus,
    Environment,
    Origin,
    Run,
    Service,
    ServiceStatus,
    Step,
)

DAY = 86400.0
FIRST_EXECUTION = 38
FIRST_OF_FALLING = 9041
"""Where the numbers fall from run to run."""


def past_of(
    environment: Environment,
    services: Iterable[Service],
    *,
    dials: Dials,
    rng: random.Random,
    may_have_failed: bool,
    stopped: bool,
) -> tuple[list[ServiceStatus], list[Run]]:
    """Make up the last four nights, on which colleagues took turns, each with the origin that colleagues have.

    Args:
        environment: the environment.
        services: its services.
        dials: how colleagues ask, and how runs are numbered.
        rng: the source of chance.
        may_have_failed: whether one service may have failed in the last run.
        stopped: whether the environment was stopped afterwards.

    Returns:
        The resulting statuses of the services, and the runs, latest last.
    """
    statuses = {service.id: ServiceStatus(service=service, state=State.READY) for service in services}
    actions = [Action.DEPLOY, Action.RESTART, Action.DEPLOY, Action.RESTART if happens(rng, EVEN) else Action.DEPLOY]
    if stopped:
        actions.append(Action.STOP)
    origin = Origin(dials.colleague_origin)
    runs: list[Run] = []
    for nights_ago, action in zip(range(len(actions), 0, -1), actions, strict=True):
        stops = action is Action.STOP
        began = -nights_ago * DAY + rng.uniform(0.0, 600.0)
        last = nights_ago == 1
        fails = last and may_have_failed and not stopped and happens(rng, 0.1)
        run = _run(
            environment,
            statuses,
            action,
            user=PLATFORM if stops else COLLEAGUES[len(runs) % len(COLLEAGUES)],
            origin=Origin.QOVERY_INTERNAL if stops else origin,
            number=_number(len(runs), dials),
            began=began,
            fails=fails,
            rng=rng,
        )
        runs.append(run)
        for service_id, status in statuses.items():
            statuses[service_id] = _afterwards(status, run)
    return list(statuses.values()), runs


def _number(runs: int, dials: Dials) -> int:
    """Return the number of the run that comes after so many."""
    return FIRST_OF_FALLING - runs if dials.execution_numbers == "fall" else FIRST_EXECUTION + runs


def _run(
    environment: Environment,
    statuses: dict[str, ServiceStatus],
    action: Action,
    *,
    user: str,
    origin: Origin,
    number: int,
    began: float,
    fails: bool,
    rng: random.Random,
) -> Run:
    steps = {
        service_id: Step(
            service=status.service,
            before=status,
            state=action.done,
            started_at=began + 5.0,
            ended_at=began + 5.0 + rng.uniform(8.0, 60.0),
        )
        for service_id, status in statuses.items()
        if action is not Action.RESTART or status.service.can_restart
    }
    if fails:
        victim = rng.choice(sorted(steps))
        steps[victim] = replace(steps[victim], state=action.failed)
    ended = began + 70.0
    return Run(
        execution_id=f"{environment.id}-{number}",
        action=action,
        user=user,
        origin=origin,
        request_ids=(),
        created_at=began,
        updated_at=ended,
        state=action.failed if fails else action.done,
        status=ActionStatus.ERROR if fails else ActionStatus.SUCCESS,
        steps=steps,
        work_began_at=began + 5.0,
        ended_at=ended,
    )


def _afterwards(status: ServiceStatus, run: Run) -> ServiceStatus:
    step = run.steps.get(status.service.id)
    if step is None:
        return replace(status, in_last_run=False)
    return replace(
        status,
        state=step.state,
        execution_id=run.execution_id,
        changed_at=step.ended_at,
        in_last_run=True,
        action=run.action,
        run_began_at=run.created_at,
    )
