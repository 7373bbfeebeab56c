"""Where a request can wait for ever: a server, a proxy and a name server that fall silent at one exact place."""

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum, unique
from functools import cache
from pathlib import Path
from shutil import which
from tempfile import mkdtemp

HOST = "api.example.test"
"""A host name that only `quiet_names` resolves."""
_NAMES = """
import os, socket, time
real = socket.getaddrinfo
def look_up(host, *given, **more):
    host = host.decode() if isinstance(host, bytes) else host
    if host != "api.example.test":
        return real(host, *given, **more)
    if os.path.exists(SILENT):
        time.sleep(60)
        raise socket.gaierror(-3, "Temporary failure in name resolution")
    return real("127.0.0.1", *given, **more)
socket.getaddrinfo = look_up
"""


@unique
class Place(Enum):
    """Where a request waits."""

    NAMES = "the name server does not answer"
    CONNECT = "the connection is never accepted"
    PROXY = "the proxy does not answer CONNECT"
    TLS = "the server never answers the ClientHello"
    WRITE = "the server does not read the request"
    HEADERS = "the server never answers"
    SLOW_HEADERS = "the headers come byte by byte, for ever"
    SLOW_BODY = "the body comes byte by byte, for ever"

    @property
    def is_encrypted(self) -> bool:
        """Whether it is reached over TLS."""
        return self in (Place.TLS, Place.PROXY)


class Front:
    """Passes requests on to a server, one on each connection, until it falls silent at a place, for good.

    Args:
        upstream: the port of the server on this machine.
        place: where it falls silent.
        folder: for what the command has to find: `sitecustomize`, certificates.
        silent_after: told each request's method and path when it was answered; from the first True on it is silent.

    Attributes:
        url: where it listens.
        env: what the command's environment needs to reach it.
        reached: set once something waits there (or, where the front cannot see that, once it is silent).
    """

    def __init__(
        self, upstream: int, place: Place, folder: Path, *, silent_after: Callable[[str, str], bool] = lambda *_: False
    ) -> None:
        self._upstream = upstream
        self._place = place
        self._silent_after = silent_after
        self._silence = folder / "silent"
        self._is_silent = False
        self._held: list[socket.socket] = []
        self._listening = socket.socket()
        if place is Place.WRITE:
            # Small segments and a small window: then little fits into the buffers of both sides.
            self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            self._listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        self._listening.bind(("127.0.0.1", 0))
        self._listening.listen(64)
        self.reached = threading.Event()
        port = self._listening.getsockname()[1]
        self.url = f"{'https' if place.is_encrypted else 'http'}://127.0.0.1:{port}"
        self.env: dict[str, str] = {}
        match place:
            case Place.NAMES:
                (folder / "sitecustomize.py").write_text(_NAMES.replace("SILENT", repr(str(self._silence))))
                self.url = f"http://{HOST}:{port}"
                self.env = {"PYTHONPATH": str(folder)}
            case Place.PROXY:
                self.url = f"https://{HOST}"
                self.env = {"HTTPS_PROXY": f"http://127.0.0.1:{port}"}
        if place.is_encrypted:
            self.env["SSL_CERT_FILE"] = str(certificate())
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def fall_silent(self) -> None:
        """Answer nothing any more."""
        if self._is_silent:
            return
        self._is_silent = True
        self._silence.touch()
        if self._place is Place.CONNECT:
            self._connect()  # wakes the thread that accepts
            self._accepting.join()
            self._listening.listen(0)
            self._connect()  # fills the queue
        if self._place in (Place.NAMES, Place.CONNECT):
            self.reached.set()

    def received_of_the_last(self) -> bytes:
        """Return what is left to read on the last connection that it held; the client has to have closed it."""
        held, received = self._held[-1], b""
        held.settimeout(5)
        with suppress(ConnectionError):
            while chunk := held.recv(65536):
                received += chunk
        return received

    def close(self) -> None:
        """Let go of everything."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._accepting.join()
        for each in (self._listening, *self._held):
            each.close()

    def _connect(self) -> None:
        connection = socket.create_connection(self._listening.getsockname())
        self._held.append(connection)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            if self._is_silent and self._place is Place.CONNECT:
                self._held.append(connection)
                return
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            if self._is_silent:
                self._held.append(connection)
                self._hang(connection)
                return
            with connection:
                if self._place is Place.PROXY:
                    _read_request(connection)
                    connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                if not self._place.is_encrypted:
                    self._pass_on(connection)
                    return
                with _tls().wrap_socket(connection, server_side=True) as encrypted:
                    self._pass_on(encrypted)

    def _hang(self, connection: socket.socket) -> None:
        if self._place in (Place.TLS, Place.WRITE):
            connection.recv(1, socket.MSG_PEEK)  # something has come
        else:
            _read_request(connection)
        self.reached.set()
        start = {
            Place.SLOW_HEADERS: b"HTTP/1.1 200 OK\r\nx-slow: ",
            Place.SLOW_BODY: b'HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n{"a": "',
        }.get(self._place)
        if start is not None:
            connection.sendall(start)
            while True:
                connection.sendall(b"x")
                time.sleep(0.2)

    def _pass_on(self, connection: socket.socket) -> None:
        request = _read_request(connection)
        if not request:
            return
        with socket.create_connection(("127.0.0.1", self._upstream)) as upstream:
            upstream.sendall(request.replace(b"Connection: keep-alive", b"Connection: close"))
            answer = b""
            while chunk := upstream.recv(65536):
                answer += chunk
        method, path, _ = request.decode("latin-1").split(" ", 2)
        if self._silent_after(method, path.partition("?")[0]):
            self.fall_silent()
        connection.sendall(answer.replace(b"\r\n", b"\r\nconnection: close\r\n", 1))


def _read_request(connection: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        chunk = connection.recv(65536)
        if not chunk:
            return b""
        request += chunk
    head, _, body = request.partition(b"\r\n\r\n")
    lengths = [line.partition(b":")[2] for line in head.lower().splitlines() if line.startswith(b"content-length:")]
    left = (int(lengths[0]) if lengths else 0) - len(body)
    while left > 0:
        chunk = connection.recv(left)
        request, left = request + chunk, left - len(chunk)
    return request


@contextmanager
def front(
    upstream_url: str, place: Place, folder: Path, *, silent_after: Callable[[str, str], bool] = lambda *_: False
) -> Iterator[Front]:
    """Put a front before the server at a URL."""
    made = Front(int(upstream_url.rpartition(":")[2]), place, folder, silent_after=silent_after)
    try:
        yield made
    finally:
        made.close()


_making = threading.Lock()


def certificate() -> Path:
    """Make a certificate for this machine and for `HOST`, once; its key is in the same file."""
    with _making:
        return _certificate()


@cache
def _certificate() -> Path:
    folder = Path(mkdtemp(prefix="qovery-restart-tests-"))
    file = folder / "certificate.pem"
    openssl = which("openssl")
    assert openssl is not None, "the tests of TLS need the program openssl"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test", "-addext",
         f"subjectAltName=DNS:{HOST},IP:127.0.0.1", "-keyout", str(folder / "key.pem"), "-out", str(file)],
        check=True, capture_output=True,
    )  # fmt: skip
    file.write_text(file.read_text() + (folder / "key.pem").read_text())
    return file


@cache
def _tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate())
    return context
