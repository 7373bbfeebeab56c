"""Whole runs in virtual time, with the simulator's own truth beside the report."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TextIO

import pytest
import structlog

from orchestrator import logs
from orchestrator.config import Config, parse_config
from orchestrator.interruption import Interruption
from orchestrator.outcomes import ExitCode
from orchestrator.plan import EnvironmentSpec
from orchestrator.reports.model import EnvironmentReport, RunReport
from orchestrator.runner import arun
from orchestrator.session import Rehearsal
from orchestrator.simulator import app as app_module
from orchestrator.simulator import seeding
from orchestrator.simulator.faults import FaultSource
from orchestrator.simulator.gate import user_of
from orchestrator.simulator.record import Record
from orchestrator.simulator.transport import SimulatedTransport
from orchestrator.simulator.virtual_time import VirtualTimeLoop
from orchestrator.simulator.world import Trigger, World

US = user_of("rehearsal")
"""What the simulated platform calls the user of a rehearsal's token."""

AFTERMATH = 7200.0
"""Seconds that the world is given after a run, so that what was still on its way or in progress shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A log event, `at` seconds of virtual time."""

    at: float
    name: str
    environment: str | None
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A reading of the statuses of an environment, at the instant at which the platform made it."""

    at: float
    environment_id: str


@dataclass(slots=True)
class Witness:
    """Sees what a run does, from inside the world and from its log."""

    world: World | None = None
    events: list[Event] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)

    def hear(self, _: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Keep a log event: a processor of structlog's."""
        values = dict(event)
        self.events.append(
            Event(
                at=asyncio.get_running_loop().time(),
                name=values.pop("event"),
                environment=values.pop("environment", None),
                values=values,
            )
        )
        return event

    def watch(self, world: World) -> None:
        """See every reading that is made of `world`."""
        self.world = world
        notice = world.notice

        def noticed(environment_id: str, trigger: Trigger) -> None:
            if trigger is Trigger.LOOK:
                self.looks.append(Look(at=world.now, environment_id=environment_id))
            notice(environment_id, trigger)

        world.notice = noticed  # type: ignore[method-assign]  # one instance, to see what it is told


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeRun:
    """A run that is over, and everything that is known about it."""

    config: Config
    report: RunReport
    world: World
    events: tuple[Event, ...]
    looks: tuple[Look, ...]
    ended_at: float
    """Seconds of virtual time since the run began."""
    left_over: tuple[str, ...]
    """The tasks that the run left behind."""

    @property
    def record(self) -> Record:
        """The truth."""
        return self.world.record

    def environment(self, name: str) -> EnvironmentReport:
        """Return what is reported of an environment."""
        return next(environment for environment in self.report.environments if environment.name == name)

    def events_of(self, *names: str, environment: str | None = None) -> list[Event]:
        """Return the events of these names, of one environment where it is given."""
        return [event for event in self.events if event.name in names and environment in (None, event.environment)]


class _Drop:
    """Ends structlog's chain: nobody reads these logs."""

    def __call__(self, _: object, __: str, event: MutableMapping[str, Any]) -> str:
        raise structlog.DropEvent


@contextmanager
def _witnessed(
    witness: Witness, *, stage: Callable[[World], object], faults: FaultSource | None, log: TextIO | None
) -> Iterator[None]:
    build = seeding.build_world

    def build_and_stage(specs: Iterable[EnvironmentSpec], **how: Any) -> World:  # noqa: ANN401 - what `build_world` takes
        world = build(tuple(specs), **how)
        witness.watch(world)
        stage(world)
        return world

    if log is None:
        structlog.configure(
            processors=[witness.hear, _Drop()], wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG)
        )
    else:
        logs.configure(log_format="console", level="debug", color=log.isatty(), stream=log)
        structlog.configure(processors=[witness.hear, *structlog.get_config()["processors"]])
    with pytest.MonkeyPatch.context() as patch:
        # A session imports both when it begins: this is where a rehearsal's world is made, and nowhere else.
        patch.setattr(seeding, "build_world", build_and_stage)
        patch.setattr(app_module, "create_app", partial(app_module.create_app, faults=faults))
        try:
            yield
        finally:
            structlog.reset_defaults()


def rehearse(
    config: Config,
    *,
    seed: int = 0,
    profile: str = "none",
    stage: Callable[[World], object] = lambda _: None,
    faults: FaultSource | None = None,
    interrupt_at: float | None = None,
    watch: bool = False,
    log: TextIO | None = None,
) -> WholeRun:
    """Run `config` against a simulated world, as the command does with `--simulate`.

    Args:
        config: what to restart.
        seed: of the world, and of its faults.
        profile: how unkind it is.
        stage: arranges the world before the run begins.
        faults: decides what happens to requests, in the profile's place.
        interrupt_at: the instant, in seconds, at which SIGTERM is played.
        watch: as the command `watch` does.
        log: where the log goes; None keeps it to the witness.
    """
    witness = Witness()

    async def main() -> WholeRun:
        loop = asyncio.get_running_loop()
        began = loop.time()
        interruption = Interruption()
        if interrupt_at is not None:
            loop.call_later(interrupt_at, interruption.ask, ExitCode.SIGTERM)
        report = await arun(
            config,
            rehearsal=Rehearsal(seed=seed, faults=profile),
            watch=watch,
            interruption=interruption,
            environ={},
        )
        ended_at = loop.time() - began
        left_over = tuple(sorted(_left_over()))
        await asyncio.sleep(AFTERMATH)
        assert witness.world is not None
        witness.world.advance(loop.time() - began)
        return WholeRun(
            config=config,
            report=report,
            world=witness.world,
            events=tuple(witness.events),
            looks=tuple(witness.looks),
            ended_at=ended_at,
            left_over=left_over,
        )

    with (
        _witnessed(witness, stage=stage, faults=faults, log=log),
        asyncio.Runner(loop_factory=VirtualTimeLoop) as runner,
    ):
        return runner.run(main())


def _left_over() -> Iterator[str]:
    for task in asyncio.all_tasks():
        name = getattr(task.get_coro(), "__qualname__", repr(task))
        # The platform goes on with what a client has given up: these tasks are its own.
        if task is not asyncio.current_task() and name != SimulatedTransport._serve.__qualname__:
            yield name


def config_of(text: str) -> Config:
    """Read a configuration from a test's own text."""
    return parse_config(text, source="test.yaml", environ={})
