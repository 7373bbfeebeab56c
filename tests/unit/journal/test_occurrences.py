"""Occurrences in the journal: each instant is decided once, and only a run that is named there may begin for it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.domain.outcomes import Outcome
from orchestrator.domain.records import Occurrence
from orchestrator.errors import JournalError
from orchestrator.journal.durations import expected_of_environments, expected_of_runs
from orchestrator.journal.occurrences import Identity, Occurrences
from orchestrator.journal.store import Store
from orchestrator.journal.work import Work
from orchestrator.schedules import Action, RunSpan
from tests.support.builders import ended
from tests.support.journals import API, Journals, begin, close, new_run
from tests.support.memory_journal import at_once

NIGHTLY = Identity(schedule="s-1", file="/etc/nightly.yaml", cron="0 3 * * *", timezone="UTC")
OTHER_CRON = replace(NIGHTLY, schedule="s-2", cron="0 4 * * *")


def of(store: Store, identity: Identity = NIGHTLY) -> Occurrences:
    return Occurrences(store, identity)


def due(journals: Journals, minutes: float = 0.0) -> datetime:
    return (journals.clock.now() + timedelta(minutes=minutes)).astimezone(UTC).replace(microsecond=0)


def test_the_first_decision_stands_whoever_asks(journals: Journals) -> None:
    at = due(journals)
    first, second = of(journals.process()), of(journals.process())
    assert at_once(first.decide(at, decision=Action.RUN, reason="on_time", run_id="run-1")) is None
    there = at_once(second.decide(at, decision=Action.MISSED, reason="window_over"))
    assert there is not None
    assert (there.decision, there.reason, there.run_id, there.due_at) == ("run", "on_time", "run-1", at)
    assert second.at(at) == there
    assert second.at(at + timedelta(minutes=1)) is None


def test_a_decision_is_written_even_if_the_journal_is_deleted_only_where_others_look(journals: Journals) -> None:
    occurrences = of(journals.process())
    journals.path.unlink()
    with pytest.raises(JournalError, match="deleted or moved"):
        at_once(occurrences.decide(due(journals), decision=Action.RUN, reason="on_time", run_id="run-1"))


def test_a_run_that_never_began_is_cut_off_once_the_lock_is_free(journals: Journals) -> None:
    occurrences, at = of(journals.process()), due(journals)
    at_once(occurrences.see(at, anew=True))
    at_once(occurrences.decide(at, decision=Action.RUN, reason="on_time", run_id="run-1"))
    waited_for = occurrences.past(is_locked=True)
    assert (waited_for.decided, waited_for.cut_off) == (at, None)
    assert waited_for.last_run is not None
    assert waited_for.last_run.ended_at is None
    dead = occurrences.past(is_locked=False)
    assert dead.decided is None
    assert dead.cut_off is not None
    assert dead.cut_off.run_id == "run-1"
    assert dead.last_run is None


def test_its_decision_is_replaced_by_one_about_the_same_instant(journals: Journals) -> None:
    occurrences, at = of(journals.process()), due(journals)
    at_once(occurrences.decide(at, decision=Action.RUN, reason="on_time", run_id="run-1"))
    assert (
        at_once(occurrences.decide(at, decision=Action.RUN, reason="late", run_id="run-2", in_place_of="run-1")) is None
    )
    assert journals.rows("SELECT reason, run_id FROM occurrences") == [("late", "run-2")]


def test_it_counts_as_missed_if_a_later_instant_is_decided(journals: Journals) -> None:
    occurrences, at = of(journals.process()), due(journals)
    at_once(occurrences.decide(at, decision=Action.RUN, reason="on_time", run_id="run-1"))
    later = at + timedelta(days=1)
    at_once(occurrences.decide(later, decision=Action.RUN, reason="late", run_id="run-2", in_place_of="run-1"))
    assert journals.rows("SELECT decision, run_id FROM occurrences ORDER BY due_at") == [
        ("missed", None),
        ("run", "run-2"),
    ]


def test_a_run_begins_only_for_an_occurrence_that_names_it(journals: Journals) -> None:
    store, at = journals.process(), due(journals)
    occurrence = Occurrence(schedule=NIGHTLY.schedule, due_at=at, closes_at=None)
    with pytest.raises(JournalError, match="Another process has taken over the occurrence"):
        Work.begin(store, replace(new_run(store), occurrence=occurrence))
    at_once(of(store).decide(at, decision=Action.RUN, reason="on_time", run_id="run-2"))
    with pytest.raises(JournalError, match="Nothing was submitted"):
        Work.begin(store, replace(new_run(store), occurrence=occurrence))
    work = Work.begin(store, replace(new_run(store, "run-2"), occurrence=occurrence))
    assert of(store).past(is_locked=False).cut_off is None
    close(work)


def test_a_run_that_has_begun_was_in_progress_until_its_end_or_its_last_sign_of_life(journals: Journals) -> None:
    store, at = journals.process(), due(journals)
    occurrences = of(store)
    at_once(occurrences.see(at, anew=True))
    at_once(occurrences.decide(at, decision=Action.RUN, reason="on_time", run_id="run-1"))
    work = begin(store)
    started = journals.clock.now()
    assert occurrences.past(is_locked=False).last_run == RunSpan(started_at=started, ended_at=None)
    assert occurrences.interrupted_runs() == []
    at_once(work.release())  # its process dies
    assert occurrences.past(is_locked=False).last_run == RunSpan(started_at=started, ended_at=started)
    assert occurrences.interrupted_runs() == ["run-1"]
    journals.clock.move(60.0)
    at_once(occurrences.end("run-1", exit_code=0))
    assert occurrences.past(is_locked=False).last_run == RunSpan(
        started_at=started, ended_at=started + timedelta(seconds=60)
    )


def test_another_cron_of_the_file_counts_from_now_and_so_does_the_first_when_it_returns(journals: Journals) -> None:
    store = journals.process()
    first, second = of(store), of(store, OTHER_CRON)
    assert first.is_new
    begun = journals.clock.now()
    at_once(first.see(begun, anew=True))
    for moment in range(3):
        journals.clock.move(60.0)
        at_once(first.see(journals.clock.now(), anew=moment == 0))
    assert first.past(is_locked=False).first_seen_at == begun
    at_once(second.see(journals.clock.now(), anew=True))
    journals.clock.move(60.0)
    at_once(first.see(journals.clock.now(), anew=False))
    assert first.past(is_locked=False).first_seen_at == begun
    at_once(first.see(journals.clock.now(), anew=True))
    assert first.past(is_locked=False).first_seen_at == journals.clock.now()


def test_a_first_sight_that_lies_in_the_future_is_corrected(journals: Journals) -> None:
    occurrences = of(journals.process())
    at_once(occurrences.see(journals.clock.now(), anew=True))
    journals.clock.set_wall(-3600.0)
    at_once(occurrences.see(journals.clock.now(), anew=False))
    assert occurrences.past(is_locked=False).first_seen_at == journals.clock.now()


def test_a_decision_of_a_clock_that_was_far_ahead_stands_and_does_not_keep_the_schedule(journals: Journals) -> None:
    occurrences = of(journals.process())
    ahead, soon = due(journals, 48 * 60), due(journals, 60)
    for at in (soon, ahead):
        at_once(occurrences.decide(at, decision=Action.MISSED, reason="window_over"))
    assert occurrences.past(is_locked=False).decided == soon
    assert occurrences.at(ahead) is not None


def test_old_decisions_go_with_the_runs_but_for_the_latest_and_that_a_run_has_begun_is_kept(journals: Journals) -> None:
    store = journals.process()
    occurrences = of(store)
    for number in range(3):
        at = due(journals, number)
        at_once(occurrences.decide(at, decision=Action.RUN, reason="on_time", run_id=f"run-{number}"))
        close(begin(store, f"run-{number}"), [ended()])
    journals.clock.move(100 * 24 * 3600.0)
    store.prune(keep_days=90, keep_runs=1000)
    assert journals.rows("SELECT run_id FROM runs") == []
    assert journals.rows("SELECT run_id, ended_at IS NOT NULL FROM occurrences") == [("run-2", 1)]
    assert occurrences.past(is_locked=False).cut_off is None


# How long it takes.


def test_what_is_expected_is_the_median_of_what_succeeded(journals: Journals) -> None:
    store = journals.process()
    occurrences = of(store)
    for number, (seconds, outcome) in enumerate(
        [(10, Outcome.SUCCEEDED), (30, Outcome.SUCCEEDED), (900, Outcome.FAILED)]
    ):
        at_once(
            occurrences.decide(due(journals, number), decision=Action.RUN, reason="on_time", run_id=f"run-{number}")
        )
        work = begin(store, f"run-{number}")
        journals.clock.move(float(seconds))
        result = replace(ended(outcome), duration_s=float(seconds))
        close(work, [result], outcome=outcome.value)
        at_once(occurrences.end(work.run_id, exit_code=0))
    (row,) = {row[0] for row in journals.rows("SELECT environment_id FROM environments")}
    assert expected_of_environments(store, [str(row), "unknown"], api_url=API) == {row: 20.0}
    assert expected_of_environments(store, [str(row)], api_url="https://other.test") == {}
    assert expected_of_runs(store, NIGHTLY.schedule) == pytest.approx(20.0, abs=0.01)
    assert expected_of_runs(store, "unknown") is None
    for number in range(3):
        at_once(occurrences.resume(f"run-{number}"))
    assert expected_of_runs(store, NIGHTLY.schedule) is None
