"""The history is the proof: what it proves alone, and what happens where it is silent, late, or cannot be read."""

from dataclasses import replace
from itertools import pairwise

import pytest

from orchestrator.domain.evidence import CLOSES_WITHIN
from orchestrator.domain.outcomes import Outcome, Reason
from orchestrator.errors import NotFoundError, PlatformError, UnansweredError
from orchestrator.restart.proof import GOES_ON_WITHIN
from tests.support.builders import queued, run, status, target
from tests.support.scripted_platform import Fault, scene
from tests.support.stories import IDLE, LAST_NIGHTS_RUN, TARGETS, both, restart_run, tell

OURS = target(*TARGETS)
SUCCESS = (Outcome.SUCCEEDED, Reason.RESTARTED)
RESET = UnansweredError("connection reset")
GONE = NotFoundError("no such history", status=404)
GOING = both("RESTARTING", 42, runs=[restart_run(42, "ONGOING", "RESTARTING"), LAST_NIGHTS_RUN])


# A look that a fault cuts short.

FAILED = both("RESTART_ERROR", 42, runs=[restart_run(42, "ERROR", "RESTART_ERROR"), LAST_NIGHTS_RUN])
"""What is not settled before the statuses were read, too."""


def cut_short(*, until: float) -> Fault:
    return Fault(error=RESET, calls=frozenset({"read_statuses"}), begin=1.0, end=until)


def test_a_look_that_a_fault_cut_short_goes_on_where_it_was() -> None:
    story = tell(OURS, after={0: FAILED}, faults=[cut_short(until=15.0)])
    assert story.ending == (Outcome.FAILED, Reason.RESTART_ERROR)
    assert len(story.platform.calls_of("find_runs")) == 1
    assert len(story.platform.calls_of("read_statuses")) > 2, "before the submit, and at least twice after it"


def test_it_begins_anew_after_a_while() -> None:
    story = tell(OURS, after={0: FAILED}, faults=[cut_short(until=GOES_ON_WITHIN + 60.0)])
    assert story.ending == (Outcome.FAILED, Reason.RESTART_ERROR)
    first, second, *_ = story.platform.calls_of("find_runs")
    assert second >= first + GOES_ON_WITHIN


def test_it_begins_anew_where_the_history_showed_nothing_of_ours() -> None:
    story = tell(OURS, after={0: IDLE, 20: FAILED}, faults=[cut_short(until=15.0)])
    assert story.ending == (Outcome.FAILED, Reason.RESTART_ERROR)
    assert len(story.platform.calls_of("find_runs")) == 2


# What proves it.


@pytest.mark.parametrize("number", [42, 43, None, "another-form"])
def test_statuses_prove_nothing_while_no_run_restarted_every_target(number: int | str | None) -> None:
    shown = both("RESTARTED", number, runs=[run(number, {"api": "RESTARTED"}), LAST_NIGHTS_RUN])
    assert tell(OURS, after={0: IDLE, 10: shown}).result.outcome is not Outcome.SUCCEEDED


def test_restarts_of_one_service_each_are_together_no_restart_of_ours() -> None:
    services = [status("api", "RESTARTED", 42), status("web", "RESTARTED", 43)]
    of_each = [run(43, {"web": "RESTARTED"}), run(42, {"api": "RESTARTED"}), LAST_NIGHTS_RUN]
    story = tell(OURS, after={0: IDLE, 10: scene(*services, runs=of_each)})
    assert story.result.outcome is not Outcome.SUCCEEDED


def test_a_run_that_has_succeeded_is_proof_though_the_statuses_still_show_last_night() -> None:
    story = tell(OURS, after={0: both("RESTARTED", 41, runs=[restart_run(), LAST_NIGHTS_RUN])})
    assert story.ending == SUCCESS
    assert len(story.platform.calls_of("read_statuses")) == 1, "only that before the submit"
    assert [one.timeline[-1][0] for one in story.result.services] == ["RESTARTED", "RESTARTED"]


@pytest.mark.parametrize(
    ("before", "outcome"), [("RESTARTED", Outcome.UNKNOWN), ("RESTARTING", Outcome.SUCCEEDED)], ids=["never", "seen"]
)
def test_in_a_run_that_failed_only_who_was_seen_restarting_is_believed_to_have_restarted(
    before: str, outcome: Outcome
) -> None:
    going = run(42, {"api": before, "web": "RESTARTING"}, status="ONGOING")
    failed = run(42, {"api": "RESTARTED", "web": "RESTART_ERROR"}, status="ERROR")
    statuses = [status("api", before, 42), status("web", "RESTARTING", 42)]
    after = {
        0: scene(*statuses, runs=[going, LAST_NIGHTS_RUN]),
        20: both("RESTARTED", 42, runs=[failed, LAST_NIGHTS_RUN]),
    }
    story = tell(OURS, after=after)
    assert story.ending == (Outcome.FAILED, Reason.RESTART_ERROR)
    assert [service.outcome for service in story.result.services] == [outcome, Outcome.FAILED]
    assert [service.state for service in story.result.services] == ["RESTARTED", "RESTART_ERROR"]


def test_while_a_request_waits_that_may_be_ours_the_run_before_it_is_not_taken_for_ours() -> None:
    somebodys = run(42, dict.fromkeys(TARGETS, "RESTARTED"), origin="API")
    yesterdays = replace(LAST_NIGHTS_RUN, origin="API")
    waits = both("RESTARTED", 42, waiting=1, runs=[somebodys, yesterdays], queue=[queued(*TARGETS)])
    failed = [restart_run(43, "ERROR", "RESTART_ERROR"), somebodys, yesterdays]
    story = tell(OURS, after={0: waits, 60: both("RESTART_ERROR", 43, runs=failed)})
    assert story.ending == (Outcome.FAILED, Reason.RESTART_ERROR)


# When it is looked at again.


def test_a_run_that_stays_open_after_its_services_have_ended_is_looked_at_soon_only_once() -> None:
    closing = both("RESTARTED", 42, runs=[restart_run(42, "ONGOING", "RESTARTED"), LAST_NIGHTS_RUN])
    story = tell(OURS, after={0: GOING, 60: closing}, end_by=400.0)
    assert story.ending == (Outcome.TIMED_OUT, Reason.RUN_DEADLINE)
    looks = [at for at in story.platform.calls_of("find_runs") if at >= 60]
    soon = [later - earlier == pytest.approx(CLOSES_WITHIN) for earlier, later in pairwise(looks)]
    assert soon[0]
    assert not any(soon[1:])


# It cannot be read.


@pytest.mark.parametrize("error", [RESET, GONE], ids=["unreadable", "404"])
def test_without_a_history_the_statuses_keep_contact_and_show_how_far_it_is_but_prove_nothing(
    error: PlatformError,
) -> None:
    without = Fault(error=error, calls=frozenset({"find_runs"}), begin=1)
    story = tell(OURS, faults=[without])
    assert (story.ending, story.ended_at) == ((Outcome.TIMED_OUT, Reason.DEADLINE), 1800.0)
    assert len(story.platform.calls_of("read_statuses")) >= len(story.platform.calls_of("find_runs")) > 10
    assert [service.timeline[-1][0] for service in story.result.services] == ["RESTARTED", "RESTARTED"]
    back = tell(OURS, faults=[replace(without, end=600)])
    assert back.ending == SUCCESS
    assert 600 <= back.ended_at <= 640


def test_on_the_deadline_the_statuses_are_not_read_in_its_place() -> None:
    story = tell(OURS, after={0: GOING}, faults=[Fault(error=RESET, begin=1800)])
    assert story.ending == (Outcome.TIMED_OUT, Reason.DEADLINE)
    assert story.platform.calls_of("find_runs")[-1] == 1800
    assert all(at < 1800 for at in story.platform.calls_of("read_statuses"))
