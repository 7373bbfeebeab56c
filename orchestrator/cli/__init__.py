"""The command line: the only package that prints and exits.

Heavy imports happen inside the commands, so that `--version`, `--help` and completion answer instantly.
"""

import os
import signal
import sys

from orchestrator.cli.signals import obey_from_now_on


def main() -> None:
    """Run the command `qovery-restart`."""
    obey_from_now_on()
    _open_closed_streams()
    from orchestrator.cli.app import app  # noqa: PLC0415 - importing this module alone must stay cheap

    try:
        app(prog_name="qovery-restart")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    finally:
        _flush_streams()


def _flush_streams() -> None:
    """Flush stdout and stderr, and discard what cannot be written: it would make the interpreter exit with 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _open_closed_streams() -> None:
    """Open /dev/null for every standard stream that the caller closed, before a socket gets its descriptor."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free descriptor
            setattr(sys, name, os.fdopen(number, "r" if name == "stdin" else "w", encoding="utf-8"))
