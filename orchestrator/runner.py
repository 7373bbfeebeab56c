"""A whole run: look up names, restart wave after wave, report. What the command line and Python callers share."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from orchestrator.config import Config
from orchestrator.fleet import Fleet, Job
from orchestrator.job import RestartJob
from orchestrator.outcomes import EnvironmentResult, ExitCode, Outcome, Reason
from orchestrator.plan import Plan, Target
from orchestrator.reports.model import RunReport
from orchestrator.review import ReviewedEnvironment, review
from orchestrator.session import Rehearsal, Session, open_session
from orchestrator.watch import WatchJob

T = TypeVar("T")


class Interruption:
    """A wish to stop, from a signal for example. Made once per run, asked for at any time.

    Attributes:
        code: what the run shall exit with; None until somebody asks.
    """

    def __init__(self) -> None:
        self.code: ExitCode | None = None
        self._stop: Callable[[], object] | None = None

    def ask(self, code: ExitCode) -> None:
        """Ask the run to stop now. It reports what it knows and submits nothing more."""
        self.code = code
        if self._stop is not None:
            self._stop()

    def when_asked(self, stop: Callable[[], object]) -> None:
        """Say what to do when somebody asks, or has asked already."""
        self._stop = stop
        if self.code is not None:
            stop()


class Run:
    """One run in a session."""

    def __init__(self, config: Config, session: Session, *, simulated: bool, watch: bool = False) -> None:
        self._config = config
        self._session = session
        self._simulated = simulated
        self._watch = watch
        self._fleet: Fleet | None = None
        self._started_at: datetime = session.clock.now()

    async def execute(self) -> None:
        """Look up every name, then run the plan. Raises what `Resolver.resolve` raises."""
        log = self._session.log
        log.info("run_started", config=self._config.source, simulated=self._simulated)
        targets = await self._session.resolver.resolve(self._config.environment_specs(), to_restart=not self._watch)
        plan = Plan(targets=targets, strategy=self._config.run_strategy())
        log.info(
            "plan_ready",
            environments=len(targets),
            services=sum(len(target.services) for target in targets),
            left_out=sum(len(target.excluded) for target in targets),
            waves=len({target.wave for target in targets}),
        )
        self._fleet = Fleet(plan, make_job=self._make_job, clock=self._session.clock, log=log)
        await self._fleet.run()

    def report(self, interruption: Interruption) -> RunReport:
        """Report the run as far as it has come."""
        results = self._fleet.results() if self._fleet is not None else self._not_begun()
        report = RunReport.of(
            results,
            run_id=self._session.run_id,
            config=self._config.source,
            simulated=self._simulated,
            started_at=self._started_at,
            ended_at=self._session.clock.now(),
            requests=self._session.requests,
            interrupted=interruption.code,
        )
        say = self._session.log.info if report.exit_code == ExitCode.SUCCEEDED else self._session.log.warning
        say(
            "run_finished",
            outcome=report.outcome.value,
            exit_code=report.exit_code,
            duration_s=report.duration_s,
            requests=report.requests.total,
            submits=report.requests.submits,
        )
        return report

    def _make_job(self, target: Target, end_by: float) -> Job:
        session = self._session
        log = session.log.bind(environment=target.name)
        random = session.random(target.name)
        if self._watch:
            return WatchJob(
                target, platform=session.platform, clock=session.clock, log=log, random=random, end_by=end_by
            )
        return RestartJob(
            target,
            platform=session.platform,
            prober=session.prober,
            clock=session.clock,
            log=log,
            random=random,
            end_by=end_by,
        )

    def _not_begun(self) -> Sequence[EnvironmentResult]:
        return [
            EnvironmentResult(
                name=spec.name,
                environment_id=str(spec.locator),
                wave=spec.wave,
                outcome=Outcome.SKIPPED,
                reason=Reason.INTERRUPTED,
                message="Not begun: the run was interrupted while names were looked up.",
            )
            for spec in self._config.environment_specs()
        ]


async def arun(
    config: Config,
    *,
    rehearsal: Rehearsal | None = None,
    watch: bool = False,
    environ: Mapping[str, str] = os.environ,
    interruption: Interruption | None = None,
    on_session: Callable[[Session], object] | None = None,
) -> RunReport:
    """Restart what `config` lists, wait, and report.

    Args:
        config: what to restart, and how.
        rehearsal: put a simulator in the API's place. Its time is the running loop's: real seconds, except on a
            `VirtualTimeLoop`.
        watch: submit nothing, wait for what runs there now.
        environ: where the token and `QOVERY_API_URL` are looked for.
        interruption: a way to ask the run to stop early and report what it knows.
        on_session: told of the session, whose id and cost are worth knowing even when an error is raised.

    Raises:
        UsageError: something has to be changed first; nothing was submitted.
        TokenRefusedError: the token was refused while names were looked up.
        PlatformError: the API could not be reached while names were looked up.
    """
    interruption = interruption or Interruption()
    async with open_session(config, environ=environ, rehearsal=rehearsal) as session:
        if on_session is not None:
            on_session(session)
        run_ = Run(config, session, simulated=rehearsal is not None, watch=watch)
        await _until_done_or_asked(run_.execute(), interruption)
        return run_.report(interruption)


def run(
    config: Config,
    *,
    rehearsal: Rehearsal | None = None,
    watch: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> RunReport:
    """Do as `arun` does, in an event loop of its own; a rehearsal takes virtual time, so no time at all."""
    return in_fitting_loop(arun(config, rehearsal=rehearsal, watch=watch, environ=environ), rehearsal=rehearsal)


async def areview(
    config: Config,
    *,
    rehearsal: Rehearsal | None = None,
    environ: Mapping[str, str] = os.environ,
    interruption: Interruption | None = None,
) -> tuple[ReviewedEnvironment, ...]:
    """Say what `arun` would do now, without changing anything; raises what `arun` raises."""
    reviewed: list[ReviewedEnvironment] = []

    async def look() -> None:
        targets = await session.resolver.resolve(config.environment_specs())
        room = asyncio.Semaphore(config.run_strategy().max_parallel)

        async def look_at(target: Target) -> ReviewedEnvironment:
            async with room:
                return review(target, await session.read(target.environment_id))

        reviewed.extend(await asyncio.gather(*(look_at(target) for target in targets)))

    async with open_session(config, environ=environ, rehearsal=rehearsal) as session:
        await _until_done_or_asked(look(), interruption or Interruption())
    return tuple(reviewed)


def in_fitting_loop(main: Coroutine[Any, Any, T], *, rehearsal: Rehearsal | None) -> T:
    """Run `main` in a new event loop, one of virtual time for a rehearsal."""
    if rehearsal is None:
        return asyncio.run(main)
    from orchestrator.simulator.virtual_time import VirtualTimeLoop  # noqa: PLC0415 - only a rehearsal needs it

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


async def _until_done_or_asked(work: Coroutine[Any, Any, None], interruption: Interruption) -> None:
    """Await `work`, or its cancellation if somebody asks for it; whoever cancels us cancels it, too."""
    task = asyncio.ensure_future(work)
    interruption.when_asked(task.cancel)
    try:
        await asyncio.wait([task])
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
    if not (task.cancelled() and interruption.code is not None):
        task.result()
