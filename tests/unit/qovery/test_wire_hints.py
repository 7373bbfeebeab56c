"""A project at a hint, and when an environment's last run began at the earliest: hints, oddly written or not."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.observations import Hint, Observation
from orchestrator.errors import MalformedAnswerError
from orchestrator.qovery.wire import LONGEST_RUN, WireEnvironmentStatus, WireProjectStatuses
from tests.support.http import ENVIRONMENT, asked

Json = Any
ENDED = "2026-11-23T03:01:00Z"
BEGAN = datetime(2026, 11, 23, 3, tzinfo=UTC)


def transport(document: Json) -> httpx.MockTransport:
    return httpx.MockTransport(lambda request: httpx.Response(200, content=json.dumps(document).encode()))


def hints(document: Json) -> Mapping[str, Hint]:
    return asked(lambda platform: platform.read_hints("p"), transport=transport(document))


def statuses(environment: Json) -> Observation:
    document = {"environment": environment, "stages": []}
    return asked(lambda platform: platform.read_statuses(ENVIRONMENT), transport=transport(document))


# A project.


def test_a_glance_knows_each_environment_by_its_id_in_lower_case() -> None:
    document = {
        "results": [
            {"id": "AAA", "state": "RESTARTED", "last_deployment_id": "AAA-1", "origin": "API", "brand_new": {}},
            {"id": "bbb", "state": "RESTARTING", "last_deployment_id": ""},
            {"id": "ccc"},
        ]
    }
    assert hints(document) == {
        "aaa": Hint(environment_id="aaa", state="RESTARTED", execution_id="aaa-1"),
        "bbb": Hint(environment_id="bbb", state="RESTARTING", execution_id=None),
        "ccc": Hint(environment_id="ccc", state=None, execution_id=None),
    }


@pytest.mark.parametrize("identifier", [None, ""], ids=["missing", "empty"])
def test_what_does_not_say_whose_it_is_belongs_to_nobody(identifier: str | None) -> None:
    wire = WireProjectStatuses.model_validate({"results": [{"id": identifier, "state": "RESTARTED"}]})
    assert wire.to_domain() == []


def test_a_project_without_environments_is_empty() -> None:
    assert hints({"results": []}) == {}


@pytest.mark.parametrize("document", [{}, {"results": None}, [], None, "…"], ids=json.dumps)
def test_without_its_list_a_glance_is_malformed_and_not_an_empty_project(document: Json) -> None:
    with pytest.raises(MalformedAnswerError):
        hints(document)


words = st.sampled_from(["results", "id", "state", "last_deployment_id", "last_deployment_date"])
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=8)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=6),
    max_leaves=30,
)


@settings(max_examples=200)
@given(document=documents | st.builds(lambda inner: {"results": inner}, documents))
def test_any_json_is_a_glance_or_malformed(document: Json) -> None:
    try:
        found = hints(document)
    except MalformedAnswerError as error:
        assert ": unexpected answer (HTTP " in str(error)  # noqa: PT017 - one of the two
    else:
        assert all(key == hint.environment_id for key, hint in found.items())


# When the last run began, at the earliest.


@pytest.mark.parametrize(
    ("date", "length", "not_before"),
    [
        pytest.param(ENDED, 60, BEGAN, id="its end, less its length"),
        pytest.param("2026-11-23T05:01:00+02:00", 60, BEGAN, id="in another zone"),
        pytest.param("2026-11-23T03:00:00.500Z", 0, BEGAN + timedelta(seconds=0.5), id="over in no time"),
        pytest.param(ENDED, LONGEST_RUN, BEGAN + timedelta(seconds=60 - LONGEST_RUN), id="as long as any"),
        pytest.param(ENDED, LONGEST_RUN + 1, None, id="longer than any"),
        pytest.param(ENDED, 10**30, None, id="huge"),
        pytest.param(ENDED, -1, None, id="negative"),
        pytest.param(ENDED, 60.0, BEGAN, id="whole, if written otherwise"),
        pytest.param(ENDED, 59.5, None, id="not whole"),
        pytest.param(ENDED, "PT1M", None, id="a length in another notation"),
        pytest.param(ENDED, [60], None, id="a list"),
        pytest.param(ENDED, {}, None, id="an object"),
        pytest.param(ENDED, None, None, id="no length"),
        pytest.param(None, 60, None, id="no date"),
        pytest.param("2026-11-23T03:01:00", 60, None, id="a date without a zone"),
        pytest.param("2026-11-23", 60, None, id="a day"),
        pytest.param("the day before yesterday", 60, None, id="words"),
        pytest.param("", 60, None, id="an empty date"),
        pytest.param("2026-13-23T03:01:00Z", 60, None, id="no such month"),
        pytest.param([ENDED], 60, None, id="a list of dates"),
        pytest.param({"at": ENDED}, 60, None, id="a date in an object"),
    ],
)
def test_the_last_run_is_dated_by_its_end_and_its_length_where_both_make_sense(
    date: Json, length: Json, not_before: datetime | None
) -> None:
    environment = {"last_deployment_date": date, "total_deployment_duration_in_seconds": length, "state": "RESTARTED"}
    observation = statuses({**environment, "last_deployment_id": f"{ENVIRONMENT}-42"})
    assert observation.last_run_not_before == not_before
    assert (observation.environment_state, observation.last_execution_id) == ("RESTARTED", f"{ENVIRONMENT}-42")


@pytest.mark.parametrize("left_out", ["last_deployment_date", "total_deployment_duration_in_seconds"])
def test_the_last_run_is_not_dated_where_either_is_missing(left_out: str) -> None:
    environment = {"last_deployment_date": ENDED, "total_deployment_duration_in_seconds": 60}
    assert statuses(environment).last_run_not_before == BEGAN
    del environment[left_out]
    assert statuses(environment).last_run_not_before is None


@given(
    date=st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - the strategy adds it
    length=st.integers(-10, 10**9),
)
def test_a_run_is_never_dated_later_than_the_platform_said_nor_by_more_than_any_lasts(
    date: datetime, length: int
) -> None:
    not_before = WireEnvironmentStatus.model_validate(
        {"last_deployment_date": date.isoformat(), "total_deployment_duration_in_seconds": length}
    ).last_run_not_before
    if not_before is not None:
        assert timedelta() <= date - not_before <= timedelta(seconds=LONGEST_RUN)
    else:
        assert not 0 <= length <= LONGEST_RUN
