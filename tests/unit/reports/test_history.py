"""How the history reads, on a terminal and in a script."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from rich.cells import cell_len

from orchestrator.domain.history import (
    History,
    PastRestart,
    PastRun,
    RunState,
    figures_of_restarts,
    figures_of_runs,
)
from orchestrator.domain.outcomes import EnvironmentResult, Outcome, Reason
from orchestrator.reports.history import history_document, render_history
from orchestrator.text import printable
from tests.support.reports import ENVIRONMENT_ID, NASTY, failed, succeeded, without_submit

START = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
PARIS = timezone(timedelta(hours=1), "CET")


def a_run(
    number: int = 0,
    *,
    outcome: str | None = "succeeded",
    exit_code: int | None = 0,
    state: RunState = RunState.ENDED,
    outcomes: dict[Outcome, int] | None = None,
    open_: int = 0,
    source: str | None = "nightly.yaml",
    parent_id: str | None = None,
    started_by: str | None = None,
) -> PastRun:
    started_at = START - timedelta(days=number)
    run_id = f"{started_at:%Y%m%d-%H%M%S}-{number:06x}"
    return PastRun(
        run_id=run_id,
        parent_id=parent_id,
        source=source,
        started_at=started_at,
        ended_at=started_at + timedelta(seconds=81) if state is RunState.ENDED else None,
        state=state,
        outcome=outcome,
        exit_code=exit_code,
        duration_s=81.0,
        outcomes={Outcome.SUCCEEDED: 3} if outcomes is None else outcomes,
        open=open_,
        resume=f"qovery-restart resume {run_id}" if state is RunState.INTERRUPTED else None,
        started_by=started_by,
    )


FAILED = a_run(1, outcome="failed", exit_code=1, outcomes={Outcome.SUCCEEDED: 1, Outcome.SKIPPED: 4, Outcome.FAILED: 2})
CUT_OFF = a_run(2, outcome="interrupted", exit_code=143, state=RunState.INTERRUPTED, outcomes={}, open_=3)


def of_runs(*runs: PastRun, listed: int = 20) -> History:
    return History(since=START - timedelta(days=30), figures=figures_of_runs(runs), runs=runs[:listed])


def text(history: History, *, width: int = 80, color: bool = False) -> str:
    return render_history(history, width=width, color=color, zone=PARIS)


def test_runs_read_so() -> None:
    repeated = a_run(3, parent_id="20261122-030000-000004")
    assert text(of_runs(a_run(), FAILED, CUT_OFF, repeated)) == (
        "Configuration nightly.yaml\n"
        "STARTED           RUN                     OUTCOME          TOOK    WELL\n"
        "2026-11-26 04:00  20261126-030000-000000  succeeded        1m 21s  3/3\n"
        "2026-11-25 04:00  20261125-030000-000001  failed 1         1m 21s  1/7\n"
        "    2 failed, 4 skipped, 1 succeeded\n"
        "2026-11-24 04:00  20261124-030000-000002  interrupted 143  1m 21s  0/3\n"
        "    3 not ended\n"
        "    qovery-restart resume 20261124-030000-000002\n"
        "2026-11-23 04:00  20261123-030000-000003  succeeded        1m 21s  3/3\n"
        "    repeats what failed in 20261122-030000-000004\n"
        "\n"
        "4 runs since 2026-10-27 04:00: 2 of 3 that ended succeeded (67 %).\n"
        "A success took 1m 21s (median), 1m 21s (p95).\n"
        "The last success ended at 2026-11-26 04:01.\n"
        "Times are in local time (UTC+01:00); run ids begin with theirs in UTC.\n"
    )


def test_forty_runs_fit_eighty_columns_and_one_screen() -> None:
    shown = text(of_runs(*(a_run(number) for number in range(40))))
    lines = shown.splitlines()
    assert max(map(cell_len, lines)) <= 80
    assert len(lines) == 28
    assert "The latest 20 are listed; --limit 40 lists all." in lines


@pytest.mark.parametrize(("width", "lines"), [(120, 3), (80, 5)], ids=["beside the runs", "below them"])
def test_the_files_are_beside_the_runs_if_there_is_room(width: int, lines: int) -> None:
    shown = text(of_runs(a_run(), a_run(1, source=None)), width=width)
    table, _, _ = shown.partition("\n\n")
    assert len(table.splitlines()) == lines
    assert ("CONFIG" in table) == (width == 120)
    assert "nightly.yaml" in table
    assert "without a file" in table


@pytest.mark.parametrize(
    ("starters", "width", "line"),
    [
        pytest.param(("schedule", "schedule"), 80, "Started by its schedule", id="the same for all: on top"),
        pytest.param(
            ("schedule", "github_actions"),
            100,
            "2026-11-25 04:00  20261125-030000-000001  succeeded  1m 21s  3/3   github actions",
            id="beside the runs",
        ),
        pytest.param(("schedule", "github_actions"), 80, "    github actions", id="below them"),
    ],
)
def test_what_started_a_run_is_told(starters: tuple[str, str], width: int, line: str) -> None:
    runs = (a_run(number, started_by=starter) for number, starter in enumerate(starters))
    assert line in text(of_runs(*runs), width=width).splitlines()


def test_a_run_of_which_nobody_knows_what_started_it_says_nothing_of_it() -> None:
    assert "tarted by" not in text(of_runs(a_run(), a_run(1)))
    assert "STARTED BY" in text(of_runs(a_run(started_by="schedule"), a_run(1)), width=100)


def test_a_run_in_progress_has_no_exit_code_yet() -> None:
    shown = text(of_runs(a_run(outcome=None, exit_code=None, state=RunState.IN_PROGRESS, outcomes={}, open_=3)))
    assert "in progress  1m 21s  0/3" in shown
    assert "none has ended yet." in shown
    assert "A success took" not in shown


def test_without_a_success_there_is_no_duration_of_one() -> None:
    assert "None succeeded in this time." in text(of_runs(FAILED))


@pytest.mark.parametrize(
    ("good", "bad", "rate"),
    [(0, 3, "(0 %)"), (3, 0, "(100 %)"), (999, 1, "(99 %)"), (1, 999, "(1 %)"), (1, 1, "(50 %)")],
)
def test_a_rate_is_whole_and_never_rounded_to_all_or_nothing(good: int, bad: int, rate: str) -> None:
    assert rate in text(of_runs(*([a_run()] * good), *([FAILED] * bad), listed=1))


@pytest.mark.parametrize(
    ("before", "line"),
    [
        (None, "No runs since 2026-10-27 04:00.\n"),
        (
            START - timedelta(days=60),
            "No runs since 2026-10-27 04:00. The latest began at 2026-09-27 04:00: look further back with --since.\n",
        ),
    ],
)
def test_if_there_was_nothing_it_says_so(before: datetime | None, line: str) -> None:
    assert text(replace(of_runs(), latest_before=before)) == line


def test_times_may_be_utc() -> None:
    shown = render_history(of_runs(a_run()), width=80, color=False, zone=UTC)
    assert "Times are in UTC." in shown
    assert "2026-11-26 03:00  " in shown


def test_colours_are_only_written_where_they_are_wanted() -> None:
    history = of_runs(a_run(), FAILED, CUT_OFF)
    assert "\x1b" not in text(history)
    lines = [line for line in text(history, color=True).splitlines() if "\x1b" in line]
    assert [line[:5] for line in lines] == ["\x1b[32m", "\x1b[31m", "\x1b[33m"]
    assert all(line.endswith("\x1b[0m") for line in lines)


def a_restart(result: EnvironmentResult | None, number: int = 0, state: RunState = RunState.ENDED) -> PastRestart:
    run = a_run(number)
    return PastRestart(
        run_id=run.run_id,
        source=run.source,
        name="production",
        environment_id=ENVIRONMENT_ID,
        started_at=run.started_at,
        state=state,
        result=result,
        resume=f"qovery-restart resume {run.run_id}" if state is RunState.INTERRUPTED else None,
    )


def of_restarts(*restarts: PastRestart, ids: tuple[str, ...] = (ENVIRONMENT_ID,)) -> History:
    return History(
        since=START - timedelta(days=30),
        figures=figures_of_restarts(restarts),
        environments=ids,
        restarts=restarts,
    )


def test_the_restarts_of_an_environment_read_so() -> None:
    skipped = without_submit("production", Outcome.SKIPPED, Reason.HALTED, "Not begun.")
    history = of_restarts(
        a_restart(succeeded("production")),
        a_restart(failed("production"), 1),
        a_restart(skipped, 2),
        a_restart(None, 3, RunState.INTERRUPTED),
    )
    assert text(history) == (
        f"Restarts of production ({ENVIRONMENT_ID})\n"
        "Configuration nightly.yaml\n"
        "STARTED           RUN                     OUTCOME      TOOK    WELL\n"
        "2026-11-26 04:00  20261126-030000-000000  succeeded    31s     2/2\n"
        "2026-11-25 04:00  20261125-030000-000001  failed       1m 03s  1/3\n"
        "    restart_error: Qovery failed to restart web. Look at its logs, then run\n"
        "    again.\n"
        "2026-11-24 04:00  20261124-030000-000002  skipped      -       -\n"
        "    halted: Not begun.\n"
        "2026-11-23 04:00  20261123-030000-000003  interrupted  -       -\n"
        "    qovery-restart resume 20261123-030000-000003\n"
        "\n"
        "4 restarts since 2026-10-27 04:00: 1 of 2 that ended succeeded (50 %).\n"
        "A success took 31s (median), 31s (p95).\n"
        "The last success ended at 2026-08-14 04:00.\n"
        "Times are in local time (UTC+01:00); run ids begin with theirs in UTC.\n"
    )


def test_an_environment_that_was_created_again_has_its_earlier_ids() -> None:
    history = of_restarts(a_restart(succeeded("production")), ids=("0", ENVIRONMENT_ID))
    assert text(history).startswith(f"Restarts of production ({ENVIRONMENT_ID}, and 1 earlier of its ids)\n")
    assert text(of_restarts()) == f"Restarts of {ENVIRONMENT_ID}\nNo restarts since 2026-10-27 04:00.\n"


@pytest.mark.parametrize("nasty", NASTY)
@pytest.mark.parametrize("width", [80, 200])
def test_a_nasty_name_stays_on_its_line(nasty: str, width: int) -> None:
    runs = of_runs(replace(a_run(), run_id=nasty, source=nasty), replace(FAILED, outcome=nasty, parent_id=nasty))
    restart = a_restart(replace(failed(nasty), message=nasty))
    restarts = of_restarts(replace(restart, name=nasty, environment_id=nasty, source=nasty, run_id=nasty))
    for history in (runs, restarts):
        shown = text(history, width=width)
        assert "\x1b" not in shown
        assert all(printable(line) == line for line in shown.split("\n"))


def test_a_script_reads_the_runs_so() -> None:
    document = json.loads(json.dumps(history_document(of_runs(a_run(), replace(CUT_OFF, started_by="schedule")))))
    assert document | {"runs": len(document["runs"])} == {
        "schema_version": 1,
        "since": "2026-10-27T03:00:00.000Z",
        "environment_ids": None,
        "figures": {
            "total": 2,
            "decided": 1,
            "succeeded": 1,
            "success_rate": 1.0,
            "median_s": 81.0,
            "p95_s": 81.0,
            "last_success_at": "2026-11-26T03:01:21.000Z",
        },
        "runs": 2,
    }
    assert document["runs"][1] == {
        "run_id": "20261124-030000-000002",
        "parent_run_id": None,
        "config": "nightly.yaml",
        "started_by": "schedule",
        "started_at": "2026-11-24T03:00:00.000Z",
        "ended_at": None,
        "duration_s": 81.0,
        "state": "interrupted",
        "outcome": "interrupted",
        "exit_code": 143,
        "environments": {
            "total": 3,
            "succeeded": 0,
            "failed": 0,
            "timed_out": 0,
            "cancelled": 0,
            "blocked": 0,
            "skipped": 0,
            "unknown": 0,
            "open": 3,
        },
        "resume": "qovery-restart resume 20261124-030000-000002",
    }


def test_a_script_reads_the_restarts_so() -> None:
    document = json.loads(json.dumps(history_document(of_restarts(a_restart(failed("production")), a_restart(None)))))
    assert document["environment_ids"] == [ENVIRONMENT_ID]
    assert document["figures"]["success_rate"] == 0.0
    assert "runs" not in document
    assert document["restarts"][0] == {
        "run_id": "20261126-030000-000000",
        "config": "nightly.yaml",
        "name": "production",
        "started_at": "2026-11-26T03:00:00.000Z",
        "state": "ended",
        "outcome": "failed",
        "reason": "restart_error",
        "message": "Qovery failed to restart web. Look at its logs, then run again.",
        "submitted_at": "2026-08-14T03:00:00.000Z",
        "settled_at": "2026-08-14T03:01:03.000Z",
        "duration_s": 63.0,
        "resume": None,
    }
    keys = ("outcome", "reason", "message", "submitted_at", "settled_at", "duration_s")
    assert [document["restarts"][1][key] for key in keys] == [None] * 6


def test_a_long_message_is_wrapped_and_a_command_is_not() -> None:
    long = replace(failed("production"), message="Qovery did not restart the service. " * 8)
    restart = replace(a_restart(long), resume="qovery-restart resume r --state-dir /srv/" + "x" * 90)
    lines = text(of_restarts(restart)).splitlines()
    assert f"    {restart.resume}" in lines
    assert max(cell_len(line) for line in lines if "--state-dir" not in line) <= 80
    assert sum("Qovery did not restart" in line for line in lines) > 3
