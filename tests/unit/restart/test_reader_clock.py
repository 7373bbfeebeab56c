"""`ServerClock`: a platform clock that is set back is noticed, so that what is new is not taken for old."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.observations import CLOCK_SKEW, Observation
from orchestrator.restart.polling import Contact
from orchestrator.restart.reader import Reader, ServerClock
from tests.support.builders import ENVIRONMENT, all_in, baseline_of
from tests.support.dated import at
from tests.support.scripted_platform import Scene, ScriptedPlatform
from tests.support.stories import TARGETS
from tests.support.time import HandClock, in_virtual_time

SKEW = CLOCK_SKEW.total_seconds()


def set_back(*answers: tuple[float, float | None, float], began: float | None = 0.0) -> float:
    """By how much the clock was seen to be set back.

    Args:
        answers: the second at which each came, what it was dated, and how long it took.
        began: what the first was dated, at second 0.
    """
    clock = HandClock()
    server = ServerClock(clock)
    server.begin(None if began is None else at(began), 0.0)
    for second, dated, took in answers:
        clock.move(second - clock.monotonic())
        server.read(None if dated is None else at(dated), took=took)
    return server.set_back.total_seconds()


@pytest.mark.parametrize(
    ("answers", "seconds"),
    [
        pytest.param([(60, 60, 0), (120, 120, 0)], 0, id="a clock that is right"),
        pytest.param([(60, 61, 0), (120, 119, 0)], 0, id="seconds are rounded"),
        pytest.param([(60, 40, 0)], 20, id="set back"),
        pytest.param([(60, 60, 0), (120, -7080, 0), (180, -7020, 0)], 7200, id="set back by hours, and going on"),
        pytest.param([(60, 30, 0), (120, 60, 0)], 60, id="set back twice"),
        pytest.param([(60, 3660, 0), (120, 3720, 0)], 0, id="set forward"),
        pytest.param([(60, 3660, 0), (120, 120, 0)], 3600, id="set forward, and back again"),
        pytest.param([(60, 30, 0), (120, 120, 0)], 30, id="set back, and forward again: what is dated may lie between"),
        pytest.param([(60, 60 - SKEW, 0)], 0, id="as much as two machines may differ"),
        pytest.param([(60, 59 - SKEW, 0)], SKEW + 1, id="more than that"),
        pytest.param([(60, 30, 25)], 0, id="an answer that was dated long before it came"),
        pytest.param([(60, 20, 25)], 40, id="a slow answer, and more than its slowness explains"),
        pytest.param([(60, None, 0), (120, 120, 0)], 0, id="an answer without a date"),
        pytest.param([(60, None, 0), (120, 90, 0)], 30, id="set back behind an answer without a date"),
        pytest.param([], 0, id="no answer at all"),
    ],
)
def test_a_clock_that_is_set_back_is_noticed_by_how_much_and_one_that_is_set_forward_does_no_harm(
    answers: Sequence[tuple[float, float | None, float]], seconds: float
) -> None:
    assert set_back(*answers) == pytest.approx(seconds)


def test_where_the_first_answer_had_no_date_the_next_is_what_all_later_ones_are_compared_with() -> None:
    assert set_back((60, 5000, 0), (120, 5030, 0), began=None) == pytest.approx(30)
    assert set_back((60, 5000, 0), began=None) == 0


def test_a_new_baseline_begins_anew() -> None:
    clock = HandClock()
    server = ServerClock(clock)
    server.begin(at(0), 0.0)
    clock.move(60)
    server.read(at(0), took=0)
    assert server.set_back == timedelta(seconds=60)
    server.begin(at(0), clock.monotonic())
    assert server.set_back == timedelta()
    clock.move(60)
    server.read(at(60), took=0)
    assert server.set_back == timedelta()


@pytest.mark.parametrize(
    ("dates", "comparable"),
    [
        pytest.param([(60, 60)], True, id="as much time as we know of"),
        pytest.param([(60, 60 + SKEW)], True, id="a little more"),
        pytest.param([(60, 61 + SKEW)], False, id="more than we know of"),
        pytest.param([(60, 7200), (120, 7260)], False, id="more than we know of, and going on"),
        pytest.param([(60, 60), (120, 7260)], True, id="set forward before our eyes"),
        pytest.param([(60, 60 - SKEW)], True, id="a little less"),
        pytest.param([(60, -3540)], False, id="set back, and who knows by how much"),
        pytest.param([(60, 60), (120, -3540)], True, id="set back before our eyes"),
        pytest.param([(60, None), (120, 7260)], False, id="more than we know of, behind an answer without a date"),
    ],
)
def test_where_an_earlier_process_began_more_time_may_have_passed_than_we_know_of_and_then_nothing_is_comparable(
    dates: Sequence[tuple[float, float | None]], comparable: bool
) -> None:
    clock = HandClock()
    server = ServerClock(clock)
    for by_an_earlier_process in (True, False):
        server.begin(at(0), clock.monotonic(), by_an_earlier_process=by_an_earlier_process)
        began = clock.monotonic()
        for second, date in dates:
            clock.move(began + second - clock.monotonic())
            server.read(None if date is None else at(date), took=0)
        assert server.comparable is (comparable or not by_an_earlier_process)


@given(
    gaps=st.lists(st.floats(0, 3600), max_size=6),
    slowness=st.floats(0, 60),
    rounding=st.floats(-1, 1),
    forward=st.floats(0, 1e5),
)
def test_a_clock_that_is_never_set_back_is_never_thought_to_be(
    gaps: list[float], slowness: float, rounding: float, forward: float
) -> None:
    answers, second = [], 0.0
    for number, gap in enumerate(gaps):
        second += slowness + gap
        # Dated somewhere between its being asked for and its coming.
        answers.append((second, second - slowness * (number % 2) + rounding + forward * number, slowness))
    assert set_back(*answers) == 0


class Dated(ScriptedPlatform):
    """A platform that dates its readings, each as a test says, and takes its time."""

    def __init__(self, clock: HandClock, dates: Sequence[float | None], *, takes: float = 0.0) -> None:
        super().__init__(clock, before={0: Scene(observation=all_in("RESTARTED", *TARGETS))})
        self._hand = clock
        self._dates = list(dates)
        self._takes = takes

    async def read_statuses(self, environment_id: str) -> Observation:
        self._hand.move(self._takes)
        dated = self._dates.pop(0)
        return all_in("RESTARTED", *TARGETS, at=None if dated is None else at(dated))


@pytest.mark.parametrize("takes", [0.0, 0.5, 60.0], ids=["at once", "soon", "slowly"])
def test_a_baseline_is_dated_as_a_clock_that_was_set_back_would_have_dated_it(takes: float) -> None:
    clock = HandClock()
    platform = Dated(clock, [0.0, -3540 + takes, None], takes=takes)
    readings = Reader(platform, ENVIRONMENT, Contact(clock, 300), clock)
    baseline = baseline_of(*TARGETS, at=at(0.0))
    in_virtual_time(readings.statuses())
    readings.server_clock.begin(baseline.server_time, clock.monotonic())
    assert readings.dated(baseline) == baseline
    for _ in range(2):
        in_virtual_time(readings.statuses())
    dated = readings.dated(baseline)
    assert dated.server_time == at(-3540)
    assert dated.targets == baseline.targets
    assert readings.dated(baseline_of(*TARGETS)).server_time is None


def test_a_baseline_that_cannot_be_compared_with_what_is_dated_now_has_no_date() -> None:
    clock = HandClock()
    readings = Reader(Dated(clock, [7200.0]), ENVIRONMENT, Contact(clock, 300), clock)
    baseline = baseline_of(*TARGETS, at=at(0.0))
    readings.server_clock.begin(baseline.server_time, -60.0, by_an_earlier_process=True)
    in_virtual_time(readings.statuses())
    assert readings.dated(baseline) == replace(baseline, server_time=None)
