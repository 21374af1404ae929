"""A server on a real socket that sends whatever a test wants, for the program in another process."""

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
    """A response; a body that is not bytes is sent as JSON."""

    status: int
    body: object
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class MaliciousServer:
    """Serves `records`, unless `override` returns another response."""

    records: Sequence[Mapping[str, Any]]
    override: Callable[[str, str], RawResponse | None] = lambda _method, _path: None
    requests: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def environ(self) -> dict[str, str]:
        """The environment that makes the program use this server."""
        return {
            "DOCKBOOK_URL": f"http://127.0.0.1:{self.port}{PREFIX}",
            "DOCKBOOK_CLIENT_ID": "tests",
            "DOCKBOOK_CLIENT_SECRET": "canary-secret-in-the-environment",
        }

    def answer(self, method: str, target: str) -> RawResponse:
        """The response to one request."""
        self.requests.append(f"{method} {target}")
        parts = urlsplit(target)
        path = parts.path.removeprefix(PREFIX)
        response = self.override(method, path)
        if response is not None:
            return response
        if path == "/Token":
            return RawResponse(200, {"access_token": "canary-token", "token_type": "bearer", "expires_in": 14_399})
        if path == "/Customer/All":
            query = dict(part.partition("=")[::2] for part in parts.query.split("&"))
            page, size = int(query["page"]), int(query["pageSize"])
            rows = list(self.records[(page - 1) * size : page * size])
            more = page * size < len(self.records)
            return RawResponse(200, {"value": rows, "totalCount": len(self.records), "page": page, "hasMore": more})
        short_id = unquote(path.removeprefix("/Customer/"))
        found = [record for record in self.records if record.get("shortID") == short_id]
        if not found:
            return RawResponse(404, {"statusCode": 404, "error": "not_found", "message": f"There is no {short_id}."})
        return RawResponse(200, found[0])


@contextmanager
def serve(malicious: MaliciousServer) -> Iterator[MaliciousServer]:
    """Run the server until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("content-length", 0))
            self.rfile.read(length)
            response = malicious.answer(self.command, self.path)
            body = response.body if isinstance(response.body, bytes) else json.dumps(response.body).encode()
            headers = {"content-type": "application/json", **response.headers, "content-length": str(len(body))}
            lines = [f"HTTP/1.1 {response.status} ", *(f"{name}: {value}" for name, value in headers.items())]
            # The standard library refuses to send some of the headers that tests need.
            self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

        do_POST = do_DELETE = do_GET

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the module's own name
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        malicious.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=[0.05], daemon=True)
        thread.start()
        try:
            yield malicious
        finally:
            server.shutdown()
            thread.join()
