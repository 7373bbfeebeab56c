"""The process that keeps a schedule, in virtual time: every row of what may happen to a night."""

import asyncio
from collections.abc import Callable, Coroutine, MutableMapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from orchestrator.domain.outcomes import ExitCode, Outcome, Reason
from orchestrator.errors import JournalBusyError
from orchestrator.journal import occurrences as journal_module
from orchestrator.reports.model import Trigger
from orchestrator.runs import occurring
from orchestrator.runs.rehearsal import Transports
from tests.support.nights import NIGHTLY, ONE, PARIS, TWO_WAVES, Nights
from tests.support.time import in_virtual_time


def due(local: str) -> datetime:
    """An instant by the time of Paris."""
    return datetime.fromisoformat(local).replace(tzinfo=PARIS)


ON_TIME, LATE = ("27 03:00", "run", "on_time"), ("27 03:00", "run", "late")
BY_POLICY, TOO_LATE = ("27 03:00", "missed", "on_missed_skip"), ("27 03:00", "missed", "window_over")
CANNOT_END = ("27 03:00", "missed", "outside_window")
SKIP = NIGHTLY.replace("ON_MISSED", "skip")
RUN = NIGHTLY.replace("ON_MISSED", "run")
Scenario = Callable[[Nights], Coroutine[Any, Any, None]]


@pytest.fixture
def events() -> list[MutableMapping[str, Any]]:
    """Every log event of the test."""
    heard: list[MutableMapping[str, Any]] = []

    def hear(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        heard.append(dict(event))
        raise structlog.DropEvent

    structlog.configure(processors=[hear], cache_logger_on_first_use=False)
    return heard


def named(events: list[MutableMapping[str, Any]], name: str) -> list[MutableMapping[str, Any]]:
    return [event for event in events if event["event"] == name]


# What happens to one night.


async def wakes_late(nights: Nights) -> None:
    nights.start()
    await nights.until("02:59:50")
    nights.set_clock(0.5)
    await nights.until("12:00")


async def starts_at_0340(nights: Nights) -> None:
    await nights.seen_and_down()
    await nights.until("03:40")
    nights.start()
    await nights.until("12:00")


async def starts_at_0459(nights: Nights) -> None:
    await nights.seen_and_down()
    await nights.until("04:59:50")
    nights.start()
    await nights.until("12:00")


async def starts_at_0501(nights: Nights) -> None:
    await nights.seen_and_down()
    await nights.until("05:01")
    nights.start()
    await nights.until("12:00")


async def opened_at_nine(nights: Nights) -> None:
    nights.start()
    await nights.until("01:00")
    nights.set_clock(8 * 60)
    await nights.until("12:00")


async def down_for_five_nights(nights: Nights) -> None:
    await nights.seen_and_down()
    await nights.until("2026-12-01 03:30")
    nights.start()
    await nights.until("12:00")


async def suspended(nights: Nights) -> None:
    nights.start()
    await nights.until("02:30")
    nights.set_clock(50)
    await nights.until("12:00")


async def clock_forward_to_0310(nights: Nights) -> None:
    nights.start()
    await nights.until("02:50")
    nights.set_clock(20)
    await nights.until("12:00")


async def clock_forward_to_0600(nights: Nights) -> None:
    nights.start()
    await nights.until("02:50")
    nights.set_clock(190)
    await nights.until("12:00")


async def clock_back_over_it(nights: Nights) -> None:
    nights.start()
    await nights.until("03:05")
    nights.set_clock(-10)
    await nights.until("12:00")


async def clock_back_and_started_anew(nights: Nights) -> None:
    process = nights.start()
    await nights.until("03:05")
    await process.die()
    nights.set_clock(-10)
    nights.start()
    await nights.until("12:00")


async def pod_moved(nights: Nights) -> None:
    process = nights.start()
    await nights.until("02:59")
    assert await process.stop() == ExitCode.SUCCEEDED
    await nights.until("03:03")
    nights.start()
    await nights.until("12:00")


@pytest.mark.parametrize(
    ("scenario", "with_run", "with_skip"),
    [
        pytest.param(wakes_late, [ON_TIME], [ON_TIME], id="wakes 20 s late"),
        pytest.param(starts_at_0340, [LATE], [BY_POLICY], id="starts 03:40"),
        pytest.param(starts_at_0459, [CANNOT_END], [BY_POLICY], id="starts when it cannot end inside"),
        pytest.param(starts_at_0501, [TOO_LATE], [BY_POLICY], id="starts 05:01"),
        pytest.param(opened_at_nine, [TOO_LATE], [BY_POLICY], id="opened 09:00"),
        pytest.param(
            down_for_five_nights, [("01 03:00", "run", "late")], [("01 03:00", "missed", "on_missed_skip")], id="five"
        ),
        pytest.param(suspended, [LATE], [BY_POLICY], id="suspended 02:30-03:20"),
        pytest.param(clock_forward_to_0310, [LATE], [BY_POLICY], id="clock forward 02:50 to 03:10"),
        pytest.param(clock_forward_to_0600, [TOO_LATE], [BY_POLICY], id="clock forward 02:50 to 06:00"),
        pytest.param(clock_back_over_it, [ON_TIME], [ON_TIME], id="clock back 03:05 to 02:55"),
        pytest.param(clock_back_and_started_anew, [ON_TIME], [ON_TIME], id="clock back, and another process"),
        pytest.param(pod_moved, [LATE], [BY_POLICY], id="SIGTERM 02:59, a new one 03:03"),
    ],
)
@pytest.mark.parametrize("on_missed", ["run", "skip"])
def test_a_night_is_decided_once_by_the_rules(
    tmp_path: Path,
    scenario: Scenario,
    on_missed: str,
    with_run: list[tuple[str, str, str]],
    with_skip: list[tuple[str, str, str]],
) -> None:
    async def play() -> Nights:
        nights = Nights(tmp_path, schedule=NIGHTLY.replace("ON_MISSED", on_missed))
        await scenario(nights)
        return nights

    nights = in_virtual_time(play())
    assert nights.short == (with_run if on_missed == "run" else with_skip)
    assert all(each.exit_code is ExitCode.SUCCEEDED for each in nights.runs)
    assert all(each.exit_code is ExitCode.BLOCKED for each in nights.told if each not in nights.runs)


@pytest.mark.parametrize("seconds", [3600.0, 3600.0000004, 3600.1234567, 1e-7])
def test_it_ends_when_it_is_to_whatever_a_datetime_leaves_of_a_second(tmp_path: Path, seconds: float) -> None:
    async def play() -> tuple[ExitCode, float]:
        nights = Nights(tmp_path)
        await nights.clock.sleep(0.1)
        began = nights.clock.monotonic()
        code = await nights.start(stop_after=seconds).task
        return code, nights.clock.monotonic() - began

    code, took = in_virtual_time(play())
    assert code is ExitCode.SUCCEEDED
    assert took == pytest.approx(seconds, abs=0.01)


def test_five_missed_nights_are_one_event(tmp_path: Path, events: list[MutableMapping[str, Any]]) -> None:
    in_virtual_time(down_for_five_nights(Nights(tmp_path, schedule=SKIP)))
    (missed,) = named(events, "schedule_missed")
    assert (missed["reason"], missed["passed"]) == ("on_missed_skip", "4")


@pytest.mark.parametrize(("on_missed", "runs"), [("run", 1), ("skip", 0)])
def test_after_three_days_a_dense_schedule_makes_up_for_one_run_at_most(
    tmp_path: Path, on_missed: str, runs: int
) -> None:
    async def play() -> Nights:
        schedule = f"{{cron: '*/10 * * * *', timezone: Europe/Paris, window: 5m, on_missed: {on_missed}}}"
        nights = Nights(tmp_path, schedule=schedule)
        await nights.seen_and_down("22:05")
        await nights.until("2026-11-29 22:02")
        nights.start()
        await nights.until("2026-11-29 22:09")
        return nights

    nights = in_virtual_time(play())
    assert len(nights.runs) == runs
    assert len(nights.told) == 1
    assert nights.told[0].decision is not None
    assert nights.told[0].decision.passed_more


def test_without_a_window_a_night_is_made_up_within_half_the_period(tmp_path: Path) -> None:
    async def play(at: str) -> Nights:
        folder = tmp_path / at.replace(":", "")
        folder.mkdir()
        nights = Nights(folder, schedule="{cron: 0 3 * * *, timezone: Europe/Paris}")
        await nights.seen_and_down()
        await nights.until(at)
        nights.start()
        await asyncio.sleep(3600)
        return nights

    assert in_virtual_time(play("09:00")).short == [LATE]
    assert in_virtual_time(play("15:01")).short == [TOO_LATE]


# Runs that are still going on.

LONG = "strategy: {pause_between_waves: 2h30m, run_deadline: 40h}"


def test_an_hourly_run_that_takes_longer_skips_what_comes_meanwhile(
    tmp_path: Path, events: list[MutableMapping[str, Any]]
) -> None:
    async def play() -> Nights:
        schedule = "{cron: 0 3-21 * * *, timezone: Europe/Paris}"
        nights = Nights(tmp_path, schedule=schedule, environments=TWO_WAVES, more=LONG)
        nights.start()
        await nights.until("06:10")
        return nights

    nights = in_virtual_time(play())
    assert nights.short == [ON_TIME, ("27 05:00", "skipped", "overlap")]
    (skipped,) = named(events, "schedule_skipped")
    assert (skipped["reason"], skipped["passed"]) == ("overlap", "1")
    assert len(named(events, "schedule_due")) == 2  # the run of 06:00 has begun, and goes on


def test_a_run_that_lasts_until_the_next_night_skips_it(tmp_path: Path) -> None:
    async def play() -> Nights:
        more = "strategy: {pause_between_waves: 24h30m, run_deadline: 40h}"
        schedule = "{cron: 0 3 * * *, timezone: Europe/Paris}"
        nights = Nights(tmp_path, schedule=schedule, environments=TWO_WAVES, more=more)
        nights.start()
        await nights.until("2026-11-28 12:00")
        return nights

    assert in_virtual_time(play()).short == [ON_TIME, ("28 03:00", "skipped", "overlap")]


def test_of_two_processes_with_one_journal_one_runs_and_the_other_says_whose_run_it_is(tmp_path: Path) -> None:
    async def play() -> Nights:
        nights = Nights(tmp_path)
        nights.start()
        nights.start()
        await nights.until("12:00")
        return nights

    nights = in_virtual_time(play())
    assert sorted(nights.short) == [ON_TIME, ("27 03:00", "skipped", "taken")]
    (run,) = nights.runs
    assert {each.run_id for each in nights.told} == {run.run_id}


def test_the_second_process_does_not_begin_beside_the_long_run_of_the_first(tmp_path: Path) -> None:
    async def play() -> Nights:
        schedule = "{cron: 0 3-21 * * *, timezone: Europe/Paris}"
        nights = Nights(tmp_path, schedule=schedule, environments=TWO_WAVES, more=LONG)
        nights.start()
        nights.start()
        await nights.until("05:40")
        return nights

    nights = in_virtual_time(play())
    assert len(nights.runs) == 1
    assert ("27 04:00", "skipped", "overlap") in nights.short


# Processes that die.


def test_a_run_that_was_cut_off_is_resumed_and_nothing_new_begins(tmp_path: Path) -> None:
    async def play() -> Nights:
        nights = Nights(tmp_path, environments=TWO_WAVES)
        process = nights.start()
        await nights.until("03:00:10")
        await process.die()
        await nights.until("03:02")
        nights.start()
        await nights.until("12:00")
        return nights

    nights = in_virtual_time(play())
    assert nights.short == [("resumed", "", "")]
    (report,) = [each.report for each in nights.told]
    assert report is not None
    assert [(each.outcome, each.reason) for each in report.environments] == [
        (Outcome.SUCCEEDED, Reason.RESTARTED),
        (Outcome.SKIPPED, Reason.NOT_BEGUN),
    ]
    # What started it is still the schedule, and what was expected of it is what it was.
    assert report.started_by is not None
    assert (report.started_by.trigger, report.started_by.due_at) == (Trigger.SCHEDULE, due("2026-11-27 03:00"))
    assert report.window_ends_at == due("2026-11-27 05:00")
    assert report.requests_expected


def test_a_night_that_came_while_nobody_worked_on_the_run_before_is_no_overlap(tmp_path: Path) -> None:
    async def play() -> Nights:
        nights = Nights(tmp_path)
        process = nights.start()
        await nights.until("03:00:10")
        await process.die()
        await nights.until("2026-11-28 03:10")
        nights.start()
        await nights.until("2026-11-28 12:00")
        return nights

    assert in_virtual_time(play()).short == [("resumed", "", ""), ("28 03:00", "run", "late")]


@pytest.mark.parametrize(("schedule", "expected"), [(RUN, [LATE]), (SKIP, [BY_POLICY])], ids=["run", "skip"])
def test_killed_between_decision_and_run_it_counts_as_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schedule: str, expected: list[tuple[str, str, str]]
) -> None:
    async def hang(*_: object) -> None:
        await asyncio.sleep(1e6)

    async def play() -> Nights:
        nights = Nights(tmp_path, schedule=schedule)
        with monkeypatch.context() as patch:
            patch.setattr(occurring, "_run", hang)
            process = nights.start()
            await nights.until("03:00:30")
            await process.die()
        await nights.until("03:02")
        nights.start()
        await nights.until("12:00")
        return nights

    assert in_virtual_time(play()).short == expected


def test_a_process_that_is_slow_to_begin_is_not_taken_for_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*_: object) -> None:
        await asyncio.sleep(1e6)

    async def play() -> Nights:
        nights = Nights(tmp_path)
        with monkeypatch.context() as patch:
            patch.setattr(occurring, "_run", hang)
            nights.start()
            await nights.until("03:00:30")
        await nights.until("03:02")
        nights.start()
        await nights.until("12:00")
        return nights

    assert in_virtual_time(play()).short == []


def test_a_bug_in_a_resumed_run_does_not_end_the_nights_that_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, events: list[MutableMapping[str, Any]]
) -> None:
    async def fall_over(*_: object) -> None:
        raise ZeroDivisionError

    async def play() -> Nights:
        nights = Nights(tmp_path)
        process = nights.start()
        await nights.until("03:00:10")
        await process.die()
        with monkeypatch.context() as patch:
            patch.setattr(occurring, "_resume", fall_over)
            nights.start()
            await nights.until("12:00")
        await nights.until("2026-11-28 12:00")
        return nights

    assert in_virtual_time(play()).short == [("resumed", "", ""), ("28 03:00", "run", "on_time")]
    assert len(named(events, "internal_error")) == 1


def test_stopped_during_the_run_it_exits_as_a_run_does_and_the_next_process_resumes(tmp_path: Path) -> None:
    async def play() -> tuple[ExitCode, Nights]:
        nights = Nights(tmp_path)
        process = nights.start()
        await nights.until("03:00:10")
        code = await process.stop()
        nights.start()
        await nights.until("12:00")
        return code, nights

    code, nights = in_virtual_time(play())
    assert code is ExitCode.SIGTERM
    assert nights.short == [ON_TIME, ("resumed", "", "")]
    assert nights.told[-1].exit_code is ExitCode.SUCCEEDED


def test_stopped_while_nothing_runs_it_exits_with_0_at_once(tmp_path: Path) -> None:
    async def play() -> tuple[ExitCode, float]:
        nights = Nights(tmp_path)
        process = nights.start()
        await nights.until("23:00:10")
        before = nights.clock.monotonic()
        return await process.stop(), nights.clock.monotonic() - before

    assert in_virtual_time(play()) == (ExitCode.SUCCEEDED, 0.0)


# Clocks.


def test_a_clock_that_is_set_or_a_machine_that_slept_is_an_event(
    tmp_path: Path, events: list[MutableMapping[str, Any]]
) -> None:
    in_virtual_time(suspended(Nights(tmp_path)))
    assert [event["by_s"] for event in named(events, "clock_changed")] == [3000.0]


def test_before_the_clock_is_set_nothing_is_seen(tmp_path: Path, events: list[MutableMapping[str, Any]]) -> None:
    async def play() -> Nights:
        nights = Nights(tmp_path, begins="1970-01-01 02:59")
        nights.start()
        await asyncio.sleep(600)  # 03:00 of 1970 comes and goes
        set_to = datetime(2026, 11, 27, 3, 0, 20, tzinfo=PARIS)
        nights.set_clock((set_to - nights.clock.now()) / timedelta(minutes=1))
        await nights.until("2026-11-28 12:00")
        return nights

    assert in_virtual_time(play()).short == [("28 03:00", "run", "on_time")]
    assert len(named(events, "clock_changed")) == 1


def test_a_clock_that_was_a_century_ahead_does_not_end_the_schedule(tmp_path: Path) -> None:
    async def play() -> Nights:
        nights = Nights(tmp_path, begins="2126-11-26 22:00")
        process = nights.start()
        await nights.until("2126-11-27 12:00")
        nights.set_clock(-36524.0 * 24 * 60)  # 100 years: 2026-11-27
        await asyncio.sleep(24 * 3600)
        await process.die()
        return nights

    nights = in_virtual_time(play())
    assert [decision for _, decision, _ in nights.short] == ["run", "run"]


# The file.


def test_another_cron_counts_from_when_it_is_seen(tmp_path: Path) -> None:
    async def play() -> Nights:
        nights = Nights(tmp_path, schedule="{cron: 40 5 * * *, timezone: Europe/Paris, window: 4h}")
        process = nights.start()
        await nights.until("07:14")
        nights.write("{cron: 50 5 * * *, timezone: Europe/Paris, window: 4h}")
        process.keeper.reload()
        await nights.until("2026-11-27 12:00")
        nights.write("{cron: 40 5 * * *, timezone: Europe/Paris, window: 10h}")
        process.keeper.reload()
        await nights.until("2026-11-28 12:00")
        return nights

    assert in_virtual_time(play()).short == [("27 05:40", "run", "on_time"), ("28 05:40", "run", "on_time")]


def test_a_file_that_is_broken_at_the_time_is_told_and_the_process_stays(
    tmp_path: Path, events: list[MutableMapping[str, Any]]
) -> None:
    async def play() -> Nights:
        nights = Nights(tmp_path)
        nights.start()
        await nights.until("02:00")
        nights.path.write_text("version: 1\nenvironmets: []\n", encoding="utf-8")
        await nights.until("12:00")
        nights.write()
        await nights.until("2026-11-28 12:00")
        return nights

    nights = in_virtual_time(play())
    assert nights.short == [("27 03:00", "failed", "file_broken"), ("28 03:00", "run", "on_time")]
    assert nights.told[0].exit_code is ExitCode.USAGE
    assert "environmets" in str(nights.told[0].error)
    assert len(named(events, "schedule_file_broken")) == 1


def test_the_file_is_read_anew_for_each_occurrence(tmp_path: Path) -> None:
    async def play() -> Nights:
        nights = Nights(tmp_path, environments=TWO_WAVES)
        nights.start()
        await nights.until("01:00")
        nights.environments = ONE
        nights.write()
        await nights.until("12:00")
        return nights

    (told,) = in_virtual_time(play()).told
    assert told.report is not None
    assert [each.name for each in told.report.environments] == ["shop"]


def test_a_name_that_is_gone_ends_the_run_and_the_occurrence_is_not_tried_again(tmp_path: Path) -> None:
    async def play() -> Nights:
        nights = Nights(tmp_path)
        nights.start()
        await nights.until("2026-11-28 02:00")
        nights.environments = "[{name: gone, path: acme/shop/gone, services: all}]"
        nights.write()
        await nights.until("2026-11-28 04:00")
        return nights

    nights = in_virtual_time(play())
    assert nights.short == [ON_TIME, ("28 03:00", "run", "on_time")]
    assert nights.told[1].exit_code is ExitCode.USAGE
    assert nights.told[1].report is None


# Windows and blackouts.

WAVES_AN_HOUR_APART = "strategy: {pause_between_waves: 1h10m, run_deadline: 40h}"


def results(nights: Nights) -> list[tuple[str, Outcome, Reason]]:
    (told,) = nights.told
    assert told.report is not None
    return [(each.name, each.outcome, each.reason) for each in told.report.environments]


def test_a_blackout_that_begins_during_the_run_lets_nothing_new_begin(tmp_path: Path) -> None:
    async def play() -> Nights:
        more = f"{WAVES_AN_HOUR_APART}\nblackouts: [{{cron: 0 4 * * *, for: 3h, why: imports}}]"
        nights = Nights(tmp_path, environments=TWO_WAVES, more=more)
        nights.start()
        await nights.until("12:00")
        return nights

    nights = in_virtual_time(play())
    assert results(nights) == [
        ("shop", Outcome.SUCCEEDED, Reason.RESTARTED),
        ("later", Outcome.BLOCKED, Reason.BLACKOUT),
    ]
    assert nights.told[0].report is not None
    message = nights.told[0].report.environments[1].message
    assert message.startswith("Not begun: a blackout (imports) holds until Fri 27 Nov 2026 07:00 +0100.")


def test_what_is_not_expected_to_end_inside_of_the_window_does_not_begin(tmp_path: Path) -> None:
    async def play() -> Nights:
        schedule = "{cron: 0 3 * * *, timezone: Europe/Paris, window: 1h}"
        nights = Nights(tmp_path, schedule=schedule, environments=TWO_WAVES, more=WAVES_AN_HOUR_APART)
        nights.start()
        await nights.until("12:00")
        return nights

    assert results(in_virtual_time(play()))[1] == ("later", Outcome.BLOCKED, Reason.OUTSIDE_WINDOW)


@pytest.mark.parametrize(
    ("pause", "outcome"),
    [("1h45m", Outcome.SUCCEEDED), ("2h15m", Outcome.BLOCKED)],
    ids=["in the second hour", "after it"],
)
def test_a_window_over_the_repeated_hour_is_two_real_hours(tmp_path: Path, pause: str, outcome: Outcome) -> None:
    async def play() -> Nights:
        schedule = "{cron: 30 1 * * *, timezone: Europe/Paris, window: 2h}"
        more = f"strategy: {{pause_between_waves: {pause}}}"
        nights = Nights(tmp_path, begins="2026-10-24 22:00", schedule=schedule, environments=TWO_WAVES, more=more)
        nights.start()
        await nights.until("12:00")
        return nights

    assert results(in_virtual_time(play()))[1][1] is outcome


@pytest.mark.parametrize("due", [False, True], ids=["stays", "--due"])
def test_an_occurrence_waits_for_a_blackout_that_ends_inside_of_its_window(tmp_path: Path, due: bool) -> None:
    async def play() -> tuple[Nights, float]:
        nights = Nights(tmp_path, more="blackouts: [{cron: 0 1 * * *, for: 2h30m}]")
        await nights.until("03:00")
        before = nights.clock.monotonic()
        if due:
            await nights.start(due=True).task
        else:
            nights.set_clock(-60)
            nights.start()
            await nights.until("03:40")
        return nights, nights.clock.monotonic() - before

    nights, _ = in_virtual_time(play())
    assert nights.short == [ON_TIME]
    (told,) = nights.runs
    assert told.report is not None
    assert f"{told.report.started_at:%H:%M}" == "02:30"  # UTC


def test_a_blackout_over_the_window_skips_the_night(tmp_path: Path) -> None:
    async def play() -> Nights:
        nights = Nights(tmp_path, more="blackouts: [{from: 2026-11-27, to: 2026-11-27}]")
        nights.start()
        await nights.until("12:00")
        return nights

    nights = in_virtual_time(play())
    assert nights.short == [("27 03:00", "skipped", "blackout")]
    assert nights.told[0].exit_code is ExitCode.SUCCEEDED


class ByHand(Nights):
    """Another file over the same environments, with the same journal: whoever runs it, it is another run."""

    @property
    def path(self) -> Path:
        return self.folder / "by-hand.yaml"


@pytest.mark.parametrize(
    ("wait_lock", "ending"),
    [
        pytest.param(0.0, ("shop", Outcome.BLOCKED, Reason.LOCKED), id="held ones are blocked"),
        pytest.param(600.0, ("shop", Outcome.SUCCEEDED, Reason.RESTARTED), id="or waited for"),
    ],
)
def test_what_somebody_restarts_by_hand_just_before_is_left_alone(
    tmp_path: Path, wait_lock: float, ending: tuple[str, Outcome, Reason]
) -> None:
    async def play() -> Nights:
        schedule = "{cron: 59 2 * * *, timezone: Europe/Paris}"
        check = "{http: https://shop.example.test/healthz, consecutive: 20, within: 10m}"
        checked = ONE.replace("services: all", f"services: all, verify: [{check}]")
        nights = Nights(tmp_path, wait_lock=wait_lock)
        by_hand = ByHand(tmp_path, schedule=schedule, environments=checked)
        by_hand.clock, by_hand.rehearsal = nights.clock, nights.rehearsal
        by_hand.start()
        nights.start()
        await nights.until("12:00")
        assert len(by_hand.runs) == 1
        return nights

    nights = in_virtual_time(play())
    assert nights.short == [ON_TIME]
    assert results(nights) == [ending]


def test_an_api_out_of_reach_at_the_time_costs_that_night_and_no_other(tmp_path: Path) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    async def play() -> Nights:
        nights = Nights(tmp_path)
        assert nights.rehearsal is not None
        nights.rehearsal._transports = Transports(api=httpx.MockTransport(refuse))
        nights.start()
        await nights.until("12:00")
        nights.rehearsal._transports = None
        await nights.until("2026-11-28 12:00")
        return nights

    nights = in_virtual_time(play())
    assert nights.short == [ON_TIME, ("28 03:00", "run", "on_time")]
    assert [each.exit_code for each in nights.told] == [ExitCode.UNKNOWN, ExitCode.SUCCEEDED]
    assert len({each.run_id for each in nights.told}) == 2


# Once, for an external timer.


def test_at_the_time_a_new_journal_is_no_reason_not_to_run_and_the_second_call_finds_nothing(tmp_path: Path) -> None:
    async def play() -> tuple[list[ExitCode], Nights]:
        nights = Nights(tmp_path)
        await nights.until("03:00:40")
        codes = [await nights.start(due=True).task for _ in range(2)]
        return codes, nights

    codes, nights = in_virtual_time(play())
    assert codes == [ExitCode.SUCCEEDED, ExitCode.SUCCEEDED]
    assert nights.short == [ON_TIME, ("resumed", "nothing", "not_due")]


def test_later_than_grace_a_new_journal_runs_nothing_and_says_why(
    tmp_path: Path, events: list[MutableMapping[str, Any]]
) -> None:
    async def play() -> ExitCode:
        nights = Nights(tmp_path)
        await nights.until("03:20")
        return await nights.start(due=True).task

    assert in_virtual_time(play()) is ExitCode.SUCCEEDED
    (warning,) = named(events, "schedule_first_seen")
    assert warning["passed_at"] == "2026-11-27T02:00:00Z"


@pytest.mark.parametrize(
    ("schedule", "expected", "code"),
    [(RUN, LATE, ExitCode.SUCCEEDED), (SKIP, BY_POLICY, ExitCode.BLOCKED)],
    ids=["run", "skip"],
)
def test_a_missed_time_ends_with_5_and_only_once(
    tmp_path: Path, schedule: str, expected: tuple[str, str, str], code: ExitCode
) -> None:
    async def play() -> tuple[list[ExitCode], Nights]:
        nights = Nights(tmp_path, schedule=schedule)
        await nights.start(due=True).task
        await nights.until("03:20")
        return [await nights.start(due=True).task for _ in range(2)], nights

    codes, nights = in_virtual_time(play())
    assert codes == [code, ExitCode.SUCCEEDED]
    assert nights.short[1] == expected


def test_two_timers_at_once_start_one_run(tmp_path: Path) -> None:
    async def play() -> Nights:
        nights = Nights(tmp_path)
        await nights.until("03:00")
        await asyncio.gather(*(nights.start(due=True).task for _ in range(3)))
        return nights

    assert len(in_virtual_time(play()).runs) == 1


def test_what_was_cut_off_is_resumed_first_and_its_code_counts(tmp_path: Path) -> None:
    async def play() -> tuple[ExitCode, Nights]:
        nights = Nights(tmp_path, environments=TWO_WAVES)
        process = nights.start()
        await nights.until("03:00:10")
        await process.die()
        return await nights.start(due=True).task, nights

    code, nights = in_virtual_time(play())
    assert code is ExitCode.BLOCKED  # the second wave was not begun
    assert [decision for _, decision, _ in nights.short] == ["", "nothing"]


# Trouble with the journal.


def test_a_journal_that_cannot_be_written_delays_the_run_and_never_doubles_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, events: list[MutableMapping[str, Any]]
) -> None:
    async def play() -> Nights:
        nights = Nights(tmp_path)
        nights.start()
        await nights.until("02:59")
        with monkeypatch.context() as patch:
            patch.setattr(journal_module.Occurrences, "decide", refuse)
            await nights.until("03:10")
            assert nights.told == []
        await nights.until("12:00")
        return nights

    nights = in_virtual_time(play())
    assert nights.short == [LATE]
    assert len(named(events, "schedule_undecided")) == 1


async def refuse(*_: object, **__: object) -> None:
    raise JournalBusyError("The journal is kept busy by another process.")


def test_a_bug_in_one_night_does_not_end_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fall_over(*_: object) -> None:
        raise ZeroDivisionError

    async def play() -> Nights:
        nights = Nights(tmp_path)
        nights.start()
        with monkeypatch.context() as patch:
            patch.setattr(occurring, "_run", fall_over)
            await nights.until("12:00")
        await nights.until("2026-11-28 12:00")
        return nights

    nights = in_virtual_time(play())
    assert nights.short == [ON_TIME, ("28 03:00", "run", "on_time")]
    assert [each.exit_code for each in nights.told] == [ExitCode.DEFECT, ExitCode.SUCCEEDED]
