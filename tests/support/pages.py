"""Nights to look at on the page: as many environments as a test wants, in waves, with all that can be drawn."""

from collections.abc import Iterator
from datetime import timedelta

from orchestrator.domain.accounts import CheckResult, Wait, WaitedFor
from orchestrator.domain.outcomes import EnvironmentResult, ExitCode, Outcome, Reason, ServiceResult
from orchestrator.domain.plan import Exclusion
from orchestrator.reports.model import Beginning, RequestCounts, RunReport, StartedBy, Trigger
from tests.support.reports import CONSOLE, ENVIRONMENT_ID, START

SERVICES = ("api", "web", "worker")
SHOPS = ("storefront", "checkout", "search", "billing", "catalogue", "accounts", "mail", "reporting")
AT_ONCE = 6
"""Environments of a night in flight at the same time."""
TOOK = 65.0
"""Seconds that one of them takes."""

PROBLEMS = (
    (Outcome.FAILED, Reason.RESTART_ERROR, "Qovery failed to restart web. Look at their logs, then run again."),
    (
        Outcome.FAILED,
        Reason.VERIFICATION_FAILED,
        (
            "Every service restarted, but https://shop.example.com/healthz did not answer HTTP 200 3 times in a row "
            "within 60 s (last: HTTP 503). Look at the services' logs."
        ),
    ),
    (Outcome.CANCELLED, Reason.SUPERSEDED, "Another operation ran in place of our restart. Run again when it suits."),
    (
        Outcome.TIMED_OUT,
        Reason.DEADLINE,
        "The deadline passed 40 s after the submit, and the restart was not proven. It continues at Qovery.",
    ),
    (
        Outcome.UNKNOWN,
        Reason.CONTACT_LOST,
        (
            "No usable answer for 300 s (HTTP 502). The restart was accepted and may still be running: look at the "
            "environment in the console."
        ),
    ),
    (
        Outcome.BLOCKED,
        Reason.BUSY,
        "Another operation is in progress there: api DEPLOYING. Run again when it has ended. Nothing was submitted.",
    ),
)
"""What goes wrong in a night, in turn."""
_LAST = {
    Reason.RESTART_ERROR: ("RESTART_ERROR", 38.0),
    Reason.SUPERSEDED: ("DEPLOYING", 22.0),
    Reason.DEADLINE: ("RESTARTING", 12.0),
    Reason.CONTACT_LOST: ("UNAVAILABLE", 30.0),
}


def _timeline(reason: Reason, number: int) -> tuple[tuple[str, float], ...]:
    begun = (("RESTART_QUEUED", 1.0), ("RESTARTING", 6.0 + number))
    return (*begun, _LAST.get(reason, ("RESTARTED", 28.0 + 3 * number)))


def _services(outcome: Outcome, reason: Reason) -> tuple[ServiceResult, ...]:
    if outcome is Outcome.BLOCKED:
        return ()
    return tuple(
        ServiceResult(
            id=f"id of {name}",
            name=name,
            type="application",
            outcome=outcome,
            state=_timeline(reason, number)[-1][0],
            baseline_execution_id=f"{ENVIRONMENT_ID}-41",
            execution_id=f"{ENVIRONMENT_ID}-42" if outcome is Outcome.SUCCEEDED else None,
            timeline=_timeline(reason, number),
        )
        for number, name in enumerate(SERVICES)
    )


def _waits(number: int, turn: float, outcome: Outcome) -> tuple[Wait, ...]:
    if outcome is Outcome.BLOCKED:
        return (Wait(what=WaitedFor.BUSY, since=START + timedelta(seconds=turn), duration_s=TOOK - 15),)
    what = {1: WaitedFor.QUOTA, 3: WaitedFor.LOCK, 5: WaitedFor.BUSY}.get(number % AT_ONCE)
    return () if what is None else (Wait(what=what, since=START + timedelta(seconds=turn), duration_s=8.0),)


def _environment(number: int, problem: int | None, wave: int) -> EnvironmentResult:
    outcome, reason, message = Outcome.SUCCEEDED, Reason.RESTARTED, "Every service restarted."
    if problem is not None:
        outcome, reason, message = PROBLEMS[problem % len(PROBLEMS)]
    turn = TOOK * (number // AT_ONCE) + 1.3 * (number % AT_ONCE)
    submits = outcome is not Outcome.BLOCKED
    is_proven = reason in (Reason.RESTARTED, Reason.VERIFICATION_FAILED)
    begin = START + timedelta(seconds=turn)
    check = CheckResult(
        url="https://shop.example.com/healthz",
        wanted=200,
        consecutive=3,
        passed=reason is Reason.RESTARTED,
        last_answer=200 if reason is Reason.RESTARTED else 503,
        probes=5,
        duration_s=8.2,
    )
    return EnvironmentResult(
        name=f"{SHOPS[number % len(SHOPS)]}-{number:03}",
        environment_id=ENVIRONMENT_ID,
        wave=wave,
        outcome=outcome,
        reason=reason,
        message=message,
        services=_services(outcome, reason),
        submitted_at=begin + timedelta(seconds=10) if submits else None,
        settled_at=begin + timedelta(seconds=TOOK - 15),
        duration_s=40.0 if submits else None,
        console_url=CONSOLE,
        began_at=begin,
        proven_at=begin + timedelta(seconds=44) if is_proven else None,
        waits=_waits(number, turn, outcome),
        checks=(check,) if is_proven else (),
        left_out=(
            Exclusion(id="id of db", name="postgres", type="database", why="a managed database"),
            Exclusion(id="id of cron", name="cleanup", type="job", why="of type job"),
        ),
    )


def _environments(count: int, problems: int, skipped: int) -> Iterator[EnvironmentResult]:
    begun = count - skipped
    every = begun // problems if problems else begun + 1
    for number in range(count):
        wave = 1 + 3 * number // count
        if number >= begun:
            yield EnvironmentResult(
                name=f"{SHOPS[number % len(SHOPS)]}-{number:03}",
                environment_id=ENVIRONMENT_ID,
                wave=wave,
                outcome=Outcome.SKIPPED,
                reason=Reason.HALTED,
                message="Not begun: the run had halted, because more environments failed than `max_failures` allows.",
                console_url=CONSOLE,
            )
            continue
        is_problem = number % every == every - 1 and number // every < problems
        yield _environment(number, number // every if is_problem else None, wave)


def night(environments: int, *, problems: int = 0, skipped: int = 0) -> RunReport:
    """A night with so many environments, of which so many had problems, and so many at the end did not begin."""
    lasted = TOOK * (1 + (environments - skipped - 1) // AT_ONCE)
    ended_at = START + timedelta(seconds=lasted)
    return RunReport.of(
        list(_environments(environments, problems, skipped)),
        run_id="20260814-030000-5f3a1c",
        config="nightly.yaml",
        simulated=False,
        started_at=START,
        ended_at=ended_at,
        requests=RequestCounts(total=7 * environments, submits=environments - skipped),
        exit_code=ExitCode.FAILED if problems else None,
        halted_at=ended_at - timedelta(seconds=20) if skipped else None,
        beginning=Beginning(
            config_path="/srv/operations/nightly.yaml",
            started_by=StartedBy(
                trigger=Trigger.GITHUB_ACTIONS,
                event="schedule",
                actor="octocat",
                job="Nightly restarts / restart",
                job_url="https://github.com/example/operations/actions/runs/4711",
                host="runner-7",
            ),
            requests_expected=6 * environments,
            window_ends_at=ended_at + timedelta(seconds=0.1 * lasted),
        ),
    )
