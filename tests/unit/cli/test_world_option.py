"""`--world` sets what is undocumented about the simulated platform."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from orchestrator.cli.app import app
from orchestrator.cli.options import Settings
from orchestrator.cli.running import run_config
from orchestrator.config import Config
from orchestrator.domain.outcomes import ExitCode
from orchestrator.errors import UsageError
from orchestrator.runs.rehearsal import Rehearsal, dials_of
from orchestrator.simulator import server
from orchestrator.simulator.dials import Dials
from tests.support.command import Finished, events_in

CONFIG = """\
version: 1
environments:
  - {name: shop, path: acme/shop/production, services: all}
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "nightly.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return str(path)


class Invoke(Protocol):
    """Calls the command line in this process."""

    def __call__(self, *arguments: str, **environ: str) -> Finished: ...


@pytest.fixture
def invoke(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Invoke:
    # Not with a runner of click's: before 8.2 it does not keep stdout and stderr apart.
    def call(*arguments: str, **environ: str) -> Finished:
        for name, value in {"NO_COLOR": "1", **environ}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as exited:
            app(arguments)
        streams = capsys.readouterr()
        return Finished(code=int(exited.value.code or 0), stdout=streams.out, stderr=streams.err)

    return call


COMMANDS = [
    pytest.param(("run", "{config}", "--simulate"), id="run"),
    pytest.param(("restart", "acme/shop/production", "--all-services", "--simulate"), id="restart"),
    pytest.param(("watch", "acme/shop/production", "--simulate"), id="watch"),
    pytest.param(("plan", "{config}", "--simulate"), id="plan"),
    pytest.param(("simulate", "{config}", "--port", "0"), id="simulate"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_dial_that_does_not_exist_is_wrong_usage(command: tuple[str, ...], config: str, invoke: Invoke) -> None:
    arguments = [each.format(config=config) for each in command]
    result = invoke(*arguments, "--world", "colleage_origin=API")
    assert result.code == ExitCode.USAGE
    assert "--world: There is no 'colleage_origin', did you mean 'colleague_origin'?" in " ".join(result.stderr.split())


def test_a_value_that_a_dial_has_not_is_wrong_usage_from_the_environment_too(config: str, invoke: Invoke) -> None:
    result = invoke("run", config, "--simulate", QOVERY_RESTART_WORLD="history_lag=7")
    assert result.code == ExitCode.USAGE
    assert "history_lag cannot be '7'; it can be 0, 5, 60." in " ".join(result.stderr.split())


def test_a_run_goes_through_the_world_that_is_set(config: str, invoke: Invoke) -> None:
    usual = invoke("run", config, "--simulate", "--output", "json")
    changed = invoke(
        "run",
        config,
        "--simulate",
        "--output",
        "json",
        "--world",
        "execution_numbers=begin_again",
        "--world",
        "merging=never",
    )
    assert usual.code == changed.code == ExitCode.SUCCEEDED
    ends = [result.report["environments"][0]["services"][0]["execution_id"] for result in (usual, changed)]
    assert ends[1].endswith("-1")
    assert not ends[0].endswith("-1")


def test_without_a_simulation_it_says_nothing_as_a_seed_does() -> None:
    def refuse() -> Config:
        raise UsageError("this far, and no further")

    settings = Settings(world=("colleage_origin=API",), seed=7)
    assert run_config(settings, refuse, source=None, watch=False, wait_lock=lambda: None) == ExitCode.USAGE


def test_the_simulator_says_what_is_unusual_about_its_world(
    config: str, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def serve(_: object, *, host: str, port: int, on_listening: Callable[[str], None]) -> None:
        on_listening(f"http://{host}:{port}")

    monkeypatch.setattr(server, "serve", serve)
    result = invoke(
        "simulate", config, "--log-format", "json", "--world", "history_lag=60", "--world", "merging=same_user"
    )
    (event,) = events_in(result.stderr)
    assert (event["event"], event["world"]) == ("simulator_listening", {"history_lag": 60})


def test_a_rehearsal_takes_it_in_python_too() -> None:
    rehearsal = Rehearsal(seed=1, world=("history_lag=60",))
    assert dials_of(rehearsal.world, seed=1, faults="none") == Dials(history_lag=60)
    with pytest.raises(UsageError, match="--world: 'x' is not of the form KEY=VALUE"):
        dials_of(("x",), seed=1, faults="none")
