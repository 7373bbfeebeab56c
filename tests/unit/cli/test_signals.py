"""`signals`: each ends the process from the first moment on, unless somebody has said that it should not."""

import os
import signal
import subprocess
import sys

import pytest

from orchestrator.cli import signals


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)], ids=str
)
def test_it_ends_with_the_exit_code_of_an_interrupted_run(
    number: signal.Signals, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    signals.end_at_once(number, None)
    assert codes == [code]


def test_what_is_ignored_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    actions = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_IGN}
    monkeypatch.setattr(signal, "getsignal", actions.get)
    monkeypatch.setattr(signal, "signal", lambda number, _: taken.append(number))
    signals.obey_from_now_on()
    assert taken == [signal.SIGINT, signal.SIGTERM], "nohup ignores SIGHUP"


def test_they_are_taken_before_anything_heavy_is_imported() -> None:
    program = (
        "import sys, orchestrator.cli as cli\n"
        "heavy = {'typer', 'httpx', 'pydantic', 'asyncio', 'structlog'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
