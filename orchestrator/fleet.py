"""Many environments: wave after wave, so many at once, until the failure budget or the run's deadline says stop."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from orchestrator.narrator import Narrator
from orchestrator.outcomes import EnvironmentResult, Outcome, Reason
from orchestrator.plan import Plan, Target
from orchestrator.ports import Clock


class Job(Protocol):
    """What a fleet runs for each target."""

    async def run(self) -> EnvironmentResult:
        """Bring the target to its end."""
        ...

    def interrupted(self) -> EnvironmentResult:
        """Give the result as far as it had come when `run` was cancelled."""
        ...


class Fleet:
    """Runs a plan.

    Args:
        plan: what to do.
        make_job: makes the job of a target; it gets the run's deadline, an instant of `clock`.
        clock: the source of time.
        log: a logger with `run_id` bound.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        make_job: Callable[[Target, float], Job],
        clock: Clock,
        log: FilteringBoundLogger,
    ) -> None:
        self._plan = plan
        self._make_job = make_job
        self._clock = clock
        self._log = log
        self._end_by = clock.monotonic() + plan.strategy.run_deadline
        self._room = asyncio.Semaphore(plan.strategy.max_parallel)
        self._jobs: dict[str, Job] = {}
        self._results: dict[str, EnvironmentResult] = {}
        self._halted = False

    async def run(self) -> tuple[EnvironmentResult, ...]:
        """Run every wave and return the results in the plan's order. After a cancellation, ask `results`."""
        for number, (wave, targets) in enumerate(self._plan.waves()):
            if number > 0 and not self._over:
                await self._pause()
            if self._over:
                break
            async with asyncio.TaskGroup() as group:
                for target in targets:
                    group.create_task(self._run_one(target))
            outcomes = [self._results[target.name].outcome for target in targets if target.name in self._results]
            self._log.info(
                "wave_finished", wave=wave, succeeded=outcomes.count(Outcome.SUCCEEDED), environments=len(targets)
            )
        return self.results()

    def results(self) -> tuple[EnvironmentResult, ...]:
        """Return a result for every target, whether its job ended, was cut off, or was never begun."""
        return tuple(self._result(target) for target in self._plan.targets)

    @property
    def _over(self) -> bool:
        return self._halted or self._clock.monotonic() >= self._end_by

    async def _pause(self) -> None:
        remaining = self._end_by - self._clock.monotonic()
        pause = min(self._plan.strategy.pause_between_waves, remaining)
        async with Narrator(self._log, self._clock).heartbeat(lambda: {"pause_between_waves_s": pause}):
            await self._clock.sleep(pause)

    async def _run_one(self, target: Target) -> None:
        async with self._room:
            if self._over:
                return
            job = self._jobs[target.name] = self._make_job(target, self._end_by)
            self._results[target.name] = await job.run()
            self._mind_the_budget()

    def _mind_the_budget(self) -> None:
        failures = sum(result.counts_as_failure for result in self._results.values())
        budget = self._plan.strategy.max_failures
        if not self._halted and budget.exceeded_by(failures, of=len(self._plan.targets)):
            self._halted = True
            self._log.warning("run_halted", failures=failures, not_begun=len(self._plan.targets) - len(self._jobs))

    def _result(self, target: Target) -> EnvironmentResult:
        if target.name in self._results:
            return self._results[target.name]
        if target.name in self._jobs:
            # Kept, so that asking twice settles it once.
            self._results[target.name] = self._jobs[target.name].interrupted()
            return self._results[target.name]
        if self._halted:
            outcome, reason = Outcome.SKIPPED, Reason.HALTED
            message = "Not begun: the run had halted, because more environments failed than `max_failures` allows."
        elif self._clock.monotonic() >= self._end_by:
            outcome, reason = Outcome.TIMED_OUT, Reason.RUN_DEADLINE
            message = "Not begun: the run's deadline had passed."
        else:
            outcome, reason = Outcome.SKIPPED, Reason.INTERRUPTED
            message = "Not begun: the run was interrupted."
        return EnvironmentResult(
            name=target.name,
            environment_id=target.environment_id,
            wave=target.wave,
            outcome=outcome,
            reason=reason,
            message=message,
            console_url=target.console_url,
        )
