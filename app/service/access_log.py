"""Logs every request as one line of JSON, without values, secrets, queries, or the IDs of customers."""

import asyncio
import hashlib
import json
import secrets
import time
from datetime import UTC, datetime
from typing import Final, TextIO

from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Any other method is a text of the client's own.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
_HASH_LENGTH: Final = 12


class AccessLog:
    """Wraps the app, and writes a line to `stream` after every response.

    The app leaves `client_id`, `customer_id` and `path_template` in the state of the request; what it does not leave
    is null. A customer is logged as a hash with a key that lives as long as the process, so that its lines can be
    found together, but no list of IDs can be tried on them.
    """

    def __init__(self, app: ASGIApp, stream: TextIO) -> None:
        self._app = app
        self._stream = stream
        self._key = secrets.token_bytes(32)
        self._lines: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, then log it, with the status that was or would have been sent."""
        began = time.perf_counter()
        status: int | None = None

        async def observe(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        state = scope.setdefault("state", {})
        try:
            await self._app(scope, receive, observe)
        finally:
            customer_id = state.get("customer_id")
            self._write(
                {
                    "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                    "client": state.get("client_id"),
                    "method": scope["method"] if scope["method"] in _METHODS else None,
                    "path": state.get("path_template"),
                    "customer": None if customer_id is None else self._hashed(customer_id),
                    "status": status,
                    "ms": round((time.perf_counter() - began) * 1000, 1),
                }
            )

    def _hashed(self, short_id: str) -> str:
        text = short_id.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self._key, digest_size=_HASH_LENGTH // 2).hexdigest()

    def _write(self, entry: dict[str, object]) -> None:
        if not self._lines:
            # The lines of all answers that are ready now are written at once.
            asyncio.get_running_loop().call_soon(self._flush)
        self._lines.append(f"{json.dumps(entry)}\n")

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        try:
            self._stream.write("".join(lines))
            self._stream.flush()
        except OSError:
            # A full disk or a closed pipe costs the lines, not the answers; there is nowhere else to report it.
            return
