"""What the simulator needs to be installed, and for what."""

import subprocess
import sys

import pytest

PURE = ("virtual_time", "world", "seeding", "faults", "incidents", "record", "rendering", "catalogue")


@pytest.mark.parametrize("module", PURE)
def test_the_world_and_its_time_need_no_web_framework(module: str) -> None:
    script = (
        f"import sys, orchestrator.simulator.{module}; sys.exit(bool({{'starlette', 'uvicorn'}} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_two_processes_agree_on_a_world() -> None:
    script = (
        "from orchestrator.domain.plan import EnvironmentPath, EnvironmentSpec;"
        "from orchestrator.simulator.rendering import history, statuses_with_stages;"
        "from orchestrator.simulator.seeding import build_world;"
        "path = EnvironmentPath(organization='acme', project='shop', environment='production');"
        "world = build_world([EnvironmentSpec(name='x', locator=path, services='all')], seed=3, faults='hostile');"
        "pictures = [world.snapshot(one) for one in world.environments];"
        "print([(statuses_with_stages(world, one), history(world, one, page_size=9)) for one in pictures])"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", script], check=True, capture_output=True, text=True, env={"PYTHONHASHSEED": salt}
        ).stdout
        for salt in ("1", "2")
    }
    assert len(told) == 1
    assert "RESTARTED" in told.pop()
