"""The order of the tests, and guards: no test waits for real, none leaves this machine or its logging behind."""

import asyncio
import ipaddress
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import settings

from orchestrator.simulator.virtual_time import VirtualTimeLoop

settings.register_profile("whatever the machine", deadline=None)
settings.load_profile("whatever the machine")  # How long an example takes says more about the machine than about us.

ORDER = ("unit", "contract", "documents", "browser", "simulation", "fuzz", "benchmarks", "end_to_end")
"""The folders in the order in which they run: what is fast and tells most precisely what is wrong comes first."""
LONGEST_SLEEP = 0.5
"""Seconds of real time. Whoever waits for longer wants virtual time."""

_real_sleep = time.sleep
_real_asyncio_sleep = asyncio.sleep
_real_connect = socket.socket.connect
_real_connect_ex = socket.socket.connect_ex


def pytest_xdist_auto_num_workers() -> int:
    """Use one process more than there are cores, since the end-to-end tests mostly wait for the command to end."""
    return min((os.cpu_count() or 1) + 1, 8)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the folders in their order."""
    items.sort(key=lambda item: ORDER.index(item.path.relative_to(Path(__file__).parent).parts[0]))


def _refuse_long(seconds: float) -> None:
    if seconds > LONGEST_SLEEP:
        pytest.fail(f"a test must not sleep for {seconds:g} s of real time: use virtual time")


def _sleep(seconds: float) -> None:
    _refuse_long(seconds)
    _real_sleep(seconds)


async def _asyncio_sleep(delay: float, result: Any = None) -> Any:  # noqa: ANN401 - asyncio's signature
    if not isinstance(asyncio.get_running_loop(), VirtualTimeLoop):
        _refuse_long(delay)
    return await _real_asyncio_sleep(delay, result)


def _refuse_elsewhere(address: Any) -> None:  # noqa: ANN401 - its form depends on the socket's family
    host = address[0] if isinstance(address, tuple) else None
    if host is None or host == "localhost":
        return
    try:
        loopback = ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        pytest.fail(f"a test must not connect to {address!r}: only this machine is allowed")


def _connect(self: socket.socket, address: Any) -> None:  # noqa: ANN401
    _refuse_elsewhere(address)
    _real_connect(self, address)


def _connect_ex(self: socket.socket, address: Any) -> int:  # noqa: ANN401
    _refuse_elsewhere(address)
    return _real_connect_ex(self, address)


@pytest.fixture(autouse=True)
def no_real_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", _sleep)
    monkeypatch.setattr(asyncio, "sleep", _asyncio_sleep)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", _connect)
    monkeypatch.setattr(socket.socket, "connect_ex", _connect_ex)


@pytest.fixture(autouse=True)
def no_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test depend on the CI system in which it runs, nor write into the summary of its step."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE", "GITHUB_OUTPUT", "GITLAB_CI", "CI"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def fresh_structlog() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
