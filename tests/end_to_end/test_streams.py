"""Who reads what: the result on stdout, the log on stderr, colours for a terminal alone; and nobody has to read."""

import os
import pty
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import COMMAND, PATIENCE, TOKEN, Finished, environ, run, write_config

ESCAPE = "\x1b["
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
REHEARSAL = ("--simulate", "--seed", "3")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path, ["{name: shop, path: acme/shop/production, services: all}"])


def in_a_terminal(*arguments: str | Path, env: dict[str, str]) -> Finished:
    """Run the command with stdout and stderr on a pseudo-terminal; what it shows is told as stdout."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [COMMAND, *map(str, arguments)], env=env, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b"".join(_everything_from(ours))
    os.close(ours)
    return Finished(code=process.wait(timeout=PATIENCE), stdout=shown.decode(), stderr="")


def _everything_from(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # Linux says EIO when the other end has been closed.
            return
        if not chunk:
            return
        yield chunk


def shell(script: str, *arguments: str | Path, env: dict[str, str]) -> Finished:
    """Run the command as `"$@"` of a shell script."""
    done = subprocess.run(
        ["/bin/sh", "-c", script, "sh", COMMAND, *map(str, arguments)],
        env=env,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    return Finished(code=done.returncode, stdout=done.stdout, stderr=done.stderr)


def test_text_has_the_summary_on_stdout_and_the_log_on_stderr(config: Path) -> None:
    finished = run("run", config, *REHEARSAL, env=environ())

    assert finished.code == 0
    assert finished.stdout.splitlines()[-1].startswith("Run succeeded (exit code 0)")
    assert "restart_submitted" in finished.stderr
    assert "restart_submitted" not in finished.stdout
    assert ESCAPE not in finished.stdout + finished.stderr
    assert TOKEN not in finished.stdout + finished.stderr


def test_quiet_leaves_the_result_alone(config: Path) -> None:
    finished = run("run", config, *REHEARSAL, "--quiet", env=environ())

    assert finished.code == 0
    assert finished.stderr == ""
    assert "Run succeeded" in finished.stdout


def test_a_terminal_gets_colours(config: Path) -> None:
    finished = in_a_terminal("run", config, *REHEARSAL, env=environ(TERM="xterm-256color"))

    assert finished.code == 0
    assert COLOUR.search(finished.stdout)


@pytest.mark.parametrize(
    ("options", "variables"),
    [
        pytest.param((), {"NO_COLOR": "1"}, id="NO_COLOR"),
        pytest.param(("--no-color",), {}, id="the option"),
        pytest.param((), {"QOVERY_RESTART_NO_COLOR": "1"}, id="the option's variable"),
        pytest.param((), {"TERM": "dumb"}, id="a dumb terminal"),
    ],
)
def test_a_terminal_gets_no_colours_where_somebody_says_so(
    config: Path, options: tuple[str, ...], variables: dict[str, str]
) -> None:
    finished = in_a_terminal("run", config, *REHEARSAL, *options, env=environ(**{"TERM": "xterm", **variables}))

    assert finished.code == 0
    assert "Run succeeded" in finished.stdout
    assert not COLOUR.search(finished.stdout)
    # What moves the cursor is no colour; where nobody can move it, there is none of that either.
    assert (ESCAPE in finished.stdout) is ("TERM" not in variables)


@pytest.mark.parametrize("output", ["text", "json"])
def test_a_reader_of_stdout_that_has_gone_changes_nothing(config: Path, output: str) -> None:
    finished = shell(
        '{ "$@"; echo "code $?" >&2; } | true', "run", config, *REHEARSAL, "-o", output, "-q", env=environ()
    )

    assert finished.stderr == "code 0\n"


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        (">&-", 0),
        ("2>&-", 0),
        (">&- 2>&-", 0),
        ("> /dev/full", 0),
        ("2> /dev/full", 0),
        ("2>&-", 2),
        ("2> /dev/full", 2),
    ],
)
def test_a_stream_that_cannot_be_written_changes_nothing(config: Path, stream: str, code: int) -> None:
    if "/dev/full" in stream and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    only = () if code == 0 else ("--only", "nobody")
    finished = shell(f'"$@" {stream}', "run", config, *REHEARSAL, *only, env=environ())

    assert finished.code == code, finished
    assert "Traceback" not in finished.stderr
    assert "Exception ignored" not in finished.stderr


def test_a_name_that_the_terminal_cannot_show_does_not_end_the_run(tmp_path: Path) -> None:
    config = write_config(tmp_path, ["{name: größe-λ, path: acme/shop/größe, services: all}"])
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    finished = run("run", config, *REHEARSAL, env=environ(**ascii_only))

    assert finished.code == 0, finished.stderr
    assert finished.stdout.isascii()
    assert "gr\\xf6\\xdfe-\\u03bb" in finished.stdout


def test_json_is_readable_where_the_terminal_knows_ascii_alone(tmp_path: Path) -> None:
    config = write_config(tmp_path, ["{name: größe-λ, path: acme/shop/größe, services: all}"])
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    finished = run("run", config, *REHEARSAL, "-o", "json", "--log-format", "json", env=environ(**ascii_only))

    assert finished.code == 0, finished.stderr
    assert finished.report["environments"][0]["name"] == "größe-λ"
    assert {event.get("environment") for event in finished.events} == {None, "größe-λ"}
