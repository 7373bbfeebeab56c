"""What a restart is expected to cost, in requests and in time."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.costs import (
    OWN_LOOKS,
    PER_BATCH,
    SERVICES_AT_ONCE,
    SHARED_LOOKS,
    TO_BEGIN,
    TO_CANCEL,
    Cost,
    costs_of,
    expected_duration,
)
from orchestrator.plan import OnDeadline, Policy, Target
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
