"""Paths in options: a leading `~` means the home directory, also where no shell has expanded it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.cli.app import app

CONFIG = "version: 1\nenvironments: [{name: a, path: acme/shop/a, services: all}]\n"


@pytest.mark.parametrize("given_by", ["option", "variable"])
def test_a_report_may_be_in_the_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given_by: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    Path("c.yaml").write_text(CONFIG, encoding="utf-8")
    option = ["--report", "~/r.json"] if given_by == "option" else []
    environ = {} if option else {"QOVERY_RESTART_REPORT": "~/r.json"}
    assert CliRunner().invoke(app, ["run", "c.yaml", "--simulate", *option], env=environ).exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"c.yaml", "r.json"}


@pytest.mark.parametrize("option", ["--report", "--state-dir"])
def test_a_home_directory_that_does_not_exist_is_wrong_usage(option: str) -> None:
    result = CliRunner().invoke(app, ["run", "c.yaml", option, "~nobody-at-all/x.json"])
    assert result.exit_code == 2
    assert "Write the path out" in " ".join(result.output.split())
