"""A server that answers what a test tells it to, on a real socket, for the real program in another process."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import unquote, urlsplit

PREFIX: Final = "/api/v1"


@dataclass(frozen=True)
class RawResponse:
    """An answer: a body that is not bytes is sent as JSON."""

    status: int
    body: object
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class MaliciousServer:
    """Customers by ID, and what is answered in their stead where `instead` has something to say."""

    records: Sequence[Mapping[str, Any]]
    instead: Callable[[str, str], RawResponse | None] = lambda _method, _path: None
    seen: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def environ(self) -> dict[str, str]:
        """What makes the program ask this server."""
        return {
            "DOCKBOOK_URL": f"http://127.0.0.1:{self.port}{PREFIX}",
            "DOCKBOOK_CLIENT_ID": "tests",
            "DOCKBOOK_CLIENT_SECRET": "canary-secret-in-the-environment",
        }

    def answer(self, method: str, target: str) -> RawResponse:
        """The answer to one request."""
        self.seen.append(f"{method} {target}")
        parts = urlsplit(target)
        path = parts.path.removeprefix(PREFIX)
        said = self.instead(method, path)
        if said is not None:
            return said
        if path == "/Token":
            return RawResponse(200, {"access_token": "canary-token", "token_type": "bearer", "expires_in": 14_399})
        if path == "/Customer/All":
            query = dict(part.partition("=")[::2] for part in parts.query.split("&"))
            page, size = int(query["page"]), int(query["pageSize"])
            rows = list(self.records[(page - 1) * size : page * size])
            more = page * size < len(self.records)
            return RawResponse(200, {"value": rows, "totalCount": len(self.records), "page": page, "hasMore": more})
        asked = unquote(path.removeprefix("/Customer/"))
        found = [record for record in self.records if record.get("shortID") == asked]
        if not found:
            return RawResponse(404, {"statusCode": 404, "error": "not_found", "message": f"There is no {asked}."})
        return RawResponse(200, found[0])


@contextmanager
def serve(lying: MaliciousServer) -> Iterator[MaliciousServer]:
    """Let it answer while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("content-length", 0))
            self.rfile.read(length)
            said = lying.answer(self.command, self.path)
            body = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
            headers = {"content-type": "application/json", **said.headers, "content-length": str(len(body))}
            lines = [f"HTTP/1.1 {said.status} ", *(f"{name}: {value}" for name, value in headers.items())]
            # By hand: the module refuses to send what a test wants to be sent.
            self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

        do_POST = do_DELETE = do_GET

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the module's own name
            """Nothing of a test is told."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        lying.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=[0.05], daemon=True)
        thread.start()
        try:
            yield lying
        finally:
            server.shutdown()
            thread.join()
