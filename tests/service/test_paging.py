"""Pages: parameters, counts, headers, and a total order for every sort column."""

import json
from datetime import datetime, timedelta
from itertools import count

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.models.fields import ID_FIELD, SORTABLE_FIELDS, Direction, PageRequest
from app.service.sample.generator import load_sample
from app.service.store import Store


@pytest.fixture
def filled(store: Store) -> Store:
    load_sample(store, 48, lambda _done, _count: None)
    return store


@pytest.mark.usefixtures("filled")
async def test_first_page_is_as_in_the_spec(client: httpx.AsyncClient) -> None:
    answer = await client.get("Customer/All")
    body = answer.json()
    assert answer.status_code == 200
    assert list(body) == ["value", "totalCount", "page", "pageSize", "pageCount", "hasMore"]
    assert len(body.pop("value")) == 25
    assert body == {"totalCount": 48, "page": 1, "pageSize": 25, "pageCount": 2, "hasMore": True}
    headers = {name: answer.headers[name] for name in ("X-Total-Count", "X-Page-Size", "X-Page", "X-API-Version")}
    assert headers == {"X-Total-Count": "48", "X-Page-Size": "25", "X-Page": "1", "X-API-Version": "v1"}


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("query", "rows", "size", "pages", "more"),
    [
        ("page=2", 23, 25, 2, False),
        ("page=3", 0, 25, 2, False),
        ("page=2147483647&pageSize=250", 0, 250, 1, False),
        ("pageSize=48", 48, 48, 1, False),
        ("pageSize=47", 47, 47, 2, True),
        ("pageSize=1&page=48", 1, 1, 48, False),
        ("pageSize=251", 48, 250, 1, False),
        (f"pageSize={'9' * 6000}", 48, 250, 1, False),
        ("unknown=1&page=1", 25, 25, 2, True),
    ],
)
async def test_page_counts_add_up(
    client: httpx.AsyncClient, query: str, rows: int, size: int, pages: int, more: bool
) -> None:
    body = (await client.get(f"Customer/All?{query}")).json()
    counts = (len(body["value"]), body["pageSize"], body["pageCount"], body["hasMore"], body["totalCount"])
    assert counts == (rows, size, pages, more, 48)


async def test_empty_book_has_no_page(client: httpx.AsyncClient) -> None:
    body = (await client.get("Customer/All")).json()
    assert body == {"value": [], "totalCount": 0, "page": 1, "pageSize": 25, "pageCount": 0, "hasMore": False}


@pytest.mark.parametrize(
    "query",
    [
        *("page=0", "page=-1", "page=", "page=x", "page=1.0", "page=%2B1", "page=1e3", "page=٣", "page=2147483648"),
        *(f"page={'9' * 6000}", "page=1&page=2", "page=%00", "page=%FF", "pageSize=0", "pageSize=-5", "pageSize="),
        *("sort=", "sort=phone", "sort=shortid", "sort=name%20DESC", "sort=row", "sort=name&sort=name"),
        *("direction=", "direction=asc", "direction=UP", "modifiedSince=", "modifiedSince=yesterday"),
        *(
            "modifiedSince=2024-13-01T00:00:00",
            "modifiedSince=2023-02-29T00:00:00",
            "modifiedSince=2024-01-01T24:00:00",
        ),
        *("modifiedSince=0000-01-01T00:00:00", "modifiedSince=20240101", "modifiedSince=2024-01-01T00:00:00%00"),
    ],
)
async def test_invalid_parameter_is_a_bad_request(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"Customer/All?{query}")
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")
    assert "details" not in answer.json()


@pytest.mark.usefixtures("filled")
async def test_modified_since_is_inclusive_and_reads_time_zones(client: httpx.AsyncClient) -> None:
    everyone = (await client.get("Customer/All?pageSize=250&sort=modified")).json()["value"]
    moment = everyone[30]["modified"]
    expected = [record for record in everyone if record["modified"] >= moment]
    assert moment.endswith(":00")
    there = datetime.fromisoformat(moment) + timedelta(hours=5, minutes=30)
    for text in (moment, f"{moment}Z", f"{moment}.000", f"{there.isoformat()}%2B05:30", f"{moment[:-3]}"):
        body = (await client.get(f"Customer/All?pageSize=250&sort=modified&modifiedSince={text}")).json()
        assert body["value"] == expected, text
        assert body["totalCount"] == len(expected)
    for text, total in (("0001-01-01T00:00:00%2B13:00", 48), ("9999-12-31T23:59:59-13:00", 0), ("2000-02-29", 48)):
        assert (await client.get(f"Customer/All?modifiedSince={text}")).json()["totalCount"] == total, text


async def test_modified_since_sorts_few_and_many_changes_alike(store: Store) -> None:
    load_sample(store, 12_000, lambda _done, _count: None)
    moments = [row["modified"] for row in json.loads((await store.page(PageRequest(1, 12_000, "modified"))).records)]
    for since in (moments[100], moments[11_900]):
        for sort in SORTABLE_FIELDS:
            everyone = json.loads((await store.page(PageRequest(1, 12_000, sort, "DESC"))).records)
            expected = [row for row in everyone if row["modified"] >= since]
            found = await store.page(PageRequest(3, 25, sort, "DESC", since))
            assert found.total == len(expected)
            assert json.loads(found.records) == expected[50:75]


TEXTS = st.text(st.sampled_from("aAbBzZ0 é東🚚"), max_size=3)


@settings(max_examples=25, deadline=None)
@given(
    cities=st.lists(TEXTS, min_size=1, max_size=12),
    gone=st.sets(st.integers(0, 11)),
    sort=st.sampled_from(SORTABLE_FIELDS),
    direction=st.sampled_from(["ASC", "DESC"]),
    size=st.integers(1, 13),
)
async def test_pages_together_list_every_customer_once_in_order(
    cities: list[str], gone: set[int], sort: str, direction: Direction, size: int
) -> None:
    ticks = count()
    store = Store.open(None, clock=lambda: datetime(2024, 1, 1) + timedelta(seconds=next(ticks) // 3))  # noqa: DTZ001
    try:
        for number, city in enumerate(cities):
            await store.upsert(f"{'éZa'[number % 3]}{number}", {"city": city, "name": city[:1], "contact": city[1:]})
            if number in gone:
                await store.discontinue(f"{'éZa'[number % 3]}{number}")
        rows = []
        for page in range(1, len(cities) // size + 2):
            found = await store.page(PageRequest(page=page, page_size=size, sort=sort, direction=direction))
            assert found.total == len(cities)
            rows += json.loads(found.records)
    finally:
        await store.close()
    assert rows == sorted(rows, key=lambda row: (row[sort], row[ID_FIELD]), reverse=direction == "DESC")
    assert len({row[ID_FIELD] for row in rows}) == len(cities)
