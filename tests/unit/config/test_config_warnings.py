"""What a configuration says that is valid, and hardly meant."""

import pytest

from orchestrator.config import parse_config
from tests.support.config_texts import ID

ENVIRONMENTS = f"environments: [{{name: a, id: {ID}, services: all}}, {{name: b, id: {ID[:-1]}0, services: all}}]"


@pytest.mark.parametrize(
    ("settings", "warnings"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("api: {url: 'http://localhost:8080'}", [], id="this machine"),
        pytest.param("api: {url: 'https://api.example.test'}", [], id="encrypted"),
        pytest.param(
            "api: {url: 'http://api.example.test'}",
            ["api.url: http://api.example.test is not encrypted: the token can be read on the way."],
            id="not encrypted",
        ),
        pytest.param(
            "defaults: {deadline: 5m}",
            [
                f"{name}: `deadline` (5m) is not longer than `invisible_for` (5m): a submit whose answer is lost can "
                "neither be confirmed nor repeated in that time."
                for name in ("a", "b")
            ],
            id="no time to find a lost submit",
        ),
        pytest.param("schedule: {cron: 0 3 * * *, window: 2h}", [], id="a window"),
        pytest.param("schedule: {cron: 0 3 * * *, on_missed: skip}", [], id="no window, and nothing is made up"),
        pytest.param(
            "schedule: {cron: 0 3 * * *}",
            [
                (
                    "nightly.yaml:2:11: schedule.on_missed: without a `window`, a night that was missed may be made up "
                    "at noon: within half of the time to the next one. Set `window`, or `on_missed: skip`."
                )
            ],
            id="no window",
        ),
        pytest.param(
            "strategy: {max_parallel: 1}\nschedule: {cron: 0 3 * * *, window: 30s}",
            [
                (
                    "nightly.yaml:3:37: schedule.window: 30s is shorter than the run, which takes at least 42s: "
                    "not everything starts."
                )
            ],
            id="a window shorter than the run",
        ),
        pytest.param(
            "schedule: {cron: 0 3 * * *, window: 2h, timezone: Etc/GMT+3}",
            [
                (
                    "nightly.yaml:2:51: schedule.timezone: Etc/GMT+3 is UTC-3 all year: its sign is the reverse of the "
                    "usual one; name a place, such as Europe/Paris."
                )
            ],
            id="a zone whose sign is reversed",
        ),
    ],
)
def test_what_is_hardly_meant_is_said(settings: str, warnings: list[str]) -> None:
    config = parse_config(f"version: 1\n{settings}\n{ENVIRONMENTS}\n", source="nightly.yaml", environ={})
    assert list(config.warnings()) == warnings
