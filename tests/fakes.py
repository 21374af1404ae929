"""Fakes for tests of the client: a scripted transport, a raw HTTP server, a clock."""

import asyncio
import gzip
import json
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from app.api.client import CustomerApi, Deadlines
from app.api.retry import RetryBudget, RetryPolicy
from app.repository.repository import ConnectionState, NoticeKind, RepositoryListener
from app.repository.save_result import SaveResult
from app.repository.unconfirmed import UnconfirmedWrite

BASE = "http://wms.test/api/v1"
CLIENT_ID = "canary-client"
SECRET = "canary-secret-5f1e"
TOKEN = {"access_token": "canary-token-1", "token_type": "bearer", "expires_in": 14399}
ACME = {"shortID": "ACME-CORP", "name": "Acme Corporation", "active": True}
EMPTY_PAGE = {"value": [], "totalCount": 0, "page": 1, "pageSize": 25, "pageCount": 0, "hasMore": False}


class FakeClock:
    """A clock that moves only when something sleeps; `slept` lists the sleeps."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        """The current time of the monotonic clock."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Move the clock without waiting."""
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


ResponseFunction = Callable[[httpx.Request], httpx.Response | httpx.TransportError]


class ScriptedTransport(httpx.AsyncBaseTransport):
    """Returns or raises what `respond` returns; issues a token unless `issue_token` is given."""

    def __init__(self, respond: ResponseFunction, *, issue_token: ResponseFunction | None = None) -> None:
        self._respond = respond
        self._issue_token = issue_token or (lambda _: httpx.Response(200, json=TOKEN))
        self.requests: list[httpx.Request] = []
        self.tokens: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Record the request, then return or raise the outcome."""
        await asyncio.sleep(0)
        token = request.url.path.endswith("/Token")
        (self.tokens if token else self.requests).append(request)
        outcome = (self._issue_token if token else self._respond)(request)
        if isinstance(outcome, httpx.TransportError):
            raise outcome
        return outcome


def responses_in_turn(*outcomes: httpx.Response | httpx.TransportError) -> ResponseFunction:
    """Return the outcomes in turn, and repeat the last."""
    left = list(outcomes)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


@asynccontextmanager
async def client(
    where: httpx.AsyncBaseTransport | str,
    *,
    time: FakeClock | None = None,
    budget: RetryBudget | None = None,
    deadlines: Deadlines | None = None,
    ssl_context: ssl.SSLContext | None = None,
) -> AsyncIterator[CustomerApi]:
    """An API client for a transport or URL, with a fake clock and maximum jitter."""
    time = time or FakeClock()
    api = CustomerApi(
        where if isinstance(where, str) else BASE,
        CLIENT_ID,
        SECRET,
        transport=None if isinstance(where, str) else where,
        ssl_context=ssl_context,
        deadlines=deadlines,
        retries=RetryPolicy(budget or RetryBudget(clock=time.clock), sleep=time.sleep, chance=lambda: 1.0),
        clock=time.clock,
    )
    try:
        yield api
    finally:
        await api.close()


@dataclass(frozen=True)
class RawRequest:
    """A request as received, with the number of its connection."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int


@dataclass
class RawReply:
    """Bytes to send, the pause between pieces, and what happens to the connection: keep, close, reset or hang."""

    pieces: Iterator[bytes]
    pause: float = 0.0
    then: str = "keep"


@dataclass
class RawHttpServer:
    """A server on loopback that sends the raw bytes `replying` returns."""

    replying: Callable[[RawRequest], RawReply]
    seen: list[RawRequest] = field(default_factory=list)
    tokens: int = 0
    base: str = ""
    _connections: int = 0
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    @asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["RawHttpServer"]:
        """Listen until the context ends."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        scheme = "http" if tls is None else "https"
        self.base = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/v1"
        try:
            yield self
        finally:
            server.close()
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self._connections += 1
        number = self._connections
        try:
            while await self._answer(reader, writer, number):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        request_line, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        method, target, _ = request_line.split(" ")
        if target.endswith("/Token"):
            self.tokens += 1
            reply = raw_reply(200, TOKEN)
        else:
            self.seen.append(RawRequest(method, target, headers, body, number))
            reply = self.replying(self.seen[-1])
        for piece in reply.pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(reply.pause)
        if reply.then == "hang":
            await asyncio.Event().wait()
        if reply.then == "reset":
            writer.transport.abort()
        return reply.then == "keep"


def raw_response(status: int, body: object, headers: dict[str, str] | None = None) -> bytes:
    """A raw HTTP response; a body that is not bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {"content-type": "application/json", "content-length": str(len(content))} | (headers or {})
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode() + content


def raw_reply(status: int, body: object, headers: dict[str, str] | None = None) -> RawReply:
    """A response in one piece that keeps the connection open."""
    return RawReply(iter([raw_response(status, body, headers)]))


def gzip_bomb(size: int) -> bytes:
    """`size` zero bytes, gzipped."""
    block = bytes(2**20)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([*(packer.compress(block) for _ in range(size // len(block))), packer.flush()])


def gzipped(body: Any) -> bytes:
    """The body as gzipped JSON."""
    return gzip.compress(json.dumps(body).encode())


class CallbackListener(RepositoryListener):
    """Calls functions for what the repository reports."""

    def __init__(
        self,
        connection: Callable[[ConnectionState], object] = lambda _state: None,
        data: Callable[[], object] = lambda: None,
        confirmed: Callable[[UnconfirmedWrite, SaveResult], object] = lambda _write, _saved: None,
        notice: Callable[[str], object] = lambda _text: None,
    ) -> None:
        self._connection = connection
        self._data = data
        self._confirmed = confirmed
        self._notice = notice

    def connection_changed(self, state: ConnectionState) -> None:
        self._connection(state)

    def data_changed(self) -> None:
        self._data()

    def notice(self, text: str, kind: NoticeKind) -> None:
        self._notice(text)

    def write_confirmed(self, write: UnconfirmedWrite, saved: SaveResult) -> None:
        self._confirmed(write, saved)
