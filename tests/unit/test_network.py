"""The way to a URL: which proxy and which certificates of the environment concern it, and what is wrong with them."""

import asyncio
import os
import ssl
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import certifi
import httpx
import pytest

from orchestrator.errors import UsageError
from orchestrator.network import RoutedTransport, make_plain_client, proxy_passwords
from orchestrator.network import proxy_to as described_proxy
from orchestrator.probe import make_probe_client

API = "https://api.qovery.example.test"
PLAIN = "http://shop.example.test/healthz"
PROXY = "http://proxy.example.test:3128"


@pytest.fixture(autouse=True)
def no_ways_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.lower().endswith("_proxy") or name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
            monkeypatch.delenv(name)


def transport_to(*urls: str) -> RoutedTransport:
    return RoutedTransport(urls, limits=httpx.Limits())


def proxy_to(url: str) -> str | None:
    """The proxy of the way to a URL, as httpcore spells it."""
    pool = transport_to(url)._way_to(httpx.URL(url))._pool
    found = getattr(pool, "_proxy_url", None)
    return None if found is None else bytes(found).decode().rstrip("/")


def problem(url: str = API) -> str:
    with pytest.raises(UsageError) as caught:
        transport_to(url)
    return str(caught.value)


# Which proxy.


@pytest.mark.parametrize(
    ("environ", "url", "proxy"),
    [
        pytest.param({}, API, None, id="none"),
        pytest.param({"HTTPS_PROXY": PROXY}, API, PROXY, id="its scheme's"),
        pytest.param({"https_proxy": PROXY}, API, PROXY, id="in lower case"),
        pytest.param({"https_proxy": PROXY, "HTTPS_PROXY": "http://other:1"}, API, PROXY, id="lower case wins"),
        pytest.param({"HTTPS_PROXY": " "}, API, None, id="empty"),
        pytest.param({"HTTP_PROXY": PROXY}, API, None, id="another scheme's"),
        pytest.param({"HTTP_PROXY": PROXY}, PLAIN, PROXY, id="that of http"),
        pytest.param({"ALL_PROXY": PROXY}, API, PROXY, id="everybody's"),
        pytest.param({"ALL_PROXY": "http://other:1", "HTTPS_PROXY": PROXY}, API, PROXY, id="its scheme's first"),
        pytest.param({"HTTPS_PROXY": "proxy.example.test:3128"}, API, PROXY, id="without a scheme"),
        pytest.param({"HTTPS_PROXY": f" {PROXY}/\n"}, API, PROXY, id="with white space"),
        pytest.param({"HTTPS_PROXY": "http://me:p%23w@proxy.example.test:3128"}, API, PROXY, id="with a password"),
        pytest.param({"HTTPS_PROXY": "https://proxy.example.test"}, API, "https://proxy.example.test", id="over TLS"),
    ],
)
def test_a_url_has_the_proxy_that_the_environment_names_for_it(
    environ: Mapping[str, str], url: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert proxy_to(url) == proxy


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("*", API, True),
        ("example.test", API, True),
        (".example.test", API, True),
        ("*.example.test", API, True),
        ("api.qovery.example.test", API, True),
        ("API.Qovery.Example.Test", API, True),
        ("localhost, qovery.example.test", API, True),
        ("localhost qovery.example.test", API, True),
        ("https://api.qovery.example.test", API, True),
        ("all://api.qovery.example.test", API, True),
        ("http://api.qovery.example.test", API, False),
        ("api.qovery.example.test:443", API, True),
        ("api.qovery.example.test:8443", API, False),
        ("very.example.test", API, False),
        ("", API, False),
        (".,*.,:,[", API, False),
        ("127.0.0.1", "http://127.0.0.1:8080", True),
        ("127.0.0.0/8", "http://127.0.0.1:8080", True),
        ("127.0.0.1/8", "http://127.0.0.1:8080", True),
        ("10.0.0.0/8", "http://127.0.0.1:8080", False),
        ("10.0.0.0/8", API, False),
        ("::1", "http://[::1]:8080", True),
        ("localhost,[::1]", "http://[::1]:8080", True),
        ("[::1]:8080", "http://[::1]:8080", True),
        ("[::1]:80", "http://[::1]:8080", False),
        ("localhost,fd00::/8", "http://[fd12::1]", True),
        ("localhost,[fd00::]/8", "http://[fd12::1]", True),
        ("localhost,fd00::/8", API, False),
        ("localhost,[::1]", API, False),
        ("fd00::/999,1.2.3,http://", API, False),
    ],
)
@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_no_proxy_names_hosts_that_are_asked_directly(
    name: str, no_proxy: str, url: str, direct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", PROXY)
    monkeypatch.setenv(name, no_proxy)
    assert proxy_to(url) == (None if direct else PROXY)


def test_urls_that_go_the_same_way_share_its_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = transport_to(API, "https://www.example.test/a", "https://www.example.test/b", PLAIN)
    ways = [transport._way_to(httpx.URL(url)) for url in (API, "https://www.example.test/c", PLAIN)]
    assert ways[0] is ways[1]
    assert ways[0] is not ways[2]


# What is wrong with a proxy.

SECRETIVE = [
    "http://user:pa#s3cret@proxy.example.test:3128",
    "http://user:pa/s3cret@proxy.example.test:3128",
    "http://user:pa?s3cret@proxy.example.test:3128",
    "http://user:1#s3cret@proxy.example.test:3128",
    "http://user:1/s3cret@proxy.example.test:3128",
    "http://user:1?s3cret@proxy.example.test:3128",
    "user:s3cret://@proxy.example.test:3128",
    "user:#s3cret@proxy.example.test:3128",
    "http://user:s3cret@proxy.example.test:port",
    "http://user:s3cret@proxy.example.test:99999",
    "http://user:s3cret@proxy.example.test:0",
    "http://user:s3cret@:3128",
    "http://user:s3cret@[::1:3128",
    "http://user:s3cret@[proxy",
    "http://user:s3cret@pro xy",
    "http://user:s3cret@proxy\x7f.example.test:3128",
    "http://user:s3cret@proxy.example.test:3128/path",
    "http://",
    "s3cret://",
    "https://xn--a:1",
]


@pytest.mark.parametrize("value", SECRETIVE)
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_that_is_none_is_named_by_its_variable_and_shown_nowhere(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert problem().startswith(name)
    if value != "s3cret://":
        assert "s3cret" not in problem()


@pytest.mark.parametrize("value", SECRETIVE)
def test_a_proxy_that_concerns_no_url_may_be_anything(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    assert proxy_to(PLAIN) is None
    monkeypatch.setenv("NO_PROXY", "qovery.example.test")
    assert proxy_to(API) is None


@pytest.mark.parametrize("scheme", ["socks", "socks4", "socks4a", "ftp", "quic", "SOCKS"])
def test_a_kind_of_proxy_that_does_not_exist_is_named(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://user:s3cret@127.0.0.1:1080/")
    assert problem() == (
        f"ALL_PROXY names a proxy of the kind {scheme.lower()}, which is not supported: use one of http, https, "
        "socks5, socks5h."
    )


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_a_socks_proxy_without_its_package_says_which_to_install(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("all_proxy", f"{scheme}://127.0.0.1:1080")
    # Versions of httpx before 0.28 know no socks5h.
    assert problem().startswith("all_proxy")
    assert "httpx" in problem()


def test_a_kind_of_proxy_that_an_older_httpx_does_not_know_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("Unknown scheme for proxy URL URL('socks5h://user:[secure]@127.0.0.1:1080')")

    monkeypatch.setattr(httpx, "Proxy", refuse)
    monkeypatch.setenv("ALL_PROXY", "socks5h://127.0.0.1:1080")
    assert problem() == "ALL_PROXY: the installed httpx knows no socks5h proxies; update it."


def test_a_proxy_of_the_systems_settings_is_called_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.network.getproxies", lambda: {"https": "http://proxy:port"})
    assert problem().startswith("A proxy in the settings of the system does not name a proxy")


def test_the_passwords_of_proxies_are_known_so_that_they_can_be_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:pa#ss@proxy:3128")
    monkeypatch.setenv("all_proxy", "user@proxy:3128")
    assert set(proxy_passwords()) == {"pa#ss", ""}


# In words.


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        pytest.param({}, "", id="none"),
        pytest.param({"HTTPS_PROXY": PROXY}, f"the proxy {PROXY} (from HTTPS_PROXY)", id="one"),
        pytest.param(
            {"all_proxy": "proxy:8080"}, "the proxy http://proxy:8080 (from all_proxy)", id="without a scheme"
        ),
        pytest.param(
            {"HTTPS_PROXY": "http://user:s3cret@[::1]"}, "the proxy http://[::1] (from HTTPS_PROXY)", id="a user"
        ),
        pytest.param({"HTTPS_PROXY": "http://u:p#w@proxy"}, "", id="one that cannot be used"),
        pytest.param({"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}, "", id="asked directly"),
    ],
)
def test_a_proxy_is_described_with_its_variable_and_without_its_user(
    environ: Mapping[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert described_proxy(API) == words


# A request goes the way.


@asynccontextmanager
async def a_proxy(heard: list[bytes]) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def test_a_request_goes_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[bytes] = []

    async def ask() -> int:
        async with a_proxy(heard) as port:
            monkeypatch.setenv("http_proxy", f"http://user:p%23w@127.0.0.1:{port}")
            async with make_probe_client([PLAIN]) as client:
                return (await client.get(PLAIN)).status_code

    assert asyncio.run(ask()) == 204
    assert heard[0].startswith(f"GET {PLAIN} HTTP/1.1\r\n".encode())
    assert b"Basic dXNlcjpwI3c=" in heard[0]


# Certificates.


def store_of(url: str = API) -> dict[str, int]:
    pool = transport_to(url)._way_to(httpx.URL(url))._pool
    context: ssl.SSLContext = pool._ssl_context  # type: ignore[assignment] # always ours
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    return context.cert_store_stats()


def test_without_a_variable_the_usual_authorities_are_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = store_of()["x509_ca"]
    assert usual > 10
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
        monkeypatch.setenv(name, "")
    assert store_of()["x509_ca"] == usual


def test_a_way_without_tls_trusts_nobody_and_reads_no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent/ca.pem")
    monkeypatch.setenv("SSLKEYLOGFILE", "/nonexistent/keys")
    assert store_of(PLAIN)["x509_ca"] == 0


def one_certificate() -> str:
    text = Path(certifi.where()).read_text("utf-8")
    return text[text.index("-----BEGIN") : text.index("-----END CERTIFICATE-----")] + "-----END CERTIFICATE-----\n"


def test_a_file_of_certificates_replaces_the_usual_authorities(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(one_certificate(), "utf-8")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    monkeypatch.setenv("SSL_CERT_DIR", "/nonexistent")  # the file counts
    assert store_of()["x509_ca"] == 1


def test_a_directory_of_certificates_is_read_when_one_is_needed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "6f2c1157.0").write_text(one_certificate(), "utf-8")
    monkeypatch.setenv("SSL_CERT_DIR", f"/nonexistent{os.pathsep}{tmp_path}")
    assert store_of()["x509_ca"] == 0


@pytest.mark.parametrize(
    "content",
    [None, b"", b"root:x:0:0::/root:/bin/sh\n", b"-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n"],
    ids=["no file", "empty", "text", "a broken one"],
)
def test_a_file_that_contains_no_certificates_is_named(
    content: bytes | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    why = "cannot be read: No such file or directory." if content is None else "contains no certificates in PEM format."
    assert problem() == f"SSL_CERT_FILE: {file} {why}"


def test_a_directory_in_place_of_a_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path))
    assert problem().startswith(f"SSL_CERT_FILE: {tmp_path} ")


@pytest.mark.parametrize("name", [None, "ca.pem"], ids=["empty", "not as OpenSSL calls them"])
def test_a_directory_without_certificates_is_named(
    name: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if name is not None:
        (tmp_path / name).touch()
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert problem().startswith(f"SSL_CERT_DIR: {tmp_path} contains no certificates under the names")


def test_a_proxy_over_tls_needs_the_certificates_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent/ca.pem")
    monkeypatch.setenv("HTTP_PROXY", "https://proxy.example.test")
    assert problem(PLAIN).startswith("SSL_CERT_FILE: /nonexistent/ca.pem cannot be read")


def test_a_key_log_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "nowhere" / "keys"))
    assert problem() == f"SSLKEYLOGFILE: {tmp_path}/nowhere/keys cannot be written: No such file or directory."


def test_a_key_log_that_can_be_written_may_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    assert store_of()["x509_ca"] > 10


def test_whoever_is_not_the_api_gets_no_cookie_back() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400 if "cookie" in request.headers else 200, headers={"Set-Cookie": "node=7"})

    async def ask_twice() -> list[int]:
        async with make_plain_client([], timeout=1.0, transport=httpx.MockTransport(answer)) as client:
            return [(await client.get("http://shop.example.com")).status_code for _ in range(2)]

    assert asyncio.run(ask_twice()) == [200, 200]
