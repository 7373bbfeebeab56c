"""A success that nobody saw running, where the reading itself dates its run, and where it does not; and hints."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.observations import CLOCK_SKEW, Baseline, Hint, Observation
from orchestrator.domain.outcomes import Outcome, Reason
from orchestrator.domain.verdict import Doubt, Finding, judge
from orchestrator.restart.polling import Contact
from orchestrator.restart.reader import Reader
from tests.support.builders import (
    ENVIRONMENT,
    NOON,
    all_in,
    baseline_of,
    execution,
    intent,
    observe,
    run,
    status,
    target,
)
from tests.support.journal import MemoryJournal
from tests.support.platform import Scene, ScriptedPlatform
from tests.support.readings import STATES
from tests.support.stories import LAST_NIGHTS_RUN, TARGETS, restart_run, tell
from tests.support.time import HandClock, in_virtual_time

SKEW = CLOCK_SKEW.total_seconds()
BASELINE = baseline_of(*TARGETS, at=NOON)
SUCCESS = (Outcome.SUCCEEDED, Reason.RESTARTED)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def over(
    *, began: float | None, last: int | None = 42, number: int = 42, state: str = "RESTARTED", read: float = 40.0
) -> Observation:
    """Both targets have ended; the reading says when their run began at the earliest."""
    reading = replace(all_in(state, *TARGETS, number=number, at=at(read)), last_execution_id=execution(last))
    return replace(reading, last_run_not_before=None if began is None else at(began))


# The baseline.


@pytest.mark.parametrize(
    ("began", "after"),
    [
        pytest.param(-3600.0, False, id="an hour before it"),
        pytest.param(-1.0, False, id="a second before it"),
        pytest.param(0.0, True, id="in the very second"),
        pytest.param(3.0, True, id="after it"),
        pytest.param(None, False, id="nobody says when"),
    ],
)
def test_the_last_run_began_after_the_baseline_where_the_platforms_own_clock_says_so(
    began: float | None, after: bool
) -> None:
    assert BASELINE.began_after(over(began=began)) is after
    assert not baseline_of(*TARGETS).began_after(over(began=began)), "the baseline has no date"


@given(began=st.floats(-1e6, 1e6), read=st.floats(-1e6, 1e6))
def test_no_run_began_both_before_and_after_a_baseline(began: float, read: float) -> None:
    baseline = baseline_of(*TARGETS, at=at(read))
    as_run = run(42, {}, created_at=at(began))
    assert not (baseline.began_before(as_run) and baseline.began_after(over(began=began)))


# The verdict.


def test_a_success_that_was_never_seen_running_is_settled_where_its_run_is_dated_after_the_baseline() -> None:
    verdict = judge(BASELINE, over(began=3.0))
    assert verdict.settled
    assert (verdict.finding, verdict.reason) == (Finding.SUCCEEDED, Reason.RESTARTED)
    assert {one.execution_id for one in verdict.services.values()} == {execution(42)}


IN_DOUBT = [
    pytest.param(BASELINE, over(began=None), Doubt.NEVER_SEEN_RUNNING, id="no date"),
    pytest.param(BASELINE, over(began=-1.0), Doubt.NEVER_SEEN_RUNNING, id="dated before the baseline"),
    pytest.param(baseline_of(*TARGETS), over(began=3.0), Doubt.NEVER_SEEN_RUNNING, id="the baseline has no date"),
    pytest.param(BASELINE, over(began=3.0, last=None), Doubt.NEVER_SEEN_RUNNING, id="of which run is not told"),
    pytest.param(BASELINE, over(began=3.0, last=43), Doubt.NEVER_SEEN_RUNNING, id="another run is dated"),
    pytest.param(BASELINE, over(began=3.0, last=43, number=43), Doubt.SEVERAL_EXECUTIONS, id="not the very next run"),
]


@pytest.mark.parametrize(("baseline", "observation", "doubt"), IN_DOUBT)
def test_where_the_reading_does_not_date_its_run_after_the_baseline_the_history_is_asked(
    baseline: Baseline, observation: Observation, doubt: Doubt
) -> None:
    verdict = judge(baseline, observation)
    assert not verdict.settled
    assert verdict.doubt is doubt


def test_a_date_excuses_only_that_nobody_saw_it_running() -> None:
    assert judge(replace(BASELINE, origin="API"), replace(over(began=3.0), last_origin="CONSOLE")).doubt is (
        Doubt.ANOTHER_ORIGIN
    )
    assert judge(BASELINE, over(began=3.0, state="DEPLOYED")).doubt is Doubt.ENDED_OTHERWISE
    old = judge(BASELINE, over(began=3.0, last=41, number=41))
    assert (old.finding, old.doubt) == (Finding.UNPROVEN, None)
    mixed = observe(status("api", "RESTARTED", 42), status("web", "RESTARTED", 41), last=42, at=at(40))
    half = judge(BASELINE, replace(mixed, last_run_not_before=at(3)))
    assert (half.finding, half.doubt) == (Finding.IN_PROGRESS, Doubt.UNTOUCHED)


@given(
    state=STATES,
    number=st.sampled_from([40, 41, 42, 43]),
    last=st.none() | st.sampled_from([40, 41, 42, 43]),
    began=st.none() | st.floats(-100, 100),
    dated=st.booleans(),
)
def test_what_was_never_seen_running_is_settled_as_a_success_only_where_its_own_run_is_dated_after_the_baseline(
    state: str, number: int, last: int | None, began: float | None, dated: bool
) -> None:
    baseline = BASELINE if dated else baseline_of(*TARGETS)
    observation = over(began=began, last=last, number=number, state=state)
    verdict = judge(baseline, observation)
    if verdict.settled and verdict.finding is Finding.SUCCEEDED:
        assert dated
        assert began is not None
        assert began >= 0
        assert last == number == 42
        assert state == "RESTARTED"


# The readings.


class Dated(ScriptedPlatform):
    """A platform whose readings have the dates that a test says: its own, and that of the last run."""

    def __init__(self, clock: HandClock, dates: Sequence[float | None]) -> None:
        super().__init__(clock, before={0: Scene(observation=all_in("RESTARTED", *TARGETS))})
        self._dates = list(dates)

    async def read_statuses(self, environment_id: str) -> Observation:
        dated = self._dates.pop(0)
        return replace(over(began=3.0), server_time=None if dated is None else at(dated))


@pytest.mark.parametrize(
    ("dates", "believed"),
    [
        pytest.param([60.0, 120.0], True, id="a clock that is right"),
        pytest.param([60.0 + SKEW, 120.0 + SKEW], True, id="as much as two machines may differ"),
        pytest.param([60.0 - SKEW, 120.0 - SKEW], True, id="as much as that the other way"),
        pytest.param([None, 120.0], True, id="an answer without a date"),
        pytest.param([61.0 + SKEW, 121.0 + SKEW], False, id="set forward"),
        pytest.param([59.0 - SKEW, 119.0 - SKEW], False, id="set back"),
        pytest.param([60.0, 121.0 + SKEW], False, id="set forward later"),
        pytest.param([3600.0, 120.0], False, id="set forward, and right again"),
        pytest.param([-3600.0, 120.0], False, id="set back, and right again"),
    ],
)
def test_the_date_of_the_last_run_is_believed_while_the_platforms_clock_runs_as_ours(
    dates: list[float | None], believed: bool
) -> None:
    clock = HandClock()
    readings = Reader(Dated(clock, dates), ENVIRONMENT, Contact(clock, 300), clock)
    readings.server_clock.begin(NOON, 0.0)
    for _ in dates:
        clock.move(60)
        observation = in_virtual_time(readings.statuses())
    assert (observation.last_run_not_before is not None) is believed
    assert readings.server_clock.steady is believed
    assert readings.dated(BASELINE).dates_doubtful is not believed


def test_a_new_baseline_is_dated_by_the_clock_as_it_is_then() -> None:
    clock = HandClock()
    readings = Reader(Dated(clock, [3660.0, 3720.0]), ENVIRONMENT, Contact(clock, 300), clock)
    readings.server_clock.begin(NOON, 0.0)
    clock.move(60)
    assert in_virtual_time(readings.statuses()).last_run_not_before is None
    readings.server_clock.begin(at(3660), clock.monotonic())
    clock.move(60)
    assert in_virtual_time(readings.statuses()).last_run_not_before == at(3)


# A whole restart.


def script(*, began: float | None, skips: float = 0.0, skips_at: int = 10) -> dict[int, Scene]:
    """A restart that nobody sees running, over at second 15, second by second, by a clock that skips once."""
    quiet = Scene(observation=all_in("RESTARTED", *TARGETS), runs=(LAST_NIGHTS_RUN,))
    ended = Scene(observation=over(began=began), runs=(restart_run(), LAST_NIGHTS_RUN))
    scenes = {}
    for second in range(120):
        one = ended if second >= 15 else quiet
        date = at(second + skips) if second >= skips_at else at(second)
        scenes[second] = replace(one, observation=replace(one.observation, server_time=date))
    return scenes


@pytest.mark.parametrize(
    ("began", "skips", "histories"),
    [
        pytest.param(3.0, 0.0, 0, id="dated after the baseline"),
        pytest.param(3.0, SKEW / 2, 0, id="by a clock that is a little off"),
        pytest.param(None, 0.0, 1, id="not dated"),
        pytest.param(-30.0, 0.0, 1, id="dated before the baseline"),
        pytest.param(3.0, 3600.0, 1, id="by a clock that was set forward"),
        pytest.param(3.0, -3600.0, 1, id="by a clock that was set back"),
    ],
)
def test_a_restart_that_was_over_before_it_was_seen_needs_the_history_unless_its_reading_dates_it(
    began: float | None, skips: float, histories: int
) -> None:
    # The first look falls before the end, the second after it, the clock skips in between.
    scenes = script(began=began, skips=skips)
    story = tell(target(*TARGETS), before={0: scenes[0]}, after=scenes)
    assert story.ending == SUCCESS
    assert len(story.platform.calls_of("find_runs")) == histories
    assert {service.execution_id for service in story.result.services} == {execution(42)}


def test_what_an_earlier_process_posted_needs_the_history_where_more_time_may_have_passed_than_we_know_of() -> None:
    def resumed(dated: float) -> int:
        journal = MemoryJournal(intent=intent(BASELINE, posted_at=-60.0), accepted=True)
        there = Scene(observation=over(began=3.0, read=dated), runs=(restart_run(), LAST_NIGHTS_RUN))
        story = tell(target(*TARGETS), before={0: there}, journal=journal)
        assert story.ending == SUCCESS
        return len(story.platform.calls_of("find_runs"))

    assert [resumed(60.0), resumed(60.0 + 2 * SKEW), resumed(7200.0)] == [0, 1, 1]


# At a hint.


def hint(state: str | None, number: int | str | None = 42) -> Hint:
    return Hint(environment_id=ENVIRONMENT, state=state, execution_id=execution(number))


IDLE = observe(*(status(one, "RESTARTED", 41) for one in TARGETS), state="RESTARTED", last=41)
QUEUED = observe(*(status(one, "RESTART_QUEUED", 41) for one in TARGETS), state="RESTART_QUEUED", last=41)
AT_WORK = observe(*(status(one, "RESTARTING", 42) for one in TARGETS), state="RESTARTING", last=42)
NAMELESS = observe(*(status(one, "RESTARTED", None) for one in TARGETS), state="RESTARTED")


@pytest.mark.parametrize(
    ("seen", "since", "suggests"),
    [
        pytest.param(hint("RESTARTED", 41), IDLE, False, id="idle as before"),
        pytest.param(hint("RESTARTED", 42), IDLE, True, id="it has run meanwhile"),
        pytest.param(hint("RESTARTED", 40), IDLE, True, id="another run than before, be it older"),
        pytest.param(hint("RESTARTED", None), IDLE, True, id="idle, and it does not say by which run"),
        pytest.param(hint("RESTARTED", 41), NAMELESS, True, id="before it was not known by which"),
        pytest.param(hint("RESTARTED", None), NAMELESS, True, id="neither then nor now"),
        pytest.param(hint("RESTARTING", 42), IDLE, False, id="at work: it has not ended"),
        pytest.param(hint("RESTART_QUEUED", 41), IDLE, False, id="waiting: it has not begun"),
        pytest.param(hint("CANCELING", 42), AT_WORK, False, id="being cancelled: it has not ended"),
        pytest.param(hint("RESTARTING", 42), AT_WORK, False, id="at work as before"),
        pytest.param(hint("RESTARTED", 42), AT_WORK, True, id="it has ended"),
        pytest.param(hint("RESTART_ERROR", 42), AT_WORK, True, id="it has failed"),
        pytest.param(hint("RESTARTED", 41), QUEUED, True, id="it waited, and does no more"),
        pytest.param(hint(None, 41), IDLE, False, id="no state, the run as before"),
        pytest.param(hint(None, 42), IDLE, True, id="no state, and another run"),
        pytest.param(hint(None, 42), AT_WORK, True, id="no state where it was at work"),
        pytest.param(hint("HIBERNATING", 41), IDLE, False, id="a state that nobody knows, the run as before"),
        pytest.param(hint("HIBERNATING", 42), IDLE, True, id="a state that nobody knows, and another run"),
    ],
)
def test_a_glance_suggests_a_closer_look_where_something_may_have_ended(
    seen: Hint, since: Observation, suggests: bool
) -> None:
    assert seen.suggests_change(since) is suggests


@pytest.mark.parametrize(
    ("seen", "since", "at_work"),
    [
        pytest.param(hint("RESTARTING", 42), IDLE, True, id="a run that had not begun"),
        pytest.param(hint("RESTARTING", 42), AT_WORK, True, id="the run that was at work"),
        pytest.param(hint("RESTARTING", 42), QUEUED, True, id="the run that was waited for"),
        pytest.param(hint("RESTARTING", 41), IDLE, False, id="the run that had ended"),
        pytest.param(hint("RESTARTING", None), IDLE, False, id="at work, and it does not say by which run"),
        pytest.param(hint("RESTARTED", 42), IDLE, False, id="ended"),
        pytest.param(hint(None, 42), IDLE, False, id="no state"),
        pytest.param(hint("HIBERNATING", 42), IDLE, False, id="a state that nobody knows"),
    ],
)
def test_a_glance_shows_a_new_run_at_work_where_it_is_not_the_one_that_had_ended(
    seen: Hint, since: Observation, at_work: bool
) -> None:
    assert seen.shows_a_new_run_at_work(since) is at_work


@given(state=st.none() | STATES, number=st.sampled_from([40, 41, 42, None]), since=st.sampled_from([IDLE, AT_WORK]))
def test_what_is_at_work_is_not_worth_a_closer_look(state: str | None, number: int | None, since: Observation) -> None:
    seen = hint(state, number)
    assert not (seen.shows_a_new_run_at_work(since) and seen.suggests_change(since))
