"""The rules by which other tools decide, on nights on which ours is never wrong."""

from collections.abc import Mapping

import pytest

from tests.simulation.rivals import RIVALS, Rule, Tally, measure

SEEDS = range(40)


@pytest.fixture(scope="module")
def tallies() -> Mapping[Rule, Tally]:
    return measure(SEEDS, "hostile")


def test_whoever_polls_the_environments_status_says_yes_to_restarts_that_never_were(
    tallies: Mapping[Rule, Tally],
) -> None:
    assert tallies[Rule.ENVIRONMENT].wrongly > 0


def test_whoever_watches_the_stale_statuses_mostly_says_yes_before_the_restart(tallies: Mapping[Rule, Tally]) -> None:
    tally = tallies[Rule.STATUSES]

    assert tally.too_early + tally.wrongly > tally.said_yes / 3


def test_whoever_allows_five_errors_gives_up_where_waiting_would_have_proven_more(
    tallies: Mapping[Rule, Tally],
) -> None:
    assert tallies[Rule.EXECUTIONS].said_yes < tallies[Rule.OURS].said_yes


@pytest.mark.parametrize("rule", RIVALS, ids=lambda rule: rule.name.lower())
def test_whoever_posts_again_when_the_answer_is_lost_restarts_twice(rule: Rule, tallies: Mapping[Rule, Tally]) -> None:
    assert tallies[rule].twice > 0


def test_ours_is_never_wrong_never_early_never_hung_and_never_submits_twice(tallies: Mapping[Rule, Tally]) -> None:
    ours = tallies[Rule.OURS]

    assert (ours.wrongly, ours.too_early, ours.hung, ours.twice) == (0, 0, 0, 0)
    # Whoever never says yes is never wrong either.
    assert ours.said_yes > ours.environments / 3


def test_in_a_calm_world_every_rule_is_right() -> None:
    for tally in measure(range(5), "none").values():
        assert tally.said_yes == tally.environments > 0
        assert (tally.wrongly, tally.too_early, tally.hung, tally.twice) == (0, 0, 0, 0)
