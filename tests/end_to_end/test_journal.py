"""The journal on a real disk: where it cannot be used nothing is submitted, and no secret is ever in it."""

import json
import os
import shutil
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import COMMAND, TOKEN, Finished, environ, kill_at, run, run_line, write_config
from tests.support.small_platform import (
    ENVIRONMENT,
    NEVER_ENDING,
    QUICK_SUCCESS,
    SHOP,
    Answer,
    Request,
    SmallPlatform,
    first_look,
    later_look,
    serving,
)

Validate = Callable[[dict[str, Any]], None]

FILE = "journal.sqlite3"
SECRET = "s3cr3t-0f-the-check"
AS_JSON = ("-o", "json", "--log-format", "json")


@pytest.fixture(scope="module")
def old_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a state directory with one run in it."""
    folder = tmp_path_factory.mktemp("old")
    with serving(SmallPlatform()) as platform:
        env = environ(QOVERY_API_URL=platform.url, QOVERY_RESTART_STATE_DIR=str(folder / "state"))
        assert run("run", write_config(folder, [SHOP]), env=env).code == 0
    return folder / "state"


@pytest.fixture
def state(old_state: Path, tmp_path: Path) -> Path:
    """Return a copy of it."""
    return shutil.copytree(old_state, tmp_path / "state")


def overwrite(path: Path, *, at: int, with_: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(with_)


def of_a_newer_version(state: Path) -> None:
    connection = sqlite3.connect(state / FILE)
    connection.execute("PRAGMA user_version = 999")
    connection.close()


def of_something_else(state: Path) -> None:
    (state / FILE).unlink()
    connection = sqlite3.connect(state / FILE)
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()


def without_its_file(state: Path) -> None:
    (state / FILE).unlink()
    (state / FILE).mkdir()


def without_its_folder(state: Path) -> None:
    shutil.rmtree(state)
    state.write_text("a file where the folder should be", encoding="utf-8")


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "damaged at its beginning": (lambda state: overwrite(state / FILE, at=0, with_=b"\xa5" * 200), "damaged"),
    "damaged in the middle": (lambda state: overwrite(state / FILE, at=4096, with_=b"\xa5" * 8192), "damaged"),
    "truncated": (lambda state: os.truncate(state / FILE, 6000), "damaged"),
    "of a newer version": (of_a_newer_version, "newer"),
    "another program's": (of_something_else, "not a journal"),
    "a folder": (without_its_file, "cannot be"),
    "in a folder that is a file": (without_its_folder, "cannot be"),
}


def holds_to_its_promise(finished: Finished, platform: SmallPlatform, validate: Validate, *, says: str) -> None:
    """Exit code 2, a report, the path and what is wrong with it, and nothing submitted."""
    assert finished.code == 2, finished
    validate(finished.report)
    assert finished.report["exit_code"] == 2
    assert finished.report["environments"] == []
    (error,) = finished.report["errors"]
    assert str(Path("state", FILE)) in error
    assert says in error
    assert error in finished.stderr
    assert "Traceback" not in finished.stderr
    assert platform.submits == 0


@pytest.mark.parametrize(("broken", "says"), BROKEN.values(), ids=BROKEN.keys())
def test_a_journal_that_cannot_be_used_ends_the_run_before_anything_is_submitted(
    broken: Callable[[Path], object], says: str, state: Path, tmp_path: Path, validate: Validate
) -> None:
    broken(state)
    with serving(SmallPlatform()) as platform:
        env = environ(QOVERY_API_URL=platform.url, QOVERY_RESTART_STATE_DIR=str(state))
        finished = run("run", write_config(tmp_path, [SHOP]), "-o", "json", env=env)

    holds_to_its_promise(finished, platform, validate, says=says)


@pytest.mark.parametrize("what", ["the folder", "the file"])
def test_a_journal_that_may_not_be_written_ends_the_run_before_anything_is_submitted(
    what: str, state: Path, tmp_path: Path, validate: Validate
) -> None:
    path = state if what == "the folder" else state / FILE
    path.chmod(0o500)
    if os.access(path, os.W_OK):
        pytest.skip("this user, root for one, may write everywhere")
    try:
        with serving(SmallPlatform()) as platform:
            env = environ(QOVERY_API_URL=platform.url, QOVERY_RESTART_STATE_DIR=str(state))
            finished = run("run", write_config(tmp_path, [SHOP]), "-o", "json", env=env)
    finally:
        path.chmod(0o700)

    holds_to_its_promise(finished, platform, validate, says="cannot be")


def test_a_journal_for_which_there_is_no_room_ends_the_run_before_anything_is_submitted(
    tmp_path: Path, validate: Validate
) -> None:
    with serving(SmallPlatform()) as platform:
        env = environ(QOVERY_API_URL=platform.url, QOVERY_RESTART_STATE_DIR=str(tmp_path / "state"))
        # Coverage keeps a file of its own, for which there would be no room either.
        env = {name: value for name, value in env.items() if not name.startswith("COVERAGE_")}
        # No file may become larger than this: as on a disk that is full, a write fails.
        line = [COMMAND, "run", str(write_config(tmp_path, [SHOP])), "-o", "json"]
        finished = run_line(["/bin/sh", "-c", 'ulimit -f 8; exec "$@"', "sh", *line], env=env)

    holds_to_its_promise(finished, platform, validate, says="cannot be written")


@pytest.mark.parametrize("command", [("resume",), ("resume", "--abandon"), ("cancel", "20")], ids=" ".join)
def test_a_damaged_journal_is_told_to_whoever_asks_it(command: tuple[str, ...], state: Path) -> None:
    overwrite(state / FILE, at=4096, with_=b"\xa5" * 8192)
    finished = run(*command, "-o", "json", env=environ(QOVERY_RESTART_STATE_DIR=str(state)))

    assert finished.code == 2
    assert str(state / FILE) in finished.stderr
    assert "damaged" in finished.stderr
    assert "damaged" in json.loads(finished.stdout)["errors"][0]


def everything_in(state: Path) -> Iterator[bytes]:
    """Yield the bytes of every file, what is written ahead included, and what is packed."""
    for path in state.rglob("*"):
        if path.is_file():
            yield path.read_bytes()
    connection = sqlite3.connect(state / FILE)
    for row in connection.execute("SELECT report FROM runs WHERE report IS NOT NULL"):
        yield zlib.decompress(row[0])
    connection.close()


def is_clean(state: Path) -> bool:
    """Tell whether the token and the secret are nowhere in the state directory."""
    contents = list(everything_in(state))
    secrets = (TOKEN, TOKEN.removeprefix("qov_"), SECRET)
    return not any(secret.encode() in content for content in contents for secret in secrets)


def is_probe(request: Request) -> bool:
    return request.path.startswith("/healthz")


def test_the_secrets_of_checks_and_the_token_are_not_in_the_journal_and_come_from_the_environment_again(
    tmp_path: Path,
) -> None:
    def check(request: Request) -> Answer | None:
        return Answer.of({}, 200 if SECRET in request.query else 403) if is_probe(request) else None

    with serving(SmallPlatform(states=NEVER_ENDING)) as platform:
        verify = f"verify: [{{http: '{platform.url}/healthz?key=${{PROBE_KEY}}', within: 500ms}}]"
        config = write_config(tmp_path, [f"{{name: shop, id: {ENVIRONMENT}, services: all, {verify}}}"])
        state = tmp_path / "state"
        env = environ(QOVERY_API_URL=platform.url, QOVERY_RESTART_STATE_DIR=str(state))
        with_key = {**env, "PROBE_KEY": SECRET}
        kill_at(platform.snag(later_look), "run", config, env=with_key)
        clean_after_the_death = is_clean(state)
        config.unlink()
        platform.states = QUICK_SUCCESS
        platform.intervene = check
        without_key = run("resume", *AS_JSON, env=env)
        probed_without = list(filter(is_probe, platform.asked))
        resumed = run("resume", *AS_JSON, env=with_key)
        clean_after_the_end = is_clean(state)

    assert clean_after_the_death
    assert without_key.code == 2
    assert "PROBE_KEY" in without_key.stderr
    assert probed_without == []
    assert resumed.code == 0, resumed.stderr
    assert "verification_passed" in [event["event"] for event in resumed.events]
    assert clean_after_the_end
    assert platform.submits == 1


def test_checks_that_fail_put_no_secret_into_the_journal_the_report_or_the_log(tmp_path: Path) -> None:
    with serving(SmallPlatform()) as platform:
        checks = [
            f"{{http: '{platform.url}/healthz{where}', status: 418, within: 100ms}}"
            for where in ("?key=${PROBE_KEY}", "/${PROBE_KEY}/")
        ]
        verify = f"verify: [{', '.join(checks)}]"
        config = write_config(tmp_path, [f"{{name: shop, id: {ENVIRONMENT}, services: all, {verify}}}"])
        state = tmp_path / "state"
        env = environ(QOVERY_API_URL=platform.url, QOVERY_RESTART_STATE_DIR=str(state), PROBE_KEY=SECRET)
        finished = run("run", config, *AS_JSON, "--log-level", "debug", env=env)

    assert finished.code == 1, finished.stderr
    assert {request.path for request in platform.asked if is_probe(request)} == {"/healthz", f"/healthz/{SECRET}/"}
    assert is_clean(state)
    assert SECRET not in finished.stdout + finished.stderr


@pytest.mark.parametrize("command", ["run", "watch"])
def test_a_rehearsal_leaves_no_trace(command: str, tmp_path: Path) -> None:
    state = tmp_path / "state"
    what = "acme/shop/staging" if command == "watch" else write_config(tmp_path, [SHOP])
    finished = run(command, what, "--simulate", env=environ(QOVERY_RESTART_STATE_DIR=str(state)))

    assert finished.code == 0, finished.stderr
    assert not state.exists()


# A journal that goes away during a run.


def deleted(state: Path) -> None:
    shutil.rmtree(state)


def without_journal(state: Path) -> None:
    (state / FILE).unlink()


def moved(state: Path) -> None:
    state.rename(state.with_name("moved"))


def without_locks(state: Path) -> None:
    shutil.rmtree(state / "locks")


@pytest.mark.parametrize("happens", [deleted, without_journal, moved, without_locks])
def test_a_journal_that_goes_away_before_the_submit_prevents_it(
    happens: Callable[[Path], None], tmp_path: Path, validate: Validate
) -> None:
    state = tmp_path / "state"
    gone = False

    def intervene(request: Request) -> None:
        nonlocal gone
        if first_look(request) and not gone:
            gone = True
            happens(state)

    with serving(SmallPlatform(intervene=intervene)) as platform:
        env = environ(QOVERY_API_URL=platform.url, QOVERY_RESTART_STATE_DIR=str(state))
        finished = run("run", write_config(tmp_path, [SHOP]), *AS_JSON, env=env)

    assert gone
    assert finished.code == 5, finished.stderr
    validate(finished.report)
    assert finished.outcomes == {"shop": ("blocked", "journal_unwritable")}
    assert str(state) in finished.report["environments"][0]["message"]
    assert platform.submits == 0
