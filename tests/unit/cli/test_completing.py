"""What a shell proposes, as bash, zsh and fish ask for it."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.journal.database import FILE_NAME
from tests.support.builders import ended, target
from tests.support.journals import Journals, begin
from tests.support.memory_journal import at_once

PROGRAM = "import sys; sys.argv = ['qovery-restart']; from orchestrator.cli import main; main()"
ROOT = Path(__file__).resolve().parents[3]
WELL, CUT_OFF, FAILED = "20261126-030000-aaaaaa", "20261125-030000-bbbbbb", "20261124-030000-cccccc"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with a journal of three runs, and a file of three environments."""
    journals = Journals(tmp_path / "state")
    for run_id, results, outcome in (
        (WELL, [ended()], "succeeded"),
        (CUT_OFF, None, "interrupted"),
        (FAILED, [ended()], "failed"),
    ):
        work = begin(journals.process(), run_id, targets=[target("api")])
        at_once(work.close(results, outcome=outcome, exit_code=0, report="{}"))
        at_once(work.release())
    journals.close()
    (tmp_path / "nightly.yaml").write_text(
        "environments: [{name: staging}, {name: production, wave: 2}, {name: preview}, 7, {wave: 1}]\n",
        encoding="utf-8",
    )
    return tmp_path


UNMEASURED = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("QOVERY_", "COVERAGE_", "COV_", "PYTEST_"))
}
"""Whoever measures the coverage imports more, and in another folder measures something else."""


def asked(folder: Path, shell: str, *words: str) -> str:
    """Return what is answered if somebody presses the tab key after the last of the words."""
    environ = {
        **UNMEASURED,
        "PYTHONPATH": str(ROOT),
        "HOME": str(folder),
        "QOVERY_RESTART_STATE_DIR": str(folder / "state"),
        "_QOVERY_RESTART_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": " ".join(["qovery-restart", *words]),
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "COMP_WORDS": " ".join(["qovery-restart", *words]),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environ,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(
    ("words", "proposed"),
    [
        pytest.param(["report", ""], ["last", CUT_OFF, FAILED, WELL], id="every run for a report"),
        pytest.param(["report", "20261126"], [WELL], id="that begin so"),
        pytest.param(["report", "%"], [], id="a wildcard is a letter"),
        pytest.param(["resume", ""], [CUT_OFF, FAILED], id="what can be resumed"),
        pytest.param(["cancel", ""], [CUT_OFF], id="what can be cancelled"),
        pytest.param(["history", "p"], ["production"], id="environments of past runs"),
        pytest.param(["run", "nightly.yaml", "--only", ""], ["staging", "production", "preview"], id="of the file"),
        pytest.param(["run", "nightly.yaml", "--only", "pr"], ["production", "preview"], id="of it that begin so"),
        pytest.param(
            ["plan", "nightly.yaml", "--only", "preview", "--only", "p"], ["production"], id="that are not named yet"
        ),
        pytest.param(["run", "--only", ""], [], id="no file"),
        pytest.param(["run", "-", "--only", ""], [], id="standard input"),
        pytest.param(["run", "nowhere.yaml", "--only", ""], [], id="a file that is not there"),
        pytest.param(["run", "/dev/zero", "--only", ""], [], id="a file without an end"),
        pytest.param(["report", "--state-dir", "elsewhere", "2"], [], id="another journal"),
        pytest.param(["report", "--state-dir", "state", "20261124"], [FAILED], id="a journal that is named"),
    ],
)
def test_bash_gets_what_fits(folder: Path, words: list[str], proposed: list[str]) -> None:
    assert sorted(asked(folder, "bash", *words).split()) == sorted(proposed)


def test_fish_gets_a_word_about_each(folder: Path) -> None:
    assert asked(folder, "fish", "cancel", "").splitlines() == [f"{CUT_OFF}\tinterrupted, nightly.yaml"]
    assert asked(folder, "fish", "run", "nightly.yaml", "--only", "prod").splitlines() == ["production\twave 2"]


def test_zsh_gets_a_word_about_each(folder: Path) -> None:
    assert f'"{CUT_OFF}":"interrupted, nightly.yaml"' in asked(folder, "zsh", "cancel", "")
    assert '"production":"wave 2"' in asked(folder, "zsh", "run", "nightly.yaml", "--only", "prod")


@pytest.mark.parametrize(
    "content",
    [b"\xff", b"{", b"[]", b"environments: 7", b"&a [*a", b"x" * 2_000_000],
    ids=["no text", "no YAML", "a list", "no environments", "a circle", "far too large"],
)
def test_a_file_that_cannot_be_read_is_passed_over_in_silence(folder: Path, content: bytes) -> None:
    (folder / "nightly.yaml").write_bytes(content)
    assert asked(folder, "bash", "run", "nightly.yaml", "--only", "").split() == []


def test_a_journal_that_cannot_be_read_is_passed_over_in_silence(folder: Path) -> None:
    (folder / "state" / FILE_NAME).write_bytes(b"no journal")
    assert asked(folder, "bash", "cancel", "").split() == []


def test_a_journal_that_another_process_keeps_is_not_waited_for(folder: Path) -> None:
    connection = sqlite3.connect(folder / "state" / FILE_NAME)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("BEGIN EXCLUSIVE")
    assert asked(folder, "bash", "cancel", "").split() == []
    connection.close()


def test_nothing_heavy_is_imported_to_propose_a_name() -> None:
    script = (
        "import sys, orchestrator.cli.app, orchestrator.cli.completing\n"
        "print([name for name in ('pydantic', 'httpx', 'sqlite3', 'yaml') if name in sys.modules])"
    )
    words = [sys.executable, "-c", script]
    output = subprocess.run(words, check=True, capture_output=True, text=True, cwd=ROOT, env=UNMEASURED).stdout
    assert output.strip() == "[]"
