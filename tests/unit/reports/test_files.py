import errno
import json
import os
import threading
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.reports.files import check_writable, write_report
from orchestrator.reports.formats import FORMATS, ReportFormat
from orchestrator.reports.model import render_json
from tests.support.reports import NASTY, report, succeeded

REPORT = report(*(succeeded(name) for name in NASTY))


@pytest.mark.parametrize("each", FORMATS, ids=str)
def test_a_report_is_written_in_utf8_and_nothing_else_is_left(tmp_path: Path, each: ReportFormat) -> None:
    path = tmp_path / f"report{each.suffix}"
    write_report(REPORT, path)
    assert path.read_bytes().decode("utf-8") == each.render(REPORT)
    assert list(tmp_path.iterdir()) == [path]


def test_the_json_ends_with_a_newline() -> None:
    text = render_json(REPORT)
    assert text.endswith("}\n")
    assert json.loads(text)["schema_version"] == 1


def test_an_older_report_is_replaced_and_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    path.chmod(0o604)
    write_report(REPORT, path)
    assert path.read_text("utf-8") == render_json(REPORT)
    assert path.stat().st_mode & 0o777 == 0o604


def test_a_new_report_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_report(REPORT, tmp_path / "report.json")
    finally:
        os.umask(before)
    assert (tmp_path / "report.json").stat().st_mode & 0o777 == 0o640


def test_a_link_goes_on_pointing_at_the_report(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "latest.json"
    link.symlink_to(tmp_path / "real" / "report.json")
    write_report(REPORT, link)
    assert link.is_symlink()
    assert (tmp_path / "real" / "report.json").read_text("utf-8") == render_json(REPORT)


def test_the_longest_name_that_a_directory_takes_will_do(tmp_path: Path) -> None:
    path = tmp_path / f"{'x' * 250}.json"
    write_report(REPORT, path)
    assert path.exists()


def test_what_cannot_be_written_is_an_error_with_the_path(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "report.json"
    with pytest.raises(FileNotFoundError) as failure:
        write_report(REPORT, path)
    assert failure.value.filename == str(path)
    assert failure.value.errno == errno.ENOENT


def test_a_full_disk_leaves_the_older_report_and_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "report.json"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(OSError, match="No space left on device") as failure:
        write_report(REPORT, path)
    assert failure.value.filename == str(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("code", [errno.EBUSY, errno.EXDEV])
def test_a_file_that_something_is_mounted_on_is_written_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    path = tmp_path / "report.json"
    path.write_text("last night's, which is longer" * 1000)
    monkeypatch.setattr(Path, "replace", refuse)
    write_report(REPORT, path)
    assert json.loads(path.read_text()) == json.loads(render_json(REPORT))
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupt_leaves_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_report(REPORT, tmp_path / "report.json")
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_can_be_written_passes_and_stays_untouched(tmp_path: Path) -> None:
    check_writable(tmp_path / "report.json")
    assert list(tmp_path.iterdir()) == []


def test_a_file_name_alone_means_the_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_writable(Path("report.json"))
    write_report(REPORT, Path("report.json"))
    assert (tmp_path / "report.json").exists()


def test_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report.json").mkdir()
    with pytest.raises(UsageError, match="this is a directory"):
        check_writable(tmp_path / "report.json")


@pytest.mark.parametrize("parent", ["missing", "a-file"])
def test_a_missing_directory_is_refused(tmp_path: Path, parent: str) -> None:
    (tmp_path / "a-file").touch()
    with pytest.raises(UsageError, match="there is no directory"):
        check_writable(tmp_path / parent / "report.json")


def test_a_directory_that_takes_no_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Not by chmod: whoever is root may write everywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(UsageError, match="no permission"):
        check_writable(tmp_path / "report.json")


def test_an_unknown_format_is_found_out_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="suffix"):
        check_writable(tmp_path / "report.pdf")


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    path, found = tmp_path / "pipe.json", []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: found.append(path.read_text("utf-8")))
    reader.start()
    check_writable(path)
    write_report(REPORT, path)
    reader.join()
    assert found == [render_json(REPORT)]
    assert path.is_fifo()
