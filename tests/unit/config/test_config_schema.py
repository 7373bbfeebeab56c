"""The JSON Schema says what the models say, and editors can use it."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker

from orchestrator.config import json_schema
from orchestrator.config.models import Config
from orchestrator.domain.durations import parse_duration
from tests.support.config_texts import ALL_OF_IT, EVERYTHING, GOOD, ID, environment, mistakes, top

Json = Any

VALIDATOR = Draft202012Validator(json_schema(), format_checker=FormatChecker())


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema())
    assert json_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json_schema()["title"] == "qovery-restart configuration"


def test_a_file_with_every_key_fits() -> None:
    VALIDATOR.validate(yaml.safe_load(EVERYTHING))


PLACEHOLDERS = """
version: ${V:-1}
api: {url: "${U}", token: {env: "${E}"}, requests_per_hour: "${N}", request_timeout: "${T:-5s}"}
defaults: {deadline: "${D}", on_busy: "${B}", poll: {min: "${M}s"}}
strategy: {max_parallel: "${N}", max_failures: "${F}%"}
environments: [{name: "${A}", id: "${I}", services: "${S:-all}", wave: "${W}", verify: [{http: "https://${H}/"}]}]
schedule: {cron: "${C}", timezone: "${Z}", on_missed: "${O}"}
"""


def test_a_variable_fits_wherever_a_value_does() -> None:
    VALIDATOR.validate(yaml.safe_load(PLACEHOLDERS))


BROKEN = {
    "no version": GOOD,
    "version 2": f"version: 2\n{GOOD}",
    "unknown key": top("enviroment: []"),
    "no environments": "version: 1\n",
    "empty environments": "version: 1\nenvironments: []\n",
    "section left empty": top("defaults:"),
    "token as text": top("api: {token: qov_123}"),
    "token in two places": top("api: {token: {env: A, file: b}}"),
    "token nowhere": top("api: {token: {}}"),
    "token in place of its variable's name": top("api: {token: {env: a.b.c}}"),
    "url without scheme": top("api: {url: api.qovery.com}"),
    "url with user information": top("api: {url: 'https://a:b@c'}"),
    "base url with a query": top("api: {url: 'https://a?b=c'}"),
    "quota 0": top("api: {requests_per_hour: 0}"),
    "duration without unit": top("defaults: {deadline: 30}"),
    "duration with a unit too large": top("defaults: {deadline: 1d}"),
    "key left empty": top("defaults: {deadline: }"),
    "no such choice": top("defaults: {on_busy: wiat}"),
    "number in quotes": top("strategy: {max_parallel: '5'}"),
    "budget below 0": top("strategy: {max_failures: -1}"),
    "budget in quotes": top("strategy: {max_failures: '2'}"),
    "cron of four fields": top("schedule: {cron: 0 3 * *}"),
    "schedule without cron": top("schedule: {timezone: UTC}"),
    "neither id nor path": environment("services: all"),
    "id and path": environment(f"path: a/b/c\n{ALL_OF_IT}"),
    "no UUID": environment("id: 3c90\nservices: all"),
    "path of two parts": environment("path: a/b\nservices: all"),
    "services missing": environment(f"id: {ID}"),
    "services as a list": environment(f"id: {ID}\nservices: [api]"),
    "services misspelt": environment(f"id: {ID}\nservices: everything"),
    "no services": environment(f"id: {ID}\nservices: {{}}"),
    "empty list of services": environment(f"id: {ID}\nservices: {{applications: []}}"),
    "service twice": environment(f"id: {ID}\nservices: {{applications: [a, a]}}"),
    "wave 0": environment(f"{ALL_OF_IT}wave: 0"),
    "check without url": environment(f"{ALL_OF_IT}verify: [{{status: 200}}]"),
    "status 600": environment(f"{ALL_OF_IT}verify: [{{http: 'https://a', status: 600}}]"),
    "checks left empty": environment(f"{ALL_OF_IT}verify:"),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_what_the_schema_can_tell_it_refuses_as_the_tool_does(text: str) -> None:
    assert mistakes(text)
    assert not VALIDATOR.is_valid(yaml.safe_load(text))


def _parts(schema: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    if isinstance(schema, dict):
        yield path, schema
        for key, value in schema.items():
            yield from _parts(value, f"{path}/{key}")
    elif isinstance(schema, list):
        for index, value in enumerate(schema):
            yield from _parts(value, f"{path}/{index}")


def test_it_offers_null_nowhere_for_null_is_refused_everywhere() -> None:
    for path, part in _parts(json_schema()):
        assert part.get("type") != "null", path
        assert part.get("default", "") is not None, path


def test_unknown_keys_are_refused_everywhere() -> None:
    for path, part in _parts(json_schema()):
        if part.get("type") == "object":
            assert part["additionalProperties"] is False, path


def test_every_key_is_described_and_no_title_repeats_its_name() -> None:
    schema = json_schema()
    for path, part in _parts(schema):
        for name, value in part.get("properties", {}).items():
            said = value.get("description") or schema["$defs"][value["$ref"].rpartition("/")[2]].get("description")
            assert said, f"{path}/{name}"
            assert "title" not in value, f"{path}/{name}"


def test_every_default_is_one_that_could_be_written_and_means_what_the_models_say() -> None:
    schema = json_schema()
    defaults = {
        (name, key): value["default"]
        for name, part in schema["$defs"].items()
        for key, value in part["properties"].items()
        if "default" in value
    }
    for (name, key), default in defaults.items():
        rule = Draft202012Validator({"$defs": schema["$defs"], **schema["$defs"][name]["properties"][key]})
        rule.validate(default)
    assert parse_duration(defaults["StrategyConfig", "run_deadline"]) == 14400.0
    assert parse_duration(defaults["ApiConfig", "request_timeout"]) == 30.0
    assert defaults["StrategyConfig", "max_failures"] == 0
    assert defaults["EnvironmentConfig", "wave"] == 1


def test_its_keys_are_the_models_keys() -> None:
    assert list(json_schema()["properties"]) == list(Config.model_fields)
