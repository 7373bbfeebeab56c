"""What the platform's own clock tells of the runs before and after a baseline."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import (
    baseline_of,
    run,
)
from tests.support.dated import DATED_BASELINE, at, over
from tests.support.stories import TARGETS


@pytest.mark.parametrize(
    ("began", "after"),
    [
        pytest.param(-3600.0, False, id="an hour before it"),
        pytest.param(-1.0, False, id="a second before it"),
        pytest.param(0.0, True, id="in the very second"),
        pytest.param(3.0, True, id="after it"),
        pytest.param(None, False, id="nobody says when"),
    ],
)
def test_the_last_run_began_after_the_baseline_where_the_platforms_own_clock_says_so(
    began: float | None, after: bool
) -> None:
    assert DATED_BASELINE.began_after(over(began=began)) is after
    assert not baseline_of(*TARGETS).began_after(over(began=began)), "the baseline has no date"


@given(began=st.floats(-1e6, 1e6), read=st.floats(-1e6, 1e6))
def test_no_run_began_both_before_and_after_a_baseline(began: float, read: float) -> None:
    baseline = baseline_of(*TARGETS, at=at(read))
    as_run = run(42, {}, created_at=at(began))
    assert not (baseline.began_before(as_run) and baseline.began_after(over(began=began)))
