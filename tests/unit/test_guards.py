"""The guards of conftest.py, since a guard that lets everything through looks just like one that works."""

import asyncio
import socket
import time

import pytest
import structlog

from tests.support.time import in_virtual_time


def test_a_long_sleep_fails_the_test() -> None:
    with pytest.raises(pytest.fail.Exception, match="must not sleep for 60 s"):
        time.sleep(60)


def test_a_long_asyncio_sleep_fails_the_test_on_a_real_loop() -> None:
    with pytest.raises(pytest.fail.Exception, match="must not sleep for 60 s"):
        asyncio.run(asyncio.sleep(60))


def test_an_asyncio_sleep_of_an_hour_is_fine_in_virtual_time() -> None:
    in_virtual_time(asyncio.sleep(3600))


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "example.test"])
def test_a_connection_to_another_machine_fails_the_test(host: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as outward:
        for connect in (outward.connect, outward.connect_ex):
            with pytest.raises(pytest.fail.Exception, match="must not connect"):
                connect((host, 443))


def test_a_connection_to_this_machine_is_fine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.connect(server.getsockname())


def test_structlog_is_as_it_was_when_a_test_begins() -> None:
    assert not structlog.is_configured()
    assert structlog.contextvars.get_contextvars() == {}
