"""`schedule` as an installed command, with a real clock, over real sockets."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support.command import COMMAND, STATE_DIR, TOKEN, Running, environ, run
from tests.support.small_platform import SHOP, SmallPlatform, serving, submit

EVERY_MINUTE = 'schedule: {cron: "* * * * *", window: 50s}'
RARELY = 'schedule: {cron: "0 3 29 2 *", window: 2h}'


def write(folder: Path, schedule: str) -> Path:
    path = folder / "nightly.yaml"
    path.write_text(
        f"version: 1\napi: {{request_timeout: 2s}}\ndefaults: {{poll: {{min: 20ms, max: 100ms}}}}\n{schedule}\n"
        f"environments:\n  - {SHOP}\n",
        encoding="utf-8",
    )
    return path


def environment(folder: Path, platform: SmallPlatform, **more: str) -> dict[str, str]:
    return environ(QOVERY_API_URL=platform.url, **{STATE_DIR: str(folder / "state")}, **more)


def occurrences(folder: Path) -> list[tuple[str, str, str | None]]:
    with closing(sqlite3.connect(folder / "state" / "journal.sqlite3")) as journal:
        return journal.execute("SELECT due_at, decision, run_id FROM occurrences ORDER BY due_at").fetchall()


def submits(platform: SmallPlatform) -> int:
    return sum(submit(request) for request in platform.asked)


def test_a_schedule_that_cannot_be_kept_says_so_in_json_too(tmp_path: Path) -> None:
    finished = run("schedule", write(tmp_path, ""), "--simulate", "--output", "json", env=environ())
    assert finished.code == 2
    document = json.loads(finished.stdout)
    assert document["exit_code"] == 2
    assert "it has no `schedule:`" in document["errors"][0]


@contextmanager
def service_manager(folder: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(folder / "notify"))
        listener.settimeout(30)
        yield listener


def hear(listener: socket.socket, wanted: str) -> str:
    """Receive datagrams up to one that contains this."""
    while True:
        text = listener.recv(4096).decode()
        if wanted in text:
            return text


def test_while_nothing_runs_it_tells_the_service_manager_and_ends_with_0_within_3_s(tmp_path: Path) -> None:
    with serving(SmallPlatform()) as platform, service_manager(tmp_path) as listener:
        env = environment(tmp_path, platform, NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="400000")
        with Running.start("schedule", write(tmp_path, RARELY), env=env) as process:
            assert hear(listener, "READY=1").endswith("STATUS=Keeping 0 3 29 2 *, UTC.")
            assert "STATUS=Next: Tue 29 Feb 2028 03:00 +0000 UTC" in hear(listener, "STATUS=Next")
            assert hear(listener, "WATCHDOG=1")
            assert hear(listener, "WATCHDOG=1")
            process.send(signal.SIGHUP)
            assert "MONOTONIC_USEC=" in hear(listener, "RELOADING=1")
            assert hear(listener, "READY=1")
            asked = time.monotonic()
            process.send(signal.SIGTERM)
            assert hear(listener, "STOPPING=1")
            done = process.finish(within=10)
    assert time.monotonic() - asked < 3
    assert done.code == 0
    names = [event["event"] for event in done.events]
    assert names[0] == "schedule_started"
    assert {"timezone_data", "schedule_next", "schedule_read", "schedule_stopped"} <= set(names)
    assert platform.asked == []
    assert TOKEN not in done.stderr


def test_a_broken_file_at_sighup_is_told_and_the_process_stays(tmp_path: Path) -> None:
    with serving(SmallPlatform()) as platform:
        path = write(tmp_path, RARELY)
        with Running.start("schedule", path, env=environment(tmp_path, platform)) as process:
            process.wait_for("schedule_next")
            path.write_text("version: 1\nenvironmets: []\n", encoding="utf-8")
            process.send(signal.SIGHUP)
            assert "environmets" in process.wait_for("schedule_file_broken")["error"]
            write(tmp_path, RARELY)
            process.send(signal.SIGHUP)
            process.wait_for("schedule_read")
            process.send(signal.SIGTERM)
            assert process.finish(within=10).code == 0


@pytest.mark.timeout(240)
def test_every_minute_it_runs_once_although_it_is_killed_and_started_again(tmp_path: Path) -> None:
    """Two processes on one journal; one is killed in the middle of its run, and another resumes it."""
    with serving(SmallPlatform()) as platform:
        env, path = environment(tmp_path, platform), write(tmp_path, EVERY_MINUTE)
        platform.states = ("RESTART_QUEUED", "RESTARTING")
        with Running.start("schedule", path, "--output", "json", env=env) as first:
            run_id = first.wait_for("schedule_due")["run"]
            first.wait_for("restart_submitted")
            first.die()
        platform.states = ("RESTART_QUEUED", "RESTARTING", "RESTARTED")
        with (
            Running.start("schedule", path, "--output", "json", env=env) as second,
            Running.start("schedule", path, "--output", "json", env=env) as third,
        ):
            time_of_next = [process.wait_for("schedule_next")["at"] for process in (second, third)]
            codes = []
            for process in (second, third):
                while True:
                    event = process.wait_for_any("schedule_due", "schedule_skipped")
                    if event["due_at"] == max(time_of_next):
                        break
                codes.append(event["reason"])
            assert sorted(codes) == ["on_time", "taken"]
            # Whichever runs has to end first.
            deadline = time.monotonic() + 30
            while len([row for row in occurrences(tmp_path) if row[1] == "run"]) < 2 and time.monotonic() < deadline:
                time.sleep(0.2)
            winner = second if codes[0] == "on_time" else third
            winner.wait_for("run_finished")
            ends = []
            for process in (second, third):
                process.send(signal.SIGTERM)
                ends.append(process.finish(within=10))
        assert [end.code for end in ends] == [0, 0]
        lines = [json.loads(line) for end in ends for line in end.stdout.splitlines()]
        resumed = [line for line in lines if line["decision"] == "resumed"]
        assert [(line["run_id"], line["exit_code"]) for line in resumed] == [(run_id, 0)]
        runs = [row for row in occurrences(tmp_path) if row[1] == "run"]
        assert len({due for due, _, _ in runs}) == len(runs) == submits(platform) == 2


def test_whoever_reads_a_report_late_gets_it_whole(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    os.mkfifo(report)
    words = ["sh", "-c", 'sleep 4; cat "$0"', str(report)]
    with serving(SmallPlatform()) as platform, subprocess.Popen(words, stdout=subprocess.PIPE) as reader:
        path = write(tmp_path, 'schedule: {cron: "* * * * *", grace: 60s}')
        done = run("schedule", path, "--due", "--report", report, env=environment(tmp_path, platform))
        read, _ = reader.communicate(timeout=30)
    assert done.code == 0, done.stderr
    assert json.loads(read)["outcome"] == "succeeded"
    assert "report_not_written" not in done.stderr


def test_due_runs_once_and_says_why_it_does_not_the_second_time(tmp_path: Path) -> None:
    with serving(SmallPlatform()) as platform:
        env = environment(tmp_path, platform)
        path = write(tmp_path, 'schedule: {cron: "* * * * *", grace: 60s}')
        report = tmp_path / "report.json"
        first = run("schedule", path, "--due", "--output", "json", "--report", report, env=env)
        assert first.code == 0, first.stderr
        decided = json.loads(first.stdout)["decided"]
        assert (decided["decision"], decided["reason"]) == ("run", "on_time")
        assert json.loads(report.read_text())["run_id"] == decided["run_id"]
        assert decided["report"]["outcome"] == "succeeded"
        assert submits(platform) == 1
        hourly = write(tmp_path, RARELY)
        second = run("schedule", hourly, "--due", env=env)
        assert second.code == 0
        assert second.stdout.startswith("Not run: nothing is due. Next: Tue 29 Feb 2028 03:00 +0000 UTC.")


def test_a_week_is_played_in_no_time_without_a_token(tmp_path: Path) -> None:
    path = write(tmp_path, 'schedule: {cron: "0 3 * * *", timezone: Europe/Paris, window: 2h}')
    env = {name: value for name, value in environ().items() if name != "QOVERY_API_TOKEN"}
    done = run("schedule", path, "--simulate", env=env)
    assert done.code == 0, done.stderr
    assert len(done.stdout.splitlines()) == 7
    assert all(
        ": run 20" in line and " succeeded (0), 1 of 1 environment, " in line for line in done.stdout.splitlines()
    )
    shorter = run("schedule", path, "--simulate", "--for", "2d", "--output", "json", env=env)
    assert [json.loads(line)["decision"] for line in shorter.stdout.splitlines()] == ["run", "run"]


def test_a_parent_that_stops_it_during_a_run_gets_the_code_of_an_interrupted_run_within_3_s(tmp_path: Path) -> None:
    """As a supervisor does: it starts the command, waits for it, and stops it with SIGTERM."""
    with serving(SmallPlatform()) as platform:
        platform.states = ("RESTARTING",)
        path = write(tmp_path, 'schedule: {cron: "* * * * *", grace: 60s}')
        env = environment(tmp_path, platform)
        with Running.start("schedule", path, "--due", "--output", "json", env=env) as process:
            process.wait_for("restart_submitted")
            asked = time.monotonic()
            process.send(signal.SIGTERM)
            done = process.finish(within=10)
        assert time.monotonic() - asked < 3.5
    assert done.code == 143
    document = json.loads(done.stdout)
    assert document["exit_code"] == 143
    assert document["decided"]["report"]["resume"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["-"], "schedule: name a file", id="standard input"),
        pytest.param(["FILE", "--for", "soon"], "--for: expected a duration", id="no duration"),
        pytest.param(["FILE", "--report", "md:-"], "Name a file for the report.", id="a report on stdout"),
        pytest.param(["NONE"], "it has no `schedule:`", id="no schedule"),
        pytest.param(["MISSING"], "cannot be read", id="no file"),
    ],
)
@pytest.mark.parametrize("due", [[], ["--due"]], ids=["stays", "--due"])
def test_what_is_wrong_at_the_start_ends_with_2(
    tmp_path: Path, arguments: list[str], message: str, due: list[str]
) -> None:
    none = tmp_path / "none.yaml"
    none.write_text(f"version: 1\nenvironments: [{SHOP}]\n", encoding="utf-8")
    places = {"FILE": str(write(tmp_path, RARELY)), "NONE": str(none), "MISSING": str(tmp_path / "missing.yaml")}
    done = run("schedule", *(places.get(each, each) for each in arguments), *due, env=environ(), stdin="version: 1\n")
    assert done.code == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_blackout_blocks_a_run_by_hand_unless_it_is_ignored(tmp_path: Path) -> None:
    with serving(SmallPlatform()) as platform:
        env = environment(tmp_path, platform)
        path = write(tmp_path, "blackouts: [{from: 2020-01-01, to: 2099-12-31, why: forever}]")
        blocked = run("run", path, "--output", "json", env=env)
        assert blocked.code == 5
        assert blocked.outcomes == {"shop": ("blocked", "blackout")}
        assert "(forever) holds until Fri 01 Jan 2100" in blocked.report["environments"][0]["message"]
        assert submits(platform) == 0
        done = run("run", path, "--output", "json", "--ignore-blackout", env=env)
        assert done.outcomes == {"shop": ("succeeded", "restarted")}


def test_a_real_supervisor_gets_every_line_while_the_schedule_goes_on(tmp_path: Path) -> None:
    """A parent that reads stdout line by line, as supervisors do, is not kept waiting for the end."""
    path = write(tmp_path, 'schedule: {cron: "0 3 * * *", window: 2h}')
    with subprocess.Popen(
        [COMMAND, "schedule", str(path), "--simulate", "--for", "400d", "--quiet"],
        stdout=subprocess.PIPE,
        env=environ(),
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        os.kill(process.pid, signal.SIGTERM)
        process.stdout.read()
        assert process.wait(timeout=20) in (0, 143)
    assert ": run 20" in first
