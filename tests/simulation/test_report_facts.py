"""What a report tells of a whole run beside how it ended: instants in their order, waits, what started it."""

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from orchestrator import run
from orchestrator.config import Config, parse_config
from orchestrator.domain.accounts import WaitedFor
from orchestrator.reports.model import EnvironmentReport, Trigger
from orchestrator.runs.rehearsal import Rehearsal
from orchestrator.runs.scheduling import aschedule
from orchestrator.runs.surroundings import Told
from tests.support.time import in_virtual_time

HOURS = 8


def config(*, environments: int, requests_per_hour: int = 800) -> Config:
    listed = "\n".join(
        f"  - {{name: e{number}, path: acme/shop/e{number}, services: all, wave: {1 + number % 2},"
        " verify: [{http: 'https://shop.example.com/healthz'}]}"
        for number in range(environments)
    )
    text = f"version: 1\napi: {{requests_per_hour: {requests_per_hour}}}\nstrategy: {{run_deadline: {HOURS}h}}\n"
    return parse_config(f"{text}environments:\n{listed}\n", source="nightly.yaml", environ={})


def instants(each: EnvironmentReport) -> list[timedelta]:
    """From its turn to its end, each step."""
    steps = [each.began_at, each.submitted_at, each.proven_at, each.settled_at]
    known = [step for step in steps if step is not None]
    assert len(known) == len(steps)
    return [later - earlier for earlier, later in pairwise(known)]


def test_a_run_tells_when_each_environment_began_was_proven_and_what_its_checks_answered() -> None:
    report = run(config(environments=4), rehearsal=Rehearsal(seed=1), environ={"USER": "me"})
    for each in report.environments:
        assert all(step >= timedelta(0) for step in instants(each))
        assert [(check.passed, check.last_answer) for check in each.checks] == [(True, 200)]
        assert {service.why for service in each.left_out}
    assert report.started_by is not None
    assert (report.started_by.trigger, report.started_by.actor) == (Trigger.COMMAND, "me")
    assert report.requests_expected is not None
    assert 0.5 < report.requests.total / report.requests_expected < 2
    assert (report.config_path, report.halted_at, report.window_ends_at) == (None, None, None)


def test_a_run_tells_who_waited_for_the_quota() -> None:
    report = run(config(environments=12, requests_per_hour=30), rehearsal=Rehearsal(seed=1), environ={})
    waited = [each for each in report.environments if each.waits]
    assert waited
    for each in waited:
        [wait] = each.waits
        assert (wait.what, wait.duration_s > 60) == (WaitedFor.QUOTA, True)
        assert each.began_at is not None
        ended = wait.since + timedelta(seconds=wait.duration_s)
        assert abs(each.began_at - ended) < timedelta(seconds=0.2), "its turn came when the wait ended"


def test_a_run_of_a_schedule_tells_its_file_when_it_was_due_and_when_its_window_ends(tmp_path: Path) -> None:
    file = tmp_path / "nightly.yaml"
    file, told = tmp_path / "nightly.yaml", list[Told]()

    async def keep() -> datetime:
        rehearsal = Rehearsal(seed=1)
        soon = rehearsal.clock.now() + timedelta(minutes=2)
        file.write_text(
            "version: 1\n"
            f"schedule: {{cron: '{soon:%M %H} * * *', timezone: UTC, window: 2h}}\n"
            "environments: [{name: shop, path: acme/shop/production, services: all}]\n"
        )
        environ = {"HOME": str(tmp_path)}
        await aschedule(file, stop_after=300.0, rehearsal=rehearsal, environ=environ, on_told=told.append)
        return soon

    soon = in_virtual_time(keep())
    [report] = [each.report for each in told]
    assert report is not None
    assert report.started_by is not None
    assert report.started_by.trigger is Trigger.SCHEDULE
    due_at = report.started_by.due_at
    assert due_at is not None
    assert f"{due_at:%H:%M}" == f"{soon:%H:%M}"
    assert report.window_ends_at == due_at + timedelta(hours=2)
    assert report.config_path == str(file)
