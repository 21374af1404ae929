"""The HTTP protocol of the server, with deadlines and limits, so that no stranger can hold it up.

uvicorn alone waits for ever for a head or a body, and goes on reading a body after the answer to its request.
"""

import asyncio
from typing import Any, Final, NamedTuple

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

#: After an early answer, what is still being sent is dropped unread for so long, or until it was so much: a connection
#: closed before would be reset, and the client would not see the answer.
_LINGER_SECONDS: Final = 1.0
_LINGER_BYTES: Final = 2**20


class Limits(NamedTuple):
    """Seconds until a connection is closed that does not send its head or its body, or does not take its answer; the
    number of connections; seconds for what is under way when the server stops."""

    head: float = 10.0
    body: float = 30.0
    answer: float = 30.0
    idle: int = 5
    connections: int = 512
    stop: float = 3.0


class BoundedProtocol(H11Protocol):
    """One connection."""

    limits = Limits()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._answer_deadline: asyncio.TimerHandle | None = None
        #: How much may still be dropped; `None` while requests are read.
        self._linger: int | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a head, unless there are too many connections."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            transport.abort()
        else:
            self._close_after(self.limits.head)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadlines."""
        self._close_after(None)
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, with the deadline of what comes next."""
        if self._linger is not None:
            self._linger -= len(data)
            if self._linger < 0:
                self.transport.abort()
            return
        request = self.cycle
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._receives_body:
            if self.cycle is not request:
                self._close_after(self.limits.body)
        elif self.cycle is None or self.cycle.response_complete:
            # A part of a head. Its deadline is not moved by every byte of it.
            if self._deadline is None:
                self._close_after(self.limits.head)
        else:
            self._close_after(None)

    def on_response_complete(self) -> None:
        """Close the connection if the body of the request is still under way; otherwise wait for the next request."""
        if self._receives_body and not self.transport.is_closing():
            self._linger = _LINGER_BYTES
            self.flow.resume_reading()
            self._close_after(_LINGER_SECONDS)
            return
        self._close_after(None)
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The client takes its answer more slowly than it is sent."""
        super().pause_writing()
        self._answer_deadline = self.loop.call_later(self.limits.answer, self.transport.abort)

    def resume_writing(self) -> None:
        """The client goes on taking its answer."""
        if self._answer_deadline is not None:
            self._answer_deadline.cancel()
            self._answer_deadline = None
        super().resume_writing()

    def shutdown(self) -> None:
        """Answer what has begun, but do not wait long for a client."""
        super().shutdown()
        if not self.transport.is_closing():
            self.loop.call_later(self.limits.stop, self._abort_if_stuck)

    @property
    def _receives_body(self) -> bool:
        return self.conn.their_state is h11.SEND_BODY

    def _abort_if_stuck(self) -> None:
        if self._receives_body or self.flow.write_paused:
            self.transport.abort()

    def _close_after(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)
