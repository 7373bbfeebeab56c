"""What must be true of every run, whatever goes wrong, judged by the simulator's own record."""

from collections.abc import Iterator

from orchestrator.outcomes import ExitCode, Outcome, Reason
from orchestrator.plan import OnDeadline
from orchestrator.reports.model import EnvironmentReport
from orchestrator.simulator.model import Action
from orchestrator.simulator.record import (
    QuotaExceeded,
    RequestAccepted,
    RequestCancelled,
    RunBegan,
    RunCancelled,
    ServiceRemoved,
    ServiceRestarted,
)
from tests.support.whole_runs import US, WholeRun

NOTHING_PENDING = frozenset({Outcome.BLOCKED, Outcome.SKIPPED})
"""The outcomes that say that nothing was submitted."""

SAYS_THAT_OURS_FAILED = frozenset(
    {
        Reason.RESTART_ERROR,
        Reason.NOT_RESTARTED,
        Reason.RUN_CANCELLED,
        Reason.REQUEST_CANCELLED,
        Reason.SUPERSEDED,
    }
)


def violations(run: WholeRun) -> list[str]:
    """Return everything about `run` that must never be."""
    return [*_of_the_run(run), *(problem for each in run.report.environments for problem in _of(run, each))]


def _of_the_run(run: WholeRun) -> Iterator[str]:
    report = run.report
    if report.exit_code == ExitCode.SUCCEEDED:
        for environment in report.environments:
            policy_skipped = environment.outcome is Outcome.SKIPPED and environment.reason is Reason.NOT_RUNNING
            if environment.outcome is not Outcome.SUCCEEDED and not policy_skipped:
                yield f"exit code 0, and {environment.name} is {environment.outcome}"
    if len(report.environments) != len(run.config.environments):
        yield "the report does not have every environment"
    if any(exceeded.user == US for exceeded in run.record.of(QuotaExceeded)):
        yield "the quota was exceeded"
    for event in run.events_of("internal_error"):
        yield f"internal error in {event.environment} at {event.at:.1f} s: {event.values.get('exc_info')}"
    if run.left_over:
        yield f"tasks left behind: {', '.join(run.left_over)}"


def _of(run: WholeRun, environment: EnvironmentReport) -> Iterator[str]:
    for problem in (
        *_false_yes(run, environment),
        *_twice(run, environment),
        *_no_end(run, environment),
        *_false_words(run, environment),
        *_false_no(run, environment),
    ):
        yield f"{environment.name} ({environment.outcome}, {environment.reason}): {problem}"


def _false_yes(run: WholeRun, environment: EnvironmentReport) -> Iterator[str]:
    claimed = [service for service in environment.services if service.outcome is Outcome.SUCCEEDED]
    if environment.outcome is Outcome.SUCCEEDED and not claimed:
        yield "FALSE YES: a success of no service at all"
    read_at = _baseline_read_at(run, environment)
    if claimed and read_at is None:
        yield "FALSE YES: a success without a baseline"
        return
    began = {began.execution_id: began.at for began in run.record.of(RunBegan)}
    restarted = {(each.service_id, each.execution_id) for each in run.record.of(ServiceRestarted) if each.ok}
    for service in claimed:
        if (service.id, service.execution_id) not in restarted:
            yield f"FALSE YES: {service.name} did not restart in {service.execution_id}"
        elif read_at is not None and began[str(service.execution_id)] <= read_at:
            yield (
                f"FALSE YES: {service.name} restarted in {service.execution_id}, which began at "
                f"{began[str(service.execution_id)]:.2f} s, before the baseline was read at {read_at:.2f} s"
            )


def _baseline_read_at(run: WholeRun, environment: EnvironmentReport) -> float | None:
    """Return when the platform made the reading on which the last submit stood."""
    events = run.events_of("baseline_read", environment=environment.name)
    if not events:
        return None
    looks = [look.at for look in run.looks if look.environment_id == environment.id and look.at <= events[-1].at]
    return max(looks)


def _accepted(run: WholeRun, environment: EnvironmentReport) -> list[RequestAccepted]:
    return run.record.accepted(environment.id, user=US)


def _twice(run: WholeRun, environment: EnvironmentReport) -> Iterator[str]:
    accepted = _accepted(run, environment)
    if len(accepted) > 1:
        yield f"TWICE: accepted at {', '.join(f'{request.at:.1f} s' for request in accepted)}"


def _no_end(run: WholeRun, environment: EnvironmentReport) -> Iterator[str]:
    started = run.events_of("environment_started", environment=environment.name)
    ended = run.events_of("restart_settled", environment=environment.name)
    if len(started) != len(ended):
        yield f"NO END: begun {len(started)} times, settled {len(ended)} times"
    if not started or not ended:
        return
    policy = next(spec.policy for spec in run.config.environment_specs() if spec.name == environment.name)
    posted = run.events_of("restart_submitted", "submit_unanswered", environment=environment.name)
    # The look that began at the deadline; and where policy says to cancel then, reading the queue and cancelling.
    requests = 3 if policy.on_deadline is OnDeadline.CANCEL and posted else 1
    grace = requests * run.config.api.request_timeout
    since, what = (posted[0], "the submit") if posted else (started[0], "the start")
    if posted and posted[0].at > started[0].at + policy.deadline + grace:
        yield f"LATE: submitted {posted[0].at - started[0].at:.1f} s after the start"
    if ended[0].at > since.at + policy.deadline + grace:
        yield f"LATE: settled {ended[0].at - since.at:.1f} s after {what}, the deadline is {policy.deadline:.0f} s"


def _false_words(run: WholeRun, environment: EnvironmentReport) -> Iterator[str]:
    """Compare what the report says about the submit and about others with what happened."""
    accepted = _accepted(run, environment)
    if accepted and environment.outcome in NOTHING_PENDING:
        yield "FALSE WORDS: a restart was accepted"
    if accepted and "Nothing was submitted" in environment.message:
        yield "FALSE WORDS: it says that nothing was submitted"
    record = run.record
    happened: dict[Reason, bool] = {
        Reason.REQUEST_CANCELLED: any(each.environment_id == environment.id for each in record.of(RequestCancelled)),
        Reason.RUN_CANCELLED: any(each.environment_id == environment.id for each in record.of(RunCancelled)),
        Reason.SERVICE_DISAPPEARED: any(each.environment_id == environment.id for each in record.of(ServiceRemoved)),
    }
    if not happened.get(environment.reason, True):
        yield "FALSE WORDS: that never happened"


def _false_no(run: WholeRun, environment: EnvironmentReport) -> Iterator[str]:
    """A restart that our own run finished must not be called failed or cancelled."""
    if environment.reason not in SAYS_THAT_OURS_FAILED:
        return
    ours = {request.request_id for request in _accepted(run, environment)}
    wanted = {service.id for service in environment.services if service.outcome is not Outcome.SKIPPED}
    restarts = [
        began
        for began in run.record.of(RunBegan)
        if began.environment_id == environment.id and began.action is Action.RESTART
    ]
    if len(restarts) > 1:
        # Somebody else restarted there, too, and no id tells which restart was ours: a doubt may end in a no.
        return
    done = {(each.execution_id, each.service_id) for each in run.record.of(ServiceRestarted) if each.ok}
    for began in restarts:
        if ours & set(began.request_ids) and all((began.execution_id, each) in done for each in wanted):
            yield f"FALSE NO: our run {began.execution_id} restarted everything"


def command_to_replay(*, profile: str, seed: int, interrupted: bool = False) -> str:
    """Return the command that plays one seed again, with its whole log."""
    return f"python -m tests.simulation.replay --faults {profile} --seed {seed}{' --interrupt' if interrupted else ''}"
