"""The service under load, on both engines: `python -m tests.bench.service [--customers N] [--quick]`."""

import argparse
import asyncio
import json
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from app.models.fields import SORTABLE_FIELDS, WIRE_FIELDS, PageRequest
from app.service.credentials import Credentials
from app.service.database import credential_table
from app.service.database.postgres import PostgresDatabase
from app.service.sample.generator import load_sample, sample_customers
from app.service.store import Store
from tests.bench.load import LoadGenerator, load_generator, requests_per_second
from tests.service.postgres_server import PostgresServer

BOTH = frozenset({130, 131})
#: Serves the same bytes from memory, without a database, a login or a limit.
BARE = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
one, page = (open(name, "rb").read() for name in sys.argv[1:3])
async def get(request): return Response(one, media_type="application/json")
async def all_of_them(request): return Response(page, media_type="application/json")
app = Starlette(routes=[Route("/api/v1/Customer/All", all_of_them), Route("/api/v1/Customer/{id:path}", get)])
config = uvicorn.Config(app, port=0, http="h11", ws="none", lifespan="off", log_level="error", access_log=False)
server = uvicorn.Server(config)
started = server.startup
async def startup(sockets=None):
    await started(sockets)
    print("http://127.0.0.1:%d" % server.servers[0].sockets[0].getsockname()[1], flush=True)
server.startup = startup
server.run()
"""


@dataclass(frozen=True)
class ServiceFigure:
    """One figure: what was measured on which engine, and what it should be at most, or at least."""

    what: str
    engine: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def verdict(self) -> str:
        """Whether it is within its limit."""
        if self.at_most is None and self.at_least is None:
            return ""
        kept = (self.at_most is None or self.value <= self.at_most) and (
            self.at_least is None or self.value >= self.at_least
        )
        return "kept" if kept else "MISSED"


@dataclass(frozen=True)
class Running:
    """A service in a process of its own, with a token."""

    url: str
    token: str
    process: "subprocess.Popen[str]"

    def request(self, method: str, path: str, body: str = "") -> str:
        """The text of a request."""
        length = f"Content-Length: {len(body.encode())}\r\n" if body else ""
        return f"{method} /api/v1{path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {self.token}\r\n{length}\r\n{body}"


@contextmanager
def started(command: list[str]) -> Iterator["tuple[str, subprocess.Popen[str]]"]:
    """Start a server; gives the URL that it prints first."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise RuntimeError("no output")
        found = re.search(r"http://[\d.:]+", process.stdout.readline())
        if found is None:
            raise RuntimeError(f"{command} printed no URL")
        yield found[0], process
        process.send_signal(signal.SIGTERM)


@contextmanager
def serving(database: str) -> Iterator[Running]:
    """`dockbook serve` on this database, which has a credential with both permissions."""
    from app.service.database.open import open_to_serve

    async def token() -> str:
        opened = open_to_serve(database)
        issued = await opened.write(credential_table.add(f"bench {perf_counter()}", BOTH))
        issued_token = await Credentials(opened).issue_token(issued.client_id, issued.client_secret)
        await opened.close()
        return issued_token

    made = asyncio.run(token())
    command = [sys.executable, "-m", "app", "serve", "--database", database, "--port", "0", "--rate", "0"]
    with started([*command, "--access-log", "/dev/null"]) as (url, process):
        yield Running(url, made, process)


def page_figures(engine: str, large: Running, small: Running, customers: int) -> Iterator[ServiceFigure]:
    """Pages far down, other orders, and many changes: the 95th percentile of one client over HTTP, in milliseconds."""
    with load_generator(large.url) as of_many, load_generator(small.url) as of_few:

        def page(query: str = "", *, load: LoadGenerator = of_many, service: Running = large) -> float:
            result = load.run([service.request("GET", f"/Customer/All?{query}")], seconds=1.0, connections=1)
            if result.errors:
                raise RuntimeError(f"{query}: {result.errors} errors")
            return result.percentile(0.95)

        first_of_few = page(load=of_few, service=small)
        last = customers // 25
        for name, number in (("first", 1), ("middle", last // 2), ("last", last)):
            ratio = page(f"page={number}") / first_of_few
            yield ServiceFigure(f"{name} page by ID, x page 1 at 1,000", engine, ratio, "x", 3.0)
        limit = 30.0 if engine == "SQLite" else 80.0
        others = [column for column in SORTABLE_FIELDS if column != "shortID"]
        for name, number in (("last", last), ("middle", last // 2)):
            worst = max(page(f"sort={column}&page={number}") for column in others)
            yield ServiceFigure(f"{name} page by another column, the worst", engine, worst, "ms", limit)
        times = sorted(str(record["modified"]) for record in sample_customers(customers))
        few = page(f"pageSize=250&modifiedSince={times[-250]}")
        yield ServiceFigure("modifiedSince, 250 hits", engine, few, "ms", 5)
        query = f"pageSize=250&sort=modified&modifiedSince={times[customers // 2]}"
        many = max(page(f"{query}&page={number}") for number in (1, customers // 1000, customers // 500))
        yield ServiceFigure("modifiedSince, half of all, any page by modified", engine, many, "ms", 50)


def throughput_figures(engine: str, service: Running, bare_url: str, folder: Path) -> Iterator[ServiceFigure]:
    """Requests a second at 32 connections, beside a bare Starlette app and a bare sqlite3 connection."""
    gets = [service.request("GET", f"/Customer/{record['shortID']}") for record in sample_customers(48)]
    lists = [service.request("GET", "/Customer/All")]
    fields = {"name": "Acme Corporation", "phone": "555-0100", "city": "Springfield"}
    upserts = [service.request("POST", "/Customer", json.dumps({"shortID": f"B{n}", **fields})) for n in range(2000)]
    on_sqlite = engine == "SQLite"
    for name, requests, least in (("get", gets, 0.65), ("25 rows", lists, 0.55)):
        ratio = ratio_of_best(rate(service.url, requests), rate(bare_url, requests))
        yield ServiceFigure(f"{name}, x bare Starlette", engine, ratio, "x", at_least=least if on_sqlite else None)
    yield ServiceFigure("upserts a second", engine, requests_per_second(service.url, upserts), "/s")
    if on_sqlite:
        ratio = ratio_of_best(rate(service.url, upserts), lambda: commits_per_second(folder))
        yield ServiceFigure("upsert, x one sqlite3 connection", engine, ratio, "x", at_least=0.65)
    with load_generator(service.url) as load:
        people = load.run([*gets * 4, *lists * 100, *upserts[:20]], seconds=8, connections=200, pause=3.0)
        yield ServiceFigure("200 people, p99", engine, people.percentile(0.99), "ms", 50)
        yield ServiceFigure("200 people, refused", engine, people.errors, "", 0)
        peace = load.run(lists, seconds=2, connections=1, pause=0.01).percentile(0.95)
        with strangers(service.url):
            among = load.run(lists, seconds=3, connections=1, pause=0.01).percentile(0.95)
        yield ServiceFigure("list p95 beside 4 endless bodies, x peace", engine, among / peace, "x", 10)
        with wrong_secrets(service.url):
            among = load.run(lists, seconds=3, connections=1, pause=0.01).percentile(0.95)
        yield ServiceFigure("list p95 beside 200 wrong secrets a second, x peace", engine, among / peace, "x", 2)


def rate(url: str, requests: list[str]) -> Callable[[], float]:
    """How many of these requests are answered a second, at each call."""
    return lambda: requests_per_second(url, requests, seconds=2)


def ratio_of_best(measured: Callable[[], float], beside: Callable[[], float]) -> float:
    """Both in turns, and the best of each: other programs use this machine too, now more and now less."""
    rates = [(measured(), beside()) for _ in range(6)]
    return max(rate for rate, _ in rates) / max(rate for _, rate in rates)


def commits_per_second(folder: Path) -> float:
    """How many of the same upserts one connection commits one by one, without history."""
    with (
        tempfile.TemporaryDirectory(dir=folder) as alone,
        closing(sqlite3.connect(Path(alone) / "book.sqlite3", isolation_level=None)) as connection,
    ):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        columns = ", ".join(f"{name} TEXT" for name in WIRE_FIELDS[1:])
        connection.execute(f"CREATE TABLE customer (shortID TEXT PRIMARY KEY, {columns})")
        for column in SORTABLE_FIELDS[1:]:
            connection.execute(f"CREATE INDEX by_{column} ON customer ({column}, shortID)")
        began, count = perf_counter(), 0
        while perf_counter() < began + 2:
            connection.execute(
                "INSERT INTO customer (shortID, name, phone, city, modified) VALUES (?, 'Acme Corporation', '555-0100',"
                " 'Springfield', ?) ON CONFLICT (shortID) DO UPDATE SET name = excluded.name, phone = excluded.phone,"
                " city = excluded.city, modified = excluded.modified",
                (f"B{count % 2000}", str(count)),
            )
            count += 1
        return count / (perf_counter() - began)


@contextmanager
def strangers(url: str) -> Iterator[None]:
    """Four connections that send bodies without an end, and begin again when they are closed."""
    stopping = threading.Event()
    host, _, port = url.removeprefix("http://").partition(":")

    def flood() -> None:
        while not stopping.is_set():
            try:
                with socket.create_connection((host, int(port)), timeout=5) as connection:
                    connection.sendall(b"POST /nothing HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
                    while not stopping.is_set():
                        connection.sendall(b"1\r\nx\r\n")
            except OSError:
                # Closed, as it should be.
                continue

    yield from _in_threads(stopping, [flood] * 4)


@contextmanager
def wrong_secrets(url: str) -> Iterator[None]:
    """200 wrong secrets a second for one client ID."""
    stopping = threading.Event()
    host, _, port = url.removeprefix("http://").partition(":")
    body = "grant_type=client_credentials&client_id=dock&client_secret=wrong"
    form = "Content-Type: application/x-www-form-urlencoded"
    request = f"POST /api/v1/Token HTTP/1.1\r\nHost: a\r\n{form}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()

    def guess() -> None:
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            while not stopping.wait(0.02):
                connection.sendall(request)
                connection.recv(65536)

    yield from _in_threads(stopping, [guess] * 4)


def _in_threads(stopping: threading.Event, works: list[Callable[[], None]]) -> Iterator[None]:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in threads:
            thread.join()


def measure(customers: int) -> Iterator[ServiceFigure]:
    """All figures, on SQLite, then on PostgreSQL."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        few, many = folder / "few.sqlite3", folder / "many.sqlite3"
        one, page = asyncio.run(fill(Store.open(few), 1000))
        asyncio.run(fill(Store.open(many), customers))
        (folder / "one.json").write_text(one)
        (folder / "page.json").write_bytes(page)
        bare_command = [sys.executable, "-c", BARE, str(folder / "one.json"), str(folder / "page.json")]
        bare_url, _ = stack.enter_context(started(bare_command))
        with serving(str(few)) as small, serving(str(many)) as large:
            yield from page_figures("SQLite", large, small, customers)
            yield from throughput_figures("SQLite", small, bare_url, folder)
        server = PostgresServer.create(folder / "postgres", {"shared_buffers": "256MB"})
        stack.callback(server.stop)
        urls = server.url.replace("/postgres", "/few"), server.url
        with server.connection() as connection:
            connection.execute("CREATE DATABASE few")
        for url, count in zip(urls, (1000, customers), strict=True):
            database = PostgresDatabase(url)
            database.migrate()
            asyncio.run(fill(Store(database), count))
        for database_name in ("few", "postgres"):
            with server.connection(database_name) as connection:
                connection.execute("VACUUM ANALYZE")
        with serving(urls[0]) as small, serving(urls[1]) as large:
            yield from page_figures("PostgreSQL", large, small, customers)
            yield from throughput_figures("PostgreSQL", small, bare_url, folder)


async def fill(store: Store, customers: int) -> tuple[str, bytes]:
    """Fill the store with samples, and close it; returns one customer and the first page as JSON."""
    load_sample(store, customers, lambda _done, _total: None)
    one, page = await store.get("ACME-CORP"), await store.page(PageRequest())
    await store.close()
    if one is None:
        raise RuntimeError("the samples begin with another customer")
    return one.json, page.records


def main() -> None:
    """Measure and print a line for each figure."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.service", description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000, help="in the large book (%(default)s)")
    arguments = parser.parse_args()
    for figure in measure(arguments.customers):
        limit = f"<= {figure.at_most:g}" if figure.at_most is not None else ""
        limit = f">= {figure.at_least:g}" if figure.at_least is not None else limit
        sys.stdout.write(
            f"| {figure.what} | {figure.engine} | {figure.value:.3g} {figure.unit} | {limit} | {figure.verdict} |\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
