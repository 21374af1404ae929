"""The access log: one line of JSON for each request, without anything of its content."""

import hashlib
import json
import secrets
import time
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Of a hash, in hexadecimal digits: enough to follow one customer through a log.
_HASH_LENGTH: Final = 12


class AccessLog:
    """Writes time (UTC), credential, method, path template, customer, status and milliseconds of every request.

    Of the customer there is only a hash with a key of this process, so that the log tells nobody which customers there
    are. Handlers leave `client_id`, `path` and `short_id` in the state of the request.
    """

    def __init__(self, app: ASGIApp, stream: TextIO) -> None:
        self._app = app
        self._stream = stream
        self._key = secrets.token_bytes(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        state: dict[str, Any] = scope.setdefault("state", {})
        status = 0

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            self._write(scope["method"], state, status, time.perf_counter() - began)

    def _write(self, method: str, state: dict[str, Any], status: int, seconds: float) -> None:
        short_id = state.get("short_id")
        entry = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "client": state.get("client_id"),
            "method": method,
            "path": state.get("path"),
            "customer": None if short_id is None else self._hash(short_id),
            "status": status,
            "ms": round(seconds * 1000, 2),
        }
        try:
            self._stream.write(json.dumps(entry) + "\n")
            self._stream.flush()
        except OSError:
            # The disk of the log is full, or its reader has gone. Customers are still to be served.
            return

    def _hash(self, short_id: str) -> str:
        text = short_id.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self._key).hexdigest()[:_HASH_LENGTH]
