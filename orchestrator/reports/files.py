"""The report as a file: which format, whether it can be written, and writing it whole or not at all."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from types import MappingProxyType

from orchestrator.errors import UsageError
from orchestrator.reports.html import render_html
from orchestrator.reports.junit import render_junit
from orchestrator.reports.markdown import render_markdown
from orchestrator.reports.model import RunReport

Renderer = Callable[[RunReport], str]
"""Makes a document of a report."""


def render_json(report: RunReport) -> str:
    """Render a run as the JSON that `report_schema` describes."""
    return f"{report.model_dump_json(indent=2)}\n"


FORMATS: Mapping[str, Renderer] = MappingProxyType(
    {".json": render_json, ".xml": render_junit, ".md": render_markdown, ".html": render_html}
)
"""Each format by the suffix of its files."""


def report_format_of(path: Path) -> Renderer:
    """Choose a format by the suffix of a file's name, in either case of letters.

    Raises:
        UsageError: the suffix is not known.
    """
    renderer = FORMATS.get(path.suffix.lower())
    if renderer is None:
        raise UsageError(f"--report {path}: the format follows the suffix, which must be one of {', '.join(FORMATS)}.")
    return renderer


def check_writable(path: Path) -> None:
    """Find out before a run begins whether its report could be written to `path`. Nothing is written.

    Raises:
        UsageError: it could not, or its format is not known.
    """
    report_format_of(path)
    target = _target(path)
    folder = target.parent
    if target.is_dir():
        raise UsageError(f"--report {path}: this is a directory. Name a file in it.")
    if not folder.is_dir():
        raise UsageError(f"--report {path}: there is no directory {folder}. Create it, or choose another.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"--report {path}: no permission to write into {folder}. Choose another directory.")


def write_report(report: RunReport, path: Path) -> None:
    """Write a report in the format of `path`'s suffix.

    Whoever reads `path` sees what was there before or the whole new report, never a part of it, even if the machine
    stops in the middle. A file that is there keeps its permissions; a new one follows the umask. Missing directories
    are not created.

    Raises:
        OSError: it could not be written; `filename` is `path`.
        UsageError: its format is not known.
    """
    text = report_format_of(path)(report)
    target = _target(path)
    # Not derived from the target's name, which may be as long as names can be.
    draft = target.with_name(f".qovery-restart-{token_hex(8)}.tmp")
    try:
        _write_draft(draft, text, like=target)
        draft.replace(target)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with suppress(OSError):
            draft.unlink()


def _target(path: Path) -> Path:
    """Follow symbolic links, since replacing one would leave what it points at as it was."""
    return Path(os.path.realpath(path))


def _write_draft(draft: Path, text: str, *, like: Path) -> None:
    with draft.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if like.exists():
        draft.chmod(like.stat().st_mode)
