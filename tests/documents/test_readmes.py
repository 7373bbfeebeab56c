"""What the READMEs show is what is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator import parse_config

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TESTS_MAP = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", blocks("yaml"), ids=lambda text: text.splitlines()[0].strip("# "))
def test_every_configuration_in_the_readme_is_valid(text: str) -> None:
    assert parse_config(text, source="README.md", environ={}).environments


def test_the_python_example_of_the_readme_runs_and_exits_with_the_outcome() -> None:
    (example,) = blocks("python")
    done = subprocess.run([sys.executable, "-c", example], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all("succeeded" in line for line in done.stdout.splitlines())
    assert done.stdout


def test_the_first_two_commands_are_the_ones_that_the_gate_runs() -> None:
    commands = [line for line in README.splitlines() if line.startswith("python3 -m venv")]
    assert len(commands) == 2
    assert blocks("sh")[:2] == [f"{command}\n" for command in commands]


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#:]+)\)", README))
def test_every_local_link_of_the_readme_leads_somewhere(target: str) -> None:
    assert (ROOT / target).exists()


def test_the_map_of_the_tests_names_every_folder() -> None:
    folders = {f"{path.name}/" for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name[0] not in "._"}
    assert folders == set(re.findall(r"^\| `(\w+/)` \|", TESTS_MAP, re.MULTILINE))
