"""The five calls of the API client: what is sent, what is refused, and what is returned."""

import asyncio
import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.client import encode_id
from app.errors import InvalidId
from app.models.fields import PageRequest
from tests.fakes import ACME, EMPTY_PAGE, ScriptedTransport, client

INVALID_IDS = ["", " ", "\u3000\t", ".", "..", "All", "a\nb", "\x00", "\x7f", "\x85", "\ud800", "x" * 3000]


@pytest.mark.parametrize("short_id", INVALID_IDS)
async def test_unaddressable_id_is_never_requested(short_id: str) -> None:
    transport = ScriptedTransport(lambda _: httpx.Response(200, json=ACME))
    async with client(transport) as api:
        for call in (api.get(short_id), api.discontinue(short_id), api.upsert({"shortID": short_id})):
            with pytest.raises(InvalidId):
                await call
    assert transport.requests == transport.tokens == []


@given(st.text())
def test_encoded_id_is_one_path_segment(short_id: str) -> None:
    try:
        path = encode_id(short_id)
    except InvalidId:
        return
    url = httpx.URL(f"http://wms.test/api/v1/Customer/{path}")
    assert url.raw_path == f"/api/v1/Customer/{path}".encode()
    assert url.path == f"/api/v1/Customer/{short_id}"
    assert "/" not in path


async def test_page_request_and_response_are_mapped() -> None:
    body = EMPTY_PAGE | {"value": [ACME, {"shortID": 7}], "totalCount": 2, "hasMore": True}
    transport = ScriptedTransport(lambda _: httpx.Response(200, json=body))
    async with client(transport) as api:
        page = await api.list_page(PageRequest(2, 50, "name", "DESC", "2024-11-02T14:22:00+01:00"))
    assert dict(transport.requests[0].url.params) == {
        "page": "2",
        "pageSize": "50",
        "sort": "name",
        "direction": "DESC",
        "modifiedSince": "2024-11-02T14:22:00+01:00",
    }
    assert [row.short_id for row in page.rows] == ["ACME-CORP", "7"]
    assert (page.total, page.has_more) == (2, True)


@pytest.mark.promise("W1")
@pytest.mark.parametrize(
    ("header", "etag"), [('"v1"', '"v1"'), ('W/"v1"', None), ("v1", None), ('"a" , "b"', None), ('"\xe9"', None)]
)
async def test_only_strong_etags_are_kept(header: str, etag: str | None) -> None:
    answer = httpx.Response(200, json=ACME, headers=[(b"etag", header.encode("latin-1"))])
    async with client(ScriptedTransport(lambda _: answer)) as api:
        assert (await api.get("ACME-CORP")).etag == etag
        assert (await api.upsert(ACME)).etag == etag


@pytest.mark.promise("W1")
async def test_preconditions_are_sent_only_on_request() -> None:
    transport = ScriptedTransport(lambda _: httpx.Response(201, json=ACME))
    async with client(transport) as api:
        await api.upsert(ACME)
        await api.upsert(ACME, if_match='"v1"')
        await api.upsert(ACME, only_new=True)
        with pytest.raises(ValueError, match="ETag"):
            await api.upsert(ACME, if_match='W/"v1"')
    conditions = [
        (requested.headers.get("if-match"), requested.headers.get("if-none-match")) for requested in transport.requests
    ]
    assert conditions == [(None, None), ('"v1"', None), (None, "*")]


@pytest.mark.promise("W5")
@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text(st.characters(codec=None))))
async def test_upsert_body_arrives_unchanged(body: dict[str, object]) -> None:
    transport = ScriptedTransport(lambda _: httpx.Response(200, json=ACME))
    async with client(transport) as api:
        await api.upsert(body | {"shortID": "ACME-CORP"})
    content = transport.requests[0].content
    assert content.isascii()
    assert json.loads(content) == body | {"shortID": "ACME-CORP"}


async def test_unused_client_can_be_closed_twice() -> None:
    async with client(ScriptedTransport(lambda _: httpx.Response(200))) as api:
        await api.close()


@pytest.mark.promise("N3")
async def test_close_cancels_call_waiting_for_token() -> None:
    requested = asyncio.Event()

    class Silent(ScriptedTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            requested.set()
            await asyncio.Event().wait()
            raise AssertionError

    async with client(Silent(lambda _: httpx.Response(200))) as api:
        call = asyncio.create_task(api.get("ACME-CORP"))
        await requested.wait()
        await api.close()
        await asyncio.wait({call})
    assert call.cancelled()
