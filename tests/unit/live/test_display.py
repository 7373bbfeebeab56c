"""The frames of the live view, on a terminal of 80 columns and 24 lines that pyte plays."""

import asyncio
import io
from typing import Any

import pyte
import pytest

from orchestrator.live.display import LEAST_PAUSE, QUOTA_EVERY, TICK, Display
from tests.support.live_events import RUN
from tests.support.time import HandClock, in_virtual_time


class Stage:
    """A display, and the terminal that it writes to."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.screen = pyte.Screen(80, 24)
        self._terminal = pyte.Stream(self.screen)
        self._fed = 0
        self.clock = HandClock(100)
        self.seconds = 0.0
        self.display = Display(self.stream, color=True, clock=self.clock, machine=lambda: self.seconds)

    def tell(self, event: str, *, level: str = "info", wait: float = 1.0, **details: Any) -> bool:  # noqa: ANN401
        """Tell of an event, some time after the last one; return whether the display shows it."""
        self.seconds += wait
        self.clock.move(wait)
        return self.display.take({"run_id": RUN, "event": event, "level": level, **details})

    def begin(self) -> None:
        self.tell("run_started", config="nightly.yaml")
        self.tell("plan_ready", environments=2, waves=1)
        self.tell("environment_started", environment="shop", services=4)

    def log(self, line: str) -> None:
        """Write a line as the log does."""
        self.stream.write(self.display.around(f"{line}\n"))

    @property
    def shown(self) -> list[str]:
        # A terminal's driver makes of a line feed what it is here.
        written = self.stream.getvalue()[self._fed :].replace("\r\n", "\n").replace("\n", "\r\n")
        self._fed = len(self.stream.getvalue())
        self._terminal.feed(written)
        return [line.rstrip() for line in self.screen.display if line.strip()]


def test_nothing_is_drawn_before_a_run_begins_and_its_lines_are_written() -> None:
    stage = Stage()
    assert not stage.tell("schedule_next")
    assert not stage.tell("request_retried", level="warning")
    stage.log("a line")
    assert stage.shown == ["a line"]
    assert stage.stream.getvalue() == "a line\n"


def test_a_run_is_drawn_in_place_of_its_lines() -> None:
    stage = Stage()
    stage.begin()
    assert stage.tell("restart_submitted", environment="shop", services=4)
    assert stage.shown == [
        "nightly.yaml   run 20261126-030000-5f3a1c   00:00:03   0/2 done",
        "  shop      ░░░░░░░░░░  submitted   0/4         0s",
        "  … 1 to begin",
    ]
    assert (stage.screen.cursor.x, stage.screen.cursor.y, stage.screen.cursor.hidden) == (0, 0, True)


def test_a_warning_is_written_above() -> None:
    stage = Stage()
    stage.begin()
    for number in range(40):
        assert not stage.tell("request_retried", level="warning")
        stage.log(f"warning {number}")
    assert stage.shown[-5:-3] == ["warning 38", "warning 39"]
    assert stage.shown[-3].startswith("nightly.yaml")
    assert stage.shown[-1] == "  … 1 to begin"


@pytest.mark.parametrize("event", ["restart_settled", "watch_settled", "run_finished"])
def test_what_the_view_and_the_summary_show_needs_no_line(event: str) -> None:
    stage = Stage()
    stage.begin()
    assert stage.tell(event, level="warning", environment="shop", outcome="failed", reason="restart_error")


def test_at_the_end_nothing_of_it_is_left() -> None:
    stage = Stage()
    stage.begin()
    stage.log("a warning")
    stage.tell("run_finished", outcome="succeeded")
    stage.display.close()
    stage.display.make_way()
    assert stage.shown == ["a warning"]
    assert not stage.screen.cursor.hidden
    stage.log("later")
    assert stage.shown == ["a warning", "later"]


def test_an_interruption_ends_it_at_once_and_for_good() -> None:
    stage = Stage()
    stage.begin()
    assert not stage.tell("interrupted", level="warning")
    assert (stage.shown, stage.screen.cursor.hidden) == ([], False)
    assert stage.tell("baseline_read", environment="shop")
    assert stage.tell("run_finished", level="warning")
    assert not stage.tell("journal_not_written", level="warning")
    assert stage.shown == []


def test_the_next_run_of_a_schedule_is_drawn_again() -> None:
    stage = Stage()
    stage.begin()
    stage.tell("run_finished")
    stage.display.make_way()
    stage.log("run: succeeded")
    stage.begin()
    assert stage.shown[0] == "run: succeeded"
    assert stage.shown[1].startswith("nightly.yaml")


def test_frames_keep_their_distance_however_much_happens() -> None:
    stage = Stage()
    stage.begin()
    frames = stage.stream.getvalue().count("\x1b[?7h")
    for _ in range(10):
        stage.tell("history_read", environment="shop", wait=LEAST_PAUSE / 20)
    assert stage.stream.getvalue().count("\x1b[?7h") == frames
    stage.tell("history_read", environment="shop", wait=LEAST_PAUSE)
    assert stage.stream.getvalue().count("\x1b[?7h") == frames + 1


def test_no_frame_follows_one_that_the_terminal_has_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    stage.begin()
    written = stage.stream.getvalue()
    monkeypatch.setattr(type(stage.display._out), "is_behind", True)
    stage.tell("history_read", environment="shop")
    assert stage.stream.getvalue() == written


def test_the_quota_is_looked_at_every_now_and_then() -> None:
    stage = Stage()
    asked: list[int] = []

    def left() -> int:
        asked.append(1)
        return 412

    stage.display.quota_left = left
    stage.begin()
    assert len(asked) == 1
    stage.tell("history_read", wait=QUOTA_EVERY)
    assert len(asked) == 2
    assert "quota 412 left" in stage.shown[0]


def test_times_go_on_while_nothing_happens_and_end_with_the_command() -> None:
    class Loop:
        def monotonic(self) -> float:
            return asyncio.get_running_loop().time()

        async def sleep(self, seconds: float) -> None:
            assert seconds == TICK
            await asyncio.sleep(seconds)

    stage = Stage()

    async def command() -> list[str]:
        # The machine's time goes on with every look at it.
        times = iter(range(1000))
        display = Display(stage.stream, color=False, clock=Loop(), machine=lambda: float(next(times)))  # type: ignore[arg-type]
        async with display.shown():
            await asyncio.sleep(1)
            assert stage.shown == []
            display.take({"run_id": RUN, "event": "run_started", "level": "info", "config": "x.yaml"})
            await asyncio.sleep(5)
            shown = stage.shown
            display.take({"run_id": RUN, "event": "run_finished", "level": "info"})
            await asyncio.sleep(5)
            assert not display._began.is_set()
            return shown

    (header,) = in_virtual_time(command())
    assert header.split("   ")[2] in ("00:00:04", "00:00:05")
    assert stage.shown == []
