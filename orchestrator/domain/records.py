"""What the journal keeps of a run, so that another process can resume it. Pure values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from orchestrator.domain.accounts import Wait
from orchestrator.domain.observations import Baseline
from orchestrator.domain.outcomes import EnvironmentResult
from orchestrator.domain.plan import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A restart that is about to be posted. It is written before the POST, so that no crash can hide it."""

    baseline: Baseline
    left_out: frozenset[str]
    """The ids of targets that are not running and that the policy skips."""
    posted_at: float
    """The instant of the first POST, on the job's clock."""
    submitted_at: datetime
    """The latest POST, for reports."""
    began_at: datetime | None = None
    """When the environment's turn came, for reports; None where an earlier version wrote it."""
    waits: tuple[Wait, ...] = ()
    """What it waited for before that, for reports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What has been seen since the submit."""

    states: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)
    """The state and the execution last read of each target."""
    timelines: Mapping[str, tuple[tuple[str, float], ...]] = field(default_factory=dict)
    seen_running: frozenset[str] = frozenset()
    """The new executions that were seen in progress."""
    seen_alone: frozenset[str] = frozenset()
    """Those of them that were seen in progress while no request waited that may be ours."""
    was_seen: bool = False
    """Whether anything of a restart has been seen."""
    not_ours: frozenset[str] = frozenset()
    """Executions that were at work while our request still waited: not ours."""
    name: str | None = None
    """What the platform calls us, if it was learnt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """A restart that an earlier process posted, or was about to post, and did not settle."""

    intent: Intent
    accepted: bool
    """Whether it is known to be accepted; otherwise it has to be looked for."""
    found: bool = False
    """Whether its acceptance was inferred, because the answer was lost: nothing proves that it is ours alone."""
    request_ids: frozenset[str] = frozenset()
    """The ids of our request, if the platform returned any."""
    sighting: Sighting = field(default_factory=Sighting)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Another run that holds an environment: it has begun there and has not settled it."""

    run_id: str
    since: datetime
    at_work: bool
    """Whether its process is alive, as far as can be found out."""
    where: str
    """What is known of that process, as a sentence for users."""
    resume: str
    """The command that resumes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """An instant of a schedule for which a run begins."""

    schedule: str
    """What identifies the schedule."""
    due_at: datetime
    """The scheduled instant, in UTC."""
    closes_at: datetime | None
    """The end of its window; None without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedOccurrence:
    """What was decided about an instant of a schedule."""

    due_at: datetime
    decided_at: datetime
    decision: str
    reason: str
    run_id: str | None
    """The run that was to begin."""
    ended_at: datetime | None
    exit_code: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """A run that is about to begin."""

    run_id: str
    api_url: str
    config: str
    """The configuration as a document that holds no secret."""
    source: str | None
    started_at: datetime
    began: float
    """The instant of its start, on this process's clock."""
    end_by: float
    """Its deadline, on the same clock."""
    targets: Sequence[Target]
    requests: int
    """The number of requests it has sent so far."""
    parent_id: str | None = None
    occurrence: Occurrence | None = None
    """The scheduled instant for which it begins."""
    beginning: str | None = None
    """What its report tells of its beginning, as a document: `reports.model.Beginning`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """A run in the journal."""

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
    beginning: str | None = None
    """As `NewRun.beginning`; None for runs of older versions."""

    @property
    def ended(self) -> str:
        """How it ended, as a sentence for users."""
        return f"it ended at {self.ended_at:%Y-%m-%d %H:%M:%S} UTC, {self.outcome}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEnvironment:
    """One environment of a run in the journal. Instants are on this process's clock."""

    target: Target
    """Without its checks."""
    in_flight: InFlight | None
    result: EnvironmentResult | None
