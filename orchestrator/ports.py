"""The interfaces that restarts and runs depend on. Adapters implement them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from orchestrator.domain.alerts import AlertReading
from orchestrator.domain.notices import NoticeKind, RunEnd, Undelivered
from orchestrator.domain.observations import Observation, QueuedRequest, Run, SubmitReceipt
from orchestrator.domain.outcomes import EnvironmentResult, Refusal
from orchestrator.domain.plan import Service, Target
from orchestrator.domain.records import Holder, Intent, Sighting, StoredEnvironment


class Platform(Protocol):
    """The platform that restarts services.

    Every method may raise any `PlatformError`. No method retries or sleeps: the caller decides when to read again.
    """

    async def read_statuses(self, environment_id: str) -> Observation:
        """Read an environment's current statuses."""
        ...

    async def find_runs(self, environment_id: str, *, at_most: int = 20) -> Sequence[Run]:
        """Read the latest runs of an environment, finished and current, newest first as far as is known."""
        ...

    async def read_queue(self, environment_id: str) -> Sequence[QueuedRequest]:
        """Read the requests that wait in an environment's queue."""
        ...

    async def submit_restart(self, environment_id: str, services: Sequence[Service]) -> SubmitReceipt:
        """Submit one restart of all `services`.

        Not idempotent. `NotSentError`, and a `ThrottledError` without a status, mean that nothing was sent. After any
        other error it may have been accepted: a refusal can be the answer to a second delivery by a proxy.
        """
        ...

    async def cancel_request(self, request_id: str) -> None:
        """Cancel exactly one waiting request."""
        ...

    async def cancel_run(self, environment_id: str) -> None:
        """Cancel whatever runs in an environment, ours or not: the caller has to check first."""
        ...


class Contact(Protocol):
    """How long ago the platform last gave a usable answer."""

    def made(self) -> None:
        """Note a usable answer."""
        ...

    @property
    def worth_a_look_at(self) -> float:
        """The instant by which to look, to leave time for retries before contact is lost."""
        ...


class Lookout(Protocol):
    """Where a job waits between two looks at its environment. It decides how long, and never affects a verdict."""

    def saw(self, observation: Observation) -> None:
        """Note what the job's own last look showed."""
        ...

    async def pause(self, seconds: float, *, until: float) -> float:
        """Wait for `seconds`, longer to save requests, but for that no later than `until`.

        Returns:
            The seconds that were added to save requests.
        """
        ...

    async def rest(self, seconds: float, *, until: float, interval: Callable[[], float], contact: Contact) -> float:
        """Wait until a look may show something new.

        Args:
            seconds: how long to wait if looks are not shared.
            until: the instant at which to stop waiting, even if requests have to be saved.
            interval: returns how long to wait for the next shared look.
            contact: told of the answers to shared looks; decides by when to look if there are none.

        Returns:
            The seconds that were added to save requests.
        """
        ...


class Admission(Protocol):
    """Admits environments when the requests that they need are available."""

    async def admit(
        self, target: Target, *, waiting: Callable[[], Sequence[Target]], until: float, wanted: Callable[[], bool]
    ) -> bool:
        """Wait until a target may begin; return False if it must not begin after all.

        Args:
            target: the environment that is to begin.
            waiting: returns the targets that would begin after it.
            until: the instant at which to stop waiting.
            wanted: returns False once it must not begin any more.
        """
        ...

    def readmit(self, target: Target) -> None:
        """Admit at once a target that has begun in an earlier process."""
        ...

    def release(self, target: Target) -> None:
        """Note that a target has ended."""
        ...


class Permission(Protocol):
    """Says whether a restart may begin by the time of day: windows and blackouts. What is in flight needs none."""

    def refusal(self, target: Target) -> Refusal | None:
        """Return why a target must not begin now; None if it may."""
        ...


class Journal(Protocol):
    """The durable record of one environment of one run.

    A method returns when its write is durable, and raises `JournalError` if it cannot be written.
    """

    async def claim(self) -> Holder | None:
        """Hold the environment for this run; if another run that has not ended holds it, return that one."""
        ...

    async def intend(self, intent: Intent) -> None:
        """Write a restart before it is posted."""
        ...

    async def withdraw(self) -> None:
        """Write that the last intended restart was not accepted."""
        ...

    async def accept(self, request_ids: frozenset[str], *, found: bool = False) -> None:
        """Write that it was accepted.

        Args:
            request_ids: the ids of the request, if the platform returned any.
            found: whether its acceptance was inferred, because the answer was lost.
        """
        ...

    async def see(self, sighting: Sighting) -> None:
        """Write what has been seen of it."""
        ...

    async def settle(self, result: EnvironmentResult) -> None:
        """Write how the environment ended, and release it."""
        ...


class RunJournal(Protocol):
    """The durable record of the one run that this process works on.

    Instants are on this process's clock. If something cannot be written, or another process has taken the run over, a
    method raises `JournalError`, unless it says otherwise.
    """

    @property
    def began(self) -> float:
        """The instant at which the run started; it may lie before the clock's zero."""
        ...

    @property
    def end_by(self) -> float:
        """The run's deadline."""
        ...

    @property
    def resume_command(self) -> str | None:
        """The command that resumes the run; None if it cannot be resumed."""
        ...

    async def environments(self) -> Sequence[StoredEnvironment]:
        """Return every environment of the run, in the plan's order."""
        ...

    def page(self, name: str) -> Journal:
        """Return the journal of one environment."""
        ...

    def note_request(self) -> None:
        """Count a request that is about to be sent. Never raises, and never delays the request."""
        ...

    async def beat(self) -> None:
        """Write a heartbeat. Never raises: the next one may succeed."""
        ...

    async def close(
        self, results: Sequence[EnvironmentResult] | None, *, outcome: str, exit_code: int, report: str
    ) -> None:
        """Write that no process works on the run any more.

        Args:
            results: the result of every environment, if nothing is left to do: missing ones are written, and every
                environment is released. None if the run was interrupted.
            outcome: of the run.
            exit_code: of the process.
            report: in JSON.
        """
        ...

    async def release(self) -> None:
        """Let another process take the run over. Never raises."""
        ...


class Clock(Protocol):
    """Time. Deadlines are based on `monotonic`; `now` is for users."""

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
    """Checks the health of a URL."""

    async def probe(self, url: str, *, within: float) -> int | str:
        """Return the HTTP status of a GET, or a short reason why there is none `within` so many seconds.

        Never raises for a failed probe.
        """
        ...


class AlertSource(Protocol):
    """Knows which alerts are firing."""

    async def read(self) -> AlertReading:
        """Ask. Never raises: that it is not known is an answer, too."""
        ...


class Gate(Protocol):
    """Says whether environments may begin. It is asked before each wave."""

    async def refusal(self, *, until: float) -> Refusal | None:
        """Return why none may begin, perhaps after waiting for that to pass; None if they may.

        It waits no longer than `until`. A refusal is final for the run.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of one notice."""

    kind: NoticeKind
    to: str
    """All that may be shown of where it went: a host, or a file."""
    problem: Undelivered | None = None
    words: str = ""
    """What happened, in a few words without secrets."""


class Notices(Protocol):
    """Tells others about runs. No method raises; each may take as long as the network does: callers have a deadline."""

    async def started(self, run_id: str) -> Sequence[Delivery]:
        """Tell that a run has begun."""
        ...

    def ended(self, end: RunEnd) -> Sequence["Notice"]:
        """Return what there is to tell of a run that has ended."""
        ...

    async def skipped(self, text: str) -> Sequence[Delivery]:
        """Tell that nothing had to run."""
        ...

    async def missed(self, text: str) -> Sequence[Delivery]:
        """Tell that what should have run did not."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing to tell: where, and how."""

    kind: NoticeKind
    to: str
    """All that may be shown of where it goes."""
    send: Callable[[], Awaitable[Delivery]]
