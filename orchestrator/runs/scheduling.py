"""`aschedule`: keep a schedule from Python."""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from orchestrator import logs
from orchestrator.clock import SystemClock
from orchestrator.config import load_config
from orchestrator.domain.outcomes import ExitCode
from orchestrator.errors import UsageError
from orchestrator.ports import Clock
from orchestrator.runs.interruption import Interruption
from orchestrator.runs.keeping import Keeper
from orchestrator.runs.rehearsal import Rehearsal
from orchestrator.runs.surroundings import Surroundings, Told
from orchestrator.systemd import ServiceManager

STDIN = "-"


async def aschedule(
    path: str | Path,
    *,
    due: bool = False,
    stop_after: float | None = None,
    rehearsal: Rehearsal | None = None,
    environ: Mapping[str, str] | None = None,
    interruption: Interruption | None = None,
    state_dir: Path | None = None,
    wait_lock: float = 0.0,
    on_told: Callable[[Told], None] = lambda _: None,
) -> ExitCode:
    """Run a file at the times of its `schedule:`, until it is asked to stop; or decide once for now.

    Each scheduled instant starts at most one run, whoever else keeps the schedule with the same journal. A run that was
    cut off is resumed first, and nothing new begins in it.

    Args:
        path: of the file, which is read anew for each occurrence.
        due: whether to decide once for now, run or not, and return.
        stop_after: seconds after which to return, once nothing runs; by default never.
        rehearsal: put a simulator in the API's place. Its time is the running loop's.
        environ: where tokens and directories are looked for; by default this process's environment.
        interruption: a way to ask it to stop.
        state_dir: where the journal is; by default in the user's state directory, for a rehearsal in a temporary one.
        wait_lock: seconds to wait for an environment that another run holds.
        on_told: called with what became of each occurrence. Must not raise.

    Returns:
        Without `due`, the code of the run that was interrupted, or 0. With `due` or `stop_after`, the first code that
        applies: of the runs, and 5 for an occurrence that was missed, 2 for one at which the file was broken.

    Raises:
        UsageError: the file is not valid at the start, it has no `schedule:`, or the journal cannot be used.
    """
    environ = os.environ if environ is None else environ
    clock: Clock = SystemClock() if rehearsal is None else rehearsal.clock
    with journal_folder(rehearsal, state_dir) as folder:
        around = Surroundings(
            load=lambda: load_config(path, environ=environ),
            file=file_of(str(path)),
            clock=clock,
            environ=environ,
            interruption=interruption or Interruption(),
            service=ServiceManager({}),
            rehearsal=rehearsal,
            state_dir=folder,
            wait_lock=wait_lock,
            stop_after=stop_after,
            on_told=on_told,
        )
        if rehearsal is not None:
            logs.tell_time_by(clock.now)
        keeper = Keeper(around)
        return await (keeper.once() if due else keeper.keep())


@contextmanager
def journal_folder(rehearsal: Rehearsal | None, state_dir: Path | None) -> Iterator[Path | None]:
    """Return where the journal is in this context: in a rehearsal, somewhere that its runs share and nobody else."""
    if rehearsal is None or state_dir is not None:
        yield state_dir
        return
    with tempfile.TemporaryDirectory(prefix="qovery-restart-") as folder:
        yield Path(folder)


def file_of(path: str) -> str:
    """Return a path that identifies a schedule.

    Raises:
        UsageError: it is standard input, which is read only once, and is never the same.
    """
    if path == STDIN:
        raise UsageError("schedule: name a file; standard input cannot be read again for each time.")
    return path
