"""From an accepted submit to a settlement: look, judge, and read more only if the history does not tell."""

from contextlib import nullcontext
from dataclasses import replace
from functools import partial

from orchestrator.domain.costs import expected_duration
from orchestrator.domain.evidence import UNATTRIBUTED_FOR, Evidence, Look, Submitted, Wanted, take_in
from orchestrator.domain.ownership import Standing
from orchestrator.domain.verdict import Picture
from orchestrator.errors import PassingError
from orchestrator.restart import settlement
from orchestrator.restart.context import Context
from orchestrator.restart.journaling import JobJournal
from orchestrator.restart.polling import GaveUp
from orchestrator.restart.settlement import Settlement

FIRST_LOOK = 5.0
"""Seconds from a submit to the first look, if looks are not shared: it shows the accepted restart at work."""
A_LITTLE_LATER = 1.15
"""Most restarts that are not over after the expected time are over after this multiple of it."""
GOES_ON_WITHIN = 60.0
"""Seconds within which a look that a fault cut short goes on where it was."""


class Proof:
    """Looks for the evidence of one restart.

    Attributes:
        evidence: what has been found so far.
    """

    def __init__(self, context: Context, journal: JobJournal, evidence: Evidence) -> None:
        self._context = context
        self._journal = journal
        self._is_quiet = True
        self._is_cancelled_by_us = False
        self._next_look: float | None = None
        self._said: tuple[str | None, str] | None = None
        self._unfinished: tuple[Picture, float] | None = None
        self._kept: tuple[Picture, float] | None = None
        self.evidence = evidence

    async def find(self, submitted: Submitted) -> Settlement | GaveUp:
        """Look until the restart has settled, or its deadline has passed, or contact is lost."""
        expected = expected_duration(len(submitted.baseline.targets))
        posted = submitted.intent.posted_at
        if not (submitted.just_posted or submitted.found):
            self.evidence = replace(self.evidence, has_missed=True)
        if submitted.found_in is not None:
            # The look that it was found in is the first.
            self._unfinished = submitted.found_in, submitted.found_at
        with nullcontext() if submitted.found else self._context.identity.witnessed():
            return await self._context.poller.poll(
                partial(self._look, submitted),
                until=submitted.deadline,
                likely=(posted + FIRST_LOOK, posted + expected, posted + expected * A_LITTLE_LATER),
                quiet=lambda: self._is_quiet,
                next_look=lambda: self._next_look,
                # Hints show what has changed since the last look. If that was made before this proof began, by an
                # earlier process or in search of a lost submit, the restart may have ended by then: so look now.
                look_at_once=not submitted.just_posted,
            )

    def note_cancel(self, standing: Standing) -> None:
        """Note that we have cancelled it ourselves; if it still waited, nothing of it will show itself."""
        self._is_cancelled_by_us = True
        if standing is Standing.WAITS:
            self.evidence = replace(self.evidence, cancelled=True)

    async def _look(self, submitted: Submitted) -> Settlement | None:
        try:
            return await self._look_and_judge(submitted)
        except PassingError:
            self.evidence = replace(self.evidence, has_missed=True)
            raise

    async def _look_and_judge(self, submitted: Submitted) -> Settlement | None:
        context = self._context
        self._is_quiet, self._next_look = False, None
        picture, read_at = await self._begin_look(submitted)
        began = read_at
        look = self._judge(submitted, picture, read_at)
        is_patient = True
        # The request in flight when the deadline passes may finish; no other is sent.
        while (look.wants is not None or look.awaits_name) and context.clock.monotonic() < submitted.deadline:
            if look.wants is None:
                left = submitted.deadline - context.clock.monotonic()
                await context.identity.told(within=min(UNATTRIBUTED_FOR, left))
                is_patient = False
            else:
                # Where it showed nothing of ours, a later one may.
                self._unfinished = (picture, began) if look.verdict.runs else None
                picture = await self._read_more(picture, look.wants)
                read_at = context.clock.monotonic()
            look = self._judge(submitted, picture, read_at, is_patient=is_patient)
        self._unfinished = None
        self._kept = (picture, read_at) if look.keeps_history else None
        await self._remember(look)
        self._say(look)
        self._next_look = look.next_look
        self._is_quiet = look.doubt is None and look.next_look is None
        if not look.settled:
            return None
        return settlement.by_verdict(
            look.verdict, context.target, missing=look.missing, cancelled_by_us=self._is_cancelled_by_us
        )

    async def _begin_look(self, submitted: Submitted) -> tuple[Picture, float]:
        """Return what a look begins with, and when that was read: the history, or what has just been read of it."""
        clock = self._context.clock
        if self._unfinished is not None and clock.monotonic() < self._unfinished[1] + GOES_ON_WITHIN:
            return self._unfinished
        if self._kept is not None and clock.monotonic() < submitted.deadline:
            return self._kept
        runs = await self._context.reader.history_or_contact(
            submitted.baseline, until=submitted.deadline, note=self._context.progress.note
        )
        return Picture(runs=runs), clock.monotonic()

    def _judge(self, submitted: Submitted, picture: Picture, read_at: float, *, is_patient: bool = True) -> Look:
        name = self.evidence.name or self._context.identity.name
        return take_in(
            replace(self.evidence, name=name),
            submitted,
            picture,
            now=read_at,
            invisible_for=self._context.target.policy.invisible_for,
            name_may_come=is_patient and self._context.identity.may_be_learnt,
        )

    async def _read_more(self, picture: Picture, wanted: Wanted) -> Picture:
        reader = self._context.reader
        if wanted is Wanted.QUEUE:
            return replace(picture, queue=await reader.queue())
        observation = await reader.statuses()
        self._context.progress.note(observation)
        return replace(picture, observation=observation)

    async def _remember(self, look: Look) -> None:
        others = look.evidence.not_ours - self.evidence.not_ours
        if others:
            self._context.narrator.say("others_at_work", executions=sorted(others))
        self.evidence = look.evidence
        self._context.identity.learn(look.evidence.name)
        if look.verdict.runs:
            self._context.progress.note_run(look.verdict.runs[0])
        await self._journal.see(look.evidence.into(self._context.progress.sighting()))

    def _say(self, look: Look) -> None:
        """Log what the history showed, if that has changed."""
        said = look.doubt and look.doubt.value, look.verdict.finding.value
        if said != self._said:
            self._said = said
            self._context.narrator.say("history_read", doubt=said[0], finding=said[1])
