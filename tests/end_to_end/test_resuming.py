"""Runs that `kill -9` interrupted at whatever moment, and `resume`, which brings each to its true end."""

import json
import shlex
import urllib.request
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Finished, Running, environ, kill_at, run, run_line, write_config
from tests.support.small_platform import (
    BASELINE,
    ENVIRONMENT,
    NEVER_ENDING,
    QUICK_SUCCESS,
    SHOP,
    Silence,
    SmallPlatform,
    first_look,
    later_look,
    serving,
    submit,
)

Validate = Callable[[dict[str, Any]], None]

AS_JSON = ("-o", "json", "--log-format", "json")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path, [SHOP])


def is_whole(resumed: Finished, died: Finished) -> None:
    """The report is the one that the run would have given had it not died, with its evidence."""
    assert resumed.code == 0, resumed.stderr
    report = resumed.report
    assert report["run_id"] == died.run_id
    assert report["resume"] is None
    began = datetime.fromisoformat(died.events[0]["timestamp"])
    assert -1.0 < (datetime.fromisoformat(report["started_at"]) - began).total_seconds() < 0.01
    assert report["duration_s"] >= (datetime.fromisoformat(report["ended_at"]) - began).total_seconds() - 0.5
    assert resumed.outcomes == {"shop": ("succeeded", "restarted")}
    (environment,) = report["environments"]
    assert [each["name"] for each in environment["services"]] == ["api", "web"]
    for service in environment["services"]:
        assert service["baseline_execution_id"] == f"{ENVIRONMENT}-{BASELINE}"
        assert service["execution_id"] == f"{ENVIRONMENT}-{BASELINE + 1}"
        assert service["state"] == "RESTARTED"
        assert service["timeline"][-1][0] == "RESTARTED"


def test_a_run_may_die_as_often_as_it_likes_and_is_resumed_to_its_end_with_one_restart(
    config: Path, validate: Validate
) -> None:
    """Before the POST, in it, after it, and once more: one run for all moments, and for all ways to name it."""
    with serving(SmallPlatform()) as platform:
        env = environ(QOVERY_API_URL=platform.url)
        died = kill_at(platform.snag(first_look), "run", config, env=env)
        config.unlink()
        kill_at(platform.snag(submit, Silence.UNANSWERED), "resume", env=env)
        platform.states = NEVER_ENDING
        for run_id, happened in ((died.run_id, "submit_found"), (died.run_id[:-3], "history_read")):
            with Running.start("resume", run_id, env=env) as running:
                running.wait_for(happened)
                # By its next look what it has found out is written down.
                platform.snag(later_look).wait()
                running.die()
        platform.states = ("RESTARTED",)
        resumed = run("resume", *AS_JSON, env=env)

    assert (platform.submits, platform.accepted) == (1, 1)
    # The POST was not answered, so nothing shows that the restart that ran is ours.
    assert resumed.outcomes == {"shop": ("unknown", "unattributed")}, resumed.stderr
    assert resumed.report["run_id"] == died.run_id
    validate(resumed.report)
    assert resumed.report["config"] == str(config)
    for service in resumed.report["environments"][0]["services"]:
        *_, (running_state, seen_after), (end, ended_after) = service["timeline"]
        assert (running_state, end) == ("RESTARTING", "RESTARTED")
        assert seen_after <= ended_after


def test_a_post_that_never_arrived_is_made_again_but_only_once_it_must_have_shown(
    tmp_path: Path, validate: Validate
) -> None:
    config = write_config(tmp_path, [SHOP], defaults=", invisible_for: 1500ms")
    with serving(SmallPlatform()) as platform:
        env = environ(QOVERY_API_URL=platform.url)
        died = kill_at(platform.snag(submit), "run", config, env=env)
        resumed = run("resume", *AS_JSON, env=env)

    assert (platform.submits, platform.accepted) == (2, 1)
    is_whole(resumed, died)
    validate(resumed.report)
    assert resumed.report["requests"]["submits"] == 2
    first, second = (number for number, request in enumerate(platform.asked) if submit(request))
    in_between = {request.call for request in platform.asked[first:second]}
    assert {"/statusesWithStages", "/deploymentQueue", "/deploymentHistoryV2"} <= in_between
    (given_up,) = (event for event in resumed.events if event["event"] == "submit_not_found")
    assert given_up["after_s"] >= 1.5


def test_a_run_without_a_file_is_resumed_too() -> None:
    with serving(SmallPlatform(states=("RESTARTED",))) as platform:
        env = environ(QOVERY_API_URL=platform.url)
        # Without a file, the first look after a submit comes after five seconds: too late to wait for.
        with Running.start("restart", ENVIRONMENT, "--all-services", env=env) as running:
            running.wait_for("restart_submitted")
            died = running.die()
        resumed = run("resume", *AS_JSON, env=env)

    assert resumed.code == 0, resumed.stderr
    assert (resumed.report["run_id"], resumed.report["config"]) == (died.run_id, None)
    assert platform.submits == 1


def test_a_run_is_resumed_at_the_api_that_it_has_asked_so_far_and_at_no_other(config: Path) -> None:
    with serving(SmallPlatform()) as platform:
        # Were the address forgotten, nothing would get through to the real one.
        env = environ(HTTPS_PROXY="http://127.0.0.1:1")
        kill_at(platform.snag(later_look), "run", config, env={**env, "QOVERY_API_URL": platform.url})
        elsewhere = run("resume", env={**env, "QOVERY_API_URL": "http://127.0.0.1:1"})
        resumed = run("resume", *AS_JSON, env=env)

    assert elsewhere.code == 2
    assert platform.url in elsewhere.stderr
    assert "QOVERY_API_URL" in elsewhere.stderr
    assert resumed.code == 0, resumed.stderr
    assert platform.submits == 1


def test_what_became_of_a_restart_after_its_deadline_can_be_found_out_later(tmp_path: Path, validate: Validate) -> None:
    config = write_config(tmp_path, [SHOP], defaults=", deadline: 600ms")
    with serving(SmallPlatform(states=NEVER_ENDING)) as platform:
        env = environ(QOVERY_API_URL=platform.url)
        timed_out = run("run", config, *AS_JSON, env=env)
        platform.states = QUICK_SUCCESS
        resumed = run_line([*shlex.split(timed_out.report["resume"]), *AS_JSON], env=env)

    assert timed_out.code == 124
    assert timed_out.outcomes == {"shop": ("timed_out", "deadline")}
    validate(timed_out.report)
    assert resumed.code == 0, resumed.stderr
    assert resumed.report["run_id"] == timed_out.report["run_id"]
    assert resumed.report["resume"] is None
    assert (platform.submits, platform.accepted) == (1, 1)


def test_a_run_of_three_environments_is_resumed_against_the_simulator(tmp_path: Path) -> None:
    names = ("alpha", "bravo", "charlie")
    config = write_config(
        tmp_path,
        [f"{{name: {name}, path: acme/shop/{name}, services: all}}" for name in names],
    )
    env = environ()
    with Running.start("simulate", config, "--port", "0", "--speed", "20", "--seed", "5", env=env) as server:
        env["QOVERY_API_URL"] = url = server.wait_for("simulator_listening")["url"]
        with Running.start("run", config, env=env) as running:
            for _ in names:
                running.wait_for("restart_submitted")
            running.die()
        resumed = run("resume", *AS_JSON, env=env)
        with urllib.request.urlopen(f"{url}/_simulator/record", timeout=10) as answer:
            record = json.load(answer)["events"]

    assert resumed.code == 0, resumed.stderr
    restarted = {
        (event["service_id"], event["execution_id"])
        for event in record
        if event["event"] == "ServiceRestarted" and event["ok"]
    }
    for environment in resumed.report["environments"]:
        accepted = [
            event
            for event in record
            if event["event"] == "RequestAccepted" and event["environment_id"] == environment["id"]
        ]
        assert len(accepted) == 1
        assert {(each["id"], each["execution_id"]) for each in environment["services"]} <= restarted
