"""The command `plan`."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from io import StringIO
from math import ceil
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestrator.cli.command import CommandRunner
from orchestrator.cli.options import Output, Settings
from orchestrator.cli.scheduling import Outlook, night_warnings, outlook, window_warnings
from orchestrator.clock import SystemClock
from orchestrator.config import Config
from orchestrator.domain.costs import Estimate
from orchestrator.domain.durations import format_duration
from orchestrator.domain.outcomes import ExitCode
from orchestrator.domain.review import Forecast, Review, ReviewedEnvironment
from orchestrator.redaction import redact_deeply
from orchestrator.reports.wording import count, span
from orchestrator.runs.forecasting import areview
from orchestrator.text import encodable, printable

_WORDS = {
    Forecast.RESTART: "would restart",
    Forecast.WAIT: "would wait first",
    Forecast.SKIP: "would be skipped",
    Forecast.BLOCK: "would be blocked",
}
_STYLES = {Forecast.RESTART: "green", Forecast.WAIT: "yellow", Forecast.SKIP: "dim", Forecast.BLOCK: "red"}


def show_plan(settings: Settings, load: Callable[[], Config]) -> ExitCode:
    """Print what a run would do; return the exit code."""
    runner = CommandRunner(settings)
    scheduled: Outlook | None = None
    warnings: list[str] = []

    async def make() -> Review | None:
        nonlocal scheduled
        settings.check_rehearsal(os.environ)
        config, now = load(), SystemClock().now()
        scheduled = outlook(config, now)
        if scheduled is not None:
            warnings.extend(night_warnings(config, scheduled, now))
        return await areview(
            config,
            rehearsal=runner.rehearsal,
            interruption=runner.interruption,
            state_dir=settings.state_dir,
        )

    review, code, errors = runner.attempt(make)
    if review is not None:
        code = _exit_code(review.environments)
        if scheduled is not None:
            warnings.extend(window_warnings(scheduled, review.cost.duration_s))
    code = runner.interruption.code or code
    if settings.output is Output.JSON:
        document = {
            "exit_code": code.value,
            "environments": [asdict(environment) for environment in review.environments] if review else [],
            "cost": _cost_document(review.cost) if review else None,
            "schedule": scheduled.document() if scheduled is not None else None,
            "warnings": warnings,
            "errors": errors,
        }
        runner.show(json.dumps(redact_deeply(document, encodable), indent=2))
    elif review is not None:
        shown = render_plan(review, width=settings.width, color=settings.color_on(sys.stdout))
        about = [*(scheduled.lines() if scheduled is not None else ()), *(f"warning: {each}" for each in warnings)]
        runner.show("\n".join([shown.rstrip("\n"), *map(printable, about)]))
    return code


def _exit_code(reviewed: Sequence[ReviewedEnvironment]) -> ExitCode:
    blocked = any(environment.forecast is Forecast.BLOCK for environment in reviewed)
    return ExitCode.BLOCKED if blocked else ExitCode.SUCCEEDED


def _cost_lines(cost: Estimate) -> Iterator[str]:
    yield (
        f"It would take about {span(cost.duration_s)} and about {count(cost.total, 'request')} "
        f"({count(cost.baselines, 'baseline')}, {count(cost.submits, 'submit')}, {count(cost.proofs, 'proof')}, "
        f"about {count(ceil(cost.looks), 'look')} in between). "
        f"The quota has {cost.left} of {cost.per_hour} requests left."
    )
    if not cost.fits:
        yield (
            f"[red]The run would exceed run_deadline ({format_duration(cost.run_deadline_s)}):[/red] environments that "
            "have not started by then would not be restarted."
        )


def _cost_document(cost: Estimate) -> dict[str, Any]:
    return {**asdict(cost), "looks": ceil(cost.looks), "total": cost.total, "fits": cost.fits}


def _shown(text: str) -> str:
    """Return text from outside as Rich's markup for it: nothing in it is markup or acts on the terminal."""
    return escape(printable(text))


def render_plan(review: Review, *, width: int, color: bool) -> str:
    """Render a plan as text: wave by wave, what would restart, what would not and why; then the cost."""
    reviewed = review.environments
    text = StringIO()
    console = Console(file=text, width=width, force_terminal=color, no_color=not color, highlight=False, emoji=False)
    for environment in sorted(reviewed, key=lambda environment: environment.wave):
        style = _STYLES[environment.forecast]
        why = f" ({_shown(environment.why)})" if environment.why else ""
        console.print(
            f"[bold]{_shown(environment.name)}[/bold]  wave {environment.wave}  "
            f"[{style}]{_WORDS[environment.forecast]}[/{style}]{why}"
        )
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        for service in environment.services:
            execution = service.execution_id.rpartition("-")[2] if service.execution_id else "-"
            table.add_row(
                "  [green]+[/green]" if service.restart else "  [dim]-[/dim]",
                _shown(service.name),
                _shown(service.type),
                _shown(service.state or "not deployed"),
                f"execution {_shown(execution)}",
                f"[dim]{_shown(service.why_not)}[/dim]" if service.why_not else "",
            )
        console.print(table)
        console.print()
    counts = {forecast: sum(item.forecast is forecast for item in reviewed) for forecast in Forecast}
    services = sum(
        service.restart
        for environment in reviewed
        if environment.forecast in (Forecast.RESTART, Forecast.WAIT)
        for service in environment.services
    )
    summary = ", ".join(f"{count} {_WORDS[forecast]}" for forecast, count in counts.items() if count)
    environments = count(len(reviewed), "environment")
    console.print(f"{environments}: {summary}. {count(services, 'service')} in all. Nothing was changed.")
    for line in _cost_lines(review.cost):
        console.print(line)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"
