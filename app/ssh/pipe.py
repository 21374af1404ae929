"""Messages between the process that holds the connections and one that runs sessions."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import count
from typing import Any, Final, Literal, NamedTuple, Self

ToWorker = Literal["open", "input", "size", "lost", "taken", "describe", "end-where", "announce", "stop"]
ToFront = Literal["output", "end", "read", "is-alive", "confirm", "sessions"]
Kind = ToWorker | ToFront | Literal["reply"]

_HEAD: Final = struct.Struct("!II")


class Message(NamedTuple):
    """`of` is the number of a terminal, or of a request that is replied to; `data` are bytes of a terminal."""

    kind: Kind
    of: int
    fields: Any = None
    data: bytes = b""


class Pipe:
    """One end of a socket pair. Both ends send when they like; a request is answered by a `reply` with its number."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._numbers = count(1)
        self._requests: dict[int, asyncio.Future[Any]] = {}

    @classmethod
    async def open(cls, sock: socket.socket) -> Self:
        """Open this end."""
        return cls(*await asyncio.open_unix_connection(sock=sock))

    def send(self, kind: Kind, of: int = 0, fields: Any = None, data: bytes = b"") -> None:
        """Send a message; to a process that has ended, nothing."""
        if not self._writer.is_closing():
            head = json.dumps((kind, of, fields), separators=(",", ":")).encode()
            self._writer.write(_HEAD.pack(len(head), len(data)) + head + data)

    async def request(self, kind: Kind, fields: Any = None) -> Any:
        """Send a request and return its answer; `None` if the other process ends before."""
        number = next(self._numbers)
        answer = self._requests[number] = asyncio.get_running_loop().create_future()
        self.send(kind, number, fields)
        try:
            return await answer
        finally:
            del self._requests[number]

    async def messages(self) -> AsyncIterator[Message]:
        """Yield what comes, but for replies, until the other end is closed."""
        try:
            while True:
                head_size, data_size = _HEAD.unpack(await self._reader.readexactly(_HEAD.size))
                kind, of, fields = json.loads(await self._reader.readexactly(head_size))
                data = await self._reader.readexactly(data_size)
                if kind == "reply":
                    if (request := self._requests.get(of)) is not None and not request.done():
                        request.set_result(fields)
                else:
                    yield Message(kind, of, fields, data)
        except (asyncio.IncompleteReadError, ConnectionError):
            for request in self._requests.values():
                if not request.done():
                    request.set_result(None)

    async def close(self) -> None:
        """Close this end, when what was sent is on its way."""
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()
