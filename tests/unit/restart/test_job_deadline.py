"""The deadline bears the request that met it, and no more after that."""

from dataclasses import replace

import pytest

from orchestrator.clock import RehearsalClock
from orchestrator.domain.observations import QueuedRequest
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


class SlowQueue(ScriptedPlatform):
    """A platform that takes its time to list what waits."""

    takes = 0.0

    async def read_queue(self, environment_id: str) -> list[QueuedRequest]:
        waiting = await super().read_queue(environment_id)
        await self._clock.sleep(self.takes)
        return list(waiting)


def run(answer: SubmitAnswer, *, takes: float) -> tuple[EnvironmentResult, SlowQueue]:
    """Run a job whose restart is over at once, and has to be looked up."""

    async def go() -> tuple[EnvironmentResult, SlowQueue]:
        clock = RehearsalClock(NOON)
        # Another restart with the origin of ours: who asked for which has to be looked up.
        over = both("RESTARTED", 42, runs=[restart_run(), replace(LAST_NIGHTS_RUN, origin="API")])
        platform = SlowQueue(clock, before={0: IDLE}, after={0: over}, answers=[answer])
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


@pytest.mark.parametrize(
    ("answer", "ending"),
    [
        pytest.param(ACCEPTED, (Outcome.SUCCEEDED, Reason.RESTARTED), id="accepted"),
        pytest.param(ACCEPTED_AND_LOST, (Outcome.TIMED_OUT, Reason.RUN_DEADLINE), id="unanswered"),
    ],
)
def test_what_is_answered_after_the_deadline_is_the_last_that_is_asked(
    answer: SubmitAnswer, ending: tuple[Outcome, Reason]
) -> None:
    result, platform = run(answer, takes=DEADLINE)
    assert (result.outcome, result.reason) == ending
    assert platform.calls[-1][0] == "read_queue"
    assert platform.calls_of("read_statuses") == [0.0]
