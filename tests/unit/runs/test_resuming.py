"""`resuming`: what a resumed run reports, whenever it is interrupted."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.config import parse_config
from orchestrator.domain.outcomes import ExitCode, Outcome, Reason
from orchestrator.errors import JournalError
from orchestrator.journal.database import FILE_NAME
from orchestrator.reports.model import RunReport
from orchestrator.runs.interruption import Interruption
from orchestrator.runs.rehearsal import Rehearsal
from orchestrator.runs.resuming import aresume
from orchestrator.runs.runner import arun
from tests.support.time import in_virtual_time

CONFIG = parse_config(
    "{version: 1, environments: [{name: shop, path: acme/shop/production, services: all}]}", source="test", environ={}
)


def test_a_resumed_run_that_is_interrupted_before_it_begins_reports_what_the_journal_knows(tmp_path: Path) -> None:
    async def go() -> tuple[RunReport, RunReport]:
        rehearsal, signalled, at_once = Rehearsal(), Interruption(), Interruption()
        asyncio.get_running_loop().call_later(8.0, signalled.ask, ExitCode.SIGTERM)
        first = await arun(CONFIG, rehearsal=rehearsal, environ={}, interruption=signalled, state_dir=tmp_path)
        at_once.ask(ExitCode.SIGTERM)
        again = await aresume(rehearsal=rehearsal, environ={}, interruption=at_once, state_dir=tmp_path)
        return first, again

    first, again = in_virtual_time(go())
    for report in (first, again):
        (shop,) = report.environments
        assert (shop.outcome, shop.reason) == (Outcome.UNKNOWN, Reason.INTERRUPTED)
        assert "was accepted and continues at Qovery" in shop.message
        assert report.requests.submits == 1
        assert report.resume is not None
    assert again.environments[0].submitted_at == first.environments[0].submitted_at
    assert again.requests.total >= first.requests.total


def test_a_resumed_run_still_knows_where_its_file_lists_each_environment(tmp_path: Path) -> None:
    text = (
        "version: 1\nenvironments:\n- {name: a, path: o/p/a, services: all}\n- {name: b, path: o/p/b, services: all}\n"
    )

    async def go() -> tuple[RunReport, RunReport]:
        rehearsal, signalled = Rehearsal(), Interruption()
        asyncio.get_running_loop().call_later(8.0, signalled.ask, ExitCode.SIGTERM)
        config = parse_config(text, source="nightly.yaml", environ={})
        first = await arun(config, rehearsal=rehearsal, environ={}, interruption=signalled, state_dir=tmp_path)
        return first, await aresume(rehearsal=rehearsal, environ={}, state_dir=tmp_path)

    for report in in_virtual_time(go()):
        assert report.config == "nightly.yaml"
        assert [(each.name, each.line) for each in report.environments] == [("a", 3), ("b", 4)]


def test_a_journal_with_other_environments_than_the_runs_configuration_is_called_damaged(tmp_path: Path) -> None:
    async def go() -> None:
        rehearsal, signalled = Rehearsal(), Interruption()
        asyncio.get_running_loop().call_later(8.0, signalled.ask, ExitCode.SIGTERM)
        await arun(CONFIG, rehearsal=rehearsal, environ={}, interruption=signalled, state_dir=tmp_path)
        with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection, connection:
            connection.execute("UPDATE runs SET config = replace(config, '\"shop\"', '\"stall\"')")
        await aresume(rehearsal=rehearsal, environ={}, state_dir=tmp_path)

    with pytest.raises(JournalError, match=r"is damaged: the run \S+ does not have the environments"):
        in_virtual_time(go())
