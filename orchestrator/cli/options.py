"""The options and arguments of the commands, and the settings that commands share.

An option is one entry of the table below; `_option` derives its environment variable. Nothing here may import httpx or
pydantic, since `--help` and completion must answer instantly.
"""

import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import partial, wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.ci import CI
from orchestrator.cli import completing
from orchestrator.cli.coloring import is_color_forced
from orchestrator.errors import UsageError
from orchestrator.live.choosing import Progress, Shown, shown_as
from orchestrator.machine import expand_home
from orchestrator.reports.formats import listed_formats, rejoined


class Output(StrEnum):
    """What stdout carries."""

    TEXT = "text"
    JSON = "json"


class LogFormat(StrEnum):
    """How stderr is written."""

    CONSOLE = "console"
    JSON = "json"


class LogLevel(StrEnum):
    """The lowest level that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Faults(StrEnum):
    """What goes wrong in a simulation."""

    NONE = "none"
    REALISTIC = "realistic"
    HOSTILE = "hostile"


def variable_of(option: str) -> str:
    """Return the environment variable of an option."""
    return f"QOVERY_RESTART_{option.removeprefix('--').replace('-', '_').upper()}"


def _option(
    name: str,
    text: str,
    metavar: str | None = None,
    *,
    short: str | None = None,
    variable: str | None = None,
    panel: str | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    completion: Callable[..., list[tuple[str, str]]] | None = None,
) -> object:
    """Return typer's description of an option.

    The environment variable follows from the name, `--log-level` is QOVERY_RESTART_LOG_LEVEL, or it is `variable`; ""
    is none.
    """
    return typer.Option(
        *(name, short) if short else (name,),
        envvar=variable_of(name) if variable is None else variable or None,
        help=text,
        metavar=metavar,
        rich_help_panel=panel,
        min=at_least,
        max=at_most,
        autocompletion=completion,
    )


_scope = partial(_option, panel="What is restarted")
_journal = partial(_option, panel="Journal")
_output = partial(_option, panel="Output")
_simulation = partial(_option, panel="Simulation")

ConfigArgument = Annotated[
    str, typer.Argument(metavar="CONFIG", help="The configuration file; - reads it from standard input.")
]
SimulatedConfigArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[CONFIG]", help="The simulator creates everything that this file names.", show_default=False
    ),
]
EnvironmentArgument = Annotated[
    str, typer.Argument(metavar="ENVIRONMENT", help="An id, or organization/project/environment by name.")
]
RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="A run's id, or the beginning of it.",
        show_default=False,
        autocompletion=completing.unfinished_runs,
    ),
]
OptionalRunArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[RUN]",
        help="A run's id, or the beginning of it. Default: the latest interrupted run.",
        show_default=False,
        autocompletion=completing.runs_to_resume,
    ),
]

PastRunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="A run's id, or the beginning of it; last is the run that started last.",
        show_default=False,
        autocompletion=completing.past_runs,
    ),
]
PastEnvironmentArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[ENVIRONMENT]",
        help="Only the restarts of this environment: its id, its path, or what a file calls it.",
        show_default=False,
        autocompletion=completing.past_environments,
    ),
]
SinceOption = Annotated[str, _option("--since", "How far to look back: 30d, 12h.", "DURATION")]
LimitOption = Annotated[
    int, _option("--limit", "How many to list, the latest first; the figures are of all.", "N", at_least=1)
]

OnlyOption = Annotated[
    list[str] | None,
    _scope(
        "--only", "Only this environment of the file. Repeatable.", "NAME", completion=completing.environments_of_file
    ),
]
ApplicationOption = Annotated[
    list[str] | None, _scope("--application", "Restart this application, by name or id. Repeatable.", "NAME")
]
ContainerOption = Annotated[
    list[str] | None, _scope("--container", "Restart this container, by name or id. Repeatable.", "NAME")
]
DatabaseOption = Annotated[
    list[str] | None, _scope("--database", "Restart this database, by name or id. Repeatable.", "NAME")
]
AllServicesOption = Annotated[bool, _scope("--all-services", "Restart every service that Qovery can restart.")]
DeadlineOption = Annotated[
    str | None, _scope("--deadline", "From submitting to settled, for every environment: 90s, 15m, 1h30m.", "DURATION")
]
WatchDeadlineOption = Annotated[
    str | None, _scope("--deadline", "From now until what runs there has ended: 90s, 15m, 1h30m.", "DURATION")
]
ResumeDeadlineOption = Annotated[
    str | None, _scope("--deadline", "From now to settled, replacing the original one: 90s, 15m, 1h30m.", "DURATION")
]
NoNewOption = Annotated[bool, _scope("--no-new", "Start no more environments; the rest end as skipped.")]
FailedOption = Annotated[
    bool, _scope("--failed", "Start a new run of what failed or was skipped in a run that has ended.")
]
AbandonOption = Annotated[
    bool, _scope("--abandon", "Give up the run: release its environments, and leave alone what it submitted.")
]
WaitLockOption = Annotated[
    str,
    _journal("--wait-lock", "Wait this long for an environment held by another run; then it is blocked.", "DURATION"),
]
StateDirOption = Annotated[
    Path | None, _journal("--state-dir", "The journal's directory. Default: this user's state directory.", "DIR")
]
OutputOption = Annotated[Output, _output("--output", "What stdout carries.", short="-o")]
DueOption = Annotated[
    bool, _option("--due", "Decide once for now, run or say why not, and exit: for systemd, CronJob and CI.")
]
ForOption = Annotated[
    str | None,
    _option(
        "--for", "End after this long, once nothing runs: 12h, 7d. Default: never, or 7d with --simulate.", "DURATION"
    ),
]
IgnoreBlackoutOption = Annotated[bool, _scope("--ignore-blackout", "Begin although a blackout of the file holds.")]
NextOption = Annotated[
    int | None,
    _output("--next", "Show the next N times, and exit.", "N"),
]
FromOption = Annotated[
    str | None,
    _output(
        "--from",
        "With --next: look after this instant, not after now: 2027-03-27, 2027-03-28T00:30Z.",
        "INSTANT",
    ),
]
ReportOption = Annotated[
    list[Path] | None,
    _output(
        "--report",
        f"Write a report; the format follows the suffix: {listed_formats()}. Or name it: md:FILE. - is stdout. "
        "Repeatable.",
        "[FORMAT:]FILE",
    ),
]
LogFormatOption = Annotated[LogFormat, _output("--log-format", "How stderr is written.")]
LogLevelOption = Annotated[LogLevel, _output("--log-level", "The lowest level that is logged.")]
ProgressOption = Annotated[
    Progress,
    _output(
        "--progress",
        "How progress is shown on stderr. live needs a terminal: elsewhere it is lines. none shows warnings alone.",
    ),
]
CIOption = Annotated[
    CI,
    _output(
        "--ci",
        "For which CI system stderr has sections and annotations, and a summary is appended; auto: the one that this "
        "is.",
    ),
]
NoAnnotationsOption = Annotated[
    bool, _output("--no-annotations", "No annotations: GitHub shows problems in the log and the summary alone.")
]
NoColorOption = Annotated[bool, _output("--no-color", "No colours. NO_COLOR in the environment does the same.")]
VerboseOption = Annotated[
    bool, _output("--verbose", "Show every service in the summary, and debug events.", short="-v")
]
QuietOption = Annotated[bool, _output("--quiet", "Log errors only.", short="-q")]
SimulateOption = Annotated[
    bool,
    _simulation(
        "--simulate",
        "Rehearse against an embedded simulator: no account, no network, virtual time. Has no environment variable.",
        variable="",  # a variable that is left over somewhere must not make a gate pass although nothing was restarted
    ),
]
SeedOption = Annotated[int, _simulation("--seed", "The seed of everything random in the simulation.", "N")]
FaultsOption = Annotated[Faults, _simulation("--faults", "What goes wrong in the simulation.")]
WorldOption = Annotated[
    list[str] | None,
    _simulation("--world", "Set what is undocumented about the simulated platform. Repeatable.", "KEY=VALUE"),
]
OfReportOption = Annotated[
    bool,
    # A variable QOVERY_RESTART_REPORT, with the files of a run's report, must not make this command fail.
    _output(
        "--report",
        "Print the report's schema instead of the configuration's.",
        variable="QOVERY_RESTART_SCHEMA_REPORT",
    ),
]
PortOption = Annotated[
    int, _option("--port", "The port to listen on; 0 picks a free one.", "PORT", at_least=0, at_most=65535)
]
HostOption = Annotated[str, _option("--host", "The address to listen on.", "ADDRESS")]
SpeedOption = Annotated[float, _option("--speed", "Simulated seconds per real second.", "FACTOR", at_least=0.001)]


_OFF = ("", "0", "false", "no", "off", "n", "f")
"""What typer reads as no, and an empty variable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The values of the options that commands share."""

    output: Output = Output.TEXT
    report: Sequence[str] = ()
    """Each as `report_file` reads it."""
    log_format: LogFormat = LogFormat.CONSOLE
    log_level: LogLevel = LogLevel.INFO
    progress: Progress = Progress.AUTO
    ci: CI = CI.AUTO
    no_annotations: bool = False
    no_color: bool = False
    verbose: bool = False
    quiet: bool = False
    simulate: bool = False
    seed: int = 0
    faults: Faults = Faults.NONE
    world: Sequence[str] = ()
    state_dir: Path | None = None

    def check_rehearsal(self, environ: Mapping[str, str]) -> None:
        """Check that nobody relies on an environment variable to turn a real run into a rehearsal.

        Raises:
            UsageError: the variable is set, and the option is not given.
        """
        variable = variable_of("--simulate")
        if not self.simulate and environ.get(variable, "").strip().lower() not in _OFF:
            raise UsageError(
                f"{variable} is set, and no variable turns a run into a rehearsal: give the option --simulate to "
                "rehearse, or unset the variable to restart for real."
            )

    @property
    def level(self) -> LogLevel:
        """The log level, after `-q` and `-v`."""
        if self.quiet:
            return LogLevel.ERROR
        return LogLevel.DEBUG if self.verbose else self.log_level

    def color_on(self, stream: object) -> bool:
        """Return whether to write colours to `stream`: NO_COLOR goes before FORCE_COLOR, and that before TERM."""
        if self.no_color or os.environ.get("NO_COLOR"):
            return False
        if is_color_forced(os.environ):
            return True
        if os.environ.get("TERM") == "dumb":
            return False
        return bool(getattr(stream, "isatty", lambda: False)())

    def shown_progress(self, stream: object) -> Shown:
        """Return how progress is shown on `stream`."""
        return shown_as(
            self.progress,
            is_terminal=bool(getattr(stream, "isatty", lambda: False)()),
            is_console=self.log_format is LogFormat.CONSOLE,
            is_quiet=self.level is LogLevel.ERROR,
            environ=os.environ,
        )

    @property
    def width(self) -> int:
        """The width of the result in columns: the terminal's, or wide enough for a CI log without a terminal."""
        if not sys.stdout.isatty():
            return 120
        return max(os.get_terminal_size(sys.stdout.fileno()).columns, 60)


_SHARED: Mapping[str, object] = {
    "output": OutputOption,
    "report": ReportOption,
    "log_format": LogFormatOption,
    "log_level": LogLevelOption,
    "progress": ProgressOption,
    "ci": CIOption,
    "no_annotations": NoAnnotationsOption,
    "no_color": NoColorOption,
    "verbose": VerboseOption,
    "quiet": QuietOption,
    "simulate": SimulateOption,
    "seed": SeedOption,
    "faults": FaultsOption,
    "world": WorldOption,
    "state_dir": StateDirOption,
}
"""The option behind each field of `Settings`, in the order of the help."""


_REPEATABLE = frozenset({"report", "world"})


def _expanded(path: Path, option: str) -> Path:
    try:
        return expand_home(path)
    except UsageError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def _reports(paths: Sequence[Path]) -> tuple[str, ...]:
    """Return the reports that are asked for; a variable lists them with colons, as any list of files."""
    given = tuple(map(str, paths))
    in_variable = os.environ.get(variable_of("--report"), "").split(os.pathsep)
    if given == tuple(str(Path(piece)) for piece in in_variable if piece):
        return tuple(rejoined(given))
    return given


def common(*, without: Collection[str] = ()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add the shared options to a command, which is called with a `Settings` and its own options.

    Args:
        without: the fields of `Settings` whose options the command does not have.
    """
    shared = {name: annotation for name, annotation in _SHARED.items() if name not in without}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [each for each in signature(command).parameters.values() if each.name != "settings"]

        @wraps(command)
        def with_settings(**values: Any) -> None:  # noqa: ANN401 - typer passes the arguments of the signature
            chosen = {name: values.pop(name) for name in shared}
            chosen |= {name: tuple(chosen[name] or ()) for name in _REPEATABLE & chosen.keys()}
            if chosen.get("report"):
                chosen["report"] = _reports(chosen["report"])
            if chosen.get("state_dir") is not None:
                chosen["state_dir"] = _expanded(chosen["state_dir"], "--state-dir")
            command(Settings(**chosen), **values)

        defaults = {each.name: each.default for each in fields(Settings)} | dict.fromkeys(_REPEATABLE)
        added = [
            Parameter(name, Parameter.KEYWORD_ONLY, annotation=annotation, default=defaults[name])
            for name, annotation in shared.items()
        ]
        # typer reads a command's options from its signature, and their types from its annotations.
        parameters = [*own, *added]
        with_settings.__signature__ = Signature(parameters)  # type: ignore[attr-defined]  # functions may have one
        with_settings.__annotations__ = {each.name: each.annotation for each in parameters} | {"return": None}
        del with_settings.__wrapped__  # typer would read the signature of the wrapped command
        return with_settings

    return decorate
