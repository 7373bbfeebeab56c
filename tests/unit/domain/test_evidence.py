"""`evidence`: what one look makes of what was remembered and what was read, as tables."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.costs import expected_duration
from orchestrator.domain.evidence import (
    CANCELLED_FOR,
    CLOSES_WITHIN,
    COME_AND_GONE,
    CONFIRM_AGAIN,
    NEXT_BEGINS_WITHIN,
    OVERDUE_AFTER,
    SHOWN_BY,
    UNATTRIBUTED_FOR,
    Doubt,
    Evidence,
    Look,
    Submitted,
    Wanted,
    known_baseline,
    take_in,
)
from orchestrator.domain.observations import CLOCK_SKEW, Observation, QueuedRequest, Run
from orchestrator.domain.outcomes import Reason
from orchestrator.domain.records import Sighting
from orchestrator.domain.verdict import Finding, Picture, ServiceVerdict
from tests.support.builders import (
    INVISIBLE_FOR,
    NOON,
    all_in,
    baseline_of,
    execution,
    observe,
    queued,
    run,
    status,
    submitted,
)
from tests.support.strategies import TARGETS as THREE
from tests.support.strategies import observations, queues, runs

TARGETS = ("api", "web")
BASELINE = replace(baseline_of(*TARGETS, at=NOON), origin="API")
OURS = submitted(BASELINE, request_ids=["request-1"])
FOUND = submitted(BASELINE, found=True, took=float("inf"))
SLOW = submitted(BASELINE, request_ids=["request-1"], posted_at=5.0, took=COME_AND_GONE + 0.1)
OVERDUE = expected_duration(len(TARGETS)) + OVERDUE_AFTER
LATE = 500.0
"""By now, readings show what a submit began."""

RUN = str(execution(42))
BOTH = dict.fromkeys(TARGETS, "RESTARTED")
GOING = dict.fromkeys(TARGETS, "RESTARTING")
LAST_NIGHT = run(41, BOTH, origin="CRON")
AS_WE_DO = replace(LAST_NIGHT, origin="API")
"""Last night's run, with our origin: so its author may ask as we do."""
DONE = run(42, BOTH, origin="API", triggered_by="robot")
AT_WORK = replace(DONE, services=GOING, status="ONGOING")
DEPLOYED = run(42, {"api": "DEPLOYED"}, action="DEPLOY")
OLDER = replace(DONE, created_at=NOON - CLOCK_SKEW - timedelta(seconds=1))

IDLE = all_in("RESTARTED", *TARGETS)
OVER = all_in("RESTARTED", *TARGETS, number=42)
WAITING = queued(*TARGETS, origin="API", triggered_by="robot")

SEEN = Evidence(was_seen=True)
SEEN_RUNNING = Evidence(was_seen=True, seen_running=frozenset({RUN, str(execution(43))}))
CANCELLED = Evidence(cancelled=True)
NOT_SEEN = Evidence()


def look_at(
    picture: Picture,
    evidence: Evidence = NOT_SEEN,
    *,
    restart: Submitted = OURS,
    now: float = 10.0,
    name_may_come: bool = False,
) -> Look:
    return take_in(evidence, restart, picture, now=now, invisible_for=INVISIBLE_FOR, name_may_come=name_may_come)


def history(*found: Run) -> Picture:
    return Picture(runs=found)


def everything(*found: Run, reading: Observation = IDLE, queue: tuple[QueuedRequest, ...] = ()) -> Picture:
    return Picture(runs=found, observation=reading, queue=queue)


def state(look: Look) -> tuple[bool, Doubt | None, Wanted | None]:
    return look.settled, look.doubt, look.wants


# A run that is over.


@pytest.mark.parametrize(
    ("ours", "finding", "reason"),
    [
        pytest.param(DONE, Finding.SUCCEEDED, Reason.RESTARTED, id="it succeeded"),
        pytest.param(
            replace(DONE, created_at=NOON - CLOCK_SKEW), Finding.SUCCEEDED, Reason.RESTARTED, id="dates within the skew"
        ),
    ],
)
def test_the_history_alone_settles_a_run_that_nobody_else_can_have_asked_for(
    ours: Run, finding: Finding, reason: Reason
) -> None:
    look = look_at(history(ours, LAST_NIGHT), replace(SEEN, absent_since=5.0))
    assert state(look) == (True, None, None)
    assert (look.verdict.finding, look.verdict.reason) == (finding, reason)
    assert look.evidence.verdicts == look.verdict.services
    assert (look.evidence.name, look.evidence.absent_since) == ("robot", None)


DID_NOT_GO_WELL = [
    (replace(DONE, services={**BOTH, "web": "RESTART_ERROR"}, status="ERROR"), Reason.RESTART_ERROR),
    (replace(DONE, status="CANCELED"), Reason.RUN_CANCELLED),
]


@pytest.mark.parametrize(("ended", "reason"), DID_NOT_GO_WELL)
def test_what_did_not_go_well_is_worth_a_look_at_what_still_waits(ended: Run, reason: Reason) -> None:
    assert state(look_at(history(ended, LAST_NIGHT))) == (False, Doubt.NOT_ALONE, Wanted.STATUSES)
    look = look_at(Picture(runs=[ended, LAST_NIGHT], observation=OVER))
    assert (look.settled, look.verdict.reason) == (True, reason)


@pytest.mark.parametrize(("ended", "reason"), DID_NOT_GO_WELL)
def test_what_did_not_go_well_under_our_name_needs_no_more_than_a_success_does(ended: Run, reason: Reason) -> None:
    look = look_at(history(ended, LAST_NIGHT), Evidence(name="robot"))
    assert (state(look), look.verdict.reason) == ((True, None, None), reason)
    others = look_at(history(replace(ended, triggered_by="ann"), LAST_NIGHT), Evidence(name="robot"))
    assert not others.settled


NOT_ALONE = [
    pytest.param(OURS, [DONE, AS_WE_DO], None, id="another run with our origin"),
    pytest.param(OURS, [replace(DONE, execution_id=execution(43)), LAST_NIGHT], None, id="a number is missing"),
    pytest.param(OURS, [replace(DONE, execution_id=execution(43)), DONE, LAST_NIGHT], None, id="two runs"),
    pytest.param(OURS, [OLDER, LAST_NIGHT], None, id="dated before the baseline"),
    pytest.param(SLOW, [DONE, LAST_NIGHT], None, id="the submit took long"),
    pytest.param(
        OURS,
        [replace(DONE, services={**BOTH, "cache": "RESTARTED"}), LAST_NIGHT],
        Doubt.UNATTRIBUTED,
        id="other services in the run",
    ),
    pytest.param(FOUND, [DONE, LAST_NIGHT], Doubt.UNATTRIBUTED, id="the answer was lost"),
    pytest.param(
        OURS,
        [DONE, replace(LAST_NIGHT, triggered_by="robot")],
        Doubt.UNATTRIBUTED,
        id="the same name under another origin",
    ),
    pytest.param(OURS, [replace(DONE, execution_id=execution(43))], Doubt.HIDDEN, id="the history does not reach back"),
]


@pytest.mark.parametrize(("restart", "found", "doubt"), NOT_ALONE)
def test_the_statuses_are_read_first_if_others_may_have_asked_for_the_run(
    restart: Submitted, found: list[Run], doubt: Doubt | None
) -> None:
    first = look_at(history(*found), restart=restart, now=LATE)
    assert state(first) == (False, Doubt.NOT_ALONE, Wanted.STATUSES)
    assert not first.evidence.verdicts

    look = look_at(Picture(runs=found, observation=OVER), restart=restart, now=LATE)
    # After a lost answer, nothing that may come would show more.
    assert state(look) == (doubt is None or restart.found, doubt, None)
    assert look.evidence.name is None
    if doubt is None:
        assert look.verdict.finding is Finding.SUCCEEDED
    else:
        assert (look.verdict.finding, look.verdict.reason) == (Finding.ABSENT, Reason.UNATTRIBUTED)
        assert {verdict.finding for verdict in look.verdict.services.values()} == {Finding.UNPROVEN}


@pytest.mark.parametrize(
    ("restart", "found", "doubt"),
    [one for one in NOT_ALONE if one.values[2] is not None and one.values[0] is not FOUND],
)
@pytest.mark.parametrize(
    ("evidence", "needed"),
    [
        pytest.param(NOT_SEEN, UNATTRIBUTED_FOR, id=""),
        pytest.param(CANCELLED, CANCELLED_FOR, id="we cancelled it"),
    ],
)
def test_what_may_be_anybodys_is_settled_as_such_once_that_has_lasted(
    evidence: Evidence, needed: float, restart: Submitted, found: list[Run], doubt: Doubt
) -> None:
    picture = Picture(runs=found, observation=OVER)
    first = look_at(picture, evidence, restart=restart, now=LATE)
    before = look_at(picture, first.evidence, restart=restart, now=LATE + needed - 0.1)
    last = look_at(picture, before.evidence, restart=restart, now=LATE + needed)
    assert [look.settled for look in (first, before, last)] == [False, False, True]
    assert last.verdict.reason is Reason.UNATTRIBUTED
    assert last.doubt is doubt


def waiting_for(state: str, number: int, request_id: str | None) -> Observation:
    """Both targets in one state, while a request waits for them."""
    statuses = (status(one, state, number, waiting=1) for one in TARGETS)
    return observe(*(replace(one, request_id=request_id) for one in statuses))


STRANGERS = queued("chart", action="DEPLOY", request_id="request-9")
THEIRS = queued(*TARGETS, action="DEPLOY", request_id="request-8")
CONSOLES = run(43, GOING, status="ONGOING", origin="CONSOLE")


@pytest.mark.parametrize(
    ("found", "reading", "queue"),
    [
        pytest.param([DONE], all_in("RESTARTING", *TARGETS, number=43), [], id="ours has begun since"),
        pytest.param(
            [DONE], all_in("RESTARTING", *TARGETS, number=43), [STRANGERS], id="ours has begun since, and a stranger's"
        ),
        pytest.param([DONE], all_in("RESTARTING", *TARGETS, number=43), [THEIRS], id="ours has begun before another"),
        pytest.param([DONE], all_in("RESTARTING", *TARGETS), [THEIRS], id="ours has begun, under the execution before"),
        pytest.param(
            [replace(CONSOLES, execution_id=None), DONE],
            all_in("RESTARTING", *TARGETS, number=None),
            [],
            id="neither a run nor the statuses say which it is",
        ),
        pytest.param([DONE], all_in("RESTART_ERROR", *TARGETS, number=43), [], id="ours has failed since"),
        pytest.param([DONE], replace(OVER, last_execution_id=execution(43)), [], id="ours has touched nothing"),
        pytest.param(
            [DONE],
            replace(OVER, environment_state="RESTARTING", last_execution_id=execution(43)),
            [],
            id="ours is at work, and has touched nothing yet",
        ),
        pytest.param(
            [DONE], replace(OVER, environment_state="QUEUED"), [], id="something is at work, nobody knows what"
        ),
        pytest.param([DONE], all_in("RESTART_QUEUED", *TARGETS, number=42), [], id="ours has left the queue"),
        pytest.param(
            [DONE],
            waiting_for("RESTART_QUEUED", 42, "request-1"),
            [STRANGERS],
            id="ours has left the queue, a stranger's has not",
        ),
        pytest.param(
            [DONE], waiting_for("RESTART_QUEUED", 42, "request-1"), [THEIRS], id="ours has left it, another has not"
        ),
        pytest.param(
            [CONSOLES, DONE], waiting_for("RESTARTING", 43, "request-1"), [], id="ours has left it, behind a run"
        ),
        pytest.param(
            [CONSOLES, DONE], waiting_for("RESTARTING", 43, None), [], id="the same, and the statuses do not name it"
        ),
    ],
)
def test_a_run_is_not_taken_for_ours_while_what_is_read_may_be_ours_and_is_not_in_the_history(
    found: list[Run], reading: Observation, queue: list[QueuedRequest]
) -> None:
    picture = Picture(runs=[*found, AS_WE_DO], observation=reading, queue=queue)
    assert state(look_at(picture, now=LATE)) == (False, Doubt.NOT_ALONE, None)


@pytest.mark.parametrize(
    ("found", "reading", "queue"),
    [
        pytest.param([CONSOLES, DONE], all_in("RESTARTING", *TARGETS, number=43), [], id="another's run"),
        pytest.param([DONE], waiting_for("DEPLOYMENT_QUEUED", 42, "request-8"), [THEIRS], id="another's request"),
        pytest.param([DONE], waiting_for("RESTARTED", 42, None), [THEIRS], id="another's request, not named"),
        pytest.param(
            [CONSOLES, DONE],
            waiting_for("RESTARTING", 43, "request-8"),
            [THEIRS],
            id="another's request behind another's run",
        ),
        pytest.param(
            [DONE],
            replace(waiting_for("RESTARTED", 42, None), environment_state="DEPLOYMENT_QUEUED"),
            [queued(action="DEPLOY")],
            id="another's request, of nobody knows what",
        ),
    ],
)
def test_what_others_have_at_work_or_waiting_does_not_hold_up_a_success(
    found: list[Run], reading: Observation, queue: list[QueuedRequest]
) -> None:
    picture = Picture(runs=[*found, AS_WE_DO], observation=reading)
    assert state(look_at(picture, now=LATE)) == (False, Doubt.NOT_ALONE, Wanted.QUEUE)
    look = look_at(replace(picture, queue=queue), now=LATE)
    assert state(look) == (True, None, None)
    assert look.verdict.finding is Finding.SUCCEEDED


def test_our_request_that_still_waits_shows_that_the_run_is_not_ours() -> None:
    look = look_at(Picture(runs=[DONE, AS_WE_DO], queue=[WAITING]), now=LATE)
    assert look.verdict.finding is Finding.IN_PROGRESS
    assert look.evidence.not_ours == {RUN}

    after = look_at(history(DONE, AS_WE_DO), look.evidence, now=LATE + 1)
    assert after.verdict.finding is Finding.UNPROVEN
    assert state(after) == (False, Doubt.NOT_SHOWN, Wanted.STATUSES)


@pytest.mark.parametrize(
    ("restart", "ours", "shown_by"),
    [
        pytest.param(OURS, OLDER, 0.2 + SHOWN_BY, id="dated before the baseline"),
        pytest.param(SLOW, DONE, 5 + COME_AND_GONE + 0.1 + SHOWN_BY, id="the submit took long"),
        pytest.param(replace(OURS, took=float("inf")), DONE, SHOWN_BY, id="nobody knows how long the submit took"),
    ],
)
def test_a_run_that_may_be_older_counts_once_ours_would_be_shown_or_if_it_was_seen_at_work(
    restart: Submitted, ours: Run, shown_by: float
) -> None:
    picture = Picture(runs=[ours, LAST_NIGHT])
    early = look_at(picture, restart=restart, now=shown_by - 40)
    assert state(early) == (False, Doubt.PERHAPS_OLDER, None)
    assert early.next_look == pytest.approx(shown_by)
    assert not early.evidence.verdicts

    again = look_at(picture, early.evidence, restart=restart, now=shown_by - 0.1)
    assert again.evidence.over_at == early.evidence.over_at
    assert again.next_look == pytest.approx(shown_by - 0.1 + NEXT_BEGINS_WITHIN), "ours may begin only now"

    # What has lasted needs no queue; what is seen for the first time only then, or was seen at work, does.
    assert look_at(picture, early.evidence, restart=restart, now=early.next_look or 0.0).settled
    assert state(look_at(picture, restart=restart, now=shown_by)) == (False, Doubt.NOT_ALONE, Wanted.STATUSES)
    assert look_at(replace(picture, observation=OVER), restart=restart, now=shown_by).settled
    seen = replace(SEEN_RUNNING, seen_alone=SEEN_RUNNING.seen_running)
    assert state(look_at(picture, seen, restart=restart, now=1.0)) == (False, Doubt.NOT_ALONE, Wanted.STATUSES)
    assert look_at(replace(picture, observation=OVER), seen, restart=restart, now=1.0).settled


@pytest.mark.parametrize("restart", [SLOW, replace(OURS, took=float("inf"))], ids=["long", "nobody knows how long"])
def test_if_the_submit_took_long_what_is_at_work_after_it_may_be_older_and_the_queue_shows_whether_ours_waits(
    restart: Submitted,
) -> None:
    over = history(DONE, LAST_NIGHT)
    assert look_at(over, SEEN_RUNNING, restart=restart, now=1.0).doubt is Doubt.PERHAPS_OLDER

    going = look_at(history(AT_WORK, LAST_NIGHT), restart=restart, now=1.0)
    assert (going.wants, set(going.evidence.seen_alone)) == (Wanted.QUEUE, set())
    alone = look_at(replace(history(AT_WORK, LAST_NIGHT), queue=[]), restart=restart, now=1.0)
    assert (alone.wants, set(alone.evidence.seen_alone)) == (None, {RUN})
    again = look_at(history(AT_WORK, LAST_NIGHT), alone.evidence, restart=restart, now=2.0)
    assert (again.wants, set(again.evidence.seen_alone)) == (None, {RUN}), "once is enough"
    assert look_at(over, alone.evidence, restart=restart, now=3.0).doubt is Doubt.NOT_ALONE

    busy = observe(*(status(each, "RESTARTING", 42, waiting=1) for each in TARGETS))
    stale = look_at(replace(history(AT_WORK, LAST_NIGHT), observation=busy, queue=[]), restart=restart, now=1.0)
    assert stale.evidence.seen_alone == frozenset(), "the statuses show that something waits"

    waits = look_at(replace(history(AT_WORK, LAST_NIGHT), queue=[WAITING]), restart=restart, now=1.0)
    assert (set(waits.evidence.seen_alone), set(waits.evidence.not_ours)) == (set(), {RUN})


@pytest.mark.parametrize("restart", [SLOW, OURS], ids=["slow", "quick"])
def test_if_the_submit_took_long_and_looks_failed_a_run_that_was_not_seen_alone_may_be_older_whoever_asked(
    restart: Submitted,
) -> None:
    picture = replace(history(replace(DONE, triggered_by="us"), LAST_NIGHT), observation=OVER)
    missed = Evidence(has_missed=True, name="us")
    seen_alone = replace(missed, seen_alone=frozenset({RUN}))
    assert look_at(picture, missed, restart=restart, now=LATE).settled is (restart is OURS)
    assert look_at(picture, replace(missed, has_missed=False), restart=restart, now=LATE).settled
    assert look_at(picture, seen_alone, restart=restart, now=LATE).settled


def test_where_others_use_our_name_it_does_not_tell_and_the_queue_is_read_while_the_run_goes_on() -> None:
    deployed = replace(LAST_NIGHT, action="DEPLOY", origin="API", triggered_by="robot")
    named = Evidence(name="robot")
    assert look_at(history(AT_WORK, LAST_NIGHT), named).wants is None
    assert look_at(history(AT_WORK, deployed), named).wants is Wanted.QUEUE

    assert look_at(history(DONE, LAST_NIGHT), named).settled
    assert state(look_at(history(DONE, deployed), named)) == (False, Doubt.NOT_ALONE, Wanted.STATUSES)
    over = replace(history(DONE, deployed), observation=OVER)
    assert look_at(over, named).settled
    assert look_at(over, named, restart=FOUND, now=LATE).doubt is Doubt.UNATTRIBUTED
    assert look_at(over, replace(named, has_missed=True)).doubt is Doubt.UNATTRIBUTED
    assert look_at(over, replace(named, has_missed=True, seen_alone=frozenset({RUN}))).settled


def test_a_run_that_is_seen_alone_after_a_look_was_missed_may_be_anothers_all_the_same() -> None:
    alone = replace(history(AT_WORK, LAST_NIGHT), queue=[])
    assert look_at(alone, Evidence()).evidence.seen_alone == {RUN}
    assert look_at(alone, Evidence(has_missed=True)).evidence.seen_alone == frozenset()
    earlier = Evidence(has_missed=True, seen_alone=frozenset({RUN}))
    assert look_at(alone, earlier).evidence.seen_alone == {RUN}


def test_where_others_ask_as_we_do_a_run_is_anybodys_if_something_waited_behind_it_and_never_ran() -> None:
    alice, bob = (replace(LAST_NIGHT, origin="API", triggered_by=name) for name in ("alice", "bob"))
    others = [replace(alice, execution_id=execution(40)), replace(bob, execution_id=execution(39))]
    over = [replace(DONE, triggered_by="bob"), *others]
    going = replace(history(AT_WORK, *others), observation=all_in("RESTARTING", *TARGETS, number=42))
    waits = replace(going, observation=observe(*(status(each, "RESTARTING", 42, waiting=1) for each in TARGETS)))

    nothing_waited = look_at(going).evidence
    assert look_at(replace(history(*over), observation=OVER), nothing_waited).settled
    waited = look_at(waits).evidence
    assert waited.followed == {RUN}
    assert look_at(replace(history(*over), observation=OVER), waited).doubt is Doubt.UNATTRIBUTED
    deployed = [replace(DEPLOYED, execution_id=execution(43)), *over]
    assert look_at(replace(history(*deployed), observation=OVER), waited).doubt is not Doubt.UNATTRIBUTED
    assert look_at(history(replace(DONE, triggered_by="robot"), LAST_NIGHT), replace(waited, name="robot")).settled


DISPUTED = [
    replace(LAST_NIGHT, created_at=NOON - timedelta(hours=1)),
    replace(DONE, created_at=NOON + timedelta(minutes=1)),
]
"""Number and date say that ours is newer, its place in the history that it is not."""


def test_a_run_of_uncertain_order_says_nothing_of_a_service_while_another_goes_on() -> None:
    perhaps_older = replace(DONE, execution_id=execution(43), created_at=NOON - timedelta(hours=2))
    look = look_at(history(AT_WORK, LAST_NIGHT, perhaps_older))
    assert (look.verdict.finding, str(execution(43)) in look.baseline.uncertain) == (Finding.IN_PROGRESS, True)
    assert {each.finding for each in look.evidence.verdicts.values()} == {Finding.UNPROVEN}

    seen = replace(NOT_SEEN, seen_running=frozenset({str(execution(43))}))
    look = look_at(history(AT_WORK, LAST_NIGHT, perhaps_older), seen)
    assert {each.finding for each in look.evidence.verdicts.values()} == {Finding.SUCCEEDED}


@pytest.mark.parametrize(
    ("reading", "evidence", "expected"),
    [
        pytest.param(None, NOT_SEEN, (False, Doubt.ORDER_UNCLEAR, Wanted.STATUSES), id="no statuses yet"),
        pytest.param(OVER, NOT_SEEN, (True, None, None), id="every target is under it"),
        pytest.param(
            observe(status("api", "RESTARTED", 42), status("web", "RESTARTED")),
            NOT_SEEN,
            (False, Doubt.ORDER_UNCLEAR, None),
            id="one of two is under it",
        ),
        pytest.param(
            all_in("RESTARTED", "api", number=42), NOT_SEEN, (False, Doubt.ORDER_UNCLEAR, None), id="one is missing"
        ),
        pytest.param(None, SEEN_RUNNING, (True, None, None), id="it was seen at work"),
    ],
)
def test_where_the_order_of_runs_is_disputed_the_statuses_decide(
    reading: Observation | None, evidence: Evidence, expected: tuple[bool, Doubt | None, Wanted | None]
) -> None:
    assert state(look_at(Picture(runs=DISPUTED, observation=reading), evidence)) == expected


def test_a_run_that_was_seen_at_work_counts_though_the_history_does_not_reach_back() -> None:
    look = look_at(Picture(runs=[replace(DONE, execution_id=execution(43))], observation=OVER), SEEN_RUNNING)
    assert state(look) == (True, None, None)
    assert look.verdict.finding is Finding.SUCCEEDED


@pytest.mark.parametrize(
    ("restart", "found"),
    [
        pytest.param(OURS, [DONE, AS_WE_DO], id="another run with our origin"),
        pytest.param(OURS, [replace(DONE, execution_id=execution(43)), LAST_NIGHT], id="a number is missing"),
        pytest.param(
            OURS,
            [replace(DONE, services={**BOTH, "cache": "RESTARTED"}), LAST_NIGHT],
            id="other services in the run",
        ),
    ],
)
def test_a_run_under_our_known_name_is_settled_by_the_history_alone(restart: Submitted, found: list[Run]) -> None:
    assert state(look_at(history(*found), replace(SEEN, name="robot"), restart=restart)) == (True, None, None)


@pytest.mark.parametrize(
    ("restart", "found", "doubt"),
    [
        pytest.param(FOUND, [DONE, LAST_NIGHT], None, id="the answer was lost"),
        pytest.param(replace(FOUND, took=0.2), [DONE, LAST_NIGHT], None, id="it was found at once"),
        pytest.param(OURS, [replace(DONE, execution_id=execution(43)), DONE, LAST_NIGHT], None, id="two runs"),
        pytest.param(
            OURS, [replace(DONE, execution_id=execution(43))], Doubt.HIDDEN, id="the history does not reach back"
        ),
    ],
)
def test_our_known_name_attributes_a_run_once_the_statuses_were_read(
    restart: Submitted, found: list[Run], doubt: Doubt | None
) -> None:
    known = replace(SEEN, name="robot")
    first = look_at(history(*found), known, restart=restart, now=LATE)
    assert state(first) == (False, Doubt.NOT_ALONE, Wanted.STATUSES)
    look = look_at(Picture(runs=found, observation=OVER), known, restart=restart, now=LATE)
    assert state(look) == (doubt is None, doubt, None)
    assert look.evidence.name == "robot"


def test_what_was_found_waits_for_our_name_while_another_job_may_show_it() -> None:
    found = Picture(runs=[DONE, LAST_NIGHT], observation=OVER)
    waits = look_at(found, restart=FOUND, now=LATE, name_may_come=True)
    assert (state(waits), waits.awaits_name) == ((False, Doubt.UNATTRIBUTED, None), True)
    named = look_at(found, replace(waits.evidence, name="robot"), restart=FOUND, now=LATE + 1)
    assert (named.settled, named.verdict.finding) == (True, Finding.SUCCEEDED)
    never = look_at(found, restart=FOUND, now=LATE)
    assert (never.settled, never.awaits_name, never.verdict.reason) == (True, False, Reason.UNATTRIBUTED)


# A run that is not over.


@pytest.mark.parametrize(
    ("picture", "evidence", "wants"),
    [
        pytest.param(history(AT_WORK, LAST_NIGHT), NOT_SEEN, None, id="nobody else can have asked for it"),
        pytest.param(history(AT_WORK, AS_WE_DO), NOT_SEEN, Wanted.QUEUE, id="others may have asked for it"),
        pytest.param(history(AT_WORK, AS_WE_DO), replace(SEEN, name="robot"), None, id="our name is known"),
        pytest.param(Picture(runs=[AT_WORK, AS_WE_DO], observation=OVER), NOT_SEEN, None, id="the queue was read"),
        pytest.param(
            Picture(runs=[LAST_NIGHT], observation=all_in("RESTART_QUEUED", *TARGETS)),
            NOT_SEEN,
            None,
            id="the statuses do not name our request",
        ),
        pytest.param(
            Picture(
                runs=[LAST_NIGHT],
                observation=observe(*(replace(status(one, "RESTART_QUEUED"), request_id="request-1") for one in BOTH)),
            ),
            NOT_SEEN,
            Wanted.QUEUE,
            id="the statuses name our request",
        ),
    ],
)
def test_the_queue_is_read_while_it_may_show_our_name(
    picture: Picture, evidence: Evidence, wants: Wanted | None
) -> None:
    look = look_at(picture, replace(evidence, absent_since=3.0))
    assert look.verdict.finding is Finding.IN_PROGRESS
    assert state(look) == (False, None, wants)
    assert look.evidence.absent_since is None
    assert look.evidence.verdicts == look.verdict.services


def test_a_run_that_does_not_say_who_asked_for_it_does_not_make_our_name_forgotten() -> None:
    look = look_at(history(replace(DONE, triggered_by=None), LAST_NIGHT), replace(SEEN, name="robot"))
    assert (look.settled, look.evidence.name) == (True, "robot")


def test_what_is_to_be_cancelled_on_its_deadline_is_looked_at_while_it_is_in_progress() -> None:
    named = replace(AT_WORK, triggered_by=None)
    restart = replace(OURS, may_cancel=True)
    assert look_at(history(named, LAST_NIGHT), restart=restart).wants is Wanted.STATUSES
    reading = observe(*(replace(status(one, "RESTARTING", 42), request_id="request-1") for one in TARGETS))
    assert look_at(Picture(runs=[named, LAST_NIGHT], observation=reading), restart=restart).wants is Wanted.QUEUE
    # Without an id there is nothing to tell from it.
    assert look_at(history(named, LAST_NIGHT), restart=replace(restart, request_ids=frozenset())).wants is None


def test_our_name_is_learnt_from_our_waiting_request() -> None:
    look = look_at(Picture(runs=[LAST_NIGHT], queue=[WAITING]))
    assert (look.evidence.name, look.baseline.name) == ("robot", "robot")
    other = look_at(Picture(runs=[LAST_NIGHT], queue=[replace(WAITING, request_id="request-2")]))
    assert other.evidence.name is None


@pytest.mark.parametrize(
    ("services", "closing"),
    [
        pytest.param(BOTH, RUN, id="all have restarted"),
        pytest.param({"api": "RESTARTED", "web": "RESTART_ERROR"}, RUN, id="all have ended, one of them badly"),
        pytest.param({"api": "RESTARTED", "web": "RESTARTING"}, None, id="one is at work"),
        pytest.param({"api": "RESTARTED", "web": "HIBERNATING"}, None, id="one is in an unknown state"),
    ],
)
def test_a_run_of_which_every_service_has_ended_is_looked_at_again_soon_and_once(
    services: Mapping[str, str], closing: str | None
) -> None:
    picture = history(replace(AT_WORK, services=services), LAST_NIGHT)
    first = look_at(picture, now=20.0)
    assert first.evidence.closing == closing
    assert first.next_look == (None if closing is None else 20.0 + CLOSES_WITHIN)
    second = look_at(picture, first.evidence, now=22.0)
    assert (second.next_look, second.evidence.closing) == (None, closing)


@pytest.mark.parametrize(
    ("picture", "was_seen", "running", "restarting"),
    [
        pytest.param(history(AT_WORK, LAST_NIGHT), True, {RUN}, {("api", RUN), ("web", RUN)}, id="a run at work"),
        pytest.param(history(DONE, LAST_NIGHT), True, set(), set(), id="a run that is over"),
        pytest.param(history(replace(AT_WORK, origin="CLI"), LAST_NIGHT), False, set(), set(), id="another's run"),
        pytest.param(history(LAST_NIGHT), False, set(), set(), id="nothing"),
        pytest.param(Picture(queue=[WAITING]), True, set(), set(), id="our request"),
        pytest.param(Picture(queue=[replace(WAITING, origin="CLI")]), False, set(), set(), id="another's request"),
        pytest.param(Picture(observation=IDLE), False, set(), set(), id="idle statuses"),
        pytest.param(Picture(observation=OVER), True, set(), set(), id="statuses under a new run"),
        pytest.param(
            Picture(observation=observe(status("api", "RESTARTING", 42), status("web", "RESTART_QUEUED", 42))),
            True,
            {RUN},
            {("api", RUN)},
            id="statuses at work",
        ),
        pytest.param(
            Picture(observation=all_in("RESTARTING", *TARGETS, number=None)),
            True,
            set(),
            set(),
            id="statuses that do not say their execution",
        ),
    ],
)
def test_what_a_look_shows_is_remembered(
    picture: Picture, was_seen: bool, running: set[str], restarting: set[tuple[str, str]]
) -> None:
    found = look_at(picture).evidence
    assert found.was_seen is was_seen
    assert (set(found.seen_running), set(found.restarting)) == (running, restarting)


# Nothing to be seen.

BY_CLI = replace(DONE, origin="CLI")
"""A restart of exactly our services, by another origin: perhaps a colleague's, perhaps ours under another label."""
WIDER_BY_CLI = replace(BY_CLI, services={**BOTH, "worker": "RESTARTED"})


@pytest.mark.parametrize(
    ("picture", "doubt"),
    [
        pytest.param(history(LAST_NIGHT), Doubt.NOT_SHOWN, id="nothing new"),
        pytest.param(history(WIDER_BY_CLI, LAST_NIGHT), Doubt.NOT_SHOWN, id="another's run, for more services"),
        pytest.param(
            history(replace(AT_WORK, origin="CLI"), LAST_NIGHT), Doubt.NOT_SHOWN, id="another's run, which goes on"
        ),
        pytest.param(
            history(BY_CLI, replace(WIDER_BY_CLI, execution_id=execution(43)), LAST_NIGHT),
            Doubt.NOT_SHOWN,
            id="two runs of others, of which one is for more services",
        ),
        pytest.param(
            history(replace(DEPLOYED, execution_id=execution(43))),
            Doubt.HIDDEN,
            id="a history that does not reach back",
        ),
    ],
)
def test_the_statuses_are_read_if_the_history_shows_nothing_of_ours(picture: Picture, doubt: Doubt) -> None:
    assert state(look_at(picture)) == (False, doubt, Wanted.STATUSES)


def test_a_restart_of_our_services_by_another_origin_waits_for_ours_first_and_reads_statuses_after_that() -> None:
    first = look_at(history(BY_CLI, LAST_NIGHT))
    assert state(first) == (False, Doubt.NOT_SHOWN, None)
    assert (first.next_look, first.keeps_history) == (10.0 + UNATTRIBUTED_FOR, True)
    second = look_at(history(BY_CLI, LAST_NIGHT), first.evidence, now=10.0)
    assert (state(second), second.keeps_history) == ((False, Doubt.NOT_SHOWN, Wanted.STATUSES), False)


@pytest.mark.parametrize(
    ("reading", "settled", "finding"),
    [
        pytest.param(OVER, True, Finding.ABSENT, id="nothing has come after it"),
        pytest.param(all_in("RESTARTING", *TARGETS, number=43), False, Finding.IN_PROGRESS, id="ours is at work"),
        pytest.param(all_in("RESTARTED", *TARGETS, number=43), False, Finding.UNPROVEN, id="ours is over"),
    ],
)
def test_statuses_beside_an_older_history_show_whether_ours_has_come_after_another_origins(
    reading: Observation, settled: bool, finding: Finding
) -> None:
    first = look_at(history(BY_CLI, LAST_NIGHT))
    later = Picture(runs=[BY_CLI, LAST_NIGHT], observation=reading)
    second = look_at(later, first.evidence, now=10.0 + UNATTRIBUTED_FOR)
    assert (second.settled, second.verdict.finding, second.keeps_history) == (settled, finding, False)
    assert settled == (second.verdict.reason is Reason.UNATTRIBUTED)
    assert (second.evidence.absent_since is None) is not settled


@pytest.mark.parametrize(
    "found",
    [
        pytest.param([replace(DONE, execution_id=None), LAST_NIGHT], id="a run without its id"),
        pytest.param([replace(DONE, services={}), LAST_NIGHT], id="a run without its services"),
        pytest.param([replace(DONE, execution_id=None), DONE, LAST_NIGHT], id="a run without its id beside ours"),
    ],
)
def test_a_garbled_history_is_read_again_before_anything_else_is(found: list[Run]) -> None:
    first = look_at(history(*found), now=LATE)
    assert state(first) == (False, Doubt.HIDDEN, None)
    soon = look_at(history(*found), first.evidence, now=LATE + CONFIRM_AGAIN - 0.1)
    lasting = look_at(history(*found), first.evidence, now=LATE + CONFIRM_AGAIN)
    assert (soon.wants, lasting.wants) == (None, Wanted.STATUSES)
    whole = look_at(history(DONE, LAST_NIGHT), soon.evidence, now=LATE + CONFIRM_AGAIN)
    assert (whole.settled, whole.evidence.garbled_since) == (True, None)


@pytest.mark.parametrize(
    ("evidence", "reading", "now", "wants"),
    [
        pytest.param(NOT_SEEN, IDLE, 30, None, id="nothing yet"),
        pytest.param(NOT_SEEN, IDLE, OVERDUE, None, id="nothing at the last moment"),
        pytest.param(NOT_SEEN, IDLE, OVERDUE + 0.1, Wanted.QUEUE, id="overdue"),
        pytest.param(SEEN, IDLE, 30, Wanted.QUEUE, id="gone after it was seen"),
        pytest.param(CANCELLED, IDLE, 30, Wanted.QUEUE, id="gone after we cancelled it"),
        pytest.param(NOT_SEEN, replace(IDLE, last_execution_id=RUN), 30, Wanted.QUEUE, id="a run that touched nothing"),
        pytest.param(
            NOT_SEEN, replace(IDLE, last_execution_id=execution(41)), 30, None, id="no run since the baseline"
        ),
        pytest.param(replace(SEEN, looked_closer_at=30 - CONFIRM_AGAIN + 0.1), IDLE, 30, None, id="just asked"),
        pytest.param(replace(SEEN, looked_closer_at=30 - CONFIRM_AGAIN), IDLE, 30, Wanted.QUEUE, id="asked long ago"),
        pytest.param(
            replace(NOT_SEEN, looked_closer_at=OVERDUE), IDLE, OVERDUE + 1, None, id="overdue, and just asked"
        ),
        pytest.param(
            replace(CANCELLED, looked_closer_at=30 - CANCELLED_FOR), IDLE, 30, Wanted.QUEUE, id="cancelled: asked again"
        ),
        pytest.param(
            replace(CANCELLED, looked_closer_at=30 - CANCELLED_FOR + 0.1), IDLE, 30, None, id="cancelled, just asked"
        ),
    ],
)
def test_the_queue_is_read_if_our_restart_should_be_visible_and_is_not(
    evidence: Evidence, reading: Observation, now: float, wants: Wanted | None
) -> None:
    look = look_at(Picture(runs=[LAST_NIGHT], observation=reading), evidence, now=now)
    assert state(look) == (False, Doubt.NOT_SHOWN, wants)
    assert look.evidence.looked_closer_at == evidence.looked_closer_at


def test_a_history_that_may_hide_our_run_proves_no_absence() -> None:
    look = look_at(everything(replace(DEPLOYED, execution_id=execution(43))), replace(SEEN, absent_since=0.0), now=LATE)
    assert state(look) == (False, Doubt.HIDDEN, None)
    assert look.verdict.finding is Finding.UNPROVEN
    assert (look.evidence.checked_at, look.evidence.absent_since) == (LATE, None)


@pytest.mark.parametrize(
    ("found", "reading"),
    [
        pytest.param([replace(DEPLOYED, execution_id=execution(43))], IDLE, id="it does not reach back"),
        pytest.param([LAST_NIGHT], OVER, id="it is behind the statuses"),
    ],
)
def test_beside_a_history_that_shows_no_absence_statuses_are_read_now_and_then(
    found: list[Run], reading: Observation
) -> None:
    first = look_at(Picture(runs=found, observation=reading), SEEN, now=LATE)
    assert (state(first)[2], first.evidence.checked_at) == (None, LATE)
    soon = look_at(history(*found), first.evidence, now=LATE + CONFIRM_AGAIN - 0.1)
    later = look_at(history(*found), first.evidence, now=LATE + CONFIRM_AGAIN)
    assert (soon.wants, later.wants) == (None, Wanted.STATUSES)
    whole = look_at(Picture(runs=[LAST_NIGHT], observation=IDLE), first.evidence, now=LATE + CONFIRM_AGAIN)
    assert whole.wants is Wanted.QUEUE


def test_while_an_absence_lasts_statuses_are_read_each_time() -> None:
    absent = replace(SEEN, checked_at=LATE, absent_since=LATE)
    assert look_at(history(LAST_NIGHT), absent, now=LATE + 1).wants is Wanted.STATUSES
    assert look_at(history(LAST_NIGHT), replace(absent, absent_since=None), now=LATE + 1).wants is None


GONE = everything(LAST_NIGHT)


@pytest.mark.parametrize(
    ("evidence", "picture", "reason", "needed"),
    [
        pytest.param(SEEN, GONE, Reason.REQUEST_CANCELLED, INVISIBLE_FOR, id="it was seen"),
        pytest.param(SEEN_RUNNING, GONE, Reason.REQUEST_CANCELLED, INVISIBLE_FOR, id="it was seen at work"),
        pytest.param(CANCELLED, GONE, Reason.REQUEST_CANCELLED, CANCELLED_FOR, id="we cancelled it"),
        pytest.param(
            NOT_SEEN,
            everything(LAST_NIGHT, reading=replace(IDLE, last_execution_id=RUN)),
            Reason.REQUEST_CANCELLED,
            INVISIBLE_FOR,
            id="it was never seen, and another run was",
        ),
        pytest.param(SEEN, everything(DEPLOYED, LAST_NIGHT), Reason.SUPERSEDED, INVISIBLE_FOR, id="another took over"),
        pytest.param(
            NOT_SEEN,
            everything(replace(DONE, origin="CLI"), LAST_NIGHT),
            Reason.UNATTRIBUTED,
            INVISIBLE_FOR,
            id="a restart of another origin",
        ),
    ],
)
def test_an_absence_counts_once_it_has_lasted(
    evidence: Evidence, picture: Picture, reason: Reason, needed: float
) -> None:
    first = look_at(picture, evidence, now=20.0)
    assert (first.evidence.absent_since, first.evidence.absent_as, first.evidence.looked_closer_at) == (20, reason, 20)
    before = look_at(picture, first.evidence, now=20.0 + needed - 0.1)
    last = look_at(picture, before.evidence, now=20.0 + needed)
    assert [state(look) for look in (first, before, last)] == [
        (False, Doubt.UNSEEN, None),
        (False, Doubt.UNSEEN, None),
        (True, Doubt.UNSEEN, None),
    ]
    assert (last.verdict.finding, last.verdict.reason) == (Finding.ABSENT, reason)


def test_an_absence_that_only_delay_explains_never_counts() -> None:
    look = look_at(GONE, replace(NOT_SEEN, absent_since=0.0, absent_as=Reason.REQUEST_CANCELLED), now=LATE)
    assert state(look) == (False, Doubt.UNSEEN, None)
    assert (look.evidence.absent_since, look.evidence.looked_closer_at) == (None, LATE)


def test_an_absence_has_to_last_again_for_another_reason_and_after_something_was_seen() -> None:
    first = look_at(GONE, SEEN, now=20.0)
    other = look_at(everything(DEPLOYED, LAST_NIGHT), first.evidence, now=20.0 + INVISIBLE_FOR)
    assert not other.settled
    assert (other.evidence.absent_since, other.evidence.absent_as) == (20.0 + INVISIBLE_FOR, Reason.SUPERSEDED)

    seen = look_at(Picture(runs=[LAST_NIGHT], queue=[WAITING]), first.evidence, now=30.0)
    again = look_at(GONE, seen.evidence, now=20.0 + INVISIBLE_FOR)
    assert not again.settled
    assert again.evidence.absent_since == 20.0 + INVISIBLE_FOR


@pytest.mark.parametrize(
    ("between", "doubt"),
    [
        pytest.param(history(OLDER, LAST_NIGHT), Doubt.PERHAPS_OLDER, id="one that is perhaps older"),
        pytest.param(
            Picture(runs=DISPUTED, observation=observe(status("api", "RESTARTED", 42), status("web", "RESTARTED"))),
            Doubt.ORDER_UNCLEAR,
            id="one whose order is disputed",
        ),
        pytest.param(
            everything(DONE, AS_WE_DO, reading=all_in("RESTARTING", *TARGETS, number=43)),
            Doubt.NOT_ALONE,
            id="one that may be another's",
        ),
    ],
)
def test_an_absence_ends_with_a_restart_that_is_shown_though_it_does_not_count_yet(
    between: Picture, doubt: Doubt
) -> None:
    gone = look_at(GONE, SEEN, now=5.0)
    shown = look_at(between, gone.evidence, now=20.0)
    assert (state(shown)[:2], shown.evidence.absent_since) == ((False, doubt), None)
    again = look_at(GONE, shown.evidence, now=5.0 + INVISIBLE_FOR)
    assert (again.settled, again.evidence.absent_since) == (False, 5.0 + INVISIBLE_FOR)


def test_a_run_that_stays_anybodys_has_lasted_though_its_attribution_was_not_looked_into_meanwhile() -> None:
    anybodys = Picture(runs=[replace(DONE, execution_id=execution(43))], observation=all_in("RESTARTED", *TARGETS))
    first = look_at(anybodys, now=LATE)
    between = look_at(replace(anybodys, observation=None), first.evidence, now=LATE + 1)
    assert state(between) == (False, Doubt.NOT_ALONE, Wanted.STATUSES)
    assert look_at(anybodys, between.evidence, now=LATE + UNATTRIBUTED_FOR).settled


# What is remembered.


def test_a_look_knows_which_targets_its_statuses_leave_out() -> None:
    assert look_at(history(LAST_NIGHT)).missing == []
    assert look_at(everything(LAST_NIGHT, reading=observe())).missing == ["api", "web"]
    assert look_at(everything(LAST_NIGHT, reading=all_in("RESTARTED", "api"))).missing == ["web"]


def test_the_baseline_takes_the_name_that_was_learnt_and_the_order_of_runs() -> None:
    named = replace(OURS, intent=replace(OURS.intent, baseline=replace(BASELINE, name="before")))
    assert known_baseline(named, [], name=None).name == "before"
    known = known_baseline(named, DISPUTED, name="robot")
    assert known.name == "robot"
    assert (dict(known.order), set(known.uncertain)) == ({RUN: True}, {RUN})


def test_a_later_process_finds_the_evidence_that_an_earlier_one_left() -> None:
    evidence = Evidence(
        seen_running=frozenset({RUN}), was_seen=True, not_ours=frozenset({"run-a"}), name="robot", looked_closer_at=3.0
    )
    sighting = Sighting(states={"api": ("RESTARTED", RUN)})
    kept = evidence.into(sighting)
    assert kept.states == sighting.states
    assert Evidence.of(kept) == replace(evidence, looked_closer_at=float("-inf"))
    assert Evidence.of(kept).into(sighting) == kept


# Whatever is read.

THREE_TARGETS = replace(baseline_of(*THREE, at=NOON), origin="API")
NAMES = st.sampled_from([None, "robot", "robot", "ann"])
ORIGINS = st.sampled_from(["API", "API", "CRON", None])


ENDS = st.builds(
    lambda number, states, status, action: run(number, states, status=status, action=action),
    st.sampled_from([41, 42, 42, 42, 43, "run-a"]),
    st.fixed_dictionaries(dict.fromkeys(THREE, st.sampled_from(["RESTARTED"] * 9 + ["RESTART_ERROR"]))),
    st.sampled_from(["SUCCESS"] * 5 + ["ERROR", "ONGOING"]),
    st.sampled_from(["RESTART"] * 5 + ["DEPLOY"]),
)
"""Runs close to a success: hardly any of those that `runs` draws comes near to one."""


@st.composite
def pictures(draw: st.DrawFn) -> Picture:
    drawn = draw(runs(THREE) | st.lists(ENDS, min_size=1, max_size=2, unique_by=lambda one: one.execution_id))
    last = [run(41, dict.fromkeys(THREE, "RESTARTED"))] if draw(st.booleans()) else []
    return Picture(
        runs=[
            replace(one, origin=draw(ORIGINS), triggered_by=draw(NAMES))
            for one in [one for one in drawn if not last or one.execution_id != execution(41)] + last
        ],
        observation=draw(st.none() | observations(THREE)),
        queue=draw(st.none() | st.just([]) | queues(THREE)),
    )


EVIDENCE = st.builds(
    Evidence,
    seen_running=st.sampled_from([frozenset[str](), frozenset({RUN})]),
    was_seen=st.booleans(),
    not_ours=st.sampled_from([frozenset[str](), frozenset({RUN})]),
    name=st.sampled_from([None, "robot"]),
    cancelled=st.booleans(),
    verdicts=st.just({"api": ServiceVerdict(finding=Finding.UNPROVEN)}),
)
RESTARTS = st.builds(
    lambda found, took, request_ids: submitted(THREE_TARGETS, found=found, took=took, request_ids=request_ids),
    st.booleans(),
    st.sampled_from([0.2, 5.0, float("inf")]),
    st.sampled_from([[], ["request-1"]]),
)
INSTANTS = st.floats(0, 1800)


@given(EVIDENCE, RESTARTS, pictures(), INSTANTS)
def test_a_look_depends_on_its_arguments_alone_and_changes_none(
    evidence: Evidence, restart: Submitted, picture: Picture, now: float
) -> None:
    before = deepcopy((evidence, restart, picture))
    first = look_at(picture, evidence, restart=restart, now=now)
    assert (evidence, restart, picture) == before
    assert look_at(picture, evidence, restart=restart, now=now) == first


@given(EVIDENCE, RESTARTS, pictures(), INSTANTS)
def test_what_has_been_seen_is_never_forgotten(
    evidence: Evidence, restart: Submitted, picture: Picture, now: float
) -> None:
    after = look_at(picture, evidence, restart=restart, now=now).evidence
    assert evidence.seen_running <= after.seen_running
    assert evidence.restarting <= after.restarting
    assert evidence.not_ours <= after.not_ours
    assert after.was_seen >= evidence.was_seen
    assert evidence.verdicts.keys() <= after.verdicts.keys()


@given(EVIDENCE, RESTARTS, pictures(), INSTANTS)
def test_a_success_is_always_a_restart_of_all_targets_that_is_new_and_over(
    evidence: Evidence, restart: Submitted, picture: Picture, now: float
) -> None:
    look = look_at(picture, evidence, restart=restart, now=now)
    if look.settled and look.verdict.finding is Finding.SUCCEEDED:
        proof = look.verdict.runs[0]
        assert proof in picture.runs
        assert proof.over
        assert proof.action == "RESTART"
        assert {proof.services[target] for target in THREE} == {"RESTARTED"}
        assert look.baseline.is_new(str(proof.execution_id))
        assert proof.execution_id not in THREE_TARGETS.executions


@given(EVIDENCE, RESTARTS, pictures(), INSTANTS)
def test_a_look_reads_the_statuses_and_the_queue_once_at_most(
    evidence: Evidence, restart: Submitted, picture: Picture, now: float
) -> None:
    so_far, wanted = Picture(runs=picture.runs), []
    look = look_at(so_far, evidence, restart=restart, now=now)
    while look.wants is not None:
        assert not look.settled
        wanted.append(look.wants)
        if look.wants is Wanted.STATUSES:
            so_far = replace(so_far, observation=picture.observation or all_in("RESTARTED", *THREE))
        else:
            so_far = replace(so_far, queue=picture.queue or [])
        look = look_at(so_far, evidence, restart=restart, now=now)
        assert len(wanted) == len(set(wanted))


@given(EVIDENCE, RESTARTS, pictures(), INSTANTS)
def test_nothing_is_settled_while_a_request_waits_that_may_be_ours(
    evidence: Evidence, restart: Submitted, picture: Picture, now: float
) -> None:
    ours = queued(*THREE, origin="API", triggered_by="robot")
    look = look_at(replace(picture, queue=[*(picture.queue or []), ours]), evidence, restart=restart, now=now)
    assert not look.settled
    assert look.verdict.finding is Finding.IN_PROGRESS


@given(EVIDENCE, RESTARTS, pictures(), INSTANTS)
def test_what_the_history_alone_does_not_settle_is_not_settled_where_statuses_show_something_newer(
    evidence: Evidence, restart: Submitted, picture: Picture, now: float
) -> None:
    alone = look_at(Picture(runs=picture.runs), evidence, restart=restart, now=now)
    for newer in (all_in("RESTARTING", *THREE, number=50), all_in("RESTART_ERROR", *THREE, number=50)):
        look = look_at(replace(picture, observation=newer), evidence, restart=restart, now=now)
        assert look.settled <= alone.settled or not look.verdict.finding.final


@given(EVIDENCE, RESTARTS, pictures(), INSTANTS, st.sampled_from(["RESTARTED", "READY", "DEPLOYMENT_ERROR"]))
def test_a_service_at_rest_that_is_no_target_never_matters(
    evidence: Evidence, restart: Submitted, picture: Picture, now: float, at_rest: str
) -> None:
    reading = picture.observation
    if reading is None:
        return
    crowded = replace(reading, services={**reading.services, "chart": status("chart", at_rest, 41)})
    look, other = (
        look_at(replace(picture, observation=one), evidence, restart=restart, now=now) for one in (reading, crowded)
    )
    assert (other.settled, other.doubt, other.wants, other.verdict) == (
        look.settled,
        look.doubt,
        look.wants,
        look.verdict,
    )
    assert other.evidence == look.evidence
