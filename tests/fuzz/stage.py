"""The command in this process, whole, from its words to its exit code: in virtual time, beside a simulated platform."""

import asyncio
import io
import os
import shutil
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import httpx
import pytest
import structlog

from orchestrator import cli, network
from orchestrator.cli import command, resuming, serving
from orchestrator.domain.plan import EnvironmentSpec
from orchestrator.journal import work
from orchestrator.machine import Machine
from orchestrator.network import RoutedTransport
from orchestrator.qovery import http, ledger
from orchestrator.runs import rehearsal, session
from orchestrator.runs import resuming as runs_resuming
from orchestrator.simulator import server
from orchestrator.simulator.app import create_app
from orchestrator.simulator.health import HealthSite
from orchestrator.simulator.transport import HealthTransport, SimulatedTransport
from orchestrator.simulator.virtual_time import VirtualTimeLoop
from orchestrator.simulator.world import World
from tests.support.builders import NOON
from tests.support.whole_runs import MEMORY_DISK

TOKEN = "qov_not-a-real-token-0123456789"
"""In the environment of a command, unless a case has another; it must never come out of one."""
CPU_PATIENCE = 30.0
"""Seconds of this process's work after which a command counts as hanging: most take some hundredths."""

_CLOCKED = (command, resuming, serving, rehearsal, session, runs_resuming)
"""The modules that make a `SystemClock`."""


class HangError(BaseException):
    """A command has worked for too long."""


class PowerCutError(KeyboardInterrupt):
    """The process ends here. asyncio hands on no other exception of a timer's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A command that has ended."""

    words: Sequence[str]
    code: object
    """What the process would exit with."""
    escaped: str | None
    """What the command let escape, in place of exiting."""
    stdout: bytes
    stderr: bytes
    lasted: float
    """Seconds of virtual time."""
    hung: bool
    loop_errors: tuple[str, ...]
    """What went wrong in the event loop, where nobody awaited it."""


@dataclass(slots=True, kw_only=True)
class Stage:
    """A machine with a folder and a clock, and a platform that it can reach: for one command after the other."""

    folder: Path
    world: World | None = None
    """None where there is none: every request is refused."""
    specs: Sequence[EnvironmentSpec] = ()
    now: float = 1.0
    """Seconds since the machine was started."""
    _loop_errors: list[str] = field(default_factory=list)
    _chance: Random = field(default_factory=lambda: Random(7))
    """What the commands draw: the same in every process, so that a case can be played again."""

    def play(
        self,
        words: Sequence[str],
        *,
        environ: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        dies_after: float | None = None,
    ) -> Played:
        """Play a command.

        Args:
            words: those after the command's name.
            environ: its whole environment; by default a token and a state directory.
            stdin: what it may read.
            dies_after: the seconds after which the process dies, as by `kill -9`; the folder stays as it is then.
        """
        environ = self.environ() if environ is None else environ
        before, self._loop_errors = self.now, []
        out = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
        # As Python makes it, whatever PYTHONIOENCODING says.
        err = io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace", write_through=True)
        code: object = None
        escaped = None
        left: dict[str, bytes] = {}
        death = None if dies_after is None else (dies_after, left)
        streams = (io.TextIOWrapper(io.BytesIO(stdin), "utf-8"), out, err)
        with self._set(words, environ, streams, death), _watchdog() as barked:
            try:
                cli.main()
            except SystemExit as end:
                code = 0 if end.code is None else end.code
            except BaseException as error:  # noqa: BLE001 - that is the question
                escaped = f"{type(error).__name__}: {error}"
        if left:
            # What the process still wrote on its way out, a dead one could not have.
            put_files(self.folder, left)
        return Played(
            words=tuple(words),
            code=code,
            escaped=escaped,
            stdout=_written(out),
            stderr=_written(err),
            lasted=self.now - before,
            hung=bool(barked),
            loop_errors=tuple(self._loop_errors),
        )

    def environ(self, **more: str) -> dict[str, str]:
        """Return an environment of which everything is known."""
        home = {"HOME": str(self.folder), "QOVERY_RESTART_STATE_DIR": str(self.folder / "state")}
        return {"PATH": os.defpath, "QOVERY_API_TOKEN": TOKEN, "LC_ALL": "C.UTF-8", **home, **more}

    @contextmanager
    def _set(
        self,
        words: Sequence[str],
        environ: Mapping[str, str],
        streams: tuple[io.TextIOWrapper, io.TextIOWrapper, io.TextIOWrapper],
        death: tuple[float, dict[str, bytes]] | None,
    ) -> Iterator[None]:
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        environment, here = dict(os.environ), Path.cwd()
        with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
            warnings.simplefilter("error")
            for module in _CLOCKED:
                patch.setattr(module, "SystemClock", lambda: _StageClock(self))
            patch.setattr(Machine, "here", lambda: Machine(host="here", boot_id="boot 1", pid=7))
            patch.setattr(session, "Random", self._random)
            for module in (work, ledger):
                patch.setattr(module, "uuid4", lambda: UUID(int=self._chance.getrandbits(128), version=4))
            patch.setattr(command, "in_fitting_loop", lambda main, *, rehearsal: self._run(main, death))
            patch.setattr(http, "RoutedTransport", self._to_the_api)
            patch.setattr(network, "RoutedTransport", self._to_the_sites)
            patch.setattr(server, "serve", _serve_for_a_while)
            patch.setattr(sys, "argv", ["qovery-restart", *words])
            for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
                patch.setattr(sys, name, stream)
            try:
                os.chdir(self.folder)
                os.environ.clear()
                os.environ.update(environ)
                yield
            finally:
                os.environ.clear()
                os.environ.update(environment)
                os.chdir(here)
                for number, handler in handlers.items():
                    signal.signal(number, handler)
                structlog.reset_defaults()
                structlog.contextvars.clear_contextvars()

    def _run(self, main: Coroutine[Any, Any, Any], death: tuple[float, dict[str, bytes]] | None) -> Any:  # noqa: ANN401
        def make_loop() -> VirtualTimeLoop:
            loop = VirtualTimeLoop()
            loop.jump(self.now)  # A machine's monotonic clock goes on from process to process.
            loop.set_exception_handler(self._note_loop_error)
            if death is not None:
                loop.call_later(death[0], self._die, death[1])
            return loop

        with asyncio.Runner(loop_factory=make_loop) as runner:
            try:
                return runner.run(main)
            finally:
                self.now = runner.get_loop().time()

    def _die(self, left: dict[str, bytes]) -> None:
        left.update(files_in(self.folder))
        raise PowerCutError

    def _random(self, *seed: str) -> Random:
        return Random(*seed) if seed else Random(self._chance.random())

    def _note_loop_error(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._loop_errors.append(f"{context.get('message')}: {context.get('exception')!r}")

    def _to_the_api(self, urls: Sequence[httpx.URL | str], *, limits: httpx.Limits) -> httpx.AsyncBaseTransport:
        RoutedTransport(urls, limits=limits)  # It reads the environment, as it would.
        if self.world is None:
            return httpx.MockTransport(_refuse)
        return SimulatedTransport(create_app(self.world, profile="none", seed=0, now=_loop_time, sleep=asyncio.sleep))

    def _to_the_sites(self, urls: Sequence[httpx.URL | str], *, limits: httpx.Limits) -> httpx.AsyncBaseTransport:
        RoutedTransport(urls, limits=limits)
        if self.world is None:
            return httpx.MockTransport(_refuse)
        return HealthTransport(HealthSite(self.world, self.specs, now=_loop_time), sleep=asyncio.sleep)


class _StageClock:
    """The clock of a stage: also before and after its event loop."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def monotonic(self) -> float:
        return _loop_time()

    def now(self) -> datetime:
        try:
            passed = _loop_time()
        except RuntimeError:
            passed = self._stage.now
        return NOON + timedelta(seconds=passed)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


def _refuse(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("all connection attempts failed", request=request)


async def _serve_for_a_while(_: object, *, host: str, port: int, on_listening: Callable[[str], None]) -> None:
    on_listening(f"http://{host}:{port}")
    await asyncio.sleep(60)


def _written(stream: io.TextIOWrapper) -> bytes:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue()


@contextmanager
def _watchdog() -> Iterator[list[float]]:
    """Raise a `HangError` in a command that works without an end; the list is empty as long as it did not."""
    barked: list[float] = []

    def bark(*_: object) -> None:
        barked.append(CPU_PATIENCE)
        raise HangError

    before = signal.signal(signal.SIGVTALRM, bark)
    signal.setitimer(signal.ITIMER_VIRTUAL, CPU_PATIENCE, 1.0)
    try:
        yield barked
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
        signal.signal(signal.SIGVTALRM, before)


def files_in(folder: Path) -> dict[str, bytes]:
    """Return what is in a folder, by relative paths."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def put_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Let a folder have these files, and no others."""
    for path in folder.rglob("*"):
        if path.is_file() and str(path.relative_to(folder)) not in files:
            path.unlink()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@contextmanager
def folder_with(files: Mapping[str, bytes]) -> Iterator[Path]:
    """Make a folder that has these files, by their relative paths."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir=MEMORY_DISK))
    try:
        put_files(folder, files)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
