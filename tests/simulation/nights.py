"""Nights of a schedule, one after the other, in which processes die, machines sleep and clocks are set.

What is played is the real process with a real journal; only the run itself is a stand-in that takes a minute. It is
begun in the journal as a real one, so that what began can be counted by somebody who decides nothing.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from orchestrator.clock import RehearsalClock
from orchestrator.domain.outcomes import ExitCode
from orchestrator.domain.records import Occurrence
from orchestrator.journal.work import Work
from orchestrator.reports.model import RequestCounts, RunReport
from orchestrator.runs import alarm, occurring
from orchestrator.runs.deciding import Decided, Reading
from orchestrator.runs.journals import opened_journal
from orchestrator.runs.surroundings import Surroundings
from orchestrator.schedules import load_zone
from tests.support.builders import ended
from tests.support.debian_cron import changes, occurrences
from tests.support.journals import new_run
from tests.support.nights import Nights, Process

LOOKS_UP = 3.0
TAKES = 60.0
"""Seconds of a run: before it is in the journal, and from then on."""
WINDOW = timedelta(hours=2)

ZONES = (
    "Africa/Cairo", "Africa/Casablanca", "America/Asuncion", "America/Chicago", "America/Edmonton", "America/Halifax",
    "America/Havana", "America/Los_Angeles", "America/New_York", "America/Nuuk", "America/Phoenix", "America/Santiago",
    "America/Sao_Paulo", "America/St_Johns", "America/Vancouver", "Asia/Beirut", "Asia/Jerusalem", "Asia/Kathmandu",
    "Asia/Kolkata", "Asia/Tokyo", "Atlantic/Azores", "Australia/Lord_Howe", "Australia/Sydney", "Europe/Chisinau",
    "Europe/Dublin", "Europe/Lisbon", "Europe/Paris", "Pacific/Auckland", "Pacific/Chatham", "UTC",
)  # fmt: skip
CRONS = ("0 3 * * *", "30 2 * * *", "30 1 * * *", "0 0 * * *", "15 2 * * *")


class UneasyClock(RehearsalClock):
    """A clock that is set under sleeping processes: they notice at the end of their nap, within 30 seconds."""

    def __init__(self, epoch: datetime, dice: random.Random) -> None:
        super().__init__(epoch)
        self._dice = dice
        self._was_set = asyncio.Event()

    def set(self, by: float) -> None:
        super().set(by)
        self._was_set.set()
        self._was_set = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        began, was_set = self.monotonic(), self._was_set
        try:
            await asyncio.wait_for(was_set.wait(), seconds)
        except TimeoutError:
            return
        await asyncio.sleep(min(self._dice.uniform(0, 30), seconds - (self.monotonic() - began)))


@dataclass(slots=True)
class Play:
    """Nights in one zone, and what began in them."""

    nights: Nights
    clock: UneasyClock
    dice: random.Random
    makes_up: bool
    crowd: int
    """How many processes keep the schedule."""
    processes: list[Process] = field(default_factory=list)
    begun: Counter[datetime] = field(default_factory=Counter)
    resumed: Counter[str] = field(default_factory=Counter)

    async def until(self, instant: datetime) -> None:
        await asyncio.sleep((instant - self.clock.now()).total_seconds())

    def revive(self, count: int | None = None) -> None:
        """Start processes until there are enough."""
        self.processes = [each for each in self.processes if not each.task.done()]
        for each in self.processes:
            each.told.clear()
        self.nights.told.clear()
        while len(self.processes) < (self.crowd if count is None else count):
            self.processes.append(self.nights.start())

    async def all_die(self) -> None:
        for process in self.processes:
            await process.die()
        self.processes.clear()

    async def _run(
        self, run_id: str, due_at: datetime, decided: Decided, reading: Reading, around: Surroundings
    ) -> RunReport:
        await asyncio.sleep(LOOKS_UP)
        occurrence = Occurrence(schedule=reading.identity.schedule, due_at=due_at, closes_at=decided.decision.closes_at)
        with opened_journal(around.state_dir, {}, None, self.clock) as store:
            work = Work.begin(store, replace(new_run(store, run_id), occurrence=occurrence))
            self.begun[due_at] += 1
            await self._end(work, TAKES)
        return self._report(run_id)

    async def _resume(self, run_id: str, around: Surroundings) -> RunReport:
        with opened_journal(around.state_dir, {}, None, self.clock) as store:
            self.resumed[run_id] += 1
            await self._end(Work.take_over(store, run_id), TAKES)
        return self._report(run_id)

    async def _end(self, work: Work, seconds: float) -> None:
        try:
            await asyncio.sleep(seconds)
            await work.close([ended()], outcome="succeeded", exit_code=0, report="{}")
        finally:
            await work.release()

    def _report(self, run_id: str) -> RunReport:
        now = self.clock.now()
        return RunReport.of(
            (),
            run_id=run_id,
            config=None,
            simulated=True,
            started_at=now,
            ended_at=now,
            requests=RequestCounts(total=0, submits=0),
            exit_code=ExitCode.SUCCEEDED,
        )

    def stand_in(self, patch: pytest.MonkeyPatch) -> None:
        """Put the stand-ins in place of real runs, and let processes sleep as long as nothing happens."""
        patch.setattr(occurring, "_run", self._run)
        patch.setattr(occurring, "_resume", self._resume)
        patch.setattr(alarm, "SLICE", 1e6)


# What may happen to a night: each returns how many runs begin for it.

Ordeal = Callable[[Play, datetime], Awaitable[int]]
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def late(play: Play) -> int:
    return 1 if play.makes_up else 0


async def calm(_: Play, __: datetime) -> int:
    return 1


async def dies_before(play: Play, due: datetime) -> int:
    await play.until(due - 60 * MINUTE)
    await play.all_die()
    await play.until(due + play.dice.randint(2, 100) * MINUTE)
    play.revive()
    return late(play)


async def dies_in_its_run(play: Play, due: datetime) -> int:
    await play.until(due + play.dice.uniform(LOOKS_UP + 1, LOOKS_UP + TAKES - 1) * SECOND)
    await play.all_die()
    await play.until(due + play.dice.randint(2, 100) * MINUTE)
    play.revive()
    return 1


async def dies_before_its_run_began(play: Play, due: datetime) -> int:
    await play.until(due + play.dice.uniform(0.5, LOOKS_UP - 0.5) * SECOND)
    await play.all_die()
    await play.until(due + play.dice.randint(2, 100) * MINUTE)
    play.revive()
    return late(play)


async def is_moved(play: Play, due: datetime) -> int:
    await play.until(due - MINUTE)
    for process in play.processes:
        await process.stop()
    await play.until(due + 3 * MINUTE)
    play.revive()
    return late(play)


async def is_moved_in_a_moment(play: Play, due: datetime) -> int:
    await play.until(due - 2 * SECOND)
    await play.all_die()
    await play.until(due + play.dice.uniform(0, 50) * SECOND)
    play.revive()
    return 1


async def is_down(play: Play, due: datetime) -> int:
    await play.until(due - 60 * MINUTE)
    await play.all_die()
    await play.until(due + WINDOW + play.dice.randint(0, 60) * MINUTE)
    play.revive()
    return 0


async def sleeps(play: Play, due: datetime) -> int:
    await play.until(due - 30 * MINUTE)
    play.nights.set_clock(play.dice.randint(33, 140))
    return late(play)


async def sleeps_long(play: Play, due: datetime) -> int:
    await play.until(due - 30 * MINUTE)
    play.nights.set_clock(180)
    return 0


async def clock_goes_back(play: Play, due: datetime) -> int:
    await play.until(due + 10 * MINUTE)
    play.nights.set_clock(-20)
    return 1


async def clock_goes_back_in_the_run_and_it_dies(play: Play, due: datetime) -> int:
    await play.until(due + 20 * SECOND)
    play.nights.set_clock(-20)
    await play.all_die()
    play.revive()
    return 1


async def timers_beside(play: Play, due: datetime) -> int:
    await play.until(due - SECOND)
    once = []
    for delay in (0.0, 1.0, 0.0, 30.0, 300.0):
        await asyncio.sleep(delay)
        once.append(play.nights.start(due=True))
    await asyncio.gather(*(process.task for process in once))
    return 1


ORDEALS: Mapping[str, Ordeal] = {
    each.__name__: each
    for each in (
        calm,
        dies_before,
        dies_in_its_run,
        dies_before_its_run_began,
        is_moved,
        is_moved_in_a_moment,
        is_down,
        sleeps,
        sleeps_long,
        clock_goes_back,
        clock_goes_back_in_the_run_and_it_dies,
        timers_beside,
    )
}


def first_day(zone: ZoneInfo, begin: datetime, end: datetime, nights: int) -> datetime:
    """Return from where on so few nights have a clock change in them, if the zone has one."""
    found = changes(zone, begin + timedelta(days=nights), end)
    return begin if nights > 300 or not found else found[0] - timedelta(days=nights // 2)


async def play(
    zone_name: str, folder: Path, *, begin: datetime, nights: int, patch: pytest.MonkeyPatch
) -> Sequence[tuple[datetime, str, int, int]]:
    """Play nights in a zone; return each with its ordeal, how many runs it should begin, and how many it did."""
    zone = load_zone(zone_name).info
    dice = random.Random(zone_name)
    expression = dice.choice(CRONS)
    begin = first_day(zone, begin, begin + timedelta(days=730), nights)
    dues = occurrences([expression], zone, begin + timedelta(hours=12), begin + timedelta(days=nights))[expression]
    makes_up = dice.random() < 0.7
    mode = "run" if makes_up else "skip"
    schedule = f"{{cron: {expression}, timezone: {zone_name}, window: 2h, on_missed: {mode}}}"
    all_nights = Nights(folder, schedule=schedule)
    clock = all_nights.clock = UneasyClock(begin, dice)
    assert all_nights.rehearsal is not None
    all_nights.rehearsal._clock = clock
    stage = Play(all_nights, clock, dice, makes_up, crowd=dice.choice((1, 2)))
    stage.stand_in(patch)
    found = []
    for due in dues:
        await stage.until(due - timedelta(hours=5))
        stage.revive()
        name = dice.choice(sorted(ORDEALS))
        before = clock.now() - timedelta(seconds=clock.monotonic())
        expected = await ORDEALS[name](stage, due)
        await stage.until(due + timedelta(hours=4))
        # Somebody sets the clock right again.
        clock.set((before - (clock.now() - timedelta(seconds=clock.monotonic()))).total_seconds())
        await asyncio.sleep(600)
        found.append((due, name, expected, stage.begun[due]))
    assert set(stage.begun) <= set(dues), "something began at a time that never came"
    await stage.all_die()
    return found
