"""What the platform calls us is learnt once, and believed while nothing speaks against it."""

import asyncio
from dataclasses import replace

import pytest

from orchestrator.clock import RehearsalClock
from orchestrator.domain.evidence import SHOWN_BY
from orchestrator.domain.outcomes import EnvironmentResult, Outcome
from orchestrator.errors import UnansweredError
from orchestrator.restart.identity import Identity
from orchestrator.restart.job import RestartJob
from tests.support.builders import NOON, target
from tests.support.contexts import context_of
from tests.support.memory_journal import MemoryJournal
from tests.support.scripted_platform import ScriptedPlatform, ScriptedProber, lost
from tests.support.stories import IDLE, LAST_NIGHTS_RUN, TARGETS, US, both, restart_run
from tests.support.time import in_virtual_time


@pytest.mark.parametrize(
    ("before", "learnt", "name"),
    [
        (None, [], None),
        (None, [None], None),
        (None, ["robot"], "robot"),
        (None, ["robot", None, "robot"], "robot"),
        ("robot", [], "robot"),
        ("robot", ["robot"], "robot"),
    ],
)
def test_one_name_is_learnt(before: str | None, learnt: list[str | None], name: str | None) -> None:
    identity = Identity(before)
    for one in learnt:
        identity.learn(one)
    assert identity.name == name


@pytest.mark.parametrize("again", ["robot", "somebody", None])
@pytest.mark.parametrize("before", [None, "robot"])
def test_two_different_names_are_none_for_good(before: str | None, again: str | None) -> None:
    identity = Identity(before)
    identity.learn("robot")
    identity.learn("somebody")
    assert identity.name is None
    identity.learn(again)
    assert identity.name is None


def test_the_name_may_be_learnt_while_a_job_is_under_way_that_may_show_it() -> None:
    identity = Identity()
    may_be_learnt = [identity.may_be_learnt]
    with identity.witnessed():
        with identity.witnessed():
            pass
        may_be_learnt.append(identity.may_be_learnt)
    may_be_learnt.append(identity.may_be_learnt)
    assert may_be_learnt == [False, True, False]


def test_a_name_that_is_known_need_not_be_learnt() -> None:
    identity = Identity("robot")
    with identity.witnessed():
        assert not identity.may_be_learnt


@pytest.mark.parametrize(
    ("name", "after", "waited"),
    [("robot", 10.0, 10.0), (None, 10.0, 10.0), ("robot", 90.0, 60.0)],
    ids=["it is learnt", "the witness has nothing to say", "it takes too long"],
)
def test_the_name_is_waited_for_while_somebody_may_tell_it(name: str | None, after: float, waited: float) -> None:
    identity = Identity()

    async def witness() -> None:
        with identity.witnessed():
            await asyncio.sleep(after)
            identity.learn(name)

    async def wait() -> float:
        task = asyncio.ensure_future(witness())
        await asyncio.sleep(0)
        began = asyncio.get_running_loop().time()
        await identity.told(within=60.0)
        lasted = asyncio.get_running_loop().time() - began
        await task
        return lasted

    assert in_virtual_time(wait()) == pytest.approx(waited)


@pytest.mark.parametrize(
    ("learnt", "outcome"), [(US, Outcome.SUCCEEDED), (None, Outcome.UNKNOWN)], ids=["shown", "never shown"]
)
def test_a_job_whose_answer_was_lost_waits_without_requests_for_what_another_may_show(
    learnt: str | None, outcome: Outcome
) -> None:
    async def go() -> tuple[EnvironmentResult, ScriptedPlatform, float]:
        clock, identity = RehearsalClock(NOON), Identity()
        over = both("RESTARTED", 42, runs=[restart_run(), LAST_NIGHTS_RUN])
        answer = lost(UnansweredError("reset"), accepted=True)
        platform = ScriptedPlatform(clock, before={0: IDLE}, after={0: over}, answers=[answer])
        context = replace(context_of(target(*TARGETS), platform, clock), identity=identity)
        job = RestartJob(context, prober=ScriptedProber(clock, {}), journal=MemoryJournal(), origin="API")

        async def another() -> None:
            with identity.witnessed():
                await clock.sleep(100.0)
                identity.learn(learnt)

        result, _ = await asyncio.gather(job.run(), another())
        return result, platform, clock.monotonic()

    result, platform, ended_at = in_virtual_time(go())
    assert result.outcome is outcome
    assert ended_at == pytest.approx(100.0, abs=1.0)
    assert not [at for _, at in platform.calls if SHOWN_BY + 5 < at < 100.0]
