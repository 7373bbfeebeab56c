"""The log of a run in sections, a wave each, for CI systems that fold them."""

from collections.abc import Callable, MutableMapping, Sequence
from datetime import datetime
from typing import Any

from structlog import DropEvent
from structlog.typing import Processor

from orchestrator.ci import CI, section_end, section_start
from orchestrator.text import count

_ENDS = frozenset({"wave_started", "wave_finished", "run_finished"})
"""Events before which a section ends."""


class LogSections:
    """Writes around the lines of the log where a section begins and ends.

    What is said of a wave as a whole, and of the run, stands behind the section, where it is seen although that is
    folded. GitHub knows no section inside of another.

    Args:
        ci: for whom the log is written.
        now: the time, which GitLab needs.
    """

    def __init__(self, ci: CI, now: Callable[[], datetime]) -> None:
        self._ci = ci
        self._now = now
        self._open: str | None = None
        self._count = 0

    def around(self, processors: Sequence[Processor]) -> Processor:
        """Return one processor that renders events as `processors` do, with the lines of sections before and after."""

        def render(logger: object, method: str, event: MutableMapping[str, Any]) -> str:
            name, details = event.get("event"), dict(event)
            lines = [self.end()] if name in _ENDS else []
            if name == "wave_started":
                lines.append(self._begin(details))
            lines.append(_rendered(processors, logger, method, event))
            if not any(lines):
                raise DropEvent
            return "\n".join(filter(None, lines))

        return render

    def end(self) -> str:
        """Return the line that ends the section, without its line break; "" if none has begun."""
        name, self._open = self._open, None
        return "" if name is None else section_end(self._ci, name, now=self._now())

    def _begin(self, wave: MutableMapping[str, Any]) -> str:
        self._count += 1
        self._open = f"qovery_restart_{self._count}"
        return section_start(self._ci, self._open, _title(wave), now=self._now())


def _title(wave: MutableMapping[str, Any]) -> str:
    details: list[Any] = [wave.get(key) for key in ("wave", "position", "waves", "environments")]
    number, position, waves, environments = details
    place = f"{number} of {waves}" if number == position else f"{number} ({position} of {waves})"
    return f"Wave {place}: {count(environments, 'environment')}"


def _rendered(processors: Sequence[Processor], logger: object, method: str, event: MutableMapping[str, Any]) -> str:
    """Return the line of an event; "" if it is not shown."""
    rendered: Any = event
    try:
        for each in processors:
            rendered = each(logger, method, rendered)
    except DropEvent:
        return ""
    return str(rendered)
