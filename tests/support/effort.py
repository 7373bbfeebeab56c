"""How many nights the simulation plays: few by default, more with the variable `SIMULATION_SEEDS`."""

import os

FULL = 1000
"""What `.ci/run` plays; from there on, tests also check that the nights differ enough to prove something."""
SEEDS = int(os.environ.get("SIMULATION_SEEDS", "150"))
IS_FULL = SEEDS >= FULL


def scaled(count: int) -> int:
    """Return how many of `count` nights, meant for `FULL` seeds, are played."""
    return max(count * SEEDS // FULL, 1)
