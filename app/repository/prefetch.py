"""Fetches the neighbours of the shown page ahead, so that turning a page does not wait for the network."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from app.errors import DockbookError
from app.models.fields import PageRequest

if TYPE_CHECKING:
    from app.models.customer import Page

MAX_AGE: Final = 30.0  # seconds for which a page that was fetched ahead counts as what the server has


class Prefetch:
    """Holds the pages after and before the one shown, fetched one at a time.

    `fetch` asks the server; `clock` returns seconds. A page that could not be fetched ahead is requested when it is
    needed, and its error is raised then.
    """

    def __init__(self, fetch: Callable[[PageRequest], Awaitable["Page"]], clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._pages: dict[PageRequest, tuple[float, Page]] = {}
        self._ahead: asyncio.Task[None] | None = None
        self._in_flight: tuple[PageRequest, asyncio.Event] | None = None

    def clear(self) -> None:
        """Forget all pages: they may be from before a write, or of another order."""
        self._pages.clear()
        if self._ahead is not None:
            self._ahead.cancel()
            self._ahead = None

    def put(self, request: PageRequest, page: "Page") -> None:
        """Keep a page that came too late, until it is requested again."""
        self._pages[request] = (self._clock(), page)

    async def take(self, request: PageRequest) -> "Page | None":
        """Return the page if it was fetched ahead and is fresh, or is on its way; `None` if it has to be requested."""
        if self._in_flight is not None and self._in_flight[0] == request:
            await self._in_flight[1].wait()
        fetched_at, page = self._pages.pop(request, (0.0, None))
        return page if page is not None and self._clock() - fetched_at <= MAX_AGE else None

    def prefetch_neighbours(self, request: PageRequest, page: "Page") -> None:
        """Fetch the neighbours of the shown page, the next one first, and forget all other pages."""
        neighbours = []
        if page.has_more is True or (page.page_count is not None and request.page < page.page_count):
            neighbours.append(request._replace(page=request.page + 1))
        if request.page > 1:
            neighbours.append(request._replace(page=request.page - 1))
        if self._ahead is not None:
            self._ahead.cancel()
        self._pages = {asked: held for asked, held in self._pages.items() if asked in neighbours}
        missing = [asked for asked in neighbours if asked not in self._pages]
        self._ahead = asyncio.create_task(self._get(missing)) if missing else None

    async def _get(self, requests: list[PageRequest]) -> None:
        for request in requests:
            arrived = asyncio.Event()
            self._in_flight = (request, arrived)
            try:
                page = await self._fetch(request)
                self._pages[request] = (self._clock(), page)
            except DockbookError:
                return
            finally:
                # A cancelled fetch may end when another one is on its way already.
                if self._in_flight is not None and self._in_flight[1] is arrived:
                    self._in_flight = None
                arrived.set()
