"""What the action does around the command: nothing that goes wrong there looks like a restart that failed."""

import sys
from pathlib import Path

import pytest

from orchestrator import cli
from orchestrator.cli import action
from orchestrator.domain.outcomes import ExitCode

CONFIG = "version: 1\nenvironments: [{name: staging, path: acme/shop/staging, services: all}]\n"


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the outputs, in a step of GitHub."""
    (tmp_path / "night.yaml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["action"])
    for name, value in {"RUNNER_TEMP": str(tmp_path), "GITHUB_OUTPUT": str(tmp_path / "outputs")}.items():
        monkeypatch.setenv(name, value)
    for name, value in {"CONFIG": "night.yaml", "EXTRA_ARGS": "--simulate", "TOKEN": "a secret"}.items():
        monkeypatch.setenv(f"RESTART_INPUT_{name}", value)
    # What is changed for the command, which is in this process here.
    monkeypatch.setenv("QOVERY_API_TOKEN", "")
    for module in (cli, action):
        monkeypatch.setattr(module, "obey_from_now_on", lambda: None)
    return tmp_path / "outputs"


def code_of_main() -> int:
    with pytest.raises(SystemExit) as ending:
        action.main()
    assert isinstance(ending.value.code, int)
    return ending.value.code


def test_a_run_tells_its_outputs(outputs: Path) -> None:
    assert code_of_main() == ExitCode.SUCCEEDED
    told = dict(line.split("=", 1) for line in outputs.read_text(encoding="utf-8").splitlines())
    assert (told["exit-code"], told["outcome"], told["failed"]) == ("0", "succeeded", "[]")
    assert Path(told["report-html"]).is_file()


def test_a_runner_without_a_folder_is_wrong_usage(
    outputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RUNNER_TEMP", str(outputs.parent / "nowhere"))
    assert code_of_main() == ExitCode.USAGE
    assert outputs.read_text(encoding="utf-8") == "outcome=failed\nexit-code=2\n"
    assert "::error title=qovery-restart::RUNNER_TEMP: no folder can be made in " in capsys.readouterr().err


def test_outputs_that_cannot_be_written_change_no_exit_code(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs.mkdir()
    assert code_of_main() == ExitCode.SUCCEEDED
    assert "::warning title=qovery-restart::The outputs were not written: Is a directory." in capsys.readouterr().err


def test_without_a_file_for_outputs_there_are_none(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_OUTPUT")
    assert code_of_main() == ExitCode.SUCCEEDED
    assert not outputs.exists()


def test_a_bug_is_no_failed_restart(
    outputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(action, "command_line", fail)
    assert code_of_main() == ExitCode.DEFECT
    said = capsys.readouterr().err
    assert "error: " in said
    assert "a secret" not in said


def test_a_directory_that_is_none_is_wrong_usage(
    outputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RESTART_INPUT_WORKING_DIRECTORY", "nowhere")
    assert code_of_main() == ExitCode.USAGE
    assert "working-directory: nowhere: No such file or directory." in capsys.readouterr().err
