"""The command `validate`: what is wrong with a file, what is odd about it, and what it means."""

import json
import os
from collections.abc import Callable, Sequence

import typer

from orchestrator.cli.command import problems_of
from orchestrator.cli.defects import log_traceback
from orchestrator.cli.options import Output
from orchestrator.cli.scheduling import Outlook, night_warnings, outlook
from orchestrator.clock import SystemClock
from orchestrator.config import Config
from orchestrator.errors import UsageError
from orchestrator.runs.codes import exit_code_of_error
from orchestrator.runs.gating import alert_tokens
from orchestrator.runs.telling import destinations
from orchestrator.text import printable, printable_json


def validate(load: Callable[[], Config], path: str, *, output: Output) -> int:
    """Check a file and print what is found; return the exit code.

    Args:
        load: reads the file.
        path: its name, as given.
        output: what stdout carries.
    """
    try:
        config = load()
        told, missing = destinations(config, os.environ)
        now = SystemClock().now()
        scheduled = outlook(config, now)
        # Offline, and perhaps on another machine: what `run` needs may not be here.
        warnings = [*config.warnings(), *missing, *alert_tokens(config, os.environ)[1]]
        if scheduled is not None:
            warnings += night_warnings(config, scheduled, now)
    except Exception as error:  # noqa: BLE001 - also a bug has its exit code, and its place in the JSON
        if not isinstance(error, UsageError):
            log_traceback(error)
        _print_problems(problems_of(error), output)
        return exit_code_of_error(error)
    if output is Output.JSON:
        _print_document(problems=(), warnings=warnings, scheduled=scheduled, told=told)
        return 0
    for warning in warnings:
        typer.echo(f"warning: {printable(warning)}", err=True)
    count = len(config.environments)
    typer.echo(f"{printable(path)} is valid: {count} environment{'s' if count != 1 else ''}.")
    for line in scheduled.lines() if scheduled is not None else ():
        typer.echo(printable(line))
    for key, host in told:
        typer.echo(f"{key} goes to {printable(host)}.")
    return 0


def _print_problems(problems: Sequence[str], output: Output) -> None:
    if output is Output.JSON:
        _print_document(problems=problems, warnings=(), scheduled=None, told=())
        return
    for problem in problems:
        typer.echo(f"error: {printable(problem)}", err=True)


def _print_document(
    *,
    problems: Sequence[str],
    warnings: Sequence[str],
    scheduled: Outlook | None,
    told: Sequence[tuple[str, str]],
) -> None:
    document = {
        "valid": not problems,
        "problems": list(problems),
        "warnings": list(warnings),
        "schedule": None if scheduled is None else scheduled.document(),
        "tells": [{"key": key, "host": host} for key, host in told],
    }
    typer.echo(printable_json(json.dumps(document, indent=2)))
