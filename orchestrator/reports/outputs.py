"""What the next steps of a pipeline may want to know of a run: as variables, a line each, for GitLab's `dotenv`."""

import json
from collections.abc import Mapping, Sequence

from orchestrator.reports.digest import is_problem, worst_first
from orchestrator.reports.model import RunReport
from orchestrator.text import printable, printable_json

PREFIX = "RESTART_"
"""Of the variables. Those of our options begin otherwise: what one run tells must not set up the next one."""
LARGEST_DOTENV = 5000
"""Bytes. GitLab refuses a file of more than 5 KiB."""
LARGEST = 100_000
"""Bytes of a list of names; GitHub gives all outputs of a job 1 MiB."""
_NO_RUN = "-"


def outputs_of(report: RunReport, *, largest: int = LARGEST) -> Mapping[str, str]:
    """Return what to tell of a run, by name, on one line each.

    Args:
        report: the run.
        largest: the most bytes of the list of names; what has no room is left out, and `failed-count` counts it.
    """
    failed = [environment.name for environment in worst_first(filter(is_problem, report.environments))]
    return {
        "exit-code": str(report.exit_code),
        "outcome": report.outcome.value,
        "run-id": "" if report.run_id == _NO_RUN else printable(report.run_id),
        "failed-count": str(len(failed)),
        "failed": _json_list(failed, largest),
        "resume": printable(report.resume or ""),
    }


def render_dotenv(report: RunReport) -> str:
    """Render a run as variables for later jobs: `RESTART_EXIT_CODE=1`. What is empty is left out.

    GitLab reads values as they stand, without quotes or escapes, and a line without a value is no use to it.
    """
    fixed = _lines(outputs_of(report, largest=0))
    room = LARGEST_DOTENV - len(fixed.encode())
    return _lines(outputs_of(report, largest=max(room, 0)))


def _lines(outputs: Mapping[str, str]) -> str:
    named = {PREFIX + name.replace("-", "_").upper(): value for name, value in outputs.items()}
    return "".join(f"{name}={value}\n" for name, value in named.items() if value)


def _json_list(names: Sequence[str], largest: int) -> str:
    """Return names as a JSON list in ASCII, in which nothing looks like a variable that a shell or GitLab replaces."""
    kept: list[str] = []
    size = len("[]")
    for name in names:
        text = printable_json(json.dumps(name)).replace("$", r"\u0024")
        size += len(text) + 1
        if size > largest:
            break
        kept.append(text)
    return f"[{','.join(kept)}]"
