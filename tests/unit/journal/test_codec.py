"""Whatever is written down is read again as it was."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.accounts import CheckResult, Wait, WaitedFor
from orchestrator.domain.observations import Baseline, ServiceStatus
from orchestrator.domain.outcomes import EnvironmentResult, Outcome, Reason, ServiceResult
from orchestrator.domain.plan import (
    Exclusion,
    HttpCheck,
    OnBusy,
    OnDeadline,
    OnStopped,
    Policy,
    Service,
    ServiceType,
    Target,
)
from orchestrator.domain.records import Intent, Sighting
from orchestrator.errors import JournalError
from orchestrator.journal import codec
from tests.support.builders import ended, target

TEXTS = st.text(max_size=12)
SPANS = st.floats(-1e9, 1e9)
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8))])
INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=ZONES)  # noqa: DTZ001 - the strategy adds it
IDS = st.frozensets(TEXTS, max_size=4)
TIMELINES = st.lists(st.tuples(TEXTS, SPANS), max_size=4).map(tuple)

STATUSES = st.builds(
    ServiceStatus,
    id=TEXTS,
    state=TEXTS,
    execution_id=st.none() | TEXTS,
    requests_waiting=st.integers(0, 99),
    request_id=st.none() | TEXTS,
    in_last_run=st.booleans(),
)
BASELINES = st.builds(
    Baseline,
    environment_id=TEXTS,
    targets=st.dictionaries(TEXTS, STATUSES, max_size=3),
    executions=IDS,
    server_time=st.none() | INSTANTS,
    origin=st.none() | TEXTS,
)
WAITS = st.lists(st.builds(Wait, what=st.sampled_from(WaitedFor), since=INSTANTS, duration_s=SPANS), max_size=2).map(
    tuple
)
INTENTS = st.builds(
    Intent,
    baseline=BASELINES,
    left_out=IDS,
    posted_at=SPANS,
    submitted_at=INSTANTS,
    began_at=st.none() | INSTANTS,
    waits=WAITS,
)
CHECKS = st.builds(
    CheckResult,
    url=TEXTS,
    wanted=st.integers(100, 599),
    consecutive=st.integers(1, 9),
    passed=st.booleans(),
    last_answer=st.integers(100, 599) | TEXTS,
    probes=st.integers(0, 99),
    duration_s=SPANS,
)
EXCLUSIONS = st.lists(st.builds(Exclusion, id=TEXTS, name=TEXTS, type=TEXTS, why=TEXTS), max_size=2).map(tuple)
SIGHTINGS = st.builds(
    Sighting,
    states=st.dictionaries(TEXTS, st.tuples(TEXTS, st.none() | TEXTS), max_size=4),
    timelines=st.dictionaries(TEXTS, TIMELINES, max_size=3),
    seen_running=IDS,
    was_seen=st.booleans(),
    not_ours=IDS,
)
RESULTS = st.builds(
    EnvironmentResult,
    name=TEXTS,
    environment_id=TEXTS,
    wave=st.integers(1, 99),
    outcome=st.sampled_from(Outcome),
    reason=st.sampled_from(Reason),
    message=TEXTS,
    services=st.lists(
        st.builds(
            ServiceResult,
            id=TEXTS,
            name=TEXTS,
            type=TEXTS,
            outcome=st.sampled_from(Outcome),
            state=st.none() | TEXTS,
            baseline_execution_id=st.none() | TEXTS,
            execution_id=st.none() | TEXTS,
            timeline=TIMELINES,
        ),
        max_size=3,
    ).map(tuple),
    submitted_at=st.none() | INSTANTS,
    settled_at=st.none() | INSTANTS,
    duration_s=st.none() | SPANS,
    console_url=st.none() | TEXTS,
    began_at=st.none() | INSTANTS,
    proven_at=st.none() | INSTANTS,
    waits=WAITS,
    checks=st.lists(CHECKS, max_size=2).map(tuple),
    left_out=EXCLUSIONS,
)
TARGETS = st.builds(
    Target,
    name=TEXTS,
    environment_id=TEXTS,
    services=st.lists(st.builds(Service, id=TEXTS, name=TEXTS, type=st.sampled_from(ServiceType)), max_size=3).map(
        tuple
    ),
    excluded=EXCLUSIONS,
    wave=st.integers(1, 99),
    policy=st.builds(
        Policy,
        deadline=SPANS,
        poll_min=SPANS,
        poll_max=SPANS,
        lost_contact=SPANS,
        on_busy=st.sampled_from(OnBusy),
        on_stopped=st.sampled_from(OnStopped),
        on_deadline=st.sampled_from(OnDeadline),
        invisible_for=SPANS,
    ),
    checks=st.just((HttpCheck(url="https://shop.example.test/?key=hunter2"),)),
    console_url=st.none() | TEXTS,
)


@given(INTENTS)
def test_an_intent_is_read_as_it_was_written(intent: Intent) -> None:
    again = codec.intent_of(codec.intent_to_text(intent))
    assert again == intent
    assert again.submitted_at.utcoffset() is not None


def _without(text: str, *names: str) -> str:
    return json.dumps({name: value for name, value in json.loads(text).items() if name not in names})


@given(INTENTS)
def test_an_intent_of_an_earlier_version_is_read(intent: Intent) -> None:
    earlier = _without(codec.intent_to_text(intent), "began_at", "waits")
    assert codec.intent_of(earlier) == replace(intent, began_at=None, waits=())


@given(RESULTS)
def test_a_result_of_an_earlier_version_is_read(result: EnvironmentResult) -> None:
    earlier = _without(codec.result_to_text(result), "began_at", "proven_at", "waits", "checks", "left_out")
    assert codec.result_of(earlier) == replace(result, began_at=None, proven_at=None, waits=(), checks=(), left_out=())


@given(SIGHTINGS)
def test_a_sighting_is_read_as_it_was_written(sighting: Sighting) -> None:
    assert codec.sighting_of(codec.sighting_to_text(sighting)) == sighting


def test_where_no_sighting_was_written_nothing_was_seen() -> None:
    assert codec.sighting_of(None) == Sighting()


@given(RESULTS)
def test_a_result_is_read_as_it_was_written(result: EnvironmentResult) -> None:
    again = codec.result_of(codec.result_to_text(result))
    assert again == result
    assert (type(again.outcome), type(again.reason)) == (Outcome, Reason)
    assert again.exit_code == result.exit_code


@given(TARGETS)
def test_a_target_is_read_as_it_was_written_but_for_its_checks_which_may_hold_secrets(one: Target) -> None:
    text = codec.target_to_text(one)
    assert codec.target_of(text) == replace(one, checks=())
    assert "hunter2" not in text


@given(IDS)
def test_ids_are_read_as_they_were_written_and_written_in_one_order(ids: frozenset[str]) -> None:
    text = codec.ids_to_text(ids)
    assert codec.ids_of(text) == ids
    assert codec.ids_to_text(sorted(ids, reverse=True)) == text


@given(st.text())
def test_a_report_is_read_as_it_was_written(report: str) -> None:
    assert codec.report_of(codec.report_to_bytes(report)) == report


def test_a_large_fleets_report_takes_little_room() -> None:
    report = codec.result_to_text(ended()) * 1000
    assert len(codec.report_to_bytes(report)) < len(report) / 20


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"baseline": null}'])
def test_what_is_no_intent_is_never_taken_for_one(text: str) -> None:
    with pytest.raises(JournalError, match="is damaged: an entry cannot be read"):
        codec.intent_of(text)


def test_a_target_keeps_its_kind_of_service() -> None:
    (service,) = codec.target_of(codec.target_to_text(target("api"))).services
    assert service.type is ServiceType.CONTAINER


def test_the_encoding_knows_nothing_of_sqlite() -> None:
    script = (
        "import sys, orchestrator.journal.codec\n"
        "print([name for name in sys.modules if name.startswith(('sqlite3', '_sqlite3', 'orchestrator.journal.'))])"
    )
    # Whoever measures the coverage of subprocesses keeps it in SQLite.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    output = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, env=env).stdout
    assert output.strip() == "['orchestrator.journal.codec']"
