"""What a command does for the CI system that it runs in: on stderr and in the step's summary, never on stdout."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator.ci import CI
from orchestrator.cli.command import CommandRunner
from orchestrator.cli.keeping import _show
from orchestrator.cli.options import Settings
from orchestrator.domain.outcomes import ExitCode
from orchestrator.runs.surroundings import Told
from orchestrator.schedules import Action, Decision, DecisionReason
from tests.support.calling import Called, call
from tests.support.command import events_in

CONFIG = """\
version: 1
blackouts: [{from: 2000-01-01, to: 2200-01-01}]
environments:
  - {name: staging, path: acme/shop/staging, services: all}
  - {name: "b::error::c", path: acme/shop/production, services: all, wave: 2}
"""
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "night.yaml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "good.yaml").write_text(CONFIG.replace("blackouts", "# "), encoding="utf-8")
    return tmp_path


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A step of GitHub; its summary."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    return tmp_path / "summary"


def rehearse(*arguments: str, file: str = "night.yaml") -> Called:
    return call("run", file, "--simulate", *arguments)


def commands(called: Called) -> list[str]:
    return [line for line in called.stderr.splitlines() if line.startswith("::")]


def test_in_github_a_problem_is_shown_beside_its_line_and_the_run_in_the_summary(github: Path) -> None:
    done = rehearse()
    assert done.exit_code == ExitCode.BLOCKED
    assert [line.partition("::Not begun: ")[0] for line in commands(done)[-2:]] == [
        "::error title=staging%3A blocked (blackout),file=night.yaml,line=4",
        r"::error title=b%3A\x3aerror%3A%3Ac%3A blocked (blackout),file=night.yaml,line=5",
    ]
    assert "Run blocked" in github.read_text(encoding="utf-8")


def test_stdout_is_whole_json_all_the_same(github: Path) -> None:
    done = rehearse("--output", "json")
    assert json.loads(done.stdout)["outcome"] == "blocked"
    assert len([line for line in commands(done) if line.startswith("::error ")]) == 2


def test_where_a_line_is_an_event_there_is_nothing_else_and_the_summary_is_written(github: Path) -> None:
    done = rehearse("--log-format", "json", file="good.yaml")
    assert {"wave_started", "wave_finished"} <= {event["event"] for event in events_in(done.stderr)}
    assert "Run succeeded" in github.read_text(encoding="utf-8")


def test_annotations_alone_can_be_left_out(github: Path) -> None:
    assert not [line for line in commands(rehearse("--no-annotations")) if line.startswith("::error")]
    assert github.exists()


@pytest.mark.parametrize("by_option", [True, False], ids=["option", "variable"])
def test_all_of_it_can_be_left_out(by_option: bool, github: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not by_option:
        monkeypatch.setenv("QOVERY_RESTART_CI", "none")
    assert commands(rehearse(*(["--ci", "none"] if by_option else []))) == []
    assert not github.exists()


def test_an_empty_variable_is_no_summary(github: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "")
    assert rehearse().exit_code == ExitCode.BLOCKED
    assert not github.exists()


def test_elsewhere_it_can_be_asked_for() -> None:
    assert commands(rehearse()) == []
    assert len(commands(rehearse("--ci", "github"))) >= 2


def test_a_report_that_goes_to_the_summary_is_not_written_twice(github: Path) -> None:
    rehearse("--report", f"md:{github}")
    assert github.read_text(encoding="utf-8").count("Run blocked") == 1


def test_a_summary_that_cannot_be_written_changes_no_exit_code(github: Path) -> None:
    github.mkdir()
    done = rehearse(file="good.yaml")
    assert done.exit_code == ExitCode.SUCCEEDED
    assert "report_not_written" in done.stderr


@pytest.mark.parametrize("command", [["run", "bad.yaml"], ["plan", "bad.yaml"], ["schedule", "bad.yaml", "--due"]])
def test_what_is_wrong_in_a_file_is_shown_once_and_beside_its_line(
    command: list[str], github: Path, somewhere: Path
) -> None:
    (somewhere / "bad.yaml").write_text("version: 1\nenviroments: []\n", encoding="utf-8")
    done = call(*command)
    assert done.exit_code == ExitCode.USAGE
    about = [line for line in done.stderr.splitlines() if "enviroments" in line]
    assert len(about) == 1, done.stderr
    assert about[0].startswith("::error title=qovery-restart,file=bad.yaml,line=2,col=1::bad.yaml:2:1: enviroments: ")


def test_many_problems_are_ten_annotations_and_the_others_lines(github: Path, somewhere: Path) -> None:
    wrong = "".join(f"key{number}: 1\n" for number in range(30))
    (somewhere / "bad.yaml").write_text(f"{CONFIG}{wrong}", encoding="utf-8")
    lines = call("run", "bad.yaml").stderr.splitlines()
    annotated = [line for line in lines if line.startswith("::error ")]
    assert len(annotated) == 10
    assert annotated[-1].endswith("::And 21 more: the log has them all.")
    assert len([line for line in lines if line.startswith("error: bad.yaml:")]) == 21


def test_the_log_of_gitlab_has_sections_that_begin_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITLAB_CI", "true")
    done = rehearse(file="good.yaml")
    parts = [line.split(":")[0].split("\x1b[0K")[-1] for line in done.stderr.split("\n") if "section_" in line]
    assert parts == ["section_start", "section_end"] * 2
    assert "\x1b" not in done.stdout


def test_a_time_that_was_missed_is_shown_although_no_run_tells_it(
    github: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(ci=CI.GITHUB)
    missed = Decision(action=Action.MISSED, reason=DecisionReason.WINDOW_OVER, next_at=NOON, due_at=NOON)
    nothing = Decision(action=Action.NOTHING, reason=DecisionReason.NOT_DUE, next_at=NOON)
    for decision, code in ((missed, ExitCode.BLOCKED), (nothing, ExitCode.SUCCEEDED)):
        told = Told(decision=decision, exit_code=code, due="Thu 12:00", coming="Fri 12:00")
        _show(CommandRunner(settings), settings, [told], code, ())
    shown = [line for line in capsys.readouterr().err.splitlines() if line.startswith("::")]
    assert shown == ["::error title=qovery-restart::Thu 12:00: missed; it is too late for it. Next: Fri 12:00."]


def test_a_past_run_is_shown_and_annotates_nothing(github: Path, somewhere: Path) -> None:
    assert call("report", "last", "--state-dir", str(somewhere / "state")).exit_code == ExitCode.USAGE
    assert not github.exists()
