"""`activity`: what has happened to the targets since the baseline."""

from dataclasses import replace

import pytest
from hypothesis import given

from orchestrator.domain.activity import (
    bears_our_name,
    executions_at_work,
    others_ask_as_we_do,
    others_may_ask_as_we_do,
    shows_activity,
)
from orchestrator.domain.observations import Observation, Run
from tests.support.builders import all_in, baseline_of, observe, run, status
from tests.support.strategies import TARGETS, TONIGHT, observations

BASELINE = replace(baseline_of("api"), name="us")
OURS = run(42, {"api": "RESTARTED"}, origin="API", triggered_by="us")
EARLIER = run(41, {"api": "RESTARTED"}, origin="API", triggered_by="us")
THE_CONSOLES = replace(EARLIER, origin="CONSOLE", triggered_by="ann")

RUNNING_TONIGHT = frozenset({TONIGHT})
assert TONIGHT is not None
"""Our execution was seen in progress by an earlier reading."""


def test_an_execution_was_seen_in_progress_when_a_target_was_restarting_under_it() -> None:
    reading = observe(
        status("api", "RESTARTING", 42),
        status("web", "RESTART_QUEUED", 41),
        status("worker", "RESTARTING", None),
        status("stranger", "RESTARTING", 43),
    )
    assert executions_at_work(baseline_of("api", "web", "worker", "gone"), reading) == RUNNING_TONIGHT


@pytest.mark.parametrize(
    ("reading", "shown"),
    [
        pytest.param(all_in("RESTARTED", "api"), False, id="nothing but last night"),
        pytest.param(all_in("HIBERNATING", "api"), False, id="a state nobody knows"),
        pytest.param(all_in("DEPLOYED", "api", number=None), False, id="no execution"),
        pytest.param(observe(status("stranger", "DEPLOYING", 42)), False, id="a stranger at work, the target gone"),
        pytest.param(all_in("RESTART_QUEUED", "api"), True, id="queued"),
        pytest.param(all_in("DEPLOYED", "api", number=42), True, id="a new execution"),
    ],
)
def test_activity_is_what_a_target_did_not_show_at_the_baseline(reading: Observation, shown: bool) -> None:
    assert shows_activity(baseline_of("api"), reading) is shown


@given(observations())
def test_only_new_executions_are_ever_seen_in_progress(reading: Observation) -> None:
    baseline = baseline_of(*TARGETS)
    assert all(baseline.is_new(one) for one in executions_at_work(baseline, reading))


# Who asks there, and how.


@pytest.mark.parametrize(
    ("name", "before", "bears", "may_be_anothers"),
    [
        pytest.param("us", [], False, True, id="the history shows nobody else, and so nothing of anybody"),
        pytest.param("us", [THE_CONSOLES], True, False, id="others ask in another way"),
        pytest.param("us", [EARLIER], True, False, id="we have restarted there before"),
        pytest.param("us", [replace(EARLIER, action="DEPLOY")], False, True, id="our name has deployed there, too"),
        pytest.param("us", [replace(EARLIER, origin="CONSOLE")], False, True, id="our name asks in another way, too"),
        pytest.param("us", [replace(EARLIER, action="")], True, False, id="it does not say what was asked for"),
        pytest.param("us", [replace(EARLIER, action="DEPLOY", triggered_by="ann")], True, False, id="others deploy"),
        pytest.param(None, [EARLIER], False, True, id="our name is not known"),
        pytest.param("ann", [EARLIER], False, True, id="our name is another"),
    ],
)
def test_our_name_tells_our_restart_from_others_unless_they_use_it_too(
    name: str | None, before: list[Run], bears: bool, may_be_anothers: bool
) -> None:
    baseline = replace(BASELINE, name=name)
    runs = [OURS, *before]
    assert bears_our_name(baseline, runs, OURS) is bears
    assert others_may_ask_as_we_do(baseline, runs, OURS) is may_be_anothers


@pytest.mark.parametrize(
    ("before", "others"),
    [
        pytest.param([], True, id="the history shows nobody else, and so nothing of anybody"),
        pytest.param([EARLIER], False, id="only the same user"),
        pytest.param([replace(EARLIER, triggered_by="ann")], True, id="another user"),
        pytest.param([replace(EARLIER, triggered_by=None)], True, id="somebody"),
        pytest.param(
            [replace(EARLIER, triggered_by="ann", origin="CONSOLE")], False, id="another user, in another way"
        ),
    ],
)
def test_others_ask_as_we_do_if_the_history_shows_another_user_with_our_origin(before: list[Run], others: bool) -> None:
    assert others_ask_as_we_do(BASELINE, [OURS, *before], OURS) is others
