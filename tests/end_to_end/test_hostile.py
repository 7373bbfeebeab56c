"""Broken connections, lost answers and colleagues, over real sockets: the exit code against the simulator's record."""

import json
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest

from orchestrator.simulator.gate import user_of
from tests.support.command import TOKEN, Finished, Running, environ, write_config

SEEDS = (1, 4, 7, 12)
US = user_of(TOKEN)


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[int, tuple[Finished, list[dict[str, Any]]]]]:
    """Run every seed at the same time; give what each run said and what truly happened."""
    config = write_config(
        tmp_path_factory.mktemp("hostile"),
        [f"{{name: {name}, path: acme/shop/{name}, services: all}}" for name in ("alpha", "bravo", "charlie")],
        # The platform's minute is the client's second.
        defaults=", deadline: 8s, lost_contact: 4s",
        more="strategy: {max_failures: 10}",
    )
    with ExitStack() as stack:
        servers = {}
        for seed in SEEDS:
            arguments = ("simulate", config, "--port", "0", "--speed", "60", "--faults", "hostile", "--seed", str(seed))
            servers[seed] = stack.enter_context(Running.start(*arguments, env=environ()))
        urls = {seed: server.wait_for("simulator_listening")["url"] for seed, server in servers.items()}
        runs = {
            seed: stack.enter_context(
                Running.start("run", config, "--output", "json", env=environ(QOVERY_API_URL=urls[seed]))
            )
            for seed in SEEDS
        }
        finished = {seed: run.finish() for seed, run in runs.items()}
        yield {seed: (finished[seed], record_of(urls[seed])) for seed in SEEDS}


def record_of(url: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{url}/_simulator/record", timeout=10) as answer:
        events: list[dict[str, Any]] = json.load(answer)["events"]
    return events


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"seed-{seed}")
def test_a_success_is_true_and_no_restart_is_accepted_twice(
    seed: int, nights: Mapping[int, tuple[Finished, list[dict[str, Any]]]]
) -> None:
    finished, record = nights[seed]
    report = finished.report
    restarted = {
        (event["service_id"], event["execution_id"])
        for event in record
        if event["event"] == "ServiceRestarted" and event["ok"]
    }

    assert finished.code == report["exit_code"]
    assert report["environments"] or report["errors"]
    if finished.code == 0:
        assert {each["outcome"] for each in report["environments"]} == {"succeeded"}
    for environment in report["environments"]:
        accepted = [
            event
            for event in record
            if event["event"] == "RequestAccepted"
            and (event["environment_id"], event["user"], event["action"]) == (environment["id"], US, "RESTART")
        ]
        assert len(accepted) <= 1
        for service in environment["services"]:
            if service["outcome"] == "succeeded":
                assert (service["id"], service["execution_id"]) in restarted
                assert service["execution_id"] != service["baseline_execution_id"]
    assert all(event["event"] != "internal_error" for event in finished.events)
    assert TOKEN not in finished.stdout + finished.stderr


def test_something_succeeded_and_something_went_wrong(
    nights: Mapping[int, tuple[Finished, list[dict[str, Any]]]],
) -> None:
    """Otherwise the seeds above would prove nothing."""
    outcomes = {
        environment["outcome"] for finished, _ in nights.values() for environment in finished.report["environments"]
    }
    retried = [
        event for finished, _ in nights.values() for event in finished.events if event["event"] == "request_retried"
    ]

    assert "succeeded" in outcomes
    assert outcomes - {"succeeded"}
    assert retried
