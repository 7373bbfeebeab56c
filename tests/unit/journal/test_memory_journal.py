"""The journal that jobs are tested with keeps what the real one keeps."""

from collections.abc import Callable, Coroutine
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.records import InFlight, Sighting
from orchestrator.journal.store import open_store
from orchestrator.ports import Journal
from tests.support.builders import ended
from tests.support.journals import Clock, begin, intent
from tests.support.memory_journal import MemoryJournal, at_once

SEEN = Sighting(states={"api": ("RESTARTING", None)}, was_seen=True)
STEPS: dict[str, Callable[[Journal], Coroutine[Any, Any, object]]] = {
    "claim": lambda journal: journal.claim(),
    "intend": lambda journal: journal.intend(intent(1000.0)),
    "intend again": lambda journal: journal.intend(intent(1060.0)),
    "withdraw": lambda journal: journal.withdraw(),
    "accept": lambda journal: journal.accept(frozenset({"request-1"})),
    "find": lambda journal: journal.accept(frozenset({"request-2"}), found=True),
    "see": lambda journal: journal.see(SEEN),
    "see more": lambda journal: journal.see(Sighting(was_seen=True)),
    "settle": lambda journal: journal.settle(ended()),
}


def left_by_the_real_one(steps: list[str]) -> InFlight | None:
    store = open_store(None, clock=Clock(1000.0))
    try:
        work = begin(store)
        for step in steps:
            at_once(STEPS[step](work.page("production")))
        (environment,) = at_once(work.environments())
        return environment.in_flight if environment.result is None else None
    finally:
        store.database.close()


@settings(deadline=None)
@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=8))
def test_whatever_is_written_both_leave_the_same_in_flight(steps: list[str]) -> None:
    double = MemoryJournal()
    for step in steps:
        at_once(STEPS[step](double))
    real = left_by_the_real_one(steps)
    assert (double.in_flight is None) is (real is None)
    if real is not None:
        assert double.in_flight == real
