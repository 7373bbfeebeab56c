"""One run at a time in an environment: who holds it, since when, and until when."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from orchestrator.domain.outcomes import Outcome, Reason
from orchestrator.domain.records import Holder
from orchestrator.journal.work import Work
from tests.support.builders import NOON, ended, target
from tests.support.journals import Journals, begin, close, die, intent, take_over
from tests.support.memory_journal import at_once

PRODUCTION = [target("api", name="production")]


def claim(work: Work, name: str = "production") -> Holder | None:
    return at_once(work.page(name).claim())


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """What another run has done about the same environment, and whether it holds it then."""

    deeds: Sequence[Callable[[Work], object]]
    holds: str | None
    """What is then said of its process; None where it holds nothing."""
    api_url: str = "https://api.example.test"


def settle(work: Work) -> None:
    at_once(work.page("production").settle(ended()))


OTHERS = {
    "has claimed it": Other(deeds=[claim], holds="process 7 on runner-1 is working on it"),
    "has claimed it and asks another API": Other(deeds=[claim], holds=None, api_url="https://api.other.test"),
    "has not come to it": Other(deeds=[], holds=None),
    "has settled it": Other(deeds=[claim, settle], holds=None),
    "was interrupted before it came to it": Other(deeds=[close], holds=None),
    "was interrupted": Other(deeds=[claim, close], holds="it was interrupted, and no process is working on it"),
    "was interrupted after it had settled it": Other(deeds=[claim, settle, close], holds=None),
    "has died": Other(deeds=[claim, die], holds="process 7 on runner-1 is dead, last seen at 12:16:40 UTC"),
    "has ended": Other(deeds=[claim, lambda work: close(work, [ended(Outcome.FAILED)])], holds=None),
    "has ended without knowing how": Other(
        deeds=[claim, lambda work: close(work, [ended(Outcome.UNKNOWN, Reason.CONTACT_LOST)])], holds=None
    ),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("name", ["production", "prod"])
def test_an_environment_is_held_by_a_run_that_has_begun_there_and_not_settled_it_whatever_its_name(
    journals: Journals, other: Other, name: str
) -> None:
    ours = begin(journals.process(), "run-2", targets=[target("api", name=name)])
    theirs = begin(journals.process(), "run-1", targets=PRODUCTION, api_url=other.api_url)
    since = journals.clock.now()
    for deed in other.deeds:
        deed(theirs)
    journals.clock.move(60)
    found = claim(ours, name)
    if other.holds is None:
        assert found is None
    else:
        at_work = other.holds.endswith("is working on it") and "no process" not in other.holds
        resume = "qovery-restart resume run-1"
        assert found == Holder(run_id="run-1", since=since, at_work=at_work, where=other.holds, resume=resume)


def test_what_somebody_holds_is_not_ours_even_after_asking_often(journals: Journals) -> None:
    theirs, ours = (begin(journals.process(), run_id, targets=PRODUCTION) for run_id in ("run-1", "run-2"))
    assert claim(theirs) is None
    for _ in range(3):
        assert claim(ours) is not None
    settle(theirs)
    assert claim(ours) is None
    assert claim(theirs) is not None


def test_what_is_ours_stays_ours_since_we_took_it(journals: Journals) -> None:
    ours = begin(journals.process(), targets=PRODUCTION)
    for _ in range(3):
        assert claim(ours) is None
        journals.clock.move(60)
    held = claim(begin(journals.process(), "run-2", targets=PRODUCTION))
    assert held is not None
    assert (held.since - NOON).total_seconds() == 1000, "the first time"


def test_what_a_run_held_it_holds_when_it_is_resumed(journals: Journals) -> None:
    work = begin(journals.process(), targets=PRODUCTION)
    claim(work)
    at_once(work.page("production").intend(intent(1000.0)))
    die(work)
    ours = begin(journals.process(), "run-2", targets=PRODUCTION)
    dead = claim(ours)
    again = take_over(journals.process())
    alive = claim(ours)
    assert dead is not None
    assert alive is not None
    assert (dead.at_work, alive.at_work) == (False, True)
    assert dead.where.startswith("process 7 on runner-1 is dead, last seen at ")
    assert claim(again) is None


def test_other_environments_are_free(journals: Journals) -> None:
    theirs = begin(journals.process(), "run-1", targets=PRODUCTION)
    claim(theirs)
    elsewhere = begin(
        journals.process(), "run-2", targets=[target("api", name="production", environment_id="elsewhere")]
    )
    assert claim(elsewhere) is None


def test_of_two_that_ask_at_once_one_gets_it(journals: Journals) -> None:
    works = [begin(journals.process(), f"run-{number}", targets=PRODUCTION) for number in range(5)]
    assert sum(claim(work) is None for work in works) == 1
