"""The rules by which other tools decide, on nights on which ours is never wrong."""

from tests.simulation.rivals import RIVALS, Rule, measure

SEEDS = range(25)


def test_on_hostile_nights_each_rule_makes_its_mistakes_and_ours_makes_none() -> None:
    """One test for all rules, since measuring them takes long, and each process would do it anew."""
    tallies = measure(SEEDS, "hostile")
    ours = tallies[Rule.OURS]
    of_environment, of_statuses, of_executions = (tallies[rule] for rule in RIVALS)

    assert of_environment.wrongly > 0, "whoever polls the environment's status says yes to restarts that never were"
    assert of_statuses.too_early + of_statuses.wrongly > of_statuses.said_yes / 3, (
        "whoever watches the stale statuses mostly says yes before the restart"
    )
    assert of_executions.said_yes < ours.said_yes, (
        "whoever allows five errors gives up where waiting would have proven more"
    )
    for rule in RIVALS:
        assert tallies[rule].twice > 0, f"{rule}: whoever posts again when the answer is lost restarts twice"
    assert (ours.wrongly, ours.too_early, ours.hung, ours.twice) == (0, 0, 0, 0)
    assert ours.said_yes > ours.environments / 3, "whoever never says yes is never wrong either"


def test_in_a_calm_world_every_rule_is_right() -> None:
    for tally in measure(range(5), "none").values():
        assert tally.said_yes == tally.environments > 0
        assert (tally.wrongly, tally.too_early, tally.hung, tally.twice) == (0, 0, 0, 0)


def test_where_the_names_cannot_be_looked_up_ours_says_no() -> None:
    ours = measure(range(689, 690), "hostile")[Rule.OURS]
    assert (ours.environments > 0, ours.said_yes, ours.wrongly, ours.hung, ours.twice) == (True, 0, 0, 0, 0)
