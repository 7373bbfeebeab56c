"""What windows and blackouts allow to begin, and what becomes of a fleet that they stop."""

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.config import parse_config
from orchestrator.domain.outcomes import Outcome, Reason
from orchestrator.domain.plan import Strategy
from orchestrator.errors import UsageError
from orchestrator.runs import permitting
from orchestrator.runs.codes import first_of
from orchestrator.runs.permitting import hours_of
from tests.support.builders import ENVIRONMENT, NOON, target
from tests.support.config_texts import ID
from tests.support.fleets import Ending, Voyage, fleet_of
from tests.support.time import HandClock

TEXT = f"version: 1\nenvironments: [{{name: a, id: {ID}, services: all}}]\n"
PARIS = "schedule: {cron: 0 3 * * *, timezone: Europe/Paris, window: 2h}\n"


def test_a_file_without_blackouts_and_windows_allows_everything() -> None:
    assert hours_of(parse_config(TEXT, source="x"), clock=HandClock()) is None


@pytest.mark.parametrize(
    ("expected", "left", "refused"),
    [
        pytest.param({}, 20.8, None, id="by its services, to the second"),
        pytest.param({}, 20.0, Reason.OUTSIDE_WINDOW, id="by its services, too late"),
        pytest.param({ENVIRONMENT: 600.0}, 599.0, Reason.OUTSIDE_WINDOW, id="by its past, too late"),
        pytest.param({ENVIRONMENT: 600.0}, 600.0, None, id="by its past, to the second"),
        pytest.param({ENVIRONMENT: 5.0}, 6.0, None, id="by its past, which was shorter"),
    ],
)
def test_a_window_allows_what_is_expected_to_end_inside(
    expected: dict[str, float], left: float, refused: Reason | None
) -> None:
    closes = NOON + timedelta(seconds=left)
    hours = hours_of(parse_config(TEXT + PARIS, source="x"), clock=HandClock(), closes_at=closes, expected=expected)
    assert hours is not None
    found = hours.refusal(target("api"))
    assert (found and found.reason) == refused


def test_a_blackout_is_told_in_the_zone_of_the_schedule_and_ends_by_itself() -> None:
    day = NOON.astimezone(UTC).date()
    config = parse_config(f"{TEXT}{PARIS}blackouts: [{{from: {day}, to: {day}, why: stocktaking}}]", source="x")
    clock = HandClock()
    hours = hours_of(config, clock=clock)
    assert hours is not None
    found = hours.refusal(target("api"))
    assert found is not None
    midnight = datetime.combine(day + timedelta(days=1), datetime.min.time())
    assert found.message == f"a blackout (stocktaking) holds until {midnight:%a %d %b %Y} 00:00 +0100"
    clock.move(24 * 3600.0)
    assert hours.refusal(target("api")) is None


def test_a_zone_whose_data_is_gone_is_a_mistake_and_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: str) -> None:
        raise ValueError("this machine has no time zone data; install the package tzdata")

    config = parse_config(TEXT + PARIS, source="x")
    monkeypatch.setattr(permitting, "load_zone", gone)
    with pytest.raises(UsageError, match="install the package tzdata"):
        hours_of(config, clock=HandClock(), closes_at=NOON)


# A fleet.


def test_what_had_no_turn_before_the_hours_were_over_is_blocked_for_the_same_reason() -> None:
    blocked = Ending(seconds=1.0, outcome=Outcome.BLOCKED)
    voyage = Voyage(*fleet_of(3), strategy=Strategy(max_parallel=1), endings={"1-1": blocked}, forbidden_from=10.5)
    assert [outcome for _, outcome, _ in voyage.endings_told] == [
        Outcome.SUCCEEDED,
        Outcome.BLOCKED,
        Outcome.BLOCKED,
    ]
    assert voyage.results[2].reason is Reason.BLACKOUT
    assert voyage.results[2].message == "Not begun: a blackout holds until noon. Nothing was submitted."


def test_a_run_that_halts_while_everything_is_allowed_skips_the_rest() -> None:
    failed = Ending(seconds=1.0, outcome=Outcome.FAILED)
    voyage = Voyage(*fleet_of(2), strategy=Strategy(max_parallel=1), endings={"1-0": failed}, forbidden_from=1e6)
    assert voyage.results[1].reason is Reason.HALTED


def test_of_many_codes_the_first_that_applies_decides_and_none_is_a_success() -> None:
    assert first_of([0, 5, 1, 75]) == 1
    assert first_of([]) == 0
