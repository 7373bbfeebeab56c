"""The file formats of a report: the one list behind `--report`, its help text and its errors.

To add a format, write its renderer in a module of its own, test the rendering in `tests/unit/reports`, add a line to
`FORMATS`, and add the suffix to the sentence about `--report` in `config/guide/gate.md`. Tests fail until all of that
is done.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from orchestrator.errors import UsageError
from orchestrator.machine import expand_home

if TYPE_CHECKING:
    from orchestrator.reports.model import RunReport

STDOUT = "-"
"""The file that is standard output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFormat:
    """A format, chosen by its name or by the suffix of the file's name."""

    suffix: str
    """In lower case, with its dot."""
    name: str = ""
    """The format's name, if the suffix does not show it: `.xml` is JUnit."""
    prefixes: tuple[str, ...]
    """What may stand before the file's name and a colon, in lower case; the first is the one that is suggested."""
    renderer: str
    """Where the renderer is, as "module:function".

    It is imported only when a report is written, since `--help` must not import pydantic."""
    is_whole: bool = True
    """Whether it shows every environment and service, and not only what a pipeline asks for."""

    def render(self, report: "RunReport") -> str:
        """Render a report in this format."""
        renderer: Callable[[RunReport], str] = resolve_name(self.renderer)
        return renderer(report)

    def __str__(self) -> str:
        return f"{self.suffix} ({self.name})" if self.name else self.suffix


FORMATS = (
    ReportFormat(suffix=".json", prefixes=("json",), renderer="orchestrator.reports.model:render_json"),
    ReportFormat(
        suffix=".xml", name="JUnit", prefixes=("junit", "xml"), renderer="orchestrator.reports.junit:render_junit"
    ),
    ReportFormat(suffix=".md", prefixes=("md", "markdown"), renderer="orchestrator.reports.markdown:render_markdown"),
    ReportFormat(suffix=".html", prefixes=("html",), renderer="orchestrator.reports.html:render_html"),
    ReportFormat(
        suffix=".env",
        name="dotenv",
        prefixes=("dotenv", "env"),
        renderer="orchestrator.reports.outputs:render_dotenv",
        is_whole=False,
    ),
    ReportFormat(
        suffix=".prom",
        name="OpenMetrics",
        prefixes=("openmetrics", "prom"),
        renderer="orchestrator.reports.openmetrics:render_openmetrics",
        is_whole=False,
    ),
    ReportFormat(
        suffix=".comment",
        name="Markdown",
        prefixes=("comment",),
        renderer="orchestrator.reports.markdown:render_comment",
    ),
)
_BY_PREFIX = {prefix: each for each in FORMATS for prefix in each.prefixes}
_LIKE_A_NAME = re.compile("[A-Za-z][A-Za-z0-9]{0,9}")
"""What is meant as a format's name before a colon; other files' names may contain one: `nightly-03:00.json`."""
_CLOSE = 0.7
"""How alike a prefix of another form must be to a format's name to be taken for a mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFile:
    """A report that is asked for: where it goes, and in which format."""

    path: Path
    format: ReportFormat
    shown: str
    """As it was given, for messages."""
    is_stdout: bool = False
    """Whether it goes to standard output, as the command's result."""


def report_file(given: str) -> ReportFile:
    """Return what `--report [FORMAT:]FILE` asks for; `-` is standard output, and `~` the home directory.

    Raises:
        UsageError: the format is unknown, or no file is named.
    """
    prefix, colon, rest = given.partition(":")
    named = _BY_PREFIX.get(prefix.lower()) if colon else None
    if named is not None and not rest:
        raise UsageError(f"--report {given}: no file is named. Write {prefix}:FILE.")
    if named is None and colon:
        _refuse_unless_a_file(prefix, rest)
    name = given if named is None else rest
    path = expand_home(Path(name), shown=f"--report {given}")
    return ReportFile(path=path, format=named or format_of(path), shown=given, is_stdout=name == STDOUT)


def _refuse_unless_a_file(prefix: str, rest: str) -> None:
    """Raise `UsageError` if what stands before a colon is meant as a format; else it belongs to the file's name."""
    close = [] if "/" in prefix else get_close_matches(prefix.lower(), _BY_PREFIX, n=1, cutoff=_CLOSE)
    if close or _LIKE_A_NAME.fullmatch(prefix):
        raise UsageError(f"--report {prefix}:{rest}: {_about_prefix(prefix, rest, close)}")


def _about_prefix(prefix: str, rest: str, close: list[str]) -> str:
    if len(prefix) == 1:
        return f'"{prefix}:" is no format, and there are no drives here. Name a file such as ./report.html.'
    known = ", ".join(_BY_PREFIX)
    meant = f"Did you mean {close[0]}:{rest}?" if close else f"The formats are {known}."
    return f'there is no format "{prefix}". {meant} If the file is called so, write ./{prefix}:{rest}.'


def format_of(path: Path) -> ReportFormat:
    """Return the format for the suffix of `path`, in upper or lower case.

    Raises:
        UsageError: the suffix is unknown.
    """
    for each in FORMATS:
        if each.suffix == path.suffix.lower():
            return each
    suffixes = ", ".join(each.suffix for each in FORMATS)
    named = ", ".join(f"{each.prefixes[0]}:{path}" for each in FORMATS)
    raise UsageError(
        f"--report {path}: the format follows the suffix, which must be one of {suffixes}. Or name it: {named}."
    )


def rejoined(pieces: Iterable[str]) -> Iterator[str]:
    """Yield the reports that a variable lists: in `md:summary:r.json` each colon seemed to separate two files.

    >>> list(rejoined(["md", "summary", "r.json"]))
    ['md:summary', 'r.json']
    """
    waiting = iter(pieces)
    for piece in waiting:
        if piece.lower() in _BY_PREFIX:
            yield f"{piece}:{next(waiting, '')}"
        else:
            yield piece


def listed_formats() -> str:
    """Return every format, for help texts: ".json, .xml (JUnit), .md or .html"."""
    *others, last = map(str, FORMATS)
    return f"{', '.join(others)} or {last}"
