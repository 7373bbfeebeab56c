from collections.abc import Awaitable, Callable

import pytest

from orchestrator.domain.observations import Observation
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
from tests.support.builders import ENVIRONMENT
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


def test_whoever_rests_with_others_is_told_what_statuses_and_history_have_shown() -> None:
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
        assert listener.seen == []
        assert await readings.statuses() == IDLE.observation
        assert await readings.history() == IDLE.runs

    clock = HandClock()
    listener = Listener()
    fault = Fault(error=UnansweredError("reset"), calls=frozenset({"read_statuses"}), times=1)
    platform = ScriptedPlatform(clock, before={0: IDLE}, faults=[fault])
    readings = Reader(platform, ENVIRONMENT, Contact(clock, 300), clock, listener)
    in_virtual_time(read())
    first, second = listener.seen
    assert first == IDLE.observation
    assert (second.last_execution_id, second.busy) == (IDLE.runs[0].execution_id, False)


@pytest.mark.parametrize(("what", "answer", "silent"), [("history", IDLE.runs, 0), ("queue", (), 200)])
def test_the_history_is_contact_and_the_queue_is_not_since_it_proves_nothing(
    what: str, answer: object, silent: float
) -> None:
    reader = Quiet()
    reader.clock.move(200)
    assert reader.read(what) == answer
    assert reader.contact.silent_for == silent


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
