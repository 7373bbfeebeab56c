"""Where the picture of a run has its lanes, their segments and its lines. Numbers only: `svg.py` has the markup.

Across, everything is a fraction of the picture's width, from 0 (the run's start) to 1; down, it is in pixels.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from itertools import groupby, pairwise

from orchestrator.domain.accounts import WaitedFor
from orchestrator.domain.outcomes import Outcome
from orchestrator.domain.states import RESTART_IN_PROGRESS, State, StateClass, classify
from orchestrator.reports.model import EnvironmentReport, RunReport

MOST_LABELLED = 30
"""More lanes than this are thin, and have no names."""
LABELLED_PITCH = 22.0
THIN_PITCH = 6.0
AXIS = 24.0
"""The height of the axis above the lanes, and of the labels below them."""
HEADING = 22.0
"""The height of a wave's heading."""
MOST_TICKS = 6
WINDOW_WITHIN = 1.25
"""The end of a window is drawn if it is not later than this multiple of the run's duration."""

_STEPS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
"""Seconds between two ticks."""
_OURS = RESTART_IN_PROGRESS | {State.RESTARTED, State.RESTART_ERROR, State.CANCELED}
_QUEUED = frozenset({State.RESTART_QUEUED, State.WAITING_RESTARTING, State.QUEUED})


@unique
class Phase(StrEnum):
    """What an environment was doing."""

    QUOTA = "quota"
    LOCK = "lock"
    BUSY = "busy"
    SUBMITTED = "submitted"
    """From the submit until it was first seen to restart."""
    RESTARTING = "restarting"
    OTHERS = "others"
    """What was seen there is no restart: another user's operation."""
    VERIFYING = "verifying"
    WATCHED = "watched"


@unique
class LineKind(StrEnum):
    """What a line across all lanes stands for."""

    WAVE = "wave"
    HALT = "halt"
    WINDOW = "window"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A piece of a lane."""

    phase: Phase
    start: float
    end: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One environment."""

    environment: EnvironmentReport
    top: float
    segments: tuple[Segment, ...]
    mark: float
    """Where the mark of its outcome is: where it settled; at the run's end if it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """The lanes of a wave, below its heading."""

    wave: int
    top: float
    began: float | None
    """Seconds from the run's start; None if nothing of it began."""
    lanes: tuple[Lane, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An instant that concerns all lanes."""

    kind: LineKind
    at: float
    seconds: float
    wave: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A mark of the axis."""

    at: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The picture of a run."""

    bands: tuple[Band, ...]
    lines: tuple[Line, ...]
    ticks: tuple[Tick, ...]
    pitch: float
    height: float
    seconds: float
    """What its width stands for."""

    @property
    def is_labelled(self) -> bool:
        """Whether each lane has its environment's name."""
        return self.pitch == LABELLED_PITCH

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """All lanes, from the top."""
        return tuple(lane for band in self.bands for lane in band.lanes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    """Turns instants into places. What a clock that was set says lies outside, and is moved to the nearest end."""

    start: datetime
    lasted: float
    """Seconds of the run."""
    seconds: float
    """What the whole width stands for."""

    def since_start(self, instant: datetime) -> float:
        return min(max((instant - self.start).total_seconds(), 0.0), self.seconds)

    def segment(self, phase: Phase, start: float, end: float) -> Segment:
        start, end = (min(max(each, 0.0), self.seconds) for each in (start, max(start, end)))
        return Segment(phase=phase, start=start / self.seconds, end=end / self.seconds, seconds=end - start)


def is_anothers(state: str) -> bool:
    """Return whether a state is one that no restart passes through: it belongs to another user's operation.

    >>> [is_anothers(state) for state in ("DEPLOYING", "RESTARTING", "NEVER_HEARD_OF")]
    [True, False, False]
    """
    return classify(state) is not StateClass.UNKNOWN and state not in _OURS


def picture_of(report: RunReport) -> Picture:
    """Lay out the picture of a run."""
    scale = _scale(report)
    pitch = LABELLED_PITCH if len(report.environments) <= MOST_LABELLED else THIN_PITCH
    bands, bottom = [], AXIS
    ordered = sorted(report.environments, key=lambda environment: environment.wave)
    for wave, members in groupby(ordered, key=lambda environment: environment.wave):
        band = _band(wave, list(members), scale, top=bottom, pitch=pitch)
        bottom += HEADING + pitch * len(band.lanes)
        bands.append(band)
    return Picture(
        bands=tuple(bands),
        lines=tuple(_lines(report, bands, scale)),
        ticks=tuple(_ticks(scale.seconds)),
        pitch=pitch,
        height=bottom + AXIS,
        seconds=scale.seconds,
    )


def _scale(report: RunReport) -> _Scale:
    lasted = seconds = max((report.ended_at - report.started_at).total_seconds(), report.duration_s, 1.0)
    if report.window_ends_at is not None:
        until_window_ends = (report.window_ends_at - report.started_at).total_seconds()
        if until_window_ends <= seconds * WINDOW_WITHIN:
            seconds = max(seconds, until_window_ends)
    return _Scale(start=report.started_at, lasted=lasted, seconds=seconds)


def _band(wave: int, members: Sequence[EnvironmentReport], scale: _Scale, *, top: float, pitch: float) -> Band:
    begins = [scale.since_start(instant) for each in members for instant in _begins(each)]
    return Band(
        wave=wave,
        top=top,
        began=min(begins, default=None),
        lanes=tuple(
            _lane(environment, scale, top=top + HEADING + pitch * number) for number, environment in enumerate(members)
        ),
    )


def _begins(environment: EnvironmentReport) -> Iterator[datetime]:
    yield from (wait.since for wait in environment.waits)
    if environment.began_at is not None:
        yield environment.began_at
    if environment.submitted_at is not None:
        yield environment.submitted_at


def _lane(environment: EnvironmentReport, scale: _Scale, *, top: float) -> Lane:
    settled = scale.lasted if environment.settled_at is None else scale.since_start(environment.settled_at)
    return Lane(
        environment=environment,
        top=top,
        segments=tuple(_segments(environment, scale, settled)),
        mark=settled / scale.seconds,
    )


def _segments(environment: EnvironmentReport, scale: _Scale, settled: float) -> Iterator[Segment]:
    for wait in environment.waits:
        since = scale.since_start(wait.since)
        yield scale.segment(_PHASE_OF_WAIT[wait.what], since, since + wait.duration_s)
    if environment.submitted_at is None:
        if environment.duration_s is not None and environment.began_at is not None:
            yield scale.segment(Phase.WATCHED, scale.since_start(environment.began_at), settled)
        return
    submitted = scale.since_start(environment.submitted_at)
    proven = settled if environment.proven_at is None else scale.since_start(environment.proven_at)
    changes = [(submitted, Phase.SUBMITTED), *_changes(environment, submitted), (proven, Phase.VERIFYING)]
    for (start, phase), (end, _) in pairwise(changes):
        if min(end, proven) > start:
            yield scale.segment(phase, start, min(end, proven))
    if settled > proven:
        yield scale.segment(Phase.VERIFYING, proven, settled)


_PHASE_OF_WAIT = {WaitedFor.QUOTA: Phase.QUOTA, WaitedFor.LOCK: Phase.LOCK, WaitedFor.BUSY: Phase.BUSY}


def _changes(environment: EnvironmentReport, submitted: float) -> Iterator[tuple[float, Phase]]:
    """Yield when the environment was seen to enter another phase, by what its services were seen to do."""
    seen = sorted(
        (max(seconds, 0.0), order, state)
        for service in environment.services
        for order, (state, seconds) in enumerate(service.timeline)
    )
    phase = Phase.SUBMITTED
    for seconds, _, state in seen:
        now = _phase_of(state, phase)
        if now is not phase:
            phase = now
            yield submitted + seconds, phase


def _phase_of(state: str, before: Phase) -> Phase:
    """Return the phase of an environment of which a service enters `state`."""
    if is_anothers(state):
        return Phase.OTHERS
    if state in _QUEUED:
        # The services of one restart are not queued and restarted at the same time.
        return Phase.SUBMITTED if before is Phase.OTHERS else before
    if state == State.CANCELED or classify(state) is StateClass.UNKNOWN:
        return before
    return Phase.RESTARTING


def _lines(report: RunReport, bands: Iterable[Band], scale: _Scale) -> Iterator[Line]:
    for number, band in enumerate(bands):
        if number and band.began is not None:
            yield Line(kind=LineKind.WAVE, at=band.began / scale.seconds, seconds=band.began, wave=band.wave)
    if report.halted_at is not None:
        halted = scale.since_start(report.halted_at)
        yield Line(kind=LineKind.HALT, at=halted / scale.seconds, seconds=halted)
    if report.window_ends_at is not None:
        ends = (report.window_ends_at - report.started_at).total_seconds()
        if 0 <= ends <= scale.seconds:
            yield Line(kind=LineKind.WINDOW, at=ends / scale.seconds, seconds=ends)


def _ticks(seconds: float) -> Iterator[Tick]:
    step = next((float(step) for step in _STEPS if seconds / step <= MOST_TICKS), None)
    if step is None:
        step = float(_STEPS[-1])
        while seconds / step > MOST_TICKS:
            step *= 2
    for number in range(int(seconds / step) + 1):
        yield Tick(at=number * step / seconds, seconds=number * step)


def outcomes_in(picture: Picture) -> frozenset[Outcome]:
    """Return the outcomes whose marks a picture shows."""
    return frozenset(lane.environment.outcome for lane in picture.lanes)
