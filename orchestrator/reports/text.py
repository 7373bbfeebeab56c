"""The summary that a run prints on stdout, readable on any terminal and without prior knowledge."""

from collections.abc import Iterator
from io import StringIO

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from orchestrator.domain.outcomes import Outcome, Reason, RunOutcome
from orchestrator.reports.digest import (
    HEADLINES,
    SIMULATED,
    Folded,
    cost,
    digest,
    environment_evidence,
    is_problem,
    next_steps,
    outcome_words,
    restarted,
    service_evidence,
    tally,
    timeline_words,
)
from orchestrator.reports.model import EnvironmentReport, RunReport, ServiceReport
from orchestrator.reports.wording import count, span
from orchestrator.text import printable

NARROWEST = 40
"""The least width in columns. Terminals that do not know their width report 0."""
SHOWN_SERVICES = 20
"""More unsuccessful services of one environment than this are only counted."""

_INDENT = 4
_GAP = "  "
_COLORS = {
    Outcome.SUCCEEDED: "green",
    Outcome.SKIPPED: "cyan",
    Outcome.BLOCKED: "yellow",
    Outcome.CANCELLED: "yellow",
    Outcome.TIMED_OUT: "red",
    Outcome.UNKNOWN: "magenta",
    Outcome.FAILED: "bold red",
}
_HEADINGS = ("ENVIRONMENT", "OUTCOME", "DURATION", "SERVICES", "REASON")
_REST_OF_LINE = 58
"""Columns that a line usually needs besides the name."""

Block = Text | Padding
"""A line that is never wrapped, so that it can be searched and clicked; or a paragraph that is wrapped."""


def render_summary(report: RunReport, *, width: int, color: bool, verbose: bool = False) -> str:
    """Render a run as text: successes first, failures last, and the run's outcome on the last line.

    Args:
        report: the run.
        width: columns to wrap paragraphs at. Tables are never wrapped.
        color: whether to use colours. Without, the text contains no ANSI escape, whatever the report contains.
        verbose: leave no environment out, and show every service with its timeline.
    """
    out = StringIO()
    # Everything that Rich would read from the environment is given, so that equal reports look the same everywhere. It
    # never gets plain strings, since it would look for markup in them.
    console = Console(
        file=out,
        width=max(width, NARROWEST),
        height=25,
        color_system="standard" if color else None,
        force_terminal=color,
        no_color=not color,
        force_jupyter=False,
        force_interactive=False,
        legacy_windows=False,
    )
    for block in _blocks(report, width=width, verbose=verbose):
        console.print(block, soft_wrap=isinstance(block, Text))
    return "".join(f"{line.rstrip(' ')}\n" for line in out.getvalue().split("\n")[:-1])


def _blocks(report: RunReport, *, width: int, verbose: bool) -> Iterator[Block]:
    chosen = digest(report, everything=verbose)
    shown = (*chosen.quiet, *chosen.problems)
    names = [printable(item.name) for item in shown if isinstance(item, EnvironmentReport)]
    widest = max(map(cell_len, names), default=0)
    name_width = max(len(_HEADINGS[0]), min(widest, width - _REST_OF_LINE))
    if names:
        yield from _row(_HEADINGS, name_width=name_width, style="")
    for item in chosen.quiet:
        if isinstance(item, Folded):
            yield _folded(item)
        else:
            yield from _environment(item, name_width=name_width, verbose=verbose)
    if chosen.unshown:
        yield Text(f"… and {count(chosen.unshown, 'more problem')}, no worse than these; -v lists them")
    for environment in chosen.problems:
        yield Text("")
        yield from _environment(environment, name_width=name_width, verbose=verbose)
    if shown:
        yield Text("")
    yield from _closing(report)


def _row(cells: tuple[str, str, str, str, str], *, name_width: int, style: str) -> Iterator[Block]:
    """Yield the line of an environment; two lines, if its name is too long for the column."""
    name, outcome, duration, services, reason = cells
    if cell_len(name) > name_width:
        yield Text(name, "bold")
        name = ""
    padded_name = name + " " * (name_width - cell_len(name)) + _GAP
    rest = f"{_GAP}{duration:>8}{_GAP}{services:>8}{_GAP}{reason}"
    yield Text.assemble((padded_name, "bold"), (f"{outcome:9}", style), rest)


def _folded(folded: Folded) -> Text:
    return Text(
        f"{count(folded.count, 'environment')} {outcome_words(folded.outcome)} ({folded.reason}); -v lists them",
        _COLORS[folded.outcome],
    )


def _environment(environment: EnvironmentReport, *, name_width: int, verbose: bool) -> Iterator[Block]:
    reason = environment.reason.value
    evidence = environment_evidence(environment)
    if environment.outcome is Outcome.SUCCEEDED and evidence:
        reason += f", execution {evidence}"
    cells = (
        printable(environment.name),
        outcome_words(environment.outcome),
        span(environment.duration_s),
        restarted(environment),
        reason,
    )
    yield from _row(cells, name_width=name_width, style=_COLORS[environment.outcome])
    # The message "every service restarted" would only repeat the line above.
    if is_problem(environment) or environment.reason is not Reason.RESTARTED:
        yield _paragraph(environment.message)
    yield from _services(environment, verbose=verbose)
    if is_problem(environment) and environment.console_url:
        yield Text(" " * _INDENT + printable(environment.console_url))


def _services(environment: EnvironmentReport, *, verbose: bool) -> Iterator[Text]:
    if verbose:
        worth_showing = environment.services
    elif environment.outcome is Outcome.SKIPPED:
        return
    else:
        worth_showing = tuple(service for service in environment.services if service.outcome is not Outcome.SUCCEEDED)
    shown = worth_showing if verbose else worth_showing[:SHOWN_SERVICES]
    rows = [_service_cells(service) for service in shown]
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for service, cells in zip(shown, rows, strict=True):
        padded = _GAP.join(cell + " " * (width - cell_len(cell)) for cell, width in zip(cells, widths, strict=True))
        timeline = _GAP + timeline_words(service) if verbose else ""
        yield Text.assemble(" " * _INDENT, (padded, _COLORS[service.outcome]), timeline)
    if len(shown) < len(worth_showing):
        yield Text(f"{' ' * _INDENT}… and {count(len(worth_showing) - len(shown), 'more service')}")


def _service_cells(service: ServiceReport) -> tuple[str, str, str, str]:
    return (
        printable(service.name),
        printable(service.type),
        printable(service.state or "not seen"),
        service_evidence(service),
    )


def _closing(report: RunReport) -> Iterator[Block]:
    for error in report.errors:
        yield _paragraph(f"Error: {error}", indent=0, style="red")
    for sentence in next_steps(report):
        yield Text(sentence)
    if report.simulated:
        yield Text(SIMULATED, "cyan")
    yield Text(
        f"{HEADLINES[report.outcome]} (exit code {report.exit_code}): {tally(report)}. "
        f"{cost(report)}. Run id {printable(report.run_id)}",
        "bold green" if report.outcome is RunOutcome.SUCCEEDED else "bold red",
    )


def _paragraph(text: str, *, indent: int = _INDENT, style: str = "") -> Padding:
    return Padding(Text(printable(text), style), (0, 0, 0, indent))
