"""The simulated API as a client sees it."""

import asyncio
import json
import re
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import httpx
import pytest

from orchestrator.domain.states import State
from orchestrator.simulator.dials import Dials
from orchestrator.simulator.gate import user_of
from orchestrator.simulator.record import QuotaExceeded
from tests.support.simulator_client import TOKEN, Visit, run, visiting

Json = Any

US = user_of(TOKEN)
RESTART = "/environment/{e}/service/restart-service"
ELSEWHERE = "00000000-0000-4000-8000-000000000000"


def test_a_restart_goes_from_accepted_to_restarted() -> None:
    async def main() -> tuple[int, list[list[str]]]:
        async with visiting() as visit:
            answer = await visit.restart("api", "worker", "cache")
            seen = []
            for _ in range(30):
                seen.append(await visit.states("api", "worker", "cache"))
                await asyncio.sleep(1.0)
            return answer.status_code, seen

    status, seen = run(main)
    assert status == 202
    order = [states for number, states in enumerate(seen) if states != seen[number - 1]]
    assert ["RESTART_QUEUED"] * 3 in order
    assert order[-1] == ["RESTARTED"] * 3


@pytest.mark.parametrize(
    ("dials", "of_an_environment"),
    [
        pytest.param(Dials(), {False}, id="as the document says"),
        pytest.param(Dials(accepted_body="environment"), {True}, id="as a sibling call does"),
        pytest.param(Dials(accepted_body="either"), {True, False}, id="as one or the other"),
    ],
)
def test_every_restart_that_waits_is_answered_with_its_request_id(dials: Dials, of_an_environment: set[bool]) -> None:
    async def main() -> list[dict[str, Any]]:
        async with visiting(dials=dials) as visit:
            return [(await visit.restart("api")).json() for _ in range(30)]

    first, *bodies = run(main)
    assert all(body["state"] == "RESTART_QUEUED" and body["deployment_request_id"] for body in bodies)
    assert {"last_deployment_state" in body for body in (first, *bodies)} == of_an_environment


def test_a_restart_that_begins_at_once_is_answered_without_a_request_id_and_with_the_previous_execution() -> None:
    async def main(how: Literal["always", "never"]) -> tuple[str | None, str]:
        async with visiting(dials=Dials(straight_away=how)) as visit:
            body = (await visit.restart("api")).json()
            return body["deployment_request_id"], body["execution_id"][-3:]

    assert run(lambda: main("always")) == (None, "-41")
    request_id, execution = run(lambda: main("never"))
    assert request_id
    assert execution == "-41"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Authorization": ""}, id="empty"),
        pytest.param({"Authorization": "Token "}, id="no token"),
        pytest.param({"Authorization": "Basic abc"}, id="another scheme"),
    ],
)
def test_without_a_token_nothing_is_told(headers: dict[str, str]) -> None:
    async def main() -> int:
        async with visiting() as visit:
            return (await visit.get("/organization", headers=headers)).status_code

    assert run(main) == 401


@pytest.mark.parametrize("scheme", ["Token", "Bearer"])
def test_any_token_is_somebodys_and_is_kept_nowhere(scheme: str) -> None:
    async def main() -> tuple[int, str]:
        async with visiting() as visit:
            answer = await visit.post(RESTART, json=visit.body("api"), headers={"Authorization": f"{scheme} {TOKEN}"})
            return answer.status_code, (await visit.get("/_simulator/record")).text

    status, record = run(main)
    assert status == 202
    assert US in record
    assert TOKEN not in record


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param(f"/environment/{ELSEWHERE}/statuses", 403, id="environment"),
        pytest.param(f"/project/{ELSEWHERE}/environment", 403, id="project"),
        pytest.param(f"/organization/{ELSEWHERE}/services", 403, id="organization"),
        pytest.param("/environment/{e}/nothing", 404, id="call"),
        pytest.param("/environment/{e}/deploymentHistoryV2?pageSize=many", 400, id="page size"),
    ],
)
def test_what_does_not_exist_is_refused(path: str, status: int) -> None:
    async def main() -> int:
        async with visiting() as visit:
            return (await visit.get(path)).status_code

    assert run(main) == status


def test_an_unknown_call_is_refused_in_json() -> None:
    async def main() -> Json:
        async with visiting() as visit:
            return (await visit.get("/nothing")).json()

    assert run(main) == {"status": 404, "error": "Not Found", "detail": "no such call: GET /nothing"}


def test_refusals_come_in_several_shapes() -> None:
    async def main() -> set[str]:
        async with visiting() as visit:
            shapes = set()
            for _ in range(30):
                answer = await visit.get(f"/environment/{ELSEWHERE}/statuses")
                assert "no environment" in answer.text
                is_json = answer.headers["content-type"].startswith("application/json")
                shapes.add(",".join(answer.json()) if is_json else "text")
            return shapes

    assert run(main) == {"status,error,detail", "status,error,message", "text"}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param(b"", "not JSON", id="no body"),
        pytest.param(b"[]", "not an object", id="a list"),
        pytest.param(b"{}", "names no service", id="nothing named"),
        pytest.param(b'{"application_ids": "x"}', "not a list", id="no list"),
        pytest.param(b'{"application_ids": ["x"]}', "not a UUID", id="no UUID"),
        pytest.param(b'{"application_ids": [7]}', "not a UUID", id="a number"),
        pytest.param(b'{"container_ids": ["%b"]}' % ELSEWHERE.encode(), "no container", id="from elsewhere"),
    ],
)
def test_a_restart_whose_body_makes_no_sense_is_refused(body: bytes, why: str) -> None:
    async def main() -> tuple[int, str, int]:
        async with visiting() as visit:
            answer = await visit.post(RESTART, content=body)
            return answer.status_code, answer.text, len(visit.world.record)

    status, text, happened = run(main)
    assert (status, happened) == (400, 0)
    assert why in text


@pytest.mark.parametrize("key", ["container_ids", "database_ids"])
def test_an_id_in_the_wrong_list_is_refused(key: str) -> None:
    async def main() -> tuple[int, int]:
        async with visiting() as visit:
            answer = await visit.post(RESTART, json={key: visit.ids("api")})
            return answer.status_code, len(visit.world.record)

    assert run(main) == (400, 0)


def test_ids_are_the_same_in_capitals() -> None:
    async def main() -> int:
        async with visiting() as visit:
            path = f"/environment/{visit.environment_id.upper()}/service/restart-service"
            ids = [identifier.upper() for identifier in visit.ids("api")]
            return (await visit.post(path, json={"application_ids": ids, "container_ids": None})).status_code

    assert run(main) == 202


def test_a_managed_database_is_accepted_and_fails() -> None:
    async def main() -> tuple[int, list[str]]:
        async with visiting() as visit:
            answer = await visit.restart("ledger")
            await asyncio.sleep(60.0)
            return answer.status_code, await visit.states("ledger")

    assert run(main) == (202, ["RESTART_ERROR"])


async def queue_one(visit: Visit) -> str:
    """Get a run going and one request behind it; return the request's id."""
    await visit.restart("api")
    await asyncio.sleep(9.0)
    queued: str = (await visit.restart("web")).json()["deployment_request_id"]
    await asyncio.sleep(2.5)
    return queued


def test_what_waits_is_shown_by_the_queue_and_by_the_truthful_reading_alone() -> None:
    async def main() -> tuple[str, Any, list[str], list[str]]:
        async with visiting() as visit:
            queued = await queue_one(visit)
            waiting = (await visit.get("/environment/{e}/deploymentQueue")).json()["results"]
            stages = (await visit.get("/environment/{e}/statusesWithStages")).json()["stages"]
            truthful = [
                one["state"] for stage in stages for one in stage["applications"] if one["id"] in visit.ids("web")
            ]
            return queued, waiting, truthful, await visit.states("web")

    queued, waiting, truthful, flat = run(main)
    assert [one["identifier"]["deployment_request_id"] for one in waiting] == [queued]
    assert waiting[0]["auditing_data"]["triggered_by"] == US
    assert [one["identifier"]["name"] for stage in waiting[0]["stages"] for one in stage["services"]] == ["web"]
    assert truthful == ["RESTART_QUEUED"]
    assert flat[0] in {"RESTARTED", "DEPLOYED"}


def test_the_status_of_a_request_is_told_while_it_waits() -> None:
    async def main() -> tuple[str, list[Any]]:
        async with visiting() as visit:
            queued = await queue_one(visit)
            answers = []
            for request_id in (queued, ELSEWHERE):
                answer = await visit.get("/environment/deploymentStatus", params={"deploymentRequestId": request_id})
                answers.append(answer.json())
            return visit.environment_id, [queued, *answers]

    environment_id, (queued, known, unknown) = run(main)
    assert known == {"deployment_request_id": queued, "environment_id": environment_id, "status": "RESTART_QUEUED"}
    assert unknown == {}


def test_what_is_said_of_a_request_that_has_left_the_queue_differs_from_world_to_world() -> None:
    async def main(memory: Literal["forgotten", "kept"]) -> Json:
        async with visiting(dials=Dials(request_memory=memory, accepted_id="own")) as visit:
            request_id = (await visit.restart("api")).json()["deployment_request_id"]
            await asyncio.sleep(100.0)
            answer = await visit.get("/environment/deploymentStatus", params={"deploymentRequestId": request_id})
            return answer.json().get("status")

    assert run(lambda: main("forgotten")) is None
    assert run(lambda: main("kept")) == "RESTARTED"


def test_a_waiting_request_can_be_cancelled_once() -> None:
    async def main() -> list[int]:
        async with visiting() as visit:
            queued = await queue_one(visit)
            path = f"/deploymentQueue/{queued}/cancelDeployment"
            codes = [(await visit.post(path, json={})).status_code for _ in range(2)]
            codes.append((await visit.post(f"/deploymentQueue/{ELSEWHERE}/cancelDeployment")).status_code)
            return codes

    assert run(main) == [202, 409, 404]


def test_a_run_can_be_cancelled_once_and_nothing_else_is_accepted_meanwhile() -> None:
    async def main() -> tuple[list[int], str]:
        async with visiting() as visit:
            await visit.restart("api", "web", "worker", "cache")
            await asyncio.sleep(9.0)
            first = await visit.post("/environment/{e}/cancelDeployment", json={"force_cancel": False})
            again = await visit.post("/environment/{e}/cancelDeployment")
            restart = await visit.restart("api")
            return [first.status_code, again.status_code, restart.status_code], first.json()["state"]

    assert run(main) == ([202, 409, 409], "CANCELING")


def test_the_history_tells_of_runs_latest_first_with_each_services_state() -> None:
    async def main() -> Json:
        async with visiting() as visit:
            await visit.restart("api")
            await asyncio.sleep(60.0)
            return (await visit.get("/environment/{e}/deploymentHistoryV2", params={"pageSize": 2})).json()

    page = run(main)
    latest, before = page["results"]
    assert (latest["trigger_action"], latest["action_status"], latest["status"]) == ("RESTART", "SUCCESS", "RESTARTED")
    assert latest["identifier"]["execution_id"].endswith("-42")
    assert before["identifier"]["execution_id"].endswith("-41")
    services = [one for stage in latest["stages"] for one in stage["services"]]
    assert [(one["identifier"]["name"], one["status"]) for one in services] == [("api", "RESTARTED")]
    assert re.fullmatch(r"PT\d+S", latest["total_duration"])


def test_a_whole_project_is_told_in_one_call() -> None:
    async def main() -> Json:
        async with visiting() as visit:
            project = visit.world.environments[visit.environment_id].project.id
            return visit.environment_id, (await visit.get(f"/project/{project}/environment/status")).json()

    environment_id, document = run(main)
    assert [one["id"] for one in document["results"]] == [environment_id]


def test_names_lead_to_the_environment_and_its_services() -> None:
    async def main() -> list[str]:
        async with visiting() as visit:
            organization = (await visit.get("/organization")).json()["results"][0]
            project = (await visit.get(f"/organization/{organization['id']}/project")).json()["results"][0]
            environment = (await visit.get(f"/project/{project['id']}/environment")).json()["results"][0]
            short = (await visit.get(f"/organization/{organization['id']}/environments")).json()["results"][0]
            services = await visit.get(
                f"/organization/{organization['id']}/services",
                params={"project_id": project["id"], "environment_id": environment["id"]},
            )
            assert environment["id"] == short["id"] == visit.environment_id
            return [organization["name"], project["name"], *(one["name"] for one in services.json()["results"])]

    assert run(main)[:6] == ["acme", "shop", "api", "web", "worker", "cache"]


def test_services_elsewhere_are_filtered_out() -> None:
    async def main() -> Json:
        async with visiting() as visit:
            organization = visit.world.environments[visit.environment_id].organization.id
            answer = await visit.get(f"/organization/{organization}/services", params={"project_id": ELSEWHERE})
            return answer.json()["results"]

    assert run(main) == []


def test_every_answer_carries_the_quota_and_the_worlds_date() -> None:
    async def main() -> list[tuple[httpx.Headers, Any]]:
        async with visiting(requests_per_hour=5) as visit:
            answers = [await visit.get("/organization"), await visit.get("/nothing")]
            return [(answer.headers, visit.world.epoch) for answer in answers]

    for spent, (headers, epoch) in enumerate(run(main), start=1):
        assert headers["x-ratelimit-limit"] == "5"
        assert headers["x-ratelimit-remaining"] == str(5 - spent)
        assert abs(parsedate_to_datetime(headers["date"]) - epoch) < timedelta(seconds=2)


def test_above_the_quota_everything_is_refused_until_the_hour_is_over() -> None:
    async def main() -> tuple[list[int], int, float]:
        async with visiting(requests_per_hour=3) as visit:
            codes = [(await visit.get("/organization")).status_code for _ in range(5)]
            other = await visit.get("/organization", headers={"Authorization": "Token another"})
            await asyncio.sleep(3600.0)
            codes += [other.status_code, (await visit.get("/organization")).status_code]
            return codes, len(visit.world.record.of(QuotaExceeded)), visit.world.now

    codes, exceeded, _ = run(main)
    assert codes == [200, 200, 200, 429, 429, 200, 200]
    assert exceeded == 2


def test_the_reset_is_an_instant_in_some_worlds_and_a_span_in_others() -> None:
    async def main(how: Literal["instant", "span"]) -> bool:
        async with visiting(dials=Dials(reset_header=how)) as visit:
            reset = int((await visit.get("/organization")).headers["x-ratelimit-reset"])
            instant = visit.world.epoch.timestamp() + 3600.0
            assert reset == pytest.approx(3600, abs=2) or reset == pytest.approx(instant, abs=2)
            return reset > 1e6

    assert run(lambda: main("instant"))
    assert not run(lambda: main("span"))


def test_the_simulators_own_pages_need_no_token_and_cost_no_quota() -> None:
    async def main() -> tuple[Json, Json, list[bool]]:
        async with visiting(profile="hostile", requests_per_hour=1, dials=Dials(history_lag=60)) as visit:
            answers = [await visit.get("/_simulator/", headers={"Authorization": ""}) for _ in range(50)]
            record = await visit.get("/_simulator/record", headers={"Authorization": ""})
            return answers[0].json(), record.json(), [answer.status_code == 200 for answer in answers]

    description, record, fine = run(main)
    assert all(fine)
    assert description["environments"][0]["path"] == "acme/shop/production"
    assert description["world"] == {"history_lag": 60}
    assert record["events"] == []


def test_the_record_is_up_to_date_although_nobody_asked_for_anything_else() -> None:
    async def main() -> list[str]:
        async with visiting() as visit:
            await visit.restart("api")
            await asyncio.sleep(100.0)
            record = (await visit.get("/_simulator/record")).json()
            return [event["event"] for event in record["events"]]

    assert run(main) == ["RequestAccepted", "RunBegan", "ServiceRestarted", "RunEnded"]


@pytest.mark.parametrize("seed", range(8))
def test_the_same_seed_and_the_same_requests_have_the_same_answers(seed: int) -> None:
    async def main() -> list[str]:
        async with visiting(profile="hostile", seed=seed) as visit:
            seen = []
            for number in range(60):
                try:
                    act = (
                        visit.restart("api", "web") if number == 5 else visit.get("/environment/{e}/statusesWithStages")
                    )
                    answer = await act
                    seen.append(f"{answer.status_code} {answer.headers} {answer.text}")
                except httpx.TransportError as error:
                    seen.append(repr(error))
                await asyncio.sleep(1.0)
            return [*seen, json.dumps(visit.world.record.to_json())]

    assert run(main) == run(main)


def test_a_service_that_has_never_run_is_ready_without_an_execution() -> None:
    async def main() -> tuple[str, bool]:
        async with visiting() as visit:
            engine = visit.world._engines[visit.environment_id]
            fresh = {
                key: type(status)(service=status.service, state=State.READY) for key, status in engine._services.items()
            }
            engine._services.update(fresh)
            engine._past.clear()
            engine._take_snapshot()
            document = (await visit.get("/environment/{e}/statuses")).json()
            status = document["applications"][0]
            assert document["environment"]["state"] == "READY"
            return status["service_deployment_status"], "execution_id" in status

    assert run(main) == ("NEVER_DEPLOYED", False)


def test_every_kind_of_service_has_the_shape_of_its_kind() -> None:
    async def main() -> dict[str, set[str]]:
        async with visiting() as visit:
            services = (await visit.get("/environment/{e}/services")).json()["results"]
            return {service["service_type"]: set(service) for service in services}

    telling = {
        "APPLICATION": "build_mode",
        "CONTAINER": "image_name",
        "DATABASE": "mode",
        "JOB": "schedule",
        "HELM": "values_override",
        "TERRAFORM": "backend",
    }
    shapes = run(main)
    assert {kind: key in shapes[kind] for kind, key in telling.items()} == dict.fromkeys(telling, True)
    assert set(shapes) == set(telling)


def test_every_service_is_in_exactly_one_stage_and_none_is_skipped() -> None:
    async def main() -> tuple[list[str], list[str], set[bool]]:
        async with visiting() as visit:
            stages = (await visit.get("/environment/{e}/deploymentStage")).json()["results"]
            services = [service for stage in stages for service in stage["services"]]
            known = [status.service.id for status in visit.world.snapshot(visit.environment_id).services]
            skipped = {service["is_skipped"] for service in services}
            return sorted(service["service_id"] for service in services), sorted(known), skipped

    staged, known, skipped = run(main)
    assert staged == known
    assert skipped == {False}


def test_an_environment_says_where_it_belongs_and_when_it_is_stopped() -> None:
    async def main() -> tuple[Json, Json]:
        async with visiting() as visit:
            environment = (await visit.get("/environment/{e}")).json()
            return environment, (await visit.get("/environment/{e}/deploymentRule")).json()

    environment, rule = run(main)
    assert (environment["organization"]["name"], environment["project"]["name"]) == ("acme", "shop")
    assert (environment["name"], environment["mode"]) == ("production", "PRODUCTION")
    assert (rule["auto_stop"], rule["timezone"]) == (False, "UTC")


def test_the_status_of_one_environment_is_told_without_its_services() -> None:
    async def main() -> tuple[str, Json]:
        async with visiting() as visit:
            await visit.restart("api")
            await asyncio.sleep(9.0)
            return visit.environment_id, (await visit.get("/environment/{e}/status")).json()

    environment_id, status = run(main)
    assert (status["id"], status["state"], status["triggered_by"]) == (environment_id, "RESTARTING", US)


def test_whether_the_status_of_an_environment_knows_what_waits_differs_from_world_to_world() -> None:
    async def main(lags: Literal["no", "yes"]) -> bool:
        async with visiting(dials=Dials(bulk_lags=lags)) as visit:
            queued = await queue_one(visit)
            return bool((await visit.get("/environment/{e}/status")).json()["deployment_request_id"] == queued)

    assert run(lambda: main("no"))
    assert not run(lambda: main("yes"))


def test_while_a_request_waits_for_an_idle_environment_the_truthful_reading_says_that_it_is_queued() -> None:
    async def main(how: Literal["always", "never"]) -> tuple[str, str] | None:
        async with visiting(dials=Dials(straight_away=how, accepted_id="own")) as visit:
            request_id = (await visit.restart("api")).json()["deployment_request_id"]
            for _ in range(20):
                environment = (await visit.get("/environment/{e}/statusesWithStages")).json()["environment"]
                if environment["deployment_request_id"] == request_id:
                    return environment["state"], environment["last_deployment_id"][-3:]
                await asyncio.sleep(0.1)
            return None

    assert run(lambda: main("always")) is None
    assert run(lambda: main("never")) == ("RESTART_QUEUED", "-41")


def test_what_an_interrupted_environment_shows_while_it_is_being_cancelled() -> None:
    async def main() -> set[str]:
        async with visiting() as visit:
            await visit.restart("api", "web", "worker", "cache")
            await asyncio.sleep(9.0)
            await visit.post("/environment/{e}/cancelDeployment")
            history = (await visit.get("/environment/{e}/deploymentHistoryV2")).json()["results"]
            assert history[0]["action_status"] == "CANCELING"
            services = [one for stage in history[0]["stages"] for one in stage["services"]]
            assert {one["status_details"]["status"] for one in services} <= {"ONGOING", "CANCELING"}
            return {one["status"] for one in services}

    assert run(main) <= {"CANCELING", "RESTARTING"}
