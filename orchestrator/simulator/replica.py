"""A replica of the platform's database that stands still for a while, and answers readings meanwhile."""

from dataclasses import dataclass

from orchestrator.simulator.chance import source
from orchestrator.simulator.dials import LONGEST_STANDSTILL, Dials

TRUTHFUL_CALL = "/statusesWithStages"


@dataclass(slots=True)
class _Standstill:
    """Instants in seconds since the world's epoch."""

    stopped: float
    since: float
    """From then on the replica answers."""
    until: float


class Replica:
    """Decides how old the readings of each environment are, by `Dials.old_readings`."""

    def __init__(self, dials: Dials, *, seed: int) -> None:
        self._how = dials.old_readings
        self._seed = seed
        self._standstills: dict[str, _Standstill] = {}

    def age(self, environment_id: str, path: str, *, now: float) -> float:
        """Return how many seconds old a reading is."""
        if self._how == "never":
            return 0.0
        if environment_id not in self._standstills:
            self._standstills[environment_id] = self._standstill(environment_id, now)
        standstill = self._standstills[environment_id]
        if not standstill.since <= now < standstill.until:
            return 0.0
        if self._how == "once":
            if not path.endswith(TRUTHFUL_CALL):
                return 0.0
            standstill.until = now
        return min(now - standstill.stopped, LONGEST_STANDSTILL)

    def _standstill(self, environment_id: str, now: float) -> _Standstill:
        """Draw when it stands still: it may have stopped before the first reading of an environment, or later."""
        rng = source(self._seed, "replica", environment_id)
        stopped = now + rng.uniform(-45.0, 45.0)
        since = max(now, stopped + rng.uniform(2.0, 30.0))
        return _Standstill(stopped=stopped, since=since, until=since + rng.uniform(60.0, 240.0))
