"""A job and its journal: what has to be written before a submit, what may fail after it, and whose turn it is."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import combinations

import pytest

from orchestrator.domain.observations import SubmitReceipt
from orchestrator.domain.outcomes import Outcome, Reason
from orchestrator.domain.plan import OnStopped, Policy
from orchestrator.domain.records import Holder, Intent
from orchestrator.errors import (
    BusyError,
    JournalError,
    NotFoundError,
    NotSentError,
    PlatformError,
    RefusedError,
    ThrottledError,
    TokenRefusedError,
    UnansweredError,
)
from orchestrator.restart.claiming import INTERVAL
from tests.support.builders import NOON, execution, holder, queued, status, target
from tests.support.memory_journal import MemoryJournal
from tests.support.scripted_platform import ACCEPTED, SubmitAnswer, lost, refused, scene
from tests.support.stories import IDLE, TARGETS, both, goes_well, tell

OURS = target(*TARGETS)
SUCCESS = (Outcome.SUCCEEDED, Reason.RESTARTED)
UNWRITABLE = (Outcome.BLOCKED, Reason.JOURNAL_UNWRITABLE)
LOCKED = (Outcome.BLOCKED, Reason.LOCKED)
RESET = UnansweredError("connection reset")
NUMBERED = SubmitAnswer(receipt=SubmitReceipt(request_ids=frozenset({"request-1"})))

AFTERWARDS = ("withdraw", "accept", "see", "settle")
"""What is written after a submit."""


def in_order(written: Sequence[str]) -> list[str]:
    """What was written, with repetitions of the same left out."""
    return [name for number, name in enumerate(written) if number == 0 or name != written[number - 1]]


# Before the act.


def test_a_restart_is_written_down_step_by_step() -> None:
    story = tell(OURS, answers=[NUMBERED])
    journal = story.journal
    assert in_order(journal.written) == ["claim", "intend", "accept", "see", "settle"]
    assert (journal.accepted, journal.request_ids) == (True, frozenset({"request-1"}))
    assert journal.result == story.result
    (intent,) = journal.intents
    assert (intent.posted_at, intent.submitted_at, intent.left_out) == (0.0, NOON, frozenset())
    assert intent.baseline.executions == {execution(41)}
    assert journal.sighting.seen_running == {execution(42)}
    assert journal.sighting.was_seen
    assert journal.sighting.states == {one: ("RESTARTED", execution(42)) for one in TARGETS}
    assert journal.sighting.timelines == {service.id: service.timeline for service in story.result.services}


def test_what_is_left_out_is_written_down_with_the_intent() -> None:
    stopped = status("web", "STOPPED")
    story = tell(
        target(*TARGETS, policy=Policy(on_stopped=OnStopped.SKIP)),
        before={0: scene(status("api", "RESTARTED"), stopped)},
        after={0: scene(status("api", "RESTARTED", 42), stopped)},
    )
    (intent,) = story.journal.intents
    assert intent.left_out == {"web"}
    assert set(intent.baseline.targets) == {"api"}


@pytest.mark.parametrize(
    ("answers", "posts"),
    [
        pytest.param([NUMBERED], 1, id="accepted"),
        pytest.param([lost(RESET, accepted=True)], 1, id="accepted, and the answer lost"),
        pytest.param([lost(RESET, accepted=False), ACCEPTED], 2, id="lost on its way, and posted again"),
        pytest.param([refused(NotSentError("no route")), ACCEPTED], 2, id="never sent, and posted again"),
        pytest.param([refused(RefusedError("no", status=400))], 1, id="refused"),
    ],
)
def test_an_intent_is_written_before_each_post_and_nothing_comes_between_them(
    answers: list[SubmitAnswer], posts: int
) -> None:
    story = tell(OURS, answers=answers)
    calls = [call for call, _ in story.platform.calls]
    assert calls.count("submit_restart") == len(story.journal.intents) == posts
    for number, (intent, submit) in enumerate(zip(story.journal.intents, story.platform.submits, strict=True)):
        assert intent.submitted_at == NOON + timedelta(seconds=submit.at)
        (post,) = [index for index, call in enumerate(calls) if call == "submit_restart"][number : number + 1]
        assert calls[post - 1] == "read_statuses", "the baseline is the last reading before the post"


def test_no_post_is_made_that_was_not_written_down_by_then() -> None:
    posted_without: list[bool] = []

    class Journal(MemoryJournal):
        async def intend(self, intent: Intent) -> None:
            posted_without.append(self.intent is not None)
            await super().intend(intent)

    story = tell(OURS, answers=[refused(NotSentError("no route"))] * 3 + [ACCEPTED], journal=Journal())
    assert story.ending == SUCCESS
    assert posted_without == [False] * 4, "each was withdrawn before the next was intended"


REFUSALS = [
    NotSentError("connection refused"),
    ThrottledError("slow down", status=429, retry_after=5),
    BusyError("in progress", status=409),
    RefusedError("bad request", status=400),
    NotFoundError("no such service", status=404),
    TokenRefusedError("forbidden", status=403),
]


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: type(error).__name__)
def test_an_intent_is_withdrawn_after_a_refusal(error: PlatformError) -> None:
    story = tell(target(*TARGETS, policy=Policy(deadline=600)), answers=[refused(error)], after={0: IDLE})
    written = [name for name in story.journal.written if name in ("intend", "accept", "withdraw")]
    # The deadline may cut off the search in which the last refusal would have been believed.
    in_doubt = story.ending == (Outcome.UNKNOWN, Reason.SUBMIT_UNCONFIRMED)
    assert written == (["intend", "withdraw"] * len(story.platform.submits))[: -1 if in_doubt else None]
    assert story.journal.in_flight is None


def test_a_lost_submit_that_is_found_is_written_down_as_accepted_with_its_id() -> None:
    waiting = both("RESTART_QUEUED", 41, queue=[queued(*TARGETS)])
    story = tell(OURS, answers=[lost(RESET, accepted=True)], after={0: waiting, 20: IDLE, **goes_well(21)})
    assert story.ending == (Outcome.UNKNOWN, Reason.UNATTRIBUTED)
    assert in_order(story.journal.written) == ["claim", "intend", "accept", "see", "settle"]
    assert story.journal.request_ids == {"request-1"}


def test_a_lost_submit_that_never_arrived_is_withdrawn_before_it_is_made_again() -> None:
    story = tell(OURS, answers=[lost(RESET, accepted=False), ACCEPTED])
    assert in_order(story.journal.written) == [
        *("claim", "intend", "withdraw", "claim", "intend", "accept", "see", "settle")
    ]
    first, second = story.journal.intents
    assert first.posted_at == second.posted_at == 0.0, "a second post gets no second deadline"
    assert second.submitted_at > first.submitted_at


def test_a_job_that_is_interrupted_leaves_its_restart_in_flight_and_its_end_unwritten() -> None:
    story = tell(OURS, answers=[NUMBERED], interrupt_at=20.0)
    assert story.journal.result is None
    in_flight = story.journal.in_flight
    assert in_flight is not None
    assert (in_flight.accepted, in_flight.request_ids) == (True, frozenset({"request-1"}))
    assert in_flight.sighting.seen_running == {execution(42)}


def test_a_job_that_is_interrupted_before_its_submit_leaves_nothing_in_flight() -> None:
    story = tell(OURS, before={0: both("DEPLOYING", 41)}, interrupt_at=20.0)
    assert (story.journal.in_flight, story.journal.result) == (None, None)


# What cannot be written.


@pytest.mark.parametrize("call", ["claim", "intend"])
def test_what_cannot_be_written_down_before_it_is_submitted_is_not_submitted(call: str) -> None:
    story = tell(OURS, journal=MemoryJournal(fails=frozenset({call})))
    assert (story.ending, story.ended_at) == (UNWRITABLE, 0.0)
    assert story.platform.submits == []
    assert story.result.message == (
        "The journal cannot be written: the disk is full. What is not in the journal before it is submitted could be "
        "submitted twice, so nothing was submitted."
    )
    assert (story.result.exit_code, story.result.submitted_at, story.result.duration_s) == (5, None, None)


@pytest.mark.parametrize("calls", [*combinations(AFTERWARDS, 1), AFTERWARDS], ids=" ".join)
def test_what_cannot_be_written_after_the_submit_does_not_keep_the_restart_from_being_proven(
    calls: tuple[str, ...],
) -> None:
    answers = [refused(NotSentError("no route")), NUMBERED]
    story = tell(OURS, answers=answers, journal=MemoryJournal(fails=frozenset(calls)))
    assert story.ending == SUCCESS
    assert [event.level for event in story.log.named("journal_not_written")] == ["warning"]


def test_a_disk_that_fills_up_between_two_posts_lets_no_second_one_be_made() -> None:
    class Filling(MemoryJournal):
        async def intend(self, intent: Intent) -> None:
            if self.intents:
                raise JournalError("The journal cannot be written: the disk is full.")
            await super().intend(intent)

    story = tell(OURS, answers=[lost(RESET, accepted=False), ACCEPTED], journal=Filling())
    assert story.ending == UNWRITABLE
    assert [submit.accepted for submit in story.platform.submits] == [False]


# One run at a time.


def test_an_environment_that_another_run_holds_is_blocked_with_a_word_how_to_go_on() -> None:
    story = tell(OURS, journal=MemoryJournal(holders=[holder(at_work=False)]))
    assert (story.ending, story.ended_at) == (LOCKED, 0.0)
    assert story.platform.calls == [], "it is not even looked at"
    for word in (
        "by the run run-2",
        "since 2026-11-24 11:00:00 UTC",
        "process 7 on runner-1 is dead",
        "qovery-restart resume run-2",
        "--abandon",
        "Nothing was submitted",
    ):
        assert word in story.result.message
    assert story.result.exit_code == 5


def test_an_environment_that_gets_free_in_time_is_restarted() -> None:
    story = tell(OURS, journal=MemoryJournal(holders=[holder()] * 30), wait_lock=60.0)
    assert story.ending == SUCCESS
    assert story.platform.submits[0].at == 30 * INTERVAL
    assert len(story.log.named("lock_awaited")) == 1


def test_an_environment_that_does_not_get_free_in_time_is_blocked() -> None:
    story = tell(OURS, journal=MemoryJournal(holders=[holder()] * 1000), wait_lock=60.0)
    assert (story.ending, story.ended_at) == (LOCKED, 60.0)
    assert "--wait-lock" in story.result.message
    assert story.platform.calls == []


def test_nobody_waits_for_another_run_beyond_the_end_of_its_own() -> None:
    story = tell(OURS, journal=MemoryJournal(holders=[holder()] * 1000), wait_lock=600.0, end_by=45.0)
    assert (story.ending, story.ended_at) == (LOCKED, 45.0)


def test_the_patience_with_a_busy_environment_begins_when_the_other_run_has_let_go() -> None:
    story = tell(
        target(*TARGETS, policy=Policy(deadline=100)),
        before={0: both("DEPLOYING", 41)},
        journal=MemoryJournal(holders=[holder()] * 50),
        wait_lock=60.0,
    )
    assert (story.ending, story.ended_at) == ((Outcome.BLOCKED, Reason.BUSY), 150.0)


def test_an_environment_that_another_run_took_between_two_posts_is_not_posted_to_again() -> None:
    class Taken(MemoryJournal):
        async def claim(self) -> Holder | None:
            await super().claim()
            return holder() if self.intents else None

    story = tell(OURS, answers=[lost(RESET, accepted=False), ACCEPTED], journal=Taken())
    assert story.ending == LOCKED
    assert [submit.accepted for submit in story.platform.submits] == [False]
