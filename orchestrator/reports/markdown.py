"""The Markdown report, for a CI job's summary or a pull request's comment: GitHub's dialect, which GitLab shares."""

import re
from collections.abc import Iterable, Iterator
from enum import IntEnum
from html import escape

from orchestrator.domain.outcomes import Outcome, RunOutcome
from orchestrator.reports.digest import (
    HEADLINES,
    SIMULATED,
    Folded,
    cost,
    digest,
    next_steps,
    outcome_words,
    restarted,
    service_evidence,
    tally,
    timeline_words,
    worst_first,
)
from orchestrator.reports.model import EnvironmentReport, RunReport, ServiceReport
from orchestrator.reports.wording import count, span, web_address
from orchestrator.text import printable

_SYNTAX = re.compile(r"[\\`*_\[\]<>&|~$#@!]")
_BEGINNING = re.compile(r"^[-+=:\d]")
"""What would start a list or underline a heading at the start of a line."""
_MARKS = {Outcome.SUCCEEDED: "✅", Outcome.SKIPPED: "⏭️"}
_PROBLEM = "❌"
_INVISIBLE = "&#8203;"
"""A zero-width space."""


LARGEST = 1_000_000
"""Bytes, in UTF-8. GitHub drops the whole summary of a job's step if it has more than 1 MiB."""
MOST_OPEN = 10
"""Of more problems than this the services are folded, so that the messages can be read one after the other."""
LARGEST_COMMENT = 65_000
"""Bytes, in UTF-8. GitHub refuses a comment of more than 65,536 characters."""


class _Detail(IntEnum):
    """How much is shown: as much as fits, and always what went wrong before what went well."""

    EVERYTHING = 0
    SERVICES_OF_PROBLEMS = 1
    MESSAGES = 2
    TABLE = 3
    COUNTS = 4


_LEFT_OUT = {
    _Detail.SERVICES_OF_PROBLEMS: "the services of environments that went well",
    _Detail.MESSAGES: "all services",
    _Detail.TABLE: "all services, and what happened in each environment",
    _Detail.COUNTS: "everything about single environments",
}


def render_markdown(report: RunReport, *, largest: int = LARGEST) -> str:
    """Render a run as Markdown: problems first; each environment's services and evidence are folded below.

    Args:
        report: the run.
        largest: the most bytes that it may have. Less and less is shown until it fits, and the last line says so.
    """
    for detail in _Detail:
        document = "\n".join(_lines(report, detail))
        if len(document.encode()) <= largest:
            return document
    return _as_much_as_fits(report, largest)


def render_comment(report: RunReport) -> str:
    """Render a run as Markdown that has room in a comment of a pull request."""
    return render_markdown(report, largest=LARGEST_COMMENT)


def _lines(report: RunReport, detail: _Detail) -> Iterator[str]:
    yield from _head(report)
    for sentence in (*report.errors, *next_steps(report)):
        yield from (_text(sentence), "")
    if detail < _Detail.COUNTS:
        yield from _environments(report, detail)
    if detail in _LEFT_OUT:
        yield from (_about_the_rest(_LEFT_OUT[detail]), "")


def _head(report: RunReport) -> Iterator[str]:
    mark = _MARKS[Outcome.SUCCEEDED] if report.outcome is RunOutcome.SUCCEEDED else _PROBLEM
    yield f"## {mark} {HEADLINES[report.outcome]}"
    yield ""
    yield f"**{tally(report)}** (exit code {report.exit_code}). {cost(report)}."
    yield _provenance(report)
    yield ""
    if report.simulated:
        yield from (f"> **{SIMULATED}**", "")


def _environments(report: RunReport, detail: _Detail) -> Iterator[str]:
    chosen = digest(report)
    problems = worst_first(chosen.problems)
    if report.environments:
        yield from _summary(problems, chosen.unshown, chosen.quiet)
    if detail == _Detail.TABLE:
        return
    for environment in problems:
        are_open = len(problems) <= MOST_OPEN
        yield from _problem(environment, with_services=detail < _Detail.MESSAGES, are_open=are_open)
    if detail > _Detail.EVERYTHING:
        return
    for item in chosen.quiet:
        if isinstance(item, EnvironmentReport) and item.services:
            yield from _services(item, summary=f"{_code(item.name)}: {restarted(item)} services", is_open=False)


def _about_the_rest(what: str) -> str:
    return f"*Left out, since the whole would be too large here: {what}. The JSON report has all of it.*"


def _as_much_as_fits(report: RunReport, largest: int) -> str:
    """Return the head, and those sentences about the run for which there is room: they quote texts of any length."""
    lines = list(_head(report))
    sentences = (*report.errors, *next_steps(report))
    end = [_about_the_rest("some of what is to be said of the run, and everything about single environments"), ""]
    room = largest - len("\n".join([*lines, *end]).encode()) - 1
    for sentence in sentences:
        paragraph = [_text(sentence), ""]
        room -= len("\n".join(paragraph).encode()) + 1
        if room < 0:
            break
        lines += paragraph
    return "\n".join([*lines, *end])


def _provenance(report: RunReport) -> str:
    config = f" of {_code(report.config)}" if report.config is not None else ""
    return f"Run {_code(report.run_id)}{config}, {report.started_at:%Y-%m-%d %H:%M:%S} UTC."


def _summary(
    problems: Iterable[EnvironmentReport], unshown: int, quiet: Iterable[EnvironmentReport | Folded]
) -> Iterator[str]:
    yield from _table_head("Environment", "Outcome", "Reason", "Services", "Duration")
    for environment in problems:
        yield _summary_row(environment)
    if unshown:
        yield _row(f"… and {count(unshown, 'more problem')}, no worse than these", "", "", "", "")
    for item in quiet:
        if isinstance(item, Folded):
            yield _row(count(item.count, "environment"), _outcome(item.outcome), f"`{item.reason}`", "", "")
        else:
            yield _summary_row(item)
    yield ""


def _summary_row(environment: EnvironmentReport) -> str:
    return _row(
        _code(environment.name),
        _outcome(environment.outcome),
        f"`{environment.reason}`",
        restarted(environment),
        span(environment.duration_s),
    )


def _problem(environment: EnvironmentReport, *, with_services: bool, are_open: bool) -> Iterator[str]:
    yield from (f"### {_code(environment.name)}: {outcome_words(environment.outcome)}", "")
    yield from (_text(environment.message), "")
    if environment.console_url is not None:
        address = web_address(environment.console_url)
        yield f"[Open in the Qovery console](<{escape(address)}>)" if address else _code(environment.console_url)
        yield ""
    if environment.services and with_services:
        yield from _services(environment, summary=f"Services: {restarted(environment)} succeeded", is_open=are_open)


def _services(environment: EnvironmentReport, *, summary: str, is_open: bool) -> Iterator[str]:
    # Without the blank line after the summary, the table is not rendered as a table.
    yield from (f"<details{' open' if is_open else ''}><summary>{summary}</summary>", "")
    yield from _table_head("Service", "Type", "Outcome", "State", "Execution", "Timeline")
    for service in environment.services:
        yield _service_row(service)
    yield from ("", "</details>", "")


def _service_row(service: ServiceReport) -> str:
    return _row(
        _code(service.name),
        _text(service.type),
        _outcome(service.outcome),
        _code(service.state or ""),
        _text(service_evidence(service)),
        _text(timeline_words(service)),
    )


def _table_head(*headings: str) -> Iterator[str]:
    yield _row(*headings)
    yield _row(*("---" for _ in headings))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _outcome(outcome: Outcome) -> str:
    return f"{_MARKS.get(outcome, _PROBLEM)} {outcome_words(outcome)}"


def _code(text: str) -> str:
    """Write a name as code, so that it mentions no user and links nowhere.

    It uses the element, not backticks: a pipe between backticks would still end a table's cell.
    """
    return f"<code>{_literal(text)}</code>" if text else ""


def _text(text: str) -> str:
    """Escape a sentence, so that none of it is read as Markdown."""
    literal = _literal(text).replace("&#64;", f"&#64;{_INVISIBLE}")  # an @ would mention the user named after it
    return _BEGINNING.sub(_as_reference, literal)


def _literal(text: str) -> str:
    return _SYNTAX.sub(_as_reference, printable(text).strip())


def _as_reference(match: re.Match[str]) -> str:
    return f"&#{ord(match[0])};"
