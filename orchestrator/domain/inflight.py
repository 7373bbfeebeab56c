"""A restart that outlives its process: what is written down of it, and read again. Pure values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from orchestrator.domain.observations import Baseline


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A restart that is about to be posted: written down before it is, so that no death can hide it."""

    baseline: Baseline
    left_out: frozenset[str]
    """The ids of targets that do not run and that policy skips."""
    posted_at: float
    """The instant of the first post, of the clock that the job is given."""
    submitted_at: datetime
    """The latest post, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What has been seen since the submit."""

    states: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)
    """The state and the execution last read of each target."""
    timelines: Mapping[str, tuple[tuple[str, float], ...]] = field(default_factory=dict)
    seen_running: frozenset[str] = frozenset()
    """The new executions that were seen in progress."""
    was_seen: bool = False
    """Whether anything of a restart was."""
    not_ours: frozenset[str] = frozenset()
    """Executions that were at work while our request still waited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """A restart that an earlier process posted, or was about to post, and did not see to its end."""

    intent: Intent
    accepted: bool
    """Whether its acceptance is known; else it has to be looked for."""
    found: bool = False
    """Whether it is known only because it was found there: then nothing proves that it is ours alone."""
    request_ids: frozenset[str] = frozenset()
    sighting: Sighting = field(default_factory=Sighting)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Another run that holds an environment: it has begun there, and has not settled it."""

    run_id: str
    since: datetime
    at_work: bool
    """Whether its process is alive, or has to be taken for alive."""
    where: str
    """What is known of that process, for a person."""
    resume: str
    """The command that goes on with it."""
