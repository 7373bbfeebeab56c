"""What has happened before: past runs, past restarts of one environment, and the figures that sum them up."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from math import ceil
from statistics import median

from orchestrator.domain.outcomes import EnvironmentResult, Outcome


@unique
class RunState(StrEnum):
    """How far a run in the journal has come."""

    ENDED = "ended"
    IN_PROGRESS = "in_progress"
    """A process is working on it, or must be assumed to be."""
    INTERRUPTED = "interrupted"
    """No process is working on it, and something of it is left to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """A run, as the journal remembers it."""

    run_id: str
    parent_id: str | None
    source: str | None
    """The name of its file, as given; None without one."""
    started_at: datetime
    ended_at: datetime | None
    state: RunState
    outcome: str | None
    """The outcome of the run, or `abandoned`; None as long as nothing was written about it."""
    exit_code: int | None
    """That of the process that worked on it last; None if it wrote none."""
    duration_s: float
    """Seconds from the start to the end, or to the last sign of life."""
    outcomes: Mapping[Outcome, int]
    """How many of its environments ended in each way."""
    open: int
    """How many have not ended."""
    resume: str | None
    """The command that resumes it, if it was interrupted."""
    started_by: str | None = None
    """What started it, as a code (`reports.model.Trigger`); None if unknown."""

    @property
    def environments(self) -> int:
        """How many environments it has."""
        return sum(self.outcomes.values()) + self.open

    @property
    def succeeded(self) -> bool | None:
        """Whether it succeeded; None if it has not ended."""
        return self.outcome == Outcome.SUCCEEDED if self.state is RunState.ENDED else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRestart:
    """What a run did in one environment, as the journal remembers it."""

    run_id: str
    source: str | None
    name: str
    """What the run's file calls the environment."""
    environment_id: str
    started_at: datetime
    """The start of the run."""
    state: RunState
    """That of the restart: it may have ended although its run has not."""
    result: EnvironmentResult | None
    """How it ended; None if it has not."""
    resume: str | None
    """The command that resumes the run, if it was interrupted."""

    @property
    def succeeded(self) -> bool | None:
        """Whether it succeeded; None if it has not ended, or was never meant to begin: it says nothing either way."""
        if self.result is None or self.result.outcome is Outcome.SKIPPED:
            return None
        return self.result.outcome is Outcome.SUCCEEDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What many endings amount to. Spans are in seconds, and of successes alone: a failure ends early, or late."""

    total: int
    decided: int
    """Those that succeeded or did not; neither those that have not ended nor what was skipped."""
    succeeded: int
    median_s: float | None
    p95_s: float | None
    last_success_at: datetime | None

    @property
    def success_rate(self) -> float | None:
        """From 0 to 1; None if nothing was decided."""
        return self.succeeded / self.decided if self.decided else None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What there is to tell, the latest first."""

    since: datetime
    figures: Figures
    """Of everything since then, whether or not it is listed."""
    runs: Sequence[PastRun] = ()
    """The latest runs."""
    environments: tuple[str, ...] | None = None
    """The ids of the one environment that was asked about; then its restarts are listed. Several if it was deleted and
    created again."""
    restarts: Sequence[PastRestart] = ()
    latest_before: datetime | None = None
    """If nothing began since then: when the last did that came before."""


def figures_of_runs(runs: Iterable[PastRun]) -> Figures:
    """Sum up runs."""
    return _figures([(run.succeeded, run.duration_s, run.ended_at) for run in runs])


def figures_of_restarts(restarts: Iterable[PastRestart]) -> Figures:
    """Sum up the restarts of an environment."""
    return _figures(
        [
            (None, None, None)
            if each.result is None
            else (each.succeeded, each.result.duration_s, each.result.settled_at)
            for each in restarts
        ]
    )


def _figures(endings: Sequence[tuple[bool | None, float | None, datetime | None]]) -> Figures:
    successes = [(seconds, at) for succeeded, seconds, at in endings if succeeded]
    spans = sorted(seconds for seconds, _ in successes if seconds is not None)
    return Figures(
        total=len(endings),
        decided=sum(succeeded is not None for succeeded, _, _ in endings),
        succeeded=len(successes),
        median_s=median(spans) if spans else None,
        p95_s=percentile(spans, 95) if spans else None,
        last_success_at=max((at for _, at in successes if at is not None), default=None),
    )


def percentile(ordered: Sequence[float], percent: int) -> float:
    """Return the smallest value that so many percent do not exceed (the nearest rank); `ordered` must have some.

    >>> percentile([1.0, 2.0, 3.0, 4.0], 95), percentile([1.0, 2.0, 3.0, 4.0], 50)
    (4.0, 2.0)
    """
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)]
