"""What a job writes down: what comes before a submit has to be written, and the rest where it can be."""

from collections.abc import Callable

import pytest

from orchestrator.domain.inflight import Sighting
from orchestrator.errors import JournalError
from orchestrator.restart.memory import Memory
from orchestrator.restart.narrator import Narrator
from tests.support.builders import baseline_of, ended, holder, intent
from tests.support.journal import MemoryJournal
from tests.support.log import CapturedLog
from tests.support.time import HandClock

INTENT = intent(baseline_of("api"))
SEEN = Sighting(states={"api": ("RESTARTING", None)}, was_seen=True)

BEFORE: dict[str, Callable[[Memory], object]] = {
    "claim": lambda memory: memory.claim(),
    "intend": lambda memory: memory.intend(INTENT),
}
AFTER: dict[str, Callable[[Memory], object]] = {
    "withdraw": lambda memory: memory.withdraw(),
    "accept": lambda memory: memory.accept(frozenset({"request-1"})),
    "see": lambda memory: memory.see(SEEN),
    "settle": lambda memory: memory.settle(ended()),
}


class Remembering:
    """A memory, with the journal and the log beside it."""

    def __init__(self, *, fails: frozenset[str] = frozenset()) -> None:
        clock = HandClock()
        self.log = CapturedLog(clock)
        self.journal = MemoryJournal(fails=fails)
        self.memory = Memory(self.journal, Narrator(self.log.logger, clock))


@pytest.mark.parametrize("call", [*BEFORE, *AFTER])
def test_what_is_to_be_remembered_is_written_at_once_and_silently(call: str) -> None:
    remembering = Remembering()
    (BEFORE | AFTER)[call](remembering.memory)
    assert remembering.journal.written == [call]
    assert remembering.log.events == []


def test_what_is_written_is_what_was_said() -> None:
    remembering = Remembering()
    memory, journal = remembering.memory, remembering.journal
    journal.holders.append(holder())
    assert memory.claim() == holder()
    assert memory.claim() is None
    memory.intend(INTENT)
    memory.accept(frozenset({"request-1"}))
    memory.see(SEEN)
    assert (journal.intent, journal.accepted, journal.request_ids) == (INTENT, True, frozenset({"request-1"}))
    assert journal.sighting == SEEN
    memory.withdraw()
    assert journal.intent is None
    memory.settle(ended())
    assert journal.result == ended()


@pytest.mark.parametrize("found", [True, False], ids=["found", "answered"])
def test_an_acceptance_that_was_only_found_is_written_as_such(found: bool) -> None:
    remembering = Remembering()
    remembering.memory.accept(frozenset({"request-1"}), found=found)
    assert (remembering.journal.accepted, remembering.journal.found) == (True, found)


@pytest.mark.parametrize("call", BEFORE)
def test_what_has_to_be_written_before_a_submit_and_cannot_be_is_an_error(call: str) -> None:
    remembering = Remembering(fails=frozenset({call}))
    with pytest.raises(JournalError, match="the disk is full"):
        BEFORE[call](remembering.memory)
    assert remembering.log.events == []


@pytest.mark.parametrize("call", AFTER)
def test_what_cannot_be_written_afterwards_is_said_and_endangers_nothing(call: str) -> None:
    remembering = Remembering(fails=frozenset({call}))
    AFTER[call](remembering.memory)
    (event,) = remembering.log.events
    assert (event.level, event.name) == ("warning", "journal_not_written")
    assert event.details == {"error": "The journal cannot be written: the disk is full."}


def test_a_journal_that_cannot_be_written_is_told_once() -> None:
    remembering = Remembering(fails=frozenset(AFTER))
    for _ in range(3):
        for write in AFTER.values():
            write(remembering.memory)
    assert remembering.log.names == ["journal_not_written"]


def test_what_has_not_changed_is_not_written_again() -> None:
    remembering = Remembering()
    other = Sighting(states={"api": ("RESTARTED", None)}, was_seen=True)
    for sighting in (Sighting(), SEEN, SEEN, other, other, SEEN):
        remembering.memory.see(sighting)
    assert remembering.journal.written == ["see"] * 3
    assert remembering.journal.sighting == SEEN


def test_a_defect_of_ours_is_not_taken_for_a_journal_that_cannot_be_written() -> None:
    class Broken(MemoryJournal):
        def settle(self, result: object) -> None:
            raise KeyError("a bug")

    clock = HandClock()
    memory = Memory(Broken(), Narrator(CapturedLog(clock).logger, clock))
    with pytest.raises(KeyError):
        memory.settle(ended())
