"""One environment, from the baseline to the end: submit once, prove it, verify it, settle."""

from functools import partial
from random import Random

from structlog.typing import FilteringBoundLogger

from orchestrator.domain.inflight import InFlight
from orchestrator.domain.observations import Baseline
from orchestrator.domain.outcomes import EnvironmentResult, Outcome, Reason
from orchestrator.domain.ownership import Ours, Standing, raise_baseline
from orchestrator.domain.plan import OnDeadline, Target
from orchestrator.errors import NotFoundError, PlatformError, RefusedError
from orchestrator.ports import Clock, Journal, Lookout, Platform, Prober
from orchestrator.restart import settlement
from orchestrator.restart.cancelling import JUST_ENDED, Attempt, cancel_ours
from orchestrator.restart.memory import Memory
from orchestrator.restart.narrator import Narrator
from orchestrator.restart.polling import Ended, Poller
from orchestrator.restart.progress import Progress
from orchestrator.restart.proof import NOTHING_SEEN, Proof
from orchestrator.restart.readings import Readings
from orchestrator.restart.settlement import Settlement
from orchestrator.restart.settling import always_settled, settle
from orchestrator.restart.submission import Submission
from orchestrator.restart.verification import verify


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
        journal: where everything is written that must survive this process.
        in_flight: the restart that an earlier process of this run has posted, where it has.
        wait_lock: seconds to wait for another run that holds the environment.
        call_off: cancel what is in flight, as far as it is provably ours, and see what becomes of it; submit nothing.
        origin: how the platform labels what we ask for; None where that is not known.
        lookout: where to rest between two looks.
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
        journal: Journal,
        in_flight: InFlight | None = None,
        wait_lock: float = 0.0,
        call_off: bool = False,
        origin: str | None = None,
        lookout: Lookout | None = None,
    ) -> None:
        self._target = target
        self._resumed = in_flight is not None
        self._call_off = call_off
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
            lookout=lookout,
        )
        self._readings = readings = Readings(platform, target.environment_id, poller.contact, clock, lookout)
        self._memory = memory = Memory(journal, narrator)
        self._submission = Submission(
            target,
            platform=platform,
            readings=readings,
            poller=poller,
            progress=progress,
            memory=memory,
            narrator=narrator,
            clock=clock,
            end_by=end_by,
            wait_lock=wait_lock,
            may_post=not call_off,
            origin=origin,
            in_flight=in_flight,
        )
        self._proof = Proof(
            target,
            readings=readings,
            poller=poller,
            progress=progress,
            memory=memory,
            narrator=narrator,
            clock=clock,
            seen_before=NOTHING_SEEN if in_flight is None else in_flight.sighting,
        )

    async def run(self) -> EnvironmentResult:
        """Do it all. Whatever happens is an outcome: nothing is raised but for being cancelled."""
        self._narrator.say(
            "environment_started",
            services=len(self._target.services),
            wave=self._target.wave,
            resumed=True if self._resumed else None,
        )
        result = self._settle(
            await always_settled(
                self._restart(),
                narrator=self._narrator,
                describe=self._progress.describe,
                submitted=lambda: self._submitted,
            )
        )
        if result.reason is not Reason.NOT_CANCELLED:
            # What could not be cancelled goes on, and somebody may still want to see it to its end.
            self._memory.settle(result)
        return result

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
        if self._call_off:
            refusal = await self._cancelled(baseline)
            if refusal is not None:
                return refusal
        settled = await self._proof.find(
            baseline, request_ids=self._submission.request_ids, until=self._submission.deadline
        )
        if settled is Ended.CONTACT_LOST:
            return settlement.contact_lost(silent_for=self._poller.contact.silent_for)
        if isinstance(settled, Ended):
            return self._timed_out(await self._cancel_if_told(baseline))
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

    async def _cancelled(self, baseline: Baseline) -> Settlement | None:
        """Cancel our restart once it is to be seen; say why, where it is not provably ours alone."""
        attempt = await self._poller.poll(partial(self._try_to_cancel, baseline), until=self._submission.deadline)
        if attempt is Ended.CONTACT_LOST:
            return settlement.contact_lost(silent_for=self._poller.contact.silent_for)
        if isinstance(attempt, Ended):
            return settlement.not_cancelled("nothing of it is to be seen")
        if attempt.ours.standing is Standing.SHARED:
            return settlement.not_cancelled(attempt.ours.why)
        if attempt.ours.standing is Standing.WAITS:
            self._proof.expect_nothing()
        return None

    async def _try_to_cancel(self, baseline: Baseline) -> Attempt | None:
        observation = await self._readings.statuses()
        self._progress.note(observation)
        try:
            attempt = await self._cancel(
                raise_baseline(self._readings.dated(baseline), observation, self._submission.request_ids)
            )
        except (RefusedError, NotFoundError):
            return None  # It has left the queue, or ended, since we looked: look again.
        if attempt.ours.why == JUST_ENDED:
            return None
        waited = self._progress.elapsed or 0.0
        if attempt.ours.standing is Standing.UNSEEN and waited < self._target.policy.invisible_for:
            return None
        return attempt

    async def _cancel(self, baseline: Baseline) -> Attempt:
        if self._submission.was_found:
            why = "the answer to our submit was lost, and no id says that what was found there is ours"
            return Attempt(ours=Ours(standing=Standing.SHARED, why=why), asked=False)
        return await cancel_ours(
            baseline,
            request_ids=self._submission.request_ids,
            readings=self._readings,
            platform=self._platform,
            narrator=self._narrator,
        )

    async def _cancel_if_told(self, baseline: Baseline) -> str:
        """Cancel our restart where policy says so and it is provably ours alone; say what was done."""
        if self._target.policy.on_deadline is not OnDeadline.CANCEL:
            return "It was left to go on at Qovery."
        try:
            return str(await self._cancel(self._readings.dated(self._proof.raised(baseline))))
        except PlatformError as error:
            return f"It could not be cancelled ({error}) and may go on at Qovery."

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
