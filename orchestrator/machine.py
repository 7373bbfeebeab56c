"""This machine: its boot, this process, the home directories of its users."""

import os
import platform
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import UsageError

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """This boot of this machine, and this process."""

    host: str
    boot_id: str
    """Different for each boot and each machine; the same in all containers of a machine. "" if unknown."""
    pid: int

    @classmethod
    def here(cls) -> "Machine":
        """Return the current machine and process."""
        return cls(host=platform.node() or "localhost", boot_id=_boot_id(), pid=os.getpid())


def _boot_id() -> str:
    with suppress(OSError):
        return _BOOT_ID.read_text(encoding="ascii").strip()
    with suppress(OSError, subprocess.SubprocessError):
        # macOS. The path is absolute, so that no other command of that name is run.
        command = ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=5)  # noqa: S603
        return done.stdout.strip()
    return ""


def expand_home(path: Path, *, shown: str | None = None) -> Path:
    """Return a path with a leading `~` as a shell expands it: CI systems set variables without a shell.

    Args:
        path: the path.
        shown: what an error calls it, if it must not be shown as it is.

    Raises:
        UsageError: there is no such home directory.
    """
    try:
        return path.expanduser()
    except RuntimeError:
        # No cause: it repeats the path.
        raise UsageError(f"{shown or path}: there is no such home directory. Write the path out.") from None


def is_this_machine(host: str) -> bool:
    """Return whether a host is this machine itself, so that what is sent there leaves it on no wire.

    >>> [is_this_machine(host) for host in ("localhost", "127.0.0.1", "api.qovery.com")]
    [True, True, False]
    """
    return host in ("localhost", "::1") or host.startswith("127.")
