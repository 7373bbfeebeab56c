"""The log as lines for people: a line's columns, and in which words it tells an event. JSON has the events."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from orchestrator.domain.durations import span
from orchestrator.text import count, printable

Event: TypeAlias = Mapping[str, Any]

FOR_PEOPLE = frozenset({"services_changed"})
"""The events that only lines have: JSON has what they sum up."""
NAME_WIDTH = 14
"""Columns of an environment's name; a longer one shifts the rest of its line."""

_EXECUTION = re.compile(r"\b[0-9a-f]{8}-[0-9a-f-]{27}-(?P<number>[0-9]+)\b")
_COUNTED = re.compile(r"(?P<count>[0-9]+) (?P<state>[^,]+)")
_COLUMNS = ("timestamp", "level", "environment", "event", "exception")
_STYLES = {"warning": "\033[33m\033[1m", "error": "\033[31m\033[1m"}
_DIM, _BOLD, _RESET = "\033[2m", "\033[1m", "\033[0m"


def is_for_details_only(event: Event) -> bool:
    """Return whether people see an event only at level debug: another line sums it up."""
    return event["event"] == "service_state_changed" or (
        event["event"] == "history_read" and event.get("doubt") is None and event["level"] == "info"
    )


def line_of(event: Event, *, color: bool, raw: bool) -> str:
    """Return an event as a line; nothing in it can forge another line, or act on the terminal.

    Args:
        event: with its `timestamp`, `level` and `event`, and whatever it carries.
        color: whether to use colours.
        raw: show every key with its value, as at level debug.
    """
    words = None if raw else words_of(event)
    name = printable(str(event["event"]))
    rest = _pairs(event) if words is None else printable(words)
    level = str(event["level"])
    stamp = str(event["timestamp"]) if raw else f"{str(event['timestamp'])[:19]}Z"
    environment = printable(str(event.get("environment", "-")))
    pieces = [
        _styled(stamp, _DIM, color=color),
        f"{environment:<{NAME_WIDTH}}",
        "" if level == "info" else _styled(level, _STYLES.get(level, ""), color=color),
        "" if name in FOR_PEOPLE and words is not None else _styled(name, _BOLD, color=color),
    ]
    line = f"{' '.join(filter(None, pieces))} {rest}".rstrip()
    if "exception" in event:
        line += "\n" + "\n".join(map(printable, str(event["exception"]).split("\n")))
    return line


def words_of(event: Event) -> str | None:
    """Return what an event tells in words; None if there are none for it, or it lacks what they need."""
    phrase = _PHRASES.get(str(event["event"]))
    if phrase is None:
        return None
    try:
        return phrase(event)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def states_in_words(services: str) -> str:
    """Return the counts of states as people read them.

    >>> states_in_words("5 RESTARTING"), states_in_words("2 RESTARTED, 3 RESTARTING")
    ('RESTARTING 5/5', 'RESTARTED 2/5, RESTARTING 3/5')
    """
    counts = [(match["state"], int(match["count"])) for match in _COUNTED.finditer(services)]
    total = sum(number for _, number in counts)
    return ", ".join(f"{state} {number}/{total}" for state, number in counts)


def shortened(value: object) -> object:
    """Return a value with each execution's id shortened to its number, and a list as text.

    >>> shortened(["3c90c3cc-0d44-4b50-8888-8dd25736052a-41"])
    '…-41'
    """
    match value:
        case list() | tuple():
            return ", ".join(str(shortened(item)) for item in value) or "-"
        case str():
            return _EXECUTION.sub(r"…-\g<number>", value)
        case _:
            return value


def _styled(text: str, style: str, *, color: bool) -> str:
    return f"{style}{text}{_RESET}" if color and style else text


def _pairs(event: Event) -> str:
    shown = ((key, value) for key, value in event.items() if key not in (*_COLUMNS, "run_id") and value is not None)
    return " ".join(f"{printable(key)}={printable(str(shortened(value)))}" for key, value in shown)


def _joined(*parts: str | None) -> str:
    return ", ".join(part for part in parts if part)


def _usually(event: Event) -> str | None:
    return f"~{span(event['usually_s'])}" if event.get("usually_s") is not None else None


def _elapsed(event: Event) -> str | None:
    return span(event["elapsed_s"]) if event.get("elapsed_s") is not None else None


def _waiting(event: Event) -> str:
    if "services" not in event:
        pause = event["pause_between_waves_s"]
        return f"pausing for {span(pause)} between two waves"
    obstacle = f"waiting for {event['waiting_for']}" if event.get("waiting_for") else None
    return _joined(states_in_words(event["services"]), _elapsed(event), obstacle, event.get("checks"))


def _settled(event: Event) -> str:
    took = span(event["duration_s"]) if event.get("duration_s") is not None else None
    console = f" {event['console_url']}" if event.get("console_url") else ""
    return _joined(event["outcome"].replace("_", " "), event["reason"], took) + console


def _fleet(event: Event) -> str:
    total = event["settled"] + event["in_flight"] + event["to_begin"]
    failed = event.get("failed", 0)
    oldest = f"oldest {event['oldest']} {span(event['oldest_s'])}" if event.get("oldest") else None
    left = f"~{span(event['left_s'])} left" if event.get("left_s") else None
    return f"[{event['settled']}/{total}] " + _joined(
        f"{failed} failed" if failed else None,
        f"{event['in_flight']} in flight" if event["in_flight"] else None,
        f"{event['to_begin']} to begin" if event["to_begin"] else None,
        left,
        oldest,
    )


def _planned(event: Event) -> str:
    expected = event.get("duration_expected_s")
    return _joined(
        count(event["environments"], "environment"),
        count(event["services"], "service"),
        f"~{span(expected)}" if expected is not None else None,
    )


_PHRASES: Mapping[str, Callable[[Event], str]] = MappingProxyType(
    {
        "run_started": lambda event: _joined(
            event.get("config"), event["api"], "simulated" if event["simulated"] else None
        ),
        "plan_ready": _planned,
        "environment_started": lambda event: _joined(
            count(event["services"], "service"), "resumed" if event.get("resumed") else None, _usually(event)
        ),
        "baseline_read": lambda event: f"{count(event['services'], 'service')} at {shortened(event['executions'])}",
        "restart_submitted": lambda event: count(event["services"], "service"),
        "services_changed": lambda event: _joined(states_in_words(event["services"]), _elapsed(event)),
        "still_waiting": _waiting,
        "verification_passed": lambda event: _joined(event["url"], _elapsed(event)),
        "restart_settled": _settled,
        "watch_settled": _settled,
        "wave_finished": lambda event: (
            f"wave {event['wave']}: {event['succeeded']} of {event['environments']} succeeded"
        ),
        "fleet_progress": _fleet,
        "run_finished": lambda event: _joined(
            event["outcome"].replace("_", " "), f"exit code {event['exit_code']}", span(event["duration_s"])
        ),
    }
)
