"""How the journal writes down values: JSON by their types."""

import json
import zlib
from collections.abc import Iterable
from dataclasses import replace
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
            f"The journal is damaged: it holds what cannot be read ({error.error_count()} problems). "
            "Move it away to begin a new one, and look at the environments of unfinished runs first."
        ) from None


def target_to_text(target: Target) -> str:
    """Write down a target, without its checks: their URLs may hold secrets, and the configuration has them."""
    return _TARGET.dump_json(replace(target, checks=())).decode()


def target_of(text: str) -> Target:
    """Read a target, which has no checks yet."""
    return _read(_TARGET, text)


def intent_to_text(intent: Intent) -> str:
    """Write down an intent."""
    return _INTENT.dump_json(intent).decode()


def intent_of(text: str) -> Intent:
    """Read an intent."""
    return _read(_INTENT, text)


def sighting_to_text(sighting: Sighting) -> str:
    """Write down a sighting."""
    return _SIGHTING.dump_json(sighting).decode()


def sighting_of(text: str | None) -> Sighting:
    """Read a sighting; nothing was seen where there is none."""
    return Sighting() if text is None else _read(_SIGHTING, text)


def result_to_text(result: EnvironmentResult) -> str:
    """Write down a result."""
    return _RESULT.dump_json(result).decode()


def result_of(text: str) -> EnvironmentResult:
    """Read a result."""
    return _read(_RESULT, text)


def ids_to_text(ids: Iterable[str]) -> str:
    """Write down ids."""
    return json.dumps(sorted(ids))


def ids_of(text: str) -> frozenset[str]:
    """Read ids."""
    return frozenset(json.loads(text))


def report_to_bytes(report: str) -> bytes:
    """Write down a report; a large fleet's is mostly repetition."""
    return zlib.compress(report.encode())


def report_of(packed: bytes) -> str:
    """Read a report."""
    return zlib.decompress(packed).decode()
