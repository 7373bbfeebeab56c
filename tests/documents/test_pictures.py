"""The pictures of the README show what the program shows."""

import html
import re
from pathlib import Path
from xml.etree import ElementTree as ET

from orchestrator.live.screen import lines_of
from orchestrator.live.view import view_of
from tests.pictures.live_view import COLUMNS, LINES, PICTURE, picture
from tests.support.live_events import a_busy_night

_TEXT = re.compile(r"<text[^>]*>([^<]*)</text>")


def words_in(svg: str) -> str:
    """Return what a picture says, without its spaces: how rich cuts it into pieces differs from version to version."""
    return re.sub(r"\s", "", html.unescape("".join(_TEXT.findall(svg)))).replace("\xa0", "")


def test_the_picture_of_the_live_view_shows_what_the_view_shows() -> None:
    committed = PICTURE.read_text(encoding="utf-8")
    assert words_in(committed) == words_in(picture())
    view = view_of(a_busy_night(), now=252, height=LINES, quota_left=412)
    for line in lines_of(view, width=COLUMNS, color=False):
        assert re.sub(r"\s", "", line) in words_in(committed)


def test_a_picture_is_well_formed_and_loads_nothing() -> None:
    for path in sorted(Path(PICTURE).parent.glob("*.svg")):
        text = path.read_text(encoding="utf-8")
        ET.fromstring(text)
        assert not re.search(r"url\(\s*[\"']?https?:|<script|href=[\"']https?:|@import", text)
