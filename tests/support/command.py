"""The installed command as a subprocess, and what its caller sees of it."""

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any, Self

from tests.support.small_platform import Snag

COMMAND = str(Path(sys.executable).with_name("qovery-restart"))
TOKEN = "qov_not-a-real-token-0123456789"
"""In the environment of every subprocess; it must never come out of one."""
PATIENCE = 60.0
"""Seconds after which a subprocess that does not end has failed."""


STATE_DIR = "QOVERY_RESTART_STATE_DIR"


def environ(**more: str) -> dict[str, str]:
    """Return an environment of which everything is known: a token, and nothing that could point to a real account.

    Its journal is a new one, unless `more` names another; what was said "as it stands" can be run, too.
    """
    # Where the coverage of subprocesses is measured, they are told so by variables.
    measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    path = os.pathsep.join([str(Path(COMMAND).parent), os.environ.get("PATH", os.defpath)])
    state_dir = {} if STATE_DIR in more else {STATE_DIR: tempfile.mkdtemp(dir=_states())}
    return {"PATH": path, "QOVERY_API_TOKEN": TOKEN, "LC_ALL": "C.UTF-8", **state_dir, **measured, **more}


@cache
def _states() -> Path:
    """Make the folder of all journals of this process, which goes when it does."""
    folder = Path(tempfile.mkdtemp(prefix="qovery-restart-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def events_in(stderr: str) -> list[dict[str, Any]]:
    """Read a log in JSON; every line has to be an event."""
    events = [json.loads(line) for line in stderr.splitlines()]
    for event in events:
        assert {"timestamp", "level", "event"} <= event.keys(), event
    return events


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A command that has ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def report(self) -> dict[str, Any]:
        """The report on stdout."""
        report: dict[str, Any] = json.loads(self.stdout)
        return report

    @property
    def outcomes(self) -> dict[str, tuple[str, str]]:
        """The outcome and the reason of each environment in the report, by name."""
        return {each["name"]: (each["outcome"], each["reason"]) for each in self.report["environments"]}

    @property
    def run_id(self) -> str:
        """The run that its log in JSON speaks of."""
        run_id: str = self.events[0]["run_id"]
        return run_id

    @property
    def events(self) -> list[dict[str, Any]]:
        """The log in JSON on stderr."""
        return events_in(self.stderr)


def _heed_signals() -> None:
    """Let signals mean what they mean, also where whoever runs the tests ignores some, as background jobs do."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@dataclass(slots=True)
class Running:
    """A command at work. Its log has to be in JSON; its output has to fit into a pipe, or somebody has to read it."""

    process: subprocess.Popen[str]
    heard: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    """What was read of its streams, by their names, by whoever did not wait for its end here."""

    @classmethod
    def start(cls, *arguments: str | Path, env: Mapping[str, str], stdout: int | IO[str] = subprocess.PIPE) -> Self:
        """Start the command with a log in JSON."""
        return cls(
            subprocess.Popen(
                [COMMAND, *map(str, arguments)],
                env={**env, "QOVERY_RESTART_LOG_FORMAT": "json"},
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                preexec_fn=_heed_signals,  # noqa: PLW1509 - it calls nothing that a thread could hold
            )
        )

    def wait_for(self, name: str) -> dict[str, Any]:
        """Read the log up to an event of this name."""
        return self.wait_for_any(name)

    def wait_for_any(self, *names: str) -> dict[str, Any]:
        """Read the log up to an event of one of these names."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.heard.append(line)
            event: dict[str, Any] = json.loads(line)
            if event["event"] in names:
                return event
        raise AssertionError(f"it ended without {' or '.join(names)}: {''.join(self.heard)}")

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def finish(self, *, within: float = PATIENCE) -> Finished:
        """Wait for its end."""
        stdout, stderr = self.process.communicate(timeout=within)
        return Finished(
            code=self.process.returncode,
            stdout=self.kept.get("stdout", "") + (stdout or ""),
            stderr="".join(self.heard) + self.kept.get("stderr", "") + stderr,
        )

    def die(self) -> Finished:
        """End it as `kill -9` does."""
        self.process.kill()
        return self.finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Politely first, so that it can write down which of its lines were covered.
        self.process.terminate()
        try:
            self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()


def run(*arguments: str | Path, env: Mapping[str, str], stdin: str = "") -> Finished:
    """Run the command to its end."""
    done = subprocess.run(
        [COMMAND, *map(str, arguments)],
        env=dict(env),
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    return Finished(code=done.returncode, stdout=done.stdout, stderr=done.stderr)


def run_line(line: Sequence[str], *, env: Mapping[str, str]) -> Finished:
    """Run a command that was said to somebody, word for word."""
    done = subprocess.run(
        line, env=dict(env), stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=PATIENCE,
        check=False,
    )  # fmt: skip
    return Finished(code=done.returncode, stdout=done.stdout, stderr=done.stderr)


def kill_at(snag: Snag, *arguments: str | Path, env: Mapping[str, str]) -> Finished:
    """Run the command until it hangs on `snag`, and `kill -9` it there."""
    with Running.start(*arguments, env=env) as running:
        snag.wait()
        died = running.die()
    assert died.code == -signal.SIGKILL, died
    return died


def write_config(
    folder: Path, environments: Sequence[str], *, defaults: str = "", api: str = "", more: str = ""
) -> Path:
    """Write a configuration that polls fast; `environments` are the lines of the list."""
    path = folder / "night.yaml"
    path.write_text(
        "\n".join(
            [
                "version: 1",
                f"api: {{request_timeout: 2s{api}}}",
                f"defaults: {{poll: {{min: 20ms, max: 100ms}}{defaults}}}",
                *([more] if more else []),
                "environments:",
                *(f"  - {environment}" for environment in environments),
                "",
            ]
        ),
        encoding="utf-8",
    )
    return path
