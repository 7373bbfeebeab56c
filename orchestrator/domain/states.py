"""Every state the Qovery API knows, and what each one means for a restart.

The API document (1.0.4) lists 29 states; new ones appear without notice. A state that is not listed here is
`StateClass.UNKNOWN`: worth another look until the deadline, never a success, never an error.
"""

from collections.abc import Mapping
from enum import StrEnum, unique
from types import MappingProxyType


@unique
class StateClass(StrEnum):
    """What a service's state says about a restart of it."""

    SUCCESS = "success"
    """The restart finished. It is proof only under an execution that is newer than the baseline."""
    IN_PROGRESS = "in_progress"
    """Something waits or runs, for this run or for another user."""
    FAILURE = "failure"
    """A run failed or was cancelled."""
    ENDED_OTHERWISE = "ended_otherwise"
    """A restart never ends in these: another run came after ours, or ours never ran."""
    UNKNOWN = "unknown"
    """Nothing can be concluded: look again."""


@unique
class State(StrEnum):
    """The published states of a service or an environment."""

    BUILDING = "BUILDING"
    BUILD_ERROR = "BUILD_ERROR"
    CANCELED = "CANCELED"
    CANCELING = "CANCELING"
    DELETED = "DELETED"
    DELETE_ERROR = "DELETE_ERROR"
    DELETE_QUEUED = "DELETE_QUEUED"
    DELETING = "DELETING"
    DEPLOYED = "DEPLOYED"
    DEPLOYING = "DEPLOYING"
    DEPLOYMENT_ERROR = "DEPLOYMENT_ERROR"
    DEPLOYMENT_QUEUED = "DEPLOYMENT_QUEUED"
    EXECUTING = "EXECUTING"
    QUEUED = "QUEUED"
    READY = "READY"
    RECAP = "RECAP"
    RESTARTED = "RESTARTED"
    RESTARTING = "RESTARTING"
    RESTART_ERROR = "RESTART_ERROR"
    RESTART_QUEUED = "RESTART_QUEUED"
    STOPPED = "STOPPED"
    STOPPING = "STOPPING"
    STOP_ERROR = "STOP_ERROR"
    STOP_QUEUED = "STOP_QUEUED"
    UNAVAILABLE = "UNAVAILABLE"
    WAITING_DELETING = "WAITING_DELETING"
    WAITING_RESTARTING = "WAITING_RESTARTING"
    WAITING_RUNNING = "WAITING_RUNNING"
    WAITING_STOPPING = "WAITING_STOPPING"


STATES_BY_CLASS: Mapping[StateClass, frozenset[State]] = MappingProxyType(
    {
        StateClass.SUCCESS: frozenset({State.RESTARTED}),
        StateClass.IN_PROGRESS: frozenset(
            {
                State.RESTART_QUEUED,
                State.RESTARTING,
                State.QUEUED,
                State.WAITING_RUNNING,
                State.WAITING_RESTARTING,
                State.WAITING_STOPPING,
                State.WAITING_DELETING,
                State.DEPLOYMENT_QUEUED,
                State.STOP_QUEUED,
                State.DELETE_QUEUED,
                State.BUILDING,
                State.DEPLOYING,
                State.STOPPING,
                State.DELETING,
                State.CANCELING,
                State.EXECUTING,
            }
        ),
        StateClass.FAILURE: frozenset(
            {
                State.RESTART_ERROR,
                State.BUILD_ERROR,
                State.DEPLOYMENT_ERROR,
                State.STOP_ERROR,
                State.DELETE_ERROR,
                State.CANCELED,
            }
        ),
        StateClass.ENDED_OTHERWISE: frozenset({State.DEPLOYED, State.STOPPED, State.DELETED, State.READY}),
        StateClass.UNKNOWN: frozenset({State.UNAVAILABLE, State.RECAP}),
    }
)

_CLASS_OF: Mapping[str, StateClass] = MappingProxyType(
    {state.value: state_class for state_class, states in STATES_BY_CLASS.items() for state in states}
)

RESTART_IN_PROGRESS = frozenset(
    {State.RESTART_QUEUED, State.RESTARTING, State.WAITING_RESTARTING, State.QUEUED, State.CANCELING}
)
"""The states that a service passes through in a restart, its cancellation included."""

NOT_RUNNING = frozenset({State.STOPPED, State.DELETED, State.READY})
"""A restart replaces pods; a service in these states has none (READY: never deployed, or skipped)."""


def classify(state: str) -> StateClass:
    """Return what `state`, as the API spells it, means for a restart.

    >>> classify("RESTARTING")
    <StateClass.IN_PROGRESS: 'in_progress'>
    >>> classify("HIBERNATING")
    <StateClass.UNKNOWN: 'unknown'>
    """
    return _CLASS_OF.get(state, StateClass.UNKNOWN)
