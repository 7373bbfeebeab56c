"""What the journal keeps of runs and of the restarts in them, so that another process can resume them. Pure values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from orchestrator.domain.observations import Baseline
from orchestrator.domain.outcomes import EnvironmentResult
from orchestrator.domain.plan import Target


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
    """What the platform called our request, where it said so."""
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
    """The command that resumes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """What a run is about to do."""

    run_id: str
    api_url: str
    config: str
    """The configuration as a document that holds no secret."""
    source: str | None
    started_at: datetime
    began: float
    """The instant of its start, of the clock of this process."""
    end_by: float
    """Its deadline, likewise."""
    targets: Sequence[Target]
    requests: int
    """How many requests it has sent so far."""
    parent_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """A run, as far as it had come."""

    run_id: str
    parent_id: str | None
    api_url: str
    config: str
    source: str | None
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    requests: int
    submits: int

    @property
    def ended(self) -> str:
        """How it ended, in words."""
        return f"it ended at {self.ended_at:%Y-%m-%d %H:%M:%S} UTC, {self.outcome}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEnvironment:
    """One environment of a run, as far as it had come; instants are those of this process's clock."""

    target: Target
    """Without its checks."""
    in_flight: InFlight | None
    result: EnvironmentResult | None
