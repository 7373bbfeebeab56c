"""What else happens in a world while somebody restarts things in it."""

import pytest

from orchestrator.simulator.chance import source
from orchestrator.simulator.incidents import _CLOCK_STEPS, Incident, _clear_queue, plant
from orchestrator.simulator.model import COLLEAGUES, PLATFORM, Action
from orchestrator.simulator.record import (
    RequestAccepted,
    RequestCancelled,
    RunCancelled,
    ServiceRemoved,
    ServiceRestarted,
)
from orchestrator.simulator.world import EPOCH, Trigger, World
from tests.support.worlds import ENVIRONMENT, US, a_world_of, deploy, over, restart


def visited(incident: Incident, seed: int) -> World:
    """A world with an incident, and a client that looks, restarts everything, and stays to the end."""
    world = a_world_of(9, seed=seed)
    plant(world, ENVIRONMENT, incident, source(seed, "test"))
    world.notice(ENVIRONMENT, Trigger.LOOK)
    world.advance(0.5)
    restart(world, range(9))
    world.notice(ENVIRONMENT, Trigger.SUBMIT)
    over(world)
    return world


def others(world: World) -> set[tuple[str, Action]]:
    return {(request.user, request.action) for request in world.record.of(RequestAccepted) if request.user != US}


@pytest.mark.parametrize(
    ("incident", "action"),
    [(Incident.COLLEAGUE_DEPLOYS, Action.DEPLOY), (Incident.COLLEAGUE_RESTARTS, Action.RESTART)],
)
def test_a_colleague_is_never_taken_for_us(incident: Incident, action: Action) -> None:
    seen = {entry for seed in range(20) for entry in others(visited(incident, seed))}
    assert seen == {(colleague, action) for colleague in COLLEAGUES}


def test_the_auto_stop_rule_acts_in_the_platforms_name() -> None:
    assert others(visited(Incident.AUTO_STOP, 1)) == {(PLATFORM, Action.STOP)}


def test_a_colleague_cancels_our_run() -> None:
    cancels = [
        cancel.user for seed in range(20) for cancel in visited(Incident.RUN_CANCELLED, seed).record.of(RunCancelled)
    ]
    assert cancels
    assert set(cancels) <= set(COLLEAGUES)


def test_a_colleague_takes_our_request_out_of_the_queue() -> None:
    worlds = [visited(Incident.REQUEST_CANCELLED, seed) for seed in range(20)]
    taken = [world for world in worlds if world.record.of(RequestCancelled)]
    assert taken
    ours = {request.request_id for world in taken for request in world.record.accepted(ENVIRONMENT, user=US)}
    assert {cancel.request_id for world in taken for cancel in world.record.of(RequestCancelled)} <= ours


def test_a_colleague_who_clears_the_queue_leaves_their_own_request_in_it() -> None:
    world = a_world_of(2)
    deploy(world, [0], user=COLLEAGUES[1])
    world.advance(10.0)
    theirs, ours = deploy(world, [1], user=COLLEAGUES[0]), restart(world, [0, 1])
    world.advance(13.0)
    _clear_queue(ENVIRONMENT, COLLEAGUES[0], world)
    assert [request.id for request in world.snapshot(ENVIRONMENT).waiting] == [theirs.id]
    assert [cancel.request_id for cancel in world.record.of(RequestCancelled)] == [ours.id]


def test_a_colleague_restarts_everything_and_in_some_worlds_takes_what_waits_behind_it_out_of_the_queue() -> None:
    worlds = [visited(Incident.COLLEAGUE_RESTARTS_ALL, seed) for seed in range(60)]
    for world in worlds:
        (theirs,) = [one for one in world.record.of(RequestAccepted) if one.user != US]
        assert (theirs.user in COLLEAGUES, theirs.action) == (True, Action.RESTART)
        assert theirs.service_ids == tuple(f"service-{number}" for number in range(9))
        assert theirs.at <= 0.2, "between our first look and a submit that is not made at once"
    cancelled = [(world, cancel) for world in worlds for cancel in world.record.of(RequestCancelled)]
    assert 0 < len({id(world) for world, _ in cancelled}) < len(worlds)
    for world, cancel in cancelled:
        assert cancel.user in COLLEAGUES
        assert cancel.request_id in {one.request_id for one in world.record.accepted(ENVIRONMENT, user=US)}


def test_the_platforms_clock_is_set_back_in_some_worlds_and_forward_in_others_and_nothing_else_is_done() -> None:
    steps = []
    for seed in range(40):
        world = visited(Incident.CLOCK_SET, seed)
        assert others(world) == set()
        steps.append((world.at(world.now) - EPOCH).total_seconds() - world.now)
    assert min(steps) < 0 < max(steps)
    assert all(step in _CLOCK_STEPS for step in steps), "each is set once"


def test_a_service_fails() -> None:
    failed = [
        restarted for restarted in visited(Incident.SERVICE_FAILS, 1).record.of(ServiceRestarted) if not restarted.ok
    ]
    assert len(failed) == 1


def test_a_service_disappears() -> None:
    assert len(visited(Incident.SERVICE_DISAPPEARS, 1).record.of(ServiceRemoved)) == 1


def test_what_belongs_to_the_past_does_nothing_later() -> None:
    assert others(visited(Incident.STOPPED_BEFORE, 1)) == set()


def test_an_incident_that_the_platform_refuses_does_no_harm() -> None:
    for incident in (
        Incident.COLLEAGUE_RESTARTS,
        Incident.COLLEAGUE_RESTARTS_ALL,
        Incident.RUN_CANCELLED,
        Incident.COLLEAGUE_DEPLOYS,
    ):
        for seed in range(10):
            world = a_world_of(1, seed=seed)
            plant(world, ENVIRONMENT, incident, source(seed, "test"))
            world.remove_service(ENVIRONMENT, "service-0")
            world.notice(ENVIRONMENT, Trigger.LOOK)
            world.notice(ENVIRONMENT, Trigger.SUBMIT)
            over(world)
            assert others(world) == set()
