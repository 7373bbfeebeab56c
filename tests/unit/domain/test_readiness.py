import pytest
from hypothesis import given

from orchestrator.domain.observations import Observation
from orchestrator.domain.readiness import Obstacle, assess
from orchestrator.domain.states import NOT_RUNNING, STATES_BY_CLASS, State, StateClass
from tests.support.builders import all_in, observe, service, status
from tests.support.strategies import TARGETS, observations

API, WEB = service("api"), service("web")


@pytest.mark.parametrize("state", State)
def test_a_restart_is_offered_from_where_a_service_runs_and_nothing_is_in_progress(state: State) -> None:
    readiness = assess(all_in(state, "api"), [API])
    if state in STATES_BY_CLASS[StateClass.IN_PROGRESS]:
        assert readiness.obstacle is Obstacle.BUSY
    elif state in NOT_RUNNING:
        assert (readiness.obstacle, readiness.running) == (Obstacle.STOPPED, ())
    elif state in STATES_BY_CLASS[StateClass.UNKNOWN]:
        assert (readiness.obstacle, readiness.running) == (Obstacle.UNREADABLE, ())
    else:
        assert (readiness.obstacle, readiness.running, readiness.affected) == (None, (API,), ())


@pytest.mark.parametrize(
    ("observation", "obstacle", "affected"),
    [
        pytest.param(
            observe(status("api", "RESTARTED"), status("web", "RESTART_ERROR")), None, (), id="a failed one may restart"
        ),
        pytest.param(
            observe(status("api", "RESTARTED"), status("web", "DEPLOYING")),
            Obstacle.BUSY,
            ("WEB (DEPLOYING)",),
            id="a target is busy",
        ),
        pytest.param(
            observe(status("api", "RESTARTED"), status("web", "RESTARTED"), status("stranger", "BUILDING")),
            Obstacle.BUSY,
            ("stranger (BUILDING)",),
            id="a stranger is busy, under its id",
        ),
        pytest.param(
            observe(status("api", "RESTARTED"), status("web", "RESTARTED"), state="DEPLOYMENT_QUEUED"),
            Obstacle.BUSY,
            ("the environment (DEPLOYMENT_QUEUED)",),
            id="nobody in particular is busy",
        ),
        pytest.param(
            observe(status("api", "RESTARTED"), status("web", "RESTARTED", waiting=1)),
            Obstacle.BUSY,
            ("WEB (RESTARTED)",),
            id="a request waits",
        ),
        pytest.param(
            observe(status("api", "STOPPED"), status("web", "STOPPING")),
            Obstacle.BUSY,
            ("WEB (STOPPING)",),
            id="busy comes before stopped",
        ),
        pytest.param(observe(status("api", "RESTARTED")), Obstacle.UNREADABLE, ("WEB (missing)",), id="missing"),
        pytest.param(
            observe(status("api", "RECAP"), status("web", "")),
            Obstacle.UNREADABLE,
            ("API (RECAP)", "WEB (no state)"),
            id="unknown states",
        ),
        pytest.param(
            observe(status("api", "STOPPED")), Obstacle.UNREADABLE, ("WEB (missing)",), id="unreadable before stopped"
        ),
        pytest.param(
            observe(status("api", "RESTARTED"), status("web", "READY", None)),
            Obstacle.STOPPED,
            ("WEB (READY)",),
            id="never deployed",
        ),
    ],
)
def test_what_speaks_against_a_submit_is_named_with_who_it_is(
    observation: Observation, obstacle: Obstacle | None, affected: tuple[str, ...]
) -> None:
    readiness = assess(observation, [API, WEB])
    assert (readiness.obstacle, readiness.affected) == (obstacle, affected)


def test_the_targets_that_run_are_kept_beside_those_that_do_not() -> None:
    readiness = assess(observe(status("api", "STOPPED"), status("web", "DEPLOYED")), [API, WEB])
    assert (readiness.obstacle, readiness.running) == (Obstacle.STOPPED, (WEB,))


@given(observations())
def test_nothing_speaks_against_a_submit_only_where_all_is_quiet_and_every_target_runs(reading: Observation) -> None:
    readiness = assess(reading, map(service, TARGETS))
    if readiness.obstacle is None:
        assert not reading.busy
        assert [one.id for one in readiness.running] == list(TARGETS)
        restartable = STATES_BY_CLASS[StateClass.SUCCESS] | STATES_BY_CLASS[StateClass.FAILURE] | {State.DEPLOYED}
        assert {reading.services[one].state for one in TARGETS} <= restartable
    else:
        assert readiness.affected
