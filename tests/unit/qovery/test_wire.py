"""How much may be missing, new or wrong in what the API sends before a reading fails, and how it fails."""

import copy
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.observations import Observation, QueuedRequest, Run, ServiceStatus, SubmitReceipt
from orchestrator.domain.plan import Service, ServiceType
from orchestrator.domain.states import State, StateClass
from orchestrator.errors import MalformedAnswerError
from orchestrator.qovery.platform import QoveryPlatform
from orchestrator.qovery.wire import WireRun, WireRuns, WireStatus
from tests.support.http import ENVIRONMENT, asked

Question = Callable[[QoveryPlatform], Awaitable[Any]]
Json = Any
Path = tuple[str | int, ...]

KINDS = ("applications", "containers", "databases", "jobs", "helms", "terraforms", "agentic_workflows")
SERVICE = Service(id="s", name="s", type=ServiceType.APPLICATION)


def a_status(identifier: str, *, run: int = 42) -> Json:
    return {
        "id": identifier,
        "state": "RESTARTED",
        "service_deployment_status": "UP_TO_DATE",
        "last_deployment_date": "2026-11-23T03:00:00Z",
        "is_part_last_deployment": True,
        "execution_id": f"{ENVIRONMENT}-{run}",
        "deployment_request_id": None,
        "deployment_requests_count": 0,
        "status_details": {"action": "RESTART", "status": "SUCCESS", "sub_action": "NONE"},
        "steps": {"total_duration_sec": 12, "details": []},
    }


STATUSES: Json = {
    "environment": {
        "id": ENVIRONMENT,
        "state": "RESTARTED",
        "last_deployment_state": "RESTARTED",
        "last_deployment_id": f"{ENVIRONMENT}-42",
        "last_deployment_date": "2026-11-23T03:01:00Z",
        "total_deployment_duration_in_seconds": 60,
        "origin": "API",
        "deployment_request_id": None,
    },
    "stages": [
        {"stage": {"id": "s1", "name": "DATABASE DEFAULT"}, "databases": [a_status("db-1"), a_status("db-2", run=41)]},
        {"stage": {"id": "s2", "name": "THE REST"}, **{kind: [a_status(kind)] for kind in KINDS}},
        {"stage": {"id": "s3", "name": "EMPTY"}, **{kind: [] for kind in KINDS}},
    ],
    "pre_check_stage": {"status": "SUCCESS", "total_duration_sec": 1},
}
RUNS: Json = {
    "page": 1,
    "page_size": 20,
    "results": [
        {
            "identifier": {"execution_id": f"{ENVIRONMENT}-{number}", "environment_id": ENVIRONMENT},
            "auditing_data": {
                "created_at": "2026-11-23T03:00:00.123456Z",
                "updated_at": "2026-11-23T03:01:00Z",
                "triggered_by": "ops@example.test",
                "origin": "API",
            },
            "status": "RESTARTED",
            "trigger_action": "RESTART",
            "action_status": "SUCCESS",
            "total_duration": "PT1M",
            "stages": [
                {
                    "name": "DEFAULT",
                    "status": "DONE",
                    "services": [
                        {
                            "identifier": {"name": name, "service_id": name, "service_type": "APPLICATION"},
                            "status": "RESTARTED",
                        }
                        for name in ("api", "web")
                    ],
                }
            ],
        }
        for number in (42, 41)
    ],
}
QUEUE: Json = {
    "results": [
        {
            "identifier": {"deployment_request_id": "request-1", "environment_id": ENVIRONMENT},
            "auditing_data": {"triggered_by": "ops@example.test", "origin": "API"},
            "trigger_action": "RESTART",
            "stages": [
                {
                    "name": "DEFAULT",
                    "status": "QUEUED",
                    "services": [
                        {
                            "identifier": {"service_id": "api", "service_type": "APPLICATION", "name": "api"},
                            "status": "",
                        }
                    ],
                }
            ],
        }
    ]
}


async def statuses(platform: QoveryPlatform) -> Observation:
    return await platform.read_statuses(ENVIRONMENT)


async def runs(platform: QoveryPlatform) -> list[Run]:
    return list(await platform.find_runs(ENVIRONMENT))


async def queue(platform: QoveryPlatform) -> list[QueuedRequest]:
    return list(await platform.read_queue(ENVIRONMENT))


async def receipt(platform: QoveryPlatform) -> SubmitReceipt:
    return await platform.submit_restart(ENVIRONMENT, [SERVICE])


DIRECTORY: dict[str, Question] = {
    "environment": lambda platform: platform.environment("e"),
    "organizations": lambda platform: platform.organizations(),
    "projects": lambda platform: platform.projects("o"),
    "environments": lambda platform: platform.environments("p"),
    "services": lambda platform: platform.services("e"),
}
READINGS: dict[str, tuple[Question, Json]] = {
    "statuses": (statuses, STATUSES),
    "runs": (runs, RUNS),
    "queue": (queue, QUEUE),
}


def read(question: Question, body: bytes, *, status: int = 200) -> Any:  # noqa: ANN401 - whatever the question asks for
    return asked(question, transport=httpx.MockTransport(lambda request: httpx.Response(status, content=body)))


def read_json(question: Question, document: Json) -> Any:  # noqa: ANN401 - whatever the question asks for
    return read(question, json.dumps(document).encode())


def paths_in(document: Json, path: Path = ()) -> Iterator[Path]:
    """Yield the way to every part of a document."""
    items: list[tuple[str | int, Json]] = []
    if isinstance(document, dict):
        items = list(document.items())
    elif isinstance(document, list):
        items = list(enumerate(document))
    for key, part in items:
        yield (*path, key)
        yield from paths_in(part, (*path, key))


def with_part(document: Json, path: Path, *replacement: Json) -> Json:
    """Return the document with one part replaced, or without it."""
    changed = copy.deepcopy(document)
    parent = changed
    for key in path[:-1]:
        parent = parent[key]
    if replacement:
        parent[path[-1]] = replacement[0]
    else:
        del parent[path[-1]]
    return changed


each_reading = pytest.mark.parametrize(("question", "document"), READINGS.values(), ids=READINGS.keys())
INSISTED_ON = {("stages",), ("results",)}
NEEDED_IN_THE_QUEUE = {("results", 0, "identifier"), ("results", 0, "identifier", "deployment_request_id")}
"""A request that nobody can tell from others may be ours."""


def is_needed(document: Json, path: Path) -> bool:
    return path in INSISTED_ON or (document is QUEUE and path in NEEDED_IN_THE_QUEUE)


def said_more(less: Any, more: Any) -> bool:  # noqa: ANN401 - readings of one kind
    """Tell whether everything that the reading `less` knows, apart from what is missing, `more` knows too."""
    if isinstance(less, Observation):
        return set(less.services) <= set(more.services) and all(
            status.execution_id in (None, more.services[key].execution_id)
            and status.state in ("", more.services[key].state)
            for key, status in less.services.items()
        )
    if less and isinstance(less[0], Run):
        known = {run.execution_id: run.services for run in more}
        known[None] = {service_id: state for services in known.values() for service_id, state in services.items()}
        return all(
            state in ("", known[run.execution_id][service_id])
            for run in less
            for service_id, state in run.services.items()
        )
    return {request.request_id for request in less} <= {request.request_id for request in more}


@each_reading
def test_the_full_documents_of_these_tests_are_read_in_full(question: Question, document: Json) -> None:
    reading = read_json(question, document)
    if isinstance(reading, Observation):
        assert set(reading.services) == {"db-1", "db-2", *KINDS}
        assert {status.state for status in reading.services.values()} == {"RESTARTED"}
    elif isinstance(reading[0], Run):
        assert [run.services for run in reading] == [{"api": "RESTARTED", "web": "RESTARTED"}] * 2
    else:
        assert [request.service_ids for request in reading] == [{"api"}]


@each_reading
def test_a_part_that_is_missing_makes_a_reading_poorer_and_never_different(question: Question, document: Json) -> None:
    full = read_json(question, document)
    for path in paths_in(document):
        if not is_needed(document, path):
            assert said_more(read_json(question, with_part(document, path)), full), path


@each_reading
def test_without_its_list_an_answer_is_malformed_and_not_an_empty_list(question: Question, document: Json) -> None:
    (path,) = (path for path in paths_in(document) if path in INSISTED_ON)
    # Null is how Go writes an empty list; of a queue that is believed, since the statuses show what waits, too.
    nulls = [] if question is queue else [with_part(document, path, None)]
    without: list[Json] = [with_part(document, path), *nulls, {}]
    for changed in without:
        with pytest.raises(MalformedAnswerError, match=rf"{path[0]}: (Field required|Input should be a valid)"):
            read_json(question, changed)


@each_reading
def test_a_part_that_is_null_is_as_good_as_missing(question: Question, document: Json) -> None:
    for path in paths_in(document):
        if isinstance(path[-1], str) and not is_needed(document, path):
            null, missing = with_part(document, path, None), with_part(document, path)
            assert read_json(question, null) == read_json(question, missing), path


@each_reading
@pytest.mark.parametrize("part", [7, True, 1.5, "…", [], {}, [[]], {"a": 1}, None], ids=json.dumps)
def test_a_part_of_another_type_leaves_a_reading_of_the_same_type_or_makes_it_malformed(
    question: Question, document: Json, part: Json
) -> None:
    kind, readings = type(read_json(question, document)), 0
    for path in paths_in(document):
        try:
            reading = read_json(question, with_part(document, path, part))
        except MalformedAnswerError:
            continue
        readings += 1
        assert type(reading) is kind, path
    assert readings  # what the client does not read may be of any type


def test_what_the_api_adds_one_day_is_ignored() -> None:
    for question, document in READINGS.values():
        richer = copy.deepcopy(document)
        for path in list(paths_in(document)):
            part: Json = richer
            for key in path:
                part = part[key]
            if isinstance(part, dict):
                part["brand_new"] = {"deeply": ["new"]}
        assert read_json(question, richer) == read_json(question, document)


# Whatever comes.

words = st.sampled_from(
    sorted({str(key) for _, document in READINGS.values() for path in paths_in(document) for key in path})
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(max_size=8)
    | st.sampled_from([*State, ENVIRONMENT, f"{ENVIRONMENT}-42", "2026-11-23T03:00:00Z", "0001-01-01T00:00:00+14:00"])
)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | st.text(max_size=4), inner, max_size=6),
    max_leaves=30,
)
every_question = st.sampled_from([statuses, runs, queue, *DIRECTORY.values()])


def complaint_about(question: Question, body: bytes) -> str | None:
    try:
        read(question, body)
    except MalformedAnswerError as error:
        return str(error)
    return None


@settings(max_examples=400, deadline=None)
@given(question=every_question, document=documents | documents.map(lambda inner: {"results": inner, "stages": inner}))
def test_any_json_is_a_reading_or_malformed(question: Question, document: Json) -> None:
    complaint = complaint_about(question, json.dumps(document).encode())
    assert complaint is None or ": unexpected answer (HTTP " in complaint


@settings(deadline=None)
@given(question=every_question, body=st.binary(max_size=200))
def test_no_bytes_at_random_are_a_reading(question: Question, body: bytes) -> None:
    complaint = complaint_about(question, body)
    assert complaint is not None
    assert complaint.isprintable()


@settings(deadline=None)
@given(document=documents)
def test_any_json_is_a_receipt(document: Json) -> None:
    assert isinstance(read(receipt, json.dumps(document).encode(), status=202), SubmitReceipt)


@settings(deadline=None)
@given(body=st.binary(max_size=200))
def test_any_bytes_are_a_receipt(body: bytes) -> None:
    assert isinstance(read(receipt, body, status=202), SubmitReceipt)


# Meanings.


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        pytest.param({}, ServiceStatus(id="", state=""), id="nothing"),
        pytest.param({"id": "AbC"}, ServiceStatus(id="abc", state=""), id="ids in lower case"),
        pytest.param({"execution_id": ""}, ServiceStatus(id="", state=""), id="an empty execution is none"),
        pytest.param(
            {"deployment_requests_count": 3, "deployment_request_id": "r"},
            ServiceStatus(id="", state="", requests_waiting=3, request_id="r"),
            id="requests that wait",
        ),
        pytest.param(
            {"is_part_last_deployment": True}, ServiceStatus(id="", state="", in_last_run=True), id="in last run"
        ),
    ],
)
def test_a_status_means_what_it_says(status: Json, meaning: ServiceStatus) -> None:
    assert WireStatus.model_validate(status).to_domain() == meaning


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        pytest.param({}, SubmitReceipt(), id="nothing"),
        pytest.param(
            {"deployment_request_id": "r", "execution_id": "e-41"},
            SubmitReceipt(request_ids=frozenset({"r"}), execution_id="e-41"),
            id="a service's status",
        ),
        pytest.param(
            {"deployment_request_id": "r", "last_deployment_id": "e-41"},
            SubmitReceipt(request_ids=frozenset({"r"}), execution_id="e-41"),
            id="an environment's status",
        ),
        pytest.param({"deployment_request_id": "", "execution_id": ""}, SubmitReceipt(), id="empty ids are none"),
    ],
)
def test_a_receipt_names_our_request_and_what_had_run_last(answer: Json, meaning: SubmitReceipt) -> None:
    assert read(receipt, json.dumps(answer).encode(), status=202) == meaning


@pytest.mark.parametrize("state", ["HIBERNATING", "", "restarted", " RESTARTED"], ids=repr)
def test_a_state_that_nobody_knows_is_kept_as_it_came_and_is_never_a_success(state: str) -> None:
    observation = read_json(statuses, {"stages": [{"applications": [{"id": "s", "state": state}]}]})
    assert observation.services["s"].state == state
    assert observation.services["s"].state_class is StateClass.UNKNOWN


def test_a_status_that_does_not_say_whose_it_is_belongs_to_nobody() -> None:
    assert (
        read_json(statuses, {"stages": [{"jobs": [{"state": "RESTARTED"}, {"id": "", "state": "X"}]}]}).services == {}
    )


@pytest.mark.parametrize("stages", [[], [{}], [{"applications": None}]], ids=["no stage", "a bare stage", "null"])
def test_stages_without_services_are_an_environment_without_services(stages: Json) -> None:
    assert read_json(statuses, {"stages": stages}).services == {}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-11-23T03:00:00Z", datetime(2026, 11, 23, 3, tzinfo=UTC)),
        ("2026-11-23T05:00:00+02:00", datetime(2026, 11, 23, 3, tzinfo=UTC)),
        ("2026-11-23T03:00:00", None),
        ("0001-01-01T00:00:00Z", None),
        ("the day before yesterday", None),
        (None, None),
    ],
)
def test_a_run_began_at_an_instant_or_nobody_knows_when(written: str | None, read: datetime | None) -> None:
    run = WireRun.model_validate(
        {"identifier": {"execution_id": "e-1"}, "auditing_data": {"created_at": written, "triggered_by": None}}
    ).to_run()
    assert run.created_at == read
    assert run.triggered_by is None


@pytest.mark.parametrize("damaged", ["e-\n42", "e-42\u2028", "e-4\x002"], ids=ascii)
def test_an_id_that_was_damaged_on_the_way_is_nobodys(damaged: str) -> None:
    assert WireStatus.model_validate({"id": damaged, "execution_id": damaged}).to_domain() == ServiceStatus(
        id="", state=""
    )
    entry = {"identifier": {"execution_id": damaged}, "trigger_action": "RESTART", "action_status": "SUCCESS"}
    (run,) = WireRuns.model_validate({"results": [entry]}).results
    assert (run.to_run().execution_id, run.to_run().status) == (None, "")
    waiting = {"identifier": {"deployment_request_id": damaged}, "trigger_action": "RESTART"}
    with pytest.raises(MalformedAnswerError, match=r"results\.0\.identifier"):
        read_json(queue, {"results": [waiting]})


@pytest.mark.parametrize("identifier", [None, {}, {"execution_id": ""}], ids=["missing", "empty", "blank"])
def test_a_run_that_does_not_say_which_it_is_has_no_execution_and_a_queue_of_such_requests_is_malformed(
    identifier: Json,
) -> None:
    run = WireRun.model_validate({"identifier": identifier, "trigger_action": "RESTART"}).to_run()
    assert (run.execution_id, run.action) == (None, "RESTART")
    with pytest.raises(MalformedAnswerError, match=r"results\.0\.identifier"):
        read_json(queue, {"results": [{"identifier": identifier, "trigger_action": "RESTART"}]})
