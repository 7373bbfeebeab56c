import asyncio

import pytest

from orchestrator.clock import RehearsalClock
from orchestrator.errors import PassingError, ThrottledError, UnansweredError
from orchestrator.restart.narrator import HEARTBEAT, Narrator
from tests.support.builders import NOON
from tests.support.log import CapturedLog
from tests.support.time import HandClock, in_virtual_time


def heard(*pauses: float) -> CapturedLog:
    """Say something after each pause but the last, inside a heartbeat."""

    async def go() -> CapturedLog:
        clock = RehearsalClock(NOON)
        log = CapturedLog(clock)
        narrator = Narrator(log.logger, clock)
        async with narrator.heartbeat(lambda: {"services": "2 RESTARTING"}):
            for pause in pauses[:-1]:
                await asyncio.sleep(pause)
                narrator.say("something")
            await asyncio.sleep(pauses[-1])
        await asyncio.sleep(600)
        return log

    return in_virtual_time(go())


def test_a_silence_is_filled_every_thirty_seconds_until_it_ends() -> None:
    log = heard(100)
    assert [event.at for event in log.named("still_waiting")] == [30, 60, 90]
    assert log.events[0].details == {"services": "2 RESTARTING"}


def test_whoever_speaks_needs_no_heartbeat() -> None:
    assert heard(29, 29, 29, 29).names == ["something"] * 3


def test_a_heartbeat_counts_from_the_last_word() -> None:
    assert [(event.name, event.at) for event in heard(20, 45).events] == [
        ("something", 20),
        ("still_waiting", 20 + HEARTBEAT),
    ]


def test_a_job_that_breaks_takes_its_heartbeat_with_it() -> None:
    async def go() -> None:
        clock = RehearsalClock(NOON)
        narrator = Narrator(CapturedLog(clock).logger, clock)
        async with narrator.heartbeat(dict):
            raise RuntimeError("broken")

    async def watched() -> None:
        with pytest.raises(RuntimeError, match="broken"):
            await go()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    in_virtual_time(watched())


@pytest.mark.parametrize(
    ("error", "event", "details"),
    [
        pytest.param(
            ThrottledError("429", status=429, retry_after=12),
            "quota_paused",
            {"error": "429", "pause_s": 12.3},
            id="throttled, and it says for how long",
        ),
        pytest.param(
            ThrottledError("429", status=429),
            "request_retried",
            {"error": "429", "status": 429, "next_look_s": 12.3},
            id="throttled, and it does not say",
        ),
        pytest.param(
            UnansweredError("reset"),
            "request_retried",
            {"error": "reset", "status": None, "next_look_s": 12.3},
            id="no answer",
        ),
    ],
)
def test_a_fault_is_a_warning_that_says_when_it_is_tried_again(
    error: PassingError, event: str, details: dict[str, object]
) -> None:
    log = CapturedLog(HandClock())
    Narrator(log.logger, HandClock()).fault(error, 12.34)
    assert [(one.level, one.name, one.details) for one in log.events] == [("warning", event, details)]


def test_a_wait_for_the_quota_of_ones_own_is_the_runs_affair_and_no_warning() -> None:
    clock = HandClock()
    log = CapturedLog(clock)
    error = ThrottledError("the token's quota is used up", retry_after=12)
    Narrator(log.logger, clock).fault(error, 12.34)
    (event,) = log.events
    assert (event.level, event.name) == ("info", "quota_paused")
    assert event.details == {"error": "the token's quota is used up", "pause_s": 12.3}


def test_a_defect_is_logged_with_its_traceback() -> None:
    log = CapturedLog(HandClock())
    Narrator(log.logger, HandClock()).bug("internal_error")
    assert [(one.level, one.name, one.details) for one in log.events] == [
        ("error", "internal_error", {"exc_info": True})
    ]
