"""Loads pages for the list, and copes with servers whose page sizes and totals are wrong."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from app.errors import BadRequest, DockbookError, NotAvailable, ValidationFailed

if TYPE_CHECKING:
    from app.models.customer import Page
    from app.models.fields import PageRequest
    from app.repository.repository import CustomerRepository
    from app.screens.customer_list.pagination import Pagination
    from app.widgets.status_line import Level


class PageLoaded(NamedTuple):
    """A page, and the request it answers, which may differ from the one that was made."""

    request: "PageRequest"
    page: "Page"


class PageMissing(NamedTuple):
    """There is no such page; the text says why."""

    text: str
    level: "Level" = "warning"


class PageLoader:
    """Asks the repository for pages; `pagination` is the state of the list."""

    def __init__(self, repository: "CustomerRepository", pagination: "Pagination") -> None:
        self._repository = repository
        self._pagination = pagination

    async def load(
        self, request: "PageRequest", cursor_number: Callable[[], int] | None, *, fresh: bool, has_rows: bool
    ) -> PageLoaded | PageMissing:
        """Load a page, or the nearest one there is.

        `cursor_number` returns the number of the row to stay on, from 0. With `fresh` the server is asked now.
        While the list `has_rows`, a page that the server does not have leaves them as they are.
        """
        page = await self._repository.page(request, fresh=fresh)
        limit = self._pagination.server_page_limit(request, page)
        if not page.rows and request.page > 1:
            if request != self._pagination.shown and page.total != 0 and has_rows:
                return self._missing(request, page)
            # The list became shorter, or there never was such a page.
            last = self._pagination.pages(page.total or 0)
            request = request._replace(page=last if 0 < last < request.page else 1)
            page = await self._repository.page(request)
        elif cursor_number is not None and limit is not None:
            request = request._replace(page=cursor_number() // limit + 1, page_size=limit)
            page = await self._repository.page(request)
        return PageLoaded(request, page)

    async def locate(self, request: "PageRequest", short_id: str) -> "tuple[PageRequest, int] | None":
        """Return the page of a list on which a customer stands, or would stand, and its row there, from 0."""
        rank = await self._repository.rank(request, short_id)
        if rank is None:
            return None
        page, row = divmod(rank, request.page_size)
        return request._replace(page=page + 1), row

    async def follow(self, result: PageLoaded | PageMissing, short_id: str) -> PageLoaded | PageMissing:
        """Return the page that a customer has moved to, if it is not on the one loaded and the local copy knows."""
        if isinstance(result, PageMissing) or any(row.short_id == short_id for row in result.page.rows):
            return result
        located = await self.locate(result.request, short_id)
        if located is None or located[0] == result.request:
            return result
        moved = PageLoaded(located[0], await self._repository.page(located[0]))
        return moved if any(row.short_id == short_id for row in moved.page.rows) else result

    def _missing(self, request: "PageRequest", page: "Page") -> PageMissing:
        if page.origin is not None and not request.needs_mirror:
            self._pagination.revert()
            return PageMissing(f"The local copy has no page {request.page:,}.")
        self._pagination.is_empty_at(request.page)
        shown = self._pagination.page
        if shown is not None and shown.total is None:
            return PageMissing(f"This is the last page: the server has nothing on page {request.page:,}.", "info")
        return PageMissing(f"The server has nothing on page {request.page:,}, although it counted more.")

    def is_order_refused(self, request: "PageRequest", error: DockbookError) -> bool:
        """Whether the server may have refused the order: which columns it sorts by is not in the contract."""
        return isinstance(error, BadRequest | ValidationFailed | NotAvailable) and request.sort is not None

    async def can_sort_locally(self) -> bool:
        """Whether the local copy is complete, so that it can sort in the server's place."""
        state = await self._repository.mirror_state()
        return state is not None and state.complete

    async def total_page(self) -> "Page":
        """One page without a filter, for the number of all customers."""
        everyone = self._pagination.shown._replace(find="", status="all", period="", sort_locally=False)
        return await self._repository.page(everyone)

    async def count(self, request: "PageRequest") -> bool:
        """Count the matches of a request to the end; false if another page is shown by then."""
        total = await self._repository.count(request)
        if total is None or self._pagination.shown != request or not self._pagination.counting:
            return False
        self._pagination.set_total(total)
        return True
