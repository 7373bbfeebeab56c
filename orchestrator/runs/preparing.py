"""What a run is going to do: planned for a new run, read from the journal for a resumed one."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import TypeAlias

from structlog.typing import FilteringBoundLogger

from orchestrator import logs
from orchestrator.config import Config
from orchestrator.domain.costs import Estimate
from orchestrator.domain.outcomes import EnvironmentResult, Outcome, Reason
from orchestrator.domain.plan import Plan, Target
from orchestrator.domain.records import InFlight, NewRun, Occurrence, StoredRun
from orchestrator.errors import JournalError
from orchestrator.journal.durations import expected_of_environments
from orchestrator.journal.store import Store
from orchestrator.journal.work import Work
from orchestrator.ports import Gate, Permission, RunJournal
from orchestrator.reports.model import Beginning
from orchestrator.restart.cancel_job import CancelJob, FollowJob
from orchestrator.restart.context import Context
from orchestrator.restart.job import RestartJob
from orchestrator.restart.progress import Followed
from orchestrator.restart.watch import WatchJob
from orchestrator.runs.fleet import Fleet, Job
from orchestrator.runs.journals import NoJournal
from orchestrator.runs.permitting import Hours, hours_of
from orchestrator.runs.session import Session

MakeJob: TypeAlias = Callable[[Target, float], Job]
"""Makes the job of a target; its second argument is the run's deadline, an instant on the session's clock."""

LARGE = 20
"""Environments. The console shows a larger fleet as a whole, and problems one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoingOn:
    """How a run that was interrupted is resumed."""

    begin_new: bool = True
    """Whether to begin environments that have not begun. If the run was ever called off, none begins."""
    call_off: bool = False
    """Whether to cancel what is in flight. From then on nothing of the run begins any more, however it is resumed."""
    deadline: float | None = None
    """Seconds from now to settled, in place of what is left of each environment's deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """When a run began, which run it repeats, and what else is known of its beginning."""

    began: float
    """An instant on the session's clock; it may lie before the clock's zero."""
    started_at: datetime
    parent_id: str | None = None
    beginning: Beginning = field(default_factory=Beginning)

    @classmethod
    def now(
        cls,
        session: Session,
        *,
        parent_id: str | None = None,
        beginning: Beginning = Beginning(),  # noqa: B008 - frozen
    ) -> "Start":
        """Return the start of a run that begins now."""
        return cls(
            began=session.clock.monotonic(),
            started_at=session.clock.now(),
            parent_id=parent_id,
            beginning=beginning,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A run that is ready to begin."""

    fleet: Fleet
    journal: RunJournal
    lines: Mapping[str, int]
    """Where the configuration file lists each environment, by name; those of which it is known."""
    beginning: Beginning | None = None
    """Of a run whose names are known: with the requests that it is expected to have sent in the end, those for names
    included."""


async def prepare_restart(
    config: Config,
    session: Session,
    start: Start,
    *,
    store: Store,
    simulated: bool,
    wait_lock: float,
    gate: Gate | None = None,
    occurrence: Occurrence | None = None,
) -> Prepared:
    """Look up every name, make the plan, and write it to the journal; `gate` is asked before each wave.

    Raises:
        NameResolutionError: and whatever else `Resolver.resolve` raises.
        JournalError: the plan could not be written; nothing was submitted.
    """
    plan = await _plan(config, session, start, simulated=simulated, to_restart=True)
    cost, used = session.estimate(plan), session.quota.used
    beginning = start.beginning.model_copy(update={"requests_expected": used + cost.total})
    _announce(plan, session.log, cost)
    usually = usual_durations(store, plan.targets, session)
    permission = _permission(config, session, cost=cost, occurrence=occurrence, usually=usually)
    end_by = start.began + plan.strategy.run_deadline
    store.prune(keep_days=config.journal.keep_days, keep_runs=config.journal.keep_runs)
    journal = Work.begin(
        store,
        NewRun(
            run_id=session.run_id,
            api_url=session.api_url,
            config=config.document(),
            # The bytes of a file name need not be UTF-8.
            source=(config.source or "").encode("utf-8", "backslashreplace").decode() or None,
            started_at=start.started_at,
            began=start.began,
            end_by=end_by,
            targets=plan.targets,
            requests=session.quota.used,
            parent_id=start.parent_id,
            occurrence=occurrence,
            beginning=beginning.model_dump_json(),
        ),
    )
    make_job = _restart_jobs(
        session, journal, is_large=is_large(config), wait_lock=wait_lock, permission=permission, usually=usually
    )
    fleet = _fleet(plan, session, make_job, end_by=end_by, permission=permission, gate=gate)
    lines = _lines(plan.targets)
    return Prepared(fleet=fleet, journal=journal, lines=lines, beginning=beginning)


async def prepare_watch(config: Config, session: Session, start: Start, *, simulated: bool) -> Prepared:
    """Look up every name. Needs no journal, since nothing is submitted. Raises what `prepare_restart` raises."""
    plan = await _plan(config, session, start, simulated=simulated, to_restart=False)
    _announce(plan, session.log, None)
    end_by = start.began + plan.strategy.run_deadline
    make_job = _watch_jobs(session, is_large=is_large(config))
    fleet = _fleet(plan, session, make_job, end_by=end_by)
    return Prepared(fleet=fleet, journal=NoJournal(began=start.began), lines=_lines(plan.targets))


async def prepare_resume(
    config: Config,
    session: Session,
    journal: RunJournal,
    *,
    stored: StoredRun,
    how: GoingOn,
    called_off: bool = False,
    gate: Gate | None = None,
    store: Store | None = None,
) -> Prepared:
    """Read from the journal how far a run got before it was interrupted; if it was called off, begin nothing more."""
    now = session.clock.monotonic()
    session.quota.used += stored.requests
    session.platform.submits = stored.submits
    environments = await journal.environments()
    for each in environments:
        session.identity.learn(None if each.in_flight is None else each.in_flight.sighting.name)
    results = [each.result for each in environments if each.result is not None]
    settled = {result.name for result in results}
    in_flight = {
        each.target.name: each.in_flight
        for each in environments
        if each.in_flight is not None and each.target.name not in settled
    }
    new = [each.target for each in environments if each.target.name not in settled | in_flight.keys()]
    session.log.info(
        "run_resumed",
        config=stored.source,
        settled=len(settled),
        in_flight=len(in_flight),
        new=len(new),
        waves=len({each.target.wave for each in environments}),
        called_off=True if called_off else None,
        elapsed_s=round(now - journal.began, 1),
    )
    # Read once: a file may list thousands.
    checks = {spec.name: spec.checks for spec in config.environment_specs()}
    if sorted(checks) != sorted(each.target.name for each in environments):
        raise JournalError(
            f"The journal is damaged: the run {stored.run_id} does not have the environments that its configuration "
            "lists. Check them, then abandon the run with --abandon."
        )
    targets = [replace(each.target, checks=checks[each.target.name]) for each in environments]
    if how.deadline is not None:
        targets = [_with_deadline(each, how.deadline, in_flight=in_flight.get(each.name), now=now) for each in targets]
    left = [] if how.begin_new and not called_off else [_left(target, called_off=called_off) for target in new]
    kind = CancelJob if how.call_off else FollowJob if called_off else RestartJob
    permission = hours_of(config, clock=session.clock)
    fleet = _fleet(
        Plan(targets=tuple(targets), strategy=config.run_strategy()),
        session,
        _restart_jobs(
            session,
            journal,
            is_large=is_large(config),
            in_flight=in_flight,
            kind=kind,
            resumed_since=stored.started_at,
            permission=permission,
            usually={} if store is None else usual_durations(store, targets, session),
        ),
        permission=permission,
        end_by=journal.end_by if how.deadline is None else max(journal.end_by, now + how.deadline),
        results=[*results, *left],
        in_flight=in_flight.keys(),
        gate=gate,
    )
    return Prepared(fleet=fleet, journal=journal, lines=_lines(targets))


def _lines(targets: Iterable[Target]) -> dict[str, int]:
    return {target.name: target.line for target in targets if target.line is not None}


def is_large(config: Config) -> bool:
    """Return whether a run has so many environments that the console shows it as a whole."""
    return len(config.environments) > LARGE


async def _plan(config: Config, session: Session, start: Start, *, simulated: bool, to_restart: bool) -> Plan:
    session.log.info(
        "run_started", config=config.source, api=session.api_url, simulated=simulated, parent=start.parent_id
    )
    targets = await session.resolver.resolve(config.environment_specs(), to_restart=to_restart)
    return Plan(targets=targets, strategy=config.run_strategy())


def _announce(plan: Plan, log: FilteringBoundLogger, cost: Estimate | None) -> None:
    log.info(
        "plan_ready",
        environments=len(plan.targets),
        services=sum(len(target.services) for target in plan.targets),
        left_out=sum(len(target.excluded) for target in plan.targets),
        waves=len({target.wave for target in plan.targets}),
        requests_expected=cost and cost.total,
        requests_left=cost and cost.left,
        duration_expected_s=cost and round(cost.duration_s),
    )
    if cost is not None and not cost.fits:
        log.warning(
            "run_deadline_too_near",
            duration_expected_s=round(cost.duration_s),
            run_deadline_s=round(cost.run_deadline_s),
            hint="environments that have not begun by then will not be restarted",
        )


def _permission(
    config: Config, session: Session, *, cost: Estimate, occurrence: Occurrence | None, usually: Mapping[str, float]
) -> Hours | None:
    """Return what may begin by the time of day; warn if the window is too short for the whole run."""
    closes_at = None if occurrence is None else occurrence.closes_at
    if closes_at is None:
        return hours_of(config, clock=session.clock)
    left = (closes_at - session.clock.now()).total_seconds()
    if cost.duration_s > left:
        session.log.warning(
            "window_too_short",
            duration_expected_s=round(cost.duration_s),
            window_left_s=round(left),
            hint="environments that are not expected to end inside of the window will not be restarted",
        )
    return hours_of(config, clock=session.clock, closes_at=closes_at, expected=usually)


def usual_durations(store: Store, targets: Iterable[Target], session: Session) -> Mapping[str, float]:
    """Return the seconds that the restarts of each environment took before, by its id; of those that are known."""
    return expected_of_environments(store, (target.environment_id for target in targets), api_url=session.api_url)


def _fleet(
    plan: Plan,
    session: Session,
    make_job: MakeJob,
    *,
    end_by: float,
    results: Iterable[EnvironmentResult] = (),
    in_flight: Collection[str] = (),
    gate: Gate | None = None,
    permission: Permission | None = None,
) -> Fleet:
    return Fleet(
        plan,
        make_job=make_job,
        clock=session.clock,
        log=session.log,
        end_by=end_by,
        results=results,
        in_flight=in_flight,
        admission=session.admission(plan),
        gate=gate,
        permission=permission,
    )


def _restart_jobs(
    session: Session,
    journal: RunJournal,
    *,
    is_large: bool,
    wait_lock: float = 0.0,
    in_flight: Mapping[str, InFlight] = MappingProxyType({}),
    kind: type[RestartJob] = RestartJob,
    resumed_since: datetime | None = None,
    permission: Permission | None = None,
    usually: Mapping[str, float] = MappingProxyType({}),
) -> MakeJob:
    def make(target: Target, end_by: float) -> Job:
        return kind(
            _context(
                session,
                target,
                end_by,
                is_large=is_large,
                permission=permission,
                usually=usually.get(target.environment_id),
            ),
            prober=session.prober,
            journal=journal.page(target.name),
            in_flight=in_flight.get(target.name),
            wait_lock=wait_lock,
            origin=session.origin,
            resumed_since=resumed_since,
        )

    return make


def _watch_jobs(session: Session, *, is_large: bool) -> MakeJob:
    def make(target: Target, end_by: float) -> Job:
        return WatchJob(_context(session, target, end_by, is_large=is_large, follow=target.all_services))

    return make


def _context(
    session: Session,
    target: Target,
    end_by: float,
    *,
    is_large: bool,
    follow: Sequence[Followed] | None = None,
    permission: Permission | None = None,
    usually: float | None = None,
) -> Context:
    return Context.of(
        target,
        platform=session.platform,
        clock=session.clock,
        log=session.log.bind(environment=target.name, **(logs.ROUTINE if is_large else {})),
        random=session.random(target.name),
        end_by=end_by,
        lookout=session.feed.lookout(target.environment_id, target.project_id),
        identity=session.identity,
        api=session.api,
        follow=follow,
        permission=permission,
        usually=usually,
    )


def _with_deadline(target: Target, deadline: float, *, in_flight: InFlight | None, now: float) -> Target:
    passed = 0.0 if in_flight is None else now - in_flight.intent.posted_at
    return replace(target, policy=replace(target.policy, deadline=passed + deadline))


def _left(target: Target, *, called_off: bool) -> EnvironmentResult:
    why = "since the run was cancelled" if called_off else "as `--no-new` says"
    message = f"Not begun when the run was interrupted, and not begun now, {why}. Nothing was submitted."
    return EnvironmentResult.not_begun(target, Outcome.SKIPPED, Reason.NOT_BEGUN, message)
