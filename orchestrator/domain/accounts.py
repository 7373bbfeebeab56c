"""What is told of an environment beside how it ended: what it waited for, and what its health checks answered."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique


@unique
class WaitedFor(StrEnum):
    """What an environment waited for before its restart was submitted."""

    QUOTA = "quota"
    """The requests that its restart was expected to need were not left."""
    LOCK = "lock"
    """Another run that had not ended held it."""
    BUSY = "busy"
    """Another operation was in progress there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A time for which an environment waited."""

    what: WaitedFor
    since: datetime
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What came of a health check."""

    url: str
    """Without what may be secret in it."""
    wanted: int
    """The HTTP status that it had to answer."""
    consecutive: int
    """How many times in a row."""
    passed: bool
    last_answer: int | str
    """An HTTP status, or why there was none."""
    probes: int
    """How many times it was asked."""
    duration_s: float


def answer_in_words(answer: int | str) -> str:
    """Return what a health check was answered: an HTTP status, or why there was none.

    >>> answer_in_words(503), answer_in_words("no answer within 2 s")
    ('HTTP 503', 'no answer within 2 s')
    """
    return f"HTTP {answer}" if isinstance(answer, int) else answer


def wanted_in_words(status: int, consecutive: int) -> str:
    """Return what a health check has to be answered, and how often.

    >>> wanted_in_words(200, 1), wanted_in_words(204, 3)
    ('HTTP 200', 'HTTP 204 3 times in a row')
    """
    return f"HTTP {status}" + (f" {consecutive} times in a row" if consecutive > 1 else "")
