"""The log: one event a line, in UTC, without secrets, whoever reads it."""

import io
import json
import os
from collections.abc import Iterator, Mapping
from contextvars import copy_context
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from orchestrator import logs, streams

SECRET = "correct-horse-battery"
ID = "3c90c3cc-0d44-4b50-8888-8dd25736052a"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def configured(log_format: logs.LogFormat, *, level: logs.LogLevel = "info", color: bool = False) -> io.StringIO:
    stream = io.StringIO()
    logs.configure(log_format=log_format, level=level, color=color, stream=stream, secrets=[SECRET])
    return stream


def test_each_event_is_one_json_object_with_its_time_and_level() -> None:
    stream = configured("json")
    logs.get_logger(run_id="r").info("run_started", environments=2)
    logs.get_logger(run_id="r").warning("run_halted")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (first["event"], first["level"], first["run_id"], first["environments"]) == ("run_started", "info", "r", 2)
    assert datetime.fromisoformat(first["timestamp"]).tzinfo is not None
    assert second["level"] == "warning"


def test_less_than_the_level_is_not_shown() -> None:
    stream = configured("json", level="error")
    logs.get_logger().warning("run_halted")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_secret_is_hidden_wherever_it_turns_up(log_format: logs.LogFormat) -> None:
    stream = configured(log_format, level="debug")
    log = logs.get_logger(environment="shop")
    log.info("a", text=f"Bearer {SECRET}", deep={"headers": [("Authorization", SECRET)]}, url=f"https://me:{SECRET}@x/")
    try:
        int(SECRET)
    except ValueError:
        log.exception("b")
    assert SECRET not in stream.getvalue()
    assert "ValueError" in stream.getvalue()


def test_a_person_gets_columns_and_short_executions() -> None:
    stream = configured("console")
    logs.get_logger(run_id="r").info("baseline_read", environment="shop", executions=[f"{ID}-41"], none=None, empty=[])
    (line,) = stream.getvalue().splitlines()
    assert line.split()[1:] == ["shop", "baseline_read", "executions=…-41", "empty=-"]


def test_services_are_lines_of_their_own_in_json_and_for_those_who_want_details() -> None:
    def told(log_format: logs.LogFormat, level: logs.LogLevel) -> list[str]:
        stream = configured(log_format, level=level)
        log = logs.get_logger(run_id="r", environment="shop")
        for service in ("api", "web"):
            log.info("service_state_changed", service=service, state="RESTARTING")
        log.info("services_changed", services="2 RESTARTING", elapsed_s=5.0)
        return stream.getvalue().splitlines()

    (line,) = told("console", "info")
    assert line.endswith("shop           RESTARTING 2/2, 5.0s")
    assert len(told("console", "debug")) == 3
    assert [json.loads(each)["event"] for each in told("json", "info")] == ["service_state_changed"] * 2


@pytest.mark.parametrize(
    ("level", "written"),
    [("debug", ["a", "b", "c", "d"]), ("info", ["c", "d"]), ("warning", ["c", "d"]), ("error", [])],
)
def test_an_onlooker_is_told_of_everything_and_what_he_shows_is_not_written(
    level: logs.LogLevel, written: list[str]
) -> None:
    seen: list[tuple[str, str]] = []

    def look(event: Mapping[str, Any]) -> bool:
        seen.append((event["event"], event["text"]))
        return bool(event["level"] != "warning")

    stream = io.StringIO()
    logs.configure(log_format="console", level=level, color=False, stream=stream, secrets=[SECRET], onlooker=look)
    log = logs.get_logger()
    log.debug("a", text=SECRET)
    log.info("b", text=SECRET)
    log.warning("c", text=SECRET)
    log.warning("d", text=SECRET)
    assert seen == [(name, "***") for name in "abcd"]
    assert [line.split()[-2] for line in stream.getvalue().splitlines()] == written


def test_what_is_written_can_be_put_around_each_line() -> None:
    stream = io.StringIO()
    logs.configure(
        log_format="json", level="info", color=False, stream=stream, around=lambda text: f"<{text.rstrip()}>\n"
    )
    logs.get_logger().info("a")
    assert stream.getvalue().startswith("<{")
    assert stream.getvalue().endswith("}>\n")


def test_colour_is_used_only_where_it_is_wanted() -> None:
    for color in (True, False):
        stream = configured("console", color=color)
        logs.get_logger().info("run_started")
        assert ("\x1b[" in stream.getvalue()) is color


def test_a_rehearsal_stamps_its_own_time() -> None:
    stream = configured("json")

    def rehearse() -> None:
        logs.tell_time_by(lambda: datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC))
        logs.get_logger().info("run_started")

    copy_context().run(rehearse)
    assert json.loads(stream.getvalue())["timestamp"] == "2031-05-06T07:08:09.000Z"


@pytest.mark.parametrize(
    ("log_format", "line"), [("console", "2 lines of the log were lost"), ("json", "log_lines_lost")]
)
def test_what_was_lost_is_told_in_the_format_of_the_log(
    log_format: logs.LogFormat, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    monkeypatch.setattr(streams, "LOG_ROOM", 100)
    with open(writing, "w", encoding="utf-8") as stream:  # noqa: PTH123 - of a descriptor
        logs.configure(log_format=log_format, level="info", color=False, stream=stream)
        for _ in range(2):
            logs.get_logger().info("x" * 200)
        monkeypatch.setattr(streams, "LOG_ROOM", 10_000)
        streams._log_writer(writing)._room = 10_000
        logs.get_logger().info("run_started")
        found = os.read(reading, 10_000).decode()
        while "run_started" not in found:
            found += os.read(reading, 10_000).decode()
    os.close(reading)
    streams._log_writer.cache_clear()
    told, event = found.splitlines()
    assert line in told
    assert "run_started" in event
    assert log_format == "console" or json.loads(told)["count"] == 2


# Large fleets.


@pytest.mark.parametrize(
    ("log_format", "level", "shown"),
    [
        ("console", "info", ["restart_settled", "run_finished"]),
        ("console", "debug", ["service_state_changed", "restart_settled", "run_finished"]),
        ("json", "info", ["service_state_changed", "restart_settled", "run_finished"]),
    ],
)
def test_what_is_routine_is_spared_a_person_and_nobody_else(
    log_format: logs.LogFormat, level: logs.LogLevel, shown: list[str]
) -> None:
    stream = configured(log_format, level=level)
    log = logs.get_logger(run_id="run-1")
    one = log.bind(environment="env-1", **logs.ROUTINE)
    one.info("service_state_changed", state="RESTARTED")
    one.warning("restart_settled", outcome="failed")
    log.info("run_finished")
    lines = stream.getvalue().splitlines()
    assert [name for line in lines for name in EVENTS if name in line] == shown
    assert "routine" not in stream.getvalue()


EVENTS = ("service_state_changed", "restart_settled", "run_finished")


# Text from outside.

HOSTILE = "svc\x1b[2J\x1b[31m\n::error::forged\r\x9b2J\u202e\u2028\ud800 ##vso[task.complete]"


def test_no_name_forges_a_line_or_acts_on_the_terminal() -> None:
    stream = configured("console")
    logs.get_logger(environment=HOSTILE).info(
        "a", service=HOSTILE, names=[HOSTILE], deep={"x": HOSTILE}, error=OSError(HOSTILE)
    )
    (line,) = stream.getvalue().splitlines()
    assert line.isprintable()
    assert "::error" not in line
    assert "##vso[" not in line
    assert line.encode()


def test_no_exception_forges_a_command_or_acts_on_the_terminal() -> None:
    stream = configured("console")
    try:
        int(HOSTILE)
    except ValueError as error:
        error.add_note(HOSTILE)
        logs.get_logger().exception("a")
    lines = stream.getvalue().split("\n")
    assert len(lines) > 3
    assert all(line.isprintable() for line in lines)
    assert not any(line.startswith("::") for line in lines)


def test_json_holds_the_true_text_on_one_line_that_every_reader_can_read() -> None:
    stream = configured("json")
    logs.get_logger().info("a", service=HOSTILE, names=[HOSTILE])
    (line,) = stream.getvalue().splitlines()
    assert line.isascii()
    assert line.isprintable()
    assert "##vso[" not in line
    assert json.loads(line)["service"] == HOSTILE.replace("\ud800", "\\ud800")


def test_a_secret_that_is_known_only_later_is_hidden_too() -> None:
    stream = configured("console")
    logs.hide_also("another-secret-1")
    logs.hide_also("another-secret-1")
    logs.get_logger().info("a", state="another-secret-1", first=SECRET)
    assert "another-secret-1" not in stream.getvalue()
    assert SECRET not in stream.getvalue()
