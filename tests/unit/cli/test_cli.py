"""The command line's own parts: what a plan looks like, how errors become exit codes, what settings add up to."""

import io
import sys

import pytest

from orchestrator._version import __version__
from orchestrator.cli.command import problems_of
from orchestrator.cli.options import LogLevel, Settings
from orchestrator.cli.planning import render_plan
from orchestrator.domain.costs import estimate
from orchestrator.domain.outcomes import ExitCode
from orchestrator.domain.plan import Exclusion, OnBusy, Plan, Policy, Service, ServiceType, Strategy, Target
from orchestrator.domain.review import Review, ReviewedEnvironment, review
from orchestrator.errors import ConfigError, RestartError, TokenRefusedError, UnansweredError, UsageError
from orchestrator.runs.codes import exit_code_of_error
from tests.support.builders import ENVIRONMENT, observe, status


def reviewed(name: str, state: str, *, wave: int = 1) -> ReviewedEnvironment:
    target = Target(
        name=name,
        environment_id=ENVIRONMENT,
        services=(Service(id="api", name="[red]api", type=ServiceType.APPLICATION),),
        excluded=(Exclusion(id="ledger", name="ledger", type="database", why="a managed database"),),
        wave=wave,
        policy=Policy(on_busy=OnBusy.FAIL),
    )
    return review(target, observe(status("api", state)))


def a_plan(*environments: ReviewedEnvironment, left: int = 991, run_deadline: float = 14400.0) -> Review:
    plan = Plan(
        targets=tuple(Target(name=each.name, environment_id=each.id, services=()) for each in environments),
        strategy=Strategy(run_deadline=run_deadline),
    )
    return Review(environments=environments, cost=estimate(plan, left=left, per_hour=1000, renewed_in=1800.0))


def test_a_plan_reads_wave_by_wave_with_what_is_left_out_and_why() -> None:
    text = render_plan(
        a_plan(reviewed("prod", "RESTARTING", wave=2), reviewed("staging", "DEPLOYED")), width=200, color=False
    )
    assert text.splitlines() == [
        "staging  wave 1  would restart",
        "  +  [red]api  application  DEPLOYED      execution 41",
        "  -  ledger    database     not deployed  execution -   a managed database",
        "",
        "prod  wave 2  would be blocked (in progress there: [red]api (RESTARTING))",
        "  +  [red]api  application  RESTARTING    execution 41",
        "  -  ledger    database     not deployed  execution -   a managed database",
        "",
        "2 environments: 1 would restart, 1 would be blocked. 1 service in all. Nothing was changed.",
        (
            "It would take about 10s and about 14 requests (2 baselines, 2 submits, 2 proofs, about 8 looks in "
            "between). The quota has 991 of 1000 requests left."
        ),
    ]


def test_a_plan_that_does_not_fit_into_the_runs_deadline_says_so() -> None:
    # With no request left it has to wait for half an hour.
    text = render_plan(a_plan(reviewed("staging", "DEPLOYED"), left=0, run_deadline=600.0), width=200, color=False)
    assert "It would take about 30m 10s and about " in text
    assert "The quota has 0 of 1000 requests left." in text
    assert (
        "The run would exceed run_deadline (10m): environments that have not started by then would not be restarted."
    ) in text


def test_a_plan_is_coloured_only_where_it_is_wanted() -> None:
    assert "\x1b[" in render_plan(a_plan(reviewed("staging", "DEPLOYED")), width=120, color=True)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(UsageError("x"), ExitCode.USAGE, id="usage"),
        pytest.param(ConfigError(["x", "y"]), ExitCode.USAGE, id="configuration"),
        pytest.param(TokenRefusedError("x"), ExitCode.REFUSED, id="token"),
        pytest.param(UnansweredError("x"), ExitCode.UNKNOWN, id="no answer"),
        pytest.param(RestartError("x"), ExitCode.UNKNOWN, id="any other of ours"),
        pytest.param(KeyError("x"), ExitCode.DEFECT, id="none of ours"),
    ],
)
def test_what_keeps_a_run_from_its_environments_has_an_exit_code(error: Exception, code: ExitCode) -> None:
    assert exit_code_of_error(error) is code


def test_an_error_gives_a_line_for_each_of_its_problems() -> None:
    assert problems_of(ConfigError(["x", "y"])) == ("x", "y")
    assert problems_of(UsageError("z")) == ("z",)


def test_what_is_none_of_our_errors_gives_a_line_that_shows_nothing_of_its_text() -> None:
    (line,) = problems_of(KeyError("s3cret"))
    assert line.startswith(f"internal_error: a bug in qovery-restart {__version__} (KeyError). Please report it")


@pytest.mark.parametrize(
    ("settings", "level"),
    [
        pytest.param(Settings(), LogLevel.INFO, id="by default"),
        pytest.param(Settings(log_level=LogLevel.WARNING), LogLevel.WARNING, id="as told"),
        pytest.param(Settings(verbose=True), LogLevel.DEBUG, id="verbose"),
        pytest.param(Settings(verbose=True, quiet=True), LogLevel.ERROR, id="quiet wins"),
    ],
)
def test_verbose_and_quiet_change_the_log_level(settings: Settings, level: LogLevel) -> None:
    assert settings.level is level


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_the_environment_can_forbid_colours(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    for variable in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(variable, raising=False)
    assert Settings().color_on(Terminal())
    assert not Settings(no_color=True).color_on(Terminal())
    assert not Settings().color_on(io.StringIO())
    monkeypatch.setenv(name, value)
    assert not Settings().color_on(Terminal())


def test_without_a_terminal_a_summary_is_as_wide_as_a_ci_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert Settings().width == 120
