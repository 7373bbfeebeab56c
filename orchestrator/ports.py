"""What a restart needs from outside, in the domain's verbs. Adapters implement these; tests write their own by hand."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from orchestrator.observations import Observation, QueuedRequest, Run, SubmitReceipt
from orchestrator.plan import Service


class Platform(Protocol):
    """The place where services are restarted.

    Every method may raise `PlatformError` in any of its forms. None tries again by itself and none sleeps: when to look
    again is the caller's to decide.
    """

    async def read_statuses(self, environment_id: str) -> Observation:
        """Read the one truthful picture of an environment."""
        ...

    async def find_runs(self, environment_id: str) -> Sequence[Run]:
        """Read the latest runs of an environment, finished and current."""
        ...

    async def read_queue(self, environment_id: str) -> Sequence[QueuedRequest]:
        """Read the requests that wait for their turn in an environment."""
        ...

    async def submit_restart(self, environment_id: str, services: Sequence[Service]) -> SubmitReceipt:
        """Submit one restart of all `services`.

        Not idempotent. Only `NotSentError`, `ThrottledError`, `NotFoundError`, `RefusedError` and `TokenRefusedError`
        say that nothing was accepted; after any other error it may have been.
        """
        ...

    async def cancel_request(self, request_id: str) -> None:
        """Cancel exactly one waiting request."""
        ...


class Clock(Protocol):
    """Time. Deadlines come from `monotonic`; `now` is for showing to people."""

    def monotonic(self) -> float:
        """Return seconds that never jump."""
        ...

    def now(self) -> datetime:
        """Return the wall clock's time, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Prober(Protocol):
    """Asks a URL how it is."""

    async def probe(self, url: str) -> int | str:
        """Return the HTTP status of a GET, or a few words on why there was none. Never raises for a failed probe."""
        ...
