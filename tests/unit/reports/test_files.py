import errno
import json
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.reports.files import check_writable, write_report
from orchestrator.reports.formats import FORMATS, ReportFile, ReportFormat, report_file
from orchestrator.reports.markdown import render_markdown
from orchestrator.reports.model import render_json
from tests.support.reports import NASTY, report, succeeded

REPORT = report(*(succeeded(name) for name in NASTY))


def to(path: Path) -> ReportFile:
    return report_file(str(path))


@pytest.mark.parametrize("each", FORMATS, ids=str)
def test_a_report_is_written_in_utf8_and_nothing_else_is_left(tmp_path: Path, each: ReportFormat) -> None:
    path = tmp_path / f"report{each.suffix}"
    write_report(REPORT, to(path))
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
    write_report(REPORT, to(path))
    assert path.read_text("utf-8") == render_json(REPORT)
    assert path.stat().st_mode & 0o777 == 0o604


def test_a_new_report_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_report(REPORT, to(tmp_path / "report.json"))
    finally:
        os.umask(before)
    assert (tmp_path / "report.json").stat().st_mode & 0o777 == 0o640


def test_a_link_goes_on_pointing_at_the_report(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "latest.json"
    link.symlink_to(tmp_path / "real" / "report.json")
    write_report(REPORT, to(link))
    assert link.is_symlink()
    assert (tmp_path / "real" / "report.json").read_text("utf-8") == render_json(REPORT)


def test_the_longest_name_that_a_directory_takes_will_do(tmp_path: Path) -> None:
    path = tmp_path / f"{'x' * 250}.json"
    write_report(REPORT, to(path))
    assert path.exists()


def test_what_cannot_be_written_is_an_error_with_the_path(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "report.json"
    with pytest.raises(FileNotFoundError) as failure:
        write_report(REPORT, to(path))
    assert failure.value.filename == str(path)
    assert failure.value.errno == errno.ENOENT


def test_a_full_disk_leaves_the_older_report_and_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "report.json"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(OSError, match="No space left on device") as failure:
        write_report(REPORT, to(path))
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
    write_report(REPORT, to(path))
    assert json.loads(path.read_text()) == json.loads(render_json(REPORT))
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupt_leaves_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_report(REPORT, to(tmp_path / "report.json"))
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_can_be_written_passes_and_stays_untouched(tmp_path: Path) -> None:
    check_writable(to(tmp_path / "report.json"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_name_alone_means_the_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_writable(to(Path("report.json")))
    write_report(REPORT, to(Path("report.json")))
    assert (tmp_path / "report.json").exists()


def test_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report.json").mkdir()
    with pytest.raises(UsageError, match="this is a directory"):
        check_writable(to(tmp_path / "report.json"))


@pytest.mark.parametrize("parent", ["missing", "a-file"])
def test_a_missing_directory_is_refused(tmp_path: Path, parent: str) -> None:
    (tmp_path / "a-file").touch()
    with pytest.raises(UsageError, match="there is no directory"):
        check_writable(to(tmp_path / parent / "report.json"))


def test_a_directory_that_takes_no_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Not by chmod: whoever is root may write everywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(UsageError, match="no permission"):
        check_writable(to(tmp_path / "report.json"))


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    path, found = tmp_path / "pipe.json", []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: found.append(path.read_text("utf-8")))
    reader.start()
    check_writable(to(path))
    write_report(REPORT, to(path))
    reader.join()
    assert found == [render_json(REPORT)]
    assert path.is_fifo()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        with suppress(OSError):
            os.close(end)


@pytest.mark.parametrize("folder", ["/dev/fd", "/proc/self/fd"])
def test_an_open_pipe_is_written_to_by_its_number(pipe: tuple[int, int], folder: str) -> None:
    reading, writing = pipe
    file = report_file(f"md:{folder}/{writing}")
    found: list[str] = []
    reader = threading.Thread(target=lambda: found.append(read_all(reading)))
    reader.start()
    check_writable(file)
    write_report(REPORT, file)
    os.close(writing)
    reader.join()
    assert found == [render_markdown(REPORT)]


def test_an_open_pipe_that_does_not_block_gets_the_whole_report(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.set_blocking(writing, False)
    large = report(*(succeeded(f"{name} {number}") for name in NASTY for number in range(50)))
    found: list[str] = []
    reader = threading.Thread(target=lambda: found.append(read_all(reading)))
    reader.start()
    write_report(large, report_file(f"json:/dev/fd/{writing}"))
    os.close(writing)
    reader.join()
    assert found == [render_json(large)]


def test_an_open_file_is_written_to_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    with path.open("w", encoding="utf-8") as file:
        file.write("before\n")
        file.flush()
        write_report(REPORT, report_file(f"md:/dev/fd/{file.fileno()}"))
        file.write("after\n")
    assert path.read_text("utf-8") == f"before\n{render_markdown(REPORT)}after\n"


def test_a_number_that_nothing_is_open_under_is_refused(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.close(writing)
    for number in (reading, writing, 999_999_999):
        with pytest.raises(UsageError, match=rf"--report md:/dev/fd/{number}: nothing is open there to write to"):
            check_writable(report_file(f"md:/dev/fd/{number}"))


def test_a_pipe_that_nobody_reads_any_more_is_an_error_with_the_path(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.close(reading)
    with pytest.raises(BrokenPipeError) as failure:
        write_report(REPORT, report_file(f"md:/dev/fd/{writing}"))
    assert failure.value.filename == f"/dev/fd/{writing}"


def test_a_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(UsageError, match="this is no name of a file"):
        check_writable(report_file("a\0b.json"))


def test_standard_output_can_always_be_tried() -> None:
    check_writable(report_file("md:-"))


def read_all(descriptor: int) -> str:
    with os.fdopen(os.dup(descriptor), encoding="utf-8") as stream:
        return stream.read()
