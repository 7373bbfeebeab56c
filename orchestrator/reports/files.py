"""The report as a file: whether it can be written, and writing it whole or not at all."""

import os
from contextlib import suppress
from errno import EBUSY, EXDEV
from pathlib import Path
from secrets import token_hex

from orchestrator.errors import UsageError
from orchestrator.reports.formats import format_of
from orchestrator.reports.model import RunReport


def check_writable(path: Path) -> None:
    """Check before a run starts that its report can be written to `path`. Nothing is written.

    Raises:
        UsageError: it cannot be written, or its format is unknown.
    """
    format_of(path)
    target = _target(path)
    if _is_special(target):
        if not os.access(target, os.W_OK):
            raise UsageError(f"--report {path}: no permission to write to it. Choose another file.")
        return
    folder = target.parent
    if target.is_dir():
        raise UsageError(f"--report {path}: this is a directory. Name a file in it.")
    if not folder.is_dir():
        raise UsageError(f"--report {path}: there is no directory {folder}. Create it, or choose another.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"--report {path}: no permission to write into {folder}. Choose another directory.")


def write_report(report: RunReport, path: Path) -> None:
    """Write a report in the format of `path`'s suffix.

    A reader of `path` sees either the old content or the whole new report, even if the machine stops half-way. An
    existing file keeps its permissions; a new one follows the umask. Missing directories are not created. A file that
    cannot be replaced, since something is mounted on it, as containers do with single files, is written in place; so is
    a pipe or a device, which may block.

    Raises:
        OSError: it could not be written; `filename` is `path`.
        UsageError: its format is unknown.
    """
    text = format_of(path).render(report)
    target = _target(path)
    if _is_special(target):
        try:
            target.write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error
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
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with suppress(OSError):
            draft.unlink()


def _target(path: Path) -> Path:
    """Follow symbolic links: replacing a link would leave the file that it points at unchanged."""
    # The links in /dev/fd, as of a shell's >(command), name no path.
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
