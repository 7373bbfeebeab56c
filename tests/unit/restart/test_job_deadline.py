"""The deadline bears the request that met it, and no more after that."""

from dataclasses import replace

import pytest

from orchestrator.clock import RehearsalClock
from orchestrator.domain.observations import Observation
from orchestrator.domain.outcomes import EnvironmentResult, Outcome, Reason
from orchestrator.errors import UnansweredError
from orchestrator.restart.job import RestartJob
from tests.support.builders import NOON, target
from tests.support.contexts import context_of
from tests.support.memory_journal import MemoryJournal
from tests.support.scripted_platform import ACCEPTED, ScriptedPlatform, ScriptedProber, SubmitAnswer, lost
from tests.support.stories import IDLE, LAST_NIGHTS_RUN, TARGETS, both, restart_run
from tests.support.time import in_virtual_time

DEADLINE = 100.0
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
    result, platform = run(ACCEPTED, takes=DEADLINE)
    assert (result.outcome, result.reason) == (Outcome.SUCCEEDED, Reason.RESTARTED)
    assert [call for call, _ in platform.calls][-2:] == ["find_runs", "read_statuses"]
    assert platform.calls_of("read_queue") == []


def test_nothing_is_read_after_an_answer_that_came_after_the_deadline() -> None:
    result, platform = run(ACCEPTED_AND_LOST, takes=DEADLINE)
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.UNATTRIBUTED)
    assert max(platform.calls_of("read_statuses")) < DEADLINE
