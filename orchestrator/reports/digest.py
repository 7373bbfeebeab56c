"""What a report for people picks out of the model, and the words for it: the same in every format."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from orchestrator.domain.outcomes import Outcome, Reason, RunOutcome
from orchestrator.reports.model import EnvironmentReport, RunReport, ServiceReport
from orchestrator.reports.wording import count, printable, short_execution, span

SHOWN_QUIET = 50
"""More successes than this, or more environments skipped for one reason, are only counted."""
SHOWN_PROBLEMS = 200
"""More problems than this are only counted; the worst are shown."""
SHOWN_EXECUTIONS = 3
"""More executions than this in one environment's line help nobody."""

HEADLINES = {
    RunOutcome.SUCCEEDED: "Run succeeded",
    RunOutcome.FAILED: "Run failed",
    RunOutcome.TIMED_OUT: "Run timed out",
    RunOutcome.CANCELLED: "Run cancelled",
    RunOutcome.BLOCKED: "Run blocked",
    RunOutcome.UNKNOWN: "Outcome unknown",
    RunOutcome.INTERRUPTED: "Run interrupted",
}

SIMULATED = (
    "Simulated: a simulator stood in for Qovery. Nothing real was restarted, and all times and durations are virtual."
)

_RISING = (
    Outcome.SUCCEEDED,
    Outcome.SKIPPED,
    Outcome.BLOCKED,
    Outcome.CANCELLED,
    Outcome.TIMED_OUT,
    Outcome.UNKNOWN,
    Outcome.FAILED,
)
"""From the best to the worst, as the exit code weighs them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """Environments that ended alike, without trouble, and are too many to name."""

    outcome: Outcome
    reason: Reason
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """The environments worth showing, the worst last."""

    quiet: tuple[EnvironmentReport | Folded, ...]
    """The successes, then what was skipped."""
    problems: tuple[EnvironmentReport, ...]
    unshown: int
    """How many problems, none worse than those shown, were left out."""


def is_problem(environment: EnvironmentReport) -> bool:
    """Tell whether somebody has to look at it."""
    return environment.outcome not in (Outcome.SUCCEEDED, Outcome.SKIPPED)


def by_severity(environments: Iterable[EnvironmentReport]) -> list[EnvironmentReport]:
    """Sort from the best outcome to the worst; among equals the plan's order holds."""
    return sorted(environments, key=lambda environment: _RISING.index(environment.outcome))


def worst_first(environments: Iterable[EnvironmentReport]) -> list[EnvironmentReport]:
    """Sort from the worst outcome to the best, for a page that is read from its top."""
    return sorted(environments, key=lambda environment: _RISING.index(environment.outcome), reverse=True)


def digest(report: RunReport, *, everything: bool = False) -> Digest:
    """Choose what to show.

    Args:
        report: the run.
        everything: leave nothing out, however many there are.
    """
    ordered = by_severity(report.environments)
    quiet = [environment for environment in ordered if not is_problem(environment)]
    problems = [environment for environment in ordered if is_problem(environment)]
    if everything:
        return Digest(quiet=tuple(quiet), problems=tuple(problems), unshown=0)
    unshown = max(0, len(problems) - SHOWN_PROBLEMS)
    return Digest(quiet=tuple(_fold(quiet)), problems=tuple(problems[unshown:]), unshown=unshown)


def _fold(quiet: Sequence[EnvironmentReport]) -> Iterable[EnvironmentReport | Folded]:
    alike = sorted(quiet, key=lambda environment: (_RISING.index(environment.outcome), environment.reason))
    for (outcome, reason), members in groupby(alike, key=lambda environment: (environment.outcome, environment.reason)):
        group = tuple(members)
        if len(group) > SHOWN_QUIET:
            yield Folded(outcome=outcome, reason=reason, count=len(group))
        else:
            yield from group


def outcome_words(outcome: Outcome) -> str:
    """Write an outcome for people.

    >>> outcome_words(Outcome.TIMED_OUT)
    'timed out'
    """
    return outcome.value.replace("_", " ")


def tally(report: RunReport) -> str:
    """Count the environments by outcome, the worst first: "1 failed, 2 succeeded"."""
    counts = Counter(environment.outcome for environment in report.environments)
    parts = [f"{counts[outcome]} {outcome_words(outcome)}" for outcome in reversed(_RISING) if counts[outcome]]
    return ", ".join(parts) or "no environments"


def cost(report: RunReport) -> str:
    """Say how long the run took and what it sent: "1m 21s, 42 requests, 3 submits"."""
    requests = report.requests
    return f"{span(report.duration_s)}, {count(requests.total, 'request')}, {count(requests.submits, 'submit')}"


def restarted(environment: EnvironmentReport) -> str:
    """Say how many of its services succeeded: "2/3"; "-" where none were looked at."""
    if not environment.services:
        return "-"
    good = sum(service.outcome is Outcome.SUCCEEDED for service in environment.services)
    return f"{good}/{len(environment.services)}"


def service_evidence(service: ServiceReport) -> str:
    """Show which execution came after which: "…-41 → …-42"; "" where none was seen."""
    return _evidence({service.baseline_execution_id}, {service.execution_id})


def environment_evidence(environment: EnvironmentReport) -> str:
    """Show which executions came after which, over all services that succeeded; "" where there are none to show."""
    proven = [service for service in environment.services if service.outcome is Outcome.SUCCEEDED]
    return _evidence(
        {service.baseline_execution_id for service in proven}, {service.execution_id for service in proven}
    )


def _evidence(before: set[str | None], after: set[str | None]) -> str:
    old, new = _executions(before), _executions(after)
    if old and new:
        return f"{old} → {new}"
    return f"still {old}" if old else new


def _executions(ids: set[str | None]) -> str:
    known = sorted({short_execution(execution_id) for execution_id in ids if execution_id})
    shown = ", ".join(known[:SHOWN_EXECUTIONS])
    return f"{shown}, and {len(known) - SHOWN_EXECUTIONS} more" if len(known) > SHOWN_EXECUTIONS else shown


def timeline_words(service: ServiceReport) -> str:
    """Write a timeline: "RESTARTING 6.2s, RESTARTED 31s", each since the submit."""
    return ", ".join(f"{printable(state)} {span(seconds)}" for state, seconds in service.timeline)


def way_on(report: RunReport) -> tuple[str, ...]:
    """Say what a run left open and how to go on, a sentence each; nothing where everything is known."""
    interrupted = report.outcome is RunOutcome.INTERRUPTED
    if not interrupted and report.resume is None:
        return ()
    sentences = list(_left_open(report)) if interrupted else []
    if report.simulated:
        return (*sentences, "The simulator ended with this run, so nothing really goes on.")
    if report.resume is not None:
        what = "See it to its end, submitting nothing twice" if interrupted else "Look again what became of it"
        sentences.append(f"{what}: {printable(report.resume)}")
    elif report.requests.submits:
        sentences.append("It was cut off after it had submitted: look at its environments before you run it again.")
    else:
        sentences.append("Nothing was submitted, so simply run it again.")
    return tuple(sentences)


def _left_open(report: RunReport) -> Iterable[str]:
    interrupted = [environment for environment in report.environments if environment.reason is Reason.INTERRUPTED]
    cut_off = [environment for environment in interrupted if environment.outcome is not Outcome.SKIPPED]
    if cut_off:
        yield f"May still be going on at Qovery: {', '.join(printable(environment.name) for environment in cut_off)}."
    if len(cut_off) < len(interrupted):
        yield f"Not begun: {count(len(interrupted) - len(cut_off), 'environment')}."
