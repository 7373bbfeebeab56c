"""Draws the picture of the live view that the README shows, from the very code that draws the view.

    python -m tests.pictures.live_view        # writes config/pictures/live-view.svg

A test fails if the picture does not show what the view shows. It has no fonts of its own, and loads nothing.
"""

import io
import re
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI

from orchestrator.live.screen import texts_of
from orchestrator.live.view import view_of
from tests.support.live_events import a_busy_night

PICTURE = Path(__file__).resolve().parents[2] / "config" / "pictures" / "live-view.svg"
COLUMNS, LINES = 108, 10
TITLE = "qovery-restart run config/nightly.yaml"

_FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def picture() -> str:
    """Return the view of a busy night as an SVG."""
    console = Console(
        file=io.StringIO(),
        record=True,
        width=COLUMNS,
        height=LINES,
        color_system="standard",
        force_terminal=True,
        force_jupyter=False,
        legacy_windows=False,
    )
    view = view_of(a_busy_night(), now=252, height=LINES, quota_left=412)
    for text in texts_of(view, width=COLUMNS):
        console.print(text, soft_wrap=True)
    # The id would be another one with every version of rich.
    svg = console.export_svg(title=TITLE, theme=MONOKAI, unique_id="live-view")
    return "\n".join(line.rstrip() for line in _FONT_FACE.sub("", svg).splitlines()) + "\n"


def main() -> None:
    """Write the picture."""
    PICTURE.write_text(picture(), encoding="utf-8")


if __name__ == "__main__":
    main()
