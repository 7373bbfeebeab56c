"""The command line: the only package that prints and exits.

Heavy imports happen inside the commands, so that `--version`, `--help` and completion answer instantly.
"""

import os
import re
import sys

from orchestrator.cli.coloring import color_help_only_where_wanted
from orchestrator.cli.signals import obey_from_now_on

_SIZE = re.compile("[0-9]{1,4}")


def main() -> None:
    """Run the command `qovery-restart`."""
    obey_from_now_on()
    _open_closed_streams()
    if len(sys.argv) > 1:
        # Completion calls the command without arguments. With any, this would end it with 0, although it did nothing.
        os.environ.pop("_QOVERY_RESTART_COMPLETE", None)
    _drop_odd_sizes()
    color_help_only_where_wanted(os.environ)
    try:
        from orchestrator.cli.app import app  # noqa: PLC0415 - importing this module alone must stay cheap

        app(prog_name="qovery-restart")
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - exit code 1 would say that a restart failed
        from orchestrator.cli.defects import report_defect  # noqa: PLC0415

        sys.exit(report_defect(error, arguments=sys.argv[1:], environ=os.environ))
    finally:
        _flush_streams()


def _drop_odd_sizes() -> None:
    """Drop the sizes of terminals that no terminal has: typer and rich raise at some, and fill the memory at others."""
    for name in ("TERMINAL_WIDTH", "COLUMNS", "LINES"):
        if not _SIZE.fullmatch(os.environ.get(name, "")):
            os.environ.pop(name, None)


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
