"""Prefetched pages answer page turns without the network, and are never stale."""

import asyncio

import pytest

from app.errors import ConnectionFailed
from app.models.customer import Page
from app.models.fields import PageRequest
from app.repository.prefetch import Prefetch
from tests.bench.paging import turn_pages

FIRST = PageRequest(page_size=10)


class FakePages:
    """A server of pages that records requests, and may be slow or unreachable."""

    def __init__(self, pages: int) -> None:
        self.pages = pages
        self.requested_pages: list[int] = []
        self.unreachable = False
        self.may_respond = asyncio.Event()
        self.may_respond.set()
        self.requested = asyncio.Event()
        self.now = 0.0

    async def fetch(self, request: PageRequest) -> Page:
        self.requested_pages.append(request.page)
        self.requested.set()
        await self.may_respond.wait()
        if self.unreachable:
            raise ConnectionFailed("gone")
        more = request.page < self.pages
        return Page(rows=(), total=None, page=request.page, page_size=10, page_count=self.pages, has_more=more)

    async def turn(self, prefetch: Prefetch, request: PageRequest) -> bool:
        """Show a page as the repository does; returns whether it was prefetched."""
        page = await prefetch.take(request)
        ahead = page is not None
        prefetch.prefetch_neighbours(request, page or await self.fetch(request))
        if prefetch._ahead is not None:
            await asyncio.wait([prefetch._ahead])
        return ahead


@pytest.fixture
def server() -> FakePages:
    return FakePages(100)


async def test_paging_forward_uses_prefetched_pages(server: FakePages) -> None:
    prefetch = Prefetch(server.fetch, lambda: server.now)
    turns = [await server.turn(prefetch, FIRST._replace(page=page)) for page in range(1, 101)]
    assert turns.count(True) >= 95
    assert len(server.requested_pages) <= 201


async def test_paging_back_uses_prefetched_pages(server: FakePages) -> None:
    prefetch = Prefetch(server.fetch, lambda: server.now)
    assert [await server.turn(prefetch, FIRST._replace(page=page)) for page in (5, 4, 5, 6, 5)] == [False] + [True] * 4


async def test_page_in_flight_is_awaited_not_requested_twice(server: FakePages) -> None:
    prefetch = Prefetch(server.fetch, lambda: server.now)
    server.may_respond.clear()
    page = Page(rows=(), total=None, page=1, page_size=10, page_count=100, has_more=True)
    prefetch.prefetch_neighbours(FIRST, page)
    await server.requested.wait()
    waiting = asyncio.create_task(prefetch.take(FIRST._replace(page=2)))
    server.may_respond.set()
    assert (await waiting) is not None
    assert server.requested_pages == [2]


async def test_late_cancelled_prefetch_does_not_hide_newer_one(server: FakePages) -> None:
    ending = asyncio.Event()

    async def fetch(request: PageRequest) -> Page:
        try:
            return await server.fetch(request)
        except asyncio.CancelledError:
            # A client may close its connection before it ends.
            await ending.wait()
            raise

    prefetch = Prefetch(fetch, lambda: server.now)
    server.may_respond.clear()
    page = Page(rows=(), total=None, page=1, page_size=10, page_count=100, has_more=True)
    prefetch.prefetch_neighbours(FIRST, page)
    await server.requested.wait()
    server.requested.clear()
    prefetch.prefetch_neighbours(FIRST._replace(page=5), page.model_copy(update={"page": 5}))
    await server.requested.wait()
    cancelled = asyncio.Event()
    asyncio.get_running_loop().call_soon(ending.set)
    asyncio.get_running_loop().call_soon(lambda: asyncio.get_running_loop().call_soon(cancelled.set))
    await cancelled.wait()
    waiting = asyncio.create_task(prefetch.take(FIRST._replace(page=6)))
    await asyncio.sleep(0)
    server.may_respond.set()
    assert (await waiting) is not None
    assert server.requested_pages[:2] == [2, 6]


async def test_cleared_old_or_differently_sorted_page_is_not_used(server: FakePages) -> None:
    prefetch = Prefetch(server.fetch, lambda: server.now)
    second = FIRST._replace(page=2)
    await server.turn(prefetch, FIRST)
    prefetch.clear()
    assert await prefetch.take(second) is None
    await server.turn(prefetch, FIRST)
    assert await prefetch.take(second._replace(sort="name")) is None
    server.now += 31
    assert await prefetch.take(second) is None


async def test_failed_prefetch_raises_nothing(server: FakePages) -> None:
    prefetch = Prefetch(server.fetch, lambda: server.now)
    page = Page(rows=(), total=None, page=1, page_size=10, page_count=100, has_more=True)
    server.unreachable = True
    prefetch.prefetch_neighbours(FIRST, page)
    assert await prefetch.take(FIRST._replace(page=2)) is None


async def test_prefetch_stops_at_last_page(server: FakePages) -> None:
    prefetch = Prefetch(server.fetch, lambda: server.now)
    await server.turn(prefetch, FIRST._replace(page=100))
    assert server.requested_pages == [100, 99]


async def test_paging_benchmark_runs_with_few_requests() -> None:
    result = await turn_pages(turns=5, seconds_a_page=0.0, answer_seconds=0.0, sleep=asyncio.sleep)
    assert result.served <= result.turns == 5
    assert result.requests <= 2 * 6
