"""A project at a hint, oddly written or not."""

import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.observations import Hint
from orchestrator.errors import MalformedAnswerError
from orchestrator.qovery.wire import WireProjectStatuses
from tests.support.http import asked

Json = Any


def transport(document: Json) -> httpx.MockTransport:
    return httpx.MockTransport(lambda request: httpx.Response(200, content=json.dumps(document).encode()))


def hints(document: Json) -> Mapping[str, Hint]:
    return asked(lambda platform: platform.read_hints("p"), transport=transport(document))


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


@pytest.mark.parametrize("document", [{}, {"results": 7}, [], None, "…"], ids=json.dumps)
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
