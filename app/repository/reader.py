"""Reads for a person's eyes: from the server when it answers in time, or else from the mirror, marked as such."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from app.errors import (
    ConnectionFailed,
    DockbookError,
    IdRefused,
    ResponseTooLarge,
    ServerFault,
    SettingsError,
    StoreError,
    TokenUnavailable,
    TransportError,
    Unauthorized,
)

if TYPE_CHECKING:
    from app.mirror.mirror import Mirror
    from app.mirror.state import MirrorState
    from app.models.customer import Customer, Origin, Page
    from app.models.fields import PageRequest
    from app.repository.connection_state import ConnectionHealth
    from app.repository.prefetch import Prefetch
    from app.timing import Timing

Result = TypeVar("Result")

#: After these the mirror answers in the server's stead.
_FALLBACK_ERRORS: Final = (TransportError, ServerFault, StoreError, SettingsError, TokenUnavailable, Unauthorized)

_RECENT_SECONDS: Final = 5.0  # seconds an answer that came late is still what the server has


class CustomerRead(NamedTuple):
    """A customer to look at: the server's record just now, or with an `origin` the mirror's."""

    customer: "Customer"
    origin: "Origin | None" = None


class CustomerReader:
    """Asks the server and, when that takes longer than a person's patience or fails, the mirror.

    `fetch` and `find` ask the server for a page and for a customer. `on_fresh` is called when the server's answer came
    after all, and `on_away` with the error for which the mirror answers.
    """

    def __init__(
        self,
        fetch: Callable[["PageRequest"], Coroutine[Any, Any, "Page"]],
        find: Callable[[str], Coroutine[Any, Any, "Customer"]],
        prefetch: "Prefetch",
        line: "ConnectionHealth",
        pace: "Timing",
        *,
        on_fresh: Callable[[], None],
        on_away: Callable[[DockbookError], None],
    ) -> None:
        self._fetch = fetch
        self._find = find
        self._prefetch = prefetch
        self._health = line
        self._timing = pace
        self._on_fresh = on_fresh
        self._on_away = on_away
        self._pending_page: asyncio.Task[Page] | None = None
        self._in_flight: dict[str, asyncio.Task[Customer]] = {}
        self._recent: dict[str, tuple[float, Customer]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._waiters: Counter[asyncio.Task[Any]] = Counter()

    async def page(self, request: "PageRequest", mirror: "Mirror | None", *, fresh: bool) -> "Page":
        """The page, of the server or of the mirror; with `fresh` the server is asked even if it was away just now."""
        if fresh:
            self._prefetch.clear()
        state = None if mirror is None else await self._state(mirror)
        if mirror is None or state is None or not state.row_count:
            return await self._from_server(request)
        awaited = self._pending_page is not None and self._health.offline.is_set()
        if not fresh and (self._health.given_up or awaited):
            beyond = (
                f"The copy on this machine holds only {state.row_count:,} customers so far, and page {request.page:,} "
                "lies beyond them."
            )
            return await self._from_mirror(request, mirror, ConnectionFailed(beyond))
        if self._pending_page is not None:
            # Whatever holds that one up, the next is likely to be answered sooner.
            self._pending_page.cancel()
        if not fresh and state.complete and self._health.state.live is None:
            # The first rows are there before the client is even imported.
            page = await mirror.page(request)
            self._finish_in_background(request, self._start(self._from_server(request)))
            return page
        asked = self._start(self._from_server(request))
        if not await self._wait(asked, self._timing.fallback_after):
            page = await mirror.page(request)
            if page.rows or state.complete:
                self._finish_in_background(request, asked)
                return page
            # The mirror is not filled so far.
            await self._wait(asked, None)
        try:
            return asked.result()
        except _FALLBACK_ERRORS as error:
            self._mark_suspect(error)
            page = await self._from_mirror(request, mirror, error)
            self._on_away(error)
            return page

    async def _state(self, mirror: "Mirror") -> "MirrorState | None":
        """What the mirror holds; a mirror that cannot be read is none, and the server is asked all the same."""
        try:
            return await mirror.state()
        except StoreError:
            return None

    def _mark_suspect(self, error: DockbookError) -> None:
        """Look for the server, unless it is certain that it is there."""
        if not isinstance(error, ResponseTooLarge):
            self._health.mark_suspect()

    async def _from_mirror(self, request: "PageRequest", mirror: "Mirror", error: DockbookError) -> "Page":
        """The page as the mirror has it; the error where that ends before it does."""
        page = await mirror.page(request)
        if not page.rows and page.origin is not None and page.origin.synced_at is None:
            raise error
        return page

    async def _from_server(self, request: "PageRequest") -> "Page":
        page = await self._prefetch.take(request)
        if page is None:
            page = await self._fetch(request)
        self._prefetch.prefetch_neighbours(request, page)
        return page

    def _finish_in_background(self, request: "PageRequest", asked: "asyncio.Task[Page]") -> None:
        """Wait for the server's answer in the background; it replaces what the mirror said."""

        def came(task: "asyncio.Task[Page]") -> None:
            if self._pending_page is task:
                self._pending_page = None
            if task.cancelled():
                return
            error = task.exception()
            if error is None:
                self._prefetch.put(request, task.result())
                self._on_fresh()
            elif isinstance(error, _FALLBACK_ERRORS):
                self._on_away(error)
            elif isinstance(error, DockbookError):
                # Whoever asks again is told.
                self._on_fresh()
            else:
                raise error

        self._health.mark_suspect()
        self._pending_page = asked
        asked.add_done_callback(came)

    async def read_customer(self, short_id: str, mirror: "Mirror | None", *, fresh: bool = False) -> CustomerRead:
        """The customer to be looked at, from the mirror where the server does not answer in time."""
        kept = None if mirror is None else await mirror.customer(short_id)
        if mirror is None or kept is None:
            return CustomerRead(await self._read_uncached(short_id, known=mirror is not None))
        came_at, seen = self._recent.pop(short_id, (0.0, None))
        if seen is not None and self._timing.clock() - came_at <= _RECENT_SECONDS:
            return CustomerRead(seen)
        asked = self._in_flight.get(short_id)
        if asked is not None and (asked.cancelling() or self._health.online.is_set()):
            asked.cancel()
            asked = None
        if asked is None:
            if self._health.given_up and not fresh:
                return CustomerRead(kept, await self._origin(mirror))
            asked = self._in_flight[short_id] = self._start(self._find(short_id))
            asked.add_done_callback(partial(self._forget_in_flight, short_id))
        if not await self._wait(asked, self._timing.fallback_after):
            self._health.mark_suspect()
            asked.add_done_callback(partial(self._arrived_late, short_id))
            return CustomerRead(kept, await self._origin(mirror))
        try:
            return CustomerRead(asked.result())
        except IdRefused:
            if fresh:
                raise
            return CustomerRead(kept, await self._origin(mirror))
        except _FALLBACK_ERRORS as error:
            self._mark_suspect(error)
            self._on_away(error)
            return CustomerRead(kept, await self._origin(mirror))

    async def _read_uncached(self, short_id: str, *, known: bool) -> "Customer":
        """The customer from the server; where others are `known`, nobody waits long for one that is away."""
        asked = self._start(self._find(short_id))
        if not await self._wait(asked, self._timing.fallback_after if known and self._health.given_up else None):
            asked.cancel()
            raise ConnectionFailed(f"{short_id} is not among the customers known here, and the server does not answer.")
        return asked.result()

    def probe(self, probe: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Ask the server in the background whether it is there; why it is not is told."""

        def asked(task: "asyncio.Task[None]") -> None:
            error = None if task.cancelled() else task.exception()
            if isinstance(error, DockbookError):
                self._on_away(error)
            elif error is not None:
                raise error

        self._start(probe()).add_done_callback(asked)

    def _forget_in_flight(self, short_id: str, asked: "asyncio.Task[Customer]") -> None:
        if self._in_flight.get(short_id) is asked:
            del self._in_flight[short_id]

    def _arrived_late(self, short_id: str, asked: "asyncio.Task[Customer]") -> None:
        if not asked.cancelled() and asked.exception() is None:
            self._recent[short_id] = (self._timing.clock(), asked.result())
            self._on_fresh()

    def clear(self) -> None:
        """Forget what came late: it may be from before a write."""
        self._recent.clear()

    async def _origin(self, mirror: "Mirror") -> "Origin":
        from app.models.customer import Origin

        state = await mirror.state()
        return Origin(state.synced_at, state.row_count, state.expected)

    def _start(self, work: Coroutine[Any, Any, Result]) -> "asyncio.Task[Result]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _wait(self, asked: "asyncio.Task[Result]", patience: float | None) -> bool:
        """Whether it is done within so many seconds; whoever stops waiting for it earlier, as the last, ends it."""
        self._waiters[asked] += 1
        try:
            await asyncio.wait({asked}, timeout=patience)
        except asyncio.CancelledError:
            if self._waiters[asked] == 1:
                asked.cancel()
            raise
        finally:
            self._waiters[asked] -= 1
            if not self._waiters[asked]:
                del self._waiters[asked]
        return asked.done()

    async def close(self) -> None:
        """Wait for nothing any more."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
