"""Pages fetched ahead: turning a page asks nothing of the network, and never shows what is stale."""

import asyncio

import pytest

from app.errors import ConnectionFailed
from app.models.customer import Page
from app.models.fields import PageRequest
from app.repository.prefetch import Prefetch
from tests.bench.paging import leaf

FIRST = PageRequest(page_size=10)


class FakePages:
    """A server of pages that counts what it is asked, and may be slow or gone."""

    def __init__(self, pages: int) -> None:
        self.pages = pages
        self.asked: list[int] = []
        self.gone = False
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.was_asked = asyncio.Event()
        self.now = 0.0

    async def fetch(self, request: PageRequest) -> Page:
        self.asked.append(request.page)
        self.was_asked.set()
        await self.go_on.wait()
        if self.gone:
            raise ConnectionFailed("gone")
        more = request.page < self.pages
        return Page(rows=(), total=None, page=request.page, page_size=10, page_count=self.pages, has_more=more)

    async def turn(self, prefetch: Prefetch, request: PageRequest) -> bool:
        """Show a page as the repository does; whether it had been fetched ahead."""
        page = await prefetch.take(request)
        ahead = page is not None
        prefetch.prefetch_neighbours(request, page or await self.fetch(request))
        if prefetch._ahead is not None:
            await asyncio.wait([prefetch._ahead])
        return ahead


@pytest.fixture
def shelf() -> FakePages:
    return FakePages(100)


async def test_paging_forward_uses_prefetched_pages(shelf: FakePages) -> None:
    prefetch = Prefetch(shelf.fetch, lambda: shelf.now)
    turns = [await shelf.turn(prefetch, FIRST._replace(page=page)) for page in range(1, 101)]
    assert turns.count(True) >= 95
    assert len(shelf.asked) <= 201


async def test_paging_back_uses_prefetched_pages(shelf: FakePages) -> None:
    prefetch = Prefetch(shelf.fetch, lambda: shelf.now)
    assert [await shelf.turn(prefetch, FIRST._replace(page=page)) for page in (5, 4, 5, 6, 5)] == [False] + [True] * 4


async def test_page_in_flight_is_awaited_not_requested_twice(shelf: FakePages) -> None:
    prefetch = Prefetch(shelf.fetch, lambda: shelf.now)
    shelf.go_on.clear()
    page = Page(rows=(), total=None, page=1, page_size=10, page_count=100, has_more=True)
    prefetch.prefetch_neighbours(FIRST, page)
    await shelf.was_asked.wait()
    waiting = asyncio.create_task(prefetch.take(FIRST._replace(page=2)))
    shelf.go_on.set()
    assert (await waiting) is not None
    assert shelf.asked == [2]


async def test_late_cancelled_prefetch_does_not_hide_newer_one(shelf: FakePages) -> None:
    ending = asyncio.Event()

    async def fetch(request: PageRequest) -> Page:
        try:
            return await shelf.fetch(request)
        except asyncio.CancelledError:
            # As of a client that closes its connection first.
            await ending.wait()
            raise

    prefetch = Prefetch(fetch, lambda: shelf.now)
    shelf.go_on.clear()
    page = Page(rows=(), total=None, page=1, page_size=10, page_count=100, has_more=True)
    prefetch.prefetch_neighbours(FIRST, page)
    await shelf.was_asked.wait()
    shelf.was_asked.clear()
    prefetch.prefetch_neighbours(FIRST._replace(page=5), page.model_copy(update={"page": 5}))
    await shelf.was_asked.wait()
    cancelled = asyncio.Event()
    asyncio.get_running_loop().call_soon(ending.set)
    asyncio.get_running_loop().call_soon(lambda: asyncio.get_running_loop().call_soon(cancelled.set))
    await cancelled.wait()
    waiting = asyncio.create_task(prefetch.take(FIRST._replace(page=6)))
    await asyncio.sleep(0)
    shelf.go_on.set()
    assert (await waiting) is not None
    assert shelf.asked[:2] == [2, 6]


async def test_cleared_old_or_differently_sorted_page_is_not_used(shelf: FakePages) -> None:
    prefetch = Prefetch(shelf.fetch, lambda: shelf.now)
    second = FIRST._replace(page=2)
    await shelf.turn(prefetch, FIRST)
    prefetch.clear()
    assert await prefetch.take(second) is None
    await shelf.turn(prefetch, FIRST)
    assert await prefetch.take(second._replace(sort="name")) is None
    shelf.now += 31
    assert await prefetch.take(second) is None


async def test_failed_prefetch_raises_nothing(shelf: FakePages) -> None:
    prefetch = Prefetch(shelf.fetch, lambda: shelf.now)
    page = Page(rows=(), total=None, page=1, page_size=10, page_count=100, has_more=True)
    shelf.gone = True
    prefetch.prefetch_neighbours(FIRST, page)
    assert await prefetch.take(FIRST._replace(page=2)) is None


async def test_prefetch_stops_at_last_page(shelf: FakePages) -> None:
    prefetch = Prefetch(shelf.fetch, lambda: shelf.now)
    await shelf.turn(prefetch, FIRST._replace(page=100))
    assert shelf.asked == [100, 99]


async def test_paging_benchmark_runs_with_few_requests() -> None:
    leafing = await leaf(turns=5, seconds_a_page=0.0, answer_seconds=0.0, sleep=asyncio.sleep)
    assert leafing.served <= leafing.turns == 5
    assert leafing.requests <= 2 * 6
