"""The summary of a step: appended, and never so long that GitHub drops the whole."""

from pathlib import Path

import pytest

from orchestrator.reports.markdown import LARGEST, render_markdown
from orchestrator.reports.step_summary import append_summary, is_same_file
from tests.support.reports import failed, report, succeeded

RUN = report(succeeded("staging"), failed("production"))


def test_a_run_is_appended_to_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    path.write_text("# Before", encoding="utf-8")
    append_summary(RUN, path)
    append_summary(RUN, path)
    one = render_markdown(RUN)
    assert path.read_text(encoding="utf-8") == f"# Before\n\n{one}\n\n{one}"


def test_a_file_that_is_missing_or_empty_begins_with_the_run(tmp_path: Path) -> None:
    for name in ("missing", "empty"):
        path = tmp_path / name
        if name == "empty":
            path.touch()
        append_summary(RUN, path)
        assert path.read_text(encoding="utf-8") == render_markdown(RUN)


def test_the_whole_stays_below_what_github_takes_whatever_is_there_already(tmp_path: Path) -> None:
    large = report(*(failed(f"environment {i}") for i in range(200)))
    path = tmp_path / "summary"
    path.write_text("x" * 950_000, encoding="utf-8")
    append_summary(large, path)
    assert 950_000 < path.stat().st_size <= LARGEST
    assert "Left out" in path.read_text(encoding="utf-8")


def test_where_there_is_no_room_nothing_is_written_and_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    path.write_text("x" * (LARGEST - 10), encoding="utf-8")
    with pytest.raises(OSError, match="GitHub shows none that is larger"):
        append_summary(RUN, path)
    assert path.stat().st_size == LARGEST - 10


def test_a_file_is_known_by_any_of_its_names(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "summary")
    assert is_same_file(tmp_path / "link", tmp_path / "x" / ".." / "summary")
    assert not is_same_file(tmp_path / "link", tmp_path / "other")
