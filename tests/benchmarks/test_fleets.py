"""The bounds on what watching a fleet costs and how late it is, in virtual time; the whole table is in the README."""

from tests.benchmarks.fleets import Fleet, measure


def test_one_environment_takes_at_most_half_the_requests_of_a_look_every_three_seconds() -> None:
    fleet = Fleet(environments=1, nights=60, by_id=True)
    ours, theirs = measure(fleet, "this product"), measure(fleet, "a look every 3 s")
    assert ours.per_environment <= theirs.per_environment / 2
    assert ours.mean_delay < 4.0


def test_a_hundred_environments_of_one_project_take_three_and_a_half_requests_each_and_are_known_in_five_seconds() -> (
    None
):
    measured = measure(Fleet(environments=100), "this product")
    assert measured.per_environment <= 3.5
    assert measured.mean_delay < 5.0


def test_a_thousand_environments_on_one_token_take_few_requests_prove_many_in_the_first_hour_and_see_no_429() -> None:
    """One test for three bounds, since measuring them takes long."""
    thousand = measure(Fleet(environments=1000, projects=20), "this product")
    assert thousand.per_environment <= 3.4
    assert thousand.in_first_hour >= 280
    assert thousand.over_quota == 0, "no 429 of our own making"
