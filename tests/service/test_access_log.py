"""The access log: one line for each request, and nothing of its content."""

import io
import json

import httpx
import pytest

from app.service.app import create_app
from app.service.credentials import Credentials
from app.service.store import Store


class FullDisk(io.StringIO):
    """A stream on a disk without room."""

    def write(self, _text: str) -> int:
        raise OSError(28, "No space left on device")


async def log_requests(store: Store, stream: io.StringIO) -> tuple[str, str, list[httpx.Response]]:
    """Make some requests; return the client ID, the token and the answers."""
    credentials = Credentials(store.database)
    issued = credentials.issue(frozenset({130, 131}))
    transport = httpx.ASGITransport(create_app(store, credentials, access_log=stream))
    async with httpx.AsyncClient(transport=transport, base_url="http://service/api/v1/") as client:
        form = {
            "grant_type": "client_credentials",
            "client_id": issued.client_id,
            "client_secret": issued.client_secret,
        }
        granted = await client.post("Token", data=form)
        token = granted.json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        answers = [
            granted,
            await client.post("Customer", json={"shortID": "CANARY-ID", "name": "CANARY-NAME"}),
            await client.get("Customer/CANARY-ID"),
            await client.get("Customer/All", params={"page": "2", "sort": "CANARY-SORT"}),
            await client.get("CANARY-PATH"),
            await client.get("Customer/All", headers={"Authorization": "Bearer CANARY-TOKEN"}),
        ]
    return issued.client_id, token, answers


@pytest.mark.promise("A4")
@pytest.mark.parametrize("store", ["SQLite"], indirect=True)
async def test_log_names_client_path_and_status_but_no_content(store: Store) -> None:
    stream = io.StringIO()
    client_id, token, _ = await log_requests(store, stream)
    entries = [json.loads(line) for line in stream.getvalue().splitlines()]
    seen = [(one["client"], one["method"], one["path"], one["status"]) for one in entries]
    assert seen == [
        (client_id, "POST", "/api/v1/Token", 200),
        (client_id, "POST", "/api/v1/Customer", 201),
        (client_id, "GET", "/api/v1/Customer/{id}", 200),
        (client_id, "GET", "/api/v1/Customer/All", 400),
        (None, "GET", None, 404),
        (None, "GET", "/api/v1/Customer/All", 401),
    ]
    assert entries[1]["customer"] == entries[2]["customer"] is not None
    assert entries[0]["customer"] is None
    for secret in ("CANARY", token, "client_secret"):
        assert secret not in stream.getvalue()


@pytest.mark.parametrize("store", ["SQLite"], indirect=True)
async def test_log_that_cannot_be_written_stops_nobody(store: Store) -> None:
    _, _, answers = await log_requests(store, FullDisk())
    assert [answer.status_code for answer in answers] == [200, 201, 200, 400, 404, 401]
