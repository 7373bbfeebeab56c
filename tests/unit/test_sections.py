"""The log in sections: a wave each; what is said of the whole stands outside, where it is seen."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import structlog

from orchestrator import logs
from orchestrator.ci import CI
from orchestrator.sections import LogSections

NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def configured(
    ci: CI = CI.GITHUB, *, level: logs.LogLevel = "info", log_format: logs.LogFormat = "console"
) -> tuple[LogSections, io.StringIO]:
    sections, stream = LogSections(ci, lambda: NOW), io.StringIO()
    logs.configure(log_format=log_format, level=level, color=False, stream=stream, sections=sections)
    return sections, stream


def start_wave(number: int = 1, *, position: int = 1, waves: int = 2, environments: int = 3) -> None:
    log = logs.get_logger(**logs.ROUTINE)
    log.info("wave_started", wave=number, position=position, waves=waves, environments=environments)


def shape(stream: io.StringIO) -> list[str]:
    """The lines: events by their names, others as they are."""
    lines = stream.getvalue().splitlines()
    return [line if line.startswith("::") else next(word for word in line.split() if "_" in word) for line in lines]


def test_a_wave_is_folded_and_what_became_of_it_stands_behind() -> None:
    _, stream = configured()
    logs.get_logger().info("plan_ready")
    start_wave()
    logs.get_logger(environment="shop").info("restart_submitted")
    logs.get_logger().info("wave_finished", wave=1)
    logs.get_logger().info("run_finished")
    assert shape(stream) == [
        "plan_ready",
        "::group::Wave 1 of 2: 3 environments",
        "restart_submitted",
        "::endgroup::",
        "wave_finished",
        "run_finished",
    ]


def test_a_wave_that_is_cut_off_ends_before_the_run_does() -> None:
    _, stream = configured()
    start_wave()
    logs.get_logger().warning("run_finished")
    logs.get_logger().info("went_on")
    assert shape(stream) == ["::group::Wave 1 of 2: 3 environments", "::endgroup::", "run_finished", "went_on"]


def test_whoever_ends_a_run_without_a_word_can_end_the_section() -> None:
    sections, _ = configured()
    assert sections.end() == ""
    start_wave()
    assert (sections.end(), sections.end()) == ("::endgroup::", "")


def test_a_section_never_lies_in_another() -> None:
    _, stream = configured()
    start_wave()
    start_wave(2, position=2)
    assert shape(stream)[1:] == ["::endgroup::", "::group::Wave 2 of 2: 3 environments"]


def test_a_title_tells_the_waves_number_and_its_place() -> None:
    _, stream = configured()
    start_wave(7, position=2, waves=3, environments=1)
    assert shape(stream) == ["::group::Wave 7 (2 of 3): 1 environment"]


def test_gitlab_gets_a_name_of_its_own_for_each_section() -> None:
    _, stream = configured(CI.GITLAB)
    start_wave()
    start_wave(2, position=2)
    names = [line.split(":")[2].split("\r")[0] for line in stream.getvalue().split("\n") if "section_start" in line]
    assert len(names) == len(set(names)) == 2


def test_a_level_that_hides_the_beginning_hides_the_section() -> None:
    _, stream = configured(level="warning")
    start_wave()
    logs.get_logger().warning("run_halted")
    logs.get_logger().info("wave_finished", wave=1)
    assert shape(stream) == ["run_halted"]


def test_where_a_line_is_an_event_there_are_no_sections() -> None:
    _, stream = configured(log_format="json")
    start_wave()
    assert "group" not in stream.getvalue()
    assert '"wave_started"' in stream.getvalue()


def test_routine_is_left_out_inside_of_a_section_too() -> None:
    _, stream = configured()
    start_wave()
    logs.get_logger(**logs.ROUTINE).info("baseline_read")
    logs.get_logger().info("wave_finished", wave=1)
    assert shape(stream)[1:] == ["::endgroup::", "wave_finished"]
