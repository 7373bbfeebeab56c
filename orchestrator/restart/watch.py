"""Wait for whatever runs in an environment now, and say how it ended. Submits nothing."""

from collections.abc import Iterable, Sequence
from random import Random

from structlog.typing import FilteringBoundLogger

from orchestrator.domain.observations import Observation, ServiceStatus
from orchestrator.domain.outcomes import EnvironmentResult, Outcome, Reason
from orchestrator.domain.plan import Exclusion, Service, Target
from orchestrator.domain.states import State, StateClass
from orchestrator.domain.verdict import Finding, ServiceVerdict
from orchestrator.ports import Clock, Lookout, Platform
from orchestrator.restart.narrator import Narrator
from orchestrator.restart.polling import Ended, Poller
from orchestrator.restart.progress import Progress
from orchestrator.restart.readings import Readings
from orchestrator.restart.settlement import Settlement
from orchestrator.restart.settling import always_settled, settle


class WatchJob:
    """Watches one environment until nothing is in progress there.

    How it ended is judged by the services that were in progress while it watched, or, where nothing was, by those of
    the last run: so it answers for a run that ended a moment ago, too.

    Args:
        target: the environment; every service that is known of it is watched.
        platform: where.
        clock: the source of time.
        log: a logger with `run_id` and `environment` bound.
        random: the source of jitter.
        end_by: the run's deadline, an instant of `clock`.
        lookout: where to rest between two looks.
    """

    def __init__(
        self,
        target: Target,
        *,
        platform: Platform,
        clock: Clock,
        log: FilteringBoundLogger,
        random: Random,
        end_by: float,
        lookout: Lookout | None = None,
    ) -> None:
        self._target = target
        self._clock = clock
        self._services: tuple[Service | Exclusion, ...] = (*target.services, *target.excluded)
        self._until = min(clock.monotonic() + target.policy.deadline, end_by)
        self._narrator = Narrator(log, clock)
        self._progress = Progress(self._services, narrator=self._narrator, clock=clock)
        self._poller = Poller(
            clock,
            minimum=target.policy.poll_min,
            maximum=target.policy.poll_max,
            lost_contact=target.policy.lost_contact,
            random=random,
            on_fault=self._narrator.fault,
            lookout=lookout,
        )
        self._readings = Readings(platform, target.environment_id, self._poller.contact, clock, lookout)
        self._involved: set[str] = set()
        self._verdicts: dict[str, ServiceVerdict] = {}

    async def run(self) -> EnvironmentResult:
        """Watch. Whatever happens is an outcome: nothing is raised but for being cancelled."""
        self._narrator.say("environment_started", services=len(self._services))
        self._progress.begin()
        return self._settle(
            await always_settled(
                self._watch(), narrator=self._narrator, describe=self._progress.describe, submitted=lambda: False
            )
        )

    def interrupted(self) -> EnvironmentResult:
        """Give the result of a watch that was cut off."""
        return self._settle(
            Settlement(outcome=Outcome.UNKNOWN, reason=Reason.INTERRUPTED, message="Interrupted while watching.")
        )

    async def _watch(self) -> Settlement:
        settled = await self._poller.poll(self._look, until=self._until)
        if settled is Ended.CONTACT_LOST:
            silent_for = self._poller.contact.silent_for
            message = f"No usable answer from Qovery for {silent_for:.0f} s. What runs there may still go on."
            return Settlement(outcome=Outcome.UNKNOWN, reason=Reason.CONTACT_LOST, message=message)
        if isinstance(settled, Ended):
            message = "The deadline passed, and something was still in progress there."
            return Settlement(outcome=Outcome.TIMED_OUT, reason=Reason.DEADLINE, message=message)
        return settled

    async def _look(self) -> Settlement | None:
        observation = await self._readings.statuses()
        self._progress.note(observation)
        self._involved |= {status.id for status in observation.services.values() if status.in_progress}
        if observation.busy:
            return None
        judged = [
            status
            for status in observation.services.values()
            if (status.id in self._involved if self._involved else _of_last_run(observation, status))
        ]
        if any(status.state_class is StateClass.UNKNOWN for status in judged):
            return None
        if self._involved - observation.services.keys():
            return None
        self._verdicts = {status.id: _judge(status) for status in judged}
        return self._conclude(judged)

    def _conclude(self, judged: Sequence[ServiceStatus]) -> Settlement:
        failed = [status for status in judged if status.state_class is StateClass.FAILURE]
        errors = [status for status in failed if status.state != State.CANCELED]
        if errors:
            restart = all(status.state == State.RESTART_ERROR for status in errors)
            return Settlement(
                outcome=Outcome.FAILED,
                reason=Reason.RESTART_ERROR if restart else Reason.DEPLOYMENT_ERROR,
                message=f"It failed: {self._list(errors)}. Look at the logs.",
            )
        if failed:
            message = f"It was cancelled: {self._list(failed)}."
            return Settlement(outcome=Outcome.CANCELLED, reason=Reason.RUN_CANCELLED, message=message)
        if self._involved:
            message = f"What ran there has ended well: {self._list(judged)}."
            return Settlement(outcome=Outcome.SUCCEEDED, reason=Reason.SETTLED, message=message)
        message = "Nothing is in progress there, and the last run ended well."
        return Settlement(outcome=Outcome.SUCCEEDED, reason=Reason.NOTHING_IN_PROGRESS, message=message)

    def _list(self, statuses: Iterable[ServiceStatus]) -> str:
        names = {service.id: service.name for service in self._services}
        return ", ".join(f"{names.get(status.id, status.id)} {status.state}" for status in statuses)

    def _settle(self, settled: Settlement) -> EnvironmentResult:
        return settle(
            self._target,
            settled,
            event="watch_settled",
            narrator=self._narrator,
            services=self._progress.results(settled.outcome, verdicts=self._verdicts),
            submitted_at=None,
            settled_at=self._clock.now(),
            elapsed=self._progress.elapsed,
        )


def _of_last_run(observation: Observation, status: ServiceStatus) -> bool:
    last = observation.last_execution_id
    return status.in_last_run or (last is not None and status.execution_id == last)


def _judge(status: ServiceStatus) -> ServiceVerdict:
    if status.state == State.CANCELED:
        finding = Finding.CANCELLED
    elif status.state_class is StateClass.FAILURE:
        finding = Finding.FAILED
    else:
        finding = Finding.SUCCEEDED
    return ServiceVerdict(finding=finding, execution_id=status.execution_id)
