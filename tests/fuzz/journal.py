"""Journals, and the quota's file beside them: good ones, with bytes and rows mutated; then a process goes on there."""

import json
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from orchestrator.journal.database import FILE_NAME
from orchestrator.qovery.ledger import FILE_NAME as QUOTA
from tests.fuzz.ground import lasts, shop
from tests.fuzz.oddities import changed, changes, numbers, spliced, splices, texts
from tests.fuzz.properties import findings_of

Case = dict[str, Any]

_COLUMNS = {
    "runs": ("run_id", "parent_id", "api_url", "config", "source", "started_at", "end_by", "boot_id", "began",
             "elapsed", "beat_at", "holder", "host", "pid", "requests",
             "submits", "ended_at", "outcome", "exit_code", "report", "called_off"),
    "environments": ("run_id", "position", "name", "environment_id", "target", "held_since", "intent", "accepted",
                     "found", "request_ids", "sighting", "result"),
}  # fmt: skip
_DOCUMENTS = ("target", "intent", "request_ids", "sighting", "result")
_OF_DOCUMENTS = [("environments", name) for name in _DOCUMENTS] + [("runs", "config")]
_cells = st.one_of(st.none(), numbers, texts, st.binary(max_size=4).map(lambda content: {"blob": content.hex()}))
_column = st.sampled_from([(table, column) for table, columns in _COLUMNS.items() for column in columns])

_changes = st.one_of(
    st.fixed_dictionaries({"cell": _column, "set": _cells}),
    st.fixed_dictionaries({"cell": _column, "set": _cells}),
    st.fixed_dictionaries({"cell": st.sampled_from(_OF_DOCUMENTS), "change": changes}),
    st.fixed_dictionaries({"cell": st.sampled_from(_OF_DOCUMENTS), "change": changes}),
    st.fixed_dictionaries({"delete": st.sampled_from(["runs", "environments"])}),
    st.fixed_dictionaries({"sql": st.sampled_from([
        "DROP TABLE environments", "DROP TABLE runs", "PRAGMA user_version = 0", "PRAGMA user_version = 3",
        "PRAGMA user_version = -1", "PRAGMA user_version = 99",
        "PRAGMA application_id = 0", "PRAGMA journal_mode = DELETE", "ALTER TABLE runs DROP COLUMN called_off",
        "ALTER TABLE runs RENAME COLUMN holder TO keeper",
        "INSERT INTO environments SELECT * FROM environments", "UPDATE environments SET name = 'staging'",
        "UPDATE environments SET environment_id = 'x'",
        "CREATE TABLE x (y)", "CREATE TRIGGER t BEFORE UPDATE ON runs BEGIN SELECT RAISE(ABORT, 'no'); END",
        "PRAGMA auto_vacuum = 1",
    ])}),
)  # fmt: skip
_OF_THE_QUOTA = {
    "requests": ("ticket", "token", "host", "boot", "expires", "expires_at"),
    "needs": ("process", "token", "until", "requests"),
    "words": ("token", "boot", "ticket", "remaining", "quota", "resets", "span", "zeros", "closed_until"),
}
_quota_column = st.sampled_from([(table, column) for table, columns in _OF_THE_QUOTA.items() for column in columns])
_quota_changes = st.fixed_dictionaries({"cell": _quota_column, "set": _cells})
_NAMES = (QUOTA, FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm")
_files = st.one_of(
    st.fixed_dictionaries({"file": st.sampled_from(_NAMES), "splice": splices}),
    st.fixed_dictionaries({"file": st.sampled_from(_NAMES), "flip": st.integers(0, 100_000), "bit": st.integers(0, 7)}),
    st.fixed_dictionaries({"file": st.sampled_from(_NAMES), "gone": st.just(True)}),
)

cases: st.SearchStrategy[Case] = st.fixed_dictionaries(
    {
        "dies_after": st.sampled_from([5.0, 20.0, 1.5, 45.0, 90.0, 0.9, None, 0.5]),
        "changes": st.lists(_changes, max_size=3),
        "quota": st.lists(_quota_changes, max_size=2),
        "files": st.lists(_files, max_size=3),
        "rests": st.sampled_from([0.0, 1.0, 600.0, 90_000.0]),
        "command": st.sampled_from(
            ["resume", "resume", "resume 2", "resume --no-new", "resume --failed", "resume --abandon",
             "cancel 2", "cancel 2026", "history", "history staging", "report last", "report 2", "run shop.yaml",
             "plan shop.yaml", "resume --deadline 5m", "restart acme/shop/staging --all-services"]
        ),
    }
)  # fmt: skip


def findings(case: Case) -> list[str]:
    """Play a case, and return what must not be."""
    with shop() as stage:
        state = stage.folder / "state"
        begun = stage.play(["run", "shop.yaml", "--quiet"], dies_after=case["dies_after"])
        del begun
        for change in case["changes"]:
            with suppress(sqlite3.Error, OverflowError, UnicodeError):
                _change_rows(state / FILE_NAME, change)
        for change in case["quota"]:
            with suppress(sqlite3.Error, OverflowError, UnicodeError):
                _change_rows(state / QUOTA, change)
        for change in case["files"]:
            _change_file(state, change)
        stage.now += case["rests"]
        words = [*case["command"].split(), "--output", "json"]
        played = stage.play(words)
        return list(findings_of(played, json_wanted=True, ends_within=lasts(words)))


def _change_rows(path: Path, change: dict[str, Any]) -> None:
    if not path.exists():
        return
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        match change:
            case {"sql": str(statement)}:
                connection.execute(statement)
            case {"delete": str(table)}:
                connection.execute(f"DELETE FROM {table}")
            case {"cell": [table, column], "set": value}:
                cell = bytes.fromhex(value["blob"]) if isinstance(value, dict) else value
                connection.execute(f"UPDATE {table} SET {column} = ?", (cell,))
            case {"cell": [table, column], "change": dict(mutation)}:
                for row in connection.execute(f"SELECT rowid, {column} FROM {table}").fetchall():
                    # An earlier change may have left no JSON.
                    with suppress(TypeError, ValueError):
                        text = json.dumps(changed(json.loads(row[1]), mutation))
                        connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (text, row[0]))


def _change_file(state: Path, change: dict[str, Any]) -> None:
    path = state / change["file"]
    if not path.exists():
        return
    content = path.read_bytes()
    if "gone" in change:
        path.unlink()
        return
    if "splice" in change:
        content = spliced(content, change["splice"])
    elif content:
        place = change["flip"] % len(content)
        content = content[:place] + bytes([content[place] ^ (1 << change["bit"])]) + content[place + 1 :]
    path.write_bytes(content)
