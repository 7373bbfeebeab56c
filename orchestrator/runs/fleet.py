"""Many environments: wave after wave, in parallel, until the failure budget is exceeded or the deadline passes."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from orchestrator.domain.accounts import Wait, WaitedFor
from orchestrator.domain.outcomes import EnvironmentResult, Outcome, Reason, Refusal
from orchestrator.domain.plan import Plan, Target
from orchestrator.logs import ROUTINE
from orchestrator.ports import Admission, Clock, Gate, Permission
from orchestrator.restart.narrator import Narrator

SHORTEST_WAIT = 0.5
"""Seconds. To be admitted after less than this is no wait that anybody wants to read of."""


class Job(Protocol):
    """What a fleet runs for each target."""

    async def run(self) -> EnvironmentResult:
        """Restart or watch the target, and return how it ended."""
        ...

    def waited(self, wait: Wait) -> None:
        """Note what the target waited for before its job was run."""
        ...

    def interrupted(self) -> EnvironmentResult:
        """Return the result so far, once `run` was cancelled."""
        ...


class Fleet:
    """Runs a plan.

    Args:
        plan: what to do.
        make_job: makes the job of a target; its second argument is the run's deadline.
        clock: the source of time.
        log: a logger with `run_id` bound.
        end_by: the run's deadline, an instant on `clock`; by default `run_deadline` from now.
        results: of the targets that have settled before: they are not begun again, and their failures count.
        in_flight: the names of the targets whose restart was submitted before. They are followed to their end even if
            the run has halted, or its deadline has passed.
        admission: admits targets; without it all may begin.
        gate: is asked before each wave in which something is to begin; without it all may.
        permission: jobs ask it before they begin; here it only says why a target did not begin after all.

    Attributes:
        halted_at: when the failure that halted the run settled; None if it has not halted.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        make_job: Callable[[Target, float], Job],
        clock: Clock,
        log: FilteringBoundLogger,
        end_by: float | None = None,
        results: Iterable[EnvironmentResult] = (),
        in_flight: Collection[str] = (),
        admission: Admission | None = None,
        gate: Gate | None = None,
        permission: Permission | None = None,
    ) -> None:
        self._plan = plan
        self._make_job = make_job
        self._clock = clock
        self._log = log
        self._end_by = clock.monotonic() + plan.strategy.run_deadline if end_by is None else end_by
        self._room = asyncio.Semaphore(plan.strategy.max_parallel)
        self._jobs: dict[str, Job] = {}
        self._began: dict[str, float] = {}
        self._results = {result.name: result for result in results}
        self._in_flight = frozenset(in_flight)
        self._admission = admission
        self._gate = gate
        self._refusal: Refusal | None = None
        self._permission = permission
        self._failures = 0
        self._halted = False
        self._waits: dict[str, Wait] = {}
        self.halted_at: datetime | None = None

    async def run(self) -> tuple[EnvironmentResult, ...]:
        """Run every wave and return the results in the plan's order. After a cancellation, ask `results`."""
        self._failures = sum(result.counts_as_failure for result in self._results.values())
        self._halt_if_over_budget()
        began = False
        waves = list(self._plan.waves())
        for position, (wave, members) in enumerate(waves, start=1):
            targets = self._to_run(members)
            if not targets:
                continue
            if began and not self._must_not_begin:
                await self._pause()
                targets = self._to_run(targets)
            began = True
            await self._ask_gate(targets)
            targets = self._to_run(targets)
            if targets:
                self._log.bind(**ROUTINE).info(
                    "wave_started", wave=wave, position=position, waves=len(waves), environments=len(targets)
                )
            async with asyncio.TaskGroup() as group:
                for target in targets:
                    group.create_task(self._run_one(target))
            outcomes = [self._results[target.name].outcome for target in members if target.name in self._results]
            self._log.info(
                "wave_finished", wave=wave, succeeded=outcomes.count(Outcome.SUCCEEDED), environments=len(members)
            )
        return self.results()

    async def _ask_gate(self, targets: Sequence[Target]) -> None:
        """Ask whether a wave may begin, if anything of it is to begin: what is in flight needs no leave."""
        if self._gate is not None and any(target.name not in self._in_flight for target in targets):
            self._refusal = await self._gate.refusal(until=self._end_by)

    def _to_run(self, members: Sequence[Target]) -> list[Target]:
        """Return the targets that are left to run; those in flight first, since their deadlines are running."""
        left = [target for target in members if target.name not in self._results and self._may_run(target)]
        return sorted(left, key=lambda target: target.name not in self._in_flight)

    def _may_run(self, target: Target) -> bool:
        return target.name in self._in_flight or not self._must_not_begin

    def progress(self) -> Mapping[str, int]:
        """Return how far the run has come, in environments."""
        outcomes = [result.outcome for result in self._results.values()]
        in_flight = len(self._jobs.keys() - self._results.keys())
        return {
            "settled": len(outcomes),
            "succeeded": outcomes.count(Outcome.SUCCEEDED),
            "in_flight": in_flight,
            "to_begin": len(self._plan.targets) - len(outcomes) - in_flight,
        }

    @property
    def failed(self) -> int:
        """How many environments did not end well."""
        return sum(result.counts_as_failure for result in self._results.values())

    @property
    def oldest(self) -> tuple[str, float] | None:
        """The environment that has been in flight longest, and since when: an instant. None if none is."""
        flying = ((began, name) for name, began in self._began.items() if name not in self._results)
        began, name = min(flying, default=(0.0, ""))
        return (name, began) if name else None

    def left(self) -> Plan:
        """Return the plan of what has not settled."""
        return replace(
            self._plan, targets=tuple(target for target in self._plan.targets if target.name not in self._results)
        )

    def results(self) -> tuple[EnvironmentResult, ...]:
        """Return a result for every target, whether its job has ended, was interrupted, or never began."""
        return tuple(self._result(target) for target in self._plan.targets)

    @property
    def _must_not_begin(self) -> bool:
        """Whether nothing more may begin: it was refused, the run has halted, or its deadline has passed."""
        return self._refusal is not None or self._halted or self._clock.monotonic() >= self._end_by

    async def _pause(self) -> None:
        remaining = self._end_by - self._clock.monotonic()
        pause = min(self._plan.strategy.pause_between_waves, remaining)
        self._log.debug("wave_paused", pause_s=round(pause, 1))
        async with Narrator(self._log, self._clock).heartbeat(lambda: {"pause_between_waves_s": pause}):
            await self._clock.sleep(pause)

    async def _run_one(self, target: Target) -> None:
        async with self._room:
            if not self._may_run(target):
                return
            if not await self._is_admitted(target):
                return
            try:
                job = self._jobs[target.name] = self._make_job(target, self._end_by)
                self._began[target.name] = self._clock.monotonic()
                if target.name in self._waits:
                    job.waited(self._waits[target.name])
                result = self._results[target.name] = await job.run()
                self._failures += result.counts_as_failure
            finally:
                if self._admission is not None:
                    self._admission.release(target)
            self._halt_if_over_budget()

    async def _is_admitted(self, target: Target) -> bool:
        if self._admission is None:
            return True
        if target.name in self._in_flight:
            self._admission.readmit(target)
            return True
        since, began = self._clock.now(), self._clock.monotonic()
        try:
            return await self._admission.admit(
                target, waiting=lambda: self._waiting(target), until=self._end_by, wanted=lambda: self._may_run(target)
            )
        finally:
            waited = self._clock.monotonic() - began
            if waited >= SHORTEST_WAIT:
                self._waits[target.name] = Wait(what=WaitedFor.QUOTA, since=since, duration_s=round(waited, 1))

    def _waiting(self, target: Target) -> list[Target]:
        """Return the targets of the same wave that would begin after it."""
        return [
            other
            for other in self._plan.targets
            if other.wave == target.wave
            and other is not target
            and other.name not in self._jobs
            and other.name not in self._results
            and other.name not in self._in_flight
        ]

    def _halt_if_over_budget(self) -> None:
        failures = self._failures
        budget = self._plan.strategy.max_failures
        if not self._halted and budget.exceeded_by(failures, of=len(self._plan.targets)):
            self._halted = True
            ends = [each.settled_at for each in self._results.values() if each.counts_as_failure and each.settled_at]
            self.halted_at = max(ends, default=self._clock.now())
            begun = self._results.keys() | self._jobs.keys() | self._in_flight
            self._log.warning("run_halted", failures=failures, not_begun=len(self._plan.targets) - len(begun))

    def _refusal_of(self, target: Target) -> Refusal | None:
        """Return why a target that has not begun was not allowed to, as far as that is the reason."""
        if self._refusal is None and self._halted and self._permission is not None:
            # What halted the run was probably refused for the same reason; a failure would have kept this one as well.
            return self._permission.refusal(target)
        return self._refusal

    def _result(self, target: Target) -> EnvironmentResult:
        if target.name in self._results:
            return self._results[target.name]
        job = self._jobs.get(target.name)
        if job is None and target.name in self._in_flight:
            # The resumed run was interrupted before this environment's turn.
            job = self._make_job(target, self._end_by)
        if job is not None:
            # Kept, so that it is settled only once.
            self._results[target.name] = job.interrupted()
            return self._results[target.name]
        if (refusal := self._refusal_of(target)) is not None:
            outcome, reason = Outcome.BLOCKED, refusal.reason
            message = f"Not begun: {refusal.message}. Nothing was submitted."
        elif self._halted:
            outcome, reason = Outcome.SKIPPED, Reason.HALTED
            message = "Not begun: the run had halted, because more environments failed than `max_failures` allows."
        elif self._clock.monotonic() >= self._end_by:
            outcome, reason = Outcome.TIMED_OUT, Reason.RUN_DEADLINE
            message = "Not begun: the run's deadline had passed."
        else:
            outcome, reason = Outcome.SKIPPED, Reason.INTERRUPTED
            message = "Not begun: the run was interrupted."
        waits = (self._waits[target.name],) if target.name in self._waits else ()
        return EnvironmentResult.not_begun(target, outcome, reason, message, waits=waits)
