"""Reads every customer once, page by page, and vouches for it: whoever comes to the end without an error has all."""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.errors import ExportFailed, RateLimited
from app.fields import KEY, MAX_PAGE_SIZE, PageRequest

if TYPE_CHECKING:
    from app.models import Customer, Page
    from app.repository import Repository

#: How often all pages are read: once, and again when rows moved meanwhile.
SWEEPS: Final = 3
#: The longest wait a server may ask for, in seconds, and how often it may ask for the same page.
LONGEST_WAIT: Final = 60
TRIES: Final = 5

_USUAL_WAIT: Final = 10
#: Pages in a row without anything new, after which a server is taken to repeat itself.
_STALE: Final = 2
#: How many more pages than announced may come, because customers are added while they are read.
_SLACK: Final = 10
_MOST_PAGES: Final = 40_000


@dataclass(slots=True)
class _Sweep:
    """One reading of all pages: what came, counted as positions (`read`) and as customers (`different`)."""

    number: int
    pages: int = 0
    read: int = 0
    different: int = 0
    stale: int = 0
    fresh: int = 0
    most_pages: int = _MOST_PAGES
    moved: bool = False
    shrank: bool = False
    ended: bool = False


class Walk:
    """All customers of a repository, one request at a time.

    `on_progress` is told how many came and how many the server counts (`None` where it does not say), `on_wait` the
    seconds left of a wait that the server asked for. A customer that is changed between two pages comes once, as it
    was when it was first read.
    """

    def __init__(
        self,
        repository: "Repository",
        *,
        on_progress: Callable[[int, int | None], None],
        on_wait: Callable[[int], None],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._repository = repository
        self._on_progress = on_progress
        self._on_wait = on_wait
        self._sleep = sleep
        self._seen: dict[str, int] = {}
        self._shrank = False
        self.total: int | None = None

    @property
    def notes(self) -> list[str]:
        """What a person should know of a walk that came to its end."""
        if self.total is None:
            return ["The server does not say how many customers there are, so nothing could be compared with that."]
        gone = len(self._seen) - self.total
        return [f"{gone:,} of these customers went from the server while it was read."] if gone > 0 else []

    async def customers(self) -> AsyncIterator[list["Customer"]]:
        """Every customer once, in batches; raises `ExportFailed` at the end when they are not what the server counts.

        Rows move while they are read: one added further up pushes another onto the next page, where it is recognized,
        and one taken away pulls another out of sight. Whenever the count does not come out, all pages are read again.
        """
        for number in range(1, SWEEPS + 1):
            sweep = _Sweep(number)
            while not sweep.ended:
                batch = self._take(sweep, await self._page(sweep.pages + 1))
                self._on_progress(len(self._seen), self.total)
                if batch:
                    yield batch
            self._shrank = self._shrank or sweep.shrank
            if self._is_whole(sweep):
                return
            if sweep.pages >= sweep.most_pages:
                raise ExportFailed("The server's pages do not come to an end.")
            if number > 1 and not (sweep.fresh or sweep.moved):
                break
        raise ExportFailed(self._shortfall())

    def _take(self, sweep: _Sweep, page: "Page") -> list["Customer"]:
        """Note what a page brings, and return the customers on it that had not come in any sweep."""
        self._count(sweep, page)
        batch: list[Customer] = []
        different = 0
        for customer in page.rows:
            identity = _identity(customer)
            last = self._seen.get(identity)
            if last is None:
                batch.append(customer)
            different += last != sweep.number
            self._seen[identity] = sweep.number
        sweep.pages += 1
        sweep.read += len(page.rows)
        sweep.different += different
        sweep.fresh += len(batch)
        sweep.stale = 0 if different else sweep.stale + 1
        sweep.ended = self._is_over(sweep, page)
        return batch

    def _count(self, sweep: _Sweep, page: "Page") -> None:
        if page.total is None:
            return
        if sweep.pages == 0:
            announced = math.ceil(page.total / max(len(page.rows), 1))
            sweep.most_pages = min(_MOST_PAGES, 2 * announced + _SLACK)
        if self.total is not None and page.total != self.total:
            fell = page.total < self.total
            self._shrank = self._shrank or fell
            if sweep.pages > 0:
                sweep.moved = True
                sweep.shrank = sweep.shrank or fell
        self.total = page.total

    def _is_over(self, sweep: _Sweep, page: "Page") -> bool:
        """Whether there is nothing more to ask for; neither `hasMore` nor the total is believed alone."""
        if not page.rows or sweep.stale >= _STALE or sweep.pages >= sweep.most_pages:
            return True
        if self.total is None:
            return page.has_more is False
        return sweep.read >= self.total and page.has_more is not True

    def _is_whole(self, sweep: _Sweep) -> bool:
        if self.total is None:
            # Ended by its own words, not because it repeated itself; and no row came twice, or a second look found all.
            repeated = sweep.different < sweep.read
            return sweep.stale < _STALE and not (repeated and (sweep.number == 1 or sweep.fresh))
        if sweep.different == self.total and not sweep.shrank:
            return True
        # With nothing taken away, as many as there are can only be all of them, from whichever sweep they came.
        return len(self._seen) == self.total and not self._shrank

    def _shortfall(self) -> str:
        if self.total is None:
            return "The server repeats its pages and never says that there are no more."
        return (
            f"The server counts {self.total:,} customers, but {len(self._seen):,} different ones came, "
            "also when all pages were read again. If many are being changed right now, try again later."
        )

    async def _page(self, number: int) -> "Page":
        request = PageRequest(number, MAX_PAGE_SIZE, KEY, "ASC")
        for tried in range(1, TRIES + 1):
            try:
                return await self._repository.page(request, fresh=True, ahead=False)
            except RateLimited as error:
                wait = _USUAL_WAIT if error.wait is None else max(math.ceil(error.wait), 1)
                if wait > LONGEST_WAIT or tried == TRIES:
                    raise
            for left in range(wait, 0, -1):
                self._on_wait(left)
                await self._sleep(1)
        raise AssertionError("the last try returns or raises")


def _identity(customer: "Customer") -> str:
    """What tells a customer from all others: the ID, or without one that can be used the whole record."""
    if KEY in customer.oddities:
        return "?" + json.dumps(customer.received, sort_keys=True)
    return "=" + customer.short_id
