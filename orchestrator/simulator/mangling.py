"""Good answers made bad. Every function returns a new document and leaves the old one alone."""

from collections.abc import Callable
from typing import Any

UNPUBLISHED_STATES = ("HIBERNATING", "UNAVAILABLE", "RECAP", "RESTART_PENDING", "")
"""Two of them are published, but say nothing."""

_OPTIONAL_IDS = frozenset({"execution_id", "last_deployment_id"})
_LISTS = frozenset({"applications", "containers", "databases", "stages", "services", "results"})


def with_unknown_states(document: object, roll: float) -> object:
    """Let every other service be in a state that nobody knows, or the environment alone; `roll` says which."""
    state = UNPUBLISHED_STATES[int(roll * len(UNPUBLISHED_STATES))]
    seen = 0

    def change(found: dict[str, Any]) -> dict[str, Any]:
        nonlocal seen
        if "state" not in found:
            return found
        seen += 1
        return {**found, "state": state} if seen % 2 == round(roll) else found

    return _everywhere(document, change)


def without_execution_ids(document: object) -> object:
    """Leave out what says which run a state comes from: the schema calls it optional."""
    return _everywhere(document, lambda found: {key: value for key, value in found.items() if key not in _OPTIONAL_IDS})


def without_lists(document: object, roll: float) -> object:
    """Leave out one kind of list everywhere; `roll` says which."""
    victim = sorted(_LISTS)[int(roll * len(_LISTS))]
    return _everywhere(document, lambda found: {key: value for key, value in found.items() if key != victim})


def of_another_shape(document: object, roll: float) -> object:
    """Return something that is JSON and nothing that was asked for; `roll` says what."""
    strangers: tuple[object, ...] = ([document], {"message": "ok"}, "ok", None, {"results": {"state": "RESTARTED"}})
    return strangers[int(roll * len(strangers))]


def _everywhere(document: object, change: Callable[[dict[str, Any]], dict[str, Any]]) -> object:
    if isinstance(document, dict):
        return {key: _everywhere(value, change) for key, value in change(document).items()}
    if isinstance(document, list):
        return [_everywhere(value, change) for value in document]
    return document
