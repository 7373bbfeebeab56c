"""Every error that this package raises on purpose.

An expected ending of a restart is an `Outcome`, not an error. Errors are for what prevents a verdict::

    RestartError
    ├── UsageError                      the command line, the file, or what they name is wrong
    │   ├── ConfigError                 the configuration file
    │   ├── JournalError                the journal cannot be read or written
    │   │   └── JournalBusyError        another process keeps it to itself
    │   └── NameResolutionError         a name matches nothing, or several things
    ├── RunDeadlineError                the run's deadline passed before anything could begin
    └── PlatformError                   the Qovery API did not do as asked, or could not be reached
        ├── TokenRefusedError           401 or 403
        ├── NotFoundError               404
        ├── RefusedError                any other refusal of a request that was understood
        │   └── BusyError               409: another operation is in progress
        └── PassingError                trying again may help
            ├── NotSentError            the request never left; sending it again is safe
            ├── UnansweredError         sent, perhaps acted upon, and not (properly) answered
            ├── MalformedAnswerError    an unexpected answer: HTML, truncated JSON, a missing part
            └── ThrottledError          429: too many requests
"""

import traceback
from collections.abc import Sequence
from pathlib import Path

from orchestrator._version import __version__


class RestartError(Exception):
    """The root of the tree."""


class UsageError(RestartError):
    """The user has to change something; nothing was submitted (exit code 2)."""


class ConfigError(UsageError):
    """The configuration file is wrong; `problems` lists every finding, each a line for users."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class JournalError(UsageError):
    """The journal cannot be read or written: it is damaged, full, forbidden, or of a newer version."""


class JournalBusyError(JournalError):
    """Another process keeps the journal to itself, a backup for example: trying again may help."""


class NameResolutionError(UsageError):
    """A name in the configuration matches nothing, or several things; `problems` lists every finding."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class RunDeadlineError(RestartError):
    """The run's deadline passed while it was looked up what to restart; nothing was submitted (exit code 124)."""


class PlatformError(RestartError):
    """The Qovery API did not do as asked, or could not be reached.

    Args:
        message: what happened, for users.
        status: the HTTP status, if there was an answer.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class TokenRefusedError(PlatformError):
    """401 or 403. Qovery also answers 403 for what does not exist."""


class NotFoundError(PlatformError):
    """404.

    Args:
        message: what happened, for users.
        status: the HTTP status.
        hint: what else it may come from, as a sentence, if there is something.
    """

    def __init__(self, message: str, *, status: int | None = None, hint: str = "") -> None:
        super().__init__(f"{message}. {hint}" if hint else message, status=status)
        self.hint = hint


class RefusedError(PlatformError):
    """The request was understood and refused: it had no effect, and sending it again would not help."""


class BusyError(RefusedError):
    """409: another operation is in progress in the environment."""


class PassingError(PlatformError):
    """A fault that may pass: a read that fails this way is retried.

    Args:
        message: what happened, for users.
        status: the HTTP status, if there was an answer.
        lasting: whether it hardly passes by itself, if there was no usable answer yet: a host that does not exist, a
            closed port, a page in place of JSON.
    """

    def __init__(self, message: str, *, status: int | None = None, lasting: bool = False) -> None:
        super().__init__(message, status=status)
        self.lasting = lasting

    @property
    def never_left(self) -> bool:
        """Whether the platform cannot have seen the request: sending it again is safe."""
        return False


class NotSentError(PassingError):
    """No connection was made, so the platform cannot have seen the request."""

    @property
    def never_left(self) -> bool:
        """True."""
        return True


class UnansweredError(PassingError):
    """The request was sent, and may have been acted upon, but no usable answer came back."""


class MalformedAnswerError(PassingError):
    """The answer is not what the call promises: HTML, truncated JSON, an empty body, a missing part."""


class ThrottledError(PassingError):
    """429. `retry_after` is the number of seconds to wait; None if the platform does not say."""

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, status=status)
        self.retry_after = retry_after

    @property
    def never_left(self) -> bool:
        """Whether our own quota kept it back: then no answer has a status."""
        return self.status is None


def defect_sentence(error: BaseException) -> str:
    """Return a sentence for users about an exception that nobody foresaw.

    It shows where the exception was raised, and not what it says, which may be a secret: only logs can hide those.
    """
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    frames = [(Path(frame.f_code.co_filename), line) for frame, line in traceback.walk_tb(error.__traceback__)]
    package = Path(__file__).parent
    ours = [f"{file.relative_to(package.parent)}:{line}" for file, line in frames if file.is_relative_to(package)]
    where = f", {ours[-1]}" if ours else ""
    return (
        f"internal_error: a bug in qovery-restart {__version__} ({type(error).__name__}{where}). "
        "Please report it, with this line and the traceback in the log."
    )
