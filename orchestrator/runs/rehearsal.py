"""A run against an embedded simulator, in place of the real platform."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from orchestrator.clock import RehearsalClock, SystemClock
from orchestrator.config import Config
from orchestrator.errors import UsageError
from orchestrator.qovery.ledger import connect

if TYPE_CHECKING:
    from orchestrator.simulator.dials import Dials


@dataclass(frozen=True, slots=True, kw_only=True)
class Transports:
    """httpx transports; None is the network."""

    api: httpx.AsyncBaseTransport | None = None
    probes: httpx.AsyncBaseTransport | None = None


@dataclass(slots=True, kw_only=True)
class Rehearsal:
    """A run against an embedded simulator.

    Its time is the event loop's: on a `VirtualTimeLoop` it is over in a moment. Its world is built for the first run;
    later runs in the same rehearsal, such as a resumed one, find it as that run left it.
    """

    seed: int = 0
    faults: str = "none"
    """The name of a fault profile: `none`, `realistic` or `hostile`."""
    world: Sequence[str] = ()
    """What is undocumented about the platform, each as KEY=VALUE: the dials of `orchestrator.simulator.dials`. In the
    hostile profile the seed decides on all others."""
    _clock: RehearsalClock | None = field(default=None, init=False, repr=False, compare=False)
    _transports: Transports | None = field(default=None, init=False, repr=False, compare=False)
    _ledger: sqlite3.Connection | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def clock(self) -> RehearsalClock:
        """The world's time."""
        if self._clock is None:
            # A whole second, so that what is rounded to seconds is rounded the same way whenever a seed is played.
            self._clock = RehearsalClock(SystemClock().now().replace(microsecond=0))
        return self._clock

    @property
    def ledger(self) -> sqlite3.Connection:
        """What has been used of the world's quota."""
        if self._ledger is None:
            self._ledger = connect(None)
        return self._ledger

    def transports(self, config: Config) -> Transports:
        """Return the transports into the world, which is built for `config` if there is none yet."""
        if self._transports is None:
            self._transports = _simulated(
                config, seed=self.seed, faults=self.faults, world=self.world, clock=self.clock
            )
        return self._transports


@contextmanager
def simulator_needed() -> Iterator[None]:
    """Import the simulator in this context: raises `UsageError` if its extra is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise UsageError(
            f"The simulator needs {error.name}, which is not installed: pip install 'qovery-restart[simulator]'."
        ) from error


def dials_of(world: Sequence[str], *, seed: int, faults: str) -> "Dials":
    """Return the dials of a simulated world.

    Args:
        world: settings of the form KEY=VALUE.
        seed: the world's.
        faults: the name of its fault profile.

    Raises:
        UsageError: a setting names no dial, or no value of it.
    """
    from orchestrator.simulator.dials import dials_for  # noqa: PLC0415 - only a rehearsal needs it

    try:
        return dials_for(world, profile=faults, seed=seed)
    except ValueError as error:
        raise UsageError(f"--world: {error}") from None


def _simulated(config: Config, *, seed: int, faults: str, world: Sequence[str], clock: RehearsalClock) -> Transports:
    with simulator_needed():
        from orchestrator.simulator.app import create_app  # noqa: PLC0415 - only a rehearsal needs it
        from orchestrator.simulator.health import HealthSite  # noqa: PLC0415
        from orchestrator.simulator.seeding import build_world  # noqa: PLC0415
        from orchestrator.simulator.transport import HealthTransport, SimulatedTransport  # noqa: PLC0415

    specs = config.environment_specs()
    dials = dials_of(world, seed=seed, faults=faults)
    built = build_world(specs, seed=seed, faults=faults, epoch=clock.now(), dials=dials)
    began = clock.monotonic()

    def now() -> float:
        return clock.monotonic() - began

    app = create_app(
        built,
        profile=faults,
        seed=seed,
        now=now,
        requests_per_hour=config.api.requests_per_hour,
        sleep=clock.sleep,
    )
    return Transports(
        api=SimulatedTransport(app), probes=HealthTransport(HealthSite(built, specs, now=now), sleep=clock.sleep)
    )
