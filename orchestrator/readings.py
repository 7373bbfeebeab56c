"""The platform as one job reads it: contact is kept account of, and odd refusals of a read are faults that may pass."""

from collections.abc import Awaitable, Sequence
from typing import TypeVar

from orchestrator.errors import MalformedAnswerError, NotFoundError, PlatformError, RefusedError
from orchestrator.observations import Observation, QueuedRequest, Run
from orchestrator.polling import Contact
from orchestrator.ports import Platform

T = TypeVar("T")

NOT_FOUND_LIMIT = 3
"""How many 404 in a row mean that the environment is gone; a single one may come from a proxy on the way."""


class Readings:
    """Reads one environment.

    Every method raises `PassingError` where looking again may help, `TokenRefusedError`, and `NotFoundError` once the
    environment is gone.
    """

    def __init__(self, platform: Platform, environment_id: str, contact: Contact) -> None:
        self._platform = platform
        self._environment_id = environment_id
        self._contact = contact
        self._not_found = 0

    async def statuses(self) -> Observation:
        """Read the statuses; a success is what counts as contact."""
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
        return observation

    async def history(self) -> Sequence[Run]:
        """Read the latest runs."""
        return await self._ask_aside(self._platform.find_runs(self._environment_id))

    async def queue(self) -> Sequence[QueuedRequest]:
        """Read the waiting requests."""
        return await self._ask_aside(self._platform.read_queue(self._environment_id))

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
