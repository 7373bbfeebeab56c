"""`cancel RUN`: what an interrupted run has queued or running, where it is provably its own, and nothing else."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Finished, Running, environ, kill_at, run, write_config
from tests.support.small_platform import (
    ENVIRONMENT,
    LATER,
    LATER_ON,
    NEVER_ENDING,
    QUICK_SUCCESS,
    SHOP,
    Request,
    SmallPlatform,
    first_look,
    later_look,
    serving,
    submit,
)

SOON = 20.0
"""Seconds after which nothing is left to wait for: the request is out of the queue, and no run has come of it."""
AS_JSON = ("-o", "json", "--log-format", "json")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path, [SHOP], defaults=", invisible_for: 1s")


def shop_of(cancelled: Finished) -> dict[str, Any]:
    (environment,) = json.loads(cancelled.stdout)["environments"]
    assert environment["name"] == "shop"
    assert environment["id"] == ENVIRONMENT
    return dict(environment)


def test_a_request_that_waits_is_cancelled_by_its_id(config: Path) -> None:
    with serving(SmallPlatform(queues=True)) as platform:
        env = environ(QOVERY_API_URL=platform.url)
        died = kill_at(platform.snag(later_look), "run", config, env=env)
        with Running.start("cancel", died.run_id, "-o", "json", env=env) as running:
            told = running.wait_for("restart_cancelled")
            cancelled = running.finish(within=SOON)
        platform.queues = False
        afterwards = run("run", config, *AS_JSON, env=env)

    assert cancelled.code == 0, cancelled.stderr
    assert platform.cancels == [f"/deploymentQueue/{told['request_id']}/cancelDeployment"]
    assert (shop_of(cancelled)["outcome"], shop_of(cancelled)["reason"]) == ("cancelled", "request_cancelled")
    assert json.loads(cancelled.stdout)["run_id"] == died.run_id
    assert afterwards.code == 0, afterwards.stderr
    assert (platform.submits, platform.accepted) == (2, 2)


def test_a_run_that_is_ours_alone_is_cancelled(config: Path) -> None:
    with serving(SmallPlatform(states=NEVER_ENDING)) as platform:
        env = environ(QOVERY_API_URL=platform.url)
        died = kill_at(platform.snag(later_look), "run", config, env=env)
        cancelled = run("cancel", died.run_id[:-2], env=env)
        again = run("cancel", died.run_id, env=env)

    assert cancelled.code == 0, cancelled.stderr
    assert platform.cancels == [f"/environment/{ENVIRONMENT}/cancelDeployment"]
    assert cancelled.stdout.startswith("shop: cancelled. The run was cancelled, as this command asked:")
    assert again.code == 2
    assert (platform.submits, platform.accepted) == (1, 1)


def test_what_is_not_provably_ours_is_left_alone_and_may_still_be_resumed(config: Path) -> None:
    with serving(SmallPlatform(states=NEVER_ENDING, origin="CONSOLE")) as platform:
        env = environ(QOVERY_API_URL=platform.url, QOVERY_RESTART_LOG_FORMAT="json")
        died = kill_at(platform.snag(later_look), "run", config, env=env)
        refused = run("cancel", died.run_id, *AS_JSON, env=env)
        platform.states, platform.origin = QUICK_SUCCESS, "API"
        resumed = run("resume", *AS_JSON, env=env)

    assert refused.code == 5, refused.stderr
    assert refused.events[-1]["exit_code"] == 5, "what the log says is what the command does"
    assert platform.cancels == []
    assert shop_of(refused)["reason"] == "not_cancelled"
    assert "CONSOLE" in shop_of(refused)["message"]
    assert resumed.code == 0, resumed.stderr
    assert resumed.report["run_id"] == died.run_id
    assert platform.submits == 1


@pytest.mark.parametrize("moment", [first_look, submit], ids=["before the POST", "in the POST, which never arrived"])
def test_where_nothing_was_accepted_there_is_nothing_to_cancel_and_the_environment_is_free(
    moment: Callable[[Request], bool], config: Path
) -> None:
    with serving(SmallPlatform()) as platform:
        env = environ(QOVERY_API_URL=platform.url)
        died = kill_at(platform.snag(moment), "run", config, env=env)
        cancelled = run("cancel", died.run_id, *AS_JSON, env=env)
        accepted = platform.accepted
        afterwards = run("run", config, *AS_JSON, env=env)

    assert cancelled.code == 0, cancelled.stderr
    assert (accepted, platform.cancels) == (0, [])
    assert afterwards.code == 0, afterwards.stderr
    assert platform.accepted == 1


@pytest.mark.parametrize("queues", [True, False], ids=["waits", "runs"])
def test_the_same_restart_that_a_colleague_asked_for_is_left_alone_where_ours_never_arrived(
    queues: bool, config: Path
) -> None:
    with serving(SmallPlatform(states=NEVER_ENDING, queues=queues)) as platform:
        env = environ(QOVERY_API_URL=platform.url)
        died = kill_at(platform.snag(submit), "run", config, env=env)
        platform.restart_by_a_colleague()
        with Running.start("cancel", died.run_id, "-o", "json", env=env) as running:
            refused = running.finish(within=SOON)

    assert platform.cancels == []
    assert refused.code == 5, refused.stderr


# What was cancelled does not begin later.


@pytest.fixture
def two(tmp_path: Path) -> Path:
    return write_config(tmp_path, [SHOP, LATER_ON], defaults=", invisible_for: 1s", more="strategy: {max_failures: 9}")


def test_what_had_not_begun_when_a_run_was_cancelled_never_begins(two: Path) -> None:
    with serving(SmallPlatform(environments=(ENVIRONMENT, LATER), states=NEVER_ENDING, origin="CONSOLE")) as platform:
        env = environ(QOVERY_API_URL=platform.url)
        died = kill_at(platform.snag(later_look), "run", two, env=env)
        refused = run("cancel", died.run_id, *AS_JSON, env=env)
        platform.states, platform.origin = QUICK_SUCCESS, "API"
        resumed = run("resume", died.run_id, *AS_JSON, env=env)
        again = run("resume", died.run_id, env=env)

    assert refused.code == 5, refused.stderr
    assert resumed.code == 5, resumed.stderr
    assert resumed.outcomes == {"shop": ("succeeded", "restarted"), "later": ("skipped", "not_begun")}
    assert "since the run was cancelled" in resumed.stdout
    assert (platform.submits, platform.accepted_in(LATER)) == (1, 0)
    assert again.code == 2
    assert "nothing to resume" in again.stderr


@pytest.mark.parametrize("moment", [first_look, submit], ids=["before the POST", "in the POST, which never arrived"])
@pytest.mark.parametrize("without_token", [True, False], ids=["cancelled without a token", "killed while cancelling"])
def test_a_cancel_that_was_cut_off_counts(
    moment: Callable[[Request], bool], config: Path, *, without_token: bool
) -> None:
    with serving(SmallPlatform()) as platform:
        env = environ(QOVERY_API_URL=platform.url)
        died = kill_at(platform.snag(moment), "run", config, env=env)
        before = platform.submits
        if without_token:
            cut_off = run("cancel", died.run_id, env={**env, "QOVERY_API_TOKEN": ""})
            assert cut_off.code == 2
            assert "No token" in cut_off.stderr
        elif moment is submit:
            kill_at(platform.snag(first_look), "cancel", died.run_id, "--log-format", "json", env=env)
        else:
            assert run("cancel", died.run_id, env=env).code == 0
        resumed = run("resume", died.run_id, *AS_JSON, env=env)

    if not without_token and moment is first_look:
        assert resumed.code == 2, "it was cancelled, and nothing is left"
    else:
        assert resumed.code == 5, resumed.stderr
        assert resumed.outcomes == {"shop": ("skipped", "not_begun")}
    assert (platform.submits, platform.accepted) == (before, 0)
