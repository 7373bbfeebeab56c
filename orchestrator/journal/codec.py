"""How the journal writes down values: JSON by their types."""

import json
import zlib
from collections.abc import Iterable
from dataclasses import replace

from pydantic import TypeAdapter

from orchestrator.inflight import Intent, Sighting
from orchestrator.outcomes import EnvironmentResult
from orchestrator.plan import Target

_TARGET = TypeAdapter(Target)
_INTENT = TypeAdapter(Intent)
_SIGHTING = TypeAdapter(Sighting)
_RESULT = TypeAdapter(EnvironmentResult)


def target_to_text(target: Target) -> str:
    """Write down a target, without its checks: their URLs may hold secrets, and the configuration has them."""
    return _TARGET.dump_json(replace(target, checks=())).decode()


def target_of(text: str) -> Target:
    """Read a target, which has no checks yet."""
    return _TARGET.validate_json(text)


def intent_to_text(intent: Intent) -> str:
    """Write down an intent."""
    return _INTENT.dump_json(intent).decode()


def intent_of(text: str) -> Intent:
    """Read an intent."""
    return _INTENT.validate_json(text)


def sighting_to_text(sighting: Sighting) -> str:
    """Write down a sighting."""
    return _SIGHTING.dump_json(sighting).decode()


def sighting_of(text: str | None) -> Sighting:
    """Read a sighting; nothing was seen where there is none."""
    return Sighting() if text is None else _SIGHTING.validate_json(text)


def result_to_text(result: EnvironmentResult) -> str:
    """Write down a result."""
    return _RESULT.dump_json(result).decode()


def result_of(text: str) -> EnvironmentResult:
    """Read a result."""
    return _RESULT.validate_json(text)


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
