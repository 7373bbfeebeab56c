"""Incidents in a world while a client restarts services: colleagues, failures, the auto-stop rule."""

import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import Enum, unique
from functools import partial
from types import MappingProxyType

from orchestrator.simulator.chance import EVEN, happens
from orchestrator.simulator.faults import FaultProfile
from orchestrator.simulator.model import COLLEAGUES, PLATFORM, Action, Origin
from orchestrator.simulator.world import RefusalError, Trigger, World


@unique
class Incident(Enum):
    """What can happen in an environment, once."""

    COLLEAGUE_DEPLOYS = "a colleague deploys everything"
    COLLEAGUE_RESTARTS = "a colleague restarts some of the same services"
    RUN_CANCELLED = "a colleague cancels the run"
    REQUEST_CANCELLED = "a colleague deploys first, and cancels the requests that wait behind it"
    SERVICE_FAILS = "the next action on a service fails"
    SERVICE_DISAPPEARS = "a colleague deletes a service"
    AUTO_STOP = "the environment is stopped by its auto-stop rule"
    COLLEAGUE_RESTARTS_ALL = "a colleague restarts everything, and may cancel the requests that wait behind it"
    CLOCK_SET = "the platform's clock is set"
    STOPPED_BEFORE = "the environment has been stopped since the evening"


CHANCE_OF_INCIDENT: Mapping[FaultProfile, float] = MappingProxyType(
    {FaultProfile.NONE: 0.0, FaultProfile.REALISTIC: 0.06, FaultProfile.HOSTILE: 0.5}
)
"""Per environment."""

_MOMENTS = (
    (Trigger.LOOK, 0.02, 1.0),  # Between a client's baseline and its submit, if it is slow.
    (Trigger.LOOK, 1.0, 10.0),
    (Trigger.SUBMIT, 0.0, 3.0),  # While the client's request is still invisible.
    (Trigger.SUBMIT, 3.0, 30.0),
    (Trigger.SUBMIT, 30.0, 60.0),  # Around the end of an ordinary restart.
)


_CLOCK_STEPS = (-7200.0, -120.0, -20.0, 30.0, 3600.0)
"""Seconds by which the clock is set forward or back."""


def draw_incident(profile: FaultProfile, rng: random.Random) -> Incident | None:
    """Decide whether an incident happens in an environment, and which."""
    if not happens(rng, CHANCE_OF_INCIDENT[profile]):
        return None
    return rng.choice(list(Incident))


def plant(world: World, environment_id: str, incident: Incident, rng: random.Random) -> None:
    """Arm an incident. `Incident.STOPPED_BEFORE` needs nothing: it is part of the environment's past."""
    trigger, least, most = rng.choice(_MOMENTS)
    delay = rng.uniform(least, most)
    colleague = rng.choice(COLLEAGUES)
    restartable = [status.service for status in world.snapshot(environment_id).services if status.service.can_restart]
    victim = rng.choice(restartable).id

    def on(trigger: Trigger, delay: float, act: "Callable[[World], None]") -> None:
        world.arm(environment_id, trigger, delay=delay, act=act)

    match incident:
        case Incident.RUN_CANCELLED:
            on(Trigger.SUBMIT, rng.uniform(2.0, 35.0), partial(_cancel_run, environment_id, colleague))
        case Incident.REQUEST_CANCELLED:
            on(Trigger.LOOK, 0.02, partial(_act, environment_id, Action.DEPLOY, colleague))
            on(Trigger.SUBMIT, rng.uniform(5.0, 40.0), partial(_clear_queue, environment_id, colleague))
        case Incident.COLLEAGUE_RESTARTS_ALL:
            on(Trigger.LOOK, rng.uniform(0.0, 0.2), partial(_restart, environment_id, None, colleague))
            if happens(rng, EVEN):
                on(Trigger.SUBMIT, rng.uniform(5.0, 40.0), partial(_clear_queue, environment_id, colleague))
        case Incident.SERVICE_FAILS:
            world.doom(environment_id, victim)
        case Incident.STOPPED_BEFORE:
            pass
        case _:
            on(trigger, delay, _act_of(incident, environment_id, victim, colleague, rng))


def _act_of(
    incident: Incident, environment_id: str, victim: str, colleague: str, rng: random.Random
) -> "Callable[[World], None]":
    """Return what an incident does at the moment that chance has chosen."""
    match incident:
        case Incident.COLLEAGUE_DEPLOYS:
            return partial(_act, environment_id, Action.DEPLOY, colleague)
        case Incident.COLLEAGUE_RESTARTS:
            return partial(_restart, environment_id, victim, colleague)
        case Incident.SERVICE_DISAPPEARS:
            return partial(_remove, environment_id, victim)
        case Incident.CLOCK_SET:
            return partial(_set_clock, rng.choice(_CLOCK_STEPS))
        case _:
            return partial(_act, environment_id, Action.STOP, PLATFORM)


def _act(environment_id: str, action: Action, user: str, world: World) -> None:
    origin = Origin.QOVERY_INTERNAL if user == PLATFORM else Origin(world.dials.colleague_origin)
    service_ids = [status.service.id for status in world.snapshot(environment_id).services]
    with suppress(RefusalError):
        world.submit(environment_id, action, service_ids, user=user, origin=origin)


def _restart(environment_id: str, victim: str | None, colleague: str, world: World) -> None:
    """Restart one service, or all that can restart."""
    services = [status.service for status in world.snapshot(environment_id).services if status.service.can_restart]
    victims = [service.id for service in services] if victim is None else [victim]
    with suppress(RefusalError):
        world.submit(
            environment_id, Action.RESTART, victims, user=colleague, origin=Origin(world.dials.colleague_origin)
        )


def _cancel_run(environment_id: str, colleague: str, world: World) -> None:
    with suppress(RefusalError):
        world.cancel_run(environment_id, user=colleague)


def _clear_queue(environment_id: str, colleague: str, world: World) -> None:
    for request in world.snapshot(environment_id).waiting:
        if request.user != colleague:
            world.cancel_request(request.id, user=colleague)


def _set_clock(by: float, world: World) -> None:
    world.set_clock(by)


def _remove(environment_id: str, victim: str, world: World) -> None:
    world.remove_service(environment_id, victim)
