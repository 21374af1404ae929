"""The local copy for the repository: opened once, kept in step; its errors are reported, and stop nothing else."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Literal, TypeVar

from app.errors import StoreError

if TYPE_CHECKING:
    from app.mirror.mirror import Mirror
    from app.mirror.sync import MirrorSync
    from app.models.customer import Customer, Page
    from app.models.fields import PageRequest
    from app.models.raw_customer import RawPage
    from app.repository.announcer import Announcer
    from app.repository.connection import ServerConnection
    from app.timing import Timing

Result = TypeVar("Result")
FetchRaw = Callable[["PageRequest"], Awaitable["RawPage"]]

#: Whether all customers are read again: now, when the server is back, by the dockbook that keeps the copy, or not.
FullSyncRequest = Literal["now", "later", "elsewhere", "never"]

#: How those customers come that the copy lacks: they are being read, or are when the server answers, another dockbook
#: reads them, nothing does so by itself, or there is no copy.
MirrorOutlook = Literal["coming", "waiting", "elsewhere", "stopped", "never"]


class LocalCopy:
    """`open_mirror` opens the mirror, blocking; without it there is none. `exists` says whether there was one."""

    def __init__(
        self,
        open_mirror: "Callable[[], Mirror] | None",
        exists: Callable[[], bool],
        server: "ServerConnection",
        announcer: "Announcer",
        timing: "Timing",
    ) -> None:
        self._open_mirror = open_mirror
        self._exists = exists
        self._server = server
        self._announcer = announcer
        self._timing = timing
        self._opening: asyncio.Task[Mirror] | None = None
        self._sync: MirrorSync | None = None
        self._full_sync_requested = False

    async def open(self) -> "Mirror | None":
        """Return the mirror; `None` if there is none or it cannot be used."""
        if self._open_mirror is None:
            return None
        if self._opening is None:
            self._opening = asyncio.create_task(asyncio.to_thread(self._open_mirror))
        # A cancelled waiter must not cancel the opening for the others.
        await asyncio.wait({self._opening})
        try:
            return self._opening.result()
        except StoreError as error:
            self._announcer.mirror_error(error)
            return None

    async def open_if_filled(self) -> "Mirror | None":
        """As `open`, but do not wait for a new mirror to be made: it holds nothing yet."""
        return await self.open() if self._opening is not None or self._exists() else None

    async def use(self, ask: Callable[["Mirror"], Awaitable[Result]], default: Result) -> Result:
        """Return what `ask` returns, or `default` if the mirror is missing or broken."""
        if (mirror := await self.open()) is None:
            return default
        try:
            return await ask(mirror)
        except StoreError as error:
            self._announcer.mirror_error(error)
            return default

    async def page(self, request: "PageRequest", *, asker: object = None) -> "Page":
        """Return a page of the mirror. Raises StoreError if there should be a mirror and it cannot be used."""
        if (mirror := await self.open()) is not None:
            return await mirror.page(request, asker=asker)
        if self._opening is not None:
            self._opening.result()
        from app.models.customer import Origin, Page

        size, origin = request.page_size, Origin(None, 0)
        return Page(rows=(), total=0, page=request.page, page_size=size, page_count=0, has_more=False, origin=origin)

    async def annotate(self, page: "Page") -> "Page":
        """Return the page with rows that are newer in the mirror, and with the IDs that look like those of its rows."""
        if (mirror := await self.open_if_filled()) is None or not page.rows:
            return page
        try:
            newer = {} if page.origin else {one.short_id: one for one in await mirror.newer(page.rows)}
            confusable = await mirror.look_alikes([row.short_id for row in page.rows])
        except StoreError as error:
            self._announcer.mirror_error(error)
            return page
        if not newer and not confusable:
            return page
        rows = tuple(newer.get(row.short_id, row) for row in page.rows)
        return page.model_copy(update={"rows": rows, "confusable_ids": confusable})

    async def put(self, customer: "Customer") -> None:
        """Store a customer as the server has it now."""
        await self.use(lambda mirror: mirror.put(customer), None)

    async def newer(self, customers: Sequence["Customer"]) -> "list[Customer]":
        """Return those of these customers that the server sent in a newer state since."""
        return await self.use(lambda mirror: mirror.newer(customers), [])

    async def run_sync(self, fetch: FetchRaw) -> None:
        """Keep the mirror in step with the server until it is cancelled."""
        if (mirror := await self.open()) is None:
            return
        from app.mirror.sync import MirrorSync

        self._sync = sync = MirrorSync(
            mirror,
            fetch,
            self._server.wait_until_idle,
            self._timing,
            on_progress=self._server.health.set_mirror_percent,
            on_change=lambda: self._announcer.listener.data_changed(),
            on_trouble=self._announcer.mirror_error,
        )

        def restart() -> None:
            # It is empty now: rows that are shown from it are wrong.
            sync.restart()
            self._announcer.mirror_notes(mirror.notes)
            self._announcer.listener.data_changed()

        if self._full_sync_requested:
            sync.request_full_sync()
        mirror.on_recreated = restart
        self._announcer.mirror_notes(mirror.notes)
        if not mirror.has_full_text_index:
            self._announcer.listener.notice("The SQLite of this Python has no FTS5: find takes longer.", None)
        await sync.run()

    def request_sync(self) -> None:
        """Ask the server soon what has changed."""
        if self._sync is not None:
            self._sync.request_sync()

    async def request_full_sync(self) -> FullSyncRequest:
        """Have all customers read again; returns when and by which dockbook."""
        if (mirror := await self.open()) is None:
            return "never"
        if not mirror.try_to_write():
            return "elsewhere"
        if self._sync is None:
            self._full_sync_requested = True
        else:
            self._sync.request_full_sync()
        return "now" if self._server.health.online.is_set() else "later"

    @property
    def outlook(self) -> MirrorOutlook:
        """How those customers come that the mirror lacks."""
        opening = self._opening if self._opening is not None and self._opening.done() else None
        if self._open_mirror is None or (opening is not None and opening.exception() is not None):
            return "never"
        if opening is not None and not opening.result().writer:
            return "elsewhere"
        if not self._server.health.online.is_set():
            return "waiting"
        # Without a sync, it waits for the first page.
        return "stopped" if self._sync is not None and self._sync.is_resting else "coming"

    async def close(self) -> None:
        """Close the mirror."""
        if self._opening is not None:
            mirror = await self.open()
            self._open_mirror = self._opening = None
            if mirror is not None:
                await mirror.close()
