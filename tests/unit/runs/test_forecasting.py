"""What a run would do and take, as `plan` says it: against a rehearsal, in virtual time."""

import asyncio

import pytest

from orchestrator.config import Config
from orchestrator.domain.observations import Hint
from orchestrator.domain.outcomes import ExitCode
from orchestrator.domain.plan import OnBusy, Policy, Service, ServiceType, Target
from orchestrator.domain.review import Forecast, Review, review_by_hint
from orchestrator.runs.forecasting import areview
from orchestrator.runs.interruption import Interruption
from orchestrator.runs.rehearsal import Rehearsal
from orchestrator.simulator.app import _Api
from tests.support.time import in_virtual_time


def fleet(environments: int, *, requests_per_hour: int = 1000, **more: object) -> Config:
    return Config.model_validate(
        {
            "version": 1,
            **more,
            "api": {"requests_per_hour": requests_per_hour},
            "environments": [
                {
                    "name": f"env-{number}",
                    "path": f"acme/project-{number % 2}/env-{number}",
                    "services": {"containers": ["worker"]},
                }
                for number in range(environments)
            ],
        }
    )


def reviewed(config: Config) -> Review:
    review = in_virtual_time(areview(config, rehearsal=Rehearsal(), environ={}))
    assert review is not None
    return review


def test_each_environment_is_looked_at_where_the_quota_bears_it() -> None:
    review = reviewed(fleet(10))
    assert {each.forecast for each in review.environments} == {Forecast.RESTART}
    assert all(
        service.state is not None for each in review.environments for service in each.services if service.restart
    )
    # Names in four requests, then ten looks.
    assert review.cost.left == 1000 - 4 - 10
    assert (review.cost.baselines, review.cost.submits, review.cost.proofs, review.cost.fits) == (10, 10, 10, True)


def test_where_it_does_not_whole_projects_are_and_that_is_said() -> None:
    review = reviewed(fleet(20, requests_per_hour=60))
    assert {each.forecast for each in review.environments} == {Forecast.RESTART}
    assert {each.why for each in review.environments} == {
        "its services were not looked at one by one, to save requests"
    }
    assert all(service.state is None for each in review.environments for service in each.services)
    assert review.cost.left == 60 - 4 - 2


def test_a_project_that_may_not_be_looked_at_is_looked_at_environment_by_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(self: _Api, request: object) -> object:
        from starlette.responses import Response  # noqa: PLC0415

        return Response(status_code=403)

    monkeypatch.setattr(_Api, "project_statuses", refuse)
    review = reviewed(fleet(20, requests_per_hour=60))
    assert {each.why for each in review.environments} == {None}
    assert review.cost.left == 60 - 4 - 2 - 20


@pytest.mark.parametrize(
    ("state", "on_busy", "forecast"),
    [
        ("RESTARTED", OnBusy.FAIL, Forecast.RESTART),
        (None, OnBusy.FAIL, Forecast.RESTART),
        ("DEPLOYING", OnBusy.WAIT, Forecast.WAIT),
        ("DEPLOYING", OnBusy.FAIL, Forecast.BLOCK),
    ],
)
def test_a_glance_shows_whether_anything_is_in_progress_there(
    state: str | None, on_busy: OnBusy, forecast: Forecast
) -> None:
    target = Target(
        name="production",
        environment_id="env",
        services=(Service(id="api", name="api", type=ServiceType.APPLICATION),),
        policy=Policy(on_busy=on_busy),
    )
    hint = Hint(environment_id="env", state=state, execution_id="env-41")
    assert review_by_hint(target, hint).forecast is forecast


def test_in_a_blackout_all_would_be_blocked_and_it_says_until_when() -> None:
    review = reviewed(fleet(2, blackouts=[{"from": "2026-01-01", "to": "2999-12-31", "why": "a freeze"}]))
    assert {each.forecast for each in review.environments} == {Forecast.BLOCK}
    assert all("a freeze" in (each.why or "") for each in review.environments)


def test_one_that_is_interrupted_says_nothing() -> None:
    async def interrupted() -> Review | None:
        interruption = Interruption()
        asyncio.get_running_loop().call_later(0.2, interruption.ask, ExitCode.SIGINT)
        return await areview(fleet(10), rehearsal=Rehearsal(), environ={}, interruption=interruption)

    assert in_virtual_time(interrupted()) is None
