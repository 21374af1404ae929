"""Reads customers: from the server if it answers in time, otherwise from the local copy, marked as such."""

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from app.errors import (
    ConnectionFailed,
    DockbookError,
    IdRefused,
    NotFound,
    ResponseTooLarge,
    ServerFault,
    SettingsError,
    StoreError,
    TokenUnavailable,
    TransportError,
    Unauthorized,
)
from app.repository.prefetch import Prefetch
from app.repository.shared_tasks import SharedTasks

if TYPE_CHECKING:
    import asyncio

    from app.mirror.mirror import Mirror
    from app.mirror.state import MirrorState
    from app.models.customer import Customer, Origin, Page
    from app.models.fields import PageRequest
    from app.repository.announcer import Announcer
    from app.repository.connection import ServerConnection
    from app.repository.local_copy import LocalCopy
    from app.repository.write_log import WriteLog
    from app.timing import Timing

#: After these errors the local copy is shown instead.
_FALLBACK_ERRORS: Final = (TransportError, ServerFault, StoreError, SettingsError, TokenUnavailable, Unauthorized)

_RECENT_SECONDS: Final = 5.0  # for which an answer that came late still counts as what the server has


class CustomerRead(NamedTuple):
    """A customer to show: the server's record just now, or with an `origin` the local copy's."""

    customer: "Customer"
    origin: "Origin | None" = None


class CustomerReader:
    """Asks the server and, if that takes longer than a person waits or fails, the local copy."""

    def __init__(
        self,
        server: "ServerConnection",
        local_copy: "LocalCopy",
        writes: "WriteLog",
        announcer: "Announcer",
        timing: "Timing",
    ) -> None:
        self._server = server
        self._health = server.health
        self._local_copy = local_copy
        self._writes = writes
        self._announcer = announcer
        self._timing = timing
        self._prefetch = Prefetch(self.page_from_server, timing.clock)
        self._tasks = SharedTasks()
        self._pending_page: asyncio.Task[Page] | None = None
        self._in_flight: dict[str, asyncio.Task[Customer]] = {}
        #: Customers that came late, and when.
        self._recent: dict[str, tuple[float, Customer]] = {}

    async def page(self, request: "PageRequest", *, fresh: bool) -> "Page":
        """Return the page of the server or of the local copy; with `fresh` ask the server even if it seems away."""
        if fresh:
            self._announcer.reset()
            self._prefetch.clear()
        mirror = await self._local_copy.open_if_filled()
        state = None if mirror is None else await self._state(mirror)
        if mirror is None or state is None or not state.row_count:
            return await self._from_server(request)
        pending = self._pending_page is not None and self._health.offline.is_set()
        if not fresh and (self._health.given_up or pending):
            beyond = (
                f"The local copy has only {state.row_count:,} customers so far; page {request.page:,} is not in it yet."
            )
            return await self._from_mirror(request, mirror, ConnectionFailed(beyond))
        if self._pending_page is not None:
            # Whatever delays that one, the next is likely to be answered sooner.
            self._pending_page.cancel()
        if not fresh and state.complete and self._health.state.live is None:
            # Show the first rows before the client is even imported.
            page = await mirror.page(request)
            self._finish_in_background(request, self._tasks.start(self._from_server(request)))
            return page
        task = self._tasks.start(self._from_server(request))
        if not await self._tasks.wait(task, self._timing.fallback_after):
            page = await mirror.page(request)
            if page.rows or state.complete:
                self._finish_in_background(request, task)
                return page
            # The mirror is not filled that far.
            await self._tasks.wait(task)
        try:
            return task.result()
        except _FALLBACK_ERRORS as error:
            self._mark_suspect(error)
            page = await self._from_mirror(request, mirror, error)
            self._announcer.fallback(error)
            return page

    async def page_from_server(self, request: "PageRequest") -> "Page":
        """Return the server's page, never one from before a write of ours."""
        while True:
            epoch = self._writes.epoch
            async with self._server.client() as api:
                page = await api.list_page(request)
            if epoch == self._writes.epoch:
                return self._writes.correct_page(page)

    async def customer(self, short_id: str, *, cache: bool = True) -> "Customer":
        """Return what the server answers for this ID, asked after every write of ours; its ID may be another one.

        With `cache` the local copy gets it. Raises NotFound, after removing the customer from the local copy.
        """
        while True:
            epoch = self._writes.epoch
            try:
                async with self._server.client() as api:
                    read = await api.get(short_id)
            except NotFound:
                await self._local_copy.use(lambda mirror: mirror.forget(short_id), None)
                raise
            if epoch == self._writes.epoch:
                corrected = self._writes.correct(read)
                if cache:
                    await self._local_copy.put(corrected)
                return read

    async def read_customer(self, short_id: str, *, fresh: bool = False) -> CustomerRead:
        """Return the customer to show; with `fresh` ask the server even if it seems away."""
        mirror = await self._local_copy.open()
        copied = None if mirror is None else await mirror.customer(short_id)
        if mirror is None or copied is None:
            return self._corrected(await self._read_uncached(short_id, wait=mirror is None))
        arrived_at, recent = self._recent.pop(short_id, (0.0, None))
        if recent is not None and self._timing.clock() - arrived_at <= _RECENT_SECONDS:
            return self._corrected(recent)
        task = self._in_flight.get(short_id)
        if task is not None and (task.cancelling() or self._health.online.is_set()):
            task.cancel()
            task = None
        if task is None:
            if self._health.given_up and not fresh:
                return await self._copied(copied, mirror)
            task = self._in_flight[short_id] = self._tasks.start(self.customer(short_id))
            task.add_done_callback(partial(self._forget_in_flight, short_id))
        if not await self._tasks.wait(task, self._timing.fallback_after):
            self._health.mark_suspect()
            task.add_done_callback(partial(self._arrived_late, short_id))
            return await self._copied(copied, mirror)
        try:
            return self._corrected(task.result())
        except IdRefused:
            if fresh:
                raise
            return await self._copied(copied, mirror)
        except _FALLBACK_ERRORS as error:
            self._mark_suspect(error)
            self._announcer.fallback(error)
            return await self._copied(copied, mirror)

    def probe(self) -> None:
        """Find out in the background whether the server is there; if not, say why."""

        def probed(task: "asyncio.Task[None]") -> None:
            error = None if task.cancelled() else task.exception()
            if isinstance(error, DockbookError):
                self._announcer.fallback(error)
            elif error is not None:
                raise error

        self._tasks.start(self._server.probe()).add_done_callback(probed)

    def stop_prefetching(self) -> None:
        """Forget the pages that were fetched ahead."""
        self._prefetch.clear()

    def invalidate(self) -> None:
        """Forget what was read before or during a write: it may be from before it, even if the write failed."""
        self._writes.epoch += 1
        self._prefetch.clear()
        self._recent.clear()

    async def close(self) -> None:
        """Cancel what is being read."""
        self._prefetch.clear()
        await self._tasks.cancel()

    async def _state(self, mirror: "Mirror") -> "MirrorState | None":
        try:
            return await mirror.state()
        except StoreError:
            # A mirror that cannot be read must not keep the server from being asked.
            return None

    def _mark_suspect(self, error: DockbookError) -> None:
        if not isinstance(error, ResponseTooLarge):
            self._health.mark_suspect()

    async def _from_server(self, request: "PageRequest") -> "Page":
        page = await self._prefetch.take(request)
        if page is None:
            page = await self.page_from_server(request)
        self._prefetch.prefetch_neighbours(request, page)
        return page

    async def _from_mirror(self, request: "PageRequest", mirror: "Mirror", error: DockbookError) -> "Page":
        """Return the page of the local copy. Raises `error` if the copy ends before it."""
        page = await mirror.page(request)
        if not page.rows and page.origin is not None and page.origin.synced_at is None:
            raise error
        return page

    def _finish_in_background(self, request: "PageRequest", task: "asyncio.Task[Page]") -> None:
        """Hand the server's page over when it comes; it replaces the local copy's."""

        def done(task: "asyncio.Task[Page]") -> None:
            if self._pending_page is task:
                self._pending_page = None
            if task.cancelled():
                return
            error = task.exception()
            if error is None:
                if not self._announcer.listener.page_arrived(request, task.result()):
                    self._prefetch.put(request, task.result())
            elif isinstance(error, _FALLBACK_ERRORS):
                self._announcer.fallback(error)
            elif isinstance(error, DockbookError):
                # The screen asks again, and shows the error.
                self._announcer.listener.data_changed()
            else:
                raise error

        self._health.mark_suspect()
        self._pending_page = task
        task.add_done_callback(done)

    async def _read_uncached(self, short_id: str, *, wait: bool) -> "Customer":
        """Return a customer that the local copy lacks; unless told to `wait`, do not wait long for a server away."""
        task = self._tasks.start(self.customer(short_id))
        if not await self._tasks.wait(
            task, self._timing.fallback_after if self._health.given_up and not wait else None
        ):
            task.cancel()
            raise ConnectionFailed(
                f"{short_id} is not in the local copy, and the server does not answer. Try again later."
            )
        return task.result()

    def _corrected(self, customer: "Customer", origin: "Origin | None" = None) -> CustomerRead:
        return CustomerRead(self._writes.correct_copy(customer), origin)

    async def _copied(self, customer: "Customer", mirror: "Mirror") -> CustomerRead:
        from app.models.customer import Origin

        state = await mirror.state()
        return self._corrected(customer, Origin(state.synced_at, state.row_count, state.expected))

    def _forget_in_flight(self, short_id: str, task: "asyncio.Task[Customer]") -> None:
        if self._in_flight.get(short_id) is task:
            del self._in_flight[short_id]

    def _arrived_late(self, short_id: str, task: "asyncio.Task[Customer]") -> None:
        if not task.cancelled() and task.exception() is None:
            self._recent[short_id] = (self._timing.clock(), task.result())
            self._announcer.listener.data_changed()
