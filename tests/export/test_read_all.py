"""Reading all customers: while customers are added, and from servers with moving rows and wrong totals."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.api.client import CustomerApi
from app.errors import DockbookError, ExportFailed, RateLimited
from app.export.read_all import LONGEST_WAIT, TRIES, AllCustomers
from app.mirror.completeness import MAX_PASSES
from app.repository.repository import CustomerRepository
from app.repository.source import CustomerSource
from app.service.app import create_app
from app.service.credentials import Credentials
from app.service.sample.generator import load_sample
from app.service.store import Store
from tests.fakes import FakeClock, ScriptedTransport, client
from tests.harness import URL, FaultyTransport, Forward


class FakeServer:
    """A server's list of IDs. `fault` may change a page; `on_response` runs after each response."""

    def __init__(self, ids: list[str], *, max_page_size: int = 250) -> None:
        self.ids = ids
        self.max_page_size = max_page_size
        self.fault: Callable[[dict[str, Any], int], dict[str, Any]] = lambda page, _: page
        self.on_response: Callable[[int], None] = lambda _: None
        self.request_count = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Return the page that was requested."""
        self.request_count += 1
        number = int(request.url.params["page"])
        size = min(int(request.url.params["pageSize"]), self.max_page_size)
        page = self.page(number, size)
        self.on_response(self.request_count)
        return httpx.Response(200, json=self.fault(page, number))

    def page(self, number: int, size: int) -> dict[str, Any]:
        """The correct page."""
        rows = [{"shortID": short_id, "active": True} for short_id in self.ids[(number - 1) * size : number * size]]
        total = len(self.ids)
        return {"value": rows, "totalCount": total, "page": number, "pageSize": size, "hasMore": number * size < total}


def names(count: int) -> list[str]:
    return [f"C{number:05}" for number in range(count)]


async def collect(reader: AllCustomers) -> list[str]:
    return [customer.short_id async for batch in reader.customers() for customer in batch]


async def export(server: Callable[[httpx.Request], httpx.Response]) -> list[str]:
    """Read all customers; returns their IDs after checking that none is repeated."""
    async with client(ScriptedTransport(server)) as api:

        async def connect() -> CustomerApi:
            return api

        reader = AllCustomers(
            CustomerRepository(CustomerSource(connect)), on_progress=lambda _, total: None, on_wait=lambda _: None
        )
        ids = await collect(reader)
    assert len(ids) == len(set(ids))
    return ids


@pytest.mark.promise("T6")
async def test_customers_added_meanwhile_are_read_once() -> None:
    store = Store.open(None)
    load_sample(store, 600, lambda done, total: None)
    credentials = Credentials()
    issued = credentials.issue(frozenset({130}))
    transport = FaultyTransport(httpx.ASGITransport(create_app(store, credentials), raise_app_exceptions=False))
    in_flight = 0

    async def add(request: httpx.Request, forward: Forward) -> httpx.Response:
        nonlocal in_flight
        in_flight += 1
        assert in_flight == 1, "one request at a time"
        if len(transport.requests) in (2, 3):
            await store.upsert(f"AAA-{len(transport.requests)}", {}, only_new=True)
            await store.upsert(f"zzz-{len(transport.requests)}", {}, only_new=True)
        response = await forward()
        in_flight -= 1
        return response

    transport.intercept = add

    async def connect() -> CustomerApi:
        return CustomerApi(URL, issued.client_id, issued.client_secret, transport=transport)

    progress: list[tuple[int, int | None]] = []
    repository = CustomerRepository(CustomerSource(connect, on_close=store.close))
    reader = AllCustomers(repository, on_progress=lambda *how: progress.append(how), on_wait=lambda left: None)
    ids = await collect(reader)
    await repository.close()
    assert len(ids) == len(set(ids)) == 604
    assert {"AAA-2", "AAA-3", "zzz-2", "zzz-3"} <= set(ids)
    assert transport.requests[0].url.params["pageSize"] == "250"
    assert transport.requests[0].url.params["sort"] == "shortID"
    assert len(transport.requests) == 6
    assert progress[-1] == (604, 604)
    assert reader.notes == []


@pytest.mark.parametrize(("count", "requests"), [(0, 1), (1, 1), (250, 1), (251, 2), (1000, 4)])
async def test_no_page_is_requested_in_vain(count: int, requests: int) -> None:
    server = FakeServer(names(count))
    assert await export(server) == server.ids
    assert server.request_count == requests


@pytest.mark.promise("T6")
async def test_removed_customer_triggers_second_pass() -> None:
    server = FakeServer(names(600))
    server.on_response = lambda count: server.ids.remove("C00007") if count == 1 else None
    ids = await export(server)
    assert sorted(ids) == names(600), "C00250 moved to a page that was already read"
    assert server.request_count == 6


@pytest.mark.promise("T6")
@settings(max_examples=200, deadline=None)
@given(
    count=st.integers(0, 24),
    changes=st.lists(st.tuples(st.sampled_from("+-="), st.integers(0, 99)), max_size=20),
)
async def test_every_lasting_customer_is_read(count: int, changes: list[tuple[str, int]]) -> None:
    server = FakeServer([f"C{2 * number:03}" for number in range(count)], max_page_size=5)
    lasting = set(server.ids)

    def move(count: int) -> None:
        kind, place = changes[count - 1] if count <= len(changes) else ("=", 0)
        if kind == "+":
            server.ids = sorted({*server.ids, f"C{place:03}"})
        elif kind == "-" and server.ids:
            lasting.discard(server.ids.pop(place % len(server.ids)))

    server.on_response = move
    try:
        ids = await export(server)
    except ExportFailed:
        assert changes
    else:
        assert lasting <= set(ids)
    assert server.request_count <= MAX_PASSES * (2 * (count // 5 + 1) + 10)


RECOVERABLE_FAULTS: dict[str, Callable[[dict[str, Any], int], dict[str, Any]]] = {
    "always more": lambda page, _: page | {"hasMore": True},
    "never more": lambda page, _: page | {"hasMore": False},
    "no more, no word": lambda page, _: page | {"hasMore": None},
    "no total": lambda page, _: page | {"totalCount": None},
    "no total, no word of more": lambda page, _: page | {"totalCount": -1, "hasMore": "yes"},
    "the sort is ignored": lambda page, _: page | {"value": page["value"][::-1]},
}


@pytest.mark.promise("T6")
@pytest.mark.parametrize("fault", RECOVERABLE_FAULTS)
@pytest.mark.parametrize("max_page_size", [250, 100])
async def test_recoverable_wrong_totals_are_ignored(fault: str, max_page_size: int) -> None:
    server = FakeServer(names(1000), max_page_size=max_page_size)
    server.fault = RECOVERABLE_FAULTS[fault]
    assert sorted(await export(server)) == server.ids
    assert server.request_count <= 1000 // max_page_size + 1


FATAL_FAULTS: dict[str, Callable[[dict[str, Any], int], dict[str, Any]]] = {
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
@pytest.mark.parametrize("fault", FATAL_FAULTS)
async def test_inconsistent_totals_fail_after_few_requests(fault: str) -> None:
    server = FakeServer(names(1000))
    server.fault = FATAL_FAULTS[fault]
    with pytest.raises(ExportFailed):
        await export(server)
    assert server.request_count <= 20


@pytest.mark.promise("T6")
async def test_random_order_is_not_reported_complete() -> None:
    server = FakeServer(names(1000))

    def shuffle(count: int) -> None:
        server.ids = server.ids[count * 37 :] + server.ids[: count * 37]

    server.on_response = shuffle
    try:
        assert len(await export(server)) == 1000
    except ExportFailed:
        assert server.request_count <= 20


@pytest.mark.promise("T5")
async def test_records_without_id_are_read() -> None:
    odd: list[dict[str, object]] = [{"name": "a"}, {"name": "b"}, {"shortID": 5}, {"shortID": "5"}, {"shortID": None}]

    def respond(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"value": odd, "totalCount": 5, "hasMore": False})

    async with client(ScriptedTransport(respond)) as api:

        async def connect() -> CustomerApi:
            return api

        reader = AllCustomers(
            CustomerRepository(CustomerSource(connect)), on_progress=lambda _, total: None, on_wait=lambda _: None
        )
        received = [customer.received async for batch in reader.customers() for customer in batch]
    assert received == odd


async def throttled(retry_after: str | None, times: int) -> tuple[list[int], FakeClock, int]:
    """Export from a server that refuses `times` requests; returns the countdown, the clock and the refusals."""
    server = FakeServer(names(300))
    refused = 0

    def respond(request: httpx.Request) -> httpx.Response:
        nonlocal refused
        if request.url.params["page"] == "2" and refused < times:
            refused += 1
            return httpx.Response(429, headers={} if retry_after is None else {"Retry-After": retry_after})
        return server(request)

    time = FakeClock()
    countdown: list[int] = []
    async with client(ScriptedTransport(respond), time=time) as api:

        async def connect() -> CustomerApi:
            return api

        repository = CustomerRepository(CustomerSource(connect))
        reader = AllCustomers(repository, on_progress=lambda _, total: None, on_wait=countdown.append, sleep=time.sleep)
        assert await collect(reader) == server.ids
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
    server = FakeServer(names(600))

    def respond(request: httpx.Request) -> httpx.Response:
        return server(request) if request.url.params["page"] == "1" else httpx.Response(500, json={"error": "x"})

    with pytest.raises(DockbookError):
        await export(respond)
