"""What ran before, asked of the installed command: offline, and through a shell's pipes."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.command import COMMAND, environ, run, write_config
from tests.support.small_platform import SHOP, SmallPlatform, serving


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a state directory with one run in it, whose platform is gone."""
    folder = tmp_path_factory.mktemp("past")
    with serving(SmallPlatform()) as platform:
        env = environ(QOVERY_API_URL=platform.url, QOVERY_RESTART_STATE_DIR=str(folder / "state"))
        assert run("run", write_config(folder, [SHOP]), env=env).code == 0
    return folder / "state"


def offline(state: Path) -> dict[str, str]:
    env = environ(QOVERY_RESTART_STATE_DIR=str(state), QOVERY_API_URL="http://127.0.0.1:9")
    env.pop("QOVERY_API_TOKEN", None)
    return env


def test_a_run_is_in_the_history_and_its_report_can_be_shown_again(state: Path) -> None:
    (listed,) = json.loads(run("history", "-o", "json", env=offline(state)).stdout)["runs"]
    assert (listed["state"], listed["outcome"], listed["exit_code"]) == ("ended", "succeeded", 0)
    report = json.loads(run("report", listed["run_id"], "-o", "json", env=offline(state)).stdout)
    assert report["run_id"] == listed["run_id"]
    assert report["environments"][0]["line"] is not None


def test_a_report_goes_through_the_pipe_of_a_shell(state: Path, tmp_path: Path) -> None:
    # The braces make bash wait for the reader's end, too.
    script = f'{{ "{COMMAND}" report last --report md:>(cat >read; echo done >&3) >/dev/null; }} 3>&1 | grep done'
    subprocess.run(["bash", "-c", script], env=offline(state), cwd=tmp_path, check=True, timeout=60)
    assert (tmp_path / "read").read_text("utf-8").startswith("## ✅ Run succeeded\n")


def test_a_report_goes_into_a_pipe_with_a_name(state: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE, text=True) as reader:
        assert run("report", "last", "--report", f"junit:{pipe}", env=offline(state)).code == 0
        assert reader.communicate(timeout=60)[0].startswith("<?xml")
    assert pipe.is_fifo()
