"""`schedule --next`, and what `validate` says of a schedule."""

import json
from pathlib import Path

import pytest

from orchestrator.schedules import zone_data
from tests.support.calling import call
from tests.support.config_texts import ID

ZONE_DATA = {"version": zone_data().version, "source": zone_data().source}


def file(folder: Path, schedule: str) -> str:
    path = folder / "nightly.yaml"
    path.write_text(f"version: 1\nenvironments: [{{name: a, id: {ID}, services: all}}]\n{schedule}\n", encoding="utf-8")
    return str(path)


def invoke(*arguments: str) -> tuple[int, str, str]:
    called = call(*arguments)
    return called.exit_code, called.stdout, called.stderr


PARIS = "schedule: {cron: 30 2 * * *, timezone: Europe/Paris, window: 2h}"
NEVER = "schedule: {cron: '*/15 2 25-31 3 */7', timezone: Europe/Paris, window: 2h}"


def test_what_comes_is_shown_in_the_zone_and_in_utc(tmp_path: Path) -> None:
    code, out, _ = invoke("schedule", file(tmp_path, PARIS), "--next", "2", "--from", "2027-03-28")
    assert code == 0
    assert out.splitlines()[:2] == [
        "Sun 28 Mar 2027 03:00 +0200  2027-03-28T01:00:00Z  moved_from_gap",
        "Mon 29 Mar 2027 02:30 +0200  2027-03-29T00:30:00Z",
    ]
    assert out.splitlines()[2].startswith("Time zone data: ")


def test_what_comes_as_json(tmp_path: Path) -> None:
    blackout = f"{PARIS}\nblackouts: [{{from: 2027-03-29, to: 2027-03-29}}]"
    code, out, _ = invoke("schedule", file(tmp_path, blackout), "--next", "2", "--from", "2027-03-28", "-o", "json")
    assert code == 0
    assert json.loads(out) == {
        "timezone_data": ZONE_DATA,
        "next": [
            {"at": "2027-03-28T01:00:00Z", "local": "Sun 28 Mar 2027 03:00 +0200", "note": "moved_from_gap"},
            {"at": "2027-03-29T00:30:00Z", "local": "Mon 29 Mar 2027 02:30 +0200", "note": "blackout"},
        ],
    }


@pytest.mark.parametrize(
    ("schedule", "options", "message"),
    [
        pytest.param(PARIS, ["--from", "2027-03-27"], "say how many with --next N", id="no number"),
        pytest.param(PARIS, ["--next", "0"], "--next: expected a number from 1 to 1000, found 0.", id="none"),
        pytest.param(PARIS, ["--next", "1001"], "found 1001", id="too many"),
        pytest.param(PARIS, ["--next", "1", "--from", "soon"], "--from: expected a date such as", id="no instant"),
        pytest.param(PARIS, ["--next", "1", "--from", "9999-12-31"], "--from: expected a date", id="end of time"),
        pytest.param("", ["--next", "1"], "it has no `schedule:`, so nothing comes.", id="no schedule"),
        pytest.param(NEVER, ["--next", "1"], "nightly.yaml:3:18: schedule.cron: the cron expression", id="never"),
    ],
)
@pytest.mark.parametrize("output", ["text", "json"])
def test_what_cannot_be_shown_is_said(
    tmp_path: Path, schedule: str, options: list[str], message: str, output: str
) -> None:
    code, out, err = invoke("schedule", file(tmp_path, schedule), *options, "--output", output)
    assert code == 2
    assert message in err
    if output == "json":
        assert message in json.loads(out)["errors"][0]


def test_validate_says_when_it_runs_next_in_words_and_by_which_data(tmp_path: Path) -> None:
    path = file(tmp_path, "schedule: {cron: '*/15 2 * * *', timezone: Europe/Paris, window: 2h}")
    code, out, err = invoke("validate", path)
    assert code == 0
    assert "Scheduled: Every 15th minute from 02:00 through 02:59, Europe/Paris.\nNext: " in out
    assert f"Time zone data: {zone_data()}." in out
    assert "nightly.yaml:3:18: schedule.cron: no run on 20" in err
    assert "nightly.yaml:3:18: schedule.cron: runs more often than on other nights on 20" in err


def test_validate_says_it_as_json(tmp_path: Path) -> None:
    code, out, _ = invoke("validate", file(tmp_path, PARIS), "--output", "json")
    document = json.loads(out)
    assert (code, document["valid"], document["warnings"]) == (0, True, [])
    assert document["schedule"].pop("next").keys() == {"at", "local", "note"}
    assert document["schedule"] == {
        "cron": "30 2 * * *",
        "words": "At 02:30 every day",
        "timezone": "Europe/Paris",
        "timezone_data": ZONE_DATA,
    }
    assert json.loads(invoke("validate", file(tmp_path, ""), "-o", "json")[1])["schedule"] is None


def test_a_schedule_that_never_comes_in_its_zone_is_not_valid(tmp_path: Path) -> None:
    code, out, err = invoke("validate", file(tmp_path, NEVER))
    assert (code, out) == (2, "")
    assert "nightly.yaml:3:18: schedule.cron: the cron expression" in err
    assert "never comes in the time zone Europe/Paris" in err


def test_plan_says_it_too(tmp_path: Path) -> None:
    path = file(tmp_path, "schedule: {cron: '*/15 2 * * *', timezone: Europe/Paris, window: 10s}")
    code, out, _ = invoke("plan", path, "--simulate", "--state-dir", str(tmp_path))
    assert code == 0
    assert "Scheduled: Every 15th minute from 02:00" in out
    assert "warning: schedule.window: 10s is shorter than the run, which would take about" in out
    code, out, _ = invoke("plan", path, "--simulate", "--state-dir", str(tmp_path), "--output", "json")
    document = json.loads(out)
    assert document["schedule"]["timezone_data"] == ZONE_DATA
    assert len(document["warnings"]) == 3
