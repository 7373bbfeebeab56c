"""What a service manager is told, on a real socket, and that nothing is told where nobody listens."""

import os
import socket
import sys
from pathlib import Path

import pytest

from orchestrator.systemd import LONGEST_STATUS, ServiceManager


@pytest.fixture
def listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    monkeypatch.chdir(tmp_path)
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    channel.bind(str(tmp_path / "notify"))
    channel.setblocking(False)
    return channel


def test_each_state_is_one_datagram(listener: socket.socket, tmp_path: Path) -> None:
    with listener:
        manager = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        manager.ready("Keeping 0 3 * * *")
        manager.status("two\nlines")
        manager.alive()
        manager.reloading()
        manager.stopping()
        heard = [listener.recv(4096).decode() for _ in range(5)]
    assert heard[:3] == ["READY=1\nSTATUS=Keeping 0 3 * * *", "STATUS=two lines", "WATCHDOG=1"]
    assert heard[3].startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert int(heard[3].rpartition("=")[2]) > 0
    assert heard[4] == "STOPPING=1"


@pytest.mark.skipif(sys.platform != "linux", reason="abstract addresses are Linux's")
def test_an_address_that_begins_with_at_is_abstract() -> None:
    name = f"qovery-restart-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(f"\0{name}")
        ServiceManager({"NOTIFY_SOCKET": f"@{name}"}).alive()
        channel.setblocking(False)
        assert channel.recv(100) == b"WATCHDOG=1"


def test_a_long_status_is_cut_between_characters(listener: socket.socket, tmp_path: Path) -> None:
    with listener:
        ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "notify")}).status("é" * 1000)
        heard = listener.recv(4096)
    assert len(heard) <= LONGEST_STATUS
    assert set(heard.decode().removeprefix("STATUS=")) == {"é"}


@pytest.mark.parametrize(
    "address",
    ["", "notify", "/nowhere/at/all", "vsock:2:1234", "/" + "x" * 300, "/a\0b"],
    ids=["none", "relative", "nobody", "vsock", "too long", "a zero byte"],
)
def test_whoever_does_not_listen_changes_nothing(address: str) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": address})
    manager.ready("here")
    manager.stopping()


@pytest.mark.parametrize(
    ("environ", "every"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({}, None),
    ],
    ids=["set", "for this process", "for another", "no number", "zero", "unset"],
)
def test_a_sign_of_life_is_given_twice_in_the_time_that_it_is_waited_for(
    environ: dict[str, str], every: float | None
) -> None:
    assert ServiceManager({"NOTIFY_SOCKET": "/run/notify", **environ}).watchdog_every == every
    assert ServiceManager(environ).watchdog_every is None
