"""The HTML report's overview: the problems in a few lines, a filter by outcome, and every environment by outcome."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from orchestrator.domain.outcomes import Outcome
from orchestrator.reports.digest import is_problem, outcome_words, restarted, worst_first
from orchestrator.reports.markup import badge, text
from orchestrator.reports.model import EnvironmentReport, RunReport
from orchestrator.reports.wording import count, span

SHOWN_AT_THE_TOP = 5
"""More problems than this are only counted above the picture."""
MOST_OPEN = 30
"""If there are more problems than this, the evidence of none is open."""
MOST_UNFOLDED = 20
"""More environments than this that went well are folded, and printed as a table alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The environments of one outcome, each with the number that its details have on the page."""

    outcome: Outcome
    members: tuple[tuple[int, EnvironmentReport], ...]

    @property
    def is_folded(self) -> bool:
        """Whether it is closed when the page opens."""
        return not is_problem(self.members[0][1]) and len(self.members) > MOST_UNFOLDED


def groups_of(report: RunReport) -> tuple[Group, ...]:
    """Group a run's environments by outcome, the worst first."""
    numbered = enumerate(worst_first(report.environments), 1)
    return tuple(
        Group(outcome=outcome, members=tuple(members))
        for outcome, members in groupby(numbered, key=lambda each: each[1].outcome)
    )


def count_problems(groups: Sequence[Group]) -> int:
    """Return how many environments need attention."""
    return sum(len(group.members) for group in groups if is_problem(group.members[0][1]))


def top_problems(groups: Sequence[Group]) -> Iterator[str]:
    """Render the worst problems with what happened: what somebody who opens the page has to read first."""
    problems = [member for group in groups for member in group.members if is_problem(member[1])]
    if not problems:
        return
    yield '<ul class="problems" aria-label="Problems">'
    for number, environment in problems[:SHOWN_AT_THE_TOP]:
        yield (
            f'<li><a href="#e{number}">{text(environment.name)}</a> {badge(environment.outcome)} '
            f"<span>{text(environment.message)}</span></li>"
        )
    if len(problems) > SHOWN_AT_THE_TOP:
        more = count(len(problems) - SHOWN_AT_THE_TOP, "more problem")
        yield f'<li><a href="#environments">and {more}</a></li>'
    yield "</ul>"


def tiles(groups: Sequence[Group]) -> Iterator[str]:
    """Render a tile for each outcome; to tick some shows these alone, by the style sheet."""
    if len(groups) <= 1:
        return  # The line above says it all.
    yield '<fieldset class="tiles"><legend class="unseen">Show only environments that</legend>'
    for group in groups:
        name = group.outcome.value
        yield (
            f'<label class="tile {name}"><input type="checkbox" id="only-{name}" autocomplete="off"> '
            f"<strong>{len(group.members)}</strong> {outcome_words(group.outcome)}</label>"
        )
    yield "</fieldset>"


def overview(groups: Sequence[Group]) -> Iterator[str]:
    """Render every environment in a line, by outcome, the worst first."""
    yield '<h2 id="environments">Environments</h2>'
    with_messages = count_problems(groups) > MOST_OPEN
    for group in groups:
        is_open = "" if group.is_folded else " open"
        yield f'<details class="group" data-outcome="{group.outcome.value}"{is_open}>'
        yield f"<summary>{badge(group.outcome)} {count(len(group.members), 'environment')}</summary>"
        yield '<table class="overview">'
        yield f'<caption class="unseen">Environments: {outcome_words(group.outcome)}</caption>'
        yield "<thead><tr>"
        for heading in ("Environment", "Reason", "Wave", "Services", "Duration"):
            yield f'<th scope="col">{heading}</th>'
        yield "</tr></thead>"
        yield "<tbody>"
        for number, environment in group.members:
            yield _row(number, environment, with_message=with_messages and is_problem(environment))
        yield "</tbody></table></details>"


def _row(number: int, environment: EnvironmentReport, *, with_message: bool) -> str:
    # On paper, the details of so many problems are left out, so what happened stands here.
    message = f'<div class="on-paper">{text(environment.message)}</div>' if with_message else ""
    return (
        f'<tr><th scope="row"><a href="#e{number}">{text(environment.name)}</a></th>'
        f"<td>{environment.reason.value.replace('_', ' ')}{message}</td>"
        f'<td class="number">{environment.wave}</td>'
        f'<td class="number">{restarted(environment)}</td>'
        f'<td class="number">{span(environment.duration_s)}</td></tr>'
    )
