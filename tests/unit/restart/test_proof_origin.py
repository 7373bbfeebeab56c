"""A whole restart, told from another user's by its origin."""

from dataclasses import replace

import pytest

from orchestrator.domain.observations import Observation, Run
from orchestrator.domain.outcomes import Outcome, Reason
from orchestrator.domain.plan import Policy
from tests.support.builders import all_in, execution, run, target
from tests.support.scripted_platform import Scene
from tests.support.stories import IDLE, LAST_NIGHTS_RUN, TARGETS, both, tell


def reading(last: int | None, *, state: str = "RESTARTED") -> Observation:
    return replace(all_in(state, *TARGETS, number=42), last_execution_id=execution(last))


def ran(number: int, origin: str | None, *, status: str = "SUCCESS", state: str = "RESTARTED") -> Run:
    return run(number, dict.fromkeys(TARGETS, state), status=status, origin=origin)


def story_of(origin: str | None, labelled: str | None) -> tuple[Outcome, Reason]:
    """How a restart ends that is over when it is first seen, and that the platform has labelled so."""
    over = Scene(observation=reading(42), runs=(ran(42, labelled), LAST_NIGHTS_RUN))
    return tell(target(*TARGETS), before={0: IDLE}, after={0: IDLE, 20: over}, origin=origin).ending


@pytest.mark.parametrize(
    ("origin", "labelled", "ending"),
    [
        ("API", "API", (Outcome.SUCCEEDED, Reason.RESTARTED)),
        ("API", None, (Outcome.SUCCEEDED, Reason.RESTARTED)),
        ("API", "CONSOLE", (Outcome.UNKNOWN, Reason.UNATTRIBUTED)),
        (None, "CONSOLE", (Outcome.SUCCEEDED, Reason.RESTARTED)),
    ],
)
def test_a_colleagues_restart_is_not_taken_for_ours_where_the_platform_tells_them_apart(
    origin: str | None, labelled: str | None, ending: tuple[Outcome, Reason]
) -> None:
    assert story_of(origin, labelled) == ending


def test_an_unattributed_restart_is_unknown_and_says_what_to_do_should_it_be_ours_after_all() -> None:
    over = Scene(observation=reading(42), runs=(ran(42, "CLI"), LAST_NIGHTS_RUN))
    story = tell(target(*TARGETS), after={0: IDLE, 20: over}, origin="API")
    assert story.result.exit_code == 75
    assert "`api.origin`" in story.result.message


def test_an_unattributed_restart_costs_a_history_and_statuses_a_minute_later() -> None:
    over = Scene(observation=reading(42), runs=(ran(42, "CLI"), LAST_NIGHTS_RUN))
    story = tell(target(*TARGETS), before={0: IDLE}, after={0: over}, origin="API")
    assert [call for call, _ in story.platform.calls] == [
        "read_statuses",
        "submit_restart",
        "find_runs",
        "read_statuses",
    ]
    read, checked = story.platform.calls_of("find_runs")[0], story.platform.calls_of("read_statuses")[-1]
    assert checked - read == pytest.approx(60.0, abs=1.0)


SOMEBODYS = both("RESTARTED", 42, runs=[ran(42, "CLI"), LAST_NIGHTS_RUN])


def timed_out(after: dict[float, Scene]) -> str:
    story = tell(target(*TARGETS, policy=Policy(deadline=70)), after=after, origin="API")
    assert story.ending == (Outcome.TIMED_OUT, Reason.DEADLINE)
    return story.result.message


def test_a_timeout_before_that_has_lasted_says_so_too() -> None:
    assert "`api.origin`" in timed_out({0: IDLE, 20: SOMEBODYS})


def test_a_timeout_says_nothing_of_it_where_ours_has_come_after_that_or_nothing_has() -> None:
    ours = ran(43, "API", status="ONGOING", state="RESTARTING")
    going = both("RESTARTING", 43, runs=[ours, *SOMEBODYS.runs])
    assert "`api.origin`" not in timed_out({0: IDLE, 20: SOMEBODYS, 40: going})
    assert "`api.origin`" not in timed_out({0: IDLE})
