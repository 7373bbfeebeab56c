"""The log: structlog, one event per line on stderr, human-readable or in JSON, without secrets."""

import json
import logging
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextvars import ContextVar
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any, Literal, TextIO, TypeAlias, cast

import structlog
from structlog.typing import FilteringBoundLogger, Processor

from orchestrator import log_lines
from orchestrator.clock import SystemClock
from orchestrator.redaction import redact_deeply, redactor
from orchestrator.sections import LogSections
from orchestrator.streams import LossyStream, lines_lost
from orchestrator.text import encodable, printable_json

LogFormat = Literal["console", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

_now: ContextVar[Callable[[], datetime] | None] = ContextVar("now", default=None)
Onlooker: TypeAlias = Callable[[Mapping[str, Any]], bool]
"""Is told of an event, and returns whether it shows it."""


class _Hidden:
    """What every event is cleared of. It takes longer to prepare than to use."""

    def __init__(self) -> None:
        self.set_to(())

    def set_to(self, secrets: Sequence[str]) -> None:
        self.secrets = tuple(secrets)
        self.redact = redactor(*secrets)


_hidden = _Hidden()


def get_logger(**bound: Any) -> FilteringBoundLogger:  # noqa: ANN401 - log values have any type
    """Return a logger with `bound` in every event. If structlog is not configured, it logs nothing."""
    logger: FilteringBoundLogger
    if structlog.is_configured():
        logger = structlog.get_logger(**bound)
    else:
        logger = structlog.wrap_logger(None, processors=[_drop], wrapper_class=structlog.make_filtering_bound_logger(0))
    return logger


def _drop(_: object, __: str, ___: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    raise structlog.DropEvent


def tell_time_by(now: Callable[[], datetime]) -> None:
    """Set the clock for the timestamps of this context's events, for example a rehearsal's clock."""
    _now.set(now)


_ROUTINE_KEY = "_routine"
ROUTINE: Mapping[str, bool] = MappingProxyType({_ROUTINE_KEY: True})
"""Bind this to a logger whose info events are routine: the console omits them, unless its level is debug. JSON contains
them."""


def configure(
    *,
    log_format: LogFormat,
    level: LogLevel,
    color: bool,
    stream: TextIO,
    secrets: Sequence[str] = (),
    onlooker: Onlooker | None = None,
    around: Callable[[str], str] = str,
    sections: LogSections | None = None,
) -> None:
    """Set up logging for this process.

    Args:
        log_format: `console` is human-readable, `json` is one object per line.
        level: the lowest level that is shown.
        color: whether the console format may use colour.
        stream: where to write; if its reader goes away, the run continues.
        secrets: tokens to hide everywhere, including tracebacks.
        onlooker: is told of every event, whatever its level, without secrets; an event for which it returns True is not
            written, unless the level is debug.
        around: makes of a text that is about to be written what is written.
        sections: what folds the console format in a CI system.
    """
    _hidden.set_to(secrets)

    def hide(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {key: redact_deeply(value, _hidden.redact) for key, value in event.items()}

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _stamp,
        structlog.processors.format_exc_info,
        hide,
    ]
    shown_level = logging.getLevelNamesMapping()[level.upper()]
    if onlooker is not None:
        shared.append(_told_to(onlooker, shown_level))
    if log_format == "json":
        tell_loss = _lines_lost_event
        last: list[Processor] = [
            _without_those_for_people,
            _unmark,
            _encodable,
            structlog.processors.JSONRenderer(_one_json_line, default=str),
        ]
    else:
        tell_loss = lines_lost
        is_raw = shown_level <= logging.DEBUG
        last = [_unmark if is_raw else _without_routine, partial(_as_line, color=color, raw=is_raw)]
        if sections is not None:
            last = [sections.around(last)]
    lossy = LossyStream(stream, tell_loss, around=around)
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(
            shown_level if onlooker is None else min(shown_level, logging.DEBUG)
        ),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", lossy)),
        cache_logger_on_first_use=False,
    )


def _told_to(onlooker: Onlooker, shown_level: int) -> Processor:
    """Tell somebody of every event, also below the level; drop those that he shows himself."""

    def tell(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        level = logging.getLevelNamesMapping().get(str(event["level"]).upper(), logging.INFO)
        if onlooker(event) and shown_level > logging.DEBUG:
            raise structlog.DropEvent
        if level < shown_level:
            raise structlog.DropEvent
        return event

    return tell


def _without_those_for_people(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if event["event"] in log_lines.FOR_PEOPLE:
        raise structlog.DropEvent
    return event


def _as_line(_: object, __: str, event: MutableMapping[str, Any], *, color: bool, raw: bool) -> str:
    if not raw and log_lines.is_for_details_only(event):
        raise structlog.DropEvent
    return log_lines.line_of(event, color=color, raw=raw)


def _lines_lost_event(count: int) -> str:
    return json.dumps({"event": "log_lines_lost", "count": count, "level": "warning"}) + "\n"


def hide_also(secret: str) -> None:
    """Hide a secret that became known only after `configure`."""
    if secret not in _hidden.secrets:
        _hidden.set_to((*_hidden.secrets, secret))


def _unmark(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event.pop(_ROUTINE_KEY, None)
    return event


def _without_routine(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop routine info events; warnings and errors are always shown."""
    if event.pop(_ROUTINE_KEY, False) and event.get("level") == "info":
        raise structlog.DropEvent
    return event


def _stamp(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    now = (_now.get() or SystemClock().now)()
    event["timestamp"] = now.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    return event


def _one_json_line(event: object, **options: Any) -> str:  # noqa: ANN401 - what json.dumps takes
    return printable_json(json.dumps(event, **options))


def _encodable(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Escape what a reader of JSON might refuse: halves of surrogate pairs. JSON escapes everything else."""
    return {key: redact_deeply(value, encodable) for key, value in event.items()}
