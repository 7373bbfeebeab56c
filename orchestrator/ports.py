"""What a restart needs from outside, in the domain's verbs. Adapters implement these; tests write their own by hand."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from orchestrator.inflight import Holder, Intent, Sighting
from orchestrator.observations import Observation, QueuedRequest, Run, SubmitReceipt
from orchestrator.outcomes import EnvironmentResult
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

    async def cancel_run(self, environment_id: str) -> None:
        """Cancel whatever runs in an environment, ours or not: the caller has to know whose it is."""
        ...


class Journal(Protocol):
    """What must survive this process, about one environment of one run.

    A method returns when what it was told is safe, and raises `JournalError` where it is not.
    """

    def claim(self) -> Holder | None:
        """Take the environment for this run, unless another run that has not ended holds it: then return that one."""
        ...

    def intend(self, intent: Intent) -> None:
        """Write down a restart before it is posted."""
        ...

    def withdraw(self) -> None:
        """Write down that the restart last intended was not accepted."""
        ...

    def accept(self, request_ids: frozenset[str], *, found: bool = False) -> None:
        """Write down that it was, and what the platform calls its request where that is known.

        Args:
            request_ids: what it calls it.
            found: nobody has said so, but it was found there.
        """
        ...

    def see(self, sighting: Sighting) -> None:
        """Write down what has been seen of it."""
        ...

    def settle(self, result: EnvironmentResult) -> None:
        """Write down how the environment ended; it is free again."""
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
