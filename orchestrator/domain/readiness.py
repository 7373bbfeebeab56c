"""May a restart be submitted now? Judged from the reading that becomes the baseline."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum, unique

from orchestrator.domain.observations import Observation
from orchestrator.domain.plan import Service
from orchestrator.domain.states import NOT_RUNNING, StateClass


@unique
class Obstacle(StrEnum):
    """What prevents a submit."""

    BUSY = "busy"
    """Another operation is in progress there."""
    UNREADABLE = "unreadable"
    """A target is missing from the reading, or in an unknown state."""
    STOPPED = "stopped"
    """A target is not running."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether a restart can be submitted, judged from one reading."""

    obstacle: Obstacle | None
    running: tuple[Service, ...]
    """The targets that can be restarted."""
    affected: tuple[str, ...] = ()
    """The services that are the obstacle, each as `name (STATE)`."""


def assess(observation: Observation, services: Iterable[Service]) -> Readiness:
    """Return whether `services` can be restarted now, judged from `observation`.

    An operation anywhere in the environment is an obstacle, since Qovery runs one at a time and queues the next. A
    target that is missing from the reading, or in a state from which the vendor's console does not offer a restart
    either, makes it `UNREADABLE`, which may pass.
    """
    services = tuple(services)
    stopped: list[str] = []
    unreadable: list[str] = []
    running: list[Service] = []
    for service in services:
        status = observation.services.get(service.id)
        if status is None:
            unreadable.append(f"{service.name} (missing)")
        elif status.state in NOT_RUNNING:
            stopped.append(f"{service.name} ({status.state})")
        elif status.state_class is StateClass.UNKNOWN:
            unreadable.append(f"{service.name} ({status.state or 'no state'})")
        else:
            running.append(service)
    if observation.busy:
        obstacle, affected = Obstacle.BUSY, _busy_in(observation, services)
    elif unreadable:
        obstacle, affected = Obstacle.UNREADABLE, tuple(unreadable)
    elif stopped:
        obstacle, affected = Obstacle.STOPPED, tuple(stopped)
    else:
        return Readiness(obstacle=None, running=tuple(running))
    return Readiness(obstacle=obstacle, running=tuple(running), affected=affected)


def _busy_in(observation: Observation, services: tuple[Service, ...]) -> tuple[str, ...]:
    names = {service.id: service.name for service in services}
    busy = tuple(
        f"{names.get(status.id, status.id)} ({status.state})"
        for status in observation.services.values()
        if status.in_progress
    )
    return busy or (f"the environment ({observation.environment_state})",)
