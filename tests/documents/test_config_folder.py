"""Every file in `config/` works: configurations load, and recipes parse and call commands that exist."""

import configparser
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
import yaml
from jsonschema import Draft202012Validator, FormatChecker

from orchestrator import ExitCode, Rehearsal, RunOutcome, run
from orchestrator.cli.app import app
from orchestrator.config import json_schema, load_config

FOLDER = Path(__file__).parents[2] / "config"
CONFIGURATIONS = sorted(FOLDER.glob("*.yaml"))
RECIPES = sorted(path for path in (FOLDER / "recipes").rglob("*") if path.is_file())
EVERY_FILE = sorted(path for path in FOLDER.rglob("*") if path.is_file())
LIMIT = re.compile(
    r"^ *(timeout-minutes: |timeout: |TimeoutStartSec=|activeDeadlineSeconds: )(\d+)(m|h)?\b", re.MULTILINE
)
UNITS = {"m": 60, "h": 3600, "timeout-minutes: ": 60, "activeDeadlineSeconds: ": 1}
SERVICES_OF_ALL = 5
"""How many services the simulator gives to an environment of which nothing is known."""


def _name(path: Path) -> str:
    return str(path.relative_to(FOLDER))


def test_the_folder_holds_what_it_promises() -> None:
    assert {path.name for path in CONFIGURATIONS} == {
        "demo.yaml",
        "minimal.yaml",
        "gate.yaml",
        "nightly.yaml",
        "fleet.yaml",
    }
    assert len(RECIPES) == 5


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=_name)
def test_a_configuration_loads_with_an_empty_environment(path: Path) -> None:
    assert load_config(path, environ={}).environment_specs()


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=_name)
def test_a_configuration_fits_the_schema(path: Path) -> None:
    validator = Draft202012Validator(json_schema(), format_checker=FormatChecker())
    validator.validate(yaml.safe_load(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", [*CONFIGURATIONS, *RECIPES], ids=_name)
def test_a_file_begins_with_what_it_is_for(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=_name)
def test_a_configuration_says_how_to_run_it(path: Path) -> None:
    assert any(words[:2] == ["run", f"config/{path.name}"] for words in _commands(path))


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=_name)
def test_a_configuration_can_be_rehearsed_and_succeeds(path: Path) -> None:
    report = run(load_config(path, environ={}), rehearsal=Rehearsal())
    assert (report.outcome, report.exit_code) == (RunOutcome.SUCCEEDED, ExitCode.SUCCEEDED)
    assert all(environment.services for environment in report.environments)


def test_the_demo_has_three_environments_a_dozen_services_waves_and_a_check() -> None:
    specs = load_config(FOLDER / "demo.yaml", environ={}).environment_specs()
    services = [
        SERVICES_OF_ALL if isinstance(spec.services, str) else sum(map(len, spec.services.values())) for spec in specs
    ]
    assert (len(specs), sum(services)) == (3, 12)
    assert len({spec.wave for spec in specs}) >= 2
    assert any(spec.checks for spec in specs)


@pytest.mark.parametrize("path", [path for path in RECIPES if path.suffix in (".yml", ".yaml")], ids=_name)
def test_a_recipe_is_yaml(path: Path) -> None:
    documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    assert documents
    assert all(isinstance(document, dict) for document in documents)


@pytest.mark.parametrize("path", [path for path in RECIPES if path.suffix in (".service", ".timer")], ids=_name)
def test_a_unit_of_systemd_is_an_ini_file_with_the_sections_that_it_needs(path: Path) -> None:
    unit = configparser.RawConfigParser(strict=True, delimiters="=")
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # the documented way to keep the case of keys
    unit.read_string(path.read_text(encoding="utf-8"))
    assert {"Unit", path.suffix.removeprefix(".").capitalize()} <= set(unit.sections())


@pytest.mark.parametrize("path", RECIPES, ids=_name)
def test_a_recipe_outlasts_the_run_deadline_of_the_configuration_that_it_runs(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    seconds = [int(number) * UNITS[unit or key] for key, number, unit in LIMIT.findall(text)]
    configs = [FOLDER / Path(words[1]).name for words in _commands(path) if words[0] == "run"]
    assert len(seconds) == len(configs)
    for config in configs:
        assert min(seconds) > load_config(config, environ={}).run_strategy().run_deadline


@pytest.mark.parametrize("path", EVERY_FILE, ids=_name)
def test_every_command_names_a_configuration_that_exists_and_options_that_there_are(path: Path) -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # with several commands it is a group
    for words in _commands(path):
        # Making the context parses the words as the command line does, and runs nothing.
        given = commands[words[0]].make_context(words[0], words[1:]).params
        config = given.get("config") or "demo.yaml"
        assert config == "FILE" or (FOLDER / Path(config).name).is_file(), words


def test_there_are_commands_to_check_in_every_recipe_that_runs_one() -> None:
    silent = {_name(path) for path in RECIPES if not any(words[0] == "run" for words in _commands(path))}
    assert silent == {"recipes/systemd/qovery-restart.timer"}


def test_the_map_of_the_folder_names_every_file() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"^\| \[`([^`]+)`\]\(\1\) \|", text, re.MULTILINE))
    assert linked == {_name(path) for path in EVERY_FILE} - {"README.md"}


def _commands(path: Path) -> Iterator[list[str]]:
    """Yield the words after `qovery-restart` of every command line in a file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    starts = re.compile(r"^(?:#   |run: |- |ExecStart(?:Pre)?=-?|exec |- run: |.*`)?(qovery-restart [a-z].*?)(?:`.*)?$")
    for line in lines:
        match = starts.match(line.strip())
        if match:
            words = shlex.split(match[1], comments=True)[1:]
            yield words[: words.index(">")] if ">" in words else words
