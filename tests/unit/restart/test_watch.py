"""Waiting for whatever runs in an environment, on virtual time."""

import asyncio
from collections.abc import Sequence

import pytest

from orchestrator.clock import RehearsalClock
from orchestrator.domain.accounts import Wait, WaitedFor
from orchestrator.domain.outcomes import EnvironmentResult, Outcome, Reason
from orchestrator.domain.plan import Exclusion, Policy, Service, ServiceType, Target
from orchestrator.errors import NotFoundError, TokenRefusedError, UnansweredError
from orchestrator.restart.watch import WatchJob
from tests.support.builders import ENVIRONMENT, LAST_NIGHT, NOON, status
from tests.support.contexts import context_of
from tests.support.log import CapturedLog
from tests.support.scripted_platform import Fault, Scene, ScriptedPlatform, scene
from tests.support.time import in_virtual_time

TARGET = Target(
    name="shop",
    environment_id=ENVIRONMENT,
    services=(Service(id="api", name="API", type=ServiceType.APPLICATION),),
    excluded=(Exclusion(id="job", name="cleanup", type="job", why="of type job"),),
    policy=Policy(deadline=600, lost_contact=120),
)


def watch(
    script: dict[float, Scene], *, faults: Sequence[Fault] = (), interrupt_at: float | None = None
) -> tuple[EnvironmentResult, CapturedLog]:
    async def watching() -> tuple[EnvironmentResult, CapturedLog]:
        clock = RehearsalClock(NOON)
        log = CapturedLog(clock)
        platform = ScriptedPlatform(clock, before=script, after={}, faults=faults)
        job = WatchJob(context_of(TARGET, platform, clock, log=log, follow=TARGET.all_services))
        task = asyncio.create_task(job.run())
        await asyncio.wait([task], timeout=interrupt_at)
        if task.done():
            return task.result(), log
        task.cancel()
        await asyncio.wait([task])
        return job.interrupted(), log

    return in_virtual_time(watching())


def ends(state: str, *, job: str = "DEPLOYED", number: int = 42) -> dict[float, Scene]:
    """Something that is in progress for a minute, and then in `state`."""
    return {
        0: scene(status("api", "DEPLOYING", number), status("job", "DEPLOYED")),
        60: scene(status("api", state, number), status("job", job, LAST_NIGHT)),
    }


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param("DEPLOYED", (Outcome.SUCCEEDED, Reason.SETTLED), id="deployed"),
        pytest.param("RESTARTED", (Outcome.SUCCEEDED, Reason.SETTLED), id="restarted"),
        pytest.param("STOPPED", (Outcome.SUCCEEDED, Reason.SETTLED), id="stopped"),
        pytest.param("RESTART_ERROR", (Outcome.FAILED, Reason.RESTART_ERROR), id="restart error"),
        pytest.param("DEPLOYMENT_ERROR", (Outcome.FAILED, Reason.DEPLOYMENT_ERROR), id="deployment error"),
        pytest.param("CANCELED", (Outcome.CANCELLED, Reason.RUN_CANCELLED), id="cancelled"),
        pytest.param("HIBERNATING", (Outcome.TIMED_OUT, Reason.DEADLINE), id="a state that nobody knows"),
    ],
)
def test_what_ran_there_decides_by_the_state_it_ends_in(state: str, expected: tuple[Outcome, Reason]) -> None:
    result, log = watch(ends(state))
    assert (result.outcome, result.reason) == expected
    assert result.submitted_at is None
    assert log.names[-1] == "watch_settled"


def test_a_service_that_had_no_part_in_it_does_not_decide() -> None:
    result, _ = watch(ends("DEPLOYED", job="DEPLOYMENT_ERROR"))
    assert result.outcome is Outcome.SUCCEEDED


def test_where_nothing_runs_the_last_run_decides() -> None:
    quiet = {0.0: scene(status("api", "RESTARTED", in_last_run=True), status("job", "BUILD_ERROR", 12))}
    failed = {0.0: scene(status("api", "RESTART_ERROR", in_last_run=True), status("job", "DEPLOYED", 12))}
    assert watch(quiet)[0].reason is Reason.NOTHING_IN_PROGRESS
    assert watch(failed)[0].reason is Reason.RESTART_ERROR


def test_a_service_that_is_missing_from_the_end_is_waited_for() -> None:
    script = ends("DEPLOYED")
    script[30] = scene(status("job", "DEPLOYED"))
    result, _ = watch(script)
    assert (result.outcome, result.duration_s) >= (Outcome.SUCCEEDED, 60)


def test_contact_that_is_lost_leaves_the_end_unknown() -> None:
    fault = Fault(error=UnansweredError("connection reset"), begin=10)
    result, _ = watch(ends("DEPLOYED"), faults=[fault])
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.CONTACT_LOST)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(TokenRefusedError("no", status=401), Reason.TOKEN_REFUSED, id="the token is refused"),
        pytest.param(NotFoundError("gone", status=404), Reason.ENVIRONMENT_DISAPPEARED, id="it is deleted"),
        pytest.param(ZeroDivisionError("oops"), Reason.INTERNAL_ERROR, id="a defect"),
    ],
)
def test_errors_end_in_outcomes(error: Exception, reason: Reason) -> None:
    result, _ = watch(ends("DEPLOYED"), faults=[Fault(error=error, begin=10)])
    assert result.reason is reason


def test_a_watch_that_is_interrupted_says_so() -> None:
    result, _ = watch(ends("DEPLOYED"), interrupt_at=20)
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.INTERRUPTED)


def test_a_watch_says_when_it_began_and_what_it_waited_for_and_leaves_nothing_out() -> None:
    wait = Wait(what=WaitedFor.QUOTA, since=NOON, duration_s=3.0)

    async def interrupted() -> EnvironmentResult:
        clock = RehearsalClock(NOON)
        platform = ScriptedPlatform(clock, before=ends("DEPLOYED"), after={})
        job = WatchJob(context_of(TARGET, platform, clock, follow=TARGET.all_services))
        job.waited(wait)
        return job.interrupted()

    result = in_virtual_time(interrupted())
    assert (result.began_at, result.waits, result.left_out) == (None, (wait,), ())
    watched, _ = watch(ends("DEPLOYED"))
    assert watched.began_at == NOON
