"""A stranger without a token can neither hold connections nor slow, stop or flood the service."""

import resource
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.service.http_protocol import Limits
from tests.api.test_certificates import make_certificate
from tests.service.service_process import (
    PATIENT,
    WAIT,
    ServiceProcess,
    read_answer,
    read_to_end,
    running_service,
    sent_until_closed,
    trickled_until_closed,
)

pytestmark = pytest.mark.promise("S8")

MEBIBYTE = 1024 * 1024
POST = "POST {} HTTP/1.1\r\nHost: service\r\n{}\r\n\r\n"
SHORT = 0.4
#: Short, and yet longer than a busy machine keeps a test from sending what it has to send in time.
TIMELY = 1.5
UNAUTHORIZED = (401, "unauthorized")


@pytest.fixture(scope="module")
def patient() -> Iterator[ServiceProcess]:
    """A service whose deadlines never pass."""
    with running_service() as service:
        yield service


@pytest.fixture(scope="module")
def strict() -> Iterator[ServiceProcess]:
    """A service whose deadlines all pass soon."""
    with running_service(Limits(head_seconds=SHORT, body_seconds=SHORT, idle_seconds=SHORT)) as service:
        yield service


def summary(answer: tuple[int, dict[str, object]]) -> tuple[int, object]:
    status, body = answer
    return status, body["error"]


def chunked(path: str) -> bytes:
    return POST.format(path, "Transfer-Encoding: chunked").encode()


@pytest.mark.parametrize(
    "chunk", [b"1\r\nx\r\n" * 4096, b"10000\r\n" + b"x" * 65536 + b"\r\n"], ids=["a byte each", "64 KiB each"]
)
def test_endless_chunked_bodies_are_cut_off_while_others_are_served(patient: ServiceProcess, chunk: bytes) -> None:
    paths = ["/nothing", "/api/v1/Token", "/api/v1/Customer", "/healthz"]
    with ThreadPoolExecutor(len(paths)) as pool, ExitStack() as opened, patient.client() as client:
        strangers = [opened.enter_context(patient.connect(chunked(path))) for path in paths]
        ends = [pool.submit(sent_until_closed, stranger, chunk, 256 * MEBIBYTE) for stranger in strangers]
        while not all(end.done() for end in ends):
            assert client.get("Customer/All").status_code == 200
        assert all(end.result() for end in ends)


@pytest.mark.parametrize(
    ("headers", "body"),
    [("Content-Length: 5", b"hello"), ("Transfer-Encoding: chunked", b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")],
)
def test_connection_lives_on_when_a_body_ends_after_its_answer(
    patient: ServiceProcess, headers: str, body: bytes
) -> None:
    head = POST.format("/api/v1/Customer", headers).encode()
    with patient.connect(head) as connection:
        for following in (body + head, body):
            assert summary(read_answer(connection)) == UNAUTHORIZED
            connection.sendall(following)
        connection.sendall(patient.head("GET", "/api/v1/Customer/All"))
        assert read_answer(connection)[0] == 200


@pytest.mark.parametrize("ending", [b"zz\r\n", b"1\r\nxx\r\n", b"\x00\r\n"])
def test_broken_body_after_the_answer_only_closes_the_connection(patient: ServiceProcess, ending: bytes) -> None:
    # A 400 cannot be sent any more; the attempt would be a traceback.
    with patient.connect(chunked("/api/v1/Customer")) as connection:
        assert summary(read_answer(connection)) == UNAUTHORIZED
        connection.sendall(ending)
        assert read_to_end(connection) == b""


def test_broken_body_before_the_answer_is_refused_once(patient: ServiceProcess) -> None:
    head = patient.head("POST", "/api/v1/Customer", "Transfer-Encoding: chunked")
    with patient.connect(head + b"1\r\nx\r\n") as connection:
        connection.sendall(b"zz\r\n")
        assert read_to_end(connection).count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /api",
        b"GET /healthz HTTP/1.1\r\nHost: service\r\nX: ",
        b"GET /healthz HTTP/1.1\r\nHost: service\r\n\r\nGET /hea",
    ],
    ids=["silent", "half a line", "half a head", "half a second head"],
)
def test_head_that_does_not_end_is_closed(strict: ServiceProcess, sent: bytes) -> None:
    with strict.connect(sent) as waiting, strict.connect(sent) as sending:
        answered = b"200 OK" in read_to_end(waiting)
        assert answered == (b"200 OK" in trickled_until_closed(sending, b"x")) == (b"\r\n\r\n" in sent)


def test_body_that_does_not_end_is_closed() -> None:
    with running_service(replace(PATIENT, body_seconds=SHORT)) as service, service.client() as client:
        for path in ("/api/v1/Customer", "/api/v1/Token"):
            head = service.head("POST", path, "Content-Length: 1000")
            with service.connect(head) as waiting, service.connect(head) as sending:
                assert read_to_end(waiting) == trickled_until_closed(sending, b"x") == b""
        assert client.get("Customer/All").json()["totalCount"] == 0


def test_body_that_does_not_end_after_its_answer_is_closed() -> None:
    with running_service(replace(PATIENT, idle_seconds=SHORT)) as service:
        head = POST.format("/api/v1/Customer", "Content-Length: 1000").encode()
        with service.connect(head) as waiting, service.connect(head) as sending:
            for answer in (read_to_end(waiting), trickled_until_closed(sending, b"x")):
                assert answer.startswith(b"HTTP/1.1 401 ")


def test_idle_connection_is_closed_after_its_answers() -> None:
    with (
        running_service(replace(PATIENT, idle_seconds=TIMELY)) as service,
        service.connect(service.head("GET", "/api/v1/Customer/All")) as connection,
    ):
        assert read_answer(connection)[0] == 200
        connection.sendall(service.head("GET", "/api/v1/Customer/All"))
        assert read_answer(connection)[0] == 200
        assert read_to_end(connection) == b""


def test_deadline_of_a_head_ends_with_the_head() -> None:
    limits = replace(PATIENT, head_seconds=TIMELY)
    with running_service(limits) as service, service.connect() as silent, service.connect() as sending:
        head = service.head("POST", "/api/v1/Customer", "Content-Length: 16")
        sending.sendall(head)
        assert read_to_end(silent) == b""
        sending.sendall(b'{"shortID": "A"}')
        assert read_answer(sending)[0] == 201
        # The second head has the same time, from its first byte.
        sending.sendall(head[:20])
        assert read_to_end(sending) == b""


def test_client_that_does_not_read_is_closed() -> None:
    with running_service(replace(PATIENT, body_seconds=SHORT)) as service, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(WAIT)
        connection.connect(service.address)
        # Far more answers than the buffers of both kernels hold.
        requests = service.head("GET", "/api/v1/openapi.json") * 2000
        assert sent_until_closed(connection, requests, 64 * MEBIBYTE)


def test_upgrade_to_another_protocol_is_ignored(patient: ServiceProcess) -> None:
    upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eHg=")
    with patient.connect(patient.head("GET", "/api/v1/Customer/All", *upgrade)) as connection:
        assert read_answer(connection)[0] == 200


@pytest.mark.parametrize("held", ["idle", "body"])
def test_connections_that_wait_for_their_client_make_room(held: str) -> None:
    sent = b"GET /healthz HTTP/1.1\r\nHost: service\r\n\r\n"
    if held == "body":
        sent = b"POST /api/v1/Token HTTP/1.1\r\nHost: service\r\nContent-Length: 9\r\n\r\nx"
    with running_service(replace(PATIENT, connections=3)) as service, ExitStack() as opened:
        strangers = [opened.enter_context(service.connect(sent)) for _ in range(3)]
        if held == "idle":
            for connection in strangers:
                assert read_answer(connection) == (200, {"status": "ok"})
        assert answers(service)
        assert read_to_end(strangers[0]) == b""


@pytest.mark.parametrize("encrypted", [False, True])
def test_silent_connections_make_room_for_others(encrypted: bool, tmp_path: Path) -> None:
    pem = make_certificate("127.0.0.1", tmp_path) if encrypted else None
    tls = ssl.create_default_context(cafile=str(pem)) if encrypted else None
    with running_service(replace(PATIENT, connections=3), tls_cert=pem, tls_key=pem) as service, ExitStack() as opened:
        silent = [opened.enter_context(service.connect()) for _ in range(3)]
        with service.client(tls) as client:
            assert client.get("Customer/All").status_code == 200
            assert read_to_end(silent[0]) == b""
            # The client's own connection has a request behind it, and stays.
            for _ in range(10):
                opened.enter_context(service.connect())
            assert client.get("Customer/All").status_code == 200


def test_connections_above_the_limit_are_closed_until_deadlines_pass() -> None:
    with running_service(replace(PATIENT, head_seconds=SHORT, connections=3)) as service, ExitStack() as opened:
        for _ in range(10):
            opened.enter_context(service.connect())
        assert answers(service)


@pytest.mark.parametrize(
    ("strangers", "descriptors", "taken"),
    # In the second case the program itself has taken some of those that it reserves, so that it runs out of them.
    [(1200, 256, 0), (200, 128, 60)],
    ids=["more than the limit", "more than descriptors"],
)
def test_many_silent_connections_write_nothing(strangers: int, descriptors: int, taken: int) -> None:
    limits = replace(PATIENT, head_seconds=SHORT)
    with (
        many_descriptors(),
        running_service(limits, descriptors=descriptors, taken=taken) as service,
        silent_connections(service, strangers),
    ):
        assert answers(service)


def test_many_silent_connections_over_tls_write_nothing(tmp_path: Path) -> None:
    pem = make_certificate("127.0.0.1", tmp_path)
    limits = replace(PATIENT, head_seconds=SHORT)
    with (
        many_descriptors(),
        running_service(limits, descriptors=256, tls_cert=pem, tls_key=pem) as service,
        silent_connections(service, 1200),
    ):
        assert answers(service, ssl.create_default_context(cafile=str(pem)))


def test_handshake_that_does_not_come_is_closed(tmp_path: Path) -> None:
    pem = make_certificate("127.0.0.1", tmp_path)
    limits = Limits(head_seconds=TIMELY, body_seconds=SHORT, idle_seconds=SHORT, connections=4)
    with running_service(limits, tls_cert=pem, tls_key=pem) as service:
        tls = ssl.create_default_context(cafile=str(pem))
        with service.connect() as silent, service.connect(b"GET / HTTP/1.1\r\n\r\n") as plain:
            read_to_end(plain)
            assert read_to_end(silent) == b""
        with tls.wrap_socket(service.connect(), server_hostname="127.0.0.1") as half:
            half.sendall(b"GET /hea")
            assert read_to_end(half) == b""
        with tls.wrap_socket(service.connect(), server_hostname="127.0.0.1") as endless:
            endless.sendall(chunked("/nothing"))
            assert sent_until_closed(endless, b"1\r\nx\r\n" * 4096, 64 * MEBIBYTE)
        assert answers(service, tls)


@contextmanager
def silent_connections(service: ServiceProcess, count: int) -> Iterator[None]:
    """Connections that send nothing. Only the kernel has accepted them so far."""
    with ExitStack() as opened:
        for _ in range(count):
            connection = opened.enter_context(socket.socket())
            connection.setblocking(False)
            connection.connect_ex(service.address)
        yield


def answers(service: ServiceProcess, tls: ssl.SSLContext | None = None) -> bool:
    """Whether a client gets an answer, if it tries again while its connections are closed."""
    ends = time.monotonic() + WAIT
    while time.monotonic() < ends:
        try:
            with service.client(tls) as client:
                return client.get("Customer/All").status_code == 200
        except httpx.TransportError:
            continue
    return False


@contextmanager
def many_descriptors() -> Iterator[None]:
    """Let this process open as many connections as the test needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.promise("A4")
def test_tls_connections_that_are_reset_write_nothing(tmp_path: Path) -> None:
    pem = make_certificate("127.0.0.1", tmp_path)
    tls = ssl.create_default_context(cafile=str(pem))
    reset = struct.pack("ii", 1, 0)
    with running_service(tls_cert=pem, tls_key=pem) as service:
        wrong = b"GET / HTTP/1.1\r\nAut<orization: Bearer " + service.token.encode() + b"\r\n\r\n"
        for number in range(300):
            plain = service.connect()
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            with tls.wrap_socket(plain, server_hostname="127.0.0.1") as stranger:
                stranger.sendall((service.head("GET", "/api/v1/Customer/All") if number % 2 else b"") + wrong)
