"""Fixtures: a real book, real credentials, and clients of the real app behind an ASGI transport."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from app.service.app import create_app
from app.service.credentials import Credentials
from app.service.store import Store

ClientFactory = Callable[..., Awaitable[httpx.AsyncClient]]

BASE = "http://service/api/v1/"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A book in a file."""
    opened = Store.open(tmp_path / "book.sqlite3")
    yield opened
    await opened.close()


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
                token = credentials.issue_token(issued.client_id, issued.client_secret)
                client.headers["Authorization"] = f"Bearer {token}"
            return client

        yield make


@pytest.fixture
async def client(make_client: ClientFactory) -> httpx.AsyncClient:
    """A client with both permissions."""
    return await make_client(130, 131)
