"""How an environment ended, with a sentence that says what happened and what to do about it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from orchestrator.domain.observations import Run
from orchestrator.domain.outcomes import Outcome, Reason, Refusal
from orchestrator.domain.ownership import Ours, Standing, Trace
from orchestrator.domain.plan import Target
from orchestrator.domain.readiness import Obstacle, Readiness
from orchestrator.domain.records import Holder
from orchestrator.domain.verdict import OUTCOME_OF_FINDING, Finding, Verdict
from orchestrator.errors import JournalError, PlatformError
from orchestrator.restart.polling import GaveUp
from orchestrator.restart.verification import CheckFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """How one environment ended."""

    outcome: Outcome
    reason: Reason
    message: str


OUTCOME_OF_ABSENCE: Mapping[Reason, Outcome] = {
    Reason.NOT_RESTARTED: Outcome.FAILED,
    Reason.SERVICE_DISAPPEARED: Outcome.FAILED,
    Reason.REQUEST_CANCELLED: Outcome.CANCELLED,
    Reason.SUPERSEDED: Outcome.CANCELLED,
    Reason.UNATTRIBUTED: Outcome.UNKNOWN,
}

_EXPLANATIONS = {
    Reason.RESTARTED: "Every service restarted{left_out}.",
    Reason.RESTART_ERROR: "Qovery failed to restart {failed}. Look at their logs, then run again.",
    Reason.RUN_CANCELLED: "The run with our restart was cancelled: {failed} did not restart. "
    "Ask who cancelled it, then run again.",
    Reason.NOT_RESTARTED: "The run is over, but nothing shows that {failed} restarted in it. Run again.",
    Reason.SERVICE_DISAPPEARED: "{missing} disappeared from the environment before a restart was proven. "
    "Check who deleted it.",
    Reason.REQUEST_CANCELLED: "Our request left the queue without ever running: somebody cancelled it. Run again.",
    Reason.UNATTRIBUTED: "A restart of these services ran, but nothing shows that it was ours: it has another origin "
    "or name than our requests, or restarted other services, too, or the answer to our submit was lost, or ours still "
    "waited meanwhile and may have been cancelled. Look at the environment's history. If Qovery gives the requests of "
    "this token another origin than `API`, set `api.origin`.",
    Reason.SUPERSEDED: "Another operation ran in place of our restart. Run again when it suits.",
}
_EXPLANATIONS_OF_OURS = {
    Reason.RUN_CANCELLED: "The run was cancelled, as this command asked: {failed} did not restart.",
    Reason.REQUEST_CANCELLED: "The request was cancelled in the queue, as this command asked: nothing restarted.",
}

_TRACES = {
    Trace.OURS: "a restart of all our services since the baseline",
    Trace.IN_MOTION: "our services are in progress, and neither queue nor history shows for which request",
    Trace.ANOTHER_ORIGIN: "a restart of exactly our services, with another origin than api.origin says ours have",
    Trace.OTHERS: "something else has happened there, and none of it can be ours",
    Trace.NOTHING: "nothing has happened there since the baseline",
    Trace.UNCLEAR: "part of the picture is missing",
}

_WHY_NOT_OURS_ALONE = {
    Standing.UNSEEN: "nothing of it is visible",
    Standing.ENDING: "it was about to end, or has ended, and another user's run could be hit instead",
    Standing.MERGED: "our request was merged with one for other services",
    Standing.UNNAMED: "a restart of these services waits or runs, and nothing shows that it is ours and not another "
    "user's",
    Standing.FOUND: "the answer to our submit was lost, and no id shows that the restart found there is ours",
    Standing.INCOMPLETE: "the run there does not contain all of our services",
    Standing.SEVERAL_RUNS: "more than one run is in progress there",
    Standing.WIDER: "the run restarts other services as well",
    Standing.ANOTHER_ORIGIN: "the run has another origin than our requests ({origin})",
    Standing.REPEATED: "these services were restarted more than once since our submit, and no id shows which run "
    "is ours",
    Standing.AWAITED: "another request waits behind it",
}


def by_verdict(
    verdict: Verdict, target: Target, *, missing: Iterable[str] = (), cancelled_by_us: bool = False
) -> Settlement:
    """Settle by a verdict that has a reason.

    Args:
        verdict: the verdict.
        target: the environment.
        missing: the ids of targets that have disappeared.
        cancelled_by_us: whether Qovery has accepted that we cancel it.
    """
    reason = verdict.reason or Reason.NOT_RESTARTED
    explanations = {**_EXPLANATIONS, **_EXPLANATIONS_OF_OURS} if cancelled_by_us else _EXPLANATIONS
    names = {service.id: service.name for service in target.services}
    failed = [
        names[service_id]
        for service_id, service in verdict.services.items()
        if service.finding is not Finding.SUCCEEDED
    ]
    left_out = ", ".join(service.name for service in target.services if service.id not in verdict.services)
    return Settlement(
        outcome=OUTCOME_OF_FINDING.get(verdict.finding) or OUTCOME_OF_ABSENCE[reason],
        reason=reason,
        message=explanations[reason].format(
            failed=", ".join(failed) or "the services",
            missing=", ".join(names[service_id] for service_id in missing),
            left_out=f" that was running; left out, since not running: {left_out}" if left_out else "",
        ),
    )


def blocked(readiness: Readiness) -> Settlement:
    """Settle an environment with an obstacle for which the policy does not wait."""
    who = ", ".join(readiness.affected)
    match readiness.obstacle:
        case Obstacle.STOPPED:
            reason = Reason.STOPPED
            message = f"Not running, so not restartable: {who}. Start it, leave it out, or set `on_stopped: skip`."
        case Obstacle.UNREADABLE:
            reason = Reason.NO_BASELINE
            message = f"The executions before the submit are unknown: {who}. Look at the environment in the console."
        case _:
            reason = Reason.BUSY
            message = f"Another operation is in progress there: {who}. Run again when it has ended."
    return Settlement(outcome=Outcome.BLOCKED, reason=reason, message=f"{message} Nothing was submitted.")


def locked(holder: Holder) -> Settlement:
    """Settle an environment that another run holds."""
    if holder.at_work:
        advice = "Wait for it with --wait-lock DURATION, or run again when it has ended."
    else:
        advice = f"Finish it with `{holder.resume}`, or abandon it with `{holder.resume} --abandon`."
    return Settlement(
        outcome=Outcome.BLOCKED,
        reason=Reason.LOCKED,
        message=f"Held since {holder.since:%Y-%m-%d %H:%M:%S} UTC by the run {holder.run_id}, which has not ended: "
        f"{holder.where}. {advice} Nothing was submitted.",
    )


def not_permitted(refusal: Refusal, *, was_posted: bool) -> Settlement:
    """Settle an environment that must not begin now; `was_posted` says whether a submit was lost before."""
    what = "The submit before was not accepted" if was_posted else "Nothing was submitted"
    return Settlement(outcome=Outcome.BLOCKED, reason=refusal.reason, message=f"Not begun: {refusal.message}. {what}.")


def journal_unwritable(error: JournalError) -> Settlement:
    """Settle an environment whose restart could not be written to the journal, and so was not submitted."""
    return Settlement(
        outcome=Outcome.BLOCKED,
        reason=Reason.JOURNAL_UNWRITABLE,
        message=f"{error} What is not in the journal before it is submitted could be submitted twice, so nothing "
        "was submitted.",
    )


def journal_outdated(unknown: Run) -> Settlement:
    """Settle an environment of a resumed run in which a restart was made that the journal does not know of."""
    return Settlement(
        outcome=Outcome.UNKNOWN,
        reason=Reason.SUBMIT_UNCONFIRMED,
        message=f"Since the run began, {unknown.execution_id} restarted these services with our origin, and the "
        "journal knows nothing of it: it may be an old copy. Look at the environment's history before you run again.",
    )


def not_running(readiness: Readiness) -> Settlement:
    """Settle an environment in which no target is running, if the policy skips those."""
    return Settlement(
        outcome=Outcome.SKIPPED,
        reason=Reason.NOT_RUNNING,
        message=f"Nothing to restart: {', '.join(readiness.affected)}. Skipped, as `on_stopped: skip` says.",
    )


def never_started(
    gave_up: GaveUp, *, obstacle: Readiness | None, waited: float, silence: str, by_run: bool
) -> Settlement:
    """Settle an environment for which no restart could be submitted in time.

    Args:
        gave_up: why.
        obstacle: what was in the way, if anything.
        waited: seconds.
        silence: how long there was no usable answer, and why, as a sentence.
        by_run: whether the deadline was the run's.
    """
    if gave_up is Reason.CONTACT_LOST:
        return Settlement(
            outcome=Outcome.UNKNOWN,
            reason=Reason.CONTACT_LOST,
            message=f"{silence} Nothing was submitted. Check the network and Qovery's status, then run again.",
        )
    if by_run:
        return Settlement(
            outcome=Outcome.TIMED_OUT,
            reason=Reason.RUN_DEADLINE,
            message="The run's deadline passed before a restart could be submitted. Nothing was submitted.",
        )
    if obstacle is not None:
        return blocked(obstacle)
    return Settlement(
        outcome=Outcome.TIMED_OUT,
        reason=Reason.DEADLINE,
        message=f"The restart could not be submitted within {waited:.0f} s. Nothing was submitted.",
    )


def unconfirmed(
    gave_up: GaveUp | Literal[Reason.SUBMIT_UNCONFIRMED],
    *,
    looked_for: float,
    saw: Trace | None,
    refusal: PlatformError | None = None,
    silence: str = "",
) -> Settlement:
    """Settle an environment whose submit was neither accepted nor found, nor surely not accepted.

    Args:
        gave_up: why the search ended; `SUBMIT_UNCONFIRMED` if more looks would not have added anything.
        looked_for: seconds.
        saw: what the last look showed.
        refusal: the answer to the submit; None if it was lost.
        silence: if contact was lost: how long there was no usable answer, and why, as a sentence.
    """
    answer = "The answer to the submit was lost" if refusal is None else f"The submit was refused ({refusal})"
    shown = f" (last seen: {_TRACES[saw]})" if saw is not None else ""
    return Settlement(
        outcome=Outcome.UNKNOWN,
        reason=Reason.CONTACT_LOST if gave_up is Reason.CONTACT_LOST else Reason.SUBMIT_UNCONFIRMED,
        message=f"{answer}, and in {looked_for:.0f} s it could not be found out whether it was accepted{shown}. "
        f"{silence and silence + ' '}Check the environment's queue and history before you run again.",
    )


def never_accepted() -> Settlement:
    """Settle an environment whose submit was lost, never arrived, and is not to be repeated."""
    return Settlement(
        outcome=Outcome.SKIPPED,
        reason=Reason.NOT_BEGUN,
        message="The submit never arrived at Qovery, so there was nothing to cancel, and it was not repeated. "
        "Nothing was submitted.",
    )


def not_cancelled(ours: Ours) -> Settlement:
    """Settle an environment whose restart could not be cancelled, because it is not provably ours alone."""
    return Settlement(
        outcome=Outcome.UNKNOWN,
        reason=Reason.NOT_CANCELLED,
        message=f"Not cancelled, because it is not provably ours alone: {_why_not_ours_alone(ours)}. It may "
        "still be running at Qovery: look at the environment in the console.",
    )


def cancel_attempted(ours: Ours) -> str:
    """Return what came of an attempt to cancel our restart, as a sentence."""
    match ours.standing:
        case Standing.WAITS:
            return "Our request still waited in the queue and was cancelled."
        case Standing.RUNS:
            return f"Our run, {ours.execution_id}, was told to cancel."
        case Standing.OVER:
            return "There was nothing left to cancel: our restart is over."
        case Standing.UNSEEN:
            return "It was not cancelled, because nothing provably ours is visible, and may still be running at Qovery."
        case _:
            return f"It was not cancelled, because {_why_not_ours_alone(ours)}, and may still be running at Qovery."


def _why_not_ours_alone(ours: Ours) -> str:
    return _WHY_NOT_OURS_ALONE[ours.standing].format(origin=ours.origin or "unknown")


def contact_lost(*, silence: str) -> Settlement:
    """Settle an environment whose restart was accepted and could not be followed to its end."""
    return Settlement(
        outcome=Outcome.UNKNOWN,
        reason=Reason.CONTACT_LOST,
        message=f"{silence} The restart was accepted and may still be running: look at the environment in the console.",
    )


def timed_out(*, by_run: bool, elapsed: float, afterwards: str, suspected: Reason | None = None) -> Settlement:
    """Settle an environment whose restart was not proven by the deadline.

    Args:
        by_run: whether the deadline is the run's.
        elapsed: seconds since the submit.
        afterwards: what happened then, as a sentence.
        suspected: the reason that was suspected, but not for long enough to count.
    """
    why = f" {_EXPLANATIONS[suspected]}" if suspected is Reason.UNATTRIBUTED else ""
    return _out_of_time(f", and the restart was not proven.{why} {afterwards}", by_run=by_run, elapsed=elapsed)


def unverified(failures: Iterable[CheckFailure], restarted: Settlement, *, by_run: bool, elapsed: float) -> Settlement:
    """Settle an environment that restarted, and whose checks had not passed by the deadline."""
    missing = "; ".join(map(str, failures))
    return _out_of_time(f". {_but(restarted, missing)}.", by_run=by_run, elapsed=elapsed)


def _out_of_time(what_is_known: str, *, by_run: bool, elapsed: float) -> Settlement:
    whose = "run's deadline" if by_run else "deadline"
    return Settlement(
        outcome=Outcome.TIMED_OUT,
        reason=Reason.RUN_DEADLINE if by_run else Reason.DEADLINE,
        message=f"The {whose} passed {elapsed:.0f} s after the submit{what_is_known}",
    )


def unhealthy(failures: Iterable[CheckFailure], restarted: Settlement) -> Settlement:
    """Settle an environment that restarted and failed its checks."""
    return Settlement(
        outcome=Outcome.FAILED,
        reason=Reason.VERIFICATION_FAILED,
        message=f"{_but(restarted, '; '.join(map(str, failures)))}. Look at the services' logs.",
    )


def _but(restarted: Settlement, what: str) -> str:
    return f"{restarted.message.removesuffix('.')}, but {what}"


def refused(error: PlatformError) -> Settlement:
    """Settle an environment whose restart Qovery refused."""
    return Settlement(
        outcome=Outcome.FAILED,
        reason=Reason.SUBMIT_REFUSED,
        message=f"Qovery refused the restart: {error}. Nothing was restarted.",
    )


def token_refused(error: PlatformError, *, submitted: bool) -> Settlement:
    """Settle an environment for which the token was refused."""
    afterwards = "A restart was submitted before and may still be running." if submitted else "Nothing was submitted."
    return Settlement(
        outcome=Outcome.UNKNOWN if submitted else Outcome.FAILED,
        reason=Reason.TOKEN_REFUSED,
        message=f"Qovery refused the token: {error}. {afterwards} Check that it is valid and may deploy there.",
    )


def environment_disappeared(error: PlatformError) -> Settlement:
    """Settle an environment that does not exist any more."""
    return Settlement(
        outcome=Outcome.FAILED,
        reason=Reason.ENVIRONMENT_DISAPPEARED,
        message=f"Qovery does not know the environment any more: {error}. Check who deleted it.",
    )


def interrupted(*, submitted: bool, in_doubt: bool) -> Settlement:
    """Settle an environment whose job was interrupted."""
    if in_doubt:
        afterwards = "The submit was in flight and may have been accepted: check before you run again."
    elif submitted:
        afterwards = "The restart was accepted and continues at Qovery."
    else:
        return Settlement(
            outcome=Outcome.SKIPPED, reason=Reason.INTERRUPTED, message="Interrupted. Nothing was submitted."
        )
    return Settlement(outcome=Outcome.UNKNOWN, reason=Reason.INTERRUPTED, message=f"Interrupted. {afterwards}")


def defect(error: Exception, *, submitted: bool) -> Settlement:
    """Settle an environment whose job failed because of a bug of ours."""
    afterwards = "The restart may still be running." if submitted else "Nothing was submitted."
    return Settlement(
        outcome=Outcome.UNKNOWN,
        reason=Reason.INTERNAL_ERROR,
        message=f"A bug in qovery-restart ({type(error).__name__}); the log has the details. {afterwards}",
    )
