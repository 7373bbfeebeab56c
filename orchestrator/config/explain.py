"""Turns pydantic's validation errors into messages for the file's author: where, what was expected, what was found."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from orchestrator.config.yaml_errors import printable
from orchestrator.config.yaml_source import Document, Path, Problem
from orchestrator.text import fold

_EXPECTED: Mapping[str, str] = {
    "int_type": "expected a whole number",
    "list_type": "expected a list",
    "model_type": "expected a mapping",
    "string_type": "expected text",
    "string_too_short": "expected some text",
    "string_unicode": "expected text in UTF-8",
    "too_short": "expected at least one",
}
_RULE = "broken_rule"
_LONGEST_VALUE = 60
_MOST_CHOICES = 16
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?", re.ASCII)


def broken_rule(message: str) -> PydanticCustomError:
    """Return the error of a rule that concerns several keys of a model.

    Pydantic checks such rules only if every key is valid by itself. For a file, `orchestrator.config.rules` checks them
    against the content, and `explain` ignores these errors.
    """
    return PydanticCustomError(_RULE, message)


def explain(error: ValidationError, document: Document, model: type[BaseModel]) -> Iterator[Problem]:
    """Yield every error with its place in the file, except for values that the document already reports."""
    findings = [(file_path(finding["loc"]), finding) for finding in error.errors(include_url=False)]
    findings = [
        (path, finding) for path, finding in findings if path not in document.unreadable and finding["type"] != _RULE
    ]
    meant = {
        (*path[:-1], nearest(str(path[-1]), keys_at(model, path[:-1])))
        for path, finding in findings
        if finding["type"] == "extra_forbidden"
    }
    for path, finding in findings:
        if finding["type"] == "extra_forbidden":
            place = document.keys.get(path) or document.place_of(path)
            suggestion = did_you_mean(str(path[-1]), keys_at(model, path[:-1]))
            yield Problem(place, path, _message(finding, path=path) + suggestion)
        elif finding["type"] == "missing" and path in meant:
            continue  # It is there, misspelt.
        else:
            variable = document.from_environment.get(path)
            yield Problem(document.place_of(path), path, _message(finding, path=path, variable=variable))


def explain_unlocated(error: ValidationError) -> list[tuple[Path, str]]:
    """Return the path and the message of every error, for a configuration that did not come from a file."""
    findings = [(file_path(finding["loc"]), finding) for finding in error.errors(include_url=False)]
    return [(path, _message(finding, path=path)) for path, finding in findings]


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that `word` is most likely a misspelling of."""
    by_folded = {fold(each): each for each in known}
    close = get_close_matches(fold(word), by_folded, n=1)
    return by_folded[close[0]] if close else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean "…"?` if a known word is close, else the known words, unless there are too many."""
    known = list(known)
    close = nearest(word, known)
    if close is not None:
        return f'; did you mean "{printable(close)}"?'
    choices = ", ".join(printable(each) for each in known)
    return f"; expected one of {choices}" if 0 < len(known) <= _MOST_CHOICES else ""


def keys_at(model: type[BaseModel], path: Path) -> Sequence[str]:
    """Return the known keys at `path` of a model."""
    current = model
    for part in path:
        if isinstance(part, str):
            current = next(_models_in(current.model_fields[part].annotation))
    return [field.alias or name for name, field in current.model_fields.items()]


def path_text(path: Path) -> str:
    """Return a key path as text: `environments[0].verify[1].http`; in quotes what nobody would see without."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{_visible(printable(part))}" for part in path)
    return "".join(parts).removeprefix(".")


def _visible(key: str) -> str:
    return key if key and key == key.strip() else f'"{key}"'


def file_path(location: Path) -> Path:
    """Return pydantic's path without the tag that it adds for a union."""
    if location[0] == "environments" and location[2:3] == ("services",):
        return (*location[:3], *location[4:])
    return location


def _message(finding: Mapping[str, Any], *, path: Path, variable: str | None = None) -> str:
    kind, value = finding["type"], finding["input"]
    context = finding.get("ctx", {})
    choices: Sequence[str] = ()
    match kind:
        case "missing":
            return "required, but missing"
        case "extra_forbidden":
            return "unknown key"
        case "literal_error":
            choices = [choice.strip("'") for choice in str(context["expected"]).replace(" or ", ", ").split(", ")]
            expected = f"expected {' or '.join(choices)}"
        case "greater_than_equal":
            expected = f"expected at least {context['ge']}"
        case "less_than_equal":
            expected = f"expected at most {context['le']}"
        case "broken_rule":
            return str(finding["msg"])
        case "value_error":
            expected = str(context["error"])
        case _:
            expected = _EXPECTED.get(kind, finding["msg"])
    if variable is not None:
        return f"{expected}; the value comes from the environment variable {variable}"
    if _may_be_secret(path) or (isinstance(value, str) and "://" in value and "@" in value):
        return expected  # It may be a secret.
    close = nearest(value, choices) if isinstance(value, str) else None
    suggestion = f'; did you mean "{close}"?' if close else _about_quotes(expected, value)
    return f"{expected}{_found(value)}{suggestion}"


def _may_be_secret(path: Path) -> bool:
    """Return whether a secret may have been written at `path`, in place of where it is."""
    match path:
        case ("api" | "blocked_by", "token", *_) | ("blocked_by", int(), "token", *_) | ("ping", *_):
            return True
        case ("notify", "to", int(), *_):
            return True
    return False


def _about_quotes(expected: str, value: object) -> str:
    """Return advice about quotes, if they make the difference."""
    if isinstance(value, str) and "number" in expected and _NUMBER.fullmatch(value):
        return "; leave out the quotes"
    return ""


def _found(value: object) -> str:
    match value:
        case None:
            return ", found nothing"
        case bool():
            return f", found {str(value).lower()}"
        case str():
            shown = value if len(value) <= _LONGEST_VALUE else f"{value[:_LONGEST_VALUE]}…"
            return f', found "{printable(shown)}"'
        case list():
            return ", found a list" if value else ", found an empty list"
        case dict():
            return ", found a mapping" if value else ", found an empty mapping"
        case _:
            return f", found {value}"


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - any annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
