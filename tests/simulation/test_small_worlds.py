"""A part of the small worlds, on every run: what is known to go wrong there, and nothing else, does."""

from functools import cache

import pytest

from orchestrator.domain.observations import Baseline
from orchestrator.domain.verdict import Finding
from tests.simulation import small_worlds
from tests.simulation.small_worlds import DIALS, WHOLE, Explorer, Part, Report, explore

QUIET = Part(0, 4, frozenset({"late", "hidden"}))
"""Nobody interferes."""
BUSY = Part(1, 2, frozenset({"stale", "late", "cancels", "twins", "deploys", "kept", "old"}))
ODD = Part(1, 2, frozenset({"late", "answers", "cancels", "single", "console", "merge"}))
TORN = Part(1, 2, frozenset({"cancels", "torn", "lag", "kept"}))

KNOWN = {}
"""The kinds of mistakes that the product makes in each part. Not one may be added; what is mended has to go."""

pytestmark = pytest.mark.timeout(300)


@cache
def found_in(part: Part) -> Report:
    return explore(part)[1]


def mistakes(report: Report) -> set[str]:
    return report.violations.keys() | report.unread.keys()


@pytest.mark.parametrize("part", [BUSY, ODD, TORN], ids=str)
def test_only_known_mistakes_are_made_in_small_worlds(part: Part) -> None:
    report = found_in(part)

    assert mistakes(report) == KNOWN[part], "\n".join(small_worlds.tell(report))


def test_nothing_goes_wrong_where_nobody_interferes() -> None:
    report = found_in(QUIET)

    assert not mistakes(report)
    assert {"yes", "no", "submits again", "cancels a request", "cancels a run"} == report.endings.keys()


def test_every_mistake_has_a_witness() -> None:
    report = found_in(BUSY)

    for kinds in (report.violations, report.unread, report.indistinguishable):
        assert all(found.witness for found in kinds.values())
    assert all(found.rightly for found in report.indistinguishable.values())


def test_the_same_readings_are_shown_where_an_ending_is_right() -> None:
    def readings(told: tuple[str, ...]) -> list[str]:
        return [step.strip() for step in told if step.startswith(" ")]

    found = found_in(BUSY).indistinguishable.values()

    assert found
    assert all(readings(each.witness) == readings(each.rightly) for each in found)


def test_the_space_is_as_large_as_it_was() -> None:
    report = found_in(BUSY)

    assert report.platforms > 1_000
    assert report.histories > 10_000


def test_every_dial_is_in_a_part_of_the_whole() -> None:
    assert {dial for part in WHOLE for dial in part.dials} == DIALS.keys()


def test_a_search_that_is_repeated_finds_the_same() -> None:
    def found() -> Report:
        return Explorer(acts=1, looks=1, dials=frozenset({"late", "twins"})).explore()

    assert found() == found()


def test_a_baseline_that_is_not_compared_is_caught_without_anybody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Baseline, "is_new", lambda *_: True)

    report = explore(Part(0, 2, frozenset()))[1]

    assert "yes (restarted), ours waits" in mistakes(report) or any(
        kind.startswith("yes (restarted)") for kind in mistakes(report)
    )


def test_a_cancelled_service_that_counts_as_restarted_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.domain.verdict.Finding.CANCELLED", Finding.SUCCEEDED)
