"""One restart, accepted once: from the first look to an accepted submit, whatever is lost on the way."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from orchestrator import settlement
from orchestrator.errors import (
    BusyError,
    NotFoundError,
    NotSentError,
    PassingError,
    PlatformError,
    RefusedError,
    ThrottledError,
    TokenRefusedError,
)
from orchestrator.narrator import Narrator
from orchestrator.observations import Baseline, Observation, baseline_needs_history
from orchestrator.plan import OnBusy, OnStopped, Service, Target
from orchestrator.polling import Ended, Poller
from orchestrator.ports import Clock, Platform
from orchestrator.progress import Progress
from orchestrator.readiness import Obstacle, Readiness, assess
from orchestrator.readings import Readings
from orchestrator.settlement import Settlement
from orchestrator.verdict import never_arrived, was_accepted

NOT_ACCEPTED = (NotSentError, ThrottledError, NotFoundError, RefusedError, TokenRefusedError)
"""The errors of a submit that say that it had no effect. After any other it may have been accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A restart that was posted on top of `baseline`."""

    baseline: Baseline
    answered: bool


class Submission:
    """Submits one restart of a target.

    Attributes:
        submitted_at: when it was (first) posted, for people; None before.
        in_doubt: whether a post may or may not have been accepted.
        deadline: the instant by which the environment has to be settled; the run's own until something was posted.
        left_out: the ids of targets that do not run and that policy skips.
        request_ids: what the platform called our request, where it said so.
    """

    def __init__(
        self,
        target: Target,
        *,
        platform: Platform,
        readings: Readings,
        poller: Poller,
        progress: Progress,
        narrator: Narrator,
        clock: Clock,
        end_by: float,
    ) -> None:
        self._target = target
        self._platform = platform
        self._readings = readings
        self._poller = poller
        self._progress = progress
        self._narrator = narrator
        self._clock = clock
        self._end_by = end_by
        self._obstacle: Readiness | None = None
        self._posted_at: float | None = None
        self.submitted_at: datetime | None = None
        self.in_doubt = False
        self.deadline = end_by
        self.left_out: frozenset[str] = frozenset()
        self.request_ids: frozenset[str] = frozenset()

    async def make(self) -> Baseline | Settlement:
        """Get one restart accepted and give the baseline that it stands on, or say why there is none."""
        patience = self._target.policy.deadline
        until = min(self._clock.monotonic() + patience, self._end_by)
        while True:
            posted: Posted | Settlement | Ended = await self._poller.poll(partial(self._try, until), until=until)
            if isinstance(posted, Ended):
                return settlement.never_started(
                    posted,
                    obstacle=self._obstacle,
                    waited=patience,
                    silent_for=self._poller.contact.silent_for,
                    by_run=until == self._end_by,
                )
            if isinstance(posted, Settlement):
                return posted
            if posted.answered:
                return posted.baseline
            found = await self._poller.poll(partial(self._look_for_it, posted.baseline), until=self.deadline)
            if isinstance(found, Ended):
                return settlement.unconfirmed(found, looked_for=self._since_post)
            if found:
                return posted.baseline
            until = self.deadline

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

    def _wait_or_block(self, readiness: Readiness) -> Settlement | None:
        if readiness.obstacle is Obstacle.BUSY and self._target.policy.on_busy is OnBusy.FAIL:
            return settlement.blocked(readiness)
        return None

    async def _take_baseline(self, observation: Observation, running: tuple[Service, ...]) -> Baseline | None:
        ids = [service.id for service in running]
        runs = await self._readings.history() if baseline_needs_history(observation, ids) else ()
        baseline = Baseline.of(observation, ids, runs)
        if not baseline.executions:
            # What runs has been deployed, so there is an execution that we are not being told: nothing could be proven.
            self._obstacle = Readiness(obstacle=Obstacle.UNREADABLE, running=running, affected=("no execution known",))
            return None
        self._progress.note(observation)
        self._narrator.say(
            "baseline_read",
            services=len(ids),
            executions=sorted({status.execution_id or "unknown" for status in baseline.targets.values()}),
            history_read=bool(runs),
        )
        return baseline

    async def _post(self, baseline: Baseline, running: tuple[Service, ...]) -> Posted | Settlement | None:
        self.in_doubt = True
        try:
            receipt = await self._platform.submit_restart(self._target.environment_id, running)
        except NOT_ACCEPTED as error:
            self.in_doubt = False
            return self._not_accepted(error, running)
        except PassingError as error:
            self._begin(baseline)
            self._narrator.warn("submit_unanswered", error=str(error), look_for_s=self._target.policy.invisible_for)
            return Posted(baseline=baseline, answered=False)
        self._begin(baseline)
        self.in_doubt = False
        self.request_ids = receipt.request_ids
        self._narrator.say("restart_submitted", services=len(running), request_ids=sorted(receipt.request_ids))
        return Posted(baseline=baseline, answered=True)

    def _not_accepted(self, error: PlatformError, running: tuple[Service, ...]) -> Settlement | None:
        """Say what an error means that left nothing behind. Raises it again where the poll deals with it."""
        if isinstance(error, BusyError):
            self._obstacle = Readiness(obstacle=Obstacle.BUSY, running=running, affected=(str(error),))
            return self._wait_or_block(self._obstacle)
        if isinstance(error, RefusedError | NotFoundError):
            return settlement.refused(error)
        raise error

    def _begin(self, baseline: Baseline) -> None:
        now = self._clock.monotonic()
        if self._posted_at is None:
            # A second post, after the first was seen not to have arrived, gets no second deadline.
            self.deadline = min(now + self._target.policy.deadline, self._end_by)
        self._posted_at = now
        self.submitted_at = self._clock.now()
        self._progress.begin(baseline)

    @property
    def _since_post(self) -> float:
        return 0.0 if self._posted_at is None else self._clock.monotonic() - self._posted_at

    async def _look_for_it(self, baseline: Baseline) -> bool | None:
        """Look for a post whose answer was lost. True: accepted. False: it never arrived. None: not to be seen yet."""
        looked_for = self._since_post
        observation = await self._readings.statuses()
        self._progress.note(observation)
        if self._clock.monotonic() >= self.deadline:
            return None
        # The queue first: a request that begins to run between the two reads is then seen twice, and not missed twice.
        queue, runs = await self._readings.queue(), await self._readings.history()
        if was_accepted(baseline, observation, runs, queue):
            self.in_doubt = False
            self._narrator.say("submit_found", after_s=round(looked_for, 1))
            return True
        if looked_for < self._target.policy.invisible_for or not never_arrived(baseline, observation, runs, queue):
            return None
        self.in_doubt = False
        self.submitted_at = None
        self._narrator.warn("submit_not_found", after_s=round(looked_for, 1))
        return False
