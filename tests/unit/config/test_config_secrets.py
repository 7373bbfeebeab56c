"""What messages never show, and what no file can do: end in anything but a configuration or its mistakes."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config import Config, parse_config
from orchestrator.config.environments import EnvironmentConfig, ServicesConfig
from orchestrator.errors import ConfigError
from tests.support.config_texts import (
    ALL_OF_IT,
    EXPECTED_DURATION,
    EXPECTED_TOKEN,
    ID,
    SECRET,
    environment,
    mistakes,
    top,
)

Json = Any

# What came from the environment, and secrets


def test_an_unset_variable_is_one_line_whatever_its_value_was_to_be() -> None:
    text = environment(f"id: {ID}\nservices: all\ndeadline: ${{D}}\nwave: ${{W}}\npath: a/${{P}}/c")
    assert mistakes(text) == [
        "3:5: environments[0]: expected either id or path, found both",
        "6:15: environments[0].deadline: the environment variable D is not set; set it, or give a default: ${D:-…}",
        "7:11: environments[0].wave: the environment variable W is not set; set it, or give a default: ${W:-…}",
        "8:11: environments[0].path: the environment variable P is not set; set it, or give a default: ${P:-…}",
    ]


def test_two_names_with_unset_variables_are_not_called_the_same() -> None:
    first, second = (f"{{name: '${{{name}}}x', path: a/b/{name}, services: all}}" for name in "AB")
    lines = mistakes(f"version: 1\nenvironments: [{first}, {second}]")
    assert [line.partition(" ")[0] for line in lines] == ["2:23:", "2:68:"]


PLACES_FOR_A_SECRET = [
    pytest.param(top("api: {token: '${S}'}"), id="token"),
    pytest.param(top("api: {token: {env: '${S}'}}"), id="token's variable"),
    pytest.param(top("api: {token: {file: A, env: '${S}'}}"), id="token in two places"),
    pytest.param(top("api: {url: '${S}'}"), id="url"),
    pytest.param(top("api: {url: 'https://user:${S}@a'}"), id="password in a url"),
    pytest.param(top("api: {requests_per_hour: '${S}'}"), id="number"),
    pytest.param(top("api: '${S}'"), id="section"),
    pytest.param(top("defaults: {deadline: '${S}', on_busy: '${S}', poll: {min: '${S}'}}"), id="durations and choices"),
    pytest.param(top("strategy: {max_failures: '${S}', run_deadline: 'x${S}'}"), id="strategy"),
    pytest.param(top("schedule: {cron: '${S}', timezone: '${S}', on_missed: '${S}'}"), id="schedule"),
    pytest.param(environment("id: '${S}'\nservices: '${S}'"), id="id and services"),
    pytest.param(environment("path: '${S}'\nservices: {applications: '${S}'}"), id="path and list"),
    pytest.param(
        environment("path: a/b/c\nservices: {applications: ['${S}', '${S}']}"), id="a service that is listed twice"
    ),
    pytest.param(environment(f"{ALL_OF_IT}verify: ['${{S}}', {{http: '${{S}}', status: '${{S}}'}}]"), id="checks"),
    pytest.param("${S}", id="the whole file"),
]


@pytest.mark.parametrize("text", PLACES_FOR_A_SECRET)
def test_a_value_that_came_from_the_environment_is_never_shown(text: str) -> None:
    assert SECRET not in "".join(mistakes(text, S=SECRET))


def test_a_value_from_the_environment_is_told_by_the_name_of_its_variable() -> None:
    assert mistakes(top("strategy:\n  max_parallel: ${N}"), N="many") == [
        "3:17: strategy.max_parallel: expected a whole number; the value comes from the environment variable N"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(f"api: {{token: {SECRET}}}", f"2:14: api.token: {EXPECTED_TOKEN}", id="as text"),
        pytest.param(f"api: {{token: [{SECRET}]}}", f"2:14: api.token: {EXPECTED_TOKEN}", id="in a list"),
        pytest.param("api: {token: 123456}", f"2:14: api.token: {EXPECTED_TOKEN}", id="as a number"),
        pytest.param(
            f"api: {{token: {{value: {SECRET}}}}}",
            "2:15: api.token.value: unknown key; expected one of env, file",
            id="under a key of its own",
        ),
        pytest.param(
            f"api: {{token: {{evn: {SECRET}}}}}",
            '2:15: api.token.evn: unknown key; did you mean "env"?',
            id="under a misspelt key",
        ),
        pytest.param(
            f"api: {{token: {{env: {SECRET}}}}}",
            "2:20: api.token.env: "
            "expected the name of an environment variable, such as QOVERY_API_TOKEN, not the token itself",
            id="as the variable's name",
        ),
        pytest.param(
            "api: {token: {env: qov_123456}}",
            "2:20: api.token.env: "
            "expected the name of an environment variable, such as QOVERY_API_TOKEN, not the token itself",
            id="as the variable's name, looking like one",
        ),
        pytest.param(
            f"api: {{token: {{file: [{SECRET}]}}}}", "2:21: api.token.file: expected text", id="in a list of files"
        ),
        pytest.param(
            f"api: {{url: 'https://me:{SECRET}@a'}}",
            "2:12: api.url: expected a URL without user information; secrets do not belong in this file",
            id="in a url",
        ),
        pytest.param(
            f"defaults: {{deadline: 'https://me:{SECRET}@a'}}",
            f"2:22: defaults.deadline: {EXPECTED_DURATION}",
            id="in a url at the wrong place",
        ),
    ],
)
def test_a_secret_that_is_written_in_the_file_is_refused_and_not_repeated(text: str, expected: str) -> None:
    assert mistakes(top(text)) == [expected]


# Anything at all


def _keys(model: type[Any]) -> list[str]:
    return list(model.model_fields)


KEYS = st.sampled_from(
    [
        *_keys(Config),
        *_keys(EnvironmentConfig),
        *_keys(ServicesConfig),
        *("min", "max", "env", "file", "url", "token", "http", "status", "cron", "timezone"),
        *("max_failures", "requests_per_hour", "all", "x", "services ", "\n"),
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["all", "5m", "a/b/c", ID, "wait", "10%", "https://a", "0 3 * * *", "UTC", "${S}", "${UNSET}", "${"]
    ),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=30
)


@given(st.dictionaries(KEYS, VALUES, max_size=6), VALUES)
def test_whatever_the_structure_only_a_configuration_error_comes_out(content: Json, environments: Json) -> None:
    text = yaml.safe_dump({"version": 1, "environments": environments} | content, allow_unicode=True)
    _parse(text)


@given(st.one_of(st.text(), st.text("ab:-[]{}&*<>!|'\"#\n\t ,?${}%@", max_size=60)))
def test_whatever_the_text_only_a_configuration_error_comes_out(text: str) -> None:
    _parse(text)


def _parse(text: str) -> None:
    try:
        parse_config(text, source="any.yaml", environ={"S": SECRET})
    except ConfigError as error:
        assert error.problems  # noqa: PT017 - any file may go either way
        assert len(set(error.problems)) == len(error.problems)  # noqa: PT017 - the same
        for problem in error.problems:
            assert problem.startswith("any.yaml:")
            assert problem.isprintable()
            assert SECRET not in problem
