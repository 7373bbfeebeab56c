"""A run as its log tells it, for whoever looks at it live."""

from collections.abc import Mapping
from typing import Any

from orchestrator.live.board import Board

RUN = "20261126-030000-5f3a1c"
CONSOLE = "https://console.qovery.com/organization/1/project/2/environment/3"


class Telling:
    """Tells a board of a run, event by event.

    Args:
        environments: how many the run has.
        waves: how many waves.
    """

    def __init__(self, *, environments: int = 3, waves: int = 1, config: str | None = "config/nightly.yaml") -> None:
        self.board = Board()
        self.tell(0, "run_started", config=config, api="https://api.qovery.com", simulated=False)
        self.tell(0, "plan_ready", environments=environments, waves=waves, services=4 * environments)

    def tell(self, at: float, event: str, environment: str | None = None, **details: Any) -> None:  # noqa: ANN401
        """Tell of an event at an instant."""
        bound = {} if environment is None else {"environment": environment}
        self.board.take({"run_id": RUN, "level": "info", "event": event, **bound, **details}, at)

    def begin(self, name: str, at: float, *, services: int = 4, wave: int = 1, usually: float | None = None) -> None:
        """Let an environment begin."""
        self.tell(at, "environment_started", name, services=services, wave=wave, usually_s=usually)

    def submit(self, name: str, at: float, *, services: int = 4) -> None:
        """Let its restart be submitted."""
        self.tell(at, "restart_submitted", name, services=services)

    def states(self, name: str, at: float, states: Mapping[str, str], *, elapsed: float) -> None:
        """Let a reading show states of services."""
        for service, state in states.items():
            self.tell(at, "service_state_changed", name, service=service, state=state, elapsed_s=elapsed)

    def answer(self, name: str, at: float, *, streak: int, consecutive: int, url: str = "https://shop/healthz") -> None:
        """Let a health check be answered."""
        self.tell(at, "verification_answered", name, url=url, streak=streak, consecutive=consecutive, answer=200)

    def settle(self, name: str, at: float, *, outcome: str = "succeeded", reason: str = "restarted") -> None:
        """Let an environment end."""
        link = {} if outcome == "succeeded" else {"console_url": CONSOLE}
        self.tell(at, "restart_settled", name, outcome=outcome, reason=reason, **link)


def a_busy_night() -> Board:
    """Return the board of a run with everything in it, 252 seconds after its start."""
    night = Telling(environments=300, waves=3)
    for number in range(86):
        night.begin(f"early-{number}", 1)
        night.settle(f"early-{number}", 60)
    night.begin("back-office", 100)
    night.submit("back-office", 101)
    night.states("back-office", 150, {"api": "RESTARTED", "worker": "RESTART_ERROR"}, elapsed=49)
    night.settle("back-office", 150, outcome="failed", reason="restart_error")
    night.begin("search", 120, wave=2, usually=100)
    night.submit("search", 127)
    night.states("search", 200, dict.fromkeys(("api", "web", "worker", "cache"), "RESTARTED"), elapsed=73)
    night.answer("search", 250, streak=2, consecutive=3)
    night.begin("shop", 178, services=6, wave=2, usually=100)
    night.submit("shop", 180, services=6)
    states = {
        "a": "RESTARTED",
        "b": "RESTARTED",
        "c": "RESTARTED",
        "d": "RESTARTED",
        "e": "RESTARTING",
        "f": "RESTARTING",
    }
    night.states("shop", 230, states, elapsed=50)
    for number in range(12):
        night.begin(f"branch-{number}", 200 + number, wave=2, usually=90)
        night.submit(f"branch-{number}", 201 + number)
        night.states(f"branch-{number}", 240, {"api": "RESTARTING"}, elapsed=39 - number)
    night.tell(232, "quota_paused", environments_waiting=6, pause_s=60, requests_left=12)
    return night.board
