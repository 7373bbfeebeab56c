"""What the end-to-end tests share: a simulated platform on a port, and a schema to hold reports to."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.support.command import Running, environ, run


@pytest.fixture(scope="session")
def simulator() -> Iterator[str]:
    """The URL of a calm simulated platform, which is sixty times as fast as the real one."""
    with Running.start("simulate", "--port", "0", "--speed", "60", env=environ()) as server:
        yield server.wait_for("simulator_listening")["url"]


@pytest.fixture(scope="session")
def validate() -> Callable[[dict[str, Any]], None]:
    """Hold a report to the schema that the command itself publishes."""
    schema = json.loads(run("schema", "--report", env=environ()).stdout)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return validator.validate
