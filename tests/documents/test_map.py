"""The map of `orchestrator`: it names what is there, and its answers to "where would I add …?" hold."""

import re
from pathlib import Path

import pytest

from orchestrator.config import json_schema
from orchestrator.domain.evidence import Doubt
from orchestrator.domain.outcomes import EXIT_CODE_ORDER, ExitCode, Reason, run_outcome_of
from orchestrator.domain.ownership import Ours, Standing, Trace
from orchestrator.domain.states import STATES_BY_CLASS, State
from orchestrator.domain.verdict import Finding
from orchestrator.reports.formats import FORMATS
from orchestrator.restart import settlement
from tests.support.guide import README, ROOT, page

PACKAGE = ROOT / "orchestrator"
MAP = (PACKAGE / "README.md").read_text(encoding="utf-8")
ROOMS = sorted(path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name[0] not in "._")
DETAILED = ("domain", "schedules", "restart", "runs")


def section(title: str) -> str:
    """The text under a heading of the map, up to the next one of any level."""
    _, heading, rest = MAP.partition(f"{title}\n")
    assert heading, f"the map has no section {title}"
    return re.split(r"^#+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def modules(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.py") if not path.name.startswith("_")}


def test_the_map_has_a_line_for_every_room() -> None:
    assert sorted(re.findall(r"^\| `(\w+)/` \|", section("## Four storeys"), re.MULTILINE)) == ROOMS


def test_the_map_names_every_module_of_the_hall() -> None:
    assert modules(PACKAGE) <= set(re.findall(r"`(\w+\.py)`", section("## Four storeys")))


@pytest.mark.parametrize("room", DETAILED)
def test_the_map_has_a_line_for_every_module(room: str) -> None:
    named = re.findall(r"^\| `(\w+\.py)` \|", section(f"### `{room}/`"), re.MULTILINE)
    assert sorted(named) == sorted(modules(PACKAGE / room))


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_says_in_one_sentence_what_belongs_there(room: str) -> None:
    assert (PACKAGE / room / "__init__.py").read_text(encoding="utf-8").startswith('"""')


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`(\w+/\w+\.py)`", MAP))))
def test_every_module_that_the_map_names_exists(path: str) -> None:
    assert (PACKAGE / path).is_file()


# Where would I add …?


def answer(question: str) -> str:
    (found,) = re.findall(
        rf"^- \*\*{question}.*?\*\*: (.*?)(?=^- |\Z)", section("## Where would I add …?"), re.MULTILINE | re.DOTALL
    )
    return str(found)


def test_a_state_is_added_to_the_list_and_to_one_class() -> None:
    assert "`domain/states.py`" in answer("A state")
    assert [sum(state in states for states in STATES_BY_CLASS.values()) for state in State] == [1] * len(State)


def test_an_exit_code_is_added_to_the_order_the_outcomes_and_the_readme() -> None:
    assert "`domain/outcomes.py`" in answer("An exit code")
    assert set(EXIT_CODE_ORDER) == set(ExitCode)
    assert all(run_outcome_of(code) for code in ExitCode)
    assert all(re.search(rf"^\| {code.value} \|", README, re.MULTILINE) for code in ExitCode)


def test_a_standing_and_a_trace_are_added_with_their_sentences() -> None:
    assert "`restart/settlement.py`" in answer("A reason")
    for standing in Standing:
        assert settlement.cancel_attempted(Ours(standing=standing)).endswith(".")
    for trace in Trace:
        assert settlement.unconfirmed(Reason.DEADLINE, looked_for=1.0, saw=trace).message.endswith(".")
    assert all(code.value in page("codes") for codes in (Doubt, Finding) for code in codes)


def test_a_report_format_is_added_to_the_registry_the_guide_and_the_tests() -> None:
    assert "`reports/formats.py`" in answer("A report format")
    tests = {path.name for path in (ROOT / "tests" / "unit" / "reports").glob("test_*.py")}
    for each in FORMATS:
        module = each.renderer.partition(":")[0].rpartition(".")[2]
        assert f"test_{module}.py" in tests, f"{each.suffix} has no rendering test"
        assert f"`{each.suffix}`" in page("gate")


def keys_of(schema: dict[str, object]) -> set[str]:
    """Every key that a configuration file may have, at any depth."""
    found: set[str] = set()

    def visit(node: object) -> None:
        if isinstance(node, dict):
            properties = node.get("properties")
            if isinstance(properties, dict):
                found.update(properties)
            for value in node.values():
                visit(value)
        elif isinstance(node, list):
            for value in node:
                visit(value)

    visit(schema)
    return found


@pytest.mark.parametrize("key", sorted(keys_of(json_schema())))
def test_an_option_of_the_file_is_shown_in_the_guide(key: str) -> None:
    assert "`configuration.md`" in answer("An option of the file")
    assert re.search(rf"\b{key}:|`{key}`", page("configuration"))
