"""The log: structlog, one event per line on stderr, human-readable or in JSON, without secrets."""

import json
import logging
import re
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextvars import ContextVar
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, TextIO, cast

import structlog
from structlog.typing import FilteringBoundLogger, Processor

from orchestrator.clock import SystemClock
from orchestrator.redaction import redact_deeply, redactor
from orchestrator.sections import LogSections
from orchestrator.streams import LossyStream, lines_lost
from orchestrator.text import encodable, printable, printable_json

LogFormat = Literal["console", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

_now: ContextVar[Callable[[], datetime] | None] = ContextVar("now", default=None)
_EXECUTION = re.compile(r"\b[0-9a-f]{8}-[0-9a-f-]{27}-(?P<number>[0-9]+)\b")
_COLUMN_WIDTHS = {"environment": 16, "event": 22}


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
    sections: LogSections | None = None,
) -> None:
    """Set up logging for this process.

    Args:
        log_format: `console` is human-readable, `json` is one object per line.
        level: the lowest level that is shown.
        color: whether the console format may use colour.
        stream: where to write; if its reader goes away, the run continues.
        secrets: tokens to hide everywhere, including tracebacks.
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
    if log_format == "json":
        tell_loss = _lines_lost_event
        last: list[Processor] = [_unmark, _encodable, structlog.processors.JSONRenderer(_one_json_line, default=str)]
    else:
        tell_loss = lines_lost
        last = [_unmark if level.upper() == "DEBUG" else _without_routine, _tidy, _console(color=color)]
        if sections is not None:
            last = [sections.around(last)]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", LossyStream(stream, tell_loss))),
        cache_logger_on_first_use=False,
    )


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


def _tidy(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop what is redundant at a terminal, keep the columns aligned, and let nothing forge a line or act on it."""
    event.pop("run_id", None)
    event.setdefault("environment", "-")
    return {
        key: _printable_lines(value) if key == "exception" else printable(str(_shortened(value)))
        for key, value in event.items()
        if value is not None
    }


def _printable_lines(traceback: str) -> str:
    return "\n".join(map(printable, traceback.split("\n")))


def _one_json_line(event: object, **options: Any) -> str:  # noqa: ANN401 - what json.dumps takes
    return printable_json(json.dumps(event, **options))


def _encodable(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Escape what a reader of JSON might refuse: halves of surrogate pairs. JSON escapes everything else."""
    return {key: redact_deeply(value, encodable) for key, value in event.items()}


def _shortened(value: object) -> object:
    match value:
        case list():
            return ", ".join(str(_shortened(item)) for item in value) or "-"
        case str():
            return _EXECUTION.sub(r"…-\g<number>", value)
        case _:
            return value


def _console(*, color: bool) -> Processor:
    dim, bold, reset = ("\033[2m", "\033[1m", "\033[0m") if color else ("", "", "")

    def column(key: str, style: str = "") -> structlog.dev.Column:
        formatter = structlog.dev.KeyValueColumnFormatter(
            key_style=None, value_style=style, reset_style=reset, value_repr=str, width=_COLUMN_WIDTHS.get(key, 0)
        )
        return structlog.dev.Column(key, formatter)

    level_styles = structlog.dev.ConsoleRenderer.get_default_level_styles(colors=color)
    rest = structlog.dev.KeyValueColumnFormatter(key_style=dim, value_style="", reset_style=reset, value_repr=str)
    return structlog.dev.ConsoleRenderer(
        columns=[
            column("timestamp", dim),
            structlog.dev.Column("level", structlog.dev.LogLevelColumnFormatter(level_styles, reset)),
            column("environment"),
            column("event", bold),
            structlog.dev.Column("", rest),
        ],
        sort_keys=False,
        exception_formatter=structlog.dev.plain_traceback,
    )
