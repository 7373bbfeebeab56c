"""What is in flight in one environment of a run that is called off: cancel it, or follow it to its end."""

from functools import partial

from orchestrator.domain.evidence import Submitted
from orchestrator.domain.outcomes import Reason
from orchestrator.domain.ownership import Ours, Standing, perhaps_others_at_work
from orchestrator.errors import NotFoundError, RefusedError
from orchestrator.restart import settlement
from orchestrator.restart.cancelling import cancel_ours
from orchestrator.restart.job import RestartJob
from orchestrator.restart.settlement import Settlement


class FollowJob(RestartJob):
    """Follows a restart that an earlier process posted to its end. Submits nothing, also if that never arrived."""

    _MAY_POST = False


class CancelJob(FollowJob):
    """Cancels a restart that an earlier process posted, if it is provably ours alone. Submits nothing.

    Cancelled or not, the environment ends as the evidence shows: a restart that succeeded before it could be cancelled
    is verified like any other.
    """

    _others: frozenset[str] = frozenset()
    """Executions that were at work while our request may still have waited."""

    async def _see_to_its_end(self, submitted: Submitted) -> Settlement:
        return await self._cancel(submitted) or await super()._see_to_its_end(submitted)

    async def _cancel(self, submitted: Submitted) -> Settlement | None:
        """Cancel our restart as soon as it is visible; return why not if it is not provably ours alone."""
        context = self._context
        ours = await context.poller.poll(partial(self._try_to_cancel, submitted), until=submitted.deadline)
        if ours is Reason.CONTACT_LOST:
            return settlement.contact_lost(silence=context.poller.contact.silence)
        if isinstance(ours, Reason):
            return settlement.not_cancelled(Ours(standing=Standing.UNSEEN))
        if ours.standing.is_ours_alone:
            self._proof.note_cancel(ours.standing)
        is_over = ours.standing in (Standing.OVER, Standing.UNSEEN)
        return None if ours.standing.is_ours_alone or is_over else settlement.not_cancelled(ours)

    async def _try_to_cancel(self, submitted: Submitted) -> Ours | None:
        context = self._context
        observation = await context.reader.statuses()
        context.progress.note(observation)
        self._others |= perhaps_others_at_work(submitted.baseline, observation, submitted.request_ids)
        try:
            ours = await cancel_ours(submitted, context, evidence=self._proof.evidence, others=self._others)
        except (RefusedError, NotFoundError):
            return None  # It has left the queue, or ended, since the look.
        waited = context.progress.elapsed or 0.0
        may_appear = ours.standing is Standing.UNSEEN and waited < context.target.policy.invisible_for
        return None if may_appear or ours.standing is Standing.ENDING else ours
