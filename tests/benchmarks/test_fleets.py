"""The bounds on what watching a fleet costs and how late it is, in virtual time; the whole table is in the README."""

import pytest

from tests.benchmarks.fleets import Fleet, Measured, measure


def test_one_environment_takes_at_most_half_the_requests_of_a_look_every_three_seconds() -> None:
    fleet = Fleet(environments=1, nights=60, by_id=True)
    ours, theirs = measure(fleet, "this product"), measure(fleet, "a look every 3 s")
    assert ours.per_environment <= theirs.per_environment / 2
    assert ours.mean_delay < 4.0


@pytest.fixture(scope="module")
def thousand() -> Measured:
    return measure(Fleet(environments=1000, projects=20), "this product")


def test_a_hundred_environments_of_one_project_take_three_and_a_half_requests_each_and_are_known_in_five_seconds() -> (
    None
):
    measured = measure(Fleet(environments=100), "this product")
    assert measured.per_environment <= 3.5
    assert measured.mean_delay < 5.0


def test_a_thousand_environments_on_one_token_take_three_point_four_requests_each(thousand: Measured) -> None:
    assert thousand.per_environment <= 3.4


def test_a_fresh_quota_of_a_thousand_requests_proves_280_environments_in_its_first_hour(thousand: Measured) -> None:
    assert thousand.in_first_hour >= 280


def test_a_thousand_environments_on_one_token_never_see_a_429_of_their_own_making(thousand: Measured) -> None:
    assert thousand.over_quota == 0
