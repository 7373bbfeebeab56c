"""What is shown of a run, for the height of a terminal and an instant."""

import pytest

from orchestrator.live.board import Board
from orchestrator.live.view import LEAST_HEIGHT, View, view_of
from tests.support.live_events import CONSOLE, Telling, a_busy_night


def fleet(*, problems: int = 0, flights: int = 0, to_begin: int = 0) -> Board:
    """Return a board with so many environments of each kind."""
    night = Telling(environments=problems + flights + to_begin)
    for number in range(problems):
        night.begin(f"bad-{number}", 1)
        night.settle(f"bad-{number}", 2, outcome="failed", reason="restart_error")
    for number in range(flights):
        # The youngest begins first: the order of the events is not that of the rows.
        night.begin(f"fly-{number}", 100 - number)
    return night.board


def shown(view: View) -> list[str]:
    return [*(row.name for row in view.problems), *(row.name for row in view.flights)]


SHAPES = [
    pytest.param((0, 3, 0), 24, (0, 3), "", id="all fits"),
    pytest.param((0, 3, 5), 24, (0, 3), "5 to begin", id="what has not begun is one line"),
    pytest.param((2, 3, 0), 24, (2, 3), "", id="problems, too"),
    pytest.param((0, 10, 0), 6, (0, 4), "6 more looking", id="the rest is folded"),
    pytest.param((0, 5, 0), 6, (0, 5), "", id="as many as there are lines"),
    pytest.param((0, 5, 1), 6, (0, 4), "1 more looking, 1 to begin", id="one line less for what has not begun"),
    pytest.param((9, 9, 0), 8, (3, 3), "6 more problems, 6 more looking", id="half for each"),
    pytest.param((1, 9, 0), 8, (1, 5), "4 more looking", id="few problems leave room"),
    pytest.param((9, 1, 0), 8, (5, 1), "4 more problems", id="few flights leave room"),
    pytest.param((7, 0, 0), 7, (5, 0), "2 more problems", id="problems alone"),
    pytest.param((2, 2, 2), 1, (1, 0), "1 more problem, 2 more looking, 2 to begin", id="no room at all"),
]


@pytest.mark.parametrize(("counts", "height", "rows", "folded"), SHAPES)
def test_problems_come_first_then_what_has_been_in_flight_longest_and_the_rest_is_one_line(
    counts: tuple[int, int, int], height: int, rows: tuple[int, int], folded: str
) -> None:
    problems, flights, to_begin = counts
    view = view_of(fleet(problems=problems, flights=flights, to_begin=to_begin), now=200, height=height)
    assert (len(view.problems), len(view.flights), view.folded) == (*rows, folded)
    assert 1 + len(shown(view)) + bool(folded) <= max(height, LEAST_HEIGHT)
    assert [row.name for row in view.problems] == [f"bad-{number}" for number in range(problems)][problems - rows[0] :]
    assert [row.name for row in view.flights] == [f"fly-{number}" for number in reversed(range(flights))][: rows[1]]


@pytest.mark.parametrize("height", range(1, 40))
def test_no_view_is_higher_than_the_terminal(height: int) -> None:
    view = view_of(a_busy_night(), now=252, height=height)
    assert 1 + len(shown(view)) + bool(view.folded) <= max(height, LEAST_HEIGHT)


def test_the_header_tells_of_the_run() -> None:
    header = view_of(a_busy_night(), now=252, height=24, quota_left=412).header
    assert (header.config, header.run, header.wave) == ("nightly.yaml", "run 20261126-030000-5f3a1c", "wave 2 of 3")
    assert (header.elapsed, header.done, header.quota) == ("00:04:12", "87/300 done, 1 failed", "quota 412 left")


def test_the_header_leaves_out_what_there_is_not() -> None:
    night = Telling(environments=1, config=None)
    header = view_of(night.board, now=3661, height=24).header
    assert (header.config, header.wave, header.elapsed, header.done, header.quota) == (
        "",
        "",
        "01:01:01",
        "0/1 done",
        "",
    )
    board = Board()
    board.take({"event": "run_started", "run_id": "r"}, 0)
    assert view_of(board, now=1, height=24).header.done == "looking up names"


def test_a_row_tells_what_goes_on_how_far_it_is_and_how_long_it_usually_takes() -> None:
    rows = {row.name: row for row in view_of(a_busy_night(), now=252, height=24).flights}
    shop, search = rows["shop"], rows["search"]
    assert (shop.doing, shop.detail, shop.elapsed, shop.usually) == ("restarting", "4/6", "1m 12s", "usually 1m 40s")
    assert (search.doing, search.detail, search.elapsed) == ("verifying", "healthz 2 of 3", "2m 05s")
    assert search.filled == 1.0


def test_several_health_checks_are_counted() -> None:
    night = Telling()
    night.begin("shop", 1)
    for path in ("healthz", "ready"):
        night.answer("shop", 2, streak=0, consecutive=3, url=f"https://shop/{path}")
    (row,) = view_of(night.board, now=3, height=24).flights
    assert row.detail == "healthz 0 of 3, +1"


FILLED = [
    pytest.param(None, {}, 50, 0.0, id="nothing is known"),
    pytest.param(100, {}, 50, 0.5, id="half of the usual time"),
    pytest.param(100, {}, 500, 0.95, id="longer than usual, and not done"),
    pytest.param(100, {"a": "RESTARTED", "b": "RESTARTING"}, 10, 0.5, id="what was seen is more"),
    pytest.param(None, {"a": "RESTARTED", "b": "RESTARTED"}, 10, 1.0, id="done"),
    pytest.param(0.0, {}, 10, 0.0, id="a usual time of nothing"),
]


@pytest.mark.parametrize(("usually", "states", "elapsed", "filled"), FILLED)
def test_a_bar_shows_what_was_seen_or_the_usual_time(
    usually: float | None, states: dict[str, str], elapsed: float, filled: float
) -> None:
    night = Telling()
    night.begin("shop", 0, services=2, usually=usually)
    night.submit("shop", 0, services=2)
    night.states("shop", 0, states, elapsed=0)
    (row,) = view_of(night.board, now=elapsed, height=24).flights
    assert row.filled == pytest.approx(filled)


def test_a_problem_stays_with_its_reason_and_its_link() -> None:
    (row,) = view_of(a_busy_night(), now=252, height=24).problems
    assert (row.name, row.outcome, row.reason) == ("back-office", "failed", "restart_error: worker RESTART_ERROR")
    assert row.console_url == CONSOLE


def test_of_many_failed_services_two_are_named() -> None:
    night = Telling()
    night.begin("shop", 0)
    night.states("shop", 1, dict.fromkeys("abcd", "RESTART_ERROR"), elapsed=1)
    night.settle("shop", 2, outcome="failed", reason="restart_error")
    (row,) = view_of(night.board, now=3, height=24).problems
    assert row.reason == "restart_error: a RESTART_ERROR, b RESTART_ERROR and 2 more"


def test_between_two_waves_it_is_said_when_the_next_one_begins() -> None:
    night = Telling(environments=3, waves=3)
    night.begin("a", 0)
    night.settle("a", 5)
    night.tell(10, "wave_paused", pause_s=30.0)
    assert view_of(night.board, now=18, height=24).folded == "2 to begin (in 22s)"
    night.begin("b", 40, wave=2)
    assert view_of(night.board, now=40, height=24).folded == "1 to begin"


def test_what_is_folded_says_what_it_does_and_for_how_long_the_quota_is_waited_for() -> None:
    assert view_of(a_busy_night(), now=252, height=6).folded == (
        "11 more restarting, 6 waiting for the quota (next in 40s), 193 to begin"
    )
    assert "6 waiting for the quota, 193" in view_of(a_busy_night(), now=400, height=6).folded
