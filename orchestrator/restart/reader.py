"""Reads one environment: tracks contact, and turns unexpected refusals into passing faults."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from orchestrator.domain.observations import Baseline, Observation, QueuedRequest, Run, last_reading
from orchestrator.errors import MalformedAnswerError, NotFoundError, PassingError, PlatformError, RefusedError
from orchestrator.ports import Clock, Lookout, Platform
from orchestrator.restart.polling import Contact, answered_within

T = TypeVar("T")

PAGE = 20
"""The runs that the history shows by default."""
LONGEST_PAGE = 100
"""The most runs that are asked for."""
NOT_FOUND_LIMIT = 3
"""After so many 404 in a row the environment counts as gone; a single one may come from a proxy."""


class Reader:
    """Reads one environment.

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
        self._platform = platform
        self._environment_id = environment_id
        self._contact = contact
        self._not_found = 0
        self._lookout = lookout

    async def statuses(self) -> Observation:
        """Read the statuses."""
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
        return observation

    async def queue_and_history(self) -> tuple[Sequence[QueuedRequest], Sequence[Run]]:
        """Read the waiting requests, then the latest runs.

        In this order, a request that begins to run between the two reads is seen twice instead of missed twice.
        """
        queue = await self.queue()
        return queue, await self.history()

    async def history_or_contact(
        self, baseline: Baseline, *, until: float, note: Callable[[Observation], None]
    ) -> Sequence[Run]:
        """Read the history; if that fails, read the statuses, and raise what the history failed with.

        The statuses cannot prove how a restart ended; but they show how far it has got, and that there is contact.

        Args:
            baseline: to which the history has to reach back.
            until: the deadline, after which no other request is sent.
            note: told of the statuses.
        """
        try:
            return await self.history(baseline)
        except (PassingError, NotFoundError):
            observation = await self.statuses_until(until)
            if observation is not None:
                note(observation)
            raise

    async def statuses_until(self, deadline: float) -> Observation | None:
        """Read the statuses, unless a deadline has passed: the request in flight then may finish, no other is sent."""
        return await self.statuses() if self._clock.monotonic() < deadline else None

    async def queue_until(self, deadline: float) -> Sequence[QueuedRequest] | None:
        """Read the waiting requests, unless a deadline has passed."""
        return await self.queue() if self._clock.monotonic() < deadline else None

    async def queue(self) -> Sequence[QueuedRequest]:
        """Read the waiting requests."""
        return await self._ask_aside(self._platform.read_queue(self._environment_id))

    async def history(self, baseline: Baseline | None = None) -> Sequence[Run]:
        """Read the latest runs; more of them if those do not reach back to `baseline`."""
        runs = await self._ask_aside(self._platform.find_runs(self._environment_id))
        if baseline is not None and len(runs) >= PAGE and not baseline.ordered_by(runs).reached_by(runs):
            runs = await self._ask_aside(self._platform.find_runs(self._environment_id, at_most=LONGEST_PAGE))
        self._contact.made()
        if self._lookout is not None:
            self._lookout.saw(last_reading(self._environment_id, runs))
        return runs

    async def _ask(self, answer: Awaitable[T]) -> T:
        try:
            return await answered_within(answer, self._contact.patience)
        except RefusedError as error:
            raise MalformedAnswerError(str(error), status=error.status) from error

    async def _ask_aside(self, answer: Awaitable[T]) -> T:
        try:
            return await self._ask(answer)
        except NotFoundError as error:
            raise MalformedAnswerError(str(error), status=error.status) from error
