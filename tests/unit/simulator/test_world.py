"""What the simulated platform does with requests: the facts of the queue, of runs, and of what is shown of them."""

import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest

from orchestrator.domain.plan import EnvironmentPath
from orchestrator.domain.states import State
from orchestrator.simulator.model import Action, ActionStatus, DatabaseMode, Kind, Origin, Service
from orchestrator.simulator.timings import CALM, SERVICE_TIMEOUT, Span
from orchestrator.simulator.world import InvalidRequestError, NotThereError, RefusalError, Trigger, World
from tests.support.worlds import (
    COLLEAGUE,
    ENVIRONMENT,
    NEW,
    NEWER,
    OLD,
    US,
    a_world,
    a_world_of,
    at_rest,
    deploy,
    exactly,
    executions,
    over,
    restart,
    service,
    stale,
    states,
    times,
    truthful,
)


def test_an_accepted_request_is_invisible_everywhere_until_its_lag_has_passed() -> None:
    world = a_world_of(2)
    before = (truthful(world), stale(world), world.snapshot(ENVIRONMENT).waiting)
    request = restart(world, range(2))
    world.advance(1.99)
    assert (truthful(world), stale(world), world.snapshot(ENVIRONMENT).waiting) == before
    assert world.environment_of_request(request.id) is None
    world.advance(2.0)
    assert truthful(world) != before[0]
    assert world.environment_of_request(request.id) == ENVIRONMENT


@pytest.mark.parametrize(
    ("second", "expected", "execution"),
    [
        pytest.param(1.0, times(State.RESTARTED, 10), OLD, id="invisible"),
        pytest.param(3.0, times(State.RESTART_QUEUED, 10), NEW, id="all queued under the new execution"),
        pytest.param(8.0, times(State.RESTARTING, 7) + times(State.RESTART_QUEUED, 3), NEW, id="seven at once"),
        pytest.param(17.0, times(State.RESTARTED, 7) + times(State.RESTARTING, 3), NEW, id="seven done, three at work"),
        pytest.param(27.5, times(State.RESTARTED, 10), NEW, id="all done"),
    ],
)
def test_ten_containers_restart_as_recorded(second: float, expected: list[State], execution: str) -> None:
    world = a_world_of(10)
    restart(world, range(10))
    world.advance(second)
    assert states(truthful(world)) == expected
    assert executions(truthful(world)) == {execution}


def test_the_ordinary_timings_reproduce_the_recorded_restart() -> None:
    world = a_world(*(at_rest(service(number)) for number in range(10)), timings=CALM, seed=4)
    restart(world, range(10))
    counts = []
    for second in (1.9, 8.1, 20.8, 31.3):
        world.advance(second)
        counts.append(Counter(states(truthful(world))))
    assert counts == [
        {State.RESTART_QUEUED: 10},
        {State.RESTARTING: 7, State.RESTART_QUEUED: 3},
        {State.RESTARTED: 7, State.RESTARTING: 3},
        {State.RESTARTED: 10},
    ]


def test_a_request_id_is_shown_while_it_waits_and_gone_once_its_run_begins() -> None:
    world = a_world_of(1, straight_away=0.0, turn=exactly(3.0))
    request = restart(world, [0])
    world.advance(2.5)
    waiting = truthful(world)["service-0"]
    assert (waiting.state, waiting.execution_id) == (State.RESTART_QUEUED, OLD)
    assert (waiting.request_id, waiting.requests_waiting) == (request.id, 1)
    world.advance(5.0)
    begun = truthful(world)["service-0"]
    assert (begun.state, begun.execution_id) == (State.RESTART_QUEUED, NEW)
    assert (begun.request_id, begun.requests_waiting) == (None, 0)


def test_a_request_behind_a_running_one_shows_its_services_queued_under_their_old_execution() -> None:
    world = a_world_of(3)
    deploy(world, [0, 1])
    world.advance(10.0)
    restart(world, [1, 2])
    world.advance(13.0)
    shown = truthful(world)
    assert (shown["service-0"].state, shown["service-0"].execution_id) == (State.DEPLOYING, NEW)
    assert (shown["service-1"].state, shown["service-1"].execution_id) == (State.DEPLOYING, NEW)
    assert (shown["service-2"].state, shown["service-2"].execution_id) == (State.RESTART_QUEUED, OLD)
    assert shown["service-1"].requests_waiting == 1
    assert {request.user for request in world.snapshot(ENVIRONMENT).waiting} == {US}


def test_a_service_that_the_running_run_is_done_with_shows_as_queued_again_while_a_request_for_it_waits() -> None:
    world = a_world_of(8)
    restart(world, range(8), user=COLLEAGUE)
    world.advance(10.0)
    restart(world, [0, 7])
    world.advance(17.0)
    shown = truthful(world)
    assert (shown["service-0"].state, shown["service-0"].execution_id) == (State.RESTART_QUEUED, NEW)
    assert (shown["service-1"].state, shown["service-1"].execution_id) == (State.RESTARTED, NEW)
    assert (shown["service-7"].state, shown["service-7"].execution_id) == (State.RESTARTING, NEW)
    world.advance(27.5)
    assert executions(truthful(world)) == {NEW}
    world.advance(28.5)
    shown = truthful(world)
    assert (shown["service-0"].execution_id, shown["service-7"].execution_id) == (NEWER, NEWER)
    assert shown["service-1"].execution_id == NEW


def test_the_flat_statuses_know_nothing_of_what_waits() -> None:
    world = a_world_of(2)
    deploy(world, [0])
    world.advance(10.0)
    restart(world, [1])
    world.advance(13.0)
    assert truthful(world)["service-1"].state is State.RESTART_QUEUED
    assert (stale(world)["service-1"].state, stale(world)["service-1"].request_id) == (State.RESTARTED, None)


@pytest.mark.parametrize(
    ("second_user", "second_action", "runs"),
    [
        pytest.param(US, Action.RESTART, 1, id="same user, same action"),
        pytest.param(COLLEAGUE, Action.RESTART, 2, id="another user"),
        pytest.param(US, Action.DEPLOY, 2, id="another action"),
    ],
)
def test_only_queued_requests_of_one_user_for_one_action_merge(
    second_user: str, second_action: Action, runs: int
) -> None:
    world = a_world_of(3)
    deploy(world, [2], user="bob@example.com")
    world.advance(10.0)
    first = restart(world, [0])
    second = world.submit(ENVIRONMENT, second_action, ["service-1"], user=second_user)
    over(world)
    later = world.snapshot(ENVIRONMENT).past[1:]
    assert len(later) == runs
    assert {request_id for run in later for request_id in run.request_ids} == {first.id, second.id}


def test_a_request_merges_with_its_like_past_another_one_in_the_queue() -> None:
    world = a_world_of(3)
    deploy(world, [2], user="bob@example.com")
    world.advance(10.0)
    first = restart(world, [0])
    between = deploy(world, [1])
    last = restart(world, [2])
    over(world)
    assert [run.request_ids for run in world.snapshot(ENVIRONMENT).past[1:]] == [(first.id, last.id), (between.id,)]


def test_execution_numbers_rise_from_run_to_run() -> None:
    world = a_world_of(1)
    for _ in range(3):
        restart(world, [0])
        over(world)
    assert [run.execution_id for run in world.snapshot(ENVIRONMENT).past] == [
        f"{ENVIRONMENT}-{number}" for number in (42, 43, 44)
    ]


def test_only_services_of_the_latest_run_are_part_of_the_last_deployment() -> None:
    world = a_world_of(2)
    restart(world, [1])
    world.advance(3.0)
    assert [status.in_last_run for status in world.snapshot(ENVIRONMENT).services] == [False, True]


def test_the_first_failure_stops_further_starts_and_those_end_cancelled() -> None:
    world = a_world_of(10)
    world.doom(ENVIRONMENT, "service-3")
    restart(world, range(10))
    assert Counter(over(world)) == {State.RESTARTED: 6, State.RESTART_ERROR: 1, State.CANCELED: 3}
    assert executions(truthful(world)) == {NEW}
    run = world.snapshot(ENVIRONMENT).past[-1]
    assert (run.status, run.state) == (ActionStatus.ERROR, State.RESTART_ERROR)


def test_a_doomed_service_fails_only_once() -> None:
    world = a_world_of(1)
    world.doom(ENVIRONMENT, "service-0")
    restart(world, [0])
    assert over(world) == [State.RESTART_ERROR]
    restart(world, [0])
    assert over(world) == [State.RESTARTED]


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(service(0, Kind.DATABASE, DatabaseMode.MANAGED), id="managed database"),
        pytest.param(service(0, Kind.JOB), id="job"),
        pytest.param(service(0, Kind.HELM), id="helm chart"),
        pytest.param(service(0, Kind.TERRAFORM), id="terraform"),
    ],
)
def test_the_engine_fails_on_what_cannot_restart(one: Service) -> None:
    world = a_world(at_rest(one, State.DEPLOYED))
    restart(world, [0])
    assert over(world) == [State.RESTART_ERROR]


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(service(0, Kind.APPLICATION), id="application"),
        pytest.param(service(0, Kind.CONTAINER), id="container"),
        pytest.param(service(0, Kind.DATABASE, DatabaseMode.CONTAINER), id="database in a container"),
    ],
)
def test_applications_containers_and_databases_in_containers_restart(one: Service) -> None:
    world = a_world(at_rest(one, State.DEPLOYED))
    restart(world, [0])
    assert over(world) == [State.RESTARTED]


@pytest.mark.parametrize("state", [State.STOPPED, State.READY, State.DELETED])
def test_a_restart_of_what_does_not_run_is_refused(state: State) -> None:
    world = a_world(at_rest(service(0), state))
    with pytest.raises(InvalidRequestError, match=r"not running: name-0"):
        restart(world, [0])
    assert len(world.record) == 0


def test_a_restart_that_waited_while_its_service_was_stopped_fails() -> None:
    world = a_world_of(1)
    world.submit(ENVIRONMENT, Action.STOP, ["service-0"], user="qovery", origin=Origin.QOVERY_INTERNAL)
    world.advance(3.0)
    restart(world, [0])
    assert over(world) == [State.RESTART_ERROR]


@pytest.mark.parametrize(
    ("services", "message"),
    [pytest.param([], "names no service", id="nothing"), pytest.param([0, 9], "not a service", id="a stranger")],
)
def test_a_request_that_makes_no_sense_is_refused(services: list[int], message: str) -> None:
    world = a_world_of(1)
    with pytest.raises(InvalidRequestError, match=message):
        restart(world, services)
    assert len(world.record) == 0


def test_a_service_named_twice_restarts_once() -> None:
    world = a_world_of(1)
    assert restart(world, [0, 0]).service_ids == ("service-0",)


def test_an_unknown_environment_is_not_there() -> None:
    with pytest.raises(NotThereError, match="no environment elsewhere"):
        a_world_of(1).snapshot("elsewhere")


def test_the_engine_gives_a_service_up_after_its_timeout() -> None:
    lengths: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(40):
        world = a_world_of(1, seed=seed, slow=1.0)
        restart(world, [0])
        ok = over(world) == [State.RESTARTED]
        step = world.snapshot(ENVIRONMENT).past[-1].steps["service-0"]
        assert step.started_at is not None
        assert step.ended_at is not None
        lengths[ok].append(step.ended_at - step.started_at)
    assert lengths[False] == pytest.approx([SERVICE_TIMEOUT] * len(lengths[False]))
    assert lengths[False]
    assert max(lengths[True]) < SERVICE_TIMEOUT


def test_a_run_is_over_a_moment_after_its_last_service() -> None:
    world = a_world_of(1)
    restart(world, [0])
    world.advance(16.5)
    active = world.snapshot(ENVIRONMENT).active
    assert states(truthful(world)) == [State.RESTARTED]
    assert active is not None
    assert active.status is ActionStatus.ONGOING
    world.advance(17.0)
    assert world.snapshot(ENVIRONMENT).active is None
    assert world.snapshot(ENVIRONMENT).past[-1].ended_at == pytest.approx(17.0)


def test_an_application_is_built_before_it_is_deployed() -> None:
    world = a_world(at_rest(service(0, Kind.APPLICATION)), at_rest(service(1)))
    deploy(world, [0, 1])
    world.advance(7.0)
    assert states(truthful(world)) == [State.BUILDING, State.DEPLOYING]
    world.advance(20.0)
    assert states(truthful(world)) == [State.DEPLOYING, State.DEPLOYING]
    assert over(world) == [State.DEPLOYED, State.DEPLOYED]


def test_a_past_picture_shows_what_was_true_then() -> None:
    world = a_world_of(1)
    restart(world, [0])
    world.advance(20.0)
    assert [status.state for status in world.snapshot(ENVIRONMENT, age=10.0).services] == [State.RESTARTING]
    assert [status.state for status in world.snapshot(ENVIRONMENT, age=19.0).services] == [State.RESTARTED]
    assert [status.execution_id for status in world.snapshot(ENVIRONMENT, age=19.0).services] == [OLD]
    assert world.snapshot(ENVIRONMENT, age=1e6).taken_at == 0.0


def test_pictures_are_forgotten_after_a_minute() -> None:
    world = a_world_of(1)
    restart(world, [0])
    world.advance(1000.0)
    restart(world, [0])
    world.advance(1002.0)
    assert [status.execution_id for status in world.snapshot(ENVIRONMENT, age=1000.0).services] == [NEW]


def test_a_service_that_disappears_while_it_is_worked_on_does_not_hold_the_run_up() -> None:
    world = a_world_of(8)
    restart(world, range(8))
    world.advance(8.0)
    for number in range(7):
        world.remove_service(ENVIRONMENT, f"service-{number}")
    world.advance(9.0)
    assert states(truthful(world)) == [State.RESTARTING]
    assert over(world) == [State.RESTARTED]


def test_a_service_that_disappears_before_its_turn_is_never_worked_on() -> None:
    world = a_world_of(2)
    restart(world, range(2))
    world.advance(3.0)
    world.remove_service(ENVIRONMENT, "service-1")
    assert over(world) == [State.RESTARTED]
    assert world.snapshot(ENVIRONMENT).past[-1].steps["service-1"].state is State.DELETED


def test_a_request_whose_services_have_all_disappeared_becomes_a_run_of_nothing() -> None:
    world = a_world_of(1)
    restart(world, [0])
    world.remove_service(ENVIRONMENT, "service-0")
    world.remove_service(ENVIRONMENT, "service-0")
    assert over(world) == []
    assert world.snapshot(ENVIRONMENT).past[-1].steps == {}


def test_a_service_that_disappears_after_its_turn_changes_nothing_for_the_run() -> None:
    world = a_world_of(8)
    restart(world, range(8))
    world.advance(17.0)
    world.remove_service(ENVIRONMENT, "service-0")
    assert over(world) == times(State.RESTARTED, 7)
    assert world.snapshot(ENVIRONMENT).past[-1].status is ActionStatus.SUCCESS


def test_what_is_armed_goes_off_once_and_after_its_delay() -> None:
    world = a_world_of(1)
    seen: list[float] = []

    def note(there: World) -> None:
        seen.append(there.now)

    world.arm(ENVIRONMENT, Trigger.LOOK, delay=2.0, act=note)
    world.advance(5.0)
    assert seen == []
    world.notice(ENVIRONMENT, Trigger.SUBMIT)
    world.notice(ENVIRONMENT, Trigger.LOOK)
    world.notice(ENVIRONMENT, Trigger.LOOK)
    world.advance(100.0)
    assert seen == [7.0]


def test_time_never_goes_back() -> None:
    world = a_world_of(1)
    world.advance(10.0)
    world.advance(5.0)
    assert world.now == 10.0


def test_an_environment_is_found_by_its_names_however_they_are_typed() -> None:
    world = a_world_of(1)
    path = EnvironmentPath(organization=" ACME", project="shop\N{NO-BREAK SPACE}", environment="Production")
    assert world.find(path) is world.find(ENVIRONMENT.upper()) is world.environments[ENVIRONMENT]
    assert world.find("elsewhere") is None
    assert world.find(EnvironmentPath(organization="acme", project="shop", environment="elsewhere")) is None


def test_the_same_seed_and_the_same_requests_make_the_same_world() -> None:
    def story(seed: int) -> list[dict[str, object]]:
        world = a_world_of(9, seed=seed, restart=Span(least=1.0, most=90.0), slow=0.2)
        restart(world, range(9))
        world.advance(30.0)
        deploy(world, range(4))
        over(world)
        return world.record.to_json()

    assert story(5) == story(5) != story(6)


@pytest.mark.parametrize("seed", range(60))
def test_whatever_is_asked_the_world_keeps_its_rules(seed: int) -> None:
    rng = random.Random(seed)
    world = a_world_of(
        12, seed=seed, restart=Span(least=2.0, most=40.0), slow=0.05, acceptance_lag=Span(least=0.5, most=20.0)
    )
    asked = 0
    for _ in range(40):
        world.advance(world.now + rng.uniform(0.0, 15.0))
        if rng.random() < 0.3:
            numbers = rng.sample(range(12), rng.randint(1, 12))
            user = rng.choice((US, COLLEAGUE))
            act = rng.choice(
                (
                    partial(restart, world, numbers, user=user),
                    partial(deploy, world, numbers, user=user),
                    partial(world.cancel_run, ENVIRONMENT, user=user),
                )
            )
            asked += _was_accepted(act)
        snapshot = world.snapshot(ENVIRONMENT)
        assert snapshot.active is None or len(snapshot.active.working()) <= 7
    over(world)
    snapshot = world.snapshot(ENVIRONMENT)
    carried = [request_id for run in snapshot.past for request_id in run.request_ids]
    numbers = [int(run.execution_id.rpartition("-")[2]) for run in snapshot.past]
    assert snapshot.active is None
    assert not snapshot.waiting
    assert numbers == list(range(42, 42 + len(numbers)))
    assert len(carried) == len(set(carried)) == asked
    for before, after in pairwise(snapshot.past):
        assert before.ended_at is not None
        assert before.ended_at <= after.created_at


def _was_accepted(act: Callable[[], object]) -> bool:
    try:
        return act() is not None
    except RefusalError:
        return False
