"""The permission matrix, exact; and a refused write changes nothing."""

from collections.abc import AsyncIterator
from itertools import product

import httpx
import pytest

from app.service.app import create_app
from app.service.credentials import Credentials
from app.service.database import credential_table
from app.service.database.base import Session
from app.service.store import Store

LIFETIME = 14399
OPERATIONS = {
    "list": ("GET", "Customer/All", None, 130, 200),
    "get": ("GET", "Customer/KNOWN", None, 130, 200),
    "get unknown": ("GET", "Customer/UNKNOWN", None, 130, 404),
    "create": ("POST", "Customer", {"shortID": "NEW"}, 131, 201),
    "update": ("POST", "Customer", {"shortID": "KNOWN", "name": "Changed"}, 131, 200),
    "discontinue": ("DELETE", "Customer/KNOWN", None, 131, 204),
    "discontinue unknown": ("DELETE", "Customer/UNKNOWN", None, 131, 404),
}
PERMISSIONS = (frozenset[int](), frozenset({130}), frozenset({131}), frozenset({130, 131}))


class ManualClock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hands() -> ManualClock:
    return ManualClock()


@pytest.fixture
def credentials(store: Store, hands: ManualClock) -> Credentials:
    return Credentials(store.database, expires_in=LIFETIME, clock=hands)


@pytest.fixture
async def bare(store: Store, credentials: Credentials) -> AsyncIterator[httpx.AsyncClient]:
    await store.upsert("KNOWN", {"name": "As it was"})
    transport = httpx.ASGITransport(create_app(store, credentials))
    async with httpx.AsyncClient(transport=transport, base_url="http://service/api/v1/") as client:
        yield client


async def all_rows(store: Store) -> list[object]:
    """All customers and their history."""

    def read(session: Session) -> list[object]:
        return [
            session.execute(f"SELECT * FROM {table} ORDER BY shortID, version").fetchall()  # noqa: S608
            for table in ("customer", "history")
        ]

    return await store.database.read(read)


@pytest.mark.promise("S2")
@pytest.mark.parametrize(("operation", "permissions"), product(OPERATIONS, PERMISSIONS), ids=str)
@pytest.mark.parametrize("token", ["valid", "last second", "expired", "malformed", "cut", "basic", "none"])
async def test_permission_matrix(
    bare: httpx.AsyncClient,
    credentials: Credentials,
    hands: ManualClock,
    store: Store,
    operation: str,
    permissions: frozenset[int],
    token: str,
) -> None:
    method, path, body, needed, done = OPERATIONS[operation]
    issued = await store.database.write(credential_table.add("somebody", permissions))
    granted = await credentials.issue_token(issued.client_id, issued.client_secret)
    hands.now += {"last second": LIFETIME - 1, "expired": LIFETIME}.get(token, 0)
    headers = {
        "malformed": {"Authorization": f"Bearer {granted} {granted}"},
        "cut": {"Authorization": f"Bearer {granted[:-1]}"},
        "basic": {"Authorization": f"Basic {granted}"},
        "none": {},
    }.get(token, {"Authorization": f"Bearer {granted}"})
    expected: int
    code: str | None
    if token not in ("valid", "last second"):
        expected, code = 401, "unauthorized"
    elif needed not in permissions:
        expected, code = 403, "forbidden"
    else:
        expected, code = done, "not_found" if done == 404 else None
    before = await all_rows(store)
    answer = await bare.request(method, path, json=body, headers=headers)
    assert answer.status_code == expected
    if code is not None:
        assert answer.json()["error"] == code
    changed = await all_rows(store) != before
    assert changed == (method != "GET" and expected in (200, 201, 204))


@pytest.mark.promise("S2", "A2")
async def test_revoked_permission_takes_effect_at_once(bare: httpx.AsyncClient, credentials: Credentials) -> None:
    issued = credentials.issue(frozenset({130, 131}))
    headers = {"Authorization": f"Bearer {await credentials.issue_token(issued.client_id, issued.client_secret)}"}
    credentials.set_permissions(issued.client_id, frozenset({130}))
    assert (await bare.delete("Customer/KNOWN", headers=headers)).status_code == 403
    assert (await bare.get("Customer/KNOWN", headers=headers)).json()["active"] is True
    credentials.disable(issued.client_id)
    assert (await bare.get("Customer/KNOWN", headers=headers)).status_code == 401


@pytest.mark.promise("S2")
async def test_forbidden_body_is_not_read(bare: httpx.AsyncClient, credentials: Credentials) -> None:
    issued = credentials.issue(frozenset({130}))
    headers = {"Authorization": f"Bearer {await credentials.issue_token(issued.client_id, issued.client_secret)}"}
    assert (await bare.post("Customer", content=b"{", headers=headers)).status_code == 403
