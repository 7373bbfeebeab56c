"""How a command runs: logs set up, signals heard, whatever happens turned into a report and an exit code."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any, TypeVar

from structlog.typing import FilteringBoundLogger

from orchestrator import logs
from orchestrator.cli.options import LogFormat, Output, Settings
from orchestrator.clock import SystemClock
from orchestrator.domain.outcomes import ExitCode
from orchestrator.errors import PlatformError, RestartError, TokenRefusedError, UsageError
from orchestrator.reports.files import check_writable, render_json, write_report
from orchestrator.reports.model import RequestCounts, RunReport
from orchestrator.reports.text import render_summary
from orchestrator.runs.interruption import Interruption, in_fitting_loop
from orchestrator.runs.session import Rehearsal, Session

T = TypeVar("T")

_EXIT_CODE_OF_SIGNAL = {
    signal.SIGINT: ExitCode.SIGINT,
    signal.SIGTERM: ExitCode.SIGTERM,
    signal.SIGHUP: ExitCode.SIGTERM,
}


class Conductor:
    """Runs one command for a caller who scripts against its streams and its exit code."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session: Session | None = None
        self.interruption = Interruption()
        self.rehearsal = Rehearsal(seed=settings.seed, faults=settings.faults.value) if settings.simulate else None
        for stream in (sys.stdout, sys.stderr):
            # A name that the terminal's encoding does not know must not end a run; and JSON is always UTF-8.
            if isinstance(stream, TextIOWrapper):
                as_json = stream is sys.stdout and settings.output is Output.JSON
                stream.reconfigure(encoding="utf-8" if as_json else None, errors="backslashreplace")
        if settings.output is Output.JSON and hasattr(sys.stdout, "reconfigure"):
            # JSON is UTF-8 wherever it goes, and has no such escapes as above.
            sys.stdout.reconfigure(encoding="utf-8")
        logs.configure(
            log_format=settings.log_format.value,
            level=settings.level.value,
            color=settings.color_on(sys.stderr),
            stream=sys.stderr,
            secrets=_tokens_in_environment(),
        )

    @property
    def _log(self) -> FilteringBoundLogger:
        return self._session.log if self._session is not None else logs.get_logger()

    def note_session(self, session: Session) -> None:
        """Remember the session, for a report that an error takes the place of."""
        self._session = session

    def run(self, make: Callable[[], Coroutine[Any, Any, RunReport]], *, config: str | None) -> ExitCode:
        """Run what makes a report; print and write it, also where an error or a signal took its place."""
        started_at = SystemClock().now()
        try:
            for path in self._settings.report:
                check_writable(path)
            report = in_fitting_loop(self._hearing_signals(make()), rehearsal=self.rehearsal)
        except RestartError as error:
            self.complain(error)
            report = RunReport.of(
                (),
                run_id=self._session.run_id if self._session is not None else "-",
                config=config,
                simulated=self.rehearsal is not None,
                started_at=started_at,
                ended_at=SystemClock().now(),
                requests=self._session.requests if self._session is not None else RequestCounts(total=0, submits=0),
                errors=problems_of(error),
                exit_code=exit_code_of_error(error),
            )
            if self._settings.output is Output.JSON:
                self.show(render_json(report))
        else:
            self._present(report)
        self._write_reports(report)
        return ExitCode(report.exit_code)

    def call(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run something else under the same signals. Raises what it raises."""
        return in_fitting_loop(self._hearing_signals(make()), rehearsal=self.rehearsal)

    def show(self, text: str) -> None:
        """Write the result to stdout. A reader that has gone away misses it, and changes nothing else."""
        try:
            sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
            sys.stdout.flush()
        except BrokenPipeError:
            return
        except OSError as error:
            # The restarts are done: their exit code stays the truth about them.
            logs.get_logger().error("result_not_written", error=str(error))

    def complain(self, error: RestartError) -> None:
        """Say on stderr what kept the command from its work."""
        if self._settings.log_format is LogFormat.JSON:
            self._log.error("run_refused", problems=problems_of(error), error=type(error).__name__)
            return
        stream = logs.UnbreakableStream(sys.stderr)
        for problem in problems_of(error):
            stream.write(f"error: {problem}\n")
        stream.flush()

    def _present(self, report: RunReport) -> None:
        settings = self._settings
        if settings.output is Output.JSON:
            self.show(render_json(report))
            return
        self.show(
            render_summary(report, width=settings.width, color=settings.color_on(sys.stdout), verbose=settings.verbose)
        )

    def _write_reports(self, report: RunReport) -> None:
        for path in self._settings.report:
            try:
                write_report(report, path)
            except (OSError, UsageError) as error:
                # The restarts are done: their exit code stays the truth about them.
                self._log.error("report_not_written", path=str(path), error=str(error))

    async def _hearing_signals(self, work: Coroutine[Any, Any, T]) -> T:
        with self._signals(asyncio.get_running_loop()):
            return await work

    @contextmanager
    def _signals(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        def heard(number: signal.Signals) -> None:
            # A second signal meets the default action, which ends the process at once.
            for each in _EXIT_CODE_OF_SIGNAL:
                loop.remove_signal_handler(each)
                signal.signal(each, signal.SIG_DFL)
            self._log.warning("interrupted", signal=number.name, hint="a second signal ends at once")
            self.interruption.ask(_EXIT_CODE_OF_SIGNAL[number])

        for number in _EXIT_CODE_OF_SIGNAL:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup, for one, ignores SIGHUP
                loop.add_signal_handler(number, heard, number)
        try:
            yield
        finally:
            for number in _EXIT_CODE_OF_SIGNAL:
                loop.remove_signal_handler(number)


def exit_code_of_error(error: RestartError) -> ExitCode:
    """Map what kept a run from its environments to its exit code."""
    match error:
        case UsageError():
            return ExitCode.USAGE
        case TokenRefusedError():
            return ExitCode.REFUSED
        case PlatformError():
            return ExitCode.UNKNOWN
        case _:
            return ExitCode.UNKNOWN


def problems_of(error: RestartError) -> tuple[str, ...]:
    """Give an error's findings, a line each."""
    return tuple(getattr(error, "problems", ())) or (str(error),)


def _tokens_in_environment() -> tuple[str, ...]:
    from orchestrator.qovery.auth import DEFAULT_VARIABLES  # noqa: PLC0415 - httpx comes with it

    return tuple(os.environ[name].strip() for name in DEFAULT_VARIABLES if os.environ.get(name, "").strip())
