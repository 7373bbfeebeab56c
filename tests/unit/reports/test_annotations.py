"""Annotations: where GitHub shows what went wrong, and how many of them."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings

from orchestrator.domain.outcomes import ExitCode, Outcome, Reason
from orchestrator.reports.annotations import (
    LONGEST,
    LONGEST_TITLE,
    MOST,
    Annotation,
    Budget,
    Places,
    annotations_of_environments,
    annotations_of_problems,
    hint_of,
    more,
)
from orchestrator.reports.model import RunReport
from tests.support.reports import (
    CONSOLE,
    RESUME,
    failed,
    interrupted_result,
    report,
    reports,
    succeeded,
    without_submit,
)

HERE = Places(workspace="", folder="/")


def with_lines(run: RunReport, line: int) -> RunReport:
    environments = tuple(each.model_copy(update={"line": line}) for each in run.environments)
    return run.model_copy(update={"environments": environments})


def commands(run: RunReport) -> list[str]:
    return [each.command(HERE) for each in annotations_of_environments(run)]


def test_a_problem_names_the_environment_the_line_and_what_to_do() -> None:
    run = with_lines(report(succeeded("staging"), failed("production")), 12)
    assert commands(run) == [
        (
            "::error title=production%3A failed (restart_error),file=nightly.yaml,line=12::"
            f"Qovery failed to restart web. Look at its logs, then run again.%0A{CONSOLE}"
        )
    ]


def test_the_worst_comes_first_and_what_was_skipped_is_none() -> None:
    blocked = without_submit("busy", Outcome.BLOCKED, Reason.BUSY)
    skipped = without_submit("later", Outcome.SKIPPED, Reason.HALTED)
    titles = [each.title for each in annotations_of_environments(report(blocked, skipped, failed("production")))]
    assert [title.partition(":")[0] for title in titles] == ["production", "busy"]


def test_a_run_without_a_file_points_nowhere() -> None:
    (command,) = commands(with_lines(report(failed("production"), config=None), 12))
    assert "file=" not in command
    assert "line=" not in command


def test_a_run_that_failed_although_no_environment_did_is_told() -> None:
    (command,) = commands(report(interrupted=ExitCode.SIGTERM))
    assert command.endswith("::Run interrupted: no environments.")
    assert commands(report(errors=["No."], exit_code=ExitCode.USAGE)) == [], "its errors tell it"
    assert commands(report(succeeded("staging"))) == []


def test_a_problem_of_a_file_points_at_its_place() -> None:
    place, other = annotations_of_problems(["night.yaml:3:5: environments[0].nme: unknown key", "no file: x:y"])
    assert (place.file, place.line, place.column) == ("night.yaml", 3, 5)
    assert place.command(HERE) == (
        "::error title=qovery-restart,file=night.yaml,line=3,col=5::night.yaml:3:5: environments[0].nme: unknown key"
    )
    assert other.command(HERE) == "::error title=qovery-restart::no file: x:y"


@pytest.mark.parametrize(
    ("given_file", "workspace", "folder", "shown"),
    [
        pytest.param("night.yaml", "{tmp}", "{tmp}", "night.yaml", id="at the top"),
        pytest.param("night.yaml", "{tmp}", "{tmp}/deep/down", "deep/down/night.yaml", id="in a working directory"),
        pytest.param("../night.yaml", "{tmp}", "{tmp}/deep", "night.yaml", id="above it"),
        pytest.param("{tmp}/deep/night.yaml", "{tmp}", "/", "deep/night.yaml", id="absolute"),
        pytest.param("/etc/night.yaml", "{tmp}", "{tmp}", None, id="none of the checkout"),
        pytest.param("../night.yaml", "{tmp}/deep", "{tmp}/deep", None, id="beside the checkout"),
        pytest.param("night.yaml", "", "/", "night.yaml", id="no checkout"),
        pytest.param("<stdin>", "{tmp}", "{tmp}", None, id="no file"),
        pytest.param("a\0b", "{tmp}", "{tmp}", None, id="no name of a file"),
    ],
)
def test_a_file_is_named_as_seen_from_the_checkout(
    given_file: str, workspace: str, folder: str, shown: str | None, tmp_path: Path
) -> None:
    places = Places(workspace=workspace.format(tmp=tmp_path), folder=folder.format(tmp=tmp_path))
    assert places.file(given_file.format(tmp=tmp_path)) == shown


def test_the_checkout_is_where_the_variable_says() -> None:
    assert Places.of({"GITHUB_WORKSPACE": "/w"}) == Places(workspace="/w")


def test_a_directory_that_is_gone_points_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert Places(workspace="/w").file("night.yaml") is None
    assert Places(workspace="/w").file("/w/night.yaml") == "night.yaml"


def test_a_long_text_is_cut() -> None:
    command = Annotation(message="m" * 10_000, title="t" * 1_000).command(HERE)
    assert "m" * (LONGEST - 1) + "…" in command
    assert "t" * (LONGEST_TITLE - 1) + "…:" in command


def test_how_to_go_on_is_a_notice() -> None:
    assert hint_of(report(failed("production"))) is None
    hint = hint_of(report(interrupted_result("production"), interrupted=ExitCode.SIGTERM, resume=RESUME)) or ""
    assert hint.startswith("::notice title=qovery-restart%3A how to go on::")
    assert RESUME in hint
    rehearsed = report(interrupted_result("x"), interrupted=ExitCode.SIGTERM, resume=RESUME, simulated=True)
    assert hint_of(rehearsed) is None, "nothing is left of a rehearsal"


@pytest.mark.parametrize(
    ("counts", "shown", "unshown"),
    [
        pytest.param([3], [3], [0], id="few"),
        pytest.param([MOST], [MOST], [0], id="as many as GitHub shows"),
        pytest.param([MOST + 1], [MOST - 1], [2], id="one too many"),
        pytest.param([4, 300], [4, 5], [0, 295], id="twice in one step"),
        pytest.param([MOST, 2], [MOST, 0], [0, 2], id="when none is left"),
        pytest.param([MOST - 1, 2], [MOST - 1, 0], [0, 2], id="when only the last is left"),
        pytest.param([0], [0], [0], id="none"),
    ],
)
def test_no_more_are_written_than_github_shows(counts: list[int], shown: list[int], unshown: list[int]) -> None:
    budget = Budget()
    results = [budget.spend([Annotation(message="x")] * count) for count in counts]
    assert [(len(each), left) for each, left in results] == list(zip(shown, unshown, strict=True))
    assert budget.left >= 0


def test_what_is_left_out_is_counted() -> None:
    assert more(291) == "::error title=qovery-restart::And 291 more: the log has them all."


def lines_of(commands: Sequence[str]) -> list[str]:
    return [line for command in commands for line in command.splitlines()]


@settings(max_examples=200)
@given(reports())
def test_no_text_forges_a_command_or_a_line(run: RunReport) -> None:
    written = [
        *commands(run),
        *(each.command(HERE) for each in annotations_of_problems(run.errors)),
        hint_of(run) or "::",
    ]
    for line in written:
        assert line.splitlines() == [line]
        assert line.startswith("::")
        assert "\x1b" not in line
        assert "::error" not in line.removeprefix("::error")
