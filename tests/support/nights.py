"""Nights of a schedule in virtual time: processes that keep it start, die and are stopped, and clocks are set."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from orchestrator.clock import RehearsalClock
from orchestrator.config import load_config
from orchestrator.domain.outcomes import ExitCode
from orchestrator.runs.interruption import Interruption
from orchestrator.runs.keeping import Keeper
from orchestrator.runs.rehearsal import Rehearsal
from orchestrator.runs.surroundings import Surroundings, Told
from orchestrator.schedules import Action
from orchestrator.systemd import ServiceManager

PARIS = ZoneInfo("Europe/Paris")
NIGHTLY = "{cron: 0 3 * * *, timezone: Europe/Paris, window: 2h, on_missed: ON_MISSED}"
ONE = "[{name: shop, path: acme/shop/shop, services: all}]"
TWO_WAVES = (
    "[{name: shop, path: acme/shop/shop, services: all}, {name: later, path: acme/shop/later, services: all, wave: 2}]"
)


@dataclass(slots=True)
class Process:
    """A process that keeps the schedule."""

    keeper: Keeper
    interruption: Interruption
    task: "asyncio.Future[ExitCode]"
    told: list[Told]

    async def stop(self) -> ExitCode:
        """SIGTERM."""
        self.interruption.ask(ExitCode.SIGTERM)
        return await self.task

    async def die(self) -> None:
        """`kill -9`: nothing is written any more, and the kernel lets go of its locks."""
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


@dataclass(slots=True)
class Nights:
    """One file, one journal, one platform, and the time of Paris.

    Attributes:
        folder: of the file and the journal.
        begins: when it all begins, in Paris.
        schedule: of the file.
        told: what became of each occurrence, of all processes.
    """

    folder: Path
    begins: str = "2026-11-26 22:00"
    schedule: str = NIGHTLY.replace("ON_MISSED", "run")
    environments: str = ONE
    more: str = ""
    told: list[Told] = field(default_factory=list)
    environ: dict[str, str] = field(default_factory=dict)
    rehearsal: Rehearsal | None = field(default_factory=Rehearsal)
    wait_lock: float = 0.0
    clock: RehearsalClock = field(init=False)

    def __post_init__(self) -> None:
        begins = datetime.fromisoformat(self.begins).replace(tzinfo=PARIS).astimezone(UTC)
        self.clock = RehearsalClock(begins)
        if self.rehearsal is not None:
            self.rehearsal._clock = self.clock
        self.write()

    @property
    def path(self) -> Path:
        return self.folder / "nightly.yaml"

    def write(self, schedule: str | None = None) -> None:
        """Write the file; with another schedule, if there is one."""
        text = f"version: 1\nenvironments: {self.environments}\nschedule: {schedule or self.schedule}\n{self.more}\n"
        self.path.write_text(text, encoding="utf-8")

    def start(
        self,
        *,
        due: bool = False,
        stop_after: float | None = None,
        on_told: Callable[[Told], None] = lambda _: None,
    ) -> Process:
        """Start a process."""
        interruption, told = Interruption(), []

        def keep(one: Told) -> None:
            self.told.append(one)
            told.append(one)
            on_told(one)

        keeper = Keeper(
            Surroundings(
                load=lambda: load_config(self.path, environ=self.environ),
                file=str(self.path),
                clock=self.clock,
                environ=self.environ,
                interruption=interruption,
                service=ServiceManager({}),
                rehearsal=self.rehearsal,
                state_dir=self.folder,
                stop_after=stop_after,
                wait_lock=self.wait_lock,
                on_told=keep,
            )
        )
        task = asyncio.ensure_future(keeper.once() if due else keeper.keep())
        return Process(keeper, interruption, task, told)

    async def until(self, local: str) -> None:
        """Wait until the clock of Paris shows a time: the next 03:40, or 2026-11-28 03:40."""
        now = self.clock.now().astimezone(PARIS)
        if " " in local:
            instant = datetime.fromisoformat(local).replace(tzinfo=PARIS)
        else:
            hour, minute, *second = map(int, local.split(":"))
            instant = now.replace(hour=hour, minute=minute, second=second[0] if second else 0, microsecond=0)
            if instant <= now:
                instant = (instant.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=PARIS)
        await asyncio.sleep((instant.astimezone(UTC) - self.clock.now()).total_seconds())

    def set_clock(self, minutes: float) -> None:
        """Set the wall clock forward or back. For a program, a machine that was suspended looks the same."""
        self.clock.set(minutes * 60)

    async def seen_and_down(self, at: str = "23:00") -> None:
        """Keep the schedule for an hour, so that it is known, and die."""
        process = self.start()
        await self.until(at)
        await process.die()

    @property
    def short(self) -> list[tuple[str, str, str]]:
        """What became of each occurrence: its time in Paris, the decision, and why."""
        return [
            (
                "resumed"
                if each.decision is None or each.decision.due_at is None
                else f"{each.decision.due_at.astimezone(PARIS):%d %H:%M}",
                "" if each.decision is None else each.decision.action.value,
                "" if each.decision is None else each.decision.reason.value,
            )
            for each in self.told
        ]

    @property
    def runs(self) -> list[Told]:
        """Those for which a run began."""
        return [each for each in self.told if each.decision is not None and each.decision.action is Action.RUN]


def has_memory_disk() -> bool:
    """Tell whether there is a disk that costs nothing."""
    return os.path.isdir("/dev/shm")  # noqa: PTH112
