"""One environment, from the baseline to the end: submit once, prove, verify, settle."""

from datetime import datetime

from orchestrator.domain.accounts import Wait
from orchestrator.domain.evidence import Evidence, Submitted
from orchestrator.domain.outcomes import EnvironmentResult, Outcome, Reason
from orchestrator.domain.plan import OnDeadline
from orchestrator.domain.records import InFlight, Sighting
from orchestrator.errors import PlatformError
from orchestrator.ports import Journal, Prober
from orchestrator.restart import settlement
from orchestrator.restart.cancelling import cancel_ours
from orchestrator.restart.context import Context
from orchestrator.restart.journaling import JobJournal
from orchestrator.restart.polling import LAST_ANSWER
from orchestrator.restart.proof import Proof
from orchestrator.restart.settlement import Settlement
from orchestrator.restart.submission import Submission
from orchestrator.restart.verification import verify

CANCEL_WITHIN = 4.0
"""Seconds after the deadline within which our restart is cancelled, where the policy says so: then the job ends."""


class RestartJob:
    """Restarts one environment and proves how that ended.

    Args:
        context: of the job.
        prober: asks the URLs of the target's checks.
        journal: for everything that has to survive this process.
        in_flight: the restart that an earlier process of this run posted, if any.
        wait_lock: seconds to wait for another run that holds the environment.
        origin: the origin that the platform gives to our requests; None if unknown.
        resumed_since: when the run began, if it is resumed: a restart since then that its journal does not know of
            shows that the journal is an old copy.
    """

    _MAY_POST = True

    def __init__(
        self,
        context: Context,
        *,
        prober: Prober,
        journal: Journal,
        in_flight: InFlight | None = None,
        wait_lock: float = 0.0,
        origin: str | None = None,
        resumed_since: datetime | None = None,
    ) -> None:
        self._context = context
        self._prober = prober
        self._is_resumed = in_flight is not None
        self._journal = JobJournal(journal, context.narrator)
        self._submission = Submission(
            context,
            self._journal,
            wait_lock=wait_lock,
            may_post=self._MAY_POST,
            origin=origin,
            in_flight=in_flight,
            resumed_since=resumed_since,
        )
        self._ended: EnvironmentResult | None = None
        sighting = Sighting() if in_flight is None else in_flight.sighting
        self._proof = Proof(context, self._journal, Evidence.of(sighting))

    async def run(self) -> EnvironmentResult:
        """Run the job. Errors become outcomes; only a cancellation is raised."""
        self._context.account.begin()
        self._context.narrator.say(
            "environment_started",
            services=len(self._context.target.services),
            wave=self._context.target.wave,
            resumed=True if self._is_resumed else None,
            usually_s=None if self._context.usually is None else round(self._context.usually, 1),
        )
        settled = await self._context.settled(self._restart(), submitted=lambda: self._submission.is_submitted)
        result = self._ended = self._result(settled)
        if result.reason is not Reason.NOT_CANCELLED:
            # A restart that could not be cancelled continues, and the run may still be resumed to follow it.
            await self._journal.settle(result)
        return result

    def waited(self, wait: Wait) -> None:
        """Note what the environment waited for before its turn came."""
        self._context.account.add(wait)

    def interrupted(self) -> EnvironmentResult:
        """Return the result so far, of a job whose `run` was cancelled."""
        if self._ended is not None:
            return self._ended
        submission = self._submission
        return self._result(settlement.interrupted(submitted=submission.is_submitted, in_doubt=submission.in_doubt))

    async def _restart(self) -> Settlement:
        submitted = await self._submission.make()
        return submitted if isinstance(submitted, Settlement) else await self._see_to_its_end(submitted)

    async def _see_to_its_end(self, submitted: Submitted) -> Settlement:
        """Prove and verify a restart that was accepted."""
        context = self._context
        settled = await self._proof.find(submitted)
        if settled is Reason.CONTACT_LOST:
            return settlement.contact_lost(silence=context.poller.contact.silence)
        if isinstance(settled, Reason):
            return self._timed_out(submitted, await self._cancel_if_told(submitted))
        if settled.outcome is not Outcome.SUCCEEDED:
            return settled
        context.account.prove()
        return await self._verify(submitted, settled) if context.target.checks else settled

    async def _verify(self, submitted: Submitted, settled: Settlement) -> Settlement:
        context = self._context
        failures = await verify(
            context.target.checks,
            prober=self._prober,
            clock=context.clock,
            narrator=context.narrator,
            until=submitted.deadline,
            progress=context.progress,
            note=context.account.checks.append,
        )
        if not failures:
            return settled
        if all(failure.is_cut_short for failure in failures):
            return settlement.unverified(failures, settled, by_run=self._is_by_run(submitted), elapsed=self._elapsed)
        return settlement.unhealthy(failures, settled)

    def _timed_out(self, submitted: Submitted, afterwards: str) -> Settlement:
        evidence = self._proof.evidence
        return settlement.timed_out(
            by_run=self._is_by_run(submitted),
            elapsed=self._elapsed,
            afterwards=afterwards,
            suspected=None if evidence.absent_since is None else evidence.absent_as,
        )

    @property
    def _elapsed(self) -> float:
        return self._context.progress.elapsed or 0.0

    def _is_by_run(self, submitted: Submitted) -> bool:
        """Return whether the deadline of a restart is the run's."""
        return submitted.deadline == self._context.end_by

    async def _cancel_if_told(self, submitted: Submitted) -> str:
        """Cancel our restart if the policy says so and it is provably ours alone; return a sentence for the report."""
        if self._context.target.policy.on_deadline is not OnDeadline.CANCEL:
            return "It continues at Qovery."
        contact = self._context.poller.contact
        contact.until = self._context.clock.monotonic() + CANCEL_WITHIN - LAST_ANSWER
        try:
            ours = await cancel_ours(submitted, self._context, evidence=self._proof.evidence)
        except PlatformError as error:
            return f"It could not be cancelled ({error}) and may still be running at Qovery."
        return settlement.cancel_attempted(ours)

    def _result(self, settled: Settlement) -> EnvironmentResult:
        submitted = self._submission.submitted
        return self._context.result(
            settled,
            event="restart_settled",
            services=self._context.progress.results(
                settled.outcome, verdicts=self._proof.evidence.verdicts, skipped=self._submission.left_out
            ),
            submitted_at=None if submitted is None else submitted.intent.submitted_at,
            left_out=self._context.target.excluded,
        )
