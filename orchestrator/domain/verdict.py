"""From a baseline and what was read since to a verdict. Pure; no clock, no I/O.

The history is the proof. It names the action of each run, who asked for it, how it ended, and how each of its services
did; later requests do not hide it, and numbers order it without any clock. The statuses show how far a restart has got,
and what is missing; the queue shows what still waits.

A success needs a restart that began after the baseline, may be ours, contains every target, and ended with each of them
`RESTARTED`; anything else is at best a reason to look again.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum, unique

from orchestrator.domain.activity import (
    complete_restarts,
    has_gaps,
    is_behind,
    is_idle,
    restarts_since,
    runs_since,
    targets_in,
    waiting_restarts,
)
from orchestrator.domain.observations import CANCELLED_RUN, Baseline, Observation, QueuedRequest, Run
from orchestrator.domain.outcomes import Outcome, Reason
from orchestrator.domain.states import State, StateClass

SUCCEEDED_RUN = "SUCCESS"
"""The `action_status` of a run in which every service did what it should."""


@unique
class Finding(StrEnum):
    """What is known about a target, or about the whole environment."""

    UNPROVEN = "unproven"
    """Nothing that was read shows our restart."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceVerdict:
    """What is known about one target."""

    finding: Finding
    execution_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What one look has read, in this order; more is read only if it is needed.

    So what begins to run between two of the readings is seen in one of them at least.
    """

    runs: Sequence[Run] = ()
    observation: Observation | None = None
    queue: Sequence[QueuedRequest] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is known about the environment, and about each target in it."""

    finding: Finding
    services: Mapping[str, ServiceVerdict]
    reason: Reason | None = None
    """Set if the finding is final or `Finding.ABSENT`."""
    runs: tuple[Run, ...] = field(default=())
    """The runs that a finding rests on, newest first: any of them may be ours."""


OUTCOME_OF_FINDING: Mapping[Finding, Outcome] = {
    Finding.SUCCEEDED: Outcome.SUCCEEDED,
    Finding.FAILED: Outcome.FAILED,
    Finding.CANCELLED: Outcome.CANCELLED,
}


def judge(
    baseline: Baseline,
    picture: Picture,
    *,
    not_ours: AbstractSet[str] = frozenset(),
    restarting: AbstractSet[tuple[str, str]] = frozenset(),
) -> Verdict:
    """Judge what was read after the submit.

    Our restart is a run that began after the baseline, contains all targets, and may be ours by its origin and name. If
    there are several such runs, nothing shows which is ours, so each of them must have restarted every target. Other
    runs do not matter. Absence is never proof: it gives `Finding.ABSENT`, if statuses and queue were read, too.

    Args:
        baseline: what ran before; its targets are what is judged. Other services never matter.
        picture: what was read.
        not_ours: executions that were at work while the request that the answer to our submit named still waited. None
            of them proves anything, but all of them have to have gone well: that id may be another user's.
        restarting: the services that were seen RESTARTING, each with its execution. In a run that did not succeed, only
            these are believed to have restarted: a service that never had its turn can keep its old RESTARTED.
    """
    complete = complete_restarts(baseline, picture.runs)
    ours = [run for run in complete if baseline.may_be_ours(run)]
    if any(not run.over for run in ours):
        return Verdict(finding=Finding.IN_PROGRESS, services=_by_run(baseline, ours, restarting), runs=tuple(ours))
    if any(baseline.may_be_ours(request) for request in waiting_restarts(baseline, picture.queue or ())):
        return Verdict(finding=Finding.IN_PROGRESS, services=_nothing_known(baseline))
    if any(run.execution_id not in not_ours for run in ours):
        verdicts = [_of_complete_run(baseline, picture.observation, run, restarting) for run in ours]
        worst = next((verdict for verdict in verdicts if verdict.finding is not Finding.SUCCEEDED), verdicts[0])
        return Verdict(finding=worst.finding, services=worst.services, reason=worst.reason, runs=tuple(ours))
    if picture.observation is None:
        return Verdict(finding=Finding.UNPROVEN, services=_nothing_known(baseline))
    if _is_in_motion(baseline, picture.observation):
        return Verdict(finding=Finding.IN_PROGRESS, services=_nothing_known(baseline))
    shows_what_waits = picture.queue is not None or (complete and is_idle(baseline, picture.observation))
    if not shows_what_waits or not shows_absence(baseline, picture.runs, picture.observation):
        return Verdict(finding=Finding.UNPROVEN, services=_nothing_known(baseline))
    if complete:
        # Ours may have been cancelled in the queue, or have another origin, name or id than we expect.
        return Verdict(finding=Finding.ABSENT, services=_nothing_known(baseline), reason=Reason.UNATTRIBUTED)
    return _absent(baseline, picture.observation, picture.runs, not_ours, restarting)


def shows_absence(baseline: Baseline, runs: Sequence[Run], observation: Observation) -> bool:
    """Return whether a history without our run shows that there is none: it is whole, and not behind a reading."""
    return not (
        has_gaps(baseline, runs)
        or is_behind(baseline, runs, observation)
        or baseline.is_contradicted_by(runs, observation)
    )


def _is_in_motion(baseline: Baseline, observation: Observation) -> bool:
    return any(
        status.in_progress or status.state_class is StateClass.UNKNOWN for status in targets_in(baseline, observation)
    )


def _of_complete_run(
    baseline: Baseline, observation: Observation | None, run: Run, restarting: AbstractSet[tuple[str, str]]
) -> Verdict:
    services = _by_run(baseline, [run], restarting)
    findings = {service.finding for service in services.values()}
    if findings == {Finding.SUCCEEDED}:
        return Verdict(finding=Finding.SUCCEEDED, services=services, reason=Reason.RESTARTED)
    # A service missing from the reading may still exist. So if the run was cancelled, or a service failed (the engine
    # then cancels the others), that is the explanation; only otherwise is it that the service has disappeared.
    if State.RESTART_ERROR in run.services.values() and Finding.FAILED in findings:
        return Verdict(finding=Finding.FAILED, services=services, reason=Reason.RESTART_ERROR)
    if run.status != CANCELLED_RUN and (_is_deleted(run, services) or _is_missing(observation, services)):
        return Verdict(finding=Finding.FAILED, services=services, reason=Reason.SERVICE_DISAPPEARED)
    if Finding.FAILED in findings:
        return Verdict(finding=Finding.FAILED, services=services, reason=Reason.RESTART_ERROR)
    if Finding.CANCELLED in findings:
        return Verdict(finding=Finding.CANCELLED, services=services, reason=Reason.RUN_CANCELLED)
    return Verdict(finding=Finding.FAILED, services=services, reason=Reason.NOT_RESTARTED)


def _is_deleted(run: Run, services: Mapping[str, ServiceVerdict]) -> bool:
    return any(run.services[target_id] == State.DELETED for target_id in services)


def _is_missing(observation: Observation | None, services: Mapping[str, ServiceVerdict]) -> bool:
    """Return whether a target that did not restart is not in the reading."""
    return observation is not None and any(
        service.finding is not Finding.SUCCEEDED and target_id not in observation.services
        for target_id, service in services.items()
    )


def _absent(
    baseline: Baseline,
    observation: Observation,
    runs: Sequence[Run],
    not_ours: AbstractSet[str],
    restarting: AbstractSet[tuple[str, str]],
) -> Verdict:
    # What ran while our request still waited did not take its place.
    runs = [run for run in runs if run.execution_id not in not_ours]
    restarts = [run for run in restarts_since(baseline, runs) if baseline.may_be_ours(run)]
    if restarts:
        services, reason = _by_run(baseline, restarts, restarting), Reason.NOT_RESTARTED
    else:
        services, reason = _nothing_known(baseline), Reason.REQUEST_CANCELLED
        if runs_since(baseline, runs):
            reason = Reason.SUPERSEDED
    if len(targets_in(baseline, observation)) < len(baseline.targets):
        reason = Reason.SERVICE_DISAPPEARED
    return Verdict(finding=Finding.ABSENT, services=services, reason=reason)


def _nothing_known(baseline: Baseline) -> dict[str, ServiceVerdict]:
    return {target_id: ServiceVerdict(finding=Finding.UNPROVEN) for target_id in baseline.targets}


def _by_run(
    baseline: Baseline, runs: Sequence[Run], restarting: AbstractSet[tuple[str, str]]
) -> dict[str, ServiceVerdict]:
    """Judge each target by the newest of `runs` that contains it."""
    services = _nothing_known(baseline)
    for target_id in services:
        run = next((run for run in runs if target_id in run.services), None)
        if run is not None:
            finding = _in_run(run, run.services[target_id], (target_id, run.execution_id or "") in restarting)
            services[target_id] = ServiceVerdict(finding=finding, execution_id=run.execution_id)
    return services


def _in_run(run: Run, state: str, was_restarting: bool) -> Finding:
    if not run.over:
        return Finding.IN_PROGRESS
    match state:
        case State.RESTARTED if run.status == SUCCEEDED_RUN:
            return Finding.SUCCEEDED
        # A service that never had its turn can keep its old state, even RESTARTED.
        case State.RESTARTED if was_restarting:
            return Finding.SUCCEEDED
        case State.RESTARTED if run.status != CANCELLED_RUN:
            return Finding.UNPROVEN
        case State.CANCELED | State.CANCELING:
            return Finding.CANCELLED
        case State.RESTART_ERROR:
            return Finding.FAILED
        case _ if run.status == CANCELLED_RUN:
            return Finding.CANCELLED
        case _:
            return Finding.FAILED
