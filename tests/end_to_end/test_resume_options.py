"""What `resume` may be asked for besides, and what it refuses."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Finished, Running, environ, kill_at, run, write_config
from tests.support.small_platform import (
    ENVIRONMENT,
    LAST,
    LAST_OF_ALL,
    LATER,
    LATER_ON,
    NEVER_ENDING,
    QUICK_SUCCESS,
    SHOP,
    SmallPlatform,
    serving,
)

Validate = Callable[[dict[str, Any]], None]

AS_JSON = ("-o", "json", "--log-format", "json")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path, [SHOP])


@pytest.fixture
def between_two_waves(tmp_path: Path) -> Path:
    return write_config(tmp_path, [SHOP, LATER_ON], more="strategy: {pause_between_waves: 1m}")


def kill_between_the_waves(config: Path, env: dict[str, str]) -> Finished:
    with Running.start("run", config, env=env) as running:
        running.wait_for("wave_finished")
        return running.die()


def test_a_run_that_was_killed_between_two_waves_goes_on_with_the_second(
    between_two_waves: Path, validate: Validate
) -> None:
    with serving(SmallPlatform(environments=(ENVIRONMENT, LATER))) as platform:
        env = environ(QOVERY_API_URL=platform.url)
        kill_between_the_waves(between_two_waves, env)
        before = len(platform.asked)
        resumed = run("resume", *AS_JSON, env=env)

    assert resumed.code == 0, resumed.stderr
    validate(resumed.report)
    assert resumed.outcomes == {"shop": ("succeeded", "restarted"), "later": ("succeeded", "restarted")}
    assert {request.environment for request in platform.asked[before:]} == {LATER}
    assert (platform.submits, platform.accepted_in(ENVIRONMENT), platform.accepted_in(LATER)) == (2, 1, 1)


def test_what_had_not_begun_is_left_alone_where_nothing_new_is_wanted(
    between_two_waves: Path, validate: Validate
) -> None:
    with serving(SmallPlatform(environments=(ENVIRONMENT, LATER))) as platform:
        env = environ(QOVERY_API_URL=platform.url)
        kill_between_the_waves(between_two_waves, env)
        resumed = run("resume", "--no-new", *AS_JSON, env=env)
        again = run("resume", resumed.report["run_id"], env=env)

    assert resumed.code == 5, resumed.stderr
    validate(resumed.report)
    assert resumed.outcomes == {"shop": ("succeeded", "restarted"), "later": ("skipped", "not_begun")}
    assert (platform.submits, platform.accepted_in(LATER)) == (1, 0)
    assert again.code == 2
    assert "has nothing to resume" in again.stderr


def test_what_an_abandoned_run_never_began_runs_again_and_asks_the_same_api(between_two_waves: Path) -> None:
    with serving(SmallPlatform(environments=(ENVIRONMENT, LATER))) as platform:
        env = environ(QOVERY_API_URL=platform.url)
        kill_between_the_waves(between_two_waves, env)
        abandoned = run("resume", "--abandon", env=env)
        # Nobody says any more where the API was: the journal knows.
        env = {name: value for name, value in env.items() if name != "QOVERY_API_URL"}
        again = run("resume", "--failed", *AS_JSON, env=env)

    assert abandoned.code == 0, abandoned.stderr
    assert again.code == 0, again.stderr
    assert again.outcomes == {"later": ("succeeded", "restarted")}
    assert (platform.accepted_in(ENVIRONMENT), platform.accepted_in(LATER)) == (1, 1)


def test_a_run_that_was_killed_before_its_plan_was_written_left_nothing_to_resume(
    config: Path, validate: Validate
) -> None:
    with serving(SmallPlatform()) as platform:
        env = environ(QOVERY_API_URL=platform.url)
        kill_at(platform.snag(lambda request: request.call == "/services"), "run", config, env=env)
        resumed = run("resume", "-o", "json", env=env)

    assert resumed.code == 2
    assert "nothing to resume" in resumed.stderr
    validate(resumed.report)
    assert "nothing to resume" in resumed.report["errors"][0]
    assert platform.submits == 0


def test_an_ended_run_is_not_resumed_and_a_prefix_that_fits_two_is_not_guessed_at(config: Path) -> None:
    with serving(SmallPlatform()) as platform:
        env = environ(QOVERY_API_URL=platform.url)
        ids = [run("run", config, *AS_JSON, env=env).run_id for _ in range(2)]
        asked = len(platform.asked)
        by_default, by_id, by_prefix = (run("resume", *which, env=env) for which in ((), (ids[0],), ("20",)))

    assert (by_default.code, by_id.code, by_prefix.code) == (2, 2, 2)
    assert "nothing to resume" in by_default.stderr
    assert ids[0] in by_id.stderr
    assert "succeeded" in by_id.stderr
    assert all(run_id in by_prefix.stderr for run_id in ids)
    assert len(platform.asked) == asked


@pytest.mark.parametrize("command", ["resume", "cancel"])
def test_a_run_that_nobody_knows_is_wrong_usage(command: str, tmp_path: Path) -> None:
    finished = run(command, "20200101-000000-abcdef", "--state-dir", tmp_path / "new", env=environ())

    assert finished.code == 2
    assert "20200101-000000-abcdef" in finished.stderr
    assert str(tmp_path / "new") in finished.stderr


def test_a_run_that_is_still_at_work_is_left_to_its_process(config: Path) -> None:
    with serving(SmallPlatform(states=NEVER_ENDING)) as platform:
        env = environ(QOVERY_API_URL=platform.url)
        with Running.start("run", config, "-o", "json", env=env) as running:
            run_id = running.wait_for("restart_submitted")["run_id"]
            refused = [
                run(*words, env=env)
                for words in (
                    ("resume",),
                    ("resume", run_id),
                    ("resume", run_id, "--abandon"),
                    ("cancel", run_id),
                )
            ]
            platform.states = QUICK_SUCCESS
            undisturbed = running.finish()

    for finished in refused:
        assert finished.code == 2
        assert run_id in finished.stderr
        assert f"process {running.process.pid}" in finished.stderr
    assert undisturbed.code == 0
    assert (platform.submits, platform.cancels) == (1, [])


def test_only_what_failed_or_was_left_out_runs_again_as_a_new_run(tmp_path: Path, validate: Validate) -> None:
    config = write_config(tmp_path, [SHOP, LATER_ON, LAST_OF_ALL])
    everywhere = (ENVIRONMENT, LATER, LAST)
    failing = {LATER: ("RESTARTING", "RESTART_ERROR")}
    with serving(SmallPlatform(environments=everywhere, scripts=failing)) as platform:
        env = environ(QOVERY_API_URL=platform.url)
        failed = run("run", config, *AS_JSON, env=env)
        config.unlink()
        platform.scripts = {}
        again = run("resume", "--failed", *AS_JSON, env=env)
        accepted = [platform.accepted_in(environment) for environment in everywhere]
        by_id = run("resume", again.report["run_id"], "--failed", env=env)

    assert failed.code == 1, failed.stderr
    assert failed.outcomes == {
        "shop": ("succeeded", "restarted"),
        "later": ("failed", "restart_error"),
        "last": ("skipped", "halted"),
    }
    assert again.code == 0, again.stderr
    validate(again.report)
    assert again.report["parent_run_id"] == failed.report["run_id"] != again.report["run_id"]
    assert again.outcomes == {"later": ("succeeded", "restarted"), "last": ("succeeded", "restarted")}
    assert accepted == [1, 2, 1]
    assert by_id.code == 2
    assert "Nothing failed" in by_id.stderr
