"""Reproducible chance: everything random in the simulator comes from a seed and a purpose."""

import random

EVEN = 0.5
"""A probability of one half."""


def source(seed: int, *purpose: object) -> random.Random:
    """Return the source of chance for one purpose, so that unrelated decisions do not affect each other."""
    return random.Random("/".join(map(str, (seed, *purpose))))  # noqa: S311 - it has to be reproducible


def happens(rng: random.Random, probability: float) -> bool:
    """Return True with the given probability."""
    return rng.random() < probability
