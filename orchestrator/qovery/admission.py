"""Admits environments as the quota allows: each one only when all the requests that it is expected to need are left."""

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
"""Seconds after which a waiting environment checks whether it is still wanted, and whether there is room now."""


class QuotaAdmission:
    """The port `Admission`, based on the quota.

    Args:
        quota: reserves the requests of each admitted environment.
        feed: where the jobs of admitted environments rest.
        costs: the cost of each target, by its name.
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
        self._lock = asyncio.Lock()

    async def admit(
        self, target: Target, *, waiting: Callable[[], Sequence[Target]], until: float, wanted: Callable[[], bool]
    ) -> bool:
        """Wait until all the requests that a target is expected to need are left; return False if it was not admitted.

        One target waits at a time, and for room for many of those behind it, so that they start together and share
        their looks.
        """
        cost = self._costs[target.name]
        async with self._lock:
            has_waited = False
            while wanted() and (now := self._clock.monotonic()) < until:
                retry_at = self._quota.try_to_admit(
                    target.environment_id,
                    cost,
                    wanted=lambda: self._total_cost(target, *waiting()),
                    has_waited=has_waited,
                )
                if not retry_at:
                    return True
                if not has_waited:
                    has_waited = True
                    self._log_pause(retry_at - now, waiting=len(waiting()) + 1)
                await self._clock.sleep(min(retry_at - now, LOOK_AGAIN, until - now))
        return False

    def _total_cost(self, *targets: Target) -> float:
        return sum(self._costs[target.name].total for target in targets)

    def readmit(self, target: Target) -> None:
        """Reserve what an environment still needs that an earlier process submitted."""
        self._quota.reserve(target.environment_id, self._costs[target.name])

    def release(self, target: Target) -> None:
        """Release what an environment did not use."""
        self._quota.release(target.environment_id)
        self._feed.leave(target.environment_id)

    def _log_pause(self, pause: float, *, waiting: int) -> None:
        until = self._clock.now() + timedelta(seconds=pause)
        self._log.warning(
            "quota_paused",
            environments_waiting=waiting,
            requests_left=self._quota.room().left,
            pause_s=round(pause, 1),
            until=until.isoformat(timespec="seconds").replace("+00:00", "Z"),
        )
