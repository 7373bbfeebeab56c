"""Each command once, as somebody would type it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import environ, run, write_config

Validate = Callable[[dict[str, Any]], None]

STAGING = "{name: staging, path: acme/shop/staging, services: all}"


def test_run_restarts_what_the_file_lists(simulator: str, tmp_path: Path, validate: Validate) -> None:
    config = write_config(tmp_path, [STAGING, "{name: live, path: Acme/ SHOP/production, services: all, wave: 2}"])
    finished = run("run", config, "-o", "json", env=environ(QOVERY_API_URL=simulator))

    assert finished.code == 0, finished.stderr
    validate(finished.report)
    assert [each["name"] for each in finished.report["environments"]] == ["staging", "live"]
    assert finished.report["config"] == str(config)
    assert finished.report["simulated"] is False


def test_run_reads_the_file_from_stdin_and_takes_one_environment_of_it(simulator: str, tmp_path: Path) -> None:
    config = write_config(tmp_path, [STAGING, "{name: live, path: acme/shop/production, services: all}"])
    finished = run(
        "run", "-", "--only", "live", "-o", "json",
        env=environ(QOVERY_API_URL=simulator), stdin=config.read_text("utf-8"),
    )  # fmt: skip

    assert finished.code == 0, finished.stderr
    assert [each["name"] for each in finished.report["environments"]] == ["live"]


def test_restart_needs_no_file(simulator: str, validate: Validate) -> None:
    finished = run(
        "restart", "acme/shop/staging", "--application", "api", "--container", "worker", "--deadline", "1m",
        "-o", "json", env=environ(QOVERY_API_URL=simulator),
    )  # fmt: skip

    assert finished.code == 0, finished.stderr
    validate(finished.report)
    assert finished.report["config"] is None
    assert sorted(each["name"] for each in finished.report["environments"][0]["services"]) == ["api", "worker"]


def test_restart_wants_to_know_what(simulator: str) -> None:
    finished = run("restart", "acme/shop/staging", env=environ(QOVERY_API_URL=simulator))

    assert finished.code == 2
    assert "--all-services" in finished.stderr


def test_watch_waits_and_submits_nothing(simulator: str, validate: Validate) -> None:
    finished = run("watch", "acme/shop/production", "-o", "json", env=environ(QOVERY_API_URL=simulator))

    assert finished.code == 0, finished.stderr
    validate(finished.report)
    assert finished.report["requests"]["submits"] == 0


def test_plan_says_what_run_would_do(simulator: str, tmp_path: Path) -> None:
    config = write_config(tmp_path, [STAGING])
    finished = run("plan", config, "-o", "json", env=environ(QOVERY_API_URL=simulator))

    assert finished.code == 0, finished.stderr
    (environment,) = json.loads(finished.stdout)["environments"]
    restarting = [service["name"] for service in environment["services"] if service["restart"]]
    assert {"api", "web", "worker", "cache"} <= set(restarting)


BROKEN = """
version: 1
environments:
  - {name: shop, path: acme/shop, services: all}
  - {name: blog, id: nonsense, servces: all}
"""


def test_validate_names_every_problem_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(BROKEN, encoding="utf-8")
    finished = run("validate", path, env=environ())

    assert finished.code == 2
    assert finished.stdout == ""
    assert len(finished.stderr.splitlines()) >= 3
    assert all(f"{path}:" in line for line in finished.stderr.splitlines())
    assert "did you mean" in finished.stderr


def test_validate_says_the_same_in_json(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(BROKEN, encoding="utf-8")
    finished = run("validate", path, "-o", "json", env=environ())

    assert finished.code == 2
    result = json.loads(finished.stdout)
    assert result["valid"] is False
    assert len(result["problems"]) >= 3


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_broken_file_is_told_in_json_where_json_is_wanted(command: str, tmp_path: Path, validate: Validate) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(BROKEN, encoding="utf-8")
    report = ("--report", tmp_path / "r.json") if command == "run" else ()
    finished = run(command, path, "-o", "json", *report, env=environ(QOVERY_RESTART_LOG_FORMAT="json"))

    if command == "run":
        validate(finished.report)
        assert json.loads((tmp_path / "r.json").read_text("utf-8")) == finished.report
    assert finished.code == 2
    assert finished.report["exit_code"] == 2
    assert len(finished.report["errors"]) >= 3
    (event,) = finished.events
    assert event["event"] == "run_refused"
    assert event["problems"] == finished.report["errors"]


def test_a_run_without_a_token_says_where_it_looked(tmp_path: Path) -> None:
    finished = run("run", write_config(tmp_path, [STAGING]), env=environ(QOVERY_API_TOKEN=""))

    assert finished.code == 2
    assert "QOVERY_API_TOKEN" in finished.stderr


@pytest.mark.parametrize(
    "name", ["nowhere/report.json", "report.txt", "folder.json"], ids=["no such folder", "no such format", "a folder"]
)
def test_a_report_that_cannot_be_written_ends_the_run_before_it_begins(
    name: str, simulator: str, tmp_path: Path
) -> None:
    (tmp_path / "folder.json").mkdir()
    finished = run(
        "run", write_config(tmp_path, [STAGING]), "--report", tmp_path / name, "-o", "json", "--log-format", "json",
        env=environ(QOVERY_API_URL=simulator),
    )  # fmt: skip

    assert finished.code == 2
    assert finished.report["requests"] == {"total": 0, "submits": 0}
    assert finished.events[0]["event"] == "run_refused"
    assert "Traceback" not in finished.stderr


def test_every_option_can_be_a_variable(tmp_path: Path) -> None:
    """The contract's promise, on a handful of them; the document test holds all options to their names."""
    config = write_config(tmp_path, [STAGING, "{name: live, path: acme/shop/production, services: all}"])
    finished = run(
        "run",
        config,
        "--simulate",
        env=environ(
            QOVERY_RESTART_OUTPUT="json",
            QOVERY_RESTART_LOG_FORMAT="json",
            QOVERY_RESTART_LOG_LEVEL="warning",
            QOVERY_RESTART_SEED="5",
            QOVERY_RESTART_ONLY="live",
            QOVERY_RESTART_DEADLINE="20m",
            QOVERY_RESTART_REPORT=str(tmp_path / "r.xml"),
        ),
    )

    assert finished.code == 0, finished.stderr
    assert finished.report["simulated"] is True
    assert [each["name"] for each in finished.report["environments"]] == ["live"]
    assert finished.stderr == ""
    assert (tmp_path / "r.xml").exists()


def test_an_option_that_does_not_exist_is_wrong_usage() -> None:
    finished = run("run", "night.yaml", "--no-such-option", env=environ())

    assert finished.code == 2
    assert "--no-such-option" in finished.stderr


def test_an_address_that_is_none_is_wrong_usage(simulator: str, tmp_path: Path) -> None:
    finished = run(
        "run", write_config(tmp_path, [STAGING]), env=environ(QOVERY_API_URL=simulator.replace("http", "ftp"))
    )

    assert finished.code == 2
    assert "QOVERY_API_URL" in finished.stderr
