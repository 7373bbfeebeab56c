"""A POST whose answer was lost: was it accepted, did it never arrive, or is that unknown?"""

from dataclasses import replace

from orchestrator.domain.evidence import Submitted
from orchestrator.domain.outcomes import Reason
from orchestrator.domain.ownership import Trace, find_submit
from orchestrator.restart import settlement
from orchestrator.restart.context import Context
from orchestrator.restart.settlement import Settlement


class LostSubmit:
    """Looks for one POST whose answer was lost."""

    def __init__(self, submitted: Submitted, context: Context) -> None:
        self._submitted = submitted
        self._context = context
        self._since = context.clock.monotonic()
        self._last_trace: Trace | None = None
        self._request_ids: frozenset[str] = frozenset()

    async def find(self) -> Submitted | Settlement | None:
        """Look until the deadline; return None if it never arrived, so that it may be posted again."""
        found = await self._context.poller.poll(
            self._look,
            until=self._submitted.deadline,
            # Look often: it may be queued only for a moment.
            at_any_price=True,
        )
        if isinstance(found, Reason):
            return settlement.unconfirmed(found, looked_for=self._looked_for, saw=self._last_trace)
        if found is Trace.NOTHING:
            self._context.narrator.warn("submit_not_found", after_s=round(self._looked_for, 1))
            return None
        self._context.narrator.say(
            "submit_found", after_s=round(self._looked_for, 1), request_ids=sorted(self._request_ids)
        )
        return replace(self._submitted, accepted=True, found=True, request_ids=self._request_ids)

    @property
    def _looked_for(self) -> float:
        return self._context.clock.monotonic() - self._since

    async def _look(self) -> Trace | None:
        """Look once; return what was found if it is certain: `Trace.OURS` or `Trace.NOTHING`."""
        context, looked_for = self._context, self._looked_for
        observation = await context.reader.statuses()
        context.progress.note(observation)
        read = await context.reader.queue_and_history_until(self._submitted.deadline)
        if read is None:
            return None
        queue, runs = read
        trace, self._request_ids = find_submit(context.reader.dated(self._submitted.baseline), observation, runs, queue)
        if trace is not self._last_trace:
            self._last_trace = trace
            context.narrator.say("submit_looked_for", found=trace.value, queue=len(queue), after_s=round(looked_for, 1))
        if trace is Trace.OURS:
            return trace
        is_certain = trace is Trace.NOTHING and looked_for >= context.target.policy.invisible_for
        return trace if is_certain else None
