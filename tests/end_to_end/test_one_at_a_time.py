"""One run at a time in an environment: who comes second is blocked, waits, or is told how to get on."""

import re
import shlex
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Finished, Running, environ, kill_at, run, run_line, write_config
from tests.support.small_platform import (
    ENVIRONMENT,
    LATER,
    NEVER_ENDING,
    QUICK_SUCCESS,
    SHOP,
    SmallPlatform,
    later_look,
    serving,
)

Validate = Callable[[dict[str, Any]], None]

AS_JSON = ("-o", "json", "--log-format", "json")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path, [SHOP])


def advice_in(blocked: Finished) -> tuple[str, list[list[str]]]:
    """Return why an environment is blocked, and the commands that this names."""
    (environment,) = blocked.report["environments"]
    message = environment["message"]
    return message, [shlex.split(command) for command in re.findall("`([^`]+)`", message)]


def test_an_environment_that_a_run_is_at_work_on_is_not_restarted_by_another(config: Path, validate: Validate) -> None:
    with serving(SmallPlatform(states=NEVER_ENDING)) as platform:
        env = environ(QOVERY_API_URL=platform.url)
        with Running.start("run", config, "-o", "json", env=env) as first:
            run_id = first.wait_for("restart_submitted")["run_id"]
            second = run("run", config, *AS_JSON, env=env)
            with Running.start("run", config, "-o", "json", "--wait-lock", "30s", env=env) as third:
                awaited = third.wait_for("lock_awaited")
                accepted_meanwhile = platform.accepted
                platform.states = QUICK_SUCCESS
                outcomes = first.finish().code, third.finish().code

    assert second.code == 5, second.stderr
    validate(second.report)
    assert second.outcomes == {"shop": ("blocked", "locked")}
    assert second.report["requests"]["submits"] == 0
    message, _ = advice_in(second)
    assert run_id in message
    assert f"process {first.process.pid}" in message
    assert "is working on it" in message
    since = re.search(r"since (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", message)
    assert since is not None
    assert abs((datetime.now(UTC) - datetime.fromisoformat(f"{since[1]}+00:00")).total_seconds()) < 60

    assert awaited["held_by"] == run_id
    assert accepted_meanwhile == 1
    assert outcomes == (0, 0)
    assert (platform.submits, platform.accepted) == (2, 2)


@pytest.mark.parametrize("way", ["resume", "abandon"])
def test_a_dead_run_holds_its_environment_until_it_is_resumed_or_abandoned_as_is_said_to_whoever_is_blocked(
    way: str, config: Path, tmp_path: Path
) -> None:
    """What is said works as it stands; in one of the two the journal was named by an option."""
    place = ("--state-dir", tmp_path / "its own") if way == "abandon" else ()
    with serving(SmallPlatform(states=NEVER_ENDING)) as platform:
        env = environ(QOVERY_API_URL=platform.url)
        died = kill_at(platform.snag(later_look), "run", config, *place, env=env)
        blocked = run("run", config, *AS_JSON, *place, env=env)
        message, (resume, abandon) = advice_in(blocked)
        platform.states = QUICK_SUCCESS
        freed = run_line(resume if way == "resume" else abandon, env=env)
        accepted = platform.accepted
        new = run("run", config, *AS_JSON, *place, env=env)

    assert blocked.code == 5, blocked.stderr
    assert blocked.outcomes == {"shop": ("blocked", "locked")}
    assert died.run_id in message
    assert "is dead" in message
    assert resume[:3] == ["qovery-restart", "resume", died.run_id]
    assert abandon == [*resume, "--abandon"]
    assert (freed.code, accepted) == (0, 1), freed.stderr
    assert new.code == 0, new.stderr
    assert new.run_id != died.run_id
    assert (platform.submits, platform.accepted) == (2, 2)


def test_runs_on_different_environments_share_a_journal_without_getting_into_each_others_way(tmp_path: Path) -> None:
    configs = []
    for name, environment in (("here", ENVIRONMENT), ("there", LATER)):
        (tmp_path / name).mkdir()
        configs.append(write_config(tmp_path / name, [f"{{name: {name}, id: {environment}, services: all}}"]))
    with serving(SmallPlatform(states=NEVER_ENDING, environments=(ENVIRONMENT, LATER))) as platform:
        env = environ(QOVERY_API_URL=platform.url)
        with (
            Running.start("run", configs[0], "-o", "json", env=env) as here,
            Running.start("run", configs[1], "-o", "json", env=env) as there,
        ):
            for running in (here, there):
                running.wait_for("service_state_changed")
            platform.states = QUICK_SUCCESS
            finished = [here.finish(), there.finish()]
        nothing_left = run("resume", env=env)

    assert [each.code for each in finished] == [0, 0]
    assert [each.outcomes for each in finished] == [
        {"here": ("succeeded", "restarted")},
        {"there": ("succeeded", "restarted")},
    ]
    assert all(event["event"] != "journal_not_written" for each in finished for event in each.events)
    assert platform.accepted == 2
    assert nothing_left.code == 2
    assert "nothing to resume" in nothing_left.stderr
