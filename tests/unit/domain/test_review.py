"""What a plan says of an environment."""

import pytest

from orchestrator.domain.observations import Hint
from orchestrator.domain.outcomes import Reason, Refusal
from orchestrator.domain.plan import Exclusion, OnBusy, OnStopped, Policy, Service, ServiceType, Target
from orchestrator.domain.review import Forecast, refused, review, review_by_hint
from tests.support.builders import ENVIRONMENT, observe, status


def target(**policy: OnBusy | OnStopped) -> Target:
    return Target(
        name="shop",
        environment_id=ENVIRONMENT,
        services=(
            Service(id="api", name="API", type=ServiceType.APPLICATION),
            Service(id="web", name="web", type=ServiceType.CONTAINER),
        ),
        excluded=(Exclusion(id="ledger", name="ledger", type="database", why="a managed database"),),
        policy=Policy(**policy),  # type: ignore[arg-type]  # the rows below hold what fits
    )


@pytest.mark.parametrize(
    ("api", "web", "policy", "forecast"),
    [
        pytest.param("RESTARTED", "DEPLOYED", {}, Forecast.RESTART, id="at rest"),
        pytest.param("RESTARTING", "DEPLOYED", {}, Forecast.WAIT, id="busy"),
        pytest.param("RESTARTING", "DEPLOYED", {"on_busy": OnBusy.FAIL}, Forecast.BLOCK, id="busy, told not to wait"),
        pytest.param("RECAP", "DEPLOYED", {}, Forecast.WAIT, id="unreadable"),
        pytest.param("STOPPED", "DEPLOYED", {}, Forecast.BLOCK, id="one is stopped"),
        pytest.param("STOPPED", "DEPLOYED", {"on_stopped": OnStopped.SKIP}, Forecast.RESTART, id="one is skipped"),
        pytest.param("STOPPED", "READY", {"on_stopped": OnStopped.SKIP}, Forecast.SKIP, id="all are skipped"),
    ],
)
def test_the_forecast_is_what_a_run_would_do(
    api: str, web: str, policy: dict[str, OnBusy | OnStopped], forecast: Forecast
) -> None:
    reviewed = review(target(**policy), observe(status("api", api), status("web", web)))
    assert reviewed.forecast is forecast
    assert (reviewed.why is None) == (forecast is Forecast.RESTART)


@pytest.mark.parametrize(
    ("api", "policy", "ending"),
    [
        pytest.param("RESTARTED", {}, (Forecast.BLOCK, "a blackout holds"), id="what would restart"),
        pytest.param("RESTARTING", {}, (Forecast.BLOCK, "a blackout holds"), id="what would wait"),
        pytest.param("STOPPED", {}, (Forecast.BLOCK, "not running: API (STOPPED)"), id="what would be blocked anyway"),
    ],
)
def test_what_the_file_does_not_allow_to_begin_would_be_blocked(
    api: str, policy: dict[str, OnBusy | OnStopped], ending: tuple[Forecast, str]
) -> None:
    reviewed = review(target(**policy), observe(status("api", api), status("web", "DEPLOYED")))
    blocked = refused(reviewed, Refusal(reason=Reason.BLACKOUT, message="a blackout holds"))
    assert (blocked.forecast, blocked.why) == ending
    assert blocked.services == reviewed.services


def test_every_service_is_shown_with_its_state_and_why_it_is_left_out() -> None:
    reading = observe(status("api", "STOPPED"), status("web", "DEPLOYED"))
    api, web, ledger = review(target(on_stopped=OnStopped.SKIP), reading).services
    assert (api.restart, api.why_not, api.state) == (False, "not running (STOPPED)", "STOPPED")
    assert (web.restart, web.why_not, web.execution_id) == (True, None, f"{ENVIRONMENT}-41")
    assert (ledger.restart, ledger.why_not, ledger.state) == (False, "a managed database", None)


@pytest.mark.parametrize(
    ("state", "policy", "forecast"),
    [
        ("RESTARTED", {}, Forecast.RESTART),
        (None, {}, Forecast.RESTART),
        ("DEPLOYING", {}, Forecast.WAIT),
        ("DEPLOYING", {"on_busy": OnBusy.FAIL}, Forecast.BLOCK),
    ],
)
def test_a_hint_tells_of_the_environment_as_a_whole(
    state: str | None, policy: dict[str, OnBusy | OnStopped], forecast: Forecast
) -> None:
    hint = Hint(environment_id=ENVIRONMENT, state=state, execution_id=None)
    assert review_by_hint(target(**policy), hint).forecast is forecast
