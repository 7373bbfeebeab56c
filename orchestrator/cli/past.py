"""The commands `history` and `report`: what the journal remembers, offline."""

import json
import os
import re
import sys
from datetime import timedelta

from orchestrator.cli.command import CommandRunner
from orchestrator.cli.options import Output, Settings
from orchestrator.domain.durations import parse_duration
from orchestrator.domain.history import History
from orchestrator.domain.outcomes import ExitCode
from orchestrator.errors import UsageError
from orchestrator.redaction import redact_deeply
from orchestrator.reports.formats import ReportFile
from orchestrator.reports.history import history_document, render_history
from orchestrator.reports.model import RunReport
from orchestrator.runs.past import history_of, past_report
from orchestrator.text import encodable

_DAYS = re.compile(r"([0-9]{1,5})d", re.ASCII)
_MOST_DAYS = 36500


def show_history(settings: Settings, environment: str | None, *, since: str, limit: int) -> ExitCode:
    """Print past runs, or the restarts of one environment; return the exit code."""
    runner = CommandRunner(settings)

    async def make() -> History:
        return history_of(
            environment, since=span_of(since), limit=limit, environ=os.environ, state_dir=settings.state_dir
        )

    history, code, problems = runner.attempt(make)
    if settings.output is Output.JSON:
        document = {
            "exit_code": code.value,
            **(history_document(history) if history is not None else {}),
            "errors": problems,
        }
        runner.show(json.dumps(redact_deeply(document, encodable), indent=2))
    elif history is not None:
        runner.show(render_history(history, width=settings.width, color=settings.color_on(sys.stdout)))
    return code


def span_of(text: str) -> timedelta:
    """Return how far `--since` looks back: `30d`, or a duration such as `12h`.

    Raises:
        UsageError: it is neither.
    """
    if days := _DAYS.fullmatch(text.strip()):
        return timedelta(days=min(int(days[1]), _MOST_DAYS))
    try:
        return timedelta(seconds=parse_duration(text))
    except ValueError:
        raise UsageError(f"--since: expected days or a duration such as 30d, 12h or 1h30m, not {text!r}.") from None


def show_report(settings: Settings, run: str) -> ExitCode:
    """Print the report of a past run, and write it to every `--report`; return the exit code."""
    runner = CommandRunner(settings)
    files: list[ReportFile] = []

    async def make() -> RunReport:
        runner.accept_reports(files)
        return past_report(run, environ=os.environ, state_dir=settings.state_dir)

    report, code, problems = runner.attempt(make)
    if report is not None:
        return code if runner.deliver(report, files) else ExitCode.USAGE
    if settings.output is Output.JSON:
        runner.show(json.dumps({"exit_code": code.value, "run_id": None, "errors": problems}, indent=2))
    return code
