"""A log that a test can read."""

import logging
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

import structlog
from structlog.typing import FilteringBoundLogger

from orchestrator.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    at: float
    level: str
    name: str
    details: dict[str, Any]


class CapturedLog:
    """Keeps what is logged, with the instant of it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.events: list[Event] = []
        self.logger: FilteringBoundLogger = structlog.wrap_logger(
            None, processors=[self._keep], wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG)
        )

    def _keep(self, _: object, level: str, details: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        name = details.pop("event")
        self.events.append(Event(at=self._clock.monotonic(), level=level, name=name, details=dict(details)))
        raise structlog.DropEvent

    def named(self, name: str) -> list[Event]:
        return [event for event in self.events if event.name == name]

    @property
    def names(self) -> list[str]:
        return [event.name for event in self.events]
