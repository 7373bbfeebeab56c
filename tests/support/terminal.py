"""A terminal that a test can look at: the installed command in a pseudo-terminal, and what pyte makes of its output."""

import fcntl
import os
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

import pyte

from tests.support.command import COMMAND, PATIENCE


class Terminal:
    """The command at a terminal of its own.

    Args:
        arguments: of the command.
        env: its environment.
        columns: the width of the terminal.
        lines: its height.

    Attributes:
        screen: what is on it.
        raw: all that was written to it.
    """

    def __init__(self, *arguments: str | Path, env: Mapping[str, str], columns: int = 80, lines: int = 24) -> None:
        self.screen = pyte.Screen(columns, lines)
        self.raw = b""
        self._stream = pyte.ByteStream(self.screen)
        self._ours, theirs = os.openpty()
        self._set_size(columns, lines)
        self.process = subprocess.Popen(
            [COMMAND, *map(str, arguments)],
            env={"TERM": "xterm-256color", **env},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=_control_terminal,  # noqa: PLW1509 - it calls nothing that a thread could hold
        )
        os.close(theirs)

    @property
    def shown(self) -> list[str]:
        """The lines on the screen, without those that are empty at its end."""
        lines = [line.rstrip() for line in self.screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    @property
    def text(self) -> str:
        """The screen as one text."""
        return "\n".join(self.shown)

    def wait_until(self, holds: Callable[[], bool], *, within: float = PATIENCE) -> None:
        """Read until something holds."""
        until = time.monotonic() + within
        while not holds():
            assert self._read(max(until - time.monotonic(), 0.0)), f"it never came to that:\n{self.text}"

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size, as one that does not wrap its lines anew."""
        self.screen.resize(lines, columns)
        self._set_size(columns, lines)

    def type(self, keys: str) -> None:
        """Type something: \\x03 is Ctrl-C."""
        os.write(self._ours, keys.encode())

    def finish(self, *, within: float = PATIENCE) -> int:
        """Read to the end; return the exit code."""
        until = time.monotonic() + within
        while self._read(max(until - time.monotonic(), 0.0)):
            pass
        return self.process.wait(timeout=max(until - time.monotonic(), 1.0))

    def _read(self, seconds: float) -> bool:
        """Read what there is; return False at the end, or if nothing came in time."""
        if not select.select([self._ours], [], [], seconds)[0]:
            return False
        data = b""
        with suppress(OSError):  # EIO: nobody has it open any more.
            data = os.read(self._ours, 65536)
        self.raw += data
        self._stream.feed(data)
        return bool(data)

    def _set_size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        os.close(self._ours)


def _control_terminal() -> None:
    """Make stdin the terminal that sends the signals of its keys."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
