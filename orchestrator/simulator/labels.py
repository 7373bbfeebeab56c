"""What readings show of users, ids and dates, as the world's dials say: the truth beneath may differ."""

import uuid
from typing import TypeVar

from orchestrator.simulator.dials import Dates
from orchestrator.simulator.model import COLLEAGUES, INHABITANTS, Origin
from orchestrator.simulator.world import World

_NAMESPACE = uuid.UUID("2f1b8a52-7c1e-5d0a-9d53-1b0c7a1f4e77")
_YEAR_1 = "0001-01-01T00:00:00Z"
_FAR_FUTURE = "9999-12-31T23:59:59.999999Z"

T = TypeVar("T", str, "str | None")


def origin_of(world: World, user: str, origin: Origin) -> str | None:
    """Return the origin that is shown for a request."""
    if user in INHABITANTS and not _has_our_token(world, user):
        return origin
    return None if world.dials.our_origin == "null" else world.dials.our_origin


def name_of(world: World, user: str) -> str | None:
    """Return the name that is shown for whoever made a request."""
    if _has_our_token(world, user):
        user = world.client or user
    if user in INHABITANTS:
        return user
    match world.dials.our_name:
        case "policy":
            return f"policy:{uuid.uuid5(_NAMESPACE, user)}:{user}"
        case "null":
            return None
    return user


def execution_of(world: World, execution_id: T, *, in_history: bool = False) -> T:
    """Return an execution id as it is spelt."""
    how = world.dials.execution_ids
    upper = how == "upper_case" or (how == "mixed" and in_history)
    return execution_id.upper() if upper and execution_id is not None else execution_id


def date_of(world: World, seconds: float, form: Dates = "usual") -> str | None:
    """Return an instant of the world as text; None where its form is that it is missing."""
    usual = world.at(seconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    forms = {
        "missing": None,
        "year_1": _YEAR_1,
        "no_zone": usual.removesuffix("Z"),
        "far_future": _FAR_FUTURE,
    }
    return forms.get(form, usual)


def _has_our_token(world: World, user: str) -> bool:
    return user in COLLEAGUES and world.dials.colleague_token == "ours"  # noqa: S105 - no token
