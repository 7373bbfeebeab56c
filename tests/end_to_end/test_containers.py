"""The command as containers run it: any user id, no home, a root file system that nobody writes to; as process 1."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

import orchestrator
from tests.support.command import COMMAND, PATIENCE, TOKEN, events_in, write_config
from tests.support.small_platform import NEVER_ENDING, QUICK_SUCCESS, SHOP, SmallPlatform, serving

ANYBODY = 54321
"""A user id without an entry in /etc/passwd."""
QUICKLY = 3.0
"""Seconds within which a run that is asked to stop has ended."""
CONTAINER = """
set -e
state=$1 hidden=$2 python=$3 hold=$4
shift 4
if [ -n "$hidden" ]; then
    mount --bind "$python" "$hold"
    mount -t tmpfs -o mode=755 tmpfs "$hidden"
    mkdir -p "$python"
    mount --bind "$hold" "$python"
fi
mount --bind "$state" "$state"
mount -o remount,bind,ro /
if touch /written 2>/dev/null; then exit 99; fi
exec "$@"
"""
"""Makes everything read-only but `state`, and runs the rest of its arguments. Python is shown to everybody, if a folder
above it is `hidden` from others."""


def _hidden_above(path: str | Path) -> Path | None:
    """Return the uppermost folder above a file that others may not enter."""
    above = reversed(Path(path).resolve().parents)
    return next((folder for folder in above if not folder.stat().st_mode & stat.S_IXOTH), None)


def _why_not() -> str | None:
    if sys.platform != "linux" or os.geteuid() != 0:
        return "only root on Linux can become another user"
    if missing := [tool for tool in ("setpriv", "unshare", "mount") if shutil.which(tool) is None]:
        return f"{missing[0]} is not here"
    for path in (COMMAND, orchestrator.__file__, Path(tempfile.gettempdir()) / "any"):
        if (hidden := _hidden_above(path)) is not None:
            return f"other users may not enter {hidden}"
    if subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, check=False).returncode:
        return "namespaces cannot be made here"
    return None


pytestmark = pytest.mark.skipif((why := _why_not()) is not None, reason=str(why))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody can reach; in it the token and a state directory, which are the group's."""
    # pytest's own are hidden from other users.
    with tempfile.TemporaryDirectory(prefix="qovery-restart-tests-") as name:
        found = Path(name)
        found.chmod(0o755)
        token, state = found / "token", found / "state"
        token.write_text(TOKEN, encoding="utf-8")
        state.mkdir()
        (found / "hold").mkdir()
        for path, mode in ((token, 0o440), (state, 0o770)):
            os.chown(path, 0, ANYBODY)
            path.chmod(mode)
        yield found


def config_in(folder: Path) -> Path:
    return write_config(folder, [SHOP], api=f", token: {{file: {folder / 'token'}}}")


def variables(url: str, folder: Path) -> dict[str, str]:
    """Return the environment of a container: no home, no name of a user, no token."""
    return {
        "PATH": os.defpath,
        "QOVERY_API_URL": url,
        "QOVERY_RESTART_STATE_DIR": str(folder / "state"),
        "QOVERY_RESTART_LOG_FORMAT": "json",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def in_a_container(folder: Path, *arguments: str | Path, process_1: bool = False) -> Sequence[str]:
    """Return the words that run the command as a user whom nobody knows, without rights, where nothing is writable."""
    namespaces = ("--mount", "--pid", "--fork", "--kill-child") if process_1 else ("--mount",)
    who = ("--reuid", str(ANYBODY), "--regid", str(ANYBODY), "--clear-groups")
    may = ("--no-new-privs", "--bounding-set=-all", "--inh-caps=-all")
    places = (folder / "state", _hidden_above(sys.base_prefix) or "", sys.base_prefix, folder / "hold")
    alone = ("unshare", *namespaces, "sh", "-c", CONTAINER, "sh", *places)
    return (*map(str, alone), "setpriv", *who, *may, "--", COMMAND, *map(str, arguments))


def test_any_user_without_a_home_restarts_where_nothing_but_the_state_directory_can_be_written(folder: Path) -> None:
    with serving(SmallPlatform(states=QUICK_SUCCESS)) as platform:
        done = subprocess.run(
            in_a_container(folder, "run", config_in(folder), "--output", "json"),
            env=variables(platform.url, folder), cwd="/", capture_output=True, encoding="utf-8", timeout=PATIENCE,
            check=False,
        )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outcome"] == "succeeded"
    assert not [event for event in events_in(done.stderr) if event["level"] in ("warning", "error")]
    assert {path.stat().st_uid for path in (folder / "state").iterdir()} == {ANYBODY}


def test_without_a_state_directory_somebody_without_a_home_is_told_what_to_do(folder: Path) -> None:
    with serving(SmallPlatform(states=QUICK_SUCCESS)) as platform:
        env = variables(platform.url, folder)
        del env["QOVERY_RESTART_STATE_DIR"]
        done = subprocess.run(
            in_a_container(folder, "run", config_in(folder)),
            env=env, cwd="/", capture_output=True, encoding="utf-8", timeout=PATIENCE, check=False,
        )  # fmt: skip

    assert done.returncode == 2
    assert "QOVERY_RESTART_STATE_DIR" in done.stderr
    assert "Traceback" not in done.stderr


def test_process_1_heeds_the_stop_signal_and_the_next_container_resumes(folder: Path) -> None:
    config = config_in(folder)
    with serving(SmallPlatform(states=NEVER_ENDING)) as platform:
        env = variables(platform.url, folder)
        words = in_a_container(folder, "run", config, "--output", "json", process_1=True)
        with subprocess.Popen(
            words, env=env, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
        ) as first:
            assert first.stdout is not None
            assert first.stderr is not None
            log = iter(first.stderr)
            assert any(json.loads(line)["event"] == "service_state_changed" for line in log)
            began = time.monotonic()
            os.kill(_only_child_of(first.pid), signal.SIGTERM)
            code = first.wait(timeout=PATIENCE)
            took = time.monotonic() - began
            stopped = json.loads(first.stdout.read())
        platform.states = QUICK_SUCCESS
        second = subprocess.run(
            in_a_container(folder, "resume", process_1=True),
            env=env, cwd="/", capture_output=True, encoding="utf-8", timeout=PATIENCE, check=False,
        )  # fmt: skip

    assert (code, stopped["exit_code"], stopped["outcome"]) == (143, 143, "interrupted")
    assert took < QUICKLY
    assert second.returncode == 0, second.stderr
    assert platform.submits == 1


def test_one_container_after_the_other_asks_and_one_of_them_runs_the_night(folder: Path) -> None:
    now = datetime.now(UTC)
    schedule = f'schedule: {{cron: "{now.minute} {now.hour} * * *", grace: 10m, window: 2h}}'
    config = write_config(folder, [SHOP], api=f", token: {{file: {folder / 'token'}}}", more=schedule)
    codes = []
    with serving(SmallPlatform(states=QUICK_SUCCESS)) as platform:
        for _ in range(3):
            done = subprocess.run(
                in_a_container(folder, "schedule", config, "--due", process_1=True),
                env=variables(platform.url, folder), cwd="/", capture_output=True, timeout=PATIENCE, check=False,
            )  # fmt: skip
            codes.append((done.returncode, platform.submits))

    assert codes == [(0, 1)] * 3


def _only_child_of(pid: int) -> int:
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return int(child)
