"""Many seeds, each a different night: whatever goes wrong, the promises hold."""

import os
from collections import Counter

import pytest

from orchestrator.outcomes import Outcome
from tests.simulation.oracle import command_to_replay, violations
from tests.simulation.replay import play

WANTED = int(os.environ.get("SIMULATION_SEEDS", "0"))
HOSTILE = WANTED or 150
REALISTIC = WANTED or 50
INTERRUPTED = WANTED or 60

pytestmark = pytest.mark.timeout(120 + WANTED)


def play_all(seeds: range, *, profile: str, ordeal: str = "none") -> Counter[Outcome]:
    """Play `seeds` and return how the environments ended; fail with the command that replays each bad one."""
    outcomes: Counter[Outcome] = Counter()
    bad: list[str] = []
    for seed in seeds:
        run = play(seed, profile=profile, ordeal=ordeal)
        outcomes.update(environment.outcome for environment in run.report.environments)
        if problems := violations(run):
            replay = command_to_replay(profile=profile, seed=seed, ordeal=ordeal)
            bad.append("\n    ".join((replay, *problems)))
    if bad:
        pytest.fail(f"{len(bad)} of {len(seeds)} seeds violated a promise:\n" + "\n".join(bad), pytrace=False)
    return outcomes


def test_every_promise_holds_on_hostile_nights() -> None:
    outcomes = play_all(range(HOSTILE), profile="hostile")

    # A night on which nothing succeeds, or nothing fails, would prove nothing.
    assert outcomes[Outcome.SUCCEEDED] > HOSTILE / 2
    assert outcomes.keys() >= {Outcome.FAILED, Outcome.CANCELLED, Outcome.BLOCKED, Outcome.TIMED_OUT, Outcome.SKIPPED}


def test_every_promise_holds_on_ordinary_nights_and_most_restarts_succeed() -> None:
    outcomes = play_all(range(REALISTIC), profile="realistic")

    assert outcomes[Outcome.SUCCEEDED] > 0.8 * outcomes.total()


def test_every_promise_holds_when_a_signal_comes_at_any_instant() -> None:
    outcomes = play_all(range(INTERRUPTED), profile="hostile", ordeal="signal")

    assert outcomes[Outcome.UNKNOWN] > 0
    assert outcomes[Outcome.SKIPPED] > 0


def test_nothing_goes_wrong_in_a_calm_world() -> None:
    outcomes = play_all(range(20), profile="none")

    assert outcomes.keys() == {Outcome.SUCCEEDED}


@pytest.mark.parametrize("seed", range(5), ids=lambda seed: f"seed-{seed}")
def test_a_seed_plays_the_same_night_every_time(seed: int) -> None:
    def told() -> list[tuple[float, str, str | None]]:
        return [(event.at, event.name, event.environment) for event in play(seed, profile="hostile").events]

    assert told() == told()
