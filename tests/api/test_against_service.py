"""The API client against the real service, without a socket."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.api.client import CustomerApi
from app.errors import CredentialsRejected, Forbidden, NotFound, PreconditionFailed, ValidationFailed
from app.models.fields import PageRequest
from app.service.app import create_app
from app.service.credentials import Credentials
from app.service.store import Store

BASE = "http://dockbook.local/api/v1"
IDS = ["ACME-CORP", "acme-corp", "A/B", "A%2FB", "a  b", "ü", "?x#y", "+", "%", "../x", "all", "日本"]


class ServiceHarness:
    """A service, its credentials, and API clients for it."""

    def __init__(self) -> None:
        self.store = Store.open(None)
        self.credentials = Credentials()
        app = create_app(self.store, self.credentials)
        self.transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)

    def client(self, *permissions: int, secret: str | None = None) -> CustomerApi:
        """A client with these permissions."""
        issued = self.credentials.issue(frozenset(permissions))
        return CustomerApi(BASE, issued.client_id, secret or issued.client_secret, transport=self.transport)


@pytest.fixture
async def service() -> AsyncIterator[ServiceHarness]:
    """A service with an empty store."""
    service = ServiceHarness()
    yield service
    await service.store.close()


@pytest.mark.promise("S1")
async def test_customer_is_created_changed_and_discontinued(service: ServiceHarness) -> None:
    api = service.client(130, 131)
    made = await api.upsert({"shortID": "ACME-CORP", "name": "Acme"}, only_new=True)
    assert (made.name, made.status) == ("Acme", "active")
    assert made.etag
    read = await api.get("ACME-CORP")
    assert (read, read.etag) == (made, made.etag)
    changed = await api.upsert(read.upsert_body({"phone": "555-0199"}), if_match=read.etag)
    assert (changed.name, changed.phone) == ("Acme", "555-0199")
    assert changed.etag != made.etag
    with pytest.raises(PreconditionFailed):
        await api.upsert(read.upsert_body({"phone": "555-0100"}), if_match=read.etag)
    with pytest.raises(PreconditionFailed):
        await api.upsert({"shortID": "ACME-CORP"}, only_new=True)
    await api.discontinue("ACME-CORP")
    await api.discontinue("ACME-CORP")
    assert (await api.get("ACME-CORP")).status == "discontinued"
    assert (await api.get("ACME-CORP")).problems == {}
    await api.close()


async def test_every_accepted_id_can_be_read(service: ServiceHarness) -> None:
    api = service.client(130, 131)
    for short_id in IDS:
        await api.upsert({"shortID": short_id, "name": f"name of {short_id}"}, only_new=True)
    for short_id in IDS:
        assert (await api.get(short_id)).name == f"name of {short_id}"
    first = await api.list_page(PageRequest(1, 7))
    second = await api.list_page(PageRequest(2, 7))
    assert sorted(row.short_id for row in (*first.rows, *second.rows)) == sorted(IDS)
    assert (first.total, first.page_count, first.has_more, second.has_more) == (len(IDS), 2, True, False)
    await api.close()


@pytest.mark.promise("A2")
async def test_service_refusals_become_typed_errors(service: ServiceHarness) -> None:
    reader, writer = service.client(130), service.client(131)
    with pytest.raises(NotFound):
        await reader.get("NOBODY")
    with pytest.raises(Forbidden) as caught:
        await reader.upsert({"shortID": "A"})
    assert caught.value.permission == 131
    with pytest.raises(Forbidden) as caught:
        await writer.list_page(PageRequest())
    assert caught.value.permission == 130
    with pytest.raises(NotFound):
        await writer.discontinue("NOBODY")
    with pytest.raises(ValidationFailed) as invalid:
        await writer.upsert({"shortID": "A", "name": "x" * 201})
    assert "name" in invalid.value.response.details
    unknown = service.client(130, secret="wrong-secret")
    with pytest.raises(CredentialsRejected):
        await unknown.get("A")
    for api in (reader, writer, unknown):
        await api.close()


@pytest.mark.promise("A1")
async def test_disabled_credential_is_rejected(service: ServiceHarness) -> None:
    api = service.client(130)
    await api.list_page(PageRequest())
    for client_id in list(service.credentials._temporary):
        service.credentials.disable(client_id)
    with pytest.raises(CredentialsRejected):
        await api.list_page(PageRequest())
    await api.close()
