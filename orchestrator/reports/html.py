"""The HTML report: one self-contained page without scripts, for light and dark screens, phones and paper."""

from collections.abc import Iterator
from datetime import datetime
from html import escape

from orchestrator.domain.outcomes import Outcome, RunOutcome
from orchestrator.domain.states import StateClass, classify
from orchestrator.reports.digest import (
    HEADLINES,
    SIMULATED,
    is_problem,
    next_steps,
    outcome_words,
    restarted,
    service_evidence,
    tally,
    worst_first,
)
from orchestrator.reports.model import EnvironmentReport, RunReport, ServiceReport
from orchestrator.reports.stylesheet import STYLESHEET
from orchestrator.reports.wording import span, web_address
from orchestrator.text import printable

_CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""If a name ever gets past the escaping, browsers still run and load nothing."""

_LEGEND = (
    ("queued", "queued"),
    ("running", "in progress"),
    ("good", "restarted"),
    ("bad", "failed"),
    ("other", "other"),
)


def render_html(report: RunReport) -> str:
    """Render a run as a page: problems first, each service with its evidence and its timeline as a bar."""
    return "\n".join(_page(report)) + "\n"


def _page(report: RunReport) -> Iterator[str]:
    headline = HEADLINES[report.outcome]
    environments = worst_first(report.environments)
    yield "<!DOCTYPE html>"
    yield '<html lang="en">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_CONTENT_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="light dark">'
    yield '<meta name="referrer" content="no-referrer">'
    yield f"<title>{headline}: {tally(report)}</title>"
    yield f"<style>{STYLESHEET}</style>"
    yield "</head>"
    yield "<body>"
    yield from _header(report)
    yield "<main>"
    if environments:
        yield from _overview(environments)
        yield '<h2 id="details">Services and evidence</h2>'
        yield _legend()
        for number, environment in enumerate(environments, 1):
            yield from _environment(number, environment)
    yield "</main>"
    yield "</body>"
    yield "</html>"


def _header(report: RunReport) -> Iterator[str]:
    tone = "succeeded" if report.outcome is RunOutcome.SUCCEEDED else "failed"
    yield f'<header class="{tone}">'
    yield f"<h1>{HEADLINES[report.outcome]}</h1>"
    yield f'<p class="tally">{tally(report)}</p>'
    if report.simulated:
        yield f'<p class="notice"><strong>{SIMULATED}</strong></p>'
    for error in report.errors:
        yield f'<p class="notice bad">{_text(error)}</p>'
    steps = next_steps(report)
    if steps:
        yield f'<p class="notice">{"<br>".join(map(_text, steps))}</p>'
    yield '<dl class="facts">'
    yield _fact("Exit code", str(report.exit_code))
    yield _fact("Duration", span(report.duration_s))
    yield _fact("Started", _time(report.started_at))
    yield _fact("Ended", _time(report.ended_at))
    yield _fact("Requests", f"{report.requests.total}, {report.requests.submits} of them submits")
    yield _fact("Configuration", _text(report.config or "none"))
    yield _fact("Run", f"<code>{_text(report.run_id)}</code>")
    yield "</dl>"
    yield "</header>"


def _overview(environments: list[EnvironmentReport]) -> Iterator[str]:
    yield '<h2 id="environments">Environments</h2>'
    yield '<table class="overview">'
    yield '<caption class="unseen">Every environment, the worst outcome first</caption>'
    yield "<thead><tr>"
    for heading in ("Environment", "Outcome", "Reason", "Wave", "Services", "Duration"):
        yield f'<th scope="col">{heading}</th>'
    yield "</tr></thead>"
    yield "<tbody>"
    for number, environment in enumerate(environments, 1):
        yield (
            f'<tr><th scope="row"><a href="#e{number}">{_text(environment.name)}</a></th>'
            f"<td>{_badge(environment.outcome)}</td>"
            f"<td>{environment.reason.value.replace('_', ' ')}</td>"
            f'<td class="number">{environment.wave}</td>'
            f'<td class="number">{restarted(environment)}</td>'
            f'<td class="number">{span(environment.duration_s)}</td></tr>'
        )
    yield "</tbody></table>"


def _environment(number: int, environment: EnvironmentReport) -> Iterator[str]:
    is_open = " open" if is_problem(environment) else ""
    yield f'<details id="e{number}" class="environment"{is_open}>'
    parts = [f"{restarted(environment)} services"] if environment.services else []
    if environment.duration_s is not None:
        parts.append(span(environment.duration_s))
    yield (
        f"<summary><h3>{_text(environment.name)}</h3> {_badge(environment.outcome)} "
        f'<span class="quiet">{", ".join(parts)}</span></summary>'
    )
    yield f"<p>{_text(environment.message)}</p>"
    yield f'<p class="quiet circumstances">{" · ".join(_circumstances(environment))}</p>'
    if environment.services:
        yield from _services(environment)
    yield "</details>"


def _circumstances(environment: EnvironmentReport) -> Iterator[str]:
    if environment.submitted_at is not None:
        yield f"submitted {_time(environment.submitted_at)}"
    if environment.settled_at is not None:
        yield f"settled {_time(environment.settled_at)}"
    yield f"id <code>{_text(environment.id)}</code>"
    address = web_address(environment.console_url)
    if address is not None:
        yield f'<a href="{escape(address)}" rel="noreferrer noopener">open in the Qovery console</a>'


def _services(environment: EnvironmentReport) -> Iterator[str]:
    latest = max((seconds for service in environment.services for _, seconds in service.timeline), default=0.0)
    # On a phone each row is shown as a block; the roles keep it a table for screen readers.
    yield '<table class="services" role="table">'
    yield f'<caption class="unseen">Services of {_text(environment.name)}</caption>'
    yield '<thead role="rowgroup"><tr role="row">'
    for heading in ("Service", "Outcome", "Execution", "Timeline"):
        yield f'<th scope="col" role="columnheader">{heading}</th>'
    yield "</tr></thead>"
    yield '<tbody role="rowgroup">'
    for service in environment.services:
        yield (
            '<tr role="row">'
            f'<th scope="row" role="rowheader">{_text(service.name)} <br>'
            f'<span class="quiet">{_text(service.type)}</span></th>'
            f'<td role="cell">{_badge(service.outcome)} <br>'
            f'<span class="state">{_text(service.state or "not seen")}</span></td>'
            f'<td role="cell">{_executions(service)}</td>'
            f'<td role="cell" class="when">{_bar(service, latest=latest)}{_moments(service)}</td>'
            "</tr>"
        )
    yield "</tbody></table>"


def _executions(service: ServiceReport) -> str:
    """Show the shortened executions, with the full ids as a tooltip."""
    whole = f"before: {service.baseline_execution_id or 'none seen'}; after: {service.execution_id or 'none seen'}"
    return f'<span class="execution" title="{_text(whole)}">{_text(service_evidence(service) or "none seen")}</span>'


def _bar(service: ServiceReport, *, latest: float) -> str:
    """Draw a timeline as a bar, to the scale of the environment's slowest service.

    Each state is a piece of its length; the last state, which has no end, is a mark. `_moments` shows the same as text.
    """
    if not service.timeline:
        return ""
    starts = [max(0.0, seconds) for _, seconds in service.timeline]
    pieces = [_piece("before", starts[0], latest)]
    for (state, _), start, end in zip(service.timeline, starts, starts[1:], strict=False):
        pieces.append(_piece(_tone(state), end - start, latest))
    pieces.append(f'<i class="{_tone(service.timeline[-1][0])} last"></i>')
    return f'<div class="bar" aria-hidden="true">{"".join(pieces)}</div>'


def _piece(tone: str, seconds: float, latest: float) -> str:
    percent = max(0.0, 100 * seconds / latest) if latest > 0 else 0.0
    return f'<i class="{tone}" style="width:{percent:.2f}%"></i>'


def _tone(state: str) -> str:
    match classify(state):
        case StateClass.SUCCESS:
            return "good"
        case StateClass.FAILURE:
            return "bad"
        case StateClass.IN_PROGRESS:
            return "queued" if state.endswith("QUEUED") else "running"
        case _:
            return "other"


def _moments(service: ServiceReport) -> str:
    moments = "".join(f"<li>{_text(state)} <span>{span(seconds)}</span></li>" for state, seconds in service.timeline)
    return f'<ol class="moments">{moments}</ol>' if moments else '<span class="quiet">nothing seen</span>'


def _legend() -> str:
    entries = "".join(f'<li><i class="{tone}"></i>{words}</li>' for tone, words in _LEGEND)
    return f'<ul class="legend" aria-label="Colours of the timelines">{entries}</ul>'


def _fact(term: str, markup: str) -> str:
    return f"<div><dt>{term}</dt><dd>{markup}</dd></div>"


def _badge(outcome: Outcome) -> str:
    return f'<span class="badge {outcome.value}">{outcome_words(outcome)}</span>'


def _time(instant: datetime) -> str:
    return f'<time datetime="{instant:%Y-%m-%dT%H:%M:%SZ}">{instant:%Y-%m-%d %H:%M:%S} UTC</time>'


def _text(text: str) -> str:
    """Escape a name or a message, for text and for attributes in quotes."""
    return escape(printable(text))
