"""Cancels what is provably ours, and nothing else: what was found, what was asked of the platform, what is said."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.evidence import Evidence
from orchestrator.domain.observations import Observation, QueuedRequest, Run
from orchestrator.domain.ownership import Ours, Standing
from orchestrator.errors import BusyError, NotFoundError, PlatformError, UnansweredError
from orchestrator.restart.cancelling import cancel_ours
from orchestrator.restart.settlement import cancel_attempted
from tests.support.builders import (
    ENVIRONMENT,
    all_in,
    baseline_of,
    execution,
    observe,
    queued,
    run,
    status,
    submitted,
    target,
)
from tests.support.contexts import context_of
from tests.support.log import CapturedLog
from tests.support.scripted_platform import Fault, Scene, ScriptedPlatform
from tests.support.time import HandClock, in_virtual_time

TARGETS = ("api", "web")
GOING = run(42, dict.fromkeys(TARGETS, "RESTARTING"), status="ONGOING", origin="API", triggered_by="robot")
OVER = run(42, dict.fromkeys(TARGETS, "RESTARTED"), origin="API", triggered_by="robot")
AT_WORK = all_in("RESTARTING", *TARGETS, number=42)
LAST_NIGHT = run(41, dict.fromkeys(TARGETS, "RESTARTED"), origin="SCHEDULE")
AFTER_OURS = run(43, dict.fromkeys(TARGETS, "DEPLOYED"), action="DEPLOY", origin="CONSOLE")
OURS = queued(*TARGETS)
TOO = queued(*TARGETS, request_id="request-0")
JUST_ENDED = "it was about to end, or has ended, and another user's run could be hit instead"
MERGED = queued(*TARGETS, "cache")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is there, and what has to be done and said about it."""

    history: Sequence[Run] = ()
    queue: Sequence[QueuedRequest] = ()
    shown: Observation = field(default_factory=lambda: all_in("RESTARTED", *TARGETS))
    request_ids: frozenset[str] = frozenset({"request-1"})
    standing: Standing
    found: bool = False
    considered: Standing | None = None
    """Where it stood at first, if it does not any more."""
    cancelled: Sequence[str] = ()
    words: str
    name: str | None = None
    """What the platform calls us, if that is known."""
    log: Sequence[dict[str, str]] = field(default_factory=tuple)


CASES = {
    "our request waits": Case(
        queue=[OURS],
        standing=Standing.WAITS,
        cancelled=["request-1"],
        words="Our request still waited in the queue and was cancelled.",
        log=[{"request_id": "request-1"}],
    ),
    "our request waits under two names": Case(
        queue=[OURS, TOO],
        request_ids=frozenset({"request-1", "request-0"}),
        standing=Standing.WAITS,
        cancelled=["request-0", "request-1"],
        words="Our request still waited in the queue and was cancelled.",
        log=[{"request_id": "request-0"}, {"request_id": "request-1"}],
    ),
    "our request waits behind somebody's deployment": Case(
        history=[replace(GOING, action="DEPLOY", origin="CONSOLE")],
        queue=[OURS],
        standing=Standing.WAITS,
        cancelled=["request-1"],
        words="Our request still waited in the queue and was cancelled.",
        log=[{"request_id": "request-1"}],
    ),
    "our run": Case(
        history=[GOING],
        shown=AT_WORK,
        standing=Standing.RUNS,
        cancelled=[ENVIRONMENT],
        words=f"Our run, {execution(42)}, was told to cancel.",
        log=[{"execution_id": str(execution(42))}],
    ),
    "our run, of which a part is done": Case(
        history=[GOING],
        shown=observe(status("api", "RESTARTED", 42), status("web", "RESTARTING", 42), last=42),
        standing=Standing.RUNS,
        cancelled=[ENVIRONMENT],
        words=f"Our run, {execution(42)}, was told to cancel.",
        log=[{"execution_id": str(execution(42))}],
    ),
    "our run, that has ended since the history was read": Case(
        history=[GOING],
        shown=all_in("RESTARTED", *TARGETS, number=42),
        considered=Standing.RUNS,
        standing=Standing.ENDING,
        words=f"It was not cancelled, because {JUST_ENDED}, and may still be running at Qovery.",
    ),
    "our run, after which another has begun since the history was read": Case(
        history=[AFTER_OURS, GOING],
        shown=all_in("DEPLOYING", *TARGETS, number=43),
        considered=Standing.RUNS,
        standing=Standing.ENDING,
        words=f"It was not cancelled, because {JUST_ENDED}, and may still be running at Qovery.",
    ),
    "our run, after which another has begun that has not come to our services": Case(
        history=[GOING],
        shown=replace(AT_WORK, last_execution_id=execution(43)),
        considered=Standing.RUNS,
        standing=Standing.ENDING,
        words=f"It was not cancelled, because {JUST_ENDED}, and may still be running at Qovery.",
    ),
    "our run, and somebody waits behind it": Case(
        history=[GOING],
        queue=[queued("cache", request_id="request-2", action="DEPLOY")],
        standing=Standing.AWAITED,
        words="It was not cancelled, because another request waits behind it, and may still be running at Qovery.",
    ),
    "a request that was merged with somebody else's": Case(
        queue=[MERGED],
        standing=Standing.MERGED,
        words="It was not cancelled, because our request was merged with one for other services, "
        "and may still be running at Qovery.",
    ),
    "a request that nobody has called ours": Case(
        queue=[OURS],
        request_ids=frozenset(),
        standing=Standing.UNNAMED,
        words="It was not cancelled, because a restart of these services waits or runs, and nothing shows that it is "
        "ours and not another user's, and may still be running at Qovery.",
    ),
    "a run that restarts other services, too": Case(
        history=[replace(GOING, services={**GOING.services, "cache": "RESTARTING"})],
        standing=Standing.WIDER,
        words="It was not cancelled, because the run restarts other services as well, "
        "and may still be running at Qovery.",
    ),
    "a run from the console": Case(
        history=[replace(GOING, origin="CONSOLE")],
        standing=Standing.ANOTHER_ORIGIN,
        words="It was not cancelled, because the run has another origin than our requests (CONSOLE), "
        "and may still be running at Qovery.",
    ),
    "a run that carries only some of our services": Case(
        history=[replace(GOING, services={"api": "RESTARTING"})],
        standing=Standing.INCOMPLETE,
        words="It was not cancelled, because the run there does not contain all of our services, "
        "and may still be running at Qovery.",
    ),
    "two runs at once": Case(
        history=[replace(GOING, execution_id=execution(43)), GOING],
        standing=Standing.SEVERAL_RUNS,
        words="It was not cancelled, because more than one run is in progress there, "
        "and may still be running at Qovery.",
    ),
    "a run after another of the same services, both under our name": Case(
        history=[replace(GOING, execution_id=execution(43)), OVER],
        name="robot",
        standing=Standing.REPEATED,
        words="It was not cancelled, because these services were restarted more than once since our submit, and no id "
        "shows which run is ours, and may still be running at Qovery.",
    ),
    "a run that was only found, since the answer was lost": Case(
        history=[GOING],
        found=True,
        standing=Standing.FOUND,
        words="It was not cancelled, because the answer to our submit was lost, and no id shows that the restart "
        "found there is ours, and may still be running at Qovery.",
    ),
    "it is over": Case(
        history=[OVER],
        standing=Standing.OVER,
        words="There was nothing left to cancel: our restart is over.",
    ),
    "nothing of it is to be seen": Case(
        standing=Standing.UNSEEN,
        words="It was not cancelled, because nothing provably ours is visible, and may still be running at Qovery.",
    ),
}


class Canceller:
    """What an attempt found, did and said."""

    def __init__(self, case: Case, *faults: Fault) -> None:
        clock = HandClock()
        self.log = CapturedLog(clock)
        there = Scene(observation=case.shown, runs=tuple(case.history), queue=tuple(case.queue))
        self.platform = ScriptedPlatform(clock, before={0: there}, faults=faults)
        baseline = replace(baseline_of(*TARGETS), origin="API")
        self._ask = cancel_ours(
            submitted(baseline, found=case.found, request_ids=case.request_ids),
            context_of(target(*TARGETS), self.platform, clock, log=self.log),
            evidence=Evidence(name=case.name),
        )

    def attempt(self) -> Ours:
        return in_virtual_time(self._ask)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_provably_ours_alone_is_cancelled_and_anything_else_is_left_alone_with_a_word_why(case: Case) -> None:
    canceller = Canceller(case)
    attempt = canceller.attempt()
    assert attempt.standing is case.standing
    assert attempt.standing.is_ours_alone is bool(case.cancelled)
    assert canceller.platform.cancelled == list(case.cancelled)
    assert cancel_attempted(attempt) == case.words
    if case.found:
        assert canceller.log.events == []
        return
    considered, *cancelled = canceller.log.events
    standing = case.standing if case.considered is None else case.considered
    assert considered.details == {"standing": standing.value, "origin": attempt.origin}
    assert [(event.name, event.details) for event in cancelled] == [("restart_cancelled", one) for one in case.log]


def test_every_standing_is_in_this_table() -> None:
    assert {case.standing for case in CASES.values()} == set(Standing)


def test_the_queue_is_read_before_the_history_and_the_statuses_have_the_last_word() -> None:
    canceller = Canceller(CASES["our run"])
    canceller.attempt()
    assert [call for call, _ in canceller.platform.calls] == ["read_queue", "find_runs", "read_statuses", "cancel_run"]


@pytest.mark.parametrize(
    ("case", "call"),
    [("our request waits", "cancel_request"), ("our run", "cancel_run")],
)
@pytest.mark.parametrize(
    "error",
    [BusyError("too late", status=409), NotFoundError("gone", status=404), UnansweredError("connection reset")],
    ids=["409", "404", "unanswered"],
)
def test_a_cancel_that_the_platform_does_not_take_on_is_an_error_and_not_told_as_done(
    case: str, call: str, error: PlatformError
) -> None:
    canceller = Canceller(CASES[case], Fault(error=error, calls=frozenset({call})))
    with pytest.raises(type(error)):
        canceller.attempt()
    assert canceller.log.names == ["cancel_considered"]


@pytest.mark.parametrize("call", ["read_queue", "find_runs", "read_statuses"])
def test_nothing_is_cancelled_where_what_is_there_cannot_be_read(call: str) -> None:
    fault = Fault(error=UnansweredError("connection reset"), calls=frozenset({call}))
    canceller = Canceller(CASES["our run"], fault)
    with pytest.raises(UnansweredError):
        canceller.attempt()
    assert canceller.platform.cancelled == []


HISTORIES = st.lists(
    st.sampled_from(
        [
            *[GOING] * 4,
            replace(GOING, origin="CONSOLE"),
            replace(GOING, origin=None),
            replace(GOING, services={**GOING.services, "cache": "RESTARTING"}),
            replace(GOING, services={"api": "RESTARTING"}),
            replace(GOING, action="DEPLOY"),
            replace(GOING, execution_id=execution(43)),
            replace(GOING, execution_id=None),
            OVER,
            run(41, dict.fromkeys(TARGETS, "RESTARTED")),
        ]
    ),
    max_size=3,
)
QUEUES = st.lists(st.sampled_from([OURS, TOO, MERGED, queued("cache", request_id="request-2")]), max_size=2)
SHOWN = st.sampled_from(
    [AT_WORK, AT_WORK, replace(AT_WORK, last_execution_id=execution(43)), all_in("RESTARTED", *TARGETS, number=42)]
)


@settings(deadline=None)
@given(history=HISTORIES, queue=QUEUES, shown=SHOWN)
def test_whatever_is_there_nothing_is_cancelled_in_which_somebody_else_has_a_part(
    history: list[Run], queue: list[QueuedRequest], shown: Observation
) -> None:
    canceller = Canceller(Case(history=history, queue=queue, shown=shown, standing=Standing.UNSEEN, words=""))
    attempt = canceller.attempt()
    asked = [call for call, _ in canceller.platform.calls if call.startswith("cancel")]
    assert len(asked) == len(canceller.platform.cancelled) == attempt.standing.is_ours_alone
    if "cancel_request" in asked:
        assert canceller.platform.cancelled == ["request-1"]
        assert OURS in queue
        assert MERGED not in queue
    if "cancel_run" in asked:
        assert [one for one in history if not one.over] == [replace(GOING, execution_id=attempt.execution_id)]
        assert OVER not in history
        assert (shown, queue) == (AT_WORK, [])
