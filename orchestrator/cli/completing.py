"""What a shell proposes while somebody types: ids of runs, and names of environments.

It has to be there at once and says nothing of what goes wrong: the journal and the file are read as they are, without
pydantic and without their checks, and nothing is written or waited for.
"""

import os
from collections.abc import Callable, Iterable
from contextlib import closing
from functools import wraps
from pathlib import Path
from stat import S_ISREG

import typer

Proposals = list[tuple[str, str]]
"""Each with a word about it, which zsh and fish show."""

MOST = 100
"""Runs that are proposed."""
LARGEST_FILE = 1024 * 1024
"""Bytes of a configuration whose names are proposed: a larger one takes too long to read."""
AT_MOST = 0.3
"""Seconds to wait for another process that keeps the journal."""

_UNFINISHED = "ended_at IS NULL"
_RESUMABLE = "outcome IS NULL OR outcome NOT IN ('succeeded', 'abandoned')"


def _silent(propose: Callable[[typer.Context, str], Proposals]) -> Callable[[typer.Context, str], Proposals]:
    @wraps(propose)
    def silently(ctx: typer.Context, incomplete: str) -> Proposals:
        try:
            return propose(ctx, incomplete)
        except Exception:  # noqa: BLE001 - whatever it is, it would be written between the words of a command line
            return []

    return silently


@_silent
def past_runs(ctx: typer.Context, incomplete: str) -> Proposals:
    """Propose every run, and `last`."""
    return [*_fitting([("last", "the run that started last")], incomplete), *_runs(ctx, incomplete, "TRUE")]


@_silent
def unfinished_runs(ctx: typer.Context, incomplete: str) -> Proposals:
    """Propose the runs that have not ended."""
    return _runs(ctx, incomplete, _UNFINISHED)


@_silent
def runs_to_resume(ctx: typer.Context, incomplete: str) -> Proposals:
    """Propose the runs in which something is left to do; the interrupted ones first."""
    return _runs(ctx, incomplete, _RESUMABLE)


@_silent
def past_environments(ctx: typer.Context, incomplete: str) -> Proposals:
    """Propose what the files of past runs call their environments."""
    rows = _read(ctx, "SELECT DISTINCT name, environment_id FROM environments ORDER BY name LIMIT 1000")
    return _fitting(((str(name), str(environment_id)) for name, environment_id in rows), incomplete)


@_silent
def environments_of_file(ctx: typer.Context, incomplete: str) -> Proposals:
    """Propose the environments of the file that the command line names, but for those that it names already."""
    import yaml  # noqa: PLC0415 - only this needs it

    # With the last option still without its value, the words before it are not yet shared out among the arguments.
    path = Path(str(ctx.params.get("config") or ctx.args[0])).expanduser()
    found = path.stat()  # A pipe would be waited for; standard input is not ours to read.
    if not S_ISREG(found.st_mode) or found.st_size > LARGEST_FILE:
        return []
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=loader)  # noqa: S506 - both are safe
    named = set(ctx.params.get("only") or ())
    listed = [
        (str(each["name"]), f"wave {each.get('wave', 1)}")
        for each in document["environments"]
        if isinstance(each, dict) and "name" in each and str(each["name"]) not in named
    ]
    return _fitting(listed, incomplete)


def _runs(ctx: typer.Context, incomplete: str, which: str) -> Proposals:
    # A slice of a length, not LIKE: no character of what was typed means anything else.
    query = (
        f"SELECT run_id, outcome, source FROM runs WHERE ({which}) AND substr(run_id, 1, ?) = ? "  # noqa: S608 - ours
        "ORDER BY ended_at IS NULL DESC, started_at DESC LIMIT ?"
    )
    rows = _read(ctx, query, len(incomplete), incomplete, MOST)
    return [(str(run_id), f"{outcome or 'not ended'}, {source or 'no file'}") for run_id, outcome, source in rows]


def _read(ctx: typer.Context, query: str, *parameters: object) -> list[tuple[object, ...]]:
    from orchestrator.journal.database import FILE_NAME  # noqa: PLC0415 - only at a completion
    from orchestrator.journal.store import state_folder  # noqa: PLC0415

    named = ctx.params.get("state_dir")
    folder = state_folder(os.environ) if named is None else Path(str(named)).expanduser()
    address = f"{(folder / FILE_NAME).absolute().as_uri()}?mode=ro"
    import sqlite3  # noqa: PLC0415

    with closing(sqlite3.connect(address, uri=True, timeout=AT_MOST)) as connection:
        return connection.execute(query, parameters).fetchall()


def _fitting(proposals: Iterable[tuple[str, str]], incomplete: str) -> Proposals:
    return [(word, about) for word, about in proposals if word.startswith(incomplete)]
