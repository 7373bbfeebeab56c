"""Lets environments in as far as the quota bears: each only when everything that it is expected to take is there."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from structlog.typing import FilteringBoundLogger

from orchestrator.domain.costs import Cost
from orchestrator.domain.plan import Target
from orchestrator.ports import Clock
from orchestrator.qovery.feed import Feed
from orchestrator.qovery.quota import Quota

LOOK_AGAIN = 30.0
"""Seconds after which one that waits sees whether it is still wanted, and whether there is room after all."""


class QuotaAdmission:
    """The port `Admission`, by the quota.

    Args:
        quota: what it costs is kept there.
        feed: where the jobs of those that were let in rest.
        costs: of each target, by its name.
        clock: the source of time.
        log: a logger with `run_id` bound.
    """

    def __init__(
        self, quota: Quota, feed: Feed, costs: Mapping[str, Cost], *, clock: Clock, log: FilteringBoundLogger
    ) -> None:
        self._quota = quota
        self._feed = feed
        self._costs = costs
        self._clock = clock
        self._log = log
        self._turnstile = asyncio.Lock()

    async def admit(
        self, target: Target, *, waiting: Callable[[], Sequence[Target]], until: float, wanted: Callable[[], bool]
    ) -> bool:
        """Wait until everything that a target is expected to take is there; False where that has not come to pass.

        One waits at a time, and for as much as many want, so that they begin together and share their looks.
        """
        cost = self._costs[target.name]
        async with self._turnstile:
            said = False
            while wanted() and (now := self._clock.monotonic()) < until:
                again = self._quota.try_to_admit(
                    target.environment_id,
                    cost,
                    wanted=lambda: self._of_all(target, *waiting()),
                    has_waited=said,
                )
                if not again:
                    return True
                if not said:
                    said = True
                    self._say(again - now, waiting=len(waiting()) + 1)
                await self._clock.sleep(min(again - now, LOOK_AGAIN, until - now))
        return False

    def _of_all(self, *targets: Target) -> float:
        return sum(self._costs[target.name].total for target in targets)

    def readmit(self, target: Target) -> None:
        """Keep what one still takes that was submitted by an earlier process."""
        self._quota.reserve(target.environment_id, self._costs[target.name])

    def release(self, target: Target) -> None:
        """Give back what one has not taken."""
        self._quota.release(target.environment_id)
        self._feed.leave(target.environment_id)

    def _say(self, pause: float, *, waiting: int) -> None:
        until = self._clock.now() + timedelta(seconds=pause)
        self._log.warning(
            "quota_paused",
            environments_waiting=waiting,
            requests_left=self._quota.room().left,
            pause_s=round(pause, 1),
            until=until.isoformat(timespec="seconds").replace("+00:00", "Z"),
        )
