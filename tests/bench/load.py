"""Load on an HTTP server from a process of its own: `python -m tests.bench.load URL < requests`.

Each line of standard input is a JSON list: seconds, connections, then requests as text. Each is answered by a line: how
many requests were answered, how many of these with an error, and all latencies in milliseconds.
"""

import asyncio
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit


@dataclass
class LoadResult:
    """What a load came to: answers a second, errors among them, and latencies in milliseconds, sorted."""

    per_second: float
    errors: int
    latencies: list[float]

    def percentile(self, share: float) -> float:
        """The latency that this share of the answers kept."""
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * share))]


class LoadGenerator:
    """The other side of this module, in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(
        self, requests: list[str], *, seconds: float = 4.0, connections: int = 32, pause: float = 0.0
    ) -> LoadResult:
        """Send these requests in a random order. With `pause`, each connection waits that long on average."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the load generator has no pipes")
        self._process.stdin.write(json.dumps([seconds, connections, pause, *requests]) + "\n")
        self._process.stdin.flush()
        took, errors, latencies = json.loads(self._process.stdout.readline())
        return LoadResult(len(latencies) / took, errors, sorted(latencies))


@contextmanager
def load_generator(url: str) -> Iterator[LoadGenerator]:
    """A process that puts load on the server at this URL."""
    command = [sys.executable, "-m", "tests.bench.load", url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield LoadGenerator(process)
        if process.stdin is not None:
            process.stdin.close()


def requests_per_second(url: str, requests: list[str], *, seconds: int = 4, connections: int = 32) -> float:
    """How many of these requests are answered a second, by `wrk` if it is installed: it leaves the server more room."""
    wrk = shutil.which("wrk")
    if wrk is None:
        with load_generator(url) as load:
            result = load.run(requests, seconds=seconds, connections=connections)
            if result.errors:
                raise RuntimeError(f"{result.errors} errors")
            return result.per_second
    with tempfile.TemporaryDirectory() as folder:
        script, texts = Path(folder, "requests.lua"), Path(folder, "requests")
        texts.write_text("\0".join(requests))
        script.write_text(
            "local all, n = {}, 0\n"
            f'for one in io.open("{texts}"):read("a"):gmatch("[^%z]+") do all[#all + 1] = one end\n'
            "request = function() n = n % #all + 1; return all[n] end\n"
        )
        command = [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), url]
        report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in report:
        raise RuntimeError(report)
    return float(report.partition("Requests/sec:")[2].split()[0])


class _Connection(asyncio.Protocol):
    """Sends one request after the other and notes how long each answer takes."""

    def __init__(self, requests: list[bytes], pause: float, ends: float, latencies: list[float]) -> None:
        self._requests = requests
        self._pause = pause
        self._ends = ends
        self._latencies = latencies
        self._received = b""
        self._missing = -1
        self._began = 0.0
        self.errors = 0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._send_later()

    def data_received(self, data: bytes) -> None:
        """Take a part of an answer; after its end, go on."""
        self._received += data
        if self._missing < 0:
            head, found, _ = self._received.partition(b"\r\n\r\n")
            if not found:
                return
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            self._missing = len(head) + 4 + int(length)
            self.errors += not self._received.startswith(b"HTTP/1.1 20")
        if len(self._received) < self._missing:
            return
        self._received = b""
        self._missing = -1
        now = perf_counter()
        self._latencies.append((now - self._began) * 1000)
        if now >= self._ends:
            self._transport.close()
        else:
            self._send_later()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, one way or the other."""
        if not self.done.done():
            self.done.set_result(None)

    def _send_later(self) -> None:
        if self._pause:
            asyncio.get_running_loop().call_later(random.expovariate(1 / self._pause), self._send)
        else:
            self._send()

    def _send(self) -> None:
        self._began = perf_counter()
        self._transport.write(random.choice(self._requests))  # noqa: S311


async def _put_load(url: str, seconds: float, connections: int, pause: float, *requests: str) -> str:
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    encoded = [request.encode() for request in requests]
    began = perf_counter()
    opened = [
        (await loop.create_connection(
            lambda: _Connection(encoded, pause, began + seconds, latencies), parts.hostname or "", parts.port or 80
        ))[1]
        for _ in range(connections)
    ]  # fmt: skip
    await asyncio.gather(*(connection.done for connection in opened))
    errors = sum(connection.errors for connection in opened)
    return json.dumps([perf_counter() - began, errors, latencies])


def main() -> None:
    """Answer the lines of standard input."""
    for line in sys.stdin:
        sys.stdout.write(asyncio.run(_put_load(sys.argv[1], *json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
