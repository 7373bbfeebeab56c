"""A whole restart while the platform's clock is set back."""

from dataclasses import replace

import pytest

from orchestrator.domain.observations import Run
from orchestrator.domain.outcomes import Outcome, Reason
from tests.support.builders import all_in, baseline_of, intent, target
from tests.support.dated import at, dated
from tests.support.memory_journal import MemoryJournal
from tests.support.scripted_platform import Scene
from tests.support.stories import LAST_NIGHTS_RUN, TARGETS, restart_run, tell


def seen_when_it_is_over(*runs: Run) -> dict[int, Scene]:
    """A restart that nobody sees before it is over: what is to be seen then needs the history."""
    quiet = Scene(observation=all_in("RESTARTED", *TARGETS), runs=(LAST_NIGHTS_RUN,))
    return {0: quiet, 40: Scene(observation=all_in("RESTARTED", *TARGETS, number=42), runs=(*runs, LAST_NIGHTS_RUN))}


@pytest.mark.parametrize("by", [0.0, 30.0, 120.0, 7200.0])
def test_a_restart_is_proven_at_once_though_the_platforms_clock_was_set_back_after_the_submit(by: float) -> None:
    ours = replace(restart_run(42), created_at=at(3 - by))
    script = dated(90, seen_when_it_is_over(ours), set_at=2, by=by)
    story = tell(target(*TARGETS), before=script, after=script)
    assert story.ending == (Outcome.SUCCEEDED, Reason.RESTARTED)
    assert len(story.log.named("history_read")) == 1
    assert story.ended_at < 50


@pytest.mark.parametrize("by", [0.0, 20.0, 60.0])
def test_a_run_from_before_a_stale_baseline_is_no_proof_though_a_clock_is_set_back_later(by: float) -> None:
    # The baseline came from a cache: by the platform's own clock, run 42 was there two minutes before it.
    stale = replace(restart_run(42), created_at=at(-120))
    script = dated(1900, seen_when_it_is_over(stale), set_at=10, by=by)
    story = tell(target(*TARGETS), before=script, after=script)
    assert len(story.log.named("history_read")) > 1
    assert story.result.outcome is not Outcome.SUCCEEDED


@pytest.mark.parametrize("created", [-3600.0, 3.0], ids=["dated by a clock that was set back", "dated as it should be"])
def test_a_restart_is_proven_though_nobody_knows_how_long_ago_an_earlier_process_posted_it(created: float) -> None:
    # The machine was started anew with a wrong clock: we believe that a minute has passed, and it was two hours.
    ours = replace(restart_run(42), created_at=at(created))
    over = Scene(observation=all_in("RESTARTED", *TARGETS, number=42, at=at(7200)), runs=(ours, LAST_NIGHTS_RUN))
    journal = MemoryJournal(intent=intent(baseline_of(*TARGETS, at=at(0)), posted_at=-60.0), accepted=True)
    story = tell(target(*TARGETS), before={0: over}, journal=journal)
    assert (story.ending, story.ended_at) == ((Outcome.SUCCEEDED, Reason.RESTARTED), 0.0)
