"""How a restart can end, what an ending is worth to a pipeline, and the record that proves it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum, unique


@unique
class Outcome(StrEnum):
    """How one environment, or one service in it, ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    """Somebody cancelled our run, or superseded it."""
    BLOCKED = "blocked"
    """Never submitted: something stood in the way."""
    SKIPPED = "skipped"
    """Never submitted: the run had halted, or policy said so."""
    UNKNOWN = "unknown"
    """Nobody can say."""


@unique
class Reason(StrEnum):
    """Why an environment ended as it did. A closed set: scripts branch on it."""

    RESTARTED = "restarted"
    RESTART_ERROR = "restart_error"
    NOT_RESTARTED = "not_restarted"
    """The run ended, but a service of ours was not restarted by it."""
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
    """Somebody's other operation ran in place of ours."""
    BUSY = "busy"
    STOPPED = "stopped"
    NO_BASELINE = "no_baseline"
    """What ran before could not be told, so nothing later could have been proven."""
    LOCKED = "locked"
    """Another run that has not ended holds the environment."""
    JOURNAL_UNWRITABLE = "journal_unwritable"
    """What has to be written down before a submit could not be, so nothing was submitted."""
    HALTED = "halted"
    NOT_BEGUN = "not_begun"
    """A resumed run was told to begin nothing new."""
    NOT_RUNNING = "not_running"
    """Nothing there runs, and `on_stopped: skip` says to leave it so."""
    CONTACT_LOST = "contact_lost"
    UNATTRIBUTED = "unattributed"
    """Every service restarted or failed in a run that nothing connects with ours."""
    SUBMIT_UNCONFIRMED = "submit_unconfirmed"
    """The answer to the submit was lost, and no look could tell whether it was accepted."""
    INTERRUPTED = "interrupted"
    NOT_CANCELLED = "not_cancelled"
    """`cancel` found that it is not, or not provably, ours alone, so it goes on."""
    INTERNAL_ERROR = "internal_error"
    SETTLED = "settled"
    """What `watch` waited for has ended well."""
    NOTHING_IN_PROGRESS = "nothing_in_progress"
    """`watch` found nothing to wait for."""
    DEPLOYMENT_ERROR = "deployment_error"
    """What `watch` waited for has ended badly."""


@unique
class ExitCode(IntEnum):
    """What the process says to whoever called it."""

    SUCCEEDED = 0
    FAILED = 1
    USAGE = 2
    CANCELLED = 4
    BLOCKED = 5
    UNKNOWN = 75
    REFUSED = 77
    TIMED_OUT = 124
    SIGINT = 130
    SIGTERM = 143


EXIT_CODE_ORDER = (
    ExitCode.SIGINT,
    ExitCode.SIGTERM,
    ExitCode.USAGE,
    ExitCode.REFUSED,
    ExitCode.FAILED,
    ExitCode.UNKNOWN,
    ExitCode.TIMED_OUT,
    ExitCode.CANCELLED,
    ExitCode.BLOCKED,
    ExitCode.SUCCEEDED,
)
"""In a mixed run the first of these that applies decides."""

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
    """How a whole run ended: the word beside its exit code."""

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
    ExitCode.UNKNOWN: RunOutcome.UNKNOWN,
    ExitCode.REFUSED: RunOutcome.FAILED,
    ExitCode.TIMED_OUT: RunOutcome.TIMED_OUT,
    ExitCode.SIGINT: RunOutcome.INTERRUPTED,
    ExitCode.SIGTERM: RunOutcome.INTERRUPTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceResult:
    """What became of one service, with the evidence for it."""

    id: str
    name: str
    type: str
    outcome: Outcome
    state: str | None
    """The state last read, as the API spells it."""
    baseline_execution_id: str | None = None
    """The execution that the service was under right before the submit."""
    execution_id: str | None = None
    """The newer execution that restarted it (or failed to)."""
    timeline: tuple[tuple[str, float], ...] = ()
    """Each state when it was first seen, in seconds since the submit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentResult:
    """What became of one environment."""

    name: str
    environment_id: str
    wave: int
    outcome: Outcome
    reason: Reason
    message: str
    """What happened and what to do about it, for a person."""
    services: tuple[ServiceResult, ...] = ()
    submitted_at: datetime | None = None
    settled_at: datetime | None = None
    duration_s: float | None = None
    """From the submit to the end; None when nothing was submitted."""
    console_url: str | None = None

    @property
    def counts_as_failure(self) -> bool:
        """Whether it uses up the failure budget: all but a success and what policy skipped.

        A canary that somebody cancelled or that was blocked has proven nothing, so it does not let the next wave start.
        """
        return self.outcome not in (Outcome.SUCCEEDED, Outcome.SKIPPED)

    @property
    def is_open_ended(self) -> bool:
        """Whether more may be found out about its restart, if one was submitted: it was lost, or given up."""
        return self.outcome in (Outcome.UNKNOWN, Outcome.TIMED_OUT)

    @property
    def exit_code(self) -> ExitCode | None:
        """What this environment alone would make of the exit code; None where it has no say.

        A skip by policy is as good as a success. A skip because the run halted or was interrupted has no say, since
        whatever halted it has. What a resumed run was told not to begin is as good as blocked.
        """
        if self.reason is Reason.TOKEN_REFUSED:
            return ExitCode.REFUSED
        if self.reason is Reason.NOT_BEGUN:
            return ExitCode.BLOCKED
        if self.outcome is Outcome.SKIPPED:
            return ExitCode.SUCCEEDED if self.reason is Reason.NOT_RUNNING else None
        return _EXIT_CODE_OF_OUTCOME[self.outcome]


def exit_code_of(results: Iterable[EnvironmentResult], *, interrupted: ExitCode | None = None) -> ExitCode:
    """Decide a run's exit code: the first of `EXIT_CODE_ORDER` that applies.

    A run in which nothing has a say has proven nothing, so it is `ExitCode.UNKNOWN`, never a success.

    Args:
        results: every environment of the run.
        interrupted: `ExitCode.SIGINT` or `ExitCode.SIGTERM` when a signal ended the run.
    """
    applicable = {result.exit_code for result in results} | {interrupted}
    return next((code for code in EXIT_CODE_ORDER if code in applicable), ExitCode.UNKNOWN)


def run_outcome_of(exit_code: ExitCode) -> RunOutcome:
    """Give the word for a run that ends with `exit_code`."""
    return _RUN_OUTCOME_OF_EXIT_CODE[exit_code]
