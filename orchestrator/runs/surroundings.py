"""What a schedule is kept with, and what is told of each of its occurrences."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.config import Config
from orchestrator.domain.outcomes import ExitCode
from orchestrator.ports import Clock
from orchestrator.reports.model import RunReport
from orchestrator.runs.interruption import Interruption
from orchestrator.runs.rehearsal import Rehearsal
from orchestrator.runs.session import Session
from orchestrator.schedules import Action, Decision
from orchestrator.systemd import ServiceManager

_CODES = {Action.MISSED: ExitCode.BLOCKED, Action.FAILED: ExitCode.USAGE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of an occurrence, or of a run that was cut off before."""

    decision: Decision | None
    """What was decided; None of a run that was resumed."""
    exit_code: ExitCode
    """The run's. Without one: 5 of a missed occurrence, 2 of a broken file, 0 of one that does not begin on purpose."""
    due: str | None = None
    """The occurrence in the schedule's zone, for users."""
    coming: str | None = None
    """The next one."""
    until: str | None = None
    """When the blackout is over, likewise."""
    run_id: str | None = None
    """The run; of an occurrence that another process has decided, its run."""
    report: RunReport | None = None
    """The run's; None if there was none, or an error ended it before it had a report."""
    error: Exception | None = None
    """That error, or what is wrong with the file."""


def code_without_run(decision: Decision) -> ExitCode:
    """Return the exit code of an occurrence that did not begin."""
    return _CODES.get(decision.action, ExitCode.SUCCEEDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a schedule is kept with."""

    load: Callable[[], Config]
    """Reads the file, anew for each occurrence."""
    file: str
    """Its path as it was given."""
    clock: Clock
    environ: Mapping[str, str]
    """Where tokens and the state directory are looked for."""
    interruption: Interruption
    """Asked to stop: the run in progress; without one, the process."""
    service: ServiceManager
    """Told how the process is."""
    rehearsal: Rehearsal | None = None
    """A simulator in the API's place."""
    state_dir: Path | None = None
    """Where the journal is."""
    wait_lock: float = 0.0
    """Seconds to wait for an environment that another run holds."""
    stop_after: float | None = None
    """Seconds after which to end, once nothing runs any more; None: never."""
    on_session: Callable[[Session], None] = lambda _: None
    """Called with the session of each run, as soon as it is open."""
    on_told: Callable[[Told], None] = lambda _: None
    """Called with what became of each occurrence, and of each run that was resumed. Must not raise."""
