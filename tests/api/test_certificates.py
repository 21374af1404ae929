"""TLS: an untrusted, expired or mismatched certificate ends the call before anything is sent."""

import asyncio
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from app.errors import CertificateNotTrusted, ClientCertificateRefused, ConnectionFailed
from tests.fakes import ACME, FakeClock, RawHttpServer, client, raw_reply


def make_certificate(address: str, folder: Path) -> Path:
    """A file with a key and a self-signed certificate for this address."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl program")
    pem, key = folder / "cert.pem", folder / "key.pem"
    command = f"{openssl} req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=wms.test -keyout {key} -out {pem}"
    subprocess.run([*command.split(), "-addext", f"subjectAltName=IP:{address}"], check=True, capture_output=True)
    pem.write_bytes(pem.read_bytes() + key.read_bytes())
    return pem


@pytest.fixture(params=["127.0.0.1", "127.0.0.2"])
def certificate(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """An address, and a file with a key and a self-signed certificate for it."""
    return request.param, make_certificate(request.param, tmp_path)


@pytest.mark.promise("A5")
async def test_only_trusted_matching_certificate_is_accepted(certificate: tuple[str, Path]) -> None:
    address, pem = certificate
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    trusted_context = ssl.create_default_context(cafile=str(pem))
    time = FakeClock()
    async with RawHttpServer(lambda _: raw_reply(200, ACME)).serving(tls) as server:
        async with client(server.base, time=time) as api:
            with pytest.raises(CertificateNotTrusted, match="self-signed") as caught:
                await api.upsert(ACME)
            assert not caught.value.outcome_unknown
        async with client(server.base, time=time, ssl_context=trusted_context) as api:
            if address == "127.0.0.1":
                await api.upsert(ACME)
            else:
                with pytest.raises(CertificateNotTrusted, match="mismatch"):
                    await api.upsert(ACME)
        assert len(server.seen) == (1 if address == "127.0.0.1" else 0)
    assert time.slept == []


@pytest.mark.promise("A5")
async def test_plain_http_on_https_port_is_refused() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server, client(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/v1") as api:
        with pytest.raises(ConnectionFailed, match="WRONG_VERSION_NUMBER"):
            await api.get("ACME-CORP")


@pytest.fixture
def expired(tmp_path: Path) -> tuple[Path, Path]:
    """An expired certificate and its key."""
    pem, key, signing_request = tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "asked.pem"
    names = tmp_path / "names.cnf"
    names.write_text("subjectAltName=IP:127.0.0.1\n")
    for command in (
        f"openssl req -new -newkey rsa:2048 -nodes -subj /CN=wms.test -keyout {key} -out {signing_request}",
        f"openssl x509 -req -days -1 -in {signing_request} -signkey {key} -extfile {names} -out {pem}",
    ):
        subprocess.run(command.split(), check=True, capture_output=True)
    return pem, key


@pytest.mark.promise("A5")
async def test_expired_certificate_is_refused(expired: tuple[Path, Path]) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*expired)
    trusted_context = ssl.create_default_context(cafile=str(expired[0]))
    async with RawHttpServer(lambda _: raw_reply(200, ACME)).serving(tls) as server:
        async with client(server.base, time=FakeClock(), ssl_context=trusted_context) as api:
            with pytest.raises(CertificateNotTrusted, match="expired"):
                await api.upsert(ACME)
        assert server.seen == []


@contextmanager
def serve_tls(tls: ssl.SSLContext) -> Iterator[str]:
    """The URL of a server that sends a TLS alert for a refused client certificate; asyncio's server does not."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection.dup() as spare:
                    with suppress(OSError), tls.wrap_socket(connection, server_side=True) as secure:
                        secure.recv(65_536)
                    # If the socket were closed with unread data, a reset would discard the alert.
                    with suppress(OSError):
                        spare.shutdown(socket.SHUT_WR)
                        while spare.recv(65_536):
                            pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/api/v1"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.mark.promise("A5")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("with_certificate", [False, True])
async def test_missing_or_wrong_client_certificate_is_named(
    version: ssl.TLSVersion, with_certificate: bool, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("server", "other")]
    for folder in folders:
        folder.mkdir()
    pem, other = (make_certificate("127.0.0.1", folder) for folder in folders)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version = tls.maximum_version = version
    tls.load_cert_chain(pem)
    tls.load_verify_locations(pem)
    tls.verify_mode = ssl.CERT_REQUIRED
    trusted_context = ssl.create_default_context(cafile=str(pem))
    if with_certificate:
        trusted_context.load_cert_chain(other)
    with serve_tls(tls) as base:
        async with client(base, time=FakeClock(), ssl_context=trusted_context) as api:
            with pytest.raises(ConnectionFailed, match="client_cert") as caught:
                await api.upsert(ACME)
    assert not caught.value.outcome_unknown
    # TLS 1.2 reports only that the handshake failed.
    recognized = with_certificate or version is ssl.TLSVersion.TLSv1_3
    assert isinstance(caught.value, ClientCertificateRefused) == recognized


@pytest.mark.promise("A5")
@pytest.mark.parametrize("title", ["400 No required SSL certificate was sent", "403.7 Client certificate required"])
async def test_page_asking_for_client_certificate_is_recognized(title: str) -> None:
    page = f"<html><head><title>{title}</title></head></html>".encode()
    async with RawHttpServer(lambda _: raw_reply(int(title[:3]), page)).serving() as server, client(server.base) as api:
        with pytest.raises(ClientCertificateRefused):
            await api.get("ACME-CORP")
