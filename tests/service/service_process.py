"""The service in a process of its own, for tests that speak to its socket, limit its descriptors or end it."""

import json
import select
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from app.service.http_protocol import Limits

#: No deadline of these passes during a test.
PATIENT = Limits(head_seconds=600, body_seconds=600, idle_seconds=600)
#: How long a test waits for what must happen.
WAIT = 30.0

_PROGRAM = """
import asyncio, json, resource, sys
from pathlib import Path
from app.service.app import create_app
from app.service.credentials import Credentials
from app.service.http_protocol import Limits
from app.service.server import serve
from app.service.store import Store

options = json.loads(sys.argv[1])
store = Store.open(None)
credentials = Credentials()
issued = credentials.issue(frozenset({130, 131}))
token = asyncio.run(credentials.issue_token(issued.client_id, issued.client_secret))
if options["descriptors"]:
    resource.setrlimit(resource.RLIMIT_NOFILE, (options["descriptors"],) * 2)
taken = [open("/dev/null") for _ in range(options["taken"])]
files = {name: Path(options[name]) for name in ("tls_cert", "tls_key") if options[name]}
log = open(options["access_log"], "a") if options["access_log"] else None
serve(
    create_app(store, credentials), options["host"], 0, lambda url: print(url, token, flush=True), **files,
    insecure=options["insecure"], access_log=log, limits=Limits(**options["limits"]),
)
asyncio.run(store.close())
print("closed")
"""


@dataclass(frozen=True)
class ServiceProcess:
    """A running service: its URL, a token with both permissions, and its process."""

    url: str
    token: str
    process: subprocess.Popen[str]

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    def connect(self, sent: bytes = b"") -> socket.socket:
        """Open a connection and send these bytes."""
        connection = socket.create_connection(self.address, timeout=WAIT)
        connection.sendall(sent)
        return connection

    def head(self, method: str, path: str, *headers: str) -> bytes:
        """The head of a request with the token."""
        lines = [f"{method} {path} HTTP/1.1", "Host: service", f"Authorization: Bearer {self.token}", *headers]
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode()

    def client(self, tls: ssl.SSLContext | None = None) -> httpx.Client:
        """A client with the token."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=WAIT, verify=tls or True, trust_env=False)

    def stop(self) -> tuple[int, str, str]:
        """Ask it to end; return its exit code and what it wrote to standard output and error."""
        self.process.send_signal(signal.SIGTERM)
        return self.outcome()

    def outcome(self) -> tuple[int, str, str]:
        """Wait for its end."""
        rest, noise = self.process.communicate(timeout=WAIT)
        return self.process.returncode, rest, noise


#: What a service leaves behind that nothing disturbed.
CLEAN_END = (0, "closed\n", "")


@contextmanager
def running_service(limits: Limits = PATIENT, **options: Any) -> Iterator[ServiceProcess]:
    """Start the service; it must end cleanly, unless the test has ended it."""
    settings: dict[str, Any] = {
        "host": "127.0.0.1", "tls_cert": None, "tls_key": None, "insecure": False, "access_log": None,
        "descriptors": 0, "taken": 0,
    }  # fmt: skip
    assert options.keys() <= settings.keys()
    argument = json.dumps({**settings, **options, "limits": asdict(limits)}, default=str)
    command = [sys.executable, "-c", _PROGRAM, argument]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert select.select([process.stdout], [], [], WAIT)[0]
            url, token = process.stdout.readline().split()
            service = ServiceProcess(url, token, process)
            yield service
            if process.returncode is None:
                outcome = service.stop()
                assert outcome == CLEAN_END, outcome
        finally:
            process.kill()


def read_to_end(connection: socket.socket) -> bytes:
    """What still comes until the service closes the connection, however it does."""
    received = b""
    try:
        while data := connection.recv(65536):
            received += data
    except ConnectionError:
        pass
    return received


def read_answer(connection: socket.socket) -> tuple[int, Any]:
    """The status and the JSON body of one answer."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += received(connection)
    head, _, body = answer.partition(b"\r\n\r\n")
    (length,) = (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += received(connection)
    assert len(body) == length
    return int(head.split()[1]), json.loads(body)


def received(connection: socket.socket) -> bytes:
    """Some bytes; the service must not have closed the connection."""
    data = connection.recv(65536)
    assert data
    return data


def sent_until_closed(connection: socket.socket, data: bytes, most: int) -> bool:
    """Send `data` again and again; return whether the service closed the connection before `most` bytes."""
    try:
        for _ in range(most // len(data) + 1):
            connection.sendall(data)
    except (ConnectionError, ssl.SSLError):
        return True
    return False


def trickled_until_closed(connection: socket.socket, data: bytes) -> bytes:
    """Send one byte every now and then until the service closes the connection; return what it sent before."""
    answer = b""
    ends = time.monotonic() + WAIT
    connection.settimeout(0.02)
    while time.monotonic() < ends:
        try:
            connection.sendall(data)
            part = connection.recv(65536)
        except TimeoutError:
            continue
        except ConnectionError:
            return answer
        if not part:
            return answer
        answer += part
    raise AssertionError("the connection is still open")
