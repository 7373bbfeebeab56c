"""Tells others how a run begins and ends, without ever changing how it ends, or making it last."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

import httpx
from structlog.typing import FilteringBoundLogger

from orchestrator import logs
from orchestrator.clock import SystemClock
from orchestrator.config import Config
from orchestrator.domain.notices import LastEnding, NoticePlan, RunEnd, Undelivered
from orchestrator.domain.outcomes import EnvironmentResult, Outcome, Reason, run_outcome_of
from orchestrator.errors import (
    ConfigError,
    RestartError,
    defect_sentence,
)
from orchestrator.journal.endings import Endings
from orchestrator.notices.sending import Addressee, Sender, addressees_of, open_notices
from orchestrator.notices.threads import in_thread
from orchestrator.ports import Clock, Delivery, Notice, Notices
from orchestrator.reports.model import RunReport
from orchestrator.reports.text import render_summary
from orchestrator.runs.codes import exit_code_of_error
from orchestrator.runs.interruption import STOPS_WITHIN, Interruption
from orchestrator.runs.journals import opened_journal
from orchestrator.runs.rehearsal import Rehearsal

PATIENCE = 30.0
"""Seconds by which notices may delay the end of a run."""
AFTER_DEADLINE = 3.5
"""Seconds after a deadline until which they may; what is left until the exit belongs to the result."""
AT_LEAST = 0.75
"""Seconds that they have in any case after a deadline."""
LONG_AGO = 5.0
"""Seconds after which a deadline does not hurry the end any more: the run went on with others."""
JOURNAL_PATIENCE = 2.0
"""Seconds for looking up how the last run ended."""
_SUMMARY_WIDTH = 100


class Telling:
    """Tells about one run. Nothing here raises.

    Args:
        config: whose run it is.
        notices: tells; None if nobody is told.
        plan: who is told, and when.
        clock: the source of time.
        interruption: may ask the run to stop, also while others are told.
        environ: where the state directory is looked for.
        state_dir: where the journal is, which knows how the last run ended.
    """

    def __init__(
        self,
        config: Config,
        notices: Notices | None,
        *,
        plan: NoticePlan,
        clock: Clock,
        interruption: Interruption,
        environ: Mapping[str, str],
        state_dir: Path | None,
    ) -> None:
        self._config = config
        self._notices = notices
        self._plan = plan
        self._clock = clock
        self._interruption = interruption
        self._environ = environ
        self._state_dir = state_dir
        self._log: FilteringBoundLogger = logs.get_logger()
        self._run_id: str | None = None
        self._started_at = clock.now()
        self._beginning: asyncio.Future[None] | None = None
        self._is_told = False

    def began(self, *, run_id: str, log: FilteringBoundLogger) -> None:
        """Tell that the run has begun, while it goes on."""
        self._run_id, self._log = run_id, log
        if self._notices is not None:
            self._beginning = asyncio.ensure_future(self._note(partial(self._notices.started, run_id)))

    async def ended(self, report: RunReport) -> None:
        """Tell how the run has ended."""
        await self._tell(_end_of(report, run_id=self._run_id), patience=self._patience(report))

    async def failed(self, error: Exception) -> None:
        """Tell that an error ended the run; nothing, if its end was told before."""
        code = exit_code_of_error(error)
        now = self._clock.now()
        problems = getattr(error, "problems", None) or (
            str(error) if isinstance(error, RestartError) else defect_sentence(error),
        )
        end = RunEnd(
            run_id=self._run_id,
            config=self._config.source,
            outcome=run_outcome_of(code),
            exit_code=code.value,
            started_at=self._started_at,
            ended_at=now,
            duration_s=round((now - self._started_at).total_seconds(), 1),
            requests=0,
            submits=0,
            errors=tuple(problems),
            summary="\n".join(problems),
        )
        await self._tell(end, patience=PATIENCE)

    async def skipped(self, text: str) -> None:
        """Tell that a scheduled time did not have to run, and why."""
        if self._notices is not None:
            await self._within(PATIENCE, self._note(partial(self._notices.skipped, text)))

    async def missed(self, text: str) -> None:
        """Tell that scheduled times were missed, and why."""
        if self._notices is not None:
            await self._within(PATIENCE, self._note(partial(self._notices.missed, text)))

    async def close(self) -> None:
        """Stop telling that the run has begun, if that was not answered yet."""
        if self._beginning is not None:
            self._beginning.cancel()
            await asyncio.wait([self._beginning], timeout=0.1)

    async def _tell(self, end: RunEnd, *, patience: float) -> None:
        if self._notices is None or self._is_told:
            return
        self._is_told = True
        give_up_at = self._clock.monotonic() + patience
        # A start that arrives after the end would say that the run is still going on.
        await self.close()
        if self._plan.needs_last_ending:
            end = replace(end, last=await self._remember(end, patience=min(patience, JOURNAL_PATIENCE)))
        notices = self._notices.ended(end)
        sending = [asyncio.ensure_future(notice.send()) for notice in notices]
        await self._within(give_up_at - self._clock.monotonic(), *sending)
        for notice, task in zip(notices, sending, strict=True):
            self._say(_delivery_of(notice, task))

    async def _within(self, patience: float, *work: Awaitable[object]) -> None:
        """Await `work` for so long at most; and after a signal, for no longer than a run may take to stop."""
        tasks = [asyncio.ensure_future(each) for each in work]
        asked = asyncio.Event()
        self._interruption.when_asked(asked.set)
        waiting = asyncio.ensure_future(asked.wait())
        give_up_at = self._clock.monotonic() + patience
        left = set(tasks)
        try:
            while left:
                if asked.is_set():
                    give_up_at = min(give_up_at, self._stop_by)
                if (patience := give_up_at - self._clock.monotonic()) <= 0:
                    break
                listening = set() if asked.is_set() else {waiting}
                done, _ = await asyncio.wait({*left, *listening}, timeout=patience, return_when="FIRST_COMPLETED")
                left -= done
        finally:
            waiting.cancel()
            for task in left:
                task.cancel()
            if left:
                await asyncio.wait(left, timeout=0.1)

    @property
    def _stop_by(self) -> float:
        asked_at = self._interruption.asked_at
        return (self._clock.monotonic() if asked_at is None else asked_at) + STOPS_WITHIN

    def _patience(self, report: RunReport) -> float:
        if self._interruption.code is not None:
            return max(0.0, self._stop_by - self._clock.monotonic())
        since = seconds_since_deadline(report, self._config)
        if since is None or since > LONG_AGO:
            return PATIENCE
        return max(AT_LEAST, AFTER_DEADLINE - since)

    async def _remember(self, end: RunEnd, *, patience: float) -> LastEnding:
        """Write how the run has ended, and return how the last one of the same file had; nothing, if that fails."""

        def look_up() -> LastEnding:
            with opened_journal(self._state_dir, self._environ, None, self._clock) as store:
                endings = Endings(store.database)
                known = None if end.run_id is None else endings.file_of(end.run_id)
                file = known or file_key(self._config.source)
                return endings.replace(file, run_id=end.run_id, exit_code=end.exit_code, ended_at=end.ended_at)

        looking = asyncio.ensure_future(in_thread(look_up))
        await self._within(patience, looking)
        if not looking.done() or looking.cancelled():
            self._log.warning(
                "journal_not_written", error="nobody knows how the last run ended: the journal is kept busy"
            )
            return LastEnding()
        if (error := looking.exception()) is not None:
            self._log.warning("journal_not_written", error=str(error))
            return LastEnding()
        return looking.result()

    async def _note(self, send: Callable[[], Awaitable[Sequence[Delivery]]]) -> None:
        for delivery in await send():
            self._say(delivery)

    def _say(self, delivery: Delivery) -> None:
        if delivery.problem is None:
            self._log.info("notice_sent", kind=delivery.kind.value, to=delivery.to)
            return
        self._log.warning(
            "notice_not_sent",
            kind=delivery.kind.value,
            to=delivery.to,
            reason=delivery.problem.value,
            error=delivery.words,
        )

    def warn(self, delivery: Delivery | None) -> None:
        """Log a notice that is known not to arrive."""
        if delivery is not None:
            self._say(delivery)


@asynccontextmanager
async def telling(
    config: Config,
    *,
    environ: Mapping[str, str],
    rehearsal: Rehearsal | None,
    interruption: Interruption,
    state_dir: Path | None = None,
    clock: Clock | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[Telling]:
    """Tell others about the run in this context, also if an error ends it. Of a rehearsal nobody is told.

    Args:
        config: whose run it is.
        environ: where URLs, the job's page and the state directory are looked for.
        rehearsal: the one that this is.
        interruption: may ask the run to stop.
        state_dir: where the journal is.
        clock: the source of time.
        transport: takes the place of the network.

    Raises:
        ConfigError: a URL that the file names is not there, or is none; whoever can be told is told.
        UsageError: proxies or certificates that the environment names cannot be used.
    """
    plan = config.notice_plan() if rehearsal is None else NoticePlan()
    clock = clock or SystemClock()
    addressees, problems = addressees_of(plan, environ)
    for each in addressees:
        _hide(each)
    async with AsyncExitStack() as stack:
        sender: Sender | None = None
        if rehearsal is None:
            sender = await stack.enter_async_context(
                open_notices(plan, addressees, environ=environ, clock=clock, transport=transport)
            )
        told = Telling(
            config, sender, plan=plan, clock=clock, interruption=interruption, environ=environ, state_dir=state_dir
        )
        stack.push_async_callback(told.close)
        try:
            _refuse(problems)
            if sender is not None:
                told.warn(sender.not_installed())
            yield told
        except Exception as error:
            await told.failed(error)
            raise


def destinations(config: Config, environ: Mapping[str, str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Return whom a configuration tells, each with its key and its host; and what is missing, a sentence each."""
    plan = config.notice_plan()
    addressees, problems = addressees_of(plan, environ)
    return [(each.named_by, each.host) for each in addressees], problems


def seconds_since_deadline(report: RunReport, config: Config) -> float | None:
    """Return how long before the end of a run its last deadline passed; None if none did, 0 if that is unclear."""
    deadlines = {spec.name: spec.policy.deadline for spec in config.environment_specs()}
    passed = []
    for each in report.environments:
        if each.outcome is not Outcome.TIMED_OUT:
            continue
        settled_at: datetime = each.settled_at or report.ended_at
        over = 0.0
        if each.reason is Reason.RUN_DEADLINE:
            over = report.duration_s - config.run_strategy().run_deadline
        elif each.duration_s is not None:
            over = each.duration_s - deadlines.get(each.name, each.duration_s)
            over += max(0.0, (report.ended_at - settled_at).total_seconds())
        passed.append(max(0.0, over))
    return min(passed, default=None)


def file_key(source: str | None) -> str:
    """Return a file's whole path, by which the journal knows it."""
    if source is None or source.startswith("<"):
        return source or ""
    return str(Path(source).absolute())


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        raise ConfigError(problems)


def _hide(addressee: Addressee) -> None:
    """Hide a URL, and what follows its host, in every event of the log."""
    url = addressee.url.get_secret_value()
    logs.hide_also(url)
    path = url.partition("://")[2].partition("/")[2]
    if path:
        logs.hide_also(path)


def _delivery_of(notice: Notice, task: "asyncio.Future[Delivery]") -> Delivery:
    if not task.done() or task.cancelled():
        words = "the command had to end before it was answered"
        return Delivery(kind=notice.kind, to=notice.to, problem=Undelivered.TOO_LATE, words=words)
    if (error := task.exception()) is not None:
        return Delivery(kind=notice.kind, to=notice.to, problem=Undelivered.BROKEN, words=type(error).__name__)
    return task.result()


def _end_of(report: RunReport, *, run_id: str | None) -> RunEnd:
    return RunEnd(
        run_id=run_id or report.run_id,
        config=report.config,
        outcome=report.outcome,
        exit_code=report.exit_code,
        started_at=report.started_at,
        ended_at=report.ended_at,
        duration_s=report.duration_s,
        requests=report.requests.total,
        submits=report.requests.submits,
        environments=tuple(
            EnvironmentResult(
                name=each.name,
                environment_id=each.id,
                wave=each.wave,
                outcome=each.outcome,
                reason=each.reason,
                message=each.message,
                submitted_at=each.submitted_at,
                settled_at=each.settled_at,
                duration_s=each.duration_s,
                console_url=each.console_url,
            )
            for each in report.environments
        ),
        resume=report.resume,
        errors=report.errors,
        summary=render_summary(report, width=_SUMMARY_WIDTH, color=False),
    )
