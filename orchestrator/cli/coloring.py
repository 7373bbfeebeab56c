"""Where colours are written. Imports nothing heavy: typer reads the environment as soon as it is imported."""

import sys
from collections.abc import Mapping, MutableMapping

_PLAIN = "_TYPER_FORCE_DISABLE_TERMINAL"


def is_color_forced(environ: Mapping[str, str]) -> bool:
    """Return whether FORCE_COLOR asks for colours where there is no terminal. It never makes anything move."""
    return environ.get("FORCE_COLOR", "0") not in ("", "0")


def color_help_only_where_wanted(environ: MutableMapping[str, str]) -> None:
    """Let typer write colours to terminals only, unless FORCE_COLOR asks for them elsewhere.

    typer takes GITHUB_ACTIONS, PY_COLORS and any FORCE_COLOR for a reason to write ANSI codes into pipes, and rich does
    not leave out all of them for NO_COLOR.
    """
    is_watched = sys.stdout.isatty() and sys.stderr.isatty()
    if environ.get("NO_COLOR") or not (is_color_forced(environ) or is_watched):
        environ[_PLAIN] = "1"
