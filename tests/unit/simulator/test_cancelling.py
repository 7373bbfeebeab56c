"""What a cancel leaves behind in the simulated platform, which is not always the same."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from orchestrator.domain.states import State
from orchestrator.simulator.dials import Dials
from orchestrator.simulator.model import ActionStatus, Kind, Run
from orchestrator.simulator.record import RequestCancelled, RunCancelled, ServiceRestarted
from orchestrator.simulator.world import ConflictError, NotThereError, World
from tests.support.worlds import (
    CLOCKWORK,
    COLLEAGUE,
    ENVIRONMENT,
    NEW,
    OLD,
    US,
    a_world,
    a_world_of,
    at_rest,
    deploy,
    exactly,
    over,
    restart,
    service,
    states,
    times,
    truthful,
)

MANY = range(40)


EITHER = Dials(cancelled_keeps="either", environment_after_cancel="either")


def cancelled(seed: int, *, at: float, services: int = 10) -> World:
    """A restart that a colleague cancels at a second, where a cancel does not always leave the same behind."""
    world = a_world_of(services, seed=seed, dials=EITHER)
    restart(world, range(services))
    world.advance(at)
    world.cancel_run(ENVIRONMENT, user=COLLEAGUE)
    return world


def last_run(world: World) -> Run:
    return world.snapshot(ENVIRONMENT).past[-1]


def test_a_cancelled_request_leaves_no_trace_but_in_the_record() -> None:
    world = a_world_of(2)
    deploy(world, [0])
    world.advance(10.0)
    request = restart(world, [1])
    world.advance(13.0)
    world.cancel_request(request.id, user=US)
    assert truthful(world)["service-1"].state is State.RESTARTED
    assert over(world) == [State.DEPLOYED, State.RESTARTED]
    assert truthful(world)["service-1"].execution_id == OLD
    assert [cancel.request_id for cancel in world.record.of(RequestCancelled)] == [request.id]


def test_a_cancel_takes_only_the_request_that_it_names() -> None:
    world = a_world_of(2)
    deploy(world, [0])
    world.advance(10.0)
    request, other = restart(world, [1]), restart(world, [1], user=COLLEAGUE)
    world.advance(13.0)
    world.cancel_request(request.id, user=US)
    assert [waiting.id for waiting in world.snapshot(ENVIRONMENT).waiting] == [other.id]


@pytest.mark.parametrize(
    ("second", "error"),
    [
        pytest.param(1.0, NotThereError, id="still invisible"),
        pytest.param(3.0, ConflictError, id="already a run"),
        pytest.param(50.0, ConflictError, id="long over"),
    ],
)
def test_only_a_request_that_waits_can_be_cancelled(second: float, error: type[Exception]) -> None:
    world = a_world_of(1)
    request = restart(world, [0])
    world.advance(second)
    with pytest.raises(error):
        world.cancel_request(request.id, user=US)
    assert not world.record.of(RequestCancelled)
    assert over(world) == [State.RESTARTED]


def test_a_request_that_nobody_made_cannot_be_cancelled() -> None:
    with pytest.raises(NotThereError):
        a_world_of(1).cancel_request("nobodys", user=US)


@pytest.mark.parametrize("second", [1.0, 60.0], ids=["nothing runs yet", "everything is over"])
def test_where_nothing_runs_there_is_nothing_to_cancel(second: float) -> None:
    world = a_world_of(1)
    restart(world, [0])
    world.advance(second)
    with pytest.raises(ConflictError, match="nothing is in progress"):
        world.cancel_run(ENVIRONMENT, user=US)
    assert not world.record.of(RunCancelled)


def test_a_cancel_of_a_run_leaves_the_queue_alone() -> None:
    world = a_world_of(2)
    deploy(world, [0, 1])
    world.advance(10.0)
    restart(world, [0, 1])
    world.advance(13.0)
    world.cancel_run(ENVIRONMENT, user=US)
    assert over(world) == [State.RESTARTED, State.RESTARTED]


def test_while_a_cancel_is_in_progress_everything_else_is_refused() -> None:
    world = cancelled(1, at=8.0)
    snapshot = world.snapshot(ENVIRONMENT)
    assert snapshot.active is not None
    assert snapshot.active.state is State.CANCELING
    for refused in (lambda: restart(world, [0]), lambda: world.cancel_run(ENVIRONMENT, user=US)):
        with pytest.raises(ConflictError, match="Operation is in progress"):
            refused()
    assert len(world.record.of(RunCancelled)) == 1


def test_a_cancel_before_the_engine_has_begun_restarts_nothing() -> None:
    for seed in MANY:
        world = cancelled(seed, at=3.0)
        assert set(over(world)) <= {State.CANCELED, State.RESTARTED}
        assert not world.record.of(ServiceRestarted)
        assert last_run(world).status is ActionStatus.CANCELED
        assert {step.state for step in last_run(world).steps.values()} == {State.CANCELED}


def shows(predicate: Callable[[World], bool], *, at: float) -> set[bool]:
    """What a predicate says over many seeds after a cancel."""
    found = set()
    for seed in MANY:
        world = cancelled(seed, at=at)
        over(world)
        found.add(predicate(world))
    return found


@pytest.mark.parametrize(
    "predicate",
    [
        pytest.param(lambda world: last_run(world).state is State.RESTARTED, id="the environment says RESTARTED"),
        pytest.param(
            lambda world: truthful(world)["service-9"].execution_id == OLD, id="what never ran keeps its execution"
        ),
        pytest.param(
            lambda world: State.RESTARTED in states(truthful(world))[:7], id="what was at work still finishes"
        ),
        pytest.param(lambda world: State.CANCELED in states(truthful(world))[:7], id="what was at work is interrupted"),
    ],
)
def test_a_cancel_sometimes_leaves_and_sometimes_does_not(predicate: Callable[[World], bool]) -> None:
    assert True in shows(predicate, at=8.0)


def test_what_never_ran_is_either_as_before_or_cancelled_under_the_new_execution() -> None:
    ends = set()
    for seed in MANY:
        world = cancelled(seed, at=8.0)
        over(world)
        shown = truthful(world)["service-9"]
        ends.add((shown.state, shown.execution_id))
    assert ends == {(State.RESTARTED, OLD), (State.CANCELED, NEW)}


def test_an_environment_can_say_restarted_although_services_never_ran() -> None:
    assert True in shows(
        lambda world: (
            last_run(world).state is State.RESTARTED
            and not world.record.truly_restarted(ENVIRONMENT, ["service-9"], after=0.0)
        ),
        at=8.0,
    )


def test_the_record_calls_only_those_restarted_that_were() -> None:
    for seed in MANY:
        world = cancelled(seed, at=8.0)
        over(world)
        for service_id, shown in truthful(world).items():
            truly = world.record.truly_restarted(ENVIRONMENT, [service_id], after=0.0)
            assert truly == ((shown.state, shown.execution_id) == (State.RESTARTED, NEW))


def test_a_cancel_that_comes_too_late_changes_nothing() -> None:
    world = cancelled(1, at=16.5, services=3)
    assert over(world) == times(State.RESTARTED, 3)
    assert last_run(world).status is ActionStatus.SUCCESS


def test_a_service_that_fails_in_a_cancelled_run_is_shown_as_failed() -> None:
    found = set()
    for seed in MANY:
        world = a_world_of(1, seed=seed, fail=exactly(10.0))
        world.doom(ENVIRONMENT, "service-0")
        restart(world, [0])
        world.advance(15.0)
        world.cancel_run(ENVIRONMENT, user=US)
        found |= set(over(world))
    assert found == {State.RESTART_ERROR, State.CANCELED}


def test_an_interruption_wins_over_an_end_that_comes_at_the_same_time() -> None:
    for seed in MANY:
        world = cancelled(seed, at=15.5, services=7)
        world.advance(15.6)
        interrupted = [shown.status.service.id for shown in truthful(world).values() if shown.state is State.CANCELING]
        over(world)
        assert not any(world.record.truly_restarted(ENVIRONMENT, [service_id], after=0.0) for service_id in interrupted)


def test_a_service_that_disappears_while_a_cancel_is_in_progress_does_not_hold_it_up() -> None:
    for seed in MANY:
        world = cancelled(seed, at=8.0, services=8)
        for number in (0, 1, 7):
            world.remove_service(ENVIRONMENT, f"service-{number}")
        over(world)
        assert world.snapshot(ENVIRONMENT).active is None
        assert set(truthful(world)) == {f"service-{number}" for number in range(2, 7)}


def test_a_build_that_is_interrupted_does_not_go_on_to_deploy() -> None:
    found = set()
    for seed in MANY:
        world = a_world(
            at_rest(service(0, Kind.APPLICATION)), seed=seed, timings=replace(CLOCKWORK, interrupt=exactly(20.0))
        )
        deploy(world, [0])
        world.advance(8.0)
        world.cancel_run(ENVIRONMENT, user=US)
        world.advance(20.0)
        found.add(truthful(world)["service-0"].state)
        over(world)
    assert found == {State.CANCELING, State.DEPLOYING}
