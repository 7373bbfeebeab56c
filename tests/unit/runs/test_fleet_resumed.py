"""A fleet that resumes an interrupted run: what has ended stays so, what is in flight goes first."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.outcomes import EnvironmentResult, ExitCode, Outcome, Reason, exit_code_of
from orchestrator.domain.plan import FailureBudget, Strategy
from tests.support.builders import ended, target
from tests.support.fleets import FAILS, LONG, Ending, Voyage, fleet_of

ONE_AT_A_TIME = Strategy(max_parallel=1)
HALTED = (Outcome.SKIPPED, Reason.HALTED)
LATE = (Outcome.TIMED_OUT, Reason.RUN_DEADLINE)
DONE = (Outcome.SUCCEEDED, Reason.RESTARTED)
CUT_OFF = (Outcome.UNKNOWN, Reason.INTERRUPTED)


def failed(name: str) -> EnvironmentResult:
    return ended(Outcome.FAILED, Reason.RESTART_ERROR, name=name)


# What has ended already.


def test_what_has_ended_is_not_begun_again_and_keeps_its_result_and_its_place() -> None:
    given = [ended(name="1-2"), ended(name="1-0")]
    voyage = Voyage(*fleet_of(4), results=given)
    assert voyage.order == ["1-1", "1-3"]
    assert [result.name for result in voyage.results] == ["1-0", "1-1", "1-2", "1-3"]
    assert voyage.results[2] is given[0]


def test_a_run_of_which_everything_has_ended_ends_at_once_without_a_word_about_waves() -> None:
    waves = [*fleet_of(1, wave=1), *fleet_of(1, wave=2)]
    voyage = Voyage(*waves, strategy=Strategy(pause_between_waves=300), results=[ended(name="1-0"), failed("2-0")])
    assert (voyage.began, voyage.ended_at) == ([], 0)
    assert "wave_finished" not in voyage.log.names


def test_what_ended_in_a_wave_counts_in_what_is_said_of_it() -> None:
    voyage = Voyage(*fleet_of(3), results=[ended(name="1-0")])
    assert voyage.log.named("wave_finished")[0].details == {"wave": 1, "succeeded": 3, "environments": 3}


def test_a_wave_that_has_ended_is_not_paused_after() -> None:
    waves = [*fleet_of(1, wave=1), *fleet_of(1, wave=2), *fleet_of(1, wave=3)]
    voyage = Voyage(*waves, strategy=Strategy(pause_between_waves=300), results=[ended(name="1-0")])
    assert voyage.began == [("2-0", 0), ("3-0", LONG + 300)]


@pytest.mark.parametrize(
    ("budget", "begun"),
    [
        pytest.param(FailureBudget(count=0), 0, id="none is borne, and there was one"),
        pytest.param(FailureBudget(count=1), 3, id="one is borne, and there was one"),
        pytest.param(FailureBudget(percent=Fraction(20)), 0, id="a fifth is borne, and there was a quarter"),
        pytest.param(FailureBudget(percent=Fraction(25)), 3, id="a quarter is borne, and there was a quarter"),
    ],
)
def test_earlier_failures_use_up_the_budget(budget: FailureBudget, begun: int) -> None:
    voyage = Voyage(*fleet_of(4), strategy=Strategy(max_failures=budget), results=[failed("1-0")])
    assert len(voyage.began) == begun
    if not begun:
        assert voyage.endings_told[1:] == [(f"1-{number}", *HALTED) for number in (1, 2, 3)]
        assert [event.details for event in voyage.log.named("run_halted")] == [{"failures": 1, "not_begun": 3}]


def test_earlier_and_later_failures_use_up_the_budget_together() -> None:
    strategy = Strategy(max_parallel=1, max_failures=FailureBudget(count=1))
    voyage = Voyage(*fleet_of(4), strategy=strategy, results=[failed("1-0")], endings={"1-1": FAILS})
    assert voyage.order == ["1-1"]
    assert voyage.endings_told[2:] == [("1-2", *HALTED), ("1-3", *HALTED)]


@pytest.mark.parametrize("reason", [Reason.NOT_BEGUN, Reason.HALTED, Reason.NOT_RUNNING], ids=str)
def test_what_was_left_out_uses_up_nothing(reason: Reason) -> None:
    voyage = Voyage(*fleet_of(2), results=[ended(Outcome.SKIPPED, reason, name="1-0", submitted_at=None)])
    assert voyage.order == ["1-1"]


# What is in flight.


def test_what_is_in_flight_goes_first_and_the_rest_keeps_the_plans_order() -> None:
    voyage = Voyage(*fleet_of(5), strategy=ONE_AT_A_TIME, in_flight=["1-3", "1-1"])
    assert voyage.order == ["1-1", "1-3", "1-0", "1-2", "1-4"]
    assert [result.name for result in voyage.results] == [f"1-{number}" for number in range(5)]


def test_what_is_in_flight_has_room_like_anything_else() -> None:
    voyage = Voyage(*fleet_of(6), strategy=Strategy(max_parallel=2), in_flight=[f"1-{number}" for number in range(4)])
    assert (voyage.most, voyage.ended_at) == (2, 3 * LONG)


def test_what_is_in_flight_is_seen_to_its_end_though_the_run_has_halted() -> None:
    waves = [*fleet_of(3, wave=1), *fleet_of(2, wave=2)]
    voyage = Voyage(*waves, results=[failed("1-0")], in_flight=["1-2", "2-1"])
    assert voyage.began == [("1-2", 0), ("2-1", LONG)]
    assert voyage.endings_told == [
        ("1-0", Outcome.FAILED, Reason.RESTART_ERROR),
        ("1-1", *HALTED),
        ("1-2", *DONE),
        ("2-0", *HALTED),
        ("2-1", *DONE),
    ]
    assert [event.details for event in voyage.log.named("run_halted")] == [{"failures": 1, "not_begun": 2}]
    assert exit_code_of(voyage.results) is ExitCode.FAILED


def test_a_halted_run_does_not_pause_before_it_sees_what_is_in_flight_to_its_end() -> None:
    waves = [*fleet_of(2, wave=1), *fleet_of(1, wave=2)]
    strategy = Strategy(pause_between_waves=300)
    voyage = Voyage(*waves, strategy=strategy, results=[failed("1-0")], in_flight=["1-1", "2-0"])
    assert voyage.began == [("1-1", 0), ("2-0", LONG)]


def test_what_is_in_flight_is_seen_to_its_end_though_the_runs_deadline_has_passed() -> None:
    waves = [*fleet_of(2, wave=1), *fleet_of(2, wave=2)]
    voyage = Voyage(*waves, end_by=-500.0, in_flight=["1-1", "2-0"])
    assert voyage.began == [("1-1", 0), ("2-0", LONG)]
    assert voyage.endings_told == [("1-0", *LATE), ("1-1", *DONE), ("2-0", *DONE), ("2-1", *LATE)]
    assert voyage.deadlines == {-500.0}, "the job knows it, and has its own grace"


def test_the_runs_deadline_is_that_of_its_start_and_not_of_its_strategy() -> None:
    voyage = Voyage(*fleet_of(3), strategy=Strategy(max_parallel=1, run_deadline=1000), end_by=15.0)
    assert voyage.began == [("1-0", 0), ("1-1", 10)]
    assert voyage.deadlines == {15.0}
    assert voyage.endings_told[2] == ("1-2", *LATE)


def test_in_flight_failures_halt_a_run_for_what_has_not_begun() -> None:
    voyage = Voyage(*fleet_of(3), strategy=ONE_AT_A_TIME, in_flight=["1-2"], endings={"1-2": FAILS})
    assert voyage.order == ["1-2"]
    assert [event.details for event in voyage.log.named("run_halted")] == [{"failures": 1, "not_begun": 2}]


# Interrupted again.


def test_what_is_in_flight_and_was_not_come_to_is_unknown_when_the_run_is_interrupted_again() -> None:
    waves = [*fleet_of(3, wave=1), *fleet_of(2, wave=2)]
    voyage = Voyage(
        *waves,
        strategy=ONE_AT_A_TIME,
        results=[ended(name="1-0")],
        in_flight=["1-1", "1-2", "2-0"],
        interrupted_at=LONG / 2,
    )
    assert voyage.endings_told == [
        ("1-0", *DONE),
        ("1-1", *CUT_OFF),
        ("1-2", *CUT_OFF),
        ("2-0", *CUT_OFF),
        ("2-1", Outcome.SKIPPED, Reason.INTERRUPTED),
    ]
    assert voyage.order == ["1-1"], "nothing is begun only to be told"
    assert voyage.settled_late == ["1-1", "1-2", "2-0"]
    assert voyage.again == voyage.results, "each is settled once"


def test_a_halted_run_that_is_interrupted_knows_what_is_in_flight_from_what_was_not_begun() -> None:
    voyage = Voyage(
        *fleet_of(4), strategy=ONE_AT_A_TIME, results=[failed("1-0")], in_flight=["1-1", "1-2"], interrupted_at=1.0
    )
    assert voyage.endings_told[1:] == [("1-1", *CUT_OFF), ("1-2", *CUT_OFF), ("1-3", *HALTED)]


# However often a run is interrupted.


@settings(max_examples=80, deadline=None)
@given(
    waves=st.lists(st.integers(1, 3), min_size=1, max_size=8),
    lives=st.lists(st.integers(1, 60), max_size=5),
    bad=st.sets(st.integers(0, 7)),
    budget=st.integers(0, 3),
    parallel=st.integers(1, 3),
)
def test_however_often_a_run_is_interrupted_every_environment_is_begun_once_or_never(
    waves: list[int], lives: list[int], bad: set[int], budget: int, parallel: int
) -> None:
    targets = [target(name=str(number), wave=wave) for number, wave in enumerate(waves)]
    endings = {
        one.name: Ending(seconds=LONG, outcome=Outcome.FAILED if number in bad else Outcome.SUCCEEDED)
        for number, one in enumerate(targets)
    }
    strategy = Strategy(max_parallel=parallel, max_failures=FailureBudget(count=budget))
    results: dict[str, EnvironmentResult] = {}
    in_flight: set[str] = set()
    first_begun: list[str] = []
    for life in [*lives, None]:
        voyage = Voyage(
            *targets,
            strategy=strategy,
            endings=endings,
            results=list(results.values()),
            in_flight=in_flight,
            interrupted_at=life,
        )
        assert not set(voyage.order) & results.keys(), "what has ended is not begun again"
        assert len(voyage.order) == len(set(voyage.order))
        assert voyage.most <= parallel
        first_begun += [name for name in voyage.order if name not in in_flight]
        settled = {one.name: one for one in voyage.results if one.outcome in (Outcome.SUCCEEDED, Outcome.FAILED)}
        in_flight = (in_flight | set(voyage.order)) - settled.keys()
        results |= settled
    assert len(first_begun) == len(set(first_begun))
    assert not in_flight
    assert [one.name for one in voyage.results] == [one.name for one in targets]
    assert {one.name for one in voyage.results if one.reason is Reason.HALTED} == {
        one.name for one in targets if one.name not in results
    }
    failures = sum(one.outcome is Outcome.FAILED for one in voyage.results)
    assert failures <= budget + parallel
    if failures <= budget:
        assert len(results) == len(targets)
