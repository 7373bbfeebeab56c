"""The bounds on what watching a fleet costs and how late it is, in virtual time; the whole table is in the README."""

from tests.benchmarks.fleets import Fleet, measure
from tests.support.effort import IS_FULL

LARGE, MOST = (Fleet(environments=1000, projects=20), 3.4) if IS_FULL else (Fleet(environments=400, projects=8), 3.45)
"""Without the full effort fewer environments, which are as many as the quota bears in the first hour, and some more.

What is known in the first hour is the same; each environment takes a little more, since fewer share the last looks.
"""


def test_one_environment_takes_at_most_half_the_requests_of_a_look_every_three_seconds() -> None:
    fleet = Fleet(environments=1, nights=30, by_id=True)
    ours, theirs = measure(fleet, "this product"), measure(fleet, "a look every 3 s")
    assert ours.per_environment <= theirs.per_environment / 2
    assert ours.mean_delay < 4.0


def test_a_hundred_environments_of_one_project_take_three_and_a_half_requests_each_and_are_known_in_five_seconds() -> (
    None
):
    measured = measure(Fleet(environments=100), "this product")
    assert measured.per_environment <= 3.5
    assert measured.mean_delay < 5.0


def test_a_large_fleet_on_one_token_takes_few_requests_proves_much_in_the_first_hour_and_sees_no_429() -> None:
    """One test for three bounds, since measuring them takes long."""
    large = measure(LARGE, "this product")
    assert large.per_environment <= MOST
    assert large.in_first_hour >= 280
    assert large.over_quota == 0, "no 429 of our own making"
