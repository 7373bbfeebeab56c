"""The view as lines of a terminal: as wide as it is, and never wider."""

import re

import pytest
from rich.cells import cell_len

from orchestrator.live.screen import lines_of
from orchestrator.live.view import view_of
from tests.support.live_events import CONSOLE, Telling, a_busy_night

ANSI = re.compile(r"\x1b\[[0-9;]*m|\x1b\]8;[^\x1b]*\x1b\\")


def drawn(width: int, *, height: int = 24, color: bool = False) -> list[str]:
    return lines_of(view_of(a_busy_night(), now=252, height=height, quota_left=412), width=width, color=color)


def test_a_wide_terminal_shows_everything() -> None:
    lines = drawn(200, height=7)
    assert lines == [
        "nightly.yaml   run 20261126-030000-5f3a1c   wave 2 of 3   00:04:12   87/300 done, 1 failed   quota 412 left",
        f"! back-office  failed  restart_error: worker RESTART_ERROR → {CONSOLE}",
        "  search       ██████████  verifying   healthz 2 of 3   2m 05s  usually 1m 40s",
        "  shop         ███████░░░  restarting  4/6              1m 12s  usually 1m 40s",
        "  branch-0     █████░░░░░  restarting  0/4                 51s  usually 1m 30s",
        "  branch-1     █████░░░░░  restarting  0/4                 50s  usually 1m 30s",
        "  … 10 more restarting, 6 waiting for the quota (next in 40s), 193 to begin",
    ]


def test_eighty_columns_hold_what_counts() -> None:
    lines = drawn(79, height=5)
    assert lines == [
        "nightly.yaml   wave 2 of 3   00:04:12   87/300 done, 1 failed   quota 412 left",
        "! back-office  failed  restart_error: worker RESTART_ERROR → console…",
        "  search       ██████████  verifying   healthz 2 of 3   2m 05s  usually 1m 40s",
        "  shop         ███████░░░  restarting  4/6              1m 12s  usually 1m 40s",
        "  … 12 more restarting, 6 waiting for the quota (next in 40s), 193 to begin",
    ]


def test_the_narrower_it_is_the_less_there_is_and_what_is_done_stays() -> None:
    assert drawn(60, height=4)[0] == "nightly.yaml   00:04:12   87/300 done, 1 failed"
    assert drawn(40, height=4)[0] == "00:04:12   87/300 done, 1 failed"
    assert drawn(25, height=4)[0] == "87/300 done, 1 failed"


@pytest.mark.parametrize("color", [True, False])
@pytest.mark.parametrize("width", [*range(20, 130), 300])
def test_no_line_is_wider_than_the_terminal(width: int, color: bool) -> None:
    lines = [ANSI.sub("", line) for line in drawn(width, color=color)]
    assert len(lines) == len(drawn(200))
    assert max(map(cell_len, lines)) <= width
    assert all(line.isprintable() for line in lines)


def test_colours_change_nothing_but_colours() -> None:
    plain, coloured = drawn(100), drawn(100, color=True)
    assert [ANSI.sub("", line) for line in coloured] == plain
    assert "\x1b[" in "".join(coloured)
    assert "\x1b" not in "".join(plain)


def test_a_link_that_does_not_fit_is_behind_its_word() -> None:
    assert f";{CONSOLE}\x1b\\" in drawn(79, color=True)[1]


@pytest.mark.parametrize(
    "name", ["環境" * 30, "x" * 200, "e\u0301" * 50, "👩‍👩‍👧" * 20], ids=["wide", "long", "combining", "emoji"]
)
@pytest.mark.parametrize("width", [40, 79])
def test_a_long_name_is_cut_at_its_columns(name: str, width: int) -> None:
    night = Telling()
    night.begin(name, 0)
    night.begin("bad", 0)
    night.settle("bad", 1, outcome="failed", reason="restart_error")
    lines = lines_of(view_of(night.board, now=9, height=24), width=width, color=False)
    assert max(map(cell_len, lines)) <= width
    assert "9s" in lines[2]


def test_a_name_is_no_markup() -> None:
    night = Telling()
    night.begin("[bold]x[/bold]", 0)
    assert "[bold]x[/bold]" in lines_of(view_of(night.board, now=9, height=24), width=100, color=True)[1]
