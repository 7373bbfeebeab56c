"""How a restart can end, the exit code that each ending maps to, and the result that carries the evidence."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum, unique

from orchestrator.domain.accounts import CheckResult, Wait
from orchestrator.domain.plan import Exclusion, Target


@unique
class Outcome(StrEnum):
    """How one environment, or one service in it, ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    """Another user cancelled our run, or superseded it."""
    BLOCKED = "blocked"
    """Never submitted: the environment was busy, stopped, locked, or could not be read."""
    SKIPPED = "skipped"
    """Never submitted: the run had halted, or the policy says skip."""
    UNKNOWN = "unknown"
    """The outcome cannot be known."""

    @property
    def is_good(self) -> bool:
        """Whether it needs nobody's attention: a success, or a skip."""
        return self in (Outcome.SUCCEEDED, Outcome.SKIPPED)


@unique
class Reason(StrEnum):
    """Why an environment ended as it did. A closed set: scripts branch on it."""

    RESTARTED = "restarted"
    RESTART_ERROR = "restart_error"
    NOT_RESTARTED = "not_restarted"
    """The run ended without restarting one of the targets."""
    SERVICE_DISAPPEARED = "service_disappeared"
    ENVIRONMENT_DISAPPEARED = "environment_disappeared"
    VERIFICATION_FAILED = "verification_failed"
    SUBMIT_REFUSED = "submit_refused"
    TOKEN_REFUSED = "token_refused"  # noqa: S105 - a reason, not a password
    DEADLINE = "deadline"
    RUN_DEADLINE = "run_deadline"
    RUN_CANCELLED = "run_cancelled"
    """The run that carried our restart was cancelled."""
    REQUEST_CANCELLED = "request_cancelled"
    """Our request left the queue without ever running."""
    SUPERSEDED = "superseded"
    """Another operation ran in place of our restart."""
    BUSY = "busy"
    STOPPED = "stopped"
    NO_BASELINE = "no_baseline"
    """The executions before the submit are unknown, so nothing later could be proven."""
    LOCKED = "locked"
    """Another run that has not ended holds the environment."""
    JOURNAL_UNWRITABLE = "journal_unwritable"
    """The intent could not be written to the journal, so nothing was submitted."""
    ALERT_FIRING = "alert_firing"
    """`blocked_by` found something firing before its wave began."""
    ALERTS_UNKNOWN = "alerts_unknown"
    """It could not be found out whether what `blocked_by` asks for is firing."""
    OUTSIDE_WINDOW = "outside_window"
    """What is left of the schedule's window is less than its restart is expected to take."""
    BLACKOUT = "blackout"
    """A blackout of the file held."""
    HALTED = "halted"
    NOT_BEGUN = "not_begun"
    """A resumed run was told not to begin anything new."""
    NOT_RUNNING = "not_running"
    """No target runs, and `on_stopped: skip` says to leave them alone."""
    CONTACT_LOST = "contact_lost"
    UNATTRIBUTED = "unattributed"
    """A run restarted the services, but nothing connects it with our request."""
    SUBMIT_UNCONFIRMED = "submit_unconfirmed"
    """The answer to the submit was lost, and it could not be found out whether it was accepted."""
    INTERRUPTED = "interrupted"
    NOT_CANCELLED = "not_cancelled"
    """`cancel` left the restart running: it is not provably ours alone."""
    INTERNAL_ERROR = "internal_error"
    SETTLED = "settled"
    """`watch`: what it waited for succeeded."""
    NOTHING_IN_PROGRESS = "nothing_in_progress"
    """`watch`: nothing was in progress."""
    DEPLOYMENT_ERROR = "deployment_error"
    """`watch`: what it waited for failed."""


@unique
class ExitCode(IntEnum):
    """The exit code of the process."""

    SUCCEEDED = 0
    FAILED = 1
    USAGE = 2
    CANCELLED = 4
    BLOCKED = 5
    DEFECT = 70
    UNKNOWN = 75
    REFUSED = 77
    TIMED_OUT = 124
    SIGINT = 130
    SIGTERM = 143


EXIT_CODE_ORDER = (
    ExitCode.SIGINT,
    ExitCode.SIGTERM,
    ExitCode.USAGE,
    ExitCode.DEFECT,
    ExitCode.REFUSED,
    ExitCode.FAILED,
    ExitCode.UNKNOWN,
    ExitCode.TIMED_OUT,
    ExitCode.CANCELLED,
    ExitCode.BLOCKED,
    ExitCode.SUCCEEDED,
)
"""In a run with mixed outcomes, the first of these that applies decides."""

_EXIT_CODE_OF_OUTCOME = {
    Outcome.SUCCEEDED: ExitCode.SUCCEEDED,
    Outcome.FAILED: ExitCode.FAILED,
    Outcome.TIMED_OUT: ExitCode.TIMED_OUT,
    Outcome.CANCELLED: ExitCode.CANCELLED,
    Outcome.BLOCKED: ExitCode.BLOCKED,
    Outcome.UNKNOWN: ExitCode.UNKNOWN,
}


@unique
class RunOutcome(StrEnum):
    """How a whole run ended: the word that goes with its exit code."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"
    INTERRUPTED = "interrupted"


_RUN_OUTCOME_OF_EXIT_CODE = {
    ExitCode.SUCCEEDED: RunOutcome.SUCCEEDED,
    ExitCode.FAILED: RunOutcome.FAILED,
    ExitCode.USAGE: RunOutcome.FAILED,
    ExitCode.CANCELLED: RunOutcome.CANCELLED,
    ExitCode.BLOCKED: RunOutcome.BLOCKED,
    ExitCode.DEFECT: RunOutcome.UNKNOWN,
    ExitCode.UNKNOWN: RunOutcome.UNKNOWN,
    ExitCode.REFUSED: RunOutcome.FAILED,
    ExitCode.TIMED_OUT: RunOutcome.TIMED_OUT,
    ExitCode.SIGINT: RunOutcome.INTERRUPTED,
    ExitCode.SIGTERM: RunOutcome.INTERRUPTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why environments must not begin now."""

    reason: Reason
    message: str
    """A sentence for users, without its full stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceResult:
    """How one service ended, with the evidence."""

    id: str
    name: str
    type: str
    outcome: Outcome
    state: str | None
    """The state last read, as the API spells it."""
    baseline_execution_id: str | None = None
    """The execution that the service was under right before the submit."""
    execution_id: str | None = None
    """The newer execution that restarted it, or failed to."""
    timeline: tuple[tuple[str, float], ...] = ()
    """Each state with the seconds since the submit at which it was first seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentResult:
    """How one environment ended."""

    name: str
    environment_id: str
    wave: int
    outcome: Outcome
    reason: Reason
    message: str
    """What happened and what to do about it, as a sentence for users."""
    services: tuple[ServiceResult, ...] = ()
    submitted_at: datetime | None = None
    settled_at: datetime | None = None
    duration_s: float | None = None
    """From the submit to the end; None when nothing was submitted."""
    console_url: str | None = None
    began_at: datetime | None = None
    """When its turn came."""
    proven_at: datetime | None = None
    """When its restart was proven, and its health checks began."""
    waits: tuple[Wait, ...] = ()
    """What it waited for before the submit."""
    checks: tuple[CheckResult, ...] = ()
    """Its health checks, as far as they ended."""
    left_out: tuple[Exclusion, ...] = ()
    """The services of the environment that were not meant."""

    @classmethod
    def not_begun(
        cls, target: Target, outcome: Outcome, reason: Reason, message: str, *, waits: tuple[Wait, ...] = ()
    ) -> "EnvironmentResult":
        """Return the result of an environment whose job never began."""
        return cls(
            name=target.name,
            environment_id=target.environment_id,
            wave=target.wave,
            outcome=outcome,
            reason=reason,
            message=message,
            console_url=target.console_url,
            waits=waits,
            left_out=target.excluded,
        )

    @property
    def counts_as_failure(self) -> bool:
        """Whether it counts against the failure budget: everything but a success or a skip.

        A canary that was cancelled or blocked has proven nothing, so it must not let the next wave start.
        """
        return not self.outcome.is_good

    @property
    def is_open_ended(self) -> bool:
        """Whether a resumed run may find out more about its restart, if one was submitted."""
        return self.outcome in (Outcome.UNKNOWN, Outcome.TIMED_OUT)

    @property
    def exit_code(self) -> ExitCode | None:
        """The exit code that this environment calls for; None if it has no influence.

        A skip by policy counts as a success. A skip because the run halted or was interrupted has no influence, since
        what halted it has. What a resumed run was told not to begin counts as blocked.
        """
        if self.reason is Reason.TOKEN_REFUSED:
            return ExitCode.REFUSED
        if self.reason is Reason.NOT_BEGUN:
            return ExitCode.BLOCKED
        if self.outcome is Outcome.SKIPPED:
            return ExitCode.SUCCEEDED if self.reason is Reason.NOT_RUNNING else None
        return _EXIT_CODE_OF_OUTCOME[self.outcome]


def exit_code_of(results: Iterable[EnvironmentResult], *, interrupted: ExitCode | None = None) -> ExitCode:
    """Return a run's exit code: the first of `EXIT_CODE_ORDER` that applies.

    A run in which no environment calls for any code has proven nothing: `ExitCode.UNKNOWN`, never a success.

    Args:
        results: every environment of the run.
        interrupted: `ExitCode.SIGINT` or `ExitCode.SIGTERM` when a signal ended the run.
    """
    applicable = {result.exit_code for result in results} | {interrupted}
    return next((code for code in EXIT_CODE_ORDER if code in applicable), ExitCode.UNKNOWN)


def run_outcome_of(exit_code: ExitCode) -> RunOutcome:
    """Return the outcome of a run that ends with `exit_code`."""
    return _RUN_OUTCOME_OF_EXIT_CODE[exit_code]
