"""What must be true of every run, whatever goes wrong, judged by the simulator's own record."""

from collections.abc import Iterable, Iterator

from orchestrator.domain.outcomes import ExitCode, Outcome, Reason
from orchestrator.domain.plan import OnDeadline
from orchestrator.errors import RestartError
from orchestrator.journal.waiting import IMPATIENCE
from orchestrator.reports.model import EnvironmentReport
from orchestrator.restart.job import CANCEL_WITHIN
from orchestrator.restart.polling import LAST_ANSWER
from orchestrator.restart.submission import RESUME_GRACE
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
from tests.support.whole_runs import US, Event, WholeRun

QUICKLY = 3.0
"""Seconds from a signal to the end."""
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
    if run.final is None:
        return [*_of_the_processes(run), *_of_a_refusal(run)]
    return [
        *_of_the_processes(run),
        *_of_the_run(run),
        *(problem for each in run.report.environments for problem in _of(run, each)),
    ]


def _of_the_processes(run: WholeRun) -> Iterator[str]:
    if any(exceeded.user == US for exceeded in run.record.of(QuotaExceeded)):
        yield "the quota was exceeded"
    for event in run.events_of("internal_error"):
        yield f"internal error in {event.environment} at {event.at:.1f} s: {event.values.get('exc_info')}"
    yield from _cancelled_others(run)
    if _begun_after_a_halt(run):
        yield "begun after the run had halted"
    if run.left_over:
        yield f"tasks left behind: {', '.join(run.left_over)}"
    for process in run.processes:
        asked = process.life.signalled_after
        if asked is not None and not process.died and process.ended > process.began + asked + QUICKLY:
            yield f"NO END: a signal came after {asked:.1f} s, the end after {process.ended - process.began:.1f} s"


def _cancelled_others(run: WholeRun) -> Iterator[str]:
    requests = {request.request_id: request for request in run.record.of(RequestAccepted)}
    for request_cancelled in run.record.of(RequestCancelled):
        if request_cancelled.user == US and requests[request_cancelled.request_id].user != US:
            yield "CANCELLED somebody else's request"
    runs = {began.execution_id: began for began in run.record.of(RunBegan)}
    for cancelled in run.record.of(RunCancelled):
        theirs = runs[cancelled.execution_id]
        looks = [look.at for look in run.looks if look.environment_id == cancelled.environment_id]
        looked_at = max((at for at in looks if at <= cancelled.at), default=cancelled.at)
        is_ours = any(requests[each].user == US for each in theirs.request_ids if each in requests)
        # The API has no call that names the run to cancel: what begins after the last look cannot be spared, nor what
        # that look was too stale to show.
        if cancelled.user == US and not is_ours and theirs.at < looked_at - run.world.dials.stale_by_up_to:
            yield "CANCELLED somebody else's run"


def _begun_after_a_halt(run: WholeRun) -> bool:
    """Tell whether anything was begun anew although the run had halted, or another process of it had."""
    halted = False
    for number, event in enumerate(run.events):
        if any(number == process.first_event for process in run.processes) and _disk_failed(run):
            halted = False  # What made it halt may not have come to the disk.
        halted = halted or event.name == "run_halted"
        if halted and event.name == "environment_started" and not event.values.get("resumed"):
            return True
    return False


def _disk_failed(run: WholeRun) -> bool:
    return any(process.life.refused_writes for process in run.processes)


def _of_a_refusal(run: WholeRun) -> Iterator[str]:
    """A run without a report was refused before anything was submitted, and says why."""
    error = run.processes[-1].error
    if not isinstance(error, RestartError):
        yield f"no report, and no error: {error!r}"
    if any(request.user == US for request in run.record.of(RequestAccepted)):
        yield "FALSE WORDS: a restart was accepted, and there is no report of it"


def _of_the_run(run: WholeRun) -> Iterator[str]:
    report = run.report
    if report.exit_code == ExitCode.SUCCEEDED:
        for environment in report.environments:
            policy_skipped = environment.outcome is Outcome.SKIPPED and environment.reason is Reason.NOT_RUNNING
            if environment.outcome is not Outcome.SUCCEEDED and not policy_skipped:
                yield f"exit code 0, and {environment.name} is {environment.outcome}"
    if len(report.environments) != len(run.config.environments):
        yield "the report does not have every environment"
    yield from _false_counts(run)


def _false_counts(run: WholeRun) -> Iterator[str]:
    """Compare what the report says the run has cost with what was sent."""
    if _disk_failed(run):
        return  # What is not written down cannot be counted after a death.
    # What looked up names, and did not live to write the plan down, was another run.
    processes = [process for process in run.processes if process.had_run] or run.processes[-1:]
    sent = sum(process.sent for process in processes)
    deaths = sum(process.died for process in processes)
    # A process that dies between writing down a request and sending it has counted one too many.
    if not sent <= run.report.requests.total <= sent + deaths:
        yield f"FALSE WORDS: {run.report.requests.total} requests are reported, {sent} were sent, {deaths} deaths"
    accepted = sum(request.user == US for request in run.record.of(RequestAccepted))
    if run.report.requests.submits < accepted:
        yield f"FALSE WORDS: {run.report.requests.submits} submits are reported, {accepted} were accepted"


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
    if environment.outcome is Outcome.SUCCEEDED:
        asked = {service_id for request in _accepted(run, environment) for service_id in request.service_ids}
        for service_id in sorted(asked - {service.id for service in claimed}):
            yield f"FALSE YES: a success, although {service_id} is not said to have restarted"
    read_at = _baseline_read_at(run, environment)
    if claimed and read_at is None:
        yield "FALSE YES: a success without a baseline"
        return
    began = {began.execution_id: began for began in run.record.of(RunBegan)}
    our_requests = {request.request_id for request in _accepted(run, environment)}
    our_runs = [began.execution_id for began in run.record.of(RunBegan) if our_requests & set(began.request_ids)]
    restarted = {(each.service_id, each.execution_id) for each in run.record.of(ServiceRestarted) if each.ok}
    for service in claimed:
        execution = str(service.execution_id).lower()  # Some worlds show ids in capitals.
        if (service.id, execution) not in restarted:
            yield f"FALSE YES: {service.name} did not restart in {service.execution_id}"
            continue
        its_run = began[execution]
        if read_at is not None and its_run.at <= read_at:
            yield (
                f"FALSE YES: {service.name} restarted in {service.execution_id}, which began at {its_run.at:.2f} s, "
                f"before the baseline was read at {read_at:.2f} s"
            )
        if environment.outcome is not Outcome.SUCCEEDED or any((service.id, ours) in restarted for ours in our_runs):
            continue
        if not _is_like_ours(run, environment):
            yield f"FALSE YES: {service.name} did not restart because of us, but in {its_run.user}'s run"


def _is_like_ours(run: WholeRun, environment: EnvironmentReport) -> bool:
    """Tell whether nothing that the platform shows tells another's restart from ours.

    It has our origin and exactly our services, and it began after our baseline. Ours was cancelled by somebody else
    before there was a single look that could have seen it, and the API remembers nothing of it; and our name was not
    known, or is theirs as well. The map of the product names this case.
    """
    accepted = _accepted(run, environment)
    executions = {service.execution_id for service in environment.services}
    theirs = [began for began in run.record.of(RunBegan) if began.execution_id in executions]
    requests = {request.request_id: request for request in run.record.of(RequestAccepted)}
    shown = {requests[each].service_ids for began in theirs for each in began.request_ids}
    return (
        len(accepted) == 1
        and _came_and_went(run, accepted[0])
        and all(set(each) == set(accepted[0].service_ids) for each in shown)
        and (run.world.dials.colleague_origin == "API" or run.world.dials.colleague_token == "ours")
    )


def _baseline_read_at(run: WholeRun, environment: EnvironmentReport) -> float | None:
    """Return when the platform made the reading on which the last submit stood."""
    events = run.events_of("baseline_read", environment=environment.name)
    if not events:
        return None
    looks = [look.at for look in run.looks if look.environment_id == environment.id and look.at <= events[-1].at]
    # A run that reads something else than it should has made no such look.
    return max(looks, default=events[-1].at)


def _accepted(run: WholeRun, environment: EnvironmentReport) -> list[RequestAccepted]:
    return run.record.accepted(environment.id, user=US)


def _twice(run: WholeRun, environment: EnvironmentReport) -> Iterator[str]:
    accepted = [request for request in _accepted(run, environment) if not _came_and_went(run, request)]
    if len(accepted) > 1:
        yield f"TWICE: accepted at {', '.join(f'{request.at:.1f} s' for request in accepted)}"


def _came_and_went(run: WholeRun, request: RequestAccepted) -> bool:
    """Tell whether somebody cancelled a request before there was a single look at which it could have been seen.

    The API remembers nothing of it. If its answer was lost, too, nobody can know that it was ever there.
    """
    cancels = [each for each in run.record.of(RequestCancelled) if each.request_id == request.request_id]
    if not cancels or cancels[0].user == US:
        return False
    visible = run.world.visible_since(request.environment_id, request.request_id)
    looks = [look.at for look in run.looks if look.environment_id == request.environment_id]
    return not any(visible <= at < cancels[0].at for at in looks)


def _no_end(run: WholeRun, environment: EnvironmentReport) -> Iterator[str]:
    last = run.processes[-1]
    lately = [event for event in run.events[last.first_event :] if event.environment == environment.name]
    started = [event for event in lately if event.name == "environment_started"]
    ended = [event for event in lately if event.name == "restart_settled"]
    if not last.died and last.error is None and len(started) != len(ended):
        yield f"NO END: begun {len(started)} times, settled {len(ended)} times"
    if not started or not ended:
        return
    policy = next(spec.policy for spec in run.config.environment_specs() if spec.name == environment.name)
    posted = _posted(run, environment)
    # The request that the deadline meets; where policy says so, a cancel; and what is written down.
    grace = LAST_ANSWER + (CANCEL_WITHIN if policy.on_deadline is OnDeadline.CANCEL and posted else 0.0) + IMPATIENCE
    since, what = (posted[0].at, "the submit") if posted else (started[0].at, "the start")
    # The log tells of a submit when it is answered.
    post_by = started[0].at + policy.deadline + run.config.api.request_timeout
    if posted and posted[0].at >= last.began and posted[0].at > post_by:
        yield f"LATE: submitted {posted[0].at - started[0].at:.1f} s after the start"
    end_by = since + policy.deadline
    if len(run.processes) > 1:
        # A process that died in the middle of a post could not say when it was; what it had read before, it did.
        read = run.events_of("baseline_read", environment=environment.name)
        end_by = max(end_by, started[0].at + RESUME_GRACE, *(each.at + policy.deadline for each in read))
    lives = [process.life for process in run.processes]
    if any(life.reboot for life in lives) and any(life.clock_step < 0 for life in lives):
        # The time in between was taken from the machine itself: it can only begin to count again.
        end_by = max(end_by, started[0].at + policy.deadline)
    if ended[0].at > end_by + grace:
        yield f"LATE: settled {ended[0].at - since:.1f} s after {what}, the deadline is {policy.deadline:.0f} s"


def _posted(run: WholeRun, environment: EnvironmentReport) -> list[Event]:
    """Return when a restart was posted, without the refusals after which it was found that nothing was accepted."""
    posted: list[Event] = []
    for event in run.events_of(
        "restart_submitted", "submit_unanswered", "submit_refused", "submit_not_found", environment=environment.name
    ):
        if event.name != "submit_not_found":
            posted.append(event)
        elif posted and posted[-1].name == "submit_refused":
            posted.pop()
    return posted


def _false_words(run: WholeRun, environment: EnvironmentReport) -> Iterator[str]:
    """Compare what the report says about the submit and about others with what happened."""
    accepted = _accepted(run, environment)
    if accepted and environment.outcome in NOTHING_PENDING:
        yield "FALSE WORDS: a restart was accepted"
    if accepted and "Nothing was submitted" in environment.message:
        yield "FALSE WORDS: it says that nothing was submitted"
    answered = run.events_of("restart_submitted", environment=environment.name)
    if len(answered) > len(accepted):
        yield "FALSE WORDS: it calls a restart submitted that was not accepted"
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


def command_to_replay(*, profile: str, seed: int, ordeal: str = "none", world: Iterable[str] = ()) -> str:
    """Return the command that plays one seed again, with its whole log."""
    options = "" if ordeal == "none" else f" --ordeal {ordeal}"
    options += "".join(f" --world {setting}" for setting in world)
    return f"python -m tests.simulation.replay --faults {profile} --seed {seed}{options}"
