"""The oracle has teeth: whatever mistake is planted into the product, the simulation catches it."""

import pytest

from tests.simulation.defects import DEFECTS, SEEDS, Defect, first_seed_that_catches, what_it_breaks
from tests.simulation.oracle import violations

EACH = pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)


def test_there_are_many_of_them_and_each_has_its_own_name() -> None:
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS) >= 20


@EACH
@pytest.mark.timeout(600)
def test_every_defect_is_caught(defect: Defect) -> None:
    if what_it_breaks(defect, defect.witness):
        return
    seed = first_seed_that_catches(defect)
    assert seed is not None, f"nothing catches it within {SEEDS} seeds: a test is missing"
    pytest.fail(f"seed {defect.witness} does not catch it any more, {seed} does: make that its witness")


@EACH
def test_its_witness_is_innocent_without_it(defect: Defect) -> None:
    assert violations(defect.play(defect.witness)) == []
