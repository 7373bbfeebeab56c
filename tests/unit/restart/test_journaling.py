"""What a job writes down: what comes before a submit has to be written, and the rest where it can be."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from orchestrator.domain.records import Sighting
from orchestrator.errors import JournalError
from orchestrator.restart.journaling import JobJournal
from orchestrator.restart.narrator import Narrator
from tests.support.builders import baseline_of, ended, holder, intent
from tests.support.log import CapturedLog
from tests.support.memory_journal import MemoryJournal, at_once
from tests.support.time import HandClock

INTENT = intent(baseline_of("api"))
SEEN = Sighting(states={"api": ("RESTARTING", None)}, was_seen=True)

BEFORE: dict[str, Callable[[JobJournal], Coroutine[Any, Any, object]]] = {
    "claim": lambda written: written.claim(),
    "intend": lambda written: written.intend(INTENT),
}
AFTER: dict[str, Callable[[JobJournal], Coroutine[Any, Any, object]]] = {
    "withdraw": lambda written: written.withdraw(),
    "accept": lambda written: written.accept(frozenset({"request-1"})),
    "see": lambda written: written.see(SEEN),
    "settle": lambda written: written.settle(ended()),
}


class Writing:
    """A job's journal, with what lies behind it and the log beside it."""

    def __init__(self, *, fails: frozenset[str] = frozenset()) -> None:
        clock = HandClock()
        self.log = CapturedLog(clock)
        self.journal = MemoryJournal(fails=fails)
        self.written = JobJournal(self.journal, Narrator(self.log.logger, clock))


@pytest.mark.parametrize("call", [*BEFORE, *AFTER])
def test_what_is_to_be_remembered_is_written_at_once_and_silently(call: str) -> None:
    writing = Writing()
    at_once((BEFORE | AFTER)[call](writing.written))
    assert writing.journal.written == [call]
    assert writing.log.events == []


def test_what_is_written_is_what_was_said() -> None:
    writing = Writing()
    written, journal = writing.written, writing.journal
    journal.holders.append(holder())
    assert at_once(written.claim()) == holder()
    assert at_once(written.claim()) is None
    at_once(written.intend(INTENT))
    at_once(written.accept(frozenset({"request-1"})))
    at_once(written.see(SEEN))
    assert (journal.intent, journal.accepted, journal.request_ids) == (INTENT, True, frozenset({"request-1"}))
    assert journal.sighting == SEEN
    at_once(written.withdraw())
    assert journal.intent is None
    at_once(written.settle(ended()))
    assert journal.result == ended()


@pytest.mark.parametrize("found", [True, False], ids=["found", "answered"])
def test_an_acceptance_that_was_only_found_is_written_as_such(found: bool) -> None:
    writing = Writing()
    at_once(writing.written.accept(frozenset({"request-1"}), found=found))
    assert (writing.journal.accepted, writing.journal.found) == (True, found)


@pytest.mark.parametrize("call", BEFORE)
def test_what_has_to_be_written_before_a_submit_and_cannot_be_is_an_error(call: str) -> None:
    writing = Writing(fails=frozenset({call}))
    with pytest.raises(JournalError, match="the disk is full"):
        at_once(BEFORE[call](writing.written))
    assert writing.log.events == []


@pytest.mark.parametrize("call", AFTER)
def test_what_cannot_be_written_afterwards_is_said_and_endangers_nothing(call: str) -> None:
    writing = Writing(fails=frozenset({call}))
    at_once(AFTER[call](writing.written))
    (event,) = writing.log.events
    assert (event.level, event.name) == ("warning", "journal_not_written")
    assert event.details == {"error": "The journal cannot be written: the disk is full."}


def test_a_journal_that_cannot_be_written_is_told_once() -> None:
    writing = Writing(fails=frozenset(AFTER))
    for _ in range(3):
        for write in AFTER.values():
            at_once(write(writing.written))
    assert writing.log.names == ["journal_not_written"]


def test_what_has_not_changed_is_not_written_again() -> None:
    writing = Writing()
    other = Sighting(states={"api": ("RESTARTED", None)}, was_seen=True)
    for sighting in (Sighting(), SEEN, SEEN, other, other, SEEN):
        at_once(writing.written.see(sighting))
    assert writing.journal.written == ["see"] * 3
    assert writing.journal.sighting == SEEN


def test_a_defect_of_ours_is_not_taken_for_a_journal_that_cannot_be_written() -> None:
    class Broken(MemoryJournal):
        async def settle(self, result: object) -> None:
            raise KeyError("a bug")

    clock = HandClock()
    written = JobJournal(Broken(), Narrator(CapturedLog(clock).logger, clock))
    with pytest.raises(KeyError):
        at_once(written.settle(ended()))


def test_a_sighting_that_could_not_be_written_is_written_the_next_time_although_it_has_not_changed() -> None:
    writing = Writing(fails=frozenset({"see"}))
    at_once(writing.written.see(SEEN))
    writing.journal.fails = frozenset()
    at_once(writing.written.see(SEEN))
    assert writing.journal.sighting == SEEN
