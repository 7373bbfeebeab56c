"""The HTML report: one self-contained page without scripts, for light and dark screens, phones and paper.

What has to be read first comes first: how it ended, the problems, what to do. Then the picture of the run, every
environment in a line, and the evidence.
"""

from collections.abc import Iterator, Sequence

from orchestrator.domain.outcomes import RunOutcome
from orchestrator.reports.digest import HEADLINES, SIMULATED, next_steps, tally
from orchestrator.reports.evidence import details
from orchestrator.reports.markup import instant, link, text
from orchestrator.reports.model import RunReport, StartedBy
from orchestrator.reports.overview import MOST_OPEN, Group, count_problems, groups_of, overview, tiles, top_problems
from orchestrator.reports.stylesheet import STYLESHEET
from orchestrator.reports.svg import picture
from orchestrator.reports.wording import span

_CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""If a name ever gets past the escaping, browsers still run and load nothing."""

_TRIGGERS = {
    "command": "a command",
    "schedule": "its schedule",
    "github_actions": "GitHub Actions",
    "gitlab_ci": "GitLab CI",
    "ci": "a CI",
    "kubernetes": "Kubernetes",
    "systemd": "systemd",
}


def render_html(report: RunReport) -> str:
    """Render a run as a page: problems first, each service with its evidence and its timeline as a bar."""
    return "\n".join(_page(report)) + "\n"


def _page(report: RunReport) -> Iterator[str]:
    headline = HEADLINES[report.outcome]
    groups = groups_of(report)
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
    yield f'<body class="{"many" if count_problems(groups) > MOST_OPEN else "few"}">'
    yield from _header(report, groups)
    yield "<main>"
    if groups:
        yield from tiles(groups)
        yield from picture(report)
        yield from overview(groups)
        yield from details(groups)
    yield "</main>"
    yield "</body>"
    yield "</html>"


def _header(report: RunReport, groups: Sequence[Group]) -> Iterator[str]:
    tone = "succeeded" if report.outcome is RunOutcome.SUCCEEDED else "failed"
    yield f'<header class="{tone}">'
    yield f"<h1>{HEADLINES[report.outcome]}</h1>"
    yield f'<p class="tally">{tally(report)}</p>'
    if report.simulated:
        yield f'<p class="notice"><strong>{SIMULATED}</strong></p>'
    for error in report.errors:
        yield f'<p class="notice bad">{text(error)}</p>'
    steps = next_steps(report)
    if steps:
        yield f'<p class="notice">{"<br>".join(map(text, steps))}</p>'
    yield from top_problems(groups)
    yield '<dl class="facts">'
    for term, markup in _facts(report):
        yield f"<div><dt>{term}</dt><dd>{markup}</dd></div>"
    yield "</dl>"
    yield "</header>"


def _facts(report: RunReport) -> Iterator[tuple[str, str]]:
    yield "Exit code", str(report.exit_code)
    yield "Duration", span(report.duration_s)
    yield "Started", instant(report.started_at)
    yield "Ended", instant(report.ended_at)
    if report.window_ends_at is not None:
        yield "End of the window", instant(report.window_ends_at)
    if report.halted_at is not None:
        yield "Halted", instant(report.halted_at)
    yield "Requests", _requests(report)
    yield "Configuration", text(report.config_path or report.config or "none")
    yield "Run", f"<code>{text(report.run_id)}</code>"
    if report.parent_run_id is not None:
        yield "Repeats failures of", f"<code>{text(report.parent_run_id)}</code>"
    if report.started_by is not None:
        yield from _start(report.started_by)


def _requests(report: RunReport) -> str:
    expected = "" if report.requests_expected is None else f"; {report.requests_expected} expected"
    return f"{report.requests.total}, {report.requests.submits} of them submits{expected}"


def _start(by: StartedBy) -> Iterator[tuple[str, str]]:
    event = "" if by.event is None else f" ({text(by.event)})"
    actor = "" if by.actor is None else f", {text(by.actor)}"
    yield "Started by", f"{_TRIGGERS[by.trigger.value]}{event}{actor}"
    if by.due_at is not None:
        yield "Due", instant(by.due_at)
    job = text(by.job or "the job")
    if by.job is not None or by.job_url is not None:
        yield "Job", link(by.job_url, job) or job
    if by.host is not None:
        yield "Machine", text(by.host)
