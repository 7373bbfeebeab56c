"""Whole runs in virtual time, with the simulator's own truth beside the report."""

import asyncio
import logging
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, TextIO

import httpx
import pytest
import structlog

from orchestrator import logs
from orchestrator.config import Config, parse_config
from orchestrator.domain.outcomes import ExitCode
from orchestrator.domain.plan import EnvironmentSpec
from orchestrator.errors import RestartError
from orchestrator.journal import codec
from orchestrator.journal.database import FILE_NAME
from orchestrator.machine import Machine
from orchestrator.reports.model import EnvironmentReport, RunReport
from orchestrator.runs.interruption import Interruption
from orchestrator.runs.preparing import GoingOn
from orchestrator.runs.resuming import aresume
from orchestrator.runs.runner import arun
from orchestrator.simulator import app as app_module
from orchestrator.simulator import seeding
from orchestrator.simulator.dials import Dials
from orchestrator.simulator.faults import FaultSource
from orchestrator.simulator.gate import user_of
from orchestrator.simulator.record import Record
from orchestrator.simulator.timings import Timings
from orchestrator.simulator.transport import SimulatedTransport
from orchestrator.simulator.virtual_time import VirtualTimeLoop
from orchestrator.simulator.world import Trigger, World
from tests.support.mortality import IMMORTAL, Life, Mortal, MortalRehearsal, mortal_writes

US = user_of("rehearsal")
"""What the simulated platform calls the user of a rehearsal's token."""

MEMORY_DISK = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where a disk costs nothing; else the usual one."""
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
class Process:
    """One process of a run, with its instants in seconds of virtual time."""

    began: float
    ended: float
    life: Life
    died: bool
    report: RunReport | None
    """None where it died, or was refused."""
    error: RestartError | None
    sent: int
    steps: int
    had_run: bool
    """Whether the run was in the journal when it ended."""
    first_event: int
    """The number of its first log event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeRun:
    """A run that is over, and everything that is known about it."""

    config: Config
    final: RunReport | None
    """None where it was refused before anything was submitted."""
    processes: tuple[Process, ...]
    world: World
    events: tuple[Event, ...]
    looks: tuple[Look, ...]
    ended_at: float
    """Seconds of virtual time since the run began."""
    left_over: tuple[str, ...]
    """The tasks that the run left behind."""

    @property
    def report(self) -> RunReport:
        """The last report, of a run that has one."""
        assert self.final is not None
        return self.final

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
    witness: Witness,
    *,
    stage: Callable[[World], object],
    faults: FaultSource | None,
    timings: Timings | None,
    dials: Dials | None,
    log: TextIO | None,
) -> Iterator[None]:
    build = seeding.build_world

    def build_and_stage(specs: Iterable[EnvironmentSpec], **how: Any) -> World:  # noqa: ANN401 - what `build_world` takes
        world = build(tuple(specs), timings=timings, **(how if dials is None else how | {"dials": dials}))
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
    timings: Timings | None = None,
    dials: Dials | None = None,
    interrupt_at: float | None = None,
    lives: Sequence[Life] = (),
    how: GoingOn | None = None,
    watch: bool = False,
    log: TextIO | None = None,
    on_the_way: Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport] = lambda api: api,
) -> WholeRun:
    """Run `config` against a simulated world, as the command does with `--simulate`.

    Args:
        config: what to restart.
        seed: of the world, and of its faults.
        profile: how unkind it is.
        stage: arranges the world before the run begins.
        faults: decides what happens to requests, in the profile's place.
        timings: how long things take there, in the profile's place.
        dials: what is undocumented about the platform, in place of what the profile says.
        interrupt_at: the instant, in seconds, at which SIGTERM is played, and nobody resumes the run.
        lives: of one process after the other; each resumes what the one before left. Where they do not bring the run to
            its end, a last process does, to which nothing happens.
        how: the run is resumed.
        watch: as the command `watch` does.
        log: where the log goes; None keeps it to the witness.
        on_the_way: wraps the way to the API, to change what passes there.
    """
    witness = Witness()
    rehearsal = MortalRehearsal(seed=seed, faults=profile)
    rehearsal.mortal = Mortal()
    rehearsal.on_the_way = on_the_way
    if interrupt_at is not None:
        lives = [Life(signalled_after=interrupt_at)]
    with (
        tempfile.TemporaryDirectory(dir=MEMORY_DISK) as folder,
        _witnessed(witness, stage=stage, faults=faults, timings=timings, dials=dials, log=log),
        mortal_writes(lambda: rehearsal.mortal),
        asyncio.Runner(loop_factory=VirtualTimeLoop) as runner,
    ):
        keeper = _Keeper(config, rehearsal, witness, folder=Path(folder), seed=seed, how=how or GoingOn(), watch=watch)
        return runner.run(keeper.see_to_the_end(lives, resumed=interrupt_at is None))


class _Keeper:
    """Starts processes, one after the other, until the run is over."""

    def __init__(
        self,
        config: Config,
        rehearsal: MortalRehearsal,
        witness: Witness,
        *,
        folder: Path,
        seed: int,
        how: GoingOn,
        watch: bool,
    ) -> None:
        self._config = config
        self._rehearsal = rehearsal
        self._witness = witness
        self._folder = folder
        self._seed = seed
        self._how = how
        self._watch = watch
        self._processes: list[Process] = []
        self._boots = 0

    async def see_to_the_end(self, lives: Sequence[Life], *, resumed: bool) -> WholeRun:
        loop = asyncio.get_running_loop()
        for life in lives:
            process = await self._live(life)
            if process.report is not None and life.signalled_after is None:
                break
            if not resumed:
                break
            await asyncio.sleep(life.rest)
            self._boots += life.reboot
            self._rehearsal.clock.set(life.clock_step)
        if resumed and not self._is_over:
            await self._live(IMMORTAL)
        ended_at = loop.time()
        left_over = tuple(sorted(_left_over()))
        await asyncio.sleep(AFTERMATH)
        assert self._witness.world is not None
        self._witness.world.advance(loop.time())
        return WholeRun(
            config=self._config,
            final=self._final_report(),
            processes=tuple(self._processes),
            world=self._witness.world,
            events=tuple(self._witness.events),
            looks=tuple(self._witness.looks),
            ended_at=ended_at,
            left_over=left_over,
        )

    async def _live(self, life: Life) -> Process:
        loop = asyncio.get_running_loop()
        mortal = Mortal(life=life, random=Random(f"{self._seed} {len(self._processes)}"))
        self._rehearsal.mortal = mortal
        interruption = Interruption()
        began, first_event = loop.time(), len(self._witness.events)
        with pytest.MonkeyPatch.context() as patch:
            machine = Machine(host="here", boot_id=f"boot {self._boots}", pid=1)
            patch.setattr(Machine, "here", lambda: machine)
            task = asyncio.ensure_future(self._process(interruption))
            mortal.task = task
            timers = []
            if life.dies_after is not None:
                timers.append(loop.call_later(life.dies_after, mortal.die))
            if life.signalled_after is not None:
                timers.append(loop.call_later(life.signalled_after, interruption.ask, ExitCode.SIGTERM))
            await asyncio.wait([task])
            for timer in timers:
                timer.cancel()
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, RestartError):
            raise error
        process = Process(
            began=began,
            ended=loop.time(),
            life=life,
            died=mortal.dead,
            report=None if task.cancelled() or error is not None else task.result(),
            error=error,
            sent=mortal.sent,
            steps=mortal.steps,
            had_run=bool(self._runs()),
            first_event=first_event,
        )
        self._processes.append(process)
        return process

    async def _process(self, interruption: Interruption) -> RunReport:
        if self._runs():
            return await aresume(
                None,
                self._how,
                rehearsal=self._rehearsal,
                interruption=interruption,
                environ={},
                state_dir=self._folder,
            )
        return await arun(
            self._config,
            rehearsal=self._rehearsal,
            watch=self._watch,
            interruption=interruption,
            environ={},
            state_dir=self._folder,
        )

    @property
    def _is_over(self) -> bool:
        """Whether the run has ended; or it was refused, with the journal in order, before it was written down."""
        runs = self._runs()
        if not runs:
            last = self._processes[-1] if self._processes else None
            return last is not None and (self._watch or (not last.died and not last.life.refused_writes))
        return runs[0]["ended_at"] is not None

    def _final_report(self) -> RunReport | None:
        if self._processes[-1].report is not None or not self._runs():
            return self._processes[-1].report
        packed = self._runs()[0]["report"]
        return None if packed is None else RunReport.model_validate_json(codec.report_of(packed))

    def _runs(self) -> list[sqlite3.Row]:
        """Look into the journal without being any process."""
        path = self._folder / FILE_NAME
        if not path.exists():
            return []
        with closing(sqlite3.connect(path)) as connection:
            connection.row_factory = sqlite3.Row
            if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'runs'").fetchone():
                return []
            return connection.execute("SELECT * FROM runs").fetchall()


def _left_over() -> Iterator[str]:
    for task in asyncio.all_tasks():
        name = getattr(task.get_coro(), "__qualname__", repr(task))
        # The platform goes on with what a client has given up: these tasks are its own.
        if task is not asyncio.current_task() and name != SimulatedTransport._serve.__qualname__:
            yield name


def config_of(text: str) -> Config:
    """Read a configuration from a test's own text."""
    return parse_config(text, source="test.yaml", environ={})
