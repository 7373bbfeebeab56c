"""What cannot be read in an answer: it costs nothing else, and never makes a success or an absence more likely."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import respx

from orchestrator.domain.observations import RESTART_ACTION, Observation, QueuedRequest, Run, ServiceStatus
from orchestrator.errors import MalformedAnswerError, PlatformError
from orchestrator.qovery.platform import QoveryPlatform
from orchestrator.qovery.wire import readable
from tests.support.http import API, ENVIRONMENT, asked
from tests.unit.qovery.test_wire import queue, read, read_json, receipt, runs, statuses

Json = Any

ALIENS: list[Json] = [None, 7, 1.5, True, "…", [], [[]]]
each_alien = pytest.mark.parametrize("alien", ALIENS, ids=json.dumps)

API_SERVICE = {"id": "api", "state": "RESTARTED", "execution_id": f"{ENVIRONMENT}-42"}
RUN = {
    "identifier": {"execution_id": f"{ENVIRONMENT}-42"},
    "trigger_action": "RESTART",
    "action_status": "SUCCESS",
    "auditing_data": {"created_at": "2026-11-23T03:00:00Z", "origin": "API", "triggered_by": "ops"},
    "stages": [{"services": [{"identifier": {"service_id": "api"}, "status": "RESTARTED"}]}],
}
REQUEST = {
    "identifier": {"deployment_request_id": "request-1"},
    "trigger_action": "RESTART",
    "auditing_data": {"origin": "API", "triggered_by": "ops"},
    "stages": [{"services": [{"identifier": {"service_id": "api"}}]}],
}
API_RUN = Run(
    execution_id=f"{ENVIRONMENT}-42",
    action="RESTART",
    status="SUCCESS",
    services={"api": "RESTARTED"},
    created_at=datetime(2026, 11, 23, 3, tzinfo=UTC),
    origin="API",
    triggered_by="ops",
)


def observed(*stages: Json, environment: Json = None) -> Observation:
    observation: Observation = read_json(statuses, {"environment": environment, "stages": list(stages)})
    return observation


# Statuses.


def test_a_reading_of_which_everything_is_understood_is_complete() -> None:
    assert not observed({"applications": [API_SERVICE], "jobs": [], "helms": None}, environment={}).incomplete
    assert not observed().incomplete


@each_alien
@pytest.mark.parametrize(
    "stages",
    [
        lambda alien: [{"applications": [alien, API_SERVICE]}],
        lambda alien: [{"applications": [API_SERVICE], "jobs": [alien]}],
        lambda alien: [{"applications": [API_SERVICE]}, alien],
        lambda alien: [{"applications": [API_SERVICE, {"id": [alien], "state": "RESTARTED"}]}],
    ],
    ids=["a status", "a job's status", "a stage", "an id"],
)
def test_what_is_left_out_of_a_reading_is_known(stages: Callable[[Json], list[Json]], alien: Json) -> None:
    observation = observed(*stages(alien))
    assert observation.services == {"api": ServiceStatus(id="api", state="RESTARTED", execution_id=f"{ENVIRONMENT}-42")}
    assert observation.incomplete


@pytest.mark.parametrize("alien", [7, True, "…", {}], ids=json.dumps)
def test_a_list_of_statuses_that_is_none_is_left_out_and_known(alien: Json) -> None:
    observation = observed({"applications": [API_SERVICE], "jobs": alien})
    assert set(observation.services) == {"api"}
    assert observation.incomplete


@each_alien
def test_parts_of_a_status_that_cannot_be_read_leave_it_no_success(alien: Json) -> None:
    parts = ("state", "execution_id", "deployment_requests_count", "deployment_request_id", "is_part_last_deployment")
    status = observed({"applications": [{"id": "api"} | dict.fromkeys(parts, alien)]}).services["api"]
    assert status.state in ("", alien)
    assert status.execution_id in (None, alien)
    assert status.requests_waiting == (alien if type(alien) is int else 0)
    assert isinstance(status.in_last_run, bool)


@pytest.mark.parametrize("odd", [0.5, "1", None, -1, True, [], {}, 1e9, 10**9], ids=json.dumps)
def test_a_count_of_requests_that_is_no_sound_number_says_nothing(odd: Json) -> None:
    status = observed({"applications": [API_SERVICE | {"deployment_requests_count": odd}]}).services["api"]
    assert not status.in_progress
    assert status.requests_waiting == 0


@pytest.mark.parametrize("alien", [7, "…", [], {"state": 7}, {"state": []}], ids=json.dumps)
def test_an_environment_of_which_the_state_cannot_be_read_is_known_to_be_incomplete(alien: Json) -> None:
    observation = observed({"applications": [API_SERVICE]}, environment=alien)
    assert observation.incomplete
    assert not observation.environment_state


@each_alien
def test_parts_of_an_environment_that_nobody_needs_cost_nothing(alien: Json) -> None:
    parts = ("last_deployment_date", "total_deployment_duration_in_seconds", "triggered_by", "id", "brand_new")
    environment = {"state": "RESTARTED", "last_deployment_id": f"{ENVIRONMENT}-42", "origin": "API"}
    observation = observed({"applications": [API_SERVICE]}, environment=environment | dict.fromkeys(parts, alien))
    assert observation.last_execution_id == f"{ENVIRONMENT}-42"
    assert not observation.incomplete


def test_an_origin_that_cannot_be_read_is_none_of_ours() -> None:
    assert [run.origin for run in read_json(runs, {"results": [RUN | {"auditing_data": 7}]})] == [""]
    assert [run.origin for run in read_json(runs, {"results": [RUN | {"auditing_data": {"origin": 7}}]})] == [""]
    assert [one.origin for one in read_json(queue, {"results": [REQUEST | {"auditing_data": {"origin": []}}]})] == [""]


OLDER, NEWER = f"{ENVIRONMENT}-41", f"{ENVIRONMENT}-42"


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        pytest.param({"state": "RESTARTING"}, {"state": "RESTARTED", "execution_id": NEWER}, id="in progress"),
        pytest.param({"state": "RESTARTED", "deployment_requests_count": 1}, {"state": "RESTARTED"}, id="waiting"),
        pytest.param({"state": "RESTARTING"}, {"state": "RESTART_ERROR"}, id="in progress, not failed"),
        pytest.param({"state": "RESTART_ERROR"}, {"state": "RESTARTED", "execution_id": NEWER}, id="failed"),
        pytest.param({"state": "HIBERNATING"}, {"state": "RESTARTED", "execution_id": NEWER}, id="unknown"),
        pytest.param({}, {"state": "RESTARTED", "execution_id": NEWER}, id="without a state"),
        pytest.param({"state": "RESTARTED"}, {"state": "RESTARTED", "execution_id": NEWER}, id="without a run"),
        pytest.param(
            {"state": "RESTARTED", "execution_id": OLDER}, {"state": "RESTARTED", "execution_id": NEWER}, id="older"
        ),
    ],
)
def test_of_a_service_that_is_there_twice_the_less_favourable_status_counts(worse: Json, better: Json) -> None:
    worse, better = {"id": "api", **worse}, {"id": "API", **better}
    for first, second in ((worse, better), (better, worse)):
        for stages in ([{"applications": [first, second]}], [{"applications": [first]}, {"containers": [second]}]):
            observation = observed(*stages)
            assert observation.services == observed({"applications": [worse]}).services
            assert observation.incomplete


def test_a_service_that_is_there_twice_and_the_same_is_there_once() -> None:
    observation = observed({"applications": [API_SERVICE, API_SERVICE]})
    assert set(observation.services) == {"api"}
    assert not observation.incomplete


def test_ids_are_compared_whatever_their_case() -> None:
    loud = {"id": "API", "execution_id": NEWER.upper(), "deployment_request_id": "REQUEST-1"}
    observation = observed({"applications": [loud]}, environment={"last_deployment_id": NEWER.upper()})
    status = observation.services["api"]
    assert (status.execution_id, status.request_id, observation.last_execution_id) == (NEWER, "request-1", NEWER)
    assert [run.execution_id for run in read_json(runs, {"results": [{"identifier": {"execution_id": "E-1"}}]})] == [
        "e-1"
    ]
    (request,) = read_json(queue, {"results": [{"identifier": {"deployment_request_id": "R-1"}}]})
    assert request.request_id == "r-1"
    answer = read_json(receipt, {"deployment_request_id": "R-1", "execution_id": "E-1"})
    assert (answer.request_ids, answer.execution_id) == ({"r-1"}, "e-1")


# The history.


@each_alien
def test_an_entry_of_the_history_that_is_no_run_is_a_run_that_nobody_knows(alien: Json) -> None:
    unknown = Run(execution_id=None, action=RESTART_ACTION, status="", services={})
    assert read_json(runs, {"results": [alien, RUN]}) == [unknown, API_RUN]
    assert not unknown.over


@pytest.mark.parametrize(
    "part",
    [
        {"identifier": 7},
        {"identifier": {"execution_id": 7}},
        {"trigger_action": []},
        {"action_status": {}},
        {"stages": 7},
        {"stages": [None]},
        {"stages": [{"services": {}}]},
        {"stages": [{"services": [None]}]},
        {"stages": [{"services": [{"identifier": 7}]}]},
        {"stages": [{"services": [{"identifier": {"service_id": 7}}]}]},
    ],
    ids=json.dumps,
)
def test_a_run_of_which_an_essential_part_cannot_be_read_is_one_that_nobody_knows_except_for_its_date(
    part: Json,
) -> None:
    (run,) = read_json(runs, {"results": [RUN | part]})
    assert run == Run(
        execution_id=None, action=RESTART_ACTION, status="", services={}, created_at=API_RUN.created_at, origin=None
    )


def test_parts_of_a_run_that_nobody_needs_cost_nothing() -> None:
    service = {"identifier": {"service_id": "api", "name": 7}, "status": 7, "icon_uri": []}
    odd = {"auditing_data": {"created_at": [], "triggered_by": 7, "origin": "API"}, "total_duration": 7, "status": []}
    (run,) = read_json(runs, {"results": [RUN | odd | {"stages": [{"name": 7, "services": [service]}]}]})
    assert run == Run(execution_id=NEWER, action="RESTART", status="SUCCESS", services={"api": ""}, origin="API")


# The queue.


@each_alien
def test_a_queue_with_an_entry_that_is_no_request_is_malformed(alien: Json) -> None:
    with pytest.raises(MalformedAnswerError, match=r"results\.1"):
        read_json(queue, {"results": [REQUEST, alien]})


@pytest.mark.parametrize(
    "part",
    [
        {"identifier": 7},
        {"identifier": {"deployment_request_id": 7}},
        {"trigger_action": []},
        {"stages": 7},
        {"stages": [None]},
        {"stages": [{"services": [7]}]},
        {"stages": [{"services": [{"identifier": {"service_id": 7}}]}]},
    ],
    ids=json.dumps,
)
def test_a_queue_of_which_an_essential_part_cannot_be_read_is_malformed(part: Json) -> None:
    with pytest.raises(MalformedAnswerError, match=r"results\.0"):
        read_json(queue, {"results": [REQUEST | part]})


def test_parts_of_a_request_that_nobody_needs_cost_nothing() -> None:
    odd = {"auditing_data": {"triggered_by": 7, "origin": "API", "created_at": []}, "status": 7}
    assert read_json(queue, {"results": [REQUEST | odd]}) == [
        QueuedRequest(request_id="request-1", action="RESTART", service_ids=frozenset({"api"}), origin="API")
    ]


# The answer to a submit.


@each_alien
def test_a_part_of_a_receipt_that_cannot_be_read_costs_no_other(alien: Json) -> None:
    answer = read_json(receipt, {"deployment_request_id": "r-1", "execution_id": alien, "state": alien})
    assert answer.request_ids == {"r-1"}
    answer = read_json(receipt, {"deployment_request_id": alien, "execution_id": "e-1"})
    assert answer.execution_id == "e-1"


def test_the_run_before_ours_is_told_by_either_name() -> None:
    assert read_json(receipt, {"execution_id": NEWER}).execution_id == NEWER
    assert read_json(receipt, {"last_deployment_id": NEWER}).execution_id == NEWER
    assert read_json(receipt, {"execution_id": "", "last_deployment_id": NEWER}).execution_id == NEWER
    assert read_json(receipt, {}).execution_id is None


# Hints, and lists of names.


@each_alien
def test_a_hint_that_cannot_be_read_costs_no_other(alien: Json) -> None:
    document = {"results": [alien, {"id": alien}, {"id": "a", "state": "RESTARTED", "last_deployment_id": "a-1"}]}
    hints = read_json(lambda platform: platform.read_hints("p"), document)
    assert hints["a"].execution_id == "a-1"
    assert set(hints) <= {"a", "…"}


LISTS: dict[str, Callable[[QoveryPlatform], Any]] = {
    "organizations": lambda platform: platform.organizations(),
    "projects": lambda platform: platform.projects("o"),
    "environments": lambda platform: platform.environments("p"),
    "organization_environments": lambda platform: platform.organization_environments("o"),
}
each_list = pytest.mark.parametrize("question", LISTS.values(), ids=LISTS.keys())


@each_list
@each_alien
def test_an_entry_of_a_list_of_names_that_cannot_be_read_costs_no_other(
    question: Callable[[QoveryPlatform], Any], alien: Json
) -> None:
    found = read_json(question, {"results": [alien, {"id": "a", "name": "A", "project": alien}, {"name": "no id"}]})
    assert [(each.id, each.name) for each in found] == [("a", "A")]


@each_list
@pytest.mark.parametrize(
    ("name", "read_as"), [(7, "7"), (1.5, "1.5"), (True, ""), (None, ""), ([], ""), ("a", "a")], ids=repr
)
def test_a_name_may_look_like_a_number_and_one_that_is_none_is_empty(
    question: Callable[[QoveryPlatform], Any], name: Json, read_as: str
) -> None:
    (found,) = read_json(question, {"results": [{"id": "a", "name": name}]})
    assert found.name == read_as


@each_alien
def test_a_service_that_cannot_be_read_stays_in_the_list_without_an_id(alien: Json) -> None:
    known = {"id": "a", "name": 7, "service_type": "APPLICATION", "mode": 7, "environment_id": "e"}
    results = {"results": [alien, known, {"name": "no id"}]}
    listed = read_json(lambda platform: platform.services("e"), results)
    everywhere = read_json(lambda platform: platform.organization_services("o"), results)
    for found in (listed, everywhere):
        assert [(each.id, each.name, each.mode) for each in found] == [("", "", None), ("a", "7", None), ("", "", None)]


# Half a surrogate.


@pytest.mark.parametrize("half", [rb"\ud800", rb"\uDFFF", rb"\udfff\ud800", rb"\uD83D"], ids=repr)
def test_half_a_pair_in_a_name_costs_nothing(half: bytes) -> None:
    body = b'{"results": [{"id": "a", "name": "shop ' + half + b'"}, {"id": "b", "name": "\\ud83d\\ude00 \xc3\xa9"}]}'
    found = read(lambda platform: platform.organizations(), body)
    assert [each.id for each in found] == ["a", "b"]
    assert found[0].name.startswith("shop ?")
    assert found[1].name == "😀 é"
    for each in found:
        each.name.encode("utf-8")


def test_half_a_pair_in_what_is_no_json_changes_nothing() -> None:
    for body in (rb'{"a": "\ud800', b"[" * 100_000 + rb'"\ud800"', rb"\ud800"):
        assert readable(body) == body


@respx.mock(base_url=API)
def test_half_a_pair_in_what_nobody_needs_or_in_an_error_costs_nothing(respx_mock: respx.MockRouter) -> None:
    status = json.dumps(API_SERVICE | {"steps": "\ud800"})
    respx_mock.get(path__regex="statusesWithStages").respond(
        200, content=f'{{"stages": [{{"applications": [{status}]}}]}}'.encode()
    )
    respx_mock.post(path__regex="restart-service").respond(500, content=rb'{"detail": "half \ud800 a pair"}')
    assert set(asked(statuses).services) == {"api"}
    with pytest.raises(PlatformError, match="half a pair") as caught:
        asked(receipt)
    assert str(caught.value).encode("utf-8").decode().isprintable()
