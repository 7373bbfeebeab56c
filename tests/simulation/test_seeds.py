"""Many seeds, each a different night: whatever goes wrong, the promises hold."""

from collections import Counter

import pytest

from orchestrator.domain.outcomes import Outcome
from tests.simulation.oracle import command_to_replay, violations
from tests.simulation.replay import play
from tests.support.effort import IS_FULL, SEEDS, scaled

SHARES = range(4)
"""Each kind is divided into so many tests, so that several processors can share them."""

pytestmark = pytest.mark.timeout(300 + SEEDS)


def share_of(count: int, share: int) -> range:
    """Return the seeds of one share of `count`."""
    size = max(scaled(count) // len(SHARES), 1)
    return range(share * size, (share + 1) * size)


def play_all(seeds: range, *, profile: str, ordeal: str = "none") -> Counter[Outcome]:
    """Play `seeds` and return how the environments ended; fail with the command that replays each bad one."""
    outcomes: Counter[Outcome] = Counter()
    bad: list[str] = []
    for seed in seeds:
        run = play(seed, profile=profile, ordeal=ordeal)
        if run.final is not None:
            outcomes.update(environment.outcome for environment in run.final.environments)
        if problems := violations(run):
            replay = command_to_replay(profile=profile, seed=seed, ordeal=ordeal)
            bad.append("\n    ".join((replay, *problems)))
    if bad:
        pytest.fail(f"{len(bad)} of {len(seeds)} seeds violated a promise:\n" + "\n".join(bad), pytrace=False)
    return outcomes


@pytest.mark.parametrize("share", SHARES)
def test_every_promise_holds_on_hostile_nights(share: int) -> None:
    seeds = share_of(320, share)
    outcomes = play_all(seeds, profile="hostile")

    # A night on which nothing succeeds, or nothing fails, would prove nothing.
    assert not IS_FULL or outcomes[Outcome.SUCCEEDED] > len(seeds) / 2
    assert not IS_FULL or outcomes.keys() >= {Outcome.FAILED, Outcome.BLOCKED, Outcome.TIMED_OUT, Outcome.UNKNOWN}


@pytest.mark.parametrize("share", SHARES)
def test_every_promise_holds_when_the_process_dies_and_is_resumed_again_and_again(share: int) -> None:
    seeds = share_of(440, share)
    outcomes = play_all(seeds, profile="hostile", ordeal="death")

    assert not IS_FULL or outcomes[Outcome.SUCCEEDED] > len(seeds) / 2
    assert not IS_FULL or outcomes.keys() >= {Outcome.FAILED, Outcome.BLOCKED, Outcome.TIMED_OUT, Outcome.UNKNOWN}


@pytest.mark.parametrize("share", SHARES)
def test_every_promise_holds_when_a_signal_comes_at_any_instant(share: int) -> None:
    outcomes = play_all(share_of(160, share), profile="hostile", ordeal="signal")

    assert not IS_FULL or (outcomes[Outcome.UNKNOWN] > 0 and outcomes[Outcome.SKIPPED] > 0)


@pytest.mark.parametrize("ordeal", ["none", "death"])
def test_hostile_nights_end_in_every_way_sooner_or_later(ordeal: str) -> None:
    missing = set(Outcome)
    for seed in range(320):
        run = play(seed, profile="hostile", ordeal=ordeal)
        missing -= set() if run.final is None else {environment.outcome for environment in run.final.environments}
        if not missing:
            return
    pytest.fail(f"no environment ended as {missing}")


def test_every_promise_holds_on_ordinary_nights_and_most_restarts_succeed() -> None:
    outcomes = play_all(range(scaled(80)), profile="realistic")

    assert outcomes[Outcome.SUCCEEDED] > 0.8 * outcomes.total()


def test_a_process_that_dies_on_an_ordinary_night_costs_nothing_but_time() -> None:
    outcomes = play_all(range(scaled(40)), profile="realistic", ordeal="death")

    assert outcomes[Outcome.SUCCEEDED] > 0.7 * outcomes.total()


def test_nothing_goes_wrong_in_a_calm_world() -> None:
    outcomes = play_all(range(20), profile="none")

    assert outcomes.keys() == {Outcome.SUCCEEDED}


@pytest.mark.parametrize("seed", range(5), ids=lambda seed: f"seed-{seed}")
def test_a_seed_plays_the_same_night_every_time(seed: int) -> None:
    def told() -> list[tuple[float, str, str | None]]:
        return [(event.at, event.name, event.environment) for event in play(seed, profile="hostile").events]

    assert told() == told()
