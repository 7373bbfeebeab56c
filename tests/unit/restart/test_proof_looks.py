"""When a job looks: after the submit, at the expected end, a little later, then less and less often; or at a hint."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from orchestrator.domain.costs import expected_duration
from orchestrator.domain.evidence import NEXT_BEGINS_WITHIN, SHOWN_BY
from orchestrator.domain.outcomes import Outcome, Reason
from orchestrator.domain.plan import OnBusy, Policy
from orchestrator.errors import UnansweredError
from orchestrator.ports import Clock
from orchestrator.restart.intervals import JITTER
from orchestrator.restart.lost_submit import FIRST_LOOKS
from orchestrator.restart.proof import A_LITTLE_LATER, FIRST_LOOK
from tests.support.builders import baseline_of, intent, queued, run, status, target
from tests.support.lookouts import Diary, Hintless
from tests.support.memory_journal import MemoryJournal
from tests.support.scripted_platform import Fault, Scene, lost, scene
from tests.support.stories import IDLE, LAST_NIGHTS_RUN, TARGETS, Story, both, goes_well, restart_run, tell

OURS = target(*TARGETS)
SUCCESS = (Outcome.SUCCEEDED, Reason.RESTARTED)
UNATTRIBUTED = (Outcome.UNKNOWN, Reason.UNATTRIBUTED)
AT_WORK = both("RESTARTING", 42, runs=[restart_run(42, "ONGOING", "RESTARTING")])
OVER = both("RESTARTED", 42, runs=[restart_run(), LAST_NIGHTS_RUN])


class Rested:
    """A job that rests in a diary, and how it did after its submit."""

    def __init__(
        self,
        after: Mapping[float, Scene],
        *,
        hints: tuple[float | None, ...] = (),
        faults: tuple[Fault, ...] = (),
        end_by: float = 200.0,
    ) -> None:
        self._hints = hints
        self.diary: Diary
        self.story = tell(OURS, after=after, faults=faults, lookout=self._make, end_by=end_by)

    def _make(self, clock: Clock) -> Diary:
        self.diary = Diary(clock, hints=self._hints)
        return self.diary

    @property
    def kinds(self) -> list[str]:
        """How it waited before each look, the first before it looked at all after the submit."""
        waits = [(at, "rest") for at, _, _ in self.diary.rests] + [(at, "pause") for at, _ in self.diary.pauses]
        return [kind for _, kind in sorted(waits)]


def near(instant: float, expected: float) -> bool:
    return expected * (1 - JITTER) <= instant <= expected * (1 + JITTER)


def looks(story: Story) -> list[float]:
    """When it looked after the submit."""
    (submit,) = story.platform.submits
    return [at - submit.at for at in story.platform.calls_of("find_runs") if at > submit.at]


@pytest.mark.parametrize("services", [1, 2, 7, 8, 10, 14])
@pytest.mark.parametrize("seed", [0, 1])
def test_after_the_submit_looks_fall_where_a_restart_of_so_many_services_shows_something(
    services: int, seed: int
) -> None:
    ids = [f"service-{number}" for number in range(services)]
    before = {0.0: scene(*(status(one, "RESTARTED") for one in ids))}
    after = {0.0: scene(*(status(one, "RESTARTING", 42) for one in ids))}
    story = tell(target(*ids, policy=Policy(deadline=600)), before=before, after=after, seed=seed)
    first, second, third, *rest = looks(story)
    expected = expected_duration(services)
    assert near(first, FIRST_LOOK)
    assert near(second, expected)
    assert near(third, expected * A_LITTLE_LATER) or third - second >= 2
    intervals = [later - earlier for earlier, later in pairwise([third, *rest])]
    assert all(1.8 <= interval <= 33 for interval in intervals[:-1])
    assert intervals[-2] > intervals[0], "whoever has waited long waits longer"


def in_flight(*, accepted: bool, ago: float = 5.0) -> MemoryJournal:
    return MemoryJournal(intent=intent(baseline_of(*TARGETS), posted_at=-ago), accepted=accepted)


@pytest.mark.parametrize("ago", [2.0, 10.0, 60.0, 5000.0])
def test_a_resumed_job_looks_at_once(ago: float) -> None:
    story = tell(OURS, before={0: OVER}, journal=in_flight(accepted=True, ago=ago))
    assert story.ending == SUCCESS
    assert story.platform.calls_of("find_runs")[0] == 0.0


@pytest.mark.parametrize(
    ("how", "first_look_by", "ending", "ended_by"),
    [
        pytest.param({"journal": in_flight(accepted=True)}, 2.0, SUCCESS, 2.0, id="resumed"),
        pytest.param({"journal": in_flight(accepted=False)}, 2.0, UNATTRIBUTED, SHOWN_BY, id="resumed, and found"),
        pytest.param({"journal": in_flight(accepted=True), "cancel": True}, 2.0, SUCCESS, 2.0, id="cancelled too late"),
        pytest.param(
            {"answers": [lost(UnansweredError("reset"), accepted=True)]},
            FIRST_LOOKS[0] + 1.0,
            UNATTRIBUTED,
            SHOWN_BY + NEXT_BEGINS_WITHIN,
            id="found after a lost answer",
        ),
    ],
)
def test_a_restart_that_is_over_before_the_first_look_at_it_needs_no_hint(
    how: dict[str, Any], first_look_by: float, ending: tuple[Outcome, Reason], ended_by: float
) -> None:
    # No hint can tell: it would show nothing that the last look, which was made for another reason, did not.
    before = {0: OVER if "journal" in how else IDLE}
    story = tell(OURS, before=before, after={0: OVER}, lookout=Hintless, **how)
    assert story.ending == ending
    assert story.platform.calls_of("find_runs")[0] <= first_look_by
    assert story.ended_at <= ended_by


@pytest.mark.parametrize(
    ("ago", "second"),
    [
        pytest.param(2.0, 3.0, id="before it was at work"),
        pytest.param(10.0, 10.8, id="while it was at work"),
    ],
)
def test_after_that_it_waits_for_what_is_still_to_come(ago: float, second: float) -> None:
    story = tell(OURS, before={0: AT_WORK, 30: OVER}, journal=in_flight(accepted=True, ago=ago))
    assert story.ending == SUCCESS
    assert near(story.platform.calls_of("find_runs")[1], second)


# Rests, pauses, hints.


def test_while_it_is_at_work_and_there_is_no_doubt_a_hint_is_worth_waiting_for() -> None:
    rested = Rested(goes_well())
    assert rested.story.ending == SUCCESS
    assert set(rested.kinds) == {"rest"}
    assert len(rested.diary.seen) == len(rested.story.platform.calls_of("find_runs")) + 1


def test_a_hint_that_it_is_over_is_followed_at_once() -> None:
    rested = Rested({0.0: IDLE, 1.0: AT_WORK, 9.0: OVER}, hints=(3.0, 7.0))
    assert rested.story.ending == SUCCESS
    assert looks(rested.story) == [3.0, 10.0]


def test_a_shared_look_waits_for_the_expected_end_though_ones_own_would_come_before() -> None:
    rested = Rested(goes_well())
    (_, alone, shared), *_ = rested.diary.rests
    assert near(alone, FIRST_LOOK)
    assert near(shared, expected_duration(2))


DOUBTS = {
    "one that nobody can attribute": both("RESTARTED", 42, runs=[replace(restart_run(), origin="CONSOLE")]),
    "one that was not touched": scene(status("api", "RESTARTED", 42), status("web", "RESTARTED", 41)),
    "one that has disappeared": scene(status("api", "RESTARTED", 42)),
    "a deployment that came after": both(
        "DEPLOYED", 43, runs=[run(43, dict.fromkeys(TARGETS, "DEPLOYED"), action="DEPLOY")]
    ),
}


@pytest.mark.parametrize("there", DOUBTS.values(), ids=DOUBTS)
def test_a_doubt_is_no_time_to_wait_for_a_hint(there: Scene) -> None:
    rested = Rested({0.0: there})
    assert rested.story.result.outcome is not Outcome.SUCCEEDED
    assert len(rested.kinds) > 1
    assert rested.kinds[0] == "rest"
    assert set(rested.kinds[1:]) == {"pause"}


def test_neither_is_a_restart_that_was_seen_and_is_gone() -> None:
    waiting = both("RESTART_QUEUED", 41, runs=[LAST_NIGHTS_RUN], queue=[queued(*TARGETS)])
    rested = Rested({0.0: waiting, 25.0: IDLE}, hints=(5.0,), end_by=600.0)
    assert rested.story.ending == (Outcome.CANCELLED, Reason.REQUEST_CANCELLED)
    first_gone = next(at for at in looks(rested.story) if at >= 25)
    assert all(at <= first_gone for at, _, _ in rested.diary.rests)
    assert any(at >= first_gone for at, _ in rested.diary.pauses)


def test_neither_is_a_look_that_failed() -> None:
    fault = Fault(error=UnansweredError("reset"), begin=1.0, times=2)
    rested = Rested(goes_well(), faults=(fault,))
    assert rested.story.ending == SUCCESS
    assert rested.kinds[:2] == ["rest", "pause"]
    assert set(rested.kinds[2:]) <= {"rest"}


# Before the submit.


def waits(before: Mapping[float, Scene], policy: Policy | None = None) -> tuple[Story, Diary]:
    made: list[Diary] = []

    def make(clock: Clock) -> Diary:
        made.append(Diary(clock))
        return made[0]

    lookout: Callable[[Clock], Diary] = make
    story = tell(target(*TARGETS, policy=policy), before=before, lookout=lookout, end_by=300.0)
    return story, made[0]


def test_where_another_operation_is_in_progress_a_hint_that_it_is_over_is_worth_waiting_for() -> None:
    story, diary = waits({0.0: both("DEPLOYING", 41), 30.0: IDLE})
    assert story.ending == SUCCESS
    (submit,) = story.platform.submits
    assert diary.pauses == []
    assert len([at for at, _, _ in diary.rests if at < submit.at]) > 1


def test_where_nothing_tells_what_runs_there_only_time_does() -> None:
    story, diary = waits({0.0: both("RESTARTED", None)}, Policy(on_busy=OnBusy.WAIT, deadline=60.0))
    assert story.platform.submits == []
    assert diary.rests == []
    assert len(diary.pauses) > 1
