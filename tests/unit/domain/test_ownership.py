"""`ownership`: which request and which run are ours, and what must be left alone."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given

from orchestrator.domain.observations import Baseline, Observation, QueuedRequest, Run
from orchestrator.domain.ownership import (
    Search,
    Standing,
    Trace,
    find_ours,
    find_submit,
    named_requests,
    others_at_work,
    our_name,
    perhaps_others_at_work,
    restarted_since,
    still_runs,
)
from orchestrator.domain.verdict import Picture
from tests.support.builders import NOON, all_in, baseline_of, execution, observe, queued, run, status
from tests.support.strategies import TARGETS, observations, queues, runs

BASELINE = replace(baseline_of("api", "web"), origin="API")
KNOWN = replace(BASELINE, name="robot")
"""The same, where it is known what the platform calls us."""
BOTH = {"api": "RESTARTED", "web": "RESTARTED"}
GOING = {"api": "RESTARTING", "web": "RESTART_QUEUED"}
AT_REST = all_in("RESTARTED", "api", "web")
AT_WORK = all_in("RESTARTING", "api", "web", number=42)
OVER = all_in("RESTARTED", "api", "web", number=42)
LAST_NIGHTS = run(41, BOTH, origin="CRON")
OURS = frozenset({"request-1"})
OUR_RUN = run(42, GOING, status="ONGOING", origin="API")
THEIR_RUN = replace(OUR_RUN, origin="CONSOLE")


# Which waiting request is ours.

REQUESTS = [
    pytest.param(queued("api", "web", origin="API"), True, id="all targets, our id"),
    pytest.param(queued("api", "web"), True, id="no origin shown"),
    pytest.param(queued("api", "web", "cache"), True, id="merged with one for another service"),
    pytest.param(queued("api", "web", triggered_by="robot"), True, id="our name"),
    pytest.param(queued("api", "web", triggered_by="ann"), False, id="another name"),
    pytest.param(queued("api", "web", origin="CLI"), False, id="another origin"),
    pytest.param(queued("api", "web", request_id="request-2"), False, id="another id"),
    pytest.param(queued("api"), False, id="one of two targets"),
    pytest.param(queued(), True, id="no services shown"),
    pytest.param(queued("api", "web", action="DEPLOY"), False, id="a deployment"),
]


@pytest.mark.parametrize(("request_", "is_ours"), REQUESTS)
def test_the_request_with_our_id_is_ours_if_everything_else_agrees(request_: QueuedRequest, is_ours: bool) -> None:
    assert named_requests(KNOWN, [request_], OURS) == ([request_] if is_ours else [])


@pytest.mark.parametrize(
    ("queue", "name"),
    [
        pytest.param([], None, id="nothing waits"),
        pytest.param([queued("api", "web", triggered_by="robot")], "robot", id="ours waits"),
        pytest.param([queued("api", "web")], None, id="ours waits, and does not say who asked"),
        pytest.param([queued("api", "web", triggered_by="robot", request_id="request-2")], None, id="not ours"),
        pytest.param([queued("api", "web", triggered_by="robot")] * 2, "robot", id="listed twice"),
        pytest.param(
            [queued("api", "web", triggered_by="robot"), queued("api", "web", triggered_by="ann")],
            None,
            id="two names under one id",
        ),
    ],
)
def test_our_name_is_learnt_from_our_own_waiting_request(queue: list[QueuedRequest], name: str | None) -> None:
    assert our_name(BASELINE, Picture(queue=queue), OURS) == name


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(
            Picture(queue=[queued("api", "web", triggered_by="robot"), queued("api", "web", request_id="request-2")]),
            id="another restart waits",
        ),
        pytest.param(
            Picture(runs=[run(42, BOTH)], queue=[queued("api", "web", triggered_by="robot")]), id="another has run"
        ),
        pytest.param(
            Picture(
                runs=[run(41, BOTH, action="DEPLOY", triggered_by="robot")],
                queue=[queued("api", "web", triggered_by="robot")],
            ),
            id="whoever bears that name deploys, too",
        ),
    ],
)
def test_our_name_is_not_learnt_where_the_id_may_be_another_users(picture: Picture) -> None:
    assert our_name(BASELINE, picture, OURS) is None


# What is at work while our request waits.

WAITING = queued("api", "web", origin="API")
BEHIND = [
    pytest.param(Picture(runs=[OUR_RUN], queue=[WAITING]), OURS, [42], id="a run at work"),
    pytest.param(Picture(runs=[run(42, BOTH)], queue=[WAITING]), OURS, [42], id="a run that is over"),
    pytest.param(Picture(observation=AT_WORK, queue=[WAITING]), OURS, [42], id="statuses under a run"),
    pytest.param(
        Picture(runs=[replace(OUR_RUN, status="QUEUED")], queue=[WAITING]), OURS, [], id="a run that is only queued"
    ),
    pytest.param(
        Picture(observation=all_in("RESTART_QUEUED", "api", "web", number=42), queue=[WAITING]),
        OURS,
        [],
        id="statuses that are only queued",
    ),
    pytest.param(Picture(runs=[LAST_NIGHTS], observation=AT_REST, queue=[WAITING]), OURS, [], id="what ran before"),
    pytest.param(
        Picture(runs=[run(None, BOTH)], observation=all_in("RESTARTED", "api", number=None), queue=[WAITING]),
        OURS,
        [],
        id="what does not say its execution",
    ),
    pytest.param(Picture(runs=[OUR_RUN], queue=[]), OURS, [], id="nothing waits any more"),
    pytest.param(Picture(runs=[OUR_RUN]), OURS, [], id="the queue was not read"),
    pytest.param(
        Picture(runs=[OUR_RUN], queue=[replace(WAITING, request_id="request-2")]), OURS, [], id="another's waits"
    ),
    pytest.param(
        Picture(runs=[OUR_RUN], queue=[replace(WAITING, request_id="request-2")]),
        frozenset[str](),
        [42],
        id="what waits may be ours, since no id is known",
    ),
    pytest.param(
        Picture(runs=[OUR_RUN], queue=[replace(WAITING, origin="CLI")]),
        frozenset[str](),
        [],
        id="what waits has another origin",
    ),
]


@pytest.mark.parametrize(("picture", "request_ids", "numbers"), BEHIND)
def test_what_is_at_work_while_our_request_waits_is_not_ours(
    picture: Picture, request_ids: frozenset[str], numbers: list[int]
) -> None:
    assert others_at_work(BASELINE, picture, request_ids) == {execution(number) for number in numbers}


NAMED = observe(*(replace(one, request_id="request-1") for one in AT_WORK.services.values()))


@pytest.mark.parametrize(
    ("reading", "numbers"),
    [
        pytest.param(NAMED, [42], id="our id waits behind a run"),
        pytest.param(AT_WORK, [], id="no id is shown"),
        pytest.param(
            observe(*(replace(one, request_id="request-2") for one in AT_WORK.services.values())), [], id="another id"
        ),
        pytest.param(
            observe(*AT_WORK.services.values(), replace(status("cache", "RESTARTING", 42), request_id="request-1")),
            [],
            id="our id, for a service that is no target",
        ),
        pytest.param(
            observe(*(replace(one, request_id="request-1") for one in AT_REST.services.values())), [], id="nothing new"
        ),
        pytest.param(
            observe(replace(status("api", "RESTART_QUEUED", 42), request_id="request-1")), [], id="a run only queued"
        ),
    ],
)
def test_a_run_is_not_cancelled_where_one_reading_shows_it_beside_our_waiting_request(
    reading: Observation, numbers: list[int]
) -> None:
    assert perhaps_others_at_work(BASELINE, reading, OURS) == {execution(number) for number in numbers}


LATER = run(42, BOTH, origin="API", created_at=NOON + timedelta(minutes=1))


@pytest.mark.parametrize(
    ("found", "counts"),
    [
        pytest.param(LATER, True, id="made since"),
        pytest.param(replace(LATER, created_at=NOON), True, id="made in that very instant"),
        pytest.param(replace(LATER, execution_id=execution(7)), True, id="whatever its number"),
        pytest.param(replace(LATER, services={**BOTH, "cache": "RESTARTED"}), True, id="of more than the targets"),
        pytest.param(replace(LATER, origin=None), True, id="it does not say how it was asked for"),
        pytest.param(replace(LATER, created_at=NOON - timedelta(seconds=1)), False, id="made before"),
        pytest.param(replace(LATER, created_at=None), False, id="without a date"),
        pytest.param(replace(LATER, origin="CONSOLE"), False, id="another origin"),
        pytest.param(replace(LATER, services={"api": "RESTARTED"}), False, id="one of two targets"),
        pytest.param(replace(LATER, action="DEPLOY"), False, id="a deployment"),
    ],
)
def test_a_restart_that_the_journal_does_not_know_of_is_recognized_by_its_date(found: Run, counts: bool) -> None:
    assert restarted_since(BASELINE, [LAST_NIGHTS, found], NOON) == (found if counts else None)


# A submit whose answer was lost.

FOUND = [
    pytest.param(AT_REST, [OUR_RUN, LAST_NIGHTS], [], Trace.OURS, id="a run, going on"),
    pytest.param(OVER, [run(42, BOTH)], [], Trace.OURS, id="a run, over already, of no known origin"),
    pytest.param(OVER, [run(42, BOTH, status="CANCELED")], [], Trace.OURS, id="a run, cancelled: it was accepted"),
    pytest.param(AT_REST, [LAST_NIGHTS], [queued("api", "web")], Trace.OURS, id="a queue entry"),
    pytest.param(AT_REST, [LAST_NIGHTS], [queued()], Trace.OURS, id="a queue entry that does not show its services"),
    pytest.param(AT_WORK, [replace(THEIR_RUN, execution_id=execution(43)), OUR_RUN], [], Trace.OURS, id="two runs"),
    pytest.param(
        all_in("RESTART_QUEUED", "api", "web"), [LAST_NIGHTS], [], Trace.IN_MOTION, id="they are queued, for whom?"
    ),
    pytest.param(AT_WORK, [LAST_NIGHTS], [], Trace.IN_MOTION, id="they restart, for whom?"),
    pytest.param(
        AT_WORK, [replace(THEIR_RUN, status="SUCCESS"), LAST_NIGHTS], [], Trace.IN_MOTION, id="for nobody who is done"
    ),
    pytest.param(AT_WORK, [THEIR_RUN, LAST_NIGHTS], [], Trace.ANOTHER_ORIGIN, id="they restart for the console"),
    pytest.param(
        all_in("RESTARTED", "api", "web", "db", number=42),
        [replace(THEIR_RUN, services={**BOTH, "db": "RESTARTED"}, status="SUCCESS"), LAST_NIGHTS],
        [],
        Trace.OTHERS,
        id="the console's, of more than the targets",
    ),
    pytest.param(
        all_in("RESTART_QUEUED", "api", "web"),
        [LAST_NIGHTS],
        [queued("api", "web", origin="CLI")],
        Trace.OTHERS,
        id="they are queued for a command line",
    ),
    pytest.param(
        OVER,
        [replace(THEIR_RUN, status="SUCCESS"), LAST_NIGHTS],
        [],
        Trace.ANOTHER_ORIGIN,
        id="the console's, over",
    ),
    pytest.param(
        AT_REST, [run(42, {"chart": "DEPLOYED"}, action="DEPLOY"), LAST_NIGHTS], [], Trace.OTHERS, id="a deployment"
    ),
    pytest.param(
        observe(*AT_REST.services.values(), status("chart", "DEPLOYED", 42)),
        [LAST_NIGHTS],
        [],
        Trace.OTHERS,
        id="a stranger is under a new run",
    ),
    pytest.param(AT_REST, [LAST_NIGHTS], [queued("chart", action="DEPLOY")], Trace.OTHERS, id="something waits"),
    pytest.param(
        observe(*AT_REST.services.values(), status("chart", "DEPLOYING")),
        [LAST_NIGHTS],
        [],
        Trace.OTHERS,
        id="something is at work",
    ),
    pytest.param(AT_REST, [LAST_NIGHTS], [], Trace.NOTHING, id="nothing but last night"),
    pytest.param(
        observe(*AT_REST.services.values(), status("chart", "READY", None)),
        [LAST_NIGHTS],
        [],
        Trace.NOTHING,
        id="a stranger never had an execution",
    ),
    pytest.param(replace(AT_REST, incomplete=True), [LAST_NIGHTS], [], Trace.UNCLEAR, id="the reading left some out"),
    pytest.param(all_in("RESTARTED", "api"), [LAST_NIGHTS], [], Trace.UNCLEAR, id="a target is missing"),
    pytest.param(
        observe(status("api", "RESTARTED"), status("web", "RESTARTED", None)),
        [LAST_NIGHTS],
        [],
        Trace.UNCLEAR,
        id="a target does not say its execution",
    ),
    pytest.param(
        AT_REST, [run(None, BOTH, action="DEPLOY"), LAST_NIGHTS], [], Trace.UNCLEAR, id="a run does not say which it is"
    ),
    pytest.param(AT_REST, [], [], Trace.UNCLEAR, id="the history is empty"),
    pytest.param(
        AT_REST, [run(42, {}, action="DEPLOY")], [], Trace.UNCLEAR, id="the history does not reach back to last night"
    ),
    pytest.param(AT_REST, [run(42, {}), LAST_NIGHTS], [], Trace.UNCLEAR, id="a restart of nobody knows what"),
    pytest.param(
        observe(*AT_REST.services.values(), status("chart", "DEPLOYED", 40)),
        [LAST_NIGHTS],
        [],
        Trace.UNCLEAR,
        id="an older run that was not known",
    ),
]


@pytest.mark.parametrize(("reading", "history", "queue", "trace"), FOUND)
def test_a_lost_submit_is_looked_for_in_statuses_history_and_queue(
    reading: Observation, history: list[Run], queue: list[QueuedRequest], trace: Trace
) -> None:
    found, request_ids = find_submit(BASELINE, reading, history, queue)
    assert found is trace
    assert request_ids == (frozenset({one.request_id for one in queue}) if trace is Trace.OURS else frozenset())


@pytest.mark.parametrize(
    ("asked_by", "trace"), [("us", Trace.ANOTHER_ORIGIN), (None, Trace.ANOTHER_ORIGIN), ("ann", Trace.OTHERS)]
)
def test_our_name_tells_a_restart_of_another_origin_from_ours(asked_by: str | None, trace: Trace) -> None:
    theirs = replace(THEIR_RUN, status="SUCCESS", triggered_by=asked_by)
    assert find_submit(replace(BASELINE, name="us"), OVER, [theirs, LAST_NIGHTS], []) == (trace, frozenset())


@given(reading=observations(complete=True), history=runs(), queue=queues())
def test_nothing_is_found_only_where_nobody_did_anything(
    reading: Observation, history: Sequence[Run], queue: Sequence[QueuedRequest]
) -> None:
    baseline = baseline_of(*TARGETS)
    trace, _ = find_submit(baseline, reading, history, queue)
    if trace is Trace.NOTHING:
        assert not queue
        assert not any(one.execution_id and baseline.is_new(one.execution_id) for one in history)
        assert not reading.busy


SEARCHES = [
    # Each with the traces of its looks, whether anything is in progress at the last one, and then: more looks are
    # needed (None), nothing was accepted (True), or that stays unknown (False).
    pytest.param(False, "nothing", False, True, id="lost, and nothing has happened"),
    pytest.param(False, "nothing", True, None, id="lost, and something is in progress"),
    pytest.param(False, "others", False, False, id="lost, and others may have hidden it"),
    pytest.param(False, "unclear nothing", False, True, id="lost, and a look that was unclear, but nothing happened"),
    pytest.param(False, "in_motion nothing", False, False, id="lost, and once in motion"),
    pytest.param(False, "in_motion", False, None, id="lost, and still in motion"),
    pytest.param(False, "nothing unclear", False, None, id="lost, and unclear now"),
    pytest.param(True, "nothing", True, True, id="refused, and something is in progress"),
    pytest.param(True, "others", True, True, id="refused, and others at work: ours would wait behind them"),
    pytest.param(True, "unclear others", False, False, id="refused, and others may have hidden it in an unclear look"),
    pytest.param(True, "another_origin", True, False, id="refused, and a restart like ours of another origin"),
    pytest.param(False, "another_origin", False, False, id="lost, and a restart like ours of another origin"),
    pytest.param(True, "in_motion others", False, False, id="refused, and once in motion"),
    pytest.param(True, "in_motion nothing", False, False, id="refused, once in motion, and nothing now"),
]


@pytest.mark.parametrize(("refused", "traces", "busy", "shows_none"), SEARCHES)
def test_what_was_looked_for_was_not_accepted_only_where_no_look_can_have_missed_it(
    refused: bool, traces: str, busy: bool, shows_none: bool | None
) -> None:
    search = Search(refused=refused)
    looks = [Trace(each) for each in traces.split()]
    for trace in looks:
        search = search.after(trace)
        assert not search.is_over(trace, busy=busy, has_lasted=False)
    assert search.is_over(looks[-1], busy=busy, has_lasted=True) is (shows_none is not None)
    if shows_none is not None:
        assert search.shows_none(looks[-1]) is shows_none


@pytest.mark.parametrize("refused", [False, True])
def test_a_search_that_found_ours_is_over_at_once_and_nothing_is_ever_posted_for_it(refused: bool) -> None:
    search = Search(refused=refused).after(Trace.OURS)
    assert search.is_over(Trace.OURS, busy=True, has_lasted=False)
    assert not search.shows_none(Trace.OURS)


# What may be cancelled.

NAMED_RUN = replace(OUR_RUN, triggered_by="robot")
CANCELLABLE = [
    pytest.param(BASELINE, [LAST_NIGHTS], [queued("api", "web")], Standing.WAITS, id="our request waits"),
    pytest.param(BASELINE, [THEIR_RUN], [queued("api", "web")], Standing.WAITS, id="behind a run of the console's"),
    pytest.param(BASELINE, [LAST_NIGHTS], [queued("api", "web", "cache")], Standing.MERGED, id="it was merged"),
    pytest.param(
        BASELINE, [OUR_RUN, LAST_NIGHTS], [queued("api", "web")], Standing.UNNAMED, id="our id waits, and a run may be"
    ),
    pytest.param(
        BASELINE, [LAST_NIGHTS], [queued("api", "web", request_id="request-2")], Standing.UNNAMED, id="another id waits"
    ),
    pytest.param(KNOWN, [replace(OUR_RUN, triggered_by="ann")], [], Standing.UNNAMED, id="a run under another name"),
    pytest.param(BASELINE, [run(43, GOING, status="ONGOING", origin="API")], [], Standing.UNNAMED, id="a gap"),
    pytest.param(
        BASELINE, [OUR_RUN, replace(LAST_NIGHTS, origin="API")], [], Standing.UNNAMED, id="others ask as we do"
    ),
    pytest.param(
        BASELINE, [run(42, {"api": "RESTARTING"}, status="ONGOING")], [], Standing.INCOMPLETE, id="one of two"
    ),
    pytest.param(BASELINE, [run(42, BOTH), LAST_NIGHTS], [], Standing.OVER, id="it is over"),
    pytest.param(BASELINE, [LAST_NIGHTS], [], Standing.UNSEEN, id="nothing at all"),
    pytest.param(
        BASELINE, [LAST_NIGHTS], [queued("cache", request_id="request-2")], Standing.UNSEEN, id="a stranger's waits"
    ),
    pytest.param(BASELINE, [replace(OUR_RUN, action="DEPLOY")], [], Standing.UNSEEN, id="somebody deploys"),
    pytest.param(
        BASELINE,
        [run(43, {"cache": "DEPLOYING"}, action="DEPLOY", status="ONGOING"), OUR_RUN],
        [],
        Standing.SEVERAL_RUNS,
        id="two runs at a time, which cannot be",
    ),
    pytest.param(
        BASELINE, [replace(OUR_RUN, services={**GOING, "cache": "RESTARTING"})], [], Standing.WIDER, id="a wider run"
    ),
    pytest.param(BASELINE, [THEIR_RUN], [], Standing.ANOTHER_ORIGIN, id="from the console"),
    pytest.param(BASELINE, [replace(OUR_RUN, origin=None)], [], Standing.ANOTHER_ORIGIN, id="nobody says from where"),
    pytest.param(
        replace(BASELINE, origin="CLI"), [OUR_RUN], [], Standing.ANOTHER_ORIGIN, id="from the API, where ours are not"
    ),
    pytest.param(
        BASELINE,
        [replace(OUR_RUN, execution_id=execution(43)), replace(THEIR_RUN, status="SUCCESS"), LAST_NIGHTS],
        [],
        Standing.REPEATED,
        id="the second restart since our submit",
    ),
    pytest.param(
        BASELINE,
        [OUR_RUN, LAST_NIGHTS],
        [queued("cache", request_id="request-2", action="DEPLOY")],
        Standing.AWAITED,
        id="somebody waits behind it",
    ),
    pytest.param(BASELINE, [OUR_RUN, LAST_NIGHTS], [], Standing.RUNS, id="our run"),
    pytest.param(BASELINE, [OUR_RUN], [], Standing.UNNAMED, id="the history shows nobody else"),
    pytest.param(
        replace(BASELINE, origin=None, name="robot"),
        [NAMED_RUN, LAST_NIGHTS],
        [],
        Standing.RUNS,
        id="our origin is the API's by default",
    ),
    pytest.param(
        replace(BASELINE, origin="CLI"),
        [replace(OUR_RUN, origin="CLI"), LAST_NIGHTS],
        [],
        Standing.RUNS,
        id="our origin is another",
    ),
    pytest.param(
        KNOWN,
        [NAMED_RUN, replace(LAST_NIGHTS, origin="API", triggered_by="ann")],
        [],
        Standing.RUNS,
        id="our name, though others ask as we do",
    ),
]


@pytest.mark.parametrize(("baseline", "history", "queue", "standing"), CANCELLABLE)
def test_only_what_is_provably_ours_alone_may_be_cancelled(
    baseline: Baseline, history: list[Run], queue: list[QueuedRequest], standing: Standing
) -> None:
    found = find_ours(baseline, history, queue, request_ids=OURS)
    assert found.standing is standing
    assert found.request_ids == (OURS if standing is Standing.WAITS else frozenset())
    assert found.execution_id == (execution(42) if standing is Standing.RUNS else None)
    assert found.origin == (history[0].origin if standing is Standing.ANOTHER_ORIGIN else None)


@pytest.mark.parametrize("standing", Standing)
def test_only_what_waits_or_runs_is_ours_alone(standing: Standing) -> None:
    assert standing.is_ours_alone is (standing in (Standing.WAITS, Standing.RUNS))


@given(history=runs(), queue=queues())
def test_no_run_with_a_service_that_is_not_ours_is_ever_to_be_cancelled(
    history: Sequence[Run], queue: Sequence[QueuedRequest]
) -> None:
    baseline = baseline_of(*TARGETS)
    history = [replace(one, origin="API" if one.execution_id == execution(42) else "CRON") for one in history]
    found = find_ours(replace(baseline, origin="API"), history, queue, request_ids=OURS)
    if found.standing is Standing.RUNS:
        (chosen,) = [one for one in history if one.execution_id == found.execution_id and not one.over]
        assert chosen.services.keys() == set(TARGETS)
        assert chosen.action == "RESTART"


STILL = [
    pytest.param(AT_WORK, True, id="at work on both"),
    pytest.param(replace(AT_WORK, last_execution_id=execution(42)), True, id="and it is the last"),
    pytest.param(replace(AT_WORK, last_execution_id=execution(43)), False, id="another has begun since"),
    pytest.param(
        observe(status("api", "RESTARTED", 42), status("web", "RESTART_QUEUED", 42)), True, id="not done with one"
    ),
    pytest.param(OVER, False, id="done with both"),
    pytest.param(all_in("RESTARTING", "api", "web", number=43), False, id="somebody else is at work on them"),
    pytest.param(observe(status("cache", "RESTARTING", 42)), False, id="it is at work on nothing of ours"),
    pytest.param(all_in("RESTARTING", "api", "web", number=None), False, id="nobody says for whom they restart"),
]


@pytest.mark.parametrize(("reading", "runs_on"), STILL)
def test_a_run_is_still_going_on_where_the_statuses_show_it_at_work_on_ours(
    reading: Observation, runs_on: bool
) -> None:
    assert still_runs(BASELINE, reading, execution(42)) is runs_on
