"""What a job tells the report beside how it ended."""

from dataclasses import replace
from datetime import timedelta

from orchestrator.clock import RehearsalClock
from orchestrator.domain.accounts import CheckResult, Wait, WaitedFor
from orchestrator.domain.outcomes import EnvironmentResult, Outcome, Reason
from orchestrator.domain.plan import Exclusion, HttpCheck, OnBusy, Policy
from orchestrator.errors import BusyError
from orchestrator.restart.account import Account
from orchestrator.restart.claiming import INTERVAL
from orchestrator.restart.job import RestartJob
from tests.support.builders import NOON, baseline_of, holder, intent, target
from tests.support.contexts import context_of
from tests.support.memory_journal import MemoryJournal
from tests.support.scripted_platform import ACCEPTED, ScriptedPlatform, ScriptedProber, refused
from tests.support.stories import IDLE, TARGETS, both, goes_well, tell
from tests.support.time import HandClock, in_virtual_time

URL = "https://shop.example.test/healthz"
OURS = target(*TARGETS)


def waits_of(result: EnvironmentResult) -> list[tuple[WaitedFor, float, float]]:
    """What was waited for, from which second on, for how many."""
    return [(wait.what, (wait.since - NOON).total_seconds(), wait.duration_s) for wait in result.waits]


def test_an_account_begins_once() -> None:
    clock = HandClock()
    account = Account(clock)
    account.begin()
    clock.move(5.0)
    account.begin()
    assert account.began_at == NOON


def test_an_account_has_each_wait_and_the_one_that_goes_on() -> None:
    clock = HandClock()
    account = Account(clock)
    account.wait(None)
    for what, seconds in [(WaitedFor.LOCK, 2.0), (WaitedFor.LOCK, 3.0), (WaitedFor.BUSY, 4.0), (None, 5.0)]:
        account.wait(what)
        clock.move(seconds)
    account.wait(WaitedFor.BUSY)
    clock.move(1.0)
    assert account.waits == (
        Wait(what=WaitedFor.LOCK, since=NOON, duration_s=5.0),
        Wait(what=WaitedFor.BUSY, since=NOON + timedelta(seconds=5), duration_s=4.0),
        Wait(what=WaitedFor.BUSY, since=NOON + timedelta(seconds=14), duration_s=1.0),
    )


def test_a_restart_that_waits_for_nothing_says_when_it_began_and_when_it_was_proven() -> None:
    story = tell(OURS)
    assert (story.result.began_at, story.result.waits, story.result.checks) == (NOON, (), ())
    assert story.result.proven_at == story.result.settled_at


def test_a_restart_that_fails_is_never_proven() -> None:
    story = tell(OURS, after={0: both("RESTART_ERROR", 42)})
    assert story.result.outcome is Outcome.FAILED
    assert story.result.proven_at is None


def test_a_busy_environment_is_a_wait_until_it_is_idle() -> None:
    story = tell(OURS, before={0: both("DEPLOYING", 42), 60: both("DEPLOYED", 42)})
    [submit] = story.platform.submits
    [(what, since, lasted)] = waits_of(story.result)
    assert (what, since, lasted) == (WaitedFor.BUSY, 0.0, round(submit.at, 1))


def test_a_busy_environment_that_stays_so_is_a_wait_to_the_end() -> None:
    story = tell(target(*TARGETS, policy=Policy(deadline=600)), before={0: both("DEPLOYING", 42)})
    assert story.result.reason is Reason.BUSY
    assert waits_of(story.result) == [(WaitedFor.BUSY, 0.0, 600.0)]


def test_an_environment_that_refuses_as_busy_is_waited_for() -> None:
    story = tell(OURS, answers=[refused(BusyError("in progress", status=409)), ACCEPTED])
    assert story.result.outcome is Outcome.SUCCEEDED
    assert [what for what, _, _ in waits_of(story.result)] == [WaitedFor.BUSY]
    at_once = tell(
        target(*TARGETS, policy=Policy(on_busy=OnBusy.FAIL)), answers=[refused(BusyError("in progress", status=409))]
    )
    assert at_once.result.reason is Reason.BUSY


def test_another_run_that_holds_the_environment_is_a_wait() -> None:
    story = tell(OURS, journal=MemoryJournal(holders=[holder()] * 3), wait_lock=60)
    assert waits_of(story.result) == [(WaitedFor.LOCK, 0.0, 3 * INTERVAL)]


def test_what_was_waited_for_before_its_turn_is_told_first() -> None:
    async def interrupted() -> EnvironmentResult:
        clock = RehearsalClock(NOON)
        platform = ScriptedPlatform(clock, before={0: IDLE})
        job = RestartJob(context_of(OURS, platform, clock), prober=ScriptedProber(clock, {}), journal=MemoryJournal())
        job.waited(Wait(what=WaitedFor.QUOTA, since=NOON, duration_s=40.0))
        return job.interrupted()

    assert waits_of(in_virtual_time(interrupted())) == [(WaitedFor.QUOTA, 0.0, 40.0)]


def test_what_was_waited_for_is_written_before_the_submit_and_known_to_whoever_resumes() -> None:
    waits = (Wait(what=WaitedFor.QUOTA, since=NOON - timedelta(seconds=90), duration_s=60.0),)
    began_at = NOON - timedelta(seconds=30)
    posted = intent(baseline_of(*TARGETS), posted_at=-20.0, submitted_at=NOON - timedelta(seconds=20))
    journal = MemoryJournal(intent=replace(posted, began_at=began_at, waits=waits), accepted=True)
    story = tell(OURS, before={0: goes_well()[8]}, journal=journal, end_by=100.0)
    assert (story.result.began_at, story.result.waits) == (began_at, waits)


def test_a_restart_of_an_earlier_version_began_with_its_submit() -> None:
    posted = intent(baseline_of(*TARGETS), posted_at=-20.0, submitted_at=NOON - timedelta(seconds=20))
    journal = MemoryJournal(intent=posted, accepted=True)
    story = tell(OURS, before={0: goes_well()[8]}, journal=journal, end_by=100.0)
    assert story.result.began_at == NOON - timedelta(seconds=20)


def test_the_intent_has_what_came_before_the_submit() -> None:
    journal = MemoryJournal()
    tell(OURS, before={0: both("DEPLOYING", 42), 60: IDLE}, journal=journal)
    assert journal.intent is not None
    assert journal.intent.began_at == NOON
    assert [wait.what for wait in journal.intent.waits] == [WaitedFor.BUSY]


def test_each_check_is_told_with_its_answer_without_what_may_be_secret() -> None:
    check = HttpCheck(url=f"{URL}?key=hunter2", consecutive=2, within=30)
    story = tell(target(*TARGETS, checks=(check,)), probes={check.url: {0: 200}})
    proven_at = story.result.proven_at
    assert proven_at is not None
    assert story.result.settled_at == proven_at + timedelta(seconds=2)
    assert story.result.checks == (
        CheckResult(url=f"{URL}?…", wanted=200, consecutive=2, passed=True, last_answer=200, probes=2, duration_s=2.0),
    )


def test_a_check_that_fails_is_told_as_well() -> None:
    check = HttpCheck(url=URL, within=10)
    [told] = tell(target(*TARGETS, checks=(check,)), probes={URL: {0: "connection refused"}}).result.checks
    assert (told.passed, told.last_answer, told.probes, told.duration_s) == (False, "connection refused", 5, 10.0)


def test_services_that_are_not_meant_are_told() -> None:
    left_out = (Exclusion(id="db", name="db", type="database", why="a managed database"),)
    assert tell(replace(OURS, excluded=left_out)).result.left_out == left_out
