"""One message about a run: as text, for Slack, and as a JSON document."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from orchestrator.domain.notices import RunEnd
from orchestrator.domain.outcomes import EnvironmentResult, Outcome, RunOutcome
from orchestrator.text import printable

SCHEMA_VERSION = 1
"""Of the JSON document; increased with every change that could break a script that reads it."""
LONGEST_LINE = 300
"""Characters of one environment's line: a message is read on a telephone."""
MOST_ERRORS = 5
"""Errors in a message, at most."""
_SECTION = 2900
"""Characters of one block; Slack refuses more than 3000."""

_ICONS = {True: "✅", False: "❌"}
_HEADLINES = {
    RunOutcome.SUCCEEDED: "restarted",
    RunOutcome.FAILED: "failed",
    RunOutcome.TIMED_OUT: "timed out",
    RunOutcome.CANCELLED: "was cancelled",
    RunOutcome.BLOCKED: "was blocked",
    RunOutcome.UNKNOWN: "ended, and nobody knows how",
    RunOutcome.INTERRUPTED: "was interrupted",
}


def headline(end: RunEnd) -> str:
    """Return the message's first line."""
    name = printable(end.config or "qovery-restart")
    again = " again" if end.recovered else ""
    return f"{_ICONS[end.succeeded]} {name} {_HEADLINES[end.outcome]}{again} (exit code {end.exit_code})"


def lines(end: RunEnd) -> Iterator[str]:
    """Yield what follows the first line, except for links and commands."""
    total = len(end.environments)
    if total:
        counts = ", ".join(f"{number} {outcome.value}" for outcome, number in end.by_outcome().items())
        yield f"{total} environment{'s' if total > 1 else ''}: {counts}"
    named = end.named()
    if any(each.outcome is not Outcome.SUCCEEDED for each in named):
        yield from (_cut(f"• {_line(each)}") for each in named)
        if unnamed := total - len(named):
            yield f"• and {unnamed} more"
    yield from (_cut(f"• {printable(error)}") for error in end.errors[:MOST_ERRORS])


def text_of(end: RunEnd, link: str | None) -> str:
    """Return the message as plain text."""
    parts = [headline(end), *lines(end)]
    if end.run_id is not None:
        parts.append(f"Run {end.run_id}")
    if end.resume is not None:
        parts.append(f"Resume it: {printable(end.resume)}")
    if link is not None:
        parts.append(link)
    return "\n".join(parts)


def slack_payload(end: RunEnd, link: str | None) -> dict[str, Any]:
    """Return the message for an incoming webhook of Slack (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks).

    Slack reads `&`, `<` and `>` as its own, so they are escaped: a name cannot mention a channel, or forge a link.
    """
    parts = [f"*{_escaped(headline(end))}*", *map(_escaped, lines(end))]
    if end.resume is not None:
        parts.append(f"Resume it: `{_escaped(printable(end.resume)).replace('`', chr(39))}`")
    about = [f"Run {_escaped(end.run_id)}"] if end.run_id is not None else []
    if link is not None:
        about.append(f"<{_link(link)}|open the job>")
    if about:
        parts.append(" · ".join(about))
    blocks = [
        {"type": "section", "text": {"type": "mrkdwn", "text": _at_most(part, _SECTION)}} for part in _sections(parts)
    ]
    return {"text": _escaped(headline(end)), "blocks": blocks}


def _sections(parts: list[str]) -> Iterator[str]:
    """Yield lines joined into as few blocks as fit."""
    current = ""
    for part in parts:
        if current and len(current) + len(part) + 1 > _SECTION:
            yield current
            current = ""
        current = f"{current}\n{part}" if current else part
    yield current


def document_of(end: RunEnd, link: str | None) -> dict[str, Any]:
    """Return the message as a JSON document. `config/guide/telling.md` describes it."""
    named = end.named()
    return {
        "schema_version": SCHEMA_VERSION,
        "event": "run_ended",
        "run_id": end.run_id,
        "config": end.config,
        "outcome": end.outcome.value,
        "exit_code": end.exit_code,
        "recovered": end.recovered,
        "last_exit_code": end.last.exit_code,
        "started_at": _utc(end.started_at),
        "ended_at": _utc(end.ended_at),
        "duration_s": end.duration_s,
        "requests": {"total": end.requests, "submits": end.submits},
        "environments": {
            "total": len(end.environments),
            "by_outcome": {outcome.value: number for outcome, number in end.by_outcome().items()},
            "named": [
                {
                    "name": each.name,
                    "outcome": each.outcome.value,
                    "reason": each.reason.value,
                    "message": each.message,
                    "console_url": each.console_url,
                }
                for each in named
            ],
            "unnamed": len(end.environments) - len(named),
        },
        "errors": list(end.errors),
        "resume": end.resume,
        "link": link,
    }


def _line(environment: EnvironmentResult) -> str:
    ended = f"{environment.outcome.value} ({environment.reason.value})"
    return f"{printable(environment.name)}: {ended}. {printable(environment.message)}"


def _cut(line: str) -> str:
    return _at_most(line, LONGEST_LINE)


def _at_most(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _link(url: str) -> str:
    return re.sub(r"[<>|]", lambda match: f"%{ord(match[0]):02X}", url).replace("&", "&amp;")


def _utc(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
