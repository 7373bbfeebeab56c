"""The action's inputs and the command line that they make: no value becomes an option, none is silently dropped."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cli.inputs import PREFIX, Inputs, command_line
from orchestrator.errors import UsageError
from tests.support.recipes import parse

FOLDER = Path("/tmp/reports")
REPORTS = [
    f"--report=json:{FOLDER}/report.json",
    f"--report=junit:{FOLDER}/report.xml",
    f"--report=html:{FOLDER}/report.html",
    f"--report=comment:{FOLDER}/comment.md",
]
ID = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
SHOP = {"qovery-organization-name": "acme", "qovery-project-name": "shop/web", "qovery-environment-name": "staging"}


def words_of(**inputs: str) -> list[str]:
    return line_of({name.replace("_", "-"): value for name, value in inputs.items()})


def line_of(inputs: Mapping[str, str]) -> list[str]:
    environ = {PREFIX + name.replace("-", "_").upper(): value for name, value in inputs.items()}
    return command_line(Inputs({"PATH": "/bin", **environ}), FOLDER)


def test_a_file_is_run_and_reported() -> None:
    words = words_of(
        config="nightly.yaml", only="staging\n\n production \n", deadline="20m", wait_lock="5m", state_dir="s"
    )
    assert words == [
        "run", "--only=staging", "--only=production", "--deadline=20m", "--wait-lock=5m", *REPORTS, "--state-dir=s",
        "--", "nightly.yaml",
    ]  # fmt: skip


def test_an_environment_is_restarted_with_the_services_that_are_named() -> None:
    words = words_of(environment="acme/shop/staging", application="api\nweb, too", container="worker", database="db")
    assert words == [
        "restart", "--application=api", "--application=web, too", "--container=worker", "--database=db", *REPORTS,
        "--", "acme/shop/staging",
    ]  # fmt: skip
    assert words_of(environment=ID, all_services="true") == ["restart", "--all-services", *REPORTS, "--", ID]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        pytest.param("validate", ["validate", "--", "f.yaml"], id="validate"),
        pytest.param("plan", ["plan", "--", "f.yaml"], id="plan"),
        pytest.param("schedule", ["schedule", "--due", *REPORTS, "--", "f.yaml"], id="schedule"),
        pytest.param("", ["run", *REPORTS, "--", "f.yaml"], id="none"),
    ],
)
def test_a_file_may_be_looked_at_in_other_ways(command: str, words: list[str]) -> None:
    assert words_of(command=command, config="f.yaml") == words


def test_more_options_are_read_as_a_shell_reads_them() -> None:
    words = words_of(config="f.yaml", extra_args="--simulate --seed 7\n --world 'a=b c'")
    assert words == ["run", *REPORTS, "--simulate", "--seed", "7", "--world", "a=b c", "--", "f.yaml"]


def test_annotations_can_be_switched_off_and_are_on() -> None:
    assert "--no-annotations" in words_of(config="f.yaml", annotations="false")
    assert "--no-annotations" not in words_of(config="f.yaml", annotations="True")


def test_what_qoverys_action_called_them_is_understood() -> None:
    by_id = {"qovery-environment-id": ID, "qovery-organization-id": "o", "qovery-project-id": "p"}
    assert line_of({**by_id, "qovery-application-ids": "a1, a2", "qovery-database-id": "d1"}) == [
        "restart", "--application=a1", "--application=a2", "--database=d1", *REPORTS, "--", ID,
    ]  # fmt: skip
    assert line_of({**SHOP, "qovery-application-names": "api,web", "qovery-database-name": "db"}) == [
        "restart", "--application=api", "--application=web", "--database=db", *REPORTS, "--", "acme/shop%2Fweb/staging",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        pytest.param({}, "Give config, the path of a configuration file, or environment", id="nothing"),
        pytest.param({"config": "  "}, "Give config", id="spaces"),
        pytest.param({"config": "f", "environment": ID}, "environment: this does not go with run", id="both"),
        pytest.param({"config": "f", "application": "a"}, "application: this does not go with", id="services"),
        pytest.param({"environment": ID, "only": "a", "all-services": "1"}, "only: this does not", id="only"),
        pytest.param({"environment": ID}, "environment: say what restarts", id="no services"),
        pytest.param({"environment": ID, "all-services": "true", "database": "d"}, "not both", id="all and some"),
        pytest.param({"environment": ID, "all-services": "si"}, "expected true or false, not 'si'", id="a flag"),
        pytest.param({"command": "cancel", "config": "f"}, "expected run, schedule, plan", id="a command"),
        pytest.param({"command": "plan", "environment": ID}, "command: plan needs config", id="plan of an environment"),
        pytest.param({"command": "plan", "config": "f", "deadline": "5m"}, "deadline: this does not", id="a deadline"),
        pytest.param({"command": "validate", "config": "f", "state-dir": "s"}, "state-dir: this", id="a journal"),
        pytest.param({"config": "f", "extra-args": "--seed '7"}, "extra-args: these are no words", id="a quote"),
        pytest.param({"environment": ID, "qovery-environment-id": ID}, "are the same input", id="twice"),
        pytest.param({"qovery-project-name": "p"}, "Name the environment by", id="half a path"),
        pytest.param({"qovery-organization-id": "o"}, "Name the environment by", id="an organization alone"),
        pytest.param({**SHOP, "qovery-application-commit-id": "c0ffee"}, "deploys nothing", id="a commit"),
        pytest.param({"config": "f", "depth": "1"}, "depth: this does not go with", id="an input that there is not"),
    ],
)  # fmt: skip
def test_inputs_that_do_not_go_together_are_refused(inputs: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        line_of(inputs)


HOSTILE = st.sampled_from(
    [
        "--simulate",
        "-h",
        "--",
        "-",
        "a b",
        "$(id)",
        "`id`",
        "'\"",
        "a\\b",
        "*",
        "--only=x",
        "a=b",
        "~",
        "é",
        "::error::x",
    ]
) | st.text(st.characters(exclude_categories=["Cs", "Zl", "Zp", "Cc"]), min_size=1).filter(
    lambda text: text.strip() == text
)


@given(HOSTILE, HOSTILE, HOSTILE)
def test_any_value_arrives_as_that_value_and_nothing_else(config: str, only: str, state: str) -> None:
    given_names = only.splitlines()
    parameters = parse(words_of(config=config, only=only, state_dir=state))
    assert parameters["config"] == config
    assert list(parameters["only"]) == [name.strip() for name in given_names if name.strip()]
    assert parameters["simulate"] is False
    assert Path(str(parameters["state_dir"])) == Path(state)
