"""How one environment is read: what counts as contact, what is read again, and what a refusal means."""

from collections.abc import Awaitable, Callable, Sequence

import pytest

from orchestrator.domain.observations import Baseline, Observation, Run, last_reading
from orchestrator.errors import (
    BusyError,
    MalformedAnswerError,
    NotFoundError,
    PassingError,
    PlatformError,
    RefusedError,
    TokenRefusedError,
    UnansweredError,
)
from orchestrator.restart.polling import Contact, PlainLookout
from orchestrator.restart.reader import NOT_FOUND_LIMIT, Reader
from tests.support.builders import ENVIRONMENT, baseline_of, run
from tests.support.scripted_platform import Fault, ScriptedPlatform
from tests.support.stories import IDLE
from tests.support.time import HandClock, in_virtual_time

GONE = NotFoundError("no such environment", status=404)


class Quiet:
    """Reads a quiet environment under some faults."""

    def __init__(self, *faults: Fault) -> None:
        self.clock = HandClock()
        self.contact = Contact(self.clock, 300)
        self.reader = Reader(
            ScriptedPlatform(self.clock, before={0: IDLE}, faults=faults), ENVIRONMENT, self.contact, self.clock
        )

    def read(self, what: str = "statuses") -> object:
        question: Callable[[], Awaitable[object]] = getattr(self.reader, what)

        async def ask() -> object:
            return await question()

        return in_virtual_time(ask())


def test_statuses_are_contact() -> None:
    reader = Quiet()
    reader.clock.move(200)
    assert reader.read() == IDLE.observation
    assert reader.contact.silent_for == 0


def test_whoever_rests_with_others_is_told_what_statuses_and_history_have_shown_and_nothing_else() -> None:
    class Listener(PlainLookout):
        def __init__(self) -> None:
            super().__init__(clock)
            self.seen: list[Observation] = []

        def saw(self, observation: Observation) -> None:
            self.seen.append(observation)

    async def read() -> None:
        await readings.queue()
        with pytest.raises(UnansweredError):
            await readings.statuses()
        with pytest.raises(UnansweredError):
            await readings.history()
        assert listener.seen == []
        assert await readings.statuses() == IDLE.observation
        assert await readings.history() == IDLE.runs

    clock = HandClock()
    listener = Listener()
    faults = [
        Fault(error=UnansweredError("reset"), calls=frozenset({call}), times=1)
        for call in ("read_statuses", "find_runs")
    ]
    platform = ScriptedPlatform(clock, before={0: IDLE}, faults=faults)
    readings = Reader(platform, ENVIRONMENT, Contact(clock, 300), clock, listener)
    in_virtual_time(read())
    assert listener.seen == [IDLE.observation, last_reading(ENVIRONMENT, IDLE.runs)]


@pytest.mark.parametrize(
    ("what", "answer", "silent_for"), [("history", IDLE.runs, 0), ("queue", (), 200)], ids=["history", "queue"]
)
def test_the_history_is_contact_and_the_queue_is_none_since_it_proves_nothing(
    what: str, answer: object, silent_for: float
) -> None:
    reader = Quiet()
    reader.clock.move(200)
    assert reader.read(what) == answer
    assert reader.contact.silent_for == silent_for


# The history has to reach back to the baseline.


class LongHistory(ScriptedPlatform):
    """Shows as many of its runs as it is asked for, newest first, and remembers how many that were."""

    def __init__(self, numbers: Sequence[int]) -> None:
        super().__init__(HandClock(), before={0: IDLE})
        self._runs = [run(number, {"api": "RESTARTED"}) for number in numbers]
        self.asked: list[int] = []

    async def find_runs(self, environment_id: str, *, at_most: int = 20) -> Sequence[Run]:
        self.asked.append(at_most)
        return self._runs[:at_most]


@pytest.mark.parametrize(
    ("numbers", "baseline", "asked"),
    [
        pytest.param(range(60, 0, -1), baseline_of("api"), [20], id="every number since is there"),
        pytest.param(range(90, 0, -2), baseline_of("api"), [20, 100], id="it does not reach back"),
        pytest.param(range(300, 0, -1), baseline_of("api"), [20, 100], id="nor do the most that are asked for"),
        pytest.param(range(80, 42, -2), baseline_of("api"), [20], id="there are no more"),
        pytest.param(range(70, 0, -2), baseline_of("api"), [20], id="it shows what was known"),
        pytest.param(range(300, 0, -1), None, [20], id="there is no baseline"),
    ],
)
def test_a_history_that_does_not_reach_back_to_the_baseline_is_read_again_and_longer(
    numbers: Sequence[int], baseline: Baseline | None, asked: list[int]
) -> None:
    platform = LongHistory(numbers)
    clock = HandClock()
    reader = Reader(platform, ENVIRONMENT, Contact(clock, 300), clock)
    runs = in_virtual_time(reader.history(baseline))
    assert platform.asked == asked
    assert len(runs) == min(len(numbers), asked[-1])


# Queue, then history.


def test_the_queue_is_read_before_the_history() -> None:
    clock = HandClock()
    platform = ScriptedPlatform(clock, before={0: IDLE})
    reader = Reader(platform, ENVIRONMENT, Contact(clock, 300), clock)
    assert in_virtual_time(reader.queue_and_history()) == ((), IDLE.runs)
    assert [call for call, _ in platform.calls] == ["read_queue", "find_runs"]


# The deadline.


@pytest.mark.parametrize("what", ["statuses_until", "queue_until"])
def test_no_request_is_sent_once_the_deadline_has_passed(what: str) -> None:
    clock = HandClock()
    platform = ScriptedPlatform(clock, before={0: IDLE})
    reader = Reader(platform, ENVIRONMENT, Contact(clock, 300), clock)
    question: Callable[[float], Awaitable[object]] = getattr(reader, what)

    async def ask() -> object:
        return await question(5.0)

    assert in_virtual_time(ask()) is not None
    clock.move(5)
    assert in_virtual_time(ask()) is None
    assert len(platform.calls) == 1


# Without a history the statuses keep contact.


@pytest.mark.parametrize("error", [UnansweredError("reset"), GONE, RefusedError("odd", status=400)], ids=repr)
@pytest.mark.parametrize("until", [5.0, 300.0])
def test_where_the_history_cannot_be_read_the_statuses_are_and_its_error_stays(
    error: PlatformError, until: float
) -> None:
    seen: list[Observation] = []
    reader = Quiet(Fault(error=error, calls=frozenset({"find_runs"})))
    reader.clock.move(200)
    with pytest.raises(PassingError):
        in_virtual_time(reader.reader.history_or_contact(baseline_of("api"), until=until, note=seen.append))
    in_time = until > 200
    assert seen == ([IDLE.observation] if in_time else [])
    assert reader.contact.silent_for == (0 if in_time else 200)


def test_where_it_can_be_read_the_statuses_are_not() -> None:
    seen: list[Observation] = []
    reading = Quiet().reader.history_or_contact(baseline_of("api"), until=300, note=seen.append)
    assert in_virtual_time(reading) == IDLE.runs
    assert seen == []


def test_an_environment_of_which_neither_is_found_is_gone() -> None:
    reader = Quiet(Fault(error=GONE))
    for look in range(NOT_FOUND_LIMIT):
        with pytest.raises(NotFoundError if look == NOT_FOUND_LIMIT - 1 else MalformedAnswerError):
            in_virtual_time(reader.reader.history_or_contact(baseline_of("api"), until=300, note=lambda _: None))


# What is refused.


def test_an_environment_is_gone_only_when_it_was_not_found_several_times() -> None:
    reader = Quiet(Fault(error=GONE))
    for _ in range(NOT_FOUND_LIMIT - 1):
        with pytest.raises(MalformedAnswerError) as caught:
            reader.read()
        assert caught.value.status == 404
    with pytest.raises(NotFoundError):
        reader.read()


def test_an_environment_that_is_found_again_has_all_its_chances_again() -> None:
    reader = Quiet(Fault(error=GONE, end=10), Fault(error=GONE, begin=20))
    for move in (0, 0, 15, 15, 0):
        reader.clock.move(move)
        try:
            reader.read()
        except PlatformError as error:
            assert isinstance(error, MalformedAnswerError)  # noqa: PT017 - one of the reads succeeds


@pytest.mark.parametrize("what", ["history", "queue"])
def test_an_environment_without_history_or_queue_is_not_gone(what: str) -> None:
    reader = Quiet(Fault(error=GONE))
    for _ in range(NOT_FOUND_LIMIT + 1):
        with pytest.raises(MalformedAnswerError):
            reader.read(what)


@pytest.mark.parametrize("what", ["statuses", "history", "queue"])
@pytest.mark.parametrize("error", [RefusedError("odd", status=400), BusyError("odd", status=409)], ids=["400", "409"])
def test_a_read_that_is_refused_is_a_fault_that_may_pass(what: str, error: PlatformError) -> None:
    with pytest.raises(MalformedAnswerError) as caught:
        Quiet(Fault(error=error)).read(what)
    assert caught.value.status == error.status
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("what", ["statuses", "history", "queue"])
@pytest.mark.parametrize(
    "error", [TokenRefusedError("no"), UnansweredError("reset")], ids=lambda one: type(one).__name__
)
def test_what_is_no_refusal_of_the_read_passes_through_as_it_is(what: str, error: PlatformError) -> None:
    reader = Quiet(Fault(error=error))
    with pytest.raises(type(error)):
        reader.read(what)
    assert reader.contact.silent_for == 0


def test_only_answers_of_not_found_in_a_row_mean_that_an_environment_is_gone() -> None:
    reset = Fault(error=UnansweredError("connection reset"), begin=10, end=20)
    reader = Quiet(Fault(error=GONE, end=10), reset, Fault(error=GONE, begin=20))
    for move in (0, 0, 15, 15, 0):
        reader.clock.move(move)
        with pytest.raises(PassingError):
            reader.read()
