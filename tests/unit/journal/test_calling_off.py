"""A run whose cancel was asked for: nothing of it begins any more, in whatever process."""

import pytest

from orchestrator.errors import JournalError, UsageError
from orchestrator.journal.store import LEASE
from tests.support.journals import Journals, begin, close, die, intent, take_over
from tests.support.memory_journal import at_once


def test_it_is_written_once_and_every_later_process_knows(journals: Journals) -> None:
    die(begin(journals.process()))
    assert not take_over(journals.process()).called_off
    journals.close()
    asked_at = journals.clock.now().isoformat()
    for _ in range(2):
        journals.process().call_off("run-1")
        journals.clock.move(60.0)
        work = take_over(journals.process())
        assert work.called_off
        die(work)
    assert journals.rows("SELECT called_off FROM runs") == [(asked_at,)]


def test_a_run_at_work_is_not_called_off_by_others(journals: Journals) -> None:
    work = begin(journals.process())
    with pytest.raises(UsageError, match="is not interrupted"):
        journals.process().call_off("run-1")
    assert journals.rows("SELECT called_off FROM runs") == [(None,)]
    at_once(work.page("production").intend(intent(1.0)))


def test_a_run_that_is_not_there_cannot_be_called_off(journals: Journals) -> None:
    with pytest.raises(JournalError, match="no longer in the journal"):
        journals.process().call_off("run-1")


def test_a_process_that_was_taken_for_dead_cannot_begin_anything_either(journals: Journals) -> None:
    work = begin(journals.process())
    page = work.page("production")
    at_once(page.claim())
    journals.clock.move(LEASE.total_seconds() + 1)
    journals.elsewhere().call_off("run-1")
    with pytest.raises(JournalError, match=r"A cancel of the run run-1 was asked for: nothing of it begins\."):
        at_once(page.intend(intent(1.0)))
    assert journals.rows("SELECT intent, submits FROM environments JOIN runs USING (run_id)") == [(None, 0)]


def test_an_ended_run_keeps_its_end(journals: Journals) -> None:
    close(begin(journals.process()), results=[])
    journals.process().call_off("run-1")
    with pytest.raises(UsageError, match="nothing to resume"):
        take_over(journals.process())
