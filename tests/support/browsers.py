"""The system's Chromium, driven by playwright: pages opened as a reader opens them, with every request noted."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

COMMANDS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What a page is looked at on."""

    width: int = 1100
    height: int = 900
    dark: bool = False


WIDE = Screen()
DARK = Screen(dark=True)
PHONE = Screen(width=360, height=740)


@dataclass(slots=True)
class Visit:
    """A page that is open, and what it has asked for."""

    page: Any
    asked_for: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    """What the browser wrote to its console: violations of the page's own policy, too."""

    def ask(self, script: str, argument: object = None) -> Any:  # noqa: ANN401 - whatever the script returns
        """What a script returns that is run beside the page, whose policy forbids it its own."""
        return self.page.evaluate(script, argument)

    def boxes(self, selector: str) -> list[dict[str, float]]:
        """Where the elements are that are shown."""
        script = """selector => [...document.querySelectorAll(selector)]
            .filter(one => one.checkVisibility())
            .map(one => one.getBoundingClientRect().toJSON())"""
        boxes: list[dict[str, float]] = self.ask(script, selector)
        return boxes


def why_no_browser() -> str | None:
    """Why there is no browser to look with; None if there is one."""
    if find_spec("playwright") is None:
        return "the extra browser is not installed"
    return None if _command() else "chromium is not here"


def _command() -> str | None:
    return next((found for name in COMMANDS if (found := shutil.which(name))), None)


@contextmanager
def browser() -> Iterator[Any]:
    """Start the system's browser."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - an extra

    # Root has no sandbox, and a container's shared memory may be small.
    options = ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=_command(), args=options)
        try:
            yield started
        finally:
            started.close()


@contextmanager
def opened(started: Any, file: Path, screen: Screen = WIDE) -> Iterator[Visit]:  # noqa: ANN401 - playwright's browser
    """Open a file on a screen."""
    context = started.new_context(
        viewport={"width": screen.width, "height": screen.height}, color_scheme="dark" if screen.dark else "light"
    )
    try:
        visit = Visit(context.new_page())
        visit.page.on("request", lambda request: visit.asked_for.append(request.url))
        visit.page.on("console", lambda message: visit.complaints.append(message.text))
        visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        visit.page.goto(file.as_uri())
        yield visit
    finally:
        context.close()


def pages_on_paper(visit: Visit) -> int:
    """How many sheets of A4 the page takes."""
    return len(re.findall(rb"/Type\s*/Page\b", visit.page.pdf(format="A4")))


def violations(visit: Visit) -> list[str]:
    """What axe-core finds wrong with the page for those who read it otherwise than others."""
    visit.ask(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    script = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.map(
        one => `${one.id}: ${one.help}: ${one.nodes.slice(0, 3).map(node => node.html).join(" | ")}`)"""
    found: list[str] = visit.ask(script)
    return found
