"""Wait for whatever runs in an environment now, and report how it ended. Submits nothing."""

from collections.abc import Iterable, Sequence

from orchestrator.domain.accounts import Wait
from orchestrator.domain.observations import Observation, ServiceStatus
from orchestrator.domain.outcomes import EnvironmentResult, Outcome, Reason
from orchestrator.domain.states import State, StateClass
from orchestrator.domain.verdict import Finding, ServiceVerdict
from orchestrator.restart.context import Context
from orchestrator.restart.settlement import Settlement


class WatchJob:
    """Watches one environment until nothing is in progress there.

    The services that were in progress while it watched decide how it ended; if none was, those of the last run, so
    that a run that ended a moment ago is reported, too.

    Args:
        context: of the job; it follows every known service of the environment.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._until = min(context.clock.monotonic() + context.target.policy.deadline, context.end_by)
        self._involved: set[str] = set()
        self._verdicts: dict[str, ServiceVerdict] = {}

    async def run(self) -> EnvironmentResult:
        """Watch. Errors become outcomes; only a cancellation is raised."""
        self._context.account.begin()
        self._context.narrator.say("environment_started", services=len(self._context.target.all_services))
        self._context.progress.begin()
        return self._result(await self._context.settled(self._watch(), submitted=lambda: False))

    def waited(self, wait: Wait) -> None:
        """Note what the environment waited for before its turn came."""
        self._context.account.add(wait)

    def interrupted(self) -> EnvironmentResult:
        """Return the result of a watch whose `run` was cancelled."""
        return self._result(
            Settlement(outcome=Outcome.UNKNOWN, reason=Reason.INTERRUPTED, message="Interrupted while watching.")
        )

    async def _watch(self) -> Settlement:
        settled = await self._context.poller.poll(self._look, until=self._until)
        if settled is Reason.CONTACT_LOST:
            message = f"{self._context.poller.contact.silence} What ran there may still be running."
            return Settlement(outcome=Outcome.UNKNOWN, reason=Reason.CONTACT_LOST, message=message)
        if isinstance(settled, Reason):
            message = "The deadline passed, and something was still in progress there."
            return Settlement(outcome=Outcome.TIMED_OUT, reason=Reason.DEADLINE, message=message)
        return settled

    async def _look(self) -> Settlement | None:
        observation = await self._context.reader.statuses()
        self._context.progress.note(observation)
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
            message = f"What ran there succeeded: {self._list(judged)}."
            return Settlement(outcome=Outcome.SUCCEEDED, reason=Reason.SETTLED, message=message)
        message = "Nothing is in progress there, and the last run succeeded."
        return Settlement(outcome=Outcome.SUCCEEDED, reason=Reason.NOTHING_IN_PROGRESS, message=message)

    def _list(self, statuses: Iterable[ServiceStatus]) -> str:
        names = {service.id: service.name for service in self._context.target.all_services}
        return ", ".join(f"{names.get(status.id, status.id)} {status.state}" for status in statuses)

    def _result(self, settled: Settlement) -> EnvironmentResult:
        return self._context.result(
            settled,
            event="watch_settled",
            services=self._context.progress.results(settled.outcome, verdicts=self._verdicts),
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
