"""Signals, and readers that go away: a run that is asked to stop stops, and nothing is lost by it."""

import os
import shlex
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import PATIENCE, TOKEN, Finished, Running, environ, kill_at, run, run_line, write_config
from tests.support.small_platform import (
    ENVIRONMENT,
    LATER,
    LATER_ON,
    NEVER_ENDING,
    QUICK_SUCCESS,
    SHOP,
    Answer,
    Silence,
    SmallPlatform,
    later_look,
    serving,
    submit,
)

Validate = Callable[[dict[str, Any]], None]

QUICKLY = 20.0 if any(name.startswith("COVERAGE_") for name in os.environ) else 3.0
"""Seconds within which a run that is asked to stop has ended; more, where its coverage is measured meanwhile."""
BOTH = (ENVIRONMENT, LATER)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path, [SHOP])


def resumed_as_it_stands(stopped: Finished, *, env: dict[str, str]) -> Finished:
    """Run the command that a report names, word for word."""
    return run_line(shlex.split(stopped.report["resume"]), env={**env, "QOVERY_RESTART_OUTPUT": "json"})


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)],
    ids=["SIGINT", "SIGTERM", "SIGHUP"],
)
def test_a_signal_ends_the_run_soon_with_a_complete_report_and_the_command_that_goes_on_with_it(
    number: signal.Signals, code: int, tmp_path: Path, validate: Validate
) -> None:
    config = write_config(tmp_path, [SHOP, LATER_ON])
    with serving(SmallPlatform(states=NEVER_ENDING, environments=BOTH)) as platform:
        env = environ(QOVERY_API_URL=platform.url)
        with Running.start("run", config, "-o", "json", "--report", tmp_path / "r.json", env=env) as running:
            running.wait_for("service_state_changed")
            running.send(number)
            stopped = running.finish(within=QUICKLY)
        submits = platform.submits
        platform.states = QUICK_SUCCESS
        resumed = resumed_as_it_stands(stopped, env=env)

    assert stopped.code == code
    report = stopped.report
    validate(report)
    assert (report["outcome"], report["exit_code"]) == ("interrupted", code)
    assert stopped.outcomes == {"shop": ("unknown", "interrupted"), "later": ("skipped", "interrupted")}
    assert report["environments"][0]["submitted_at"] is not None
    assert (tmp_path / "r.json").read_text("utf-8") == stopped.stdout
    assert [event["event"] for event in stopped.events][-1] == "run_finished"
    assert TOKEN not in stopped.stdout + stopped.stderr
    assert submits == 1

    assert resumed.code == 0, resumed.stderr
    validate(resumed.report)
    assert resumed.outcomes == {"shop": ("succeeded", "restarted"), "later": ("succeeded", "restarted")}
    assert (platform.submits, platform.accepted_in(ENVIRONMENT), platform.accepted_in(LATER)) == (2, 1, 1)


def test_a_signal_in_the_middle_of_the_post_leaves_it_to_be_found(config: Path) -> None:
    with serving(SmallPlatform()) as platform:
        env = environ(QOVERY_API_URL=platform.url)
        snag = platform.snag(submit, Silence.UNANSWERED)
        with Running.start("run", config, "-o", "json", env=env) as running:
            snag.wait()
            running.send(signal.SIGTERM)
            stopped = running.finish(within=QUICKLY)
        resumed = resumed_as_it_stands(stopped, env=env)

    assert stopped.code == 143
    assert stopped.outcomes == {"shop": ("unknown", "interrupted")}
    assert "may have been accepted" in stopped.report["environments"][0]["message"]
    # It is found, and not posted again; but nothing shows whether a colleague has asked for it.
    assert resumed.code == 75, resumed.stderr
    assert resumed.outcomes == {"shop": ("unknown", "unattributed")}
    assert (platform.submits, platform.accepted) == (1, 1)


def test_a_resumed_run_can_be_stopped_and_resumed_again(config: Path, validate: Validate) -> None:
    with serving(SmallPlatform(states=NEVER_ENDING)) as platform:
        env = environ(QOVERY_API_URL=platform.url)
        died = kill_at(platform.snag(later_look), "run", config, env=env)
        with Running.start("resume", "-o", "json", env=env) as running:
            running.wait_for("environment_started")
            second = run("resume", died.run_id, env=env)
            running.send(signal.SIGINT)
            stopped = running.finish(within=QUICKLY)
        platform.states = QUICK_SUCCESS
        resumed = resumed_as_it_stands(stopped, env=env)

    assert second.code == 2
    assert f"process {running.process.pid}" in second.stderr
    assert stopped.code == 130
    validate(stopped.report)
    assert stopped.report["run_id"] == died.run_id
    assert stopped.outcomes == {"shop": ("unknown", "interrupted")}
    assert resumed.code == 0, resumed.stderr
    assert (platform.submits, platform.accepted) == (1, 1)


def test_a_run_that_waits_for_another_stops_as_soon(config: Path) -> None:
    with serving(SmallPlatform(states=NEVER_ENDING)) as platform:
        env = environ(QOVERY_API_URL=platform.url)
        kill_at(platform.snag(later_look), "run", config, env=env)
        with Running.start("run", config, "-o", "json", "--wait-lock", "1m", env=env) as running:
            running.wait_for("lock_awaited")
            running.send(signal.SIGTERM)
            stopped = running.finish(within=QUICKLY)

    assert stopped.code == 143
    assert stopped.outcomes == {"shop": ("skipped", "interrupted")}
    assert platform.submits == 1


def test_the_text_says_what_goes_on_and_how_to_resume_it(config: Path) -> None:
    with serving(SmallPlatform(states=NEVER_ENDING)) as platform:
        env = environ(QOVERY_API_URL=platform.url)
        with Running.start("run", config, env=env) as running:
            running.wait_for("service_state_changed")
            running.send(signal.SIGINT)
            stopped = running.finish(within=QUICKLY)
        platform.states = QUICK_SUCCESS
        (line,) = (line for line in stopped.stdout.splitlines() if "qovery-restart resume" in line)
        command = line[line.index("qovery-restart resume") :]
        resumed = run_line(shlex.split(command), env=env)

    assert "May still be running at Qovery: shop." in stopped.stdout.splitlines()
    assert stopped.run_id in command
    assert resumed.code == 0, resumed.stderr
    assert platform.submits == 1


def test_a_signal_while_names_are_looked_up_ends_the_run_with_nothing_submitted_and_nothing_to_resume(
    config: Path, validate: Validate
) -> None:
    with serving(SmallPlatform(intervene=lambda _: Answer.of({}, 500))) as platform:
        env = environ(QOVERY_API_URL=platform.url)
        with Running.start("run", config, "-o", "json", env=env) as running:
            running.wait_for("request_retried")
            running.send(signal.SIGTERM)
            stopped = running.finish(within=QUICKLY)

    assert stopped.code == 143
    validate(stopped.report)
    assert [each["outcome"] for each in stopped.report["environments"]] == ["skipped"]
    assert stopped.report["resume"] is None
    assert platform.submits == 0


def test_a_second_signal_ends_at_once_even_where_nobody_reads_the_report(config: Path) -> None:
    many = [f"service-{number}" for number in range(600)]
    with (
        serving(SmallPlatform(states=NEVER_ENDING, services=many)) as platform,
        # Its report does not fit into the pipe, and nobody reads it: it hangs in the middle of writing.
        Running.start("run", config, "-o", "json", env=environ(QOVERY_API_URL=platform.url)) as running,
    ):
        running.wait_for("service_state_changed")
        running.send(signal.SIGTERM)
        running.wait_for("run_finished")
        running.send(signal.SIGTERM)
        assert running.process.wait(timeout=QUICKLY) == 143


@pytest.mark.parametrize("gone", [("stdout",), ("stdout", "stderr")], ids=" and ".join)
def test_readers_that_go_away_in_the_middle_never_lose_the_run(gone: tuple[str, ...], config: Path) -> None:
    with serving(SmallPlatform(states=NEVER_ENDING)) as platform:
        env = environ(QOVERY_API_URL=platform.url)
        with Running.start("run", config, "-o", "json", env=env) as running:
            run_id = running.wait_for("service_state_changed")["run_id"]
            for stream in gone:
                getattr(running.process, stream).close()
            running.send(signal.SIGPIPE)
            platform.states = QUICK_SUCCESS
            code = running.process.wait(timeout=PATIENCE)
        afterwards = run("resume", run_id, env=env)

    assert code == 0
    assert (platform.submits, platform.accepted) == (1, 1)
    assert afterwards.code == 2
    assert f"{run_id} has nothing to resume: it ended" in afterwards.stderr
    assert "succeeded" in afterwards.stderr
