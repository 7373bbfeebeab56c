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
