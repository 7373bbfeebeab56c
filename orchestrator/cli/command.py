"""Runs a command: sets up logs and signals, and turns every result and error into output and an exit code."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from datetime import datetime
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from structlog.typing import FilteringBoundLogger

from orchestrator import logs
from orchestrator.cli.defects import secrets_in_environment
from orchestrator.cli.options import LogFormat, LogLevel, Output, Settings
from orchestrator.cli.pipeline import Pipeline
from orchestrator.cli.signals import end_at_once
from orchestrator.clock import SystemClock, machine_seconds
from orchestrator.domain.outcomes import ExitCode
from orchestrator.errors import RestartError, UsageError, defect_sentence
from orchestrator.journal.store import resume_command
from orchestrator.live.choosing import Progress
from orchestrator.redaction import redactor
from orchestrator.reports.files import check_writable, write_report
from orchestrator.reports.formats import ReportFile, report_file
from orchestrator.reports.model import RequestCounts, RunReport, render_json
from orchestrator.reports.step_summary import append_summary, is_same_file
from orchestrator.reports.text import render_summary
from orchestrator.runs.codes import exit_code_of_error
from orchestrator.runs.interruption import Interruption, in_fitting_loop
from orchestrator.runs.rehearsal import Rehearsal
from orchestrator.runs.session import Session
from orchestrator.streams import LossyStream, done_within, leave_log, write_result
from orchestrator.text import encodable, printable, printable_json

if TYPE_CHECKING:
    from orchestrator.live.display import Display

T = TypeVar("T")

RESULT_PATIENCE = 60.0
"""Seconds for which nobody may read the result before it is given up: a pager may be slow."""
END_WITHIN = 0.8
"""Seconds after a deadline for all reports and the result, whoever reads them: the process has to end then."""
SIGNAL_TO_RESULT = 2.0
LEAST_TO_END = 0.4
"""Seconds from a signal until the result is given up, and the least that there are for each report and the result: who
reads gets it whole, however late it is."""
LOG_TO_END = 0.2
"""Seconds after the result for the end of the log, after a signal or a deadline."""

WHATEVER = (Exception, asyncio.CancelledError)
"""What ends a command and gets an exit code: our own errors have theirs, and anything else is a bug. Nobody but a bug
cancels the task that runs a command."""

_EXIT_CODE_OF_SIGNAL = {
    signal.SIGINT: ExitCode.SIGINT,
    signal.SIGTERM: ExitCode.SIGTERM,
    signal.SIGHUP: ExitCode.SIGTERM,
}
_TIME_IS_UP = frozenset({ExitCode.TIMED_OUT, *_EXIT_CODE_OF_SIGNAL.values()})


class CommandRunner:
    """Runs one command: its result goes to stdout, everything else to stderr.

    Attributes:
        interruption: asked to stop the command by a signal.
        rehearsal: the simulation with `--simulate`; None for a real run.
        on_hangup: called at SIGHUP, which otherwise stops the command as SIGTERM does.
        patience: seconds for which nobody may read a result before it is given up.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session: Session | None = None
        self.interruption = Interruption()
        self.on_hangup: Callable[[], None] | None = None
        self.patience = RESULT_PATIENCE
        self.rehearsal = None
        self._end_by = float("inf")
        if settings.simulate:
            self.rehearsal = Rehearsal(seed=settings.seed, faults=settings.faults.value, world=settings.world)
        _configure_streams(settings.output)
        self._pipeline = Pipeline(settings, os.environ)
        self._display = self._set_up_log()

    def _set_up_log(self) -> "Display | None":
        """Set up the log, and what is shown in its place, if that is live."""
        settings, display = self._settings, None
        shown = settings.shown_progress(sys.stderr)
        color = settings.color_on(sys.stderr)
        if shown.progress is Progress.LIVE:
            from orchestrator.live.display import REHEARSAL_TICK, TICK, Display  # noqa: PLC0415 - seldom needed

            clock, tick = (SystemClock(), TICK) if self.rehearsal is None else (self.rehearsal.clock, REHEARSAL_TICK)
            display = Display(sys.stderr, color=color, clock=clock, tick=tick)
        is_console = settings.log_format is LogFormat.CONSOLE
        level = settings.level
        if shown.progress is Progress.NONE and is_console and level in (LogLevel.DEBUG, LogLevel.INFO):
            level = LogLevel.WARNING
        logs.configure(
            log_format=settings.log_format.value,
            level=level.value,
            color=color,
            stream=sys.stderr,
            secrets=secrets_in_environment(),
            sections=self._pipeline.sections,
            onlooker=None if display is None else display.take,
            around=str if display is None else display.around,
        )
        if shown.why_not_live is not None:
            logs.get_logger().warning("progress_not_live", why=shown.why_not_live, hint="progress is shown in lines")
        return display

    @property
    def _log(self) -> FilteringBoundLogger:
        return self._session.log if self._session is not None else logs.get_logger()

    def note_session(self, session: Session) -> None:
        """Remember the session: if an error ends the run, the report takes the run's id and requests from it."""
        self._session = session
        if self._display is not None:
            self._display.quota_left = lambda: session.quota.room().left

    def run(self, make: Callable[[], Coroutine[Any, Any, RunReport]], *, config: str | None) -> ExitCode:
        """Run `make`, then write and print its report, or a report of the error that ended it.

        What has to be kept is written first: nobody knows whether anybody reads stdout.
        """
        started_at = SystemClock().now()
        writable: list[ReportFile] = []
        try:
            self.accept_reports(writable)
            report = in_fitting_loop(self._with_signals(make()), rehearsal=self.rehearsal)
        except WHATEVER as error:
            self.show_error(error)
            report = self._report_of_error(error, config=config, started_at=started_at)
            is_result = self._settings.output is Output.JSON
        else:
            is_result = True
            if report.exit_code == ExitCode.DEFECT:
                self._show_problems(report.errors)  # The run has logged the traceback.
        if report.exit_code in _TIME_IS_UP or self.interruption.code is not None:
            self._hurry()
        self._pipeline.end_sections()
        self._append_summary(report, writable)
        self.deliver(report, writable, is_result=is_result)
        self._pipeline.annotate(report)
        return ExitCode(report.exit_code)

    def deliver(self, report: RunReport, files: Sequence[ReportFile], *, is_result: bool = True) -> bool:
        """Write a report to every file, then to stdout; return whether all files could be written.

        Args:
            report: the run.
            files: what `accept_reports` accepted.
            is_result: whether stdout has the summary or the JSON, unless one of the files is stdout.
        """
        is_written = self._write_reports(report, [file for file in files if not file.is_stdout])
        on_stdout = next((file for file in files if file.is_stdout), None)
        if on_stdout is not None:
            text = on_stdout.format.render(report)
            self.show(printable_json(text) if on_stdout.format.suffix == ".json" else text)
        elif is_result:
            self._present(report)
        return is_written

    def accept_reports(self, writable: list[ReportFile]) -> None:
        """Add to `writable` what `--report` asks for, one by one.

        Raises:
            UsageError: one of them cannot be written; those before it can.
        """
        for given in self._settings.report:
            file = report_file(given)
            check_writable(file)
            if file.is_stdout:
                if self._settings.output is Output.JSON or any(each.is_stdout for each in writable):
                    raise UsageError(
                        f"--report {given}: stdout carries one result. Leave out --output json, and name one report "
                        "for it; the others need files."
                    )
                use_utf8(sys.stdout)
            writable.append(file)

    def _hurry(self) -> None:
        """Wait for nobody for long from now on."""
        now = machine_seconds()
        asked_at = self.interruption.asked_at
        within = END_WITHIN if asked_at is None else max(asked_at + SIGNAL_TO_RESULT - now, LEAST_TO_END)
        self._end_by = now + within
        leave_log(sys.stderr, within=within + LOG_TO_END)

    @property
    def _time_left(self) -> float:
        """Seconds until nothing is waited for any more."""
        return max(self._end_by - machine_seconds(), 0.0)

    def attempt(self, make: Callable[[], Coroutine[Any, Any, T]]) -> tuple[T | None, ExitCode, tuple[str, ...]]:
        """Run `make` with the same signal handling; if an error ends it, write that to stderr.

        Returns:
            Its result, success and no problems; after an error None, the error's exit code and its problems.
        """
        try:
            return in_fitting_loop(self._with_signals(make()), rehearsal=self.rehearsal), ExitCode.SUCCEEDED, ()
        except WHATEVER as error:
            self.show_error(error)
            return None, exit_code_of_error(error), problems_of(error)
        finally:
            if self.interruption.code is not None:
                self._hurry()

    def show_summary(self, report: RunReport) -> None:
        """Write a report to stdout, for users."""
        settings = self._settings
        color = settings.color_on(sys.stdout)
        self.show(render_summary(report, width=settings.width, color=color, verbose=settings.verbose))

    def check_reports(self) -> None:
        """Check that the reports can be written. Raises `UsageError`."""
        files: list[ReportFile] = []
        self.accept_reports(files)
        if any(file.is_stdout for file in files):
            raise UsageError("--report: stdout has a line for each time that is decided. Name a file for the report.")

    def write_reports(self, report: RunReport | None, *, error: BaseException | None, config: str) -> None:
        """Write the reports of a run, over those of the one before; of an `error`, if that is all there is."""
        if report is None and error is not None:
            report = self._report_of_error(error, config=config, started_at=SystemClock().now())
        if report is not None:
            files = [file for file in map(report_file, self._settings.report) if not file.is_stdout]
            self._pipeline.end_sections()
            self._append_summary(report, files)
            self._write_reports(report, files)
            self._pipeline.annotate(report, with_errors=True)

    def complain(self, problem: str) -> None:
        """Say where a CI system shows it that something has to be looked at, of which the result tells."""
        self._pipeline.annotate_problems([problem])

    def show(self, text: str) -> None:
        """Write the result to stdout. It changes nothing else if the reader has closed the pipe."""
        if self._display is not None:
            self._display.make_way()
        if self._settings.output is Output.JSON:
            text = printable_json(text)
        try:
            text = text if text.endswith("\n") else f"{text}\n"
            write_result(sys.stdout, text, patience=self.patience, within=max(self._time_left, LEAST_TO_END))
        except OSError as error:
            # The restarts are done, and the exit code reports their outcome.
            logs.get_logger().error("result_not_written", error=str(error))

    def show_error(self, error: BaseException) -> None:
        """Write to stderr why the command could not do its work; of a bug, the traceback too."""
        if not isinstance(error, RestartError):
            self._log.error("internal_error", exc_info=error, problems=self._logged(problems_of(error)))
        elif self._settings.log_format is LogFormat.JSON:
            self._log.error("run_refused", problems=problems_of(error), error=type(error).__name__)
        self._show_problems(problems_of(error))

    def _logged(self, problems: Sequence[str]) -> Sequence[str] | None:
        """Return problems for an event, unless they follow it on lines of their own."""
        return problems if self._settings.log_format is LogFormat.JSON else None

    def _show_problems(self, problems: Sequence[str]) -> None:
        if self._settings.log_format is LogFormat.JSON:
            return  # A line of stderr is an event, and has them.
        problems = self._pipeline.annotate_problems(problems)
        stream = LossyStream(sys.stderr)
        for problem in problems:
            stream.write(f"error: {printable(problem)}\n")
        stream.flush()

    def _report_of_error(self, error: BaseException, *, config: str | None, started_at: datetime) -> RunReport:
        return RunReport.of(
            (),
            run_id=self._session.run_id if self._session is not None else "-",
            config=config,
            simulated=self.rehearsal is not None,
            started_at=started_at,
            ended_at=SystemClock().now(),
            requests=self._session.requests if self._session is not None else RequestCounts(total=0, submits=0),
            errors=problems_of(error),
            exit_code=exit_code_of_error(error),
            resume=self._resume,
        )

    @property
    def _resume(self) -> str | None:
        """The command that resumes a run that has submitted something, and so is in the journal; None otherwise."""
        if self._session is None or self.rehearsal is not None or not self._session.requests.submits:
            return None
        return resume_command(self._session.run_id, state_dir=self._settings.state_dir)

    def _present(self, report: RunReport) -> None:
        settings = self._settings
        if settings.output is Output.JSON:
            self.show(render_json(report))
            return
        self.show_summary(report)

    def _write_reports(self, report: RunReport, files: Iterable[ReportFile]) -> bool:
        written = [self._attempt_write(file.path, partial(write_report, report, file)) for file in files]
        return all(written)

    def _append_summary(self, report: RunReport, files: Iterable[ReportFile]) -> None:
        """Append a run to the summary of a step of GitHub, unless a report is written there anyway."""
        path = self._pipeline.summary
        if path is not None and not any(is_same_file(file.path, path) for file in files):
            self._attempt_write(path, partial(append_summary, report, path))

    def _attempt_write(self, path: Path, write: Callable[[], object]) -> bool:
        try:
            # Whatever hangs here, half of the time is left for what comes after it.
            done_within(min(max(self._time_left / 2, LEAST_TO_END), RESULT_PATIENCE), write)
        except Exception as error:  # noqa: BLE001 - the restarts are done, and the exit code reports their outcome
            self._log.error("report_not_written", path=str(path), error=str(error))
            return False
        return True

    async def _with_signals(self, work: Coroutine[Any, Any, T]) -> T:
        async with AsyncExitStack() as stack:
            stack.enter_context(self._signals(asyncio.get_running_loop()))
            if self._display is not None:
                await stack.enter_async_context(self._display.shown())
            return await work

    @contextmanager
    def _signals(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        before = {number: signal.getsignal(number) for number in _EXIT_CODE_OF_SIGNAL}

        def interrupt(number: signal.Signals) -> None:
            if number is signal.SIGHUP and self.on_hangup is not None:
                self.on_hangup()
                return
            for each in _EXIT_CODE_OF_SIGNAL:
                loop.remove_signal_handler(each)
                signal.signal(each, end_at_once)
            self._log.warning("interrupted", signal=number.name, hint="send a second signal to exit immediately")
            self.interruption.ask(_EXIT_CODE_OF_SIGNAL[number])

        for number in _EXIT_CODE_OF_SIGNAL:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup, for example, ignores SIGHUP
                loop.add_signal_handler(number, interrupt, number)
        try:
            yield
        finally:
            for number, handler in before.items():
                if loop.remove_signal_handler(number):
                    signal.signal(number, handler)


def problems_of(error: BaseException) -> tuple[str, ...]:
    """Return the problems that an error lists, a line each, without secrets: somebody may give a token as a name.

    For what is none of ours, return what to report.
    """
    redact = redactor(*secrets_in_environment())
    if not isinstance(error, RestartError):
        return (redact(encodable(defect_sentence(error))),)
    return tuple(redact(encodable(problem)) for problem in getattr(error, "problems", ()) or (str(error),))


def _configure_streams(output: Output) -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is sys.stdout and output is Output.JSON:
            use_utf8(stream)
        elif isinstance(stream, TextIOWrapper):
            # A name that the terminal's encoding cannot represent must not end a run.
            stream.reconfigure(errors="backslashreplace")


def use_utf8(stream: TextIO) -> None:
    """Let a stream carry a document, which is always UTF-8, and must not contain a terminal's escapes."""
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="strict")
