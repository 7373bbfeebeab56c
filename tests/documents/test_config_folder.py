"""Every file in `config/` works: configurations load, and recipes parse and call commands that exist."""

import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker

from orchestrator import ExitCode, Rehearsal, RunOutcome, parse_config, run
from orchestrator._version import __version__
from orchestrator.config import json_schema, load_config
from tests.support.recipes import COMMANDS, CONFIG, Words, commands_in, config_of, name_of, parse
from tests.support.recipes import RECIPES as RECIPES_FOLDER

CONFIGURATIONS = sorted(CONFIG.glob("*.yaml"))
RECIPES = sorted(path for path in RECIPES_FOLDER.rglob("*") if path.is_file())
EVERY_FILE = sorted(path for path in CONFIG.rglob("*") if path.is_file() and "pictures" not in path.parts)
SERVICES_OF_ALL = 5
"""How many services the simulator gives to an environment of which nothing is known."""


WORDS = {f"{name_of(path)} {index}": words for path in EVERY_FILE for index, words in enumerate(commands_in(path))}
SCHEDULES = {name: words for name, words in WORDS.items() if words[0] == "schedule" and words[1] != "CONFIG"}


def test_the_folder_holds_what_it_promises() -> None:
    assert {path.name for path in CONFIGURATIONS} == {
        "demo.yaml",
        "minimal.yaml",
        "gate.yaml",
        "nightly.yaml",
        "unattended.yaml",
        "fleet.yaml",
    }
    assert len(RECIPES) == 11


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=name_of)
def test_a_configuration_loads_with_an_empty_environment(path: Path) -> None:
    assert load_config(path, environ={}).environment_specs()


class EditorLoader(yaml.SafeLoader):
    """Reads YAML as editors do: a date is text."""


EditorLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=name_of)
def test_a_configuration_fits_the_schema(path: Path) -> None:
    validator = Draft202012Validator(json_schema(), format_checker=FormatChecker())
    validator.validate(yaml.load(path.read_text(encoding="utf-8"), EditorLoader))


@pytest.mark.parametrize("path", [*CONFIGURATIONS, *RECIPES], ids=name_of)
def test_a_file_begins_with_what_it_is_for(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize("name", ["nightly.yaml", "unattended.yaml"])
def test_what_a_configuration_offers_in_comments_is_valid(name: str) -> None:
    text = (CONFIG / name).read_text(encoding="utf-8")
    before, offer, after = text.partition("Remove the # of what you want:\n#\n")
    assert offer
    config = parse_config(before + "\n" + re.sub(r"^# ", "", after, flags=re.MULTILINE), source=name, environ={})
    assert config.ping is not None
    assert config.notify is not None


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=name_of)
def test_a_configuration_says_how_to_run_it(path: Path) -> None:
    assert any(words[:2] == ["run", f"config/{path.name}"] for words in commands_in(path))


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=name_of)
def test_a_configuration_can_be_rehearsed_and_succeeds(path: Path) -> None:
    report = run(load_config(path, environ={}), rehearsal=Rehearsal())
    assert (report.outcome, report.exit_code) == (RunOutcome.SUCCEEDED, ExitCode.SUCCEEDED)
    assert all(environment.services for environment in report.environments)


def test_the_demo_has_three_environments_a_dozen_services_waves_and_a_check() -> None:
    specs = load_config(CONFIG / "demo.yaml", environ={}).environment_specs()
    services = [
        SERVICES_OF_ALL if isinstance(spec.services, str) else sum(map(len, spec.services.values())) for spec in specs
    ]
    assert (len(specs), sum(services)) == (3, 12)
    assert len({spec.wave for spec in specs}) >= 2
    assert any(spec.checks for spec in specs)


@pytest.mark.parametrize("path", RECIPES, ids=name_of)
def test_every_recipe_runs_a_command_but_those_that_only_start_or_tell(path: Path) -> None:
    runs = any(words[0] in ("run", "schedule") for words in commands_in(path))
    is_silent = path.name in ("qovery-restart-due.timer", "qovery-restart-failed@.service", "Dockerfile")
    assert runs != is_silent


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS.keys())
def test_every_command_names_a_configuration_that_exists_and_options_that_there_are(words: Words) -> None:
    config = parse(words).get("config") or "demo.yaml"
    assert config == "FILE" or config_of(["", config]).is_file(), words


@pytest.mark.parametrize("words", SCHEDULES.values(), ids=SCHEDULES.keys())
def test_what_a_recipe_keeps_the_schedule_of_has_one_that_forgives_a_late_start(words: Words) -> None:
    schedule = load_config(config_of(words), environ={}).schedule
    assert schedule is not None
    assert (schedule.on_missed, schedule.window is not None) == ("run", True)


@pytest.mark.parametrize("path", [path for path in RECIPES if "schedule" in {each[0] for each in commands_in(path)}])
def test_it_is_said_for_whom_each_recipe_of_a_schedule_is(path: Path) -> None:
    text = (CONFIG / "README.md").read_text(encoding="utf-8")
    section = text.partition("## Every night: which recipe for whom\n")[2].partition("\n## ")[0]
    assert path.name in section or path.with_suffix(".timer").name in section


@pytest.mark.parametrize("path", RECIPES, ids=name_of)
def test_a_recipe_installs_the_version_that_it_was_written_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    versions = re.findall(r"qovery-restart(?:==|:|@v)(\d[\w.]*)|ARG VERSION=(\S+)", text)
    assert {"".join(each) for each in versions} <= {__version__}
    assert not re.search(r"pip install (?:-\S+ )*qovery-restart(?!==)", text)
    assert ":latest" not in text


@pytest.mark.parametrize("path", RECIPES, ids=name_of)
def test_a_recipe_sets_variables_that_the_command_line_knows(path: Path) -> None:
    known = {option.envvar for command in COMMANDS.values() for option in command.params}
    assert set(re.findall(r"QOVERY_RESTART_\w+", path.read_text(encoding="utf-8"))) <= known


def test_the_map_of_the_folder_names_every_file() -> None:
    text = (CONFIG / "README.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"^\| \[`([^`]+)`\]\(\1\) \|", text, re.MULTILINE))
    assert linked == {name_of(path) for path in EVERY_FILE} - {"README.md"}
