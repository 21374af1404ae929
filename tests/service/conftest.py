"""Fixtures: a real book, real credentials, and clients of the real app behind an ASGI transport."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from app.service.app import create_app
from app.service.credentials import Credentials
from app.service.database.postgres import PostgresDatabase
from app.service.store import Store
from tests.service.postgres_server import PostgresServer, programs

ClientFactory = Callable[..., Awaitable[httpx.AsyncClient]]

BASE = "http://service/api/v1/"


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A server for the tests of one process, which may lose its data in a crash."""
    if programs() is None:
        if os.environ.get("CI"):
            pytest.fail("There is no PostgreSQL on this machine.")
        pytest.skip("There is no PostgreSQL on this machine.")
    with tempfile.TemporaryDirectory() as folder:
        server = PostgresServer.create(Path(folder) / "primary", {"fsync": "off"})
        database = PostgresDatabase(server.url)
        database.migrate()
        with ThreadPoolExecutor() as thread:
            # A loop may be running in this one.
            thread.submit(asyncio.run, database.close()).result()
        yield server
        server.stop()


@pytest.fixture(params=["SQLite", "PostgreSQL"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store on each of the engines."""
    if request.param == "SQLite":
        opened = Store.open(tmp_path / "book.sqlite3")
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        empty_tables(server)
        opened = Store(PostgresDatabase(server.url))
    yield opened
    await opened.close()


def empty_tables(server: PostgresServer) -> None:
    """Make the database of tests as it was when it was new."""
    with server.connection() as connection:
        for name in ("customer", "history", "id_range", "credential", "token"):
            connection.execute(f"DELETE FROM {name}")  # noqa: S608
        connection.execute("INSERT INTO id_range (first_id, customers) VALUES ('', 0)")


@pytest.fixture
def credentials() -> Credentials:
    """No credential yet."""
    return Credentials()


@pytest.fixture
async def make_client(store: Store, credentials: Credentials) -> AsyncIterator[ClientFactory]:
    """Make a client with a token for these permissions, or without a token if there are none."""
    async with AsyncExitStack() as stack:

        async def make(*permissions: int) -> httpx.AsyncClient:
            transport = httpx.ASGITransport(create_app(store, credentials))
            client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url=BASE))
            if permissions:
                issued = credentials.issue(frozenset(permissions))
                token = await credentials.issue_token(issued.client_id, issued.client_secret)
                client.headers["Authorization"] = f"Bearer {token}"
            return client

        yield make


@pytest.fixture
async def client(make_client: ClientFactory) -> httpx.AsyncClient:
    """A client with both permissions."""
    return await make_client(130, 131)
