"""Reads the recipes in `config/recipes`: their command lines, systemd's units, Kubernetes' objects, the Dockerfile."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import typer.main
import yaml
from typer.core import TyperCommand

from orchestrator.cli.app import app
from orchestrator.cli.inputs import PREFIX, Inputs, command_line

CONFIG = Path(__file__).parents[2] / "config"
RECIPES = CONFIG / "recipes"
COMMANDS: Mapping[str, TyperCommand] = vars(typer.main.get_command(app))["commands"]
Words = Sequence[str]

_START = r"^(?:#   |run: |- |- run: |Exec\w+=-?|.*`|.*(?:\|\||&&|exec) )?(?:/[\w./-]*/)?"
_LINE = re.compile(rf"{_START}qovery-restart ([a-z].*?)(?:`.*)?$")
_ACTION = re.compile(r"[\w-]+/qovery-restart@")
_SPAN = re.compile(r"(?:(\d+)\s*h(?:ours?)?)?\s*(?:(\d+)\s*m(?:in)?)?\s*(?:(\d+)\s*s?)?")


def name_of(path: Path) -> str:
    """Return a file's path in `config`, for the id of a test."""
    return str(path.relative_to(CONFIG))


def commands_in(path: Path) -> Iterator[Words]:
    """Yield the words after `qovery-restart` of every command line in a file, also of containers and of the action."""
    text = path.read_text(encoding="utf-8")
    for line in text.splitlines():
        if match := _LINE.match(line.strip()):
            words = shlex.split(match[1], comments=True)
            yield list(takewhile(lambda word: word not in (">", "|"), words))
    for step in action_steps(path) if path.suffix == ".yml" else ():
        environ = {PREFIX + name.replace("-", "_").upper(): str(value) for name, value in step["with"].items()}
        inputs = Inputs(environ)
        inputs.text("token")
        command, *options, _, subject = command_line(inputs, Path("/tmp"))
        yield [command, subject, *options]
    for document in objects_in(path) if path.suffix == ".yaml" else ():
        if (pod := pod_of(document)) is not None:
            yield from (container["args"] for container in pod["containers"])


def action_steps(path: Path) -> list[dict[str, Any]]:
    """Return the steps of a workflow that use the action."""
    jobs = [job for document in objects_in(path) for job in document.get("jobs", {}).values()]
    steps = [step for job in jobs for step in job["steps"]]
    return [step for step in steps if _ACTION.match(step.get("uses", ""))]


def parse(words: Words) -> dict[str, Any]:
    """Return the parameters that the command line makes of some words; it raises if it does not know one."""
    command = COMMANDS[words[0]]
    # Making the context parses the words as the command line does, and runs nothing.
    return command.make_context(words[0], list(words[1:])).params


def config_of(words: Words) -> Path:
    """Return the configuration that a command line of a recipe runs."""
    return CONFIG / Path(words[1]).name


def seconds(text: str | int) -> float:
    """Return a span as systemd and GitLab write it, `5h 30m`, in seconds."""
    match = _SPAN.fullmatch(str(text).strip())
    assert match is not None, text
    assert any(match.groups()), text
    hours, minutes, rest = (int(each or 0) for each in match.groups())
    return hours * 3600 + minutes * 60 + rest


def read_unit(path: Path) -> dict[str, dict[str, list[str]]]:
    """Return a systemd unit: sections, keys, and the values of each key in their order."""
    unit: dict[str, dict[str, list[str]]] = {}
    section = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith(("#", ";")):
            continue
        if line.startswith("["):
            assert line.endswith("]"), line
            section = line[1:-1]
            assert section not in unit, f"{path.name} has two sections {section}"
            unit[section] = {}
            continue
        key, is_setting, value = line.partition("=")
        assert is_setting, f"{path.name}: {line}"
        assert key.isalnum(), f"{path.name}: {line}"
        unit[section].setdefault(key, []).append(value)
    return unit


def objects_in(path: Path) -> list[dict[str, Any]]:
    """Return the documents of a YAML file."""
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def pod_of(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the pod's specification in a Kubernetes object; None if it runs none."""
    match document:
        case {"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": {"spec": pod}}}}}:
            return dict(pod)
        case {"kind": "Deployment", "spec": {"template": {"spec": pod}}}:
            return dict(pod)
    return None


def read_dockerfile(path: Path) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile and their arguments, comments and line breaks removed."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    split = (line.partition(" ") for line in joined.splitlines() if line.strip())
    return [(instruction, arguments.strip()) for instruction, _, arguments in split]
