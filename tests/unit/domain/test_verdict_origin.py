"""`judge` and `confirm`: the origin of a run is evidence, if the platform shows it and we know ours."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.observations import Baseline, Observation, Run, ServiceStatus
from orchestrator.domain.outcomes import Reason
from orchestrator.domain.verdict import Doubt, Finding, ServiceVerdict, confirm, judge
from tests.support.builders import all_in, baseline_of, execution, observe, run, status
from tests.support.stories import LAST_NIGHTS_RUN, TARGETS

OURS = replace(baseline_of(*TARGETS), origin="API")


ANYBODYS = baseline_of(*TARGETS)


SEEN = frozenset({str(execution(42))})


def reading(last: int | None, origin: str | None, *, state: str = "RESTARTED") -> Observation:
    observed = all_in(state, *TARGETS, number=42)
    return replace(observed, last_execution_id=execution(last), last_origin=origin)


@pytest.mark.parametrize(
    ("ours", "theirs", "may_be"),
    [
        ("API", "API", True),
        ("API", None, True),
        ("API", "CONSOLE", False),
        ("CLI", "API", False),
        (None, "CONSOLE", True),
        (None, None, True),
    ],
)
def test_only_what_is_labelled_otherwise_than_ours_speaks_against_us(
    ours: str | None, theirs: str | None, may_be: bool
) -> None:
    assert replace(ANYBODYS, origin=ours).may_be_ours(theirs) is may_be


def test_a_baseline_remembers_how_ours_is_labelled() -> None:
    assert Baseline.of(all_in("RESTARTED", *TARGETS), TARGETS, origin="CLI").origin == "CLI"
    assert Baseline.of(all_in("RESTARTED", *TARGETS), TARGETS).origin is None


READINGS = [
    pytest.param(OURS, reading(42, "API"), None, id="the last run is ours"),
    pytest.param(OURS, reading(42, None), None, id="nobody says for whom the last run was"),
    pytest.param(OURS, reading(None, None), None, id="nobody says which was the last run"),
    pytest.param(OURS, reading(None, "CONSOLE"), None, id="from the console, but which?"),
    pytest.param(OURS, reading(42, "CONSOLE"), Doubt.ANOTHER_ORIGIN, id="the last run was from the console"),
    pytest.param(OURS, reading(43, "API"), Doubt.ANOTHER_ORIGIN, id="there was a later run: of ours nobody says more"),
    pytest.param(OURS, reading(41, "API"), Doubt.ANOTHER_ORIGIN, id="the last run is an older one"),
    pytest.param(ANYBODYS, reading(42, "CONSOLE"), None, id="we do not know how ours is labelled"),
    pytest.param(ANYBODYS, reading(43, None), Doubt.ANOTHER_ORIGIN, id="we do not, and there was a later run"),
]


@pytest.mark.parametrize(("baseline", "observation", "doubt"), READINGS)
@pytest.mark.parametrize("state", ["RESTARTED", "RESTART_ERROR", "CANCELED"])
def test_an_end_under_a_run_that_is_labelled_otherwise_than_ours_is_in_doubt(
    baseline: Baseline, observation: Observation, doubt: Doubt | None, state: str
) -> None:
    services = {name: replace(status, state=state) for name, status in observation.services.items()}
    verdict = judge(baseline, replace(observation, services=services), seen_running=SEEN)
    assert verdict.doubt is doubt
    assert verdict.settled is (doubt is None)


ANOTHERS = pytest.param(reading(42, "CONSOLE"), id="the last run, from the console")


NOT_THE_LAST = pytest.param(reading(43, "API"), id="not the last run")


@pytest.mark.parametrize("observation", [ANOTHERS, NOT_THE_LAST])
@pytest.mark.parametrize(
    ("state", "finding"),
    [
        ("RESTARTED", Finding.SUCCEEDED),
        ("RESTART_ERROR", Finding.FAILED),
        ("CANCELED", Finding.CANCELLED),
    ],
)
def test_each_service_that_ended_under_a_run_that_may_not_be_ours_is_in_doubt_itself(
    observation: Observation, state: str, finding: Finding
) -> None:
    services = {name: replace(status, state=state) for name, status in observation.services.items()}
    verdict = judge(OURS, replace(observation, services=services), seen_running=SEEN)
    assert set(verdict.services.values()) == {
        ServiceVerdict(finding=finding, execution_id=execution(42), doubt=Doubt.ANOTHER_ORIGIN)
    }
    assert not verdict.settled
    assert verdict.reason is None


@pytest.mark.parametrize("observation", [ANOTHERS, NOT_THE_LAST])
@pytest.mark.parametrize("state", ["RESTARTED", "RESTART_ERROR", "CANCELED"])
@pytest.mark.parametrize(
    ("other", "finding"),
    [
        pytest.param(status("web", "RESTARTING", 42), Finding.IN_PROGRESS, id="at work"),
        pytest.param(status("web", "RESTARTED", 41, waiting=1), Finding.IN_PROGRESS, id="waited for"),
        pytest.param(status("web", "HIBERNATING", 42), Finding.IN_PROGRESS, id="in a state nobody knows"),
        pytest.param(status("web", "RESTARTED", 41), Finding.UNPROVEN, id="untouched"),
        pytest.param(None, Finding.UNPROVEN, id="gone"),
    ],
)
def test_the_doubt_stays_whatever_another_service_does_meanwhile(
    observation: Observation, state: str, other: ServiceStatus | None, finding: Finding
) -> None:
    services = {"api": replace(observation.services["api"], state=state)} | ({"web": other} if other else {})
    verdict = judge(OURS, replace(observation, services=services), seen_running=SEEN)
    assert (verdict.finding, verdict.doubt) == (finding, Doubt.ANOTHER_ORIGIN)
    assert verdict.services["api"].doubt is Doubt.ANOTHER_ORIGIN


def test_a_service_under_the_last_run_is_not_in_doubt_because_another_is_under_an_earlier_one() -> None:
    mixed = observe(status("api", "RESTARTED", 42), status("web", "RESTARTED", 43), last=43)
    verdict = judge(OURS, replace(mixed, last_origin="API"), seen_running=SEEN | {str(execution(43))})
    assert {name: each.doubt for name, each in verdict.services.items()} == {"api": Doubt.ANOTHER_ORIGIN, "web": None}
    assert verdict.doubt is Doubt.ANOTHER_ORIGIN


@pytest.mark.parametrize(
    ("service", "doubt"),
    [
        pytest.param(status("api", "RESTARTED", 42), Doubt.NEVER_SEEN_RUNNING, id="never seen running"),
        pytest.param(status("api", "DEPLOYED", 42), Doubt.ENDED_OTHERWISE, id="ended otherwise"),
        pytest.param(status("api", "RESTARTED", None), Doubt.EXECUTION_MISSING, id="no execution"),
        pytest.param(status("api", "RESTARTED", "run-b"), Doubt.EXECUTION_UNORDERED, id="no order"),
        pytest.param(status("api", "RESTARTED", 41), None, id="not begun"),
        pytest.param(status("api", "RESTARTING", 42), None, id="in progress"),
    ],
)
def test_what_was_in_doubt_before_stays_so_and_what_has_not_ended_is_nobodys(
    service: ServiceStatus, doubt: Doubt | None
) -> None:
    observation = replace(observe(service, last=42), last_origin="CONSOLE")
    verdict = judge(replace(baseline_of("api"), origin="API"), observation)
    assert verdict.services["api"].doubt is doubt


@given(
    states=st.lists(st.sampled_from(["RESTARTED", "RESTART_ERROR", "CANCELED", "RESTARTING"]), min_size=2, max_size=2),
    numbers=st.lists(st.sampled_from([41, 42, 43]), min_size=2, max_size=2),
    last=st.sampled_from([None, 41, 42, 43]),
    origin=st.sampled_from([None, "API", "CONSOLE", "CLI"]),
    ours=st.sampled_from([None, "API", "CLI"]),
)
def test_nothing_is_settled_by_the_statuses_of_a_run_that_is_not_known_to_be_the_last_and_ours(
    states: list[str], numbers: list[int], last: int | None, origin: str | None, ours: str | None
) -> None:
    services = (status(name, *each) for name, each in zip(TARGETS, zip(states, numbers, strict=True), strict=True))
    observation = replace(observe(*services, last=last), last_origin=origin)
    verdict = judge(replace(ANYBODYS, origin=ours), observation, seen_running=SEEN)
    if verdict.settled and last is not None:
        assert {one.execution_id for one in verdict.services.values()} == {execution(last)}
        assert ours is None or origin in (None, ours)


def ran(number: int, origin: str | None, *, status: str = "SUCCESS", state: str = "RESTARTED") -> Run:
    return run(number, dict.fromkeys(TARGETS, state), status=status, origin=origin)


HISTORIES = [
    pytest.param(OURS, [ran(42, "API")], Finding.SUCCEEDED, Reason.RESTARTED, id="ours"),
    pytest.param(OURS, [ran(42, None)], Finding.SUCCEEDED, Reason.RESTARTED, id="nobody says"),
    pytest.param(OURS, [ran(42, "CONSOLE")], Finding.ABSENT, Reason.UNATTRIBUTED, id="from the console"),
    pytest.param(OURS, [ran(43, "CLI"), ran(42, "CONSOLE")], Finding.ABSENT, Reason.UNATTRIBUTED, id="two of others"),
    pytest.param(
        OURS, [ran(42, "CONSOLE", state="RESTART_ERROR")], Finding.ABSENT, Reason.UNATTRIBUTED, id="another's failure"
    ),
    pytest.param(
        OURS, [ran(43, "API"), ran(42, "CONSOLE")], Finding.SUCCEEDED, Reason.RESTARTED, id="ours, and another's"
    ),
    pytest.param(
        OURS,
        [ran(43, "CONSOLE", state="RESTART_ERROR"), ran(42, "API")],
        Finding.FAILED,
        Reason.RESTART_ERROR,
        id="ours, and another's that failed",
    ),
    pytest.param(ANYBODYS, [ran(42, "CONSOLE")], Finding.SUCCEEDED, Reason.RESTARTED, id="we do not know our own"),
]


@pytest.mark.parametrize(("baseline", "history", "finding", "reason"), HISTORIES)
def test_a_restart_that_only_others_can_have_asked_for_is_not_taken_for_ours(
    baseline: Baseline, history: list[Run], finding: Finding, reason: Reason
) -> None:
    verdict = confirm(baseline, reading(42, None), [*history, LAST_NIGHTS_RUN], [])
    assert (verdict.finding, verdict.reason) == (finding, reason)
    doubts = {service.doubt for service in verdict.services.values()}
    assert doubts == {Doubt.ANOTHER_ORIGIN if reason is Reason.UNATTRIBUTED else None}
