"""A project whose environments restart by a timetable, and jobs that wait there for theirs, on virtual time."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.clock import RehearsalClock
from orchestrator.domain.observations import Hint, Observation
from orchestrator.ports import Clock
from orchestrator.qovery.feed import Feed, JobLookout
from orchestrator.qovery.ledger import Ledger, connect
from orchestrator.qovery.quota import Quota
from orchestrator.restart.polling import Contact
from tests.support.builders import NOON, status
from tests.support.log import CapturedLog
from tests.support.quota import HERE
from tests.support.time import in_virtual_time

PROJECT = "project"
TICK = 10.0
"""Seconds between two shared looks."""
OWN = 4.0
"""Seconds between two looks of one that looks alone."""
FAR = 1e5


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """One environment's restart: at work between two seconds, then over."""

    begins: float = 1.0
    ends: float = 25.0


def environments(count: int) -> list[str]:
    return [f"env-{number}" for number in range(count)]


def execution_of(environment: str, number: int) -> str:
    return f"{environment}-{number}"


class SlowQuota(Quota):
    """A quota that wants looks to be so far apart as a test says."""

    def __init__(self, clock: Clock, spacing: Callable[[], float]) -> None:
        super().__init__(clock, per_hour=10**6, ledger=Ledger(connect(None), key="token", clock=clock, machine=HERE))
        self._wants = spacing
        self.asked: list[int] = []
        """For how many lookers, each time."""

    def spacing(self, lookers: int) -> float:
        self.asked.append(lookers)
        return self._wants()


@dataclass(slots=True)
class Estate:
    """What is true of the environments, what a hint makes of it, and who has looked when.

    Attributes:
        restarts: each environment's.
        lags: by how many seconds a hint lags behind the truth.
        behind: by how many seconds what a job reads itself is behind the truth.
        lies: what a hint says of some environments, whatever is true.
        unlisted: the environments that it leaves out.
        takes: how many seconds it takes.
        errors: what each hint in turn raises; None is an answer, and so is everything after the last.
        projects: which projects were glanced at, and when.
        looks: who looked for itself, and when.
    """

    clock: Clock
    restarts: Mapping[str, Restart]
    lags: float = 0.0
    behind: float = 0.0
    lies: Mapping[str, Hint] = field(default_factory=dict)
    unlisted: frozenset[str] = frozenset()
    takes: float = 0.0
    errors: Sequence[BaseException | None] = ()
    projects: dict[str, list[float]] = field(default_factory=dict)
    looks: list[tuple[str, float]] = field(default_factory=list)

    @property
    def hints(self) -> list[float]:
        """When each hint at the project began."""
        return self.projects.get(PROJECT, [])

    def looks_of(self, environment: str) -> list[float]:
        return [at for name, at in self.looks if name == environment]

    async def read_hints(self, project_id: str) -> Mapping[str, Hint]:
        hints = self.projects.setdefault(project_id, [])
        hints.append(self.clock.monotonic())
        count = len(hints)
        await self.clock.sleep(self.takes)
        error = self.errors[count - 1] if count <= len(self.errors) else None
        if error is not None:
            raise error
        return {name: self._glance_of(name) for name in self.restarts if name not in self.unlisted}

    def look(self, environment: str) -> Observation:
        """Look at one, for itself."""
        self.looks.append((environment, self.clock.monotonic()))
        return self.observation(environment)

    def observation(self, environment: str) -> Observation:
        state, number = self._at(environment, self.clock.monotonic() - self.behind)
        return Observation(
            environment_id=environment,
            services={"api": replace(status("api", state), execution_id=execution_of(environment, number))},
            environment_state=state,
            last_execution_id=execution_of(environment, number),
        )

    def _glance_of(self, environment: str) -> Hint:
        if environment in self.lies:
            return self.lies[environment]
        state, number = self._at(environment, self.clock.monotonic() - self.lags)
        return Hint(environment_id=environment, state=state, execution_id=execution_of(environment, number))

    def _at(self, environment: str, second: float) -> tuple[str, int]:
        restart = self.restarts[environment]
        if second < restart.begins:
            return "RESTARTED", 41
        return ("RESTARTING" if second < restart.ends else "RESTARTED"), 42


@dataclass(slots=True)
class Scene:
    """A feed, and what is to be seen through it."""

    clock: RehearsalClock
    log: CapturedLog
    quota: SlowQuota
    estate: Estate
    feed: Feed
    told: dict[str, float] = field(default_factory=dict)
    """When each job has found out that its restart is over."""
    saved: dict[str, float] = field(default_factory=dict)
    """How long each has rested for the quota's sake."""

    def lookout(self, environment: str, project: str | None = PROJECT) -> JobLookout:
        """A place for a job that has seen its environment as it is now."""
        lookout = self.feed.lookout(environment, project)
        lookout.saw(self.estate.observation(environment))
        return lookout

    def contact(self, limit: float = 300.0) -> Contact:
        return Contact(self.clock, limit)

    async def rest(
        self,
        lookout: JobLookout,
        *,
        seconds: float = OWN,
        until: float = FAR,
        tick: float = TICK,
        contact: Contact | None = None,
    ) -> float:
        """Rest once, and return how long it took."""
        began = self.clock.monotonic()
        await lookout.rest(seconds, until=until, interval=lambda: tick, contact=contact or self.contact())
        return self.clock.monotonic() - began

    def begin(self, environment: str, *, project: str | None = PROJECT, tick: float = TICK) -> asyncio.Task[None]:
        """Begin a job; it has its place at once, and rests as soon as it comes to run."""
        return asyncio.create_task(self._run(environment, self.lookout(environment, project), tick))

    async def _run(self, environment: str, lookout: JobLookout, tick: float) -> None:
        """Wait for a restart as a job does: rest, look, and rest again, until it is seen to be over."""
        contact = self.contact()
        try:
            while environment not in self.told:
                saved = await lookout.rest(OWN, until=FAR, interval=lambda: tick, contact=contact)
                self.saved[environment] = self.saved.get(environment, 0.0) + saved
                observation = self.estate.look(environment)
                lookout.saw(observation)
                contact.made()
                if not observation.busy and observation.last_execution_id == execution_of(environment, 42):
                    self.told[environment] = self.clock.monotonic()
        finally:
            self.feed.leave(environment)


def play(
    script: Callable[[Scene], Coroutine[Any, Any, object]],
    restarts: Mapping[str, Restart],
    *,
    spacing: Callable[[], float] = lambda: 0.0,
    **estate: Any,  # noqa: ANN401 - the attributes of an `Estate`
) -> Scene:
    """Play a script on virtual time, and return what was seen; no task is left behind."""

    async def go() -> Scene:
        clock = RehearsalClock(NOON)
        log = CapturedLog(clock)
        quota = SlowQuota(clock, spacing)
        there = Estate(clock, restarts, **estate)
        feed = Feed(there.read_hints, quota=quota, clock=clock, log=log.logger)
        scene = Scene(clock=clock, log=log, quota=quota, estate=there, feed=feed)
        await script(scene)
        assert asyncio.all_tasks() == {asyncio.current_task()}, "a task is left behind"
        return scene

    return in_virtual_time(go())


def run_jobs(
    restarts: Mapping[str, Restart],
    *,
    project: str | None = PROJECT,
    spacing: Callable[[], float] = lambda: 0.0,
    **estate: Any,  # noqa: ANN401 - the attributes of an `Estate`
) -> Scene:
    """Have one job wait for each restart, all from second 0 on."""

    async def script(scene: Scene) -> None:
        await asyncio.gather(*[scene.begin(environment, project=project) for environment in restarts])

    return play(script, restarts, spacing=spacing, **estate)
