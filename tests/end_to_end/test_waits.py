"""Every place that waits, and every way to end it: a signal and a deadline end the command in time, its report whole."""

import json
import os
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, unique
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.support.command import Finished, Running, environ, write_config
from tests.support.small_platform import NEVER_ENDING, QUICK_SUCCESS, SHOP, SmallPlatform, serving
from tests.support.waiting_places import Front, Place, front

SLACK = 20.0 if any(name.startswith("COVERAGE_") for name in os.environ) else 1.0
"""Seconds for a busy machine; many of these commands run at the same time."""
SIGNAL_TO_EXIT = 3.0
DEADLINE_TO_EXIT = 5.0
AT_ONCE = 6
"""So many commands run at the same time."""
SERVICES = ("api", "web")
MANY = tuple(f"service-{number}" for number in range(600))
"""So many services that reports and logs do not fit into a pipe."""
MORE = tuple(f"service-{number}" for number in range(3000))
"""So many services that the request for their restart does not fit into the buffers of a connection."""


@unique
class Ending(Enum):
    """What ends the wait."""

    SIGTERM = "SIGTERM"
    SIGINT = "SIGINT"
    DEADLINE = "deadline"
    RUN_DEADLINE = "run deadline"

    @property
    def number(self) -> signal.Signals | None:
        """The signal, if it is one."""
        return signal.Signals[self.name] if self.name.startswith("SIG") else None

    @property
    def code(self) -> int:
        """The exit code that it comes to."""
        return {Ending.SIGTERM: 143, Ending.SIGINT: 130}.get(self, 124)

    @property
    def limit(self) -> float:
        """Seconds until the exit."""
        return DEADLINE_TO_EXIT if self.number is None else SIGNAL_TO_EXIT


SIGNALS = (Ending.SIGTERM, Ending.SIGINT)
DEADLINES = (Ending.DEADLINE, Ending.RUN_DEADLINE)
ALL = (*SIGNALS, *DEADLINES)
DEADLINE = 2.0
"""Seconds; from the first look."""
RUN_DEADLINE = 5.0
"""Seconds; from the start of the command, which takes long while others start as well."""


def config_for(ending: Ending, folder: Path, *, verify: str = "", poll: str = "") -> Path:
    """Write a configuration in which nothing but `ending` ends a wait."""
    shop = SHOP if not verify else f"{SHOP[:-1]}, verify: [{{http: '{verify}', within: 10m}}]}}"
    deadline = f"{DEADLINE:g}s" if ending is Ending.DEADLINE else "20m"
    run_deadline = f"{RUN_DEADLINE:g}s" if ending is Ending.RUN_DEADLINE else "1h"
    path = write_config(
        folder, [shop], defaults=f", lost_contact: 10m, deadline: {deadline}", more=f"strategy: {{run_deadline: {run_deadline}}}"
    )
    text = path.read_text().replace("request_timeout: 2s", "request_timeout: 10m")
    path.write_text(text.replace("{min: 20ms, max: 100ms}", poll) if poll else text)
    return path


@dataclass(slots=True)
class Cell:
    """One command that waits somewhere, and how it ended.

    Attributes:
        folder: where it writes.
        finished: what its caller saw of it.
        took: seconds from what ended it to its exit.
    """

    ending: Ending
    folder: Path
    finished: Finished | None = None
    took: float = float("inf")

    @property
    def report_file(self) -> Path:
        """The report that it was told to write."""
        return self.folder / "report.json"

    def run(
        self,
        config: Path,
        *options: str,
        env: dict[str, str],
        waits: Callable[[Running], object],
        reads: bool = True,
    ) -> None:
        """Run the command until it waits, and end it there.

        Args:
            config: what it runs.
            options: more of them.
            env: its environment.
            waits: returns once it waits.
            reads: whether its output is read meanwhile; else only once it has ended.
        """
        words = ("run", config, "-o", "json", "--report", self.report_file, *options)
        with Running.start(*words, env=env) as running:
            waits(running)
            asked = time.time()
            if self.ending.number is not None:
                running.send(self.ending.number)
            if not reads:
                running.process.wait(timeout=60)
                ended = time.time()
            self.finished = running.finish()
            if reads:
                ended = time.time()
        self.took = ended - (asked if self.ending.number is not None else self._deadline())

    def _deadline(self) -> float:
        """The deadline, on the wall clock."""
        report = json.loads(self.report_file.read_text())
        if self.ending is Ending.RUN_DEADLINE:
            return datetime.fromisoformat(report["started_at"]).timestamp() + RUN_DEADLINE
        assert self.finished is not None
        events = {event["event"]: event for event in reversed(self.finished.events)}
        began = events.get("restart_submitted") or events["environment_started"]
        return datetime.fromisoformat(began["timestamp"]).timestamp() + DEADLINE

    def problems(self, *, has_output: bool = True) -> list[str]:
        """Say what is wrong with how it ended."""
        finished = self.finished
        assert finished is not None
        found = []
        if finished.code != self.ending.code:
            found.append(f"exit code {finished.code}: {finished.stderr[-2000:]}")
        if self.took > self.ending.limit + SLACK:
            found.append(f"{self.took:.1f} s until the exit")
        written = self.report_file.read_text() if self.report_file.exists() else "no file"
        if has_output and finished.stdout != written:
            found.append(f"stdout and the file differ: {finished.stdout[-200:]} / {written[-200:]}")
        try:
            report: dict[str, Any] = json.loads(written)
        except ValueError:
            found.append(f"the file has no report: {written[-200:]}")
        else:
            if report["exit_code"] != finished.code or not report["environments"]:
                found.append(f"the report is another one: {written[-2000:]}")
        if "Traceback" in finished.stderr:
            found.append(finished.stderr[-2000:])
        if has_output:
            print(f"{self.ending.value}: exit {finished.code} after {self.took:.2f} s")
        return found


def all_of(cells: Sequence[tuple[str, Callable[[], list[str]]]]) -> list[str]:
    """Run cells at the same time; return what is wrong, with the name of each."""

    def problems(cell: tuple[str, Callable[[], list[str]]]) -> list[str]:
        name, run_cell = cell
        try:
            return [f"{name}: {problem}" for problem in run_cell()]
        except Exception as error:  # noqa: BLE001 - the others have to end, too
            return [f"{name}: {error!r}"]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [problem for found in pool.map(problems, cells) for problem in found]


# Requests to the API.


def before(method: str, path: str) -> bool:
    """Right before the submit: when the statuses were read."""
    return method == "GET" and path.endswith("/statusesWithStages")


def after(method: str, path: str) -> bool:  # noqa: ARG001
    """Once the restart was accepted."""
    return method == "POST"


def waits_at(place: Place, phase: str, ending: Ending) -> list[str]:
    """Let a run wait at a place: at its start, in its submit, or while it follows its restart."""
    with TemporaryDirectory() as name, serving(SmallPlatform(states=NEVER_ENDING)) as platform:
        folder = Path(name)
        if place is Place.WRITE:
            platform.services = MORE
        silent_after = {"submit": before, "watch": after}.get(phase, lambda *_: False)
        with front(platform.url, place, folder, silent_after=silent_after) as server:
            if phase == "start":
                server.fall_silent()
            cell = Cell(ending, folder)
            config = config_for(ending, folder)

            def waits(running: Running) -> None:
                running.wait_for("run_started" if phase == "start" else "environment_started")
                assert server.reached.wait(60)
                time.sleep(0.3)

            cell.run(config, env=environ(QOVERY_API_URL=server.url, **server.env), waits=waits)
            problems = cell.problems()
            if place is Place.WRITE:
                problems += half_written(server)
            return problems


def half_written(server: Front) -> list[str]:
    """Say so if the request was sent whole: then nothing waited for its writing."""
    received = server.received_of_the_last()
    return ["all of the request was sent"] if received.rstrip().endswith(b"}") else []


API_CELLS = [
    (f"{place.value}, {phase}, {ending.value}", place, phase, ending)
    for place in Place
    for phase in ("start", "submit", "watch")
    for ending in ALL
    if not (phase == "start" and ending is Ending.DEADLINE)  # it counts from the first look on
    and (place is not Place.WRITE or phase == "submit")  # no other request has a body
]


@pytest.mark.parametrize("phase", ["start", "submit", "watch"])
@pytest.mark.parametrize("half", [0, 1], ids=["one half", "the other"])
def test_a_request_that_waits_for_ever_is_ended_in_time(phase: str, half: int) -> None:
    cells = [each for each in API_CELLS if each[2] == phase][half::2]
    assert cells
    assert all_of([(name, lambda c=case: waits_at(*c)) for name, *case in cells]) == []  # type: ignore[misc]
