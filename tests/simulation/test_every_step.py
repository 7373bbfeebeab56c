"""One night, interrupted at every journal write and at every request in turn: it always comes to the same end."""

from functools import cache

import pytest

from orchestrator.domain.outcomes import ExitCode, Outcome
from orchestrator.runs.preparing import GoingOn
from orchestrator.simulator.record import RequestAccepted
from tests.simulation.oracle import violations
from tests.support.effort import IS_FULL
from tests.support.mortality import Life
from tests.support.whole_runs import US, WholeRun, config_of, rehearse

NIGHT = config_of("""
version: 1
defaults: {poll: {min: 2s, max: 10s}, invisible_for: 2m}
strategy: {max_parallel: 2, max_failures: 1}
environments:
  - {name: canary, path: acme/shop/canary, services: {applications: [api]}}
  - name: production
    path: acme/shop/production
    services: {applications: [api, web], containers: [worker]}
    wave: 2
    verify: [{http: "https://shop.example.com/healthz", consecutive: 2, within: 1m}]
  - {name: reporting, path: acme/shop/reporting, services: {databases: [cache]}, wave: 2}
""")
SHARES = 4
"""Into how many tests the steps are divided, so that several processors can share them."""
STRIDE = 1 if IS_FULL else 7
"""With few seeds, only every so many steps are tried."""


@cache
def steps_of_the_night() -> int:
    """Count the steps of the night when nothing happens to it."""
    run = rehearse(NIGHT)
    assert violations(run) == []
    assert [each.outcome for each in run.report.environments] == [Outcome.SUCCEEDED] * 3
    return run.processes[0].steps


def interrupted_at(step: int, *, again: int | None = None, reboot: bool = False) -> WholeRun:
    lives = [Life(dies_at_step=step, rest=45.0, reboot=reboot)]
    if again is not None:
        lives.append(Life(dies_at_step=again, rest=45.0))
    return rehearse(NIGHT, lives=lives)


def whats_wrong(run: WholeRun) -> list[str]:
    """Say what is not as it would have been without the death.

    Only one death shows: between the first POST and its answer. The restart is found, but nothing tells it from a
    colleague's until the platform has shown what it calls us.
    """
    wrong = violations(run)
    endings = {each.name: (each.outcome, each.reason.value) for each in run.report.environments}
    expected = dict.fromkeys(endings, (Outcome.SUCCEEDED, "restarted"))
    exit_code = ExitCode.SUCCEEDED
    if run.events_of("submit_found", environment="canary"):
        expected["canary"], exit_code = (Outcome.UNKNOWN, "unattributed"), ExitCode.UNKNOWN
    if endings != expected or run.report.exit_code != exit_code:
        wrong.append(f"it ended otherwise: exit code {run.report.exit_code}, {endings}")
    accepted = [request.environment_id for request in run.record.of(RequestAccepted) if request.user == US]
    if sorted(accepted) != sorted(each.id for each in run.report.environments):
        wrong.append(f"accepted: {accepted}")
    return wrong


@pytest.mark.parametrize("share", range(SHARES))
def test_a_run_that_is_interrupted_at_any_step_ends_as_if_nothing_had_happened(share: int) -> None:
    wrong = {
        step: problems
        for step in range(1 + share, steps_of_the_night() + 1, SHARES * STRIDE)
        if (problems := whats_wrong(interrupted_at(step, reboot=step % 2 == 0)))
    }
    assert wrong == {}


def test_a_run_that_is_interrupted_again_while_it_is_resumed_does_so_too() -> None:
    steps = steps_of_the_night()
    wrong = {
        (first, second): problems
        for first in range(10, steps, steps // 8)
        for second in range(1, 40, 4 * STRIDE)
        if (problems := whats_wrong(interrupted_at(first, again=second)))
    }
    assert wrong == {}


@pytest.mark.parametrize("share", range(SHARES))
def test_interrupted_at_any_step_and_called_off_nothing_of_it_is_left_at_work(share: int) -> None:
    """What `cancel` does: nothing is submitted any more, and what cannot be cancelled is seen to its end."""
    how = GoingOn(begin_new=False, call_off=True, deadline=900.0)
    for step in range(1 + share, steps_of_the_night() + 1, SHARES * STRIDE):
        run = rehearse(NIGHT, lives=[Life(dies_at_step=step, rest=3.0)], how=how)
        wrong = violations(run)
        if len(run.processes) > 1 and run.processes[0].had_run:
            died_at = run.processes[0].ended
            late = [each for each in run.record.of(RequestAccepted) if each.user == US and each.at > died_at + 1.0]
            wrong += [f"submitted after the death: {each}" for each in late]
        assert wrong == [], f"interrupted at step {step}"
