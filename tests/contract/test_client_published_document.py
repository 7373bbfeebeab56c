"""The client against the published OpenAPI document: it calls only what is there, and reads whatever may come."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Literal, get_args, get_origin

import httpx
import pytest

from orchestrator.config.sections import ANY_ORIGIN, ApiConfig
from orchestrator.domain.observations import API_ORIGIN, RUN_IS_OVER, Observation
from orchestrator.domain.plan import ServiceType
from orchestrator.domain.states import State
from orchestrator.errors import MalformedAnswerError
from orchestrator.qovery.names import MODE_UNKNOWN, why_not
from orchestrator.qovery.platform import QoveryPlatform
from tests.contract.test_client_requests import EXCHANGES, SERVICES, Exchange, each_exchange
from tests.support.http import ENVIRONMENT, asked
from tests.support.published_document import Fill, Operation, Published, Schema, published

REQUIRED_LISTS = {"stages", "results"}
each_fill = pytest.mark.parametrize("fill", Fill, ids=lambda fill: fill.name.lower())


@pytest.fixture(scope="module")
def document() -> Published:
    return published()


def sent_by(ask: Callable[[QoveryPlatform], Awaitable[object]], answer: Any = None) -> httpx.Request:  # noqa: ANN401 - any JSON
    requests: list[httpx.Request] = []

    def serve(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json=answer)

    asked(ask, transport=httpx.MockTransport(serve))
    (request,) = requests
    return request


def answered(ask: Callable[[QoveryPlatform], Awaitable[Any]], answer: Any) -> Any:  # noqa: ANN401 - any JSON, any answer
    return asked(ask, transport=httpx.MockTransport(lambda request: httpx.Response(200, json=answer)))


def operation_of(document: Published, exchange: Exchange) -> Operation:
    request = sent_by(exchange.ask, exchange.answer)
    return document.operation(request.method, request.url.path)


def schema_of(document: Published, exchange: Exchange) -> Schema:
    schema = document.answer_schema(operation_of(document, exchange))
    assert schema is not None
    return schema


TEMPLATES = {
    "read_statuses": "/environment/{environmentId}/statusesWithStages",
    "read_hints": "/project/{projectId}/environment/status",
    "find_runs": "/environment/{environmentId}/deploymentHistoryV2",
    "read_queue": "/environment/{environmentId}/deploymentQueue",
    "submit_restart": "/environment/{environmentId}/service/restart-service",
    "cancel_request": "/deploymentQueue/{deploymentRequestId}/cancelDeployment",
    "cancel_run": "/environment/{environmentId}/cancelDeployment",
    "environment": "/environment/{environmentId}",
    "organizations": "/organization",
    "projects": "/organization/{organizationId}/project",
    "environments": "/project/{projectId}/environment",
    "organization_environments": "/organization/{organizationId}/environments",
    "organization_services": "/organization/{organizationId}/services",
    "services": "/environment/{environmentId}/services",
}


@pytest.mark.parametrize(("name", "template"), TEMPLATES.items(), ids=TEMPLATES.keys())
def test_every_operation_that_the_client_uses_is_published(document: Published, name: str, template: str) -> None:
    assert set(TEMPLATES) == set(EXCHANGES)
    operation = operation_of(document, EXCHANGES[name])
    assert operation.path == template


@each_exchange
def test_every_query_parameter_is_published_and_of_its_type(document: Published, exchange: Exchange) -> None:
    request = sent_by(exchange.ask, exchange.answer)
    declared = document.query_parameters(document.operation(request.method, request.url.path))
    for name, value in request.url.params.items():
        assert name in declared
        document.validator(declared[name]).validate(json.loads(value))


@each_exchange
def test_every_body_is_as_published(document: Published, exchange: Exchange) -> None:
    request = sent_by(exchange.ask, exchange.answer)
    schema = document.request_schema(document.operation(request.method, request.url.path))
    if schema is None:
        assert request.content == b""
    else:
        body = json.loads(request.content)
        document.validator(schema).validate(body)
        assert body.keys() <= document.resolve(schema)["properties"].keys()


def test_the_submit_names_every_kind_of_service_that_the_request_knows_and_no_other(document: Published) -> None:
    body = json.loads(sent_by(EXCHANGES["submit_restart"].ask, EXCHANGES["submit_restart"].answer).content)
    assert {service.type for service in SERVICES} == set(ServiceType)
    assert body.keys() == document.schema("RebootServicesRequest")["properties"].keys()
    assert all(body.values())


# Answers.

WITH_ANSWERS = {name: exchange for name, exchange in EXCHANGES.items() if name != "cancel_request"}
each_answered = pytest.mark.parametrize("exchange", WITH_ANSWERS.values(), ids=WITH_ANSWERS.keys())


@each_answered
@each_fill
def test_the_documents_that_these_tests_make_are_valid(document: Published, exchange: Exchange, fill: Fill) -> None:
    schema = schema_of(document, exchange)
    made = list(document.samples(schema, fill))
    assert made
    for sample in made:
        document.validator(schema).validate(sample)


@each_answered
@each_fill
def test_whatever_is_published_as_an_answer_is_read(document: Published, exchange: Exchange, fill: Fill) -> None:
    for sample in document.samples(schema_of(document, exchange), fill):
        try:
            answered(exchange.ask, sample)
        except MalformedAnswerError:
            # The document requires no list of any answer. One without its list says nothing, and must not pass for
            # one that says "none".
            assert fill is Fill.REQUIRED
            assert not REQUIRED_LISTS & sample.keys()


def test_a_full_reading_of_the_statuses_has_every_kind_of_service_in_it(document: Published) -> None:
    (sample,) = document.samples(document.schema("EnvironmentStatusesWithStages"), Fill.ALL)
    (stage,) = sample["stages"]
    kinds = stage.keys() - {"stage"}
    for kind in kinds:
        stage[kind][0]["id"] = kind
    observation = answered(EXCHANGES["read_statuses"].ask, sample)
    assert isinstance(observation, Observation)
    assert set(observation.services) == kinds
    assert observation.environment_state is not None
    assert observation.last_execution_id is not None
    assert all(status.execution_id and status.requests_waiting for status in observation.services.values())


def test_a_glance_at_a_project_says_of_each_environment_what_the_reading_of_its_statuses_says(
    document: Published,
) -> None:
    (sample,) = document.samples(document.schema("EnvironmentStatus"), Fill.ALL)
    hints = answered(EXCHANGES["read_hints"].ask, {"results": [sample]})
    reading = answered(EXCHANGES["read_statuses"].ask, {"environment": sample, "stages": []})
    (hint,) = hints.values()
    assert hints.keys() == {sample["id"].lower()} == {hint.environment_id}
    assert (hint.state, hint.execution_id) == (reading.environment_state, reading.last_execution_id)
    assert hint.state is not None
    assert hint.execution_id is not None


@pytest.mark.parametrize("fill", [Fill.REQUIRED, Fill.ALL], ids=lambda fill: fill.name.lower())
def test_a_run_of_the_history_is_read_in_full_where_it_has_but_what_is_required(
    document: Published, fill: Fill
) -> None:
    sample = document.sample(document.schema("DeploymentHistoryEnvironmentV2"), fill)
    (run,) = answered(EXCHANGES["find_runs"].ask, {"results": [sample]})
    assert run.execution_id == sample["identifier"]["execution_id"]
    assert (run.action, run.status) == (sample["trigger_action"], sample["action_status"])
    assert run.services
    assert run.created_at is not None
    assert run.triggered_by
    assert run.origin == sample["auditing_data"].get("origin")


@pytest.mark.parametrize("fill", [Fill.REQUIRED, Fill.ALL], ids=lambda fill: fill.name.lower())
def test_a_request_of_the_queue_is_read_in_full_where_it_has_but_what_is_required(
    document: Published, fill: Fill
) -> None:
    sample = document.sample(document.schema("QueuedDeploymentRequestWithStages"), fill)
    (request,) = answered(EXCHANGES["read_queue"].ask, {"results": [sample]})
    assert request.request_id == sample["identifier"]["deployment_request_id"]
    assert request.action == sample["trigger_action"]
    assert request.service_ids
    assert request.triggered_by
    assert request.origin == sample["auditing_data"].get("origin")


@pytest.mark.parametrize("fill", [Fill.REQUIRED, Fill.ALL], ids=lambda fill: fill.name.lower())
def test_a_service_of_every_published_kind_is_known_by_id_name_and_type(document: Published, fill: Fill) -> None:
    kinds = document.schema("ServiceTypeEnum")["enum"]
    items = schema_of(document, EXCHANGES["services"])["properties"]["results"]["items"]
    mapping = items["discriminator"]["mapping"]
    assert set(mapping) == set(kinds)
    for kind, reference in mapping.items():
        for sample in document.samples({"$ref": reference}, fill):
            (service,) = answered(EXCHANGES["services"].ask, {"results": [sample | {"service_type": kind}]})
            assert service.id
            assert service.name
            assert service.service_type == kind
            assert (why_not(service) is None) == (kind in ("APPLICATION", "CONTAINER", "DATABASE"))


@pytest.mark.parametrize("fill", [Fill.REQUIRED, Fill.ALL], ids=lambda fill: fill.name.lower())
def test_the_list_of_an_organization_says_of_each_service_where_it_is_and_of_no_database_its_mode(
    document: Published, fill: Fill
) -> None:
    (sample,) = document.samples(document.schema("ServiceLightResponse"), fill)
    (service,) = answered(EXCHANGES["organization_services"].ask, {"results": [sample | {"service_type": "DATABASE"}]})
    assert (service.id, service.name) == (sample["id"], sample["name"])
    assert service.environment_id == sample["environment_id"]
    assert "mode" not in sample
    assert why_not(service) == MODE_UNKNOWN


@pytest.mark.parametrize("fill", [Fill.REQUIRED, Fill.ALL], ids=lambda fill: fill.name.lower())
def test_the_list_of_an_organization_says_of_each_environment_in_which_project_it_is(
    document: Published, fill: Fill
) -> None:
    (sample,) = document.samples(document.schema("OrganizationEnvironmentResponse"), fill)
    (environment,) = answered(EXCHANGES["organization_environments"].ask, {"results": [sample]})
    assert (environment.id, environment.name) == (sample["id"], sample["name"])
    assert environment.project.id == sample["project"]["id"]
    assert environment.organization.id == sample["organization"]["id"]


@pytest.mark.parametrize("mode", ["CONTAINER", "MANAGED"])
def test_a_database_says_in_its_required_fields_whether_it_can_restart(document: Published, mode: str) -> None:
    assert set(document.schema("DatabaseModeEnum")["enum"]) == {"CONTAINER", "MANAGED"}
    sample = document.sample(document.schema("Database"), Fill.REQUIRED)
    assert "mode" in sample
    (service,) = answered(EXCHANGES["services"].ask, {"results": [sample | {"service_type": "DATABASE", "mode": mode}]})
    assert (why_not(service) is None) == (mode == "CONTAINER")


# Words.


def test_the_published_states_are_the_states_that_we_know(document: Published) -> None:
    assert {state.value for state in State} == set(document.schema("StateEnum")["enum"])


@pytest.mark.parametrize("state", State, ids=str)
def test_every_state_arrives_as_it_was_sent(document: Published, state: State) -> None:
    sample = document.sample(document.schema("EnvironmentStatusesWithStages"), Fill.ALL)
    sample["environment"]["state"] = state.value
    sample["stages"][0]["containers"][0] |= {"state": state.value, "id": SERVICES[1].id}
    document.validator(document.schema("EnvironmentStatusesWithStages")).validate(sample)
    observation = answered(EXCHANGES["read_statuses"].ask, sample)
    assert observation.services[SERVICES[1].id].state == state
    assert observation.environment_state == state


def test_the_ends_of_a_run_and_its_action_are_published_words(document: Published) -> None:
    assert set(document.schema("DeploymentHistoryActionStatus")["enum"]) >= RUN_IS_OVER
    assert "RESTART" in document.schema("DeploymentHistoryTriggerAction")["enum"]


@pytest.mark.parametrize("schema", ["OrganizationEventOrigin", "EnvironmentStatusEventOriginEnum"])
def test_the_published_origins_are_those_that_a_configuration_can_name(document: Published, schema: str) -> None:
    (choices,) = (each for each in get_args(ApiConfig.model_fields["origin"].annotation) if get_origin(each) is Literal)
    assert set(document.schema(schema)["enum"]) | {ANY_ORIGIN} == set(get_args(choices))
    assert API_ORIGIN in document.schema(schema)["enum"]


def test_a_409_is_published_where_the_client_makes_a_busy_environment_of_it(document: Published) -> None:
    operation = operation_of(document, EXCHANGES["submit_restart"])
    assert operation.body["responses"]["409"]["description"] == "Operation is in progress"
    assert operation.path.replace("{environmentId}", ENVIRONMENT) == EXCHANGES["submit_restart"].path
