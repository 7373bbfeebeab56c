"""One restart, accepted once: from the first look to an accepted submit, whatever is lost on the way."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from orchestrator.domain.inflight import InFlight, Intent
from orchestrator.domain.observations import Baseline, Observation, baseline_needs_history
from orchestrator.domain.ownership import Search, Trace, search
from orchestrator.domain.plan import OnBusy, OnStopped, Service, Target
from orchestrator.domain.readiness import Obstacle, Readiness, assess
from orchestrator.errors import (
    BusyError,
    JournalError,
    NotFoundError,
    NotSentError,
    PassingError,
    PlatformError,
    RefusedError,
    ThrottledError,
    TokenRefusedError,
)
from orchestrator.ports import Clock, Platform
from orchestrator.restart import settlement
from orchestrator.restart.claiming import claim
from orchestrator.restart.memory import Memory
from orchestrator.restart.narrator import Narrator
from orchestrator.restart.polling import Ended, Poller
from orchestrator.restart.progress import Progress
from orchestrator.restart.readings import Readings
from orchestrator.restart.settlement import Settlement

NOT_ACCEPTED = (NotSentError, ThrottledError, NotFoundError, RefusedError, TokenRefusedError)
"""The errors of a submit that say that it had no effect. After any other it may have been accepted."""

RESUME_GRACE = 60.0
"""Seconds that a resumed run has at the least to find out what became of a restart, however late it is resumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A restart that was posted on top of `baseline`."""

    baseline: Baseline
    accepted: bool
    """Whether that is known."""


class Submission:
    """Submits one restart of a target, or goes on with one that an earlier process posted.

    Attributes:
        submitted_at: when it was (last) posted, for people; None before.
        in_doubt: whether a post may or may not have been accepted.
        deadline: the instant by which the environment has to be settled; the run's own until something was posted.
        left_out: the ids of targets that do not run and that policy skips.
        request_ids: what the platform called our request, where it said so.
        was_found: whether its acceptance was not answered, but found out.
    """

    def __init__(
        self,
        target: Target,
        *,
        platform: Platform,
        readings: Readings,
        poller: Poller,
        progress: Progress,
        memory: Memory,
        narrator: Narrator,
        clock: Clock,
        end_by: float,
        wait_lock: float = 0.0,
        may_post: bool = True,
        origin: str | None = None,
        in_flight: InFlight | None = None,
    ) -> None:
        self._target = target
        self._wait_lock = wait_lock
        self._may_post = may_post
        self._origin = origin
        self._platform = platform
        self._readings = readings
        self._poller = poller
        self._progress = progress
        self._memory = memory
        self._narrator = narrator
        self._clock = clock
        self._end_by = end_by
        self._obstacle: Readiness | None = None
        self._posted: Posted | None = None
        self._first_posted_at: float | None = None
        self._post_by: float | None = None
        self._looking_since = clock.monotonic()
        self._last_trace: Trace | None = None
        self.submitted_at: datetime | None = None
        self.in_doubt = False
        self.deadline = end_by
        self.left_out: frozenset[str] = frozenset()
        self.request_ids: frozenset[str] = frozenset()
        self.was_found = False
        if in_flight is not None:
            self._go_on_with(in_flight)

    def _go_on_with(self, in_flight: InFlight) -> None:
        intent = in_flight.intent
        self._begin(intent)
        # Whenever it was posted, it was before now: that is enough to know, and no clock has to be trusted for it.
        self._post_by = self.deadline
        self.deadline = max(self.deadline, self._clock.monotonic() + RESUME_GRACE)
        self._posted = Posted(baseline=intent.baseline, accepted=in_flight.accepted)
        self.in_doubt = not in_flight.accepted
        self.left_out = intent.left_out
        self.request_ids = in_flight.request_ids
        self.was_found = in_flight.found
        self._readings.server_clock.begin(intent.baseline.server_time, intent.posted_at, by_an_earlier_process=True)
        self._progress.recall(in_flight.sighting)

    async def make(self) -> Baseline | Settlement:
        """Get one restart accepted and give the baseline that it stands on, or say why there is none."""
        until: float | None = None
        while True:
            if self._posted is None:
                if not self._may_post:
                    return settlement.never_accepted()
                posted = await self._submit(until)
                if isinstance(posted, Settlement):
                    return posted
                self._posted = posted
            baseline = self._posted.baseline
            if self._posted.accepted:
                return baseline
            # What waits in the queue for a moment only must not come and go between two looks.
            found = await self._poller.poll(
                partial(self._look_for_it, baseline), until=self.deadline, at_any_price=True
            )
            if isinstance(found, Ended):
                return settlement.unconfirmed(found, looked_for=self._looked_for, saw=self._last_trace)
            if found:
                return baseline
            self._posted = None
            # The time that a late resume has to find out is no time to submit.
            until = self.deadline if self._post_by is None else self._post_by

    async def _submit(self, until: float | None) -> Posted | Settlement:
        """Post a restart as soon as nothing stands in the way, by `until` or for as long as policy is patient."""
        try:
            locked = await claim(
                self._memory, wait=self._wait_lock, until=self._end_by, clock=self._clock, narrator=self._narrator
            )
        except JournalError as error:
            return settlement.journal_unwritable(error)
        if locked is not None:
            return locked
        patience = self._target.policy.deadline
        if until is None:
            until = min(self._clock.monotonic() + patience, self._end_by)
        posted: Posted | Settlement | Ended = await self._poller.poll(
            partial(self._try, until), until=until, quiet=self._waits_for_others
        )
        if isinstance(posted, Ended):
            return settlement.never_started(
                posted,
                obstacle=self._obstacle,
                waited=patience,
                silent_for=self._poller.contact.silent_for,
                by_run=until == self._end_by,
            )
        return posted

    async def _try(self, until: float) -> Posted | Settlement | None:
        observation = await self._readings.statuses()
        if self._clock.monotonic() >= until:
            return (
                None  # The deadline bears the request that met it, and no more after that: nothing is submitted late.
            )
        readiness = assess(observation, self._target.services)
        self._obstacle = readiness if readiness.obstacle is not None else None
        if readiness.obstacle is Obstacle.STOPPED:
            if self._target.policy.on_stopped is OnStopped.FAIL:
                return settlement.blocked(readiness)
            if not readiness.running:
                return settlement.not_running(readiness)
        elif readiness.obstacle is not None:
            return self._wait_or_block(readiness)
        self.left_out = self._target.service_ids - {service.id for service in readiness.running}
        baseline = await self._take_baseline(observation, readiness.running)
        if baseline is None or self._clock.monotonic() >= until:
            return None
        return await self._post(baseline, readiness.running)

    def _waits_for_others(self) -> bool:
        return self._obstacle is not None and self._obstacle.obstacle is Obstacle.BUSY

    def _wait_or_block(self, readiness: Readiness) -> Settlement | None:
        if readiness.obstacle is Obstacle.BUSY and self._target.policy.on_busy is OnBusy.FAIL:
            return settlement.blocked(readiness)
        return None

    async def _take_baseline(self, observation: Observation, running: tuple[Service, ...]) -> Baseline | None:
        ids = [service.id for service in running]
        runs = await self._readings.history() if baseline_needs_history(observation, ids) else ()
        baseline = Baseline.of(observation, ids, runs, origin=self._origin)
        if not baseline.executions:
            # What runs has been deployed, so there is an execution that we are not being told: nothing could be proven.
            self._obstacle = Readiness(obstacle=Obstacle.UNREADABLE, running=running, affected=("no execution known",))
            return None
        self._readings.server_clock.begin(baseline.server_time, self._clock.monotonic())
        self._progress.note(observation)
        self._narrator.say(
            "baseline_read",
            services=len(ids),
            executions=sorted({status.execution_id or "unknown" for status in baseline.targets.values()}),
            history_read=bool(runs),
        )
        return baseline

    async def _post(self, baseline: Baseline, running: tuple[Service, ...]) -> Posted | Settlement | None:
        now = self._clock.monotonic()
        intent = Intent(
            baseline=baseline,
            left_out=self.left_out,
            # A second post, after the first was seen not to have arrived, gets no second deadline.
            posted_at=now if self._first_posted_at is None else self._first_posted_at,
            submitted_at=self._clock.now(),
        )
        try:
            self._memory.intend(intent)
        except JournalError as error:
            return settlement.journal_unwritable(error)
        self.in_doubt = True
        try:
            receipt = await self._platform.submit_restart(self._target.environment_id, running)
        except NOT_ACCEPTED as error:
            self.in_doubt = False
            self._memory.withdraw()
            return self._not_accepted(error, running)
        except PassingError as error:
            self._begin(intent)
            self._looking_since = self._clock.monotonic()
            self._narrator.warn("submit_unanswered", error=str(error), look_for_s=self._target.policy.invisible_for)
            return Posted(baseline=baseline, accepted=False)
        self._begin(intent)
        self._accepted(receipt.request_ids, found=False)
        self._narrator.say("restart_submitted", services=len(running), request_ids=sorted(receipt.request_ids))
        return Posted(baseline=baseline, accepted=True)

    def _not_accepted(self, error: PlatformError, running: tuple[Service, ...]) -> Settlement | None:
        """Say what an error means that left nothing behind. Raises it again where the poll deals with it."""
        if isinstance(error, BusyError):
            self._obstacle = Readiness(obstacle=Obstacle.BUSY, running=running, affected=(str(error),))
            return self._wait_or_block(self._obstacle)
        if isinstance(error, RefusedError | NotFoundError):
            return settlement.refused(error)
        raise error

    def _begin(self, intent: Intent) -> None:
        self._first_posted_at = intent.posted_at
        self.deadline = min(intent.posted_at + self._target.policy.deadline, self._end_by)
        self.submitted_at = intent.submitted_at
        self._progress.begin(intent.baseline, at=intent.posted_at)

    def _accepted(self, request_ids: frozenset[str], *, found: bool) -> None:
        self.in_doubt = False
        self.request_ids = request_ids
        self.was_found = found
        self._memory.accept(request_ids, found=found)

    @property
    def _looked_for(self) -> float:
        return self._clock.monotonic() - self._looking_since

    async def _look_for_it(self, baseline: Baseline) -> bool | None:
        """Look for a post whose answer was lost. True: accepted. False: it never arrived. None: it cannot be told."""
        looked_for = self._looked_for
        observation = await self._readings.statuses()
        self._progress.note(observation)
        if self._clock.monotonic() >= self.deadline:
            return None
        # The queue first: a request that begins to run between the two reads is then seen twice, and not missed twice.
        queue = await self._readings.queue()
        if self._clock.monotonic() >= self.deadline:
            return None
        runs = await self._readings.history()
        found = search(self._readings.dated(baseline), observation, runs, queue)
        self._reason(found, looked_for, queue=len(queue))
        if found.trace is Trace.OURS:
            self._accepted(found.request_ids, found=True)
            self._narrator.say("submit_found", after_s=round(looked_for, 1), request_ids=sorted(found.request_ids))
            return True
        if found.trace is not Trace.NOTHING or looked_for < self._target.policy.invisible_for:
            return None
        self.in_doubt = False
        self.submitted_at = None
        self._memory.withdraw()
        self._narrator.warn("submit_not_found", after_s=round(looked_for, 1))
        return False

    def _reason(self, found: Search, looked_for: float, *, queue: int) -> None:
        """Log what a look has shown, where that is news."""
        if found.trace is not self._last_trace:
            self._last_trace = found.trace
            self._narrator.say("submit_looked_for", found=found.trace.value, queue=queue, after_s=round(looked_for, 1))
