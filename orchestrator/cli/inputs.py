"""The inputs of the action in `action.yml`, and the command line that they make."""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator.errors import UsageError

PREFIX = "RESTART_INPUT_"
"""Of the environment variables that carry inputs: `wait-lock` comes in RESTART_INPUT_WAIT_LOCK."""
COMMANDS = ("run", "schedule", "plan", "validate")
REPORTS = {"json": "report.json", "junit": "report.xml", "html": "report.html", "comment": "comment.md"}
"""The reports of a run, by the format's name."""
SERVICES = ("application", "container", "database")
QOVERY = "qovery-"
"""What the names begin with that Qovery's own action had."""
_COMMIT = "qovery-application-commit-id"
_YES, _NO = ("true", "yes", "1"), ("false", "no", "0")


class Inputs:
    """The inputs that were given; each has to be asked for, or it is one that does not belong there.

    Args:
        environ: the environment variables, without those that carry inputs from now on.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._given = {
            name.removeprefix(PREFIX).replace("_", "-").lower(): value
            for name, value in environ.items()
            if name.startswith(PREFIX) and value.strip()
        }
        self._asked: set[str] = set()

    def text(self, *names: str) -> str:
        """Return the value of the input that has any of these names; "" if none was given.

        Raises:
            UsageError: two of them were given.
        """
        self._asked.update(names)
        given = [name for name in names if name in self._given]
        if len(given) > 1:
            raise UsageError(f"{' and '.join(given)} are the same input: give only one of them.")
        return self._given[given[0]].strip() if given else ""

    def lines(self, name: str) -> list[str]:
        """Return the values of an input that has one on each line."""
        return [line.strip() for line in self.text(name).splitlines() if line.strip()]

    def listed(self, name: str) -> list[str]:
        """Return the values of an input that has commas between them, as Qovery's action had."""
        return [each.strip() for each in re.split(r"[,\n]", self.text(name)) if each.strip()]

    def flag(self, name: str, *, default: bool) -> bool:
        """Return whether an input is true.

        Raises:
            UsageError: it is neither true nor false.
        """
        value = self.text(name).lower()
        if value not in ("", *_YES, *_NO):
            raise UsageError(f"{name}: expected true or false, not {value!r}.")
        return value in _YES if value else default

    def check_all_asked(self, why: str) -> None:
        """Check that no input was given that nobody asked for. Raises `UsageError`."""
        if left := sorted(self._given.keys() - self._asked):
            raise UsageError(f"{', '.join(left)}: {why}")


def command_line(inputs: Inputs, folder: Path) -> list[str]:
    """Return the words after `qovery-restart`.

    No value can be taken for an option: each is one word with the option's name, or stands behind `--`.

    Args:
        inputs: what the action was given, but for the token and the directory, which are no words.
        folder: where the reports go.

    Raises:
        UsageError: the inputs do not go together.
    """
    command = inputs.text("command") or "run"
    if command not in COMMANDS:
        raise UsageError(f"command: expected {', '.join(COMMANDS)}, not {command!r}.")
    if inputs.text(_COMMIT):
        raise UsageError(f"{_COMMIT}: this action restarts what is deployed, and deploys nothing. Remove the input.")
    config = inputs.text("config")
    environment = "" if config else _environment(inputs)
    if not config and not environment:
        raise UsageError("Give config, the path of a configuration file, or environment, of which services restart.")
    if environment and command != "run":
        raise UsageError(f"command: {command} needs config.")
    extra = _extra(inputs)
    if config:
        options, subject = _options_of_file(inputs, command), config
    else:
        command, options, subject = "restart", _services(inputs), environment
    if command == "schedule":
        options.append("--due")  # a step that stayed would be cut off
    if command in ("run", "restart", "schedule"):
        options += [f"--{name}={inputs.text(name)}" for name in ("deadline", "wait-lock") if inputs.text(name)]
        options += [f"--report={prefix}:{folder / name}" for prefix, name in REPORTS.items()]
    are_annotated = inputs.flag("annotations", default=True)
    if command != "validate":
        options += [f"--state-dir={inputs.text('state-dir')}"] if inputs.text("state-dir") else []
        options += [] if are_annotated else ["--no-annotations"]
    inputs.check_all_asked(f"this does not go with {command} and {'config' if config else 'environment'}.")
    return [command, *options, *extra, "--", subject]


def _options_of_file(inputs: Inputs, command: str) -> list[str]:
    return [] if command == "validate" else [f"--only={name}" for name in inputs.lines("only")]


def _services(inputs: Inputs) -> list[str]:
    """Return the options that say what restarts in an environment."""
    named = {kind: inputs.lines(kind) for kind in SERVICES}
    for kind, names in (("application", "ids"), ("application", "names"), ("database", "id"), ("database", "name")):
        named[kind] += inputs.listed(f"{QOVERY}{kind}-{names}")
    if inputs.flag("all-services", default=False):
        if any(named.values()):
            raise UsageError("all-services: give it, or name services, not both.")
        return ["--all-services"]
    if not any(named.values()):
        raise UsageError("environment: say what restarts, by application, container and database, or all-services.")
    return [f"--{kind}={name}" for kind, names in named.items() for name in names]


def _environment(inputs: Inputs) -> str:
    """Return the environment: as it is given, or put together from the names that Qovery's action had."""
    given = inputs.text("environment", f"{QOVERY}environment-id")
    # With an id these say nothing more.
    path = [inputs.text(f"{QOVERY}{part}-name") for part in ("organization", "project", "environment")]
    ids = [inputs.text(f"{QOVERY}{part}-id") for part in ("organization", "project")]
    if given:
        return given
    if all(path):
        return "/".join(part.replace("/", "%2F") for part in path)
    if any(path) or any(ids):
        raise UsageError(
            f"Name the environment by {QOVERY}environment-id, or by all of {QOVERY}organization-name, "
            f"{QOVERY}project-name and {QOVERY}environment-name."
        )
    return ""


def _extra(inputs: Inputs) -> Sequence[str]:
    try:
        return shlex.split(inputs.text("extra-args"))
    except ValueError as error:
        raise UsageError(f"extra-args: these are no words of a shell ({error}).") from None
