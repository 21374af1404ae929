"""The service on a socket, in its own process."""

import signal
import socket
import ssl
import subprocess
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.errors import SettingsError
from app.service.app import create_app
from app.service.credentials import Credentials
from app.service.server import listen, serve
from app.service.store import Store
from tests.api.test_certificates import make_certificate
from tests.service.service_process import (
    CLEAN_END,
    PATIENT,
    read_answer,
    read_to_end,
    running_service,
)


@pytest.mark.parametrize(
    ("host", "number"), [("127.0.0.1", signal.SIGINT), ("localhost", signal.SIGTERM), ("::1", signal.SIGINT)]
)
def test_server_reports_its_url_and_ends_cleanly(host: str, number: signal.Signals) -> None:
    with running_service(host=host) as service:
        answer = httpx.get(f"{service.url}/Customer/SECRET-ID")
        service.process.send_signal(number)
        assert service.outcome() == CLEAN_END
    assert service.url.startswith("http://[::1]:" if host == "::1" else "http://127.0.0.1:")
    assert service.url.endswith("/api/v1")
    assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")
    assert "server" not in answer.headers


def test_signal_lets_a_request_that_has_begun_end() -> None:
    with running_service() as service:
        head = service.head("POST", "/api/v1/Customer", "Content-Length: 16")
        with service.connect(head) as connection, service.connect() as silent, service.connect(b"GET /hea") as half:
            # An answer to somebody who came later: the others are established and read.
            assert httpx.get(f"{service.url}/openapi.json").status_code == 200
            service.process.send_signal(signal.SIGTERM)
            # The others are closed at once.
            assert read_to_end(silent) == read_to_end(half) == b""
            connection.sendall(b'{"shortID": "A"}')
            status, body = read_answer(connection)
            assert (status, body["shortID"]) == (201, "A")
            assert read_to_end(connection) == b""
        assert service.outcome() == CLEAN_END


@pytest.mark.promise("S8")
@pytest.mark.parametrize("headers", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
def test_signal_ends_the_service_beside_a_body_that_does_not_end(headers: str) -> None:
    with (
        running_service(replace(PATIENT, shutdown_seconds=0.3)) as service,
        service.connect(service.head("POST", "/api/v1/Customer", headers)),
    ):
        # An answer to somebody who came later: the head was read.
        assert httpx.get(f"{service.url}/openapi.json").status_code == 200
        assert service.stop() == CLEAN_END


@pytest.mark.promise("S5")
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com", ""])  # noqa: S104
async def test_server_refuses_every_other_address_than_loopback(store: Store, host: str) -> None:
    with pytest.raises(SettingsError, match=r"loopback|127"):
        serve(create_app(store, Credentials()), host, 0, pytest.fail)


@pytest.mark.promise("S5")
@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104
def test_insecure_service_listens_on_every_address(host: str) -> None:
    with running_service(host=host, insecure=True) as service:
        port = service.address[1]
        assert service.url == f"http://{'[::]' if host == '::' else host}:{port}/api/v1"
        for address in ("127.0.0.1", "[::1]") if host == "::" else ("127.0.0.1",):
            assert httpx.get(f"http://{address}:{port}/healthz").json() == {"status": "ok"}


@pytest.mark.promise("S5")
def test_tls_serves_every_address_and_only_tls(tmp_path: Path) -> None:
    pem = make_certificate("127.0.0.1", tmp_path)
    with running_service(host="0.0.0.0", tls_cert=pem, tls_key=pem) as service:  # noqa: S104
        port = service.address[1]
        assert service.url == f"https://0.0.0.0:{port}/api/v1"
        trusting = ssl.create_default_context(cafile=str(pem))
        with httpx.Client(verify=trusting, base_url=f"https://127.0.0.1:{port}") as client:
            assert [client.get("/healthz").status_code for _ in range(2)] == [200, 200]
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{port}/healthz")


@pytest.fixture(scope="module")
def tls_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path | None]:
    """Certificates and keys, good and bad."""
    folder = tmp_path_factory.mktemp("tls")
    pem = make_certificate("127.0.0.1", folder)
    other = folder / "other"
    other.mkdir()
    locked, damaged = folder / "locked.pem", folder / "damaged.pem"
    command = f"openssl pkey -in {folder / 'key.pem'} -aes256 -passout pass:x -out {locked}"
    subprocess.run(command.split(), check=True, capture_output=True)
    damaged.write_bytes(pem.read_bytes().replace(b"MII", b"MIx"))
    return {
        "good": pem,
        "other": make_certificate("127.0.0.1", other),
        "locked": locked,
        "damaged": damaged,
        "text": Path(__file__),
        "folder": folder,
        "gone": folder / "gone.pem",
        "none": None,
    }


@pytest.mark.promise("S5")
@pytest.mark.parametrize(
    ("cert", "key", "problem"),
    [
        ("good", "none", "both"),
        ("none", "good", "both"),
        ("gone", "good", "Cannot read the TLS certificate .*gone.pem: no such file"),
        ("good", "gone", "Cannot read the TLS key .*gone.pem: no such file"),
        ("folder", "good", "is a directory"),
        ("text", "good", "test_server.py is no TLS certificate"),
        ("good", "text", "test_server.py is no TLS key"),
        ("locked", "good", "locked.pem is no TLS certificate"),
        ("good", "locked", "locked.pem is protected by a password"),
        ("good", "other", "other.cert.pem does not belong to the certificate"),
        ("damaged", "good", "damaged"),
        ("good", "damaged", "damaged"),
    ],
)
async def test_bad_certificate_or_key_is_reported(
    store: Store, tls_files: dict[str, Path | None], cert: str, key: str, problem: str
) -> None:
    app, files = create_app(store, Credentials()), tls_files
    with pytest.raises(SettingsError, match=problem):
        serve(app, "127.0.0.1", 0, pytest.fail, tls_cert=files[cert], tls_key=files[key])


async def test_taken_port_is_reported(store: Store) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SettingsError, match="in use"):
        serve(create_app(store, Credentials()), "127.0.0.1", taken.getsockname()[1], pytest.fail)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_response_does_not_wait_for_the_ack_of_the_previous_one(address: str) -> None:
    with listen(address, 0) as listening, socket.create_connection(listening.getsockname()[:2]):
        connection, _ = listening.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_head_and_body_of_an_answer_arrive_together() -> None:
    with running_service() as service, service.connect() as connection:
        for _ in range(100):
            connection.sendall(service.head("GET", "/api/v1/Customer/All"))
            assert connection.recv(65536).endswith(b'"hasMore":false}')


@pytest.mark.promise("S1")
def test_target_with_scheme_and_host_is_accepted() -> None:
    with running_service() as service, service.client() as client:
        assert client.post("Customer", json={"shortID": "A/B"}).status_code == 201
        with service.connect() as connection:
            for target, expected in {
                "http://service/api/v1/Customer/A%2FB": 200,
                "HTTPS://other.example:1/api/v1/Customer/A%2FB?x=http://y": 200,
                "http://service/api/v1/Customer/A/B": 200,
                "http://service/healthz": 200,
                "http://service": 404,
                "http://service?x": 404,
                "ftp://service/healthz": 404,
                "*": 404,
            }.items():
                connection.sendall(service.head("GET", target))
                status, body = read_answer(connection)
                assert status == expected, target
                assert body.get("shortID", "A/B") == "A/B"


@pytest.mark.promise("S1")
def test_odd_host_is_no_server_fault() -> None:
    with running_service() as service:
        for host in ("[", "a b", "", "x:y:z", "\xff"):
            head = f"POST /api/v1/Token HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n".encode("latin-1")
            with service.connect(head) as connection:
                status, body = read_answer(connection)
                assert (status, body["error"]) == (400, "bad_request")
