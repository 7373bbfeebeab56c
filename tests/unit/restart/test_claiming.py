"""One run at a time in an environment: take it, wait for it, or say who has it."""

from collections.abc import Sequence

import pytest

from orchestrator.domain.outcomes import Outcome, Reason
from orchestrator.domain.records import Holder
from orchestrator.errors import JournalError
from orchestrator.restart.claiming import INTERVAL, claim
from orchestrator.restart.journaling import JobJournal
from orchestrator.restart.settlement import Settlement
from tests.support.builders import holder, target
from tests.support.contexts import context_of
from tests.support.log import CapturedLog
from tests.support.memory_journal import MemoryJournal
from tests.support.scripted_platform import ScriptedPlatform
from tests.support.time import HandClock, in_virtual_time

FAR = 1e6


class Claimed:
    """What came of a claim of an environment that others hold for some looks."""

    def __init__(
        self, *holders: Holder, wait: float = 0.0, until: float = FAR, fails: Sequence[str] = (), began: float = 0.0
    ) -> None:
        self.clock = HandClock(began)
        self.log = CapturedLog(self.clock)
        self.journal = MemoryJournal(holders=list(holders), fails=frozenset(fails))
        context = context_of(
            target("api"), ScriptedPlatform(self.clock, before={}), self.clock, log=self.log, end_by=until
        )
        self.found: Settlement | None = in_virtual_time(
            claim(JobJournal(self.journal, context.narrator), context, wait=wait)
        )

    @property
    def looks(self) -> int:
        return len(self.journal.written)


def test_a_free_environment_is_taken_at_once_and_silently() -> None:
    claimed = Claimed()
    assert (claimed.found, claimed.looks, claimed.clock.slept, claimed.log.events) == (None, 1, [], [])


def test_a_free_environment_is_taken_though_the_run_is_over_already() -> None:
    # Whether it is too late to submit is not this question.
    assert Claimed(until=-5.0).found is None


def test_an_environment_that_is_held_blocks_at_once_where_nobody_waits() -> None:
    claimed = Claimed(holder())
    assert claimed.found is not None
    assert (claimed.found.outcome, claimed.found.reason) == (Outcome.BLOCKED, Reason.LOCKED)
    assert (claimed.looks, claimed.clock.slept, claimed.log.events) == (1, [], [])


def test_an_environment_that_gets_free_while_one_waits_is_taken() -> None:
    claimed = Claimed(*[holder()] * 3, wait=60)
    assert claimed.found is None
    assert claimed.clock.slept == [INTERVAL] * 3
    assert [(event.name, event.details) for event in claimed.log.events] == [
        (
            "lock_awaited",
            {
                "held_by": "run-2",
                "since": "2026-11-24T11:00:00+00:00",
                "where": "process 7 on runner-1 is at work on it",
            },
        )
    ]


def test_each_run_that_is_waited_for_is_told_once() -> None:
    claimed = Claimed(holder("a"), holder("a"), holder("b"), holder("b"), holder("a"), wait=60)
    assert [event.details["held_by"] for event in claimed.log.events] == ["a", "b", "a"]


@pytest.mark.parametrize(
    ("wait", "until", "ended_at"),
    [
        pytest.param(5.0, FAR, 105.0, id="as long as it was told"),
        pytest.param(2.5, FAR, 102.5, id="not a whole number of looks"),
        pytest.param(60.0, 103.0, 103.0, id="no longer than the run lasts"),
        pytest.param(60.0, 90.0, 100.0, id="not at all where the run is over"),
        pytest.param(0.0, FAR, 100.0, id="not at all"),
    ],
)
def test_a_wait_ends_and_then_says_who_has_it(wait: float, until: float, ended_at: float) -> None:
    claimed = Claimed(*[holder()] * 100, wait=wait, until=until, began=100.0)
    assert claimed.clock.monotonic() == ended_at
    assert claimed.found is not None
    assert claimed.found.reason is Reason.LOCKED
    assert all(slept > 0 for slept in claimed.clock.slept)
    assert claimed.looks == len(claimed.clock.slept) + 1, "the last look falls right on the end"


def test_an_environment_that_gets_free_right_at_the_end_is_taken() -> None:
    assert Claimed(*[holder()] * 5, wait=5.0).found is None


@pytest.mark.parametrize(
    ("at_work", "advice"),
    [
        (True, "Wait for it with --wait-lock DURATION, or run again when it has ended."),
        (
            False,
            (
                "Finish it with `qovery-restart resume run-2`, "
                "or abandon it with `qovery-restart resume run-2 --abandon`."
            ),
        ),
    ],
    ids=["at work", "dead"],
)
def test_whoever_is_locked_out_is_told_by_whom_since_when_and_what_to_do(at_work: bool, advice: str) -> None:
    held_by = holder(at_work=at_work)
    claimed = Claimed(held_by)
    assert claimed.found is not None
    assert claimed.found.message == (
        "Held since 2026-11-24 11:00:00 UTC by the run run-2, which has not ended: "
        f"{held_by.where}. {advice} Nothing was submitted."
    )


def test_a_journal_that_cannot_be_asked_is_an_error() -> None:
    with pytest.raises(JournalError):
        Claimed(fails=["claim"])
