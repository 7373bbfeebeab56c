"""Chance that repeats itself: everything random in the simulator comes from a seed and a purpose."""

import random

EVEN = 0.5
"""As likely as not."""


def source(seed: int, *purpose: object) -> random.Random:
    """Return the source of chance for one purpose, so that unrelated things do not disturb each other's fate."""
    return random.Random("/".join(map(str, (seed, *purpose))))  # noqa: S311 - it has to repeat itself


def happens(rng: random.Random, probability: float) -> bool:
    """Decide whether something of a given probability happens."""
    return rng.random() < probability
