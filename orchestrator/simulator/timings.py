"""How long things take in a simulated world. The defaults follow a recorded restart of ten containers."""

import random
from dataclasses import dataclass

from orchestrator.simulator.model import Action

MAX_AT_ONCE = 7
"""How many services of one run the engine works on at a time."""

ENGINE_LOOKS_EVERY = 10.0
"""Seconds between two looks of the engine at the pods of a run: it notices only then that a service has restarted."""

SERVICE_TIMEOUT = 600.0
"""Seconds after which the engine gives up a service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A range of durations in seconds, all equally likely."""

    least: float
    most: float

    def draw(self, rng: random.Random) -> float:
        """Return a random duration."""
        return rng.uniform(self.least, self.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """How long each phase takes."""

    acceptance_lag: Span = Span(least=0.5, most=1.8)
    """From accepting a request until it is visible anywhere."""
    turn: Span = Span(least=0.3, most=1.5)
    """From becoming visible, or from the end of the previous run, until it becomes a run."""
    straight_away: float = 0.7
    """The share of requests that become a run at the instant at which they become visible, if nothing runs."""
    engine_start: Span = Span(least=5.0, most=6.3)
    """From a run's creation until work on its first services. Recorded: queued after 1.9 s, at work after 8.1 s, and a
    reading after 31.3 s was the first to show the end, which the engine's second look had brought."""
    restart: Span = Span(least=3.0, most=9.5)
    """Until the new pods of one service are ready; the engine's next look ends its restart."""
    deploy: Span = Span(least=25.0, most=90.0)
    stop: Span = Span(least=5.0, most=20.0)
    fail: Span = Span(least=2.0, most=15.0)
    """From starting a service until it fails, unless it is too slow."""
    interrupt: Span = Span(least=1.0, most=4.0)
    """From a cancel until the interrupted services end."""
    close: Span = Span(least=0.2, most=1.2)
    """From the end of a run's last service until the end of the run."""
    slow: float = 0.0
    """The share of restarts that take up to ten minutes, or until the engine gives them up."""

    def of(self, action: Action) -> Span:
        """Return how long the engine takes for `action` on one service if it succeeds."""
        return {Action.RESTART: self.restart, Action.DEPLOY: self.deploy, Action.STOP: self.stop}[action]


CALM = Timings()
REALISTIC = Timings(acceptance_lag=Span(least=0.5, most=3.0), restart=Span(least=6.0, most=25.0), slow=0.004)
HOSTILE = Timings(
    acceptance_lag=Span(least=0.5, most=20.0),
    turn=Span(least=0.3, most=8.0),
    restart=Span(least=4.0, most=60.0),
    slow=0.03,
)
