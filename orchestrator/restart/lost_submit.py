"""A POST that was not answered by an acceptance: was it accepted, did it never arrive, or is that unknown?"""

from dataclasses import replace
from typing import Literal

from orchestrator.domain.activity import complete_restarts
from orchestrator.domain.evidence import Submitted, known_baseline
from orchestrator.domain.outcomes import Reason
from orchestrator.domain.ownership import Search, Trace, find_submit
from orchestrator.domain.verdict import Picture
from orchestrator.errors import PlatformError
from orchestrator.restart import settlement
from orchestrator.restart.context import Context
from orchestrator.restart.polling import GaveUp
from orchestrator.restart.settlement import Settlement

FIRST_LOOKS = (5.0, 20.0)
"""Seconds from the end of a POST at which to look for it first. A restart that was accepted stays in the history."""


class LostSubmit:
    """Looks for one POST whose answer was lost, or was a refusal, which is not believed at once: see `Search`.

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
        self._search = Search(refused=refusal is not None)
        self._last_trace: Trace | None = None
        self._request_ids: frozenset[str] = frozenset()
        self._found_in: Picture | None = None
        self._found_at = float("-inf")

    async def find(self) -> Submitted | Settlement | None:
        """Look until the deadline; return None if it was not accepted, so that it may be posted again."""
        found = await self._context.poller.poll(
            self._look,
            until=self._submitted.deadline,
            likely=[self._since + seconds for seconds in FIRST_LOOKS],
            look_at_once=not self._submitted.just_posted,
        )
        if isinstance(found, Reason):
            return self._unconfirmed(found)
        if found is not Trace.OURS:
            if not self._search.shows_none(found):
                return self._unconfirmed(Reason.SUBMIT_UNCONFIRMED)
            self._context.narrator.warn("submit_not_found", after_s=round(self._looked_for, 1))
            return None
        self._context.narrator.say(
            "submit_found", after_s=round(self._looked_for, 1), request_ids=sorted(self._request_ids)
        )
        return replace(
            self._submitted,
            accepted=True,
            found=True,
            request_ids=self._request_ids,
            just_posted=False,
            found_in=self._found_in,
            found_at=self._found_at,
        )

    @property
    def _looked_for(self) -> float:
        return self._context.clock.monotonic() - self._since

    def _unconfirmed(self, gave_up: GaveUp | Literal[Reason.SUBMIT_UNCONFIRMED]) -> Settlement:
        return settlement.unconfirmed(
            gave_up,
            looked_for=self._looked_for,
            saw=self._last_trace,
            refusal=self._refusal,
            silence=self._context.poller.contact.silence if gave_up is Reason.CONTACT_LOST else "",
        )

    async def _look(self) -> Trace | None:
        """Look once; return what was found if more looks would add nothing."""
        context, looked_for = self._context, self._looked_for
        # Until it has been completed, this look is one in which our request may have come and gone.
        before, self._search = self._search, replace(self._search, has_missed_something=True)
        self._found_at = context.clock.monotonic()
        runs = await context.reader.history_or_contact(
            self._submitted.baseline, until=self._submitted.deadline, note=context.progress.note
        )
        baseline = known_baseline(self._submitted, runs, name=context.identity.name)
        if any(baseline.may_be_ours(run) for run in complete_restarts(baseline, runs)):
            self._found_in = Picture(runs=runs)
            return self._note(Trace.OURS, queue=0)
        observation = await context.reader.statuses_until(self._submitted.deadline)
        queue = await context.reader.queue_until(self._submitted.deadline)
        if observation is None or queue is None:
            return None
        context.progress.note(observation)
        self._found_in = Picture(runs=runs, observation=observation, queue=queue)
        trace, self._request_ids = find_submit(baseline, observation, runs, queue)
        self._note(trace, queue=len(queue))
        self._search = before.after(trace)
        has_lasted = looked_for >= context.target.policy.invisible_for
        return trace if self._search.is_over(trace, busy=observation.busy, has_lasted=has_lasted) else None

    def _note(self, trace: Trace, *, queue: int) -> Trace:
        if trace is not self._last_trace:
            self._last_trace = trace
            after_s = round(self._looked_for, 1)
            self._context.narrator.say("submit_looked_for", found=trace.value, queue=queue, after_s=after_s)
        return trace
