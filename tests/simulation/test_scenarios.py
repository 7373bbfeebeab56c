"""Nights that have a name: each of them has made some watcher say yes by mistake, or restart twice."""

from collections.abc import Callable

import pytest

from orchestrator.domain.evidence import SHOWN_BY
from orchestrator.domain.outcomes import ExitCode, Outcome, Reason
from orchestrator.domain.plan import EnvironmentPath
from orchestrator.domain.states import State
from orchestrator.simulator.faults import Fate, Fault
from orchestrator.simulator.model import Action, Environment, ServiceStatus
from orchestrator.simulator.record import RequestAccepted, RequestCancelled, RunBegan, ServiceRestarted
from orchestrator.simulator.timings import Span, Timings
from orchestrator.simulator.world import Trigger, World
from tests.simulation.oracle import violations
from tests.support.mortality import Life
from tests.support.scripted_faults import ScriptedFaults, fate, first_posts, readings_after_the_submit
from tests.support.whole_runs import US, WholeRun, config_of, rehearse

ALICE = "alice@example.com"
PATH = EnvironmentPath(organization="acme", project="shop", environment="production")
ALL = "all"
TEN = "{containers: [" + ", ".join(f"worker-{number}" for number in range(10)) + "]}"
BETWEEN_LOOK_AND_SUBMIT = 0.05
"""In a calm world a reading takes so long to come back, and the next request twice as long to arrive."""

RESTARTED_LAST_NIGHT = 3
DEPLOYED_LAST_NIGHT = 1
"""Seeds, by the past that they give the environment; a test below holds them to it."""

Stage = Callable[[World], None]


def nothing(_: World) -> None:
    """Leave the world as it is."""


def play(
    stage: Stage = nothing,
    *,
    services: str = ALL,
    seed: int = DEPLOYED_LAST_NIGHT,
    faults: ScriptedFaults | None = None,
    **policy: str,
) -> WholeRun:
    """Run one environment with a policy, and hold the run to every promise."""
    poll = policy.pop("poll", "{min: 1s, max: 5s}")
    settings = "".join(f", {key}: {value}" for key, value in policy.items())
    text = (
        f"version: 1\nenvironments:\n  - {{name: shop, path: {PATH}, services: {services}, poll: {poll}{settings}}}\n"
    )
    run = rehearse(config_of(text), seed=seed, stage=stage, faults=faults)
    assert violations(run) == []
    return run


def shop(world: World) -> Environment:
    found = world.find(PATH)
    assert found is not None
    return found


def statuses(world: World) -> dict[str, ServiceStatus]:
    return {status.service.name: status for status in world.snapshot(shop(world).id).services}


def on(trigger: Trigger, delay: float, act: Stage) -> Stage:
    """Let something happen so many seconds after our first look, or our submit."""
    return lambda world: world.arm(shop(world).id, trigger, delay=delay, act=act)


def together(*stages: Stage) -> Stage:
    def stage(world: World) -> None:
        for each in stages:
            each(world)

    return stage


def alice(action: Action, *names: str) -> Stage:
    """Let a colleague do something with some services, or with all."""

    def act(world: World) -> None:
        known = statuses(world)
        ids = [known[name].service.id for name in names or known]
        world.submit(shop(world).id, action, ids, user=ALICE)

    return act


def alice_clears_the_queue(world: World) -> None:
    for request in world.snapshot(shop(world).id).waiting:
        world.cancel_request(request.id, user=ALICE)


def alice_cancels_the_run(world: World) -> None:
    world.cancel_run(shop(world).id, user=ALICE)


def already(act: Stage, *, since: float = 5.0) -> Stage:
    """Let something have begun so many seconds before we come."""

    def stage(world: World) -> None:
        act(world)
        world.advance(since)

    return stage


def doom(name: str) -> Stage:
    return lambda world: world.doom(shop(world).id, statuses(world)[name].service.id)


def ended(run: WholeRun) -> tuple[Outcome, Reason, int]:
    return run.environment("shop").outcome, run.environment("shop").reason, run.report.exit_code


SUCCEEDED = (Outcome.SUCCEEDED, Reason.RESTARTED, ExitCode.SUCCEEDED)


def numbers(run: WholeRun) -> set[tuple[int, int]]:
    """Return the baseline's and the proof's execution number of every service."""

    def number(execution_id: str | None) -> int:
        assert execution_id is not None
        return int(execution_id.rpartition("-")[2])

    return {
        (number(each.baseline_execution_id), number(each.execution_id)) for each in run.environment("shop").services
    }


def test_last_nights_restarted_is_not_taken_for_tonights() -> None:
    run = play(seed=RESTARTED_LAST_NIGHT, poll="{min: 100ms, max: 100ms}")

    assert ended(run) == SUCCEEDED
    assert numbers(run) == {(41, 42)}
    (settled,) = run.events_of("restart_settled")
    assert settled.at > max(restart.at for restart in run.record.of(ServiceRestarted))


@pytest.mark.parametrize(
    ("seed", "state"),
    [
        pytest.param(RESTARTED_LAST_NIGHT, State.RESTARTED, id="restarted"),
        pytest.param(DEPLOYED_LAST_NIGHT, State.DEPLOYED, id="deployed"),
    ],
)
def test_the_seeds_have_the_past_that_their_names_say(seed: int, state: State) -> None:
    seen: list[State] = []
    play(lambda world: seen.append(statuses(world)["api"].state), seed=seed)

    assert seen == [state]


@pytest.mark.parametrize("seed", [DEPLOYED_LAST_NIGHT, RESTARTED_LAST_NIGHT], ids=["deployed", "restarted"])
def test_a_restart_that_queues_behind_a_colleagues_deployment_waits_for_its_own_run(seed: int) -> None:
    run = play(on(Trigger.LOOK, BETWEEN_LOOK_AND_SUBMIT, alice(Action.DEPLOY)), seed=seed)

    first, second = run.record.of(RequestAccepted)
    assert (first.user, second.user) == (ALICE, US)
    assert ended(run) == SUCCEEDED
    assert numbers(run) == {(41, 43)}


def test_a_colleagues_deployment_after_our_restart_does_not_hide_its_success() -> None:
    run = play(on(Trigger.SUBMIT, 5.0, alice(Action.DEPLOY)))

    assert [began.action for began in run.record.of(RunBegan)] == [Action.RESTART, Action.DEPLOY]
    assert ended(run) == SUCCEEDED
    assert numbers(run) == {(41, 42)}


def test_a_colleagues_restart_of_one_service_does_not_count_for_the_others() -> None:
    run = play(
        together(
            on(Trigger.LOOK, BETWEEN_LOOK_AND_SUBMIT, alice(Action.RESTART, "api")),
            on(Trigger.SUBMIT, 10.0, alice_clears_the_queue),
        ),
        seed=RESTARTED_LAST_NIGHT,
    )

    assert {restart.service_id for restart in run.record.of(ServiceRestarted)} == {
        service.id for service in run.environment("shop").services if service.name == "api"
    }
    assert ended(run)[0] in (Outcome.CANCELLED, Outcome.FAILED)


def test_a_request_that_is_cancelled_in_the_queue_is_no_success() -> None:
    run = play(
        together(
            on(Trigger.LOOK, BETWEEN_LOOK_AND_SUBMIT, alice(Action.DEPLOY)),
            # Late enough for it to have been seen waiting behind the deploy.
            on(Trigger.SUBMIT, 22.0, alice_clears_the_queue),
        ),
        seed=RESTARTED_LAST_NIGHT,
    )

    assert [cancelled.user for cancelled in run.record.of(RequestCancelled)] == [ALICE]
    assert ended(run) == (Outcome.CANCELLED, Reason.REQUEST_CANCELLED, ExitCode.CANCELLED)


@pytest.mark.parametrize("seed", range(6), ids=lambda seed: f"seed-{seed}")
@pytest.mark.parametrize("delay", [3.0, 12.0, 18.0], ids=["before-any-began", "while-seven-ran", "while-three-waited"])
def test_a_run_that_is_cancelled_is_no_success(seed: int, delay: float) -> None:
    run = play(on(Trigger.SUBMIT, delay, alice_cancels_the_run), services=TEN, seed=seed)

    assert ended(run) == (Outcome.CANCELLED, Reason.RUN_CANCELLED, ExitCode.CANCELLED)
    restarted = {restart.service_id for restart in run.record.of(ServiceRestarted) if restart.ok}
    claimed = {each.id for each in run.environment("shop").services if each.outcome is Outcome.SUCCEEDED}
    assert claimed == restarted


def test_a_list_that_is_missing_from_one_reading_makes_no_service_disappear() -> None:
    def choose(_: str, path: str, now: float) -> Fate | None:
        # The third of the lists that a reading may lack is that of the databases.
        return fate(Fault.NO_LISTS, acted=True, roll=0.4) if path.endswith("Stages") and now > 5.0 else None

    run = play(
        on(Trigger.SUBMIT, 3.0, alice_cancels_the_run),
        services="{applications: [api], databases: [cache]}",
        faults=ScriptedFaults(choose),
    )

    assert ended(run) == (Outcome.CANCELLED, Reason.RUN_CANCELLED, ExitCode.CANCELLED)


def test_one_failure_among_ten_is_a_failure_and_the_report_tells_the_ten_apart() -> None:
    run = play(doom("worker-0"), services=TEN)

    assert ended(run) == (Outcome.FAILED, Reason.RESTART_ERROR, ExitCode.FAILED)
    outcomes = [service.outcome for service in run.environment("shop").services]
    assert outcomes.count(Outcome.FAILED) == 1
    assert Outcome.SUCCEEDED in outcomes
    assert Outcome.CANCELLED in outcomes
    assert "worker-0" in run.environment("shop").message


LOST = {
    "refused": fate(Fault.REFUSED, acted=False),
    "throttled": fate(Fault.THROTTLED, acted=False),
    "reset before it was acted upon": fate(Fault.RESET, acted=False),
    "reset after it was acted upon": fate(Fault.RESET, acted=True),
    "hung up before": fate(Fault.HANG_UP, acted=False),
    "hung up after": fate(Fault.HANG_UP, acted=True),
    "500 before": fate(Fault.SERVER_ERROR, acted=False, roll=0.0),
    "500 after": fate(Fault.SERVER_ERROR, acted=True, roll=0.0),
    "503 before": fate(Fault.SERVER_ERROR, acted=False),
    "503 after": fate(Fault.SERVER_ERROR, acted=True),
    "a proxy's 502 before": fate(Fault.BAD_GATEWAY, acted=False),
    "a proxy's 502 after": fate(Fault.BAD_GATEWAY, acted=True),
    "a proxy's page after": fate(Fault.PROXY_PAGE, acted=True),
    "half an answer": fate(Fault.TRUNCATED, acted=True),
    "an empty answer": fate(Fault.EMPTY, acted=True),
    "half a JSON": fate(Fault.HALF_JSON, acted=True),
    "another shape": fate(Fault.OTHER_SHAPE, acted=True),
    "acted upon after we gave up": fate(Fault.NONE, acted=True, before=45.0),
    "answered after we gave up": fate(Fault.NONE, acted=True, after=45.0),
}


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST.keys())
@pytest.mark.parametrize("seed", [DEPLOYED_LAST_NIGHT, RESTARTED_LAST_NIGHT], ids=["deployed", "restarted"])
def test_a_submit_whose_answer_is_lost_is_found_or_made_again_but_never_twice(lost: Fate, seed: int) -> None:
    run = play(faults=first_posts(lost), seed=seed)

    assert len(run.record.accepted(run.environment("shop").id, user=US)) == 1
    # What is found after a lost answer is ours only by its name, which nothing has shown here.
    was_found = bool(run.events_of("submit_found"))
    assert ended(run) == ((Outcome.UNKNOWN, Reason.UNATTRIBUTED, ExitCode.UNKNOWN) if was_found else SUCCEEDED)


def test_a_page_from_a_proxy_in_place_of_the_submit_is_not_taken_for_its_acceptance() -> None:
    run = play(faults=first_posts(fate(Fault.PROXY_PAGE, acted=False)))

    assert ended(run) == SUCCEEDED


def test_a_submit_is_not_made_again_because_readings_come_without_their_executions() -> None:
    def choose(method: str, path: str, now: float) -> Fate | None:
        if method == "POST":
            return fate(Fault.RESET, acted=True) if now < 10.0 else None
        if not path.endswith(("Stages", "HistoryV2")) or now < 2.0:
            return None
        if now < 320.0:
            return fate(Fault.SERVER_ERROR, acted=False)
        return fate(Fault.NO_EXECUTION_IDS, acted=True) if now < 335.0 else None

    run = rehearse(
        config_of(
            f"version: 1\nenvironments:\n  - {{name: shop, path: {PATH}, services: all, lost_contact: 20m,"
            " poll: {min: 2s, max: 10s}}\n"
        ),
        faults=ScriptedFaults(choose),
    )

    assert len(run.record.accepted(run.environment("shop").id, user=US)) == 1


def test_a_submit_that_is_lost_while_a_colleague_acts_is_not_made_again() -> None:
    run = play(
        on(Trigger.LOOK, BETWEEN_LOOK_AND_SUBMIT, alice(Action.DEPLOY)),
        faults=first_posts(fate(Fault.RESET, acted=False)),
    )

    assert run.report.requests.submits == 1
    assert ended(run) == (Outcome.UNKNOWN, Reason.SUBMIT_UNCONFIRMED, ExitCode.UNKNOWN)


def test_a_conflict_is_waited_for() -> None:
    conflict = fate(Fault.CONFLICT, acted=False)
    run = play(faults=first_posts(conflict, conflict, conflict))

    assert run.report.requests.submits == 4
    assert ended(run) == SUCCEEDED


def test_a_conflict_blocks_where_the_policy_says_so() -> None:
    run = play(faults=first_posts(fate(Fault.CONFLICT, acted=False)), on_busy="fail")

    assert ended(run) == (Outcome.BLOCKED, Reason.BUSY, ExitCode.BLOCKED)


def test_a_colleagues_deployment_is_waited_for_before_anything_is_submitted() -> None:
    run = play(already(alice(Action.DEPLOY)))

    deployed, restarted = run.record.of(RunBegan)
    assert (deployed.action, restarted.action) == (Action.DEPLOY, Action.RESTART)
    assert numbers(run) == {(42, 43)}
    assert ended(run) == SUCCEEDED


def test_a_colleagues_deployment_that_outlasts_our_patience_blocks() -> None:
    run = play(already(alice(Action.DEPLOY)), deadline="10s")

    assert run.report.requests.submits == 0
    assert ended(run) == (Outcome.BLOCKED, Reason.BUSY, ExitCode.BLOCKED)


def test_the_failure_of_a_service_that_is_not_ours_does_not_matter() -> None:
    run = play(
        together(
            doom("metrics-exporter"),
            on(Trigger.LOOK, BETWEEN_LOOK_AND_SUBMIT, alice(Action.DEPLOY, "metrics-exporter")),
        ),
        services="{applications: [api, web]}",
    )

    seen = statuses(run.world)["metrics-exporter"].state
    assert seen is State.DEPLOYMENT_ERROR
    assert ended(run) == SUCCEEDED


def test_a_service_that_disappears_is_a_failure() -> None:
    run = play(
        on(
            Trigger.SUBMIT,
            6.0,
            lambda world: world.remove_service(shop(world).id, statuses(world)["cache"].service.id),
        )
    )

    assert ended(run)[::2] == (Outcome.FAILED, ExitCode.FAILED)
    assert "cache" in run.environment("shop").message


def test_a_service_that_disappears_in_the_middle_of_our_run_is_said_to_have_disappeared() -> None:
    run = play(
        on(
            Trigger.SUBMIT,
            6.0,
            lambda world: world.remove_service(shop(world).id, statuses(world)["cache"].service.id),
        )
    )

    assert ended(run)[1] is Reason.SERVICE_DISAPPEARED


def test_a_colleagues_restart_that_fails_after_ours_does_not_hide_our_success() -> None:
    run = play(
        together(
            on(Trigger.SUBMIT, 5.0, alice(Action.RESTART, "web")),
            # Just after our run restarted it, so that the doom meets the colleague's.
            on(Trigger.SUBMIT, 18.0, doom("web")),
        )
    )

    assert [began.user for began in run.record.of(RunBegan)] == [US, ALICE]
    assert ended(run) == SUCCEEDED


def test_a_run_ends_by_its_deadline_and_one_request() -> None:
    def slow_history(_: str, path: str, __: float) -> Fate | None:
        # Each reading takes nearly as long as a request may, and the last of them never comes.
        if path.endswith("HistoryV2"):
            return fate(Fault.NONE, acted=True, before=60.0)
        return fate(Fault.NONE, acted=True, before=25.0) if path.endswith("Stages") else None

    run = play(on(Trigger.SUBMIT, 3.0, alice(Action.DEPLOY)), faults=ScriptedFaults(slow_history), deadline="60s")

    assert ended(run)[0] is Outcome.TIMED_OUT
    duration = run.environment("shop").duration_s
    assert duration is not None
    assert duration <= 60.0 + 30.0 + 1.0


@pytest.mark.parametrize(
    ("on_stopped", "expected"),
    [
        pytest.param("fail", (Outcome.BLOCKED, Reason.STOPPED, ExitCode.BLOCKED), id="blocks"),
        pytest.param("skip", (Outcome.SKIPPED, Reason.NOT_RUNNING, ExitCode.SUCCEEDED), id="is-skipped"),
    ],
)
def test_a_stopped_environment_blocks_or_is_skipped(on_stopped: str, expected: tuple[Outcome, Reason, int]) -> None:
    run = play(already(alice(Action.STOP)), on_stopped=on_stopped)

    assert run.report.requests.submits == 0
    assert ended(run) == expected


@pytest.mark.parametrize(("on_deadline", "cancelled_by"), [("leave", []), ("cancel", [US])], ids=["leave", "cancel"])
def test_at_the_deadline_our_waiting_request_is_left_or_cancelled(on_deadline: str, cancelled_by: list[str]) -> None:
    run = play(on(Trigger.LOOK, BETWEEN_LOOK_AND_SUBMIT, alice(Action.DEPLOY)), deadline="15s", on_deadline=on_deadline)

    assert [cancelled.user for cancelled in run.record.of(RequestCancelled)] == cancelled_by
    assert ended(run) == (Outcome.TIMED_OUT, Reason.DEADLINE, ExitCode.TIMED_OUT)


def test_a_platform_that_falls_silent_leaves_the_outcome_unknown() -> None:
    silent = readings_after_the_submit(fate(Fault.SERVER_ERROR, acted=False))
    run = play(faults=silent, lost_contact="2m")

    assert ended(run) == (Outcome.UNKNOWN, Reason.CONTACT_LOST, ExitCode.UNKNOWN)
    assert run.environment("shop").duration_s == pytest.approx(120.0, abs=1.0)


def test_a_platform_that_never_tells_executions_gets_no_submit() -> None:
    run = play(
        faults=ScriptedFaults(
            lambda _, path, __: (
                fate(Fault.NO_EXECUTION_IDS, acted=True) if path.endswith(("Stages", "HistoryV2")) else None
            )
        ),
        deadline="2m",
    )

    assert run.report.requests.submits == 0
    assert ended(run)[:2] == (Outcome.BLOCKED, Reason.NO_BASELINE)


def test_states_that_nobody_has_published_do_not_hide_what_the_history_proves() -> None:
    unheard_of = readings_after_the_submit(fate(Fault.UNKNOWN_STATE, acted=True, roll=0.99), of=("Stages",))
    run = play(faults=unheard_of, deadline="3m")

    assert ended(run) == SUCCEEDED


def test_a_small_quota_slows_the_run_down_and_is_never_exceeded() -> None:
    text = f"""
version: 1
api: {{requests_per_hour: 9}}
environments:
  - {{name: shop, path: {PATH}, services: all, poll: {{min: 100ms, max: 100ms}}, deadline: 90m, lost_contact: 2h}}
"""
    run = rehearse(config_of(text))

    assert violations(run) == []
    assert run.events_of("quota_paused")
    assert run.report.requests.total <= 40
    assert ended(run) == SUCCEEDED


def test_a_failed_wave_halts_the_run_before_the_next() -> None:
    text = """
version: 1
environments:
  - {name: shop, path: acme/shop/production, services: all, wave: 1}
  - {name: blog, path: acme/blog/production, services: all, wave: 2}
"""
    run = rehearse(config_of(text), stage=doom("web"))

    assert violations(run) == []
    assert run.environment("shop").outcome is Outcome.FAILED
    assert (run.environment("blog").outcome, run.environment("blog").reason) == (Outcome.SKIPPED, Reason.HALTED)
    assert run.report.exit_code == ExitCode.FAILED
    assert not run.record.accepted(run.environment("blog").id, user=US)


def test_a_resumed_run_of_environments_that_are_over_by_now_ends_as_soon_as_others_would_show() -> None:
    # They share one project, so each would wait for a hint, which can wake only a job that has looked for itself.
    names = ("alpha", "bravo", "charlie")
    environments = ", ".join(f"{{name: {name}, path: acme/shop/{name}, services: all}}" for name in names)
    config = config_of(f"{{version: 1, environments: [{environments}]}}")
    quick = Span(least=1.0, most=1.5)
    timings = Timings(acceptance_lag=quick, turn=quick, engine_start=quick, restart=quick, close=quick)
    run = rehearse(config, timings=timings, lives=[Life(dies_after=3.0, rest=20.0)])

    died, resumed = run.processes
    assert died.died
    assert {each.outcome for each in run.report.environments} == {Outcome.SUCCEEDED}
    assert len(run.record.of(RequestAccepted)) == len(names)
    # How long the answers to the submits took is not known any more: another run would have shown itself by then.
    assert resumed.ended - resumed.began < SHOWN_BY
