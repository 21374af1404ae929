"""Strangers on the socket: slow, silent, endless and too many. Each has a deadline, and nobody else waits for them."""

import resource
import select
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from app.errors import SettingsError
from app.service.server import Listener

#: Deadlines so short that a test need not wait long for them.
SERVER = """
import asyncio, sys
from app.service.app import create_app
from app.service.credentials import Credentials
from app.service.http_protocol import Limits
from app.service.server import Listener, serve
from app.service.store import Store

store = Store.open(None)
credentials = Credentials()
issued = credentials.issue(frozenset({130, 131}))
token = asyncio.run(credentials.issue_token(issued.client_id, issued.client_secret))
limits = Limits(head=0.5, body=0.7, answer=1.0, idle=1, connections=int(sys.argv[1]), stop=0.3)
listener = Listener.from_options("127.0.0.1", 0, *sys.argv[2:4])
serve(create_app(store, credentials), listener, lambda url: print(url, token, flush=True), limits)
asyncio.run(store.close())
print("closed")
"""


class Running(NamedTuple):
    """A service in a process of its own."""

    process: "subprocess.Popen[str]"
    url: str
    token: str

    @property
    def address(self) -> tuple[str, int]:
        url = httpx.URL(self.url)
        assert url.port
        return url.host, url.port

    @property
    def login(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=20)

    def list_customers(self) -> int:
        """What a person gets who opens a new connection, after as many attempts as it takes."""
        for _ in range(400):
            try:
                return httpx.get(f"{self.url}/Customer/All", headers=self.login, timeout=20).status_code
            except httpx.TransportError:
                continue
        raise AssertionError("nobody was let in")


@contextmanager
def running(connections: int = 100, *tls: str, files: int | None = None) -> Iterator[Running]:
    def limit_files() -> None:
        if files is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

    command = [sys.executable, "-c", SERVER, str(connections), *tls]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=limit_files
    ) as server:
        assert server.stdout is not None
        assert select.select([server.stdout], [], [], 30)[0]
        url, token = server.stdout.readline().split()
        try:
            yield Running(server, url, token)
        finally:
            server.send_signal(signal.SIGTERM)
            rest, noise = server.communicate(timeout=30)
    assert (server.returncode, rest, noise) == (0, "closed\n", "")


def closed(connection: socket.socket) -> bytes:
    """Wait until the server closes the connection; return what it sent before."""
    received = b""
    try:
        while data := connection.recv(65536):
            received += data
    except ConnectionError:
        pass
    return received


def read_answer(connection: socket.socket) -> bytes:
    """Read one answer, whose body is a JSON object."""
    received = b""
    while not received.endswith(b"}"):
        received += connection.recv(65536)
    return received


def send_for_ever(connection: socket.socket, data: bytes, pause: float = 0.0) -> None:
    """Send this until the other side ends it, with pauses of some seconds."""
    while True:
        connection.sendall(data)
        select.select([], [], [], pause)


@pytest.mark.promise("S8")
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /api/v1/Cust",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: ",
        b"POST /api/v1/Customer HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nAuthorization: Bearer {token}\r\n\r\n{",
        b"POST /api/v1/Token HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n",
    ],
)
def test_connection_that_stalls_is_closed(sent: bytes) -> None:
    with running() as service, service.connect() as stranger:
        stranger.sendall(sent.replace(b"{token}", service.token.encode()))
        assert b" 200 " not in closed(stranger)


@pytest.mark.promise("S8")
def test_head_that_trickles_in_is_cut_off() -> None:
    with running() as service, service.connect() as stranger:
        stranger.sendall(b"GET /healthz HTTP/1.1\r\n")
        with pytest.raises(ConnectionError):
            send_for_ever(stranger, b"X: y\r\n", pause=0.05)


@pytest.mark.promise("S8")
def test_idle_connection_is_closed_and_a_used_one_is_not() -> None:
    with running() as service, service.connect() as visitor:
        for _ in range(3):
            visitor.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            assert b"200 OK" in read_answer(visitor)
            select.select([], [], [], 0.6)
        assert closed(visitor) == b""


@pytest.mark.promise("S8")
@pytest.mark.parametrize("path", ["/nothing", "/api/v1/Customer", "/api/v1/Customer/All"])
def test_endless_body_is_cut_off_after_the_early_answer(path: str) -> None:
    with running() as service, service.connect() as stranger:
        stranger.sendall(f"POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        stranger.sendall(b"1\r\nx\r\n")
        assert read_answer(stranger).startswith(b"HTTP/1.1 4")
        with pytest.raises(ConnectionError):
            send_for_ever(stranger, b"1\r\nx\r\n" * 100)


@pytest.mark.promise("S8")
def test_connections_beyond_the_limit_are_closed_and_people_get_in_later() -> None:
    with running(connections=20) as service, ExitStack() as stack:
        strangers = [stack.enter_context(service.connect()) for _ in range(60)]
        assert service.list_customers() == 200
        assert all(closed(stranger) == b"" for stranger in strangers)


@pytest.mark.promise("S8")
def test_more_silent_connections_than_files_leave_no_trace() -> None:
    with running(connections=500, files=100) as service, ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(service.connect())
        stack.close()
        assert service.list_customers() == 200


@pytest.mark.promise("S8")
def test_signal_ends_the_service_beside_a_hanging_body() -> None:
    with running() as service, service.connect() as stranger:
        head = f"POST /api/v1/Customer HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {service.token}\r\n"
        stranger.sendall(f"{head}Content-Length: 99\r\n\r\n{{".encode())
        assert service.list_customers() == 200
        service.process.send_signal(signal.SIGTERM)
        assert b" 201 " not in closed(stranger)


def test_target_in_absolute_form_is_accepted() -> None:
    with running() as service, service.connect() as visitor:
        login = f"Authorization: Bearer {service.token}\r\n"
        body = '{"shortID": "A/B"}'
        post = f"POST http://example.test/api/v1/Customer HTTP/1.1\r\nHost: a\r\n{login}"
        visitor.sendall(f"{post}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        assert b"201 Created" in read_answer(visitor)
        get = f"GET http://example.test/api/v1/Customer/A%2FB?x=1 HTTP/1.1\r\nHost: a\r\n{login}\r\n"
        visitor.sendall(get.encode())
        assert b"200 OK" in read_answer(visitor)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, str]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    cert, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


@pytest.mark.promise("S5", "S8")
def test_tls_is_served_and_a_silent_handshake_keeps_nobody_out(certificate: tuple[str, str]) -> None:
    with running(100, *certificate) as service, service.connect():
        context = ssl.create_default_context(cafile=certificate[0])
        answer = httpx.get(f"{service.url}/Customer/All", headers=service.login, verify=context)
        assert service.url.startswith("https://")
        assert answer.status_code == 200


@pytest.mark.promise("S5")
def test_unusable_certificate_is_reported(certificate: tuple[str, str], tmp_path: Path) -> None:
    cert, key = certificate
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("rubbish")
    locked = tmp_path / "locked.pem"
    subprocess.run(
        ["openssl", "ec", "-in", key, "-aes256", "-passout", "pass:x", "-out", str(locked)],
        check=True,
        capture_output=True,
    )
    for given, expected in [
        ((cert, None), "needs both"),
        ((str(tmp_path / "none.pem"), key), "no such file"),
        ((str(rubbish), key), "PEM"),
        ((cert, str(rubbish)), "PEM"),
        ((cert, str(locked)), "without a password"),
    ]:
        with pytest.raises(SettingsError, match=expected):
            Listener.from_options("127.0.0.1", 0, *given)
