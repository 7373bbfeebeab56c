"""A bug of ours, planted in the command: exit code 70, a sentence, the usual JSON, and a run that can be resumed."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from orchestrator._version import __version__
from tests.support.command import TOKEN, environ, run, run_line, write_config

SHOP = "{name: shop, path: acme/shop/production, services: all}"

NO_FILE = """
import orchestrator.config
def broken(*_, **__): raise KeyError("the token is TOKEN")
orchestrator.config.load_config = broken
"""
NO_RUNNER = """
import orchestrator.cli.command
def broken(*_, **__): raise KeyError("the token is TOKEN")
orchestrator.cli.command.CommandRunner.__init__ = broken
"""
STRAY_CANCEL = """
import asyncio
import orchestrator.cli.command
async def broken(*_, **__): raise asyncio.CancelledError
orchestrator.cli.command.CommandRunner._with_signals = broken
"""
AFTER_THE_SUBMIT = """
import asyncio
from orchestrator.runs.fleet import Fleet
run_one = Fleet._run_one
async def broken(self, target):
    job = asyncio.ensure_future(run_one(self, target))
    while target.name not in self._jobs or not self._jobs[target.name]._submission.submitted:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)  # until it is written that the restart was accepted
    raise KeyError("the token is TOKEN")
Fleet._run_one = broken
"""
IN_EVERY_RESULT = f"""{AFTER_THE_SUBMIT}
def results(self): raise ZeroDivisionError
Fleet.results = results
"""


def with_bug(folder: Path, bug: str, **more: str) -> Mapping[str, str]:
    """An environment in which the command has a bug."""
    (folder / "sitecustomize.py").write_text(bug.replace("TOKEN", TOKEN), "utf-8")
    return environ(PYTHONPATH=str(folder), **more)


@pytest.mark.parametrize(
    ("command", "bug"),
    [
        pytest.param(["run", "{config}", "--simulate"], NO_FILE, id="run"),
        pytest.param(["plan", "{config}", "--simulate"], NO_FILE, id="plan"),
        pytest.param(["run", "{config}", "--simulate"], NO_RUNNER, id="before the run"),
        pytest.param(["cancel", "20260101"], NO_RUNNER, id="before the cancel"),
        pytest.param(["run", "{config}", "--simulate"], STRAY_CANCEL, id="a cancellation"),
    ],
)
def test_a_bug_ends_the_command_with_a_code_of_its_own(command: list[str], bug: str, tmp_path: Path) -> None:
    config = str(write_config(tmp_path, [SHOP]))
    words = [word.format(config=config) for word in command]
    finished = run(*words, "--output=json", env=with_bug(tmp_path, bug))

    assert finished.code == 70
    document = json.loads(finished.stdout)
    assert document["exit_code"] == 70
    (problem,) = document["errors"]
    assert problem.startswith(f"internal_error: a bug in qovery-restart {__version__} (")
    assert f"error: {problem}\n" in finished.stderr
    assert finished.stderr.count("Traceback") == 1
    assert TOKEN not in finished.stdout + finished.stderr


def test_a_bug_in_validate_has_its_place_in_the_json_of_validate(tmp_path: Path) -> None:
    finished = run("validate", write_config(tmp_path, [SHOP]), "-o", "json", env=with_bug(tmp_path, NO_FILE))

    assert finished.code == 70
    assert finished.report["valid"] is False
    assert finished.report["problems"][0].startswith("internal_error")
    assert "Traceback" in finished.stderr
    assert TOKEN not in finished.stdout + finished.stderr


def test_without_json_stdout_has_nothing(tmp_path: Path) -> None:
    finished = run("run", write_config(tmp_path, [SHOP]), env=with_bug(tmp_path, NO_FILE))
    assert (finished.code, finished.stdout) == (70, "")


@pytest.mark.parametrize(("bug", "known"), [(AFTER_THE_SUBMIT, True), (IN_EVERY_RESULT, False)], ids=["one", "two"])
def test_a_run_that_a_bug_ended_is_reported_and_can_be_resumed(
    bug: str, known: bool, simulator: str, tmp_path: Path
) -> None:
    env = with_bug(tmp_path, bug, QOVERY_API_URL=simulator)
    finished = run("run", write_config(tmp_path, [SHOP]), "-o", "json", "--log-format", "json", env=env)

    assert finished.code == 70
    assert finished.report["outcome"] == "unknown"
    assert finished.report["requests"]["submits"] == 1
    assert finished.report["errors"][0].startswith("internal_error")
    assert "internal_error" in [event["event"] for event in finished.events]
    assert TOKEN not in finished.stdout + finished.stderr
    if known:
        assert finished.outcomes == {"shop": ("unknown", "interrupted")}
    words = finished.report["resume"].split()
    assert words[:3] == ["qovery-restart", "resume", finished.report["run_id"]]

    (tmp_path / "sitecustomize.py").unlink()
    resumed = run_line([*words, "-o", "json"], env=env)
    assert resumed.code == 0, resumed.stderr
    assert resumed.report["requests"]["submits"] == 1


def test_the_package_can_be_run_as_a_module(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator", "--version"], env=environ(), capture_output=True, text=True, check=True
    )
    assert done.stdout == f"qovery-restart {__version__}\n"
