"""What the human-readable formats show of a report, and in what words: the same in every format."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from orchestrator.domain.outcomes import Outcome, Reason, RunOutcome
from orchestrator.reports.model import EnvironmentReport, RunReport, ServiceReport
from orchestrator.reports.wording import count, short_execution, span
from orchestrator.text import printable

SHOWN_QUIET = 50
"""More successes than this, or more environments skipped for one reason, are only counted."""
SHOWN_PROBLEMS = 200
"""Of more problems than this only the worst are shown."""
SHOWN_EXECUTIONS = 3
"""More executions than this in one environment's line are only counted."""

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

_BEST_TO_WORST = (
    Outcome.SUCCEEDED,
    Outcome.SKIPPED,
    Outcome.BLOCKED,
    Outcome.CANCELLED,
    Outcome.TIMED_OUT,
    Outcome.UNKNOWN,
    Outcome.FAILED,
)
"""From the best to the worst, in the order of the exit codes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """Successful or skipped environments with the same reason, too many to name."""

    outcome: Outcome
    reason: Reason
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """The environments to show, the worst last."""

    quiet: tuple[EnvironmentReport | Folded, ...]
    """The successful environments, then the skipped ones."""
    problems: tuple[EnvironmentReport, ...]
    unshown: int
    """How many problems are left out, none worse than those shown."""


def worst_to_best() -> tuple[Outcome, ...]:
    """Return every outcome, the worst first."""
    return tuple(reversed(_BEST_TO_WORST))


def is_problem(environment: EnvironmentReport) -> bool:
    """Return whether an environment needs attention."""
    return not environment.outcome.is_good


def by_severity(environments: Iterable[EnvironmentReport]) -> list[EnvironmentReport]:
    """Sort from the best outcome to the worst; equal ones stay in the plan's order."""
    return sorted(environments, key=lambda environment: _BEST_TO_WORST.index(environment.outcome))


def worst_first(environments: Iterable[EnvironmentReport]) -> list[EnvironmentReport]:
    """Sort from the worst outcome to the best, for a page that is read from its top."""
    return sorted(environments, key=lambda environment: _BEST_TO_WORST.index(environment.outcome), reverse=True)


def digest(report: RunReport, *, everything: bool = False) -> Digest:
    """Choose the environments to show.

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
    alike = sorted(quiet, key=lambda environment: (_BEST_TO_WORST.index(environment.outcome), environment.reason))
    for (outcome, reason), members in groupby(alike, key=lambda environment: (environment.outcome, environment.reason)):
        group = tuple(members)
        if len(group) > SHOWN_QUIET:
            yield Folded(outcome=outcome, reason=reason, count=len(group))
        else:
            yield from group


def outcome_words(outcome: Outcome) -> str:
    """Return an outcome in words.

    >>> outcome_words(Outcome.TIMED_OUT)
    'timed out'
    """
    return outcome.value.replace("_", " ")


def tally(report: RunReport) -> str:
    """Count the environments by outcome, the worst first: "1 failed, 2 succeeded"."""
    counts = Counter(environment.outcome for environment in report.environments)
    parts = [f"{counts[outcome]} {outcome_words(outcome)}" for outcome in reversed(_BEST_TO_WORST) if counts[outcome]]
    return ", ".join(parts) or "no environments"


def cost(report: RunReport) -> str:
    """Return how long the run took and what it sent: "1m 21s, 42 requests, 3 restarts accepted".

    If more was posted than was accepted, that is said: "273 restarts accepted, 401 posted". What was refused is posted.
    """
    posted = report.requests.submits
    accepted = sum(
        each.submitted_at is not None and each.reason is not Reason.SUBMIT_UNCONFIRMED for each in report.environments
    )
    refused = f", {posted} posted" if posted != accepted else ""
    return (
        f"{span(report.duration_s)}, {count(report.requests.total, 'request')}, "
        f"{count(accepted, 'restart')} accepted{refused}"
    )


def restarted(environment: EnvironmentReport) -> str:
    """Return how many of its services succeeded: "2/3"; "-" if none were read."""
    if not environment.services:
        return "-"
    good = sum(service.outcome is Outcome.SUCCEEDED for service in environment.services)
    return f"{good}/{len(environment.services)}"


def service_evidence(service: ServiceReport) -> str:
    """Return the executions before and after: "…-41 → …-42"; "" if none was seen."""
    return _evidence({service.baseline_execution_id}, {service.execution_id})


def environment_evidence(environment: EnvironmentReport) -> str:
    """Return the executions before and after of all services that succeeded; "" if there are none."""
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
    """Return a timeline in words: "RESTARTING 6.2s, RESTARTED 31s", in seconds since the submit."""
    return ", ".join(f"{printable(state)} {span(seconds)}" for state, seconds in service.timeline)


def next_steps(report: RunReport) -> tuple[str, ...]:
    """Return what a run left open and what to do next, a sentence each; empty if every outcome is known."""
    interrupted = report.outcome is RunOutcome.INTERRUPTED
    if not interrupted and report.resume is None:
        return ()
    sentences = list(_left_open(report)) if interrupted else []
    if report.simulated:
        return (*sentences, "The simulator ended with this run, so nothing is still running.")
    if report.resume is not None:
        what = "Resume it; nothing is submitted twice" if interrupted else "Check again how it ended"
        sentences.append(f"{what}: {printable(report.resume)}")
    elif report.requests.submits:
        sentences.append("It was interrupted after a submit: check its environments before you run it again.")
    else:
        sentences.append("Nothing was submitted, so run it again.")
    return tuple(sentences)


def _left_open(report: RunReport) -> Iterable[str]:
    interrupted = [environment for environment in report.environments if environment.reason is Reason.INTERRUPTED]
    in_flight = [environment for environment in interrupted if environment.outcome is not Outcome.SKIPPED]
    if in_flight:
        yield f"May still be running at Qovery: {', '.join(printable(environment.name) for environment in in_flight)}."
    if len(in_flight) < len(interrupted):
        yield f"Not started: {count(len(interrupted) - len(in_flight), 'environment')}."
