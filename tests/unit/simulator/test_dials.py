"""Each dial of the simulated platform changes what it says it does, at every value."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from email.utils import parsedate_to_datetime
from itertools import pairwise
from typing import Any

import pytest

from orchestrator.domain.states import State
from orchestrator.simulator.chance import source
from orchestrator.simulator.dials import DEFAULT, Dials, names, values
from orchestrator.simulator.gate import user_of
from orchestrator.simulator.incidents import Incident, plant
from orchestrator.simulator.model import COLLEAGUES, Action, Origin
from orchestrator.simulator.quota import Quota
from orchestrator.simulator.record import RequestAccepted
from orchestrator.simulator.world import Trigger, World
from tests.support.simulator_client import TOKEN, Visit, run, visiting
from tests.support.worlds import COLLEAGUE, ENVIRONMENT, NEW, OLD, US, a_world_of, deploy, over, restart, truthful

Json = Any
Probe = Callable[[Dials], object]
"""What a world shows of one of its dials."""

ELSEWHERE = "00000000-0000-4000-8000-000000000000"
OUR_NAME = user_of(TOKEN)
STATUSES = "/environment/{e}/statusesWithStages"
HISTORY = "/environment/{e}/deploymentHistoryV2"
QUEUE = "/environment/{e}/deploymentQueue"
STATUS = "/environment/{e}/status"
ALL = ("api", "web", "worker", "cache")


def visit(story: Callable[[Visit], Awaitable[object]], *, seed: int = 1) -> Probe:
    """A probe that a client makes."""

    def probe(dials: Dials) -> object:
        async def main() -> object:
            async with visiting(dials=dials, seed=seed) as there:
                return await story(there)

        return run(main)

    return probe


def seeds(probe: Callable[[Dials, int], object], count: int = 30) -> Probe:
    """A probe that tells what is seen over many seeds."""
    return lambda dials: {probe(dials, seed) for seed in range(count)}


async def results(there: Visit, path: str) -> list[Json]:
    found: list[Json] = (await there.get(path)).json()["results"]
    return found


async def queued(there: Visit) -> str:
    """Let a colleague's run work, and our request wait behind it; return its id."""
    deploying = there.ids("api")
    there.world.submit(there.environment_id, Action.DEPLOY, deploying, user=COLLEAGUES[0], origin=Origin.CONSOLE)
    await asyncio.sleep(6.0)
    request_id: str = (await there.restart("web")).json()["deployment_request_id"]
    await asyncio.sleep(2.5)
    return request_id


def entries(document: Json) -> Iterator[Json]:
    """Every service's status in a reading."""
    for stage in document["stages"]:
        for name, value in stage.items():
            if isinstance(value, list) and name != "stages":
                yield from value


async def past_audit(there: Visit) -> Json:
    runs = await results(there, HISTORY)
    audits = [each["auditing_data"] for each in runs]
    return {each["origin"] for each in audits}, {each["triggered_by"] == OUR_NAME for each in audits}


async def our_audit(there: Visit) -> Json:
    await there.restart("api")
    await asyncio.sleep(60.0)
    return (await results(there, HISTORY))[0]["auditing_data"]


async def our_origin(there: Visit) -> object:
    return (await our_audit(there))["origin"]


async def our_name(there: Visit) -> object:
    name = (await our_audit(there))["triggered_by"]
    return name and re.sub(r"[0-9a-f-]{36}", "<id>", name.replace(OUR_NAME, "<name>"))


def cancelled(dials: Dials, seed: int = 1) -> World:
    world = a_world_of(10, seed=seed, dials=dials)
    restart(world, range(10))
    world.advance(8.0)
    world.cancel_run(ENVIRONMENT, user=COLLEAGUE)
    over(world)
    return world


def failed(dials: Dials) -> World:
    world = a_world_of(10, dials=dials)
    world.doom(ENVIRONMENT, "service-1")
    restart(world, range(10))
    over(world)
    return world


def untouched(world: World) -> tuple[State, str | None]:
    """What is shown of the service that never had its turn."""
    shown = truthful(world)["service-9"]
    return shown.state, shown.execution_id


def interrupted(dials: Dials, seed: int) -> str:
    states = [shown.state for shown in truthful(cancelled(dials, seed)).values()][:7]
    return {0: "none", 7: "all"}.get(states.count(State.CANCELED), "some")


async def cancel_late(there: Visit) -> object:
    request_id = await queued(there)
    path = f"/deploymentQueue/{request_id}/cancelDeployment"
    return [(await there.post(path)).status_code for _ in range(2)]


async def post_often(there: Visit) -> object:
    codes = [(await there.restart("api")).status_code for _ in range(20)]
    assert len(there.world.record.of(RequestAccepted)) == 20, "all of them were accepted"
    return set(codes)


async def post_twice(there: Visit) -> object:
    await there.restart("api")
    await asyncio.sleep(8.0)
    return (await there.restart("web")).status_code


async def post_slowly(there: Visit) -> object:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await there.restart("api")
    (accepted,) = there.world.record.of(RequestAccepted)
    return accepted.at - began > 15.0, loop.time() - accepted.at > 15.0


def merged(dials: Dials) -> object:
    world = a_world_of(3, dials=dials)
    deploy(world, [2])
    world.advance(10.0)
    restart(world, [0])
    restart(world, [1])
    over(world)
    return len(world.snapshot(ENVIRONMENT).past)


async def accepted_id(there: Visit) -> object:
    first = (await there.restart("api")).json()["deployment_request_id"]
    theirs = there.world.submit(
        there.environment_id, Action.RESTART, there.ids("web"), user=COLLEAGUES[0], origin=Origin.CONSOLE
    )
    await asyncio.sleep(5.0)
    second = (await there.restart("web")).json()["deployment_request_id"]
    ours = [request.request_id for request in there.world.record.accepted(there.environment_id, user=OUR_NAME)]
    known = {ours[0]: "own", ours[1]: "own", theirs.id: "another's", None: None}
    return known.get(first, "nobody's"), known.get(second, "nobody's")


async def accepted_execution(there: Visit) -> object:
    return (await there.restart("api")).json().get("execution_id", "none")[-3:]


async def accepted_body(there: Visit) -> object:
    answers = [await there.restart("api") for _ in range(20)]
    assert {answer.status_code for answer in answers} == {202}
    return {answer.text and "last_deployment_state" in answer.json() for answer in answers}


async def date_offsets(there: Visit) -> object:
    headers = [(await there.get(STATUS)).headers.get("date") for _ in range(20)]
    if headers[0] is None or not headers[0].endswith("GMT"):
        return headers[0]
    offsets = {(parsedate_to_datetime(each) - there.world.epoch).total_seconds() for each in headers}
    return {round(offset, -1) if abs(offset) > 20 else round(offset / 12) * 12 for offset in offsets}


def form_of(date: str | None) -> str:
    """Which form a date has."""
    if date is None:
        return "missing"
    return {"0": "year 1", "9": "far future"}.get(date[0], "usual" if date.endswith("Z") else "no zone")


async def status_dates(there: Visit) -> object:
    document = (await there.get(STATUSES)).json()
    found = [document["environment"], *(each for each in entries(document) if "execution_id" in each)]
    return {form_of(each.get("last_deployment_date")) for each in found}


async def history_times(there: Visit) -> object:
    audits = [each["auditing_data"] for each in await results(there, HISTORY)]
    return {form_of(audit.get(name)) for audit in audits for name in ("created_at", "updated_at")}


async def which_date(there: Visit) -> object:
    document = (await there.get(STATUSES)).json()
    audit = (await results(there, HISTORY))[0]["auditing_data"]
    shown = {document["environment"]["last_deployment_date"]}
    last = {each["last_deployment_date"] for each in entries(document) if each["is_part_last_deployment"]}
    return shown == {audit["created_at"]}, last == {audit["created_at"]}


async def duration(there: Visit) -> object:
    return (await there.get(STATUS)).json()["total_deployment_duration_in_seconds"]


async def lag_of_history(there: Visit) -> object:
    """How many seconds pass from the moment at which statuses show a new run until the history does."""
    await there.restart("api")
    at: dict[str, float] = {}
    while len(at) < 2:
        status = (await there.get(STATUS)).json()
        newest = (await results(there, HISTORY))[0]
        for name, execution in (
            ("status", status["last_deployment_id"]),
            ("history", newest["identifier"]["execution_id"]),
        ):
            if execution.endswith("-42"):
                at.setdefault(name, asyncio.get_running_loop().time())
        await asyncio.sleep(0.5)
    return round((at["history"] - at["status"]) / 5.0) * 5


async def runs_shown(there: Visit) -> object:
    return [int(each["identifier"]["execution_id"][-2:]) for each in await results(there, HISTORY)]


async def page_size(there: Visit) -> object:
    return len((await there.get(HISTORY, params={"pageSize": 4})).json()["results"])


async def order_of_history(there: Visit) -> object:
    orders = [await runs_shown(there) for _ in range(20)]
    if len(set(map(str, orders))) > 1:
        return "any"
    return orders[0]


async def case_of_ids(there: Visit) -> object:
    document = (await there.get(STATUSES)).json()
    shown = [document["environment"]["last_deployment_id"]]
    shown += [each["execution_id"] for each in entries(document) if "execution_id" in each]
    runs = [each["identifier"]["execution_id"] for each in await results(there, HISTORY)]
    return {each == each.upper() for each in shown}, {each == each.upper() for each in runs}


async def numbers(there: Visit) -> object:
    for _ in range(3):
        await there.restart("api")
        await asyncio.sleep(60.0)
    found = [int(each["identifier"]["execution_id"].rpartition("-")[2]) for each in await results(there, HISTORY)]
    steps = {after - before for after, before in pairwise(found)}
    if steps == {1}:
        return "by one"
    if steps == {-1}:
        return "fall"
    return "skip" if min(steps) > 0 else found[:4]


async def waiting_service(there: Visit) -> Json:
    await queued(there)
    document = (await there.get(STATUSES)).json()
    (found,) = (each for each in entries(document) if each["id"] in there.ids("web"))
    return found


async def request_count(there: Visit) -> object:
    return (await waiting_service(there))["deployment_requests_count"]


async def request_id_shown(there: Visit) -> object:
    return (await waiting_service(there))["deployment_request_id"] is not None


async def linked(there: Visit) -> object:
    """Whether the environment's status shows our request: while it waits alone, and when its run is over."""
    request_id = (await there.restart("api")).json()["deployment_request_id"]
    shown = []
    for _ in range(40):
        status = (await there.get(STATUS)).json()
        shown.append((status["last_deployment_id"][-2:], status["deployment_request_id"] == request_id))
        await asyncio.sleep(0.5)
    return ("41", True) in shown, ("42", True) in shown


async def memory(there: Visit) -> object:
    request_id = await queued(there)
    await asyncio.sleep(300.0)
    answer = await there.get("/environment/deploymentStatus", params={"deploymentRequestId": request_id})
    return answer.json().get("status")


async def counts(there: Visit) -> object:
    await there.restart(*ALL)
    await asyncio.sleep(20.0)
    found = [list(entries((await there.get(STATUSES)).json())) for _ in range(40)]
    usual = len(there.world.snapshot(there.environment_id).services)
    return {len(each) - usual for each in found}


async def aliens(there: Visit) -> object:
    readings = [(await there.get(path)).json() for path in (STATUSES, HISTORY, QUEUE) for _ in range(10)]
    return any(None in each for reading in readings for each in lists_in(reading))


def lists_in(document: Json) -> Iterator[list[Json]]:
    if isinstance(document, list):
        yield document
    for value in document.values() if isinstance(document, dict) else document if isinstance(document, list) else ():
        yield from lists_in(value)


def old_readings(dials: Dials, seed: int) -> object:
    """How many readings are old, of one in each second after a restart."""

    async def story(there: Visit) -> str:
        await there.get(STATUSES)
        await there.restart(*ALL)
        old = 0
        for _ in range(200):
            document = (await there.get(STATUSES)).json()
            truth = {
                shown.status.service.id: shown.state for shown in there.world.snapshot(there.environment_id).truthful()
            }
            old += any(truth[each["id"]] != each["state"] for each in entries(document))
            await asyncio.sleep(1.0)
        return {0: "none", 1: "one"}.get(old, "many")

    return visit(story, seed=seed)(dials)


async def bulk_lags(there: Visit) -> object:
    request_id = await queued(there)
    project = there.world.environments[there.environment_id].project.id
    path = f"/project/{project}/environment/status"
    return [each["deployment_request_id"] == request_id for each in await results(there, path)]


def bulk_omits(dials: Dials, seed: int) -> object:
    async def story(there: Visit) -> str:
        project = there.world.environments[there.environment_id].project.id
        found = {len(await results(there, f"/project/{project}/environment/status")) for _ in range(40)}
        return {frozenset({1}): "never", frozenset({0}): "always"}.get(frozenset(found), "sometimes")

    return visit(story, seed=seed)(dials)


async def lag_of_queue(there: Visit) -> object:
    await queued(there)
    await there.get(STATUSES)
    (request,) = there.world.snapshot(there.environment_id).waiting
    for _ in range(40):
        if await results(there, QUEUE):
            break
        await asyncio.sleep(0.25)
    return round((asyncio.get_running_loop().time() - request.visible_at) / 5.0) * 5


async def services_in_queue(there: Visit) -> object:
    await queued(there)
    (waiting,) = await results(there, QUEUE)
    return sum(len(stage["services"]) for stage in waiting["stages"])


async def reset(there: Visit) -> object:
    return int((await there.get(STATUS)).headers["x-ratelimit-reset"]) > 1e6


def window(dials: Dials) -> object:
    """When there is more again for somebody who used up two requests at second 600, half an hour after the clock's."""
    quota = Quota(2, window=dials.quota_window, epoch=1800.0)
    quota.take("us", now=500.0)
    quota.take("us", now=600.0)
    return next(second for second in range(600, 9000, 50) if quota.take("us", now=second).granted)


async def missing(there: Visit) -> object:
    return (await there.get(f"/environment/{ELSEWHERE}/status")).status_code


async def refusals(there: Visit) -> object:
    shapes = set()
    for _ in range(30):
        answer = await there.get(f"/environment/{ELSEWHERE}/status")
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        shapes.add(list(answer.json())[-1] if is_json else "text" if answer.text else "empty")
    return shapes


EXPECTED: dict[str, tuple[Probe, dict[object, object]]] = {
    "colleague_origin": (visit(past_audit), {"CONSOLE": ({"CONSOLE"}, {False}), "API": ({"API"}, {False})}),
    "colleague_token": (visit(past_audit), {"their_own": ({"CONSOLE"}, {False}), "ours": ({"API"}, {True})}),
    "our_origin": (
        visit(our_origin),
        {"API": "API", "CLI": "CLI", "TERRAFORM_PROVIDER": "TERRAFORM_PROVIDER", "null": None},
    ),
    "our_name": (visit(our_name), {"token_name": "<name>", "policy": "policy:<id>:<name>", "null": None}),
    "cancelled_keeps": (
        seeds(lambda dials, seed: untouched(cancelled(dials, seed))),
        {
            "CANCELED": {(State.CANCELED, NEW)},
            "RESTARTED": {(State.RESTARTED, NEW)},
            "before": {(State.RESTARTED, OLD)},
            "either": {(State.CANCELED, NEW), (State.RESTARTED, OLD)},
        },
    ),
    "failed_keeps": (
        lambda dials: untouched(failed(dials)),
        {
            "CANCELED": (State.CANCELED, NEW),
            "RESTARTED": (State.RESTARTED, NEW),
            "before": (State.RESTARTED, OLD),
        },
    ),
    "untouched_in_history": (
        lambda dials: [
            replaced.snapshot(ENVIRONMENT).past[-1].steps["service-9"].state
            for replaced in (cancelled(dials), cancelled(replace(dials, cancelled_keeps="RESTARTED")))
        ],
        {
            "as_statuses": [State.CANCELED, State.RESTARTED],
            "CANCELED": [State.CANCELED, State.CANCELED],
            "RESTARTED": [State.RESTARTED, State.RESTARTED],
        },
    ),
    "environment_after_cancel": (
        seeds(lambda dials, seed: cancelled(dials, seed).snapshot(ENVIRONMENT).past[-1].state),
        {
            "CANCELED": {State.CANCELED},
            "RESTARTED": {State.RESTARTED},
            "either": {State.CANCELED, State.RESTARTED},
        },
    ),
    "interrupted_services": (seeds(interrupted, 20), {"some": {"some"}, "all": {"all"}, "none": {"none"}}),
    "late_cancel": (visit(cancel_late), {409: [202, 409], 404: [202, 404], 202: [202, 202]}),
    "second_delivery": (
        visit(post_often),
        {"none": {202}, **{status: {202, status} for status in (409, 429, 404, 403, 400, 503)}},
    ),
    "busy_answer": (visit(post_twice), {"queue": 202, 409: 409}),
    "slow_submit": (visit(post_slowly), {"no": (False, False), "before": (True, False), "after": (False, True)}),
    "merging": (merged, {"same_user": 2, "never": 3}),
    "straight_away": (
        seeds(lambda dials, seed: restart(a_world_of(1, seed=seed, dials=dials, straight_away=0.7), [0]).at_once),
        {"mostly": {True, False}, "never": {False}, "always": {True}},
    ),
    "accepted_id": (
        lambda dials: visit(accepted_id)(replace(dials, straight_away="always")),
        {
            "usual": (None, "own"),
            "own": ("own", "own"),
            "none": (None, None),
            "of_another": ("nobody's", "another's"),
            "random": ("nobody's", "nobody's"),
        },
    ),
    "accepted_execution": (visit(accepted_execution), {"previous": "-41", "none": "one"}),
    "accepted_body": (
        visit(accepted_body),
        {"status": {False}, "environment": {True}, "either": {False, True}, "empty": {""}},
    ),
    "date_ahead": (visit(date_offsets), {each: {each} for each in (0, 12, 60, 3600, -12, -60, -3600)}),
    "date_jumps": (visit(date_offsets), {0: {0}, 60: {0, 60}, 3600: {0, 3600}}),
    "date_header": (visit(date_offsets), {"usual": {0}, "missing": None, "garbled": "a moment ago"}),
    "status_dates": (
        visit(status_dates),
        {each: {each.replace("_", " ")} for each in ("usual", "missing", "year_1", "no_zone", "far_future")},
    ),
    "last_deployment_date": (visit(which_date), {"end": (False, False), "start": (True, True)}),
    "deployment_duration": (visit(duration), {"whole": 70, "work_only": 65, "missing": None}),
    "history_lag": (visit(lag_of_history), {0: 0, 5: 5, 60: 60}),
    "history_times": (
        visit(history_times),
        {each: {each.replace("_", " ")} for each in ("usual", "missing", "year_1", "no_zone", "far_future")},
    ),
    "history_length": (visit(runs_shown), {50: [41, 40, 39, 38], 3: [41, 40, 39], 1: [41]}),
    "history_page": (visit(page_size), {100: 4, 3: 3, 1: 1}),
    "history_order": (
        visit(order_of_history),
        {"newest_first": [41, 40, 39, 38], "oldest_first": [38, 39, 40, 41], "unordered": "any"},
    ),
    "execution_ids": (
        visit(case_of_ids),
        {"lower_case": ({False}, {False}), "upper_case": ({True}, {True}), "mixed": ({False}, {True})},
    ),
    "execution_numbers": (
        visit(numbers),
        {"by_one": "by one", "skip": "skip", "fall": "fall", "begin_again": [3, 2, 1, 41]},
    ),
    "request_counts": (visit(request_count), {"true": 1, "always_0": 0}),
    "status_request_ids": (visit(request_id_shown), {"shown": True, "null": False}),
    "request_link": (
        lambda dials: visit(linked)(replace(dials, straight_away="never")),
        {"while_waiting": (True, False), "stays": (True, True), "never": (False, False)},
    ),
    "request_memory": (visit(memory), {"forgotten": None, "kept": "RESTARTED"}),
    "omitted_service": (visit(counts), {"never": {0}, "sometimes": {0, -1}}),
    "doubled_service": (visit(counts), {"never": {0}, "sometimes": {0, 1}}),
    "alien_entries": (visit(aliens), {"none": False, "some": True}),
    "old_readings": (
        seeds(old_readings, 12),
        {"never": {"none"}, "once": {"none", "one"}, "for_minutes": {"none", "many"}},
    ),
    "bulk_lags": (visit(bulk_lags), {"no": [True], "yes": [False]}),
    "bulk_omits": (
        seeds(bulk_omits, 12),
        {"nothing": {"never"}, "sometimes": {"sometimes"}, "always": {"never", "always"}},
    ),
    "queue_lag": (visit(lag_of_queue), {0: 0, 5: 5}),
    "queue_services": (visit(services_in_queue), {"named": 1, "missing": 0}),
    "reset_header": (visit(reset), {"instant": True, "span": False}),
    "quota_window": (window, {"first_request": 4100, "clock_hours": 1800, "sliding": 4150}),
    "missing_environment": (visit(missing), {403: 403, 404: 404}),
    "refusal_body": (
        visit(refusals),
        {
            "any": {"detail", "message", "text"},
            **{shape: {shape} for shape in ("detail", "message", "text", "empty")},
        },
    ),
}
"""What each dial is seen by, and what is seen at each of its values."""

EACH = [
    pytest.param(dial, value, id=f"{dial}={value}") for dial, (_, expected) in EXPECTED.items() for value in expected
]


def test_every_dial_at_every_value_is_in_the_table() -> None:
    assert len(names()) >= 30
    assert {(dial, value) for dial, (_, expected) in EXPECTED.items() for value in expected} == {
        (dial, value) for dial in names() for value in values(dial)
    }


@pytest.mark.parametrize(("dial", "value"), EACH)
def test_a_dial_changes_what_is_shown(dial: str, value: object) -> None:
    probe, expected = EXPECTED[dial]
    assert probe(replace(DEFAULT, **{dial: value})) == expected[value]  # type: ignore[arg-type]  # a value of that dial


def test_colleagues_ask_with_their_origin_in_the_middle_of_a_night_too() -> None:
    for dials, origin in ((DEFAULT, Origin.CONSOLE), (Dials(colleague_origin="API"), Origin.API)):
        world = a_world_of(3, dials=dials)
        plant(world, ENVIRONMENT, Incident.COLLEAGUE_RESTARTS_ALL, source(1, "test"))
        world.notice(ENVIRONMENT, Trigger.LOOK)
        over(world)
        assert {each.origin for each in world.snapshot(ENVIRONMENT).past} == {origin}


def test_a_colleague_with_our_token_merges_with_us_and_the_record_still_tells_who_asked() -> None:
    world = a_world_of(3, dials=Dials(colleague_token="ours"))
    deploy(world, [2], user="qovery")
    world.advance(10.0)
    ours, theirs = restart(world, [0], user=US), restart(world, [1], user=COLLEAGUES[0])
    over(world)
    assert world.snapshot(ENVIRONMENT).past[-1].request_ids == (ours.id, theirs.id)
    assert [each.request_id for each in world.record.accepted(ENVIRONMENT, user=US)] == [ours.id]
