"""From an accepted submit to a settlement: read, judge, and where the statuses leave a doubt, ask the history."""

from dataclasses import replace
from functools import partial

from orchestrator.domain.costs import expected_duration
from orchestrator.domain.inflight import Sighting
from orchestrator.domain.observations import Baseline, Observation
from orchestrator.domain.outcomes import Reason
from orchestrator.domain.ownership import raise_baseline
from orchestrator.domain.plan import Target
from orchestrator.domain.verdict import Finding, ServiceVerdict, Verdict, confirm, judge, seen_running, shows_activity
from orchestrator.ports import Clock
from orchestrator.restart import settlement
from orchestrator.restart.memory import Memory
from orchestrator.restart.narrator import Narrator
from orchestrator.restart.polling import Ended, Poller
from orchestrator.restart.progress import Progress
from orchestrator.restart.readings import Readings
from orchestrator.restart.settlement import Settlement

CONFIRM_AGAIN = 30.0
"""Seconds after which a doubt that has not changed is worth another look into the history."""
FIRST_LOOK = 5.0
"""Seconds from a submit to the first look, which shows what was accepted at work, if nobody looks along."""
A_LITTLE_LATER = 1.15
"""After the expected time times this, most of those are over, too, that were not when it was up."""
OVERDUE_AFTER = 60.0
"""Seconds after the expected end of a restart of which nothing has been seen: then the history is asked."""
ABSENT_FOR = 60.0
"""Seconds for which a restart that had been seen must stay absent before it counts as gone."""

CANCELLED_FOR = 3.0
"""The same, where we have taken our request out of the queue ourselves."""
NOTHING_SEEN = Sighting()


class Proof:
    """Looks for the evidence of one restart.

    Attributes:
        verdicts: the last verdict on each target.
    """

    def __init__(
        self,
        target: Target,
        *,
        readings: Readings,
        poller: Poller,
        progress: Progress,
        memory: Memory,
        narrator: Narrator,
        clock: Clock,
        seen_before: Sighting = NOTHING_SEEN,
    ) -> None:
        self._target = target
        self._readings = readings
        self._poller = poller
        self._progress = progress
        self._memory = memory
        self._narrator = narrator
        self._clock = clock
        self._until = float("inf")
        self._seen_running = seen_before.seen_running
        self._was_seen = seen_before.was_seen
        self._not_ours = seen_before.not_ours
        self._last_doubt: object = None
        self._last_confirm = float("-inf")
        self._absent_since: float | None = None
        self._absent_for: Reason | None = None
        self._absence: float | None = None
        self._quiet = True
        self._overdue = False
        self._newer = False
        self.verdicts: dict[str, ServiceVerdict] = {}

    async def find(
        self, baseline: Baseline, *, request_ids: frozenset[str] = frozenset(), until: float
    ) -> Settlement | Ended:
        """Look until the restart has settled, or time is up, or contact is lost.

        Args:
            baseline: what it stands on.
            request_ids: what the platform called our request, where it said so.
            until: the instant of the last look.
        """
        self._until = until
        expected = expected_duration(len(baseline.targets))
        posted = self._clock.monotonic() - (self._progress.elapsed or 0.0)
        return await self._poller.poll(
            partial(self._look, baseline, request_ids),
            until=until,
            likely=(posted + FIRST_LOOK, posted + expected, posted + expected * A_LITTLE_LATER),
            quiet=lambda: self._quiet,
        )

    def expect_nothing(self) -> None:
        """Take it that our request was cancelled by ourselves: what is absent then needs no long absence."""
        self._absence = CANCELLED_FOR

    def raised(self, baseline: Baseline) -> Baseline:
        """Return `baseline` with everything known that was found to be somebody else's."""
        return baseline.raised(self._not_ours)

    async def _look(self, baseline: Baseline, request_ids: frozenset[str]) -> Settlement | None:
        self._quiet = False
        observation = await self._readings.statuses()
        self._progress.note(observation)
        baseline = self._without_others(self._readings.dated(self.raised(baseline)), observation, request_ids)
        self._seen_running |= seen_running(baseline, observation)
        verdict = judge(baseline, observation, seen_running=self._seen_running)
        self._was_seen = self._was_seen or shows_activity(baseline, observation)
        self._memory.see(
            replace(
                self._progress.sighting(),
                seen_running=self._seen_running,
                was_seen=self._was_seen,
                not_ours=self._not_ours,
            )
        )
        self.verdicts.update(verdict.services)
        if verdict.settled:
            return settlement.by_verdict(verdict, self._target)
        self._overdue = self._is_overdue(baseline)
        self._newer = observation.last_execution_id is not None and baseline.is_new(observation.last_execution_id)
        self._quiet = verdict.doubt is None and not self._is_gone(verdict)
        doubt = (verdict.doubt, frozenset(observation.services.values()))
        if not self._worth_confirming(verdict, doubt):
            return None
        # The queue first: a request that begins to run between the two reads is then seen twice, and not missed twice.
        queue = await self._readings.queue()
        if self._clock.monotonic() >= self._until:
            return None
        confirmed = confirm(baseline, observation, await self._readings.history(), queue)
        self._last_doubt, self._last_confirm = doubt, self._clock.monotonic()
        self._narrator.say(
            "history_read",
            doubt=verdict.doubt.value if verdict.doubt is not None else "our restart ought to be seen, and is not",
            finding=confirmed.finding.value,
        )
        if not confirmed.finding.final and not self._gone_for_good(confirmed, explained=verdict.doubt is not None):
            return None
        # What the statuses have proven stays so, whatever the history cannot tell apart.
        services = {**confirmed.services, **{name: each for name, each in self.verdicts.items() if _is_proven(each)}}
        self.verdicts = services
        confirmed = replace(confirmed, services=services)
        missing = baseline.targets.keys() - observation.services.keys()
        return settlement.by_verdict(confirmed, self._target, missing=sorted(missing))

    def _without_others(self, baseline: Baseline, observation: Observation, request_ids: frozenset[str]) -> Baseline:
        """Let nothing count that is at work while our own request still waits."""
        raised = raise_baseline(baseline, observation, request_ids)
        others = raised.executions - baseline.executions
        if others:
            self._not_ours |= others
            self._narrator.say("others_at_work", executions=sorted(others))
        return raised

    def _worth_confirming(self, verdict: Verdict, doubt: object) -> bool:
        """Tell whether there is a doubt, and whether it is a new one or has been left alone for a while."""
        if verdict.doubt is None and not self._is_gone(verdict):
            self._absent_since = None
            return False
        now = self._clock.monotonic()
        if now >= self._until:
            return False  # The deadline bears the request that met it, and no more after that.
        again = CONFIRM_AGAIN if self._absence is None else self._absence
        return doubt != self._last_doubt or now >= self._last_confirm + again

    def _is_gone(self, verdict: Verdict) -> bool:
        if verdict.finding is not Finding.NOT_BEGUN:
            return False
        return self._explained or self._overdue

    @property
    def _explained(self) -> bool:
        """Whether there is a reason to think that nothing is left to be seen, besides its taking long.

        A newer run is one: if it was cancelled before it touched anything, the services are as they were.
        """
        return self._was_seen or self._newer or self._absence is not None

    def _is_overdue(self, baseline: Baseline) -> bool:
        return (self._progress.elapsed or 0.0) > expected_duration(len(baseline.targets)) + OVERDUE_AFTER

    def _gone_for_good(self, verdict: Verdict, *, explained: bool) -> bool:
        """Tell whether a restart has stayed absent for so long that it will not show any more.

        Args:
            verdict: with the history.
            explained: whether the statuses gave a reason to ask it.
        """
        if verdict.finding is not Finding.ABSENT or not (explained or self._explained):
            self._absent_since = None
            return False
        now = self._clock.monotonic()
        if self._absent_since is None or verdict.reason is not self._absent_for:
            # What only one reading leaves out must stay out, too, before it is given for the reason.
            self._absent_since, self._absent_for = now, verdict.reason
        # What was never seen may only be late; what was seen and is gone does not come back.
        absence = ABSENT_FOR if self._was_seen else self._target.policy.invisible_for
        return now >= self._absent_since + (absence if self._absence is None else self._absence)


def _is_proven(verdict: ServiceVerdict) -> bool:
    return verdict.finding is Finding.SUCCEEDED and verdict.doubt is None
