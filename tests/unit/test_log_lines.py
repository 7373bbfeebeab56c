"""The log as lines for people."""

from typing import Any

import pytest

from orchestrator.log_lines import is_for_details_only, line_of, words_of

ID = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
STAMP = "2026-11-26T03:00:12.345Z"


def event(name: str, **details: Any) -> dict[str, Any]:  # noqa: ANN401 - log values have any type
    return {"timestamp": STAMP, "level": "info", "event": name, "run_id": "r", **details}


WORDS = [
    (event("run_started", config="nightly.yaml", api="https://api.qovery.com", simulated=True, parent=None),
     "nightly.yaml, https://api.qovery.com, simulated"),
    (event("plan_ready", environments=3, services=12, waves=3, duration_expected_s=82),
     "3 environments, 12 services, ~1m 22s"),
    (event("plan_ready", environments=1, services=1, duration_expected_s=None), "1 environment, 1 service"),
    (event("environment_started", services=5, wave=1), "5 services"),
    (event("environment_started", services=5, resumed=True, usually_s=100.4), "5 services, resumed, ~1m 40s"),
    (event("baseline_read", services=1, executions=[f"{ID}-41"]), "1 service at …-41"),
    (event("restart_submitted", services=5, request_ids=[]), "5 services"),
    (event("services_changed", services="5 RESTARTING", elapsed_s=5.0), "RESTARTING 5/5, 5.0s"),
    (event("services_changed", services="2 RESTARTED, 3 RESTARTING", elapsed_s=75.2),
     "RESTARTED 2/5, RESTARTING 3/5, 1m 15s"),
    (event("still_waiting", services="4 RESTARTED", elapsed_s=64.0, checks="healthz 2 of 3, last HTTP 503"),
     "RESTARTED 4/4, 1m 04s, healthz 2 of 3, last HTTP 503"),
    (event("still_waiting", services="2 DEPLOYING", waiting_for="api DEPLOYING"),
     "DEPLOYING 2/2, waiting for api DEPLOYING"),
    (event("still_waiting", pause_between_waves_s=90.0), "pausing for 1m 30s between two waves"),
    (event("verification_passed", url="https://shop/healthz", elapsed_s=4.1), "https://shop/healthz, 4.1s"),
    (event("restart_settled", outcome="succeeded", reason="restarted", duration_s=20.0), "succeeded, restarted, 20s"),
    (event("restart_settled", outcome="timed_out", reason="deadline", duration_s=None, console_url="https://console/x"),
     "timed out, deadline https://console/x"),
    (event("watch_settled", outcome="succeeded", reason="settled", duration_s=1.0), "succeeded, settled, 1.0s"),
    (event("wave_finished", wave=2, succeeded=4, environments=5), "wave 2: 4 of 5 succeeded"),
    (event("fleet_progress", settled=183, succeeded=180, failed=3, in_flight=12, to_begin=105, left_s=720,
           oldest="shop", oldest_s=250.0),
     "[183/300] 3 failed, 12 in flight, 105 to begin, ~12m 00s left, oldest shop 4m 10s"),
    (event("fleet_progress", settled=300, in_flight=0, to_begin=0, left_s=0, oldest=None), "[300/300] "),
    (event("run_finished", outcome="timed_out", exit_code=124, duration_s=87.0), "timed out, exit code 124, 1m 27s"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("told", "words"), WORDS, ids=[f"{one['event']}-{place}" for place, (one, _) in enumerate(WORDS)]
)
def test_an_event_is_told_in_words(told: dict[str, Any], words: str) -> None:
    assert words_of(told) == words


def test_a_reading_of_an_environment_is_one_short_line() -> None:
    told = event("services_changed", environment="staging", services="5 RESTARTING", elapsed_s=5.0)
    assert line_of(told, color=False, raw=False) == "2026-11-26T03:00:12Z staging        RESTARTING 5/5, 5.0s"


USUAL = [
    event("environment_started", environment="production-eu", services=12, usually_s=100.0),
    event("services_changed", environment="production-eu", services="12 RESTART_QUEUED", elapsed_s=5.0),
    event("restart_settled", environment="production-eu", outcome="succeeded", reason="restarted", duration_s=20.0),
    event("wave_finished", wave=12, succeeded=15, environments=15),
]


@pytest.mark.parametrize("told", USUAL, ids=lambda told: str(told["event"]))
def test_a_usual_line_fits_into_eighty_columns(told: dict[str, Any]) -> None:
    assert len(line_of(told, color=False, raw=False)) <= 80


@pytest.mark.parametrize(
    ("told", "line"),
    [
        pytest.param(event("something_new", a=1, b=None, c=[]), "something_new a=1 c=-", id="no words for it"),
        pytest.param(event("restart_settled", outcome="failed"), "restart_settled outcome=failed", id="too few"),
        pytest.param(event("restart_settled", outcome=None, reason=1), "restart_settled reason=1", id="odd"),
        pytest.param(event("plan_ready", environments=1, services=1, duration_expected_s="x"),
                     "plan_ready environments=1 services=1 duration_expected_s=x", id="no number"),
        pytest.param({**event("run_halted", failures=1), "level": "warning"}, "warning run_halted failures=1",
                     id="a warning"),
    ],
)  # fmt: skip
def test_what_has_no_words_is_told_by_its_keys(told: dict[str, Any], line: str) -> None:
    assert line_of(told, color=False, raw=False) == f"2026-11-26T03:00:12Z -              {line}"


def test_for_details_every_key_is_shown_to_the_millisecond() -> None:
    told = event("services_changed", services="5 RESTARTING", elapsed_s=5.0)
    assert line_of(told, color=False, raw=True) == (
        f"{STAMP} -              services_changed services=5 RESTARTING elapsed_s=5.0"
    )


@pytest.mark.parametrize(
    ("told", "hidden"),
    [
        (event("service_state_changed", service="api"), True),
        (event("history_read", finding="succeeded", doubt=None), True),
        (event("history_read", finding="unproven", doubt="not_shown"), False),
        (event("restart_submitted"), False),
    ],
)
def test_what_another_line_sums_up_is_for_details_only(told: dict[str, Any], hidden: bool) -> None:
    assert is_for_details_only(told) is hidden
