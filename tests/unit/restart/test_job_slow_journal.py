"""A journal whose writes take their time, as over a network: a job knows no less than what has been written."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.clock import RehearsalClock
from orchestrator.domain.outcomes import EnvironmentResult, Outcome, Reason
from orchestrator.domain.plan import Policy
from orchestrator.domain.records import Intent
from orchestrator.errors import UnansweredError
from orchestrator.restart.job import RestartJob
from tests.support.builders import NOON, target
from tests.support.contexts import context_of
from tests.support.memory_journal import MemoryJournal
from tests.support.scripted_platform import ScriptedPlatform, ScriptedProber, lost
from tests.support.stories import IDLE, TARGETS, tell
from tests.support.time import in_virtual_time

OURS = target(*TARGETS)
SUCCESS = (Outcome.SUCCEEDED, Reason.RESTARTED)


@dataclass(slots=True)
class SlowJournal(MemoryJournal):
    """Takes so many seconds for a write, by the name of the method."""

    takes: Mapping[str, float] = field(default_factory=dict)

    async def intend(self, intent: Intent) -> None:
        await asyncio.sleep(self.takes.get("intend", 0.0))
        await MemoryJournal.intend(self, intent)

    async def accept(self, request_ids: frozenset[str], *, found: bool = False) -> None:
        await asyncio.sleep(self.takes.get("accept", 0.0))
        await MemoryJournal.accept(self, request_ids, found=found)

    async def withdraw(self) -> None:
        await asyncio.sleep(self.takes.get("withdraw", 0.0))
        await MemoryJournal.withdraw(self)

    async def settle(self, result: EnvironmentResult) -> None:
        await asyncio.sleep(self.takes.get("settle", 0.0))
        await MemoryJournal.settle(self, result)


def test_a_restart_whose_acceptance_is_being_written_is_known_to_be_accepted() -> None:
    story = tell(OURS, journal=SlowJournal(takes={"accept": 30.0}), interrupt_at=10.0)
    assert story.result.reason is Reason.INTERRUPTED
    assert story.result.submitted_at is not None
    assert "was accepted and continues at Qovery" in story.result.message


def test_a_lost_submit_whose_discovery_is_being_written_is_known_to_be_accepted() -> None:
    lost_answer = lost(UnansweredError("reset"), accepted=True)
    story = tell(OURS, answers=[lost_answer], journal=SlowJournal(takes={"accept": 30.0}), interrupt_at=10.0)
    assert "was accepted and continues at Qovery" in story.result.message


def test_a_submit_that_never_arrived_and_whose_withdrawal_is_being_written_leaves_nothing_behind() -> None:
    never = lost(UnansweredError("reset"), accepted=False)
    patient = target(*TARGETS, policy=Policy(invisible_for=5.0))
    story = tell(patient, answers=[never], journal=SlowJournal(takes={"withdraw": 60.0}), interrupt_at=30.0)
    assert (story.result.reason, story.result.submitted_at) == (Reason.INTERRUPTED, None)
    assert story.journal.in_flight is not None, "a resumed run looks for it once more"


def test_a_result_that_is_being_written_is_the_result() -> None:
    story = tell(OURS, journal=SlowJournal(takes={"settle": 60.0}), interrupt_at=60.0)
    assert story.ending == SUCCESS


def test_an_intent_that_takes_until_the_deadline_to_write_is_withdrawn_and_not_posted() -> None:
    async def go() -> tuple[EnvironmentResult, ScriptedPlatform, SlowJournal]:
        clock = RehearsalClock(NOON)
        platform = ScriptedPlatform(clock, before={0: IDLE})
        journal = SlowJournal(takes={"intend": 5.0})
        context = context_of(target(*TARGETS, policy=Policy(deadline=3.0)), platform, clock)
        job = RestartJob(context, prober=ScriptedProber(clock, {}), journal=journal)
        return await job.run(), platform, journal

    result, platform, journal = in_virtual_time(go())
    assert (result.outcome, result.reason, platform.submits) == (Outcome.TIMED_OUT, Reason.DEADLINE, [])
    assert journal.intent is None
