"""The alarm: an instant of the wall clock, whatever becomes of the clock meanwhile."""

import asyncio
from datetime import timedelta

import pytest

from orchestrator.clock import RehearsalClock
from orchestrator.runs.alarm import JUMP, SLICE, Alarm
from tests.support.builders import NOON
from tests.support.log import CapturedLog
from tests.support.time import in_virtual_time


async def sleep(*, seconds: float, set_by: float = 0.0, woken_at: float | None = None) -> tuple[float, CapturedLog]:
    """Sleep; after 95 seconds the clock is set. Return how long it took, and the log."""
    clock = RehearsalClock(NOON)
    log = CapturedLog(clock)
    alarm = Alarm(clock, log.logger)
    asyncio.get_running_loop().call_later(95.0, clock.set, set_by)
    if woken_at is not None:
        asyncio.get_running_loop().call_later(woken_at, alarm.wake)
    await alarm.sleep_until(clock.now() + timedelta(seconds=seconds))
    return clock.monotonic(), log


@pytest.mark.parametrize(
    ("set_by", "took", "is_told"),
    [
        pytest.param(0.0, 3600.0, False, id="not set"),
        pytest.param(JUMP - 1, 3600.0 - (JUMP - 1), False, id="corrected a little"),
        pytest.param(-(JUMP - 1), 3600.0 + (JUMP - 1), False, id="corrected a little, back"),
        pytest.param(1800.0, 120.0, True, id="set forward, or the machine slept"),
        pytest.param(7200.0, 120.0, True, id="set over the instant"),
        pytest.param(-1800.0, 120.0, True, id="set back"),
    ],
)
def test_it_wakes_at_its_instant_or_within_a_slice_of_a_jump(set_by: float, took: float, is_told: bool) -> None:
    found, log = in_virtual_time(sleep(seconds=3600.0, set_by=set_by))
    assert found == pytest.approx(took, abs=0.01)
    assert [event.details["by_s"] for event in log.named("clock_changed")] == ([set_by] if is_told else [])
    assert SLICE == 30.0


def test_it_can_be_woken() -> None:
    assert in_virtual_time(sleep(seconds=3600.0, woken_at=40.0))[0] == 40.0


def test_an_instant_that_has_passed_is_no_reason_to_sleep() -> None:
    assert in_virtual_time(sleep(seconds=-5.0))[0] == 0.0
