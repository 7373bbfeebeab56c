"""One environment, from the baseline to the end: submit once, prove it, verify it, settle."""

from random import Random

from structlog.typing import FilteringBoundLogger

from orchestrator import settlement
from orchestrator.errors import PlatformError
from orchestrator.narrator import Narrator
from orchestrator.outcomes import EnvironmentResult, Outcome
from orchestrator.plan import OnDeadline, Target
from orchestrator.polling import Ended, Poller
from orchestrator.ports import Clock, Platform, Prober
from orchestrator.progress import Progress
from orchestrator.proof import Proof
from orchestrator.readings import Readings
from orchestrator.settlement import Settlement
from orchestrator.settling import always_settled, settle
from orchestrator.submission import Submission
from orchestrator.verification import verify


class RestartJob:
    """Restarts one environment and finds out what became of it.

    Args:
        target: what to restart, and how.
        platform: where.
        prober: asks the URLs of `target.checks`.
        clock: the source of time.
        log: a logger with `run_id` and `environment` bound.
        random: the source of jitter.
        end_by: the run's deadline, an instant of `clock`.
    """

    def __init__(
        self,
        target: Target,
        *,
        platform: Platform,
        prober: Prober,
        clock: Clock,
        log: FilteringBoundLogger,
        random: Random,
        end_by: float,
    ) -> None:
        self._target = target
        self._platform = platform
        self._prober = prober
        self._clock = clock
        self._end_by = end_by
        self._narrator = narrator = Narrator(log, clock)
        self._progress = progress = Progress(target.services, narrator=narrator, clock=clock)
        policy = target.policy
        self._poller = poller = Poller(
            clock,
            minimum=policy.poll_min,
            maximum=policy.poll_max,
            lost_contact=policy.lost_contact,
            random=random,
            on_fault=narrator.fault,
        )
        self._readings = readings = Readings(platform, target.environment_id, poller.contact)
        self._submission = Submission(
            target,
            platform=platform,
            readings=readings,
            poller=poller,
            progress=progress,
            narrator=narrator,
            clock=clock,
            end_by=end_by,
        )
        self._proof = Proof(target, readings=readings, poller=poller, progress=progress, narrator=narrator, clock=clock)

    async def run(self) -> EnvironmentResult:
        """Do it all. Whatever happens is an outcome: nothing is raised but for being cancelled."""
        self._narrator.say("environment_started", services=len(self._target.services), wave=self._target.wave)
        return self._settle(
            await always_settled(
                self._restart(),
                narrator=self._narrator,
                describe=self._progress.describe,
                submitted=lambda: self._submitted,
            )
        )

    def interrupted(self) -> EnvironmentResult:
        """Give the result of a job that was cut off, as far as it had come."""
        in_doubt = self._submission.in_doubt
        return self._settle(settlement.interrupted(submitted=self._submitted, in_doubt=in_doubt))

    @property
    def _submitted(self) -> bool:
        return self._submission.submitted_at is not None or self._submission.in_doubt

    async def _restart(self) -> Settlement:
        baseline = await self._submission.make()
        if isinstance(baseline, Settlement):
            return baseline
        settled = await self._proof.find(baseline, until=self._submission.deadline)
        if settled is Ended.CONTACT_LOST:
            return settlement.contact_lost(silent_for=self._poller.contact.silent_for)
        if isinstance(settled, Ended):
            return self._timed_out(await self._cancel_if_told())
        if settled.outcome is Outcome.SUCCEEDED and self._target.checks:
            return await self._verify(settled)
        return settled

    async def _verify(self, settled: Settlement) -> Settlement:
        failures = await verify(
            self._target.checks,
            prober=self._prober,
            clock=self._clock,
            narrator=self._narrator,
            until=self._submission.deadline,
        )
        if not failures:
            return settled
        if self._clock.monotonic() >= self._submission.deadline:
            return self._timed_out(f"Every service restarted, but {'; '.join(map(str, failures))}.")
        return settlement.unhealthy(failures)

    def _timed_out(self, afterwards: str) -> Settlement:
        return settlement.timed_out(
            by_run=self._submission.deadline == self._end_by,
            elapsed=self._progress.elapsed or 0.0,
            afterwards=afterwards,
        )

    async def _cancel_if_told(self) -> str:
        """Cancel our request where policy says so and it still waits; say what was done."""
        if self._target.policy.on_deadline is not OnDeadline.CANCEL:
            return "It was left to go on at Qovery."
        try:
            for request in await self._readings.queue():
                # Requests of one user and one action merge: with other services in it, it is not ours alone any more.
                ours = self._target.service_ids - self._submission.left_out
                if request.request_id in self._submission.request_ids and request.service_ids == ours:
                    await self._platform.cancel_request(request.request_id)
                    self._narrator.say("restart_cancelled", request_id=request.request_id)
                    return "Our request still waited in the queue and was cancelled."
        except PlatformError as error:
            return f"It could not be cancelled ({error}) and may go on at Qovery."
        return "It was not cancelled, since it is not provably ours alone any more, and may go on at Qovery."

    def _settle(self, settled: Settlement) -> EnvironmentResult:
        return settle(
            self._target,
            settled,
            event="restart_settled",
            narrator=self._narrator,
            services=self._progress.results(
                settled.outcome, verdicts=self._proof.verdicts, skipped=self._submission.left_out
            ),
            submitted_at=self._submission.submitted_at,
            settled_at=self._clock.now(),
            elapsed=self._progress.elapsed,
        )
