"""What was seen of each service since the submit."""

import pytest

from orchestrator.domain.observations import Baseline
from orchestrator.domain.outcomes import Outcome
from orchestrator.domain.records import Sighting
from orchestrator.domain.verdict import Finding, ServiceVerdict
from orchestrator.restart.narrator import Narrator
from orchestrator.restart.progress import Progress
from tests.support.builders import all_in, baseline_of, execution, observe, run, service, status
from tests.support.log import CapturedLog
from tests.support.time import HandClock

SUCCEEDED = ServiceVerdict(finding=Finding.SUCCEEDED, execution_id=execution(42))


class Followed:
    """A progress on two services, and the clock and the log beside it."""

    def __init__(self, *, baseline: Baseline | None = None, begun: bool = True) -> None:
        self.clock = HandClock(100)
        self.log = CapturedLog(self.clock)
        services = [service("api"), service("web")]
        narrator = Narrator(self.log.logger, self.clock)
        self.progress = Progress(services, narrator=narrator, clock=self.clock)
        if begun:
            self.progress.note(all_in("RESTARTED", "api", "web"))
            self.progress.begin(baseline)

    def note(self, state: str, number: int | None, *, after: float) -> None:
        self.clock.move(after)
        self.progress.note(observe(status("api", state, number)))

    @property
    def timeline(self) -> tuple[tuple[str, float], ...]:
        return self.progress.results(Outcome.SUCCEEDED)[0].timeline


def test_each_state_is_told_once_when_it_is_first_seen() -> None:
    followed = Followed(baseline=baseline_of("api", "web"))
    for state, after in [("RESTART_QUEUED", 2), ("RESTART_QUEUED", 2), ("RESTARTING", 4.26), ("RESTARTED", 20)]:
        followed.note(state, 42, after=after)
    assert followed.timeline == (("RESTART_QUEUED", 2.0), ("RESTARTING", 8.3), ("RESTARTED", 28.3))
    assert followed.log.named("service_state_changed")[0].details == {
        "service": "API",
        "execution_id": execution(42),
        "state": "RESTART_QUEUED",
        "previous": "RESTARTED",
        "elapsed_s": 2.0,
    }
    assert followed.log.names == ["service_state_changed", "services_changed"] * 3
    assert followed.log.events[1].details == {"services": "1 RESTARTED, 1 RESTART_QUEUED", "elapsed_s": 2.0}


def test_what_only_repeats_the_baseline_is_no_part_of_the_timeline() -> None:
    followed = Followed(baseline=baseline_of("api", "web"))
    followed.note("DEPLOYED", 41, after=1)
    followed.note("CANCELED", None, after=1)
    followed.note("RESTARTED", 42, after=1)
    assert followed.timeline == (("RESTARTED", 3.0),)


def test_the_same_state_under_a_newer_execution_is_told_and_joins_the_timeline_once() -> None:
    followed = Followed(baseline=baseline_of("api", "web"))
    followed.note("RESTARTED", 42, after=5)
    followed.note("RESTARTED", 42, after=5)
    followed.note("RESTARTED", 43, after=5)
    assert followed.timeline == (("RESTARTED", 5.0),)
    told = [event.details for event in followed.log.named("service_state_changed")]
    assert [(each["previous"], each["state"], each["execution_id"]) for each in told] == [
        ("RESTARTED", "RESTARTED", execution(42)),
        ("RESTARTED", "RESTARTED", execution(43)),
    ]


@pytest.mark.parametrize("number", [41, 40, None], ids=["the baseline's", "an older one", "none"])
def test_the_same_state_under_an_execution_that_is_not_newer_is_nothing_new(number: int | None) -> None:
    followed = Followed(baseline=baseline_of("api", "web"))
    followed.note("RESTARTED", 39, after=5)
    followed.note("RESTARTED", number, after=5)
    assert followed.log.events == []


def test_one_reading_is_summed_up_once_for_all_its_services() -> None:
    followed = Followed(baseline=baseline_of("api", "web"))
    followed.clock.move(5)
    followed.progress.note(all_in("RESTARTING", "api", "web"))
    (summed_up,) = followed.log.named("services_changed")
    assert summed_up.details == {"services": "2 RESTARTING", "elapsed_s": 5.0}
    assert len(followed.log.named("service_state_changed")) == 2


def test_before_any_verdict_a_result_names_the_newer_execution_that_was_seen() -> None:
    followed = Followed(baseline=baseline_of("api", "web"))
    followed.note("RESTARTING", 42, after=5)
    api, web = followed.progress.results(Outcome.UNKNOWN, verdicts={"api": ServiceVerdict(finding=Finding.IN_PROGRESS)})
    assert (api.baseline_execution_id, api.execution_id) == (execution(41), execution(42))
    assert (web.baseline_execution_id, web.execution_id) == (execution(41), None)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(None, "/healthz 0 of 3, not answered yet", id="none yet"),
        pytest.param(503, "/healthz 0 of 3, last HTTP 503", id="a status"),
        pytest.param("connection refused", "/healthz 0 of 3, connection refused", id="an error"),
    ],
)
def test_a_heartbeat_names_the_health_checks_that_have_not_ended(answer: int | str | None, said: str) -> None:
    followed = Followed(baseline=baseline_of("api", "web"))
    followed.progress.note_check("/healthz", streak=0, consecutive=3, answer=answer)
    assert followed.progress.describe()["checks"] == said
    followed.progress.drop_check("/healthz")
    assert "checks" not in followed.progress.describe()


def test_a_heartbeat_names_what_keeps_the_restart_from_beginning() -> None:
    followed = Followed(begun=False)
    for obstacle in ("api DEPLOYING", "api DEPLOYING", "web BUILDING"):
        followed.progress.note_obstacle(obstacle)
    assert followed.progress.describe()["waiting_for"] == "web BUILDING"
    followed.progress.note_obstacle(None)
    assert "waiting_for" not in followed.progress.describe()
    told = [(event.name, event.level, event.details["waiting_for"]) for event in followed.log.events]
    assert told == [("environment_busy", "debug", "api DEPLOYING"), ("environment_busy", "debug", "web BUILDING")]


def test_without_a_baseline_everything_belongs_to_the_timeline() -> None:
    followed = Followed()
    followed.note("DEPLOYED", 41, after=3)
    assert followed.timeline == (("DEPLOYED", 3.0),)


def test_before_the_submit_nothing_is_told() -> None:
    followed = Followed(begun=False)
    followed.note("DEPLOYING", 41, after=3)
    assert (followed.timeline, followed.log.events, followed.progress.elapsed) == ((), [], None)
    assert followed.progress.describe() == {"services": "1 DEPLOYING, 1 unread"}


def test_a_heartbeat_counts_the_services_in_each_state() -> None:
    followed = Followed()
    followed.note("RESTARTING", 42, after=3.04)
    assert followed.progress.describe() == {"services": "1 RESTARTED, 1 RESTARTING", "elapsed_s": 3.0}


def test_a_service_that_is_not_in_a_reading_keeps_what_was_last_seen_of_it() -> None:
    followed = Followed()
    followed.progress.note(observe())
    assert [one.state for one in followed.progress.results(Outcome.FAILED)] == ["RESTARTED", "RESTARTED"]


def test_a_services_own_verdict_goes_before_the_environments_outcome() -> None:
    followed = Followed(baseline=baseline_of("api", "web"))
    in_progress = ServiceVerdict(finding=Finding.IN_PROGRESS)
    api, web = followed.progress.results(Outcome.TIMED_OUT, verdicts={"api": SUCCEEDED, "web": in_progress})
    assert (api.outcome, api.baseline_execution_id, api.execution_id) == (
        Outcome.SUCCEEDED,
        execution(41),
        execution(42),
    )
    assert (web.outcome, web.baseline_execution_id, web.execution_id) == (Outcome.TIMED_OUT, execution(41), None)
    assert (api.id, api.name, api.type) == ("api", "API", "container")


@pytest.mark.parametrize(
    ("outcome", "execution_id", "expected"),
    [
        (Outcome.FAILED, execution(42), Outcome.UNKNOWN),
        (Outcome.FAILED, None, Outcome.FAILED),
        (Outcome.TIMED_OUT, execution(42), Outcome.TIMED_OUT),
    ],
)
def test_a_service_that_may_have_kept_its_old_restarted_in_a_run_that_failed_is_unknown(
    outcome: Outcome, execution_id: str | None, expected: Outcome
) -> None:
    followed = Followed(baseline=baseline_of("api", "web"))
    unproven = ServiceVerdict(finding=Finding.UNPROVEN, execution_id=execution_id)
    failed = ServiceVerdict(finding=Finding.FAILED, execution_id=execution(42))
    api, web = followed.progress.results(outcome, verdicts={"api": unproven, "web": failed})
    assert (api.outcome, web.outcome) == (expected, Outcome.FAILED)


# The history shows it, too.


def test_a_run_of_the_history_fills_states_and_timeline() -> None:
    followed = Followed(baseline=baseline_of("api", "web"))
    followed.clock.move(10)
    followed.progress.note_run(run(42, {"api": "RESTARTING", "other": "RESTARTING"}, status="ONGOING"))
    followed.clock.move(20)
    followed.progress.note_run(run(42, {"api": "RESTARTED", "web": "RESTART_ERROR"}))
    api, web = followed.progress.results(Outcome.FAILED)
    assert (api.state, web.state) == ("RESTARTED", "RESTART_ERROR")
    assert api.timeline == (("RESTARTING", 10.0), ("RESTARTED", 30.0))
    assert web.timeline == (("RESTART_ERROR", 30.0),)
    assert [event.details["service"] for event in followed.log.named("service_state_changed")] == ["API", "API", "WEB"]


def test_what_an_earlier_process_has_seen_is_taken_over() -> None:
    before = Followed(baseline=baseline_of("api", "web"))
    before.note("RESTARTING", 42, after=10)
    sighting = before.progress.sighting()
    assert sighting.states["api"] == ("RESTARTING", execution(42))
    after = Followed(begun=False)
    after.progress.recall(sighting)
    assert after.timeline == (("RESTARTING", 10.0),)
    assert after.progress.sighting() == sighting


def test_of_what_an_earlier_process_has_not_seen_nothing_is_taken_over() -> None:
    followed = Followed(begun=False)
    followed.progress.recall(Sighting(states={"api": ("RESTARTED", execution(41))}))
    assert followed.progress.describe() == {"services": "1 RESTARTED, 1 unread"}


def test_a_target_that_was_left_out_is_skipped_whatever_became_of_the_others() -> None:
    followed = Followed(baseline=baseline_of("api"))
    _, web = followed.progress.results(Outcome.SUCCEEDED, verdicts={"api": SUCCEEDED}, skipped=frozenset({"web"}))
    assert (web.outcome, web.baseline_execution_id) == (Outcome.SKIPPED, None)


def test_without_a_baseline_there_is_none_to_show() -> None:
    assert [one.baseline_execution_id for one in Followed().progress.results(Outcome.SUCCEEDED)] == [None, None]
