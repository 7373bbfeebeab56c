"""Whole restarts on virtual time, each held to the product's three promises."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from orchestrator.clock import RehearsalClock
from orchestrator.domain.observations import QueuedRequest, Run, execution_number
from orchestrator.domain.outcomes import EnvironmentResult, Outcome, Reason
from orchestrator.domain.plan import Target
from orchestrator.domain.records import InFlight
from orchestrator.ports import Clock, Lookout
from orchestrator.restart.cancel_job import CancelJob
from orchestrator.restart.job import RestartJob
from orchestrator.restart.narrator import HEARTBEAT
from orchestrator.restart.submission import RESUME_GRACE
from tests.support.builders import ENVIRONMENT, LAST_NIGHT, NOON, run, status
from tests.support.contexts import Forbidden, context_of
from tests.support.log import CapturedLog
from tests.support.memory_journal import MemoryJournal
from tests.support.scripted_platform import (
    ACCEPTED,
    Fault,
    Scene,
    Script,
    ScriptedPlatform,
    ScriptedProber,
    SubmitAnswer,
    scene,
)
from tests.support.time import in_virtual_time

TARGETS = ("api", "web")
US = "robot"
"""What the platform calls whoever holds our token."""
NO_END = 1e6


def both(
    state: str,
    number: int | str | None = LAST_NIGHT,
    *,
    waiting: int = 0,
    runs: Sequence[Run] = (),
    queue: Sequence[QueuedRequest] = (),
) -> Scene:
    """Both targets in one state."""
    return scene(*(status(one, state, number, waiting=waiting) for one in TARGETS), runs=runs, queue=queue)


LAST_NIGHTS_RUN = run(LAST_NIGHT, dict.fromkeys(TARGETS, "RESTARTED"), origin="SCHEDULE")
IDLE = both("RESTARTED", runs=[LAST_NIGHTS_RUN])
"""What a quiet environment shows: last night's restart."""


def restart_run(number: int = 42, status: str = "SUCCESS", state: str = "RESTARTED") -> Run:
    return run(number, dict.fromkeys(TARGETS, state), status=status, triggered_by=US)


def goes_well(begin: float = 0.0, number: int = 42) -> dict[float, Scene]:
    """A restart as it was recorded: visible after 2 s, at work after 8 s, done after 31 s."""
    going = restart_run(number, "ONGOING", "RESTARTING")
    return {
        begin: IDLE,
        begin + 2: both("RESTART_QUEUED", number, runs=[restart_run(number, "QUEUED", "RESTART_QUEUED")]),
        begin + 8: both("RESTARTING", number, runs=[going]),
        begin + 31: both("RESTARTED", number, runs=[restart_run(number)]),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What became of a restart, and everything that was done and said for it."""

    result: EnvironmentResult
    platform: ScriptedPlatform
    prober: ScriptedProber
    log: CapturedLog
    journal: MemoryJournal
    resumed: InFlight | None
    """What an earlier process had left in flight."""
    ended_at: float

    @property
    def ending(self) -> tuple[Outcome, Reason]:
        return self.result.outcome, self.result.reason


def tell(
    target: Target,
    *,
    before: Script | None = None,
    after: Script | None = None,
    answers: Sequence[SubmitAnswer] = (ACCEPTED,),
    faults: Sequence[Fault] = (),
    probes: Mapping[str, Mapping[float, int | str]] | None = None,
    end_by: float = NO_END,
    interrupt_at: float | None = None,
    seed: int = 0,
    journal: MemoryJournal | None = None,
    wait_lock: float = 0.0,
    cancel: bool = False,
    origin: str | None = "API",
    name: str | None = None,
    lookout: Callable[[Clock], Lookout] | None = None,
    resumed_since: datetime | None = None,
    forbidden_from: float | None = None,
    usually: float | None = None,
) -> Story:
    """Run the job of `target` against a scripted platform, and hold it to the promises.

    Args:
        target: what to restart.
        before: the scenes until a submit is accepted; a quiet environment where it is not given.
        after: the scenes from then on, by the second since; a restart that goes well where it is not given.
        answers: to each submit in turn; the last one stays.
        faults: the errors that calls meet.
        probes: what each URL answers.
        end_by: the run's deadline.
        interrupt_at: the second at which the job is cancelled.
        seed: of the jitter.
        journal: what the job writes into, and finds in flight.
        wait_lock: seconds to wait for another run.
        cancel: whether the job only cancels what is in flight.
        origin: how the platform labels what the job asks for.
        name: what the platform calls us, if an earlier job has learnt that.
        lookout: makes where the job rests.
        resumed_since: when the run began that is resumed.
        forbidden_from: the second from which on nothing may begin.
        usually: seconds that its restarts took before.
    """
    journal = MemoryJournal() if journal is None else journal
    resumed = journal.in_flight

    async def restart() -> Story:
        clock = RehearsalClock(NOON)
        log = CapturedLog(clock)
        platform = ScriptedPlatform(
            clock,
            before={0: IDLE} if before is None else before,
            after=goes_well() if after is None else after,
            answers=answers,
            faults=faults,
        )
        prober = ScriptedProber(clock, probes or {})
        job = (CancelJob if cancel else RestartJob)(
            context_of(
                target,
                platform,
                clock,
                log=log,
                seed=seed,
                end_by=end_by,
                name=name,
                lookout=None if lookout is None else lookout(clock),
                permission=None if forbidden_from is None else Forbidden(clock, since=forbidden_from),
                usually=usually,
            ),
            prober=prober,
            journal=journal,
            in_flight=resumed,
            wait_lock=wait_lock,
            origin=origin,
            resumed_since=resumed_since,
        )
        task = asyncio.create_task(job.run())
        await asyncio.wait([task], timeout=interrupt_at)
        if task.done():
            result = task.result()
        else:
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled(), "a cancelled job ends as cancelled"
            result = job.interrupted()
        assert asyncio.all_tasks() == {asyncio.current_task()}, "a job leaves no task behind"
        return Story(
            result=result,
            platform=platform,
            prober=prober,
            log=log,
            journal=journal,
            resumed=resumed,
            ended_at=clock.monotonic(),
        )

    story = in_virtual_time(restart())
    _never_a_false_yes(story)
    _never_twice(story)
    _always_an_end(story, target, end_by=end_by, wait_lock=wait_lock)
    _never_silent(story)
    return story


def _never_a_false_yes(story: Story) -> None:
    outcomes = {service.outcome for service in story.result.services}
    if story.result.outcome is Outcome.SUCCEEDED:
        assert Outcome.SUCCEEDED in outcomes
        assert outcomes <= {Outcome.SUCCEEDED, Outcome.SKIPPED}
    for service in story.result.services:
        if service.outcome is Outcome.SUCCEEDED:
            assert service.execution_id not in (None, service.baseline_execution_id)
            number = execution_number(ENVIRONMENT, service.execution_id or "")
            assert number is None or number > LAST_NIGHT


def _never_twice(story: Story) -> None:
    before = story.resumed is not None and story.resumed.accepted
    assert len(story.platform.accepted) + before <= 1, "two submits were accepted"
    if before:
        assert story.platform.submits == [], "an accepted submit is never made again"


def _always_an_end(story: Story, target: Target, *, end_by: float, wait_lock: float) -> None:
    posted = [submit.at for submit in story.platform.submits]
    deadline = target.policy.deadline
    if story.resumed is not None:
        latest = max(min(story.resumed.intent.posted_at + deadline, end_by), RESUME_GRACE)
    else:
        # Twice the deadline at the most: once for a busy environment, once from the submit on.
        latest = min((posted[-1] if posted else wait_lock) + deadline, end_by)
    assert story.ended_at <= latest + 0.001
    # How it ended is told before it is written down, and then that it could not be.
    assert [name for name in story.log.names if name != "journal_not_written"][-1] == "restart_settled"
    assert story.log.names.count("restart_settled") == 1


def _never_silent(story: Story) -> None:
    instants = [event.at for event in story.log.events]
    gaps = [later - earlier for earlier, later in pairwise(instants)]
    assert max(gaps, default=0.0) <= HEARTBEAT + 0.1
