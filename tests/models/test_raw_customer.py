"""A raw customer is stored exactly as the validated customer would be."""

import asyncio
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.mirror.rows import encode_row
from app.models.customer import Customer
from app.models.fields import PageRequest
from app.models.raw_customer import RawCustomer, parse_record
from tests.customers import ACME
from tests.fakes import EMPTY_PAGE, ScriptedTransport, client

VALUES = st.sampled_from(
    ["", "x", "A\x1fB", "\x00", "ä", "\ud800", "2024-02-30T00:00:00", "2024-02-29T00:00:00Z", None, True, 7]
)


@pytest.mark.promise("W5")
@given(st.dictionaries(st.sampled_from([*ACME, "colour"]), VALUES, max_size=4), st.permutations([*ACME]))
@example({}, [*ACME])
@example({"active": 1}, [*ACME])
def test_raw_customer_stores_same_row_as_customer(changes: dict[str, Any], order: list[str]) -> None:
    record = {name: ACME[name] for name in order} | changes
    read, customer = parse_record(record), Customer.from_wire(record)
    assert encode_row(read) == encode_row(customer)
    assert isinstance(read, RawCustomer) is (not customer.problems)
    assert (read.short_id, read.modified, dict(read.problems)) == (
        *(customer.short_id, customer.modified, customer.problems),
    )
    assert read.received == customer.received


async def test_raw_page_equals_parsed_page() -> None:
    body = EMPTY_PAGE | {"value": [ACME, {"shortID": 7}, None], "totalCount": 3, "hasMore": True}
    async with client(ScriptedTransport(lambda _: httpx.Response(200, json=body))) as api:
        page = await api.list_page(PageRequest())
        records = await api.list_raw(PageRequest())
    assert [encode_row(row) for row in records.rows] == [encode_row(row) for row in page.rows]
    assert (records.total, records.has_more) == (page.total, page.has_more) == (3, True)


async def test_large_raw_page_yields_to_event_loop() -> None:
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    body = EMPTY_PAGE | {"value": [ACME] * 250}
    async with client(ScriptedTransport(lambda _: httpx.Response(200, json=body))) as api:
        counting = asyncio.create_task(count_turns())
        assert len((await api.list_raw(PageRequest())).rows) == 250
        counting.cancel()
    assert turns > 10
