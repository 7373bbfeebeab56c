"""The commands."""

import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator._version import __version__
from orchestrator.cli import options as opt
from orchestrator.cli.helping import PlainCommand, PlainGroup

if TYPE_CHECKING:
    from orchestrator.config import Config

app = typer.Typer(
    cls=PlainGroup,
    help="Restart Qovery services, prove that they restarted, and report it in an exit code.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 restarted and proven, 1 failed, 2 wrong usage, 4 cancelled by somebody else, 5 blocked, "
    "70 a bug of this program, 75 unknown, 77 token refused, 124 deadline, 130/143 interrupted.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"qovery-restart {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Restart Qovery services, prove that they restarted, and report it in an exit code."""


_EXAMPLES = "[bold]Examples[/bold]\n\n"


@app.command(
    cls=PlainCommand,
    epilog=f"{_EXAMPLES}qovery-restart run nightly.yaml --report report.xml\n\n"
    "qovery-restart run nightly.yaml --only staging --output json | jq .outcome\n\n"
    "qovery-restart run nightly.yaml --simulate --faults realistic --seed 7",
)
@opt.common()
def run(
    settings: opt.Settings,
    *,
    config: opt.ConfigArgument,
    only: opt.OnlyOption = None,
    deadline: opt.DeadlineOption = None,
    wait_lock: opt.WaitLockOption = "0s",
    ignore_blackout: opt.IgnoreBlackoutOption = False,
) -> None:
    """Restart what CONFIG lists, wait, prove it, and exit with the outcome."""

    def load() -> "Config":
        loaded = _load(config, only=only or (), deadline=deadline)
        return loaded.without_blackouts() if ignore_blackout else loaded

    _run(settings, load, source=config, wait_lock=wait_lock)


@app.command(
    cls=PlainCommand,
    epilog=f"{_EXAMPLES}qovery-restart restart acme/shop/staging --application api --container worker\n\n"
    "qovery-restart restart 3c90c3cc-0d44-4b50-8888-8dd25736052a --all-services --deadline 20m",
)
@opt.common()
def restart(
    settings: opt.Settings,
    *,
    environment: opt.EnvironmentArgument,
    application: opt.ApplicationOption = None,
    container: opt.ContainerOption = None,
    database: opt.DatabaseOption = None,
    all_services: opt.AllServicesOption = False,
    deadline: opt.DeadlineOption = None,
    wait_lock: opt.WaitLockOption = "0s",
) -> None:
    """Restart one environment, like `run` but without a file."""
    named = {"applications": application or [], "containers": container or [], "databases": database or []}

    def load() -> "Config":
        from orchestrator.config import Config  # noqa: PLC0415
        from orchestrator.errors import UsageError  # noqa: PLC0415

        if all_services == any(named.values()):
            raise UsageError(
                "Name what to restart: either --all-services, or --application, --container and --database by name."
            )
        services = "all" if all_services else {kind: names for kind, names in named.items() if names}
        return _with_deadline(Config.for_environment(environment, services), deadline)

    _run(settings, load, source=None, wait_lock=wait_lock)


@app.command(cls=PlainCommand, epilog=f"{_EXAMPLES}qovery-restart watch acme/shop/production --deadline 15m")
@opt.common()
def watch(
    settings: opt.Settings,
    *,
    environment: opt.EnvironmentArgument,
    deadline: opt.WatchDeadlineOption = None,
) -> None:
    """Wait for whatever runs in ENVIRONMENT now, and report how it ended. Submits nothing."""

    def load() -> "Config":
        from orchestrator.config import Config  # noqa: PLC0415

        return _with_deadline(Config.for_environment(environment, "all"), deadline)

    _run(settings, load, source=None, watch=True)


@app.command(
    cls=PlainCommand,
    epilog=f"{_EXAMPLES}qovery-restart resume\n\n"
    "qovery-restart resume 20261124-030000-5f3a1c --deadline 20m\n\n"
    "qovery-restart resume 20261124-030000-5f3a1c --failed --report report.xml",
)
@opt.common(without=("simulate", "seed", "faults", "world"))
def resume(
    settings: opt.Settings,
    *,
    run: opt.OptionalRunArgument = None,
    no_new: opt.NoNewOption = False,
    failed: opt.FailedOption = False,
    abandon: opt.AbandonOption = False,
    deadline: opt.ResumeDeadlineOption = None,
) -> None:
    """Resume an interrupted run, and exit as it would have. Submits nothing twice; needs no configuration file."""
    from orchestrator.cli.resuming import resume_run  # noqa: PLC0415

    sys.exit(
        resume_run(
            settings,
            run,
            no_new=no_new,
            failed=failed,
            abandon=abandon,
            deadline=lambda: _seconds("--deadline", deadline),
        )
    )


@app.command(cls=PlainCommand, epilog=f"{_EXAMPLES}qovery-restart cancel 20261124-030000-5f3a1c")
@opt.common(without=("report", "simulate", "seed", "faults", "world", "verbose"))
def cancel(settings: opt.Settings, *, run: opt.RunArgument) -> None:
    """Cancel at Qovery what RUN has queued or running, and nothing else. The run must have been interrupted.

    Exits with 0 once nothing of it is queued or running any more, with 5 if something is not provably its own alone.
    """
    from orchestrator.cli.resuming import cancel_run  # noqa: PLC0415

    sys.exit(cancel_run(settings, run))


@app.command(
    cls=PlainCommand,
    epilog=f"{_EXAMPLES}qovery-restart plan nightly.yaml\n\nqovery-restart plan nightly.yaml --output json",
)
@opt.common(without=("report", "verbose", "progress"))
def plan(
    settings: opt.Settings,
    *,
    config: opt.ConfigArgument,
    only: opt.OnlyOption = None,
) -> None:
    """Show what `run` would do, checked against the API. Changes nothing.

    Exits with 5 if an environment would be blocked now.
    """
    from orchestrator.cli.planning import show_plan  # noqa: PLC0415

    raise typer.Exit(show_plan(settings, lambda: _load(config, only=only or (), deadline=None)))


@app.command(
    cls=PlainCommand,
    epilog=f"{_EXAMPLES}qovery-restart schedule nightly.yaml\n\n"
    "qovery-restart schedule nightly.yaml --due --report report.json\n\n"
    "qovery-restart schedule nightly.yaml --next 5\n\n"
    "qovery-restart schedule nightly.yaml --simulate --for 7d --faults realistic",
)
@opt.common()
def schedule(
    settings: opt.Settings,
    *,
    config: opt.ConfigArgument,
    due: opt.DueOption = False,
    stop_after: opt.ForOption = None,
    coming: opt.NextOption = None,
    after: opt.FromOption = None,
    only: opt.OnlyOption = None,
    deadline: opt.DeadlineOption = None,
    wait_lock: opt.WaitLockOption = "0s",
) -> None:
    """Stay in the foreground and run CONFIG at its times; or decide once (--due), or show what comes (--next).

    Stopped while nothing runs, it exits with 0. --due exits as the run does; with 0 if nothing is due or it does not
    begin on purpose, with 5 if the time was missed. --for exits with the first code that applies of all of them.
    """
    if coming is not None or after is not None:
        from orchestrator.cli.scheduling import show_next  # noqa: PLC0415

        if due or stop_after is not None:
            raise typer.BadParameter("it goes with neither --due nor --for.", param_hint="--next")
        code = show_next(
            lambda: _load(config, only=(), deadline=None), count=coming, after=after, output=settings.output
        )
        raise typer.Exit(code)
    from orchestrator.cli.keeping import keep_schedule  # noqa: PLC0415

    sys.exit(
        keep_schedule(
            settings,
            lambda: _load(config, only=only or (), deadline=deadline),
            file=config,
            due=due,
            stop_after=stop_after,
            wait_lock=lambda: _seconds("--wait-lock", wait_lock, allow_zero=True),
        )
    )


@app.command(
    cls=PlainCommand,
    epilog=f"{_EXAMPLES}qovery-restart history\n\n"
    "qovery-restart history acme/shop/production --since 90d\n\n"
    "qovery-restart history --output json | jq '.figures.success_rate'",
)
@opt.common(without=("report", "simulate", "seed", "faults", "world", "verbose", "progress"))
def history(
    settings: opt.Settings,
    *,
    environment: opt.PastEnvironmentArgument = None,
    since: opt.SinceOption = "30d",
    limit: opt.LimitOption = 20,
) -> None:
    """Show past runs, or the restarts of one environment, from the journal: outcomes, durations, success rate."""
    from orchestrator.cli.past import show_history  # noqa: PLC0415

    raise typer.Exit(show_history(settings, environment, since=since, limit=limit))


@app.command(
    cls=PlainCommand,
    epilog=f"{_EXAMPLES}qovery-restart report last --report report.html\n\n"
    "qovery-restart report 20261124-030000-5f3a1c --report md:-",
)
@opt.common(without=("simulate", "seed", "faults", "world", "progress"))
def report(settings: opt.Settings, *, run: opt.PastRunArgument) -> None:
    """Show the report of a past run again, in any format, from the journal. Exits with 0, however that run ended."""
    from orchestrator.cli.past import show_report  # noqa: PLC0415

    raise typer.Exit(show_report(settings, run))


@app.command(cls=PlainCommand, epilog=f"{_EXAMPLES}qovery-restart validate nightly.yaml")
def validate(
    config: opt.ConfigArgument,
    output: opt.OutputOption = opt.Output.TEXT,
) -> None:
    """Check CONFIG alone, offline. Shows every problem at once, with file, line and column."""
    from orchestrator.cli import validating  # noqa: PLC0415

    raise typer.Exit(validating.validate(lambda: _load(config, only=(), deadline=None), config, output=output))


@app.command(cls=PlainCommand, epilog=f"{_EXAMPLES}qovery-restart schema > qovery-restart.schema.json")
def schema(
    of_report: opt.OfReportOption = False,
) -> None:
    """Print the JSON Schema of the configuration file, for editors, or of the report."""
    from orchestrator.config import json_schema  # noqa: PLC0415
    from orchestrator.reports.model import report_schema  # noqa: PLC0415

    typer.echo(json.dumps(report_schema() if of_report else json_schema(), indent=2))


@app.command(
    cls=PlainCommand,
    epilog=f"{_EXAMPLES}qovery-restart simulate nightly.yaml --port 8080 --speed 10 --faults realistic\n\n"
    "QOVERY_API_URL=http://127.0.0.1:8080 QOVERY_API_TOKEN=any qovery-restart run nightly.yaml",
)
@opt.common(without=("output", "report", "simulate", "state_dir", "progress", "ci", "no_annotations"))
def simulate(
    settings: opt.Settings,
    *,
    config: opt.SimulatedConfigArgument = None,
    port: opt.PortOption = 8080,
    host: opt.HostOption = "127.0.0.1",
    speed: opt.SpeedOption = 1.0,
) -> None:
    """Serve a simulated Qovery API over HTTP, for any client. /_simulator/record shows what really happened."""
    from orchestrator.cli.serving import serve_simulator  # noqa: PLC0415

    load = None if config is None else lambda: _load(config, only=(), deadline=None)
    raise typer.Exit(serve_simulator(settings, load, host=host, port=port, speed=speed))


def _load(path: str, *, only: Sequence[str], deadline: str | None) -> "Config":
    from orchestrator.config import load_config  # noqa: PLC0415

    config = load_config(path, environ=os.environ)
    if only:
        config = config.only(only)
    return _with_deadline(config, deadline)


def _with_deadline(config: "Config", deadline: str | None) -> "Config":
    seconds = _seconds("--deadline", deadline)
    return config if seconds is None else config.with_deadline(seconds)


def _seconds(option: str, text: str | None, *, allow_zero: bool = False) -> float | None:
    """Parse an option's duration, which must be greater than zero unless `allow_zero`."""
    if text is None:
        return None
    from orchestrator.domain.durations import parse_duration  # noqa: PLC0415
    from orchestrator.errors import UsageError  # noqa: PLC0415

    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None
    if seconds <= 0 and not allow_zero:
        raise UsageError(f"{option}: expected a duration greater than zero.")
    return seconds


def _run(
    settings: opt.Settings,
    load: Callable[[], "Config"],
    *,
    source: str | None,
    watch: bool = False,
    wait_lock: str = "0s",
) -> None:
    from orchestrator.cli.running import run_config  # noqa: PLC0415

    sys.exit(
        run_config(
            settings,
            load,
            source=source,
            watch=watch,
            wait_lock=lambda: _seconds("--wait-lock", wait_lock, allow_zero=True),
        )
    )
