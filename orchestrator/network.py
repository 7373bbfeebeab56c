"""HTTP from this machine: by the proxies and with the certificates that the environment names; and what can go wrong.

The API's client and the probes both use it, so that they take the same way, and know the same failures.
"""

import os
import re
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import ip_address, ip_network
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple
from urllib.request import getproxies

import httpx

from orchestrator._version import __version__
from orchestrator.errors import UsageError

NEVER_SENT: tuple[type[Exception], ...] = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
)
"""What httpx raises before any byte of a request is sent."""
PERHAPS_SENT: tuple[type[Exception], ...] = (
    httpx.ReadTimeout,
    httpx.WriteTimeout,
    httpx.ReadError,
    httpx.WriteError,
    httpx.CloseError,
    httpx.RemoteProtocolError,
    httpx.DecodingError,
    httpx.TooManyRedirects,
)
"""What httpx raises when a request was sent, or may have been."""

NO_SUCH_HOST = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
"""What the resolver says of a name that does not exist. Anything else, such as a resolver out of reach, may pass."""

HIGHEST_PORT = 65535
DEFAULT_PORTS = {"http": 80, "https": 443}
PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
_TIMEOUTS: dict[type[BaseException], str] = {
    httpx.ConnectTimeout: "no connection was made in time",
    httpx.ReadTimeout: "nothing came back in time",
    httpx.WriteTimeout: "the request was not taken in time",
    httpx.PoolTimeout: "no connection was free in time",
}
"""What happened, where httpx has no words for it."""
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")
"""The file names under which OpenSSL looks for certificates in a directory."""


class ExchangeError(Exception):
    """A request failed; the text says why, in a few words without secrets.

    Args:
        words: why.
        sent: whether the server may have seen the request.
        lasting: whether that hardly passes by itself.
    """

    def __init__(self, words: str, *, sent: bool, lasting: bool = False) -> None:
        super().__init__(words)
        self.sent = sent
        self.lasting = lasting


@contextmanager
def translated(redact: Callable[[str], str], *, proxy: str = "") -> Iterator[None]:
    """Raise an `ExchangeError` for whatever a request in this context raises.

    Args:
        redact: hides secrets in its text.
        proxy: the proxy that the request goes through, as `proxy_to` describes it; the text names it.

    httpx wraps most of what its transports raise, but not all: a TLS failure after the handshake is an `ssl.SSLError`,
    a host that cannot be encoded a `UnicodeError`, and h11, anyio and socksio have exceptions of their own. Whatever it
    is, the request has failed, and nothing else has.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - see above
        cause, lasting = _cause(error)
        sent = not isinstance(error, NEVER_SENT)
        cause = redact(cause) or type(error).__name__
        if proxy:
            cause = f"{cause}, {through(proxy)}" if sent else f"no connection through {proxy}: {cause}"
        raise ExchangeError(cause, sent=sent, lasting=lasting and not sent) from None


def through(proxy: str) -> str:
    """Return the words for an error that says which proxy a request went through; "" if there was none."""
    return f"through {proxy}" if proxy else ""


def _cause(error: BaseException) -> tuple[str, bool]:
    """Return why a request failed, as the operating system says it where it does, and whether that hardly passes."""
    for each in _chain(error):
        match each:
            case socket.gaierror(errno=errno):
                return f"the host name does not resolve ({each.strerror})", errno in NO_SUCH_HOST
            case ConnectionRefusedError():
                return "the connection was refused: nothing listens there", True
            case ssl.SSLError():
                return str(each), True
    return str(error) or _TIMEOUTS.get(type(error), ""), isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error with all its causes; if several addresses of a host were tried, each has an error of its own."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for each in error.exceptions:
                yield from _chain(each)
        error = error.__cause__ or error.__context__


class _Proxy(NamedTuple):
    variable: str
    url: str
    """May contain a password: it is never shown."""


class RoutedTransport(httpx.AsyncBaseTransport):
    """A transport that takes for each URL the way that the environment names for it, or none.

    httpx reads the environment for all URLs at once, and raises whatever it cannot read there. This reads what concerns
    a URL: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in lower case, too; for TLS also SSL_CERT_FILE, SSL_CERT_DIR
    and SSLKEYLOGFILE.

    Args:
        urls: those that will be asked, so that what is wrong shows now.
        limits: of the connections of each way.

    Raises:
        UsageError: a variable that concerns one of `urls` cannot be used. The error names it.
    """

    def __init__(self, urls: Iterable[httpx.URL | str], *, limits: httpx.Limits) -> None:
        self._limits = limits
        self._ways: dict[tuple[bool, _Proxy | None], httpx.AsyncHTTPTransport] = {}
        self._way_of: dict[tuple[str, str, int | None], httpx.AsyncHTTPTransport] = {}
        for url in urls:
            self._way_to(httpx.URL(url))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request on its way."""
        return await self._way_to(request.url).handle_async_request(request)

    async def aclose(self) -> None:
        """Close all connections."""
        for way in self._ways.values():
            await way.aclose()

    def _way_to(self, url: httpx.URL) -> httpx.AsyncHTTPTransport:
        origin = url.scheme, url.host, url.port
        if origin not in self._way_of:
            key = url.scheme == "https", _proxy_for(url)
            if key not in self._ways:
                self._ways[key] = self._make_way(*key)
            self._way_of[origin] = self._ways[key]
        return self._way_of[origin]

    def _make_way(self, encrypted: bool, proxy: _Proxy | None) -> httpx.AsyncHTTPTransport:
        # What is not meant for TLS trusts nobody, and so needs no certificate.
        tls = self._tls if encrypted else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if proxy is None:
            return httpx.AsyncHTTPTransport(verify=tls, trust_env=False, limits=self._limits)
        url = _proxy_url(proxy)
        try:
            return httpx.AsyncHTTPTransport(
                verify=tls,
                trust_env=False,
                limits=self._limits,
                proxy=httpx.Proxy(url, ssl_context=self._tls if url.scheme == "https" else None),
            )
        except ImportError:
            raise UsageError(
                f"{proxy.variable} names a SOCKS proxy, and the package socksio, which that needs, is not installed: "
                "pip install 'httpx[socks]'."
            ) from None
        except ValueError:
            # Which schemes there are depends on the version of httpx.
            raise UsageError(
                f"{proxy.variable}: the installed httpx knows no {url.scheme} proxies; update it."
            ) from None

    @property
    def _tls(self) -> ssl.SSLContext:
        _check_key_log()
        return _tls_context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


def no_cookies() -> CookieJar:
    """Return a jar that stays empty, for a client.

    Nobody whom we ask has cookies; what is on the way may set some. httpx would send them with every
    later request, and one that cannot be encoded would make all of those fail.
    """
    return CookieJar(policy=DefaultCookiePolicy(allowed_domains=()))


def make_plain_client(
    urls: Iterable[httpx.URL | str],
    *,
    timeout: float,
    transport: httpx.AsyncBaseTransport | None = None,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> httpx.AsyncClient:
    """Make the httpx client for `urls` that are not the API's: without its token, without cookies and redirects.

    Args:
        urls: those that it asks.
        timeout: seconds for each step of a request.
        transport: takes the place of the network.
        headers: of each request, besides our name.

    Raises:
        UsageError: proxies or certificates that the environment names cannot be used.
    """
    return httpx.AsyncClient(
        headers={"User-Agent": f"qovery-restart/{__version__}", **headers},
        cookies=no_cookies(),
        timeout=timeout,
        follow_redirects=False,
        trust_env=False,
        transport=transport or RoutedTransport(urls, limits=httpx.Limits()),
    )


def has_odd_host(url: httpx.URL) -> bool:
    """Return whether a URL's host contains what no host does: httpx percent-encodes it, and it would never be found."""
    return "%" in url.host and ":" not in url.host


def proxy_to(url: httpx.URL | str) -> str:
    """Return the words for the proxy that the environment names for a URL, and for its variable; "" if there is none.

    User name and password are left out. A variable that cannot be used is not described: `RoutedTransport` refuses it.
    """
    proxy = _proxy_for(httpx.URL(url))
    if proxy is None:
        return ""
    try:
        shown = _proxy_url(proxy)
    except UsageError:
        return ""
    port = "" if shown.port is None else f":{shown.port}"
    host = f"[{shown.host}]" if ":" in shown.host else shown.host
    return f"the proxy {shown.scheme}://{host}{port} (from {proxy.variable})"


def proxy_passwords() -> Iterator[str]:
    """Yield the passwords of the proxies that the environment names, as they are spelled there."""
    for url in getproxies().values():
        yield url.rpartition("@")[0].partition("://")[2].partition(":")[2]


def _proxy_for(url: httpx.URL) -> _Proxy | None:
    """Return the proxy for a URL; None if it is asked directly."""
    proxies = getproxies()
    kind = next((kind for kind in (url.scheme, "all") if proxies.get(kind, "").strip()), None)
    if kind is None or any(_exempts(entry, url) for entry in re.split(r"[,\s]+", proxies.get("no", "").lower())):
        return None
    return _Proxy(_variable(f"{kind}_proxy"), proxies[kind].strip())


def _variable(name: str) -> str:
    """Return the name of a proxy's variable as it is spelled in the environment; the lower-case one counts first."""
    spelled = sorted((each for each in os.environ if each.lower() == name), reverse=True)
    return spelled[0] if spelled else "A proxy in the settings of the system"


def _exempts(entry: str, url: httpx.URL) -> bool:
    """Return whether an entry of NO_PROXY names a URL's host: `*`, a domain, an address, a network; perhaps a port."""
    scheme, found, rest = entry.rpartition("://")
    if found:
        return scheme in (url.scheme, "all") and _exempts(rest, url)
    if entry == "*":
        return True
    host, _, port = entry.rpartition(":")
    if host and port.isdecimal() and (":" not in host or host.endswith("]")):
        return int(port) == (url.port or DEFAULT_PORTS.get(url.scheme)) and _exempts(host, url)
    with suppress(ValueError):
        network = ip_network(entry.replace("[", "").replace("]", ""), strict=False)
        try:
            return ip_address(url.host) in network
        except ValueError:
            return False
    domain = entry.lstrip("*.")
    return bool(domain) and (url.host.endswith(f".{domain}") or url.host == entry)


def _proxy_url(proxy: _Proxy) -> httpx.URL:
    """Return a proxy's URL; raises `UsageError` without showing any part of it that may be secret."""
    text = proxy.url if "://" in proxy.url else f"http://{proxy.url}"
    scheme = text.partition("://")[0].lower()
    if _SCHEME.fullmatch(scheme) and scheme not in PROXY_SCHEMES:
        raise UsageError(
            f"{proxy.variable} names a proxy of the kind {scheme}, which is not supported: use one of "
            f"{', '.join(PROXY_SCHEMES)}."
        )
    try:
        url = httpx.URL(text)
        # Where a password contains a # or a slash, the parser takes what follows for the fragment or the path.
        usable = (
            bool(url.host) and not has_odd_host(url) and url.path in ("", "/") and not url.query and not url.fragment
        )
        usable = usable and (url.port is None or 0 < url.port <= HIGHEST_PORT)
    except (httpx.InvalidURL, ValueError):
        usable = False
    if not usable:
        raise UsageError(
            f"{proxy.variable} does not name a proxy: expected scheme://host:port, with special characters in a user "
            "name or a password percent-encoded (# is %23)."
        )
    return url


@cache
def _tls_context(file: str | None, folder: str | None) -> ssl.SSLContext:
    """Return the context for TLS, with the certificates that the environment names, or httpx's; only once."""
    if file:
        try:
            return ssl.create_default_context(cafile=file)
        except ssl.SSLError:
            raise UsageError(f"SSL_CERT_FILE: {file} contains no certificates in PEM format.") from None
        except OSError as error:
            raise UsageError(f"SSL_CERT_FILE: {file} cannot be read: {error.strerror or error}.") from None
    if folder:
        if not any(_has_certificates(Path(part)) for part in folder.split(os.pathsep)):
            raise UsageError(
                f"SSL_CERT_DIR: {folder} contains no certificates under the names that `openssl rehash` gives them."
            )
        return ssl.create_default_context(capath=folder)
    return httpx.create_ssl_context(trust_env=False)


def _check_key_log() -> None:
    """Raise `UsageError` if SSLKEYLOGFILE cannot be written, as every TLS context would."""
    if path := os.environ.get("SSLKEYLOGFILE"):
        try:
            Path(path).open("ab").close()
        except OSError as error:
            raise UsageError(f"SSLKEYLOGFILE: {path} cannot be written: {error.strerror or error}.") from None


def _has_certificates(folder: Path) -> bool:
    # OpenSSL reads the files only when it looks for one of them, and would then refuse every server.
    try:
        return any(_HASHED.fullmatch(each.name) for each in folder.iterdir())
    except OSError:
        return False
