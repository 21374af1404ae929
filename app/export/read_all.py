"""Reads every customer once, page by page; if it ends without an error, none is missing."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Final

from app.errors import ExportFailed, RateLimited
from app.mirror.completeness import PaginationAudit
from app.models.fields import MAX_PAGE_SIZE, PageRequest

if TYPE_CHECKING:
    from datetime import datetime

    from app.models.customer import Customer, Page
    from app.repository.repository import CustomerRepository

#: The longest wait a server may ask for, in seconds, and how often it may ask for the same page.
LONGEST_WAIT: Final = 60
TRIES: Final = 5

_USUAL_WAIT: Final = 10


class AllCustomers:
    """All customers of a repository that a request means, in its order, one request at a time.

    `on_progress` gets how many came and how many the server counts (`None` if unknown), `on_wait` the
    seconds left of a wait that the server asked for. A customer that is changed between two pages comes once, as it
    was when it was first read.
    """

    def __init__(
        self,
        repository: "CustomerRepository",
        request: PageRequest | None = None,
        *,
        on_progress: Callable[[int, int | None], None],
        on_wait: Callable[[int], None],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._repository = repository
        self._request = (request or PageRequest())._replace(page_size=MAX_PAGE_SIZE)
        self._synced_at: datetime | None = None
        self._on_progress = on_progress
        self._on_wait = on_wait
        self._sleep = sleep
        self._audit = PaginationAudit()

    @property
    def notes(self) -> list[str]:
        """What a person should know of a walk that came to its end."""
        if self._synced_at is not None:
            return [f"They come from the local copy of {self._synced_at:%Y-%m-%d %H:%M}."]
        if self._audit.total is None:
            return ["The server does not say how many customers there are: nobody can know whether all came."]
        gone = self._audit.seen - self._audit.total
        return [f"{gone:,} of these customers were taken away from the server while it was read."] if gone > 0 else []

    async def customers(self) -> AsyncIterator[list["Customer"]]:
        """Every customer once, in batches; raises `ExportFailed` at the end when they are not what the server counts.

        Rows move while they are read: one added further up pushes another onto the next page, where it is recognized,
        and one taken away pulls another out of sight. Whenever the count does not come out, all pages are read again.
        """
        readings = self._audit
        while not readings.should_stop:
            readings.begin()
            while not readings.finished:
                batch = readings.add(await self._page(readings.next_page))
                self._on_progress(readings.seen, readings.total)
                if batch:
                    yield batch
            if readings.is_complete:
                return
        if readings.endless:
            raise ExportFailed("The server's pages have no end. Ask the administrator of the server.")
        raise ExportFailed(self._missing_text())

    def _missing_text(self) -> str:
        readings = self._audit
        if readings.total is None:
            return "The server sends the same pages again and again. Ask the administrator of the server."
        return (
            f"The server counts {readings.total:,} customers, but {readings.seen:,} different ones came, "
            "also when all pages were read again. If many are being changed right now, try again later."
        )

    async def _page(self, number: int) -> "Page":
        request = self._request._replace(page=number)
        for tried in range(1, TRIES + 1):
            try:
                return await self._validate_origin(await self._repository.page(request, fresh=True, ahead=False))
            except RateLimited as error:
                wait = _USUAL_WAIT if error.wait is None else max(math.ceil(error.wait), 1)
                if wait > LONGEST_WAIT or tried == TRIES:
                    raise
            for left in range(wait, 0, -1):
                self._on_wait(left)
                await self._sleep(1)
        raise AssertionError("the last try returns or raises")

    async def _validate_origin(self, page: "Page") -> "Page":
        """A page of the mirror as one of the server: all that match, counted to the end, or an error."""
        origin = page.origin
        if origin is None:
            return page
        if origin.synced_at is None:
            of = "" if origin.expected is None else f" of {origin.expected:,}"
            raise ExportFailed(
                f"The local copy has {origin.held:,}{of} customers so far. Export again when it is complete."
            )
        self._synced_at = origin.synced_at
        if origin.suggestions:
            return page.model_copy(update={"rows": (), "total": 0, "has_more": False})
        if origin.total_is_minimum:
            return page.model_copy(update={"total": await self._repository.count(self._request)})
        return page
