"""What an answer of Prometheus means: any series blocks, and so does an answer that says nothing."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.domain.alerts import Alert, AlertReading, query_of_since, read_alerts, refusal_of, with_since
from orchestrator.domain.outcomes import Reason

THREE = datetime(2026, 11, 24, 3, tzinfo=UTC)


def answer(*series: object, kind: str = "vector", **more: object) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": kind, "result": list(series)}, **more}


def series(value: object = (1.0, "1"), **labels: str) -> dict[str, Any]:
    return {"metric": labels, "value": list(value) if isinstance(value, tuple) else value}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(answer(), (), id="nothing"),
        pytest.param(answer(series(alertname="Down")), (Alert(name="Down"),), id="an alert"),
        pytest.param(answer(series((1.0, "0"), alertname="Down")), (Alert(name="Down"),), id="whatever its value"),
        pytest.param(answer({"metric": {"alertname": "Down"}}, kind="matrix"), (Alert(name="Down"),), id="a matrix"),
        pytest.param(answer(series(__name__="up", job="api")), (Alert(name="up"),), id="a metric"),
        pytest.param(answer(series(job="api", env="p")), (Alert(name='{env="p", job="api"}'),), id="no name"),
        pytest.param(answer("?"), (Alert(name="{}"),), id="a series that is none is one that is there"),
        pytest.param(
            answer(series((1.0, str(THREE.timestamp())), __name__="ALERTS_FOR_STATE", alertname="Down")),
            (Alert(name="Down", since=THREE),),
            id="since when",
        ),
        pytest.param(
            answer(series((1.0, "NaN"), __name__="ALERTS_FOR_STATE", alertname="Down")),
            (Alert(name="Down"),),
            id="since no time",
        ),
        pytest.param(
            answer(series("soon", __name__="ALERTS_FOR_STATE", alertname="Down")),
            (Alert(name="Down"),),
            id="a value that is no pair",
        ),
        pytest.param(
            answer(series(alertname="A", i="1"), series(alertname="A", i="2")), (Alert(name="A"),), id="twice"
        ),
        pytest.param(answer(series(alertname="x" * 200)), (Alert(name="x" * 100 + "…"),), id="an endless name"),
        pytest.param(
            answer(series(alertname="A"), warnings=["partial"]), (Alert(name="A"),), id="of a part, enough to block"
        ),
    ],
)
def test_every_series_counts(content: object, expected: tuple[Alert, ...]) -> None:
    assert read_alerts(content) == expected


def test_of_the_instances_of_an_alert_the_oldest_counts() -> None:
    dated = [
        series((1.0, str(THREE.timestamp() + later)), __name__="ALERTS_FOR_STATE", alertname="A") for later in (60, 0)
    ]
    assert read_alerts(answer(*dated)) == (Alert(name="A", since=THREE),)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param({"status": "error", "error": "parse error"}, "parse error", id="an error"),
        pytest.param({"status": "error"}, "the answer is not one of Prometheus'", id="an error without words"),
        pytest.param([], "the answer is not one of Prometheus'", id="a list"),
        pytest.param("<html>", "the answer is not one of Prometheus'", id="text"),
        pytest.param({"status": "success"}, "the query yields no series, but nothing", id="no result"),
        pytest.param(answer(kind="scalar"), "the query yields no series, but scalar", id="a number"),
        pytest.param(
            {"status": "success", "data": {"resultType": "vector", "result": {}}},
            "the query yields no series, but vector",
            id="a result that is no list",
        ),
        pytest.param(answer(warnings=["store down"]), "the answer may not be complete (store down)", id="a part"),
        pytest.param(
            answer(warnings="store down"), "the answer may not be complete (store down)", id="a part, in text"
        ),
    ],
)
def test_what_does_not_say_what_fires_is_an_error(content: object, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(why)}$"):
        read_alerts(content)


def test_nothing_firing_anywhere_lets_everything_begin() -> None:
    assert refusal_of([]) is None
    assert refusal_of([AlertReading(source="a"), AlertReading(source="b")]) is None


def test_an_alert_blocks_with_its_name_and_its_time() -> None:
    refusal = refusal_of([AlertReading(source="a", firing=(Alert(name="Down", since=THREE), Alert(name="Full")))])
    assert refusal is not None
    assert refusal.reason is Reason.ALERT_FIRING
    assert refusal.message.endswith("is firing: Down (since 2026-11-24 03:00 UTC), Full")


def test_at_most_ten_alerts_are_named() -> None:
    refusal = refusal_of([AlertReading(source="a", firing=tuple(Alert(name=f"A{number}") for number in range(13)))])
    assert refusal is not None
    assert refusal.message.endswith("A8, A9, and 3 more")


def test_what_cannot_be_known_blocks() -> None:
    refusal = refusal_of([AlertReading(source="a"), AlertReading(source="b", problem="503, and no JSON")])
    assert refusal is not None
    assert refusal.reason is Reason.ALERTS_UNKNOWN
    assert "(b: 503, and no JSON)" in refusal.message


def test_an_alert_weighs_more_than_what_is_not_known() -> None:
    readings = [AlertReading(source="b", problem="503"), AlertReading(source="a", firing=(Alert(name="Down"),))]
    refusal = refusal_of(readings)
    assert refusal is not None
    assert refusal.reason is Reason.ALERT_FIRING


def test_the_question_since_when_quotes_names() -> None:
    assert query_of_since([Alert(name='a"b'), Alert(name="a.b"), Alert(name="a.b")]) == (
        'ALERTS_FOR_STATE{alertname=~"a\\"b|a\\\\.b"}'
    )


def test_dates_are_given_to_alerts_of_the_same_name() -> None:
    dated = with_since([Alert(name="A"), Alert(name="B")], [Alert(name="A", since=THREE)])
    assert dated == (Alert(name="A", since=THREE), Alert(name="B"))
