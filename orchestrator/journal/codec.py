"""Encodes the values that the journal stores, as text and bytes, and decodes them.

Independent of SQLite: the encoding would be the same in any other store. Values are JSON according to their types.
"""

import json
import zlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from orchestrator.domain.outcomes import EnvironmentResult
from orchestrator.domain.plan import Target
from orchestrator.domain.records import Intent, Sighting
from orchestrator.errors import JournalError

T = TypeVar("T")

_TARGET = TypeAdapter(Target)
_INTENT = TypeAdapter(Intent)
_SIGHTING = TypeAdapter(Sighting)
_RESULT = TypeAdapter(EnvironmentResult)


def _read(adapter: TypeAdapter[T], text: str) -> T:
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        raise JournalError(
            f"The journal is damaged: an entry cannot be read (problems found: {error.error_count()}). "
            "Check the environments of unfinished runs, then move the file away to start a new journal."
        ) from None


def instant_to_text(instant: datetime) -> str:
    """Encode an instant in UTC, so that the same one is always the same text, and later ones come later."""
    return instant.astimezone(UTC).isoformat(timespec="seconds" if instant.microsecond == 0 else "microseconds")


def target_to_text(target: Target) -> str:
    """Encode a target without its checks: their URLs may hold secrets, and the configuration contains them."""
    return _TARGET.dump_json(replace(target, checks=())).decode()


def target_of(text: str) -> Target:
    """Decode a target, without its checks."""
    return _read(_TARGET, text)


def intent_to_text(intent: Intent) -> str:
    """Encode an intent."""
    return _INTENT.dump_json(intent).decode()


def intent_of(text: str) -> Intent:
    """Decode an intent."""
    return _read(_INTENT, text)


def sighting_to_text(sighting: Sighting) -> str:
    """Encode a sighting."""
    return _SIGHTING.dump_json(sighting).decode()


def sighting_of(text: str | None) -> Sighting:
    """Decode a sighting; None is an empty one."""
    return Sighting() if text is None else _read(_SIGHTING, text)


def result_to_text(result: EnvironmentResult) -> str:
    """Encode a result."""
    return _RESULT.dump_json(result).decode()


def result_of(text: str) -> EnvironmentResult:
    """Decode a result."""
    return _read(_RESULT, text)


def ids_to_text(ids: Iterable[str]) -> str:
    """Encode ids."""
    return json.dumps(sorted(ids))


def ids_of(text: str) -> frozenset[str]:
    """Decode ids."""
    return frozenset(json.loads(text))


def report_to_bytes(report: str) -> bytes:
    """Encode a report, compressed: a large fleet's is mostly repetition."""
    return zlib.compress(report.encode())


def report_of(packed: bytes) -> str:
    """Decode a report."""
    return zlib.decompress(packed).decode()
