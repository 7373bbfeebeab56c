"""The summary of a step, which GitHub shows on the page of a run: appended to what is there already."""

import errno
import os
from pathlib import Path

from orchestrator.reports.markdown import LARGEST, render_markdown
from orchestrator.reports.model import RunReport


def append_summary(report: RunReport, path: Path) -> None:
    """Append a run to the summary of a step, so short that the whole can be shown: GitHub drops what is larger.

    Raises:
        OSError: it could not be written, or nothing more has room.
    """
    before = path.stat().st_size if path.exists() else 0
    separator = "\n\n" if before else ""
    room = LARGEST - before - len(separator)
    text = render_markdown(report, largest=room)
    if len(text.encode()) > room:
        raise OSError(
            errno.EFBIG, f"the step's summary has {before} bytes, and GitHub shows none that is larger", str(path)
        )
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(separator + text)


def is_same_file(first: Path, second: Path) -> bool:
    """Return whether two paths name one file, whether or not it exists."""
    return os.path.realpath(first) == os.path.realpath(second)
