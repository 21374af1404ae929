"""HTTP connections with deadlines and limits, so that a stranger's connections cannot slow or stop the others."""

import asyncio
import math
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

#: Every chunk costs the parser as much as 10 KiB of a body sent in one piece.
_MAX_CHUNKS: Final = 128
#: How much of a body is read after its answer, so that an honest client sees the answer and keeps the connection.
_MAX_DROPPED: Final = 64 * 1024
_ACCEPTED_AT_ONCE: Final = 64
_ACCEPT_RETRY_SECONDS: Final = 0.1
_ORIGIN: Final = re.compile(rb"https?://[^/?]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may take; the deadlines are in seconds."""

    #: From the start of a connection, or the first byte of a further request, to the end of the request's head. Also
    #: for the TLS handshake.
    head_seconds: float = 10
    #: From the end of the head to the end of the body; and for the client to take what waits to be sent.
    body_seconds: float = 30
    #: Between requests; for the rest of a body that was answered early; and to take the last answer.
    idle_seconds: float = 5
    #: From the signal that ends the service to the end of what has begun.
    shutdown_seconds: float = 5
    #: Open connections. A further one takes the place of the oldest that has sent no head yet, or is closed at once.
    connections: int = 512


class LimitedProtocol(H11Protocol):
    """One connection of uvicorn's, closed when the client passes a deadline or sends on after its answer."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        *,
        limits: Limits,
        on_lost: Callable[["LimitedProtocol"], None],
    ) -> None:
        super().__init__(config, server_state, app_state)
        self.conn = _RequestParser(h11.SERVER)
        self.timeout_keep_alive = limits.idle_seconds  # type: ignore[assignment]  # it goes into `call_later`
        self._limits = limits
        self._on_lost = on_lost
        self._reading = _Deadline(self._abort)
        self._writing = _Deadline(self._abort)
        #: The state of the client and the request it began in: the deadline starts when this changes.
        self._awaited: tuple[object, object] = (h11.IDLE, None)

    @property
    def waits_for_client(self) -> bool:
        """Whether a head or a body is awaited, and no answer is being made."""
        return self.cycle is None or self.cycle.response_complete or self.conn.their_state is h11.SEND_BODY

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Wait for the first head."""
        super().connection_made(_ClosableTransport(transport))
        self._reading.start(self._limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        super().connection_lost(exc)
        self._reading.cancel_timer()
        self._writing.cancel_timer()
        self._on_lost(self)

    def data_received(self, data: bytes) -> None:
        """Parse, then set the deadline for what is still to come."""
        super().data_received(data)
        self._set_reading_deadline()

    def on_response_complete(self) -> None:
        """Limit the time for the rest of the body, and for the client to take a last answer."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._writing.start(self._limits.idle_seconds)
        elif self.conn.our_state is h11.DONE:
            self._reading.start(self._limits.idle_seconds)
        elif self.conn.their_state is not h11.IDLE:
            # The next request had arrived already, and maybe not all of its body.
            self._set_reading_deadline()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP; where the answer has begun, only closing is left."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self._abort()
            return
        super().send_400_response(msg)
        self._writing.start(self._limits.idle_seconds)
        if self.cycle is not None:
            # The app may still be at work on the request; its answer would be the second one.
            self.cycle.disconnected = True

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, also if the client does not take the last answer."""
        super().timeout_keep_alive_handler()
        self._writing.start(self._limits.idle_seconds)

    def pause_writing(self) -> None:
        """Limit the time for the client to take what waits."""
        super().pause_writing()
        self._writing.start(self._limits.body_seconds)

    def resume_writing(self) -> None:
        """The client took it."""
        super().resume_writing()
        self._writing.stop()

    def _set_reading_deadline(self) -> None:
        state = self.conn.their_state
        if (state, self.cycle) == self._awaited:
            return
        self._awaited = (state, self.cycle)
        if state is h11.IDLE:
            self._reading.start(self._limits.head_seconds)
        elif state is h11.SEND_BODY:
            self._reading.start(self._limits.body_seconds)
        else:
            self._reading.stop()

    def _abort(self) -> None:
        self.transport.abort()


class Acceptor:
    """Accepts connections up to the limit, at which those that wait for their client have to make room.

    Otherwise a stranger would keep everybody out by opening connections as fast as their deadlines pass. The server of
    asyncio has no limit, and logs a traceback for every connection while no descriptor is free.
    """

    def __init__(
        self,
        listening: socket.socket,
        new_protocol: Callable[[Callable[[LimitedProtocol], None]], LimitedProtocol],
        limits: Limits,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._listening = listening
        self._new_protocol = new_protocol
        self._limits = limits
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        #: The oldest first, each with what establishes it.
        self._open: dict[LimitedProtocol, asyncio.Task[None]] = {}
        self._retry = _Deadline(self.start)

    def start(self) -> None:
        """Begin to accept, or go on."""
        self._listening.setblocking(False)
        self._loop.add_reader(self._listening, self._accept)

    def close(self) -> None:
        """Stop accepting, and drop the connections that are not established yet."""
        self._retry.cancel_timer()
        self._loop.remove_reader(self._listening)
        for task in self._open.values():
            task.cancel()

    def _accept(self) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                connection, _address = self._listening.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError:
                # No descriptor or no memory is free: clients wait in the queue of the kernel until one is.
                self._loop.remove_reader(self._listening)
                self._retry.start(_ACCEPT_RETRY_SECONDS)
                return
            if len(self._open) >= self._limits.connections and not self._make_room():
                connection.close()
                continue
            protocol = self._new_protocol(self._forget)
            self._open[protocol] = self._loop.create_task(self._establish(connection, protocol))

    def _make_room(self) -> bool:
        """Drop the oldest connection that has sent no head yet, or else the oldest that waits for its client.

        Return whether there was one: connections whose answers are being made stay.
        """
        silent = (protocol for protocol in self._open if protocol.cycle is None)
        waiting = (protocol for protocol in self._open if protocol.waits_for_client)
        dropped = next(chain(silent, waiting), None)
        if dropped is None:
            return False
        self._open.pop(dropped).cancel()
        if dropped.transport is not None:
            dropped.transport.abort()
        return True

    def _forget(self, protocol: LimitedProtocol) -> None:
        self._open.pop(protocol, None)

    async def _establish(self, connection: socket.socket, protocol: LimitedProtocol) -> None:
        try:
            await self._loop.connect_accepted_socket(
                lambda: protocol,
                connection,
                ssl=self._tls,
                ssl_handshake_timeout=self._limits.head_seconds if self._tls else None,
                ssl_shutdown_timeout=self._limits.idle_seconds if self._tls else None,
            )
        except OSError:
            # The client left, or does not speak TLS, or took too long: the connection is closed.
            self._forget(protocol)


class _ClosableTransport(asyncio.Transport):
    """A transport that can be closed, and written to after that, at any moment.

    asyncio's transport for TLS raises an error when it is closed while the client leaves, and the traceback would quote
    what the client sent.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._closed = False

    def get_extra_info(self, name: str, default: object = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self._closed or self._transport.is_closing()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if data and not self.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            self._transport.close()
        except RuntimeError:
            # The client left at this moment.
            self._transport.abort()

    def abort(self) -> None:
        self._closed = True
        self._transport.abort()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()


class _RequestParser(h11.Connection):
    """Parses requests; refuses bodies in too many chunks, and long ones that were answered before their end.

    The head of an answer goes out with the beginning of its body: alone it would cost a system call and a packet.
    """

    _chunks = 0
    _dropped = 0
    _head = b""

    def send(self, event: h11.Event) -> Any:
        output = super().send(event)
        if output is None:
            return None
        if isinstance(event, h11.Response):
            self._head = output
            return b""
        head, self._head = self._head, b""
        return head + output

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._chunks = self._dropped = 0
            return _in_origin_form(event)
        if isinstance(event, h11.Data):
            self._chunks += event.chunk_start
            if self.our_state is h11.DONE:
                self._dropped += len(event.data)
            if self._chunks > _MAX_CHUNKS or self._dropped > _MAX_DROPPED:
                raise h11.RemoteProtocolError("too many chunks, or too much after the answer")
        return event


class _Deadline:
    """Calls `expired` when the time of the last `start` has passed.

    One timer runs on while deadlines come and go, many in every request: setting one is only a number.
    """

    def __init__(self, expired: Callable[[], None]) -> None:
        self._expired = expired
        self._at = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def start(self, seconds: float) -> None:
        """Expire after this time; an earlier deadline is forgotten."""
        loop = asyncio.get_running_loop()
        self._at = loop.time() + seconds
        if self._timer is None or self._timer.when() > self._at:
            self.cancel_timer()
            self._timer = loop.call_at(self._at, self._check)

    def stop(self) -> None:
        """Do not expire."""
        self._at = math.inf

    def cancel_timer(self) -> None:
        """Let go of the timer, and with it of what `expired` belongs to."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        if self._at <= loop.time():
            self._expired()
        elif self._at < math.inf:
            self._timer = loop.call_at(self._at, self._check)


def _in_origin_form(request: h11.Request) -> h11.Request:
    """Return the request with `/path` for a target `http://host/path`, which every server has to accept."""
    origin = None if request.target.startswith(b"/") else _ORIGIN.match(request.target)
    if origin is None:
        return request
    path = request.target[origin.end() :]
    return h11.Request(
        method=request.method,
        headers=request.headers,
        target=path if path.startswith(b"/") else b"/" + path,
        http_version=request.http_version,
    )
