"""The options that commands share, each with its environment variable, and what they add up to."""

import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

PREFIX = "QOVERY_RESTART_"


class Output(StrEnum):
    """What standard output carries."""

    TEXT = "text"
    JSON = "json"


class LogFormat(StrEnum):
    """How standard error is written."""

    CONSOLE = "console"
    JSON = "json"


class LogLevel(StrEnum):
    """The least level that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Faults(StrEnum):
    """What goes wrong in a simulated world."""

    NONE = "none"
    REALISTIC = "realistic"
    HOSTILE = "hostile"


_RESULT = "What comes out"
_REHEARSAL = "Rehearsing"
_SCOPE = "What is restarted"
_SAFETY = "What survives"

ConfigArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="CONFIG", help="The configuration file; - reads it from standard input.")
]
EnvironmentArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="ENVIRONMENT", help="An id, or organization/project/environment by name.")
]
OutputOption: TypeAlias = Annotated[
    Output,
    typer.Option("--output", "-o", envvar=f"{PREFIX}OUTPUT", help="What stdout carries.", rich_help_panel=_RESULT),
]
ReportOption: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--report",
        envvar=f"{PREFIX}REPORT",
        metavar="FILE",
        help="Write a report; the suffix decides: .json, .xml (JUnit), .md or .html. Repeatable.",
        rich_help_panel=_RESULT,
    ),
]
LogFormatOption: TypeAlias = Annotated[
    LogFormat,
    typer.Option("--log-format", envvar=f"{PREFIX}LOG_FORMAT", help="How stderr is written.", rich_help_panel=_RESULT),
]
LogLevelOption: TypeAlias = Annotated[
    LogLevel,
    typer.Option(
        "--log-level", envvar=f"{PREFIX}LOG_LEVEL", help="The least level that is logged.", rich_help_panel=_RESULT
    ),
]
NoColorOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--no-color",
        envvar=f"{PREFIX}NO_COLOR",
        help="No colours. NO_COLOR in the environment says the same.",
        rich_help_panel=_RESULT,
    ),
]
VerboseOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        envvar=f"{PREFIX}VERBOSE",
        help="Show every service in the summary, and debug events.",
        rich_help_panel=_RESULT,
    ),
]
QuietOption: TypeAlias = Annotated[
    bool,
    typer.Option("--quiet", "-q", envvar=f"{PREFIX}QUIET", help="Log errors only.", rich_help_panel=_RESULT),
]
OnlyOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        envvar=f"{PREFIX}ONLY",
        metavar="NAME",
        help="Just this environment of the file. Repeatable.",
        rich_help_panel=_SCOPE,
    ),
]
DeadlineOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--deadline",
        envvar=f"{PREFIX}DEADLINE",
        metavar="DURATION",
        help="From submitting to settled, for every environment: 90s, 15m, 1h30m.",
        rich_help_panel=_SCOPE,
    ),
]
StateDirOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        envvar=f"{PREFIX}STATE_DIR",
        metavar="DIR",
        help="Where the journal is that lets a run be resumed. Default: this user's state directory.",
        rich_help_panel=_SAFETY,
    ),
]
WaitLockOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--wait-lock",
        envvar=f"{PREFIX}WAIT_LOCK",
        metavar="DURATION",
        help="How long to wait for an environment that another run holds, before it counts as blocked.",
        rich_help_panel=_SAFETY,
    ),
]
RunArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's id, or the beginning of it.", show_default=False)
]
OptionalRunArgument: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        metavar="[RUN]",
        help="A run's id, or the beginning of it. Default: the latest that was cut off.",
        show_default=False,
    ),
]
NoNewOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--no-new",
        envvar=f"{PREFIX}NO_NEW",
        help="Leave alone what had not begun; it ends as skipped.",
        rich_help_panel=_SCOPE,
    ),
]
FailedOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--failed",
        envvar=f"{PREFIX}FAILED",
        help="Run again, as a new run, what failed or was skipped in a run that has ended.",
        rich_help_panel=_SCOPE,
    ),
]
AbandonOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--abandon",
        envvar=f"{PREFIX}ABANDON",
        help="Give the run up: its environments are free again, and what it submitted is left to itself.",
        rich_help_panel=_SCOPE,
    ),
]
ResumeDeadlineOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--deadline",
        envvar=f"{PREFIX}DEADLINE",
        metavar="DURATION",
        help="From now to settled, in place of what is left of the original deadline: 90s, 15m, 1h30m.",
        rich_help_panel=_SCOPE,
    ),
]
SimulateOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--simulate",
        envvar=f"{PREFIX}SIMULATE",
        help="Rehearse against an embedded simulator: no account, no network, virtual time.",
        rich_help_panel=_REHEARSAL,
    ),
]
SeedOption: TypeAlias = Annotated[
    int,
    typer.Option(
        "--seed",
        envvar=f"{PREFIX}SEED",
        help="What everything in a simulated world follows from.",
        rich_help_panel=_REHEARSAL,
    ),
]
FaultsOption: TypeAlias = Annotated[
    Faults,
    typer.Option(
        "--faults",
        envvar=f"{PREFIX}FAULTS",
        help="What goes wrong in a simulated world.",
        rich_help_panel=_REHEARSAL,
    ),
]


def _services_option(kind: str) -> object:
    return typer.Option(
        f"--{kind}",
        envvar=f"{PREFIX}{kind.upper()}",
        metavar="NAME",
        help=f"Restart this {kind}, by name or id. Repeatable.",
        rich_help_panel=_SCOPE,
    )


ApplicationOption: TypeAlias = Annotated[list[str] | None, _services_option("application")]
ContainerOption: TypeAlias = Annotated[list[str] | None, _services_option("container")]
DatabaseOption: TypeAlias = Annotated[list[str] | None, _services_option("database")]
AllServicesOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--all-services",
        envvar=f"{PREFIX}ALL_SERVICES",
        help="Restart every service that Qovery can restart.",
        rich_help_panel=_SCOPE,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How one command talks to its caller: what the common options add up to."""

    output: Output = Output.TEXT
    report: Sequence[Path] = ()
    log_format: LogFormat = LogFormat.CONSOLE
    log_level: LogLevel = LogLevel.INFO
    no_color: bool = False
    verbose: bool = False
    quiet: bool = False
    simulate: bool = False
    seed: int = 0
    faults: Faults = Faults.NONE
    state_dir: Path | None = None

    @property
    def level(self) -> LogLevel:
        """The log level, with `-q` and `-v` taken into account."""
        if self.quiet:
            return LogLevel.ERROR
        return LogLevel.DEBUG if self.verbose else self.log_level

    def color_on(self, stream: object) -> bool:
        """Tell whether `stream` may carry colours."""
        if self.no_color or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
            return False
        return bool(getattr(stream, "isatty", lambda: False)())

    @property
    def width(self) -> int:
        """How wide the result may be: the terminal's width; where there is none, wide enough for a CI log."""
        if not sys.stdout.isatty():
            return 120
        return max(os.get_terminal_size(sys.stdout.fileno()).columns, 60)


_COMMON: Mapping[str, object] = {
    "output": OutputOption,
    "report": ReportOption,
    "log_format": LogFormatOption,
    "log_level": LogLevelOption,
    "no_color": NoColorOption,
    "verbose": VerboseOption,
    "quiet": QuietOption,
    "simulate": SimulateOption,
    "seed": SeedOption,
    "faults": FaultsOption,
    "state_dir": StateDirOption,
}


def common(*, without: Collection[str] = ()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the common options; it is called with the `Settings` that they add up to, and its own options.

    Args:
        without: the names of those that would mean nothing to the command.
    """
    shared = {name: annotation for name, annotation in _COMMON.items() if name not in without}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [each for each in signature(command).parameters.values() if each.name != "settings"]

        @wraps(command)
        def with_settings(**values: Any) -> None:  # noqa: ANN401 - typer passes what the signature says
            chosen = {name: values.pop(name) for name in shared}
            if "report" in chosen:
                chosen["report"] = tuple(chosen["report"] or ())
            command(Settings(**chosen), **values)

        defaults = {each.name: each.default for each in fields(Settings)}
        parameters = [
            *own,
            *(
                Parameter(
                    name,
                    Parameter.KEYWORD_ONLY,
                    annotation=annotation,
                    default=None if name == "report" else defaults[name],
                )
                for name, annotation in shared.items()
            ),
        ]
        # typer reads a command's options from its signature, and their types from its annotations.
        with_settings.__signature__ = Signature(parameters)  # type: ignore[attr-defined]  # functions may have one
        with_settings.__annotations__ = {each.name: each.annotation for each in parameters} | {"return": None}
        del with_settings.__wrapped__  # its signature is not the one to be read
        return with_settings

    return decorate
