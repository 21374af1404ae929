"""The walk over all pages: on the real service while customers are added, and on servers that move rows and lie."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.api.client import CustomerApi
from app.errors import DockbookError, ExportFailed, RateLimited
from app.export.read_all import LONGEST_WAIT, TRIES, AllCustomers
from app.mirror.completeness import READINGS
from app.repository.repository import CustomerRepository
from app.service.app import create_app
from app.service.credentials import Credentials
from app.service.sample.generator import load_sample
from app.service.store import Store
from tests.fakes import FakeClock, ScriptedTransport, client
from tests.harness import URL, FaultyTransport

Onward = Callable[[], Awaitable[httpx.Response]]


class Listing:
    """A server's list of IDs, honest but for `lie`, which bends a page, and `move`, which runs after each answer."""

    def __init__(self, ids: list[str], *, most: int = 250) -> None:
        self.ids = ids
        self.most = most
        self.lie: Callable[[dict[str, Any], int], dict[str, Any]] = lambda page, _: page
        self.move: Callable[[int], None] = lambda _: None
        self.asked = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer with a page."""
        self.asked += 1
        number = int(request.url.params["page"])
        size = min(int(request.url.params["pageSize"]), self.most)
        page = self.page(number, size)
        self.move(self.asked)
        return httpx.Response(200, json=self.lie(page, number))

    def page(self, number: int, size: int) -> dict[str, Any]:
        """The page as it would be told truly."""
        rows = [{"shortID": short_id, "active": True} for short_id in self.ids[(number - 1) * size : number * size]]
        total = len(self.ids)
        return {"value": rows, "totalCount": total, "page": number, "pageSize": size, "hasMore": number * size < total}


def names(count: int) -> list[str]:
    return [f"C{number:05}" for number in range(count)]


async def collect(walk: AllCustomers) -> list[str]:
    return [customer.short_id async for batch in walk.customers() for customer in batch]


async def export(server: Callable[[httpx.Request], httpx.Response]) -> list[str]:
    """The IDs that a whole walk brings, none of them twice."""
    async with client(ScriptedTransport(server)) as api:

        async def connect() -> CustomerApi:
            return api

        walk = AllCustomers(CustomerRepository(connect), on_progress=lambda _, total: None, on_wait=lambda _: None)
        ids = await collect(walk)
    assert len(ids) == len(set(ids))
    return ids


@pytest.mark.promise("T6")
async def test_customers_added_meanwhile_are_read_once() -> None:
    store = Store.open(None)
    load_sample(store, 600, lambda done, total: None)
    credentials = Credentials()
    issued = credentials.issue(frozenset({130}))
    wire = FaultyTransport(httpx.ASGITransport(create_app(store, credentials), raise_app_exceptions=False))
    under_way = 0

    async def add(request: httpx.Request, onward: Onward) -> httpx.Response:
        nonlocal under_way
        under_way += 1
        assert under_way == 1, "one request at a time"
        if len(wire.requests) in (2, 3):
            await store.upsert(f"AAA-{len(wire.requests)}", {}, only_new=True)
            await store.upsert(f"zzz-{len(wire.requests)}", {}, only_new=True)
        response = await onward()
        under_way -= 1
        return response

    wire.intercept = add

    async def connect() -> CustomerApi:
        return CustomerApi(URL, issued.client_id, issued.client_secret, transport=wire)

    told: list[tuple[int, int | None]] = []
    repository = CustomerRepository(connect, read_only=True, on_close=store.close)
    walk = AllCustomers(repository, on_progress=lambda *how: told.append(how), on_wait=lambda left: None)
    ids = await collect(walk)
    await repository.close()
    assert len(ids) == len(set(ids)) == 604
    assert {"AAA-2", "AAA-3", "zzz-2", "zzz-3"} <= set(ids)
    assert wire.requests[0].url.params["pageSize"] == "250"
    assert wire.requests[0].url.params["sort"] == "shortID"
    assert len(wire.requests) == 6
    assert told[-1] == (604, 604)
    assert walk.notes == []


@pytest.mark.parametrize(("count", "requests"), [(0, 1), (1, 1), (250, 1), (251, 2), (1000, 4)])
async def test_no_page_is_requested_in_vain(count: int, requests: int) -> None:
    listing = Listing(names(count))
    assert await export(listing) == listing.ids
    assert listing.asked == requests


@pytest.mark.promise("T6")
async def test_removed_customer_triggers_second_pass() -> None:
    listing = Listing(names(600))
    listing.move = lambda asked: listing.ids.remove("C00007") if asked == 1 else None
    ids = await export(listing)
    assert sorted(ids) == names(600), "C00250 slipped onto the page that was read already"
    assert listing.asked == 6


@pytest.mark.promise("T6")
@settings(max_examples=200, deadline=None)
@given(
    count=st.integers(0, 24),
    moves=st.lists(st.tuples(st.sampled_from("+-="), st.integers(0, 99)), max_size=20),
)
async def test_every_lasting_customer_is_read(count: int, moves: list[tuple[str, int]]) -> None:
    listing = Listing([f"C{2 * number:03}" for number in range(count)], most=5)
    lasting = set(listing.ids)

    def move(asked: int) -> None:
        kind, place = moves[asked - 1] if asked <= len(moves) else ("=", 0)
        if kind == "+":
            listing.ids = sorted({*listing.ids, f"C{place:03}"})
        elif kind == "-" and listing.ids:
            lasting.discard(listing.ids.pop(place % len(listing.ids)))

    listing.move = move
    try:
        ids = await export(listing)
    except ExportFailed:
        assert moves
    else:
        assert lasting <= set(ids)
    assert listing.asked <= READINGS * (2 * (count // 5 + 1) + 10)


LIES: dict[str, Callable[[dict[str, Any], int], dict[str, Any]]] = {
    "always more": lambda page, _: page | {"hasMore": True},
    "never more": lambda page, _: page | {"hasMore": False},
    "no more, no word": lambda page, _: page | {"hasMore": None},
    "no total": lambda page, _: page | {"totalCount": None},
    "no total, no word of more": lambda page, _: page | {"totalCount": -1, "hasMore": "yes"},
    "the sort is ignored": lambda page, _: page | {"value": page["value"][::-1]},
}


@pytest.mark.promise("T6")
@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("most", [250, 100])
async def test_recoverable_wrong_totals_are_ignored(lie: str, most: int) -> None:
    listing = Listing(names(1000), most=most)
    listing.lie = LIES[lie]
    assert sorted(await export(listing)) == listing.ids
    assert listing.asked <= 1000 // most + 1


FRAUDS: dict[str, Callable[[dict[str, Any], int], dict[str, Any]]] = {
    "too large a total": lambda page, _: page | {"totalCount": 1001},
    "far too large a total": lambda page, _: page | {"totalCount": 10**12, "hasMore": True},
    "too small a total": lambda page, _: page | {"totalCount": 999},
    "the total of a page": lambda page, _: page | {"totalCount": 250},
    "always the first page": lambda page, _: page | {"value": [{"shortID": f"C{n:05}"} for n in range(250)]},
    "the first page, no total": lambda page, _: (
        page | {"value": [{"shortID": "A"}], "totalCount": None, "hasMore": True}
    ),
    "one customer twice": lambda page, number: (
        page | {"value": [*page["value"][1:], {"shortID": "C00999"}]} if number == 1 else page
    ),
    "no end": lambda page, number: (
        page
        | {
            "value": [{"shortID": f"{number}-{n}"} for n in range(250)],
            "totalCount": 250 * number + 1,
            "hasMore": True,
        }
    ),
}


@pytest.mark.promise("T6")
@pytest.mark.parametrize("fraud", FRAUDS)
async def test_inconsistent_totals_fail_after_few_requests(fraud: str) -> None:
    listing = Listing(names(1000))
    listing.lie = FRAUDS[fraud]
    with pytest.raises(ExportFailed):
        await export(listing)
    assert listing.asked <= 20


@pytest.mark.promise("T6")
async def test_random_order_is_not_reported_complete() -> None:
    listing = Listing(names(1000))

    def shuffle(asked: int) -> None:
        listing.ids = listing.ids[asked * 37 :] + listing.ids[: asked * 37]

    listing.move = shuffle
    try:
        assert len(await export(listing)) == 1000
    except ExportFailed:
        assert listing.asked <= 20


@pytest.mark.promise("T5")
async def test_records_without_id_are_read() -> None:
    odd: list[dict[str, object]] = [{"name": "a"}, {"name": "b"}, {"shortID": 5}, {"shortID": "5"}, {"shortID": None}]

    def server(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"value": odd, "totalCount": 5, "hasMore": False})

    async with client(ScriptedTransport(server)) as api:

        async def connect() -> CustomerApi:
            return api

        walk = AllCustomers(CustomerRepository(connect), on_progress=lambda _, total: None, on_wait=lambda _: None)
        received = [customer.received async for batch in walk.customers() for customer in batch]
    assert received == odd


async def throttled(retry_after: str | None, times: int) -> tuple[list[int], FakeClock, int]:
    """Export from a server that refuses so many times; the countdown, the clock, and the requests."""
    listing = Listing(names(300))
    refused = 0

    def server(request: httpx.Request) -> httpx.Response:
        nonlocal refused
        if request.url.params["page"] == "2" and refused < times:
            refused += 1
            return httpx.Response(429, headers={} if retry_after is None else {"Retry-After": retry_after})
        return listing(request)

    time = FakeClock()
    countdown: list[int] = []
    async with client(ScriptedTransport(server), time=time) as api:

        async def connect() -> CustomerApi:
            return api

        repository = CustomerRepository(connect)
        walk = AllCustomers(repository, on_progress=lambda _, total: None, on_wait=countdown.append, sleep=time.sleep)
        assert await collect(walk) == listing.ids
    return countdown, time, refused


@pytest.mark.promise("N6")
async def test_export_obeys_retry_after() -> None:
    countdown, time, refused = await throttled("30", 2)
    assert countdown == [*range(30, 0, -1)] * 2
    assert time.now >= 1_060
    assert refused == 2


@pytest.mark.promise("N6")
@pytest.mark.parametrize(("retry_after", "times"), [(str(LONGEST_WAIT + 1), 1), ("30", TRIES), (None, 99)])
async def test_excessive_retry_after_fails_export(retry_after: str | None, times: int) -> None:
    with pytest.raises(RateLimited):
        await throttled(retry_after, times)


async def test_server_fault_fails_export() -> None:
    listing = Listing(names(600))

    def server(request: httpx.Request) -> httpx.Response:
        return listing(request) if request.url.params["page"] == "1" else httpx.Response(500, json={"error": "x"})

    with pytest.raises(DockbookError):
        await export(server)
