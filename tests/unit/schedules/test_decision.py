"""What has to be done now: `0 3 * * *` in Paris with a window of two hours, unless a row says otherwise."""

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.schedules import (
    EARLIEST_CLOCK,
    Action,
    Blackouts,
    Cron,
    DateRange,
    Decision,
    DecisionReason,
    OnMissed,
    RepeatedBlackout,
    RunSpan,
    Schedule,
    closes_at,
    decide,
    fits,
    load_zone,
    next_after,
    schedule_id,
)

PARIS = load_zone("Europe/Paris").info
QUARTER = 900.0


def at(*parts: int, fold: int = 0) -> datetime:
    """An instant in Paris."""
    return datetime(*parts, tzinfo=PARIS, fold=fold)  # type: ignore[arg-type,misc]


def schedule(
    on_missed: OnMissed = OnMissed.RUN, *, cron: str = "0 3 * * *", window: float | None = 7200, grace: float = 60
) -> Schedule:
    return Schedule(cron=Cron.parse(cron), zone=PARIS, window=window, on_missed=on_missed, grace=grace)


DUE = at(2026, 7, 8, 3)
EVENING = at(2026, 7, 7, 20)
TOMORROW = at(2026, 7, 9, 3)

RUN, MISSED, SKIPPED, NOTHING, WAIT = Action.RUN, Action.MISSED, Action.SKIPPED, Action.NOTHING, Action.WAIT
ON_TIME, LATE, SKIP = DecisionReason.ON_TIME, DecisionReason.LATE, DecisionReason.ON_MISSED_SKIP
OVER, OUTSIDE, NOT_DUE = DecisionReason.WINDOW_OVER, DecisionReason.OUTSIDE_WINDOW, DecisionReason.NOT_DUE
OVERLAP, BLACKOUT = DecisionReason.OVERLAP, DecisionReason.BLACKOUT


def outcome(decision: Decision) -> tuple[Action, DecisionReason]:
    return decision.action, decision.reason


@pytest.mark.parametrize(
    ("now", "run", "skip"),
    [
        pytest.param(at(2026, 7, 8, 2, 59, 59), (NOTHING, NOT_DUE), (NOTHING, NOT_DUE), id="a second before"),
        pytest.param(DUE, (RUN, ON_TIME), (RUN, ON_TIME), id="exactly"),
        pytest.param(DUE + timedelta(seconds=20), (RUN, ON_TIME), (RUN, ON_TIME), id="wakes 20 s late"),
        pytest.param(DUE + timedelta(seconds=60), (RUN, ON_TIME), (RUN, ON_TIME), id="as late as the grace allows"),
        pytest.param(DUE + timedelta(seconds=61), (RUN, LATE), (MISSED, SKIP), id="a second later"),
        pytest.param(at(2026, 7, 8, 3, 20, 30), (RUN, LATE), (MISSED, SKIP), id="suspended 02:30 to 03:20"),
        pytest.param(at(2026, 7, 8, 3, 3), (RUN, LATE), (MISSED, SKIP), id="pod moved: a new one at 03:03"),
        pytest.param(at(2026, 7, 8, 3, 10), (RUN, LATE), (MISSED, SKIP), id="clock forward 02:50 to 03:10"),
        pytest.param(at(2026, 7, 8, 3, 40), (RUN, LATE), (MISSED, SKIP), id="process starts 03:40"),
        pytest.param(at(2026, 7, 8, 4, 45), (RUN, LATE), (MISSED, SKIP), id="just fits"),
        pytest.param(at(2026, 7, 8, 4, 50), (MISSED, OUTSIDE), (MISSED, SKIP), id="starts 04:50, forecast 15 min"),
        pytest.param(at(2026, 7, 8, 5), (MISSED, OVER), (MISSED, SKIP), id="the window's end"),
        pytest.param(at(2026, 7, 8, 5, 1), (MISSED, OVER), (MISSED, SKIP), id="starts 05:01"),
        pytest.param(at(2026, 7, 8, 6), (MISSED, OVER), (MISSED, SKIP), id="clock forward 02:50 to 06:00"),
        pytest.param(at(2026, 7, 8, 9), (MISSED, OVER), (MISSED, SKIP), id="laptop opened 09:00"),
    ],
)
@pytest.mark.parametrize("on_missed", OnMissed)
def test_late(
    on_missed: OnMissed,
    now: datetime,
    run: tuple[Action, DecisionReason],
    skip: tuple[Action, DecisionReason],
) -> None:
    found = decide(schedule(on_missed), now=now, after=EVENING, expected=QUARTER)
    assert outcome(found) == (run if on_missed is OnMissed.RUN else skip)
    assert found.next_at == (DUE if found.action is NOTHING else TOMORROW)
    if found.action is not NOTHING:
        assert (found.due_at, found.closes_at, found.passed) == (DUE, at(2026, 7, 8, 5), 0)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param(at(2026, 7, 8, 9), (RUN, LATE), id="opened 09:00"),
        pytest.param(at(2026, 7, 8, 14, 45), (RUN, LATE), id="nearly half the period, and fits"),
        pytest.param(at(2026, 7, 8, 14, 50), (MISSED, OUTSIDE), id="does not fit into it"),
        pytest.param(at(2026, 7, 8, 15), (MISSED, OVER), id="half the period"),
    ],
)
def test_without_a_window_half_of_the_period_is_the_limit(
    now: datetime, expected: tuple[Action, DecisionReason]
) -> None:
    assert outcome(decide(schedule(window=None), now=now, after=EVENING, expected=QUARTER)) == expected
    assert decide(schedule(OnMissed.SKIP, window=None), now=now, after=EVENING).action is MISSED


def test_on_time_is_on_time_although_half_of_the_period_is_over() -> None:
    every_minute = schedule(cron="* * * * *", window=None)
    now = at(2026, 7, 8, 3, 0, 45)
    assert outcome(decide(every_minute, now=now, after=DUE - timedelta(seconds=1))) == (RUN, ON_TIME)


def test_what_begins_on_time_may_be_longer_than_its_window() -> None:
    # Each environment asks the window for itself.
    assert outcome(decide(schedule(window=60), now=DUE, after=EVENING, expected=QUARTER)) == (RUN, ON_TIME)


def test_a_window_shorter_than_the_grace_is_over_when_it_is() -> None:
    now = DUE + timedelta(seconds=30)
    assert outcome(decide(schedule(window=30), now=now, after=EVENING)) == (MISSED, OVER)


@pytest.mark.parametrize(("on_missed", "expected"), [(OnMissed.RUN, (RUN, LATE)), (OnMissed.SKIP, (MISSED, SKIP))])
def test_of_five_nights_only_the_last_counts(on_missed: OnMissed, expected: tuple[Action, DecisionReason]) -> None:
    found = decide(schedule(on_missed), now=at(2026, 7, 8, 3, 30), after=at(2026, 7, 1), decided=at(2026, 7, 3, 3))
    assert outcome(found) == expected
    assert (found.due_at, found.passed, found.passed_more) == (DUE, 4, False)


def test_of_three_days_of_every_ten_minutes_one_run_is_left_and_no_list() -> None:
    often = schedule(cron="*/10 * * * *", window=None)
    found = decide(often, now=at(2026, 7, 8, 3, 3), after=at(2026, 7, 1), decided=at(2026, 7, 5, 3))
    assert outcome(found) == (RUN, LATE)
    assert (found.due_at, found.passed, found.passed_more) == (DUE, 99, True)
    assert outcome(
        decide(schedule(OnMissed.SKIP, cron="*/10 * * * *"), now=at(2026, 7, 8, 3, 3), after=at(2026, 7, 1))
    ) == (MISSED, SKIP)


def test_a_run_still_going_at_the_next_time_is_an_overlap() -> None:
    going = RunSpan(started_at=at(2026, 7, 7, 3), ended_at=None)
    found = decide(schedule(), now=DUE, after=EVENING, decided=at(2026, 7, 7, 3), last_run=going)
    assert outcome(found) == (SKIPPED, OVERLAP)
    assert found.next_at == TOMORROW


@pytest.mark.parametrize("asked", [at(2026, 7, 8, 5, 30), at(2026, 7, 8, 5, 40)], ids=["at its end", "after it"])
@pytest.mark.parametrize("on_missed", OnMissed)
def test_what_came_during_a_long_run_is_an_overlap_after_its_end_too(on_missed: OnMissed, asked: datetime) -> None:
    hourly = schedule(on_missed, cron="0 * * * *", window=None)
    long = RunSpan(started_at=DUE, ended_at=at(2026, 7, 8, 5, 30))
    found = decide(hourly, now=asked, after=EVENING, decided=DUE, last_run=long)
    assert outcome(found) == (SKIPPED, OVERLAP)
    assert (found.due_at, found.passed, found.next_at) == (at(2026, 7, 8, 5), 1, at(2026, 7, 8, 6))


def test_what_came_after_a_run_is_none() -> None:
    short = RunSpan(started_at=at(2026, 7, 7, 3), ended_at=at(2026, 7, 7, 3, 10))
    assert decide(schedule(), now=DUE, after=EVENING, last_run=short).action is RUN
    later = RunSpan(started_at=at(2026, 7, 8, 3, 0, 1), ended_at=None)
    assert decide(schedule(), now=at(2026, 7, 8, 3, 5), after=EVENING, last_run=later).action is RUN


def test_a_clock_that_is_set_back_runs_nothing_again() -> None:
    found = decide(schedule(), now=at(2026, 7, 8, 2, 55), after=EVENING, decided=DUE)
    assert (found.action, found.next_at, found.due_at) == (NOTHING, TOMORROW, None)


def test_instants_of_the_repeated_hour_are_told_apart() -> None:
    half_past_two = schedule(cron="30 2 * * *")
    first, second = at(2026, 10, 25, 2, 30), at(2026, 10, 25, 2, 30, fold=1)
    assert decide(half_past_two, now=second, after=at(2026, 10, 24, 12), decided=first).action is NOTHING
    assert outcome(decide(half_past_two, now=second, after=at(2026, 10, 24, 12))) == (RUN, LATE)
    going = RunSpan(started_at=at(2026, 10, 25, 2, 15, fold=1), ended_at=None)
    assert decide(half_past_two, now=second, after=at(2026, 10, 24, 12), last_run=going).action is RUN


def test_a_changed_expression_counts_from_now() -> None:
    morning = at(2026, 7, 8, 7, 14)
    changed = schedule(cron="50 5 * * *")
    assert decide(changed, now=morning, after=morning).action is NOTHING
    ids = {schedule_id("/etc/nightly.yaml", Cron.parse(cron), "Europe/Paris") for cron in ("40 5 * * *", "50 5 * * *")}
    assert len(ids) == 2


def test_an_identity_is_the_file_the_expression_and_the_zone() -> None:
    cron = Cron.parse("0 3 * * mon")
    one = schedule_id("/etc/nightly.yaml", cron, "Europe/Paris")
    assert one == schedule_id("/etc/nightly.yaml", Cron.parse("0  3 * * MON"), "Europe/Paris")
    assert one != schedule_id("/etc/other.yaml", cron, "Europe/Paris")
    assert one != schedule_id("/etc/nightly.yaml", cron, "Europe/London")
    assert len(schedule_id("/etc/\udce9.yaml", cron, "UTC")) == 16


def test_before_the_clock_is_set_nothing_is_due() -> None:
    boot = datetime(1970, 1, 1, 3, tzinfo=UTC)
    found = decide(schedule(), now=boot, after=boot - timedelta(days=1))
    assert outcome(found) == (NOTHING, DecisionReason.CLOCK_NOT_SET)


def test_what_was_first_seen_before_the_clock_was_set_counts_from_now() -> None:
    boot = datetime(1970, 1, 1, tzinfo=UTC)
    assert decide(schedule(), now=at(2026, 7, 8, 3, 30), after=boot).action is NOTHING
    assert boot < EARLIEST_CLOCK


def test_the_night_that_repeats_an_hour_does_not_lengthen_a_window() -> None:
    early = schedule(cron="30 1 * * *")
    due = at(2026, 10, 25, 1, 30)
    inside, over = at(2026, 10, 25, 2, 29, fold=1), at(2026, 10, 25, 2, 30, fold=1)
    assert decide(early, now=inside, after=due - timedelta(hours=1)).action is RUN
    assert outcome(decide(early, now=over, after=due - timedelta(hours=1))) == (MISSED, OVER)
    assert closes_at(
        early.cron, PARIS, next_after(early.cron, PARIS, due - timedelta(hours=1)), 7200
    ) == over.astimezone(UTC)


def test_what_is_expected_to_end_with_the_window_fits() -> None:
    closes = at(2026, 7, 8, 5).astimezone(UTC)
    assert fits(at(2026, 7, 8, 4, 45), QUARTER, closes)
    assert not fits(at(2026, 7, 8, 4, 45, 1), QUARTER, closes)


def night(first: str, last: str, why: str | None = None) -> Blackouts:
    return Blackouts([DateRange.between(f"2026-07-08T{first}", f"2026-07-08T{last}", PARIS, why=why)])


@pytest.mark.parametrize("on_missed", OnMissed)
def test_a_blackout_that_ends_inside_of_the_window_is_waited_for(on_missed: OnMissed) -> None:
    backup = night("02:00", "04:10", "backup")
    found = decide(schedule(on_missed), now=DUE, after=EVENING, expected=QUARTER, blackouts=backup)
    assert outcome(found) == (WAIT, BLACKOUT)
    assert (found.until, found.blackout, found.due_at) == (at(2026, 7, 8, 4, 10), "backup", DUE)
    again = decide(
        schedule(on_missed),
        now=at(2026, 7, 8, 4, 10),
        after=EVENING,
        expected=QUARTER,
        waiting=found.due_at,
        blackouts=backup,
    )
    assert outcome(again) == (RUN, ON_TIME)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param(at(2026, 7, 8, 4, 46), (MISSED, OUTSIDE), id="does not fit any more"),
        pytest.param(at(2026, 7, 8, 5), (MISSED, OVER), id="the window is over"),
        pytest.param(at(2026, 7, 9, 3), (RUN, ON_TIME), id="overtaken by the next night"),
    ],
)
def test_what_waited_for_too_long_is_missed(now: datetime, expected: tuple[Action, DecisionReason]) -> None:
    found = decide(schedule(), now=now, after=EVENING, expected=QUARTER, waiting=DUE.astimezone(UTC))
    assert outcome(found) == expected


@pytest.mark.parametrize(
    ("window", "last"),
    [
        pytest.param(7200.0, "04:50", id="it would not fit after it"),
        pytest.param(7200.0, "09:00", id="it ends after the window"),
        pytest.param(None, "03:10", id="there is no window to wait in"),
    ],
)
def test_other_blackouts_skip_the_occurrence(window: float | None, last: str) -> None:
    found = decide(schedule(window=window), now=DUE, after=EVENING, expected=QUARTER, blackouts=night("02:00", last))
    assert outcome(found) == (SKIPPED, BLACKOUT)
    assert found.until == at(2026, 7, 8, *map(int, last.split(":")))


def test_a_blackout_elsewhere_changes_nothing() -> None:
    office = Blackouts([RepeatedBlackout(cron=Cron.parse("0 8 * * 1-5"), zone=PARIS, duration=36000)])
    assert decide(schedule(), now=DUE, after=EVENING, blackouts=office).action is RUN
    missed = decide(schedule(), now=at(2026, 7, 8, 9), after=EVENING, blackouts=office)
    assert outcome(missed) == (MISSED, OVER)


def test_a_gap_is_run_once_right_after_it() -> None:
    half_past_two = schedule(cron="30 2 * * *")
    found = decide(half_past_two, now=at(2027, 3, 28, 3), after=at(2027, 3, 27, 12))
    assert outcome(found) == (RUN, ON_TIME)
    assert found.due_at == datetime(2027, 3, 28, 1, tzinfo=UTC)
