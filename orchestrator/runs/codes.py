"""The exit code of an error that ended a run before any environment had an outcome, and of several runs together."""

from collections.abc import Iterable

from orchestrator.domain.outcomes import EXIT_CODE_ORDER, ExitCode
from orchestrator.errors import RestartError, RunDeadlineError, TokenRefusedError, UsageError


def exit_code_of_error(error: BaseException) -> ExitCode:
    """Return the exit code for an error that ended a run before any environment had an outcome."""
    match error:
        case UsageError():
            return ExitCode.USAGE
        case RunDeadlineError():
            return ExitCode.TIMED_OUT
        case TokenRefusedError():
            return ExitCode.REFUSED
        case RestartError():
            return ExitCode.UNKNOWN
        case _:
            return ExitCode.DEFECT


def first_of(codes: Iterable[int]) -> ExitCode:
    """Return the first code that applies, in the order of a mixed run; success if there is none."""
    applicable = set(codes)
    return next((code for code in EXIT_CODE_ORDER if code in applicable), ExitCode.SUCCEEDED)
