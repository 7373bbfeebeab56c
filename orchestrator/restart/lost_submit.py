"""A POST that was not answered by an acceptance: was it accepted, did it never arrive, or is that unknown?"""

from dataclasses import replace

from orchestrator.domain.activity import complete_restarts
from orchestrator.domain.evidence import Evidence, Submitted, known_baseline
from orchestrator.domain.outcomes import Reason
from orchestrator.domain.ownership import Trace, find_submit
from orchestrator.errors import PlatformError
from orchestrator.restart import settlement
from orchestrator.restart.context import Context
from orchestrator.restart.settlement import Settlement

REFUSED_LOOKS = (5.0, 20.0)
"""Seconds after a refusal at which to look first for what a second delivery of the same POST may have hidden."""


class LostSubmit:
    """Looks for one POST whose answer was lost, or was a refusal.

    A proxy can deliver a POST twice; then the first delivery is accepted, and the second one is refused. So a refusal
    is believed only after the time in which an accepted restart shows itself. What others did meanwhile does not matter
    then: ours would wait behind it. After no answer at all it does matter, since ours may be on its way for longer.

    Args:
        submitted: the restart.
        context: of the job.
        refusal: the answer; None if there was none.
    """

    def __init__(self, submitted: Submitted, context: Context, refusal: PlatformError | None = None) -> None:
        self._submitted = submitted
        self._context = context
        self._refusal = refusal
        self._since = context.clock.monotonic()
        self._was_in_motion = False
        self._has_missed_something = False
        self._last_trace: Trace | None = None
        self._request_ids: frozenset[str] = frozenset()

    async def find(self) -> Submitted | Settlement | None:
        """Look until the deadline; return None if it was not accepted, so that it may be posted again."""
        if self._refusal is None:
            found = await self._context.poller.poll(
                self._look,
                until=self._submitted.deadline,
                # Look often: it may be queued only for a moment.
                at_any_price=True,
            )
        else:
            found = await self._context.poller.poll(
                self._look,
                until=self._submitted.deadline,
                likely=[self._since + seconds for seconds in REFUSED_LOOKS],
            )
        if isinstance(found, Reason):
            return settlement.unconfirmed(
                found, looked_for=self._looked_for, saw=self._last_trace, refusal=self._refusal
            )
        if found is not Trace.OURS and not self._was_not_accepted(found):
            return settlement.unconfirmed(
                Reason.SUBMIT_UNCONFIRMED, looked_for=self._looked_for, saw=found, refusal=self._refusal
            )
        if found is not Trace.OURS:
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
        """Look once; return what was found if more looks would add nothing."""
        context, looked_for = self._context, self._looked_for
        # Until it has been completed, this look is one in which our request may have come and gone.
        missed, self._has_missed_something = self._has_missed_something, True
        runs = await context.reader.history_or_contact(
            self._submitted.baseline, until=self._submitted.deadline, note=context.progress.note
        )
        baseline = known_baseline(Evidence(name=context.identity.name), self._submitted, runs)
        if any(baseline.may_be_ours(run) for run in complete_restarts(baseline, runs)):
            return self._note(Trace.OURS, queue=0)
        observation = await context.reader.statuses_until(self._submitted.deadline)
        queue = await context.reader.queue_until(self._submitted.deadline)
        if observation is None or queue is None:
            return None
        context.progress.note(observation)
        trace, self._request_ids = find_submit(baseline, observation, runs, queue)
        self._note(trace, queue=len(queue))
        self._was_in_motion = self._was_in_motion or trace is Trace.IN_MOTION
        self._has_missed_something = missed or trace is Trace.UNCLEAR
        if trace is Trace.OURS:
            return trace
        invisible_for = context.target.policy.invisible_for
        is_over = trace in (Trace.NOTHING, Trace.OTHERS) and looked_for >= invisible_for
        is_over = is_over and (self._refusal is not None or not observation.busy)
        return trace if is_over else None

    def _note(self, trace: Trace, *, queue: int) -> Trace:
        if trace is not self._last_trace:
            self._last_trace = trace
            after_s = round(self._looked_for, 1)
            self._context.narrator.say("submit_looked_for", found=trace.value, queue=queue, after_s=after_s)
        return trace

    def _was_not_accepted(self, trace: Trace) -> bool:
        """Return whether a trace that stayed shows that nothing was accepted."""
        if self._was_in_motion:
            return False
        if trace is Trace.NOTHING:
            return True
        # What others did may have hidden ours, unless it was refused, and no look has missed it waiting behind that.
        return trace is Trace.OTHERS and self._refusal is not None and not self._has_missed_something
