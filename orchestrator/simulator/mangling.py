"""Corrupts answers. Every function returns a new document and leaves the old one unchanged."""

import random
from collections.abc import Callable
from typing import Any

UNPUBLISHED_STATES = ("HIBERNATING", "UNAVAILABLE", "RECAP", "RESTART_PENDING", "")
"""Two of them are published, but prove nothing."""

_OPTIONAL_IDS = frozenset({"execution_id", "last_deployment_id"})
_LISTS = frozenset({"applications", "containers", "databases", "stages", "services", "results"})


_ALIENS: tuple[Any, ...] = (None, "alien", 7, [], {}, {"id": None}, {"identifier": None}, {"state": "RESTARTED"})


def with_unknown_states(document: object, roll: float) -> object:
    """Put an unknown state into every other status; `roll` decides which state, and which statuses."""
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
    """Remove the execution ids: the schema calls them optional."""
    return _everywhere(document, lambda found: {key: value for key, value in found.items() if key not in _OPTIONAL_IDS})


def without_lists(document: object, roll: float) -> object:
    """Remove one kind of list everywhere; `roll` decides which."""
    removed = sorted(_LISTS)[int(roll * len(_LISTS))]
    return _everywhere(document, lambda found: {key: value for key, value in found.items() if key != removed})


def with_alien_entries(document: object, rng: random.Random) -> object:
    """Put entries that nobody expects into every list."""

    def change(found: dict[str, Any]) -> dict[str, Any]:
        return {key: _mixed(value, rng) if isinstance(value, list) else value for key, value in found.items()}

    return _everywhere(document, change)


def _mixed(entries: list[Any], rng: random.Random) -> list[Any]:
    place = rng.randint(0, len(entries))
    return [*entries[:place], rng.choice(_ALIENS), *entries[place:]]


def of_another_shape(document: object, roll: float) -> object:
    """Return JSON of an unexpected shape; `roll` decides which."""
    shapes: tuple[object, ...] = ([document], {"message": "ok"}, "ok", None, {"results": {"state": "RESTARTED"}})
    return shapes[int(roll * len(shapes))]


def _everywhere(document: object, change: Callable[[dict[str, Any]], dict[str, Any]]) -> object:
    if isinstance(document, dict):
        return {key: _everywhere(value, change) for key, value in change(document).items()}
    if isinstance(document, list):
        return [_everywhere(value, change) for value in document]
    return document
