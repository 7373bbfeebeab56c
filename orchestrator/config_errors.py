"""Pydantic's findings in words for whoever wrote the file: where, what was expected, what was found instead."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from orchestrator.yaml_source import Document, Path, Problem

_EXPECTED: Mapping[str, str] = {
    "bool_type": "expected true or false",
    "dict_type": "expected a mapping",
    "float_type": "expected a number",
    "int_type": "expected a whole number",
    "list_type": "expected a list",
    "model_type": "expected a mapping",
    "string_type": "expected text",
    "string_too_short": "expected some text",
    "too_short": "expected at least one",
}
_VARIANTS = ("all", "lists")
"""The tags of a choice between two shapes: part of pydantic's path, not of the file's."""
_LONGEST_VALUE = 60


def explain(error: ValidationError, document: Document, model: type[BaseModel]) -> Iterator[Problem]:
    """Yield every finding, with its place in the file."""
    for finding in error.errors(include_url=False, include_context=True):
        path = tuple(part for part in finding["loc"] if not (part in _VARIANTS and "services" in finding["loc"]))
        if any(problem.path == path for problem in document.problems):
            continue  # Its value could not even be read, and that has been said.
        if finding["type"] == "extra_forbidden":
            place = document.keys.get(path) or document.place_of(path)
            suggestion = did_you_mean(str(path[-1]), _keys_at(model, path[:-1]))
            yield Problem(place, path, f"unknown key{suggestion}")
        else:
            hidden = any(path[: len(hidden)] == hidden for hidden in document.from_environment)
            yield Problem(document.place_of(path), path, _message(finding, hide_value=hidden))


def explain_unlocated(error: ValidationError) -> list[str]:
    """Return every finding without a place, for what did not come from a file."""
    return [_message(finding, hide_value=False) for finding in error.errors(include_url=False)]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean "…"?` where something known is near, else what is known."""
    known = list(known)
    by_folded = {each.casefold(): each for each in known}
    close = get_close_matches(word.casefold(), by_folded, n=1)
    if close:
        return f'; did you mean "{by_folded[close[0]]}"?'
    return f"; expected one of {', '.join(known)}" if known else ""


def _message(finding: Mapping[str, Any], *, hide_value: bool) -> str:
    kind, value = finding["type"], finding["input"]
    context = finding.get("ctx", {})
    match kind:
        case "missing":
            return "missing"
        case "literal_error":
            return _not_one_of(str(context["expected"]), value, hide_value=hide_value)
        case "greater_than_equal":
            expected = f"expected at least {context['ge']}"
        case "less_than_equal":
            expected = f"expected at most {context['le']}"
        case "value_error":
            expected = str(context["error"])
        case _:
            expected = _EXPECTED.get(kind, finding["msg"])
    return expected + _found(value, hide_value=hide_value)


def _not_one_of(expected: str, value: object, *, hide_value: bool) -> str:
    choices = [choice.strip("'") for choice in expected.replace(" or ", ", ").split(", ")]
    words = f"expected {' or '.join(choices)}{_found(value, hide_value=hide_value)}"
    close = get_close_matches(str(value).casefold(), choices, n=1) if isinstance(value, str) and not hide_value else []
    return f'{words}; did you mean "{close[0]}"?' if close else words


def _found(value: object, *, hide_value: bool) -> str:
    """Say what stands there instead, unless it is a secret, or too much to say."""
    if hide_value or isinstance(value, BaseModel):
        return ""
    match value:
        case None:
            return ", found nothing"
        case bool():
            return f", found {str(value).lower()}"
        case str() if len(value) <= _LONGEST_VALUE:
            return f', found "{value}"'
        case int() | float():
            return f", found {value}"
        case list():
            return ", found a list" if value else ", found an empty list"
        case dict():
            return ""
        case _:
            return ""


def _keys_at(model: type[BaseModel], path: Path) -> Sequence[str]:
    """Return the keys that are known at `path` of a model."""
    current: type[BaseModel] | None = model
    for part in path:
        if isinstance(part, int):
            continue
        if current is None or part not in current.model_fields:
            return ()
        current = next(_models_in(current.model_fields[part].annotation), None)
    return list(current.model_fields) if current is not None else ()


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - any annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
