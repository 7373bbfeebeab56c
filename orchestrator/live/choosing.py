"""How the progress of a run is shown: live, in lines, or not at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Progress(StrEnum):
    """How the progress of a run is shown on stderr."""

    AUTO = "auto"
    LIVE = "live"
    LINES = "lines"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What was decided."""

    progress: Progress
    """Never `AUTO`."""
    why_not_live: str | None = None
    """Why it is lines although a live view was asked for."""


def shown_as(
    asked: Progress, *, is_terminal: bool, is_console: bool, is_quiet: bool, environ: Mapping[str, str]
) -> Shown:
    """Return how progress is shown.

    A live view needs a terminal that can move its cursor, and the console's log format. `auto` chooses it there, except
    in CI and where only errors are logged. No variable that forces colours makes a terminal of what is none. Where
    `live` is asked for and cannot be, there are lines: a restart does not fail for that.

    Args:
        asked: what the option says.
        is_terminal: whether stderr is one.
        is_console: whether the log format is for people.
        is_quiet: whether only errors are logged.
        environ: the environment variables.
    """
    obstacle = None
    if not is_console:
        obstacle = "the log format is json"
    elif not is_terminal:
        obstacle = "stderr is no terminal"
    elif environ.get("TERM") == "dumb":
        obstacle = "TERM is dumb"
    if asked is Progress.AUTO:
        is_live = obstacle is None and not is_quiet and not environ.get("CI")
        return Shown(progress=Progress.LIVE if is_live else Progress.LINES)
    if asked is Progress.LIVE and obstacle is not None:
        return Shown(progress=Progress.LINES, why_not_live=obstacle)
    return Shown(progress=asked)
