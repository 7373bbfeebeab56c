"""What started a run: a command, a schedule or a job of a CI, on which machine; never a secret."""

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from orchestrator.machine import Machine
from orchestrator.redaction import shown_url
from orchestrator.reports.model import StartedBy, Trigger

LONGEST = 200
"""Characters of a variable's value that are shown."""

_SIGNS = (
    (Trigger.GITHUB_ACTIONS, "GITHUB_ACTIONS"),
    (Trigger.GITLAB_CI, "GITLAB_CI"),
    (Trigger.CI, "CI"),
    (Trigger.KUBERNETES, "KUBERNETES_SERVICE_HOST"),
    (Trigger.SYSTEMD, "INVOCATION_ID"),
)
"""What sets which variable, the most telling first. systemd sets `INVOCATION_ID` for all that a unit starts."""
_SHOWN = (
    *("GITHUB_EVENT_NAME", "GITHUB_ACTOR", "GITHUB_WORKFLOW", "GITHUB_JOB", "RUNNER_NAME"),
    *("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT"),
    *(
        "CI_PIPELINE_SOURCE",
        "GITLAB_USER_LOGIN",
        "CI_PROJECT_PATH",
        "CI_JOB_NAME",
        "CI_JOB_URL",
        "CI_RUNNER_DESCRIPTION",
    ),
    *("USER", "LOGNAME"),
)
"""The variables that are shown, and no others."""
_OFF = ("", "0", "false")


def started_by(
    environ: Mapping[str, str], *, redact: Callable[[str], str], due_at: datetime | None = None
) -> StartedBy:
    """Return what started the run of this process.

    Args:
        environ: where the variables are looked for that GitHub Actions, GitLab CI and others set.
        redact: hides what must not be shown, whatever variable it is in.
        due_at: the scheduled instant for which it begins, if a schedule of ours started it.
    """
    environ = {name: redact(environ[name].strip())[:LONGEST] for name in _SHOWN if name in environ} | {
        name: environ[name] for _, name in _SIGNS if name in environ
    }
    trigger = next((code for code, name in _SIGNS if environ.get(name, "").lower() not in _OFF), Trigger.COMMAND)
    host = Machine.here().host
    match trigger:
        case Trigger.GITHUB_ACTIONS:
            return StartedBy(
                trigger=trigger,
                event=_value(environ, "GITHUB_EVENT_NAME"),
                actor=_value(environ, "GITHUB_ACTOR"),
                job=_joined(environ, "GITHUB_WORKFLOW", "GITHUB_JOB"),
                job_url=_url_of_github(environ),
                host=_value(environ, "RUNNER_NAME") or host,
                due_at=due_at,
            )
        case Trigger.GITLAB_CI:
            url = _value(environ, "CI_JOB_URL")
            return StartedBy(
                trigger=trigger,
                event=_value(environ, "CI_PIPELINE_SOURCE"),
                actor=_value(environ, "GITLAB_USER_LOGIN"),
                job=_joined(environ, "CI_PROJECT_PATH", "CI_JOB_NAME"),
                job_url=None if url is None else _shown(url),
                host=_value(environ, "CI_RUNNER_DESCRIPTION") or host,
                due_at=due_at,
            )
        case _:
            by_schedule = due_at is not None
            return StartedBy(
                trigger=Trigger.SCHEDULE if by_schedule else trigger,
                actor=_value(environ, "USER") or _value(environ, "LOGNAME"),
                host=host,
                due_at=due_at,
            )


def path_of(source: str | None) -> str | None:
    """Return the whole path of a configuration file by its name as given; None if it is no file or not there."""
    if source is None:
        return None
    try:
        path = Path(os.path.abspath(source))  # noqa: PTH100 - links stay as the user wrote them, dots do not
        return str(path) if path.exists() else None
    except (OSError, ValueError):
        return None


def _value(environ: Mapping[str, str], name: str) -> str | None:
    return environ.get(name) or None


def _joined(environ: Mapping[str, str], *names: str) -> str | None:
    return " / ".join(value for name in names if (value := _value(environ, name))) or None


def _url_of_github(environ: Mapping[str, str]) -> str | None:
    """Return the address of a workflow's run: GitHub sets its parts only."""
    server, repository, run_id = (
        _value(environ, name) for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    )
    if server is None or repository is None or run_id is None:
        return None
    attempt = _value(environ, "GITHUB_RUN_ATTEMPT")
    return _shown(f"{server}/{repository}/actions/runs/{run_id}{f'/attempts/{attempt}' if attempt else ''}")


def _shown(url: str) -> str | None:
    try:
        return shown_url(url)
    except ValueError:
        return None  # Not a URL, whoever set it.
