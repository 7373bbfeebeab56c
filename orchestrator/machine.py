"""This machine, since it was last started, and this process on it."""

import os
import platform
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """This machine, since it was last started, and this process on it."""

    host: str
    boot_id: str
    """Differs from start to start, and from machine to machine; shared by the containers of one. "" where unknown."""
    pid: int

    @classmethod
    def here(cls) -> "Machine":
        """Look where we are."""
        return cls(host=platform.node() or "localhost", boot_id=_boot_id(), pid=os.getpid())


def _boot_id() -> str:
    with suppress(OSError):
        return _BOOT_ID.read_text(encoding="ascii").strip()
    with suppress(OSError, subprocess.SubprocessError):
        # macOS. The path is fixed, so that nothing else of that name is run.
        command = ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=5)  # noqa: S603
        return done.stdout.strip()
    return ""
