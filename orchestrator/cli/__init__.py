"""The command line: the only room that prints and exits.

Heavy imports happen inside the commands, so that `--version`, `--help` and completion answer at once.
"""

import signal
import sys


def main() -> None:
    """Run the command `qovery-restart`."""
    from orchestrator.cli.app import app  # noqa: PLC0415 - after this module's own import, which is cheap

    try:
        app(prog_name="qovery-restart")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
