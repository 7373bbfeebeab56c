"""What the events of a run tell of it."""

import pytest

from orchestrator.live.board import Board
from tests.support.live_events import CONSOLE, RUN, Telling


def test_a_run_is_on_from_its_start_to_its_end() -> None:
    board = Board()
    assert not board.is_on
    night = Telling()
    assert (night.board.is_on, night.board.run_id, night.board.config) == (True, RUN, "nightly.yaml")
    night.tell(9, "run_finished", outcome="succeeded")
    assert not night.board.is_on


def test_the_next_run_of_a_schedule_begins_with_nothing_of_the_last() -> None:
    night = Telling(environments=1)
    night.begin("shop", 1)
    night.settle("shop", 2, outcome="failed", reason="restart_error")
    night.tell(3, "run_finished")
    night.tell(100, "run_started", config=None)
    board = night.board
    assert (board.is_on, board.began, board.done, board.problems, board.total, board.config) == (
        True,
        100,
        0,
        [],
        0,
        None,
    )


def test_environments_are_counted_from_the_plan_to_their_end() -> None:
    night = Telling(environments=4)
    for name in ("a", "b", "c"):
        night.begin(name, 1)
    night.settle("a", 2)
    night.settle("b", 2, outcome="skipped", reason="not_running")
    board = night.board
    assert (board.total, board.done, list(board.flights), board.to_begin, board.problems) == (4, 2, ["c"], 1, [])


@pytest.mark.parametrize("outcome", ["failed", "timed_out", "cancelled", "blocked", "unknown"])
def test_whatever_did_not_end_well_stays_as_a_problem(outcome: str) -> None:
    night = Telling()
    night.begin("shop", 1)
    night.states("shop", 2, {"api": "RESTARTED", "web": "RESTART_ERROR"}, elapsed=1)
    night.settle("shop", 3, outcome=outcome, reason="restart_error")
    (problem,) = night.board.problems
    assert (problem.name, problem.outcome, problem.reason) == ("shop", outcome.replace("_", " "), "restart_error")
    assert (problem.services, problem.console_url) == ((("web", "RESTART_ERROR"),), CONSOLE)


STATES = [
    pytest.param({}, "looking", 0, id="nothing seen"),
    pytest.param({"a": "RESTART_QUEUED", "b": "RESTART_QUEUED"}, "queued", 0, id="all queued"),
    pytest.param({"a": "RESTART_QUEUED", "b": "RESTARTING"}, "restarting", 0, id="one at work"),
    pytest.param({"a": "RESTARTED", "b": "RESTARTING"}, "restarting", 1, id="one done"),
    pytest.param({"a": "RESTARTED", "b": "RESTART_ERROR"}, "restart error", 1, id="one failed"),
    pytest.param({"a": "RESTARTED", "b": "RESTARTED"}, "restarted", 2, id="all done"),
    pytest.param({"a": "DEPLOYED", "b": "DEPLOYED"}, "settled", 2, id="a watch of a deployment"),
    pytest.param({"a": "DEPLOYING", "b": "BUILDING", "c": "BUILDING"}, "building", 0, id="most do that"),
    pytest.param({"a": "SOMETHING_NEW"}, "looking", 0, id="a state that nobody knows"),
]


@pytest.mark.parametrize(("states", "doing", "done"), STATES)
def test_what_goes_on_is_what_its_services_show(states: dict[str, str], doing: str, done: int) -> None:
    night = Telling()
    night.begin("shop", 1, services=2)
    night.states("shop", 5, states, elapsed=3)
    flight = night.board.flights["shop"]
    assert (flight.doing, flight.done) == (doing, done)


@pytest.mark.parametrize(
    ("event", "doing"),
    [
        ("baseline_read", "submitting"),
        ("environment_busy", "waiting, busy"),
        ("submit_unanswered", "looking for it"),
        ("submit_refused", "looking for it"),
        ("restart_submitted", "submitted"),
        ("quota_paused", "waiting for the quota"),
        ("history_read", "looking"),
    ],
)
def test_until_services_show_it_the_events_tell_what_goes_on(event: str, doing: str) -> None:
    night = Telling()
    night.begin("shop", 1)
    night.tell(2, event, "shop")
    assert night.board.flights["shop"].doing == doing


def test_the_time_of_a_restart_runs_from_its_submit_also_if_another_process_made_it() -> None:
    night = Telling()
    night.begin("ours", 1)
    night.submit("ours", 4)
    night.begin("resumed", 1)
    night.states("resumed", 10, {"api": "RESTARTING"}, elapsed=300)
    assert [flight.submitted for flight in night.board.flights.values()] == [4, -290]


def test_a_health_check_is_named_by_its_path_until_it_has_ended() -> None:
    night = Telling()
    night.begin("shop", 1)
    for url, name in (("https://shop/deep/healthz", "healthz"), ("https://shop.example.com", "shop.example.com")):
        night.answer("shop", 2, streak=1, consecutive=3, url=url)
        (check,) = night.board.flights["shop"].checks.values()
        assert (check.words, night.board.flights["shop"].doing) == (f"{name} 1 of 3", "verifying")
        night.tell(3, "verification_passed", "shop", url=url)
        assert night.board.flights["shop"].checks == {}


def test_whoever_begins_waits_for_the_quota_no_longer() -> None:
    night = Telling(environments=10)
    night.tell(5, "quota_paused", environments_waiting=2, pause_s=40)
    assert (night.board.waiting, night.board.quota_opens, night.board.to_begin) == (2, 45, 8)
    for number, waiting in enumerate((1, 0, 0)):
        night.begin(str(number), 45)
        assert night.board.waiting == waiting


def test_a_resumed_run_goes_on_counting() -> None:
    board = Board()
    event = {
        "event": "run_resumed",
        "run_id": RUN,
        "elapsed_s": 90.0,
        "config": "/etc/nightly.yaml",
        "settled": 3,
        "in_flight": 2,
        "new": 5,
        "waves": 4,
    }
    board.take(event, 100.0)
    assert (board.is_on, board.began, board.done, board.total, board.waves) == (True, 10.0, 3, 10, 4)
    assert board.config == "nightly.yaml"


ODD = [
    pytest.param({"event": "service_state_changed", "environment": "nobody", "state": "RESTARTED"}, id="of nobody"),
    pytest.param({"event": "environment_started"}, id="without anything"),
    pytest.param({"event": "quota_paused"}, id="a pause of nobody"),
    pytest.param({"event": "restart_settled", "environment": "nobody"}, id="an end without a beginning"),
    pytest.param({"event": None}, id="no name"),
    pytest.param({}, id="nothing"),
    pytest.param({"event": "plan_ready", "environments": "many", "waves": None}, id="odd numbers"),
]


@pytest.mark.parametrize("event", ODD)
def test_an_event_that_lacks_its_details_does_no_harm(event: dict[str, object]) -> None:
    Telling().board.take(event, 1.0)


def test_no_name_acts_on_the_terminal() -> None:
    night = Telling()
    hostile = "x\x1b[2J\r\n::error::y"
    night.begin(hostile, 1)
    night.states(hostile, 2, {hostile: hostile}, elapsed=1)
    (flight,) = night.board.flights.values()
    assert flight.name.isprintable()
    assert all(name.isprintable() and state.isprintable() for name, state in flight.states.items())
