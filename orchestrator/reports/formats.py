"""The file formats of a report: the one list behind `--report`, its help text and its errors.

To add a format, write its renderer in a module of its own, test the rendering in `tests/unit/reports`, add a line to
`FORMATS`, and add the suffix to the README's sentence about `--report`. Tests fail until all of that is done.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.reports.model import RunReport


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFormat:
    """A format, chosen by the suffix of the file's name."""

    suffix: str
    """In lower case, with its dot."""
    name: str = ""
    """The format's name, if the suffix does not show it: `.xml` is JUnit."""
    renderer: str
    """Where the renderer is, as "module:function".

    It is imported only when a report is written, since `--help` must not import pydantic."""

    def render(self, report: "RunReport") -> str:
        """Render a report in this format."""
        renderer: Callable[[RunReport], str] = resolve_name(self.renderer)
        return renderer(report)

    def __str__(self) -> str:
        return f"{self.suffix} ({self.name})" if self.name else self.suffix


FORMATS = (
    ReportFormat(suffix=".json", renderer="orchestrator.reports.model:render_json"),
    ReportFormat(suffix=".xml", name="JUnit", renderer="orchestrator.reports.junit:render_junit"),
    ReportFormat(suffix=".md", renderer="orchestrator.reports.markdown:render_markdown"),
    ReportFormat(suffix=".html", renderer="orchestrator.reports.html:render_html"),
)


def format_of(path: Path) -> ReportFormat:
    """Return the format for the suffix of `path`, in upper or lower case.

    Raises:
        UsageError: the suffix is unknown.
    """
    for each in FORMATS:
        if each.suffix == path.suffix.lower():
            return each
    suffixes = ", ".join(each.suffix for each in FORMATS)
    raise UsageError(f"--report {path}: the format follows the suffix, which must be one of {suffixes}.")


def listed_formats() -> str:
    """Return every format, for help texts: ".json, .xml (JUnit), .md or .html"."""
    *others, last = map(str, FORMATS)
    return f"{', '.join(others)} or {last}"
