"""Years of nights: each scheduled instant begins at most one run, and exactly one where the rules say so."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.simulation.nights import ORDEALS, ZONES, play
from tests.support.time import in_virtual_time
from tests.support.whole_runs import MEMORY_DISK

NIGHTS = int(os.environ.get("SCHEDULE_NIGHTS", "10"))
"""In each zone, around a clock change; 730 are two years."""


@pytest.fixture
def folder() -> Iterator[Path]:
    found = Path(tempfile.mkdtemp(dir=MEMORY_DISK))
    yield found
    shutil.rmtree(found)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("zone", ZONES)
def test_each_instant_begins_one_run_at_most_and_exactly_one_where_it_should(
    zone: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = datetime(2026, 1, 2, tzinfo=UTC)
    found = in_virtual_time(play(zone, folder, begin=begin, nights=NIGHTS, patch=monkeypatch))
    assert len(found) >= NIGHTS - 2
    assert [each for each in found if each[2] != each[3]] == []


def test_there_is_an_ordeal_in_which_none_begins_and_one_in_which_one_does() -> None:
    assert {"calm", "is_down"} <= ORDEALS.keys()
    assert len(ZONES) == 30
