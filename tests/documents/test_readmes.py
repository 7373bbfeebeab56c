"""What the READMEs and the guide show is what is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator import parse_config
from tests.support.guide import GUIDE, PAGES, README, ROOT, page

TESTS_MAP = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    "text", [*blocks(README, "yaml"), *blocks(page("configuration"), "yaml")], ids=["the shortest", "every option"]
)
def test_every_configuration_that_is_shown_is_valid(text: str) -> None:
    assert parse_config(text, source="README.md", environ={}).environments


def test_the_python_example_runs_and_exits_with_the_outcome() -> None:
    (example,) = blocks(page("python"), "python")
    done = subprocess.run([sys.executable, "-c", example], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all("succeeded" in line for line in done.stdout.splitlines())
    assert done.stdout


def test_the_first_two_commands_are_the_ones_that_the_gate_runs() -> None:
    commands = [line for line in README.splitlines() if line.startswith("python3 -m venv")]
    assert len(commands) == 2
    assert blocks(README, "sh")[:2] == [f"{command}\n" for command in commands]


def anchors(path: Path) -> set[str]:
    """The headings of a page, as links name them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_local_link_leads_somewhere(path: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^):# ]*)(?:#([\w-]+))?\)", path.read_text(encoding="utf-8")):
        there = (path.parent / target).resolve() if target else path
        assert there.exists(), f"{path.name} links to {target}"
        assert not anchor or anchor in anchors(there), f"{path.name} links to {target}#{anchor}"


def test_the_readme_is_read_in_a_few_minutes_and_leads_to_every_page() -> None:
    assert len(README.splitlines()) < 180
    assert {path.name for path in GUIDE.glob("*.md")} == set(re.findall(r"config/guide/([\w-]+\.md)", README))


def test_the_map_of_the_tests_names_every_folder() -> None:
    folders = {f"{path.name}/" for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name[0] not in "._"}
    assert folders == set(re.findall(r"^\| `(\w+/)` \|", TESTS_MAP, re.MULTILINE))
