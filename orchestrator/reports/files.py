"""The report as a file: whether it can be written, and writing it whole or not at all."""

import os
import re
import select
from contextlib import suppress
from errno import EBUSY, EXDEV
from fcntl import F_GETFL, fcntl
from pathlib import Path
from secrets import token_hex

from orchestrator.errors import UsageError
from orchestrator.reports.formats import ReportFile
from orchestrator.reports.model import RunReport

_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/([0-9]{1,9})")
_STREAMS = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}


def check_writable(file: ReportFile) -> None:
    """Check before a run starts that its report can be written. Nothing is written.

    Raises:
        UsageError: it cannot be written.
    """
    path, given = file.path, f"--report {file.shown}"
    if file.is_stdout:
        return
    descriptor = _descriptor_of(path)
    if descriptor is not None:
        if not _is_open_for_writing(descriptor):
            raise UsageError(f"{given}: nothing is open there to write to. Choose another file.")
        return
    try:
        target = _target(path)
        special = _is_special(target)
    except (OSError, ValueError) as error:
        raise UsageError(f"{given}: this is no name of a file ({error}). Choose another.") from None
    if special:
        if not os.access(target, os.W_OK):
            raise UsageError(f"{given}: no permission to write to it. Choose another file.")
        return
    folder = target.parent
    if target.is_dir():
        raise UsageError(f"{given}: this is a directory. Name a file in it.")
    if not folder.is_dir():
        raise UsageError(f"{given}: there is no directory {folder}. Create it, or choose another.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{given}: no permission to write into {folder}. Choose another directory.")


def write_report(report: RunReport, file: ReportFile) -> None:
    """Write a report in its format.

    A reader of the file sees either the old content or the whole new report, even if the machine stops half-way. An
    existing file keeps its permissions; a new one follows the umask. Missing directories are not created. A file that
    cannot be replaced, since something is mounted on it, as containers do with single files, is written in place; so is
    a pipe or a device, which may block. An open file that the caller passed on, such as `/dev/fd/63` of a shell's
    `>(command)`, is written from where it stands.

    Raises:
        OSError: it could not be written; `filename` is the path.
    """
    path, text = file.path, file.format.render(report)
    try:
        _write(path, text)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write(path: Path, text: str) -> None:
    descriptor = _descriptor_of(path)
    if descriptor is not None:
        _write_descriptor(descriptor, text.encode())
        return
    target = _target(path)
    if _is_special(target):
        target.write_text(text, encoding="utf-8", newline="\n")
        return
    # Not derived from the target's name, which may already have the maximum length.
    draft = target.with_name(f".qovery-restart-{token_hex(8)}.tmp")
    try:
        _write_draft(draft, text, like=target)
        try:
            draft.replace(target)
        except OSError as error:
            if error.errno not in (EBUSY, EXDEV):
                raise
            target.write_text(text, encoding="utf-8", newline="\n")
    finally:
        with suppress(OSError):
            draft.unlink()


def _descriptor_of(path: Path) -> int | None:
    """Return the descriptor that a path names, such as 63 for `/dev/fd/63`."""
    if (number := _STREAMS.get(str(path))) is not None:
        return number
    match = _DESCRIPTOR.fullmatch(str(path))
    return int(match[1]) if match else None


def _write_descriptor(descriptor: int, data: bytes) -> None:
    # Opening it by its name would begin at its start, or fail for a socket.
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(descriptor, left) :]
        except BlockingIOError:  # Some parents hand down pipes in non-blocking mode.
            select.select((), (descriptor,), ())


def _is_open_for_writing(descriptor: int) -> bool:
    try:
        return fcntl(descriptor, F_GETFL) & os.O_ACCMODE in (os.O_WRONLY, os.O_RDWR)
    except (OSError, OverflowError):
        return False


def _target(path: Path) -> Path:
    """Follow symbolic links: replacing a link would leave the file that it points at unchanged."""
    return path if _is_special(path) else Path(os.path.realpath(path))


def _is_special(path: Path) -> bool:
    """Return whether it is a pipe, a device or a socket: replacing it would make a file of it."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _write_draft(draft: Path, text: str, *, like: Path) -> None:
    with draft.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if like.exists():
        draft.chmod(like.stat().st_mode)
