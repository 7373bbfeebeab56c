"""The command line: the only room that prints and exits.

Heavy imports happen inside the commands, so that `--version`, `--help` and completion answer at once.
"""

import os
import signal
import sys


def main() -> None:
    """Run the command `qovery-restart`."""
    _open_what_is_closed()
    from orchestrator.cli.app import app  # noqa: PLC0415 - after this module's own import, which is cheap

    try:
        app(prog_name="qovery-restart")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    finally:
        _let_go_of_streams()


def _let_go_of_streams() -> None:
    """Write out what is left, and drop what cannot be written: the interpreter would exit with 120 because of it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _open_what_is_closed() -> None:
    """Give a standard stream that the caller closed somewhere to go, before a socket takes its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
            setattr(sys, name, os.fdopen(number, "r" if name == "stdin" else "w", encoding="utf-8"))
