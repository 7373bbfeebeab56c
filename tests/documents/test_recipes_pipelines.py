"""The pipelines in `config/recipes`: GitHub's and GitLab's own schemas, and what the nightly ones promise."""

import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from orchestrator.config import Config, load_config
from orchestrator.schedules import Cron, preview
from tests.support.recipes import RECIPES, commands_in, config_of, objects_in, seconds

GITHUB, GITLAB = RECIPES / "github-actions-nightly.yml", RECIPES / "gitlab-ci-nightly.yml"
GITHUBS_LIMIT = 360
"""Minutes that GitHub gives to a job on its own runners."""
SCHEMA: dict[str, Sequence[str]] = {
    "github": ("--builtin-schema", "vendor.github-workflows"),
    "gitlab": ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"),
}


def checked(kind: str, *paths: Path) -> subprocess.CompletedProcess[str]:
    # It has the schemas with it; if it asked the internet, this proxy would not answer.
    offline = {**os.environ, "HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": ""}
    words = [sys.executable, "-m", "check_jsonschema", *SCHEMA[kind], *map(str, paths)]
    return subprocess.run(words, env=offline, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("kind", SCHEMA)
def test_the_schema_of_a_pipeline_finds_nothing_wrong(kind: str) -> None:
    files = sorted(RECIPES.glob(f"{kind}-*.yml"))
    done = checked(kind, *files)
    assert (len(files), done.returncode) == (2, 0), done.stdout + done.stderr


@pytest.mark.parametrize(
    ("path", "right", "wrong"),
    [
        pytest.param(GITHUB, "timeout-minutes: 345", "timeout-minutes: [345]", id="GitHub"),
        pytest.param(GITLAB, "interruptible: false", "interruptible: perhaps", id="GitLab"),
    ],
)
def test_the_schema_of_a_pipeline_finds_what_is_wrong(path: Path, right: str, wrong: str, tmp_path: Path) -> None:
    broken = tmp_path / path.name
    broken.write_text(path.read_text(encoding="utf-8").replace(right, wrong), encoding="utf-8")
    assert checked(path.name.partition("-")[0], broken).returncode == 1


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    (document,) = objects_in(GITHUB)
    # YAML 1.1 reads the key `on` as true.
    return {"on" if str(key) == "True" else key: value for key, value in document.items()}


@pytest.fixture(scope="module")
def job() -> dict[str, Any]:
    (document,) = objects_in(GITLAB)
    return dict(document["restart-nightly"])


@pytest.fixture(scope="module")
def night() -> Config:
    return load_config(RECIPES.parent / "nightly.yaml", environ={})


def longest(config: Config) -> float:
    """Return how long `schedule --due` takes at most, in seconds: to the end of the window, and a whole run."""
    assert config.schedule is not None
    return (config.schedule.window or 0) + config.run_strategy().run_deadline


def test_both_nightly_pipelines_decide_by_the_same_file() -> None:
    for path in (GITHUB, GITLAB):
        (words,) = [words for words in commands_in(path) if words[0] == "schedule"]
        assert config_of(words).name == "nightly.yaml"
        assert "--due" in words


def test_github_may_do_nothing_but_read_and_knows_one_secret(workflow: dict[str, Any]) -> None:
    (restart,) = workflow["jobs"].values()
    assert workflow["permissions"] == {}
    assert restart["permissions"] == {"contents": "read"}
    checkout = restart["steps"][0]
    assert (checkout["uses"].partition("@")[0], checkout["with"]["persist-credentials"]) == ("actions/checkout", False)
    assert GITHUB.read_text(encoding="utf-8").count("secrets.") == 2
    assert "QOVERY_API_TOKEN" not in restart["env"], "only the steps that need it have it"


def test_github_runs_one_at_a_time_and_ends_after_the_command(workflow: dict[str, Any], night: Config) -> None:
    (restart,) = workflow["jobs"].values()
    assert workflow["concurrency"]["cancel-in-progress"] is False
    assert longest(night) < restart["timeout-minutes"] * 60 <= GITHUBS_LIMIT * 60


def test_github_can_be_asked_by_hand_and_each_start_runs_one_command(workflow: dict[str, Any]) -> None:
    (restart,) = workflow["jobs"].values()
    used = {step["if"]: step["with"] for step in restart["steps"] if "/qovery-restart@" in step.get("uses", "")}
    assert {f"github.event_name == '{event}'" for event in workflow["on"]} == used.keys()
    assert used["github.event_name == 'schedule'"]["command"] == "schedule"


def test_github_keeps_the_journal_whatever_happens(workflow: dict[str, Any]) -> None:
    (restart,) = workflow["jobs"].values()
    steps = restart["steps"]
    restore, save = (
        next(index for index, step in enumerate(steps) if step.get("uses", "").startswith(f"actions/cache/{what}@"))
        for what in ("restore", "save")
    )
    commands = [index for index, step in enumerate(steps) if "/qovery-restart@" in step.get("uses", "")]
    assert restore < min(commands) < max(commands) < save
    assert steps[save]["if"] == "always()"
    assert steps[save]["with"]["key"] == steps[restore]["with"]["key"]
    assert steps[restore]["with"]["key"].startswith(steps[restore]["with"]["restore-keys"])
    assert restart["env"]["QOVERY_RESTART_STATE_DIR"].endswith(f"/{steps[save]['with']['path']}")


@pytest.mark.parametrize("month", [1, 7], ids=["winter", "summer"])
def test_github_asks_before_the_night_and_often_until_its_window_is_over(
    month: int, workflow: dict[str, Any], night: Config
) -> None:
    assert night.schedule is not None
    zone = ZoneInfo(night.schedule.timezone)
    (due,) = preview(Cron.parse(night.schedule.cron), zone, datetime(2027, month, 10, tzinfo=zone), 1)
    ((entry),) = workflow["on"]["schedule"]
    asked = preview(Cron.parse(entry["cron"]), ZoneInfo("UTC"), due.at - timedelta(hours=2), 30)
    closes = due.at + timedelta(seconds=night.schedule.window or 0)

    assert any(due.at - timedelta(hours=1) <= each.at < due.at for each in asked)
    assert sum(due.at <= each.at < closes for each in asked) >= 8, "GitHub drops some"
    assert all(each.at.minute % 5 for each in asked), "the minutes at which everybody asks"


def test_gitlab_runs_one_at_a_time_is_not_cut_off_and_ends_after_the_command(
    job: dict[str, Any], night: Config
) -> None:
    assert job["resource_group"]
    assert (job["interruptible"], job["retry"]) == (False, 0)
    assert seconds(job["timeout"]) > longest(night)
    assert job["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "schedule" && $RESTART == "nightly"'}]


def test_gitlab_keeps_the_journal_whatever_happens_and_the_report(job: dict[str, Any]) -> None:
    (folder,) = job["cache"]["paths"]
    assert job["variables"]["QOVERY_RESTART_STATE_DIR"] == f"$CI_PROJECT_DIR/{folder.rstrip('/')}"
    assert (job["cache"]["policy"], job["cache"]["when"]) == ("pull-push", "always")
    assert job["artifacts"]["when"] == "always"
    assert job["artifacts"]["reports"]["junit"] in job["artifacts"]["paths"]


@pytest.mark.parametrize("path", sorted(RECIPES.glob("gitlab-*.yml")), ids=lambda path: str(path.name))
def test_what_gitlab_collects_is_what_the_command_writes(path: Path) -> None:
    (document,) = objects_in(path)
    (job,) = (each for each in document.values() if isinstance(each, dict) and "artifacts" in each)
    (words,) = [words for words in commands_in(path) if "--report" in words and words[0] != "resume"]
    suffixes = {Path(word).suffix: word for word in words if Path(word).suffix != ".yaml"}
    collected = job["artifacts"]["reports"]
    kinds = {"junit": ".xml", "dotenv": ".env", "metrics": ".prom"}
    assert {"junit", "metrics"} <= collected.keys()
    assert collected == {kind: suffixes[kinds[kind]] for kind in collected}
    assert set(job["artifacts"]["paths"]) - {"state"} == {suffixes[".xml"], suffixes[".html"]}


def test_gitlab_begins_nothing_new_after_a_cancelled_job_and_keeps_to_the_five_minutes_that_it_gives(
    job: dict[str, Any],
) -> None:
    (line,) = job["after_script"]
    assert line.startswith('test "$CI_JOB_STATUS" != canceled || qovery-restart resume --no-new --deadline 4m ')
