"""Many environments: waves, room, budget, halt, pause, deadline, and what is left when a run is interrupted."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.outcomes import ExitCode, Outcome, Reason, exit_code_of
from orchestrator.domain.plan import FailureBudget, Strategy
from tests.support.builders import NOON, ended, target
from tests.support.fleets import FAILS, LONG, Ending, Voyage, fleet_of

BEARS_ALL = FailureBudget(percent=Fraction(100))
HALTED = (Outcome.SKIPPED, Reason.HALTED)
LATE = (Outcome.TIMED_OUT, Reason.RUN_DEADLINE)


def test_every_environment_is_run_once_and_the_results_keep_the_plans_order() -> None:
    endings = {"1-0": Ending(seconds=30), "1-1": Ending(seconds=20), "1-2": Ending(seconds=10)}
    voyage = Voyage(*fleet_of(3), endings=endings)
    assert [result.name for result in voyage.results] == ["1-0", "1-1", "1-2"]
    assert sorted(voyage.order) == ["1-0", "1-1", "1-2"]
    assert {result.outcome for result in voyage.results} == {Outcome.SUCCEEDED}
    assert voyage.deadlines == {14400.0}


def test_no_more_than_max_parallel_are_ever_in_flight() -> None:
    voyage = Voyage(*fleet_of(10), strategy=Strategy(max_parallel=3))
    assert voyage.most == 3
    assert voyage.ended_at == 4 * LONG


def test_whoever_ends_makes_room_for_the_next_at_once() -> None:
    endings = {"1-0": Ending(seconds=100), "1-1": Ending(seconds=1), "1-2": Ending(seconds=1)}
    voyage = Voyage(*fleet_of(4), strategy=Strategy(max_parallel=2), endings=endings)
    assert voyage.began == [("1-0", 0), ("1-1", 0), ("1-2", 1), ("1-3", 2)]


def test_a_wave_begins_when_the_whole_wave_before_has_settled() -> None:
    voyage = Voyage(*fleet_of(2, wave=2), *fleet_of(2, wave=1), endings={"1-0": Ending(seconds=60)})
    assert voyage.began == [("1-0", 0), ("1-1", 0), ("2-0", 60), ("2-1", 60)]
    assert [event.details for event in voyage.log.named("wave_finished")] == [
        {"wave": 1, "succeeded": 2, "environments": 2},
        {"wave": 2, "succeeded": 2, "environments": 2},
    ]


def test_a_wave_that_begins_is_told_with_its_place_and_only_if_something_begins_in_it() -> None:
    waves = [*fleet_of(2, wave=5), *fleet_of(1, wave=7), *fleet_of(1, wave=9)]
    voyage = Voyage(*waves, endings={"7-0": FAILS}, strategy=Strategy(max_parallel=5))
    told = [
        {key: event.details[key] for key in event.details if key[0] != "_"}
        for event in voyage.log.named("wave_started")
    ]
    assert told == [
        {"wave": 5, "position": 1, "waves": 3, "environments": 2},
        {"wave": 7, "position": 2, "waves": 3, "environments": 1},
    ]


def test_between_two_waves_there_is_a_pause_and_none_before_or_after() -> None:
    waves = [*fleet_of(1, wave=1), *fleet_of(1, wave=2), *fleet_of(1, wave=3)]
    voyage = Voyage(*waves, strategy=Strategy(pause_between_waves=300))
    assert [at for _, at in voyage.began] == [0, LONG + 300, 2 * (LONG + 300)]
    assert voyage.ended_at == 3 * LONG + 2 * 300


def test_a_long_pause_is_not_silent() -> None:
    waves = [*fleet_of(1, wave=1), *fleet_of(1, wave=2)]
    voyage = Voyage(*waves, strategy=Strategy(pause_between_waves=300))
    waited = [event.at for event in voyage.log.events if LONG < event.at < LONG + 300]
    assert len(waited) >= 300 / 30 - 1


# The budget.


def test_the_first_failure_halts_a_run_that_bears_none() -> None:
    voyage = Voyage(*fleet_of(4), strategy=Strategy(max_parallel=1), endings={"1-1": FAILS})
    assert voyage.order == ["1-0", "1-1"]
    assert [(outcome, reason) for _, outcome, reason in voyage.endings_told[2:]] == [HALTED, HALTED]
    assert [event.details for event in voyage.log.named("run_halted")] == [{"failures": 1, "not_begun": 2}]
    assert exit_code_of(voyage.results) is ExitCode.FAILED


def test_what_is_in_flight_when_the_run_halts_may_settle() -> None:
    endings = {"1-0": Ending(seconds=1, outcome=Outcome.FAILED), "1-1": Ending(seconds=50)}
    voyage = Voyage(*fleet_of(3), strategy=Strategy(max_parallel=2), endings=endings)
    assert [outcome for _, outcome, _ in voyage.endings_told] == [Outcome.FAILED, Outcome.SUCCEEDED, Outcome.SKIPPED]
    assert voyage.ended_at == 50


def test_a_halted_run_begins_no_further_wave_and_does_not_pause_before_it() -> None:
    waves = [*fleet_of(1, wave=1), *fleet_of(1, wave=2)]
    voyage = Voyage(*waves, strategy=Strategy(pause_between_waves=300), endings={"1-0": FAILS})
    assert (voyage.order, voyage.ended_at) == (["1-0"], LONG)
    assert voyage.endings_told[1] == ("2-0", *HALTED)


@pytest.mark.parametrize(
    ("budget", "failures", "begun"),
    [
        pytest.param(FailureBudget(count=2), 2, 10, id="a number, equalled"),
        pytest.param(FailureBudget(count=2), 3, 3, id="a number, exceeded"),
        pytest.param(FailureBudget(percent=Fraction(20)), 2, 10, id="a percentage of all, equalled"),
        pytest.param(FailureBudget(percent=Fraction(20)), 3, 3, id="a percentage of all, exceeded"),
        pytest.param(BEARS_ALL, 10, 10, id="everything may fail"),
    ],
)
def test_the_run_halts_when_the_failures_exceed_the_budget_and_not_before(
    budget: FailureBudget, failures: int, begun: int
) -> None:
    endings = {f"1-{number}": FAILS for number in range(failures)}
    voyage = Voyage(*fleet_of(10), strategy=Strategy(max_parallel=1, max_failures=budget), endings=endings)
    assert len(voyage.began) == begun


@pytest.mark.parametrize(
    ("outcome", "halts"),
    [
        (Outcome.SUCCEEDED, False),
        (Outcome.SKIPPED, False),
        (Outcome.FAILED, True),
        (Outcome.UNKNOWN, True),
        (Outcome.TIMED_OUT, True),
        (Outcome.CANCELLED, True),
        (Outcome.BLOCKED, True),
    ],
    ids=str,
)
def test_everything_but_a_success_and_a_skip_counts_as_a_failure(outcome: Outcome, halts: bool) -> None:
    voyage = Voyage(*fleet_of(2), strategy=Strategy(max_parallel=1), endings={"1-0": Ending(outcome=outcome)})
    assert (len(voyage.began) == 1) is halts


def test_a_run_halts_once_however_many_fail_after_that() -> None:
    voyage = Voyage(*fleet_of(3), endings=dict.fromkeys(["1-0", "1-1", "1-2"], FAILS))
    assert len(voyage.log.named("run_halted")) == 1


# The run's deadline.


def test_nothing_is_begun_after_the_runs_deadline() -> None:
    voyage = Voyage(*fleet_of(3), strategy=Strategy(max_parallel=1, run_deadline=15), endings={})
    assert voyage.began == [("1-0", 0), ("1-1", 10)]
    assert voyage.endings_told[2] == ("1-2", *LATE)
    assert voyage.deadlines == {15.0}
    assert exit_code_of(voyage.results) is ExitCode.TIMED_OUT


def test_a_pause_ends_at_the_runs_deadline_and_nothing_follows_it() -> None:
    waves = [*fleet_of(1, wave=1), *fleet_of(1, wave=2)]
    voyage = Voyage(*waves, strategy=Strategy(pause_between_waves=300, run_deadline=60))
    assert (voyage.order, voyage.ended_at) == (["1-0"], 60)
    assert voyage.endings_told[1] == ("2-0", *LATE)


def test_a_run_that_halted_before_its_deadline_says_that_it_halted() -> None:
    endings = {"1-0": Ending(seconds=20, outcome=Outcome.FAILED)}
    voyage = Voyage(*fleet_of(2), strategy=Strategy(max_parallel=1, run_deadline=15), endings=endings)
    assert voyage.endings_told[1] == ("1-1", *HALTED)


# Interrupted.


def test_a_run_that_is_interrupted_has_a_result_for_every_environment() -> None:
    waves = [*fleet_of(3, wave=1), *fleet_of(1, wave=2)]
    voyage = Voyage(*waves, strategy=Strategy(max_parallel=1), interrupted_at=15.0)
    assert voyage.endings_told == [
        ("1-0", Outcome.SUCCEEDED, Reason.RESTARTED),
        ("1-1", Outcome.UNKNOWN, Reason.INTERRUPTED),
        ("1-2", Outcome.SKIPPED, Reason.INTERRUPTED),
        ("2-0", Outcome.SKIPPED, Reason.INTERRUPTED),
    ]
    assert (voyage.running, voyage.ended_at) == (0, 15)


def test_asking_twice_settles_what_was_interrupted_once() -> None:
    voyage = Voyage(*fleet_of(2), interrupted_at=5.0)
    assert voyage.settled_late == ["1-0", "1-1"]
    assert voyage.again == voyage.results


def test_a_run_that_is_interrupted_in_a_pause_keeps_what_it_has() -> None:
    waves = [*fleet_of(1, wave=1), *fleet_of(1, wave=2)]
    voyage = Voyage(*waves, strategy=Strategy(pause_between_waves=300), interrupted_at=100.0)
    assert [outcome for _, outcome, _ in voyage.endings_told] == [Outcome.SUCCEEDED, Outcome.SKIPPED]


def test_what_was_not_begun_keeps_its_place_and_its_link() -> None:
    voyage = Voyage(*fleet_of(2, wave=4), strategy=Strategy(max_parallel=1), endings={"4-0": FAILS})
    assert (voyage.results[1].wave, voyage.results[1].environment_id) == (4, voyage.plan.targets[1].environment_id)
    assert voyage.results[1].console_url == "https://console.example.test/production"


@pytest.mark.parametrize(
    ("second", "progress"),
    [
        (1.0, {"settled": 0, "succeeded": 0, "in_flight": 2, "to_begin": 2}),
        (LONG + 1, {"settled": 2, "succeeded": 1, "in_flight": 2, "to_begin": 0}),
        (2 * LONG + 1, {"settled": 4, "succeeded": 3, "in_flight": 0, "to_begin": 0}),
    ],
)
def test_how_far_it_has_come_is_told_in_environments(second: float, progress: dict[str, int]) -> None:
    strategy = Strategy(max_parallel=2, max_failures=BEARS_ALL)
    voyage = Voyage(*fleet_of(4), strategy=strategy, endings={"1-1": FAILS}, interrupted_at=second)
    assert voyage.progress == progress


@pytest.mark.parametrize(
    ("second", "failed", "oldest", "left"),
    [
        (1.0, 0, ("1-0", 0.0), ["1-0", "1-1", "1-2", "1-3"]),
        (LONG + 1, 1, ("1-2", LONG), ["1-2", "1-3"]),
        (2 * LONG + 1, 1, None, []),
    ],
)
def test_what_has_been_in_flight_longest_and_what_is_left_is_told(
    second: float, failed: int, oldest: tuple[str, float] | None, left: list[str]
) -> None:
    strategy = Strategy(max_parallel=2, max_failures=BEARS_ALL)
    voyage = Voyage(*fleet_of(4), strategy=strategy, endings={"1-1": FAILS}, interrupted_at=second)
    assert (voyage.failed, voyage.oldest, voyage.left) == (failed, oldest, left)


def test_a_plan_without_targets_ends_at_once() -> None:
    voyage = Voyage()
    assert (voyage.results, voyage.ended_at) == ((), 0)


# Whatever the plan.


@settings(max_examples=60)
@given(
    waves=st.lists(st.integers(1, 4), min_size=1, max_size=12),
    seconds=st.lists(st.integers(0, 50), min_size=12, max_size=12),
    bad=st.sets(st.integers(0, 11)),
    parallel=st.integers(1, 5),
    budget=st.integers(0, 4),
    deadline=st.integers(1, 200),
    interrupted_at=st.none() | st.integers(1, 200),
)
def test_every_plan_ends_complete_inside_its_room_and_its_budget(
    *,
    waves: list[int],
    seconds: list[int],
    bad: set[int],
    parallel: int,
    budget: int,
    deadline: int,
    interrupted_at: int | None,
) -> None:
    targets = [target(name=str(number), wave=wave) for number, wave in enumerate(waves)]
    endings = {
        one.name: Ending(seconds=seconds[number], outcome=Outcome.FAILED if number in bad else Outcome.SUCCEEDED)
        for number, one in enumerate(targets)
    }
    strategy = Strategy(max_parallel=parallel, max_failures=FailureBudget(count=budget), run_deadline=deadline)
    voyage = Voyage(*targets, strategy=strategy, endings=endings, interrupted_at=interrupted_at)
    assert [result.name for result in voyage.results] == [one.name for one in targets]
    assert voyage.most <= parallel
    assert all(at < deadline for _, at in voyage.began)
    # What was in flight when the budget was exceeded may fail too; nothing is begun after it.
    failed = [result for result in voyage.results if result.outcome is Outcome.FAILED]
    assert len(failed) <= budget + parallel
    wave_of = {one.name: one.wave for one in targets}
    begun_waves = [wave_of[name] for name in voyage.order]
    assert begun_waves == sorted(begun_waves)


def test_when_the_run_halted_is_known() -> None:
    voyage = Voyage(*fleet_of(2), strategy=Strategy(max_parallel=1), endings={"1-0": FAILS})
    assert voyage.halted_at == NOON + timedelta(seconds=LONG)
    assert Voyage(*fleet_of(2)).halted_at is None


def test_a_resumed_run_halted_when_the_last_of_its_failures_settled() -> None:
    failures = [
        replace(
            ended(Outcome.FAILED, Reason.RESTART_ERROR, name=f"1-{number}"), settled_at=NOON - timedelta(hours=number)
        )
        for number in range(1, 3)
    ]
    voyage = Voyage(*fleet_of(3), results=failures)
    assert voyage.halted_at == NOON - timedelta(hours=1)
