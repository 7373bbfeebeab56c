"""`action.yml`: valid for GitHub, safe from what it is given, and documented whole."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from orchestrator.cli.inputs import PREFIX, Inputs, command_line
from orchestrator.domain.outcomes import ExitCode
from orchestrator.reports.model import RunReport
from orchestrator.reports.outputs import outputs_of, render_dotenv
from tests.support.action import ACTION, FILE, STEPS
from tests.support.guide import page
from tests.support.recipes import RECIPES
from tests.support.reports import RESUME, failed, report

GUIDE = page("pipelines")
ELSEWHERE = {"token", "qovery-api-token", "working-directory", "summary", "version", "extras"}
"""Inputs that are no words of the command line."""


def checked(path: Path) -> subprocess.CompletedProcess[str]:
    # It has the schema with it; if it asked the internet, this proxy would not answer.
    offline = {**os.environ, "HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": ""}
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-actions", str(path)]
    return subprocess.run(words, env=offline, capture_output=True, text=True, check=False, timeout=60)


def test_githubs_schema_of_actions_finds_nothing_wrong() -> None:
    done = checked(FILE)
    assert done.returncode == 0, done.stdout + done.stderr


def test_githubs_schema_of_actions_finds_what_is_wrong(tmp_path: Path) -> None:
    broken = tmp_path / "action.yml"
    broken.write_text(FILE.read_text(encoding="utf-8").replace("using: composite", "using: compost"), encoding="utf-8")
    assert checked(broken).returncode == 1


@pytest.mark.parametrize("step", [step for step in STEPS.values() if "run" in step], ids=lambda step: str(step["id"]))
def test_no_input_reaches_a_script_but_through_the_environment(step: dict[str, str]) -> None:
    assert "${{" not in step["run"]
    assert step["shell"] == "bash"
    assert "eval" not in step["run"]


def test_every_input_reaches_the_program_under_its_name() -> None:
    env = STEPS["run"]["env"]
    expected = {f"{PREFIX}{name.replace('-', '_').upper()}": f"${{{{ inputs.{name} }}}}" for name in ACTION["inputs"]}
    for name in ("VERSION", "EXTRAS"):
        assert STEPS["install"]["env"][PREFIX + name] == expected.pop(PREFIX + name)
    assert {name: value for name, value in env.items() if name != "PYTHON"} == expected


class Recorded(Inputs):
    """Remembers what is asked for."""

    asked: set[str]

    def text(self, *names: str) -> str:
        self.asked = getattr(self, "asked", set()) | set(names)
        return super().text(*names)


def test_the_program_asks_for_every_input_and_for_no_other() -> None:
    asked: set[str] = set()
    for given in ({"CONFIG": "f"}, {"ENVIRONMENT": "a/b/c", "ALL_SERVICES": "true"}):
        inputs = Recorded({f"{PREFIX}{name}": value for name, value in given.items()})
        command_line(inputs, Path("/tmp"))
        asked |= inputs.asked
    assert asked == ACTION["inputs"].keys() - ELSEWHERE


def test_the_action_has_every_output_that_is_written_and_no_other() -> None:
    written = {*outputs_of(report()), "report-json", "report-junit", "report-html", "report-comment"}
    assert written == ACTION["outputs"].keys()


def named_in_table(heading: str) -> set[str]:
    _, found, rest = GUIDE.partition(f"| {heading} | what it is |\n|---|---|\n")
    assert found
    first_cells = [row.split("|")[1] for row in rest.partition("\n\n")[0].splitlines()]
    return {name for cell in first_cells for name in re.findall(r"`([\w-]+)`", cell)}


def test_the_guide_names_every_input_and_output() -> None:
    own = {name for name in ACTION["inputs"] if not name.startswith("qovery-")}
    assert named_in_table("input") == own
    assert named_in_table("output") == ACTION["outputs"].keys()
    aliases = GUIDE.partition("**From Qovery's own action**")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(qovery-[\w-]+)`", aliases)) == ACTION["inputs"].keys() - own


def test_the_guide_names_every_variable_of_later_jobs() -> None:
    run: RunReport = report(failed("production"), interrupted=ExitCode.SIGTERM, resume=RESUME)
    variables = {line.partition("=")[0] for line in render_dotenv(run).splitlines()}
    assert named_in_table("variable") == variables


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL), ids=["restart", "validate"])
def test_what_the_guide_shows_gives_inputs_that_there_are(text: str) -> None:
    for step in yaml.safe_load(text):
        assert step.get("with", {}).keys() <= ACTION["inputs"].keys()


def lint(program: str, *words: str | Path, text: str | None = None) -> None:
    path = shutil.which(program) or shutil.which(str(Path(sys.executable).with_name(program)))
    if path is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run([path, *map(str, words)], input=text, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("step", [step for step in STEPS.values() if "run" in step], ids=lambda step: str(step["id"]))
def test_shellcheck_finds_nothing_in_the_scripts(step: dict[str, str]) -> None:
    lint("shellcheck", "--shell=bash", "-", text=step["run"])


@pytest.mark.parametrize("path", sorted(RECIPES.glob("github-*.yml")), ids=lambda path: str(path.name))
def test_actionlint_finds_nothing_in_a_workflow(path: Path) -> None:
    lint("actionlint", "-no-color", path)
