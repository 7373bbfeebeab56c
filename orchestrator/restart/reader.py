"""Reads one environment: tracks contact, and retries reads that are unexpectedly refused."""

from collections.abc import Awaitable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from orchestrator.domain.observations import CLOCK_SKEW, Baseline, Observation, QueuedRequest, Run
from orchestrator.errors import MalformedAnswerError, NotFoundError, PlatformError, RefusedError
from orchestrator.ports import Clock, Lookout, Platform
from orchestrator.restart.polling import Contact

T = TypeVar("T")

NOT_FOUND_LIMIT = 3
"""After so many 404 in a row the environment counts as gone; a single one may come from a proxy."""


class ServerClock:
    """Notices when the platform's clock is set back, so that what it dates afterwards is not taken for older.

    Apart from latency, its clock should advance as much as ours, which never jumps. A clock that is set forward does no
    harm: what comes later is still dated later.

    Attributes:
        set_back: by how much in all, since `begin`.
        steady: whether it has run as ours since then.
        comparable: whether what the platform dates now can be compared with what it dated before.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: tuple[datetime, float] | None = None
        self.set_back = timedelta()
        self.steady = True
        self.comparable = True
        self._may_miss_time = False

    def begin(self, server_time: datetime | None, instant: float, *, by_an_earlier_process: bool = False) -> None:
        """Start counting at an instant at which the platform's clock showed `server_time`.

        Args:
            server_time: None if it is not known.
            instant: on our clock.
            by_an_earlier_process: then our clock may show too little time since, if the machine was rebooted and its
                wall clock is wrong.
        """
        self.set_back = timedelta()
        self.steady = True
        self.comparable = True
        self._may_miss_time = by_an_earlier_process
        self._last = None if server_time is None else (server_time, instant)

    def read(self, server_time: datetime | None, *, took: float) -> None:
        """Compare with what it shows now, in an answer that took `took` seconds."""
        if server_time is None:
            return
        now = self._clock.monotonic()
        if self._last is not None:
            before, then = self._last
            gained = server_time - before - timedelta(seconds=now - then)
            was_set_back = gained < -CLOCK_SKEW - timedelta(seconds=took)
            if was_set_back:
                self.set_back -= gained
            jumped = was_set_back or gained > CLOCK_SKEW
            self.steady = self.steady and not jumped
            if self._may_miss_time and jumped:
                # More time may have passed than we know, so it is unknown by how much that clock was set back.
                self.comparable = False
        self._may_miss_time = False
        self._last = (server_time, now)


class Reader:
    """Reads one environment.

    Attributes:
        server_clock: what the answers say of the platform's clock.

    Every method raises `PassingError` where looking again may help, `TokenRefusedError`, and `NotFoundError` once the
    environment is gone.
    """

    def __init__(
        self,
        platform: Platform,
        environment_id: str,
        contact: Contact,
        clock: Clock,
        lookout: Lookout | None = None,
    ) -> None:
        self._clock = clock
        self.server_clock = ServerClock(clock)
        self._platform = platform
        self._environment_id = environment_id
        self._contact = contact
        self._not_found = 0
        self._lookout = lookout

    async def statuses(self) -> Observation:
        """Read the statuses; only this counts as contact."""
        began = self._clock.monotonic()
        try:
            observation = await self._ask(self._platform.read_statuses(self._environment_id))
        except NotFoundError as error:
            self._not_found += 1
            if self._not_found >= NOT_FOUND_LIMIT:
                raise
            raise MalformedAnswerError(str(error), status=error.status) from error
        except PlatformError:
            self._not_found = 0
            raise
        self._not_found = 0
        self._contact.made()
        if self._lookout is not None:
            self._lookout.saw(observation)
        self.server_clock.read(observation.server_time, took=self._clock.monotonic() - began)
        if not self.server_clock.steady:
            # Dated before and after the clock jumped: the difference of two such dates is meaningless.
            observation = replace(observation, last_run_not_before=None)
        return observation

    def dated(self, baseline: Baseline) -> Baseline:
        """Return a baseline as dated by the platform's clock now, if that was set back since."""
        if not self.server_clock.comparable:
            return replace(baseline, server_time=None)
        baseline = replace(baseline, dates_doubtful=not self.server_clock.steady)
        return baseline.on_a_clock_set_back(self.server_clock.set_back)

    async def queue_and_history(self) -> tuple[Sequence[QueuedRequest], Sequence[Run]]:
        """Read the waiting requests, then the latest runs.

        In this order, a request that begins to run between the two reads is seen twice instead of missed twice.
        """
        queue = await self.queue()
        return queue, await self.history()

    async def queue_and_history_until(self, deadline: float) -> tuple[Sequence[QueuedRequest], Sequence[Run]] | None:
        """Do the same, but start no request after the deadline; return None if it passes first."""
        if self._clock.monotonic() >= deadline:
            return None
        queue = await self.queue()
        if self._clock.monotonic() >= deadline:
            return None
        return queue, await self.history()

    async def queue(self) -> Sequence[QueuedRequest]:
        """Read the waiting requests."""
        return await self._ask_aside(self._platform.read_queue(self._environment_id))

    async def history(self) -> Sequence[Run]:
        """Read the latest runs."""
        return await self._ask_aside(self._platform.find_runs(self._environment_id))

    async def _ask(self, answer: Awaitable[T]) -> T:
        try:
            return await answer
        except RefusedError as error:
            raise MalformedAnswerError(str(error), status=error.status) from error

    async def _ask_aside(self, answer: Awaitable[T]) -> T:
        try:
            return await self._ask(answer)
        except NotFoundError as error:
            raise MalformedAnswerError(str(error), status=error.status) from error
