"""The truth that the oracle of a simulated run asks for."""

import json

import pytest

from orchestrator.simulator.model import Action
from orchestrator.simulator.record import RunBegan
from tests.support.worlds import COLLEAGUE, ENVIRONMENT, NEW, US, a_world_of, deploy, over, restart


def test_the_accepted_restarts_of_each_user_are_counted() -> None:
    world = a_world_of(2)
    ours = restart(world, [0])
    restart(world, [1], user=COLLEAGUE)
    deploy(world, [0], user=US)
    assert [request.request_id for request in world.record.accepted(ENVIRONMENT, user=US)] == [ours.id]
    assert len(world.record.accepted(ENVIRONMENT, user=US, action=Action.DEPLOY)) == 1
    assert world.record.accepted("elsewhere", user=US) == []


@pytest.mark.parametrize(
    ("services", "after", "expected"),
    [
        pytest.param([0, 1], 0.0, True, id="all, by a run that began later"),
        pytest.param([0, 1, 2], 0.0, False, id="one of them never restarted"),
        pytest.param([0], 2.0, False, id="the run began at that very moment"),
        pytest.param([0], 5.0, False, id="the run began before"),
        pytest.param([], 0.0, True, id="nothing was asked for"),
    ],
)
def test_only_a_restart_by_a_later_run_is_true(services: list[int], after: float, expected: bool) -> None:
    world = a_world_of(3)
    restart(world, [0, 1])
    over(world)
    named = [f"service-{number}" for number in services]
    assert world.record.truly_restarted(ENVIRONMENT, named, after=after) is expected


def test_a_deployment_is_no_restart() -> None:
    world = a_world_of(1)
    deploy(world, [0])
    over(world)
    assert not world.record.truly_restarted(ENVIRONMENT, ["service-0"], after=0.0)


def test_a_failed_restart_is_no_restart() -> None:
    world = a_world_of(1)
    world.doom(ENVIRONMENT, "service-0")
    restart(world, [0])
    over(world)
    assert not world.record.truly_restarted(ENVIRONMENT, ["service-0"], after=0.0)


def test_a_restart_elsewhere_is_no_restart_here() -> None:
    world = a_world_of(1)
    restart(world, [0])
    over(world)
    assert not world.record.truly_restarted("elsewhere", ["service-0"], after=0.0)


def test_the_record_says_which_run_carried_which_requests() -> None:
    world = a_world_of(2)
    requests = (restart(world, [0]).id, restart(world, [1]).id)
    world.advance(1.0)
    over(world)
    began = world.record.of(RunBegan)
    assert (began[0].execution_id, began[0].request_ids) == (NEW, requests[:1])
    assert {request_id for run in began for request_id in run.request_ids} == set(requests)


def test_the_record_is_json_that_names_each_event() -> None:
    world = a_world_of(1)
    restart(world, [0])
    over(world)
    events = json.loads(json.dumps(world.record.to_json()))
    assert [event["event"] for event in events] == ["RequestAccepted", "RunBegan", "ServiceRestarted", "RunEnded"]
    assert len(events) == len(world.record) == len(list(world.record))
    assert events[0] | {"request_id": ""} == {
        "event": "RequestAccepted",
        "at": 0.0,
        "environment_id": ENVIRONMENT,
        "user": US,
        "action": "RESTART",
        "service_ids": ["service-0"],
        "request_id": "",
    }
