"""Every place that waits, and every way to end it: a signal or a deadline does, in time, and the report is whole."""

import json
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, unique
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.support.command import Finished, Running, environ, write_config
from tests.support.small_platform import NEVER_ENDING, QUICK_SUCCESS, SHOP, SmallPlatform, serving
from tests.support.waiting_places import Front, Place, front

SLACK = 20.0 if any(name.startswith("COVERAGE_") for name in os.environ) else 1.5
"""Seconds for a busy machine; many of these commands run at the same time."""
SIGNAL_TO_EXIT = 3.0
DEADLINE_TO_EXIT = 5.0
AT_ONCE = 4
"""So many commands run at the same time."""
MANY = tuple(f"service-{number}" for number in range(600))
"""So many services that reports and logs do not fit into a pipe."""
MORE = tuple(f"service-{number}" for number in range(2000))
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


ALL = tuple(Ending)
DEADLINES = {"start": 4.0, "submit": 4.0, "watch": 7.0}
"""Seconds until a deadline passes, by what the run does then. Others start meanwhile, and the first look comes late."""


def config_for(ending: Ending, folder: Path, *, phase: str = "watch", verify: str = "", poll: str = "") -> Path:
    """Write a configuration in which nothing but `ending` ends a wait."""
    shop = SHOP if not verify else f"{SHOP[:-1]}, verify: [{{http: '{verify}', within: 10m}}]}}"
    seconds = f"{DEADLINES[phase]:g}s"
    deadline = seconds if ending is Ending.DEADLINE else "20m"
    run_deadline = seconds if ending is Ending.RUN_DEADLINE else "1h"
    path = write_config(
        folder,
        [shop],
        defaults=f", lost_contact: 10m, deadline: {deadline}",
        more=f"strategy: {{run_deadline: {run_deadline}}}",
    )
    text = path.read_text().replace("request_timeout: 2s", "request_timeout: 10m")
    path.write_text(text.replace("{min: 20ms, max: 100ms}", poll) if poll else text)
    return path


def slowly(stream: Any) -> None:  # noqa: ANN401 - of a subprocess
    """Read a stream byte by byte, until it ends."""
    with suppress(OSError, ValueError):
        while os.read(stream.fileno(), 1):
            time.sleep(0.2)


@dataclass(slots=True, kw_only=True)
class Cell:
    """One command that waits somewhere, and how it ended.

    Attributes:
        ending: what ends it.
        folder: where it writes.
        phase: what it does when its deadline passes.
        code: the exit code that it comes to.
        unread: the streams that nobody reads.
        slow: whether they are read, byte by byte.
        report_name: the file of its report; perhaps a pipe that nobody reads.
        finished: what its caller saw of it.
        took: seconds from what ended it to its exit.
    """

    ending: Ending
    folder: Path
    phase: str = "watch"
    code: int = 0
    unread: Sequence[str] = ()
    slow: bool = False
    report_name: str = "report.json"
    finished: Finished | None = None
    took: float = float("inf")

    def __post_init__(self) -> None:
        self.code = self.code or self.ending.code

    def run(self, config: Path, *options: str, env: dict[str, str], waits: Callable[[Running], object]) -> list[str]:
        """Run the command until it waits, and end it there; return what is wrong with how it ended.

        Args:
            config: what it runs.
            options: more of them.
            env: its environment.
            waits: returns once it waits.
        """
        words = ["run", str(config), "-o", "json", "--report", str(self.folder / self.report_name), *options]
        with Running.start(*words, env=env) as running:
            hangs = threading.Timer(60, running.process.kill)
            hangs.start()
            waits(running)
            asked = time.time()
            if self.ending.number is not None:
                running.send(self.ending.number)
            ended = self._wait(running)
            hangs.cancel()
            self.finished = running.finish()
        self.took = ended - (asked if self.ending.number is not None else self._deadline())
        return self._problems(self.finished)

    def _wait(self, running: Running) -> float:
        """Wait until it has ended, and return when."""
        read, kept = {}, {}
        for name in ("stdout", "stderr"):
            stream = getattr(running.process, name)
            if name not in self.unread:
                read[name] = threading.Thread(target=lambda n=name, s=stream: kept.update({n: s.read()}))
            elif self.slow:
                threading.Thread(target=slowly, args=[stream], daemon=True).start()
        for thread in read.values():
            thread.start()
        running.process.wait(timeout=60)
        ended = time.time()
        for thread in read.values():
            thread.join()
        running.kept = kept
        return ended

    def _deadline(self) -> float:
        """The deadline, on the wall clock."""
        report = self._report()
        if self.ending is Ending.RUN_DEADLINE:
            began = report["started_at"]
        else:
            began = report["environments"][0]["submitted_at"] or self._events("environment_started")["timestamp"]
        return datetime.fromisoformat(began).timestamp() + DEADLINES[self.phase]

    def _events(self, name: str) -> dict[str, Any]:
        assert self.finished is not None
        return next(event for event in self.finished.events if event["event"] == name)

    def _report(self) -> dict[str, Any]:
        """The report, from wherever it could be written."""
        assert self.finished is not None
        file = self.folder / self.report_name
        text = file.read_text() if file.is_file() else self.finished.stdout
        report: dict[str, Any] = json.loads(text)
        return report

    def _problems(self, finished: Finished) -> list[str]:
        """Say what is wrong with how it ended."""
        found = []
        if finished.code != self.code:
            found.append(f"exit code {finished.code}: {finished.stderr[-2000:]}")
        if self.took > self.ending.limit + SLACK:
            found.append(f"{self.took:.1f} s until the exit")
        file = self.folder / self.report_name
        if "stdout" not in self.unread and file.is_file() and finished.stdout != file.read_text():
            found.append(f"stdout and the file differ: {finished.stdout[-200:]}")
        report = self._report()
        if report["exit_code"] != finished.code or not report["environments"]:
            found.append(f"the report is another one: {report}")
        if "Traceback" in finished.stderr:
            found.append(finished.stderr[-2000:])
        return found


def all_of(cells: Sequence[tuple[str, Callable[[], list[str]]]]) -> list[str]:
    """Run cells at the same time; return what is wrong, with the name of each."""

    def problems(cell: tuple[str, Callable[[], list[str]]]) -> list[str]:
        name, run_cell = cell
        try:
            return [f"{name}: {problem}" for problem in run_cell()]
        except Exception as error:  # noqa: BLE001 - the others have to end, too
            return [f"{name}: {error!r}"]

    assert cells
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [problem for found in pool.map(problems, cells) for problem in found]


# Requests to the API.


def before(method: str, path: str) -> bool:
    """Right before the submit: when the statuses were read."""
    return method == "GET" and path.endswith("/statusesWithStages")


def after(method: str, path: str) -> bool:
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
            # Whether a submit that is cut off was accepted, nobody knows.
            code = 75 if phase == "submit" and ending.number is None else 0
            cell = Cell(ending=ending, folder=folder, phase=phase, code=code)

            def waits(running: Running) -> None:
                running.wait_for("run_started" if phase == "start" else "environment_started")
                assert server.reached.wait(20), "nothing has waited there"
                time.sleep(0.3)

            env = environ(QOVERY_API_URL=server.url, **server.env)
            problems = cell.run(config_for(ending, folder, phase=phase), env=env, waits=waits)
            if place is Place.WRITE:
                problems += half_written(server)
            return problems


def half_written(server: Front) -> list[str]:
    """Say so if the request was sent whole: then nothing waited for its writing."""
    received = server.received_of_the_last()
    return ["all of the request was sent"] if received.rstrip().endswith(b"}") else []


ALL_OF_THEM = os.environ.get("WAITS", "") == "all"
"""Whether each place is tried in each phase with each ending, or with each ending in one of the phases."""
USUAL = {Ending.SIGTERM: "start", Ending.RUN_DEADLINE: "start", Ending.SIGINT: "submit", Ending.DEADLINE: "watch"}
API_CELLS = [
    (place, phase, ending)
    for ending in ALL
    for place in Place
    for phase in (["submit"] if place is Place.WRITE else ["start", "submit", "watch"])  # no other request has a body
    if not (phase == "start" and ending is Ending.DEADLINE)  # it counts from the first look on
    and (ALL_OF_THEM or place is Place.WRITE or phase == USUAL[ending])
]


@pytest.mark.parametrize("ending", ALL, ids=[ending.value for ending in ALL])
def test_a_request_that_waits_for_ever_is_ended_in_time(ending: Ending) -> None:
    cells = [
        (f"{place.value}, {phase}", partial(waits_at, place, phase, ending))
        for place, phase, of_it in API_CELLS
        if of_it is ending
    ]
    problems = all_of(cells)
    assert not problems, "\n".join(problems)


# Health checks.


def checks_at(place: Place, ending: Ending) -> list[str]:
    """Let a health check wait at a place."""
    with TemporaryDirectory() as name, serving(SmallPlatform(states=QUICK_SUCCESS)) as platform:
        folder = Path(name)
        with front(platform.url, place, folder) as server:
            server.fall_silent()

            def waits(running: Running) -> None:
                running.wait_for("restart_submitted")
                assert server.reached.wait(20), "nothing has waited there"
                if ending.number is not None:
                    # That it waits for names or for a connection, nobody sees: the first look comes after 5 s.
                    for _ in range(1 if place not in (Place.NAMES, Place.CONNECT) else 20):
                        time.sleep(0.3)

            config = config_for(ending, folder, verify=f"{server.url}/healthz")
            env = environ(QOVERY_API_URL=platform.url, **server.env)
            # Every service restarted, and that the check passes was not shown in time.
            cell = Cell(ending=ending, folder=folder)
            return cell.run(config, env=env, waits=waits)


def test_a_health_check_that_waits_for_ever_is_ended_in_time() -> None:
    places = [Place.NAMES, Place.CONNECT, Place.TLS, Place.HEADERS]
    cells = [
        (f"{place.value}, {ending.value}", partial(checks_at, place, ending)) for place in places for ending in ALL
    ]
    problems = all_of(cells)
    assert not problems, "\n".join(problems)


# This machine.


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Keep a database to oneself, as a backup does."""
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
    finally:
        connection.close()


def waits_for_a_lock(file: str, ending: Ending) -> list[str]:
    with TemporaryDirectory() as name, serving(SmallPlatform(states=NEVER_ENDING)) as platform:
        folder = Path(name)
        env = environ(QOVERY_API_URL=platform.url, QOVERY_RESTART_STATE_DIR=name)
        locks = []

        def waits(running: Running) -> None:
            running.wait_for("restart_submitted")
            locks.append(locked(folder / file))
            locks[0].__enter__()

        try:
            return Cell(ending=ending, folder=folder).run(config_for(ending, folder), env=env, waits=waits)
        finally:
            for lock in locks:
                lock.__exit__(None, None, None)


def waits_for_readers(unread: Sequence[str], slow: bool, ending: Ending, report: str = "report.json") -> list[str]:
    platform = SmallPlatform(states=NEVER_ENDING, services=MANY if unread else ("api", "web"))
    with TemporaryDirectory() as name, serving(platform):
        folder = Path(name)
        if report != "report.json":
            os.mkfifo(folder / report)

        def waits(running: Running) -> None:
            until = time.monotonic() + 30
            while not platform.accepted and time.monotonic() < until:
                time.sleep(0.05)
            time.sleep(0.5)

        options = ("-v",) if "stderr" in unread else ("-q",) if unread else ()
        cell = Cell(ending=ending, folder=folder, unread=unread, slow=slow, report_name=report)
        return cell.run(config_for(ending, folder), *options, env=environ(QOVERY_API_URL=platform.url), waits=waits)


def waits_for_the_next_look(ending: Ending) -> list[str]:
    with TemporaryDirectory() as name, serving(SmallPlatform(states=NEVER_ENDING)) as platform:
        folder = Path(name)
        config = config_for(ending, folder, poll="{min: 10m, max: 10m}")
        cell = Cell(ending=ending, folder=folder)
        return cell.run(
            config,
            env=environ(QOVERY_API_URL=platform.url),
            waits=lambda running: running.wait_for("restart_submitted"),
        )


def waits_for_everything(ending: Ending) -> list[str]:
    """The API, both databases, both streams and one of the reports hang."""
    with TemporaryDirectory() as name, serving(SmallPlatform(states=NEVER_ENDING, services=MANY)) as platform:
        folder = Path(name)
        os.mkfifo(folder / "pipe.json")
        with front(platform.url, Place.HEADERS, folder, silent_after=after) as server:
            locks = [locked(folder / "journal.sqlite3"), locked(folder / "quota.sqlite3")]

            def waits(running: Running) -> None:
                running.wait_for("restart_submitted")
                for lock in locks:
                    lock.__enter__()

            cell = Cell(ending=ending, folder=folder, unread=("stdout", "stderr"))
            env = environ(QOVERY_API_URL=server.url, QOVERY_RESTART_STATE_DIR=name)
            options = ("-v", "--report", str(folder / "pipe.json"))
            try:
                return cell.run(config_for(ending, folder), *options, env=env, waits=waits)
            finally:
                for lock in locks:
                    with suppress(Exception):
                        lock.__exit__(None, None, None)


OWN_CELLS: dict[str, Callable[[Ending], list[str]]] = {
    "the journal is locked": partial(waits_for_a_lock, "journal.sqlite3"),
    "the quota's file is locked": partial(waits_for_a_lock, "quota.sqlite3"),
    "nobody reads stdout": partial(waits_for_readers, ("stdout",), False),
    "nobody reads stderr": partial(waits_for_readers, ("stderr",), False),
    "nobody reads either": partial(waits_for_readers, ("stdout", "stderr"), False),
    "stdout is read byte by byte": partial(waits_for_readers, ("stdout",), True),
    "stderr is read byte by byte": partial(waits_for_readers, ("stderr",), True),
    "nobody reads the report": partial(waits_for_readers, (), False, report="pipe.json"),
    "the next look is far away": waits_for_the_next_look,
    "everything": waits_for_everything,
}


@pytest.mark.parametrize("half", [0, 1], ids=["one half", "the other"])
def test_what_waits_for_this_machine_is_ended_in_time(half: int) -> None:
    cells = [(f"{what}, {ending.value}", partial(cell, ending)) for what, cell in OWN_CELLS.items() for ending in ALL]
    problems = all_of(cells[half::2])
    assert not problems, "\n".join(problems)
