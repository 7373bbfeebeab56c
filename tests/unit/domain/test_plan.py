from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.plan import EnvironmentPath, Exclusion, FailureBudget, Plan
from tests.support.builders import target


@pytest.mark.parametrize(
    ("budget", "failures", "of", "exceeded"),
    [
        pytest.param(FailureBudget(count=0), 0, 1, False, id="none allowed, none failed"),
        pytest.param(FailureBudget(count=0), 1, 1000, True, id="none allowed, one failed"),
        pytest.param(FailureBudget(count=2), 2, 2, False, id="as many as allowed"),
        pytest.param(FailureBudget(count=2), 3, 100, True, id="one more than allowed"),
        pytest.param(FailureBudget(percent=Fraction(10)), 1, 10, False, id="a tenth of ten"),
        pytest.param(FailureBudget(percent=Fraction(10)), 2, 10, True, id="more than a tenth of ten"),
        pytest.param(FailureBudget(percent=Fraction(10)), 1, 9, True, id="a tenth of nine is less than one"),
        pytest.param(FailureBudget(percent=Fraction("33.3")), 333, 1000, False, id="a fraction that floats would miss"),
        pytest.param(FailureBudget(percent=Fraction("33.3")), 334, 1000, True, id="one beyond that fraction"),
        pytest.param(FailureBudget(percent=Fraction(0)), 1, 1000, True, id="0 % bears nothing"),
        pytest.param(FailureBudget(percent=Fraction(100)), 7, 7, False, id="100 % bears everything"),
        pytest.param(FailureBudget(count=5, percent=Fraction(0)), 1, 10, True, id="a percentage wins over a count"),
    ],
)
def test_a_budget_is_exceeded_and_not_equalled(budget: FailureBudget, failures: int, of: int, exceeded: bool) -> None:
    assert budget.exceeded_by(failures, of=of) is exceeded


@given(percent=st.fractions(0, 100, max_denominator=1000), of=st.integers(1, 10_000), failures=st.integers(0, 10_000))
def test_a_percentage_is_exact_to_the_last_environment(percent: Fraction, of: int, failures: int) -> None:
    exceeded = FailureBudget(percent=percent).exceeded_by(failures, of=of)
    assert exceeded is (Fraction(failures, of) > percent / 100)


@given(count=st.integers(0, 50), failures=st.integers(0, 50), of=st.integers(1, 50))
def test_one_more_failure_never_makes_a_budget_whole_again(count: int, failures: int, of: int) -> None:
    for budget in (FailureBudget(count=count), FailureBudget(percent=Fraction(count))):
        assert budget.exceeded_by(failures + 1, of=of) >= budget.exceeded_by(failures, of=of)


def test_the_default_budget_bears_no_failure() -> None:
    assert FailureBudget().exceeded_by(1, of=1000)


def test_waves_come_in_rising_order_and_keep_the_plans_order_inside() -> None:
    plan = Plan(
        targets=(target(name="d", wave=7), target(name="c", wave=2), target(name="b", wave=7), target(name="a", wave=2))
    )
    waves = [(number, [member.name for member in members]) for number, members in plan.waves()]
    assert waves == [(2, ["c", "a"]), (7, ["d", "b"])]


def test_a_plan_without_targets_has_no_waves() -> None:
    assert list(Plan(targets=()).waves()) == []


def test_a_target_knows_its_services_by_their_ids() -> None:
    assert target("api", "web").service_ids == {"api", "web"}


def test_a_path_is_written_as_people_write_it() -> None:
    assert str(EnvironmentPath(organization="acme", project="shop", environment="production")) == "acme/shop/production"


def test_all_services_are_those_to_restart_and_then_the_excluded_ones() -> None:
    ledger = Exclusion(id="ledger", name="ledger", type="database", why="a managed database")
    shop = replace(target("api", "web"), excluded=(ledger,))
    assert shop.all_services == (*shop.services, ledger)
    assert shop.service_ids == {"api", "web"}
