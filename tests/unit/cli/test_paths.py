"""Paths in options: a leading `~` means the home directory, also where no shell has expanded it."""

import json
from pathlib import Path

import pytest

from tests.support.calling import Called, call

CONFIG = "version: 1\nenvironments: [{name: a, path: acme/shop/a, services: all}]\n"


@pytest.mark.parametrize("given_by", ["option", "variable"])
def test_a_report_may_be_in_the_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given_by: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    Path("c.yaml").write_text(CONFIG, encoding="utf-8")
    option = ["--report", "~/r.json"] if given_by == "option" else []
    environ = {} if option else {"QOVERY_RESTART_REPORT": "~/r.json"}
    assert call("run", "c.yaml", "--simulate", *option, environ=environ).exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"c.yaml", "r.json"}


@pytest.mark.parametrize("option", ["--report", "--state-dir"])
def test_a_home_directory_that_does_not_exist_is_wrong_usage(option: str) -> None:
    result = call("run", "c.yaml", option, "~nobody-at-all/x.json")
    assert result.exit_code == 2
    assert "Write the path out" in " ".join(result.output.split())


def rehearse(*options: str, report: str | None = None) -> Called:
    environ = {} if report is None else {"QOVERY_RESTART_REPORT": report}
    return call("run", "c.yaml", "--simulate", *options, environ=environ)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(CONFIG, encoding="utf-8")
    return tmp_path


def test_a_variable_lists_reports_with_and_without_a_format(folder: Path) -> None:
    assert rehearse(report="md:summary:r.xml:html:page").exit_code == 0
    assert {path.name for path in folder.iterdir()} == {"c.yaml", "summary", "r.xml", "page"}
    assert (folder / "summary").read_text(encoding="utf-8").startswith("## ")


@pytest.mark.parametrize("name", ["md:-", "json:-", "junit:-", "html:-"])
def test_a_report_on_stdout_is_the_only_result(folder: Path, name: str) -> None:
    result = rehearse("--report", name, "--report", "r.json")
    assert result.exit_code == 0
    begins = {"md:-": "## ", "json:-": "{", "junit:-": "<?xml", "html:-": "<!DOCTYPE"}[name]
    assert result.stdout.startswith(begins)
    assert "Run succeeded (exit code 0)" not in result.stdout
    assert json.loads((folder / "r.json").read_text(encoding="utf-8"))["exit_code"] == 0


@pytest.mark.parametrize("options", [["--output", "json"], ["--report", "md:-"]], ids=["json", "two reports"])
def test_stdout_carries_one_result(folder: Path, options: list[str]) -> None:
    result = rehearse(*options, "--report", "html:-")
    assert result.exit_code == 2
    assert "--report html:-: stdout carries one result." in result.stderr


@pytest.mark.parametrize("report", ["jnuit:r.xml", "r.pdf", "nowhere/r.json", "md:"])
def test_a_report_that_cannot_be_written_is_wrong_usage_and_said_once(folder: Path, report: str) -> None:
    result = rehearse("--report", report)
    assert result.exit_code == 2
    assert result.output.count(f"--report {report}: ") == 1
    assert {path.name for path in folder.iterdir()} == {"c.yaml"}
