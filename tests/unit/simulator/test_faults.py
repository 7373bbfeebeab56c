"""What goes wrong with single requests, and that it repeats itself."""

from collections import Counter
from collections.abc import Sequence
from functools import cache

import pytest

from orchestrator.simulator.faults import STALE_BY_UP_TO, Fate, Fault, FaultProfile, Faults

READING = "/environment/e/statusesWithStages"
FLAT = "/environment/e/statuses"
COMMAND = "/environment/e/service/restart-service"


def fates(
    profile: FaultProfile, path: str, *, seed: int = 1, method: str = "GET", count: int = 400, now: float = 0.0
) -> list[Fate]:
    faults = Faults(profile, seed=seed)
    return [faults.next(method, path, now=now) for _ in range(count)]


@cache
def over_seeds(profile: FaultProfile, path: str, *, method: str = "GET") -> Sequence[Fate]:
    # Each seed is asked at another time, so that bursts are met as often as they come.
    return [
        fate
        for seed in range(60)
        for fate in fates(profile, path, seed=seed, method=method, count=150, now=seed * 50.0)
    ]


def faulty(found: Sequence[Fate]) -> float:
    return sum(fate.fault not in (Fault.NONE, Fault.STALE) for fate in found) / len(found)


def test_nothing_ever_goes_wrong_in_a_calm_world() -> None:
    found = set(fates(FaultProfile.NONE, READING))
    assert {(fate.fault, fate.acted) for fate in found} == {(Fault.NONE, True)}
    assert len(found) == 1
    assert sum(fate.before + fate.after for fate in found) == pytest.approx(0.15)


def test_a_few_requests_in_a_hundred_fail_in_a_realistic_world() -> None:
    assert 0.005 < faulty(over_seeds(FaultProfile.REALISTIC, READING)) < 0.05


def test_many_requests_fail_in_a_hostile_world_and_most_do_not() -> None:
    assert 0.08 < faulty(over_seeds(FaultProfile.HOSTILE, READING)) < 0.3


def test_the_truthful_reading_is_stale_in_hostile_worlds_alone() -> None:
    realistic = Counter(fate.fault for fate in over_seeds(FaultProfile.REALISTIC, READING))
    hostile = Counter(fate.fault for fate in over_seeds(FaultProfile.HOSTILE, READING))
    assert realistic[Fault.STALE] == 0
    assert hostile[Fault.STALE] > 0
    assert Counter(fate.fault for fate in over_seeds(FaultProfile.REALISTIC, FLAT))[Fault.STALE] > 0


def test_only_stale_readings_have_an_age() -> None:
    found = over_seeds(FaultProfile.HOSTILE, FLAT)
    assert all((fate.age > 0) == (fate.fault is Fault.STALE) for fate in found)
    assert max(fate.age for fate in found) <= STALE_BY_UP_TO


def test_commands_meet_every_fault_that_is_not_about_readings() -> None:
    found = {fate.fault for fate in over_seeds(FaultProfile.HOSTILE, COMMAND, method="POST")}
    readings = {Fault.STALE, Fault.UNKNOWN_STATE, Fault.NO_EXECUTION_IDS, Fault.NO_LISTS}
    assert found == set(Fault) - readings


def test_readings_meet_every_fault_that_is_not_about_commands() -> None:
    found = {fate.fault for fate in over_seeds(FaultProfile.HOSTILE, READING)}
    assert found == set(Fault) - {Fault.CONFLICT}


@pytest.mark.parametrize(
    ("fault", "acted"),
    [
        pytest.param(Fault.REFUSED, {False}, id="never sent"),
        pytest.param(Fault.THROTTLED, {False}, id="refused by the quota"),
        pytest.param(Fault.CONFLICT, {False}, id="refused for no reason"),
        pytest.param(Fault.RESET, {True, False}, id="reset before or after"),
        pytest.param(Fault.HANG_UP, {True, False}, id="closed before or after"),
        pytest.param(Fault.SERVER_ERROR, {True, False}, id="5xx before or after"),
        pytest.param(Fault.BAD_GATEWAY, {True, False}, id="502 before or after"),
        pytest.param(Fault.PROXY_PAGE, {True, False}, id="a proxy's page before or after"),
        pytest.param(Fault.TRUNCATED, {True}, id="truncated after"),
        pytest.param(Fault.EMPTY, {True}, id="emptied after"),
        pytest.param(Fault.NONE, {True}, id="nothing wrong"),
    ],
)
def test_whether_a_command_has_had_its_effect(fault: Fault, acted: set[bool]) -> None:
    found = over_seeds(FaultProfile.HOSTILE, COMMAND, method="POST")
    assert {fate.acted for fate in found if fate.fault is fault} == acted


def test_the_same_seed_and_the_same_requests_have_the_same_fate() -> None:
    assert fates(FaultProfile.HOSTILE, READING, seed=7) == fates(FaultProfile.HOSTILE, READING, seed=7)
    assert fates(FaultProfile.HOSTILE, READING, seed=7) != fates(FaultProfile.HOSTILE, READING, seed=8)


def test_unrelated_requests_do_not_disturb_each_other() -> None:
    undisturbed = fates(FaultProfile.HOSTILE, READING, count=50)
    faults = Faults(FaultProfile.HOSTILE, seed=1)
    found = []
    for number in range(50):
        faults.next("GET", f"/environment/other-{number}/statusesWithStages", now=0.0)
        faults.next("POST", COMMAND, now=0.0)
        found.append(faults.next("GET", READING, now=0.0))
    assert found == undisturbed


def test_faults_come_in_bursts() -> None:
    faults = Faults(FaultProfile.HOSTILE, seed=3)
    by_slot = []
    for slot in range(200):
        found = [faults.next("GET", READING, now=slot * 45.0 + 1.0) for _ in range(20)]
        by_slot.append(faulty(found))
    assert max(by_slot) >= 0.6
    assert min(by_slot) <= 0.1


def test_some_requests_take_longer_than_a_client_waits() -> None:
    found = over_seeds(FaultProfile.HOSTILE, COMMAND, method="POST")
    assert any(fate.before > 30.0 for fate in found)
    assert any(fate.after > 30.0 for fate in found)
    assert sorted(fate.before + fate.after for fate in found)[len(found) // 2] < 1.0
