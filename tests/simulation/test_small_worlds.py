"""A part of the small worlds, on every run: the mistakes that are known are made there, and no others."""

from collections.abc import Iterable
from functools import cache

import pytest

from orchestrator.domain.observations import Baseline, Run
from orchestrator.domain.states import State
from orchestrator.domain.verdict import Finding
from tests.simulation.small_worlds import DIALS, WHOLE, Explorer, Found, Part, Report, explore, tell

QUIET = Part(0, 4, frozenset({"late", "hidden"}))
"""Nobody interferes."""
BUSY = Part(1, 2, frozenset({"stale", "late", "cancels", "twins", "deploys", "kept", "old"}))
ODD = Part(1, 2, frozenset({"late", "answers", "cancels", "single", "console", "merge"}))
TORN = Part(1, 2, frozenset({"cancels", "torn", "lag", "kept"}))

AMONG_OTHERS = "no (restart_error) although ours restarted everything, among others"
"""As long as nothing shows which of two restarts was ours, both have to have gone well."""

KNOWN: dict[Part, set[str]] = {
    BUSY: {AMONG_OTHERS},
    # The answer to the submit names a request of somebody who asks for the same as we do, and ours is not visible yet.
    ODD: {AMONG_OTHERS, "cancels a request of somebody else"},
    TORN: {AMONG_OTHERS},
}
"""The kinds of mistakes that the product makes in each part. None may be added, and what is mended has to go."""

pytestmark = pytest.mark.timeout(300)


@cache
def found_in(part: Part) -> Report:
    return explore(part)[1]


def mistakes(report: Report) -> set[str]:
    return report.violations.keys() | report.unread.keys()


@pytest.mark.parametrize("part", [BUSY, ODD, TORN], ids=str)
def test_only_known_mistakes_are_made(part: Part) -> None:
    report = found_in(part)

    assert mistakes(report) == KNOWN[part], "\n".join(tell(report))


def test_nothing_goes_wrong_where_nobody_interferes() -> None:
    report = found_in(QUIET)

    assert not mistakes(report)
    # "unknown" where the answer to the submit was lost: nothing shows whose restart is found then, without a name.
    assert report.endings.keys() == {"yes", "no", "unknown", "submits again", "cancels a request", "cancels a run"}


def test_every_mistake_has_a_witness() -> None:
    report = found_in(BUSY)

    for kinds in (report.violations, report.unread, report.indistinguishable):
        assert all(found.witness for found in kinds.values())


def test_what_is_indistinguishable_has_a_world_with_the_same_readings_in_which_it_is_right() -> None:
    def readings(told: Iterable[str]) -> list[str]:
        return [step for step in told if step.startswith(" ")]

    def is_alike(found: Found) -> bool:
        return found.witness != found.rightly and readings(found.witness) == readings(found.rightly)

    found = found_in(BUSY).indistinguishable

    assert found
    assert all(is_alike(each) for each in found.values())


def test_the_space_is_no_smaller_than_it_was() -> None:
    report = found_in(BUSY)

    assert report.platforms > 4_000
    assert report.histories > 20_000
    assert report.pairs > 80_000


def test_every_dial_is_in_a_part_of_the_whole() -> None:
    assert {dial for part in WHOLE for dial in part.dials} == DIALS.keys()


def test_a_search_that_is_repeated_finds_the_same() -> None:
    def found() -> Report:
        return Explorer(acts=1, looks=1, dials=frozenset({"late", "twins"})).explore()

    assert found() == found()


def test_a_baseline_that_is_not_compared_is_caught_where_nobody_interferes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Baseline, "is_new", lambda *_: True)
    monkeypatch.setattr(Baseline, "began_before", lambda *_: False)
    # These two compare with the baseline as well, and would keep anything from being settled.
    monkeypatch.setattr(Baseline, "reached_by", lambda *_: True)
    monkeypatch.setattr("orchestrator.domain.evidence._shows_more", lambda *_: False)

    found = explore(Part(0, 2, frozenset({"hidden"})))[1]

    assert "yes (restarted), ours is on its way" in mistakes(found)


def test_a_cancelled_service_that_counts_as_restarted_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def judged(run: Run, state: str, _: bool) -> Finding:
        is_good = run.over and state in (State.RESTARTED, State.CANCELED)
        return Finding.SUCCEEDED if is_good else Finding.IN_PROGRESS

    monkeypatch.setattr("orchestrator.domain.verdict._in_run", judged)

    found = explore(Part(1, 2, frozenset({"cancels"})))[1]

    assert "yes (restarted), ours was cancelled in its run" in mistakes(found)
