"""Whether the process that works on a run still lives."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from orchestrator.errors import JournalError


class RunLock:
    """A lock that a process holds for as long as it works on a run.

    The kernel lets go of it when the process dies, however it dies, so a lock that can be taken means that nobody is at
    work. That holds for every process of one machine, in containers too, and needs no process number, which is used
    again and means nothing in another container.

    Args:
        path: a file that exists for this purpose; None makes a lock that nobody else can see.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Take it, or say that somebody has it. Raises `JournalError` where there can be no locks."""
        if self._path is None:
            return True
        try:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return False
            except OSError:
                os.close(descriptor)
                raise
        except OSError as error:
            raise JournalError(
                f"The file {self._path} cannot be locked: {error.strerror}. Choose another --state-dir."
            ) from error
        self._descriptor = descriptor
        return True

    def is_free(self) -> bool:
        """Tell whether nobody has it; several may ask at once without disturbing each other."""
        if self._path is None or not self._path.exists():
            return True
        try:
            descriptor = os.open(self._path, os.O_RDONLY)
        except OSError as error:
            raise JournalError(f"The file {self._path} cannot be read: {error.strerror}.") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True

    def release(self) -> None:
        """Let go of it. The file stays, so that nobody who has opened it is left with a lock that others do not see."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def remove(self) -> None:
        """Leave no file behind. Only inside a transaction of the journal, in which nobody else takes the lock."""
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink()
