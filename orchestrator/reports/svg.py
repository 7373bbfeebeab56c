"""The picture of a run as inline SVG: each environment a lane, from left to right as time went by.

Kinds of segments differ in shape, not only in colour; so do the marks of the outcomes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from rich.cells import cell_len, set_cell_size

from orchestrator.domain.outcomes import Outcome
from orchestrator.reports.digest import outcome_words, tally, worst_to_best
from orchestrator.reports.geometry import (
    AXIS,
    Band,
    Lane,
    Line,
    LineKind,
    Phase,
    Picture,
    Segment,
    Tick,
    outcomes_in,
    picture_of,
)
from orchestrator.reports.markup import text
from orchestrator.reports.model import RunReport
from orchestrator.reports.wording import count, span
from orchestrator.text import printable

WIDEST_NAME = 20
"""Columns of a name beside its lane. The whole name is in the lane's title."""
THIN_MARKS = 0.6
"""The size of the marks in thin lanes of what went well, as a fraction of that of others: problems stand out."""
FIRST_SEEN = "A state is timed by when it was first seen: it may have begun up to one look earlier."

_WORDS = {
    Phase.QUOTA: "waiting for the quota",
    Phase.LOCK: "waiting for another run to end",
    Phase.BUSY: "waiting, as the environment was busy",
    Phase.SUBMITTED: "submitted",
    Phase.RESTARTING: "seen to restart",
    Phase.OTHERS: "another user's operation",
    Phase.VERIFYING: "verifying",
    Phase.WATCHED: "watched",
}
_HEIGHTS = {Phase.SUBMITTED: 0.45, Phase.RESTARTING: 1.0, Phase.VERIFYING: 1.0, Phase.OTHERS: 0.7, Phase.WATCHED: 0.7}
"""Of a bar, as a fraction of the highest. What waits is a line."""
_MARKS = {
    Outcome.SUCCEEDED: '<circle r="4"/>',
    Outcome.FAILED: '<path d="M-4-4 4 4M4-4-4 4" class="stroke"/>',
    Outcome.TIMED_OUT: '<path d="M-4-4.5H4L-4 4.5H4Z"/>',
    Outcome.CANCELLED: '<path d="M0-5 5 0 0 5-5 0Z"/>',
    Outcome.BLOCKED: '<path d="M-4-4H4V4H-4Z"/>',
    Outcome.UNKNOWN: '<path d="M0-5 5 4H-5Z"/>',
    Outcome.SKIPPED: '<circle r="3" class="stroke"/>',
}


def picture(report: RunReport) -> Iterator[str]:
    """Render the picture of a run, with its legend; nothing for a run without environments."""
    drawn = picture_of(report)
    if not drawn.lanes:
        return
    yield '<figure class="picture">'
    yield (
        f'<svg class="{"labelled" if drawn.is_labelled else "thin"}" role="img" width="100%" height="{drawn.height:g}" '
        'aria-labelledby="picture-title picture-text">'
    )
    yield '<title id="picture-title">The course of the run</title>'
    yield f'<desc id="picture-text">{text(_description(report, drawn))}</desc>'
    yield f"<defs>{''.join(_symbols(thin=not drawn.is_labelled))}</defs>"
    for band in drawn.bands:
        yield from _headings(band, drawn)
    for tick in drawn.ticks:
        yield _tick(tick, drawn)
    for line in drawn.lines:
        yield _line(line, drawn)
    # Problems last, so that nothing is drawn over their marks.
    for lane in sorted(drawn.lanes, key=lambda lane: not lane.environment.outcome.is_good):
        yield "".join(_lane(lane, drawn.pitch))
    yield "</svg>"
    yield "<figcaption>"
    yield f'<ul class="legend" aria-label="What the picture shows">{"".join(_legend(drawn))}</ul>'
    yield f'<p class="quiet">{FIRST_SEEN}</p>'
    yield "</figcaption></figure>"


def _description(report: RunReport, drawn: Picture) -> str:
    """Say in words what the picture shows."""
    waves = f" in {len(drawn.bands)} waves" if len(drawn.bands) > 1 else ""
    sentences = [f"{count(len(drawn.lanes), 'environment')}{waves}, {span(drawn.seconds)} from left to right"]
    sentences += [
        f"wave {band.wave} began after {span(band.began)}"
        if band.began is not None
        else f"wave {band.wave} never began"
        for band in drawn.bands[1:]
    ]
    sentences += [
        f"the run halted after {span(line.seconds)}"
        if line.kind is LineKind.HALT
        else f"the window ended after {span(line.seconds)}"
        for line in drawn.lines
        if line.kind is not LineKind.WAVE
    ]
    longest = Counter[Phase]()
    for lane in drawn.lanes:
        longest.update({segment.phase for segment in lane.segments})
    waited = [f"{longest[phase]} {_WORDS[phase]}" for phase in (Phase.QUOTA, Phase.LOCK, Phase.BUSY) if longest[phase]]
    return ". ".join([*(each[0].upper() + each[1:] for each in (*sentences, *waited)), f"In the end {tally(report)}."])


def _symbols(*, thin: bool) -> Iterator[str]:
    for outcome, shape in _MARKS.items():
        scale = THIN_MARKS if thin and outcome.is_good else 1.0
        yield f'<g id="mark-{outcome.value}" class="mark {outcome.value}" transform="scale({scale:g})">{shape}</g>'


def _headings(band: Band, drawn: Picture) -> Iterator[str]:
    if len(drawn.bands) > 1:
        when = f" after {span(band.began)}" if band.began is not None and band is not drawn.bands[0] else ""
        yield f'<text class="wave" y="{band.top + 15:g}">Wave {band.wave}{when}</text>'
    if drawn.is_labelled:
        for lane in band.lanes:
            name = text(_short(lane.environment.name))
            yield f'<text class="name" y="{lane.top + drawn.pitch / 2 + 4:g}">{name}</text>'


def _short(name: str) -> str:
    """Shorten a name in its middle: the beginning and the end of names tell most."""
    shown = printable(name)
    if cell_len(shown) <= WIDEST_NAME:
        return shown
    half = (WIDEST_NAME - 1) // 2
    return f"{set_cell_size(shown, half).rstrip()}…{set_cell_size(shown[::-1], half).rstrip()[::-1]}"


def _lane(lane: Lane, pitch: float) -> Iterator[str]:
    environment, middle = lane.environment, lane.top + pitch / 2
    parts = [f"{_WORDS[segment.phase]} {span(segment.seconds)}" for segment in lane.segments]
    told = ", ".join([f"{environment.name}: {outcome_words(environment.outcome)}", *parts])
    yield f'<g class="lane" data-outcome="{environment.outcome.value}"><title>{text(told)}</title>'
    for segment in lane.segments:
        yield _segment(segment, middle, highest=min(pitch - 1, 12.0))
    yield _mark(environment.outcome, f"{lane.mark:.2%}", middle)
    yield "</g>"


def _segment(segment: Segment, middle: float, *, highest: float) -> str:
    if segment.phase not in _HEIGHTS:
        return (
            f'<line class="{segment.phase.value}" x1="{segment.start:.2%}" x2="{segment.end:.2%}" '
            f'y1="{middle:g}" y2="{middle:g}"/>'
        )
    height = highest * _HEIGHTS[segment.phase]
    return (
        f'<rect class="{segment.phase.value}" x="{segment.start:.2%}" width="{segment.end - segment.start:.2%}" '
        f'y="{middle - height / 2:g}" height="{height:g}"/>'
    )


def _mark(outcome: Outcome, x: str, y: float) -> str:
    return f'<use href="#mark-{outcome.value}" x="{x}" y="{y:g}"/>'


def _tick(tick: Tick, drawn: Picture) -> str:
    x = f"{tick.at:.2%}"
    return (
        f'<line class="tick" x1="{x}" x2="{x}" y1="{AXIS - 6:g}" y2="{drawn.height - AXIS:g}"/>'
        f'<text class="tick {_anchor(tick.at)}" x="{x}" y="{AXIS - 10:g}">{_short_span(tick.seconds)}</text>'
    )


def _line(line: Line, drawn: Picture) -> str:
    x = f"{line.at:.2%}"
    drawn_line = f'<line class="{line.kind.value}" x1="{x}" x2="{x}" y1="{AXIS - 6:g}" y2="{drawn.height - AXIS:g}"/>'
    if line.kind is LineKind.WAVE:
        return drawn_line
    words = "halted" if line.kind is LineKind.HALT else "window ends"
    # The halt has its label on the left of its line, the window's end on the right, so that both can be read.
    y = drawn.height - AXIS + (12 if line.kind is LineKind.HALT else 23)
    return f'{drawn_line}<text class="{line.kind.value} {_anchor(line.at)}" x="{x}" y="{y:g}">{words}</text>'


def _anchor(at: float) -> str:
    """Return the class that keeps a label inside the picture."""
    return "from-here" if at < 0.05 else "to-here" if at > 0.9 else "around"  # noqa: PLR2004 - near the ends


def _short_span(seconds: float) -> str:
    """Return a span without the parts that are zero.

    >>> [_short_span(seconds) for seconds in (0, 30, 90, 300, 5400)]
    ['0', '30s', '1m 30s', '5m', '1h 30m']
    """
    whole = round(seconds)
    parts = ((whole // 3600, "h"), (whole % 3600 // 60, "m"), (whole % 60, "s"))
    return " ".join(f"{amount}{unit}" for amount, unit in parts if amount) or "0"


def _legend(drawn: Picture) -> Iterator[str]:
    phases = {segment.phase for lane in drawn.lanes for segment in lane.segments}
    for phase in Phase:
        if phase in phases:
            shown = _segment(Segment(phase=phase, start=0.0, end=1.0, seconds=0.0), 7, highest=12.0)
            yield _entry(shown, _WORDS[phase])
    for outcome in _in_order(outcomes_in(drawn)):
        yield _entry(_mark(outcome, "50%", 7), outcome_words(outcome))


def _entry(shape: str, words: str) -> str:
    return f'<li><svg class="swatch" width="20" height="14" aria-hidden="true">{shape}</svg>{words}</li>'


def _in_order(outcomes: Iterable[Outcome]) -> list[Outcome]:
    shown = set(outcomes)
    return [outcome for outcome in worst_to_best() if outcome in shown]
