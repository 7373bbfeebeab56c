"""A run tells others, and is held up by nobody for longer than it promises."""

import asyncio
import gc
import json
import warnings
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from orchestrator.clock import RehearsalClock
from orchestrator.config import Config, parse_config
from orchestrator.domain.notices import LastEnding
from orchestrator.domain.outcomes import EnvironmentResult, ExitCode, Outcome, Reason
from orchestrator.errors import ConfigError, TokenRefusedError, UnansweredError, UsageError
from orchestrator.reports.model import RequestCounts, RunReport
from orchestrator.runs import interruption as interruption_module
from orchestrator.runs.interruption import STOPS_WITHIN, Interruption
from orchestrator.runs.telling import AFTER_DEADLINE, AT_LEAST, PATIENCE, Telling, seconds_since_deadline, telling
from orchestrator.simulator.virtual_time import VirtualTimeLoop
from tests.support.builders import NOON
from tests.support.config_texts import ID
from tests.support.notices import RUN_ID, result_of

ENVIRON = {"HOOK": "https://hooks.example.test/T0/s3cret", "PING": "https://hc.example.test/uuid-of-check"}
HOOK = "notify: {on: always, to: [{webhook: {env: HOOK}}]}\n"
PING = "ping: {env: PING}\n"


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Virtual time does not wait for threads."""

    async def at_once(call: Callable[[], LastEnding]) -> LastEnding:
        return call()

    monkeypatch.setattr("orchestrator.runs.telling.in_thread", at_once)

    # What is told here is told in virtual time, signals included.
    monkeypatch.setattr(interruption_module, "machine_seconds", lambda: asyncio.get_running_loop().time())


def config_of(text: str, *, deadline: str = "60s") -> Config:
    environments = f"environments: [{{name: shop, id: {ID}, services: all, deadline: {deadline}}}]\n"
    return parse_config(f"version: 1\n{text}{environments}", source="night.yaml", environ={})


def report_of(
    *results: EnvironmentResult, interrupted: ExitCode | None = None, took: float = 62.0, after: float = 0.0
) -> RunReport:
    return RunReport.of(
        results or (result_of("shop"),),
        run_id=RUN_ID,
        config="night.yaml",
        simulated=False,
        started_at=NOON,
        ended_at=NOON + timedelta(seconds=61 + after),
        duration_s=took,
        requests=RequestCounts(total=9, submits=1),
        interrupted=interrupted,
    )


def timed_out(*, duration: float | None = 60.0, reason: Reason = Reason.DEADLINE) -> EnvironmentResult:
    return replace(result_of("shop", Outcome.TIMED_OUT), duration_s=duration, reason=reason)


class Outside(httpx.AsyncBaseTransport):
    """Answers after so many seconds; keeps what it is told, and when."""

    def __init__(self, *, after: float = 0.0, status: int = 200) -> None:
        self.after = after
        self.status = status
        self.told: list[tuple[str, str]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.told.append((request.url.path, (await request.aread()).decode()))
        await asyncio.sleep(self.after)
        return httpx.Response(self.status)

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.told]


def told(
    config: Config,
    say: Callable[[Telling, Interruption], Awaitable[object]],
    outside: Outside,
    *,
    environ: Mapping[str, str] = ENVIRON,
    state_dir: Path | None = None,
) -> tuple[float, list[tuple[str, str]]]:
    """Tell in virtual time; return how long that took, and what could not be told to whom, and why."""

    async def talk() -> float:
        interruption = Interruption()
        clock = RehearsalClock(NOON)
        async with telling(
            config,
            environ=environ,
            rehearsal=None,
            interruption=interruption,
            state_dir=state_dir,
            clock=clock,
            transport=outside,
        ) as each:
            began = clock.monotonic()
            await say(each, interruption)
            return clock.monotonic() - began

    with capture_logs() as logs, asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        import structlog  # noqa: PLC0415 - capture_logs has just set it up

        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(0))
        took = runner.run(talk())
    return took, [(each["kind"], each["reason"]) for each in logs if each["event"] == "notice_not_sent"]


def ending(report: RunReport) -> Callable[[Telling, Interruption], Awaitable[None]]:
    return lambda each, _: each.ended(report)


def test_whoever_answers_at_once_holds_nothing_up() -> None:
    outside = Outside()
    assert told(config_of(PING), ending(report_of()), outside) == (0.0, [])
    assert outside.paths == ["/uuid-of-check/0"]


def test_all_are_told_at_the_same_time(tmp_path: Path) -> None:
    took, troubles = told(config_of(PING + HOOK), ending(report_of()), Outside(after=5), state_dir=tmp_path)
    assert (took, troubles) == (5.0, [])


def test_who_never_answers_delays_the_end_by_thirty_seconds_at_most() -> None:
    took, troubles = told(config_of(PING), ending(report_of()), Outside(after=3600))
    assert PATIENCE <= took <= PATIENCE + 0.2
    assert troubles == [("ping", "too_late")]


def test_after_a_signal_there_is_what_is_left_of_its_second() -> None:
    async def interrupted(each: Telling, interruption: Interruption) -> None:
        interruption.ask(ExitCode.SIGTERM)
        await asyncio.sleep(0.25)
        await each.ended(report_of(interrupted=ExitCode.SIGTERM))

    outside = Outside(after=3600)
    took, troubles = told(config_of(PING), interrupted, outside)
    assert STOPS_WITHIN <= took <= STOPS_WITHIN + 0.2
    assert outside.paths == ["/uuid-of-check/143"]
    assert troubles == [("ping", "too_late")]


@pytest.mark.parametrize("at", [0.0, 7.0])
def test_a_signal_that_comes_while_others_are_told_leaves_them_a_second(at: float) -> None:
    async def interrupted(each: Telling, interruption: Interruption) -> None:
        if at:
            asyncio.get_running_loop().call_later(at, interruption.ask, ExitCode.SIGTERM)
        else:
            interruption.ask(ExitCode.SIGTERM)
        await each.ended(report_of())

    took, _ = told(config_of(PING), interrupted, Outside(after=3600))
    assert at + STOPS_WITHIN <= took <= at + STOPS_WITHIN + 0.2


@pytest.mark.parametrize(
    ("report", "patience"),
    [
        pytest.param(report_of(timed_out()), AFTER_DEADLINE, id="at its deadline"),
        pytest.param(report_of(timed_out(duration=61.5)), AFTER_DEADLINE - 1.5, id="a moment after it"),
        pytest.param(report_of(timed_out(duration=63.5)), AT_LEAST, id="when its time is up"),
        pytest.param(report_of(timed_out(), after=600.0), PATIENCE, id="long ago"),
        pytest.param(report_of(timed_out(duration=None)), AFTER_DEADLINE, id="nobody knows when"),
    ],
)
def test_after_a_deadline_there_is_what_is_left_of_its_seconds(report: RunReport, patience: float) -> None:
    took, _ = told(config_of(PING), ending(report), Outside(after=3600))
    assert patience <= took <= patience + 0.2


def test_the_runs_deadline_counts_from_the_runs_start() -> None:
    report = report_of(timed_out(duration=None, reason=Reason.RUN_DEADLINE), took=14402.0)
    assert seconds_since_deadline(report, config_of("")) == 2.0


def test_a_start_is_told_beside_the_run_and_not_after_its_end() -> None:
    async def begin_and_end(each: Telling, _: Interruption) -> None:
        import structlog  # noqa: PLC0415 - the captured one

        each.began(run_id=RUN_ID, log=structlog.get_logger())
        await asyncio.sleep(1)
        outside.after = 0.0
        await each.ended(report_of())
        await asyncio.sleep(100)

    outside = Outside(after=30)
    took, troubles = told(config_of(PING), begin_and_end, outside)
    assert outside.paths == ["/uuid-of-check/start", "/uuid-of-check/0"]
    assert (troubles, took) == ([], 101.0)


def test_a_start_that_its_runs_end_overtakes_is_not_told() -> None:
    async def begin_and_fail(each: Telling, _: Interruption) -> None:
        import structlog  # noqa: PLC0415 - the captured one

        each.began(run_id=RUN_ID, log=structlog.get_logger())
        await each.failed(UsageError("no token"))

    outside = Outside()
    with warnings.catch_warnings(record=True) as said:
        told(config_of(PING), begin_and_fail, outside)
        gc.collect()
    assert outside.paths == ["/uuid-of-check/2"]
    assert [str(each.message) for each in said] == [], "nothing is left that was never awaited"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("no token"), 2),
        (TokenRefusedError("401"), 77),
        (UnansweredError("silence"), 75),
        (ZeroDivisionError("s3cret"), 70),
    ],
)
def test_an_error_that_ends_the_run_is_told(error: Exception, code: int, tmp_path: Path) -> None:
    async def fail(_: Telling, __: Interruption) -> None:
        raise error

    outside = Outside()
    with pytest.raises(type(error)):
        told(config_of(PING + HOOK), fail, outside, state_dir=tmp_path)
    assert f"/uuid-of-check/{code}" in outside.paths
    document = next(json.loads(body) for path, body in outside.told if path == "/T0/s3cret")
    assert document["exit_code"] == code
    assert "s3cret" not in json.dumps(document)


def test_an_error_after_the_end_was_told_is_not_told_again() -> None:
    async def end_and_fail(each: Telling, _: Interruption) -> None:
        await each.ended(report_of())
        raise UsageError("too late")

    outside = Outside()
    with pytest.raises(UsageError):
        told(config_of(PING), end_and_fail, outside)
    assert outside.paths == ["/uuid-of-check/0"]


def test_what_is_missing_ends_the_run_and_whoever_is_there_is_told() -> None:
    outside = Outside()
    with pytest.raises(ConfigError) as caught:
        told(config_of(PING + HOOK), ending(report_of()), outside, environ={"PING": ENVIRON["PING"], "HOOK": "hooks"})
    assert outside.paths == ["/uuid-of-check/2"]
    assert caught.value.problems == (
        (
            "notify.to[0].webhook: the environment variable HOOK does not hold a URL such as "
            "https://hooks.example.com/…; it is not shown, since it may be secret."
        ),
    )


def test_only_changes_are_told_by_default_also_of_runs_that_the_journal_never_saw(tmp_path: Path) -> None:
    config = config_of("notify: {to: [{webhook: {env: HOOK}}]}\n")
    outside = Outside()

    async def refused(_: Telling, __: Interruption) -> None:
        raise TokenRefusedError("401")

    told(config, ending(report_of()), outside, state_dir=tmp_path)
    with pytest.raises(TokenRefusedError):
        told(config, refused, outside, state_dir=tmp_path)
    told(config, ending(report_of()), outside, state_dir=tmp_path)
    told(config, ending(report_of()), outside, state_dir=tmp_path)
    assert [(json.loads(body)["exit_code"], json.loads(body)["recovered"]) for _, body in outside.told] == [
        (77, False),
        (0, True),
    ]


def test_without_a_journal_a_failure_is_told_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    outside = Outside()
    bad = report_of(result_of("shop", Outcome.FAILED))
    told(config_of("notify: {to: [{webhook: {env: HOOK}}]}\n"), ending(bad), outside, state_dir=tmp_path / "state")
    assert outside.paths == ["/T0/s3cret"]


def test_skipped_and_missed_times_are_told_to_the_dead_mans_signal() -> None:
    async def both(each: Telling, _: Interruption) -> None:
        await each.skipped("overlap")
        await each.missed("asleep")

    outside = Outside()
    assert told(config_of(PING), both, outside) == (0.0, [])
    assert outside.told == [("/uuid-of-check/log", "overlap"), ("/uuid-of-check/fail", "asleep")]


def test_a_refusal_is_a_warning() -> None:
    assert told(config_of(PING), ending(report_of()), Outside(status=404)) == (0.0, [("ping", "refused")])


def test_traces_that_are_wanted_without_their_extra_are_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.notices.traces.is_installed", lambda: False)
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.example.test:4318"}
    assert told(config_of(""), ending(report_of()), Outside(), environ=environ) == (0.0, [("traces", "not_installed")])
