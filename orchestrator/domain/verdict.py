"""From a baseline and a reading to a verdict. Pure; no clock, no I/O.

`judge` uses the statuses alone, which is enough for nearly every restart. If they are inconclusive, it names the doubt,
and `confirm` judges again with the deployment history and the queue, the authority on how a run ended.

A success needs every target `RESTARTED` under an execution that began after the baseline; anything else is at best a
reason to look again.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from enum import StrEnum, unique

from orchestrator.domain.activity import complete_restarts, restarts_since, runs_since, targets_in, waiting_restarts
from orchestrator.domain.observations import (
    CANCELLED_RUN,
    RESTART_ACTION,
    Baseline,
    Observation,
    QueuedRequest,
    Run,
    ServiceStatus,
    execution_number,
)
from orchestrator.domain.outcomes import Outcome, Reason
from orchestrator.domain.states import RESTART_IN_PROGRESS, State, StateClass


@unique
class Finding(StrEnum):
    """What is known about a target, or about the whole environment."""

    UNPROVEN = "unproven"
    """Nothing is in progress, and nothing that ended is known to be our restart."""
    IN_PROGRESS = "in_progress"
    """Something is queued or running."""
    SUCCEEDED = "succeeded"
    """Every service restarted."""
    FAILED = "failed"
    """A service failed to restart."""
    CANCELLED = "cancelled"
    """Our restart was cancelled."""
    ABSENT = "absent"
    """Our restart is not visible any more. Inferred from absence: it counts only if it lasts."""

    @property
    def final(self) -> bool:
        """Whether nothing can change it later."""
        return self in (Finding.SUCCEEDED, Finding.FAILED, Finding.CANCELLED)


@unique
class Doubt(StrEnum):
    """Why the statuses are not enough, so that the history is read."""

    EXECUTION_MISSING = "execution_missing"
    """A final state came without its execution."""
    EXECUTION_UNORDERED = "execution_unordered"
    """An execution id has a form that cannot be ordered."""
    NEVER_SEEN_RUNNING = "never_seen_running"
    """The execution of a success was never seen in progress."""
    ENDED_OTHERWISE = "ended_otherwise"
    """A final state that a restart cannot end in."""
    OVERTAKEN = "overtaken"
    """Another operation runs under a newer execution."""
    ANOTHER_ORIGIN = "another_origin"
    """The run has another origin than our requests, or its origin is not known any more."""
    SEVERAL_EXECUTIONS = "several_executions"
    """There was more than one run since the baseline, and not all of them can be ours."""
    UNTOUCHED = "untouched"
    """Other services ended under a new execution, this one did not change."""
    DISAPPEARED = "disappeared"
    """A service is not in the reading."""
    UNSEEN = "unseen"
    """Our restart should be visible, and is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceVerdict:
    """What is known about one target."""

    finding: Finding
    execution_id: str | None = None
    doubt: Doubt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is known about the environment, and about each target in it."""

    finding: Finding
    services: Mapping[str, ServiceVerdict]
    doubt: Doubt | None = None
    reason: Reason | None = None
    """Set if the finding is final or `Finding.ABSENT`."""

    @property
    def settled(self) -> bool:
        """Whether the finding is final, and beyond doubt."""
        return self.finding.final and self.doubt is None


OUTCOME_OF_FINDING: Mapping[Finding, Outcome] = {
    Finding.SUCCEEDED: Outcome.SUCCEEDED,
    Finding.FAILED: Outcome.FAILED,
    Finding.CANCELLED: Outcome.CANCELLED,
}


def judge(baseline: Baseline, observation: Observation, *, seen_running: AbstractSet[str] = frozenset()) -> Verdict:
    """Judge a reading made after the submit.

    Args:
        baseline: what ran before; its targets are what is judged. Other services never matter.
        observation: the reading.
        seen_running: the new executions that earlier readings showed in progress. A success under any other execution
            may be due to a stale baseline, and is confirmed first, unless the reading itself dates it.
    """
    last = observation.last_execution_id
    if last is not None and baseline.began_after(observation):
        seen_running = seen_running | {last}
    services = {
        target_id: _attributed(
            baseline, observation, _judge_service(baseline, observation.services.get(target_id), seen_running)
        )
        for target_id in baseline.targets
    }
    findings = {service.finding for service in services.values()}
    doubts = [service.doubt for service in services.values() if service.doubt is not None]
    if Finding.IN_PROGRESS in findings:
        # A doubt is still worth confirming: our run may be over while another one takes an hour.
        return Verdict(finding=Finding.IN_PROGRESS, services=services, doubt=next(iter(doubts), None))
    if doubts:
        return Verdict(finding=Finding.UNPROVEN, services=services, doubt=doubts[0])
    if findings <= {Finding.UNPROVEN}:
        return Verdict(finding=Finding.UNPROVEN, services=services)
    if Finding.UNPROVEN in findings:
        return Verdict(finding=Finding.IN_PROGRESS, services=services, doubt=Doubt.UNTOUCHED)
    verdict = _final(services)
    executions = {service.execution_id for service in services.values()}
    if not _in_the_next_run(baseline, executions):
        return replace(verdict, doubt=Doubt.SEVERAL_EXECUTIONS)
    return verdict


def _attributed(baseline: Baseline, observation: Observation, verdict: ServiceVerdict) -> ServiceVerdict:
    """Add a doubt if it is not known that the run has our origin: a reading shows only the last run's."""
    last = observation.last_execution_id
    if last is None or not verdict.finding.final or verdict.doubt is not None:
        return verdict
    if verdict.execution_id == last and baseline.may_be_ours(observation.last_origin):
        return verdict
    return replace(verdict, doubt=Doubt.ANOTHER_ORIGIN)


def _in_the_next_run(baseline: Baseline, executions: AbstractSet[str | None]) -> bool:
    """Return whether all executions are one run, the next after the baseline: then no other run can be ours."""
    numbers = {execution_number(baseline.environment_id, execution or "") for execution in executions}
    return baseline.latest is not None and numbers == {baseline.latest + 1}


def _judge_service(baseline: Baseline, status: ServiceStatus | None, seen_running: AbstractSet[str]) -> ServiceVerdict:
    if status is None:
        return ServiceVerdict(finding=Finding.UNPROVEN, doubt=Doubt.DISAPPEARED)
    execution = status.execution_id
    is_new = execution is not None and baseline.is_new(execution)
    if status.state_class is StateClass.UNKNOWN:
        return ServiceVerdict(finding=Finding.IN_PROGRESS)
    # The request that still waits for the service may be ours: then what ended before it was not.
    if status.in_progress:
        overtaken = is_new and status.state not in RESTART_IN_PROGRESS
        return ServiceVerdict(finding=Finding.IN_PROGRESS, doubt=Doubt.OVERTAKEN if overtaken else None)
    if execution is None:
        return ServiceVerdict(finding=Finding.UNPROVEN, doubt=Doubt.EXECUTION_MISSING)
    if not is_new:
        return ServiceVerdict(finding=Finding.UNPROVEN)
    if not baseline.can_order(execution):
        return ServiceVerdict(finding=Finding.UNPROVEN, execution_id=execution, doubt=Doubt.EXECUTION_UNORDERED)
    return _judge_final_state(status.state, execution, seen_running)


def _judge_final_state(state: str, execution: str, seen_running: AbstractSet[str]) -> ServiceVerdict:
    match state:
        case State.RESTARTED:
            doubt = None if execution in seen_running else Doubt.NEVER_SEEN_RUNNING
            return ServiceVerdict(finding=Finding.SUCCEEDED, execution_id=execution, doubt=doubt)
        case State.RESTART_ERROR:
            return ServiceVerdict(finding=Finding.FAILED, execution_id=execution)
        case State.CANCELED:
            return ServiceVerdict(finding=Finding.CANCELLED, execution_id=execution)
        case _:
            return ServiceVerdict(finding=Finding.UNPROVEN, execution_id=execution, doubt=Doubt.ENDED_OTHERWISE)


def _final(services: Mapping[str, ServiceVerdict]) -> Verdict:
    findings = {service.finding for service in services.values()}
    # The engine cancels what had not started when a service fails, so a failure explains its CANCELED neighbours.
    if Finding.FAILED in findings:
        return Verdict(finding=Finding.FAILED, services=services, reason=Reason.RESTART_ERROR)
    if Finding.CANCELLED in findings:
        return Verdict(finding=Finding.CANCELLED, services=services, reason=Reason.RUN_CANCELLED)
    return Verdict(finding=Finding.SUCCEEDED, services=services, reason=Reason.RESTARTED)


def confirm(
    baseline: Baseline, observation: Observation, runs: Sequence[Run], queue: Sequence[QueuedRequest]
) -> Verdict:
    """Judge with the history and the queue what `judge` left in doubt.

    Our restart is a run that began after the baseline, contains all targets, and has no other origin than ours. If
    there are several such runs, no id shows which is ours, so each of them must have restarted every target. Other runs
    do not matter. Absence is never proof: it gives `Finding.ABSENT`.
    """
    restarts = restarts_since(baseline, runs)
    if waiting_restarts(baseline, queue) or any(not run.over for run in restarts):
        return Verdict(finding=Finding.IN_PROGRESS, services=_nothing_known(baseline))
    complete = complete_restarts(baseline, runs)
    if complete:
        if not any(baseline.may_be_ours(run.origin) for run in complete):
            # Ours may have been cancelled in the queue, or have another origin than we expect.
            services = {
                target_id: replace(verdict, doubt=Doubt.ANOTHER_ORIGIN)
                for target_id, verdict in _by_run(baseline, complete).items()
            }
            return Verdict(finding=Finding.ABSENT, services=services, reason=Reason.UNATTRIBUTED)
        verdicts = [_of_complete_run(baseline, observation, run) for run in complete]
        return next((verdict for verdict in verdicts if verdict.finding is not Finding.SUCCEEDED), verdicts[0])
    if any(status.in_progress for status in targets_in(baseline, observation)) or _has_gaps(baseline, runs):
        return Verdict(finding=Finding.IN_PROGRESS, services=_nothing_known(baseline))
    return _absent(baseline, observation, runs, restarts)


def _has_gaps(baseline: Baseline, runs: Iterable[Run]) -> bool:
    """Return whether our run may be one whose entry is incomplete or doubtful: then its absence shows nothing."""
    return any(_may_be_ours_after_all(baseline, run) for run in runs)


def _may_be_ours_after_all(baseline: Baseline, run: Run) -> bool:
    if run.action != RESTART_ACTION or not baseline.may_be_ours(run.origin):
        return False
    is_new = run.execution_id is None or baseline.is_new(run.execution_id)
    if baseline.began_before(run):
        # How far a clock was set back is rarely known exactly, and it may have been set twice between two looks.
        return baseline.dates_doubtful and is_new and run.execution_id is not None
    return is_new and (run.execution_id is None or not run.services)


def _of_complete_run(baseline: Baseline, observation: Observation, run: Run) -> Verdict:
    verdict = _final(_by_run(baseline, [run]))
    # A service missing from the reading may still exist. So if the run was cancelled, or a service failed (the engine
    # then cancels the others), that is the explanation; only otherwise is it that the service has disappeared.
    explained = run.status == CANCELLED_RUN or State.RESTART_ERROR in run.services.values()
    if not explained and any(
        service.finding is not Finding.SUCCEEDED and target_id not in observation.services
        for target_id, service in verdict.services.items()
    ):
        return replace(verdict, finding=Finding.FAILED, reason=Reason.SERVICE_DISAPPEARED)
    untouched = {
        status.id: ServiceVerdict(finding=Finding.UNPROVEN)
        for status in targets_in(baseline, observation)
        if status.execution_id is not None and not baseline.is_new(status.execution_id)
    }
    if verdict.finding is Finding.SUCCEEDED and untouched:
        # History and statuses contradict each other: either one of them is late, or the service never ran.
        services = {**verdict.services, **untouched}
        return Verdict(finding=Finding.ABSENT, services=services, reason=Reason.NOT_RESTARTED)
    return verdict


def _absent(baseline: Baseline, observation: Observation, runs: Sequence[Run], restarts: Sequence[Run]) -> Verdict:
    if restarts:
        services, reason = _by_run(baseline, restarts), Reason.NOT_RESTARTED
    else:
        services, reason = _nothing_known(baseline), Reason.REQUEST_CANCELLED
        if runs_since(baseline, runs):
            reason = Reason.SUPERSEDED
    if len(targets_in(baseline, observation)) < len(baseline.targets):
        reason = Reason.SERVICE_DISAPPEARED
    return Verdict(finding=Finding.ABSENT, services=services, reason=reason)


def _nothing_known(baseline: Baseline) -> dict[str, ServiceVerdict]:
    return {target_id: ServiceVerdict(finding=Finding.UNPROVEN) for target_id in baseline.targets}


def _by_run(baseline: Baseline, runs: Sequence[Run]) -> dict[str, ServiceVerdict]:
    """Judge each target by the newest of `runs` that contains it."""
    services = _nothing_known(baseline)
    for target_id in services:
        run = next((run for run in runs if target_id in run.services), None)
        if run is not None:
            services[target_id] = _judge_in_run(run, run.services[target_id])
    return services


def _judge_in_run(run: Run, state: str) -> ServiceVerdict:
    match state:
        # In a cancelled run, a service that never ran keeps its old state, even RESTARTED.
        case _ if run.status == CANCELLED_RUN and state != State.RESTART_ERROR:
            finding = Finding.CANCELLED
        case State.RESTARTED:
            finding = Finding.SUCCEEDED
        case State.CANCELED | State.CANCELING:
            finding = Finding.CANCELLED
        case _:
            finding = Finding.FAILED
    return ServiceVerdict(finding=finding, execution_id=run.execution_id)
