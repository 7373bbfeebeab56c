"""From an accepted submit to a settlement: look, judge, and if the statuses leave a doubt, read the history."""

from dataclasses import replace
from functools import partial

from orchestrator.domain.costs import expected_duration
from orchestrator.domain.evidence import Evidence, Look, Submitted, confirm_look, take_in
from orchestrator.restart import settlement
from orchestrator.restart.context import Context
from orchestrator.restart.journaling import JobJournal
from orchestrator.restart.polling import GaveUp
from orchestrator.restart.settlement import Settlement

FIRST_LOOK = 5.0
"""Seconds from a submit to the first look, if looks are not shared: it shows the accepted restart at work."""
A_LITTLE_LATER = 1.15
"""Most restarts that are not over after the expected time are over after this multiple of it."""


class Proof:
    """Looks for the evidence of one restart.

    Attributes:
        evidence: what has been found so far.
    """

    def __init__(self, context: Context, journal: JobJournal, evidence: Evidence) -> None:
        self._context = context
        self._journal = journal
        self._is_quiet = True
        self.evidence = evidence

    async def find(self, submitted: Submitted) -> Settlement | GaveUp:
        """Look until the restart has settled, or its deadline has passed, or contact is lost."""
        expected = expected_duration(len(submitted.baseline.targets))
        posted = submitted.intent.posted_at
        return await self._context.poller.poll(
            partial(self._look, submitted),
            until=submitted.deadline,
            likely=(posted + FIRST_LOOK, posted + expected, posted + expected * A_LITTLE_LATER),
            quiet=lambda: self._is_quiet,
            # Hints show what has changed since the last look. If that was made before this proof began, by an earlier
            # process or in search of a lost submit, the restart may have ended by then: so look now.
            look_at_once=not submitted.just_posted,
        )

    def expect_nothing(self) -> None:
        """Note that we have cancelled our waiting request ourselves."""
        self.evidence = replace(self.evidence, cancelled=True)

    async def _look(self, submitted: Submitted) -> Settlement | None:
        context = self._context
        self._is_quiet = False
        observation = await context.reader.statuses()
        context.progress.note(observation)
        look = take_in(
            self.evidence,
            submitted,
            observation,
            baseline=context.reader.dated(submitted.baseline),
            now=context.clock.monotonic(),
        )
        await self._remember(look)
        self._is_quiet = look.doubt is None
        if look.ask_history:
            look = await self._confirm(look, submitted)
        if not look.settled:
            return None
        return settlement.by_verdict(look.verdict, context.target, missing=look.missing)

    async def _remember(self, look: Look) -> None:
        others = look.evidence.not_ours - self.evidence.not_ours
        if others:
            self._context.narrator.say("others_at_work", executions=sorted(others))
        self.evidence = look.evidence
        await self._journal.see(look.evidence.into(self._context.progress.sighting()))

    async def _confirm(self, look: Look, submitted: Submitted) -> Look:
        context = self._context
        read = await context.reader.queue_and_history_until(submitted.deadline)
        if read is None:
            return look
        queue, runs = read
        confirmed = confirm_look(
            look, runs, queue, now=context.clock.monotonic(), invisible_for=context.target.policy.invisible_for
        )
        self.evidence = confirmed.evidence
        context.narrator.say(
            "history_read", doubt=look.doubt and look.doubt.value, finding=confirmed.verdict.finding.value
        )
        return confirmed
