"""A file lock that shows whether the process that works on a run is still alive."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from orchestrator.errors import JournalError

FileIdentity: TypeAlias = tuple[int, int]
"""What a file is, whatever it is called: its device and its inode."""


def identity_of(file: Path | int) -> FileIdentity:
    """Return the identity of the file with this path or descriptor. Raises `OSError` if there is none."""
    status = os.stat(file)  # noqa: PTH116 - also of a descriptor
    return status.st_dev, status.st_ino


class RunLock:
    """A lock that a process holds for as long as it works on a run.

    The kernel releases it when the process dies, however it dies, so a lock that can be taken means that no process is
    working. This holds for every process of one machine, also in containers. A process id would not do: it is reused,
    and means nothing in another container.

    Args:
        path: the lock file; None makes a lock that no other process can see.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Take the lock; return False if another process has it. Raises `JournalError` if files cannot be locked."""
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

    def check_in_place(self) -> None:
        """Check that the file that is locked is the one that other processes try to lock.

        Raises:
            JournalError: it was deleted, moved or replaced: another process could take this one for dead.
        """
        if not self._is_in_place():
            raise JournalError(
                f"The lock {self._path} was deleted, moved or replaced while it was in use: another process could take "
                "the run over. Check the environments of this run, then start again."
            )

    def _is_in_place(self) -> bool:
        if self._path is None:
            return True
        try:
            return self._descriptor is not None and identity_of(self._descriptor) == identity_of(self._path)
        except OSError:
            return False

    def is_free(self) -> bool:
        """Return whether no process has the lock. Several processes may ask at the same time."""
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
        """Release the lock. The file stays: a process that has a deleted file open could lock it, unseen by others."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def remove(self) -> None:
        """Delete the file. Only inside a transaction of the journal, in which no other process takes the lock.

        If the path has another file by now, that one stays: another process may have locked it.
        """
        if self._path is not None and self._is_in_place():
            with suppress(OSError):
                self._path.unlink()
