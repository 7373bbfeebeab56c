"""What a pipeline believes: the exit code, and beside it a report, a log, and never the token."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import TOKEN, Finished, environ, run, write_config
from tests.support.small_platform import ENVIRONMENT, SHOP, Answer, Request, SmallPlatform, serving

Validate = Callable[[dict[str, Any]], None]


def failing(request: Request) -> Answer | None:
    return Answer.of({"status": 500, "detail": "it broke"}, 500) if request.after_submit else None


def refusing(request: Request) -> Answer:
    return Answer.of({"status": 401, "detail": f"no such token: {request.token}"}, 401)


def refusing_after_the_submit(request: Request) -> Answer | None:
    return refusing(request) if request.after_submit else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A platform, and what a run against it comes to."""

    code: int
    outcome: str
    reason: str
    platform: Callable[[], SmallPlatform]
    defaults: str = ""
    submits: int = 1


CASES = {
    "succeeded": Case(code=0, outcome="succeeded", reason="restarted", platform=SmallPlatform),
    "failed": Case(
        code=1,
        outcome="failed",
        reason="restart_error",
        platform=lambda: SmallPlatform(states=("RESTARTING", "RESTART_ERROR")),
    ),
    "cancelled": Case(
        code=4,
        outcome="cancelled",
        reason="run_cancelled",
        platform=lambda: SmallPlatform(states=("RESTARTING", "CANCELED")),
    ),
    "blocked": Case(
        code=5,
        outcome="blocked",
        reason="busy",
        platform=lambda: SmallPlatform(before="DEPLOYING"),
        defaults=", on_busy: fail",
        submits=0,
    ),
    "stopped": Case(
        code=5, outcome="blocked", reason="stopped", platform=lambda: SmallPlatform(before="STOPPED"), submits=0
    ),
    "contact lost": Case(
        code=75,
        outcome="unknown",
        reason="contact_lost",
        platform=lambda: SmallPlatform(intervene=failing),
        defaults=", lost_contact: 500ms",
    ),
    "token refused in the middle": Case(
        code=77,
        outcome="unknown",
        reason="token_refused",
        platform=lambda: SmallPlatform(intervene=refusing_after_the_submit),
    ),
    "deadline": Case(
        code=124,
        outcome="timed_out",
        reason="deadline",
        platform=lambda: SmallPlatform(states=("RESTARTING",)),
        defaults=", deadline: 600ms",
    ),
}


def secret_is_safe(finished: Finished, folder: Path) -> None:
    """Nothing that came out holds the token, nor the part of it that is its secret."""
    for text in (finished.stdout, finished.stderr, *(file.read_text("utf-8") for file in folder.iterdir())):
        assert TOKEN not in text
        assert TOKEN.removeprefix("qov_") not in text


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_each_ending_has_its_exit_code_its_report_and_its_log(case: Case, tmp_path: Path, validate: Validate) -> None:
    config = write_config(tmp_path, [SHOP], defaults=case.defaults)
    reports = [option for suffix in ("json", "xml", "md", "html") for option in ("--report", tmp_path / f"r.{suffix}")]
    with serving(case.platform()) as platform:
        finished = run(
            "run", config, "--output", "json", "--log-format", "json", "--log-level", "debug", *reports,
            env=environ(QOVERY_API_URL=platform.url),
        )  # fmt: skip

    assert finished.code == case.code, finished.stderr
    report = finished.report
    validate(report)
    assert report["exit_code"] == case.code
    assert report["requests"] == {"total": len(platform.asked), "submits": case.submits}
    assert platform.submits == case.submits
    (environment,) = report["environments"]
    assert (environment["outcome"], environment["reason"]) == (case.outcome, case.reason)
    assert {event["run_id"] for event in finished.events} == {report["run_id"]}
    for event in finished.events:
        of_the_run = event["event"] in (
            "run_started",
            "plan_ready",
            "wave_started",
            "wave_finished",
            "run_halted",
            "run_finished",
            "insecure_api_url",
        )
        assert ("environment" in event) != of_the_run, event
    assert all((tmp_path / f"r.{suffix}").stat().st_size > 0 for suffix in ("json", "xml", "md", "html"))
    assert platform.asked[0].token.endswith(TOKEN)
    secret_is_safe(finished, tmp_path)
    if case.outcome == "succeeded":
        comes_with_its_evidence(environment)


def comes_with_its_evidence(environment: dict[str, Any]) -> None:
    assert [each["name"] for each in environment["services"]] == ["api", "web"]
    for service in environment["services"]:
        assert service["baseline_execution_id"] == f"{ENVIRONMENT}-41"
        assert service["execution_id"] == f"{ENVIRONMENT}-42"
        assert [state for state, _ in service["timeline"]] == ["RESTART_QUEUED", "RESTARTING", "RESTARTED"]


def test_a_token_that_is_refused_at_the_first_call_ends_the_run_before_any_submit(
    tmp_path: Path, validate: Validate
) -> None:
    config = write_config(tmp_path, [SHOP])
    with serving(SmallPlatform(intervene=refusing)) as platform:
        finished = run(
            "run", config, "-o", "json", "--log-format", "json", "--log-level", "debug", "--report", tmp_path / "r.md",
            env=environ(QOVERY_API_URL=platform.url),
        )  # fmt: skip

    assert finished.code == 77
    validate(finished.report)
    assert finished.report["exit_code"] == 77
    assert "401" in finished.report["errors"][0]
    assert platform.submits == 0
    assert finished.events[-1]["event"] == "run_refused"
    secret_is_safe(finished, tmp_path)


def test_a_name_that_matches_nothing_ends_the_run_with_2_and_nothing_submitted(
    tmp_path: Path, validate: Validate
) -> None:
    config = write_config(tmp_path, [f"{{name: shop, id: {ENVIRONMENT}, services: {{containers: [apo, web, apu]}}}}"])
    with serving(SmallPlatform()) as platform:
        finished = run("run", config, "-o", "json", env=environ(QOVERY_API_URL=platform.url))

    assert finished.code == 2
    validate(finished.report)
    assert len(finished.report["errors"]) == 2
    assert platform.submits == 0


def test_a_platform_that_is_not_there_leaves_the_outcome_unknown(tmp_path: Path, validate: Validate) -> None:
    with serving(SmallPlatform()) as platform:
        nobody_there = platform.url
    config = write_config(tmp_path, [SHOP], defaults=", lost_contact: 300ms")
    finished = run("run", config, "-o", "json", env=environ(QOVERY_API_URL=nobody_there))

    assert finished.code == 75
    validate(finished.report)
