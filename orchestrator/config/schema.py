"""The configuration file's JSON Schema, for completion and checks in editors."""

from typing import Any

from orchestrator.config.environments import KINDS, LOCATORS
from orchestrator.config.models import Config
from orchestrator.config.sections import BLACKOUT_KINDS, TOKEN_PLACES
from orchestrator.config.telling import KINDS as DESTINATIONS
from orchestrator.domain.durations import PATTERN, format_duration

_PLACEHOLDER = {"type": "string", "pattern": r"\$\{[A-Za-z_]", "description": "An environment variable."}
_FREE_TEXT = {"type", "minLength", "examples"}
"""A text with no keywords but these may be anything, including a placeholder."""


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the configuration file.

    Every value that is not free text may also be a `${VARIABLE}`.
    """
    schema = Config.model_json_schema()
    parts = schema["$defs"]
    for part in ("TokenConfig", "PlaceConfig"):
        parts[part]["oneOf"] = [{"required": [key]} for key in TOKEN_PLACES]
    parts["DestinationConfig"]["oneOf"] = [{"required": [key]} for key in DESTINATIONS]
    several = {"not": {"anyOf": [{"required": [key]} for key in ("start", "failure")]}}
    parts["PingConfig"]["oneOf"] = [
        *({"required": [key], **several} for key in TOKEN_PLACES),
        {"required": ["success"]},
    ]
    parts["EnvironmentConfig"]["oneOf"] = [{"required": [key]} for key in LOCATORS]
    parts["BlackoutConfig"]["oneOf"] = [
        {"required": list(kind), "not": {"anyOf": [{"required": [key]} for key in other]}}
        for kind, other in (BLACKOUT_KINDS, reversed(BLACKOUT_KINDS))
    ]
    parts["ServicesConfig"]["anyOf"] = [{"required": [key]} for key in KINDS]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_for_editors(schema),
        "title": "qovery-restart configuration",
        "description": "What qovery-restart restarts, and how.",
    }


def _for_editors(schema: dict[str, Any]) -> dict[str, Any]:
    """Return `schema` without pydantic's titles and null defaults, and with placeholders."""
    written = {key: _rewritten(key, value) for key, value in schema.items() if key != "title"}
    default = written.get("default")
    if default is None or isinstance(default, dict | list):
        written.pop("default", None)  # The default is to leave the key out; there is no value to suggest.
    elif schema.get("pattern") == PATTERN:
        written["default"] = format_duration(default)
    if (
        schema.get("type") not in ("integer", "string")
        or schema.keys() - {"title", "description", "default"} <= _FREE_TEXT
    ):
        return written
    about: dict[str, Any] = {key: written.pop(key) for key in ("description", "default") if key in written}
    return {**about, "anyOf": [written, _PLACEHOLDER]}


def _rewritten(key: str, value: Any) -> Any:  # noqa: ANN401 - any JSON
    match key, value:
        case (("properties" | "$defs"), dict()):
            return {name: _for_editors(part) for name, part in value.items()}
        case (("default" | "examples" | "enum" | "required" | "discriminator"), _):
            return value
        case _, dict():
            return _for_editors(value)
        case _, list():
            return [_for_editors(part) if isinstance(part, dict) else part for part in value]
    return value
