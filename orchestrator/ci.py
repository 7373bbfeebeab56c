"""What CI systems read in a log: sections that fold, and annotations beside the lines of a file.

GitHub describes its commands in "Workflow commands for GitHub Actions", GitLab its markers in "Custom collapsible
sections". Both read stdout and stderr alike.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

_ESCAPED = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_ESCAPED_IN_PROPERTIES = {**_ESCAPED, ":": "%3A", ",": "%2C"}
_NOT_IN_A_SECTION_NAME = re.compile(r"[^A-Za-z0-9_.-]+")


class CI(StrEnum):
    """For whom a log is written."""

    AUTO = "auto"
    """For whom the environment says."""
    GITHUB = "github"
    GITLAB = "gitlab"
    NONE = "none"


def ci_of(environ: Mapping[str, str]) -> CI:
    """Return the CI system that the variables of this process tell of.

    Gitea and Forgejo set GITHUB_ACTIONS, too, and read the same commands.
    """
    if environ.get("GITHUB_ACTIONS") == "true":
        return CI.GITHUB
    return CI.GITLAB if environ.get("GITLAB_CI") == "true" else CI.NONE


def github_command(name: str, message: str = "", **properties: str | int | None) -> str:
    r"""Return a workflow command of GitHub, without a line break, whatever the texts contain.

    Properties that are None or empty are left out.

    >>> github_command("error", "50 %\nfailed", file="a,b.yaml", line=3, title=None)
    '::error file=a%2Cb.yaml,line=3::50 %25%0Afailed'
    """
    given = {key: str(value) for key, value in properties.items() if value not in (None, "")}
    listed = ",".join(f"{key}={_escaped(value, _ESCAPED_IN_PROPERTIES)}" for key, value in given.items())
    return f"::{name}{f' {listed}' if listed else ''}::{_escaped(message, _ESCAPED)}"


def _escaped(text: str, table: Mapping[str, str]) -> str:
    return "".join(table.get(character, character) for character in text)


def section_start(ci: CI, name: str, title: str, *, now: datetime) -> str:
    """Return the line that begins a section; "" if the log is for nobody who folds.

    Args:
        ci: for whom.
        name: of the section; GitLab takes a name only once in a job.
        title: what is shown of a section that is folded.
        now: GitLab shows how long a section took.
    """
    if ci is CI.GITHUB:
        return github_command("group", title)
    if ci is CI.GITLAB:
        title = title.replace("\r", " ").replace("\n", " ")
        return f"\x1b[0Ksection_start:{int(now.timestamp())}:{_section(name)}\r\x1b[0K{title}"
    return ""


def section_end(ci: CI, name: str, *, now: datetime) -> str:
    """Return the line that ends a section; "" if the log is for nobody who folds."""
    if ci is CI.GITHUB:
        return github_command("endgroup")
    return f"\x1b[0Ksection_end:{int(now.timestamp())}:{_section(name)}\r\x1b[0K" if ci is CI.GITLAB else ""


def _section(name: str) -> str:
    return _NOT_IN_A_SECTION_NAME.sub("_", name).lower()
