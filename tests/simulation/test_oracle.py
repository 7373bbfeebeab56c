"""The oracle sees what it is there to see: each promise is broken on purpose."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from orchestrator.domain.outcomes import ExitCode, Outcome, Reason
from orchestrator.simulator.record import QuotaExceeded, RequestAccepted, ServiceRestarted
from tests.simulation.oracle import violations
from tests.support.whole_runs import US, Event, Look, WholeRun, config_of, rehearse

ONE = """
version: 1
environments:
  - {name: shop, path: acme/shop/production, services: all}
"""


def rewritten(run: WholeRun, **changes: object) -> WholeRun:
    """Return `run` with a report that says something else about its environment."""
    environment = run.report.environments[0].model_copy(update=changes)
    return replace(run, final=run.report.model_copy(update={"environments": (environment,)}))


def forget_a_restart(run: WholeRun) -> WholeRun:
    restarts = run.record.of(ServiceRestarted)
    run.record._happenings.remove(restarts[-1])
    return run


def move_the_baseline(run: WholeRun) -> WholeRun:
    return replace(run, events=tuple(replace(event, at=1e6) for event in run.events), looks=(*run.looks, later(run)))


def later(run: WholeRun) -> Look:
    return replace(run.looks[-1], at=1e5)


def accept_again(run: WholeRun) -> WholeRun:
    run.record.add(replace(run.record.of(RequestAccepted)[0], at=9.0))
    return run


def exceed_the_quota(run: WholeRun) -> WholeRun:
    run.record.add(QuotaExceeded(at=1.0, user=US))
    return run


def settle_late(run: WholeRun) -> WholeRun:
    return replace(
        run,
        events=tuple(
            replace(event, at=event.at + 1900.0) if event.name == "restart_settled" else event for event in run.events
        ),
    )


def never_settle(run: WholeRun) -> WholeRun:
    return replace(run, events=tuple(event for event in run.events if event.name != "restart_settled"))


def break_inside(run: WholeRun) -> WholeRun:
    return replace(run, events=(*run.events, Event(at=1.0, name="internal_error", environment="shop", values={})))


BROKEN: dict[str, tuple[Callable[[WholeRun], WholeRun], str]] = {
    "a service that did not restart": (forget_a_restart, "FALSE YES"),
    "a restart from before the baseline": (move_the_baseline, "FALSE YES"),
    "two accepted restarts": (accept_again, "TWICE"),
    "a success that was not": (lambda run: rewritten(run, outcome=Outcome.UNKNOWN), "exit code 0"),
    "a skip after a submit": (
        lambda run: rewritten(run, outcome=Outcome.BLOCKED, reason=Reason.BUSY),
        "a restart was accepted",
    ),
    "a cancel that nobody made": (
        lambda run: rewritten(run, outcome=Outcome.CANCELLED, reason=Reason.RUN_CANCELLED),
        "that never happened",
    ),
    "a failure that was a success": (
        lambda run: rewritten(run, outcome=Outcome.FAILED, reason=Reason.RESTART_ERROR),
        "FALSE NO",
    ),
    "a late end": (settle_late, "LATE"),
    "no end": (never_settle, "NO END"),
    "an exceeded quota": (exceed_the_quota, "quota"),
    "an internal error": (break_inside, "internal error"),
    "a task left behind": (lambda run: replace(run, left_over=("stray",)), "left behind"),
}


@pytest.fixture
def run() -> WholeRun:
    return rehearse(config_of(ONE))


def test_a_good_run_violates_nothing(run: WholeRun) -> None:
    assert run.report.exit_code == ExitCode.SUCCEEDED
    assert violations(run) == []


@pytest.mark.parametrize(("break_it", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_promise_is_seen(run: WholeRun, break_it: Callable[[WholeRun], WholeRun], words: str) -> None:
    assert any(words in problem for problem in violations(break_it(run)))
