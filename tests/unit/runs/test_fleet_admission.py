"""A fleet that begins what it is let begin, and gives everything back; what is in flight needs no leave."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.accounts import Wait, WaitedFor
from orchestrator.domain.outcomes import Outcome, Reason
from orchestrator.domain.plan import FailureBudget, Strategy, Target
from tests.support.builders import NOON, ended, target
from tests.support.fleets import FAILS, LONG, Ending, Voyage, fleet_of

ONE_AT_A_TIME = Strategy(max_parallel=1)
DONE = (Outcome.SUCCEEDED, Reason.RESTARTED)
HALTED = (Outcome.SKIPPED, Reason.HALTED)
LATE = (Outcome.TIMED_OUT, Reason.RUN_DEADLINE)
INTERRUPTED = (Outcome.SKIPPED, Reason.INTERRUPTED)


class Doorkeeper:
    """Lets in by a timetable: each not before its second, and some never.

    Attributes:
        asked: who asked to be let in, when, and who was said to wait behind it.
        untils: until when each would have waited.
        let_in: who was let in.
        readmitted: who had begun before.
        released: who came to an end, and when.
        inside: who has been let in, or readmitted, and not released.
    """

    def __init__(self, opens: Mapping[str, float] | None = None, *, never: Iterable[str] = ()) -> None:
        self._opens = opens or {}
        self._never = frozenset(never)
        self.asked: list[tuple[str, float, list[str]]] = []
        self.untils: set[float] = set()
        self.let_in: list[str] = []
        self.readmitted: list[str] = []
        self.released: list[tuple[str, float]] = []
        self.inside: set[str] = set()

    async def admit(
        self, target: Target, *, waiting: Callable[[], Sequence[Target]], until: float, wanted: Callable[[], bool]
    ) -> bool:
        loop = asyncio.get_running_loop()
        self.asked.append((target.name, loop.time(), [other.name for other in waiting()]))
        self.untils.add(until)
        while wanted() and loop.time() < until:
            if target.name not in self._never and loop.time() >= self._opens.get(target.name, 0.0):
                self.let_in.append(target.name)
                self.inside.add(target.name)
                return True
            await asyncio.sleep(1)
        return False

    def readmit(self, target: Target) -> None:
        self.readmitted.append(target.name)
        self.inside.add(target.name)

    def release(self, target: Target) -> None:
        self.released.append((target.name, asyncio.get_running_loop().time()))
        self.inside.remove(target.name)


def test_nothing_begins_before_it_is_let_in_and_the_rest_does_not_wait_for_it() -> None:
    keeper = Doorkeeper({"1-0": 40, "1-2": 100})
    voyage = Voyage(*fleet_of(3), admission=keeper)
    assert voyage.began == [("1-1", 0), ("1-0", 40), ("1-2", 100)]
    assert {(outcome, reason) for _, outcome, reason in voyage.endings_told} == {DONE}
    assert keeper.untils == {14400.0}


def test_whoever_waits_to_be_let_in_takes_up_room() -> None:
    voyage = Voyage(*fleet_of(3), strategy=ONE_AT_A_TIME, admission=Doorkeeper({"1-0": 40}))
    assert voyage.began == [("1-0", 40), ("1-1", 40 + LONG), ("1-2", 40 + 2 * LONG)]


def test_what_is_not_let_in_is_not_begun_and_nothing_is_given_back_for_it() -> None:
    keeper = Doorkeeper(never=["1-1"])
    voyage = Voyage(*fleet_of(3), strategy=Strategy(run_deadline=60), admission=keeper)
    assert voyage.order == ["1-0", "1-2"]
    assert voyage.endings_told[1] == ("1-1", *LATE)
    assert voyage.settled_late == [], "it has no job"
    assert sorted(keeper.released) == [("1-0", LONG), ("1-2", LONG)]
    assert voyage.ended_at == 60


def test_what_waits_when_the_run_halts_is_not_begun() -> None:
    endings = {"1-0": FAILS}
    keeper = Doorkeeper({"1-1": 500})
    voyage = Voyage(*fleet_of(2), endings=endings, admission=keeper)
    assert voyage.endings_told[1] == ("1-1", *HALTED)
    assert voyage.ended_at <= LONG + 1
    assert keeper.released == [("1-0", LONG)]


def test_what_waits_when_the_run_is_interrupted_is_not_begun() -> None:
    keeper = Doorkeeper(never=["1-1"])
    voyage = Voyage(*fleet_of(2), admission=keeper, interrupted_at=5.0)
    assert voyage.endings_told == [("1-0", Outcome.UNKNOWN, Reason.INTERRUPTED), ("1-1", *INTERRUPTED)]
    assert voyage.settled_late == ["1-0"]
    assert keeper.released == [("1-0", 5.0)]
    assert keeper.inside == set()


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.FAILED, Outcome.UNKNOWN], ids=str)
def test_what_was_let_in_is_given_back_when_it_ends_however_it_ends(outcome: Outcome) -> None:
    keeper = Doorkeeper()
    Voyage(*fleet_of(1), endings={"1-0": Ending(seconds=30, outcome=outcome)}, admission=keeper)
    assert keeper.released == [("1-0", 30)]


def test_what_was_let_in_is_given_back_though_its_job_could_not_be_made() -> None:
    class Broken(Voyage):
        def _make_job(self, target: Target, end_by: float) -> object:  # type: ignore[override]  # it makes none
            raise KeyError("a bug")

    keeper = Doorkeeper()
    with pytest.raises(Exception, match="unhandled errors in a TaskGroup"):
        Broken(*fleet_of(1), admission=keeper)
    assert (keeper.let_in, keeper.released) == (["1-0"], [("1-0", 0)])


def test_it_is_given_back_before_the_next_is_let_in_where_there_is_room_for_one() -> None:
    keeper = Doorkeeper()
    Voyage(*fleet_of(3), strategy=ONE_AT_A_TIME, admission=keeper)
    assert [at for _, at, _ in keeper.asked] == [0, LONG, 2 * LONG]
    assert [at for _, at in keeper.released] == [LONG, 2 * LONG, 3 * LONG]


# What a wait is told as.


def test_whoever_waited_to_be_let_in_is_told_for_how_long() -> None:
    voyage = Voyage(*fleet_of(2), admission=Doorkeeper({"1-0": 40}))
    assert [result.waits for result in voyage.results] == [
        (Wait(what=WaitedFor.QUOTA, since=NOON, duration_s=40.0),),
        (),
    ]


def test_whoever_waited_in_vain_is_told_for_how_long() -> None:
    voyage = Voyage(*fleet_of(1), strategy=Strategy(run_deadline=60), admission=Doorkeeper(never=["1-0"]))
    [result] = voyage.results
    assert (result.reason, result.waits) == (
        Reason.RUN_DEADLINE,
        (Wait(what=WaitedFor.QUOTA, since=NOON, duration_s=60.0),),
    )


def test_whoever_waits_when_the_run_is_interrupted_is_told_for_how_long() -> None:
    voyage = Voyage(*fleet_of(1), admission=Doorkeeper(never=["1-0"]), interrupted_at=5.0)
    assert [wait.duration_s for wait in voyage.results[0].waits] == [5.0]


# Who waits behind it.


def test_of_its_wave_whatever_has_neither_begun_nor_ended_waits_behind_it() -> None:
    waves = [*fleet_of(4, wave=1), *fleet_of(2, wave=2)]
    keeper = Doorkeeper()
    Voyage(*waves, strategy=Strategy(max_parallel=2), results=[ended(name="1-3")], in_flight=["2-1"], admission=keeper)
    assert [(name, behind) for name, _, behind in keeper.asked] == [
        ("1-0", ["1-1", "1-2"]),
        ("1-1", ["1-2"]),
        ("1-2", []),
        ("2-0", []),
    ]


# What is in flight.


def test_what_is_in_flight_is_let_in_at_once_and_given_back_like_anything_else() -> None:
    keeper = Doorkeeper(never=["1-1"])
    voyage = Voyage(*fleet_of(3), strategy=Strategy(run_deadline=60), in_flight=["1-1"], admission=keeper)
    assert voyage.began[0] == ("1-1", 0.0)
    assert keeper.readmitted == ["1-1"]
    assert "1-1" not in keeper.let_in
    assert ("1-1", LONG) in keeper.released


def test_what_is_in_flight_needs_no_leave_though_the_run_has_halted_or_its_deadline_has_passed() -> None:
    failed = ended(Outcome.FAILED, Reason.RESTART_ERROR, name="1-0")
    ways: list[dict[str, Any]] = [{"results": [failed]}, {"end_by": -500.0}]
    for how in ways:
        keeper = Doorkeeper()
        voyage = Voyage(*fleet_of(3), in_flight=["1-2"], admission=keeper, **how)
        assert voyage.order == ["1-2"]
        assert (keeper.readmitted, keeper.let_in) == (["1-2"], [])
        assert keeper.inside == set()


def test_what_is_in_flight_and_was_not_come_to_takes_nothing_when_the_run_is_interrupted_again() -> None:
    keeper = Doorkeeper()
    waves = [*fleet_of(2, wave=1), *fleet_of(1, wave=2)]
    voyage = Voyage(
        *waves, strategy=ONE_AT_A_TIME, in_flight=["1-0", "1-1", "2-0"], admission=keeper, interrupted_at=LONG / 2
    )
    assert voyage.settled_late == ["1-0", "1-1", "2-0"]
    assert (keeper.readmitted, keeper.inside) == (["1-0"], set())


# Whatever the plan.


@settings(max_examples=80)
@given(
    waves=st.lists(st.integers(1, 3), min_size=1, max_size=8),
    opens=st.lists(st.none() | st.integers(0, 60), min_size=8, max_size=8),
    bad=st.sets(st.integers(0, 7)),
    in_flight=st.sets(st.integers(0, 7)),
    parallel=st.integers(1, 4),
    budget=st.integers(0, 3),
    deadline=st.integers(1, 120),
    interrupted_at=st.none() | st.integers(1, 120),
)
def test_whatever_is_let_in_is_given_back_once_and_only_what_is_let_in_begins(
    *,
    waves: list[int],
    opens: list[int | None],
    bad: set[int],
    in_flight: set[int],
    parallel: int,
    budget: int,
    deadline: int,
    interrupted_at: int | None,
) -> None:
    targets = [target(name=str(number), wave=wave) for number, wave in enumerate(waves)]
    in_flight &= set(range(len(waves)))
    keeper = Doorkeeper(
        {str(number): float(second) for number, second in enumerate(opens) if second is not None},
        never=[str(number) for number, second in enumerate(opens) if second is None],
    )
    voyage = Voyage(
        *targets,
        strategy=Strategy(max_parallel=parallel, max_failures=FailureBudget(count=budget), run_deadline=deadline),
        endings={str(number): FAILS for number in bad},
        in_flight=[str(number) for number in in_flight],
        admission=keeper,
        interrupted_at=interrupted_at,
    )
    assert [result.name for result in voyage.results] == [one.name for one in targets]
    assert sorted(voyage.order) == sorted([*keeper.let_in, *keeper.readmitted])
    assert sorted(name for name, _ in keeper.released) == sorted(voyage.order)
    assert keeper.inside == set()
    assert set(keeper.readmitted) <= {str(number) for number in in_flight}
    assert voyage.most <= parallel
    for name, at in voyage.began:
        if name in keeper.let_in:
            assert keeper._opens.get(name, 0.0) <= at < deadline
