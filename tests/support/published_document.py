"""The published OpenAPI document: its operations, its schemas, and documents made from them.

The document is not part of this repository; `QOVERY_OPENAPI` says where it is.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, unique
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

VARIABLE = "QOVERY_OPENAPI"
Json = Any
Schema = Mapping[str, Any]

_SAMPLES = {
    "uuid": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
    "date-time": "2026-11-24T03:00:00.123456Z",
    "duration": "PT1M30S",
    "uri": "https://icons.example.test/icon.svg",
    "cron": "0 3 * * *",
}


@unique
class Fill(Enum):
    """How full a document is made."""

    REQUIRED = "required fields only"
    ALL = "all fields"
    NULLS = "all fields, null where they may be"
    EMPTY = "all fields, lists empty where they may be"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of the document."""

    method: str
    path: str
    body: Mapping[str, Any]
    shared: tuple[Mapping[str, Any], ...]


class Published:
    """The document."""

    def __init__(self, document: Json) -> None:
        self._document = document

    def operation(self, method: str, path: str) -> Operation:
        """Find the operation that a request to `path` is, a path without parameters before one with some."""
        for template in sorted(self._document["paths"], key=lambda template: template.count("{")):
            item = self._document["paths"][template]
            pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))
            if re.fullmatch(pattern, path) and method.lower() in item:
                return Operation(
                    method=method, path=template, body=item[method.lower()], shared=tuple(item.get("parameters", ()))
                )
        raise AssertionError(f"the published document has no {method} {path}")

    def query_parameters(self, operation: Operation) -> dict[str, Schema]:
        """Return the schema of each parameter that may stand in the operation's query."""
        declared = [self.resolve(each) for each in (*operation.shared, *operation.body.get("parameters", ()))]
        return {each["name"]: each["schema"] for each in declared if each["in"] == "query"}

    def request_schema(self, operation: Operation) -> Schema | None:
        """Return the schema of what is sent, None where nothing is."""
        content = operation.body.get("requestBody", {}).get("content", {})
        schema: Schema | None = content.get("application/json", {}).get("schema")
        return schema

    def answer_schema(self, operation: Operation) -> Schema | None:
        """Return the schema of a good answer, None where there is no body."""
        (status,) = (status for status in operation.body["responses"] if status.startswith("2"))
        content = operation.body["responses"][status].get("content", {})
        schema: Schema | None = content.get("application/json", {}).get("schema")
        return schema

    def schema(self, name: str) -> Schema:
        """Return a schema by its name."""
        schema: Schema = self._document["components"]["schemas"][name]
        return schema

    def resolve(self, schema: Schema) -> Schema:
        """Follow a reference, if it is one."""
        while "$ref" in schema:
            found: Any = self._document
            for key in schema["$ref"].removeprefix("#/").split("/"):
                found = found[key]
            schema = found
        return schema

    def validator(self, schema: Schema) -> Validator:
        """Make a validator; OpenAPI 3.0 says `nullable`, and its `oneOf` often fits twice."""
        components = {"components": {"schemas": self._document["components"]["schemas"]}}
        return Draft202012Validator(
            _as_json_schema({**schema, **components}), format_checker=Draft202012Validator.FORMAT_CHECKER
        )

    def samples(self, schema: Schema, fill: Fill) -> Iterator[Json]:
        """Yield documents: one for each alternative of the outermost `oneOf`s, one where there is none."""
        schema = self.resolve(schema)
        if "oneOf" in schema:
            for alternative in schema["oneOf"]:
                yield from self.samples(alternative, fill)
        elif schema.get("type") == "object" and "results" in schema.get("properties", {}):
            items = self.resolve(schema["properties"]["results"])["items"]
            yield {**self.sample(schema, fill), "results": list(self.samples(items, fill))}
        else:
            yield self.sample(schema, fill)

    def sample(self, schema: Schema, fill: Fill) -> Json:
        """Make one document."""
        schema = self.resolve(schema)
        if schema.get("nullable") and fill is Fill.NULLS:
            return None
        if "allOf" in schema:
            whole: dict[str, Json] = {}
            for part in schema["allOf"]:
                made = self.sample(part, fill)
                if not isinstance(made, dict):
                    return made
                whole |= made
            return whole
        if "oneOf" in schema:
            return self.sample(schema["oneOf"][0], fill)
        if "enum" in schema:
            return schema["enum"][0]
        return self._of_type(schema, fill)

    def _of_type(self, schema: Schema, fill: Fill) -> Json:
        match schema.get("type"):
            case "string":
                return schema.get("example") or _SAMPLES.get(schema.get("format", ""), "some text")
            case "integer" | "number":
                return schema.get("minimum", 0) + 1
            case "boolean":
                return True
            case "array":
                if fill is Fill.EMPTY and not schema.get("minItems"):
                    return []
                return [self.sample(schema["items"], fill)]
            case _:
                properties = schema.get("properties", {})
                wanted = schema.get("required", ()) if fill is Fill.REQUIRED else properties
                return {name: self.sample(properties[name], fill) for name in wanted if name in properties}


def _as_json_schema(schema: Json) -> Json:
    if isinstance(schema, list):
        return [_as_json_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    translated = {key: _as_json_schema(value) for key, value in schema.items()}
    if isinstance(translated.get("oneOf"), list):
        translated["anyOf"] = translated.pop("oneOf")
    if translated.pop("nullable", None) is True:
        return {"anyOf": [{"type": "null"}, translated]}
    return translated


def published() -> Published:
    """Read the document, or skip the test where nobody says where it is."""
    path = os.environ.get(VARIABLE)
    if not path:
        pytest.skip(f"the environment variable {VARIABLE} does not say where the published document is")
    return Published(json.loads(Path(path).read_text(encoding="utf-8")))
