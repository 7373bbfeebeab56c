"""The Dockerfile in `config/recipes`: what it promises, and by hadolint where that is installed."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator._version import __version__
from tests.support.recipes import RECIPES, parse, read_dockerfile

FILE = RECIPES / "Dockerfile"
INSTRUCTIONS = read_dockerfile(FILE)
LAST_STAGE = INSTRUCTIONS[max(index for index, (name, _) in enumerate(INSTRUCTIONS) if name == "FROM") :]
HADOLINT = shutil.which("hadolint") or shutil.which(str(Path(sys.executable).with_name("hadolint")))

needs_hadolint = pytest.mark.skipif(HADOLINT is None, reason="hadolint is not here")


def last(name: str) -> str:
    return [arguments for instruction, arguments in LAST_STAGE if instruction == name][-1]


def test_it_is_built_in_two_stages_from_one_slim_python_of_a_version_that_is_supported() -> None:
    arguments = dict(arguments.split("=", 1) for name, arguments in INSTRUCTIONS if name == "ARG")
    stages = [arguments for name, arguments in INSTRUCTIONS if name == "FROM"]
    assert stages == ["python:${PYTHON}-slim AS build", "python:${PYTHON}-slim"]
    assert arguments == {"PYTHON": "3.13", "VERSION": __version__, "PIP_FIND_LINKS": ""}
    assert "Python :: 3.13" in (RECIPES.parents[1] / "pyproject.toml").read_text(encoding="utf-8")


def test_nothing_of_the_folder_it_is_built_from_gets_into_it() -> None:
    copied = [arguments for name, arguments in INSTRUCTIONS if name in ("COPY", "ADD")]
    assert copied == ["--from=build /opt/qovery-restart /opt/qovery-restart"]


def test_its_user_is_a_number_and_what_its_user_may_its_group_may_too() -> None:
    user, _, group = last("USER").partition(":")
    variables = dict(part.split("=", 1) for part in last("ENV").split())
    state = variables["QOVERY_RESTART_STATE_DIR"]

    assert int(user) > 0
    assert group == "0", "that of any user id on OpenShift"
    assert variables["HOME"] == state == last("WORKDIR")
    assert last("RUN") == f"mkdir --mode 2770 {state} && chown {user}:{group} {state}"
    assert variables["PYTHONDONTWRITEBYTECODE"] == "1"
    assert not any(name == "VOLUME" for name, _ in INSTRUCTIONS)


def test_the_command_is_process_1_and_not_a_shells_child() -> None:
    assert json.loads(last("ENTRYPOINT")) == ["qovery-restart"]
    assert json.loads(last("CMD")) == ["--help"]


def test_what_its_comment_runs_mounts_what_has_to_stay_and_runs_a_command_that_there_is() -> None:
    text = re.sub(r" \\\n#\s*", " ", FILE.read_text(encoding="utf-8"))
    build, run = re.findall(r"^#   (docker .*)$", text, re.MULTILINE)
    image = f"registry.example.com/acme/qovery-restart:{__version__}"

    assert build == f"docker build --tag {image} config/recipes"
    for option in ("--read-only", "--cap-drop ALL", "--user 12345", "--volume qovery-restart:/var/lib/qovery-restart"):
        assert option in run
    assert parse(run.partition(f"{image} ")[2].split())["config"] == "/etc/qovery-restart/unattended.yaml"


@needs_hadolint
def test_hadolint_finds_nothing() -> None:
    done = subprocess.run([str(HADOLINT), str(FILE)], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")
