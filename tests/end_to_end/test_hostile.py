"""Broken connections, lost answers and colleagues, over real sockets: the exit code against the simulator's record."""

import json
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from orchestrator.simulator.gate import user_of
from tests.support.command import TOKEN, Finished, Running, environ, write_config

SEEDS = (4, 7)
"""On the one not everything comes to be known, on the other everything succeeds."""
US = user_of(TOKEN)


Night = tuple[Finished, list[dict[str, Any]]]


def nights(folder: Path) -> Mapping[int, Night]:
    """Run every seed at the same time; return what each run said and what truly happened."""
    config = write_config(
        folder,
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
        return {seed: (finished[seed], record_of(urls[seed])) for seed in SEEDS}


def record_of(url: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{url}/_simulator/record", timeout=10) as answer:
        events: list[dict[str, Any]] = json.load(answer)["events"]
    return events


def test_a_success_is_true_and_no_restart_is_accepted_twice(tmp_path: Path) -> None:
    """One test for both seeds, since they wait together."""
    outcomes: set[str] = set()
    retried: list[dict[str, Any]] = []
    for seed, (finished, record) in nights(tmp_path).items():
        holds_to_the_record(seed, finished, record)
        outcomes |= {environment["outcome"] for environment in finished.report["environments"]}
        retried += [event for event in finished.events if event["event"] == "request_retried"]

    # Otherwise the seeds would prove nothing.
    assert "succeeded" in outcomes
    assert outcomes - {"succeeded"}
    assert retried


def holds_to_the_record(seed: int, finished: Finished, record: list[dict[str, Any]]) -> None:
    report = finished.report
    restarted = {
        (event["service_id"], event["execution_id"])
        for event in record
        if event["event"] == "ServiceRestarted" and event["ok"]
    }

    assert finished.code == report["exit_code"], seed
    assert report["environments"] or report["errors"], seed
    if finished.code == 0:
        assert {each["outcome"] for each in report["environments"]} == {"succeeded"}, seed
    for environment in report["environments"]:
        accepted = [
            event
            for event in record
            if event["event"] == "RequestAccepted"
            and (event["environment_id"], event["user"], event["action"]) == (environment["id"], US, "RESTART")
        ]
        assert len(accepted) <= 1, seed
        for service in environment["services"]:
            if service["outcome"] == "succeeded":
                assert (service["id"], service["execution_id"]) in restarted, seed
                assert service["execution_id"] != service["baseline_execution_id"], seed
    assert all(event["event"] != "internal_error" for event in finished.events), seed
    assert TOKEN not in finished.stdout + finished.stderr, seed
