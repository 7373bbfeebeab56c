"""The HTML report's details: each environment with its services, their evidence and timelines, and its checks."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from orchestrator.domain.accounts import answer_in_words, wanted_in_words
from orchestrator.domain.states import State, StateClass, classify
from orchestrator.reports.digest import is_problem, restarted, service_evidence
from orchestrator.reports.geometry import is_anothers
from orchestrator.reports.markup import badge, instant, link, text
from orchestrator.reports.model import CheckReport, EnvironmentReport, ServiceReport
from orchestrator.reports.overview import MOST_OPEN, Group, count_problems
from orchestrator.reports.wording import count, span

_LEGEND = (
    ("queued", "queued"),
    ("running", "in progress"),
    ("good", "restarted"),
    ("bad", "failed"),
    ("stopped", "cancelled"),
    ("ended", "ended otherwise"),
    ("doubt", "state that says nothing"),
    ("anothers", "another user's operation"),
)
_WAITED = {"quota": "for the quota", "lock": "for another run to end", "busy": "as it was busy"}


def details(groups: Sequence[Group]) -> Iterator[str]:
    """Render every environment with its services; problems are open, unless there are too many."""
    are_open = count_problems(groups) <= MOST_OPEN
    yield '<h2 id="details">Services and evidence</h2>'
    yield _legend(groups)
    for group in groups:
        if group.is_folded:
            name = group.outcome.value
            yield f'<details class="rest" data-outcome="{name}">'
            yield f"<summary>{badge(group.outcome)} {count(len(group.members), 'environment')}</summary>"
        for number, environment in group.members:
            yield from _environment(number, environment, is_open=are_open and is_problem(environment))
        if group.is_folded:
            yield "</details>"


def _environment(number: int, environment: EnvironmentReport, *, is_open: bool) -> Iterator[str]:
    opened = " open" if is_open else ""
    yield f'<details id="e{number}" class="environment" data-outcome="{environment.outcome.value}"{opened}>'
    parts = [environment.reason.value.replace("_", " ")] if is_problem(environment) else []
    if environment.services:
        parts.append(f"{restarted(environment)} services")
    if environment.duration_s is not None:
        parts.append(span(environment.duration_s))
    yield (
        f"<summary><h3>{text(environment.name)}</h3> {badge(environment.outcome)} "
        f'<span class="quiet">{", ".join(parts)}</span></summary>'
    )
    yield f"<p>{text(environment.message)}</p>"
    circumstances = "".join(f"<span>{each}</span>" for each in _circumstances(environment))
    yield f'<p class="quiet circumstances">{circumstances}</p>'
    if environment.services:
        yield from _services(environment)
    if environment.checks:
        yield from _checks(environment.checks)
    if environment.left_out:
        yield f'<p class="quiet">Left out: {"; ".join(_left_out(environment))}.</p>'
    yield "</details>"


def _circumstances(environment: EnvironmentReport) -> Iterator[str]:
    for wait in environment.waits:
        yield f"waited {span(wait.duration_s)} {_WAITED[wait.what.value]}"
    if environment.submitted_at is not None:
        yield f"submitted {instant(environment.submitted_at)}"
    if environment.checks and environment.proven_at is not None:
        yield f"proven {instant(environment.proven_at)}"
    if environment.settled_at is not None:
        yield f"settled {instant(environment.settled_at)}"
    yield f"id <code>{text(environment.id)}</code>"
    console = link(environment.console_url, "open in the Qovery console")
    if console is not None:
        yield console


def _checks(checks: Sequence[CheckReport]) -> Iterator[str]:
    yield '<ul class="checks" aria-label="Health checks">'
    for check in checks:
        wanted = wanted_in_words(check.wanted, check.consecutive)
        answer = answer_in_words(check.last_answer)
        outcome, words = ("succeeded", "passed") if check.passed else ("failed", "not passed")
        yield (
            f'<li><span class="badge {outcome}">{words}</span> <code>{text(check.url)}</code> '
            f'<span class="quiet">last answer {text(answer)}, wanted {wanted}; '
            f"{count(check.probes, 'probe')} in {span(check.duration_s)}</span></li>"
        )
    yield "</ul>"


def _left_out(environment: EnvironmentReport) -> Iterator[str]:
    by_reason = sorted(environment.left_out, key=lambda service: service.why)
    for why, services in groupby(by_reason, key=lambda service: service.why):
        yield f"{text(', '.join(service.name for service in services))} ({text(why)})"


def _services(environment: EnvironmentReport) -> Iterator[str]:
    latest = max((seconds for service in environment.services for _, seconds in service.timeline), default=0.0)
    # On a phone each row is shown as a block; the roles keep it a table for screen readers.
    yield '<table class="services" role="table">'
    yield f'<caption class="unseen">Services of {text(environment.name)}</caption>'
    yield '<thead role="rowgroup"><tr role="row">'
    for heading in ("Service", "Outcome", "Execution", "Timeline"):
        yield f'<th scope="col" role="columnheader">{heading}</th>'
    yield "</tr></thead>"
    yield '<tbody role="rowgroup">'
    ours = environment.submitted_at is not None
    for service in environment.services:
        yield (
            '<tr role="row">'
            f'<th scope="row" role="rowheader">{text(service.name)} <br>'
            f'<span class="quiet">{text(service.type)}</span></th>'
            f'<td role="cell">{badge(service.outcome)} <br>'
            f'<span class="state">{text(service.state or "not seen")}</span></td>'
            f'<td role="cell">{_executions(service)}</td>'
            f'<td role="cell" class="when">{_bar(service, latest=latest, ours=ours)}{_moments(service)}</td>'
            "</tr>"
        )
    yield "</tbody></table>"


def _executions(service: ServiceReport) -> str:
    """Show the shortened executions, with the full ids as a tooltip."""
    whole = f"before: {service.baseline_execution_id or 'none seen'}; after: {service.execution_id or 'none seen'}"
    return f'<span class="execution" title="{text(whole)}">{text(service_evidence(service) or "none seen")}</span>'


def _bar(service: ServiceReport, *, latest: float, ours: bool) -> str:
    """Draw a timeline as a bar, to the scale of the environment's slowest service.

    Each state is a piece of its length; the last state, which has no end, is a mark. `_moments` shows the same as text.

    Args:
        service: the service.
        latest: seconds that the whole bar stands for.
        ours: whether a restart was submitted: then what no restart passes through is another user's.
    """
    if not service.timeline:
        return ""
    starts = [max(0.0, seconds) for _, seconds in service.timeline]
    pieces = [_piece("before", starts[0], latest)]
    for (state, _), start, end in zip(service.timeline, starts, starts[1:], strict=False):
        pieces.append(_piece(_tone(state, ours=ours), end - start, latest))
    pieces.append(f'<i class="{_tone(service.timeline[-1][0], ours=ours)} last"></i>')
    return f'<div class="bar" aria-hidden="true">{"".join(pieces)}</div>'


def _piece(tone: str, seconds: float, latest: float) -> str:
    percent = max(0.0, 100 * seconds / latest) if latest > 0 else 0.0
    return f'<i class="{tone}" style="width:{percent:.2f}%"></i>'


def _tone(state: str, *, ours: bool) -> str:
    if ours and is_anothers(state):
        return "anothers"
    if state == State.CANCELED:
        return "stopped"
    match classify(state):
        case StateClass.SUCCESS:
            return "good"
        case StateClass.FAILURE:
            return "bad"
        case StateClass.IN_PROGRESS:
            return "queued" if state.endswith("QUEUED") else "running"
        case StateClass.ENDED_OTHERWISE:
            return "ended"
        case _:
            return "doubt"


def _moments(service: ServiceReport) -> str:
    moments = "".join(f"<li>{text(state)} <span>{span(seconds)}</span></li>" for state, seconds in service.timeline)
    return f'<ol class="moments">{moments}</ol>' if moments else '<span class="quiet">nothing seen</span>'


def _legend(groups: Sequence[Group]) -> str:
    """Explain the colours that the page has."""
    shown = {
        _tone(state, ours=environment.submitted_at is not None)
        for group in groups
        for _, environment in group.members
        for service in environment.services
        for state, _ in service.timeline
    }
    entries = "".join(f'<li><i class="{tone}"></i>{words}</li>' for tone, words in _LEGEND if tone in shown)
    if not entries:
        return ""
    return f'<ul class="legend" aria-label="Colours of the timelines">{entries}</ul>'
