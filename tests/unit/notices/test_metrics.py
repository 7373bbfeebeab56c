"""The file of metrics: gauges, whole, readable by others, and with what an earlier run knew."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator.domain.notices import LastEnding
from orchestrator.domain.outcomes import Outcome
from tests.support.builders import NOON
from tests.support.notices import end_of, result_of

parser = pytest.importorskip("prometheus_client.parser")

from orchestrator.notices.metrics import RunMetrics, read_metrics, update_metrics, update_schedule  # noqa: E402

ENDED = NOON + timedelta(seconds=62)


def samples(path: Path) -> dict[tuple[str, str], float]:
    families = list(parser.text_string_to_metric_families(path.read_text(encoding="utf-8")))
    assert {family.type for family in families} == {"gauge"}
    found = [sample for family in families for sample in family.samples]
    assert all(sample.timestamp is None for sample in found)
    return {(sample.name, sample.labels.get("outcome", "")): sample.value for sample in found}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "night.prom"


def test_after_a_run_the_file_says_how_it_went(path: Path) -> None:
    update_metrics(path, end_of(result_of("a"), result_of("b", Outcome.FAILED), exit_code=1))
    found = samples(path)
    assert found["qovery_restart_last_run_timestamp_seconds", ""] == ENDED.timestamp()
    assert found["qovery_restart_last_exit_code", ""] == 1
    assert found["qovery_restart_last_duration_seconds", ""] == 62
    assert found["qovery_restart_requests", ""] == 9
    assert found["qovery_restart_environments", "failed"] == 1
    assert found["qovery_restart_environments", "blocked"] == 0
    assert ("qovery_restart_last_success_timestamp_seconds", "") not in found
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_failure_leaves_the_last_success_and_the_schedule_as_they_were(path: Path) -> None:
    update_metrics(path, end_of())
    update_schedule(path, "night.yaml", next_run=datetime(2026, 11, 25, 3, tzinfo=UTC), missed=2)
    update_metrics(path, end_of(exit_code=1, ended_at=ENDED + timedelta(days=1)))
    found = read_metrics(path, "night.yaml")
    assert found.last_success_timestamp_seconds == ENDED.timestamp()
    assert found.last_run_timestamp_seconds == (ENDED + timedelta(days=1)).timestamp()
    assert found.next_run_timestamp_seconds == datetime(2026, 11, 25, 3, tzinfo=UTC).timestamp()
    assert found.missed_occurrences == 2
    assert dict(found.environments)["succeeded"] == 1


def test_missed_times_add_up_whatever_somebody_else_wrote(path: Path) -> None:
    for missed, so_far in ((2, 2), (0, 2), (1, 3)):
        update_schedule(path, "night.yaml", next_run=None, missed=missed)
        assert read_metrics(path, "night.yaml").missed_occurrences == so_far
    path.write_text('qovery_restart_missed_occurrences{config="night.yaml"} NaN\n')
    update_schedule(path, "night.yaml", next_run=None, missed=1)
    assert read_metrics(path, "night.yaml").missed_occurrences == 1


def test_a_schedule_without_a_next_time_has_none(path: Path) -> None:
    update_schedule(path, "night.yaml", next_run=None, missed=0)
    assert samples(path) == {("qovery_restart_missed_occurrences", ""): 0}


def test_what_the_file_does_not_know_the_journal_may(path: Path) -> None:
    update_metrics(path, end_of(exit_code=1, last=LastEnding(exit_code=0, succeeded_at=NOON)))
    assert read_metrics(path, "night.yaml").last_success_timestamp_seconds == NOON.timestamp()


@pytest.mark.parametrize("content", [b"", b"{{{", b"\xff\xfe", b'qovery_restart_requests{config="other"} 7\n'])
def test_a_file_that_is_of_no_use_is_written_anew(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert read_metrics(path, "night.yaml") == RunMetrics()
    update_metrics(path, end_of())
    assert samples(path)["qovery_restart_requests", ""] == 9


def test_a_file_that_cannot_be_written_is_an_error_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        update_metrics(tmp_path / "nowhere" / "night.prom", end_of())
    (tmp_path / "night.prom").mkdir()
    with pytest.raises(OSError, match="directory"):
        update_metrics(tmp_path / "night.prom", end_of())
    assert [each.name for each in tmp_path.iterdir()] == ["night.prom"]


def test_an_odd_name_of_a_file_stays_itself(path: Path) -> None:
    name = 'a "b"\\n.yaml'
    update_metrics(path, end_of(config=name))
    assert read_metrics(path, name).last_exit_code == 0
