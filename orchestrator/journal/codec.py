"""Encodes the values that the journal stores, as text and bytes, and decodes them.

Independent of SQLite: the encoding would be the same in any other store. Values are JSON according to their types.
"""

import json
import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from orchestrator.domain.outcomes import EnvironmentResult
from orchestrator.domain.plan import Target
from orchestrator.domain.records import Intent, Sighting
from orchestrator.errors import JournalError

T = TypeVar("T")

_Text = Annotated[str, Field(strict=True)]
_Amount = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run as its row has it. Spans are in seconds."""

    run_id: Annotated[_Text, Field(pattern=r"^[^/\x00-\x1f]{1,200}$")]
    """Part of a file's name: that of its lock."""
    parent_id: _Text | None
    api_url: _Text
    config: _Text
    source: _Text | None
    started_at: datetime
    end_by: Annotated[float, Field(ge=0)]
    """The run's deadline, since its start."""
    boot_id: _Text
    began: float
    """The start, on the monotonic clock of that boot."""
    elapsed: Annotated[float, Field(ge=0)]
    """Since the start, at the last write."""
    beat_at: datetime
    holder: _Text | None
    host: _Text
    pid: int
    requests: _Amount
    submits: _Amount
    ended_at: datetime | None
    outcome: _Text | None
    exit_code: Annotated[int, Field(ge=0, le=255)] | None
    """That of the process that worked on it last, if it wrote one."""
    called_off: datetime | None
    beginning: _Text | None


_RUN = TypeAdapter(RunRow)
_TARGET = TypeAdapter(Target)
_INTENT = TypeAdapter(Intent)
_SIGHTING = TypeAdapter(Sighting)
_RESULT = TypeAdapter(EnvironmentResult)
_IDS = TypeAdapter(frozenset[str])
_INSTANT = TypeAdapter(datetime)


def damaged(what: str) -> JournalError:
    """Return the error for what the journal contains and cannot be right; `what` is a sentence's end."""
    return JournalError(
        f"The journal is damaged: {what}. Check the environments of unfinished runs, then move the file away to start "
        "a new journal."
    )


def _read(adapter: TypeAdapter[T], text: object) -> T:
    """Decode a cell: SQLite keeps numbers and bytes in a column of texts, too, if somebody puts them there."""
    if not isinstance(text, str):
        raise damaged("an entry cannot be read (it is no text)")
    try:
        return _sound(adapter.validate_json(text))
    except ValidationError as error:
        raise damaged(f"an entry cannot be read (problems found: {error.error_count()})") from None


def _sound(value: T) -> T:
    """Return a value that has no number and no instant with which nobody can calculate."""
    match value:
        case float() if not math.isfinite(value):
            raise damaged("an entry has a number that is none")
        case datetime() if value.utcoffset() is None:
            raise damaged("an entry has an instant without a time zone")
        case Mapping():
            for each in value.values():
                _sound(each)
        case tuple() | frozenset():
            for each in value:
                _sound(each)
        case _ if is_dataclass(value):
            for field in fields(value):
                _sound(getattr(value, field.name))
    return value


def run_of(row: Mapping[str, object]) -> RunRow:
    """Return a run's row.

    Raises:
        JournalError: a value in it cannot be right.
    """
    try:
        # SQLite returns a text, a number, bytes or nothing, whatever a column is declared as.
        return _sound(_RUN.validate_python(dict(row)))
    except ValidationError as error:
        columns = sorted({str(problem["loc"][0]) for problem in error.errors(include_url=False, include_input=False)})
        raise damaged(f"a run cannot be read (wrong values: {', '.join(columns)})") from None


def instant_of(text: object) -> datetime:
    """Decode an instant."""
    try:
        return _sound(_INSTANT.validate_python(text))
    except ValidationError:
        raise damaged("an entry has an instant that is none") from None


def flag_of(value: object) -> bool:
    """Decode a flag."""
    if value not in (0, 1):
        raise damaged("an entry has a flag that is neither 0 nor 1")
    return bool(value)


def instant_to_text(instant: datetime) -> str:
    """Encode an instant in UTC, so that the same one is always the same text, and later ones come later."""
    return instant.astimezone(UTC).isoformat(timespec="seconds" if instant.microsecond == 0 else "microseconds")


def target_to_text(target: Target) -> str:
    """Encode a target without its checks: their URLs may hold secrets, and the configuration contains them."""
    return _TARGET.dump_json(replace(target, checks=())).decode()


def target_of(text: object) -> Target:
    """Decode a target, without its checks."""
    return _read(_TARGET, text)


def intent_to_text(intent: Intent) -> str:
    """Encode an intent."""
    return _INTENT.dump_json(intent).decode()


def intent_of(text: object) -> Intent:
    """Decode an intent."""
    return _read(_INTENT, text)


def sighting_to_text(sighting: Sighting) -> str:
    """Encode a sighting."""
    return _SIGHTING.dump_json(sighting).decode()


def sighting_of(text: object) -> Sighting:
    """Decode a sighting; None is an empty one."""
    return Sighting() if text is None else _read(_SIGHTING, text)


def result_to_text(result: EnvironmentResult) -> str:
    """Encode a result."""
    return _RESULT.dump_json(result).decode()


def result_of(text: object) -> EnvironmentResult:
    """Decode a result."""
    return _read(_RESULT, text)


def ids_to_text(ids: Iterable[str]) -> str:
    """Encode ids."""
    return json.dumps(sorted(ids))


def ids_of(text: object) -> frozenset[str]:
    """Decode ids."""
    return _read(_IDS, text)


def report_to_bytes(report: str) -> bytes:
    """Encode a report, compressed: a large fleet's is mostly repetition."""
    return zlib.compress(report.encode())


def report_of(packed: object) -> str:
    """Decode a report.

    Raises:
        JournalError: it cannot be right.
    """
    try:
        return zlib.decompress(packed).decode()  # type: ignore[arg-type]  # SQLite keeps anything in any column
    except (zlib.error, TypeError, ValueError):
        raise damaged("the report of a run cannot be read") from None
