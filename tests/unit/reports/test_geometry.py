"""Where the picture of a run has what: a table of what was seen, and what is drawn of it."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given

from orchestrator.domain.accounts import Wait, WaitedFor
from orchestrator.domain.outcomes import EnvironmentResult, Outcome, Reason, ServiceResult
from orchestrator.reports.geometry import (
    AXIS,
    HEADING,
    LABELLED_PITCH,
    MOST_LABELLED,
    MOST_TICKS,
    THIN_PITCH,
    LineKind,
    Phase,
    picture_of,
)
from orchestrator.reports.model import Beginning, RequestCounts, RunReport
from tests.support.reports import START, reports, service, without_submit

LASTED = 100.0
"""Seconds that every run here lasts, unless a test says otherwise: a fraction of it is a percentage."""

Timeline = tuple[tuple[str, float], ...]
RESTARTED: Timeline = (("RESTART_QUEUED", 1.0), ("RESTARTING", 10.0), ("RESTARTED", 30.0))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def environment(
    *timelines: Timeline,
    name: str = "production",
    wave: int = 1,
    submitted: float | None = 10.0,
    proven: float | None = None,
    settled: float | None = 50.0,
    waits: tuple[Wait, ...] = (),
    began: float | None = 5.0,
    duration_s: float | None = None,
) -> EnvironmentResult:
    services: list[ServiceResult] = [replace(service("api"), timeline=timeline) for timeline in timelines]
    return replace(
        without_submit(name, Outcome.SUCCEEDED, Reason.RESTARTED, services=services),
        wave=wave,
        submitted_at=None if submitted is None else at(submitted),
        proven_at=None if proven is None else at(proven),
        settled_at=None if settled is None else at(settled),
        began_at=None if began is None else at(began),
        waits=waits,
        duration_s=duration_s,
    )


def run(
    *results: EnvironmentResult,
    lasted: float = LASTED,
    halted_at: datetime | None = None,
    window_ends_at: datetime | None = None,
) -> RunReport:
    return RunReport.of(
        results,
        run_id="r",
        config=None,
        simulated=False,
        started_at=START,
        ended_at=at(lasted),
        requests=RequestCounts(total=0, submits=0),
        halted_at=halted_at,
        beginning=Beginning(window_ends_at=window_ends_at),
    )


def drawn(result: EnvironmentResult) -> list[tuple[str, float, float]]:
    """Each segment of its lane with where it begins and ends, in percent."""
    [lane] = picture_of(run(result)).lanes
    return [
        (segment.phase.value, round(100 * segment.start, 1), round(100 * segment.end, 1)) for segment in lane.segments
    ]


@pytest.mark.parametrize(
    ("result", "segments"),
    [
        pytest.param(
            environment(RESTARTED), [("submitted", 10, 20), ("restarting", 20, 50)], id="submitted, then restarted"
        ),
        pytest.param(
            environment(RESTARTED, proven=42),
            [("submitted", 10, 20), ("restarting", 20, 42), ("verifying", 42, 50)],
            id="verified after its proof",
        ),
        pytest.param(
            environment(RESTARTED, proven=50), [("submitted", 10, 20), ("restarting", 20, 50)], id="without checks"
        ),
        pytest.param(environment(settled=40), [("submitted", 10, 40)], id="nothing seen of it"),
        pytest.param(
            environment(RESTARTED, settled=None),
            [("submitted", 10, 20), ("restarting", 20, 100)],
            id="still going on at the end",
        ),
        pytest.param(
            environment((("RESTARTING", 8.0),), (("RESTART_QUEUED", 9.0), ("RESTARTING", 20.0))),
            [("submitted", 10, 18), ("restarting", 18, 50)],
            id="the first of its services counts",
        ),
        pytest.param(
            environment((("RESTARTING", 5.0), ("CANCELED", 10.0), ("DEPLOYING", 15.0), ("DEPLOYED", 30.0))),
            [("submitted", 10, 15), ("restarting", 15, 25), ("others", 25, 50)],
            id="cancelled, then another user's deployment",
        ),
        pytest.param(
            environment((("DEPLOYING", 2.0), ("RESTART_QUEUED", 12.0), ("RESTARTING", 20.0))),
            [("submitted", 10, 12), ("others", 12, 22), ("submitted", 22, 30), ("restarting", 30, 50)],
            id="behind another user's deployment",
        ),
        pytest.param(
            environment((("RESTARTING", 5.0), ("UNAVAILABLE", 10.0))),
            [("submitted", 10, 15), ("restarting", 15, 50)],
            id="a state that says nothing changes nothing",
        ),
        pytest.param(
            environment((("RESTARTING", 60.0),), settled=40),
            [("submitted", 10, 40)],
            id="seen after it settled, by a clock that was set",
        ),
        pytest.param(environment((("RESTARTING", -5.0),)), [("restarting", 10, 50)], id="seen before its submit"),
        pytest.param(
            environment(
                waits=(
                    Wait(what=WaitedFor.QUOTA, since=at(0), duration_s=3),
                    Wait(what=WaitedFor.LOCK, since=at(3), duration_s=2),
                    Wait(what=WaitedFor.BUSY, since=at(6), duration_s=4),
                )
            ),
            [("quota", 0, 3), ("lock", 3, 5), ("busy", 6, 10), ("submitted", 10, 50)],
            id="waited for all there is",
        ),
        pytest.param(
            environment(
                submitted=None, settled=60, waits=(Wait(what=WaitedFor.BUSY, since=at(5), duration_s=55),)
            ),
            [("busy", 5, 60)],
            id="waited in vain",
        ),
        pytest.param(
            environment(submitted=None, began=5, settled=60, duration_s=55), [("watched", 5, 60)], id="watched"
        ),
        pytest.param(environment(submitted=None, began=None, settled=None), [], id="never begun"),
        pytest.param(
            environment(submitted=-20, settled=500), [("submitted", 0, 100)], id="outside of the run, by a clock"
        ),
        pytest.param(environment(submitted=60, settled=30), [], id="settled before its submit, by a clock"),
    ],
)  # fmt: skip
def test_a_lane_shows_what_an_environment_was_doing(
    result: EnvironmentResult, segments: list[tuple[str, float, float]]
) -> None:
    assert drawn(result) == segments


@pytest.mark.parametrize(
    ("settled", "mark"),
    [pytest.param(50.0, 0.5, id="where it settled"), pytest.param(None, 1.0, id="at the end, if it did not")],
)
def test_the_mark_of_the_outcome_is(settled: float | None, mark: float) -> None:
    assert picture_of(run(environment(settled=settled))).lanes[0].mark == mark


def test_what_did_not_settle_is_marked_at_the_runs_end_and_not_at_the_windows() -> None:
    picture = picture_of(run(environment(settled=None), window_ends_at=at(125)))
    assert picture.lanes[0].mark == LASTED / 125


def test_waves_are_bands_in_their_order_and_lanes_in_the_plans() -> None:
    picture = picture_of(
        run(
            environment(name="c", wave=2, began=40),
            environment(name="a"),
            environment(name="d", wave=2, began=35),
            environment(name="b"),
        )
    )
    assert [(band.wave, band.top) for band in picture.bands] == [(1, AXIS), (2, AXIS + HEADING + 2 * LABELLED_PITCH)]
    assert [lane.environment.name for lane in picture.lanes] == ["a", "b", "c", "d"]
    tops = [lane.top for lane in picture.lanes]
    assert tops == [46, 68, 112, 134]
    assert picture.height == tops[-1] + LABELLED_PITCH + AXIS


@pytest.mark.parametrize(
    ("results", "began"),
    [
        pytest.param([environment(began=40, submitted=45)], 40, id="its first environment's turn"),
        pytest.param([environment(began=None, submitted=45)], 45, id="its first submit, of an older journal"),
        pytest.param(
            [environment(began=50, submitted=50, waits=(Wait(what=WaitedFor.QUOTA, since=at(30), duration_s=20),))],
            30,
            id="its first wait",
        ),
        pytest.param([environment(began=None, submitted=None)], None, id="never"),
    ],
)
def test_a_wave_began_with(results: list[EnvironmentResult], began: float | None) -> None:
    picture = picture_of(run(environment(name="canary"), *(replace(result, wave=2) for result in results)))
    assert picture.bands[1].began == began
    lines = [(line.kind, line.seconds, line.wave) for line in picture.lines]
    assert lines == ([] if began is None else [(LineKind.WAVE, began, 2)])


def test_a_halt_is_a_line() -> None:
    [line] = picture_of(run(environment(), halted_at=at(60))).lines
    assert (line.kind, line.at, line.seconds) == (LineKind.HALT, 0.6, 60)


@pytest.mark.parametrize(
    ("ends", "width", "place"),
    [
        pytest.param(80, 100, 0.8, id="inside the run"),
        pytest.param(125, 125, 1.0, id="a little later: the picture is wider"),
        pytest.param(126, 100, None, id="too much later to be drawn"),
        pytest.param(-5, 100, None, id="before it began"),
    ],
)
def test_the_end_of_a_window_is_a_line(ends: float, width: float, place: float | None) -> None:
    picture = picture_of(run(environment(), window_ends_at=at(ends)))
    assert picture.seconds == width
    assert [(line.kind, line.at) for line in picture.lines] == ([] if place is None else [(LineKind.WINDOW, place)])


@pytest.mark.parametrize(
    ("lasted", "seconds"),
    [
        pytest.param(0.0, [0, 1], id="no time at all"),
        pytest.param(42.0, [0, 10, 20, 30, 40], id="seconds"),
        pytest.param(81.4, [0, 20, 40, 60, 80], id="more than a minute"),
        pytest.param(3600.0, [0, 600, 1200, 1800, 2400, 3000, 3600], id="an hour"),
        pytest.param(86400.0 * 4, [0, 86400, 172800, 259200, 345600], id="days"),
        pytest.param(86400.0 * 10, [0, 172800, 345600, 518400, 691200, 864000], id="a resumed run"),
    ],
)
def test_the_axis_has_round_times(lasted: float, seconds: list[float]) -> None:
    assert [tick.seconds for tick in picture_of(run(environment(), lasted=lasted)).ticks] == seconds


@pytest.mark.parametrize(
    ("count", "pitch"),
    [pytest.param(MOST_LABELLED, LABELLED_PITCH, id="few"), pytest.param(MOST_LABELLED + 1, THIN_PITCH, id="many")],
)
def test_lanes_are_thin_and_without_names_where_there_are_many(count: int, pitch: float) -> None:
    picture = picture_of(run(*(environment(name=str(number)) for number in range(count))))
    assert (picture.pitch, picture.is_labelled) == (pitch, pitch == LABELLED_PITCH)


@given(reports())
def test_whatever_clocks_said_everything_is_inside(report: RunReport) -> None:
    picture = picture_of(report)
    places = [place for lane in picture.lanes for each in lane.segments for place in (each.start, each.end)]
    places += [lane.mark for lane in picture.lanes] + [line.at for line in picture.lines]
    places += [tick.at for tick in picture.ticks]
    assert all(0 <= place <= 1 for place in places)
    assert all(each.start <= each.end for lane in picture.lanes for each in lane.segments)
    assert 1 <= len(picture.ticks) <= MOST_TICKS + 1
    assert all(isinstance(each.phase, Phase) for lane in picture.lanes for each in lane.segments)
