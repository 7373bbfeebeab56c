"""The request that the deadline meets has a few seconds, no other is sent, and the job ends whatever hangs."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import pytest

from orchestrator.clock import RehearsalClock
from orchestrator.domain.evidence import SHOWN_BY
from orchestrator.domain.observations import Observation, QueuedRequest, Run, SubmitReceipt
from orchestrator.domain.outcomes import EnvironmentResult, Outcome, Reason
from orchestrator.domain.plan import OnDeadline, Policy, Service
from orchestrator.errors import UnansweredError
from orchestrator.restart.job import CANCEL_WITHIN, RestartJob
from orchestrator.restart.polling import LAST_ANSWER
from orchestrator.restart.proof import FIRST_LOOK
from orchestrator.restart.reader import PAGE
from tests.support.builders import NOON, queued, target
from tests.support.contexts import context_of
from tests.support.memory_journal import MemoryJournal
from tests.support.scripted_platform import ACCEPTED, ScriptedPlatform, ScriptedProber, SubmitAnswer, lost
from tests.support.stories import IDLE, LAST_NIGHTS_RUN, TARGETS, both, restart_run
from tests.support.time import in_virtual_time

T = TypeVar("T")

DEADLINE = 100.0
ANSWERED_LATE = DEADLINE - FIRST_LOOK + LAST_ANSWER - 0.5
"""Seconds after which what is asked for in the first look is answered in the last moment."""
ACCEPTED_AND_LOST = lost(UnansweredError("reset"), accepted=True)


class SlowStatuses(ScriptedPlatform):
    """A platform that takes its time to show the statuses once a restart was posted."""

    takes = 0.0

    async def read_statuses(self, environment_id: str) -> Observation:
        observation = await super().read_statuses(environment_id)
        if self.submits:
            await self._clock.sleep(self.takes)
        return observation


def run(answer: SubmitAnswer, *, takes: float) -> tuple[EnvironmentResult, SlowStatuses]:
    """Run a job whose restart is over at once, and has to be looked up."""

    async def go() -> tuple[EnvironmentResult, SlowStatuses]:
        clock = RehearsalClock(NOON)
        # Another restart with the origin of ours: who asked for which has to be looked up.
        over = both("RESTARTED", 42, runs=[restart_run(), replace(LAST_NIGHTS_RUN, origin="API")])
        platform = SlowStatuses(clock, before={0: IDLE}, after={0: over}, answers=[answer])
        platform.takes = takes
        context = context_of(target(*TARGETS), platform, clock, end_by=DEADLINE)
        job = RestartJob(context, prober=ScriptedProber(clock, {}), journal=MemoryJournal())
        return await job.run(), platform

    return in_virtual_time(go())


@pytest.mark.parametrize("takes", [0.0, 50.0])
@pytest.mark.parametrize("answer", [ACCEPTED, ACCEPTED_AND_LOST], ids=["accepted", "unanswered"])
def test_what_is_answered_in_time_is_followed_by_what_else_has_to_be_asked(answer: SubmitAnswer, takes: float) -> None:
    _, platform = run(answer, takes=takes)
    assert len(platform.calls_of("find_runs")) >= 1


def test_what_is_answered_after_the_deadline_is_the_last_that_is_asked() -> None:
    result, platform = run(ACCEPTED, takes=ANSWERED_LATE)
    assert (result.outcome, result.reason) == (Outcome.SUCCEEDED, Reason.RESTARTED)
    assert [call for call, _ in platform.calls][-2:] == ["find_runs", "read_statuses"]
    assert platform.calls_of("read_queue") == []


def test_nothing_is_read_after_an_answer_that_came_after_the_deadline() -> None:
    result, platform = run(ACCEPTED_AND_LOST, takes=DEADLINE - SHOWN_BY + LAST_ANSWER - 2)
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.UNATTRIBUTED)
    assert max(platform.calls_of("read_statuses")) < DEADLINE


class Hanging(ScriptedPlatform):
    """A platform of which one call is never answered."""

    hangs = ""

    async def read_statuses(self, environment_id: str) -> Observation:
        return await self._hang_at("read_statuses", await super().read_statuses(environment_id))

    async def find_runs(self, environment_id: str, at_most: int = PAGE) -> Sequence[Run]:
        return await self._hang_at("find_runs", await super().find_runs(environment_id, at_most=at_most))

    async def submit_restart(self, environment_id: str, services: Sequence[Service]) -> SubmitReceipt:
        return await self._hang_at("submit_restart", await super().submit_restart(environment_id, services))

    async def read_queue(self, environment_id: str) -> Sequence[QueuedRequest]:
        return await self._hang_at("read_queue", await super().read_queue(environment_id))

    async def cancel_request(self, request_id: str) -> None:
        await super().cancel_request(request_id)
        await self._hang_at("cancel_request", None)

    async def _hang_at(self, call: str, answer: T) -> T:
        if call == self.hangs:
            await asyncio.Event().wait()
        return answer


@pytest.mark.parametrize(
    ("hangs", "outcome", "within"),
    [
        ("read_statuses", Outcome.TIMED_OUT, LAST_ANSWER),
        ("submit_restart", Outcome.UNKNOWN, LAST_ANSWER),
        ("find_runs", Outcome.TIMED_OUT, LAST_ANSWER + CANCEL_WITHIN),
        ("read_queue", Outcome.TIMED_OUT, CANCEL_WITHIN),
        ("cancel_request", Outcome.TIMED_OUT, CANCEL_WITHIN),
    ],
)
def test_a_job_ends_soon_after_its_deadline_whatever_is_never_answered(
    hangs: str, outcome: Outcome, within: float
) -> None:
    async def go() -> tuple[EnvironmentResult, float]:
        clock = RehearsalClock(NOON)
        waiting = both("RESTART_QUEUED", runs=[LAST_NIGHTS_RUN], queue=[queued(*TARGETS)])
        answer = SubmitAnswer(receipt=SubmitReceipt(request_ids=frozenset({"request-1"})))
        platform = Hanging(clock, before={0: IDLE}, after={0: waiting}, answers=[answer])
        platform.hangs = hangs
        policy = Policy(deadline=DEADLINE, on_deadline=OnDeadline.CANCEL)
        context = context_of(target(*TARGETS, policy=policy), platform, clock, end_by=1000.0)
        job = RestartJob(context, prober=ScriptedProber(clock, {}), journal=MemoryJournal())
        return await job.run(), clock.monotonic()

    result, ended_at = in_virtual_time(go())
    assert result.outcome is outcome
    assert DEADLINE <= ended_at <= DEADLINE + within + 0.1
    assert result.submitted_at is not None or hangs == "read_statuses"
