"""`ownership`: which request and which run are ours, and what must be left alone."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given

from orchestrator.domain.observations import Baseline, Observation, QueuedRequest, Run
from orchestrator.domain.ownership import Standing, Trace, find_ours, find_submit, raise_baseline, still_runs
from tests.support.builders import all_in, baseline_of, execution, observe, queued, run, status
from tests.support.strategies import TARGETS, observations, queues, runs

BASELINE = replace(baseline_of("api", "web"), origin="API")
AT_REST = all_in("RESTARTED", "api", "web", number=42)
BOTH = {"api": "RESTARTED", "web": "RESTARTED"}
LAST_NIGHTS = run(41, BOTH)
OURS = frozenset({"request-1"})


# A submit whose answer was lost.

FOUND = [
    pytest.param(all_in("RESTART_QUEUED", "api", "web"), [], [], Trace.IN_MOTION, id="queued, for whom?"),
    pytest.param(
        observe(status("api", "RESTARTING", 42), status("web", "RESTART_QUEUED", 42)),
        [],
        [],
        Trace.IN_MOTION,
        id="begun, for whom?",
    ),
    pytest.param(
        all_in("RESTARTED", "api", "web"), [run(42, BOTH, status="ONGOING")], [], Trace.OURS, id="a run, going on"
    ),
    pytest.param(AT_REST, [run(42, BOTH)], [], Trace.OURS, id="a run, over already"),
    pytest.param(AT_REST, [run(42, BOTH, status="CANCELED")], [], Trace.OURS, id="a run, cancelled: it was accepted"),
    pytest.param(all_in("RESTARTED", "api", "web"), [], [queued("api", "web")], Trace.OURS, id="a queue entry"),
    pytest.param(all_in("RESTARTED", "api", "web"), [LAST_NIGHTS], [], Trace.NOTHING, id="nothing but last night"),
    pytest.param(observe(status("api", "RESTART_QUEUED")), [], [], Trace.UNCLEAR, id="one of two is missing"),
    pytest.param(
        observe(status("api", "RESTART_QUEUED"), status("web", "RESTARTED")),
        [],
        [],
        Trace.UNCLEAR,
        id="one moves",
    ),
    pytest.param(all_in("DEPLOYING", "api", "web", number=42), [], [], Trace.UNCLEAR, id="somebody deploys"),
    pytest.param(AT_REST, [run(42, {"api": "RESTARTED"})], [], Trace.UNCLEAR, id="somebody's restart of one of two"),
    pytest.param(AT_REST, [run(42, BOTH, action="DEPLOY")], [], Trace.UNCLEAR, id="somebody's deployment of both"),
    pytest.param(
        AT_REST, [replace(run(42, BOTH), origin="CONSOLE")], [], Trace.NOT_OURS, id="a restart from the console, over"
    ),
    pytest.param(
        all_in("RESTARTED", "api", "web"),
        [],
        [replace(queued("api", "web"), origin="CLI")],
        Trace.NOT_OURS,
        id="a restart from a command line, waiting",
    ),
    pytest.param(
        AT_REST,
        [replace(run(43, BOTH), origin="CONSOLE"), replace(run(42, BOTH), origin="API")],
        [],
        Trace.OURS,
        id="one from the console, and one through the API",
    ),
]


@pytest.mark.parametrize(("reading", "history", "queue", "trace"), FOUND)
def test_a_lost_submit_counts_as_accepted_when_a_new_restart_of_all_targets_through_the_api_is_seen(
    reading: Observation, history: list[Run], queue: list[QueuedRequest], trace: Trace
) -> None:
    assert find_submit(BASELINE, reading, history, queue)[0] is trace


def test_a_lost_submit_that_is_found_waiting_is_known_by_its_id_from_then_on() -> None:
    found = find_submit(BASELINE, all_in("RESTART_QUEUED", "api", "web"), [], [queued("api", "web")])
    assert found == (Trace.OURS, OURS)


QUIET = all_in("RESTARTED", "api", "web")
STRANGER = "chart"
CERTAIN = [
    pytest.param(QUIET, [LAST_NIGHTS], [], True, id="nothing happened at all"),
    pytest.param(
        observe(*QUIET.services.values(), status(STRANGER, "READY", None)),
        [LAST_NIGHTS],
        [],
        True,
        id="a stranger never had an execution",
    ),
    pytest.param(
        observe(*QUIET.services.values(), status(STRANGER, "DEPLOYING")), [LAST_NIGHTS], [], False, id="something runs"
    ),
    pytest.param(QUIET, [LAST_NIGHTS], [queued(STRANGER, action="DEPLOY")], False, id="something waits"),
    pytest.param(
        QUIET,
        [run(42, {STRANGER: "DEPLOYED"}, action="DEPLOY"), LAST_NIGHTS],
        [],
        False,
        id="somebody ran something else",
    ),
    pytest.param(
        observe(*QUIET.services.values(), status(STRANGER, "DEPLOYED", 42)),
        [LAST_NIGHTS],
        [],
        False,
        id="a stranger is under a run that the history does not show yet",
    ),
    pytest.param(
        observe(status("api", "RESTARTED"), status("web", "RESTARTED", 42)),
        [LAST_NIGHTS],
        [],
        False,
        id="a target is under a new execution",
    ),
    pytest.param(
        observe(status("api", "RESTARTED"), status("web", "RESTARTED", None)),
        [LAST_NIGHTS],
        [],
        False,
        id="a target does not say its execution",
    ),
    pytest.param(all_in("RESTARTED", "api"), [LAST_NIGHTS], [], False, id="a target is missing"),
    pytest.param(QUIET, [run(None, BOTH), LAST_NIGHTS], [], False, id="a run does not say which it is"),
    pytest.param(QUIET, [], [], False, id="the history is empty"),
    pytest.param(QUIET, [run(40, BOTH)], [], False, id="the history does not reach the baseline"),
]


@pytest.mark.parametrize(("reading", "history", "queue", "certain"), CERTAIN)
def test_a_lost_submit_never_arrived_only_where_nobody_did_anything(
    reading: Observation, history: list[Run], queue: list[QueuedRequest], certain: bool
) -> None:
    assert (find_submit(BASELINE, reading, history, queue)[0] is Trace.NOTHING) is certain


@given(reading=observations(complete=True), history=runs(), queue=queues())
def test_nothing_is_certain_while_a_restart_of_all_targets_is_to_be_seen(
    reading: Observation, history: Sequence[Run], queue: Sequence[QueuedRequest]
) -> None:
    baseline = baseline_of(*TARGETS)
    trace, _ = find_submit(baseline, reading, history, queue)
    if trace is Trace.NOTHING:
        assert not queue
        assert not any(one.execution_id and baseline.is_new(one.execution_id) for one in history)
        assert not reading.busy


# What is at work while our request waits.


def waiting(service_id: str, state: str, number: int, request_id: str = "request-1") -> Observation:
    ours = replace(status(service_id, state, number), request_id=request_id, requests_waiting=1)
    return observe(ours, status("web", "RESTARTED", number))


def test_what_has_ended_while_our_request_waits_is_not_ours() -> None:
    raised = raise_baseline(BASELINE, waiting("api", "RESTARTING", 42), OURS)
    assert not raised.is_new(str(execution(42)))
    assert raised.is_new(str(execution(43)))
    assert raised.targets == BASELINE.targets


@pytest.mark.parametrize(
    "reading",
    [
        pytest.param(waiting("api", "RESTARTING", 42, "request-2"), id="somebody else's request waits"),
        pytest.param(all_in("RESTARTING", "api", "web", number=42), id="nothing waits"),
        pytest.param(
            observe(
                replace(status("api", "RESTART_QUEUED", 42), request_id="request-1"),
                status("web", "RESTART_QUEUED", 42),
            ),
            id="a run that is only queued may be ours, in a reading that is not of one piece",
        ),
    ],
)
def test_otherwise_the_baseline_stays_where_it_is(reading: Observation) -> None:
    assert raise_baseline(BASELINE, reading, OURS) == BASELINE


# What may be cancelled.


def through_the_api(number: int, services: dict[str, str], *, status: str = "ONGOING") -> Run:
    return replace(run(number, services, status=status), origin="API")


FROM_CONSOLE = replace(through_the_api(42, {"api": "RESTARTING", "web": "RESTART_QUEUED"}), origin="CONSOLE")
FROM_NOWHERE = replace(FROM_CONSOLE, origin=None)
GOING = {"api": "RESTARTING", "web": "RESTART_QUEUED"}
CANCELLABLE = [
    pytest.param([], [queued("api", "web")], Standing.WAITS, id="our request waits"),
    pytest.param([], [queued("api", "web", "cache")], Standing.MERGED, id="our request was merged"),
    pytest.param([], [queued("api", "web", request_id="request-2")], Standing.UNNAMED, id="another request waits"),
    pytest.param([LAST_NIGHTS], [queued("cache", request_id="request-2")], Standing.UNSEEN, id="nothing of ours"),
    pytest.param([LAST_NIGHTS], [], Standing.UNSEEN, id="nothing at all"),
    pytest.param([through_the_api(42, GOING), LAST_NIGHTS], [], Standing.RUNS, id="our run"),
    pytest.param(
        [through_the_api(42, GOING), LAST_NIGHTS],
        [queued("cache", request_id="request-2", action="DEPLOY")],
        Standing.AWAITED,
        id="our run, and somebody waits behind it",
    ),
    pytest.param([through_the_api(42, BOTH, status="SUCCESS")], [], Standing.OVER, id="our run is over"),
    pytest.param([through_the_api(42, {**GOING, "cache": "RESTARTING"})], [], Standing.WIDER, id="a merged run"),
    pytest.param([through_the_api(42, {"api": "RESTARTING"})], [], Standing.INCOMPLETE, id="a restart of one of two"),
    pytest.param([FROM_CONSOLE], [], Standing.ANOTHER_ORIGIN, id="from the console"),
    pytest.param([FROM_NOWHERE], [], Standing.ANOTHER_ORIGIN, id="nobody says from where"),
    pytest.param(
        [through_the_api(43, GOING), through_the_api(42, BOTH, status="SUCCESS")],
        [],
        Standing.REPEATED,
        id="the second restart since our submit",
    ),
    pytest.param(
        [through_the_api(43, {"cache": "DEPLOYING"}), through_the_api(42, GOING)],
        [],
        Standing.SEVERAL_RUNS,
        id="two runs at a time, which cannot be",
    ),
    pytest.param(
        [replace(through_the_api(42, {"api": "DEPLOYING", "web": "DEPLOYING"}), action="DEPLOY")],
        [],
        Standing.UNSEEN,
        id="somebody deploys",
    ),
]


@pytest.mark.parametrize(("history", "queue", "standing"), CANCELLABLE)
def test_only_what_is_provably_ours_alone_may_be_cancelled(
    history: list[Run], queue: list[QueuedRequest], standing: Standing
) -> None:
    found = find_ours(BASELINE, history, queue, request_ids=OURS)
    assert found.standing is standing
    assert (found.request_ids == OURS) is (standing is Standing.WAITS)
    assert (found.execution_id == execution(42)) is (standing is Standing.RUNS)
    assert standing.is_ours_alone is (standing in (Standing.WAITS, Standing.RUNS))


@given(history=runs(), queue=queues())
def test_no_run_with_a_service_that_is_not_ours_is_ever_to_be_cancelled(
    history: Sequence[Run], queue: Sequence[QueuedRequest]
) -> None:
    baseline: Baseline = baseline_of(*TARGETS)
    found = find_ours(baseline, history, queue, request_ids=OURS)
    if found.standing is Standing.RUNS:
        (chosen,) = [one for one in history if one.execution_id == found.execution_id and not one.over]
        assert chosen.services.keys() == set(TARGETS)
        assert chosen.action == "RESTART"


AT_WORK = all_in("RESTARTING", "api", "web", number=42)
STILL = [
    pytest.param(AT_WORK, True, id="at work on both"),
    pytest.param(replace(AT_WORK, last_execution_id=execution(42)), True, id="and it is the last"),
    pytest.param(replace(AT_WORK, last_execution_id=execution(43)), False, id="another has begun since"),
    pytest.param(
        observe(status("api", "RESTARTED", 42), status("web", "RESTART_QUEUED", 42)), True, id="not done with one"
    ),
    pytest.param(AT_REST, False, id="done with both"),
    pytest.param(all_in("RESTARTING", "api", "web", number=43), False, id="somebody else is at work on them"),
    pytest.param(observe(status("cache", "RESTARTING", 42)), False, id="it is at work on nothing of ours"),
    pytest.param(all_in("RESTARTING", "api", "web", number=None), False, id="nobody says for whom they restart"),
]


@pytest.mark.parametrize(("reading", "runs_on"), STILL)
def test_a_run_is_still_going_on_where_the_statuses_show_it_at_work_on_ours(
    reading: Observation, runs_on: bool
) -> None:
    assert still_runs(BASELINE, reading, execution(42)) is runs_on


def test_what_has_our_own_origin_can_be_cancelled_whatever_that_is() -> None:
    going = replace(through_the_api(42, GOING), origin="CLI")
    for baseline, standing in ((replace(BASELINE, origin="CLI"), Standing.RUNS), (BASELINE, Standing.ANOTHER_ORIGIN)):
        assert find_ours(baseline, [going], [], request_ids=frozenset()).standing is standing
