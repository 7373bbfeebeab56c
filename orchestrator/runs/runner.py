"""A whole run: look up names, restart wave after wave, report. What the command line and Python callers share."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from orchestrator import logs
from orchestrator.config import Config
from orchestrator.domain.inflight import InFlight
from orchestrator.domain.outcomes import EnvironmentResult, ExitCode, Outcome, Reason
from orchestrator.domain.plan import Plan, Target
from orchestrator.errors import JournalError
from orchestrator.journal.store import NewRun, Store, StoredRun, open_store, state_folder
from orchestrator.journal.work import Work
from orchestrator.ports import Clock
from orchestrator.reports.model import RunReport
from orchestrator.restart.job import RestartJob
from orchestrator.restart.watch import WatchJob
from orchestrator.runs.fleet import Fleet, Job
from orchestrator.runs.interruption import Interruption, in_fitting_loop, until_done_or_asked
from orchestrator.runs.session import Rehearsal, Session, open_session

T = TypeVar("T")

BEAT = 30.0
"""Seconds between two signs of life in the journal."""
LARGE = 20
"""Environments. Of a larger fleet a person reads how it gets on as a whole, and the trouble that there is."""
PROGRESS_EVERY = 15.0
"""Seconds between two words on how a large fleet gets on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoingOn:
    """How a run that was cut off is gone on with."""

    begin_new: bool = True
    """Whether to begin what had not begun."""
    call_off: bool = False
    """Whether to cancel what is in flight."""
    deadline: float | None = None
    """Seconds from now to settled, in place of what is left of each environment's deadline."""


class Run:
    """One run in a session.

    Args:
        config: what to restart, and how.
        session: what to work with.
        store: the journal; None for a run that submits nothing, and so has nothing to remember.
        simulated: whether a simulator stands in for Qovery.
        wait_lock: seconds to wait for an environment that another run holds.
    """

    def __init__(
        self,
        config: Config,
        session: Session,
        *,
        store: Store | None,
        simulated: bool,
        wait_lock: float = 0.0,
    ) -> None:
        self._config = config
        self._session = session
        self._store = store
        self._simulated = simulated
        self._wait_lock = wait_lock
        self._fleet: Fleet | None = None
        self._work: Work | None = None
        self._in_flight: Mapping[str, InFlight] = {}
        self._call_off = False
        self._finished = False
        self._parent_id: str | None = None
        self._began = session.clock.monotonic()
        self._started_at: datetime = session.clock.now()

    async def start(self, *, parent_id: str | None = None) -> None:
        """Look up every name, write the plan down, then run it.

        Args:
            parent_id: the run whose failures this one runs again.

        Raises:
            NameResolutionError: and whatever else `Resolver.resolve` raises.
            JournalError: the plan could not be written down; nothing was submitted.
        """
        log = self._session.log
        log.info("run_started", config=self._config.source, simulated=self._simulated, parent=parent_id)
        watches = self._store is None
        targets = await self._session.resolver.resolve(self._config.environment_specs(), to_restart=not watches)
        plan = Plan(targets=targets, strategy=self._config.run_strategy())
        end_by = self._session.clock.monotonic() + plan.strategy.run_deadline
        cost = None if watches else self._session.estimate(plan)
        log.info(
            "plan_ready",
            environments=len(targets),
            services=sum(len(target.services) for target in targets),
            left_out=sum(len(target.excluded) for target in targets),
            waves=len({target.wave for target in targets}),
            requests_expected=cost and cost.total,
            requests_left=cost and cost.left,
            duration_expected_s=cost and round(cost.duration_s),
        )
        if cost is not None and not cost.fits:
            log.warning(
                "run_deadline_too_near",
                duration_expected_s=round(cost.duration_s),
                run_deadline_s=round(cost.run_deadline_s),
                hint="what has not begun by then will not be restarted",
            )
        if self._store is not None:
            self._parent_id = parent_id
            self._work = self._write_down(self._store, plan, end_by=end_by, parent_id=parent_id)
            self._session.quota.on_use = self._work.note_request
        fleet = Fleet(
            plan,
            make_job=self._make_job,
            clock=self._session.clock,
            log=log,
            end_by=end_by,
            admission=self._session.admission(plan),
        )
        await self._run(fleet)

    def _write_down(self, store: Store, plan: Plan, *, end_by: float, parent_id: str | None) -> Work:
        keep = self._config.journal
        store.prune(keep_days=keep.keep_days, keep_runs=keep.keep_runs)
        session = self._session
        run = NewRun(
            run_id=session.run_id,
            api_url=session.api_url,
            config=self._config.document(),
            # The bytes of a file's name need not be UTF-8.
            source=(self._config.source or "").encode("utf-8", "backslashreplace").decode() or None,
            started_at=self._started_at,
            end_by=end_by,
            targets=plan.targets,
            requests=session.quota.used,
            parent_id=parent_id,
        )
        return Work.begin(store, run, began=self._began)

    async def go_on(self, work: Work, stored: StoredRun, how: GoingOn) -> None:
        """Go on where an earlier process of the run was cut off."""
        session, now = self._session, self._session.clock.monotonic()
        self._work = work
        self._call_off = how.call_off
        self._parent_id = stored.parent_id
        self._began, self._started_at = work.began, stored.started_at
        session.quota.used += stored.requests
        session.quota.on_use = work.note_request
        session.platform.submits = stored.submits
        environments = work.environments()
        results = [each.result for each in environments if each.result is not None]
        settled = {result.name for result in results}
        self._in_flight = {
            each.target.name: each.in_flight
            for each in environments
            if each.in_flight is not None and each.target.name not in settled
        }
        new = [each.target for each in environments if each.target.name not in settled | self._in_flight.keys()]
        session.log.info(
            "run_resumed",
            settled=len(settled),
            in_flight=len(self._in_flight),
            new=len(new),
            elapsed_s=round(work.elapsed, 1),
        )
        # Made once: a file may list thousands.
        checks = {spec.name: spec.checks for spec in self._config.environment_specs()}
        targets = [replace(each.target, checks=checks[each.target.name]) for each in environments]
        plan = Plan(
            targets=tuple(self._with_deadline(target, how.deadline, now) for target in targets),
            strategy=self._config.run_strategy(),
        )
        fleet = Fleet(
            plan,
            make_job=self._make_job,
            clock=session.clock,
            log=session.log,
            end_by=work.end_by if how.deadline is None else max(work.end_by, now + how.deadline),
            results=[*results, *(() if how.begin_new else map(_left, new))],
            in_flight=self._in_flight.keys(),
            admission=session.admission(plan),
        )
        await self._run(fleet)

    def _with_deadline(self, target: Target, deadline: float | None, now: float) -> Target:
        if deadline is None:
            return target
        in_flight = self._in_flight.get(target.name)
        passed = 0.0 if in_flight is None else now - in_flight.intent.posted_at
        return replace(target, policy=replace(target.policy, deadline=passed + deadline))

    async def to_its_end(self, work: Coroutine[Any, Any, None], interruption: Interruption) -> RunReport:
        """Await `start` or `go_on`, or the interruption of it, and report."""
        try:
            await until_done_or_asked(work, interruption)
            return self.report(interruption)
        finally:
            if self._work is not None:
                self._work.let_go()

    async def _run(self, fleet: Fleet) -> None:
        self._fleet = fleet
        beside = [asyncio.ensure_future(self._beat())]
        if self._is_large:
            beside.append(asyncio.ensure_future(self._tell_progress(fleet)))
        try:
            await fleet.run()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.wait(beside)
        self._finished = True

    @property
    def _is_large(self) -> bool:
        return len(self._config.environments) > LARGE

    async def _tell_progress(self, fleet: Fleet) -> None:
        while True:
            await self._session.clock.sleep(PROGRESS_EVERY)
            self._session.log.info(
                "fleet_progress",
                **fleet.progress(),
                requests=self._session.requests.total,
                requests_left=self._session.quota.room().left,
            )

    async def _beat(self) -> None:
        while self._work is not None:
            await self._session.clock.sleep(BEAT)
            self._work.beat()
            self._session.quota.beat()

    def report(self, interruption: Interruption) -> RunReport:
        """Report the run as far as it has come, and write its end down, or that it was cut off."""
        results = self._fleet.results() if self._fleet is not None else self._not_begun()
        report = RunReport.of(
            results,
            run_id=self._session.run_id,
            parent_run_id=self._parent_id,
            config=self._config.source,
            simulated=self._simulated,
            started_at=self._started_at,
            ended_at=self._session.clock.now(),
            duration_s=self._session.clock.monotonic() - self._began,
            requests=self._session.requests,
            interrupted=interruption.code,
            resume=self._resume_command(results),
        )
        self._keep(report, results)
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

    def _resume_command(self, results: Sequence[EnvironmentResult]) -> str | None:
        """Return the command that goes on with this run, where there is anything left to find out."""
        all_known = self._finished and not any(
            result.submitted_at is not None and result.outcome in (Outcome.UNKNOWN, Outcome.TIMED_OUT)
            for result in results
        )
        if self._work is None or all_known:
            return None
        return self._work.store.resume_command(self._session.run_id)

    def _keep(self, report: RunReport, results: Sequence[EnvironmentResult]) -> None:
        if self._work is None:
            return
        ended = self._finished and not any(result.reason is Reason.NOT_CANCELLED for result in results)
        try:
            self._work.close(
                results if ended else None,
                outcome=report.outcome.value,
                exit_code=report.exit_code,
                report=report.model_dump_json(),
            )
        except JournalError as error:
            # What was restarted is restarted: the report and its exit code stay the truth about it.
            self._session.log.warning("journal_not_written", error=str(error))

    def _make_job(self, target: Target, end_by: float) -> Job:
        session = self._session
        log = session.log.bind(environment=target.name, **(logs.ROUTINE if self._is_large else {}))
        random = session.random(target.name)
        if self._work is None:
            return WatchJob(
                target,
                platform=session.platform,
                clock=session.clock,
                log=log,
                random=random,
                end_by=end_by,
                lookout=session.feed.lookout(target.environment_id, target.project_id),
            )
        return RestartJob(
            target,
            platform=session.platform,
            prober=session.prober,
            clock=session.clock,
            log=log,
            random=random,
            end_by=end_by,
            journal=self._work.page(target.name),
            in_flight=self._in_flight.get(target.name),
            wait_lock=self._wait_lock,
            call_off=self._call_off,
            origin=session.origin,
            lookout=session.feed.lookout(target.environment_id, target.project_id),
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


def _left(target: Target) -> EnvironmentResult:
    return EnvironmentResult(
        name=target.name,
        environment_id=target.environment_id,
        wave=target.wave,
        outcome=Outcome.SKIPPED,
        reason=Reason.NOT_BEGUN,
        message="Not begun when the run was cut off, and not to be begun any more. Nothing was submitted.",
        console_url=target.console_url,
    )


async def arun(
    config: Config,
    *,
    rehearsal: Rehearsal | None = None,
    watch: bool = False,
    environ: Mapping[str, str] = os.environ,
    interruption: Interruption | None = None,
    on_session: Callable[[Session], object] | None = None,
    state_dir: Path | None = None,
    wait_lock: float = 0.0,
    parent_id: str | None = None,
    api_url: str | None = None,
) -> RunReport:
    """Restart what `config` lists, wait, and report.

    Args:
        config: what to restart, and how.
        rehearsal: put a simulator in the API's place. Its time is the running loop's: real seconds, except on a
            `VirtualTimeLoop`.
        watch: submit nothing, wait for what runs there now.
        environ: where the token, `QOVERY_API_URL` and `QOVERY_RESTART_STATE_DIR` are looked for.
        interruption: a way to ask the run to stop early and report what it knows.
        on_session: told of the session, whose id and cost are worth knowing even when an error is raised.
        state_dir: where the journal is; by default in the user's state directory, in memory for a rehearsal.
        wait_lock: seconds to wait for an environment that another run holds.
        parent_id: the run whose failures this one runs again.
        api_url: the API that this parent has asked, whatever `config` says.

    Raises:
        UsageError: something has to be changed first; nothing was submitted. A journal that cannot be used is a
            `JournalError`.
        TokenRefusedError: the token was refused while names were looked up.
        PlatformError: the API could not be reached while names were looked up.
    """
    interruption = interruption or Interruption()
    async with open_session(
        config, environ=environ, rehearsal=rehearsal, api_url=api_url, state_dir=state_dir
    ) as session:
        if on_session is not None:
            on_session(session)
        with nullcontext() if watch else opened_journal(state_dir, environ, rehearsal, session.clock) as store:
            run_ = Run(
                config,
                session,
                store=store,
                simulated=rehearsal is not None,
                wait_lock=wait_lock,
            )
            return await run_.to_its_end(run_.start(parent_id=parent_id), interruption)


@contextmanager
def opened_journal(
    state_dir: Path | None, environ: Mapping[str, str], rehearsal: Rehearsal | None, clock: Clock
) -> Iterator[Store]:
    """Open the journal. Raises `JournalError` where it cannot be used."""
    folder = state_folder(environ) if state_dir is None and rehearsal is None else state_dir
    store = open_store(folder, clock=clock, named=state_dir is not None)
    try:
        yield store
    finally:
        store.database.close()


def run(
    config: Config,
    *,
    rehearsal: Rehearsal | None = None,
    watch: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> RunReport:
    """Do as `arun` does, in an event loop of its own; a rehearsal takes virtual time, so no time at all."""
    return in_fitting_loop(arun(config, rehearsal=rehearsal, watch=watch, environ=environ), rehearsal=rehearsal)
