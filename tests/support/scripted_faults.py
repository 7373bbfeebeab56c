"""A fault source that breaks chosen requests and no others."""

from collections.abc import Callable

from orchestrator.simulator.faults import Fate, Fault

CALM = Fate(fault=Fault.NONE, acted=True, before=0.1, after=0.05)


def fate(fault: Fault, *, acted: bool, before: float = 0.1, after: float = 0.05, roll: float = 0.5) -> Fate:
    """Return what happens to one request."""
    return Fate(fault=fault, acted=acted, before=before, after=after, roll=roll)


class ScriptedFaults:
    """Asks `choose` about each request: its method, its path, and the world's time in seconds."""

    def __init__(self, choose: Callable[[str, str, float], Fate | None]) -> None:
        self._choose = choose

    def next(self, method: str, path: str, *, now: float) -> Fate:
        """Decide what happens to the next request of its kind."""
        return self._choose(method, path, now) or CALM


def first_posts(*fates: Fate) -> ScriptedFaults:
    """Let happen `fates` to the first POSTs, one to each; everything else goes well."""
    left = iter(fates)
    return ScriptedFaults(lambda method, _, __: next(left, None) if method == "POST" else None)


def readings_after_the_submit(what: Fate, *, of: tuple[str, ...] = ("",)) -> ScriptedFaults:
    """Let `what` happen to every GET after the first POST whose path ends with one of `of`."""
    submitted = False

    def choose(method: str, path: str, _: float) -> Fate | None:
        nonlocal submitted
        submitted = submitted or method == "POST"
        return what if submitted and method == "GET" and path.endswith(of) else None

    return ScriptedFaults(choose)
