"""What an answer of Prometheus means for a run: which alerts are firing, and whether that can be known."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from orchestrator.domain.outcomes import Reason, Refusal

NAMED_AT_MOST = 10
"""More alerts than this are only counted."""
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A series that the query found."""

    name: str
    since: datetime | None = None
    """Since when it is there, if that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertReading:
    """What one Prometheus answered to one query."""

    source: str
    """The host that was asked, for users."""
    firing: tuple[Alert, ...] = ()
    problem: str | None = None
    """Why it is not known what is firing, in a few words; None if it is known."""


def read_alerts(answer: object) -> tuple[Alert, ...]:
    """Return what an answer of Prometheus' `/api/v1/query` contains: every series counts, whatever its value.

    An alert is called by its label `alertname`, any other series by its name or labels. The value of
    `ALERTS_FOR_STATE` is the time since which the alert is active, in seconds since 1970.

    Raises:
        ValueError: it does not say what is firing: an error, another shape, or a part of the whole. The text says why,
            in a few words.
    """
    content = _mapping(answer)
    if content.get("status") != "success":
        raise ValueError(str(content.get("error") or "the answer is not one of Prometheus'"))
    result = _mapping(content.get("data")).get("result")
    kind = _mapping(content.get("data")).get("resultType")
    if kind not in ("vector", "matrix") or not isinstance(result, list):
        raise ValueError(f"the query yields no series, but {kind or 'nothing'}")
    if not result and (warnings := content.get("warnings")):
        # Thanos answers with what it could reach, and a warning: nothing of a part is not nothing.
        first = warnings[0] if isinstance(warnings, list) else warnings
        raise ValueError(f"the answer may not be complete ({first})")
    return _without_repetition([_alert(_mapping(series)) for series in result])


def refusal_of(readings: Sequence[AlertReading]) -> Refusal | None:
    """Return why nothing may begin, given the answer of everybody who was asked; None if it may.

    What cannot be known blocks, as an alert does.
    """
    firing = [alert for reading in readings for alert in reading.firing]
    problems = [f"{reading.source}: {reading.problem}" for reading in readings if reading.problem is not None]
    if firing:
        shown = ", ".join(_words(alert) for alert in firing[:NAMED_AT_MOST])
        more = f", and {len(firing) - NAMED_AT_MOST} more" if len(firing) > NAMED_AT_MOST else ""
        return Refusal(reason=Reason.ALERT_FIRING, message=f"what `blocked_by` asks for is firing: {shown}{more}")
    if problems:
        return Refusal(
            reason=Reason.ALERTS_UNKNOWN,
            message=f"nobody can say whether what `blocked_by` asks for is firing ({'; '.join(problems)})",
        )
    return None


def query_of_since(alerts: Sequence[Alert]) -> str:
    r"""Return the query that asks since when alerts are active.

    >>> query_of_since([Alert(name="Disk.Full"), Alert(name="Down")])
    'ALERTS_FOR_STATE{alertname=~"Disk\\\\.Full|Down"}'
    """
    names = "|".join(dict.fromkeys(re.escape(alert.name) for alert in alerts[:NAMED_AT_MOST]))
    quoted = names.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'ALERTS_FOR_STATE{{alertname=~"{quoted}"}}'


def with_since(alerts: Sequence[Alert], dated: Sequence[Alert]) -> tuple[Alert, ...]:
    """Return alerts with the dates of those of the same name."""
    known = {alert.name: alert.since for alert in dated}
    return tuple(Alert(name=alert.name, since=alert.since or known.get(alert.name)) for alert in alerts)


def _words(alert: Alert) -> str:
    return alert.name if alert.since is None else f"{alert.name} (since {alert.since:%Y-%m-%d %H:%M} UTC)"


def _alert(series: Mapping[str, object]) -> Alert:
    labels = {str(key): str(value) for key, value in _mapping(series.get("metric")).items()}
    metric = labels.get("__name__")
    others = ", ".join(f'{key}="{value}"' for key, value in sorted(labels.items()) if key != "__name__")
    name = labels.get("alertname") or metric or f"{{{others}}}"
    since = _instant(series.get("value")) if metric == "ALERTS_FOR_STATE" else None
    return Alert(name=name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…", since=since)


def _instant(value: object) -> datetime | None:
    try:
        _, seconds = value  # type: ignore[misc]  # a pair, or an error
        return datetime.fromtimestamp(float(seconds), UTC)  # type: ignore[has-type]
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _without_repetition(alerts: Sequence[Alert]) -> tuple[Alert, ...]:
    """Return one alert of each name, the one that is there for the longest: an alert fires once for each instance."""
    found: dict[str, Alert] = {}
    for alert in alerts:
        earlier = found.get(alert.name, alert)
        dates = [each.since for each in (earlier, alert) if each.since is not None]
        found[alert.name] = Alert(name=alert.name, since=min(dates, default=None))
    return tuple(found.values())


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
