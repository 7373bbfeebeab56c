"""What a restart needs from outside, in the domain's verbs. Adapters implement these; tests write their own by hand."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from orchestrator.domain.observations import Observation, QueuedRequest, Run, SubmitReceipt
from orchestrator.domain.outcomes import EnvironmentResult
from orchestrator.domain.plan import Service, Target
from orchestrator.domain.records import Holder, Intent, Sighting, StoredEnvironment


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


class Contact(Protocol):
    """How long ago the platform last gave a usable answer."""

    def made(self) -> None:
        """Note a usable answer."""
        ...

    @property
    def worth_a_look_at(self) -> float:
        """The instant by which to look, so that there is time to try again before contact is lost."""
        ...


class Lookout(Protocol):
    """Where a job rests between two looks at its environment. It says when to look, and never what is true."""

    def saw(self, observation: Observation) -> None:
        """Note what the job's last look has shown."""
        ...

    async def pause(self, seconds: float, *, until: float) -> float:
        """Wait for `seconds`, or longer where requests have to be saved, but for that not past an instant.

        Returns:
            How many seconds were waited to save requests.
        """
        ...

    async def rest(self, seconds: float, *, until: float, interval: Callable[[], float], contact: Contact) -> float:
        """Wait until a look may show something new.

        Args:
            seconds: how long to wait, where nobody looks along.
            until: an instant past which not to wait, even if requests have to be saved.
            interval: how long to wait for the next look that is shared, each time.
            contact: told of the answers to looks that are shared; says by when to look where there are none.

        Returns:
            How many seconds were waited to save requests.
        """
        ...


class Admission(Protocol):
    """Lets environments in when what they cost is there."""

    async def admit(
        self, target: Target, *, waiting: Callable[[], Sequence[Target]], until: float, wanted: Callable[[], bool]
    ) -> bool:
        """Wait until a target may begin; False where that has not come to pass.

        Args:
            target: what is to begin.
            waiting: says what would begin after it.
            until: an instant past which not to wait.
            wanted: whether it still is to begin.
        """
        ...

    def readmit(self, target: Target) -> None:
        """Let in at once what has begun before."""
        ...

    def release(self, target: Target) -> None:
        """Note that it has come to its end."""
        ...


class Journal(Protocol):
    """What must survive this process, about one environment of one run.

    A method returns when what it was told is safe, and raises `JournalError` where it is not.
    """

    async def claim(self) -> Holder | None:
        """Take the environment for this run, unless another run that has not ended holds it: then return that one."""
        ...

    async def intend(self, intent: Intent) -> None:
        """Write down a restart before it is posted."""
        ...

    async def withdraw(self) -> None:
        """Write down that the restart last intended was not accepted."""
        ...

    async def accept(self, request_ids: frozenset[str], *, found: bool = False) -> None:
        """Write down that it was, and what the platform calls its request where that is known.

        Args:
            request_ids: what it calls it.
            found: nobody has said so, but it was found there.
        """
        ...

    async def see(self, sighting: Sighting) -> None:
        """Write down what has been seen of it."""
        ...

    async def settle(self, result: EnvironmentResult) -> None:
        """Write down how the environment ended; it is free again."""
        ...


class RunJournal(Protocol):
    """What must survive this process, about the one run that it works on.

    Instants are those of this process's clock. Where a write is not possible, or the run has been taken over by another
    process, a method raises `JournalError`, unless it says otherwise.
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
        """The command that resumes the run; None where there is nothing that could be."""
        ...

    async def environments(self) -> Sequence[StoredEnvironment]:
        """Return every environment of the run, as far as it had come, in the plan's order."""
        ...

    def page(self, name: str) -> Journal:
        """Return the journal of one environment."""
        ...

    def note_request(self) -> None:
        """Count a request that is about to be sent. It must not delay it: where it cannot be written, it is not."""
        ...

    async def beat(self) -> None:
        """Give a sign of life. Where it cannot be written, it is missed, and the next one may do."""
        ...

    async def close(
        self, results: Sequence[EnvironmentResult] | None, *, outcome: str, exit_code: int, report: str
    ) -> None:
        """Write down that no process works on the run any more.

        Args:
            results: every environment's, where nothing is left to do: none is held any more. Those that were never
                begun, and those that could not be written, come so. None where the run was cut off.
            outcome: of the run.
            exit_code: of the process.
            report: in JSON.
        """
        ...

    async def release(self) -> None:
        """Let another process take the run over, whatever could be written. Never raises."""
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
