"""Writes to stdout, stderr and files without ever making the run wait for ever for their readers, or for a disk."""

import atexit
import os
import select
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from errno import EPIPE
from functools import cache
from threading import Condition, Thread
from typing import TextIO

from orchestrator.clock import machine_seconds

LOG_ROOM = 1024 * 1024
"""Bytes of the log that wait for a reader; beyond them lines are lost, and counted."""
LOG_PATIENCE = 1.0
"""Seconds without progress after which the end of the log is lost, when the command has ended."""
_CHUNK = 4096
"""Bytes written at once: so few go into a pipe whole as soon as it has any room, and a slow reader shows progress."""


class BackgroundWriter:
    """Writes to a file descriptor in a thread of its own, in order.

    A reader may stall for ever (a log driver, a pager, Ctrl-S): then only that thread waits, and the interpreter's end
    does not wait for it. A descriptor in non-blocking mode, as some parents hand down, is waited for like any other.

    Args:
        descriptor: of the open file.
        room: the most bytes that wait to be written; None for any number.

    Attributes:
        error: why nothing can be written any more; None while it can.
        leave_by: the instant, on the monotonic clock, after which nothing waits for the reader, whatever he reads.
    """

    def __init__(self, descriptor: int, *, room: int | None = None) -> None:
        self._descriptor = descriptor
        self._room = room
        self._waiting: deque[bytes] = deque()
        self._backlog = 0
        self._written = 0
        self._changed = Condition()
        self._thread: Thread | None = None
        self.error: OSError | None = None
        self.leave_by = float("inf")

    def write(self, data: bytes) -> bool:
        """Let `data` be written; return False if there is no room for it, or nothing can be written any more."""
        with self._changed:
            if self.error is not None or (self._room is not None and self._backlog + len(data) > self._room):
                return False
            self._waiting.append(data)
            self._backlog += len(data)
            if self._thread is None:
                self._thread = Thread(target=self._work, name=f"writer of {self._descriptor}", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return True

    @property
    def is_behind(self) -> bool:
        """Whether something waits to be written."""
        return self._backlog > 0

    def drain(self, patience: float) -> bool:
        """Wait until everything is written; return False if it was not.

        Args:
            patience: seconds without progress after which the rest is left; `leave_by` may come first.
        """
        with self._changed:
            while self._backlog and self.error is None:
                before = self._written
                left = min(patience, self.leave_by - machine_seconds())
                self._changed.wait_for(lambda: self._written > before or self.error is not None, max(left, 0.0))  # noqa: B023
                if left <= 0 and self._backlog:
                    return False
                if self._written == before and self.error is None:
                    return False
            return self.error is None

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                data = self._waiting.popleft()
            for start in range(0, len(data), _CHUNK):
                if not self._write(data[start : start + _CHUNK]):
                    return

    def _write(self, chunk: bytes) -> bool:
        while chunk:
            try:
                count = os.write(self._descriptor, chunk)
            except BlockingIOError:
                select.select([], [self._descriptor], [])
                continue
            except OSError as error:
                with self._changed:
                    self.error = error
                    self._changed.notify_all()
                return False
            chunk = chunk[count:]
            with self._changed:
                self._written += count
                self._backlog -= count
                self._changed.notify_all()
        return True


def lines_lost(count: int) -> str:
    """Return the line that says that lines of the log were lost."""
    return f"{count} lines of the log were lost, since nobody read them in time\n"


class LossyStream:
    """A text stream for the log: lines are lost rather than the run, if nobody reads them or nobody can.

    Args:
        stream: where to write.
        tell_loss: makes the line that says how many lines were lost, once there is room again.
        around: makes of a text what is written, as where something else has to make room for it.
    """

    def __init__(
        self,
        stream: TextIO,
        tell_loss: Callable[[int], str] = lines_lost,
        *,
        around: Callable[[str], str] = str,
    ) -> None:
        self._stream = stream
        self._tell_loss = tell_loss
        self._around = around
        self._lost = 0
        descriptor = descriptor_of(stream)
        self._writer = None if descriptor is None else _log_writer(descriptor)

    def write(self, text: str) -> int:
        """Write what can be written."""
        if self._writer is None:
            with suppress(OSError, ValueError):
                self._stream.write(self._around(text))
            return len(text)
        told = self._tell_loss(self._lost) if self._lost else ""
        self._lost = 0 if self._writer.write(self._encoded(self._around(told + text))) else self._lost + 1
        return len(text)

    @property
    def is_behind(self) -> bool:
        """Whether something that was written before waits for a reader."""
        return self._writer is not None and self._writer.is_behind

    def drain(self, patience: float) -> None:
        """Wait until everything is written, no longer than `patience` seconds without progress."""
        if self._writer is not None:
            self._writer.drain(patience)

    def flush(self) -> None:
        """Flush what can be flushed; a thread does it otherwise."""
        if self._writer is None:
            with suppress(OSError, ValueError):
                self._stream.flush()

    def _encoded(self, text: str) -> bytes:
        return text.encode(self._stream.encoding or "utf-8", "backslashreplace")


@cache
def _log_writer(descriptor: int) -> BackgroundWriter:
    """Return the one writer of a log's descriptor, so that all its lines are in order."""
    writer = BackgroundWriter(descriptor, room=LOG_ROOM)
    atexit.register(writer.drain, LOG_PATIENCE)
    return writer


def leave_log(stream: TextIO, *, within: float) -> None:
    """Wait for the reader of a log no longer than so many seconds from now on, whatever he reads."""
    descriptor = descriptor_of(stream)
    if descriptor is not None:
        _log_writer(descriptor).leave_by = machine_seconds() + within


def settle_log(stream: TextIO, *, patience: float) -> None:
    """Wait until what was logged is written, or nobody has read for `patience` seconds: what follows comes after it."""
    descriptor = descriptor_of(stream)
    if descriptor is not None:
        _log_writer(descriptor).drain(patience)


def done_within(seconds: float, work: Callable[[], object]) -> None:
    """Do `work` in a thread that is left behind if it takes longer, as where a disk or a reader hangs.

    Raises:
        TimeoutError: it took longer.
    """
    errors: list[Exception] = []

    def do() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - it is raised below
            errors.append(error)

    thread = Thread(target=do, name="abandonable write", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(f"it was not written within {seconds:.0f} s: the disk hangs, or nobody reads it")
    for error in errors:
        raise error


def write_result(stream: TextIO, text: str, *, patience: float, within: float = float("inf")) -> None:
    """Write the whole of `text`; it changes nothing if the reader has closed the pipe.

    Args:
        stream: stdout.
        text: the result.
        patience: seconds without progress after which the rest is left to nobody.
        within: seconds after which that happens whatever is read.

    Raises:
        OSError: it could not be written.
    """
    descriptor = descriptor_of(stream)
    if descriptor is None:
        with suppress(BrokenPipeError):
            stream.write(text)
            stream.flush()
        return
    writer = BackgroundWriter(descriptor)
    writer.leave_by = machine_seconds() + within
    writer.write(text.encode(stream.encoding or "utf-8", stream.errors or "strict"))
    if writer.drain(patience) or (writer.error is not None and writer.error.errno == EPIPE):
        return
    raise writer.error or TimeoutError(f"nobody has read it for {min(patience, within):.3g} s")


def descriptor_of(stream: TextIO) -> int | None:
    """Return the file descriptor behind a text stream, after flushing it; None if it has none, as in a test."""
    try:
        stream.flush()
        return stream.fileno()
    except (OSError, ValueError, AttributeError):
        return None
