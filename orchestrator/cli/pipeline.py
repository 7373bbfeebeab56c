"""What a command does for the CI system that it runs in: sections and annotations on stderr, the summary of a step."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator.ci import CI, ci_of
from orchestrator.cli.options import LogFormat, Settings
from orchestrator.clock import SystemClock
from orchestrator.reports.annotations import (
    Annotation,
    Budget,
    Places,
    annotations_of_environments,
    annotations_of_problems,
    hint_of,
    more,
)
from orchestrator.reports.model import RunReport
from orchestrator.sections import LogSections
from orchestrator.streams import LossyStream, settle_log

SETTLE = 0.2
"""Seconds for which nobody may read the log before what comes after it is written all the same."""


class Pipeline:
    """The CI system that a command runs in, or none.

    Everything goes to stderr, which CI systems read as they do stdout: that belongs to the result. Where a line of
    stderr is an event in JSON, nothing else is written there.

    Args:
        settings: the options.
        environ: the environment variables.

    Attributes:
        sections: what folds the log.
        summary: the file of the step's summary; None if there is none.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        ci = ci_of(environ) if settings.ci is CI.AUTO else settings.ci
        is_console = settings.log_format is LogFormat.CONSOLE
        folds = is_console and ci in (CI.GITHUB, CI.GITLAB)
        self.sections = LogSections(ci, SystemClock().now) if folds else None
        summary = environ.get("GITHUB_STEP_SUMMARY") if ci is CI.GITHUB else None
        self.summary = Path(summary) if summary else None
        self._annotates = is_console and ci is CI.GITHUB and not settings.no_annotations
        self._budget = Budget()
        self._environ = environ

    def end_sections(self) -> None:
        """End the section that is open, if any, and let the log be written before the result."""
        if self.sections is None:
            return
        self._write(self.sections.end())
        settle_log(sys.stderr, patience=SETTLE)

    def annotate_problems(self, problems: Sequence[str]) -> Sequence[str]:
        """Show problems as annotations; return those that are left, to be written as lines."""
        if not self._annotates:
            return problems
        return problems[self._show(list(annotations_of_problems(problems))) :]

    def annotate(self, report: RunReport, *, with_errors: bool = False) -> None:
        """Show what went wrong in a run as annotations, and how to go on.

        Args:
            report: the run.
            with_errors: whether its errors have not been shown yet.
        """
        if not self._annotates:
            return
        errors = annotations_of_problems(report.errors) if with_errors else ()
        self._show([*errors, *annotations_of_environments(report)])
        hint = hint_of(report)
        self._write(hint or "")

    def _show(self, annotations: Sequence[Annotation]) -> int:
        """Show as many as GitHub does; return how many."""
        shown, unshown = self._budget.spend(annotations)
        places = Places.of(self._environ)
        lines = [each.command(places) for each in shown]
        if unshown:
            lines.append(more(unshown))
        self._write("\n".join(lines))
        return len(shown)

    def _write(self, text: str) -> None:
        if text:
            stream = LossyStream(sys.stderr)
            stream.write(f"{text}\n")
            stream.flush()
