"""Get one restart accepted, from the first look on, even if an answer is lost."""

from dataclasses import replace
from datetime import datetime
from functools import partial

from orchestrator.domain.accounts import WaitedFor
from orchestrator.domain.evidence import Submitted
from orchestrator.domain.observations import Baseline, Observation, baseline_needs_history
from orchestrator.domain.outcomes import Reason
from orchestrator.domain.ownership import restarted_since
from orchestrator.domain.plan import OnBusy, OnDeadline, OnStopped, Service
from orchestrator.domain.readiness import Obstacle, Readiness, assess
from orchestrator.domain.records import InFlight, Intent
from orchestrator.errors import (
    BusyError,
    JournalError,
    NotFoundError,
    PassingError,
    PlatformError,
    RefusedError,
    ThrottledError,
    TokenRefusedError,
)
from orchestrator.restart import settlement
from orchestrator.restart.claiming import claim
from orchestrator.restart.context import Context
from orchestrator.restart.journaling import JobJournal
from orchestrator.restart.lost_submit import LostSubmit
from orchestrator.restart.polling import LAST_ANSWER, GaveUp, answered_within
from orchestrator.restart.settlement import Settlement

REFUSALS = (ThrottledError, NotFoundError, RefusedError, TokenRefusedError)
"""The errors that say that a submit had no effect. A proxy that delivers it twice may say so of the second delivery."""

RESUME_GRACE = 60.0
"""Seconds that a resumed run has at least to find out how a restart ended, however late it is resumed."""


class Submission:
    """Submits one restart of a target, or continues with one that an earlier process posted.

    Attributes:
        submitted: the restart, from right before its POST; None again once it is known to have had no effect.
        left_out: the ids of targets that are not running and that the policy skips.

    Args:
        context: of the job.
        journal: of the job.
        wait_lock: seconds to wait for another run that holds the environment.
        may_post: whether to post a restart that was not posted before, or never arrived.
        origin: the origin that the platform gives to our requests; None if unknown.
        in_flight: the restart that an earlier process posted, if any.
        resumed_since: when the run began, if it is resumed.
    """

    def __init__(
        self,
        context: Context,
        journal: JobJournal,
        *,
        wait_lock: float = 0.0,
        may_post: bool = True,
        origin: str | None = None,
        in_flight: InFlight | None = None,
        resumed_since: datetime | None = None,
    ) -> None:
        self._context = context
        self._journal = journal
        self._wait_lock = wait_lock
        self._may_post = may_post
        self._origin = origin
        # What is in flight is known to the journal.
        self._resumed_since = resumed_since if in_flight is None else None
        self._obstacle: Readiness | None = None
        self._refusal: PlatformError | None = None
        self._was_refused = False
        self._began: float | None = None
        self._until: float | None = None
        self._doubtful: tuple[str, ...] = ()
        self.submitted = None if in_flight is None else self._recall(in_flight)
        self.left_out: frozenset[str] = frozenset() if in_flight is None else in_flight.intent.left_out

    @property
    def is_submitted(self) -> bool:
        """Whether a restart was submitted, or may have been."""
        return self.submitted is not None

    @property
    def in_doubt(self) -> bool:
        """Whether it is unknown if a POST was accepted."""
        return self.submitted is not None and not self.submitted.accepted

    async def make(self) -> Submitted | Settlement:
        """Get one restart accepted, or return why that is impossible."""
        lost: Submitted | None = None
        while True:
            posted: Submitted | Settlement | None = self.submitted
            if posted is None:
                if not self._may_post:
                    return settlement.never_accepted()
                posted = await self._submit(lost)
            if isinstance(posted, Settlement) or posted.accepted:
                return posted
            lost = posted if self._refusal is None else None
            given_up = await self._find(posted)
            if given_up is not None:
                return given_up

    async def _find(self, submitted: Submitted) -> Settlement | None:
        """Find out whether what was posted was accepted; return why there is nothing more to do, if so."""
        refusal, self._refusal = self._refusal, None
        found = await self._look_for(submitted, refusal)
        if isinstance(found, Settlement):
            return found
        # What is known comes before what is written, here as everywhere: the job may be cancelled in between.
        self.submitted = found
        if found is None:
            await self._journal.withdraw()
            return None if refusal is None else self._refused(refusal)
        if refusal is not None:
            self._context.progress.begin(found.baseline, at=found.intent.posted_at)
        await self._journal.accept(found.request_ids, found=True)
        return None

    async def _look_for(self, submitted: Submitted, refusal: PlatformError | None) -> Submitted | Settlement | None:
        """Look for a restart whose POST was not answered by an acceptance; return None if it was not accepted."""
        # What was refused counts as begun only if it is found: until then the time runs from the first look on.
        until = submitted.deadline if refusal is None or self._until is None else min(submitted.deadline, self._until)
        try:
            found = await LostSubmit(replace(submitted, deadline=until), self._context, refusal).find()
            return replace(found, deadline=submitted.deadline) if isinstance(found, Submitted) else found
        except TokenRefusedError:
            if not isinstance(refusal, TokenRefusedError):
                raise
            # The token is refused whatever is asked: that is no answer to a second delivery.
            return None

    def _recall(self, in_flight: InFlight) -> Submitted:
        """Return the restart that an earlier process posted."""
        context, intent = self._context, in_flight.intent
        deadline = self._deadline_of(intent)
        context.progress.begin(intent.baseline, at=intent.posted_at)
        context.progress.recall(in_flight.sighting)
        context.account.recall(intent.began_at or intent.submitted_at, intent.waits)
        return Submitted(
            intent=intent,
            accepted=in_flight.accepted,
            found=in_flight.found,
            request_ids=in_flight.request_ids,
            deadline=max(deadline, context.clock.monotonic() + RESUME_GRACE),
            # A late resume may still find out how it ended, but not submit again.
            post_by=deadline,
            may_cancel=self._may_cancel,
            # How long an answer took is not kept; nearly always a moment.
            took=0.0 if in_flight.accepted and not in_flight.found else float("inf"),
        )

    @property
    def _may_cancel(self) -> bool:
        return self._context.target.policy.on_deadline is OnDeadline.CANCEL

    def _deadline_of(self, intent: Intent) -> float:
        return min(intent.posted_at + self._context.target.policy.deadline, self._context.end_by)

    async def _submit(self, lost: Submitted | None) -> Submitted | Settlement:
        """Post a restart as soon as there is no obstacle, within the deadline of the policy; note it in `submitted`.

        Args:
            lost: an earlier POST, which never arrived: this one inherits its deadline.
        """
        context = self._context
        if (refused := self._not_permitted(lost)) is not None:
            return refused
        try:
            locked = await claim(self._journal, context, wait=self._wait_lock)
        except JournalError as error:
            return settlement.journal_unwritable(error)
        if locked is not None:
            return locked
        if self._began is None:
            self._began = context.clock.monotonic()
        if lost is not None:
            self._until = lost.post_by
        elif self._until is None:
            self._until = min(self._began + context.target.policy.deadline, context.end_by)
        until = self._until
        posted: Submitted | Settlement | GaveUp = await context.poller.poll(
            partial(self._try, lost, until), until=until, quiet=self._waits_for_others
        )
        if isinstance(posted, Reason):
            return settlement.never_started(
                posted,
                obstacle=self._obstacle,
                waited=context.clock.monotonic() - self._began,
                silence=context.poller.contact.silence,
                by_run=until == context.end_by,
            )
        return posted

    def _not_permitted(self, lost: Submitted | None) -> Settlement | None:
        """Return a settlement if the time of day forbids to begin: now, whatever it said when the job began."""
        permission = self._context.permission
        refusal = None if permission is None else permission.refusal(self._context.target)
        return None if refusal is None else settlement.not_permitted(refusal, was_posted=lost is not None)

    async def _try(self, lost: Submitted | None, until: float) -> Submitted | Settlement | None:
        if (refused := self._not_permitted(lost)) is not None:
            return refused
        context = self._context
        observation = await context.reader.statuses()
        read_at = context.clock.monotonic()
        if self._is_late(until):
            return None
        readiness = assess(observation, context.target.services)
        self._obstacle = readiness if readiness.obstacle is not None else None
        self._context.progress.note_obstacle(", ".join(readiness.affected) if self._waits_for_others() else None)
        context.account.wait(WaitedFor.BUSY if readiness.obstacle is Obstacle.BUSY else None)
        if not self._is_seen_twice(observation, readiness):
            return None
        if readiness.obstacle is Obstacle.STOPPED:
            if context.target.policy.on_stopped is OnStopped.FAIL:
                return settlement.blocked(readiness)
            if not readiness.running:
                return settlement.not_running(readiness)
        elif readiness.obstacle is not None:
            return self._wait_or_block(readiness)
        self.left_out = context.target.service_ids - {service.id for service in readiness.running}
        baseline = await self._take_baseline(observation, readiness.running)
        if baseline is None or self._is_late(until):
            return None
        forbidden = await self._find_unknown_restart(baseline) or self._not_permitted(lost)
        return forbidden or await self._post(baseline, read_at, readiness.running, lost, until)

    async def _find_unknown_restart(self, baseline: Baseline) -> Settlement | None:
        """Return a settlement if a restart was made since a resumed run began that its journal does not know of."""
        if self._resumed_since is None:
            return None
        unknown = restarted_since(baseline, await self._context.reader.history(), self._resumed_since)
        self._resumed_since = None
        return None if unknown is None else settlement.journal_outdated(unknown)

    def _is_late(self, until: float) -> bool:
        """Return whether the deadline has passed: the request in flight may finish, and no other is sent."""
        return self._context.clock.monotonic() >= until

    def _is_seen_twice(self, observation: Observation, readiness: Readiness) -> bool:
        """Return whether a reading is worth deciding on: nothing is on the word of one that is doubtful.

        That a service is stopped, or what a reading shows that left something out, has to be read twice in a row.
        """
        doubtful = readiness.affected if readiness.obstacle is Obstacle.STOPPED else ()
        if observation.incomplete and (readiness.obstacle is not None or not observation.is_summed_up):
            doubtful = (*doubtful, "incomplete")
        seen, self._doubtful = self._doubtful, doubtful
        return not doubtful or seen == doubtful

    def _waits_for_others(self) -> bool:
        return self._obstacle is not None and self._obstacle.obstacle is Obstacle.BUSY

    def _wait_or_block(self, readiness: Readiness) -> Settlement | None:
        if readiness.obstacle is Obstacle.BUSY and self._context.target.policy.on_busy is OnBusy.FAIL:
            return settlement.blocked(readiness)
        return None

    async def _take_baseline(self, observation: Observation, running: tuple[Service, ...]) -> Baseline | None:
        context = self._context
        ids = [service.id for service in running]
        runs = await context.reader.history() if baseline_needs_history(observation, ids) else ()
        baseline = Baseline.of(observation, ids, runs, origin=self._origin)
        if not baseline.executions:
            # The services are running, so there is an execution that the API does not show: nothing could be proven.
            self._obstacle = Readiness(obstacle=Obstacle.UNREADABLE, running=running, affected=("the API shows none",))
            return None
        context.progress.note(observation)
        context.narrator.say(
            "baseline_read",
            services=len(ids),
            executions=sorted({status.execution_id or "unknown" for status in baseline.targets.values()}),
            history_read=bool(runs),
        )
        return baseline

    async def _post(
        self,
        baseline: Baseline,
        read_at: float,
        running: tuple[Service, ...],
        lost: Submitted | None,
        until: float,
    ) -> Submitted | Settlement | None:
        context = self._context
        intent = Intent(
            baseline=baseline,
            left_out=self.left_out,
            # A second POST, after the first one never arrived, gets no second deadline.
            posted_at=context.clock.monotonic() if lost is None else lost.intent.posted_at,
            submitted_at=context.clock.now(),
            began_at=context.account.began_at,
            waits=context.account.waits,
        )
        try:
            await self._journal.intend(intent)
        except JournalError as error:
            return settlement.journal_unwritable(error)
        if self._is_late(until):
            await self._journal.withdraw()
            return None
        deadline = self._deadline_of(intent)
        self.submitted = Submitted(
            intent=intent,
            accepted=False,
            deadline=deadline,
            post_by=deadline,
            just_posted=True,
            may_cancel=self._may_cancel,
        )
        try:
            receipt = await answered_within(
                context.platform.submit_restart(context.target.environment_id, running),
                deadline + LAST_ANSWER - context.clock.monotonic(),
            )
        except PlatformError as error:
            if isinstance(error, PassingError) and error.never_left:
                self.submitted = None
                await self._journal.withdraw()
                raise
            self._refusal = error if isinstance(error, REFUSALS) else None
            event = "submit_unanswered" if self._refusal is None else "submit_refused"
            context.narrator.warn(
                event,
                error=str(error),
                look_for_s=context.target.policy.invisible_for,
                hint=self._what_is_waited_for,
            )
            if self._refusal is None:
                context.progress.begin(baseline, at=intent.posted_at)
            return self.submitted
        context.progress.begin(baseline, at=intent.posted_at)
        is_stale = receipt.execution_id is not None and baseline.is_new(receipt.execution_id)
        self.submitted = replace(
            self.submitted,
            accepted=True,
            request_ids=receipt.request_ids,
            # The platform knew of a later run than the baseline when it accepted ours.
            took=float("inf") if is_stale else context.clock.monotonic() - read_at,
        )
        await self._journal.accept(receipt.request_ids)
        context.narrator.say("restart_submitted", services=len(running), request_ids=sorted(receipt.request_ids))
        return self.submitted

    @property
    def _what_is_waited_for(self) -> str:
        """Say why nothing happens for so long after a submit that was not accepted."""
        if self._refusal is None:
            return "it may have been accepted: it is looked for before anything is sent again"
        looked_for = (
            "a proxy may have sent it twice, and got this for the second: it is looked for before it is believed"
        )
        return f"{looked_for}; then {'the environment ends' if self._is_believed_next else 'it is sent once more'}"

    @property
    def _is_believed_next(self) -> bool:
        """Whether the refusal ends the environment if nothing of the submit is found."""
        match self._refusal:
            case TokenRefusedError():
                return self._was_refused
            case BusyError():
                return self._context.target.policy.on_busy is OnBusy.FAIL
            case RefusedError() | NotFoundError():
                return True
            case _:
                return False

    def _refused(self, error: PlatformError) -> Settlement | None:
        """Handle a refusal after which nothing was accepted; return None if it may be posted again."""
        if isinstance(error, BusyError):
            self._context.account.wait(WaitedFor.BUSY)
            self._obstacle = Readiness(
                obstacle=Obstacle.BUSY, running=self._context.target.services, affected=(str(error),)
            )
            return self._wait_or_block(self._obstacle)
        if isinstance(error, TokenRefusedError):
            if not self._was_refused:
                # The environment could be read meanwhile, so the token is valid. A firewall may refuse a single POST.
                self._was_refused = True
                return None
            return settlement.token_refused(error, submitted=False)
        if isinstance(error, RefusedError | NotFoundError):
            return settlement.refused(error)
        return None
