"""Whatever hangs, a signal and a deadline end the command in time, and its report is whole."""

import json
import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.command import Running, environ, run, write_config
from tests.support.small_platform import NEVER_ENDING, SHOP, SmallPlatform, serving

SLACK = 20.0 if any(name.startswith("COVERAGE_") for name in os.environ) else 4.0
"""Seconds for the start of an interpreter on a busy machine."""
SIGNAL_TO_EXIT = 3.0
DEADLINE_TO_EXIT = 5.0
DEADLINE = 2.0
SLOW_NAMES = """
import socket, time
def hang(*given, **more):
    time.sleep(60)
    raise socket.gaierror(-3, "Temporary failure in name resolution")
socket.getaddrinfo = hang
"""


@contextmanager
def black_hole() -> Iterator[str]:
    """The URL of a socket that listens and never accepts, and of which the backlog is full."""
    with socket.socket() as listening, socket.socket() as filling:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        filling.connect(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def silent_names(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """An API whose host name is never resolved."""
    (folder / "sitecustomize.py").write_text(SLOW_NAMES)
    yield "http://api.example.test", {"PYTHONPATH": str(folder)}


@pytest.mark.parametrize("hangs", ["names", "connections"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_what_never_gets_an_answer(hangs: str, number: signal.Signals, tmp_path: Path) -> None:
    config, report = write_config(tmp_path, [SHOP]), tmp_path / "r.json"
    with black_hole() as url, silent_names(tmp_path) as (name, slow):
        env = environ(QOVERY_API_URL=name, **slow) if hangs == "names" else environ(QOVERY_API_URL=url)
        with Running.start("run", config, "-o", "json", "--report", report, env=env) as running:
            running.wait_for("run_started")
            time.sleep(0.3)
            running.send(number)
            finished = running.finish(within=SIGNAL_TO_EXIT + SLACK)
    assert finished.code == {signal.SIGTERM: 143, signal.SIGINT: 130}[number]
    assert finished.report == json.loads(report.read_text())
    assert finished.report["requests"]["submits"] == 0


def test_a_signal_ends_a_run_whose_output_nobody_reads(tmp_path: Path) -> None:
    config, report = write_config(tmp_path, [SHOP]), tmp_path / "r.json"
    many = [f"service-{number}" for number in range(600)]
    with serving(SmallPlatform(states=NEVER_ENDING, services=many)) as platform:
        env = environ(QOVERY_API_URL=platform.url)
        with Running.start("run", config, "-o", "json", "-v", "--report", report, env=env) as running:
            running.wait_for("service_state_changed")
            running.send(signal.SIGTERM)
            code = running.process.wait(timeout=SIGNAL_TO_EXIT + SLACK)
    assert code == 143
    assert json.loads(report.read_text())["exit_code"] == 143


@pytest.fixture
def locked() -> Iterator[Callable[[Path], None]]:
    """Keeps a journal's write lock, as a backup does."""
    connections = []

    def lock(folder: Path) -> None:
        connection = sqlite3.connect(folder / "journal.sqlite3", isolation_level=None, check_same_thread=False)
        connection.execute("BEGIN IMMEDIATE")
        connections.append(connection)

    yield lock
    for connection in connections:
        connection.close()


def test_a_signal_ends_a_run_whose_journal_is_locked(tmp_path: Path, locked: Callable[[Path], None]) -> None:
    config, state = write_config(tmp_path, [SHOP]), tmp_path / "state"
    with serving(SmallPlatform(states=NEVER_ENDING)) as platform:
        env = environ(QOVERY_API_URL=platform.url, QOVERY_RESTART_STATE_DIR=str(state))
        with Running.start("run", config, "-o", "json", env=env) as running:
            running.wait_for("service_state_changed")
            locked(state)
            running.send(signal.SIGTERM)
            finished = running.finish(within=SIGNAL_TO_EXIT + SLACK)
    assert finished.code == 143
    assert list(finished.outcomes.values()) == [("unknown", "interrupted")]


def test_a_deadline_ends_a_run_whose_journal_is_locked(tmp_path: Path, locked: Callable[[Path], None]) -> None:
    config, state = write_config(tmp_path, [SHOP], defaults=f", deadline: {DEADLINE:g}s"), tmp_path / "state"
    with serving(SmallPlatform(states=NEVER_ENDING)) as platform:
        env = environ(QOVERY_API_URL=platform.url, QOVERY_RESTART_STATE_DIR=str(state))
        with Running.start("run", config, "-o", "json", env=env) as running:
            running.wait_for("restart_submitted")
            locked(state)
            finished = running.finish(within=DEADLINE + DEADLINE_TO_EXIT + SLACK)
    assert finished.code == 124
    assert list(finished.outcomes.values()) == [("timed_out", "deadline")]


def test_contact_that_was_never_made_is_lost_in_time(tmp_path: Path) -> None:
    config = write_config(tmp_path, [SHOP], defaults=", lost_contact: 1s")
    with silent_names(tmp_path) as (name, env):
        began = time.monotonic()
        finished = run("run", config, "-o", "json", env=environ(QOVERY_API_URL=name, **env))
    assert finished.code == 75
    assert time.monotonic() - began < 1.0 + DEADLINE_TO_EXIT + SLACK
