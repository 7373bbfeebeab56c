"""Every answer of the simulated platform is one that Qovery's published document promises."""

import asyncio
import json
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from orchestrator.simulator.dials import DEFAULT
from tests.support.simulator_client import Visit, run, visiting

VARIABLE = "QOVERY_OPENAPI"
ENVIRONMENT = "/environment/{environmentId}"
FORMATS = ("uuid", "date-time", "duration", "uri")

READINGS = (
    f"{ENVIRONMENT}/statusesWithStages",
    f"{ENVIRONMENT}/statuses",
    f"{ENVIRONMENT}/status",
    "/project/{projectId}/environment/status",
    f"{ENVIRONMENT}/deploymentQueue",
    "/environment/deploymentStatus",
    f"{ENVIRONMENT}/deploymentHistoryV2",
    ENVIRONMENT,
    f"{ENVIRONMENT}/services",
    f"{ENVIRONMENT}/deploymentStage",
    f"{ENVIRONMENT}/deploymentRule",
    "/organization",
    "/organization/{organizationId}/project",
    "/project/{projectId}/environment",
    "/organization/{organizationId}/environments",
    "/organization/{organizationId}/services",
)
"""Every call of the document that reads. A test makes sure that none is missing."""

COMMANDS = (
    f"{ENVIRONMENT}/service/restart-service",
    f"{ENVIRONMENT}/cancelDeployment",
    "/deploymentQueue/{deploymentRequestId}/cancelDeployment",
)

MOMENTS = (0.0, 1.0, 2.5, 5.0, 9.0, 20.0, 60.0)
"""Seconds after a restart was posted: invisible, queued, at work, over."""


@cache
def document() -> dict[str, Any]:
    path = os.environ.get(VARIABLE)
    if not path:
        pytest.skip(f"{VARIABLE} is not set to the path of Qovery's OpenAPI document")
    schema: dict[str, Any] = as_json_schema(json.loads(Path(path).read_text(encoding="utf-8")))
    return schema


def as_json_schema(node: Any) -> Any:  # noqa: ANN401 - JSON is anything
    """Say in JSON Schema what OpenAPI 3.0 says in words of its own: `nullable`, and what a discriminator means."""
    if isinstance(node, list):
        return [as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    schema = {key: as_json_schema(value) for key, value in node.items() if key not in ("example", "discriminator")}
    if isinstance(node.get("discriminator"), dict) and "oneOf" in node:
        del schema["oneOf"]
        schema |= discriminated(node["discriminator"])
    if node.get("nullable") is True:
        del schema["nullable"]
        return {"anyOf": [schema, {"type": "null"}]}
    return schema


def discriminated(discriminator: Mapping[str, Any]) -> dict[str, Any]:
    """A document whose kinds overlap is of the kind that it says it is, and of no other."""
    name, mapping = discriminator["propertyName"], discriminator["mapping"]
    return {
        "required": [name],
        "properties": {name: {"enum": list(mapping)}},
        "allOf": [
            {"if": {"properties": {name: {"const": value}}}, "then": {"$ref": reference}}
            for value, reference in mapping.items()
        ],
    }


@cache
def validator(path: str, method: str, status: int) -> Draft202012Validator | None:
    """What the document promises for an answer; None where it promises no body."""
    content = document()["paths"][path][method]["responses"][str(status)].get("content", {})
    if "application/json" not in content:
        return None
    schema = {**content["application/json"]["schema"], "components": document()["components"]}
    return Draft202012Validator(schema, format_checker=FormatChecker(FORMATS))


def assert_promised(path: str, method: str, status: int, body: bytes) -> None:
    promised = validator(path, method, status)
    if promised is None:
        return
    found = [f"{path} {error.json_path}: {error.message}" for error in promised.iter_errors(json.loads(body))]
    assert found == []


def places(visit: Visit, *, request_id: str | None) -> dict[str, str]:
    environment = visit.world.environments[visit.environment_id]
    return {
        "environmentId": environment.id,
        "projectId": environment.project.id,
        "organizationId": environment.organization.id,
        "deploymentRequestId": request_id or "",
    }


async def read_everything(visit: Visit, *, request_id: str | None = None) -> None:
    where = places(visit, request_id=request_id)
    for path in READINGS:
        parameters: dict[str, str | int] = {"deploymentRequestId": request_id or "", "pageSize": 5}
        answer = await visit.client.get(path.format(**where), params=parameters)
        assert answer.status_code == 200
        assert_promised(path, "get", 200, answer.content)


def test_every_call_of_the_document_is_simulated() -> None:
    calls = {(path, method) for path, item in document()["paths"].items() for method in item if method != "parameters"}
    assert calls == {(path, "get") for path in READINGS} | {(path, "post") for path in COMMANDS}


@pytest.mark.parametrize("seed", range(4))
def test_every_reading_keeps_the_documents_promises_at_every_moment_of_a_restart(seed: int) -> None:
    document()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with visiting(seed=seed) as visit:
            posted = await visit.restart("api", "web", "worker", "cache")
            assert_promised(COMMANDS[0], "post", posted.status_code, posted.content)
            began, request_id = loop.time(), posted.json()["deployment_request_id"]
            for moment in MOMENTS:
                await asyncio.sleep(max(0.0, began + moment - loop.time()))
                await read_everything(visit, request_id=request_id)

    run(main)


@pytest.mark.parametrize("seed", range(4))
def test_what_waits_and_what_is_cancelled_keeps_the_documents_promises(seed: int) -> None:
    document()

    async def main() -> None:
        async with visiting(seed=seed) as visit:
            await visit.restart("api", "ledger")
            await asyncio.sleep(8.0)
            waiting = (await visit.restart("web")).json()["deployment_request_id"]
            await asyncio.sleep(2.5)
            await read_everything(visit, request_id=waiting)
            where = places(visit, request_id=waiting)
            for path in reversed(COMMANDS[1:]):
                answer = await visit.client.post(path.format(**where), json={})
                assert answer.status_code == 202
                assert_promised(path, "post", 202, answer.content)
            for _ in range(5):
                await read_everything(visit, request_id=waiting)
                await asyncio.sleep(3.0)

    run(main)


@pytest.mark.parametrize("seed", range(6))
def test_every_world_that_the_seeds_make_keeps_the_documents_promises(seed: int) -> None:
    document()

    async def main() -> None:
        for profile in ("realistic", "hostile"):
            async with visiting(profile=profile, seed=seed, faultless=True, dials=DEFAULT) as visit:
                for _ in range(6):
                    await read_everything(visit)
                    await asyncio.sleep(20.0)

    run(main)


def test_a_false_answer_would_be_noticed() -> None:
    promised = validator(f"{ENVIRONMENT}/statusesWithStages", "get", 200)
    assert promised is not None
    status = {"id": "no-uuid", "state": "HIBERNATING"}
    found = {error.validator for error in promised.iter_errors({"stages": [{"applications": [status]}]})}
    assert found == {"required", "format", "enum"}


def test_a_service_of_the_wrong_shape_would_be_noticed() -> None:
    promised = validator(f"{ENVIRONMENT}/services", "get", 200)
    assert promised is not None

    async def main() -> list[dict[str, Any]]:
        async with visiting() as visit:
            return (await visit.get("/environment/{e}/services")).json()["results"]  # type: ignore[no-any-return]  # JSON

    services = run(main)
    assert len({service["service_type"] for service in services}) == 6
    for service in services:
        for other in {one["service_type"] for one in services} - {service["service_type"]} - {"APPLICATION"}:
            assert not promised.is_valid({"results": [{**service, "service_type": other}]})
