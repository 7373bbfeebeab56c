"""From an accepted submit to a settlement: what must have been read before anything is said."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.clock import RehearsalClock
from orchestrator.domain.evidence import CLOSES_WITHIN, CONFIRM_AGAIN, SHOWN_BY
from orchestrator.domain.observations import QueuedRequest, Run
from orchestrator.domain.outcomes import EnvironmentResult, Outcome, Reason
from orchestrator.errors import (
    BusyError,
    MalformedAnswerError,
    NotFoundError,
    NotSentError,
    PlatformError,
    RefusedError,
    ThrottledError,
    TokenRefusedError,
    UnansweredError,
)
from orchestrator.restart.intervals import JITTER
from orchestrator.restart.job import RestartJob
from orchestrator.restart.proof import FIRST_LOOK
from orchestrator.restart.reader import NOT_FOUND_LIMIT
from tests.support.builders import INVISIBLE_FOR, NOON, execution, queued, run, status, target
from tests.support.contexts import context_of
from tests.support.memory_journal import MemoryJournal
from tests.support.scripted_platform import Fault, Scene, ScriptedPlatform, ScriptedProber, scene
from tests.support.stories import (
    IDLE,
    LAST_NIGHTS_RUN,
    NO_END,
    TARGETS,
    both,
    goes_well,
    restart_run,
    tell,
)
from tests.support.time import in_virtual_time

OURS = target(*TARGETS)
SUCCESS = (Outcome.SUCCEEDED, Reason.RESTARTED)
QUEUED = both("RESTART_QUEUED", 41, runs=[LAST_NIGHTS_RUN], queue=[queued(*TARGETS)])
RESET = UnansweredError("connection reset")
ASIDE = frozenset({"find_runs", "read_queue"})


def deployment(number: int, state: str = "DEPLOYED", status: str = "SUCCESS") -> Run:
    return run(number, dict.fromkeys(TARGETS, state), action="DEPLOY", status=status)


# It goes as it should.


def test_a_restart_as_it_was_recorded_needs_the_history_alone() -> None:
    story = tell(OURS)
    assert story.ending == SUCCESS
    assert 31 <= story.ended_at <= 37
    assert story.platform.calls_of("read_statuses") == [0.0], "for the baseline"
    assert story.platform.calls_of("read_queue") == []
    assert [service.timeline[-1][0] for service in story.result.services] == ["RESTARTED", "RESTARTED"]


def test_last_nights_restarted_that_stays_for_minutes_is_not_believed() -> None:
    story = tell(OURS, after={0: IDLE, **goes_well(240)})
    assert story.ending == SUCCESS
    assert story.ended_at >= 271
    assert {service.execution_id for service in story.result.services} == {execution(42)}


def test_last_nights_restarted_that_stays_for_ever_times_out() -> None:
    story = tell(OURS, after={0: IDLE})
    assert (story.ending, story.ended_at) == ((Outcome.TIMED_OUT, Reason.DEADLINE), 1800.0)


def test_a_restart_that_was_over_before_it_was_seen_is_proven_by_the_history() -> None:
    story = tell(OURS, after={0: IDLE, 1: both("RESTARTED", 42, runs=[restart_run(), LAST_NIGHTS_RUN])})
    assert story.ending == SUCCESS
    assert len(story.platform.calls_of("find_runs")) == 1
    assert story.log.named("history_read")[0].details == {"doubt": None, "finding": "succeeded"}
    assert story.platform.calls_of("read_queue") == []


def test_where_somebody_else_may_ask_as_we_do_the_statuses_show_that_nothing_waits() -> None:
    as_we_do = replace(LAST_NIGHTS_RUN, origin="API")
    over = both("RESTARTED", 42, runs=[restart_run(), as_we_do])
    story = tell(OURS, after={0: IDLE, 1: over})
    assert story.ending == SUCCESS
    assert len(story.platform.calls_of("find_runs")) == len(story.platform.calls_of("read_statuses")) - 1 == 1
    assert story.platform.calls_of("read_queue") == []


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param(
            replace(LAST_NIGHTS_RUN, origin="API", triggered_by="ci"),
            (Outcome.UNKNOWN, Reason.UNATTRIBUTED),
            id="others ask too",
        ),
        pytest.param(LAST_NIGHTS_RUN, SUCCESS, id="others ask in another way"),
    ],
)
def test_a_run_that_failed_looks_did_not_show_at_work_may_be_anothers(
    before: Run, expected: tuple[Outcome, Reason]
) -> None:
    over = both("RESTARTED", 42, runs=[restart_run(), before])
    story = tell(OURS, after={0: over}, faults=[Fault(error=RESET, begin=1, end=70)])
    assert story.ending == expected


def test_a_run_that_is_dated_before_the_baseline_counts_once_ours_would_have_shown_itself() -> None:
    dated = {0: replace(IDLE, observation=replace(IDLE.observation, server_time=NOON))}
    ours = replace(restart_run(), created_at=NOON - timedelta(seconds=60))
    story = tell(OURS, before=dated, after={0: IDLE, 1: both("RESTARTED", 42, runs=[ours, LAST_NIGHTS_RUN])})
    assert story.ending == SUCCESS
    assert SHOWN_BY <= story.ended_at <= SHOWN_BY + 2
    assert len(story.platform.calls_of("find_runs")) == 2
    assert story.platform.calls_of("read_queue") == []


def test_a_run_of_which_every_service_has_ended_is_looked_at_again_soon() -> None:
    closing = both("RESTARTED", 42, runs=[restart_run(42, "ONGOING"), LAST_NIGHTS_RUN])
    over = both("RESTARTED", 42, runs=[restart_run(), LAST_NIGHTS_RUN])
    story = tell(OURS, after={0: closing, FIRST_LOOK + 0.5: over})
    assert story.ending == SUCCESS
    first, second = story.platform.calls_of("find_runs")
    assert second - first == pytest.approx(CLOSES_WITHIN)


def test_a_history_that_does_not_reach_back_is_read_further() -> None:
    many = [run(number, {"other": "DEPLOYED"}, action="DEPLOY", origin="CONSOLE") for number in range(70, 50, -1)]
    platform = tell(OURS, after={0: replace(both("RESTARTED", 42, runs=many), lags=True)}, end_by=60.0).platform
    assert platform.pages == {20, 100}


def test_an_unrelated_service_that_fails_does_not_matter() -> None:
    services = [status("api", "RESTARTED", 42), status("web", "RESTARTED", 42), status("job", "DEPLOYMENT_ERROR", 42)]
    after = {
        0: both("RESTARTING", 42),
        30: scene(*services, runs=[restart_run(status="ERROR")], state="DEPLOYMENT_ERROR"),
    }
    assert tell(OURS, after=after).ending == SUCCESS


# Others are at work there.


def test_a_restart_that_waits_behind_somebodys_deployment_is_waited_for() -> None:
    waiting = [queued(*TARGETS)]
    story = tell(
        OURS,
        after={
            0: both("DEPLOYING", 42, waiting=1, runs=[deployment(42, "DEPLOYING", "ONGOING")], queue=waiting),
            120: both("RESTART_QUEUED", 42, runs=[deployment(42)], queue=waiting),
            125: both("RESTARTING", 43, runs=[restart_run(43, "ONGOING"), deployment(42)]),
            150: both("RESTARTED", 43, runs=[restart_run(43), deployment(42)]),
        },
    )
    assert story.ending == SUCCESS
    assert {service.execution_id for service in story.result.services} == {execution(43)}


def test_a_deployment_right_after_our_restart_does_not_take_the_success_away() -> None:
    story = tell(
        OURS,
        after={
            0: both("RESTARTING", 42, runs=[restart_run(42, "ONGOING", "RESTARTING")]),
            30: both("DEPLOYING", 43, runs=[deployment(43, "DEPLOYING", "ONGOING"), restart_run()]),
        },
    )
    assert story.ending == SUCCESS
    assert story.ended_at < 40
    assert {service.execution_id for service in story.result.services} == {execution(42)}


def test_a_deployment_after_a_restart_that_nobody_saw_does_not_take_the_success_away() -> None:
    deployed = replace(deployment(43), origin="CONSOLE")
    story = tell(
        OURS,
        after={0: IDLE, 60: both("DEPLOYED", 43, runs=[deployed, restart_run(), LAST_NIGHTS_RUN])},
        faults=[Fault(error=RESET, begin=1, end=70)],
    )
    assert story.ending == SUCCESS


def test_a_deployment_in_place_of_our_restart_supersedes_it() -> None:
    story = tell(
        OURS,
        after={0: QUEUED, 10: both("DEPLOYING", 42), 60: both("DEPLOYED", 42, runs=[deployment(42), LAST_NIGHTS_RUN])},
    )
    assert story.ending == (Outcome.CANCELLED, Reason.SUPERSEDED)
    assert story.result.exit_code == 4


def test_an_environment_that_somebody_stops_is_no_success() -> None:
    stop = run(42, dict.fromkeys(TARGETS, "STOPPED"), action="STOP")
    story = tell(OURS, after={0: QUEUED, 10: both("STOPPED", 42, runs=[stop, LAST_NIGHTS_RUN])})
    assert story.ending == (Outcome.CANCELLED, Reason.SUPERSEDED)


def test_a_restart_cancelled_in_the_queue_is_told_once_it_has_stayed_away() -> None:
    story = tell(OURS, after={0: QUEUED, 20: IDLE})
    assert story.ending == (Outcome.CANCELLED, Reason.REQUEST_CANCELLED)
    assert 20 + INVISIBLE_FOR <= story.ended_at <= 20 + INVISIBLE_FOR + 2 * CONFIRM_AGAIN


def test_a_restart_that_is_away_for_a_moment_is_not_given_up() -> None:
    story = tell(OURS, after={0: QUEUED, 20: IDLE, **goes_well(70)})
    assert story.ending == SUCCESS


def test_a_restart_that_only_the_history_still_knows_is_not_given_up() -> None:
    hidden = both("RESTARTED", runs=[restart_run(42, "ONGOING", "RESTARTING"), LAST_NIGHTS_RUN])
    story = tell(OURS, after={0: QUEUED, 20: IDLE, 60: hidden, 300: both("RESTARTED", 42, runs=[restart_run()])})
    assert story.ending == SUCCESS


def test_a_restart_that_comes_and_goes_has_to_stay_away_anew() -> None:
    hidden = both("RESTARTED", runs=[restart_run(42, "ONGOING", "RESTARTING"), LAST_NIGHTS_RUN])
    story = tell(OURS, after={0: QUEUED, 20: IDLE, 45: hidden, 75: IDLE, **goes_well(110)})
    assert story.ending == SUCCESS
    findings = [event.details["finding"] for event in story.log.named("history_read")]
    assert [finding for finding in findings if finding != "unproven"][:4] == [
        "in_progress",
        "absent",
        "in_progress",
        "absent",
    ]


def test_a_restart_cancelled_while_it_ran_is_cancelled() -> None:
    half_way = scene(status("api", "RESTARTED", 42), status("web", "CANCELED", 42), state="RESTARTED")
    story = tell(OURS, after={0: both("RESTARTING", 42), 10: both("CANCELING", 42), 20: half_way})
    assert story.ending == (Outcome.CANCELLED, Reason.RUN_CANCELLED)
    assert [service.outcome for service in story.result.services] == [Outcome.SUCCEEDED, Outcome.CANCELLED]
    assert "WEB did not restart" in story.result.message


def test_a_restart_that_ended_with_an_error_is_failed_and_names_who() -> None:
    mixture = scene(status("api", "RESTART_ERROR", 42), status("web", "CANCELED", 42))
    story = tell(OURS, after={0: both("RESTARTING", 42), 20: mixture})
    assert story.ending == (Outcome.FAILED, Reason.RESTART_ERROR)
    assert [service.outcome for service in story.result.services] == [Outcome.FAILED, Outcome.CANCELLED]


def test_somebodys_failed_restart_of_one_service_after_ours_is_not_our_failure() -> None:
    after = scene(
        status("api", "RESTARTED", 42),
        status("web", "RESTART_ERROR", 43),
        runs=[run(43, {"web": "RESTART_ERROR"}, status="ERROR"), restart_run(), LAST_NIGHTS_RUN],
    )
    story = tell(OURS, after={0: both("RESTARTING", 42), 20: after})
    assert story.ending == SUCCESS
    assert {service.execution_id for service in story.result.services} == {execution(42)}


# The environment says one thing, a service another.

TEN = tuple(f"container-{number}" for number in range(10))


def nine_of_ten(*, runs: Sequence[Run]) -> Scene:
    ran = [status(one, "RESTARTED", 42) for one in TEN[1:]]
    return scene(status(TEN[0], "RESTARTED", 41), *ran, runs=runs, state="RESTARTED")


@pytest.mark.parametrize(
    ("last", "run_status", "ending"),
    [
        pytest.param({}, "SUCCESS", (Outcome.FAILED, Reason.NOT_RESTARTED), id="the run does not know it"),
        pytest.param({TEN[0]: "CANCELED"}, "CANCELED", (Outcome.CANCELLED, Reason.RUN_CANCELLED), id="cancelled"),
        pytest.param({TEN[0]: "DEPLOYED"}, "CANCELED", (Outcome.CANCELLED, Reason.RUN_CANCELLED), id="an old state"),
        pytest.param({TEN[0]: "READY"}, "SUCCESS", (Outcome.FAILED, Reason.RESTART_ERROR), id="skipped"),
    ],
)
def test_one_service_of_ten_that_never_ran_is_no_success_though_the_environment_says_restarted(
    last: dict[str, str], run_status: str, ending: tuple[Outcome, Reason]
) -> None:
    before = {0.0: scene(*(status(one, "RESTARTED") for one in TEN))}
    history = [run(42, {**dict.fromkeys(TEN[1:], "RESTARTED"), **last}, status=run_status)]
    after = {0.0: scene(*(status(one, "RESTARTING", 42) for one in TEN)), 30.0: nine_of_ten(runs=history)}
    story = tell(target(*TEN), before=before, after=after)
    assert story.ending == ending
    assert TEN[0].upper() in story.result.message
    assert story.result.services[0].outcome is ending[0]


def test_a_target_that_disappears_is_named_once_it_has_stayed_away() -> None:
    story = tell(OURS, after={0: both("RESTARTING", 42), 20: scene(status("api", "RESTARTED", 42))})
    assert story.ending == (Outcome.FAILED, Reason.SERVICE_DISAPPEARED)
    assert "WEB disappeared" in story.result.message
    assert story.ended_at >= 20 + INVISIBLE_FOR


def test_a_target_that_is_missing_from_a_few_readings_is_waited_for() -> None:
    story = tell(OURS, after={**goes_well(), 12: scene(status("api", "RESTARTING", 42)), 20: both("RESTARTING", 42)})
    assert story.ending == SUCCESS


@pytest.mark.parametrize("state", ["UNAVAILABLE", "RECAP", "HIBERNATING", ""], ids=repr)
def test_an_unknown_state_is_looked_at_until_it_makes_way(state: str) -> None:
    after = {0: both("RESTARTING", 42), 10: both(state, 42), 200: both("RESTARTED", 42)}
    assert tell(OURS, after=after).ending == SUCCESS


@pytest.mark.parametrize("state", ["UNAVAILABLE", "RECAP", "HIBERNATING", ""], ids=repr)
def test_an_unknown_state_that_stays_times_out(state: str) -> None:
    story = tell(OURS, after={0: both("RESTARTING", 42), 10: both(state, 42)})
    assert story.ending == (Outcome.TIMED_OUT, Reason.DEADLINE)


# The history is asked where there is a doubt, and no more often than it is worth.


AHEAD = replace(both("RESTARTED", 42, runs=[LAST_NIGHTS_RUN]), lags=True)


@pytest.mark.parametrize("at_work", [0.0, 30.0], ids=["never seen at work", "seen at work"])
def test_statuses_that_are_ahead_of_the_history_prove_neither_a_success_nor_that_it_was_cancelled(
    at_work: float,
) -> None:
    begun = {0: replace(both("RESTARTING", 42, runs=[LAST_NIGHTS_RUN]), lags=True), at_work: AHEAD}
    assert tell(OURS, after=begun).ending == (Outcome.TIMED_OUT, Reason.DEADLINE)
    shown = both("RESTARTED", 42, runs=[restart_run(), LAST_NIGHTS_RUN])
    assert tell(OURS, after={**begun, 200: shown}).ending == SUCCESS


def test_a_history_that_lags_behind_is_asked_again() -> None:
    ongoing = both("RESTARTED", 42, runs=[restart_run(42, "ONGOING", "RESTARTING")])
    story = tell(OURS, after={0: ongoing, 100: both("RESTARTED", 42, runs=[restart_run()])})
    assert story.ending == SUCCESS
    asked = story.platform.calls_of("find_runs")
    assert len(asked) <= 20
    assert story.ended_at <= 100 + 35


def test_a_run_that_never_ends_times_out_and_costs_a_look_every_thirty_seconds() -> None:
    story = tell(OURS, after={0: both("RESTARTED", None, runs=[restart_run(42, "ONGOING")])})
    assert story.ending == (Outcome.TIMED_OUT, Reason.DEADLINE)
    assert len(story.platform.calls_of("find_runs")) <= 1800 / 30 + 15


def test_what_is_not_proven_by_the_last_look_on_the_deadline_is_asked_nothing_more() -> None:
    as_we_do = replace(LAST_NIGHTS_RUN, origin="API")
    over = both("RESTARTED", 43, runs=[restart_run(43), as_we_do])
    story = tell(OURS, after={0: both("RESTARTING", 42), 1800: over})
    assert (story.ending, story.ended_at) == ((Outcome.TIMED_OUT, Reason.DEADLINE), 1800.0)
    assert story.platform.calls_of("read_queue") == []


@pytest.mark.parametrize("hidden", ["find_runs", "read_statuses"])
def test_a_doubt_that_nobody_can_clear_up_is_no_success(hidden: str) -> None:
    over = {0: both("RESTARTED", 42, runs=[restart_run(), replace(LAST_NIGHTS_RUN, origin="API")])}
    story = tell(OURS, after=over, faults=[Fault(error=RESET, calls=frozenset({hidden}), begin=1)])
    assert story.ending == (Outcome.TIMED_OUT, Reason.DEADLINE)


def test_statuses_are_contact_while_the_history_cannot_be_read() -> None:
    hidden = Fault(error=RESET, calls=frozenset({"find_runs"}), begin=1, end=900)
    story = tell(OURS, faults=[hidden])
    assert story.ending == SUCCESS
    assert story.ended_at >= 900


def test_a_doubt_is_cleared_up_when_the_history_comes_back() -> None:
    over = {0: both("RESTARTED", 42, runs=[restart_run()])}
    assert tell(OURS, after=over, faults=[Fault(error=RESET, calls=ASIDE, end=200)]).ending == SUCCESS


class LeavesTheQueue(ScriptedPlatform):
    """Our request leaves the queue and begins to run right after the first look at the history."""

    first_look: str | None = None

    async def find_runs(self, environment_id: str, *, at_most: int = 20) -> Sequence[Run]:
        if self.first_look is None:
            self.first_look = "history"
            return [restart_run(42), replace(LAST_NIGHTS_RUN, origin="API")]
        going = self._clock.monotonic() < 40
        ours = restart_run(43, "ONGOING", "RESTARTING") if going else restart_run(43, "ERROR", "RESTART_ERROR")
        return [ours, restart_run(42), LAST_NIGHTS_RUN]

    async def read_queue(self, environment_id: str) -> Sequence[QueuedRequest]:
        return [queued(*TARGETS)] if self._clock.monotonic() < FIRST_LOOK + 0.5 else []


def test_a_request_that_begins_to_run_between_two_reads_is_not_lost_sight_of() -> None:
    # Somebody's restart, run 42, has succeeded; ours, of which we do not know the id, waits behind it, and fails as run
    # 43. Since run 42 may be ours, but asked for as others do, the queue is read, and shows that one still waits.
    async def go() -> tuple[EnvironmentResult, str | None]:
        clock = RehearsalClock(NOON)
        after = {0: both("RESTARTED", 42, waiting=1), 6: both("RESTARTING", 43), 40: both("RESTART_ERROR", 43)}
        platform = LeavesTheQueue(clock, before={0: IDLE}, after=after)
        context = context_of(OURS, platform, clock, end_by=NO_END)
        job = RestartJob(context, prober=ScriptedProber(clock, {}), journal=MemoryJournal())
        async with asyncio.timeout(3600):
            return await job.run(), platform.first_look

    result, first_look = in_virtual_time(go())
    assert (result.outcome, result.reason) == (Outcome.FAILED, Reason.RESTART_ERROR)
    assert first_look == "history"


# The way to the platform is bad.

FAULTS = [
    NotSentError("no route"),
    UnansweredError("HTTP 503", status=503),
    MalformedAnswerError("HTML"),
    ThrottledError("slow down", status=429),
    RefusedError("HTTP 400", status=400),
    BusyError("HTTP 409", status=409),
]
by_name = pytest.mark.parametrize("error", FAULTS, ids=lambda error: type(error).__name__)


@by_name
def test_a_fault_that_passes_does_not_change_the_end(error: PlatformError) -> None:
    story = tell(OURS, faults=[Fault(error=error, begin=1, end=200)])
    assert story.ending == SUCCESS
    assert story.ended_at >= 200


@by_name
def test_a_fault_that_stays_is_lost_contact_and_never_a_success(error: PlatformError) -> None:
    story = tell(OURS, faults=[Fault(error=error, begin=1)])
    assert story.ending == (Outcome.UNKNOWN, Reason.CONTACT_LOST)
    assert 300 <= story.ended_at <= 310
    assert "may still be running" in story.result.message
    assert story.result.exit_code == 75


def test_contact_that_is_lost_right_on_the_deadline_times_out() -> None:
    story = tell(OURS, faults=[Fault(error=RESET, begin=1)], end_by=200.0)
    assert (story.ending, story.ended_at) == ((Outcome.TIMED_OUT, Reason.RUN_DEADLINE), 200.0)


@pytest.mark.parametrize("code", [401, 403])
@pytest.mark.parametrize("call", ["read_statuses", "find_runs"])
def test_a_token_that_is_refused_in_the_middle_ends_it_at_once_as_unknown(code: int, call: str) -> None:
    refused = Fault(error=TokenRefusedError("expired", status=code), calls=frozenset({call}), begin=1)
    story = tell(OURS, after={0: IDLE}, faults=[refused])
    assert story.ending == (Outcome.UNKNOWN, Reason.TOKEN_REFUSED)
    assert story.ended_at <= FIRST_LOOK * (1 + JITTER)
    assert story.result.exit_code == 77


def test_an_environment_that_is_not_found_any_more_has_disappeared() -> None:
    story = tell(OURS, faults=[Fault(error=NotFoundError("gone", status=404), begin=1)])
    assert story.ending == (Outcome.FAILED, Reason.ENVIRONMENT_DISAPPEARED)
    assert len(story.platform.calls_of("read_statuses")) == 1 + NOT_FOUND_LIMIT
    assert story.ended_at < 30


def test_a_single_404_is_a_proxys_and_not_the_end() -> None:
    story = tell(OURS, faults=[Fault(error=NotFoundError("gone", status=404), begin=1, times=2)])
    assert story.ending == SUCCESS
