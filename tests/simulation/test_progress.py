"""How far a large fleet is, as its log tells it."""

from itertools import pairwise

from orchestrator.runs.runner import PROGRESS_AT_LEAST, PROGRESS_EVERY
from tests.support.whole_runs import config_of, rehearse

COUNTED = ("settled", "succeeded", "in_flight", "to_begin")


def test_progress_is_told_when_it_has_changed_and_every_minute_at_least() -> None:
    environments = "\n".join(
        f"  - {{name: shop-{number}, path: acme/shop/env-{number}, services: all}}" for number in range(60)
    )
    text = (
        f"version: 1\napi: {{requests_per_hour: 100}}\nstrategy: {{max_parallel: 10}}\nenvironments:\n{environments}\n"
    )
    run = rehearse(config_of(text))
    told = run.events_of("fleet_progress")
    assert len(told) > 10
    for before, after in pairwise(told):
        is_same = all(before.values[key] == after.values[key] for key in COUNTED)
        assert after.at - before.at >= (PROGRESS_AT_LEAST if is_same else PROGRESS_EVERY)
    # The quota is waited for twice, for most of an hour.
    assert any(before.values["settled"] == after.values["settled"] for before, after in pairwise(told))
    for event in told:
        assert event.values["settled"] + event.values["in_flight"] + event.values["to_begin"] == 60
        assert event.values["failed"] == 0
        assert (event.values["oldest"] is None) == (event.values["in_flight"] == 0)
    lefts = [event.values["left_s"] for event in told]
    assert lefts[0] > 3600 > lefts[-1]
