"""The access log: one line a request, enough to find what was slow or refused, and nothing that is secret."""

import asyncio
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from app.service.access_log import AccessLog
from app.service.app import create_app
from app.service.credentials import Credentials
from app.service.database.credential_table import IssuedCredential
from app.service.store import Store
from tests.service.conftest import BASE
from tests.service.service_process import read_to_end, running_service

KEYS = ["time", "client", "method", "path", "customer", "status", "ms"]


@pytest.fixture
def issued(credentials: Credentials) -> IssuedCredential:
    return credentials.issue(frozenset({130, 131}))


async def logged_client(
    store: Store, credentials: Credentials, issued: IssuedCredential, stream: TextIO
) -> httpx.AsyncClient:
    """A client of the app behind a log."""
    token = await credentials.issue_token(issued.client_id, issued.client_secret)
    transport = httpx.ASGITransport(AccessLog(create_app(store, credentials), stream))
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers)


@pytest.fixture
def full_disk() -> Iterator[TextIO]:
    """A file that cannot be written."""
    full = Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115  # closing fails
    yield full
    # What is left in the buffer of the stream cannot be written either.
    with pytest.raises(OSError, match="No space left"):
        full.close()


async def entries(stream: io.StringIO) -> list[dict[str, Any]]:
    """The lines written since the last call."""
    # Lines are written when the loop has its next turn.
    await asyncio.sleep(0)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    stream.seek(0)
    stream.truncate()
    return lines


async def test_every_request_is_one_line(store: Store, credentials: Credentials, issued: IssuedCredential) -> None:
    stream = io.StringIO()
    async with await logged_client(store, credentials, issued, stream) as client:
        await client.post("Customer", json={"shortID": "A/B"})
        await client.get("Customer/A%2FB")
        await client.delete("Customer/OTHER")
        await client.get("Customer/All?pageSize=1&sort=name")
        await client.put("Customer/A%2FB")
        await client.get("openapi.json")
        await client.get("http://service/healthz")
        await client.get("http://service/somewhere/else")
        await client.request("X" * 100, "Customer")
    lines = await entries(stream)
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("POST", "/api/v1/Customer", 201),
        ("GET", "/api/v1/Customer/{id}", 200),
        ("DELETE", "/api/v1/Customer/{id}", 404),
        ("GET", "/api/v1/Customer/All", 200),
        ("PUT", "/api/v1/Customer/{id}", 405),
        ("GET", "/api/v1/openapi.json", 200),
        ("GET", "/healthz", 200),
        ("GET", None, 404),
        (None, "/api/v1/Customer", 405),
    ]
    hashes = [line["customer"] for line in lines]
    assert hashes[0] == hashes[1] != hashes[2]
    assert all(re.fullmatch("[0-9a-f]{12}", text) for text in hashes[:3])
    assert set(hashes[3:]) == {None}
    for line in lines:
        assert list(line) == KEYS
        assert line["time"].endswith("Z")
        assert timedelta() <= datetime.now(UTC) - datetime.fromisoformat(line["time"]) < timedelta(minutes=1)
        assert line["ms"] >= 0


async def test_client_is_named_once_its_secret_was_right(
    store: Store, credentials: Credentials, issued: IssuedCredential
) -> None:
    stream = io.StringIO()
    form = {"grant_type": "client_credentials", "client_id": issued.client_id, "client_secret": issued.client_secret}
    async with await logged_client(store, credentials, issued, stream) as client:
        await client.post("Token", data=form)
        await client.post("Token", data=form | {"client_secret": "wrong"})
    assert [(line["client"], line["status"]) for line in await entries(stream)] == [
        (issued.client_id, 200),
        (None, 401),
    ]


@pytest.mark.promise("A4")
async def test_values_secrets_ids_and_queries_are_not_logged(
    store: Store, credentials: Credentials, issued: IssuedCredential
) -> None:
    stream = io.StringIO()
    canary = "canary-7c1d"
    async with await logged_client(store, credentials, issued, stream) as client:
        await client.post("Customer", json={"shortID": canary, "name": canary})
        for path in (f"Customer/{canary}", f"Customer/All?x={canary}", f"Customer/All?sort={canary}", canary):
            await client.get(path)
            await client.get(path, headers={"Authorization": f"Bearer {canary}", "User-Agent": canary})
        await client.post("Token", data={"grant_type": canary, "client_id": canary, "client_secret": canary})
        await client.post("Token", data={"grant_type": "client_credentials"}, auth=(canary, canary))
        await client.request(canary, "Customer")
        await client.get("Customer/All", headers=[("Authorization", canary), ("Authorization", canary)])
    await asyncio.sleep(0)
    text = stream.getvalue()
    assert len(text.splitlines()) == 13
    assert canary not in text.lower()
    assert issued.client_secret not in text


async def test_hashes_of_two_processes_differ(store: Store, credentials: Credentials, issued: IssuedCredential) -> None:
    stream = io.StringIO()
    for _ in range(2):
        async with await logged_client(store, credentials, issued, stream) as client:
            await client.get("Customer/A")
    first, second = await entries(stream)
    assert first["customer"] != second["customer"]


async def test_full_disk_costs_lines_and_no_answers(
    store: Store, credentials: Credentials, issued: IssuedCredential, full_disk: TextIO
) -> None:
    async with await logged_client(store, credentials, issued, full_disk) as client:
        for number in range(200):
            assert (await client.post("Customer", json={"shortID": f"A{number}"})).status_code == 201


async def test_request_that_ends_in_an_exception_is_logged(issued: IssuedCredential) -> None:
    async def failing(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ZeroDivisionError

    stream = io.StringIO()
    app: ASGIApp = AccessLog(failing, stream)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
        with pytest.raises(ZeroDivisionError):
            await client.get("Customer/All")
    assert [(line["method"], line["status"]) for line in await entries(stream)] == [("GET", None)]


def test_client_that_leaves_before_its_answer_is_logged(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    with running_service(access_log=path) as service:
        head = service.head("POST", "/api/v1/Customer", "Content-Length: 1000")
        with service.connect(head):
            assert httpx.get(f"{service.url}/openapi.json").status_code == 200
        with service.connect(service.head("GET", "/api/v1/Customer/All", "Connection: close")) as connection:
            assert b"200 OK" in read_to_end(connection)
        assert service.stop()[0] == 0
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    # Its answer, that the body did not come, reached nobody.
    assert sorted((line["method"], line["path"], line["status"]) for line in lines) == [
        ("GET", "/api/v1/Customer/All", 200),
        ("GET", "/api/v1/openapi.json", 200),
        ("POST", "/api/v1/Customer", 400),
    ]
