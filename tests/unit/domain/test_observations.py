from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.observations import (
    CLOCK_SKEW,
    Baseline,
    Observation,
    Run,
    ServiceStatus,
    baseline_needs_history,
    execution_number,
    last_reading,
)
from tests.support.builders import ENVIRONMENT, NOON, baseline_of, execution, observe, run, status

OTHER = "11111111-2222-3333-4444-555555555555"
NUMBERS = st.integers(0, 10**18 - 1)


def named(number: int | str) -> str:
    execution_id = execution(number)
    assert execution_id is not None
    return execution_id


@given(NUMBERS)
def test_an_execution_of_the_usual_form_has_a_number(number: int) -> None:
    assert execution_number(ENVIRONMENT, f"{ENVIRONMENT}-{number}") == number


@pytest.mark.parametrize(
    "execution_id",
    [
        pytest.param("", id="empty"),
        pytest.param("42", id="a bare number"),
        pytest.param(ENVIRONMENT, id="the environment alone"),
        pytest.param(f"{ENVIRONMENT}-", id="no number"),
        pytest.param(f"{ENVIRONMENT}-next", id="a word"),
        pytest.param(f"{ENVIRONMENT}--1", id="negative"),
        pytest.param(f"{ENVIRONMENT}-1.5", id="not whole"),
        pytest.param(f"{ENVIRONMENT}-42 ", id="trailing space"),
        pytest.param(f"{ENVIRONMENT}-42\n", id="trailing line feed"),
        pytest.param(f"{ENVIRONMENT}-٤٢", id="digits that are not ASCII"),
        pytest.param(f"{ENVIRONMENT}-{10**18}", id="longer than any number that was ever counted up to"),
        pytest.param(f"{OTHER}-42", id="another environment's"),
    ],
)
def test_an_execution_of_another_form_has_no_number(execution_id: str) -> None:
    assert execution_number(ENVIRONMENT, execution_id) is None


def test_the_case_of_an_environments_id_does_not_matter() -> None:
    assert execution_number(ENVIRONMENT.upper(), f"{ENVIRONMENT}-42") == 42


@given(known=st.sets(NUMBERS, min_size=1, max_size=5), number=NUMBERS)
def test_an_execution_is_new_exactly_when_its_number_is_above_every_known_one(known: set[int], number: int) -> None:
    baseline = baseline_of("api", number=min(known), runs=[run(one, {}, created_at=None) for one in known])
    assert baseline.latest == max(known)
    assert baseline.is_new(named(number)) is (number > max(known))


@given(known=st.sets(st.integers(0, 60) | st.text("abc", min_size=1), max_size=5), number=st.integers(0, 60))
def test_what_comes_after_a_new_execution_is_new_too(known: set[int | str], number: int) -> None:
    baseline = Baseline.of(observe(), (), [run(one, {}) for one in known])
    if baseline.can_order(named(number)) and baseline.is_new(named(number)):
        assert baseline.is_new(named(number + 1))


@given(
    known=st.sets(st.integers(0, 60) | st.text("abc", min_size=1), max_size=5),
    more=st.sets(st.integers(0, 60), max_size=5),
    number=st.integers(0, 60),
)
def test_nothing_that_the_baseline_knows_is_new_and_knowing_more_makes_nothing_new(
    known: set[int | str], more: set[int], number: int
) -> None:
    baseline = Baseline.of(observe(), (), [run(one, {}) for one in known])
    assert not any(baseline.is_new(one) for one in baseline.executions)
    wiser = Baseline.of(observe(), (), [run(one, {}) for one in known | more])
    assert wiser.is_new(named(number)) <= baseline.is_new(named(number))


@pytest.mark.parametrize(
    ("known", "candidate", "new", "ordered"),
    [
        pytest.param([41], 42, True, True, id="the next one"),
        pytest.param([41], 41, False, True, id="the same"),
        pytest.param([41], 9, False, True, id="an older one, as a stale cache would show it"),
        pytest.param([9, 41], 10, False, True, id="older than one of them, newer than the other"),
        pytest.param([9], 10, True, True, id="9 and 10 compare as numbers"),
        pytest.param(["run-a"], "run-b", True, False, id="names that differ"),
        pytest.param(["run-a"], "run-a", False, False, id="names that agree"),
        pytest.param([41], "run-b", True, False, id="a name after a number"),
        pytest.param(["run-a"], 42, True, False, id="a number after a name"),
        pytest.param([], 1, True, False, id="nothing was known"),
    ],
)
def test_new_means_began_after_the_baseline(
    known: list[int | str], candidate: int | str, new: bool, ordered: bool
) -> None:
    baseline = Baseline.of(observe(), (), [run(one, {}) for one in known])
    assert baseline.is_new(named(candidate)) is new
    assert baseline.can_order(named(candidate)) is ordered


def test_a_baseline_knows_every_execution_that_was_to_be_seen() -> None:
    observation = observe(
        status("api", "RESTARTED", 40), status("web", "DEPLOYED", None), status("unrelated", "DEPLOYED", 43), last=44
    )
    baseline = Baseline.of(observation, ["api", "web"], [run(45, {"api": "RESTARTED"})])
    assert baseline.executions == {execution(number) for number in (40, 43, 44, 45)}
    assert baseline.targets.keys() == {"api", "web"}


@pytest.mark.parametrize(
    ("after_s", "before"),
    [
        pytest.param(-3600.0, True, id="an hour before"),
        pytest.param(-CLOCK_SKEW.total_seconds() - 0.1, True, id="just outside the skew"),
        pytest.param(-CLOCK_SKEW.total_seconds(), False, id="just inside the skew"),
        pytest.param(2.0, False, id="after it"),
    ],
)
def test_the_platforms_own_clock_tells_which_runs_were_there_before(after_s: float, before: bool) -> None:
    baseline = baseline_of("api", at=NOON)
    assert baseline.began_before(run(42, {}, created_at=NOON + timedelta(seconds=after_s))) is before


def test_without_both_times_nothing_began_before() -> None:
    assert not baseline_of("api").began_before(run(42, {}, created_at=NOON))
    assert not baseline_of("api", at=NOON).began_before(run(42, {}))


@pytest.mark.parametrize(
    ("service", "in_progress"),
    [
        pytest.param(status("api", "RESTARTED"), False, id="at rest"),
        pytest.param(status("api", "RESTART_QUEUED"), True, id="queued"),
        pytest.param(status("api", "RESTARTED", waiting=1), True, id="at rest, and a request waits"),
        pytest.param(status("api", "HIBERNATING"), False, id="unknown"),
    ],
)
def test_a_service_is_in_progress_while_anything_runs_or_waits_for_it(
    service: ServiceStatus, in_progress: bool
) -> None:
    assert service.in_progress is in_progress


@pytest.mark.parametrize(
    ("observation", "busy"),
    [
        pytest.param(observe(status("api", "RESTARTED"), state="RESTARTED"), False, id="at rest"),
        pytest.param(observe(status("api", "RESTARTED")), False, id="the environment says nothing"),
        pytest.param(observe(status("api", "RESTARTED"), state="DEPLOYING"), True, id="the environment deploys"),
        pytest.param(observe(status("api", "RESTARTED"), status("job", "EXECUTING")), True, id="one service is at it"),
        pytest.param(observe(), False, id="empty"),
    ],
)
def test_an_environment_is_busy_when_it_or_anything_in_it_is(observation: Observation, busy: bool) -> None:
    assert observation.busy is busy


@pytest.mark.parametrize(
    ("environment", "last", "told"),
    [
        pytest.param("RESTARTED", execution(41), True, id="at rest since a run"),
        pytest.param("RESTART_ERROR", execution(41), True, id="a failure has ended, too"),
        pytest.param("STOPPED", execution(41), True, id="and a stop"),
        pytest.param("RESTARTING", execution(41), False, id="at work"),
        pytest.param("RESTARTED", None, False, id="since nobody says which run"),
        pytest.param("RESTARTED", "e-41", False, id="since a run without a number"),
        pytest.param(None, execution(41), False, id="no state"),
        pytest.param("", execution(41), False, id="a state that could not be read"),
    ],
)
def test_an_environments_own_status_sums_up_its_services_if_it_tells_of_an_end_and_of_which_run(
    environment: str | None, last: str | None, told: bool
) -> None:
    reading = replace(observe(status("api", "RESTARTED"), state=environment), last_execution_id=last)
    assert reading.is_summed_up is told


@pytest.mark.parametrize(
    ("number", "needed"),
    [
        pytest.param(41, False, id="an execution that can be ordered"),
        pytest.param(None, True, id="no execution"),
        pytest.param("run-a", True, id="an execution of another form"),
    ],
)
def test_the_history_is_needed_when_a_targets_execution_cannot_be_told(number: int | str | None, needed: bool) -> None:
    observation = observe(status("api", "RESTARTED"), status("web", "RESTARTED", number), status("job", "READY", None))
    assert baseline_needs_history(observation, ["api", "web"]) is needed


@pytest.mark.parametrize("ending", ["SUCCESS", "ERROR", "CANCELED", "NEVER"])
def test_a_run_that_has_ended_is_over(ending: str) -> None:
    assert run(42, {}, status=ending).over


@pytest.mark.parametrize("going", ["QUEUED", "ONGOING", "CANCELING", "", "HIBERNATING"], ids=repr)
def test_a_run_in_any_other_status_may_still_change(going: str) -> None:
    assert not run(42, {}, status=going).over


# The order of runs, as a history shows it.

HOUR = timedelta(hours=1)


def in_history(*numbers: int, dates: str) -> list[Run]:
    """Runs as listed; `dates` has a digit for each, the hour of its date, or a dash for none."""
    return [
        run(number, {}, created_at=None if hour == "-" else NOON + int(hour) * HOUR)
        for number, hour in zip(numbers, dates, strict=True)
    ]


@pytest.mark.parametrize(
    ("history", "candidate", "newer", "uncertain"),
    [
        pytest.param(in_history(42, 41, 40, dates="321"), 42, True, False, id="all say newer"),
        pytest.param(in_history(42, 41, 40, dates="321"), 40, False, False, id="all say older"),
        pytest.param(in_history(7, 41, 40, dates="321"), 7, True, True, id="a number that fell"),
        pytest.param(in_history(41, 42, dates="12"), 42, True, True, id="listed the oldest first"),
        pytest.param(in_history(41, 90, dates="21"), 90, False, True, id="an older one of a higher number"),
        pytest.param(in_history(42, 41, dates="--"), 42, True, True, id="no dates"),
        pytest.param(in_history(7, 41, dates="--"), 7, None, True, id="a number that fell, and no dates"),
        pytest.param(in_history(7, 41, dates="11"), 7, None, True, id="dates that say nothing"),
        pytest.param(in_history(42, 7, dates="21"), 42, True, False, id="nothing that the baseline knows"),
    ],
)
def test_two_of_three_witnesses_order_runs(
    history: list[Run], candidate: int, newer: bool | None, uncertain: bool
) -> None:
    baseline = baseline_of("api").ordered_by(history)
    assert baseline.is_new(named(candidate)) is (newer is True)
    assert baseline.is_contradicted_by(history) is (newer is None)
    assert (named(candidate) in baseline.uncertain) is uncertain


def test_an_execution_without_an_id_has_no_order() -> None:
    history = [run(None, {}), run(41, {})]
    assert baseline_of("api").ordered_by(history).order == {}


@pytest.mark.parametrize(
    ("numbers", "reaches"),
    [
        ([42, 41], True),
        ([43, 42], True),
        ([44, 42], False),
        ([42], True),
        ([43], False),
        ([], False),
        (["run-b"], False),
    ],
)
def test_a_history_reaches_back_where_it_shows_what_is_not_newer_or_every_number_since(
    numbers: list[int | str], reaches: bool
) -> None:
    assert baseline_of("api").reached_by([run(number, {}) for number in numbers]) is reaches


def test_a_history_without_numbers_reaches_back_only_to_what_it_shows() -> None:
    baseline = baseline_of("api", number="run-a")
    assert not baseline.reached_by([run("run-b", {})])
    assert baseline.reached_by([run("run-b", {}), run("run-a", {})])


@pytest.mark.parametrize(("number", "next_one"), [(42, True), (43, False), (41, False), ("run-b", False)])
def test_the_next_run_has_the_next_number(number: int | str, next_one: bool) -> None:
    assert baseline_of("api").follows(named(number)) is next_one


@pytest.mark.parametrize(
    ("origin", "name", "by", "whose", "may_be"),
    [
        ("API", None, "API", "anybody", True),
        ("API", None, None, None, True),
        ("API", None, "CONSOLE", "anybody", False),
        (None, None, "CONSOLE", "anybody", True),
        ("API", "robot", "API", "robot", True),
        ("API", "robot", "API", "alice", False),
        ("API", "robot", "API", None, True),
        ("API", "robot", "CONSOLE", "robot", False),
    ],
)
def test_origin_and_name_say_what_may_be_ours(
    origin: str | None, name: str | None, by: str | None, whose: str | None, may_be: bool
) -> None:
    baseline = replace(baseline_of("api"), origin=origin, name=name)
    assert baseline.may_be_ours(run(42, {}, origin=by, triggered_by=whose)) is may_be


@pytest.mark.parametrize(
    ("history", "last", "busy"),
    [
        ([], None, False),
        ([run(42, {}), run(41, {})], 42, False),
        ([run(42, {}, status="ONGOING"), run(41, {})], 42, True),
    ],
)
def test_a_history_shows_an_environments_last_run(history: list[Run], last: int | None, busy: bool) -> None:
    shown = last_reading(ENVIRONMENT, history)
    assert (shown.last_execution_id, shown.busy) == (execution(last), busy)
