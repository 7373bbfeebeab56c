"""What the client sends, call by call, and what it makes of the answer that it hopes for."""

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import respx

from orchestrator._version import __version__
from orchestrator.domain.observations import Hint, Observation, QueuedRequest, Run, ServiceStatus, SubmitReceipt
from orchestrator.domain.plan import Service, ServiceType
from orchestrator.errors import PlatformError, ThrottledError
from orchestrator.qovery.platform import QoveryPlatform
from orchestrator.qovery.wire import WireEnvironment, WireLightService, WireNamed, WireReference, WireService
from tests.support.http import API, ENVIRONMENT, TOKEN, HandClock, asked
from tests.support.quota import quota_of

REQUEST_ID = "0c2f4b1e-8f5d-4a57-9d0a-1f5b6c7d8e9f"
EXECUTION = f"{ENVIRONMENT}-42"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhdXRoMHw1ZiJ9.c2lnbmF0dXJl"

SERVICES = (
    Service(id="11111111-1111-4111-8111-111111111111", name="api", type=ServiceType.APPLICATION),
    Service(id="22222222-2222-4222-8222-222222222222", name="worker", type=ServiceType.CONTAINER),
    Service(id="33333333-3333-4333-8333-333333333333", name="cache", type=ServiceType.DATABASE),
    Service(id="44444444-4444-4444-8444-444444444444", name="web", type=ServiceType.APPLICATION),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One call of the client: what it sends, what comes back, and what that means."""

    ask: Callable[[QoveryPlatform], Awaitable[object]]
    method: str
    path: str
    answer: Any
    meaning: object
    params: dict[str, str] | None = None
    body: Any = None
    status: int = 200


EXCHANGES = {
    "read_statuses": Exchange(
        ask=lambda platform: platform.read_statuses(ENVIRONMENT),
        method="GET",
        path=f"/environment/{ENVIRONMENT}/statusesWithStages",
        answer={
            "environment": {
                "id": ENVIRONMENT,
                "state": "RESTARTING",
                "last_deployment_id": EXECUTION,
                "last_deployment_date": "2026-11-24T02:59:40Z",
                "total_deployment_duration_in_seconds": 31,
                "origin": "TERRAFORM_PROVIDER",
            },
            "stages": [
                {
                    "applications": [
                        {
                            "id": "AAAAAAAA-1111-4111-8111-111111111111",
                            "state": "RESTART_QUEUED",
                            "execution_id": EXECUTION,
                            "deployment_requests_count": 2,
                            "deployment_request_id": REQUEST_ID,
                            "is_part_last_deployment": True,
                        }
                    ],
                    "stage": {"id": "s", "name": "APPLICATION DEFAULT"},
                },
                {"databases": [{"id": "b", "state": "HIBERNATING"}], "jobs": [{"id": "c", "state": "DEPLOYED"}]},
            ],
        },
        meaning=Observation(
            environment_id=ENVIRONMENT,
            environment_state="RESTARTING",
            last_execution_id=EXECUTION,
            server_time=datetime(2026, 11, 24, 3, 0, 0, tzinfo=UTC),
            services={
                "aaaaaaaa-1111-4111-8111-111111111111": ServiceStatus(
                    id="aaaaaaaa-1111-4111-8111-111111111111",
                    state="RESTART_QUEUED",
                    execution_id=EXECUTION,
                    requests_waiting=2,
                    request_id=REQUEST_ID,
                    in_last_run=True,
                ),
                "b": ServiceStatus(id="b", state="HIBERNATING"),
                "c": ServiceStatus(id="c", state="DEPLOYED"),
            },
        ),
    ),
    "read_hints": Exchange(
        ask=lambda platform: platform.read_hints("p"),
        method="GET",
        path="/project/p/environment/status",
        answer={
            "results": [
                {
                    "id": ENVIRONMENT.upper(),
                    "state": "RESTARTED",
                    "last_deployment_state": "RESTARTED",
                    "last_deployment_id": EXECUTION,
                },
                {"id": "e", "state": "RESTARTING"},
                {"state": "RESTARTED", "last_deployment_id": EXECUTION},
            ]
        },
        meaning={
            ENVIRONMENT: Hint(environment_id=ENVIRONMENT, state="RESTARTED", execution_id=EXECUTION),
            "e": Hint(environment_id="e", state="RESTARTING", execution_id=None),
        },
    ),
    "find_runs": Exchange(
        ask=lambda platform: platform.find_runs(ENVIRONMENT),
        method="GET",
        path=f"/environment/{ENVIRONMENT}/deploymentHistoryV2",
        params={"pageSize": "20"},
        answer={
            "results": [
                {
                    "identifier": {"execution_id": EXECUTION, "environment_id": ENVIRONMENT},
                    "trigger_action": "RESTART",
                    "action_status": "SUCCESS",
                    "auditing_data": {
                        "created_at": "2026-11-24T03:00:00Z",
                        "triggered_by": "ops@example.test",
                        "origin": "API",
                    },
                    "stages": [
                        {"services": [{"identifier": {"service_id": "A"}, "status": "RESTARTED"}]},
                        {"services": [{"identifier": {"service_id": "b"}}, {"status": "DEPLOYED"}]},
                    ],
                },
                {"trigger_action": "DEPLOY"},
                {"identifier": {"execution_id": ""}, "trigger_action": "STOP", "action_status": "ONGOING"},
            ]
        },
        meaning=[
            Run(
                execution_id=EXECUTION,
                action="RESTART",
                status="SUCCESS",
                services={"a": "RESTARTED", "b": ""},
                created_at=datetime(2026, 11, 24, 3, 0, 0, tzinfo=UTC),
                triggered_by="ops@example.test",
                origin="API",
            ),
            # Runs that do not say which they are: that something else ran is worth knowing all the same.
            Run(execution_id=None, action="DEPLOY", status="", services={}),
            Run(execution_id=None, action="STOP", status="ONGOING", services={}),
        ],
    ),
    "read_queue": Exchange(
        ask=lambda platform: platform.read_queue(ENVIRONMENT),
        method="GET",
        path=f"/environment/{ENVIRONMENT}/deploymentQueue",
        answer={
            "results": [
                {
                    "identifier": {"deployment_request_id": REQUEST_ID, "environment_id": ENVIRONMENT},
                    "trigger_action": "RESTART",
                    "auditing_data": {"triggered_by": "ops@example.test", "origin": "CONSOLE"},
                    "stages": [{"services": [{"identifier": {"service_id": "A"}}, {"identifier": {}}]}],
                },
            ]
        },
        meaning=[
            QueuedRequest(
                request_id=REQUEST_ID,
                action="RESTART",
                service_ids=frozenset({"a"}),
                triggered_by="ops@example.test",
                origin="CONSOLE",
            )
        ],
    ),
    "submit_restart": Exchange(
        ask=lambda platform: platform.submit_restart(ENVIRONMENT, SERVICES),
        method="POST",
        path=f"/environment/{ENVIRONMENT}/service/restart-service",
        body={
            "application_ids": [SERVICES[0].id, SERVICES[3].id],
            "container_ids": [SERVICES[1].id],
            "database_ids": [SERVICES[2].id],
        },
        status=202,
        answer={"id": SERVICES[0].id, "state": "RESTART_QUEUED", "deployment_request_id": REQUEST_ID},
        meaning=SubmitReceipt(request_ids=frozenset({REQUEST_ID})),
    ),
    "cancel_request": Exchange(
        ask=lambda platform: platform.cancel_request(REQUEST_ID),
        method="POST",
        path=f"/deploymentQueue/{REQUEST_ID}/cancelDeployment",
        body={},
        status=202,
        answer={},
        meaning=None,
    ),
    "cancel_run": Exchange(
        ask=lambda platform: platform.cancel_run(ENVIRONMENT),
        method="POST",
        path=f"/environment/{ENVIRONMENT}/cancelDeployment",
        body={"force_cancel": False},
        status=202,
        answer={"id": ENVIRONMENT, "state": "CANCELING", "last_deployment_state": "RESTARTING"},
        meaning=None,
    ),
    "environment": Exchange(
        ask=lambda platform: platform.environment(ENVIRONMENT),
        method="GET",
        path=f"/environment/{ENVIRONMENT}",
        answer={"id": ENVIRONMENT, "name": "staging", "project": {"id": "p"}, "organization": {"id": "o"}},
        meaning=WireEnvironment(
            id=ENVIRONMENT, name="staging", project=WireReference(id="p"), organization=WireReference(id="o")
        ),
    ),
    "organizations": Exchange(
        ask=lambda platform: platform.organizations(),
        method="GET",
        path="/organization",
        answer={"results": [{"id": "o", "name": "acme"}]},
        meaning=[WireNamed(id="o", name="acme")],
    ),
    "projects": Exchange(
        ask=lambda platform: platform.projects("o"),
        method="GET",
        path="/organization/o/project",
        answer={"results": [{"id": "p", "name": "shop"}]},
        meaning=[WireNamed(id="p", name="shop")],
    ),
    "environments": Exchange(
        ask=lambda platform: platform.environments("p"),
        method="GET",
        path="/project/p/environment",
        answer={"results": [{"id": "e", "name": "staging"}]},
        meaning=[WireEnvironment(id="e", name="staging")],
    ),
    "organization_environments": Exchange(
        ask=lambda platform: platform.organization_environments("o"),
        method="GET",
        path="/organization/o/environments",
        answer={
            "results": [
                {
                    "id": "e",
                    "name": "staging",
                    "organization": {"id": "o"},
                    "project": {"id": "p"},
                    "mode": "DEVELOPMENT",
                }
            ]
        },
        meaning=[
            WireEnvironment(id="e", name="staging", project=WireReference(id="p"), organization=WireReference(id="o"))
        ],
    ),
    "organization_services": Exchange(
        ask=lambda platform: platform.organization_services("o"),
        method="GET",
        path="/organization/o/services",
        answer={
            "results": [
                {"id": "s", "name": "cache", "service_type": "DATABASE", "environment_id": "e", "project_id": "p"}
            ]
        },
        meaning=[WireLightService(id="s", name="cache", service_type="DATABASE", mode=None, environment_id="e")],
    ),
    "services": Exchange(
        ask=lambda platform: platform.services("e"),
        method="GET",
        path="/environment/e/services",
        answer={"results": [{"id": "s", "name": "cache", "service_type": "DATABASE", "mode": "CONTAINER"}]},
        meaning=[WireService(id="s", name="cache", service_type="DATABASE", mode="CONTAINER")],
    ),
}
each_exchange = pytest.mark.parametrize("exchange", EXCHANGES.values(), ids=EXCHANGES.keys())


def test_every_call_of_the_client_is_in_this_table() -> None:
    calls = {name for name in vars(QoveryPlatform) if not name.startswith("_")}
    assert calls == set(EXCHANGES)


@each_exchange
@respx.mock(base_url=API)
def test_a_call_is_exactly_one_request_and_its_answer_is_understood(
    respx_mock: respx.MockRouter, exchange: Exchange
) -> None:
    route = respx_mock.route(method=exchange.method, path=exchange.path).respond(
        exchange.status, json=exchange.answer, headers={"Date": "Tue, 24 Nov 2026 03:00:00 GMT"}
    )
    assert asked(exchange.ask) == exchange.meaning
    assert route.call_count == 1
    request = route.calls.last.request
    assert dict(request.url.params) == (exchange.params or {})
    if exchange.body is None:
        assert request.content == b""
        assert "Content-Type" not in request.headers
    else:
        assert json.loads(request.content) == exchange.body
        assert request.headers["Content-Type"] == "application/json"


@each_exchange
@pytest.mark.parametrize(("token", "scheme"), [(TOKEN, "Token"), (JWT, "Bearer")], ids=["API token", "JWT"])
@respx.mock(base_url=API)
def test_every_request_says_who_asks_and_with_what_right(
    respx_mock: respx.MockRouter, exchange: Exchange, token: str, scheme: str
) -> None:
    route = respx_mock.route(method=exchange.method, path=exchange.path).respond(exchange.status, json=exchange.answer)
    asked(exchange.ask, token=token)
    headers = route.calls.last.request.headers
    assert headers["Authorization"] == f"{scheme} {token}"
    assert headers["User-Agent"] == f"qovery-restart/{__version__}"
    assert headers["Accept"] == "application/json"
    assert token not in str(route.calls.last.request.url)


@each_exchange
@respx.mock(base_url="https://gateway.example.test")
def test_an_api_behind_a_path_is_asked_there(respx_mock: respx.MockRouter, exchange: Exchange) -> None:
    route = respx_mock.route(method=exchange.method, path=f"/qovery{exchange.path}").respond(
        exchange.status, json=exchange.answer
    )
    asked(exchange.ask, base_url="https://gateway.example.test/qovery/")
    assert route.call_count == 1


@pytest.mark.parametrize("kind", ServiceType, ids=str)
@respx.mock(base_url=API)
def test_a_kind_of_which_there_is_no_service_is_left_out_of_the_submit(
    respx_mock: respx.MockRouter, kind: ServiceType
) -> None:
    route = respx_mock.post(f"/environment/{ENVIRONMENT}/service/restart-service").respond(202)
    services = [service for service in SERVICES if service.type is kind]
    asked(lambda platform: platform.submit_restart(ENVIRONMENT, services))
    assert json.loads(route.calls.last.request.content) == {f"{kind}_ids": [service.id for service in services]}


@each_exchange
@respx.mock(base_url=API, assert_all_called=False)
def test_a_request_that_the_quota_has_no_room_for_never_leaves(
    respx_mock: respx.MockRouter, exchange: Exchange
) -> None:
    route = respx_mock.route().respond(exchange.status, json=exchange.answer)
    quota = quota_of(HandClock(), per_hour=1)
    quota.take()
    with pytest.raises(ThrottledError, match="used up"):
        asked(exchange.ask, quota=quota)
    assert not route.called


@respx.mock(base_url=API)
def test_every_submit_is_counted_whether_it_was_answered_or_not(respx_mock: respx.MockRouter) -> None:
    respx_mock.post(f"/environment/{ENVIRONMENT}/service/restart-service").mock(
        side_effect=[httpx.Response(202), httpx.ReadTimeout, httpx.Response(409)]
    )

    async def submit_three_times(platform: QoveryPlatform) -> list[int]:
        counts = [platform.submits]
        for _ in range(3):
            with suppress(PlatformError):
                await platform.submit_restart(ENVIRONMENT, SERVICES)
            counts.append(platform.submits)
        return counts

    assert asked(submit_three_times) == [0, 1, 2, 3]


@respx.mock(base_url=API)
def test_a_submit_that_never_went_out_is_not_counted(respx_mock: respx.MockRouter) -> None:
    respx_mock.post(f"/environment/{ENVIRONMENT}/service/restart-service").mock(
        side_effect=[httpx.ConnectError("connection refused"), httpx.Response(202), httpx.Response(429)]
    )

    async def submit_four_times(platform: QoveryPlatform) -> list[int]:
        counts = []
        for _ in range(4):
            with suppress(PlatformError):
                await platform.submit_restart(ENVIRONMENT, SERVICES)
            counts.append(platform.submits)
        return counts

    # The first meets no connection, the last the quota of our own.
    assert asked(submit_four_times, quota=quota_of(HandClock(), per_hour=3)) == [0, 1, 2, 2]
