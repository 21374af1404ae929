"""The configured proxy is used, with and without credentials, and errors never repeat them."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.api.client import CustomerApi
from app.api.retry import RetryPolicy
from app.errors import ConnectionFailed, DockbookError, ProxyRefused
from tests.api.test_certificates import make_certificate
from tests.fakes import ACME, CLIENT_ID, SECRET, FakeClock, RawHttpServer, client, raw_reply

PASSWORD = "canary-proxy-passw0rd"


@dataclass
class Proxy:
    """A proxy that forwards plain requests, tunnels TLS, and requires `credentials` if they are set."""

    credentials: str = ""
    echo: bool = False
    heads: list[str] = field(default_factory=list)
    port: int = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Proxy"]:
        """Listen until the context ends."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    def address(self, user: str = "") -> str:
        """The proxy URL for the settings."""
        return f"http://{user}{'@' if user else ''}127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head.decode("latin-1"))
            given = self.heads[-1].lower().partition("proxy-authorization: basic ")[2].partition("\r\n")[0]
            if self.credentials and given != base64.b64encode(self.credentials.encode()).decode().lower():
                body = f"{self.credentials} is wanted, {self.heads[-1]}".encode() if self.echo else b""
                reason = f"Proxy {self.credentials} wanted" if self.echo else "Proxy Authentication Required"
                writer.write(f"HTTP/1.1 407 {reason}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
            else:
                await self._pass_on(head, reader, writer)
        writer.close()

    async def _pass_on(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, target, _ = head.split(b" ", 2)
        address = target if method == b"CONNECT" else target.removeprefix(b"http://").partition(b"/")[0]
        host, _, port = address.decode().rpartition(":")
        upstream, to_upstream = await asyncio.open_connection(host, int(port))
        if method == b"CONNECT":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            to_upstream.write(head.replace(b"http://" + address, b"", 1))
        await asyncio.gather(_copy(reader, to_upstream), _copy(upstream, writer))


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await source.read(65_536):
            sink.write(data)
    sink.close()


def client_through(proxy: str, base: str, ssl_context: ssl.SSLContext | None = None) -> CustomerApi:
    """A client that uses this proxy and does not pause between retries."""
    time = FakeClock()
    retries = RetryPolicy(sleep=time.sleep, chance=lambda: 0.0)
    return CustomerApi(base, CLIENT_ID, SECRET, proxy=proxy, ssl_context=ssl_context, retries=retries)


@pytest.mark.promise("A6")
@pytest.mark.parametrize("user", ["", f"anna:{PASSWORD}"])
async def test_plain_requests_use_configured_proxy(user: str) -> None:
    async with RawHttpServer(lambda _: raw_reply(200, ACME)).serving() as server, Proxy(user).serving() as proxy:
        api = client_through(proxy.address(user), server.base)
        assert (await api.get("ACME-CORP")).name == "Acme Corporation"
        await api.upsert(ACME)
        await api.close()
    assert len(proxy.heads) >= 2
    assert [seen.method for seen in server.seen] == ["GET", "POST"]
    assert all(PASSWORD not in str(seen) for seen in server.seen)


@pytest.mark.promise("A6", "A5")
async def test_tls_is_tunnelled_and_verified(tmp_path: Path) -> None:
    pem = make_certificate("127.0.0.1", tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    async with RawHttpServer(lambda _: raw_reply(200, ACME)).serving(tls) as server, Proxy().serving() as proxy:
        api = client_through(proxy.address(), server.base, ssl.create_default_context(cafile=str(pem)))
        await api.upsert(ACME)
        await api.close()
        api = client_through(proxy.address(), server.base)
        with pytest.raises(ConnectionFailed, match="certificate is not trusted"):
            await api.upsert(ACME)
        await api.close()
    assert all(head.startswith("CONNECT ") for head in proxy.heads)
    assert all("canary" not in head for head in proxy.heads), "no secret goes to the proxy"


@pytest.mark.promise("A6", "A4")
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("user", ["", f"anna:{PASSWORD}x"])
async def test_proxy_refusal_shows_no_credentials(user: str, scheme: str) -> None:
    async with Proxy(f"anna:{PASSWORD}", echo=True).serving() as proxy:
        api = client_through(proxy.address(user), f"{scheme}://wms.example.com/api/v1")
        with pytest.raises(ProxyRefused, match=r"does not let dockbook through \(407") as caught:
            await api.upsert(ACME)
        await api.close()
    assert not caught.value.outcome_unknown
    assert f"127.0.0.1:{proxy.port}" in caught.value.text
    assert ("does not accept" if user else "USER:PASSWORD") in caught.value.text
    if user:
        assert f"{PASSWORD}x" not in caught.value.text
    assert len(proxy.heads) == 1, "the request is not repeated"


@pytest.mark.promise("A6")
async def test_unreachable_proxy_is_named() -> None:
    async with Proxy().serving() as proxy:
        address = proxy.address(f"anna:{PASSWORD}")
    api = client_through(address, "http://wms.example.com/api/v1")
    with pytest.raises(ConnectionFailed, match=f"No connection to the proxy 127.0.0.1:{proxy.port}") as caught:
        await api.get("ACME-CORP")
    await api.close()
    assert PASSWORD not in caught.value.text


@pytest.mark.promise("A6")
async def test_failed_connect_names_unused_environment_proxy() -> None:
    async with RawHttpServer(lambda _: raw_reply(200, ACME)).serving() as server:
        base = server.base
    api = CustomerApi(
        base, CLIENT_ID, SECRET, hint="HTTPS_PROXY names a proxy.", retries=RetryPolicy(sleep=FakeClock().sleep)
    )
    with pytest.raises(DockbookError, match="HTTPS_PROXY names a proxy"):
        await api.get("ACME-CORP")
    await api.close()


@pytest.mark.promise("A6")
async def test_environment_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with RawHttpServer(lambda _: raw_reply(200, ACME)).serving() as server, Proxy().serving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.address())
        async with client(server.base) as api:
            await api.get("ACME-CORP")
    assert proxy.heads == []
