"""The configuration file: loading it, with errors that name the line, the column and what was expected."""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from orchestrator.config.explain import explain, file_path, path_text
from orchestrator.config.models import Config
from orchestrator.config.rules import broken_rules
from orchestrator.config.schema import json_schema
from orchestrator.config.sections import ScheduleConfig
from orchestrator.config.yaml_errors import printable
from orchestrator.config.yaml_source import Document, Place, Problem, read_document
from orchestrator.errors import ConfigError

LARGEST_FILE = 8 * 1024 * 1024
"""Bytes. What has more is no configuration, or has no end at all, as `/dev/zero`."""

__all__ = ["Config", "json_schema", "load_config", "parse_config"]


def load_config(path: str | Path, *, environ: Mapping[str, str] | None = None) -> Config:
    """Read a configuration file; `-` is standard input. Variables come from `environ`, by default this process's.

    Raises:
        ConfigError: with every problem of the file, each with its line and column.
    """
    source = "<stdin>" if str(path) == "-" else str(path)
    try:
        if source == "<stdin>":
            content = sys.stdin.buffer.read(LARGEST_FILE + 1) if sys.stdin is not None else b""
        else:
            with Path(path).open("rb") as file:
                content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigError([f"{source}: cannot be read: {error.strerror}"]) from error
    except ValueError:  # A null character: the operating system is not even asked.
        raise ConfigError([f"{printable(source)}: cannot be read: this is no name of a file"]) from None
    if len(content) > LARGEST_FILE:
        raise ConfigError([f"{source}: larger than {LARGEST_FILE // 1024**2} MiB; is it a configuration?"])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = Place.after(error.object[: error.start].decode())
        raise ConfigError([_line(source, Problem(place, (), "not UTF-8 text; save the file in UTF-8"))]) from None
    return parse_config(text, source=source, environ=environ)


def parse_config(text: str, *, source: str, environ: Mapping[str, str] | None = None) -> Config:
    """Read a configuration from `text`; errors call it `source`.

    Raises:
        ConfigError: with every problem, each with its line and column.
    """
    document = read_document(text, os.environ if environ is None else environ)
    problems = list(document.problems)
    config: Config | None = None
    if isinstance(document.content, dict):
        try:
            config = _validated(document)
        except ValidationError as error:
            problems += explain(error, document, Config)
        for path, message in broken_rules(document.content):
            if path not in document.unreadable:
                problems.append(Problem(document.place_of(path), path, message))
    elif not problems:
        found = {type(None): "nothing", list: "a list"}.get(type(document.content), "a single value")
        expected = f"expected a mapping that begins with `version: 1` and lists `environments`, found {found}"
        problems.append(Problem(document.place_of(()), (), expected))
    if config is None or problems:
        raise ConfigError([_line(source, problem) for problem in _in_order(problems)])
    config._source = source  # noqa: SLF001 - not part of the file, so not a field
    config._templates = dict(_secret_templates(document))  # noqa: SLF001 - the same
    config._places = dict(_places(document, source))  # noqa: SLF001 - the same
    config._lines = {  # noqa: SLF001 - the same
        environment.name: document.place_of(("environments", index)).line
        for index, environment in enumerate(config.environments)
    }
    return config


def _places(document: Document, source: str) -> Iterator[tuple[str, str]]:
    """Yield the keys that warnings speak of, and where they are; a key that is not set is where its section is."""
    for name in ScheduleConfig.model_fields:
        place = document.place_of(("schedule", name))
        yield f"schedule.{name}", f"{source}:{place.line}:{place.column}"


def _validated(document: Document) -> Config:
    """Validate a document; a value that has the wrong type, and may have another, is read as that."""
    try:
        return Config.model_validate(document.content)
    except ValidationError as error:
        findings = error.errors(include_url=False)
        wrong = {file_path(finding["loc"]): finding["type"] == "string_type" for finding in findings}
        if not [path for path, as_text in wrong.items() if document.reread(path, as_text=as_text)]:
            raise
    return Config.model_validate(document.content)


def _secret_templates(document: Document) -> Iterator[tuple[str, str]]:
    """Yield the URL of each check that used an environment variable, and its template as written in the file."""
    for path, template in document.templates.items():
        match path:
            case ("environments", int(), "verify", int(), "http"):
                yield str(document.value_at(path)).strip(), template


def _in_order(problems: Iterable[Problem]) -> Iterator[Problem]:
    """Yield each problem once, in the file's order: a problem behind an anchor shows again at each of its aliases."""
    seen = set()
    for problem in sorted(problems):
        identity = (problem.place, problem.path[-1:], problem.message)
        if identity not in seen:
            seen.add(identity)
            yield problem


def _line(source: str, problem: Problem) -> str:
    where = f"{source}:{problem.place.line}:{problem.place.column}"
    return f"{where}: {path_text(problem.path)}: {problem.message}" if problem.path else f"{where}: {problem.message}"
