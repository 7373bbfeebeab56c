"""The command line is documented where people look: in `--help`, in the README, and in the guide."""

import re
from collections.abc import Mapping

import pytest
from typer.core import TyperCommand, TyperOption
from typer.main import get_command
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.domain.history import History, PastRestart, PastRun, RunState, figures_of_restarts, figures_of_runs
from orchestrator.domain.outcomes import EXIT_CODE_ORDER, ExitCode
from orchestrator.reports.formats import FORMATS, listed_formats
from orchestrator.reports.history import history_document
from tests.support.builders import ENVIRONMENT, NOON, ended
from tests.support.guide import README, page

COMMANDS: Mapping[str, TyperCommand] = vars(get_command(app))["commands"]
"""By name. Typer may or may not be built on an installed click, so no type of click's is used here."""

CONTRACT = {
    "--output", "--log-format", "--log-level", "--report", "--only", "--simulate", "--seed", "--world", "--deadline",
    "--progress", "--no-color", "--verbose", "--quiet", "--state-dir", "--since", "--limit",
    "--application", "--container", "--database", "--all-services",
}  # fmt: skip
"""The options that people script against, as far as they exist."""
NOT_FROM_THE_ENVIRONMENT = "--simulate"
"""No variable turns a real run into a rehearsal."""
OWN_VARIABLES = {("schema", "--report"): "QOVERY_RESTART_SCHEMA_REPORT"}
"""Those whose name does not follow from the option: QOVERY_RESTART_REPORT names the files of a run's report."""


RUN = PastRun(
    run_id="r",
    parent_id=None,
    source=None,
    started_at=NOON,
    ended_at=None,
    state=RunState.INTERRUPTED,
    outcome=None,
    exit_code=None,
    duration_s=1.0,
    outcomes={},
    open=1,
    resume=None,
)
RESTART = PastRestart(
    run_id="r",
    source=None,
    name="production",
    environment_id=ENVIRONMENT,
    started_at=NOON,
    state=RunState.ENDED,
    result=ended(),
    resume=None,
)
OF_ONE = History(since=NOON, figures=figures_of_restarts([RESTART]), environments=(ENVIRONMENT,), restarts=(RESTART,))


def options_of(command: TyperCommand) -> list[TyperOption]:
    return [parameter for parameter in command.params if isinstance(parameter, TyperOption)]


def long_name(option: TyperOption) -> str:
    return next(name for name in option.opts if name.startswith("--"))


OPTIONS = [
    pytest.param(name, option, id=f"{name} {long_name(option)}")
    for name, command in COMMANDS.items()
    for option in options_of(command)
    if long_name(option) != NOT_FROM_THE_ENVIRONMENT
]


def help_of(*command: str) -> str:
    result = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"})
    assert result.exit_code == 0
    return result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_shows_its_options_and_an_example(name: str) -> None:
    text = help_of(name)

    for option in options_of(COMMANDS[name]):
        assert long_name(option) in text
    assert "Examples" in text
    assert f"qovery-restart {name}" in text.partition("Examples")[2]


def test_the_help_of_the_whole_lists_every_command_and_every_exit_code() -> None:
    text = help_of()

    for name in COMMANDS:
        assert re.search(rf"^\W*{name}\s", text, re.MULTILINE), name
    codes = text.partition("Exit codes:")[2]
    assert {int(code) for code in re.findall(r"\d+", codes)} == {code.value for code in ExitCode}


@pytest.mark.parametrize(("command", "option"), OPTIONS)
def test_every_option_has_its_variable_and_its_help_names_it(command: str, option: TyperOption) -> None:
    name = long_name(option)
    expected = OWN_VARIABLES.get((command, name), f"QOVERY_RESTART_{name.removeprefix('--').replace('-', '_').upper()}")

    assert option.envvar == expected
    assert option.help
    assert expected in help_of(command)


@pytest.mark.parametrize("command", ["run", "restart", "watch", "plan"])
def test_the_option_for_a_rehearsal_has_no_variable_and_its_help_says_so(command: str) -> None:
    (option,) = (each for each in options_of(COMMANDS[command]) if long_name(each) == NOT_FROM_THE_ENVIRONMENT)

    assert option.envvar is None
    assert "Has no environment variable." in " ".join(help_of(command).replace("│", " ").split())


def test_the_options_of_the_contract_exist() -> None:
    assert {long_name(option) for command in COMMANDS.values() for option in options_of(command)} >= CONTRACT


def test_the_help_of_report_lists_every_format() -> None:
    (option,) = (option for option in options_of(COMMANDS["run"]) if long_name(option) == "--report")
    assert option.help is not None
    assert listed_formats() in option.help


def test_the_guides_sentence_about_report_lists_every_format_and_no_other() -> None:
    gate = " ".join(page("gate").split())
    sentence = re.search(r"`--report FILE`.*?\.(?= )", gate)
    assert sentence, "gate.md has no sentence about `--report FILE`"
    listed = re.findall(r"`(\.\w+)`(?: \((\w+)\))?", sentence[0])
    assert listed == [(each.suffix, each.name) for each in FORMATS]


def test_the_guide_names_every_format_that_may_stand_before_a_file() -> None:
    gate = " ".join(page("gate").split())
    sentence = re.search(r"name the format:.*?\((.*?)\)", gate)
    assert sentence, "gate.md does not say how to name a format"
    named = set(re.findall(r"`(\w+)`", sentence[1]))
    assert all(named & set(each.prefixes) for each in FORMATS)
    assert named <= {prefix for each in FORMATS for prefix in each.prefixes}


def test_the_guide_names_every_key_of_the_history_in_json() -> None:
    history_of_all = page("when-it-fails").partition("## What happened before")[2]
    named = set(re.findall(r"`(\w+)`", history_of_all))
    for history in (History(since=NOON, figures=figures_of_runs(()), runs=(RUN,)), OF_ONE):
        document = history_document(history)
        listed = [*document.get("runs", ()), *document.get("restarts", ())]
        assert listed
        assert {*document, *document["figures"], *(key for each in listed for key in each)} <= named


def test_the_readme_has_a_table_of_every_exit_code_and_of_no_other() -> None:
    _, heading, table = README.partition("| code | meaning |\n")
    assert heading, "README.md has no table `| code | meaning |`"
    rows = table.partition("\n\n")[0].splitlines()[1:]
    codes = [int(code) for row in rows for code in re.findall(r"\d+", row.split("|")[1])]

    assert sorted(codes) == sorted(code.value for code in ExitCode)
    assert len(EXIT_CODE_ORDER) == len(codes)
