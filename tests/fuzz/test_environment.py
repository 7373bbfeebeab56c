"""Some mutated cases of `environment.py`, the same on every run; `python -m tests.fuzz` plays others."""

import pytest

from tests.fuzz.search import found_in

SEEDS = range(4)
pytestmark = pytest.mark.timeout(600)  # Some seconds; but the smallest case of a finding is looked for, too.


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"seed-{seed}")
def test_whatever_the_environment_says_the_command_ends_as_documented(seed: int) -> None:
    found_in("environment", seed=seed)
