"""Plays `action.yml` as GitHub's runner does: expressions, the files of a step, a shell for each script."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support.command import PATIENCE, environ

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "action.yml"
ACTION: Mapping[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
STEPS: Mapping[str, Mapping[str, Any]] = {step["id"]: step for step in ACTION["runs"]["steps"]}
BASH = shutil.which("bash") or "bash"
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step that has run."""

    code: int
    log: str
    """What it wrote to stdout and stderr."""
    outputs: Mapping[str, str]
    summary: str


@dataclass(slots=True)
class Job:
    """A job with one use of the action.

    Args:
        folder: everything of it; the checkout is in `work`.
        inputs: of the action.
        env: of the job, besides what a runner sets.
    """

    folder: Path
    inputs: Mapping[str, str]
    env: Mapping[str, str] = field(default_factory=dict)
    steps: dict[str, Step] = field(default_factory=dict)
    installed: bool = True
    """Whether an earlier step of the job has installed it."""

    def __post_init__(self) -> None:
        unknown = self.inputs.keys() - ACTION["inputs"].keys()
        assert not unknown, f"the action has no input {unknown}"
        for name in ("work", "temp"):
            (self.folder / name).mkdir(exist_ok=True)
        link = self.action_path
        if not link.exists():
            link.symlink_to(ROOT)
        if self.installed:
            self._install()

    @property
    def work(self) -> Path:
        """The checkout."""
        return self.folder / "work"

    @property
    def action_path(self) -> Path:
        """Where the runner put the action; a path needs quotes anywhere."""
        return self.folder / "my actions $HOME"

    def _install(self) -> None:
        """Leave what an earlier step leaves: an environment, here the one that runs the tests."""
        home = self.folder / "temp" / "qovery-restart"
        (home / "bin").mkdir(parents=True, exist_ok=True)
        python = home / "bin" / "python"
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
        python.chmod(0o755)
        (home / "installed").write_text(f"{self.action_path}[simulator]\n", encoding="utf-8")

    def environ_of(self, step: Mapping[str, Any]) -> dict[str, str]:
        """Return the environment of a step."""
        files = self.folder / "files" / step["id"]
        files.mkdir(parents=True, exist_ok=True)
        for name in ("output", "summary", "env"):
            (files / name).touch()
        there = {
            "GITHUB_ACTIONS": "true",
            "CI": "true",
            "RUNNER_OS": "Linux",
            "RUNNER_TEMP": str(self.folder / "temp"),
            "GITHUB_WORKSPACE": str(self.work),
            "GITHUB_ACTION_PATH": str(self.action_path),
            "GITHUB_OUTPUT": str(files / "output"),
            "GITHUB_STEP_SUMMARY": str(files / "summary"),
            "GITHUB_ENV": str(files / "env"),
            "HOME": str(self.folder),
        }
        own = {name: self.evaluated(str(value)) for name, value in step.get("env", {}).items()}
        return {**environ(**there), **self.env, **own}

    def evaluated(self, text: str) -> str:
        """Put the values of expressions into a text."""
        return _EXPRESSION.sub(lambda match: self._value(match[1]), text)

    def _value(self, expression: str) -> str:
        for part in expression.split("||"):
            if value := self._operand(part.strip()):
                return value
        return ""

    def _operand(self, text: str) -> str:
        if text.startswith("!"):
            return "" if self._operand(text[1:].strip()) else "true"
        match text.split("."):
            case ["inputs", name]:
                return self.inputs.get(name, str(ACTION["inputs"][name].get("default", "")))
            case ["steps", step, "outputs", name]:
                assert step in STEPS, f"there is no step {step}"
                return self.steps[step].outputs.get(name, "") if step in self.steps else ""
        raise AssertionError(f"an expression of which these tests know nothing: {text}")

    def command(self, step: Mapping[str, Any]) -> list[str]:
        """Return the command that runs the script of a step, which has no expressions in it."""
        assert step["shell"] == "bash"
        script = self.folder / f"{step['id']}.sh"
        script.write_text(step["run"], encoding="utf-8")
        return [BASH, "--noprofile", "--norc", "-eo", "pipefail", str(script)]

    def run(self, *names: str) -> Step:
        """Run some steps, by default all, up to one that fails; return the last that ran."""
        last: Step | None = None
        for name in names or STEPS:
            step = STEPS[name]
            if "if" in step and not self._value(_EXPRESSION.sub(r"\1", step["if"])):
                continue
            last = self.steps[name] = self._run_script(step) if "run" in step else self._set_up_python(step)
            if last.code:
                break
        assert last is not None
        return last

    def _run_script(self, step: Mapping[str, Any]) -> Step:
        env = self.environ_of(step)
        done = subprocess.run(
            self.command(step),
            env=env,
            cwd=self.work,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )
        return self.finished(step, done.returncode, done.stdout)

    def finished(self, step: Mapping[str, Any], code: int, log: str) -> Step:
        """Return what is known of a step that has ended."""
        files = self.folder / "files" / step["id"]
        lines = (files / "output").read_text(encoding="utf-8").splitlines()
        outputs = dict(line.split("=", 1) for line in lines)
        return Step(code=code, log=log, outputs=outputs, summary=(files / "summary").read_text(encoding="utf-8"))

    @staticmethod
    def _set_up_python(step: Mapping[str, Any]) -> Step:
        assert step["uses"].startswith("actions/setup-python@")
        assert step["with"]["update-environment"] is False, "the rest of the job keeps its own"
        return Step(code=0, log="", outputs={"python-path": sys.executable}, summary="")

    @property
    def outputs(self) -> dict[str, str]:
        """The outputs of the action; those that are empty are left out."""
        values = {name: self.evaluated(output["value"]) for name, output in ACTION["outputs"].items()}
        return {name: value for name, value in values.items() if value}


def commands_in(log: str) -> list[str]:
    """Return the lines of a log that the runner acts on."""
    return [line.strip() for line in log.splitlines() if re.match(r"\s*::|##\[", line)]


def annotations_in(log: str) -> list[str]:
    """Return the errors that GitHub shows beside files."""
    return [line for line in commands_in(log) if line.startswith("::error")]


def without_python(folder: Path) -> str:
    """Make a PATH with a shell's tools and no Python."""
    folder.mkdir()
    for name in ("cat", "rm", "sh"):
        (folder / name).symlink_to(shutil.which(name) or os.devnull)
    return str(folder)
