"""What a restart is expected to cost, in requests and in time."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.costs import (
    BURST,
    OWN_LOOKS,
    PER_BATCH,
    SERVICES_AT_ONCE,
    SHARED_LOOKS,
    TO_BEGIN,
    TO_CANCEL,
    Cost,
    Estimate,
    costs_of,
    estimate,
    expected_duration,
)
from orchestrator.domain.durations import HOUR
from orchestrator.domain.plan import OnDeadline, Plan, Policy, Strategy, Target
from tests.support.builders import target

CANCELS = Policy(on_deadline=OnDeadline.CANCEL)


def targets(*projects: str | None, policy: Policy | None = None) -> list[Target]:
    """One target in each of the projects, named by its place."""
    return [
        replace(target("api", name=str(number), policy=policy), project_id=project)
        for number, project in enumerate(projects)
    ]


def looks_of(projects: Sequence[str | None], *, at_once: int) -> list[float]:
    costs = costs_of(targets(*projects), at_once=at_once)
    return [costs[str(number)].looks for number in range(len(projects))]


# Time.


@pytest.mark.parametrize(
    ("services", "seconds"),
    [
        pytest.param(0, TO_BEGIN, id="none"),
        pytest.param(1, TO_BEGIN + PER_BATCH, id="one"),
        pytest.param(7, 20.8, id="the first seven of the recorded restart"),
        pytest.param(8, TO_BEGIN + 2 * PER_BATCH, id="one more than fit"),
        pytest.param(10, 31.3, id="the recorded restart of ten"),
        pytest.param(21, TO_BEGIN + 3 * PER_BATCH, id="three times as many as fit"),
    ],
)
def test_a_restart_takes_as_long_as_the_recorded_one_did(services: int, seconds: float) -> None:
    assert expected_duration(services) == pytest.approx(seconds)


@given(services=st.integers(0, 1000))
def test_another_service_never_shortens_a_restart_and_costs_at_the_most_a_batch(services: int) -> None:
    more = expected_duration(services + 1) - expected_duration(services)
    assert more == pytest.approx(PER_BATCH if services % SERVICES_AT_ONCE == 0 else 0.0)


# Requests.


def test_an_environment_alone_costs_a_baseline_a_submit_its_looks_and_a_proof() -> None:
    cost = costs_of(targets(None), at_once=10)["0"]
    assert (cost.baseline, cost.submit, cost.proof, cost.cancel, cost.looks) == (1, 1, 1, 0, OWN_LOOKS)
    assert (cost.total, cost.needed, cost.at_the_end) == (3 + OWN_LOOKS, 3, 1)


def test_one_that_is_to_be_cancelled_at_its_deadline_keeps_what_that_takes_until_its_end() -> None:
    cost = costs_of(targets(None, policy=CANCELS), at_once=10)["0"]
    assert (cost.total, cost.needed, cost.at_the_end) == (3 + TO_CANCEL + OWN_LOOKS, 3 + TO_CANCEL, 1 + TO_CANCEL)


@pytest.mark.parametrize(
    ("projects", "at_once", "sharers"),
    [
        pytest.param(["a"], 10, [1], id="alone"),
        pytest.param(["a", "b"], 10, [1, 1], id="each in a project of its own"),
        pytest.param(["a", "a"], 10, [2, 2], id="two of one project"),
        pytest.param(["a", "a", "b"], 10, [2, 2, 1], id="two of one, and one of another"),
        pytest.param(["a"] * 5, 2, [2] * 5, id="five, of which two are in flight at once"),
        pytest.param(["a"] * 5, 1, [1] * 5, id="five, one after the other"),
        pytest.param([None, None, None], 10, [1, 1, 1], id="nobody knows where they are"),
        pytest.param(["", "", ""], 10, [1, 1, 1], id="a project without an id is none"),
        pytest.param(["a", None, "a"], 10, [2, 1, 2], id="of one nobody knows where it is"),
    ],
)
def test_looks_are_shared_by_those_of_a_project_that_are_in_flight_at_once(
    projects: list[str | None], at_once: int, sharers: list[int]
) -> None:
    expected = [OWN_LOOKS if each == 1 else OWN_LOOKS / each + SHARED_LOOKS for each in sharers]
    assert looks_of(projects, at_once=at_once) == pytest.approx(expected)


@given(
    projects=st.lists(st.none() | st.sampled_from(["", "a", "b"]), min_size=1, max_size=40),
    at_once=st.integers(1, 50),
)
def test_sharing_never_costs_more_than_looking_alone_and_every_target_has_its_cost(
    projects: list[str | None], at_once: int
) -> None:
    costs = costs_of(targets(*projects), at_once=at_once)
    assert list(costs) == [str(number) for number in range(len(projects))]
    for cost in costs.values():
        assert SHARED_LOOKS < cost.looks <= OWN_LOOKS
        assert cost.at_the_end <= cost.needed <= cost.total


def test_a_plan_that_is_read_only_once_is_enough() -> None:
    assert len(costs_of(iter(targets("a", "a")), at_once=2)) == 2


def test_without_targets_nothing_costs_anything() -> None:
    assert costs_of([], at_once=10) == {}


def test_a_cost_of_nothing_is_nothing() -> None:
    assert Cost(baseline=0, submit=0, proof=0, looks=0.0).total == 0


# A whole plan.

ONE = expected_duration(1)
ALONE = 3 + OWN_LOOKS
"""What one environment costs, of which nobody knows where it is."""


def plan(*waves: int, at_once: int = 10, pause: float = 0.0, deadline: float = 14_400.0) -> Plan:
    """So many environments of one service in each wave."""
    return Plan(
        targets=tuple(
            target("api", name=f"{wave}-{number}", wave=wave)
            for wave, count in enumerate(waves, start=1)
            for number in range(count)
        ),
        strategy=Strategy(max_parallel=at_once, pause_between_waves=pause, run_deadline=deadline),
    )


def estimated(plan: Plan, *, left: int = 1000, per_hour: int = 1000, renewed_in: float = 1800.0) -> Estimate:
    return estimate(plan, left=left, per_hour=per_hour, renewed_in=renewed_in)


def test_an_estimate_adds_up_what_every_environment_costs() -> None:
    found = estimated(plan(3, 2))
    assert (found.baselines, found.submits, found.proofs, found.looks) == (5, 5, 5, 5 * OWN_LOOKS)
    assert found.total == 5 * ALONE
    assert (found.left, found.per_hour, found.run_deadline_s) == (1000, 1000, 14_400.0)


def test_what_is_shared_is_not_whole_and_is_counted_as_whole_requests_in_the_end() -> None:
    found = estimated(Plan(targets=tuple(targets("a", "a", "a"))))
    assert found.looks == pytest.approx(OWN_LOOKS + 3 * SHARED_LOOKS)
    assert found.total == 9 + 5


@pytest.mark.parametrize(
    ("plan", "seconds"),
    [
        pytest.param(plan(), 0.0, id="nothing"),
        pytest.param(plan(10), ONE, id="as many as go at once"),
        pytest.param(plan(11), 2 * ONE, id="one more"),
        pytest.param(plan(1, 1, 1), 3 * ONE, id="wave after wave"),
        pytest.param(plan(1, 1, 1, pause=60.0), 3 * ONE + 120, id="with a pause between them"),
        pytest.param(plan(4, at_once=1), 4 * ONE, id="one after the other"),
    ],
)
def test_a_plan_takes_round_after_round_where_the_quota_bears_it(plan: Plan, seconds: float) -> None:
    assert estimated(plan).duration_s == pytest.approx(seconds)


def test_a_round_takes_as_long_as_its_longest_restart() -> None:
    long = target(*(f"service-{number}" for number in range(20)), name="long")
    assert estimated(Plan(targets=(*targets(None, None), long))).duration_s == pytest.approx(expected_duration(20))


@pytest.mark.parametrize(
    ("left", "per_hour", "seconds"),
    [
        pytest.param(70, 1000, ONE, id="just enough"),
        pytest.param(69, 1000, 1800 + ONE, id="not quite"),
        pytest.param(0, 1000, 1800 + ONE, id="none"),
        pytest.param(0, 70, 1800 + HOUR + ONE, id="an hour's quota but for what is not waited for"),
        pytest.param(0, 10, 1800 + 8 * HOUR + ONE, id="hour after hour"),
        pytest.param(0, 0, 1800 + 69 * HOUR + ONE, id="next to nothing an hour: it ends all the same"),
    ],
)
def test_a_round_for_which_too_little_is_left_waits_for_the_quota(left: int, per_hour: int, seconds: float) -> None:
    found = estimated(plan(10), left=left, per_hour=per_hour)
    assert found.duration_s == pytest.approx(seconds)


def test_what_one_round_takes_is_not_there_for_the_next() -> None:
    for left, waits in ((140, 0.0), (139, 1800.0 - ONE)):
        assert estimated(plan(20), left=left).duration_s == pytest.approx(2 * ONE + waits)


def test_a_plan_fits_that_is_over_by_the_runs_deadline() -> None:
    assert [estimated(plan(1, deadline=deadline)).fits for deadline in (ONE - 0.1, ONE, ONE + 0.1)] == [
        False,
        True,
        True,
    ]


@given(
    waves=st.lists(st.integers(0, 30), max_size=4),
    at_once=st.integers(1, 20),
    left=st.integers(0, 300),
    per_hour=st.integers(0, 300),
    renewed_in=st.floats(0, 3600),
)
def test_nothing_is_shorter_than_where_all_is_left_and_the_quota_bears_what_it_takes(
    waves: list[int], at_once: int, left: int, per_hour: int, renewed_in: float
) -> None:
    found = estimated(plan(*waves, at_once=at_once), left=left, per_hour=per_hour, renewed_in=renewed_in)
    enough = estimated(plan(*waves, at_once=at_once), left=found.total, per_hour=per_hour, renewed_in=renewed_in)
    assert enough.duration_s <= found.duration_s + 1e-6
    assert found.total == enough.total == sum(waves) * ALONE
    hours = 1 + max(found.duration_s - renewed_in, 0.0) // HOUR
    there = left + (hours * max(BURST * per_hour, 1.0) if found.duration_s > renewed_in else 0.0)
    assert found.total <= there + 1e-6
