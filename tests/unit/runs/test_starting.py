"""What started a run, by what CI systems and others put into the environment."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from orchestrator.machine import Machine
from orchestrator.redaction import HIDDEN, redactor
from orchestrator.reports.model import StartedBy, Trigger
from orchestrator.runs.starting import LONGEST, path_of, started_by
from tests.support.builders import NOON
from tests.support.journals import machine

GITHUB = {
    "CI": "true",
    "GITHUB_ACTIONS": "true",
    "GITHUB_EVENT_NAME": "schedule",
    "GITHUB_ACTOR": "octocat",
    "GITHUB_WORKFLOW": "Nightly",
    "GITHUB_JOB": "restart",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "example/operations",
    "GITHUB_RUN_ID": "4711",
    "GITHUB_RUN_ATTEMPT": "2",
    "RUNNER_NAME": "runner-7",
    "GITHUB_TOKEN": "hunter2",
}
GITLAB = {
    "CI": "true",
    "GITLAB_CI": "true",
    "CI_PIPELINE_SOURCE": "web",
    "GITLAB_USER_LOGIN": "tanuki",
    "CI_PROJECT_PATH": "example/operations",
    "CI_JOB_NAME": "restart",
    "CI_JOB_URL": "https://me:hunter2@gitlab.example.com/example/operations/-/jobs/4711?token=hunter2",
    "CI_RUNNER_DESCRIPTION": "shared-3",
    "CI_JOB_TOKEN": "hunter2",
}
HERE = machine().host


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Machine, "here", classmethod(lambda _: machine()))


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param(
            GITHUB,
            StartedBy(
                trigger=Trigger.GITHUB_ACTIONS,
                event="schedule",
                actor="octocat",
                job="Nightly / restart",
                job_url="https://github.com/example/operations/actions/runs/4711/attempts/2",
                host="runner-7",
            ),
            id="GitHub Actions",
        ),
        pytest.param(
            {"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "4711"},
            StartedBy(trigger=Trigger.GITHUB_ACTIONS, host=HERE),
            id="GitHub Actions, with less",
        ),
        pytest.param(
            {name: value for name, value in GITHUB.items() if name != "GITHUB_RUN_ATTEMPT"},
            StartedBy(
                trigger=Trigger.GITHUB_ACTIONS,
                event="schedule",
                actor="octocat",
                job="Nightly / restart",
                job_url="https://github.com/example/operations/actions/runs/4711",
                host="runner-7",
            ),
            id="GitHub Actions, without an attempt",
        ),
        pytest.param(
            GITLAB,
            StartedBy(
                trigger=Trigger.GITLAB_CI,
                event="web",
                actor="tanuki",
                job="example/operations / restart",
                job_url="https://gitlab.example.com/example/operations/-/jobs/4711?…",
                host="shared-3",
            ),
            id="GitLab CI, whose URL may hold secrets",
        ),
        pytest.param({"GITLAB_CI": "true"}, StartedBy(trigger=Trigger.GITLAB_CI, host=HERE), id="GitLab CI, bare"),
        pytest.param(
            {"GITLAB_CI": "true", "CI_JOB_URL": "http://[broken"},
            StartedBy(trigger=Trigger.GITLAB_CI, host=HERE),
            id="a URL that is none",
        ),
        pytest.param({"CI": "1"}, StartedBy(trigger=Trigger.CI, host=HERE), id="another CI"),
        pytest.param({"CI": "false"}, StartedBy(trigger=Trigger.COMMAND, host=HERE), id="no CI"),
        pytest.param(
            {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, StartedBy(trigger=Trigger.KUBERNETES, host=HERE), id="a pod"
        ),
        pytest.param({"INVOCATION_ID": "8a"}, StartedBy(trigger=Trigger.SYSTEMD, host=HERE), id="a unit"),
        pytest.param({"USER": "me"}, StartedBy(trigger=Trigger.COMMAND, actor="me", host=HERE), id="a user"),
        pytest.param({"LOGNAME": "me"}, StartedBy(trigger=Trigger.COMMAND, actor="me", host=HERE), id="a login"),
    ],
)
def test_what_started_a_run_is_known_by_its_environment(environ: Mapping[str, str], expected: StartedBy) -> None:
    found = started_by(environ, redact=str)
    assert found == expected
    assert "hunter2" not in found.model_dump_json()


def test_a_schedule_of_ours_is_the_start_wherever_its_process_is() -> None:
    found = started_by({"INVOCATION_ID": "8a"}, redact=str, due_at=NOON)
    assert (found.trigger, found.due_at) == (Trigger.SCHEDULE, NOON)
    in_a_job = started_by(GITHUB, redact=str, due_at=NOON)
    assert (in_a_job.trigger, in_a_job.due_at) == (Trigger.GITHUB_ACTIONS, NOON)


def test_whatever_a_variable_holds_only_so_much_is_shown() -> None:
    found = started_by({"USER": "x" * 10_000}, redact=str)
    assert found.actor == "x" * LONGEST


def test_a_token_is_hidden_whatever_variable_holds_it() -> None:
    found = started_by(GITHUB | {"GITHUB_JOB": "restart with hunter2-hunter2"}, redact=redactor("hunter2-hunter2"))
    assert found.job == f"Nightly / restart with {HIDDEN}"


def test_a_file_has_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nightly.yaml").touch()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert path_of("../nightly.yaml") == str(tmp_path / "nightly.yaml")


@pytest.mark.parametrize("source", [None, "<stdin>", "not/there.yaml", "no\0name"])
def test_what_is_no_file_has_no_path(source: str | None) -> None:
    assert path_of(source) is None


def test_where_the_folder_is_gone_there_is_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert path_of("nightly.yaml") is None
