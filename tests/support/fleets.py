"""A fleet on virtual time, whose jobs take as long as a test says."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.clock import RehearsalClock
from orchestrator.domain.accounts import Wait
from orchestrator.domain.outcomes import EnvironmentResult, Outcome, Reason
from orchestrator.domain.plan import Plan, Strategy, Target
from orchestrator.ports import Admission, Gate
from orchestrator.runs.fleet import Fleet
from tests.support.builders import NOON, target
from tests.support.contexts import Forbidden
from tests.support.log import CapturedLog
from tests.support.time import in_virtual_time

LONG = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How long a job takes, and how it ends."""

    seconds: float = LONG
    outcome: Outcome = Outcome.SUCCEEDED


FAILS = Ending(outcome=Outcome.FAILED)


class TimedJob:
    """A job that takes its time."""

    def __init__(self, target: Target, ending: Ending, fleet: "Voyage") -> None:
        self._target = target
        self._ending = ending
        self._fleet = fleet
        self._waits: tuple[Wait, ...] = ()

    async def run(self) -> EnvironmentResult:
        self._fleet.began.append((self._target.name, self._fleet.clock.monotonic()))
        self._fleet.running += 1
        self._fleet.most = max(self._fleet.most, self._fleet.running)
        try:
            await asyncio.sleep(self._ending.seconds)
        finally:
            self._fleet.running -= 1
        return self._result(self._ending.outcome, Reason.RESTARTED)

    def waited(self, wait: Wait) -> None:
        self._waits = (wait,)

    def interrupted(self) -> EnvironmentResult:
        self._fleet.settled_late.append(self._target.name)
        return self._result(Outcome.UNKNOWN, Reason.INTERRUPTED)

    def _result(self, outcome: Outcome, reason: Reason) -> EnvironmentResult:
        return EnvironmentResult(
            name=self._target.name,
            environment_id=self._target.environment_id,
            wave=self._target.wave,
            outcome=outcome,
            reason=reason,
            message="",
            waits=self._waits,
        )


class Voyage:
    """One run of a fleet on virtual time, and what was seen of it."""

    def __init__(
        self,
        *targets: Target,
        strategy: Strategy | None = None,
        endings: Mapping[str, Ending] | None = None,
        interrupted_at: float | None = None,
        end_by: float | None = None,
        results: Sequence[EnvironmentResult] = (),
        in_flight: Collection[str] = (),
        admission: Admission | None = None,
        gate: Gate | None = None,
        forbidden_from: float | None = None,
    ) -> None:
        self._gate = gate
        self._end_by = end_by
        self._given = results
        self._in_flight = in_flight
        self._admission = admission
        self._forbidden_from = forbidden_from
        self.plan = Plan(targets=targets, strategy=strategy or Strategy())
        self.endings = endings or {}
        self.began: list[tuple[str, float]] = []
        self.deadlines: set[float] = set()
        self.settled_late: list[str] = []
        self.running = 0
        self.most = 0
        self.results: tuple[EnvironmentResult, ...] = ()
        self.again: tuple[EnvironmentResult, ...] = ()
        self.progress: Mapping[str, int] = {}
        self.failed = 0
        self.oldest: tuple[str, float] | None = None
        self.left: list[str] = []
        self.ended_at = 0.0
        self.halted_at: datetime | None = None
        in_virtual_time(self._sail(interrupted_at))

    async def _sail(self, interrupted_at: float | None) -> None:
        self.clock = RehearsalClock(NOON)
        self.log = CapturedLog(self.clock)
        fleet = Fleet(
            self.plan,
            make_job=self._make_job,
            clock=self.clock,
            log=self.log.logger,
            end_by=self._end_by,
            results=self._given,
            in_flight=self._in_flight,
            admission=self._admission,
            gate=self._gate,
            permission=None if self._forbidden_from is None else Forbidden(self.clock, since=self._forbidden_from),
        )
        task = asyncio.create_task(fleet.run())
        await asyncio.wait([task], timeout=interrupted_at)
        self.progress = fleet.progress()
        self.failed, self.oldest = fleet.failed, fleet.oldest
        self.left = [target.name for target in fleet.left().targets]
        self.halted_at = fleet.halted_at
        if task.done():
            self.results = task.result()
        else:
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            self.results = fleet.results()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        self.again = fleet.results()
        self.ended_at = self.clock.monotonic()

    def _make_job(self, target: Target, end_by: float) -> TimedJob:
        self.deadlines.add(end_by)
        return TimedJob(target, self.endings.get(target.name, Ending()), self)

    @property
    def endings_told(self) -> list[tuple[str, Outcome, Reason]]:
        return [(result.name, result.outcome, result.reason) for result in self.results]

    @property
    def order(self) -> list[str]:
        return [name for name, _ in self.began]


def fleet_of(count: int, *, wave: int = 1) -> list[Target]:
    return [target(name=f"{wave}-{number}", wave=wave) for number in range(count)]
