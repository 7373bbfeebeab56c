"""`evidence`: what one look makes of what was remembered and what was read, as tables."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.costs import expected_duration
from orchestrator.domain.evidence import (
    ABSENT_FOR,
    CANCELLED_FOR,
    CONFIRM_AGAIN,
    OVERDUE_AFTER,
    Evidence,
    Look,
    confirm_look,
    take_in,
)
from orchestrator.domain.observations import Observation, QueuedRequest, Run
from orchestrator.domain.outcomes import Reason
from orchestrator.domain.records import Sighting
from orchestrator.domain.verdict import Doubt, Finding, ServiceVerdict
from tests.support.builders import all_in, baseline_of, execution, observe, queued, run, status, submitted
from tests.support.strategies import TARGETS as THREE
from tests.support.strategies import observations, queues, runs

TARGETS = ("api", "web")
BASELINE = baseline_of(*TARGETS)
OURS = submitted(BASELINE, request_ids=["request-1"], deadline=1800.0)
INVISIBLE_FOR = 300.0
OVERDUE = expected_duration(len(TARGETS)) + OVERDUE_AFTER

IDLE = all_in("RESTARTED", *TARGETS)
WAITING = all_in("RESTART_QUEUED", *TARGETS)
AT_WORK = all_in("RESTARTING", *TARGETS, number=42)
OVER = all_in("RESTARTED", *TARGETS, number=42)
BEHIND = observe(
    *(replace(status(name, "RESTARTING", 42), request_id="request-1", requests_waiting=1) for name in TARGETS)
)
"""Another user's run is at work while our request still waits."""

RUN = str(execution(42))
SEEN = Evidence(was_seen=True)
SEEN_RUNNING = Evidence(was_seen=True, seen_running=frozenset({RUN}))
BOTH = dict.fromkeys(TARGETS, "RESTARTED")
LAST_NIGHT = run(41, BOTH)


def look_at(observation: Observation, evidence: Evidence = Evidence(), *, now: float = 10.0) -> Look:  # noqa: B008
    return take_in(evidence, OURS, observation, baseline=OURS.baseline, now=now)


@pytest.mark.parametrize(
    ("evidence", "reading", "now", "expected"),
    [
        pytest.param(SEEN_RUNNING, OVER, 30, (True, None, False), id="over, and seen at work before"),
        pytest.param(Evidence(), OVER, 30, (False, Doubt.NEVER_SEEN_RUNNING, True), id="over, and never seen at work"),
        pytest.param(Evidence(), AT_WORK, 30, (False, None, False), id="at work"),
        pytest.param(Evidence(), WAITING, 30, (False, None, False), id="waiting"),
        pytest.param(Evidence(), IDLE, 30, (False, None, False), id="nothing yet"),
        pytest.param(SEEN, IDLE, 30, (False, Doubt.UNSEEN, True), id="gone after it was seen"),
        pytest.param(Evidence(cancelled=True), IDLE, 30, (False, Doubt.UNSEEN, True), id="gone after we cancelled it"),
        pytest.param(Evidence(), IDLE, OVERDUE, (False, None, False), id="nothing at the last moment"),
        pytest.param(Evidence(), IDLE, OVERDUE + 0.1, (False, Doubt.UNSEEN, True), id="overdue"),
        pytest.param(
            Evidence(),
            replace(IDLE, last_execution_id=RUN),
            30,
            (False, Doubt.UNSEEN, True),
            id="a newer run that touched nothing",
        ),
        pytest.param(
            SEEN, IDLE, 1800, (False, Doubt.UNSEEN, False), id="the deadline has passed: nothing more is read"
        ),
    ],
)
def test_a_look_is_settled_or_in_doubt_or_only_time_will_tell(
    evidence: Evidence, reading: Observation, now: float, expected: tuple[bool, Doubt | None, bool]
) -> None:
    look = look_at(reading, evidence, now=now)
    assert (look.settled, look.doubt, look.ask_history) == expected


@pytest.mark.parametrize(
    ("reading", "evidence"),
    [
        pytest.param(AT_WORK, SEEN_RUNNING, id="at work"),
        pytest.param(WAITING, SEEN, id="waiting: no run of its own yet"),
        pytest.param(IDLE, Evidence(), id="nothing"),
        pytest.param(BEHIND, replace(SEEN, not_ours=frozenset({RUN})), id="another run, while our request waits"),
    ],
)
def test_what_a_look_shows_is_remembered(reading: Observation, evidence: Evidence) -> None:
    found = look_at(reading).evidence
    assert (found.was_seen, found.seen_running, found.not_ours) == (
        evidence.was_seen,
        evidence.seen_running,
        evidence.not_ours,
    )


def test_what_was_at_work_while_our_request_waited_is_never_ours() -> None:
    behind = look_at(BEHIND).evidence
    look = look_at(OVER, behind, now=40.0)
    assert not look.settled
    assert look.verdict.finding is Finding.UNPROVEN


@pytest.mark.parametrize(
    ("after", "evidence", "asks"),
    [
        pytest.param(1.0, SEEN, False, id="just asked"),
        pytest.param(CONFIRM_AGAIN - 0.1, SEEN, False, id="a while ago"),
        pytest.param(CONFIRM_AGAIN, SEEN, True, id="long enough ago"),
        pytest.param(CANCELLED_FOR, replace(SEEN, cancelled=True), True, id="long enough, where we cancelled it"),
    ],
)
def test_the_same_doubt_is_looked_into_again_after_a_while(after: float, evidence: Evidence, asks: bool) -> None:
    first = confirm_look(look_at(IDLE, evidence), [LAST_NIGHT], [], now=10.0, invisible_for=INVISIBLE_FOR)
    assert look_at(IDLE, first.evidence, now=10.0 + after).ask_history is asks


def test_another_doubt_or_another_reading_is_looked_into_at_once() -> None:
    first = confirm_look(look_at(IDLE, SEEN), [LAST_NIGHT], [], now=10.0, invisible_for=INVISIBLE_FOR)
    assert look_at(OVER, first.evidence, now=11.0).ask_history
    other = observe(*IDLE.services.values(), status("chart", "DEPLOYED"))
    assert look_at(other, first.evidence, now=11.0).ask_history


@pytest.mark.parametrize(
    ("history", "queue", "finding", "reason"),
    [
        pytest.param([run(42, BOTH), LAST_NIGHT], [], Finding.SUCCEEDED, Reason.RESTARTED, id="it succeeded"),
        pytest.param(
            [run(42, {**BOTH, "web": "RESTART_ERROR"}), LAST_NIGHT],
            [],
            Finding.FAILED,
            Reason.RESTART_ERROR,
            id="it failed",
        ),
        pytest.param([LAST_NIGHT], [queued(*TARGETS)], Finding.IN_PROGRESS, None, id="it waits"),
        pytest.param([LAST_NIGHT], [], Finding.ABSENT, Reason.REQUEST_CANCELLED, id="there is none"),
    ],
)
def test_the_history_settles_what_it_knows_the_end_of(
    history: list[Run], queue: list[QueuedRequest], finding: Finding, reason: Reason | None
) -> None:
    look = confirm_look(look_at(OVER), history, queue, now=30.0, invisible_for=INVISIBLE_FOR)
    assert (look.verdict.finding, look.verdict.reason) == (finding, reason)
    assert look.settled is finding.final
    assert not look.ask_history


@pytest.mark.parametrize(
    ("evidence", "needed"),
    [
        pytest.param(SEEN, ABSENT_FOR, id="it was seen"),
        pytest.param(Evidence(), INVISIBLE_FOR, id="it was never seen"),
        pytest.param(Evidence(cancelled=True), CANCELLED_FOR, id="we cancelled it"),
    ],
)
def test_what_is_absent_has_to_stay_absent_for_a_while(evidence: Evidence, needed: float) -> None:
    # A service that does not name its execution keeps the doubt alive, whatever was seen before.
    nameless = observe(status("api", "RESTARTED", None), status("web", "RESTARTED"))

    def absent(evidence: Evidence, now: float) -> Look:
        look = look_at(nameless, evidence, now=now)
        return confirm_look(look, [LAST_NIGHT], [], now=now, invisible_for=INVISIBLE_FOR)

    first = absent(evidence, 100.0)
    assert (first.settled, first.evidence.absent_since) == (False, 100.0)
    assert not absent(first.evidence, 100.0 + needed - 0.1).settled
    assert absent(first.evidence, 100.0 + needed).settled


def test_an_absence_that_ends_or_changes_its_reason_begins_again() -> None:
    def read(observation: Observation, evidence: Evidence, now: float, *history: Run) -> Look:
        look = look_at(observation, evidence, now=now)
        return confirm_look(look, [*history, LAST_NIGHT], [], now=now, invisible_for=INVISIBLE_FOR)

    gone = read(IDLE, SEEN, 100.0)
    assert (gone.evidence.absent_since, gone.evidence.absent_as) == (100.0, Reason.REQUEST_CANCELLED)
    back = look_at(AT_WORK, gone.evidence, now=130.0)
    assert back.evidence.absent_since is None
    superseded = read(IDLE, gone.evidence, 140.0, run(42, {"api": "DEPLOYED"}, action="DEPLOY"))
    assert (superseded.evidence.absent_since, superseded.evidence.absent_as) == (140.0, Reason.SUPERSEDED)


def test_what_the_statuses_have_proven_stays_proven() -> None:
    proven = ServiceVerdict(finding=Finding.SUCCEEDED, execution_id=RUN)
    half = observe(status("api", "RESTARTED", 42), status("web", "RESTART_ERROR", 42), last=42)
    before = look_at(half, SEEN_RUNNING).evidence
    assert before.verdicts["api"] == proven
    failed = run(43, {"api": "RESTART_ERROR", "web": "RESTART_ERROR"})
    look = confirm_look(
        replace(look_at(half, SEEN_RUNNING), doubt=Doubt.UNSEEN), [failed], [], now=30.0, invisible_for=INVISIBLE_FOR
    )
    assert look.settled
    assert look.verdict.services["api"] == look.evidence.verdicts["api"] == proven


@given(evidence=st.builds(Evidence, seen_running=st.frozensets(st.just(RUN)), was_seen=st.booleans()))
def test_what_a_later_process_needs_survives_in_a_sighting(evidence: Evidence) -> None:
    assert Evidence.of(evidence.into(Sighting(states={"api": ("RESTARTED", RUN)}))) == evidence


@given(
    reading=observations(),
    history=runs(),
    queue=queues(),
    was_seen=st.booleans(),
    now=st.floats(0, 2000),
)
def test_whatever_is_read_evidence_is_only_added_and_only_a_final_or_lasting_finding_settles(
    reading: Observation, history: list[Run], queue: list[QueuedRequest], was_seen: bool, now: float
) -> None:
    restart = submitted(baseline_of(*THREE))
    evidence = Evidence(was_seen=was_seen, not_ours=frozenset({"run-a"}))
    look = take_in(evidence, restart, reading, baseline=restart.baseline, now=now)
    assert evidence.not_ours <= look.evidence.not_ours
    assert look.evidence.was_seen >= was_seen
    assert look.verdict.services.keys() == set(THREE)
    assert not (look.settled and look.ask_history)
    if look.settled:
        assert look.verdict.finding.final
        return
    confirmed = confirm_look(look, history, queue, now=now, invisible_for=INVISIBLE_FOR)
    if confirmed.settled and not confirmed.verdict.finding.final:
        assert confirmed.verdict.finding is Finding.ABSENT
        assert confirmed.evidence.absent_since is not None
        assert now >= confirmed.evidence.absent_since + CANCELLED_FOR
