"""What the simulator needs to be installed, and for what."""

import subprocess
import sys

PURE = ("virtual_time", "world", "seeding", "faults", "incidents", "record", "rendering", "catalogue")


def test_the_world_and_its_time_need_no_web_framework() -> None:
    imports = "".join(
        f"import orchestrator.simulator.{module}\n"
        f"found += ['{module} imports ' + name for name in ('starlette', 'uvicorn') if name in sys.modules]\n"
        for module in PURE
    )
    script = f"import sys\nfound = []\n{imports}print(found)"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


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
