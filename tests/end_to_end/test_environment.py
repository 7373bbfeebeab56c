"""The environment of the process: proxies, certificates, a missing home directory, variables that rehearse nothing."""

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.command import STATE_DIR, Finished, environ, run, write_config

SHOP = "{name: shop, path: acme/shop/production, services: all}"
SECRET = "s3cretpassw0rd"
ELSEWHERE = "https://127.0.0.1:9"


def run_with(config: Path, *more: str, **variables: str) -> Finished:
    return run("run", config, "-o", "json", *more, env=environ(**variables))


def is_refused(finished: Finished, variable: str) -> None:
    """It ended as any other wrong usage does: a sentence that names the variable, and nothing submitted."""
    assert finished.code == 2
    (problem,) = finished.report["errors"]
    assert variable in problem
    assert finished.report["requests"] == {"total": 0, "submits": 0}
    assert f"error: {problem}" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert SECRET not in finished.stdout + finished.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ALL_PROXY", "socks://127.0.0.1:1080/"),
        ("all_proxy", "socks4://127.0.0.1:1080/"),
        ("HTTPS_PROXY", f"http://user:pa#{SECRET}@proxy.example.test:3128"),
        ("https_proxy", f"http://user:1#{SECRET}@proxy.example.test:3128"),
        ("HTTPS_PROXY", f"http://user:{SECRET}@proxy.example.test:port"),
        ("SSL_CERT_FILE", "/nonexistent/ca.pem"),
        ("SSL_CERT_FILE", __file__),
        ("SSL_CERT_DIR", "/nonexistent"),
        ("SSLKEYLOGFILE", "/nonexistent/keys"),
    ],
)
def test_a_proxy_or_certificate_that_cannot_be_used_is_wrong_usage(variable: str, value: str, tmp_path: Path) -> None:
    is_refused(run_with(write_config(tmp_path, [SHOP]), QOVERY_API_URL=ELSEWHERE, **{variable: value}), variable)


def test_a_proxy_of_a_health_check_is_looked_at_before_anything_is_submitted(simulator: str, tmp_path: Path) -> None:
    checked = SHOP.replace("services: all", "services: all, verify: [{http: 'https://shop.example.test/'}]")
    config = write_config(tmp_path, [checked])
    is_refused(run_with(config, QOVERY_API_URL=simulator, HTTPS_PROXY=f"http://u:#{SECRET}@p:3128"), "HTTPS_PROXY")


@contextmanager
def a_proxy(answer: bytes | None) -> Iterator[str]:
    """A proxy that answers every CONNECT with `answer`, or never, or does not exist: where it would listen."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        if answer != b"nothing listens":
            listening.listen()

        held = []

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    held.append(connection)
                    connection.recv(65536)
                    if answer is not None:
                        connection.sendall(answer)
                        connection.close()

        serving = threading.Thread(target=serve)
        serving.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        serving.join()
        for connection in held:
            connection.close()


DEAD_PROXIES = [
    pytest.param(b"nothing listens", id="nothing listens"),
    pytest.param(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", id="407"),
    pytest.param(b"HTTP/1.1 502 Bad Gateway\r\n\r\n", id="502"),
    pytest.param(b"", id="it hangs up"),
    pytest.param(None, id="it never answers"),
]


@pytest.mark.parametrize("answer", DEAD_PROXIES)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "all_proxy"])
def test_a_proxy_that_does_not_work_is_named_with_its_variable(
    answer: bytes | None, variable: str, tmp_path: Path
) -> None:
    config = write_config(tmp_path, [SHOP], defaults=", lost_contact: 500ms")
    with a_proxy(answer) as place:
        proxy = {variable: f"http://me:{SECRET}@{place}"}
        finished = run_with(config, "--log-format", "json", QOVERY_API_URL="https://api.example.test", **proxy)

    assert finished.code == 75
    named = f"the proxy http://{place} (from {variable})"
    assert named in finished.report["errors"][0].partition("The API is")[0]
    assert named in finished.report["errors"][0].partition("The API is")[2]
    assert SECRET not in finished.stdout + finished.stderr


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "502 Bad Gateway"])
def test_a_proxy_that_answers_in_place_of_a_plain_api_is_named(status: str, tmp_path: Path) -> None:
    config = write_config(tmp_path, [SHOP], defaults=", lost_contact: 500ms")
    with a_proxy(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n".encode()) as place:
        finished = run_with(config, QOVERY_API_URL="http://api.example.test", HTTP_PROXY=f"http://me:{SECRET}@{place}")

    assert finished.code == 75
    assert f"through the proxy http://{place} (from HTTP_PROXY)" in finished.report["errors"][0]
    assert SECRET not in finished.stdout + finished.stderr


@pytest.mark.parametrize("answer", DEAD_PROXIES)
def test_a_proxy_of_a_health_check_that_does_not_work_is_named(
    answer: bytes | None, simulator: str, tmp_path: Path
) -> None:
    check = "verify: [{http: 'https://shop.example.test/', within: 500ms}]"
    config = write_config(tmp_path, [SHOP.replace("services: all", f"services: all, {check}")])
    with a_proxy(answer) as place:
        finished = run_with(config, QOVERY_API_URL=simulator, HTTPS_PROXY=f"http://me:{SECRET}@{place}")

    assert finished.code == 1
    (environment,) = finished.report["environments"]
    assert environment["reason"] == "verification_failed"
    assert f"the proxy http://{place} (from HTTPS_PROXY)" in environment["message"]
    assert SECRET not in finished.stdout + finished.stderr


@pytest.mark.parametrize(
    "variables",
    [
        {"HTTPS_PROXY": "http://proxy.example.test:port"},
        {"ALL_PROXY": "socks://127.0.0.1:1080/", "NO_PROXY": "localhost,127.0.0.0/8"},
        {"NO_PROXY": "localhost,[::1],fd00::/8"},
        {"SSL_CERT_FILE": "/nonexistent/ca.pem", "SSL_CERT_DIR": "/nonexistent", "SSLKEYLOGFILE": "/nonexistent/keys"},
    ],
    ids=" ".join,
)
def test_what_does_not_concern_the_api_changes_nothing(
    variables: Mapping[str, str], simulator: str, tmp_path: Path
) -> None:
    assert run_with(write_config(tmp_path, [SHOP]), QOVERY_API_URL=simulator, **variables).code == 0


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:99999", f"http://user:pa#{SECRET}@127.0.0.1", "http://xn--a", "http://["]
)
def test_an_address_of_the_api_that_cannot_be_one_is_wrong_usage(url: str, tmp_path: Path) -> None:
    is_refused(run_with(write_config(tmp_path, [SHOP]), QOVERY_API_URL=url), "QOVERY_API_URL")


# No home directory.


@pytest.fixture
def homeless(tmp_path: Path) -> dict[str, str]:
    """An environment without HOME, of a user without an entry in the list of users."""
    folder = tmp_path / "no-user"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import pwd\ndef getpwuid(uid): raise KeyError('getpwuid(): uid not found')\npwd.getpwuid = getpwuid\n", "utf-8"
    )
    variables = environ(PYTHONPATH=str(folder))
    del variables[STATE_DIR]
    return variables


def test_a_user_without_a_home_directory_has_to_name_another(
    homeless: Mapping[str, str], simulator: str, tmp_path: Path
) -> None:
    config = write_config(tmp_path, [SHOP])
    finished = run("run", config, "-o", "json", env={**homeless, "QOVERY_API_URL": simulator})
    assert finished.code == 2
    assert "--state-dir" in finished.report["errors"][0]
    assert "Traceback" not in finished.stderr

    named = {**homeless, "QOVERY_API_URL": simulator}
    assert run("run", config, "--state-dir", tmp_path / "a", env=named).code == 0
    assert run("run", config, env={**named, STATE_DIR: str(tmp_path / "b")}).code == 0


@pytest.mark.parametrize(
    "command",
    [["validate"], ["plan", "--simulate"], ["run", "--simulate"], ["schema"], ["--version"]],
    ids=lambda command: command[0],
)
def test_what_keeps_no_journal_needs_no_home_directory(
    command: list[str], homeless: Mapping[str, str], tmp_path: Path
) -> None:
    config = [] if command[0] in ("schema", "--version") else [write_config(tmp_path, [SHOP])]
    assert run(*command, *config, env=homeless).code == 0


# Rehearsals.


@pytest.mark.parametrize(
    "command",
    [["run", "{config}"], ["restart", "acme/shop/production", "--all-services"], ["plan", "{config}"]],
    ids=lambda command: command[0],
)
def test_no_variable_turns_a_command_into_a_rehearsal(command: list[str], tmp_path: Path) -> None:
    config = str(write_config(tmp_path, [SHOP]))
    words = [word.format(config=config) for word in command]
    finished = run(*words, "-o", "json", env=environ(QOVERY_API_URL="http://127.0.0.1:9", QOVERY_RESTART_SIMULATE="1"))
    assert finished.code == 2
    assert "QOVERY_RESTART_SIMULATE is set" in finished.report["errors"][0]
    assert run(*words, "--simulate", env=environ(QOVERY_RESTART_SIMULATE="1")).code == 0


def test_a_variable_that_says_no_and_those_of_the_simulator_change_nothing(simulator: str, tmp_path: Path) -> None:
    finished = run_with(
        write_config(tmp_path, [SHOP]),
        QOVERY_API_URL=simulator,
        QOVERY_RESTART_SIMULATE="false",
        QOVERY_RESTART_SEED="5",
        QOVERY_RESTART_FAULTS="hostile",
        QOVERY_RESTART_WORLD="merging=never",
    )
    assert (finished.code, finished.report["simulated"]) == (0, False)


def test_the_variable_of_shell_completion_does_not_end_a_command_that_is_given(tmp_path: Path) -> None:
    finished = run("run", tmp_path / "none.yaml", env=environ(_QOVERY_RESTART_COMPLETE="source_bash"))
    assert finished.code == 2
    assert run(env=environ(_QOVERY_RESTART_COMPLETE="source_bash")).code == 0


@pytest.mark.parametrize("size", ["wide", "²", "99999999999", "9" * 5000, "-80", "1e3", ""], ids=lambda text: text[:12])
@pytest.mark.parametrize("variable", ["TERMINAL_WIDTH", "COLUMNS", "LINES"])
def test_a_size_that_no_terminal_has_does_not_hide_what_is_wrong(variable: str, size: str) -> None:
    finished = run("run", "--no-such-option", env=environ(**{variable: size}))
    assert finished.code == 2
    assert "--no-such-option" in finished.stderr


def test_a_size_that_no_terminal_has_does_not_end_a_run_when_it_is_reported(tmp_path: Path) -> None:
    config = write_config(tmp_path, [SHOP])
    finished = run("run", config, "--simulate", env=environ(COLUMNS="²", LINES="9" * 5000))
    assert finished.code == 0
    assert "succeeded" in finished.stdout


def test_the_schema_of_the_report_can_be_asked_for_by_a_variable() -> None:
    finished = run("schema", env=environ(QOVERY_RESTART_SCHEMA_REPORT="1", QOVERY_RESTART_REPORT="report.json"))
    assert json.loads(finished.stdout)["title"] == "qovery-restart report"
