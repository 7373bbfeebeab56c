"""Tells a service manager how the process is: the protocol of sd_notify(3), which others speak too.

A datagram to the socket that NOTIFY_SOCKET names. Nothing here raises: whoever does not listen must not end a run.
"""

import socket
from collections.abc import Mapping
from contextlib import suppress
from os import fsencode, getpid

from orchestrator.clock import monotonic_microseconds

LONGEST_STATUS = 512
"""Bytes."""


class ServiceManager:
    """The service manager of this process, if there is one that listens.

    Args:
        environ: where NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID are looked for.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        path = environ.get("NOTIFY_SOCKET", "")
        # An @ stands for the zero byte with which an abstract address begins.
        self._address = fsencode(path).replace(b"@", b"\0", 1) if path.startswith("@") else fsencode(path)
        self._watchdog = _microseconds(environ) if path else None

    @property
    def watchdog_every(self) -> float | None:
        """Seconds between two signs of life, half of what the manager waits for one; None if it waits for none."""
        return None if self._watchdog is None else self._watchdog / 2e6

    def ready(self, status: str) -> None:
        """Tell that the process works, for the first time or again after a reload."""
        self._tell("READY=1", _status(status))

    def status(self, text: str) -> None:
        """Tell in a line what the process is doing."""
        self._tell(_status(text))

    def alive(self) -> None:
        """Tell that the process is not stuck."""
        self._tell("WATCHDOG=1")

    def reloading(self) -> None:
        """Tell that the file is read again; `ready` ends it."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={monotonic_microseconds()}")

    def stopping(self) -> None:
        """Tell that the process ends."""
        self._tell("STOPPING=1")

    def _tell(self, *lines: str) -> None:
        if not self._address or self._address[:1] not in (b"/", b"\0"):
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.setblocking(False)
            channel.sendto("\n".join(lines).encode("utf-8", "replace"), self._address)


def _status(text: str) -> str:
    return f"STATUS={' '.join(text.split())}".encode("utf-8", "replace")[:LONGEST_STATUS].decode("utf-8", "ignore")


def _microseconds(environ: Mapping[str, str]) -> float | None:
    if environ.get("WATCHDOG_PID", str(getpid())) != str(getpid()):
        return None  # It waits for another process.
    text = environ.get("WATCHDOG_USEC", "")
    return float(text) if text.isdecimal() and int(text) > 0 else None
